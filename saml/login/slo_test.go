package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/saml/samltest"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

var bindings = []saml.Binding{saml.Redirect, saml.POST}

// twoDoors is a town with a replica of its door: another process would be the
// same, with a store and an engine of its own on one database. The replica has a
// second source, corp.
type twoDoors struct {
	*town
	dsn   string
	other *httptest.Server
	corp  samltest.Pair // signs for the source corp
	count atomic.Int64  // of messages
}

// eachTwoDoors runs f on each database: it is what the replicas agree by.
func eachTwoDoors(t *testing.T, binding saml.Binding, f func(n *twoDoors)) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) { f(newTwoDoors(t, dsn, binding)) })
}

// sqliteDoors is for what one database shows as well as another.
func sqliteDoors(t *testing.T, binding saml.Binding) *twoDoors {
	t.Helper()
	return newTwoDoors(t, storetest.DSN(t, "sqlite"), binding)
}

func newTwoDoors(t *testing.T, dsn string, binding saml.Binding) *twoDoors {
	t.Helper()
	n := &twoDoors{town: &town{t: t, kit: storetest.Kit{T: t, S: storetest.OpenDSN(t, dsn, store.Options{})}, who: "ext-clara"}, dsn: dsn}
	n.index = "_one"
	n.build(func(*town) {
		n.saml.RequestBinding, n.source.Origins, n.saml.IdP.SLO = binding, []string{n.idp.URL}, nil
		for _, b := range bindings {
			n.saml.IdP.SLO = append(n.saml.IdP.SLO, saml.Endpoint{Binding: b, Location: n.idp.URL + "/slo", Response: n.idp.URL + "/slo-done"})
		}
	})
	n.corp = samltest.RSAPair("flow-corp", 2048)
	n.replica()
	return n
}

func (n *twoDoors) id() string { return fmt.Sprintf("_message%d", n.count.Add(1)) }

// theirs is the identity provider, which reads our messages at slo.
func (n *twoDoors) theirs(slo string) *saml.Provider {
	n.t.Helper()
	us := &saml.IdP{EntityID: n.saml.MetadataURL, Keys: []saml.SigningKey{{Certificate: n.saml.Keys[0].Certificate}}}
	p, err := saml.NewProvider(saml.Config{Source: "idp", EntityID: n.saml.IdP.EntityID, ACS: n.idp.URL + "/unused", SLO: slo, IdP: us})
	n.must(err)
	return p
}

func (n *twoDoors) replica() {
	n.t.Helper()
	st := storetest.OpenDSN(n.t, n.dsn, store.Options{})
	engine, err := provision.New(n.t.Context(), st, provision.Config{Sources: []store.Source{{Name: "okta"}, {Name: "corp"}}, MaxStaleness: 100 * time.Hour})
	n.must(err)
	c, idp := n.saml, *n.saml.IdP
	idp.Keys = []saml.SigningKey{{Certificate: n.corp.Certificate}}
	at := n.us.URL + "/saml/corp/"
	c.Source, c.MetadataURL, c.ACS, c.SLO, c.IdP = "corp", at+"metadata", at+"acs", at+"slo", &idp
	corp, err := saml.NewProvider(c)
	n.must(err)
	n.other = httptest.NewServer(login.New(engine, login.Config{BaseURL: n.us.URL, Now: n.now,
		Sources:  map[string]login.Source{"okta": n.source, "corp": {Provider: corp}},
		Sessions: session.New(st, engine.Holder(), session.Config{Loopback: true, Now: n.now}), Signer: session.NewSigner(st, n.now)}))
	n.t.Cleanup(n.other.Close)
}

// request is a logout request for the session of a sign-in.
func (n *twoDoors) request(edit ...string) string {
	now := n.now().UTC()
	doc := `<samlp:LogoutRequest xmlns:samlp="` + samltest.NSProtocol + `" xmlns:saml="` + samltest.NSAssertion + `" ID="` + n.id() + `" Version="2.0" IssueInstant="` + stamp(now) +
		`" NotOnOrAfter="` + stamp(now.Add(5*time.Minute)) + `" Destination="` + n.saml.SLO + `"><saml:Issuer>` + n.saml.IdP.EntityID + `</saml:Issuer>` +
		`<saml:NameID Format="` + saml.FormatPersistent + `">ext-clara</saml:NameID><samlp:SessionIndex>_one</samlp:SessionIndex></samlp:LogoutRequest>`
	for i := 0; i < len(edit); i += 2 {
		if !strings.Contains(doc, edit[i]) {
			panic("nothing to replace: " + edit[i])
		}
		doc = strings.ReplaceAll(doc, edit[i], edit[i+1])
	}
	return doc
}

