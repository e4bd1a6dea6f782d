package login_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/browsertest"
	"grantbridge/saml"
	"grantbridge/saml/demoidp"
	"grantbridge/saml/login"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// TestInARealBrowser plays what people do, in Chromium, over TLS and between two
// sites, on SQLite. What the doors make of it on both databases is in the other
// tests; here it is about cookies, scripts, policies and the back button.
func TestInARealBrowser(t *testing.T) {
	chromium := browsertest.Start(t)
	for name, scene := range map[string]func(n *town, b *browsertest.Tab){
		"a person signs in and sees what they may do":    signsIn,
		"somebody in a hundred groups":                   manyGroups,
		"the back button, and the same ticket again":     goesBack,
		"two tabs sign in at the same time":              twoTabs,
		"signing out ends it at both ends":               signsOut,
		"the identity provider signs somebody out":       isSignedOut,
		"a refusal is a plain sentence with a trace":     isRefused,
		"without scripts there is a button at each step": noScripts,
		"an answer that nobody asked for is refused":     unasked(saml.Off),
		"an answer that nobody asked for is bounced":     unasked(saml.Bouncing),
		"an answer that nobody asked for is taken":       unasked(saml.On),
	} {
		t.Run(name, func(t *testing.T) {
			n := &town{t: t, kit: storetest.Kit{T: t, S: storetest.Open(t, "sqlite", store.Options{})}, secure: true, people: crowd()}
			n.build(func(n *town) {
				switch {
				case strings.HasSuffix(name, "bounced"):
					n.saml.IDPInitiated = saml.Bouncing
				case strings.HasSuffix(name, "taken"):
					n.saml.IDPInitiated = saml.On
				case strings.HasPrefix(name, "without scripts"):
					n.saml.RequestBinding = saml.POST
				}
				n.source.Groups = login.Apply
			})
			n.furnish()
			scene(n, chromium.Profile(t))
		})
	}
}

func crowd() []demoidp.Person {
	many := demoidp.Person{ID: "ext-many", Login: "marta.many", Given: "Marta", Family: "Many"}
	for i := range 100 {
		many.Groups = append(many.Groups, fmt.Sprintf("Department of matters number %03d", i))
	}
	return []demoidp.Person{
		{ID: "ext-clara", Login: "clara.moreau", Given: "Clara", Family: "Moreau", Mail: "clara.moreau@northwind.example", Groups: []string{"Marketing EMEA"}},
		many,
		{ID: "ext-nobody", Login: "new.hire", Given: "New", Family: "Hire", Note: "not in the store"},
	}
}

// furnish puts people, a grant and a token into the store.
func (n *town) furnish() {
	n.t.Helper()
	person := n.clara().Person
	n.kit.Do(storetest.NewAccount("okta", "marta.many", "ext-many"))
	_, err := n.engine.AddGrant(n.t.Context(), store.By{}, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: person},
		Role: "write", All: true, Reason: "test", Until: time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC)})
	n.must(err)
	n.must(n.engine.MintToken(n.t.Context(), store.By{}, &store.MintToken{Token: store.Token{Person: access.PersonID(person), Name: "ci-export", Ceiling: "view"}}))
	n.must(n.engine.Sync(n.t.Context(), 0))
}

// enter goes from /login to the identity provider's page.
func (n *town) enter(b *browsertest.Tab) {
	b.Go(n.us.URL + "/login")
	b.Click(`a[href="/saml/okta/login"]`)
	b.Wait("#people")
}

func pick(id string) string { return `button[value="` + id + `"]` }

// signInAs signs somebody in as people do.
func (n *town) signInAs(b *browsertest.Tab, id string) {
	n.t.Helper()
	n.enter(b)
	b.Click(pick(id))
	b.Wait("#who")
}

func (n *town) isIn(b *browsertest.Tab) bool {
	b.Go(n.us.URL + "/me")
	return b.URL().Path == "/me"
}

func signsIn(n *town, b *browsertest.Tab) {
	t := n.t
	b.Go(n.us.URL + "/login")
	b.Shot("login")
	b.Readable()
	b.Click(`a[href="/saml/okta/login"]`)
	b.Wait("#people")
	b.Shot("idp")
	b.Readable()
	b.Click(pick("ext-clara"))
	b.Wait("#who")
	b.Shot("me")
	b.Readable()
	for css, want := range map[string]string{
		"#who": "clara.moreau", "#login": "clara.moreau", "#ends": " unless you come back before", "#sites": "Main site", "#sites td b": "write", "#sites tbody": "2036-12-31", "#tokens tbody": "ci-export",
	} {
		if got := b.Text(css); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", css, got, want)
		}
	}
	if got := b.URL().String(); got != n.us.URL+"/me" {
		t.Errorf("the address is %s", got)
	}
	n.cookies(b)
}

// cookies holds the profile's cookies to the design.
func (n *town) cookies(b *browsertest.Tab) {
	n.t.Helper()
	bytes, names := 0, map[string]bool{}
	for _, c := range b.Cookies(n.us.URL + "/") {
		bytes += len(c.Name) + len("=") + len(c.Value) + len("; ")
		names[c.Name] = true
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "bridge.test" || c.SameSite != http.SameSiteLaxMode {
			n.t.Errorf("cookie %+v", c)
		}
	}
	if !names["__Host-grantbridge"] || bytes > 1024 {
		n.t.Errorf("cookies %v of %d bytes", names, bytes)
	}
	n.t.Logf("%d cookies of %d bytes", len(names), bytes)
	if all := b.Cookies(n.idp.URL + "/"); len(all) != 0 {
		n.t.Errorf("the identity provider sees %+v", all[0])
	}
}

