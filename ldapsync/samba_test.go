package ldapsync

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	ldaplib "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
)

const (
	sambaDomain = "DC=corp,DC=example"
	sambaAdmin  = "CN=Administrator,CN=Users," + sambaDomain
	sambaSecret = "Passw0rd-admin"
)

// samba is a real Active Directory domain controller with a place of its own
// for one test.
type samba struct{ *slapd }

func openSamba(t testing.TB) *samba {
	t.Helper()
	address := os.Getenv("GRANTBRIDGE_TEST_SAMBA")
	if address == "" {
		t.Skip("left out: Active Directory; set GRANTBRIDGE_TEST_SAMBA to what scripts/samba.sh prints, or run make test-all")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &samba{&slapd{t: t, url: u, folder: u.Query().Get("folder"), base: "OU=" + rand.Text() + "," + sambaDomain}}
	s.admin, err = ldaplib.DialURL("ldap://" + u.Host)
	s.must(err)
	t.Cleanup(func() { s.admin.Close() })
	s.must(s.admin.StartTLS(ptr(s.config()).tlsConfig(u)))
	s.must(s.admin.Bind(sambaAdmin, sambaSecret))
	for _, dn := range []string{s.base, "OU=people," + s.base, "OU=groups," + s.base, "OU=elsewhere," + s.base} {
		s.add(dn, "objectClass", "organizationalUnit")
	}
	t.Cleanup(func() { s.removeAll() })
	return s
}

func (s *samba) config() Config {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(s.folder, "ca.pem"))
	s.must(err)
	roots.AppendCertsFromPEM(pem)
	return Config{
		Source: "corp", Servers: []string{"ldap://" + s.url.Host}, RootCAs: roots,
		Bind:   Bind{DN: sambaAdmin, Password: sambaSecret},
		Users:  Users{Base: "OU=people," + s.base, Filter: "(&(objectCategory=person)(objectClass=user))"},
		Groups: Groups{Base: "OU=groups," + s.base, Filter: "(objectClass=group)"},
	}
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

// login is unique in the domain.
func (s *samba) login(name string) string { return name + "-" + strings.ToLower(s.base[3:11]) }

func (s *samba) group(name string, members ...string) string {
	s.t.Helper()
	attrs := []string{"objectClass", "group", "sAMAccountName", s.login(name)}
	for _, m := range members {
		attrs = append(attrs, "member", m)
	}
	return s.add("CN="+name+",OU=groups,"+s.base, attrs...)
}

func utf16le(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// words are those of a delta, with the names that a test gave.
func (s *samba) words(d directory.Delta) []string {
	out := words(d)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "-"+strings.ToLower(s.base[3:11]), "")
	}
	for i, line := range out { // members in order of name, not of id
		f := strings.Fields(line)
		if strings.HasPrefix(line, "created") && strings.Contains(line, "+") {
			slices.Sort(f[2:])
		}
		out[i] = strings.Join(f, " ")
	}
	return out
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
	s.replace(eve, "primaryGroupID", strings.TrimPrefix(ridOf([]byte(s.value(crew, "objectSid"))), "rid:"))
	want := []string{"created ada seen", "created all +ada +eve +off", "created crew +eve", "created eve seen", "created off seen", "created staff +ada"}
	for name, change := range map[string]func(*Config){
		"StartTLS":   func(*Config) {},
		"ldaps":      func(c *Config) { c.Servers = []string{"ldaps://" + s.url.Hostname() + ":" + s.url.Query().Get("tls")} },
		"pages of 2": func(c *Config) { c.Page = 2 },
		"plaintext":  func(c *Config) { c.Plaintext = true },
	} {
		c := s.config()
		change(&c)
		d := follow(t, c, directory.State{})
		got := s.words(d)
		slices.Sort(got)
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: got -, want +\n%s", name, diff)
		}
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
	}
	for name, change := range map[string]func(*Config){
		"an authority that is not trusted": func(c *Config) { c.RootCAs = x509.NewCertPool() },
		"a wrong password":                 func(c *Config) { c.Bind.Password = "wrong" },
	} {
		c := s.config()
		change(&c)
		_, err := try(c, directory.State{})
		if e, ok := errors.AsType[*Error](err); !ok || e.Next() != Stop || e.Words() == "" {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %s", name, e.Words())
		}
	}
}