// answer is a logout response to a request of ours.
func (n *twoDoors) answer(to, status string) string {
	return `<samlp:LogoutResponse xmlns:samlp="` + samltest.NSProtocol + `" xmlns:saml="` + samltest.NSAssertion + `" ID="` + n.id() + `" Version="2.0" IssueInstant="` + stamp(n.now().UTC()) +
		`" InResponseTo="` + to + `" Destination="` + n.saml.SLO + `"><saml:Issuer>` + n.saml.IdP.EntityID + `</saml:Issuer>` +
		`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:` + status + `"/></samlp:Status></samlp:LogoutResponse>`
}

// theirPair is what the identity provider signs with.
func theirPair() samltest.Pair { return samltest.RSAPair("flow", 2048) }

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }

func idOf(doc string) string {
	_, rest, _ := strings.Cut(doc, ` ID="`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// signed is a message over that binding, by the identity provider.
func (n *twoDoors) signed(b saml.Binding, parameter, doc, relay string) saml.Incoming {
	if b == saml.Redirect {
		return samltest.Query{Parameter: parameter, Doc: doc, RelayState: relay, Pair: theirPair()}.Incoming()
	}
	in := samltest.Posted(parameter, doc, idOf(doc), new(theirPair()), nil)
	in.Form.Set("RelayState", relay)
	if relay == "" {
		in.Form.Del("RelayState")
	}
	return in
}

// step is a browser's request whose redirect away from us is not followed.
func (b *browser) step(in saml.Incoming, at string) (r *http.Response, text string) {
	b.n.t.Helper()
	c := &http.Client{Jar: b.c.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var err error
	if in.Binding == saml.Redirect {
		r, err = c.Get(at + "?" + in.RawQuery)
	} else {
		r, err = c.PostForm(at, in.Form)
	}
	p := b.read(r, err)
	return r, p.text
}

// incoming is what goes on to the identity provider: a redirect or a form.
func incoming(r *http.Response, text string) (to string, in saml.Incoming) {
	if at, err := r.Location(); err == nil {
		raw := at.RawQuery
		at.RawQuery = ""
		return at.String(), saml.Incoming{Binding: saml.Redirect, RawQuery: raw}
	}
	to, v := page{text: text}.form()
	return to, saml.Incoming{Binding: saml.POST, Form: v}
}

// slo is where the identity provider's messages go, at one of the doors.
func (n *twoDoors) slo(door *httptest.Server) string { return door.URL + "/saml/okta/slo" }

func (n *twoDoors) signIn() *browser {
	n.t.Helper()
	b := n.browser()
	if p := b.through(b.get("/saml/okta/login")); p.url.Path != "/me" {
		n.t.Fatalf("nobody is signed in: %d %s", p.status, p.text)
	}
	return b
}

// answered checks what we answered to the request with that id.
func (n *twoDoors) answered(r *http.Response, text, id, relay string) {
	n.t.Helper()
	to, in := incoming(r, text)
	if to != n.idp.URL+"/slo-done" || in.RelayState() != relay {
		n.t.Fatalf("the answer goes to %q with RelayState %q: %d %s", to, in.RelayState(), r.StatusCode, text)
	}
	c := saml.Request{ID: id, Source: "idp", IssuedAt: n.now().Add(-time.Minute), Expires: n.now().Add(time.Minute)}
	if _, no := n.theirs(to).AcceptLogoutResponse(in, []saml.Request{c}, n.now()); no != nil {
		n.t.Errorf("our answer is refused: %v (%v)", no, no.Cause)
	}
}

func TestALogoutRequestEndsTheSessionsItNamesOnEveryReplica(t *testing.T) {
	for _, binding := range bindings {
		t.Run(short(binding), func(t *testing.T) {
			eachTwoDoors(t, binding, func(n *twoDoors) {
				n.clara()
				one := n.signIn()
				n.index = "_two"
				two := n.signIn()
				for _, step := range []struct {
					name     string
					edit     []string
					one, two bool // live on
				}{
					{"an index that nobody has", []string{"_one", "_three"}, true, true},
					{"another person with that index", []string{"ext-clara", "ext-other"}, true, true},
					{"the letters in another format", []string{saml.FormatPersistent, saml.FormatEmail}, true, true},
					{"one of the sessions", nil, false, true},
					{"one that has ended before", nil, false, true},
					{"all of the person's", []string{"<samlp:SessionIndex>_one</samlp:SessionIndex>", ""}, false, false},
				} {
					doc := n.request(step.edit...)
					r, text := n.browser().step(n.signed(binding, "SAMLRequest", doc, "their state"), n.slo(n.other))
					n.answered(r, text, idOf(doc), "their state")
					if one.in() != step.one || two.in() != step.two {
						n.t.Errorf("%s: the sessions live: %v %v", step.name, one.in(), two.in())
					}
				}
			})
		})
	}
}

func short(b saml.Binding) string {
	if b == saml.POST {
		return "POST"
	}
	return "redirect"
}

func TestALogoutRequestThatProvesNothingEndsNothing(t *testing.T) {
	n := sqliteDoors(t, saml.Redirect)
	n.clara()
	b := n.signIn()
	redirect := func(edit func(*samltest.Query)) saml.Incoming {
		q := samltest.Query{Parameter: "SAMLRequest", Doc: n.request(), RelayState: "a/b", Pair: theirPair()}
		edit(&q)
		return q.Incoming()
	}
	after := func(f func(string) string) saml.Incoming {
		return redirect(func(q *samltest.Query) { q.Edit = f })
	}
	changed := func(edit ...string) saml.Incoming {
		return n.signed(saml.Redirect, "SAMLRequest", n.request(edit...), "")
	}
	doc, stranger := n.request(), samltest.RSAPair("flow-stranger", 2048)
	past := stamp(n.now().UTC().Add(-10 * time.Minute))
	for what, test := range map[string]struct {
		in   saml.Incoming
		want saml.Reason
	}{
		"nothing":                            {saml.Incoming{Binding: saml.Redirect}, saml.LogoutMissing},
		"an empty form":                      {saml.Incoming{Binding: saml.POST}, saml.LogoutMissing},
		"unsigned":                           {after(func(s string) string { return s[:strings.Index(s, "&SigAlg")] }), saml.QueryUnsigned},
		"unsigned over POST":                 {samltest.Posted("SAMLRequest", doc, "", nil, nil), saml.QueryUnsigned},
		"by a stranger":                      {redirect(func(q *samltest.Query) { q.Pair = stranger }), saml.QuerySignature},
		"by a stranger over POST":            {samltest.Posted("SAMLRequest", doc, idOf(doc), &stranger, nil), saml.SignatureUntrusted},
		"another RelayState than was signed": {after(func(s string) string { return strings.Replace(s, "a%2Fb", "evil", 1) }), saml.QuerySignature},
		"escaped anew":                       {after(func(s string) string { return strings.Replace(s, "a%2Fb", "a%2fb", 1) }), saml.QuerySignature},
		"another person than was signed":     {samltest.Posted("SAMLRequest", doc, idOf(doc), new(theirPair()), func(s string) string { return strings.Replace(s, "_one", "_two", 1) }), saml.DigestMismatch},
		"a request and an answer":            {after(func(s string) string { return s + "&SAMLResponse=x" }), saml.LogoutAmbiguous},
		"by another issuer":                  {changed(n.saml.IdP.EntityID, "https://evil.example"), saml.IssuerWrong},
		"for another source":                 {changed("/saml/okta/slo", "/saml/corp/slo"), saml.DestinationWrong},
		"expired":                            {changed(`NotOnOrAfter="`, `NotOnOrAfter="`+past+`" Reason="`), saml.LogoutExpired},
		"issued too long ago":                {changed(`IssueInstant="`, `IssueInstant="`+past+`" Consent="`), saml.IssuedTooLongAgo},
	} {
		r, text := n.browser().step(test.in, n.slo(n.us))
		if r.StatusCode != http.StatusForbidden {
			n.t.Errorf("%s: got %d", what, r.StatusCode)
		}
		if got := n.trace(page{text: text, status: r.StatusCode}); got.Reason != string(test.want) {
			n.t.Errorf("%s: got %s: %s, want %s", what, got.Reason, got.Body, test.want)
		}
	}
	if !b.in() {
		n.t.Error("the session has ended")
	}
}

func TestALogoutRequestIsTakenOnceByAllReplicas(t *testing.T) {
	eachTwoDoors(t, saml.Redirect, func(n *twoDoors) {
		n.clara()
		for _, binding := range bindings {
			in := n.signed(binding, "SAMLRequest", n.request(), "")
			var done, replayed atomic.Int32
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					door := []*httptest.Server{n.us, n.other}[i%2]
					switch r, _ := n.browser().step(in, n.slo(door)); r.StatusCode {
					case http.StatusSeeOther:
						done.Add(1)
					case http.StatusForbidden:
						replayed.Add(1)
					}
				})
			}
			all.Wait()
			if done.Load() != 1 || replayed.Load() != 19 {
				n.t.Errorf("%s: done %d times, refused %d times", short(binding), done.Load(), replayed.Load())
			}
			b := n.signIn()
			r, text := n.browser().step(in, n.slo(n.other))
			if got := n.trace(page{text: text, status: r.StatusCode}); got.Reason != string(saml.Replayed) || !b.in() {
				n.t.Errorf("%s: a replay is refused for %q, and the new session lives: %v", short(binding), got.Reason, b.in())
			}
		}
	})
}

