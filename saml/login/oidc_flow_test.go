package login_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/saml/signin"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// harbour is a bridge, on two servers that share a store, with an OpenID provider
// for each of its two sources.
type harbour struct {
	town
	op, other *oidctest.Provider
	replica   *httptest.Server
	conf      oidc.Config
	dsn       string
}

func eachHarbour(t *testing.T, edit func(*harbour), f func(h *harbour)) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) { f(newHarbour(t, dsn, edit)) })
}

// oneHarbour is for what one database shows as well as another.
func oneHarbour(t *testing.T, edit func(*harbour), f func(h *harbour)) {
	t.Helper()
	f(newHarbour(t, storetest.DSN(t, "sqlite"), edit))
}

func newHarbour(t *testing.T, dsn string, edit func(*harbour)) *harbour {
	t.Helper()
	h := &harbour{dsn: dsn, town: town{t: t, kit: storetest.Kit{T: t, S: storetest.OpenDSN(t, dsn, store.Options{})}}}
	h.build(edit)
	return h
}

func (h *harbour) build(edit func(*harbour)) {
	h.t.Helper()
	var err error
	h.engine, err = provision.New(h.t.Context(), h.kit.S, provision.Config{Sources: []store.Source{{Name: "okta"}, {Name: "entra"}}, MaxStaleness: 100 * time.Hour})
	h.must(err)
	var door, second http.Handler
	h.us = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { door.ServeHTTP(w, r) }))
	h.replica = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { second.ServeHTTP(w, r) }))
	h.t.Cleanup(h.us.Close)
	h.t.Cleanup(h.replica.Close)
	h.op, h.other = oidctest.Start(h.t), oidctest.Start(h.t)
	h.source = login.Source{Label: "Okta", Mode: login.LinkOnly, Groups: login.Report}
	h.conf = oidc.Config{Source: "okta"}
	if edit != nil {
		edit(h)
	}
	door, second = h.door(), h.door()
}

// door makes one server's door.
func (h *harbour) door() http.Handler {
	sources := map[string]login.Source{}
	for name, op := range map[string]*oidctest.Provider{"okta": h.op, "entra": h.other} {
		at := h.us.URL + "/oidc/" + name + "/"
		op.Redirects = []string{at + "callback"}
		c := h.conf
		c.Source, c.Issuer, c.ClientID, c.Secret, c.Callback, c.LoggedOut = name, op.URL, oidctest.ClientID, oidctest.Secret, at+"callback", at+"signed-out"
		if c.Now = h.now; c.Key != nil {
			c.Secret = ""
		}
		p, err := oidc.New(c)
		h.must(err)
		if op.URL != "" {
			_ = p.Discover(h.t.Context())
		}
		s := h.source
		s.OIDC = p
		sources[name] = s
	}
	return login.New(h.engine, login.Config{BaseURL: h.us.URL, Sources: sources, Now: h.now, Signer: session.NewSigner(h.kit.S, h.now),
		Sessions: session.New(h.kit.S, h.engine.Holder(), session.Config{Loopback: true, Now: h.now})})
}

// answer goes as far as the callback, and gives its URL.
func (b *browser) answer(source string) string {
	b.n.t.Helper()
	return b.answerTo("/oidc/" + source + "/login")
}

func (b *browser) answerTo(path string) string {
	b.n.t.Helper()
	p := b.hop(b.n.us.URL + path)
	p = b.hop(p.Header.Get("Location"))
	return p.Header.Get("Location")
}

// hop follows no redirect.
func (b *browser) hop(to string) *http.Response {
	b.n.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = b.n.us.URL + to
	}
	c := *b.c
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := c.Get(to)
	b.n.must(err)
	r.Body.Close()
	return r
}

func (h *harbour) signsIn(b *browser) page {
	h.t.Helper()
	p := b.get("/oidc/okta/login")
	if p.status != http.StatusOK || p.url.Path != "/me" {
		h.t.Fatalf("nobody is signed in: %d %s\n%s", p.status, p.url, p.text)
	}
	return p
}

