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
)

// realServer is a real directory server with a place of its own for one test.
type realServer interface {
	at() *place
	config() Config
	person(login string, attrs ...string) string
	group(name string, members ...string) string
	login(name string) string // of the person with the name
	password(dn, password string)
	disable(dn string)
	enable(dn string)
	// lockAfter is a policy by which so many wrong passwords lock an account.
	lockAfter(n int) func(dn string)
	// clerk reads the place and has no other right.
	clerk() Bind
	// blind makes the clerk's searches succeed with nothing, or lack something,
	// until heal.
	blind(way blindness)
	heal()
}

// blindness is a way in which a server answers success with nothing, or less.
type blindness string

const (
	searchOnly    blindness = "it may search and not read"
	hiddenTree    blindness = "its base is above what it may see"
	hiddenMembers blindness = "it may not read who is in a group"
)

// eachServer runs a test on every real server that there is.
func eachServer(t *testing.T, f func(t *testing.T, s realServer)) {
	t.Run("slapd", func(t *testing.T) { f(t, openSlapd(t)) })
	t.Run("samba", func(t *testing.T) { f(t, openSamba(t)) })
	t.Run("389ds", func(t *testing.T) { f(t, openDS389(t)) })
}

// place is the part of a server below base, and a connection that may write.
type place struct {
	t      testing.TB
	url    *url.URL
	folder string // with ca.pem
	base   string
	admin  *ldaplib.Conn
	// tag is what logins end in where they must be unique in the whole directory.
	tag      string
	policies int // that were made
}

// newPlace connects to the server whose address the environment gives and makes
// a place of its own below the suffix, by the admin that login binds as.
func newPlace(t testing.TB, address, suffix string, login func(*place) error) *place {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &place{t: t, url: u, folder: u.Query().Get("folder"), base: "ou=" + rand.Text() + "," + suffix}
	s.admin, err = ldaplib.DialURL("ldap://" + u.Host)
	s.must(err)
	t.Cleanup(func() { s.admin.Close() })
	s.must(login(s))
	for _, dn := range []string{s.base, "ou=people," + s.base, "ou=groups," + s.base, "ou=elsewhere," + s.base} {
		s.add(dn, "objectClass", "organizationalUnit")
	}
	t.Cleanup(s.removeAll)
	return s
}

func (s *place) at() *place { return s }

// reading is how to read the place as who has the bind.
func (s *place) reading(b Bind) Config {
	return Config{
		Source: "corp", Servers: []string{"ldap://" + s.url.Host}, RootCAs: s.roots(), CAFile: filepath.Join(s.folder, "ca.pem"), Bind: b,
		Users: Users{Base: "ou=people," + s.base}, Groups: Groups{Base: "ou=groups," + s.base},
	}
}

func (s *place) ldaps() []string {
	return []string{"ldaps://" + s.url.Hostname() + ":" + s.url.Query().Get("tls")}
}

func (s *place) roots() *x509.CertPool {
	s.t.Helper()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(s.folder, "ca.pem"))
	s.must(err)
	roots.AppendCertsFromPEM(pem)
	return roots
}

func (s *place) login(name string) string { return name + s.tag }

func (s *place) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *place) add(dn string, attrs ...string) string {
	s.t.Helper()
	r := ldaplib.NewAddRequest(dn, nil)
	values := map[string][]string{}
	var names []string
	for i := 0; i < len(attrs); i += 2 {
		if values[attrs[i]] == nil {
			names = append(names, attrs[i])
		}
		values[attrs[i]] = append(values[attrs[i]], attrs[i+1])
	}
	for _, n := range names {
		r.Attribute(n, values[n])
	}
	s.must(s.admin.Add(r))
	return dn
}

func (s *place) person(login string, attrs ...string) string {
	s.t.Helper()
	return s.add("uid="+login+",ou=people,"+s.base, append([]string{"objectClass", "inetOrgPerson", "uid", login, "cn", login, "sn", login, "displayName", "Dr. " + login}, attrs...)...)
}

func (s *place) group(name string, members ...string) string {
	s.t.Helper()
	return s.add("cn="+name+",ou=groups,"+s.base, append([]string{"objectClass", "groupOfNames", "cn", name}, membersOf(members)...)...)
}

func membersOf(dns []string) []string {
	var attrs []string
	for _, m := range dns {
		attrs = append(attrs, "member", m)
	}
	return attrs
}

func (s *place) password(dn, password string) {
	s.t.Helper()
	s.replace(dn, "userPassword", password)
}

func (s *place) replace(dn, attribute string, values ...string) {
	s.t.Helper()
	r := ldaplib.NewModifyRequest(dn, nil)
	r.Replace(attribute, values)
	s.must(s.admin.Modify(r))
}

