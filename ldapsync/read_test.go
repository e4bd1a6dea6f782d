package ldapsync

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

func TestReadsEverythingOfEachKind(t *testing.T) {
	for _, kind := range []ldaptest.Kind{ldaptest.OpenLDAP, ldaptest.ActiveDirectory, ldaptest.DS389, ldaptest.Generic} {
		t.Run(string(kind), func(t *testing.T) {
			s := serve(t, small(), kind)
			c := config(s)
			d := follow(t, c, directory.State{})
			want := []string{"created ada seen", "created bob seen", "created eve seen", "created all +ada +bob +eve", "created staff +ada +bob"}
			got := words(d)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(sortMembers(got), sortMembers(want)); diff != "" {
				t.Error(diff)
			}
			if again := follow(t, c, d.Next); len(words(again)) > 0 {
				t.Errorf("the same again: %q", words(again))
			}
			full, err := reader(t, c).ReadAll(t.Context(), d.Next)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := directory.Diff(d.Next, full); err != nil || len(words(again)) > 0 {
				t.Errorf("all of it again: %q, %v", words(again), err)
			}
		})
	}
}

// sortMembers orders the members in each line, whose order is that of ids.
func sortMembers(lines []string) [][]string {
	var out [][]string
	for _, l := range lines {
		f := slices.Collect(fields(l))
		slices.Sort(f)
		out = append(out, f)
	}
	return out
}

// A directory that is as it was known is not kept twice.
func TestWhatIsAsItWasKnownIsNotKeptAgain(t *testing.T) {
	s := serve(t, ldaptest.Generate(rand.New(rand.NewPCG(5, 5)), 60, 12), ldaptest.OpenLDAP)
	c := config(s)
	known := follow(t, c, directory.State{}).Next
	reading, err := reader(t, c).ReadAll(t.Context(), known)
	if err != nil || reading.Proven() != nil || len(reading.Accounts) != len(known.Accounts) {
		t.Fatal(len(reading.Accounts), err, reading.Proven())
	}
	for i, a := range reading.Accounts {
		if a != known.Accounts[i] {
			t.Errorf("account %s is a copy of the one that was known", a.Login)
		}
	}
	shared := 0
	for i, g := range reading.Groups {
		if old := known.Groups[i]; len(g.Accounts) > 0 && &g.Accounts[0] == &old.Accounts[0] {
			shared++
		}
	}
	if shared == 0 {
		t.Error("no list of members is the one that was known")
	}
	d, err := directory.Diff(known, reading)
	if err != nil || !d.Empty() {
		t.Errorf("%v, %v", words(d), err)
	}
}
