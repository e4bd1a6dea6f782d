package ldapsync

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/ldapsync/ldaptest"
)

func verdicts(r Report) []string {
	var out []string
	for _, s := range r.Stages {
		out = append(out, s.Name+" "+string(s.Verdict))
	}
	return out
}

func TestCheckSaysWhatItWouldTrust(t *testing.T) {
	s := serve(t, small(), ldaptest.OpenLDAP)
	r := Check(t.Context(), config(s))
	want := []string{"connect ldap://dc1 ok", "directory ok", "paging ok", "users ok", "groups ok", "proof ok"}
	if diff := cmp.Diff(verdicts(r), want); diff != "" || !r.Trusted || len(r.People) != 3 || len(r.Groups) != 2 || r.Mode != ModeSyncrepl {
		t.Errorf("%s\n%+v", diff, r)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesTheStageThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*ldaptest.Server, *Config)
		stage string
		says  string
	}{
		"an empty base":        {func(s *ldaptest.Server, c *Config) { c.Users.Base = "ou=none," + ldaptest.Suffix }, "users failed", "check users.base"},
		"an empty group base":  {func(s *ldaptest.Server, c *Config) { c.Groups.Base = "ou=none," + ldaptest.Suffix }, "groups failed", "check groups.base"},
		"a base of others":     {func(s *ldaptest.Server, c *Config) { c.Users.Base = ldaptest.Groups }, "users failed", "users.base"},
		"hidden members":       {func(s *ldaptest.Server, c *Config) { s.Hidden = map[string]bool{"member": true} }, "groups failed", "member"},
		"hidden ids":           {func(s *ldaptest.Server, c *Config) { s.Hidden = map[string]bool{"entryuuid": true} }, "proof failed", ""},
		"no control":           {func(s *ldaptest.Server, c *Config) { s.Spoil = func(a *ldaptest.Answer) { a.Paging = false } }, "proof failed", ""},
		"a wrong password":     {func(s *ldaptest.Server, c *Config) { s.BindDN, s.Password = c.Bind.DN, "other" }, "connect ldap://dc1 failed", "refuses bind_dn"},
		"no TLS":               {func(s *ldaptest.Server, c *Config) { c.Plaintext = false }, "connect ldap://dc1 failed", "unencrypted"},
		"no password":          {func(s *ldaptest.Server, c *Config) { c.Bind.Password = "" }, "configuration failed", ""},
		"a size limit":         {func(s *ldaptest.Server, c *Config) { s.SizeMax = 2 }, "users failed", "size limit"},
		"another login":        {func(s *ldaptest.Server, c *Config) { c.Users.Login = "employeeNumber" }, "users warning", "users.login"},
		"members from outside": {func(s *ldaptest.Server, c *Config) { s.Dir.Group("x", "cn=y,"+ldaptest.Elsewhere) }, "groups warning", "users.base"},
	} {
		s := serve(t, small(), ldaptest.OpenLDAP)
		cfg := config(s)
		c.spoil(s, &cfg)
		r := Check(t.Context(), cfg)
		i := slices.Index(verdicts(r), c.stage)
		if i < 0 || !strings.Contains(r.Stages[i].Do, c.says) {
			t.Errorf("%s: %v, want %s with %q: %+v", name, verdicts(r), c.stage, c.says, r.Stages)
		}
	}
}

// A server on this machine may be asked without TLS, and then it is said.
func TestCheckSaysThatNothingIsEncrypted(t *testing.T) {
	s := serve(t, small(), ldaptest.OpenLDAP)
	url, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	c := config(s)
	c.Servers, c.Dial, c.Plaintext = []string{url}, nil, false
	if r := Check(t.Context(), c); !r.Trusted || !strings.Contains(r.Stages[0].Says, "NOT encrypted") {
		t.Errorf("%+v", r.Stages)
	}
}

func TestUserShowsTheWayIntoEachGroup(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		s := serve(t, small(), kind)
		m, err := User(t.Context(), config(s), "ADA")
		if err != nil || m.Account.Login != "ada" || len(m.Groups) != 2 {
			t.Fatalf("%+v, %v", m, err)
		}
		if m.Groups[0].Group.Name != "staff" || m.Groups[1].Group.Name != "all" || len(m.Groups[1].Via) != 1 || m.Groups[1].Via[0].Name != "staff" {
			t.Errorf("%+v", m.Groups)
		}
		if _, err := User(t.Context(), config(s), "*"); err == nil {
			t.Error("* is somebody")
		}
	})
}