func TestALogoutRequestThatCouldNotBeDoneMayComeAgain(t *testing.T) {
	eachTwoDoors(t, saml.Redirect, func(n *twoDoors) {
		n.clara()
		b := n.signIn()
		in := n.signed(saml.Redirect, "SAMLRequest", n.request(), "")
		db := storetest.Raw(n.t, n.dsn)
		storetest.Exec(n.t, db, "ALTER TABLE sessions RENAME TO away")
		r, _ := n.browser().step(in, n.slo(n.us))
		storetest.Exec(n.t, db, "ALTER TABLE away RENAME TO sessions")
		if r.StatusCode < 500 || !b.in() {
			n.t.Fatalf("got %d, and the session lives: %v", r.StatusCode, b.in())
		}
		if r, text := n.browser().step(in, n.slo(n.us)); r.StatusCode != http.StatusSeeOther || b.in() {
			n.t.Errorf("the second time: %d %s", r.StatusCode, text)
		}
	})
}

func TestALogoutRequestOfAnotherSourceEndsNothing(t *testing.T) {
	n := sqliteDoors(t, saml.Redirect)
	n.clara()
	b := n.signIn()
	doc := n.request("/saml/okta/slo", "/saml/corp/slo")
	in := samltest.Query{Parameter: "SAMLRequest", Doc: doc, Pair: n.corp}.Incoming()
	if r, text := n.browser().step(in, n.other.URL+"/saml/corp/slo"); r.StatusCode != http.StatusSeeOther || !b.in() {
		n.t.Errorf("got %d %s; the session lives: %v", r.StatusCode, text, b.in())
	}
}