func TestSambaChangesAreReadByUSN(t *testing.T) {
	s := openSamba(t)
	ada, bob, eve := s.person("ada"), s.person("bob"), s.person("eve")
	staff := s.group("staff", ada, bob)
	s.group("all", staff, eve)
	c := s.config()
	state := follow(t, c, directory.State{}).Next
	ids := map[string]directory.EntryID{}
	for _, a := range state.Accounts {
		ids[strings.TrimSuffix(a.Login, s.login(""))] = a.ID
	}
	step := func(name string, want ...string) {
		t.Helper()
		start := time.Now()
		r, err := reader(t, c).Read(t.Context(), state)
		s.must(err)
		if r.Full || r.Mode != "usn" {
			t.Errorf("%s: read %s, full %v", name, r.Mode, r.Full)
		}
		t.Logf("%s: %v", name, time.Since(start).Round(time.Millisecond))
		delta, err := directory.Diff(state, r)
		s.must(err)
		state = delta.Next
		got := s.words(delta)
		slices.Sort(got)
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: got -, want +\n%s", name, diff)
		}
	}
	step("nothing")
	s.replace(ada, "displayName", "Ada")
	step("an attribute", "edited ada seen")
	s.replace(staff, "member", ada)
	step("a member leaves", "members all -bob stated", "members staff -bob stated")
	s.replace(bob, "sAMAccountName", s.login("robert"))
	bob = s.rename(bob, "CN=robert", "")
	step("a rename", "edited robert seen")
	s.replace(staff, "member", ada, bob)
	step("a member comes", "members all +robert", "members staff +robert")
	s.add("OU=sales,OU=people,"+s.base, "objectClass", "organizationalUnit")
	bob = s.rename(bob, "CN=robert", "OU=sales,OU=people,"+s.base)
	step("a move within what is read", "edited robert seen")
	s.rename(staff, "CN=crew", "")
	step("a group's rename", "edited crew")
	s.replace(eve, "userAccountControl", uacDisabled)
	step("disabled", "deactivated eve flag")
	s.replace(eve, "userAccountControl", uacNormal)
	step("enabled", "reactivated eve seen")
	s.replace(eve, "accountExpires", "132223104000000000") // 2020-01-01
	step("expired", "deactivated eve flag")
	s.delete(ada)
	step("a delete, by its tombstone", "deleted ada explicit")
	s.rename(bob, "CN=robert", "OU=elsewhere,"+s.base)
	step("a move out of what is read", "deleted robert explicit")
	if ids["bob"].IsZero() || state.Account(ids["eve"]) == nil {
		t.Error("objectGUID did not stay")
	}
	again := follow(t, c, directory.State{}).Next
	if diff := cmp.Diff(picture(again), picture(state)); diff != "" {
		t.Error(diff)
	}
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
	s.must(newResolver(session, d.Next, list.find, list.list).resolve(list.list))
	if len(f.Accounts) != many || !f.Whole {
		t.Errorf("%d members, whole %v", len(f.Accounts), f.Whole)
	}
}

func ptr[T any](v T) *T { return &v }

func TestSambaTakesPasswordsOfAccountsThatMaySignIn(t *testing.T) {
	s := openSamba(t)
	s.person("ada")
	for login, change := range map[string][2]string{
		"off": {"userAccountControl", uacDisabled}, "expired": {"accountExpires", "132223104000000000"}, "stale": {"pwdLastSet", "0"},
	} {
		s.replace(s.person(login), change[0], change[1])
	}
	p, err := NewPasswords(s.config(), Attempts{Account: 100, Address: 1000})
	s.must(err)
	who, err := p.Check(t.Context(), "10.0.0.1", s.login("ada"), "Passw0rd-ada")
	if err != nil || who.Account.Login != s.login("ada") {
		t.Fatalf("%+v, %v", who, err)
	}
	for _, c := range []struct{ login, password, reason, says string }{
		{"ada", "wrong", "password", "the password is wrong"},
		{"nobody", "Passw0rd-ada", "unknown", ""},
		{"off", "Passw0rd-off", "disabled", "userAccountControl"},
		{"expired", "Passw0rd-expired", "disabled", "expired"},
		{"stale", "Passw0rd-stale", "password", "must be changed"},
	} {
		_, err := p.Check(t.Context(), "10.0.0.1", s.login(c.login), c.password)
		r, refused := errors.AsType[*Refusal](err)
		if !refused || r.Reason != c.reason {
			t.Errorf("%s: %v, want %s", c.login, err, c.reason)
			continue
		}
		says := fmt.Sprint(r.Err)
		if e, ok := errors.AsType[*Error](r.Err); ok {
			says = e.Words()
		}
		if !strings.Contains(says, c.says) {
			t.Errorf("%s: says %q, want %q", c.login, says, c.says)
		}
	}
}

// The directory locks an account after so many wrong passwords; ours stops
// before, so that nobody is locked out through us, and knows the lock when it
// is there.
func TestSambaLocksAndIsNotLockedThroughUs(t *testing.T) {
	s := openSamba(t)
	threshold := s.value(sambaDomain, "lockoutThreshold")
	s.replace(sambaDomain, "lockoutThreshold", "5")
	defer s.replace(sambaDomain, "lockoutThreshold", threshold)
	s.person("ada")
	p, err := NewPasswords(s.config(), Attempts{})
	s.must(err)
	for range 8 {
		_, _ = p.Check(t.Context(), "10.0.0.1", s.login("ada"), "wrong")
	}
	if n := s.value("CN=ada,OU=people,"+s.base, "lockoutTime"); n != "" && n != "0" {
		t.Error("we locked the account")
	}
	for range 6 {
		_ = s.loginAs("CN=ada,OU=people," + s.base)
	}
	p, err = NewPasswords(s.config(), Attempts{})
	s.must(err)
	_, err = p.Check(t.Context(), "10.0.0.1", s.login("ada"), "Passw0rd-ada")
	r, refused := errors.AsType[*Refusal](err)
	if !refused || r.Reason != "password" {
		t.Fatalf("a locked account: %v", err)
	}
	e, ok := errors.AsType[*Error](r.Err)
	if !ok {
		t.Fatalf("a locked account: %v", r.Err)
	}
	t.Log(e.Words())
	// A lock-out is temporary and takes nothing from anybody.
	if d := follow(t, s.config(), directory.State{}); len(d.Next.Accounts) != 1 || d.Next.Accounts[0].Activity != directory.Active {
		t.Errorf("%+v", d.Next.Accounts)
	}
}

// loginAs tries a wrong password without a limiter.
func (s *samba) loginAs(dn string) error {
	c := s.config()
	c.Bind = Bind{DN: dn, Password: "wrong"}
	_, err := try(c, directory.State{})
	return err
}
