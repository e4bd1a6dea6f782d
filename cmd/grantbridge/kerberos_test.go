package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"grantbridge/ldapsync/kerberos/kdctest"
)

// TestKerberosScene plays testdata/kerberos with a real KDC and a real slapd.
func TestKerberosScene(t *testing.T) {
	k := kdctest.Open(t)
	b := newOpenLDAP(t).(*openLDAP)
	b.person("ann")
	b.ldif("dn: cn=staff,ou=groups,%s\nobjectClass: groupOfNames\ncn: staff\nmember: uid=ann,ou=people,%[1]s\n", b.at)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/kerberos", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("KDC", string(k))
			e.Setenv("PRINCIPAL", "grantbridge")
			e.Setenv("LDAP", "ldap://localhost:"+b.url.Port())
			e.Setenv("CA", filepath.Join(b.folder, "ca.pem"))
			e.Setenv("BASE", b.at)
			return setUp(e, "")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