func (s *place) rename(dn, rdn, above string) string {
	s.t.Helper()
	s.must(s.admin.ModifyDN(ldaplib.NewModifyDNRequest(dn, rdn, true, above)))
	if above == "" {
		_, above, _ = strings.Cut(dn, ",")
	}
	return rdn + "," + above
}

func (s *place) delete(dn string) {
	s.t.Helper()
	s.must(s.admin.Del(ldaplib.NewDelRequest(dn, nil)))
}

func (s *place) value(dn, attribute string) string {
	s.t.Helper()
	res, err := s.admin.Search(&ldaplib.SearchRequest{BaseDN: dn, Filter: "(objectClass=*)", Attributes: []string{attribute}})
	s.must(err)
	return res.Entries[0].GetAttributeValue(attribute)
}

// removeAll leaves nothing; an entry may hold another, as a person the primary
// group, so it goes round.
func (s *place) removeAll() {
	for range 4 {
		res, err := s.admin.Search(&ldaplib.SearchRequest{BaseDN: s.base, Scope: ldaplib.ScopeWholeSubtree, Filter: "(objectClass=*)", Attributes: []string{"1.1"}})
		if err != nil {
			return
		}
		for _, e := range slices.Backward(res.Entries) {
			_ = s.admin.Del(ldaplib.NewDelRequest(e.DN, nil))
		}
	}
}

// tryBind binds as somebody, past all that we put before it.
func (s *place) tryBind(c Config, dn, password string) error {
	s.t.Helper()
	c = c.withDefaults()
	session, err := c.session(s.t.Context(), c.Servers[0])
	s.must(err)
	defer session.close()
	return session.fault("bind", session.ldap.Bind(dn, password))
}

// words are those of a delta, with the names that the test gave, in order.
func (s *place) words(d directory.Delta) []string {
	var out []string
	for _, line := range words(d) {
		if s.tag != "" {
			line = strings.ReplaceAll(line, s.tag, "")
		}
		f := strings.Fields(line)
		if strings.HasPrefix(line, "created") && strings.Contains(line, "+") {
			slices.Sort(f[2:]) // in order of name, not of id
		}
		out = append(out, strings.Join(f, " "))
	}
	slices.Sort(out)
	return out
}

// connects reads everything in each way, which must give the same.
func (s *place) connects(c Config, ways map[string]func(*Config), want []string, also func(way string, d directory.Delta)) {
	s.t.Helper()
	for name, change := range ways {
		c := c
		change(&c)
		d := follow(s.t, c, directory.State{})
		if diff := cmp.Diff(s.words(d), want); diff != "" {
			s.t.Errorf("%s: got -, want +\n%s", name, diff)
		}
		if also != nil {
			also(name, d)
		}
	}
}

// refuses tries to read in each way; each must end in words for an administrator.
func (s *place) refuses(c Config, ways map[string]func(*Config)) {
	s.t.Helper()
	for name, change := range ways {
		c := c
		change(&c)
		_, err := try(c, directory.State{})
		if e, ok := errors.AsType[*Error](err); !ok || e.Next() != Stop || e.Words() == "" {
			s.t.Errorf("%s: %v", name, err)
		} else {
			s.t.Logf("%s: %s", name, e.Words())
		}
	}
}

// follower reads a place again and again.
type follower struct {
	*place
	c     Config
	mode  string // what every reading must be, or empty
	state directory.State
}

func (s *place) follow(c Config, mode string) *follower {
	s.t.Helper()
	return &follower{s, c, mode, follow(s.t, c, directory.State{}).Next}
}

// step reads what has changed and compares it with what must have.
func (f *follower) step(name string, want ...string) {
	f.t.Helper()
	r, err := reader(f.t, f.c).Read(f.t.Context(), f.state)
	f.must(err)
	if f.mode != "" && (r.Full || r.Mode != f.mode) {
		f.t.Errorf("%s: read %s, full %v", name, r.Mode, r.Full)
	}
	delta, err := directory.Diff(f.state, r)
	f.must(err)
	f.state = delta.Next
	if diff := cmp.Diff(f.words(delta), want); diff != "" {
		f.t.Errorf("%s: got -, want +\n%s", name, diff)
	}
}

// done compares with a reading of everything by who knows nothing.
func (f *follower) done() {
	f.t.Helper()
	again := follow(f.t, f.c, directory.State{}).Next
	if diff := cmp.Diff(picture(again), picture(f.state)); diff != "" {
		f.t.Errorf("a full reading -, this +\n%s", diff)
	}
}
