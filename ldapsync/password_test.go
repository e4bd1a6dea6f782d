package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// signIn is a checker before a server where ada has the password "pw".
func signIn(t testing.TB, d *ldaptest.Directory, a Attempts) (*Passwords, *ldaptest.Server) {
	t.Helper()
	d.Set("uid=ada,"+ldaptest.People, "userPassword", "pw")
	s := serve(t, d, ldaptest.OpenLDAP)
	s.BindDN, s.Password = "cn=reader,"+ldaptest.Suffix, "secret"
	c := config(s)
	c.Servers, c.Plaintext = []string{"ldap://127.0.0.1"}, false
	p, err := NewPasswords(c, a)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func reason(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return string(r.Reason)
	}
	return fmt.Sprint(err)
}

func TestSignInTakesTheRightPasswordOnly(t *testing.T) {
	d := small()
	d.Set("uid=bob,"+ldaptest.People, "userPassword", "pw")
	d.Set("uid=bob,"+ldaptest.People, "pwdAccountLockedTime", permanentLock)
	d.Add("uid=twin,ou=elsewhere,"+ldaptest.Suffix, "objectClass", "inetOrgPerson", "uid", "ada")
	p, _ := signIn(t, d, Attempts{Account: 1000, Address: 1000})
	who, err := p.Check(t.Context(), "10.0.0.1", " ADA ", "pw")
	if err != nil || who.Account.Login != "ada" || who.Account.ID.IsZero() {
		t.Fatalf("%+v, %v", who, err)
	}
	for _, c := range []struct{ name, login, password, want string }{
		{"another password", "ada", "PW", "wrong"},
		{"no password", "ada", "", "malformed"},
		{"a password of NUL", "ada", "\x00", "malformed"},
		{"a password with NUL behind", "ada", "pw\x00", "malformed"},
		{"no name", "", "pw", "malformed"},
		{"a name of spaces", "   ", "pw", "malformed"},
		{"a name that is a pattern", "*", "pw", "unknown"},
		{"a name that is a filter", "ada)(uid=*", "pw", "unknown"},
		{"a name that ends the filter", "ada))(|(uid=*", "pw", "unknown"},
		{"a name with NUL", "ada\x00", "pw", "malformed"},
		{"a name that is no text", "ada\xff", "pw", "malformed"},
		{"nobody", "zoe", "pw", "unknown"},
		{"the name of somebody outside", "twin", "pw", "unknown"},
		{"a disabled account", "bob", "pw", "disabled"},
		{"a very long password", "ada", strings.Repeat("x", 2000), "malformed"},
	} {
		_, err := p.Check(t.Context(), "10.0.0.1", c.login, c.password)
		if !errors.Is(err, ErrRefused) || reason(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestSignInWorksEquallyForNamesThatNobodyHas(t *testing.T) {
	p, s := signIn(t, small(), Attempts{})
	for _, login := range []string{"ada", "nobody"} {
		before := len(s.Binds())
		if _, err := p.Check(t.Context(), "10.0.0.1", login, "wrong"); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		if n := len(s.Binds()) - before; n != 2 {
			t.Errorf("%s: %d binds, want the reader's and one more", login, n)
		}
	}
}

func TestTheLimiterStopsBeforeTheDirectoryLocks(t *testing.T) {
	p, s := signIn(t, small(), Attempts{Account: 3, Address: 5})
	now := ldaptest.Epoch
	p.cfg.Now = func() time.Time { return now }
	var wait sync.WaitGroup
	for i := range 40 { // at once, and under names that the directory takes for one
		wait.Go(func() {
			login := []string{"ada", "ADA", " ada", "Ada "}[i%4]
			_, _ = p.Check(context.Background(), fmt.Sprint("10.0.0.", i), login, "wrong")
		})
	}
	wait.Wait()
	tries := slices.DeleteFunc(s.Binds(), func(dn string) bool { return !strings.HasPrefix(dn, "uid=ada") })
	if len(tries) != 3 {
		t.Errorf("the directory saw %d attempts, want 3", len(tries))
	}
	if _, err := p.Check(t.Context(), "10.0.1.1", "ada", "pw"); reason(err) != "limited" {
		t.Errorf("the right password after that: %v", err)
	}
	now = now.Add(31 * time.Minute)
	if _, err := p.Check(t.Context(), "10.0.1.1", "ada", "pw"); err != nil {
		t.Errorf("half an hour later: %v", err)
	}
	for i := range 6 {
		_, err := p.Check(t.Context(), "10.0.2.2", fmt.Sprint("guess", i), "wrong")
		if want := map[bool]string{true: "unknown", false: "limited"}[i < 5]; reason(err) != want {
			t.Errorf("guess %d from one address: %v, want %s", i, err, want)
		}
	}
}

// A directory counts on until nobody has tried for a while (lockoutObservationWindow
// of Active Directory, passwordResetFailureCount of 389), so slow guessing must end
// as fast guessing does.
func TestSlowGuessingDoesNotLockEither(t *testing.T) {
	p, s := signIn(t, small(), Attempts{Account: 4, Window: 30 * time.Minute})
	now := ldaptest.Epoch
	p.cfg.Now = func() time.Time { return now }
	var asked []time.Time
	for range 100 {
		before := len(s.Binds())
		_, _ = p.Check(t.Context(), "", "ada", "wrong")
		if len(s.Binds()) > before {
			asked = append(asked, now)
		}
		now = now.Add(7 * time.Minute)
	}
	count := 0
	for i, at := range asked {
		if i > 0 && at.Sub(asked[i-1]) >= 30*time.Minute {
			count = 0
		}
		if count++; count > 4 {
			t.Fatalf("a directory that locks after 5 within 30m has locked: %v", asked[:i+1])
		}
	}
	if len(asked) < 8 {
		t.Errorf("it was asked %d times; it may be asked again", len(asked))
	}
}

func TestADirectoryThatIsDownLetsNobodyInAndCountsNothing(t *testing.T) {
	p, s := signIn(t, small(), Attempts{Account: 1})
	s.Wire.Cut = -1
	for range 3 {
		if _, err := p.Check(t.Context(), "10.0.0.1", "ada", "pw"); reason(err) != "unavailable" {
			t.Fatal(err)
		}
	}
	s.Wire.Cut = 0
	if _, err := p.Check(t.Context(), "10.0.0.1", "ada", "pw"); err != nil {
		t.Error(err)
	}
}

func TestWhoReadsIsNotTriedAgainWhileHeIsRefused(t *testing.T) {
	p, s := signIn(t, small(), Attempts{})
	now := ldaptest.Epoch
	p.cfg.Now = func() time.Time { return now }
	s.Password = "new"
	for range 10 {
		if _, err := p.Check(t.Context(), "10.0.0.1", "ada", "pw"); reason(err) != "unavailable" {
			t.Fatal(err)
		}
	}
	if n := len(s.Binds()); n != 1 {
		t.Errorf("%d binds, want 1", n)
	}
	s.Password = "secret"
	now = now.Add(30 * time.Minute)
	for range 2 {
		if _, err := p.Check(t.Context(), "10.0.0.1", "ada", "pw"); err != nil {
			t.Error(err)
		}
	}
}

func TestPasswordsOfPeopleWantTLS(t *testing.T) {
	s := serve(t, small(), ldaptest.OpenLDAP)
	c := config(s)
	if _, err := NewPasswords(c, Attempts{}); !errors.Is(err, ErrPlaintext) {
		t.Errorf("plaintext to another machine: %v", err)
	}
	c.Plaintext = false // the server refuses StartTLS
	for _, method := range []BindMethod{BindSimple, BindAnonymous} {
		c.Bind.Method = method
		p, err := NewPasswords(c, Attempts{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(t.Context(), "10.0.0.1", "ada", "pw"); !errors.Is(err, ErrRefused) || reason(err) != "unavailable" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if slices.ContainsFunc(s.Binds(), func(dn string) bool { return strings.HasPrefix(dn, "uid=") }) {
		t.Error("a password crossed the network")
	}
}

// Whatever is typed, the filter finds who has exactly that login.
func Test22NoFilterMatchesMoreThanTheLiteral(t *testing.T) {
	d := ldaptest.Scaffold()
	for i, login := range []string{"ada", "*", "a(b)", `back\slash`, "a*", "ünï", "a b"} {
		d.Add(fmt.Sprintf("cn=p%d,%s", i, ldaptest.People), "objectClass", "inetOrgPerson", "uid", login)
	}
	s := serve(t, d, ldaptest.OpenLDAP)
	c := config(s).withDefaults()
	session, err := c.open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	rapid.Check(t, func(t *rapid.T) {
		login := rapid.OneOf(rapid.StringOf(rapid.RuneFrom([]rune(`ab*()\|&=!ü `+"\x00"))), rapid.String(),
			rapid.SampledFrom([]string{"ada", "*", "a*", "a(b)", `back\slash`, "ünï", "a b"})).Draw(t, "login")
		to := newPeople(&c, session.p, 0)
		if err := session.byLogin(login, to); err != nil {
			if resultCode(err) >= 0 {
				return // a server may refuse it
			}
			t.Fatalf("%q: %v", login, err)
		}
		for _, a := range to.accounts {
			if directory.Fold(a.Login) != directory.Fold(login) {
				t.Fatalf("%q found %q", login, a.Login)
			}
		}
	})
	for _, r := range `*()\` + "\x00" {
		if strings.ContainsRune(strings.ReplaceAll(ldaplib.EscapeFilter(string(r)), `\`, ""), r) {
			t.Errorf("%q is not escaped", r)
		}
	}
}
