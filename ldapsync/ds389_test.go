package ldapsync

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ldaplib "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// ds389 is a real 389 Directory Server with a place of its own for one test.
type ds389 struct{ *slapd }

func openDS389(t testing.TB) *ds389 {
	t.Helper()
	address := os.Getenv("GRANTBRIDGE_TEST_389DS")
	if address == "" {
		t.Skip("left out: 389 Directory Server; make test-389ds runs it")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &ds389{&slapd{t: t, url: u, folder: u.Query().Get("folder"), base: "ou=" + rand.Text() + "," + ldaptest.Suffix}}
	s.admin, err = ldaplib.DialURL("ldap://" + u.Host)
	s.must(err)
	t.Cleanup(func() { s.admin.Close() })
	s.must(s.admin.Bind("cn=Directory Manager", "Passw0rd-manager"))
	for _, dn := range []string{s.base, "ou=people," + s.base, "ou=groups," + s.base, "ou=elsewhere," + s.base} {
		s.add(dn, "objectClass", "organizationalUnit", "ou", strings.TrimPrefix(dn[:strings.IndexByte(dn, ',')], "ou="))
	}
	t.Cleanup(func() { s.removeAll() })
	return s
}

func (s *ds389) config() Config {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(s.folder, "ca.pem"))
	s.must(err)
	roots.AppendCertsFromPEM(pem)
	return Config{
		Source: "corp", Servers: []string{"ldap://" + s.url.Host}, RootCAs: roots, ServerName: "localhost",
		Bind:  Bind{DN: "cn=Directory Manager", Password: "Passw0rd-manager"},
		Users: Users{Base: "ou=people," + s.base}, Groups: Groups{Base: "ou=groups," + s.base},
	}
}

func TestDS389IsReadByEachWayToConnect(t *testing.T) {
	s := openDS389(t)
	ada, eve := s.person("ada"), s.person("eve")
	s.replace(s.person("off"), "nsAccountLock", "true")
	staff := s.group("staff", ada)
	s.group("all", staff, eve)
	want := []string{"created ada seen", "created all +ada +eve", "created eve seen", "created off seen", "created staff +ada"}
	for name, change := range map[string]func(*Config){
		"StartTLS":   func(*Config) {},
		"ldaps":      func(c *Config) { c.Servers = []string{"ldaps://127.0.0.1:" + s.url.Query().Get("tls")} },
		"pages of 1": func(c *Config) { c.Page = 1 },
		"RFC 4533":   func(c *Config) { c.Mode = ModeSyncrepl },
	} {
		c := s.config()
		change(&c)
		d := follow(t, c, directory.State{})
		got := words(d)
		slices.Sort(got)
		if diff := cmp.Diff(sortMembers(got), sortMembers(want)); diff != "" {
			t.Errorf("%s: got -, want +\n%s", name, diff)
		}
		for _, a := range d.Next.Accounts {
			if a.Login == "off" && (a.Activity != directory.Disabled || a.Disabler != "nsAccountLock is true") {
				t.Errorf("%s: off is %v (%s)", name, a.Activity, a.Disabler)
			}
			if shown := s.value(a.DN, "nsUniqueId"); strings.ReplaceAll(shown, "-", "") != strings.ReplaceAll(a.ID.String(), "-", "") {
				t.Errorf("%s: %s has the id %s, its nsUniqueId is %s", name, a.Login, a.ID, shown)
			}
			s.memberOf(d.Next, a)
		}
	}
}

