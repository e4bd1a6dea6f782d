package access_test

import (
	"sync"
	"testing"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// TestCompany compares the snapshot of a small company, the same data that the
// benchmarks use in large, with the naive answers.
func TestCompany(t *testing.T) {
	w := accesstest.Company(accesstest.Small, 1)
	s, x := build(t, w), w.Index()
	allowed := 0
	for _, r := range w.Requests(5_000, 7) {
		got, want := s.Check(r), x.Check(r)
		if got != want {
			t.Fatalf("Check(%+v) = %+v, want %+v", r, got, want)
		}
		if got.Allowed {
			allowed++
		}
		if got, want := s.Effective(r), x.Effective(r); got != want {
			t.Fatalf("Effective(%+v) = %v, want %v", r, got, want)
		}
	}
	if allowed < 1_000 || allowed > 4_000 {
		t.Errorf("%d of 5000 are allowed, which tells little", allowed)
	}
	if st := s.Stats(); st.People != accesstest.Small.People || st.Sites != accesstest.Small.Sites || st.Tokens != accesstest.Small.Tokens {
		t.Errorf("Stats() = %+v", st)
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	w := accesstest.Company(accesstest.Small, 1)
	s := build(t, w)
	h := access.NewHolder(0)
	h.Set(s, accesstest.Now)
	rs := w.Requests(64, 7)
	rs = append(rs, access.Request{Credential: access.Credential{Kind: access.AnonymousCredential}, Site: 1, At: accesstest.Now})
	both := rs[0]
	both.Person, both.Credential = w.Tokens[0].Owner, access.Session(accesstest.Now)
	both.Also = []access.Credential{access.TokenOf(w.Tokens[0].ID)}
	rs = append(rs, both)
	for _, r := range rs {
		if n := testing.AllocsPerRun(10, func() { h.Check(r) }); n != 0 {
			t.Fatalf("Check(%+v) allocates %v times", r, n)
		}
		sub := access.Subject{Kind: access.TheGroup, ID: 3}
		if n := testing.AllocsPerRun(10, func() { s.Has(r.Person, sub) }); n != 0 {
			t.Fatalf("Has allocates %v times", n)
		}
	}
}

// Readers see one whole snapshot or the next, while they are swapped.
func TestHolderSwapsUnderReaders(t *testing.T) {
	w := accesstest.Company(accesstest.Small, 1)
	s, rs := build(t, w), w.Requests(100, 7)
	h := access.NewHolder(0)
	h.Set(s, accesstest.Now)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := int64(0); last < 50; {
				for _, r := range rs {
					d := h.Check(r)
					if d.Revision < last || d.Allowed != (d.Code == access.Allowed) {
						t.Errorf("after revision %d: %+v", last, d)
						return
					}
					last = d.Revision
				}
			}
		})
	}
	for rev := int64(2); rev <= 50; rev++ {
		p := w.People[rev]
		p.Groups = nil
		next, err := s.With(access.Delta{Revision: rev, People: []access.Person{p}, RemoveRules: []access.RuleID{w.Rules[rev].ID}})
		if err != nil {
			t.Fatal(err)
		}
		s = next
		h.Set(s, accesstest.Now)
	}
	readers.Wait()
}

func TestBuildReportsEveryMistake(t *testing.T) {
	everyone := access.Subject{Kind: access.Everyone}
	bad := func(id access.RuleID, edit func(*access.Rule)) access.Rule {
		r := access.Rule{ID: id, Kind: access.Grant, Subject: everyone}
		edit(&r)
		return r
	}
	w := &accesstest.World{
		Catalogue: tiny,
		Sites:     []access.Site{{ID: 1}, {ID: 1}, {ID: 0}},
		People: []access.Person{
			{ID: 1}, {ID: 300}, {ID: 1}, {ID: access.MaxID + 1}, {ID: 2, Groups: []access.GroupID{0}}, {ID: 3, Traits: []access.TraitID{access.MaxID + 1}},
		},
		Cohorts: []access.Cohort{
			{ID: 1, Expr: access.Expr{Op: access.NotOf}}, {ID: 2, Expr: access.Expr{Op: access.Is, Subject: access.Subject{Kind: access.TheCohort, ID: 1}}}, {ID: 0},
			{ID: 3, Expr: access.Expr{Op: 9}},
		},
		Rules: []access.Rule{
			bad(1, func(*access.Rule) {}), bad(1, func(*access.Rule) {}), bad(2, func(r *access.Rule) { r.Kind = 0 }),
			bad(3, func(r *access.Rule) { r.Subject = access.Subject{} }), bad(4, func(r *access.Rule) { r.Channel = 3 }),
			bad(5, func(r *access.Rule) { r.Subject = access.Subject{Kind: access.TheGroup, ID: access.MaxID + 1} }),
			bad(6, func(r *access.Rule) { r.For = -1 }), bad(0, func(*access.Rule) {}),
		},
		Tokens: []access.Token{{ID: 1}, {ID: 1}, {ID: -4}},
	}
	_, err := access.Build(w.Facts())
	if err == nil {
		t.Fatal("no error")
	}
	const want = `build snapshot: cohort 1: not of 0 expressions, wants one
cohort 2: a cohort is not made of cohorts
cohort 0: ids go from 1 to 268435455
cohort 3: no operator 9
site 1: second use of the id
site 0: ids are positive
rule 1: second use of the id
rule 2: no kind 0
rule 3: no subject: kind 0
rule 4: no channel 3
rule 5: group 268435456: ids go from 1 to 268435455
rule 6: lasts -1ns, less than nothing
rule 0: ids are positive
token 1: second use of the id
token -4: ids are positive
person 1: second use of the id
person 268435456: ids go from 1 to 268435455
person 2: group 0: ids go from 1 to 268435455
person 3: trait 268435456: ids go from 1 to 268435455`
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if _, err := access.Build(access.Facts{}); err == nil {
		t.Error("built without a catalogue")
	}
}

// What a snapshot gives back is what went in, and its slices are the caller's.
func TestFactsComeBack(t *testing.T) {
	w := accesstest.Company(accesstest.Small, 2)
	s := build(t, w)
	p := w.People[41]
	got, ok := s.Person(p.ID)
	if !ok || len(got.Groups) != len(p.Groups) || got.Groups[0] != p.Groups[0] {
		t.Fatalf("Person(%d) = %+v, want %+v", p.ID, got, p)
	}
	got.Groups[0]++
	if again, _ := s.Person(p.ID); again.Groups[0] != p.Groups[0] {
		t.Error("a caller's change is seen in the snapshot")
	}
	n := 0
	for r := range s.Rules() {
		if n++; r.Scope.Text == "" || r.Role == "" || r.Origin.Source == "" && r.Kind == access.Grant {
			t.Fatalf("rule came back as %+v", r)
		}
	}
	if n != len(w.Rules) {
		t.Errorf("%d rules, want %d", n, len(w.Rules))
	}
}
