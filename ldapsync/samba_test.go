package ldapsync

import (
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	ldaplib "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
)

const sambaDomain = "DC=corp,DC=example"

var sambaAdmin = Bind{DN: "CN=Administrator,CN=Users," + sambaDomain, Password: "Passw0rd-admin"}

// samba is a place in a real Active Directory domain controller.
type samba struct {
	*place
	usual map[string]string // descriptors, by DN, that deny has changed
}

func openSamba(t testing.TB) *samba {
	t.Helper()
	address := os.Getenv("GRANTBRIDGE_TEST_SAMBA")
	if address == "" {
		t.Skip("left out: Active Directory; set GRANTBRIDGE_TEST_SAMBA to what scripts/samba.sh prints, or run make test-all")
	}
	s := &samba{newPlace(t, address, sambaDomain, func(s *place) error {
		c := s.reading(Bind{})
		return errors.Join(s.admin.StartTLS(c.tlsConfig(s.url)), s.admin.Bind(sambaAdmin.DN, sambaAdmin.Password))
	}), map[string]string{}}
	s.tag = "-" + strings.ToLower(s.base[3:11])
	return s
}

func (s *samba) config() Config {
	c := s.reading(sambaAdmin)
	c.Users.Filter, c.Groups.Filter = "(&(objectCategory=person)(objectClass=user))", "(objectClass=group)"
	return c
}

// The values of userAccountControl (MS-ADTS 2.2.16).
const (
	uacNormal   = "512"
	uacDisabled = "514"
)

// person has the password Passw0rd-LOGIN.
func (s *samba) person(login string, attrs ...string) string {
	s.t.Helper()
	return s.add("CN="+login+",OU=people,"+s.base, append([]string{"objectClass", "user", "sAMAccountName", s.login(login), "displayName", "Dr. " + login,
		"userAccountControl", uacNormal, "unicodePwd", utf16le(`"Passw0rd-` + login + `"`)}, attrs...)...)
}

func (s *samba) group(name string, members ...string) string {
	s.t.Helper()
	return s.add("CN="+name+",OU=groups,"+s.base, append([]string{"objectClass", "group", "sAMAccountName", s.login(name)}, membersOf(members)...)...)
}

func (s *samba) password(dn, password string) {
	s.t.Helper()
	s.replace(dn, "unicodePwd", utf16le(`"`+password+`"`))
}

func (s *samba) disable(dn string) {
	s.t.Helper()
	s.replace(dn, "userAccountControl", uacDisabled)
}

func (s *samba) enable(dn string) {
	s.t.Helper()
	s.replace(dn, "userAccountControl", uacNormal)
}

// primary makes the group the person's primary one; it is no member value then.
func (s *samba) primary(person, group string) {
	s.t.Helper()
	s.replace(person, "primaryGroupID", strings.TrimPrefix(ridOf([]byte(s.value(group, "objectSid"))), "rid:"))
}

// clerk is an ordinary account, which may read nearly everything, as in every
// domain; but not what was deleted.
func (s *samba) clerk() Bind {
	s.t.Helper()
	b := Bind{DN: s.clerkDN(), Password: "Passw0rd-clerk"}
	s.add(b.DN, "objectClass", "user", "sAMAccountName", s.login("clerk"), "userAccountControl", uacNormal, "unicodePwd", utf16le(`"`+b.Password+`"`))
	return b
}

func (s *samba) clerkDN() string { return "CN=clerk,OU=elsewhere," + s.base }

// The rights of MS-ADTS 5.1.3.2 that hide entries from who lacks them.
const (
	listChildren = 0x4
	readProperty = 0x10
	listObject   = 0x80
)

// blind forbids searchOnly on each entry: what an entry itself allows goes before
// what it inherits.
func (s *samba) blind(way blindness) {
	s.t.Helper()
	of, filter := []byte(nil), "(objectClass=*)"
	switch way {
	case hiddenTree:
		s.deny("OU=people,"+s.base, listChildren|listObject|readProperty, nil)
		return
	case hiddenMembers:
		of, filter = memberGUID, "(objectClass=group)"
	}
	res, err := s.admin.Search(&ldaplib.SearchRequest{BaseDN: s.base, Scope: ldaplib.ScopeWholeSubtree, Filter: filter, Attributes: []string{"1.1"}})
	s.must(err)
	for _, e := range res.Entries {
		s.deny(e.DN, readProperty, of)
	}
}