func manyGroups(n *town, b *browsertest.Tab) {
	n.signInAs(b, "ext-many")
	n.cookies(b)
	n.kit.Read(func(v *store.View) error {
		a, err := v.SubjectAccount(context.Background(), "okta", "", "ext-many")
		n.must(err)
		groups, err := v.GroupsOf(context.Background(), []directory.AccountID{a.ID})
		if len(groups[a.ID]) != 100 {
			n.t.Errorf("%d groups", len(groups[a.ID]))
		}
		return err
	})
}

func goesBack(n *town, b *browsertest.Tab) {
	n.signInAs(b, "ext-clara")
	ticket := b.Visited("/finish")
	b.Back() // to the identity provider's page, not to an answer that posts itself again
	b.Wait("#people")
	b.Click(pick("ext-clara")) // the same request again
	b.Wait("#says")
	n.seen(b, saml.RequestUnknown)
	b.Go(ticket) // as a second click: the browser is signed in, and goes on
	b.Wait("#who")
	b.Click("#logout button")
	b.Wait("#out")
	b.Go(ticket)
	b.Wait("#says")
	n.seen(b, "finish_spent")
	if n.isIn(b) {
		n.t.Error("a ticket signs in twice")
	}
}

// seen holds a refusal on the page against what the administrator reads.
func (n *town) seen(b *browsertest.Tab, reason saml.Reason) {
	n.t.Helper()
	says, id := b.Text("#says"), b.Text("#trace")
	var t store.LoginTrace
	n.kit.Read(func(v *store.View) (err error) { t, err = v.Trace(context.Background(), id); return err })
	if t.Reason != string(reason) || !strings.Contains(string(t.Body), says) {
		n.t.Errorf("%q of %s: got %s, want %s\n%s", says, id, t.Reason, reason, t.Body)
	}
}

func twoTabs(n *town, one *browsertest.Tab) {
	two := one.Tab()
	n.enter(one)
	n.enter(two)
	two.Click(pick("ext-clara"))
	two.Wait("#who")
	one.Click(pick("ext-clara"))
	one.Wait("#who")
	if !n.isIn(two) || !n.isIn(one) {
		n.t.Error("one tab signed the other one out")
	}
	n.cookies(one)
}

func signsOut(n *town, b *browsertest.Tab) {
	n.signInAs(b, "ext-clara")
	b.Click(`form[action="/logout"] button`)
	b.Wait("#out")
	b.Shot("signedout")
	b.Readable()
	if b.Has("#still") || b.URL().Path != "/saml/okta/slo" {
		n.t.Errorf("the identity provider did not confirm: %s %s", b.URL(), b.Text("main"))
	}
	b.Back()
	b.Wait(`a[href="/saml/okta/login"]`) // not what was there before
	for _, c := range b.Cookies(n.us.URL) {
		if c.Name == "__Host-grantbridge" {
			n.t.Errorf("the cookie is still there: %+v", c)
		}
	}
	b.Go(n.idp.URL)
	if b.Has("#sessions") {
		n.t.Error("the identity provider's session is still there")
	}
	b.Go(n.us.URL + "/me")
	if got := b.URL().Path; got != "/login" {
		n.t.Errorf("/me leads to %s", got)
	}
}

func isSignedOut(n *town, b *browsertest.Tab) {
	n.signInAs(b, "ext-clara")
	b.Go(n.idp.URL)
	b.Click("#sessions button")
	b.Wait("#out")
	if !strings.HasPrefix(b.URL().Host, "idp.test") {
		n.t.Errorf("ends at %s", b.URL())
	}
	if n.isIn(b) {
		n.t.Error("the session lives on")
	}
}

func isRefused(n *town, b *browsertest.Tab) {
	n.enter(b)
	b.Click(pick("ext-nobody"))
	b.Wait("#says")
	b.Shot("refused")
	b.Readable()
	n.seen(b, "no_account")
	if says := b.Text("#says"); says != "You cannot sign in here. Your administrator can tell you why." {
		n.t.Errorf("it says %q", says)
	}
	if n.isIn(b) {
		n.t.Error("refused, and in")
	}
}

func noScripts(n *town, b *browsertest.Tab) {
	b.NoScripts()
	b.Go(n.us.URL + "/login")
	b.Click(`a[href="/saml/okta/login"]`)
	b.Wait("#post")
	b.Shot("post")
	b.Click("#post button") // our request
	b.Click(pick("ext-clara"))
	b.Wait("#post")
	b.Shot("idp-post")
	b.Click("#post button") // their answer
	b.Wait("#who")
	n.cookies(b)
	b.Click(`form[action="/logout"] button`)
	b.Click("#post button") // our request to end it
	b.Wait("#out")
	if n.isIn(b) {
		n.t.Error("the session lives on")
	}
}

func unasked(p saml.IDPInitiated) func(*town, *browsertest.Tab) {
	return func(n *town, b *browsertest.Tab) {
		b.Go(n.idp.URL)
		b.Shot("portal")
		b.Readable()
		b.Click(pick("ext-clara"))
		switch p {
		case saml.Off:
			b.Wait("#says")
			n.seen(b, saml.Unsolicited)
		case saml.Bouncing:
			b.Wait("#app") // a request of this browser is under way
			if n.isIn(b) {
				n.t.Error("a planted answer signs in")
			}
			n.enter(b)
			b.Click(pick("ext-clara"))
			b.Wait("#who")
		case saml.On:
			b.Wait("#who")
		}
		if got, want := n.isIn(b), p != saml.Off; got != want {
			n.t.Errorf("signed in: %v", got)
		}
	}
}
