package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/demoidp"
	"grantbridge/saml/login"
	"grantbridge/saml/samltest"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// town is a bridge and an identity provider, each a real server in process.
type town struct {
	t       *testing.T
	kit     storetest.Kit
	engine  *provision.Engine
	us, idp *httptest.Server
	them    *demoidp.IdP
	who     string           // is signed in at the identity provider
	groups  []string         // with these
	index   string           // in that session, when it is not "" any
	strong  bool             // by whatever context is asked for
	format  string           // of the NameID, when it is not "" persistent
	people  []demoidp.Person // to choose from on its page, instead
	secure  bool             // both by TLS, as sites of their own
	ahead   time.Duration
	source  login.Source
	saml    saml.Config
	others  map[string]login.Source // beside okta
	log     bytes.Buffer
	door    atomic.Pointer[login.Door]
	// proxy puts a reverse proxy before our address, and returns where browsers
	// find it; nil for none.
	proxy func(us string) string
}

func (n *town) now() time.Time { return time.Now().Add(n.ahead) }

// eachTown runs f in a town on each database. edit changes the source before it
// opens.
func eachTown(t *testing.T, edit func(*town), f func(n *town)) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		n := &town{t: t, kit: storetest.Kit{T: t, S: st}, who: "ext-clara", groups: []string{"Marketing"}}
		n.build(edit)
		f(n)
	})
}

func (n *town) build(edit func(*town)) {
	n.t.Helper()
	var err error
	n.engine, err = provision.New(n.t.Context(), n.kit.S, provision.Config{Sources: []store.Source{{Name: "okta"}}, MaxStaleness: 100 * time.Hour})
	n.must(err)
	n.must(n.engine.PutSites(n.t.Context(), store.By{}, []access.Site{{ID: 1, Slug: "main", Name: "Main site"}}))
	n.us = n.serve("bridge.test", func(w http.ResponseWriter, r *http.Request) { n.door.Load().ServeHTTP(w, r) })
	if n.proxy != nil {
		n.us.URL = n.proxy(n.us.URL)
	}
	n.idp = n.serve("idp.test", func(w http.ResponseWriter, r *http.Request) { n.them.ServeHTTP(w, r) })
	c := demoidp.Config{Base: n.idp.URL, Key: key("flow"), People: n.people}
	if n.people == nil {
		c.SignedIn = n.signedIn
	}
	n.them, err = demoidp.New(c)
	n.must(err)
	doc, err := n.them.Metadata()
	n.must(err)
	n.saml.IdP, err = saml.ParseIdP(doc, "", time.Now())
	n.must(err)
	at := n.us.URL + "/saml/okta/"
	n.saml.Source, n.saml.MetadataURL, n.saml.ACS, n.saml.SLO = "okta", at+"metadata", at+"acs", at+"slo"
	n.saml.Subject.Attribute, n.saml.Groups.Attributes = "externalId", []string{"groups"}
	n.saml.Keys = []saml.Key{key("flow-sp")}
	n.source = login.Source{Label: "Okta", Mode: login.LinkOnly, Groups: login.Report, Origins: []string{n.idp.URL}}
	if edit != nil {
		edit(n)
	}
	n.open()
}

