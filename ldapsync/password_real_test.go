package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"
)

// account is one that a real server refuses, or lets in, and how it came to that.
type account struct {
	policy func(dn string) // before it has a password
	spoil  func(dn string) // after
	want   Reason
	says   string // to the administrator
	wrong  bool   // the password that is typed
}

// signIns tries the accounts, each with its password, as the clerk finds them.
func signIns(t *testing.T, s realServer, accounts map[string]account) {
	t.Helper()
	c := s.config()
	c.Bind = s.clerk()
	p, err := NewPasswords(c, Attempts{Account: 100, Address: 1000})
	s.at().must(err)
	for name, a := range accounts {
		dn := s.person(name)
		if a.policy != nil {
			a.policy(dn)
		}
		s.password(dn, "Passw0rd-"+name)
		if a.spoil != nil {
			a.spoil(dn)
		}
		password := "Passw0rd-" + name
		if a.wrong {
			password = "wrong"
		}
		who, err := p.Check(t.Context(), "10.0.0.1", s.login(name), password)
		if a.want == "" {
			if err != nil || !strings.EqualFold(who.Account.DN, dn) {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
			continue
		}
		r, refused := errors.AsType[*Refusal](err)
		if !refused || r.Reason != a.want || !strings.Contains(r.Error(), a.says) {
			t.Errorf("%s: %v, want %s with %q", name, err, a.want, a.says)
		}
	}
}

// policy makes a password policy of draft-behera-ldap-password-policy-10 and
// gives it to people.
func (s *slapd) policy(attrs ...string) func(dn string) {
	s.t.Helper()
	name := fmt.Sprint("policy", s.policies)
	s.policies++
	policy := s.add("cn="+name+","+s.base, append([]string{"objectClass", "device", "objectClass", "pwdPolicy", "cn", name, "pwdAttribute", "userPassword"}, attrs...)...)
	return func(dn string) {
		s.t.Helper()
		s.replace(dn, "pwdPolicySubentry", policy)
	}
}

// relaxed replaces an attribute that only the server writes (the relax rules
// control of draft-zeilenga-ldap-relax).
func (s *slapd) relaxed(dn, attribute, value string) {
	s.t.Helper()
	r := ldaplib.NewModifyRequest(dn, []ldaplib.Control{ldaplib.NewControlString("1.3.6.1.4.1.4203.666.5.12", true, "")})
	r.Replace(attribute, []string{value})
	s.must(s.admin.Modify(r))
}

func (s *slapd) lockAfter(n int) func(dn string) {
	return s.policy("pwdLockout", "TRUE", "pwdMaxFailure", fmt.Sprint(n), "pwdLockoutDuration", "1000")
}

// longAgo is a GeneralizedTime.
const longAgo = "20200101000000Z"

func TestSlapdPasswordPolicyIsHeeded(t *testing.T) {
	s := openSlapd(t)
	set := func(attribute, value string) func(string) {
		return func(dn string) { s.replace(dn, attribute, value) }
	}
	old := func(dn string) { s.relaxed(dn, "pwdChangedTime", longAgo) }
	locks := s.lockAfter(5)
	signIns(t, s, map[string]account{
		"ada":      {},
		"typo":     {wrong: true, want: Wrong, says: "Invalid Credentials"},
		"off":      {spoil: s.disable, want: Barred, says: "pwdAccountLockedTime is 000001010000Z"},
		"reset":    {spoil: set("pwdReset", "TRUE"), want: MustChange, says: "must be changed first"},
		"resetter": {spoil: set("pwdReset", "TRUE"), wrong: true, want: Wrong},
		"new":      {policy: s.policy("pwdMustChange", "TRUE"), want: MustChange, says: "must be changed first"},
		"locked":   {policy: locks, spoil: wrongly(s), want: Locked, says: "pwdAccountLockedTime is "},
		"expired":  {policy: s.policy("pwdMaxAge", "1000"), spoil: old, want: Expired, says: "has expired"},
		"grace":    {policy: s.policy("pwdMaxAge", "1000", "pwdGraceAuthnLimit", "3"), spoil: old, want: Expired, says: "2 grace logins are left"},
		"warned":   {policy: s.policy("pwdMaxAge", "1000", "pwdExpireWarning", "999")},
		"ended":    {policy: locks, spoil: set("pwdEndTime", longAgo), want: Barred, says: "pwdEndTime is " + longAgo},
		"early":    {policy: locks, spoil: set("pwdStartTime", "20980101000000Z"), want: Barred, says: "pwdStartTime is "},
	})
}

// wrongly tries as many wrong passwords as lock, past our limiter.
func wrongly(s realServer) func(dn string) {
	return func(dn string) {
		for range 5 {
			_ = s.at().tryBind(s.config(), dn, "wrong")
		}
		// OpenLDAP writes the lock by one clock and compares it by time(), which is up
		// to a tick behind: for that long after a second begins, a lock of that second
		// is one of the future, and the account is open.
		time.Sleep(20 * time.Millisecond)
	}
}

// policy is as OpenLDAP's, with the names of this server.
func (s *ds389) policy(attrs ...string) func(dn string) {
	s.t.Helper()
	config := ldaplib.NewModifyRequest("cn=config", nil)
	config.Replace("nsslapd-pwpolicy-local", []string{"on"})
	s.must(s.admin.Modify(config))
	name := fmt.Sprint("policy", s.policies)
	s.policies++
	policy := s.add("cn="+name+","+s.base, append([]string{"objectClass", "ldapsubentry", "objectClass", "passwordPolicy", "cn", name}, attrs...)...)
	return func(dn string) {
		s.t.Helper()
		s.replace(dn, "pwdPolicySubentry", policy)
	}
}

func (s *ds389) lockAfter(n int) func(dn string) {
	return s.policy("passwordLockout", "on", "passwordMaxFailure", fmt.Sprint(n), "passwordUnlock", "off")
}

func TestDS389PasswordPolicyIsHeeded(t *testing.T) {
	s := openDS389(t)
	// The server answers a new password first, and writes what follows after that.
	settled := func(dn string) {
		for end := time.Now().Add(10 * time.Second); s.value(dn, "passwordExpirationTime") == ""; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s has no passwordExpirationTime", dn)
			}
		}
	}
	old := func(dn string) {
		settled(dn)
		s.replace(dn, "passwordExpirationTime", longAgo)
	}
	signIns(t, s, map[string]account{
		"ada":     {},
		"typo":    {wrong: true, want: Wrong, says: "Invalid Credentials"},
		"off":     {spoil: s.disable, want: Barred, says: "nsAccountLock is true"},
		"new":     {policy: s.policy("passwordMustChange", "on"), spoil: settled, want: MustChange, says: "must be changed first"},
		"locked":  {policy: s.lockAfter(5), spoil: wrongly(s), want: Locked, says: "Exceed password retry limit"},
		"expired": {policy: s.policy("passwordExp", "on", "passwordMaxAge", "1000"), spoil: old, want: Expired, says: "password expired"},
		"grace":   {policy: s.policy("passwordExp", "on", "passwordMaxAge", "1000", "passwordGraceLimit", "2"), spoil: old, want: Expired, says: "1 grace logins are left"},
		"warned":  {policy: s.policy("passwordExp", "on", "passwordMaxAge", "1000", "passwordWarning", "999", "passwordSendExpiringTime", "on")},
	})
	c := s.config()
	c.Bind = Bind{DN: "uid=off,ou=people," + s.base, Password: "Passw0rd-off"}
	s.refuses(c, map[string]func(*Config){"who is locked reads": func(*Config) {}})
}

