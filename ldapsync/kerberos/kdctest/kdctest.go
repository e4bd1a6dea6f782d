// Package kdctest is the private KDC of scripts/kdc.sh for tests.
package kdctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grantbridge/ldapsync/kerberos"
)

// Realm is the KDC's.
const Realm = "CORP.EXAMPLE"

// KDC is a folder that scripts/kdc.sh printed.
type KDC string

// Open finds the KDC, or skips.
func Open(t testing.TB) KDC {
	t.Helper()
	folder := os.Getenv("GRANTBRIDGE_TEST_KDC")
	if folder == "" {
		if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
			t.Fatal("GRANTBRIDGE_TEST_KDC is not set; scripts/kdc.sh starts a KDC and prints it")
		}
		t.Skip("left out: Kerberos; set GRANTBRIDGE_TEST_KDC to what scripts/kdc.sh prints")
	}
	return KDC(folder)
}

// File is the path of one of its files.
func (k KDC) File(name string) string { return filepath.Join(string(k), name) }

// Credentials are a principal's.
func (k KDC) Credentials(principal string) kerberos.Credentials {
	return kerberos.Credentials{Principal: principal, Keytab: k.File("client.keytab"), Config: k.File("krb5.conf")}
}

// Issued counts the tickets that the KDC gave to ask for others with.
func (k KDC) Issued(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(k.File("data/log"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "AS_REQ") && strings.Contains(line, "ISSUE") {
			n++
		}
	}
	return n
}
