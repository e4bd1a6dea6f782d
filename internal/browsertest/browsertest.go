// Package browsertest drives a real Chromium in tests of pages.
//
// Start starts Debian's chromium, headless; without it the test is skipped, or
// fails under GRANTBRIDGE_REQUIRE_SERVERS=1, as scripts/test.sh sets it. Each
// Profile has cookies of its own, as a browser of its own, and one tab; Tab opens
// another. What goes wrong ends the test with where the tab stood.
//
// The browser reaches this machine and nothing else: names of .test are
// 127.0.0.1, so that two of them are two sites, and no other name resolves. It
// trusts any certificate. A page that violates its own Content-Security-Policy
// fails the test.
//
// With GRANTBRIDGE_SHOTS=DIR, Shot keeps pictures there for people to look at.
package browsertest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	logevents "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Browser is a running Chromium.
type Browser struct{ ctx context.Context }

// Start starts Chromium; it ends with the test.
func Start(t *testing.T) *Browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
			t.Fatal("chromium is not there; scripts/test.sh installs it")
		}
		t.Skip("left out: a real browser; install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.IgnoreCertErrors, chromedp.WindowSize(width, height),
		// Chromium drops clicks on a page that it has not painted yet.
		chromedp.Flag("allow-pre-commit-input", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return &Browser{ctx}
}

const (
	width, height = 1000, 800
	// patience is how long a page may take on a busy machine.
	patience = 30 * time.Second
)

// Tab is one tab. A test uses it from one goroutine.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mutex    sync.Mutex
	visited  []string // documents asked for, redirects too
	violated []string
}

// Profile is a new profile: a browser that knows nothing yet.
func (b *Browser) Profile(t testing.TB) *Tab {
	t.Helper()
	return open(t, b.ctx, chromedp.WithNewBrowserContext())
}

// Tab opens another tab of the same profile.
func (b *Tab) Tab() *Tab {
	b.t.Helper()
	return open(b.t, b.ctx)
}

func open(t testing.TB, parent context.Context, o ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, o...)
	t.Cleanup(cancel)
	b := &Tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.notice); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	t.Cleanup(func() {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		for _, v := range b.violated {
			t.Errorf("a page violates its policy: %s", v)
		}
	})
	return b
}

// notice keeps what tests ask about.
func (b *Tab) notice(event any) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			b.visited = append(b.visited, e.Request.URL)
		}
	case *logevents.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.violated = append(b.violated, e.Entry.Text)
		}
	}
}

// Visited is the last URL asked for whose path is that, or "".
func (b *Tab) Visited(path string) string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for i := len(b.visited) - 1; i >= 0; i-- {
		if u, err := url.Parse(b.visited[i]); err == nil && u.Path == path {
			return b.visited[i]
		}
	}
	return ""
}

// do runs actions, within patience.
func (b *Tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.whereabouts())
	}
}

// get runs an action that has an answer.
func get[T any](b *Tab, what string, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.whereabouts())
	}
	return v
}

// whereabouts is where a tab stands, for a failure.
func (b *Tab) whereabouts() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.documentElement.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// Go goes to a URL.
func (b *Tab) Go(to string) {
	b.t.Helper()
	if err := b.attempt(to); err != nil {
		b.t.Fatalf("go to %s: %v\n%s", to, err, b.whereabouts())
	}
}

func (b *Tab) attempt(to string) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Navigate(to))
}

// Back goes back. A page that was kept in memory is not loaded again, so wait for
// something of it.
func (b *Tab) Back() {
	b.t.Helper()
	h, err := chromedp.Call(b.ctx, page.GetNavigationHistory, cdp.Empty{})
	if err == nil && h.CurrentIndex == 0 {
		err = errors.New("there is nothing before this page")
	}
	if err == nil {
		_, err = chromedp.Call(b.ctx, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
	}
	if err != nil {
		b.t.Fatalf("go back: %v\n%s", err, b.whereabouts())
	}
}

// Reload loads the page again.
func (b *Tab) Reload() { b.t.Helper(); b.do("reload", chromedp.Reload()) }

// place is where an element is to be seen.
type place struct{ X, Y float64 }

// find waits until an element is to be seen. It asks the page itself, because
// chromedp's own queries lose track of a page that comes back out of memory, as
// the back button brings it.
func (b *Tab) find(css string) (p place) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	look := chromedp.Evaluate[*place]("(css => { const el = document.querySelector(css); if (document.readyState !== 'complete' || !el?.checkVisibility()) return null;" +
		" el.scrollIntoView({block: 'center'}); const r = el.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })(" + quote(css) + ")")
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		// Between two pages there is nobody to ask, which is no failure.
		if p, err := chromedp.Run(ctx, look); err == nil && p != nil {
			tick.Stop()
			return *p
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("no %s is to be seen\n%s", css, b.whereabouts())
		}
	}
}

// Wait waits until an element is to be seen.
func (b *Tab) Wait(css string) { b.t.Helper(); b.find(css) }

// Click clicks an element with the mouse, once it is to be seen.
func (b *Tab) Click(css string) {
	b.t.Helper()
	p := b.find(css)
	b.do("click "+css, chromedp.MouseClickXY(p.X, p.Y))
}

// Type types into an element.
func (b *Tab) Type(css, text string) {
	b.t.Helper()
	b.do("type into "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

// Text is what an element shows.
func (b *Tab) Text(css string) string {
	b.t.Helper()
	b.find(css)
	return get(b, "read "+css, chromedp.Evaluate[string]("document.querySelector("+quote(css)+").innerText"))
}

// Has reports whether the page has such an element now.
func (b *Tab) Has(css string) bool { b.t.Helper(); return b.Count(css) > 0 }

// Count is how many such elements the page has now.
func (b *Tab) Count(css string) int {
	b.t.Helper()
	return get(b, "count "+css, chromedp.Evaluate[int]("document.querySelectorAll("+quote(css)+").length"))
}

// URL is where the tab is.
func (b *Tab) URL() *url.URL {
	b.t.Helper()
	u, err := url.Parse(get(b, "read the address", chromedp.Location()))
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

// Cookies are those that the profile would send to a URL.
func (b *Tab) Cookies(to string) (all []*http.Cookie) {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{to}})
	if err != nil {
		b.t.Fatalf("read the cookies: %v", err)
	}
	modes := map[network.CookieSameSite]http.SameSite{network.CookieSameSiteLax: http.SameSiteLaxMode,
		network.CookieSameSiteStrict: http.SameSiteStrictMode, network.CookieSameSiteNone: http.SameSiteNoneMode}
	for _, c := range r.Cookies {
		all = append(all, &http.Cookie{Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path, Secure: c.Secure, HttpOnly: c.HTTPOnly, SameSite: modes[c.SameSite]})
	}
	return all
}

// NoScripts switches the scripts of pages off.
func (b *Tab) NoScripts() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		b.t.Fatalf("switch scripts off: %v", err)
	}
}

// Scheme says whether pages are to be "light" or "dark".
func (b *Tab) Scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
	if err != nil {
		b.t.Fatalf("make it %s: %v", name, err)
	}
}

// Shot keeps a picture of the whole page when somebody wants to look.
func (b *Tab) Shot(name string) {
	b.t.Helper()
	dir := os.Getenv("GRANTBRIDGE_SHOTS")
	if dir == "" {
		return
	}
	picture := get(b, "take a picture", chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