// deny puts an entry before the others of the access control list that forbids
// the clerk something there and below, of one attribute if it is named (MS-DTYP
// 2.4.4.4, 2.4.4.5, 2.4.5, 2.4.6).
func (s *samba) deny(dn string, mask uint32, of []byte) {
	s.t.Helper()
	const offDACL, sizeACL, header = 16, 2, 8
	sd := []byte(s.descriptor(dn))
	if s.usual[dn] == "" {
		s.usual[dn] = string(sd)
	}
	sid := []byte(s.value(s.clerkDN(), "objectSid"))
	kind, object := byte(1), []byte(nil) // ACCESS_DENIED_ACE
	if of != nil {
		kind, object = 6, append([]byte{1, 0, 0, 0}, of...) // ACCESS_DENIED_OBJECT_ACE
	}
	ace := binary.LittleEndian.AppendUint32([]byte{kind, 2, byte(8 + len(object) + len(sid)), 0}, mask) // inherited by containers
	ace = append(append(ace, object...), sid...)
	acl := sd[binary.LittleEndian.Uint32(sd[offDACL:]):]
	binary.LittleEndian.PutUint16(acl[sizeACL:], binary.LittleEndian.Uint16(acl[sizeACL:])+uint16(len(ace)))
	binary.LittleEndian.PutUint16(acl[sizeACL+2:], binary.LittleEndian.Uint16(acl[sizeACL+2:])+1)
	s.describe(dn, string(slices.Insert(sd, len(sd)-len(acl)+header, ace...)))
}

// memberGUID is the schemaIDGUID of member, bf9679c0-0de6-11d0-a285-00aa003049e2
// (MS-ADA2 2.44), in the order of the wire.
var memberGUID = []byte{0xc0, 0x79, 0x96, 0xbf, 0xe6, 0x0d, 0xd0, 0x11, 0xa2, 0x85, 0x00, 0xaa, 0x00, 0x30, 0x49, 0xe2}

// onlyDACL asks for, and sets, no other part of a security descriptor.
var onlyDACL = []ldaplib.Control{ldaplib.NewControlString("1.2.840.113556.1.4.801", true, "\x30\x03\x02\x01\x04")}

func (s *samba) descriptor(dn string) string {
	s.t.Helper()
	res, err := s.admin.Search(&ldaplib.SearchRequest{BaseDN: dn, Filter: "(objectClass=*)", Attributes: []string{"nTSecurityDescriptor"}, Controls: onlyDACL})
	s.must(err)
	return res.Entries[0].GetAttributeValue("nTSecurityDescriptor")
}

func (s *samba) describe(dn, sd string) {
	s.t.Helper()
	r := ldaplib.NewModifyRequest(dn, onlyDACL)
	r.Replace("nTSecurityDescriptor", []string{sd})
	s.must(s.admin.Modify(r))
}

func (s *samba) heal() {
	s.t.Helper()
	for dn, sd := range s.usual {
		s.describe(dn, sd)
	}
	clear(s.usual)
}

