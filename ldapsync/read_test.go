package ldapsync

import (
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
