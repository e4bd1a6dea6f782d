package ldapsync

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
	"grantbridge/ldapsync/kerberos"
)

// export has Samba write the keytab of an account.
func (s *samba) export(login string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "keytab")
	cmd := exec.Command("samba-tool", "domain", "exportkeytab", file, "--principal="+login, "--configfile="+filepath.Join(s.folder, "live/etc/smb.conf"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// realm is a krb5.conf for the domain.
func (s *samba) realm() string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "krb5.conf")
	text := "[libdefaults]\ndefault_realm = CORP.EXAMPLE\n[realms]\nCORP.EXAMPLE = {\nkdc = " + net.JoinHostPort(s.url.Hostname(), "88") + "\n}\n"
	s.must(os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestSambaIsReadByKerberos(t *testing.T) {
	s := openSamba(t)
	s.group("staff", s.person("ada"))
	who := s.login("ada")
	c := s.config()
	c.ServerName = "dc1.corp.example"
	c.Bind = Bind{Method: BindGSSAPI, Kerberos: kerberos.Credentials{Principal: who + "@CORP.EXAMPLE", Keytab: s.export(who), Config: s.realm()}}
	fails := func(name, stage, says string) {
		t.Helper()
		_, err := try(c, directory.State{})
		if e, ok := errors.AsType[*Error](err); !ok || e.Stage != stage || e.Next() != Stop || !strings.Contains(e.Words(), says) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %s", name, e.Words())
		}
	}
	// No program registers the names of a domain controller here.
	const dc = "CN=DC1,OU=Domain Controllers," + sambaDomain
	fails("a name that is not registered", "sasl", "knows no service ldap/dc1.corp.example")
	register := func(change func(*ldaplib.ModifyRequest, string, []string)) {
		r := ldaplib.NewModifyRequest(dc, nil)
		change(r, "servicePrincipalName", []string{"ldap/dc1.corp.example"})
		s.must(s.admin.Modify(r))
	}
	register((*ldaplib.ModifyRequest).Add)
	defer register((*ldaplib.ModifyRequest).Delete)
	for name, change := range map[string]func(*Config){
		"StartTLS":         func(*Config) {},
		"ldaps":            func(c *Config) { c.Servers = []string{"ldaps://" + s.url.Hostname() + ":" + s.url.Query().Get("tls")} },
		"another name":     func(c *Config) { c.Bind.Service = "host/dc1.corp.example" },
		"loopback, no TLS": func(c *Config) { c.Plaintext = true },
	} {
		c := c
		change(&c)
		if d := follow(t, c, directory.State{}); len(d.Next.Accounts) != 1 || len(d.Next.Groups) != 1 {
			t.Errorf("%s: %v", name, words(d))
		}
	}
	s.replace("CN=ada,OU=people,"+s.base, "unicodePwd", utf16le(`"Passw0rd-other"`))
	fails("a key that was changed", "bind", "not the account's any more")
	c.Bind.Kerberos.Keytab = s.export(who)
	follow(t, c, directory.State{})
	s.replace("CN=ada,OU=people,"+s.base, "userAccountControl", uacDisabled)
	fails("a disabled account", "bind", "locked, disabled or has expired")
	s.replace("CN=ada,OU=people,"+s.base, "userAccountControl", uacNormal)
	s.replace("CN=ada,OU=people,"+s.base, "pwdLastSet", "0")
	fails("a password to change", "bind", "has expired")
	c.Bind.Kerberos.Principal = "nobody@CORP.EXAMPLE"
	fails("an account that the keytab has not", "bind", "has no key of nobody@CORP.EXAMPLE")
}
