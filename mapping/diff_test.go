package mapping

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"grantbridge/access"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// plain is facts in a form that a test can change.
type plain struct {
	sites   []access.Site
	rules   []access.Rule
	cohorts []access.Cohort
	people  []access.Person
}

func (p plain) build(t interface{ Fatal(...any) }, revision int64) *access.Snapshot {
	f := access.Facts{Revision: revision, Catalogue: access.DefaultCatalogue(), Sites: p.sites, Rules: p.rules, Cohorts: p.cohorts, People: slices.Values(p.people)}
	for _, x := range p.people {
		f.Tokens = append(f.Tokens, access.Token{ID: access.TokenID(x.ID), Owner: x.ID, Ceiling: access.CeilingInherit})
	}
	s, err := access.Build(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// naiveDiff is Diff by asking about every person on every site.
func naiveDiff(old, new *access.Snapshot, now time.Time) *Plan {
	cat := old.Catalogue()
	people, sites := map[access.PersonID]bool{}, map[access.SiteID]bool{access.Global: true}
	for _, s := range []*access.Snapshot{old, new} {
		for id := range s.People() {
			people[id] = true
		}
		for _, site := range s.AllSites() {
			sites[site.ID] = true
		}
	}
	p := &Plan{Base: old.Revision(), People: len(people)}
	type way struct {
		site     access.SiteID
		token    bool
		from, to access.Level
		// the whole difference, so that different ones stay apart
		gained, lost access.Actions
	}
	moves := map[way][]access.PersonID{}
	for _, id := range slices.Sorted(maps.Keys(people)) {
		var before, after, up, down bool
		for site := range sites {
			var ways [2]way
			for i, token := range []bool{false, true} {
				a, b := naiveAt(old, id, site, token, now), naiveAt(new, id, site, token, now)
				before, after = before || a != access.Actions{}, after || b != access.Actions{}
				w := way{site: site, from: cat.Highest(a), to: cat.Highest(b)}
				if w.from == w.to {
					w.gained, w.lost = b.Minus(a), a.Minus(b)
				}
				none := access.Actions{}
				if w.from == w.to && w.gained == none && w.lost == none {
					w.from, w.to = 0, 0
				} else {
					down = down || w.to < w.from || w.lost != none
					up = up || w.to > w.from || w.gained != none
				}
				ways[i] = w
				if w == (way{site: site}) || i == 1 && ways[0] == w {
					continue
				}
				w.token = token
				moves[w] = append(moves[w], id)
			}
		}
		switch {
		case !up && !down:
		case before && !after:
			p.Lose++
		case down:
			p.Down++
		case !before && after:
			p.Gain++
		default:
			p.Up++
		}
		p.SuperusersBefore += superuser(old, id, now)
		p.SuperusersAfter += superuser(new, id, now)
	}
	for w, who := range moves {
		m := Move{Site: w.site, Token: w.token, From: w.from, To: w.to, People: who}
		for _, side := range []struct {
			sign string
			set  access.Actions
		}{{"-", w.lost}, {"+", w.gained}} {
			for a := range side.set.All() {
				if len(m.Actions) < 5 {
					m.Actions = append(m.Actions, side.sign+cat.Name(a))
				}
			}
		}
		p.Moves = append(p.Moves, m)
	}
	slices.SortFunc(p.Moves, compareMoves)
	return p
}

func naiveAt(s *access.Snapshot, id access.PersonID, site access.SiteID, token bool, now time.Time) access.Actions {
	c := access.Session(now)
	if token {
		c = access.TokenOf(access.TokenID(id))
	}
	return s.Effective(access.Request{Person: id, Credential: c, Site: site, At: now})
}

func superuser(s *access.Snapshot, id access.PersonID, now time.Time) int {
	if p, ok := s.Person(id); !ok || p.Owner || !naiveAt(s, id, access.Global, false, now).Has(access.ActSuperuser) {
		return 0
	}
	return 1
}

// drawWorld draws facts over few names, so that they meet.
func drawWorld(t *rapid.T) plain {
	var p plain
	for i := range rapid.IntRange(1, 5).Draw(t, "sites") {
		p.sites = append(p.sites, drawSite(t, access.SiteID(i+1)))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "cohorts") {
		p.cohorts = append(p.cohorts, access.Cohort{ID: access.CohortID(i + 1), Expr: drawExpr(t, 2)})
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "rules") {
		p.rules = append(p.rules, drawRule(t, access.RuleID(i+1), len(p.cohorts)))
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "people") {
		p.people = append(p.people, drawPerson(t, access.PersonID(i+1)))
	}
	return p
}

func drawSite(t *rapid.T, id access.SiteID) access.Site {
	return access.Site{ID: id, Slug: rapid.SampledFrom([]string{"a", "b", "shop-a", "Shop-B"}).Draw(t, "slug") + fmt.Sprint(id),
		Labels: map[string]string{"region": rapid.SampledFrom([]string{"eu", "us"}).Draw(t, "region")}}
}

func drawExpr(t *rapid.T, depth int) access.Expr {
	if depth > 0 && rapid.Bool().Draw(t, "deep") {
		e := access.Expr{Op: rapid.SampledFrom([]access.ExprOp{access.AllOf, access.AnyOf, access.NotOf}).Draw(t, "op")}
		n := rapid.IntRange(1, 3).Draw(t, "args")
		if e.Op == access.NotOf {
			n = 1
		}
		for range n {
			e.Args = append(e.Args, drawExpr(t, depth-1))
		}
		return e
	}
	s := drawSubject(t, 0)
	return access.Expr{Op: access.Is, Subject: s}
}

func drawSubject(t *rapid.T, cohorts int) access.Subject {
	kinds := []access.SubjectKind{access.TheGroup, access.TheGroup, access.TheGroup, access.ThePerson, access.TheTrait, access.SignedIn, access.Everyone}
	if cohorts > 0 {
		kinds = append(kinds, access.TheCohort, access.TheCohort)
	}
	s := access.Subject{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	switch s.Kind {
	case access.TheGroup:
		s.ID = int64(rapid.IntRange(1, 4).Draw(t, "group"))
	case access.ThePerson:
		s.ID = int64(rapid.IntRange(1, 6).Draw(t, "person"))
	case access.TheTrait:
		s.ID = int64(rapid.IntRange(1, 2).Draw(t, "trait"))
	case access.TheCohort:
		s.ID = int64(rapid.IntRange(1, cohorts).Draw(t, "cohort"))
	}
	return s
}

func drawRule(t *rapid.T, id access.RuleID, cohorts int) access.Rule {
	cat := access.DefaultCatalogue()
	r := access.Rule{ID: id, Kind: rapid.SampledFrom([]access.Kind{access.Grant, access.Grant, access.Grant, access.Deny, access.Cap}).Draw(t, "what"), Subject: drawSubject(t, cohorts)}
	level := rapid.SampledFrom([]access.Level{access.NoAccess, access.View, access.View, access.Write, access.Admin, access.Superuser}).Draw(t, "level")
	r.Actions = cat.Level(level)
	if rapid.IntRange(0, 3).Draw(t, "extra") == 0 || r.Kind == access.Deny {
		r.Actions = access.Actions{}
		r.Actions.Add(access.ActionID(rapid.IntRange(0, 8).Draw(t, "action")))
	}
	r.TokenCeiling = rapid.SampledFrom([]access.Ceiling{access.CeilingInherit, access.CeilingInherit, access.CeilingView, access.CeilingWrite, access.CeilingUnknown}).Draw(t, "ceiling")
	r.Channel = rapid.SampledFrom([]access.Channel{access.AnyChannel, access.TokenChannel, access.SessionChannel}).Draw(t, "channel")
	r.Scope = drawScope(t)
	switch rapid.IntRange(0, 6).Draw(t, "time") {
	case 0:
		r.Until = testNow.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")) * time.Hour)
	case 1:
		r.From = testNow.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "from")) * time.Hour)
	case 2:
		r.For = 2 * time.Hour
	}
	return r
}

