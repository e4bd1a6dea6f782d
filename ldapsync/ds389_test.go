package ldapsync

import (
	"os"
	"slices"
	"strings"
	"testing"

	ldaplib "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// ds389 is a place in a real 389 Directory Server.
type ds389 struct{ *place }

func openDS389(t testing.TB) *ds389 {
	t.Helper()
	address := os.Getenv("GRANTBRIDGE_TEST_389DS")
	if address == "" {
		t.Skip("left out: 389 Directory Server; make test-389ds runs it")
	}
	return &ds389{newPlace(t, address, ldaptest.Suffix, func(s *place) error {
		return s.admin.Bind(ds389Admin.DN, ds389Admin.Password)
	})}
}

var ds389Admin = Bind{DN: "cn=Directory Manager", Password: "Passw0rd-manager"}

func (s *ds389) config() Config {
	c := s.reading(ds389Admin)
	c.ServerName = "localhost"
	return c
}

func (s *ds389) disable(dn string) {
	s.t.Helper()
	s.replace(dn, "nsAccountLock", "true")
}

func (s *ds389) enable(dn string) {
	s.t.Helper()
	s.replace(dn, "nsAccountLock")
}

// clerk is an account that its access control instruction lets read the place.
func (s *ds389) clerk() Bind {
	s.t.Helper()
	b := Bind{DN: "uid=clerk,ou=elsewhere," + s.base, Password: "Passw0rd-clerk"}
	s.add(b.DN, "objectClass", "inetOrgPerson", "uid", "clerk", "cn", "clerk", "sn", "clerk", "userPassword", b.Password)
	s.heal()
	return b
}

// allow sets the access control instructions of an entry.
func (s *ds389) allow(dn string, rules ...string) { s.t.Helper(); s.allowOf("*", dn, rules...) }

func (s *ds389) allowOf(attribute, dn string, rules ...string) {
	s.t.Helper()
	var all []string
	for _, r := range rules {
		all = append(all, `(targetattr="`+attribute+`")(version 3.0; acl "`+r+`"; `+r+` userdn="ldap:///uid=clerk,ou=elsewhere,`+s.base+`";)`)
	}
	s.replace(dn, "aci", all...)
}

func (s *ds389) blind(way blindness) {
	s.t.Helper()
	switch way {
	case searchOnly:
		s.allow(s.base, "allow (search)")
	case hiddenTree:
		s.allow("ou=people,"+s.base, "deny (read,search,compare)")
	case hiddenMembers:
		s.allowOf("member", "ou=groups,"+s.base, "deny (read,search,compare)")
	}
}

func (s *ds389) heal() {
	s.t.Helper()
	s.allow(s.base, "allow (read,search,compare)")
	s.allow("ou=people," + s.base)
	s.allow("ou=groups," + s.base)
}

func TestDS389IsReadByEachWayToConnect(t *testing.T) {
	s := openDS389(t)
	ada, eve := s.person("ada"), s.person("eve")
	s.replace(s.person("off"), "nsAccountLock", "true")
	staff := s.group("staff", ada)
	s.group("all", staff, eve)
	want := []string{"created ada seen", "created all +ada +eve", "created eve seen", "created off seen", "created staff +ada"}
	s.connects(s.config(), map[string]func(*Config){
		"StartTLS":   func(*Config) {},
		"ldaps":      func(c *Config) { c.Servers = s.ldaps() },
		"pages of 1": func(c *Config) { c.Page = 1 },
		"RFC 4533":   func(c *Config) { c.Mode = ModeSyncrepl },
	}, want, func(name string, d directory.Delta) {
		for _, a := range d.Next.Accounts {
			if a.Login == "off" && (a.Activity != directory.Disabled || a.Disabler != "nsAccountLock is true") {
				t.Errorf("%s: off is %v (%s)", name, a.Activity, a.Disabler)
			}
			if shown := s.value(a.DN, "nsUniqueId"); strings.ReplaceAll(shown, "-", "") != strings.ReplaceAll(a.ID.String(), "-", "") {
				t.Errorf("%s: %s has the id %s, its nsUniqueId is %s", name, a.Login, a.ID, shown)
			}
			s.memberOf(d.Next, a)
		}
	})
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
			f := s.follow(c, "")
			f.step("nothing")
			f.step("nothing again")
			s.replace(ada, "displayName", "Ada")
			f.step("an attribute", "edited ada seen")
			s.replace(staff, "member", ada)
			f.step("a member leaves", "members all -bob stated", "members staff -bob stated")
			bob = s.rename(bob, "uid=robert", "")
			f.step("a rename", "edited robert seen")
			s.replace(staff, "member", ada, bob)
			f.step("a member comes", "members all +robert", "members staff +robert")
			s.replace(eve, "nsAccountLock", "true")
			f.step("locked", "deactivated eve flag")
			s.replace(eve, "displayName", "Eve")
			f.step("edited while it is locked", "edited eve seen")
			evidence := map[Mode]string{ModeTimestamp: "confirmed", ModeSyncrepl: "explicit"}[mode]
			s.delete(ada)
			f.step("a delete", "deleted ada "+evidence)
			s.rename(bob, "uid=robert", "ou=elsewhere,"+s.base)
			f.step("a move out of what is read", "deleted robert "+evidence)
			f.done()
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