// open makes the source's provider and the door of n's store.
func (n *town) open() {
	n.t.Helper()
	var err error
	n.source.Provider, err = saml.NewProvider(n.saml)
	n.must(err)
	metadata, err := n.source.Provider.Metadata()
	n.must(err)
	n.must(n.them.Register(metadata))
	manager := session.New(n.kit.S, n.engine.Holder(), session.Config{Loopback: !n.secure, Now: n.now})
	sources := map[string]login.Source{"okta": n.source}
	for name, s := range n.others {
		s.Provider = n.source.Provider
		sources[name] = s
	}
	log := slog.New(slog.NewTextHandler(&n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n.door.Store(login.New(n.engine, login.Config{BaseURL: n.us.URL, Sources: sources, Sessions: manager, Log: log,
		Signer: session.NewSigner(n.kit.S, n.now), Now: n.now}))
}

// key is the RSA key of that name in this process.
func key(name string) saml.Key {
	p := samltest.RSAPair(name, 2048)
	return saml.Key{Private: p.RSA(), Certificate: p.Certificate}
}

// serve serves on a free port. Only a secure town has names: the cookie jar of
// Go's client knows no ports.
func (n *town) serve(name string, f http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if n.secure {
		s.StartTLS()
		s.URL = "https://" + name + s.URL[strings.LastIndex(s.URL, ":"):]
	} else {
		s.Start()
	}
	n.t.Cleanup(s.Close)
	return s
}

// signedIn is who the identity provider knows already.
func (n *town) signedIn(*http.Request) (demoidp.Person, bool) {
	return demoidp.Person{ID: n.who, Login: n.who, Groups: n.groups, Strong: n.strong, Index: n.index, Format: n.format}, true
}

func (n *town) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *town) clara() directory.Account {
	n.t.Helper()
	op := storetest.NewAccount("okta", "clara.moreau", "ext-clara")
	n.kit.Do(op)
	n.must(n.engine.Sync(n.t.Context(), 0))
	return op.After
}

// browser is a browser without scripts.
type browser struct {
	n *town
	c *http.Client
}

func (n *town) browser() *browser {
	jar, err := cookiejar.New(nil)
	n.must(err)
	return &browser{n, &http.Client{Jar: jar}}
}

// page is where a browser has come to.
type page struct {
	url    *url.URL
	status int
	text   string
}

func (b *browser) read(r *http.Response, err error) page {
	b.n.t.Helper()
	b.n.must(err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	b.n.must(err)
	return page{r.Request.URL, r.StatusCode, string(text)}
}

func (b *browser) get(path string) page {
	b.n.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.n.us.URL + path
	}
	return b.read(b.c.Get(path))
}

var (
	action = regexp.MustCompile(`action="([^"]+)"`)
	hidden = regexp.MustCompile(`name="([A-Za-z]+)" value="([^"]*)"`)
	traced = regexp.MustCompile(`id="trace">([a-z-]+)<`)
)

// form is the form of the identity provider's answer.
func (p page) form() (to string, v url.Values) {
	m := action.FindStringSubmatch(p.text)
	if m == nil {
		return "", nil
	}
	v = url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(p.text, -1) {
		v.Set(f[1], html.UnescapeString(f[2]))
	}
	return html.UnescapeString(m[1]), v
}

// ask goes as far as the identity provider's answer.
func (b *browser) ask() (to string, v url.Values) {
	b.n.t.Helper()
	p := b.get("/saml/okta/login")
	if to, v = p.form(); v.Get("SAMLResponse") == "" {
		b.n.t.Fatalf("the identity provider gave no answer: %d %s", p.status, p.text)
	}
	return to, v
}

func (b *browser) post(to string, v url.Values) page {
	b.n.t.Helper()
	r, err := http.NewRequest("POST", to, strings.NewReader(v.Encode()))
	b.n.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.n.idp.URL)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.read(b.c.Do(r))
}

func (b *browser) signIn() page {
	b.n.t.Helper()
	return b.post(b.ask())
}

func (b *browser) in() bool { return b.get("/me").url.Path == "/me" }

// Trace is what the administrator reads of the refusal on a page.
func (n *town) trace(p page) (t store.LoginTrace) {
	n.t.Helper()
	m := traced.FindStringSubmatch(p.text)
	if m == nil {
		n.t.Fatalf("the page has no trace id: %d %s", p.status, p.text)
	}
	n.kit.Read(func(v *store.View) (err error) { t, err = v.Trace(context.Background(), m[1]); return err })
	return t
}

func (n *town) refused(p page, reason saml.Reason) store.LoginTrace {
	n.t.Helper()
	t := n.trace(p)
	if t.Reason != string(reason) || p.status != http.StatusForbidden {
		n.t.Errorf("got %s (%d): %s, want %s", t.Reason, p.status, t.Body, reason)
	}
	var says struct{ Expected, Received, Change, Told string }
	n.must(json.Unmarshal(t.Body, &says))
	if says.Expected == "" || says.Received == "" || says.Change == "" || says.Told == "" {
		n.t.Errorf("the trace of %s does not say all: %s", reason, t.Body)
	}
	return t
}

func TestAPersonSignsInAndSeesWhatTheyMayDo(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		a := n.clara()
		_, err := n.engine.AddGrant(t.Context(), store.By{}, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: a.Person},
			Role: "write", All: true, Reason: "test", Until: time.Now().Add(time.Hour)})
		n.must(err)
		b := n.browser()
		p := b.signIn()
		if p.status != 200 || p.url.Path != "/me" {
			t.Fatalf("got %d %s\n%s", p.status, p.url, p.text)
		}
		for _, want := range []string{`id="login">clara.moreau<`, `>Main site<td data-name="May"><b>write</b>`} {
			if !strings.Contains(p.text, want) {
				t.Errorf("the page lacks %s:\n%s", want, p.text)
			}
		}
		for _, c := range b.c.Jar.Cookies(p.url) {
			if len(c.Value) > 100 {
				t.Errorf("cookie %s has %d bytes", c.Name, len(c.Value))
			}
		}
	})
}

