package login_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/internal/session"
	"grantbridge/saml/login"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// proxy is a reverse proxy that docs/forward-auth.md has a configuration for.
type proxy struct {
	program string
	kind    string // of its block in the document
	first   string // how the block begins
	// configure writes the block into a whole configuration, which listens at
	// the socket, and says how to run it.
	configure func(dir, socket, block string) (text string, args []string)
}

var proxies = []proxy{
	{"nginx", "nginx", "location", func(dir, socket, block string) (string, []string) {
		temporary := ""
		for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			temporary += fmt.Sprintf("%s_temp_path %s/%s;\n", name, dir, name)
		}
		return fmt.Sprintf("user root;\npid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%sserver {\nlisten unix:%s;\n%s}\n}\n", dir, temporary, socket, block),
			[]string{"-e", "stderr", "-p", dir, "-g", "daemon off;", "-c"}
	}},
	{"caddy", "text", "app.example.org", func(dir, socket, block string) (string, []string) {
		block = strings.Replace(block, "app.example.org {", "http://localhost {\n\tbind unix/"+socket, 1)
		return "{\n\tadmin off\n}\n" + block, []string{"run", "--adapter", "caddyfile", "--config"}
	}},
}

// documented is the block of docs/forward-auth.md that begins so, with these
// addresses for the ones that it has.
func documented(t *testing.T, kind, first, us, app string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/forward-auth.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(block[1], first) {
			return strings.NewReplacer("127.0.0.1:8480", us, "127.0.0.1:9000", app).Replace(block[1])
		}
	}
	t.Fatalf("docs/forward-auth.md has no %s block that begins with %q", kind, first)
	return ""
}

// start runs the proxy as documented, and returns the socket it listens at.
func (p proxy) start(t *testing.T, us, app string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "proxy") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "socket")
	text, args := p.configure(dir, socket, documented(t, p.kind, p.first, us, app))
	file := filepath.Join(dir, "conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command(p.path(t), append(args, file)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); <-ended })
	for range 100 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: %v\n%s", p.program, err, said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen at %s", p.program, socket)
	return ""
}

func (p proxy) path(t *testing.T) string {
	t.Helper()
	for _, name := range []string{p.program, "/usr/sbin/" + p.program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
		t.Fatalf("%s is not installed; scripts/test.sh installs it", p.program)
	}
	t.Skipf("left out: %s, which is not installed", p.program)
	return ""
}

// arrival is a request as the application got it.
type arrival struct {
	method, path, body string
	tokens             []string
}

// app is an application behind the proxy. It takes what comes for granted.
type app struct {
	*httptest.Server
	got chan arrival
}

func newApp(t *testing.T) *app {
	a := &app{got: make(chan arrival, 10)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.got <- arrival{r.Method, r.URL.RequestURI(), string(body), r.Header.Values(login.TokenHeader)}
	}))
	t.Cleanup(a.Close)
	return a
}

// last is what came since the last time, and nil when nothing did.
func (a *app) last() *arrival {
	select {
	case r := <-a.got:
		return &r
	default:
		return nil
	}
}

// verified are the claims of a token, by the published keys.
func verified(t *testing.T, keys, token string) (c session.Claims) {
	t.Helper()
	var set struct{ Keys []struct{ Kid, X, Y string } }
	if err := json.Unmarshal([]byte(fetch(t, keys)), &set); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return b
	}
	var header struct{ Alg, Kid string }
	if err := json.Unmarshal(raw(parts[0]), &header); err != nil || header.Alg != "ES256" {
		t.Fatalf("got %+v, %v", header, err)
	}
	signature, digest := raw(parts[2]), sha256.Sum256([]byte(parts[0]+"."+parts[1]))
	for _, k := range set.Keys {
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, raw(k.X), raw(k.Y)))
		if err != nil {
			t.Fatal(err)
		}
		if k.Kid == header.Kid && len(signature) == 64 && ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
			if err := json.Unmarshal(raw(parts[1]), &c); err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	t.Fatalf("no key of %s has signed %q", keys, token)
	return c
}

