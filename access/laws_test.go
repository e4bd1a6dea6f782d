package access_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// The laws of the grant model, each over random tiny worlds. They use the naive
// specification only to edit worlds, never to know an answer.

// everywhere is the effective actions of request r on every site and Global, at
// every tick.
func everywhere(s *access.Snapshot, r access.Request) []access.Actions {
	var out []access.Actions
	for t := range lastTick + 1 {
		for _, site := range []access.SiteID{access.Global, 1, 2, 3, 4} {
			r.Site, r.At = site, clock(t)
			out = append(out, s.Effective(r))
		}
	}
	return out
}

func within(a, b []access.Actions) bool {
	for i := range a {
		if !a[i].Within(b[i]) {
			return false
		}
	}
	return true
}

func nextRule(w *accesstest.World) access.RuleID {
	id := access.RuleID(1)
	for _, r := range w.Rules {
		id = max(id, r.ID+1)
	}
	return id
}

func TestL1DefaultDeny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.Rules = slices.DeleteFunc(w.Rules, func(r access.Rule) bool { return r.Kind == access.Grant })
		for i := range w.People {
			w.People[i].Owner = false
		}
		s := build(t, w)
		if r := drawRequest(t); s.Check(r).Allowed || s.Effective(r) != (access.Actions{}) {
			t.Fatalf("%+v is allowed without a grant", r)
		}
	})
	var none access.Snapshot
	if d := none.Check(access.Request{}); d.Allowed {
		t.Errorf("the zero Snapshot allows: %+v", d)
	}
}

func TestL2GrantsOnlyAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		before := everywhere(build(t, w), r)
		grant := drawRule(t, nextRule(w))
		grant.Kind = access.Grant
		w.Rules = append(w.Rules, grant)
		if after := everywhere(build(t, w), r); !within(before, after) {
			t.Fatalf("grant %+v took something away", grant)
		}
	})
}

func TestL3RestrictionsOnlyRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		before := everywhere(build(t, w), r)
		switch rule := drawRule(t, nextRule(w)); {
		case rapid.Bool().Draw(t, "lower a ceiling") && len(w.Tokens) > 0:
			tok := &w.Tokens[rapid.IntRange(0, len(w.Tokens)-1).Draw(t, "which")]
			lower := drawCeiling(t)
			if !tiny.Ceiling(lower).Within(tiny.Ceiling(tok.Ceiling)) {
				t.Skip("not lower")
			}
			tok.Ceiling = lower
		default:
			rule.Kind = rapid.SampledFrom([]access.Kind{access.Deny, access.Cap}).Draw(t, "restriction")
			w.Rules = append(w.Rules, rule)
		}
		if after := everywhere(build(t, w), r); !within(after, before) {
			t.Fatal("a restriction added something")
		}
	})
}

// A token is never more than the session of the same person, when caps do not
// tell the channels apart.
func TestL4TokenWithinSession(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for i := range w.Rules {
			w.Rules[i].Channel = access.AnyChannel
		}
		s := build(t, w)
		for _, tok := range w.Tokens {
			viaToken := everywhere(s, access.Request{Credential: access.TokenOf(tok.ID)})
			viaSession := everywhere(s, access.Request{Person: tok.Owner, Credential: access.Session(clock(lastTick))})
			if !within(viaToken, viaSession) {
				t.Fatalf("token %d is more than a session", tok.ID)
			}
		}
	})
}

func TestL5CredentialsIntersect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, r := build(t, drawWorld(t)), drawRequest(t)
		r.Person = rapid.SampledFrom(personIDs).Draw(t, "asked")
		second := drawCredential(t)
		r.Also = nil
		one, two, both := r, r, r
		two.Credential, both.Also = second, []access.Credential{second}
		if s.Check(both).Code == access.UnknownSubject {
			t.Skip("somebody else's token")
		}
		if got, want := s.Effective(both), s.Effective(one).Intersect(s.Effective(two)); got != want {
			t.Fatalf("both give %v, one by one %v", names(got), names(want))
		}
	})
}

func TestL6OrderAndDuplicatesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		want := everywhere(build(t, w), r)
		other := w.Clone()
		other.Rules = rapid.Permutation(w.Rules).Draw(t, "rules in another order")
		other.People = rapid.Permutation(w.People).Draw(t, "people")
		other.Tokens = rapid.Permutation(w.Tokens).Draw(t, "tokens")
		for i, rule := range slices.Clone(other.Rules) {
			if i%2 == 0 {
				rule.ID += 1000
				other.Rules = append(other.Rules, rule)
			}
		}
		if got := everywhere(build(t, other), r); !slices.Equal(got, want) {
			t.Fatal("another order, another answer")
		}
	})
}