func TestASignInBegunUnderAnotherNameOfThisMachine(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		b := n.browser()
		other := strings.Replace(n.us.URL, "127.0.0.1", "localhost", 1)
		if p := b.get(other + "/login?return=%2Fapp%3Fx%3D1"); p.url.String() != n.us.URL+"/login?return=%2Fapp%3Fx%3D1" {
			t.Errorf("/login leads to %s", p.url)
		}
		b.post(b.get(other + "/saml/okta/login").form())
		if !b.in() {
			t.Error("nobody is signed in")
		}
	})
}

func TestAnAnswerIsTakenOnceByTheBrowserThatBegan(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		b := n.browser()
		to, v := b.ask()
		b.post(to, v)
		if !b.in() {
			t.Fatal("nobody is signed in")
		}
		thief := n.browser()
		n.refused(thief.post(to, v), "request_unknown")
		if thief.in() {
			t.Error("a replayed answer signs in")
		}
		// The attacker's answer in the victim's browser.
		to, v = b.ask()
		victim := n.browser()
		n.refused(victim.post(to, v), "wrong_browser")
		if victim.in() {
			t.Error("an answer signs in a browser that did not begin")
		}
		to, v = b.ask()
		_, other := b.ask() // a second tab
		if p := b.post(to, v); p.url.Path != "/me" {
			t.Errorf("the first tab: %s", p.text)
		}
		if p := b.post(to, other); p.url.Path != "/me" {
			t.Errorf("the second tab: %s", p.text)
		}
	})
}

func TestAnAnswerThatComesLateIsRefused(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		b := n.browser()
		to, v := b.ask()
		n.ahead = 20 * time.Minute
		if got := n.trace(b.post(to, v)); got.Reason == "" || b.in() {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhoMaySignIn(t *testing.T) {
	for _, c := range []struct {
		name string
		mode login.Mode
		do   func(n *town)
		want saml.Reason // "" signs in
	}{
		{"an account with the external id", login.LinkOnly, func(n *town) { n.clara() }, ""},
		{"the same when nothing is provisioned", login.Off, func(n *town) { n.clara() }, "no_account"},
		{"nobody", login.LinkOnly, func(*town) {}, "no_account"},
		{"nobody, with review", login.Review, func(*town) {}, "link_pending"},
		{"nobody, with create", login.Create, func(*town) {}, ""},
		{"a login of somebody else's, with create", login.Create, func(n *town) { n.kit.Account("okta", "ext-clara") }, "login_taken"},
		{"a deactivated account, with create", login.Create, func(n *town) {
			a := n.clara()
			n.kit.Do(storetest.EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
		}, "account_inactive"},
		{"a leaver, with create", login.Create, func(n *town) { n.kit.Do(storetest.DeleteAccount("okta", n.clara().UID)) }, "account_left"},
		{"a leaver known by login alone, with create", login.Create, func(n *town) {
			n.kit.Do(storetest.DeleteAccount("okta", n.kit.Account("okta", "ext-clara").UID))
		}, "account_left"},
		{"a locked person", login.LinkOnly, func(n *town) {
			n.kit.Do(&store.LockPerson{Person: access.PersonID(n.clara().Person), Locked: true})
		}, "person_locked"},
		{"a subject that an administrator linked", login.Off, func(n *town) {
			a := n.kit.Account("okta", "other")
			n.kit.Do(&store.LinkSubject{Source: "okta", Subject: "attribute:ext-clara", Account: a.UID})
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachTown(t, func(n *town) { n.source.Mode = c.mode }, func(n *town) {
				c.do(n)
				b := n.browser()
				p := b.signIn()
				if c.want != "" {
					n.refused(p, c.want)
				}
				if b.in() != (c.want == "") {
					t.Errorf("signed in: %v; %s", b.in(), p.text)
				}
			})
		})
	}
}

func TestADisabledSourceIsClosedEverywhere(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		in, half := n.browser(), n.browser()
		in.signIn()
		to, v := half.ask()
		n.kit.Do(&store.PutSource{Source: store.Source{Name: "okta", Disabled: true}})
		if in.in() {
			t.Error("a session of a disabled source lives")
		}
		n.refused(half.post(to, v), saml.SourceDisabled)
		n.refused(n.browser().get("/saml/okta/login"), saml.SourceDisabled)
	})
}

func TestUnsolicitedAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		policy saml.IDPInitiated
		in     bool
	}{"off": {saml.Off, false}, "bounce": {saml.Bouncing, true}, "on": {saml.On, true}} {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(n *town) { n.saml.IDPInitiated = c.policy }, func(n *town) {
				n.clara()
				b := n.browser()
				to, v := b.read(b.c.PostForm(n.idp.URL+"/start", url.Values{"app": {n.us.URL + "/saml/okta/metadata"}})).form()
				p := b.post(to, v)
				if c.policy == saml.Bouncing { // a sign-in of its own is under way
					p = b.post(p.form())
				}
				if c.policy == saml.Off {
					n.refused(p, saml.Unsolicited)
				}
				if b.in() != c.in {
					t.Errorf("signed in: %v\n%s", b.in(), p.text)
				}
			})
		})
	}
}