func TestALogoutRequestThatOvertakesASignInHolds(t *testing.T) {
	for _, c := range []struct {
		name string
		edit []string
	}{{"with the session's index", nil}, {"without an index", []string{"<samlp:SessionIndex>_one</samlp:SessionIndex>", ""}}} {
		t.Run(c.name, func(t *testing.T) {
			eachTwoDoors(t, saml.Redirect, func(n *twoDoors) {
				n.clara()
				b := n.browser()
				to, v := b.ask() // answered, and on its way
				parked := n.browser()
				parkedTo, parkedAnswer := parked.ask()
				r, _ := parked.step(saml.Incoming{Binding: saml.POST, Form: parkedAnswer}, parkedTo)
				finish, err := r.Location()
				n.must(err)
				n.ahead = 2 * time.Second
				n.browser().step(n.signed(saml.Redirect, "SAMLRequest", n.request(c.edit...), ""), n.slo(n.other))
				n.refused(b.post(to, v), "signed_out_meanwhile")
				n.refused(parked.get(finish.String()), "signed_out_meanwhile")
				if b.in() || parked.in() {
					n.t.Error("somebody is signed in by an answer from before the logout")
				}
			})
		})
	}
}

func TestSigningOutAsksTheIdentityProvider(t *testing.T) {
	for _, binding := range bindings {
		t.Run(short(binding), func(t *testing.T) {
			n := sqliteDoors(t, binding)
			n.clara()
			for what, test := range map[string]struct {
				status, relay string // relay "" is ours
				sure          bool
			}{
				"success":                    {"Success", "", true},
				"success without RelayState": {"Success", "none", true},
				"success with another's":     {"Success", "https://evil.example/", true},
				"partial":                    {"PartialLogout", "", false},
			} {
				b := n.signIn()
				r, text := b.step(saml.Incoming{Binding: saml.POST}, n.us.URL+"/logout")
				if b.in() {
					n.t.Errorf("%s: the session waits for the identity provider", what)
				}
				to, in := incoming(r, text)
				if to != n.idp.URL+"/slo" || in.Binding != binding {
					n.t.Fatalf("%s: sent to %q by %s: %s", what, to, in.Binding, text)
				}
				asked, no := n.theirs(n.idp.URL+"/slo").JudgeLogoutRequest(in, n.now())
				if no != nil {
					n.t.Fatalf("%s: our request is refused: %v (%v)", what, no, no.Cause)
				}
				if asked.NameID.Value != "ext-clara" || asked.NameID.SPNameQualifier == "" || strings.Join(asked.SessionIndexes, " ") != "_one" {
					n.t.Errorf("%s: our request asks for %+v", what, asked)
				}
				relay := map[string]string{"": asked.RelayState, "none": ""}
				state, known := relay[test.relay]
				if !known {
					state = test.relay
				}
				p := n.end(n.signed(binding, "SAMLResponse", n.answer(asked.ID, test.status), state))
				if p.status != http.StatusOK || strings.Contains(p.text, `id="still"`) == test.sure || !strings.Contains(p.text, `id="out"`) {
					n.t.Errorf("%s: got %d %s", what, p.status, p.text)
				}
			}
		})
	}
}

