package login_test

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/saml"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// logoutBy lets both sides send logout messages over one binding.
func (n *phpTown) logoutBy(b saml.Binding) {
	n.saml.RequestBinding = b
	n.beside["SingleLogoutService"] = []map[string]string{{"Binding": string(b), "Location": n.saml.SLO}}
}

// asksForPassword reports whether the identity provider knows the browser no more.
func (b *browser) asksForPassword() bool {
	b.n.t.Helper()
	_, v := b.through(b.get("/saml/okta/login")).form()
	return v.Get("AuthState") != ""
}

func TestSigningOutHereSignsOutOfSimpleSAMLphp(t *testing.T) {
	for _, binding := range bindings {
		t.Run(short(binding), func(t *testing.T) {
			n := newPHPTown(t, func(n *phpTown) { n.logoutBy(binding) })
			b, other := n.browser(), n.browser()
			b.enter("clara.moreau")
			other.enter("clara.moreau")
			if b.asksForPassword() {
				t.Fatal("the identity provider does not know the browser")
			}
			p := b.through(b.read(b.c.PostForm(n.us.URL+"/logout", nil)))
			if p.url.Path != "/saml/okta/slo" || p.status != http.StatusOK || !strings.Contains(p.text, `id="out"`) || strings.Contains(p.text, `id="still"`) {
				t.Errorf("got %d %s\n%s", p.status, p.url, p.text)
			}
			if b.in() || !b.asksForPassword() {
				t.Error("the browser is still signed in")
			}
			if !other.in() || other.asksForPassword() {
				t.Error("the other browser is signed out too")
			}
		})
	}
}

func TestSigningOutOfSimpleSAMLphpSignsOutHere(t *testing.T) {
	for _, binding := range bindings {
		t.Run(short(binding), func(t *testing.T) {
			n := newPHPTown(t, func(n *phpTown) { n.logoutBy(binding) })
			b, other := n.browser(), n.browser()
			b.enter("clara.moreau")
			other.enter("clara.moreau")
			p := b.through(b.get(n.logout()))
			if p.url.String() != n.base+"saml2/idp/metadata.php" || p.status != http.StatusOK {
				t.Errorf("it did not take our answer: %d %s\n%s", p.status, p.url, p.text)
			}
			if b.in() || !b.asksForPassword() {
				t.Error("the browser is still signed in")
			}
			if !other.in() {
				t.Error("the other browser, which has a session of its own there, is signed out too")
			}
		})
	}
}

func TestSigningOutAtOneApplicationSignsOutOfTheOther(t *testing.T) {
	for what, c := range map[string]struct {
		edit func(n *phpTown)
		sure bool
	}{
		"that can be told":    {nil, true},
		"that cannot be told": {func(n *phpTown) { n.saml.SLO = "" }, false},
	} {
		t.Run(what, func(t *testing.T) {
			here, there := newPHPTown(t, nil), newPHPTownAt(t, "localhost", c.edit)
			b := here.browser()
			b.enter("clara.moreau")
			at := &browser{there.town, b.c} // the same browser
			if p := at.through(at.get("/saml/okta/login")); p.url.Path != "/me" || !at.in() {
				t.Fatalf("the second application asks again: %d %s", p.status, p.url)
			}
			p := b.through(b.read(b.c.PostForm(here.us.URL+"/logout", nil)))
			if !strings.HasPrefix(p.url.String(), here.saml.SLO) || strings.Contains(p.text, `id="still"`) == c.sure {
				t.Errorf("got %d %s\n%s", p.status, p.url, p.text)
			}
			if b.in() || at.in() == c.sure {
				t.Errorf("signed in here: %v, there: %v", b.in(), at.in())
			}
		})
	}
}

// logout is where SimpleSAMLphp signs a browser out everywhere, and leads to its
// metadata afterwards.
func (n *phpTown) logout() string {
	return n.base + "saml2/idp/initSLO.php?RelayState=" + url.QueryEscape(n.base+"saml2/idp/metadata.php")
}

