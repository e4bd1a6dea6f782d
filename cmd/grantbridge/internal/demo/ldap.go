package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"grantbridge/ldapsync/memdir"
)

// Works is the source whose people are in a directory that is read: two plants
// that the company bought.
const Works = "corp-ldap"

// Password is everybody's in the directory of the works, also the reader's.
const Password = "northwind"

// Reader is who reads it.
const Reader = "cn=reader," + memdir.Suffix

//go:embed ldap.yaml
var worksRules []byte

// Rules are Mapping and the rules about the works.
func Rules() []byte {
	return bytes.Replace(Mapping, []byte("\ntests:\n"), append([]byte("\n"), append(worksRules, "tests:\n"...)...), 1)
}

const worksPeople = 44

// WorksLogins are the logins of the people of the works; none is one of o's.
func WorksLogins(o Org) []string {
	r := rand.New(rand.NewPCG(20261123, 389))
	taken := map[string]bool{}
	for _, p := range o.People {
		taken[p.Login] = true
	}
	var out []string
	for len(out) < worksPeople {
		l := login(given[r.IntN(len(given))], family[r.IntN(len(family))])
		if !taken[l] {
			taken[l] = true
			out = append(out, l)
		}
	}
	return out
}

// works is the directory as it should be; it is the same each time, ids
// included.
//
//	Manufacturing ⊃ Plant-Lyon ⊃ Line-1, Line-2, Quality
//	              ⊃ Plant-Graz
func works(logins []string) *memdir.Directory {
	d := memdir.Scaffold()
	d.Refint = true
	dns := make([]string, len(logins))
	for i, l := range logins {
		dns[i] = "uid=" + l + "," + memdir.People
		d.Add(dns[i], "objectClass", "inetOrgPerson", "uid", l, "cn", l, "sn", l, "displayName", titled(l),
			"mail", l+"@works.example", "userPassword", Password)
	}
	lyon := []string{d.Group("Line-1", dns[1:11]...), d.Group("Line-2", dns[11:21]...), d.Group("Quality", dns[21:28]...)}
	plants := []string{d.Group("Plant-Lyon", lyon...), d.Group("Plant-Graz", dns[28:]...)}
	d.Group("Manufacturing", plants...)
	d.Group("Works-Owners", dns[0])
	d.Group("Works-Council", dns[3], dns[15], dns[30])
	d.Group("Contractors", dns[40:]...)
	return d
}

// titled makes "Ana Ruiz" of ana.ruiz.
func titled(login string) string {
	words := bytes.Split([]byte(login), []byte("."))
	for i, w := range words {
		words[i] = append(bytes.ToUpper(w[:1]), w[1:]...)
	}
	return string(bytes.Join(words, []byte(" ")))
}

// Fault is a way in which the directory of the works can be broken.
type Fault struct{ Name, Says string }

// Faults are the ways, Heal the way back.
var Faults = []Fault{
	{"empty-ldap", "every search of the directory now succeeds and finds nothing"},
	{"mass-removal", "every third person is gone from the directory"},
	{"mass-elevation", "Manufacturing is now a member of Works-Owners, who are superusers"},
	Heal,
}

// Heal puts everything right.
var Heal = Fault{"heal", "the directory is as it was at the start"}

// Directory is the directory of the works on loopback, speaking LDAP.
type Directory struct {
	URL    string
	server *memdir.Server
	logins []string
	empty  atomic.Bool
}

// ListenLDAP serves the directory of the works until Close.
func ListenLDAP(o Org, now time.Time) (*Directory, error) {
	d := &Directory{logins: WorksLogins(o)}
	d.server = memdir.Serve(memdir.New(), memdir.OpenLDAP)
	d.server.BindDN, d.server.Password = Reader, Password
	d.server.Spoil = func(a *memdir.Answer) {
		if d.empty.Load() && a.Scope != 0 {
			a.Entries, a.Code = nil, 0
		}
	}
	// A change takes a second of the directory's clock, and somebody who breaks it
	// is faster. The clock runs eight times as fast as ours, so that a demo that is
	// begun again in the same folder is never behind.
	d.server.Dir.StartAt(memdir.Epoch.Add(8 * now.Sub(memdir.Epoch)))
	d.server.Dir.Refint = true
	d.server.Dir.Replace(works(d.logins))
	var err error
	d.URL, err = d.server.Listen()
	return d, err
}

// Close ends it.
func (d *Directory) Close() { d.server.Close() }

// Break puts the directory right and then breaks it in the way named; it says
// what was done.
func (d *Directory) Break(name string) (Fault, error) {
	i := slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, fmt.Errorf("nothing is broken by %q", name)
	}
	d.empty.Store(name == "empty-ldap")
	next := works(d.logins)
	switch name {
	case "mass-removal":
		for i := 2; i < len(d.logins); i += 3 {
			next.Delete("uid=" + d.logins[i] + "," + memdir.People)
		}
	case "mass-elevation":
		next.AddMember("cn=Works-Owners,"+memdir.Groups, "member", "cn=Manufacturing,"+memdir.Groups)
	}
	d.server.Dir.Replace(next)
	return Faults[i], nil
}