func TestOnlyPresentGroupsAreApplied(t *testing.T) {
	eachTown(t, func(n *town) { n.source.Mode, n.source.Groups = login.Create, login.Apply }, func(n *town) {
		groups := func() (names []string) {
			n.kit.Read(func(v *store.View) error {
				a, err := v.SubjectAccount(context.Background(), "okta", "", "ext-clara")
				all, err2 := v.GroupsOf(context.Background(), []directory.AccountID{a.ID})
				for _, g := range all[a.ID] {
					names = append(names, g.Display)
				}
				n.must(err)
				return err2
			})
			return names
		}
		for _, step := range []struct{ say, want []string }{
			{[]string{"Marketing", "Sales"}, []string{"Marketing", "Sales"}},
			{nil, []string{"Marketing", "Sales"}}, // absent is not empty
			{[]string{"Sales"}, []string{"Sales"}},
		} {
			n.groups = step.say
			n.browser().signIn()
			if got := groups(); strings.Join(got, ",") != strings.Join(step.want, ",") {
				t.Errorf("after %q: got %q, want %q", step.say, got, step.want)
			}
		}
	})
}

func TestAWeakSignInIsLimited(t *testing.T) {
	eachTown(t, func(n *town) {
		n.source.Strong, n.source.Ceiling = []string{"https://refeds.org/profile/mfa"}, "view"
	}, func(n *town) {
		n.clara()
		n.must(n.engine.PutSites(t.Context(), store.By{}, []access.Site{{ID: 1, Slug: "main", Name: "Main site"}}))
		_, _, err := n.engine.SetMapping(t.Context(), store.By{}, "m", []byte("version: 1\nrules:\n- {id: a, from: okta, person: {login: clara.moreau}, give: write, sites: all}\n"), "", "")
		n.must(err)
		p := n.browser().signIn()
		for _, says := range []string{`limited to <b>view</b>`, `<b>view</b>, with a second factor write`} {
			if !strings.Contains(p.text, says) {
				t.Errorf("the page does not say %q: %s", says, p.text)
			}
		}
	})
}

func TestSigningOutEndsTheSession(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		b, other := n.browser(), n.browser()
		b.signIn()
		other.signIn()
		if p := b.post(n.us.URL+"/logout", nil); p.status != http.StatusForbidden || !b.in() {
			t.Errorf("another site signed somebody out: %d", p.status)
		}
		out := func(v url.Values) page { return b.read(b.c.PostForm(n.us.URL+"/logout", v)) }
		if p := out(nil); !strings.Contains(p.text, `id="out"`) || b.in() || !other.in() {
			t.Errorf("got %s", p.text)
		}
		b.signIn()
		if out(url.Values{"everywhere": {"1"}}); other.in() {
			t.Error("the other browser is still signed in")
		}
	})
}

func TestForwardAuth(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		b := n.browser()
		ask := func() *http.Response {
			r, _ := http.NewRequest("GET", n.us.URL+"/auth/verify", nil)
			r.Header.Set("X-Forwarded-Uri", "/app?x=1")
			res, err := b.c.Do(r)
			n.must(err)
			res.Body.Close()
			return res
		}
		res := ask()
		if got, want := res.Header.Get(login.LoginHeader), n.us.URL+"/login?return=%2Fapp%3Fx%3D1"; res.StatusCode != 401 || got != want {
			t.Errorf("got %d and %q, want 401 and %q", res.StatusCode, got, want)
		}
		b.signIn()
		res = ask()
		if got := strings.Count(res.Header.Get(login.TokenHeader), "."); res.StatusCode != 200 || got != 2 {
			t.Errorf("got %d and %q", res.StatusCode, res.Header.Get(login.TokenHeader))
		}
		if p := b.get("/.well-known/jwks.json"); !strings.Contains(p.text, `"ES256"`) {
			t.Errorf("got %s", p.text)
		}
	})
}

func TestTheStoreIsAReplay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) { samltest.TestReplay(t, st) })
}

// oneTown is eachTown on SQLite alone, for what the database has no part in.
func oneTown(t *testing.T, edit func(*town), f func(n *town)) {
	n := &town{t: t, kit: storetest.Kit{T: t, S: storetest.Open(t, "sqlite", store.Options{})}, who: "ext-clara", groups: []string{"Marketing"}}
	n.build(edit)
	f(n)
}