// end brings a message to the replica, and must not lead away from it.
func (n *twoDoors) end(in saml.Incoming) page {
	n.t.Helper()
	r, text := n.browser().step(in, n.slo(n.other))
	return page{url: r.Request.URL, status: r.StatusCode, text: text}
}

func TestAnAnswerToNoLogoutOfOursChangesNothing(t *testing.T) {
	for _, binding := range bindings {
		t.Run(short(binding), func(t *testing.T) {
			n := sqliteDoors(t, binding)
			n.clara()
			b, out := n.signIn(), n.signIn()
			r, text := out.step(saml.Incoming{Binding: saml.POST}, n.us.URL+"/logout")
			_, in := incoming(r, text)
			asked, no := n.theirs(n.idp.URL+"/slo").JudgeLogoutRequest(in, n.now())
			if no != nil {
				n.t.Fatal(no)
			}
			stranger := samltest.RSAPair("flow-stranger", 2048)
			forged := n.answer(asked.ID, "Success")
			byStranger := samltest.Query{Parameter: "SAMLResponse", Doc: forged, RelayState: asked.RelayState, Pair: stranger}.Incoming()
			if binding == saml.POST {
				byStranger = samltest.Posted("SAMLResponse", forged, idOf(forged), &stranger, nil)
				byStranger.Form.Set("RelayState", asked.RelayState)
			}
			good := n.signed(binding, "SAMLResponse", n.answer(asked.ID, "Success"), asked.RelayState)
			for _, step := range []struct {
				name string
				in   saml.Incoming
				sure bool
			}{
				{"to nothing", n.signed(binding, "SAMLResponse", n.answer("_nothing", "Success"), "nothing"), false},
				{"by a stranger", byStranger, false},
				{"the right one, which the stranger's took nothing from", good, true},
				{"the right one again", good, false},
			} {
				p := n.end(step.in)
				if p.status != http.StatusOK || strings.Contains(p.text, `id="still"`) == step.sure {
					n.t.Errorf("%s: got %d %s", step.name, p.status, p.text)
				}
			}
			if !b.in() {
				n.t.Error("another session has ended")
			}
		})
	}
}

func TestFormsMayBeLedOnAnywhereByHTTPS(t *testing.T) {
	n := sqliteDoors(t, saml.Redirect)
	n.clara()
	b := n.signIn()
	for _, path := range []string{"/me", "/logout", "/login"} {
		r, _ := b.step(saml.Incoming{Binding: saml.Redirect}, n.us.URL+path)
		if got, want := r.Header.Get("Content-Security-Policy"), "; form-action 'self' https: "+n.idp.URL+"; "; r.StatusCode != http.StatusOK || !strings.Contains(got, want) {
			n.t.Errorf("%s: %d, the policy %q lacks %q", path, r.StatusCode, got, want)
		}
	}
}

func TestAnEndedAccountIsSignedOutAtOnce(t *testing.T) {
	n := sqliteDoors(t, saml.Redirect)
	a := n.clara()
	b := n.signIn()
	n.kit.Do(storetest.EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
	if b.in() {
		n.t.Error("the session lives")
	}
	// Nothing is left to end, and the identity provider is told so.
	doc := n.request()
	r, text := n.browser().step(n.signed(saml.Redirect, "SAMLRequest", doc, ""), n.slo(n.us))
	n.answered(r, text, idOf(doc), "")
}