// A rule that has ended, or not begun, is as good as none.
func TestL7ExpiryIsRemoval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		s := build(t, w)
		w.Rules = slices.DeleteFunc(w.Rules, func(x access.Rule) bool {
			return !x.From.IsZero() && r.At.Before(x.From) || !x.Until.IsZero() && !r.At.Before(x.Until)
		})
		if got, want := build(t, w).Effective(r), s.Effective(r); got != want {
			t.Fatalf("without dead rules %v, with them %v", names(got), names(want))
		}
	})
}

func TestL8SelectorIsItsSites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		want := everywhere(build(t, w), r)
		for i, rule := range w.Rules {
			if rule.Scope.All {
				continue
			}
			sc := access.Scope{}
			for _, site := range w.Sites {
				if rule.Scope.Has(site) {
					sc.Sites = append(sc.Sites, site.ID)
				}
			}
			w.Rules[i].Scope = sc
		}
		if got := everywhere(build(t, w), r); !slices.Equal(got, want) {
			t.Fatal("the sites by name give another answer than by selector")
		}
	})
}

func TestL9GroupIsItsMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		for i := range w.Rules {
			w.Rules[i].For = 0
		}
		for i := range w.People { // of memberships, as For is
			w.People[i].Until = nil
		}
		want := everywhere(build(t, w), r)
		var rules []access.Rule
		for _, rule := range w.Rules {
			if rule.Subject.Kind != access.TheGroup {
				rules = append(rules, rule)
				continue
			}
			for _, p := range w.People {
				if slices.Contains(p.Groups, access.GroupID(rule.Subject.ID)) {
					each := rule
					each.ID, each.Subject = rule.ID+1000*access.RuleID(p.ID), access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}
					rules = append(rules, each)
				}
			}
		}
		w.Rules = rules
		if got := everywhere(build(t, w), r); !slices.Equal(got, want) {
			t.Fatal("rules for each member give another answer than rules for the group")
		}
	})
}

func TestL10DenyWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		for i := range w.People {
			w.People[i].Owner = false
		}
		w.Rules = append(w.Rules, access.Rule{
			ID: nextRule(w), Kind: access.Deny, Subject: access.Subject{Kind: access.Everyone},
			Actions: tiny.Level(access.Superuser), Scope: access.Scope{All: true},
		})
		for _, set := range everywhere(build(t, w), r) {
			if set != (access.Actions{}) {
				t.Fatalf("denied everything and may %v", names(set))
			}
		}
	})
}

func TestL11NonInterference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		s := build(t, w)
		var subject access.PersonID
		r.Action = access.ActView
		if x := s.Explain(r); r.Credential.Kind == access.SessionCredential || r.Credential.Kind == access.TokenCredential {
			subject = x.Person
		}
		p, _ := w.Person(subject)
		site, ok := w.Site(r.Site)
		if !ok {
			t.Skip("no site")
		}
		public := r.Credential.Kind == access.AnonymousCredential || len(r.Also) > 0
		w.Rules = slices.DeleteFunc(w.Rules, func(x access.Rule) bool {
			mine := w.Has(p, x.Subject) || public && x.Subject.Kind == access.Everyone
			return !mine || !accesstest.InScope(x.Scope, site)
		})
		if got, want := build(t, w).Effective(r), s.Effective(r); got != want {
			t.Fatalf("without others' rules %v, with them %v", names(got), names(want))
		}
	})
}

// A sync replaces what its source owns: again changes nothing, syncs of different
// sources commute, and dropping a source leaves the effect of the others.
func TestL12SourceAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		w.Rules = nil
		s := build(t, w)
		sync := func(source int64) access.Delta {
			var d access.Delta
			for id := range 4 {
				rid := access.RuleID(source*100 + int64(id) + 1)
				if rapid.Bool().Draw(t, "has rule") {
					d.Rules = append(d.Rules, drawRule(t, rid))
				} else {
					d.RemoveRules = append(d.RemoveRules, rid)
				}
			}
			return d
		}
		a, b := sync(1), sync(2)
		ab, ba := with(t, with(t, s, a), b), with(t, with(t, s, b), a)
		if !slices.Equal(everywhere(ab, r), everywhere(ba, r)) {
			t.Fatal("syncs of two sources do not commute")
		}
		if !slices.Equal(everywhere(with(t, ab, a), r), everywhere(ab, r)) {
			t.Fatal("a sync again is not nothing")
		}
		drop := access.Delta{}
		for _, x := range b.Rules {
			drop.RemoveRules = append(drop.RemoveRules, x.ID)
		}
		if !slices.Equal(everywhere(with(t, ab, drop), r), everywhere(with(t, s, a), r)) {
			t.Fatal("dropping a source does not leave the other")
		}
	})
}