func utf16le(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestSambaIsReadByEachWayToConnect(t *testing.T) {
	s := openSamba(t)
	ada, eve := s.person("ada"), s.person("eve")
	s.person("off", "description", "disabled")
	s.replace("CN=off,OU=people,"+s.base, "userAccountControl", uacDisabled)
	staff := s.group("staff", ada)
	s.group("all", staff, eve, "CN=off,OU=people,"+s.base)
	// The primary group is no member value: eve leaves the list of crew.
	crew := s.group("crew", eve)
	s.primary(eve, crew)
	want := []string{"created ada seen", "created all +ada +eve +off", "created crew +eve", "created eve seen", "created off seen", "created staff +ada"}
	s.connects(s.config(), map[string]func(*Config){
		"StartTLS":   func(*Config) {},
		"ldaps":      func(c *Config) { c.Servers = s.ldaps() },
		"pages of 2": func(c *Config) { c.Page = 2 },
		"plaintext":  func(c *Config) { c.Plaintext = true },
	}, want, func(_ string, d directory.Delta) {
		for _, a := range d.Next.Accounts {
			if off := strings.HasPrefix(a.Login, "off"); (a.Activity == directory.Disabled) != off {
				t.Errorf("%s is %v (%s)", a.Login, a.Activity, a.Disabler)
			}
		}
		for _, g := range d.Next.Groups {
			for _, m := range d.Next.Members(g.ID) {
				if a := d.Next.Account(m.Account); g.Name == "all" && strings.HasPrefix(a.Login, "ada") && len(m.Via) != 1 {
					t.Errorf("ada is in all by %v, want by staff", m.Via)
				}
			}
		}
	})
	s.refuses(s.config(), map[string]func(*Config){
		"an authority that is not trusted": func(c *Config) { c.RootCAs = x509.NewCertPool() },
		"a wrong password":                 func(c *Config) { c.Bind.Password = "wrong" },
	})
}

func TestSambaChangesAreReadByUSN(t *testing.T) {
	s := openSamba(t)
	ada, bob, eve := s.person("ada"), s.person("bob"), s.person("eve")
	staff := s.group("staff", ada, bob)
	s.group("all", staff, eve)
	f := s.follow(s.config(), "usn")
	ids := map[string]directory.EntryID{}
	for _, a := range f.state.Accounts {
		ids[strings.TrimSuffix(a.Login, s.tag)] = a.ID
	}
	f.step("nothing")
	s.replace(ada, "displayName", "Ada")
	f.step("an attribute", "edited ada seen")
	s.replace(staff, "member", ada)
	f.step("a member leaves", "members all -bob stated", "members staff -bob stated")
	s.replace(bob, "sAMAccountName", s.login("robert"))
	bob = s.rename(bob, "CN=robert", "")
	f.step("a rename", "edited robert seen")
	s.replace(staff, "member", ada, bob)
	f.step("a member comes", "members all +robert", "members staff +robert")
	s.add("OU=sales,OU=people,"+s.base, "objectClass", "organizationalUnit")
	bob = s.rename(bob, "CN=robert", "OU=sales,OU=people,"+s.base)
	f.step("a move within what is read", "edited robert seen")
	s.rename(staff, "CN=crew", "")
	f.step("a group's rename", "edited crew")
	s.replace(eve, "userAccountControl", uacDisabled)
	f.step("disabled", "deactivated eve flag")
	s.replace(eve, "userAccountControl", uacNormal)
	f.step("enabled", "reactivated eve seen")
	s.replace(eve, "accountExpires", "132223104000000000") // 2020-01-01
	f.step("expired", "deactivated eve flag")
	s.delete(ada)
	f.step("a delete, by its tombstone", "deleted ada explicit")
	s.rename(bob, "CN=robert", "OU=elsewhere,"+s.base)
	f.step("a move out of what is read", "deleted robert explicit")
	if ids["bob"].IsZero() || f.state.Account(ids["eve"]) == nil {
		t.Error("objectGUID did not stay")
	}
	f.done()
}

// Active Directory hands out at most 1,500 values of an attribute. Samba hands
// out all, unless it is asked for a range: then it answers as the other does.
func TestSambaRangesGiveAllMembers(t *testing.T) {
	s := openSamba(t)
	const many, base = 1600, "OU=many," + sambaDomain // by scripts/samba.sh
	c := s.config()
	c.Users.Base, c.Groups.Base = base, base
	c.Users.Filter = "(objectClass=contact)"
	c.Users.Login = "cn"
	d := follow(t, c, directory.State{})
	if n := len(d.Next.Groups[0].Accounts); n != many {
		t.Fatalf("%d members read at once", n)
	}
	if r := Check(t.Context(), c); !r.Trusted || !strings.Contains(fmt.Sprint(r.Stages), "1 groups with 1600 members") {
		t.Errorf("%+v", r)
	}
	session, err := ptr(c.withDefaults()).open(t.Context(), "")
	s.must(err)
	defer session.close()
	list := newGroups(session.cfg, session.p, newFinder(d.Next.Accounts, nil))
	s.must(session.one(d.Next.Groups[0].DN, []string{session.p.id, session.p.stamp, "member;range=0-1499"}, list))
	f := list.list[0]
	if f.open != "member" || f.from != 1500 || len(f.Accounts)+len(f.names) != 1500 {
		t.Fatalf("the first range: %d members, goes on from %d of %q", len(f.Accounts)+len(f.names), f.from, f.open)
	}
	s.must(session.closeRanges(list))
	s.must(newResolver(session, d.Next, list).resolve(list.list))
	if len(f.Accounts) != many || !f.Whole {
		t.Errorf("%d members, whole %v", len(f.Accounts), f.Whole)
	}
}

func ptr[T any](v T) *T { return &v }

// An ordinary account does not see what was deleted: then the next reading of
// everything finds it.
func TestSambaDeletionIsFoundWithoutItsTombstone(t *testing.T) {
	s := openSamba(t)
	ada := s.person("ada")
	for _, name := range []string{"bob", "eve", "kim"} {
		s.person(name)
	}
	c := s.config()
	c.Bind = s.clerk()
	deletions := func(c Config) Verdict {
		stages := Check(t.Context(), c).Stages
		i := slices.IndexFunc(stages, func(x Stage) bool { return x.Name == "deletions" })
		return stages[i].Verdict
	}
	if clerk, admin := deletions(c), deletions(s.config()); clerk != Warn || admin != Good {
		t.Errorf("ldap check of deletions: %s for the clerk, %s for the administrator", clerk, admin)
	}
	f := s.follow(c, "usn")
	s.delete(ada)
	f.step("a delete that is not shown")
	r, err := reader(t, c).ReadAll(t.Context(), f.state)
	s.must(err)
	d, err := directory.Diff(f.state, r)
	s.must(err)
	if diff := cmp.Diff(s.words(d), []string{"deleted ada confirmed"}); diff != "" {
		t.Errorf("got -, want +\n%s", diff)
	}
}

// A right that is denied from above hides what an entry does not allow itself:
// whether an account is disabled, and with that nobody can be told to be.
func TestSambaThatHidesWhoIsDisabledIsNotBelieved(t *testing.T) {
	s := openSamba(t)
	ada := s.person("ada")
	s.group("staff", ada)
	c := s.config()
	c.Bind = s.clerk()
	f := s.follow(c, "")
	s.deny(s.base, readProperty, nil)
	r, err := reader(t, c).ReadAll(t.Context(), f.state)
	s.must(err)
	d, err := directory.Diff(f.state, r)
	s.must(err)
	if diff := cmp.Diff(s.words(d), []string{"doubt ada: whether it is disabled is not shown any more"}); diff != "" {
		t.Errorf("got -, want +\n%s", diff)
	}
	if a := follow(t, c, directory.State{}).Next.Accounts[0]; a.ActiveAt(time.Now()) {
		t.Errorf("who is read for the first time is %+v", a)
	}
	p, err := NewPasswords(c, Attempts{})
	s.must(err)
	if _, err := p.Check(t.Context(), "", s.login("ada"), "Passw0rd-ada"); reason(err) != "disabled" || !strings.Contains(err.Error(), "may not read userAccountControl") {
		t.Error(err)
	}
	if says := fmt.Sprint(Check(t.Context(), c).Stages); !strings.Contains(says, "of 1 it is not shown whether they are disabled") {
		t.Error(says)
	}
}

// Active Directory's people are no inetOrgPerson, and not all of its groups are for
// rights.
func TestCheckKnowsWhatActiveDirectoryIs(t *testing.T) {
	s := openSamba(t)
	s.group("staff", s.person("ada"))
	c := s.config()
	c.Users.Filter = ""
	says := func() string {
		t.Helper()
		return fmt.Sprint(Check(t.Context(), c).Stages)
	}
	if got := says(); !strings.Contains(got, "set users.filter to (&(objectCategory=person)(objectClass=user))") {
		t.Error(got)
	}
	c = s.config()
	if got := says(); strings.Contains(got, "distribution") {
		t.Error(got)
	}
	list := s.group("list")
	s.replace(list, "groupType", "2") // global, for mail
	if got := says(); !strings.Contains(got, "1 are distribution groups") {
		t.Error(got)
	}
	c.Groups.Filter = "(&(objectClass=group)" + securityGroup + ")"
	if got := says(); strings.Contains(got, "distribution") || !strings.Contains(got, "1 groups with 1 members") {
		t.Error(got)
	}
}