// memberOf compares our closure with the one that the server's plug-in made.
func (s *ds389) memberOf(state directory.State, a *directory.ReadAccount) {
	s.t.Helper()
	var ours []string
	for _, g := range state.Groups {
		if slices.ContainsFunc(state.Members(g.ID), func(m directory.Membership) bool { return m.Account == a.ID }) {
			ours = append(ours, strings.ToLower(g.DN))
		}
	}
	res, err := s.admin.Search(&ldaplib.SearchRequest{BaseDN: a.DN, Filter: "(objectClass=*)", Attributes: []string{"memberOf"}})
	s.must(err)
	var theirs []string
	for _, dn := range res.Entries[0].GetAttributeValues("memberOf") {
		theirs = append(theirs, strings.ToLower(dn))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if diff := cmp.Diff(ours, theirs); diff != "" {
		s.t.Errorf("%s: our groups -, its memberOf +\n%s", a.Login, diff)
	}
}

func TestDS389ChangesAreRead(t *testing.T) {
	for _, mode := range []Mode{ModeTimestamp, ModeSyncrepl} {
		t.Run(string(mode), func(t *testing.T) {
			s := openDS389(t)
			ada, bob, eve := s.person("ada"), s.person("bob"), s.person("eve")
			for _, more := range []string{"p1", "p2", "p3", "p4"} {
				s.person(more)
			}
			staff := s.group("staff", ada, bob)
			s.group("all", staff, eve)
			s.group("two", eve)
			s.group("three", eve)
			c := s.config()
			c.Mode = mode
			state := follow(t, c, directory.State{}).Next
			step := func(name string, want ...string) {
				t.Helper()
				r, err := reader(t, c).Read(t.Context(), state)
				s.must(err)
				if r.Full {
					t.Logf("%s: read %s, full %v", name, r.Mode, r.Full)
				}
				delta, err := directory.Diff(state, r)
				s.must(err)
				state = delta.Next
				got := words(delta)
				slices.Sort(got)
				if diff := cmp.Diff(got, want); diff != "" {
					t.Errorf("%s: got -, want +\n%s", name, diff)
				}
			}
			step("nothing")
			step("nothing again")
			s.replace(ada, "displayName", "Ada")
			step("an attribute", "edited ada seen")
			s.replace(staff, "member", ada)
			step("a member leaves", "members all -bob stated", "members staff -bob stated")
			bob = s.rename(bob, "uid=robert", "")
			step("a rename", "edited robert seen")
			s.replace(staff, "member", ada, bob)
			step("a member comes", "members all +robert", "members staff +robert")
			s.replace(eve, "nsAccountLock", "true")
			step("locked", "deactivated eve flag")
			s.replace(eve, "displayName", "Eve")
			step("edited while it is locked", "edited eve seen")
			evidence := map[Mode]string{ModeTimestamp: "confirmed", ModeSyncrepl: "explicit"}[mode]
			s.delete(ada)
			step("a delete", "deleted ada "+evidence)
			s.rename(bob, "uid=robert", "ou=elsewhere,"+s.base)
			step("a move out of what is read", "deleted robert "+evidence)
			again := follow(t, c, directory.State{}).Next
			if diff := cmp.Diff(picture(again), picture(state)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Invariants 20 and 21 on the server that they are about.
func TestDS389NothingNewAndAForeignCookieTakeNothing(t *testing.T) {
	s := openDS389(t)
	s.group("staff", s.person("ada"), s.person("bob"))
	c := s.config()
	c.Mode = ModeSyncrepl
	state := follow(t, c, directory.State{}).Next
	for name, cookie := range map[string]string{
		"its own": string(state.Checkpoint.Cookie), "another server's": `{"users":"ZWxzZXdoZXJlOjM4OSNjbj14OmRjPXg6KHg9eSkjNQ==","groups":"ZWxzZXdoZXJlOjM4OSNjbj14OmRjPXg6KHg9eSkjNQ=="}`,
	} {
		old := state
		old.Checkpoint.Cookie = []byte(cookie)
		r, err := reader(t, c).Read(t.Context(), old)
		s.must(err)
		if r.Full == (name == "its own") {
			t.Errorf("%s: full %v", name, r.Full)
		}
		delta, err := directory.Diff(old, r)
		if err != nil || !delta.Empty() {
			t.Errorf("%s: %q, %v", name, words(delta), err)
		}
	}
}

func TestDS389TakesPasswordsOfAccountsThatMaySignIn(t *testing.T) {
	s := openDS389(t)
	for _, login := range []string{"ada", "off"} {
		s.replace(s.person(login), "userPassword", "Passw0rd-"+login)
	}
	s.replace("uid=off,ou=people,"+s.base, "nsAccountLock", "true")
	p, err := NewPasswords(s.config(), Attempts{Account: 100, Address: 100})
	s.must(err)
	if who, err := p.Check(t.Context(), "10.0.0.1", "ada", "Passw0rd-ada"); err != nil || who.Account.Login != "ada" {
		t.Errorf("%+v, %v", who, err)
	}
	for _, c := range [][3]string{{"ada", "wrong", "password"}, {"off", "Passw0rd-off", "disabled"}, {"nobody", "x", "unknown"}} {
		if _, err := p.Check(t.Context(), "10.0.0.1", c[0], c[1]); !errors.Is(err, ErrRefused) || reason(err) != c[2] {
			t.Errorf("%s: %v, want %s", c[0], err, c[2])
		}
	}
	c := s.config()
	c.Bind = Bind{DN: "uid=off,ou=people," + s.base, Password: "Passw0rd-off"}
	_, err = try(c, directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Next() != Stop || !strings.Contains(e.Words(), "inactivated") {
		t.Errorf("reading as who is locked: %v", err)
	}
}