func drawScope(t *rapid.T) access.Scope {
	var sc access.Scope
	switch rapid.IntRange(0, 4).Draw(t, "scope") {
	case 0, 1:
		sc.All = true
	case 2:
		sc.Sites = []access.SiteID{access.SiteID(rapid.IntRange(1, 5).Draw(t, "site"))}
	case 3:
		sc.Select = []access.Selector{{Labels: map[string]string{"region": "eu"}}}
	case 4:
		sc.Select = []access.Selector{{Slug: rapid.SampledFrom([]string{"shop-*", "SHOP-B4", "a1", `\b2`, "?3"}).Draw(t, "glob")}}
	}
	if rapid.IntRange(0, 4).Draw(t, "except") == 0 {
		sc.ExceptSites = []access.SiteID{1}
	}
	return sc
}

func drawPerson(t *rapid.T, id access.PersonID) access.Person {
	p := access.Person{ID: id, Joined: map[access.GroupID]time.Time{}}
	for g := access.GroupID(1); g <= 4; g++ {
		if rapid.Bool().Draw(t, "in") {
			p.Groups = append(p.Groups, g)
			if rapid.Bool().Draw(t, "known") {
				p.Joined[g] = testNow.Add(-time.Duration(rapid.IntRange(1, 3).Draw(t, "hours")) * time.Hour)
			}
			if rapid.IntRange(0, 4).Draw(t, "ceases") == 0 {
				p.Until = map[access.GroupID]time.Time{g: testNow.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")) * time.Hour)}
			}
		}
	}
	for x := access.TraitID(1); x <= 2; x++ {
		if rapid.Bool().Draw(t, "trait") {
			p.Traits = append(p.Traits, x)
		}
	}
	p.Locked = rapid.IntRange(0, 9).Draw(t, "locked") == 0
	p.Suspended = rapid.IntRange(0, 9).Draw(t, "suspended") == 0
	p.Owner = rapid.IntRange(0, 9).Draw(t, "owner") == 0
	return p
}

// change is a random edit of a few facts.
func (p plain) change(t *rapid.T) plain {
	q := plain{slices.Clone(p.sites), slices.Clone(p.rules), slices.Clone(p.cohorts), slices.Clone(p.people)}
	for n := range rapid.IntRange(0, 4).Draw(t, "edits") {
		switch rapid.IntRange(0, 8).Draw(t, "edit") {
		case 0, 1:
			if len(q.rules) > 0 {
				i := rapid.IntRange(0, len(q.rules)-1).Draw(t, "which")
				q.rules[i] = drawRule(t, q.rules[i].ID, len(q.cohorts))
			}
		case 2:
			q.rules = append(q.rules, drawRule(t, access.RuleID(100+n), len(q.cohorts)))
		case 3:
			if len(q.rules) > 0 {
				q.rules = q.rules[1:]
			}
		case 4:
			i := rapid.IntRange(0, len(q.people)-1).Draw(t, "whom")
			q.people[i] = drawPerson(t, q.people[i].ID)
		case 5:
			q.people = append(q.people, drawPerson(t, access.PersonID(100+n)))
		case 6:
			if len(q.people) > 1 {
				q.people = q.people[1:]
			}
		case 7:
			i := rapid.IntRange(0, len(q.sites)-1).Draw(t, "where")
			q.sites[i] = drawSite(t, q.sites[i].ID)
		case 8:
			if len(q.cohorts) > 0 {
				q.cohorts[0].Expr = drawExpr(t, 2)
			}
		}
	}
	return q
}

func TestDiffEqualsAskingAboutEveryPersonOnEverySite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawWorld(t)
		b := a.change(t)
		old, new := a.build(t, 7), b.build(t, 8)
		got, want := Diff(old, new, testNow), naiveDiff(old, new, testNow)
		want.Hash = want.hash()
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("plan differs (-want +got):\n%s", diff)
		}
		if again := Diff(old, new, testNow); again.Hash != got.Hash {
			t.Fatal("the hash is not stable")
		}
	})
}

func TestEqualSnapshotsMakeAnEmptyPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawWorld(t).build(t, 1)
		if p := Diff(s, s, testNow); p.Changed() != 0 || len(p.Moves) != 0 {
			t.Fatalf("%+v", p)
		}
	})
}