func with(t *rapid.T, s *access.Snapshot, d access.Delta) *access.Snapshot {
	next, err := s.With(d)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// A mapping adds through a token at most its own token ceiling.
func TestL13MappingLocality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		if len(w.Tokens) == 0 {
			t.Skip("no token")
		}
		r := access.Request{Credential: access.TokenOf(1)}
		before := everywhere(build(t, w), r)
		grant := drawRule(t, nextRule(w))
		grant.Kind = access.Grant
		w.Rules = append(w.Rules, grant)
		for i, after := range everywhere(build(t, w), r) {
			if more := after.Minus(before[i]); !more.Within(grant.Actions.Intersect(tiny.Ceiling(grant.TokenCeiling))) {
				t.Fatalf("ceiling %s, and the token gained %v", grant.TokenCeiling, names(more))
			}
		}
	})
}

// L16 is TestDifferentialWith; this is its half without a specification: a change
// and its opposite lead back.
func TestL16ChangesLeadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		s := build(t, w)
		d := drawDelta(t, 2)
		back := access.Delta{Revision: 1}
		for _, x := range d.Rules {
			back.RemoveRules = append(back.RemoveRules, x.ID)
		}
		for _, x := range d.Sites {
			back.RemoveSites = append(back.RemoveSites, x.ID)
		}
		for _, x := range d.Cohorts {
			back.RemoveCohorts = append(back.RemoveCohorts, x.ID)
		}
		for _, x := range d.People {
			back.RemovePeople = append(back.RemovePeople, x.ID)
		}
		for _, x := range d.Tokens {
			back.RemoveTokens = append(back.RemoveTokens, x.ID)
		}
		back.Sites, back.Rules, back.Cohorts, back.People, back.Tokens = w.Sites, w.Rules, w.Cohorts, w.People, w.Tokens
		again := with(t, with(t, s, d), back)
		if !slices.Equal(everywhere(again, r), everywhere(s, r)) || again.Stats() != s.Stats() {
			t.Fatal("there and back is somewhere else")
		}
	})
}

// Two replicas at one revision answer alike, whichever way they came there: by
// every change, or by a full load late and the changes after it.
func TestL17ReplicasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		one := build(t, w)
		load := rapid.IntRange(0, 3).Draw(t, "load after")
		var two *access.Snapshot
		for n := range 4 {
			d := drawDelta(t, int64(n+2))
			one = with(t, one, d)
			w.Apply(d)
			switch {
			case n == load:
				two = build(t, w)
			case n > load:
				two = with(t, two, d)
			}
		}
		r := drawRequest(t)
		if a, b := one.Check(r), two.Check(r); a != b || a.Revision != 5 {
			t.Fatalf("%+v: one says %+v, the other %+v", r, a, b)
		}
		if !slices.Equal(everywhere(one, r), everywhere(two, r)) {
			t.Fatal("replicas differ")
		}
	})
}

func TestHolderIsStaleUntilSetAndAfterItsBound(t *testing.T) {
	s, err := access.Build(access.Facts{Revision: 7, Catalogue: tiny})
	if err != nil {
		t.Fatal(err)
	}
	h := access.NewHolder(5 * time.Second)
	ask := func(at time.Time) access.Decision { return h.Check(access.Request{At: at, Site: 1}) }
	if got := ask(clock(0)); got != (access.Decision{Code: access.Stale}) {
		t.Errorf("before Set: %+v", got)
	}
	h.Touch(clock(0))
	h.Set(s, clock(0))
	for at, want := range map[int]access.Code{0: access.UnknownSite, 5: access.UnknownSite, 6: access.Stale} {
		if got := ask(clock(at)); got.Code != want || got.Revision != 7 {
			t.Errorf("at %d: %+v, want %s", at, got, want)
		}
	}
	h.Touch(clock(9))
	if got := ask(clock(14)); got.Code != access.UnknownSite {
		t.Errorf("after Touch: %+v", got)
	}
	if _, fresh := access.NewHolder(0).Snapshot(clock(0)); fresh {
		t.Error("an empty holder is fresh")
	}
}
