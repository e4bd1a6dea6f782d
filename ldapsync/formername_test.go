package ldapsync

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// listing is a directory that leaves names in groups when people are renamed or
// leave, as OpenLDAP does without an overlay, beside whom each name meant when it
// came into the group: the oracle.
type listing struct {
	d      *ldaptest.Directory
	attr   string                                  // member or memberUid
	has    map[string]directory.EntryID            // login -> who has it
	means  map[string]map[string]directory.EntryID // group -> listed login -> whom it means
	script []string
}

var passingNames = []string{"ada", "bob", "cy", "dee"}

func newListing(attr string) *listing {
	l := &listing{d: ldaptest.Scaffold(), attr: attr, has: map[string]directory.EntryID{}, means: map[string]map[string]directory.EntryID{}}
	l.hire("ada")
	for _, g := range []string{"staff", "owners"} {
		l.d.Add("cn="+g+","+ldaptest.Groups, "objectClass", "posixGroup", "cn", g)
		l.means[g] = map[string]directory.EntryID{}
	}
	l.d.AddMember("cn=staff,"+ldaptest.Groups, attr, l.value("bob"))
	l.means["staff"]["bob"] = directory.EntryID{} // left over: nobody
	return l
}

func (l *listing) dn(login string) string { return "uid=" + login + "," + ldaptest.People }

func (l *listing) value(login string) string {
	if l.attr == "member" {
		return l.dn(login)
	}
	return login
}

func (l *listing) hire(login string) {
	l.d.Person(login)
	l.has[login] = l.d.Entry(l.dn(login)).ID
}

// pass lets somebody come, leave or take another name.
func (l *listing) pass(t *rapid.T) {
	login := rapid.SampledFrom(passingNames).Draw(t, "login")
	to := rapid.SampledFrom(passingNames).Draw(t, "to")
	_, there := l.has[login]
	_, taken := l.has[to]
	switch rename := rapid.Bool().Draw(t, "rename"); {
	case !there:
		l.hire(login)
		l.say("%s comes", login)
	case rename && !taken:
		l.d.Rename(l.dn(login), l.dn(to))
		l.d.Set(l.dn(to), "uid", to)
		l.has[to] = l.has[login]
		delete(l.has, login)
		l.say("%s is renamed to %s", login, to)
	case len(l.has) > 1:
		l.d.Delete(l.dn(login))
		delete(l.has, login)
		l.say("%s leaves", login)
	}
}

// list puts a name into a group, or takes it out.
func (l *listing) list(t *rapid.T) {
	login := rapid.SampledFrom(passingNames).Draw(t, "login")
	group := rapid.SampledFrom([]string{"staff", "owners"}).Draw(t, "group")
	dn := "cn=" + group + "," + ldaptest.Groups
	who, there := l.has[login]
	_, listed := l.means[group][login]
	switch {
	case listed:
		l.d.RemoveMember(dn, l.attr, l.value(login))
		delete(l.means[group], login)
		l.say("%s is taken out of %s", login, group)
	case there:
		l.d.AddMember(dn, l.attr, l.value(login))
		l.means[group][login] = who
		l.say("%s is put into %s", login, group)
	}
}

func (l *listing) say(format string, args ...any) {
	l.script = append(l.script, fmt.Sprintf(format, args...))
}

// members are who is in what by the oracle, of those who are there.
func (l *listing) members() []string {
	there := map[directory.EntryID]bool{}
	for _, id := range l.has {
		there[id] = true
	}
	in := map[string]bool{}
	for g, means := range l.means {
		for _, id := range means {
			if there[id] {
				in[g+" has "+id.String()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(in))
}

// read is the state after a reading, with every conflict decided.
func (l *listing) read(t *rapid.T, c Config, state directory.State) directory.State {
	full := rapid.Bool().Draw(t, "full")
	for {
		read := reader(t, c).Read
		if full {
			read = reader(t, c).ReadAll
			l.say("everything is read")
		} else {
			l.say("what changed is read")
		}
		r, err := read(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		delta, err := directory.Diff(state, r)
		if err != nil {
			t.Fatal(err)
		}
		state, full = delta.Next, true
		decided := false
		for _, a := range state.Accounts {
			if !a.Conflict.IsZero() {
				state, decided = state.Settle(a.ID), true
				l.say("the conflict of %s is decided", a.Login)
			}
		}
		if !decided {
			return state
		}
	}
}

// Invariants 8 and 9, over any life of names: a rename takes nothing from
// anybody, and nobody is in a group because another had his name.
func Test08And09ANameInAGroupMeansWhoHadItThen(t *testing.T) {
	for _, kind := range []ldaptest.Kind{ldaptest.OpenLDAP, ldaptest.DS389, ldaptest.Generic} {
		for _, attr := range []string{"member", "memberUid"} {
			t.Run(string(kind)+" "+attr, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					l := newListing(attr)
					s := ldaptest.Serve(l.d, kind)
					defer s.Close()
					c := config(s)
					c.Shrink = 1
					c.Now = func() time.Time { return ldaptest.Epoch.Add(time.Duration(l.d.CSN()) * time.Second) }
					if kind == ldaptest.DS389 {
						c.Mode = ModeSyncrepl
					}
					state := follow(t, c, directory.State{}).Next
					for range rapid.IntRange(1, 10).Draw(t, "readings") {
						if rapid.Bool().Draw(t, "names pass") {
							for range rapid.IntRange(1, 3).Draw(t, "names") {
								l.pass(t)
							}
						} else {
							l.list(t)
						}
						state = l.read(t, c, state)
						var got []string
						for _, g := range state.Groups {
							for _, m := range state.Members(g.ID) {
								got = append(got, g.Name+" has "+m.Account.String())
							}
						}
						if slices.Sort(got); !slices.Equal(got, l.members()) {
							t.Fatalf("got  %q\nwant %q\n%s", got, l.members(), strings.Join(l.script, "\n"))
						}
					}
				})
			})
		}
	}
}