func TestSimpleSAMLphpMustSignItsLogoutRequests(t *testing.T) {
	n := newPHPTown(t, func(n *phpTown) { n.beside["sign.logout"] = false })
	b := n.browser()
	b.enter("clara.moreau")
	if n.refused(b.get(n.logout()), saml.QueryUnsigned); !b.in() {
		t.Error("an unsigned request ends the session")
	}
}

func TestSimpleSAMLphpRefusesLogoutRequestsThatAreNotOurs(t *testing.T) {
	n := newPHPTown(t, nil)
	b := n.browser()
	b.enter("clara.moreau")
	r, text := b.step(saml.Incoming{Binding: saml.POST}, n.us.URL+"/logout")
	to, in := incoming(r, text)
	in.RawQuery = strings.Replace(in.RawQuery, "&Signature=", "&Signature=AAAA", 1)
	if p := b.get(to + "?" + in.RawQuery); !strings.Contains(p.text, "Unable to validate signature") || b.asksForPassword() {
		t.Errorf("a broken signature signs out there: %d %s", p.status, p.url)
	}
}

func TestWhoIsDeactivatedOrLockedIsSignedOutWhateverSimpleSAMLphpSays(t *testing.T) {
	for what, end := range map[string]func(n *phpTown, a store.SubjectAccount) saml.Reason{
		"deactivated": func(n *phpTown, a store.SubjectAccount) saml.Reason {
			n.kit.Do(storetest.EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
			return "account_inactive"
		},
		"locked": func(n *phpTown, a store.SubjectAccount) saml.Reason {
			n.kit.Do(&store.LockPerson{Person: access.PersonID(a.Person), Locked: true})
			return "person_locked"
		},
	} {
		t.Run(what, func(t *testing.T) {
			n := newPHPTown(t, nil)
			b := n.browser()
			b.enter("clara.moreau")
			a, _ := n.account("clara.moreau")
			want := end(n, a)
			if b.in() {
				t.Error("the session lives")
			}
			// The identity provider still knows the browser, and answers at once.
			n.refused(b.through(b.get("/saml/okta/login")), want)
		})
	}
}

// TestSimpleSAMLphpAsDocumented runs what docs/providers/simplesamlphp.md says to
// set: the first of its PHP blocks is in our server's configuration, the second
// is set beside our metadata.
func TestSimpleSAMLphpAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers/simplesamlphp.md")
	if err != nil {
		t.Fatal(err)
	}
	hosted, err := os.ReadFile("../../scripts/simplesamlphp/saml20-idp-hosted.php")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```php\n(.*?) *```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("got %d PHP blocks, want 2", len(blocks))
	}
	for line := range strings.Lines(blocks[0][1]) {
		if !strings.Contains(string(hosted), strings.TrimSpace(line)) {
			t.Errorf("the tests' server is not set to %s", line)
		}
	}
	n := newPHPTown(t, func(n *phpTown) {
		clear(n.beside)
		for _, set := range regexp.MustCompile(`'([a-z.]+)' => true,`).FindAllStringSubmatch(blocks[1][1], -1) {
			n.beside[set[1]] = true
		}
		if len(n.beside) != strings.Count(blocks[1][1], "=>") {
			t.Errorf("read %v of %s", n.beside, blocks[1][1])
		}
	})
	b := n.browser()
	b.enter("clara.moreau")
	if !b.in() {
		t.Fatal("nobody is signed in")
	}
	if b.through(b.get(n.logout())); b.in() {
		t.Error("the session lives after the logout there")
	}
	b.enter("clara.moreau")
	if b.through(b.read(b.c.PostForm(n.us.URL+"/logout", nil))); b.in() || !b.asksForPassword() {
		t.Error("the session there lives after the logout here")
	}
}
