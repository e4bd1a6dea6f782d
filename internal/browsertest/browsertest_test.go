package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// noted is a test whose errors are looked at.
type noted struct {
	testing.TB
	said []string
}

func (n *noted) Errorf(format string, args ...any) {
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func TestInChromium(t *testing.T) {
	b := Start(t)
	t.Run("what some people cannot use is found", func(t *testing.T) { findsProblems(t, b) })
	t.Run("a script against the policy is found", func(t *testing.T) { findsViolations(t, b) })
	t.Run("which cookies it takes over plain http on this machine", func(t *testing.T) { takesCookies(t, b) })
	t.Run("it reaches nothing but this machine", func(t *testing.T) {
		tab := b.Profile(t)
		if err := tab.attempt("http://example.com/"); err == nil || !strings.Contains(err.Error(), "ERR_NAME_NOT_RESOLVED") {
			t.Errorf("example.com: %v", err)
		}
	})
}

func findsProblems(t *testing.T, b *Browser) {
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><style>@media (prefers-color-scheme: dark) { body { background: #222; color: #333 } } input { outline: none !important }</style>
			<p style="color: #aaa">pale</p><input><button></button><table><tr><th>head</table><div style="width: 500px">wide</div>`)
	})
	n := &noted{TB: t}
	tab := b.Profile(n)
	tab.Go(at)
	tab.Readable()
	said := strings.Join(n.said, "\n")
	for _, want := range []string{"light: contrast of 2.32: <p", "dark: contrast of 1.", "light: no language", "no title", "not one h1", "not one main",
		"no label: <input", "no name: <button", "no scope: <th", "focus does not show: <input", "is 5"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not found:\n%s", want, said)
		}
	}
}

func findsViolations(t *testing.T, b *Browser) {
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		fmt.Fprint(w, `<!doctype html><h1>hi</h1><script>document.title = "x"</script>`)
	})
	n := &noted{TB: t}
	t.Run("page", func(t *testing.T) {
		n.TB = t
		tab := b.Profile(n)
		tab.Go(at)
		tab.Wait("h1")
	})
	if len(n.said) != 1 || !strings.Contains(n.said[0], "Executing inline script violates") {
		t.Errorf("got %q", n.said)
	}
}

// takesCookies is why a __Host- name is worth something: without Secure it is not
// taken. Over plain http on this machine Chromium takes Secure cookies; not
// everybody does, so package session has others there.
func takesCookies(t *testing.T, b *Browser) {
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, c := range []*http.Cookie{
			{Name: "__Host-secure", Secure: true}, {Name: "__Host-plain"}, {Name: "secure", Secure: true}, {Name: "plain"},
		} {
			c.Value, c.Path = "1", "/"
			http.SetCookie(w, c)
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<h1>%s</h1>", r.Header.Get("Cookie"))
	})
	for _, host := range []string{"127.0.0.1", "localhost"} {
		tab := b.Profile(t)
		to := strings.Replace(at, "127.0.0.1", host, 1)
		tab.Go(to)
		tab.Go(to)
		if got, want := tab.Text("h1"), "__Host-secure=1; secure=1; plain=1"; got != want {
			t.Errorf("over http, %s sends %q, want %q", host, got, want)
		}
	}
}
