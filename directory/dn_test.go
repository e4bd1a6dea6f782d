package directory

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEqualDNs(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		equal      bool
	}{
		{"letter case", "CN=matomo-analysts,OU=Groups,DC=company,DC=com", "cn=Matomo-Analysts,ou=groups,dc=COMPANY,dc=com", true},
		{"spaces around commas and equals", "CN=x, OU = Groups ,DC=com", "CN=x,OU=Groups,DC=com", true},
		{"runs of spaces inside a value", "CN=a  b,DC=com", "CN=a b,DC=com", true},
		{"a space inside a value counts", "CN=ab,DC=com", "CN=a b,DC=com", false},
		{"two ways to escape a comma", `CN=Doe\, Jo,DC=com`, `CN=Doe\2c Jo,DC=com`, true},
		{"escaped and plain letter", `CN=\61b`, `CN=ab`, true},
		{"UTF-8 in hexadecimal", `CN=Lu\C4\8Di\C4\87`, "CN=Lučić", true},
		{"composed and decomposed", "CN=Zo\u00eb", "CN=Zoe\u0308", true},
		{"type by OID", "2.5.4.3=x,0.9.2342.19200300.100.1.25=com", "CN=x,DC=com", true},
		{"type by OID with prefix", "OID.2.5.4.3=x", "cn=x", true},
		{"order inside an RDN", "OU=a+CN=b,DC=com", "CN=b+OU=a,DC=com", true},
		{"order of RDNs counts", "OU=a,OU=b", "OU=b,OU=a", false},
		{"BER and text", "CN=#04024869", "CN=hi", true},
		{"another place", "CN=matomo-analysts,OU=Evil,DC=company,DC=com", "CN=matomo-analysts,OU=Groups,DC=company,DC=com", false},
		{"an escaped comma is no new RDN", `CN=a\,OU=b`, "CN=a,OU=b", false},
		{"an escaped hash is text", `CN=\#04024869`, "CN=hi", false},
		{"trailing escaped space is insignificant", `CN=a\ `, "CN=a", true},
	} {
		a, errA := ParseDN(c.a)
		b, errB := ParseDN(c.b)
		if errA != nil || errB != nil {
			t.Errorf("%s: %v, %v", c.name, errA, errB)
			continue
		}
		if a.Equal(b) != c.equal || (a.Key() == b.Key()) != c.equal {
			t.Errorf("%s: %q and %q equal: %v, want %v (%s, %s)", c.name, c.a, c.b, !c.equal, c.equal, a.Key(), b.Key())
		}
	}
}

func TestUnder(t *testing.T) {
	base, _ := ParseDN("OU=Staff,DC=company,DC=com")
	for s, want := range map[string]bool{
		"CN=x,OU=Staff,DC=company,DC=com":          true,
		"CN=x,OU=Sub,ou=staff, dc=company,dc=com":  true,
		"OU=Staff,DC=company,DC=com":               false,
		"CN=x,OU=Staffs,DC=company,DC=com":         false,
		"DC=company,DC=com":                        false,
		`CN=x\,OU=Staff,DC=company,DC=com`:         false,
		"CN=x,OU=Staff,DC=company,DC=com,DC=other": false,
	} {
		d, err := ParseDN(s)
		if err != nil || d.Under(base) != want {
			t.Errorf("%s under %s: %v, want %v (%v)", s, base.Key(), !want, want, err)
		}
	}
	if d, _ := ParseDN("DC=com"); !d.Under(DN{}) || (DN{}).Under(DN{}) {
		t.Error("the empty name is above every other and not above itself")
	}
}

func TestBrokenDNsSayWhere(t *testing.T) {
	for s, want := range map[string]string{
		"matomo-analysts": "at byte 16: = is missing after matomo-analysts",
		"CN=a,,DC=com":    "at byte 6: an attribute type is missing",
		"CN=Doe, Jo":      "at byte 11: = is missing after Jo",
		`CN=a\`:           "nothing follows the backslash",
		`CN=a\zz`:         "is no escape",
		`CN="a"`:          "must be escaped",
		"CN=#xyz":         "not hexadecimal",
		"CN=a,":           "an attribute type is missing",
		"CN=a+":           "an attribute type is missing",
		"CN=\xff":         "not UTF-8",
		`CN=\ff`:          "not UTF-8",
	} {
		if _, err := ParseDN(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}

// A canonical key is itself a name, the same one.
func TestKeyOfKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rdns []string
		for range rapid.IntRange(1, 4).Draw(t, "rdns") {
			v := rapid.StringOfN(rapid.RuneFrom([]rune("aB é,+\"\\#=<;ﬁ\x00~İ")), 0, 8, -1).Draw(t, "value")
			rdns = append(rdns, rapid.SampledFrom([]string{"cn", "OU", "2.5.4.3", "x-own"}).Draw(t, "type")+"="+escapeValue(v))
		}
		s := strings.Join(rdns, rapid.SampledFrom([]string{",", " , ", "+"}).Draw(t, "separator"))
		d, err := ParseDN(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		again, err := ParseDN(d.Key())
		if err != nil || !again.Equal(d) || again.Key() != d.Key() {
			t.Fatalf("%q: key %q, its key %q, %v", s, d.Key(), again.Key(), err)
		}
		if up, err := ParseDN(strings.ToUpper(d.Key())); err == nil && up.Key() != d.Key() && isASCII(d.Key()) {
			t.Fatalf("%q and its upper case differ: %q, %q", s, d.Key(), up.Key())
		}
	})
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }

func FuzzParseDN(f *testing.F) {
	for _, s := range []string{"CN=a,OU=b", `CN=a\,b+X=#0401ff`, "", "CN=", "CN=\u212a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDN(s)
		if err != nil {
			return
		}
		again, err := ParseDN(d.Key())
		if err != nil || !again.Equal(d) {
			t.Fatalf("%q: key %q: %v", s, d.Key(), err)
		}
	})
}
