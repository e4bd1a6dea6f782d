package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"grantbridge/directory"
	"grantbridge/saml/login"
	"grantbridge/store"
)

// cookie is the session's of a browser.
func (b *browser) cookie() *http.Cookie {
	b.n.t.Helper()
	u, err := url.Parse(b.n.us.URL)
	b.n.must(err)
	for _, c := range b.c.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "grantbridge-loopback") {
			return c
		}
	}
	b.n.t.Fatal("the browser has no session's cookie")
	return nil
}

// subjectAccount is the account with that external id.
func (n *town) subjectAccount(external string) (a store.SubjectAccount) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) (err error) {
		a, err = v.SubjectAccount(n.t.Context(), "okta", "none", external)
		return err
	})
	return a
}

func TestARoleThatIsTakenAwayIsGoneAtTheNextRequestOfTheSession(t *testing.T) {
	eachTown(t, func(n *town) { n.source.Mode, n.source.Groups = login.Create, login.Apply }, func(n *town) {
		b := n.browser()
		b.signIn()
		_, _, err := n.engine.SetMapping(t.Context(), store.By{}, "m", []byte("version: 1\nrules:\n- {id: m, from: okta, group: Marketing, give: write, sites: all}\n"), "", "")
		n.must(err)
		if p := b.get("/me"); !strings.Contains(p.text, "<b>write</b>") {
			t.Fatalf("got %s", p.text)
		}
		before := b.cookie().Value
		var groups []directory.Group
		n.kit.Read(func(v *store.View) (err error) { groups, err = v.AllGroups(t.Context(), 0); return err })
		_, err = n.engine.Apply(t.Context(), store.By{Via: "scim"}, &directory.GroupChange{Source: "okta", UID: groups[0].UID,
			Members: directory.MemberChange{Remove: []string{n.subjectAccount("ext-clara").UID}}})
		n.must(err)
		n.must(n.engine.Sync(t.Context(), 0)) // as the server's follower does
		if p := b.get("/me"); strings.Contains(p.text, "<b>write</b>") || !strings.Contains(p.text, `id="nothing"`) || b.cookie().Value != before {
			t.Errorf("after leaving the group: %s", p.text)
		}
	})
}

func TestASessionThatWasPlantedIsNotTheOneThatASignInGives(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		n.clara()
		attacker, victim := n.browser(), n.browser()
		attacker.signIn()
		planted := attacker.cookie()
		u, err := url.Parse(n.us.URL)
		n.must(err)
		victim.c.Jar.SetCookies(u, []*http.Cookie{{Name: planted.Name, Value: planted.Value, Path: "/"}})
		victim.signIn()
		if got := victim.cookie().Value; got == planted.Value || !victim.in() {
			t.Error("the sign-in gives the session that was planted")
		}
		if attacker.in() {
			t.Error("the session that was planted lives on")
		}
	})
}
