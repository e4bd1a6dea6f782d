package memdir

import "strings"

// The places of a generated directory.
const (
	People = "ou=people," + Suffix
	Groups = "ou=groups," + Suffix
	// Elsewhere is outside of what a test reads.
	Elsewhere = "ou=elsewhere," + Suffix
)

// Scaffold is a directory with its places and nobody in them.
func Scaffold() *Directory {
	d := New()
	for _, dn := range []string{People, Groups, Elsewhere} {
		d.Add(dn, "objectClass", "organizationalUnit", "ou", dn[3:strings.IndexByte(dn, ',')])
	}
	return d
}

// Person adds a person below People and returns the DN.
func (d *Directory) Person(login string) string {
	dn := "uid=" + login + "," + People
	d.Add(dn, "objectClass", "inetOrgPerson", "uid", login, "cn", login, "sn", login, "displayName", "Dr. "+login,
		"mail", login+"@corp.example", "userAccountControl", "512", "sAMAccountName", login)
	return dn
}

// Group adds a groupOfNames below Groups and returns the DN.
func (d *Directory) Group(name string, members ...string) string {
	dn := "cn=" + name + "," + Groups
	attrs := []string{"objectClass", "groupOfNames", "cn", name}
	for _, m := range members {
		attrs = append(attrs, "member", m)
	}
	d.Add(dn, attrs...)
	return dn
}