// lockAfter is a password settings object (MS-ADTS 3.1.1.4.5.39), which stands in
// a place for all; times are in 100 ns and negative.
func (s *samba) lockAfter(n int) func(dn string) {
	s.t.Helper()
	const halfAnHour, never = "-18000000000", "-9223372036854775808"
	dn := "CN=policy" + s.tag + ",CN=Password Settings Container,CN=System," + sambaDomain
	s.add(dn, "objectClass", "msDS-PasswordSettings", "msDS-PasswordSettingsPrecedence", "1", "msDS-PasswordReversibleEncryptionEnabled", "FALSE",
		"msDS-PasswordHistoryLength", "0", "msDS-PasswordComplexityEnabled", "FALSE", "msDS-MinimumPasswordLength", "0", "msDS-MinimumPasswordAge", "0",
		"msDS-MaximumPasswordAge", never, "msDS-LockoutThreshold", fmt.Sprint(n), "msDS-LockoutObservationWindow", halfAnHour, "msDS-LockoutDuration", halfAnHour)
	s.t.Cleanup(func() { s.delete(dn) })
	return func(person string) {
		s.t.Helper()
		s.replace(dn, "msDS-PSOAppliesTo", person)
	}
}

// aged makes the password of 2020. Over LDAP nobody can, so it is written into the
// server's database, past the module that looks after passwords.
func (s *samba) aged(dn string) {
	s.t.Helper()
	const script = `import sys, ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
lp = LoadParm()
lp.load(sys.argv[1] + "/etc/smb.conf")
db = SamDB(url=sys.argv[1] + "/private/sam.ldb", session_info=system_session(), lp=lp)
m = ldb.Message(ldb.Dn(db, sys.argv[2]))
m["pwdLastSet"] = ldb.MessageElement("132223104000000000", ldb.FLAG_MOD_REPLACE, "pwdLastSet")
db.modify(m, ["local_oid:" + dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID + ":1"])`
	out, err := exec.Command("/usr/bin/python3", "-c", script, filepath.Join(s.folder, "live"), dn).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

func TestSambaSaysByItsCodesWhoMayNotSignIn(t *testing.T) {
	s := openSamba(t)
	set := func(attribute, value string) func(string) {
		return func(dn string) { s.replace(dn, attribute, value) }
	}
	signIns(t, s, map[string]account{
		"ada":     {},
		"typo":    {wrong: true, want: Wrong, says: "data 52e"},
		"off":     {spoil: s.disable, want: Barred, says: "userAccountControl is 514"},
		"gone":    {spoil: set("accountExpires", "132223104000000000"), want: Barred, says: "it has expired"},
		"stale":   {spoil: set("pwdLastSet", "0"), want: MustChange, says: "data 773"},
		"expired": {spoil: s.aged, want: Expired, says: "data 532"},
		"locked":  {policy: s.lockAfter(5), spoil: wrongly(s), want: Locked, says: "data 775"},
		"night":   {spoil: set("logonHours", string(make([]byte, 21))), want: Barred, says: "data 530"},
		"desk":    {spoil: set("userWorkstations", "DESK7"), want: Barred, says: "data 531"},
	})
	// What stands in the entry is seen before the bind; so are its codes.
	for name, code := range map[string]string{"off": "533", "gone": "701"} {
		err := s.tryBind(s.config(), "CN="+name+",OU=people,"+s.base, "Passw0rd-"+name)
		if reason, says := verdict(err, nil); reason != Barred || !strings.Contains(says.Error(), code) {
			t.Errorf("%s: %s %v, want disabled by %s", name, reason, says, code)
		}
	}
}

func TestSambaTakesTheNameThatIsConfigured(t *testing.T) {
	s := openSamba(t)
	upn := "Ada.Lovelace" + s.tag + "@corp.example"
	s.person("ada", "userPrincipalName", upn, "mail", "ada"+s.tag+"@mail.example")
	clerk := s.clerk()
	for attribute, names := range map[string]map[string]string{
		"":                  {s.login("ada"): "", strings.ToUpper(s.login("ada")): "", upn: "unknown", `CORP\` + s.login("ada"): "unknown"},
		"userPrincipalName": {upn: "", strings.ToLower(upn): "", s.login("ada"): "unknown"},
		"mail":              {"ada" + s.tag + "@mail.example": "", upn: "unknown"},
	} {
		c := s.config()
		c.Bind, c.Users.Login = clerk, attribute
		p, err := NewPasswords(c, Attempts{Account: 100})
		s.must(err)
		for name, want := range names {
			who, err := p.Check(t.Context(), "10.0.0.1", name, "Passw0rd-ada")
			if got := reason(err); err != nil && got != want || err == nil && (want != "" || who.Account.ID.IsZero()) {
				t.Errorf("login %q, %q: %v, want %q", attribute, name, err, want)
			}
		}
	}
}

// A directory locks an account after so many wrong passwords. Ours stops before,
// from however many addresses they come, so that nobody is locked out through us.
func TestNoServerLocksAnAccountThroughUs(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		dn := s.person("ada")
		s.lockAfter(5)(dn)
		s.password(dn, "Passw0rd-ada")
		p, err := NewPasswords(s.config(), Attempts{})
		s.at().must(err)
		for i := range 12 {
			_, err := p.Check(t.Context(), fmt.Sprint("10.0.0.", i), strings.ToUpper(s.login("ada")), "wrong")
			if got, want := reason(err), map[bool]string{true: "wrong", false: "limited"}[i < 4]; got != want {
				t.Errorf("attempt %d: %s, want %s", i, got, want)
			}
		}
		if err := s.at().tryBind(s.config(), dn, "Passw0rd-ada"); err != nil {
			t.Errorf("we locked the account: %v", err)
		}
		// The lock is real: past our limiter it closes.
		wrongly(s)(dn)
		if err := s.at().tryBind(s.config(), dn, "Passw0rd-ada"); err == nil {
			t.Error("the server does not lock at all")
		}
		// A lock-out is temporary and takes nothing from anybody.
		f := s.at().follow(s.config(), "")
		f.step("locked")
		if len(f.state.Accounts) != 1 || !f.state.Accounts[0].ActiveAt(f.state.Checkpoint.At) {
			t.Errorf("%+v", f.state.Accounts)
		}
	})
}

// When the password of who reads was changed, people go on trying to sign in; that
// must not lock him.
func TestNoServerLocksWhoReadsThroughUs(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		dn := s.person("reads")
		s.lockAfter(5)(dn)
		s.password(dn, "Passw0rd-reads")
		c := s.config()
		c.Bind = Bind{DN: dn, Password: "of last year"}
		now := time.Now()
		c.Now = func() time.Time { return now }
		p, err := NewPasswords(c, Attempts{})
		s.at().must(err)
		tries := func() {
			t.Helper()
			var wait sync.WaitGroup
			for i := range 20 {
				wait.Go(func() {
					if _, err := p.Check(context.Background(), "10.0.0.1", fmt.Sprint("p", i), "x"); reason(err) != "unavailable" {
						t.Error(err)
					}
				})
			}
			wait.Wait()
		}
		tries()
		now = now.Add(31 * time.Minute)
		tries()
		if _, err := p.Check(t.Context(), "", "x", "x"); !strings.Contains(err.Error(), "not asked again before") {
			t.Error(err)
		}
		if err := s.at().tryBind(s.config(), dn, "Passw0rd-reads"); err != nil {
			t.Errorf("we locked who reads: %v", err)
		}
	})
}

func TestEveryServerTakesTheRightPasswordOnly(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		for _, name := range []string{"ada", "off"} {
			s.password(s.person(name), "Passw0rd-"+name)
		}
		c := s.config()
		c.Bind = s.clerk()
		p, err := NewPasswords(c, Attempts{Account: 100})
		s.at().must(err)
		ada := s.login("ada")
		for _, x := range []struct{ login, password, want string }{
			{ada, "passw0rd-ada", "wrong"}, {ada, "", "malformed"}, {ada, "\x00", "malformed"}, {ada, "Passw0rd-ada\x00", "malformed"},
			{"zoe", "Passw0rd-ada", "unknown"}, {ada + "*", "Passw0rd-ada", "unknown"}, {"*", "Passw0rd-ada", "unknown"},
			{ada[:1] + " " + ada[1:], "Passw0rd-ada", "unknown"}, {ada + ")(cn=*", "Passw0rd-ada", "unknown"},
		} {
			if _, err := p.Check(t.Context(), "10.0.0.1", x.login, x.password); !errors.Is(err, ErrRefused) || reason(err) != x.want {
				t.Errorf("%q %q: %v, want %s", x.login, x.password, err, x.want)
			}
		}
		if who, err := p.Check(t.Context(), "10.0.0.1", " "+strings.ToUpper(ada)+" ", "Passw0rd-ada"); err != nil || who.Account.Login != ada {
			t.Errorf("%+v, %v", who, err)
		}
	})
}