// behind is a browser that reaches localhost by the proxy's socket.
func (n *town) behind(socket string) *browser {
	b := n.browser()
	var dial net.Dialer
	b.c.Transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "localhost:80" {
			return dial.DialContext(ctx, "unix", socket)
		}
		return dial.DialContext(ctx, network, address)
	}}
	n.t.Cleanup(b.c.CloseIdleConnections)
	return b
}

func TestAProxyAsDocumentedLetsThroughWhoIsSignedIn(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.program, func(t *testing.T) {
			p.path(t)
			st := storetest.Open(t, "sqlite", store.Options{})
			n := &town{t: t, kit: storetest.Kit{T: t, S: st}, who: "ext-clara"}
			app, us, socket := newApp(t), "", ""
			n.proxy = func(address string) string {
				us = address
				socket = p.start(t, strings.TrimPrefix(address, "http://"), strings.TrimPrefix(app.URL, "http://"))
				return "http://localhost"
			}
			n.build(nil)
			account := n.clara()
			b := n.behind(socket)

			ask := func(method, path, body string) *http.Response {
				r, err := http.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
				n.must(err)
				r.Header.Set(login.TokenHeader, "forged")
				r.Header.Add(login.TokenHeader, "forged")
				res, err := b.c.Transport.RoundTrip(withCookies(b, r))
				n.must(err)
				res.Body.Close()
				return res
			}
			out := func(when string) {
				t.Helper()
				res := ask("GET", "/app?x=1", "")
				if got := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || got != "http://localhost/login?return=%2Fapp%3Fx%3D1" {
					t.Errorf("%s: got %d to %q", when, res.StatusCode, got)
				}
				if got := app.last(); got != nil {
					t.Errorf("%s: the application was reached: %+v", when, got)
				}
			}
			out("nobody")

			begin := b.get("/login?return=" + url.QueryEscape("/app?x=1"))
			if !strings.Contains(begin.text, `href="/saml/okta/login?return=%2Fapp%3Fx%3D1"`) {
				t.Fatalf("no way to sign in: %d %s", begin.status, begin.text)
			}
			for _, part := range regexp.MustCompile(`(?:href|src)="(/login/[^"]+)"`).FindAllStringSubmatch(begin.text, -1) {
				if got := b.get(part[1]); got.status != http.StatusOK || got.url.Path != part[1] {
					t.Errorf("%s: got %d from %s", part[1], got.status, got.url)
				}
			}
			b.post(b.get("/saml/okta/login?return=" + url.QueryEscape("/app?x=1")).form())
			got := app.last()
			if got == nil || got.path != "/app?x=1" || len(got.tokens) != 1 {
				t.Fatalf("after the sign-in the application got %+v", got)
			}
			c := verified(t, us+"/.well-known/jwks.json", got.tokens[0])
			if c.Login != "clara.moreau" || c.Issuer != "http://localhost" || c.Audience != "http://localhost" || c.Expires-c.Issued > 60 || c.Expires < time.Now().Unix() {
				t.Errorf("got %+v", c)
			}

			ask("POST", "/app", "x=2")
			if got = app.last(); got == nil || got.method != "POST" || got.body != "x=2" || len(got.tokens) != 1 || strings.Contains(got.tokens[0], "forged") {
				t.Errorf("a POST came as %+v", got)
			}

			n.kit.Do(&store.LockPerson{Person: access.PersonID(account.Person), Locked: true})
			out("a locked person")
			n.kit.Do(&store.LockPerson{Person: access.PersonID(account.Person)})
			n.must(n.engine.Sync(t.Context(), 0))
			b.post(b.get("/saml/okta/login").form())
			if ask("GET", "/app", ""); app.last() == nil {
				t.Error("an unlocked person does not get through")
			}
			if page := b.read(b.c.PostForm("http://localhost/logout", nil)); !strings.Contains(page.text, `id="out"`) {
				t.Errorf("got %d %s", page.status, page.text)
			}
			out("who has signed out")
		})
	}
}

// withCookies is for requests whose redirect is to be seen.
func withCookies(b *browser, r *http.Request) *http.Request {
	for _, c := range b.c.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return r
}
