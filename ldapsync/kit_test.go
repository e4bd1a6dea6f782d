package ldapsync

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// config reads what ldaptest generates, over memory.
func config(s *ldaptest.Server) Config {
	return Config{
		Source: "corp", Servers: []string{"ldap://dc1"}, Plaintext: true, Dial: s.Dial,
		Bind:   Bind{DN: "cn=reader," + ldaptest.Suffix, Password: "secret"},
		Users:  Users{Base: ldaptest.People},
		Groups: Groups{Base: ldaptest.Groups},
		Idle:   5 * time.Second, Page: 7,
		Now: func() time.Time { return ldaptest.Epoch.Add(24 * time.Hour) },
	}
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func reader(t fataler, c Config) *Reader {
	t.Helper()
	r, err := NewReader(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// follow reads and compares, and must be believed.
func follow(t fataler, c Config, old directory.State) directory.Delta {
	t.Helper()
	d, err := try(c, old)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func try(c Config, old directory.State) (directory.Delta, error) {
	r, err := NewReader(c)
	if err != nil {
		return directory.Delta{}, err
	}
	reading, err := r.Read(context.Background(), old)
	if err != nil {
		return directory.Delta{}, err
	}
	return directory.Diff(old, reading)
}

// picture is who is in which group, by name, and which accounts there are: what
// everything that follows is made of.
func picture(s directory.State) []string {
	var out []string
	for _, a := range s.Accounts {
		line := "account " + a.ID.String() + " " + a.Login
		if !a.Conflict.IsZero() {
			line += " conflicts"
		}
		out = append(out, line)
	}
	for _, g := range s.Groups {
		for _, m := range s.Members(g.ID) {
			out = append(out, fmt.Sprintf("%s has %s", g.ID, s.Account(m.Account).ID))
		}
		out = append(out, "group "+g.ID.String()+" "+strings.ToLower(g.Name))
	}
	slices.Sort(out)
	return out
}

// words are a delta, short.
func words(d directory.Delta) []string {
	var out []string
	name := func(id directory.EntryID, states ...directory.State) string {
		for _, s := range states {
			if a := s.Account(id); a != nil {
				return a.Login
			}
			if g := s.Group(id); g != nil {
				return g.Name
			}
		}
		return id.String()
	}
	for _, a := range d.Accounts {
		x := a.After
		if x == nil {
			x = a.Before
		}
		out = append(out, fmt.Sprint(a.Kind, " ", x.Login, " ", a.Evidence))
	}
	for _, g := range d.Groups {
		x := g.After
		if x == nil {
			x = g.Before
		}
		line := fmt.Sprint(g.Kind, " ", x.Name)
		for _, m := range g.Added {
			line += " +" + name(m.Account, d.Next)
		}
		for _, m := range g.Removed {
			line += " -" + name(m.Account, d.Next) + " " + m.Evidence.String()
		}
		out = append(out, line)
	}
	for _, x := range d.Doubts {
		out = append(out, "doubt "+name(x.Entry, d.Next)+": "+x.Why)
	}
	return out
}

func serve(t testing.TB, d *ldaptest.Directory, kind ldaptest.Kind) *ldaptest.Server {
	s := ldaptest.Serve(d, kind)
	t.Cleanup(s.Close)
	return s
}

// small is three people in two groups, one within the other.
func small() *ldaptest.Directory {
	d := ldaptest.Scaffold()
	ada, bob, eve := d.Person("ada"), d.Person("bob"), d.Person("eve")
	d.Group("staff", ada, bob)
	d.Group("all", "cn=staff,"+ldaptest.Groups, eve)
	return d
}

func fields(s string) func(func(string) bool) {
	return strings.FieldsSeq(s)
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