func TestAPersonSignsInByOpenIDConnect(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		a := h.clara()
		_, err := h.engine.AddGrant(t.Context(), store.By{}, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: a.Person},
			Role: "write", All: true, Reason: "test", Until: time.Now().Add(time.Hour)})
		h.must(err)
		b := h.browser()
		if p := b.get("/login"); !strings.Contains(p.text, `href="/oidc/okta/login"`) {
			t.Errorf("the page does not lead there: %s", p.text)
		}
		if p := h.signsIn(b); !strings.Contains(p.text, `id="login">clara.moreau<`) {
			t.Errorf("got %s", p.text)
		}
		var traces []store.LoginTrace
		h.kit.Read(func(v *store.View) (err error) {
			traces, err = v.Traces(context.Background(), store.TraceQuery{Limit: 5})
			return err
		})
		if len(traces) != 1 || traces[0].Outcome != "in" || strings.Contains(string(traces[0].Body), "clara@example.com") || strings.Contains(string(traces[0].Body), "ext-clara") {
			t.Errorf("the traces are %s", traces[0].Body)
		}
	})
}

func TestTheFirstPageAfterASignInIsOurs(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		for _, c := range []struct{ back, want string }{
			{"/app?x=1", "/app"}, {"https://evil.example/", "/me"}, {"//evil.example/", "/me"}, {`/\evil.example`, "/me"}, {"/oidc/okta/login", "/me"},
			{"javascript:alert(1)", "/me"}, {"/%2f%2fevil.example", "/me"}, {"/app\r\nSet-Cookie: x=1", "/me"},
		} {
			if p := h.browser().get("/oidc/okta/login?return=" + url.QueryEscape(c.back)); p.url.Path != c.want || p.url.Host != strings.TrimPrefix(h.us.URL, "http://") {
				t.Errorf("return=%q ends at %s, want %s", c.back, p.url, c.want)
			}
		}
	})
}

func TestAnOpenIDAnswerIsTakenOnceByTheBrowserThatBegan(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		b := h.browser()
		to := b.answer("okta")
		thief := h.browser()
		h.refused(thief.get(to), "wrong_browser")
		if thief.in() || h.op.Requests["/token"] != 0 {
			t.Error("another browser's answer is redeemed")
		}
		if p := b.get(to); p.url.Path != "/me" {
			t.Fatalf("the browser that began: %s", p.text)
		}
		h.refused(thief.get(to), "state_unknown")
		if p := b.get(to); p.url.Path != "/me" || h.op.Requests["/token"] != 1 {
			t.Errorf("a second click: %s, %d exchanges", p.url, h.op.Requests["/token"])
		}
		// The attacker's answer in the victim's browser, which has a cookie of its own.
		mine, victim := b.answer("okta"), h.browser()
		victim.answer("okta")
		h.refused(victim.get(mine), "wrong_browser")
		// Two tabs.
		one, two := b.answer("okta"), b.answer("okta")
		if b.get(two).url.Path != "/me" || b.get(one).url.Path != "/me" {
			t.Error("a second tab does not work")
		}
	})
}

func TestAnAnswerIsForOneSource(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		b := h.browser()
		// A malicious provider leads its own answer to the other source's callback, and the other way round.
		honest := b.answer("okta")
		h.refused(b.get(strings.Replace(honest, "/oidc/okta/", "/oidc/entra/", 1)), "state_unknown")
		if b.get(honest); !b.in() {
			t.Error("an answer that was led astray cannot be given any more")
		}
		b = h.browser()
		// Its own iss gives the honest provider's code away to nobody.
		u, err := url.Parse(b.answer("okta"))
		h.must(err)
		q := u.Query()
		q.Set("iss", h.other.URL)
		u.RawQuery = q.Encode()
		h.refused(b.get(u.String()), oidc2saml(oidc.AnswerIssuer))
		// A token of the other provider's, signed with its key.
		h.op.Sign = func(c map[string]any) string { c["iss"] = h.other.URL; return h.other.Keys[0].Sign(c, nil) }
		h.refused(b.get(b.answer("okta")), oidc2saml(oidc.IssuerWrong))
		if b.in() {
			t.Error("somebody is signed in")
		}
	})
}

// oidc2saml is a reason under the type that the helpers compare with.
func oidc2saml(r signin.Reason) saml.Reason { return saml.Reason(r) }

func TestFiftyAnswersAtOnceAreOneSignIn(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		b := h.browser()
		to := b.answer("okta")
		var in atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				at := to
				if i%2 == 1 { // the second server; the cookie is the same for both ports
					at = strings.Replace(to, h.us.URL, h.replica.URL, 1)
				}
				if b.hop(at).Header.Get("Location") != "" {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 || h.op.Requests["/token"] != 1 {
			t.Errorf("%d answers were taken, with %d exchanges", in.Load(), h.op.Requests["/token"])
		}
	})
}

