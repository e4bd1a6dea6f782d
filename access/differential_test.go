package access_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// TestDifferentialBuild compares every answer of a snapshot built from rows with
// the naive specification.
func TestDifferentialBuild(t *testing.T) { rapid.Check(t, differentialBuild) }

func differentialBuild(t *rapid.T) {
	w := drawWorld(t)
	agree(t, build(t, w), w)
}

// TestDifferentialWith is law L16: a snapshot that came to be by changes answers
// as one built from the changed rows, and the older ones still as they did.
func TestDifferentialWith(t *testing.T) { rapid.Check(t, differentialWith) }

func differentialWith(t *rapid.T) {
	w := drawWorld(t)
	s := build(t, w)
	for n := range rapid.IntRange(1, 4).Draw(t, "changes") {
		d := drawDelta(t, int64(n+2))
		next, err := s.With(d)
		if err != nil {
			t.Fatal(err)
		}
		before := w.Clone()
		w.Apply(d)
		agree(t, next, w)
		agree(t, s, before)
		s = next
	}
}

// agree asks a few random questions in every way there is.
func agree(t *rapid.T, s *access.Snapshot, w *accesstest.World) {
	for range 4 {
		r := drawRequest(t)
		want := w.Check(r)
		if got := s.Check(r); got != want {
			t.Fatalf("Check(%+v) = %+v, want %+v", r, got, want)
		}
		if got, want := s.Effective(r), w.Effective(r); got != want {
			t.Fatalf("Effective(%+v) = %v, want %v", r, names(got), names(want))
		}
		if x := s.Explain(r); x.Decision != want || want.Code != access.UnknownAction && x.Actions != w.Effective(r) {
			t.Fatalf("Explain(%+v) = %+v, want %+v", r, x, want)
		}
	}
	r := drawRequest(t)
	if got, want := slices.Collect(s.Sites(r)), w.SitesOf(r); !slices.Equal(got, want) {
		t.Fatalf("Sites(%+v) = %v, want %v", r, got, want)
	}
	if got, want := slices.Collect(s.WhoCan(r.Action, r.Site, r.At)), w.WhoCan(r.Action, r.Site, r.At); !slices.Equal(got, want) {
		t.Fatalf("WhoCan(%+v) = %v, want %v", r, got, want)
	}
	sameFacts(t, s, w)
}

// sameFacts compares what the snapshot gives back with the rows.
func sameFacts(t *rapid.T, s *access.Snapshot, w *accesstest.World) {
	memberships := 0
	for _, p := range w.People {
		memberships += len(p.Groups)
		for _, g := range groupIDs {
			sub := access.Subject{Kind: access.TheGroup, ID: int64(g)}
			if got, want := s.Has(p.ID, sub), w.Has(p, sub); got != want {
				t.Fatalf("Has(%d, %v) = %v, want %v", p.ID, sub, got, want)
			}
		}
		for sub := range s.Subjects(p.ID) {
			if !w.Has(p, sub) || !s.Has(p.ID, sub) {
				t.Fatalf("Subjects(%d) has %v, which he has not", p.ID, sub)
			}
		}
	}
	want := access.Stats{People: len(w.People), Memberships: memberships, Sites: len(w.Sites), Rules: len(w.Rules), Tokens: len(w.Tokens)}
	if got := s.Stats(); got != want {
		t.Fatalf("Stats() = %+v, want %+v", got, want)
	}
}

func names(set access.Actions) (out []string) {
	for a := range set.All() {
		out = append(out, tiny.Name(a))
	}
	return out
}

// FuzzDifferential is the same for `go test -fuzz`.
func FuzzDifferential(f *testing.F) { f.Fuzz(rapid.MakeFuzz(differentialWith)) }

// TestDifferentialManyGroups is for people with more groups than are asked about
// at once, and more than a row holds.
func TestDifferentialManyGroups(t *testing.T) {
	for _, ruled := range []access.GroupID{1, 63, 64, 65, 128, 129, 255, 256, 400, 70_000} {
		w := &accesstest.World{Catalogue: access.DefaultCatalogue(), Sites: []access.Site{{ID: 1}, {ID: 2}}, People: []access.Person{{ID: 1}, {ID: 2}}}
		for g := range access.GroupID(400) {
			w.People[0].Groups = append(w.People[0].Groups, g+1)
		}
		w.People[1].Groups = append(slices.Clone(w.People[0].Groups[:100]), 70_000)
		w.Rules = []access.Rule{{ID: 1, Kind: access.Grant, Subject: access.Subject{Kind: access.TheGroup, ID: int64(ruled)},
			Actions: w.Catalogue.Level(access.View), TokenCeiling: access.CeilingInherit, Scope: access.Scope{Sites: []access.SiteID{2}}}}
		s, err := access.Build(w.Facts())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			r := access.Request{Person: access.PersonID(1 + n/2), Site: access.SiteID(1 + n%2), Action: access.ActView, At: accesstest.Now, Credential: access.Session(accesstest.Now)}
			if got, want := s.Check(r), w.Check(r); got != want {
				t.Errorf("rule about group %d: Check of person %d on site %d = %+v, want %+v", ruled, r.Person, r.Site, got, want)
			}
		}
	}
}