func TestAProviderThatIsDownClosesItsOwnDoorOnly(t *testing.T) {
	eachHarbour(t, func(h *harbour) { h.other.Stop() }, func(h *harbour) {
		h.clara()
		b := h.browser()
		p := b.get("/oidc/entra/login")
		if got := h.trace(p); got.Reason != string(oidc.ProviderNotReady) || !strings.Contains(p.text, "Signing in is not available") {
			t.Errorf("got %s: %s", got.Reason, p.text)
		}
		h.signsIn(b)
	})
}

func TestADisabledOpenIDSourceIsClosedEverywhere(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		in, half := h.browser(), h.browser()
		h.signsIn(in)
		to := half.answer("okta")
		h.kit.Do(&store.PutSource{Source: store.Source{Name: "okta", Disabled: true}})
		if in.in() {
			t.Error("a session of a disabled source lives")
		}
		h.refused(half.get(to), saml.SourceDisabled)
		h.refused(h.browser().get("/oidc/okta/login"), saml.SourceDisabled)
		if h.op.Requests["/token"] != 1 {
			t.Error("a disabled source redeems codes")
		}
	})
}

func TestEachProtocolHasItsOwnPaths(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		for _, path := range []string{"/saml/okta/login", "/saml/okta/metadata", "/saml/okta/slo", "/oidc/nobody/login", "/oidc/nobody/callback?state=x&code=y"} {
			if p := h.browser().get(path); p.status != http.StatusNotFound {
				t.Errorf("%s answers %d", path, p.status)
			}
		}
	})
}

func TestOnlyGroupsThatAreKnownAreApplied(t *testing.T) {
	eachHarbour(t, func(h *harbour) { h.source.Mode, h.source.Groups = login.Create, login.Apply }, func(h *harbour) {
		overage := map[string]any{"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.example/getMemberObjects"}}}
		for _, step := range []struct {
			name string
			say  map[string]any
			want []string
		}{
			{"two", map[string]any{"groups": []string{"Marketing", "Sales"}}, []string{"Marketing", "Sales"}},
			{"absent", nil, []string{"Marketing", "Sales"}},
			{"null", map[string]any{"groups": nil}, []string{"Marketing", "Sales"}},
			{"empty", map[string]any{"groups": []string{}}, []string{"Marketing", "Sales"}},
			{"overage", overage, []string{"Marketing", "Sales"}},
			{"hasgroups", map[string]any{"hasgroups": true}, []string{"Marketing", "Sales"}},
			{"one as a text", map[string]any{"groups": "Sales"}, []string{"Sales"}},
		} {
			h.op.Claims = func(c map[string]any) {
				for k, v := range step.say {
					c[k] = v
				}
			}
			h.signsIn(h.browser())
			if got := h.groups(); !slices.Equal(got, step.want) {
				t.Errorf("after %s: got %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func (h *harbour) groups() (names []string) {
	h.kit.Read(func(v *store.View) error {
		a, err := v.SubjectAccount(context.Background(), "okta", "", "ext-clara")
		all, err2 := v.GroupsOf(context.Background(), []directory.AccountID{a.ID})
		for _, g := range all[a.ID] {
			names = append(names, g.Display)
		}
		h.must(err)
		return err2
	})
	slices.Sort(names)
	return names
}

func TestAMethodCanMakeASignInStrong(t *testing.T) {
	eachHarbour(t, func(h *harbour) { h.source.Strong, h.source.Ceiling = []string{"mfa"}, "view" }, func(h *harbour) {
		h.clara()
		if p := h.signsIn(h.browser()); !strings.Contains(p.text, `limited to <b>view</b>`) {
			t.Errorf("the page does not say so: %s", p.text)
		}
		for _, strong := range []map[string]any{{"amr": []string{"pwd", "mfa"}}, {"acr": "mfa"}} {
			h.op.Claims = func(c map[string]any) { maps.Copy(c, strong) }
			if p := h.signsIn(h.browser()); strings.Contains(p.text, `limited to <b>view</b>`) {
				t.Errorf("a strong sign-in is limited: %s", p.text)
			}
		}
	})
}
