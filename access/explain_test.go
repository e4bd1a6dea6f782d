package access_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// TestL14ExplainSoundness removes exactly what an explanation says decides, or
// makes the one change it proposes, and expects a yes.
func TestL14ExplainSoundness(t *testing.T) { rapid.Check(t, explainSoundness) }

func explainSoundness(t *rapid.T) {
	w, r := drawWorld(t), drawRequest(t)
	s := build(t, w)
	x := s.Explain(r)
	counts := slices.ContainsFunc(x.Grants, func(g access.GrantTrail) bool { return g.Counts })
	p, _ := s.Person(x.Person)
	if x.Allowed && !counts && !p.Owner {
		t.Fatalf("allowed, and no grant counts: %+v", x)
	}
	decides := slices.ContainsFunc(x.Restriction, func(y access.RestrictionTrail) bool { return y.Decides })
	if x.Allowed && (decides || len(x.Nearest) > 0) {
		t.Fatalf("allowed, and yet restricted: %+v", x)
	}
	for _, g := range x.Grants {
		if g.Counts != (g.WhyNot == "") {
			t.Fatalf("grant %d counts: %v, why not: %q", g.Rule.ID, g.Counts, g.WhyNot)
		}
		if !s.Has(x.Person, g.Via) && g.Via.Kind != access.Everyone {
			t.Fatalf("grant %d came via %v, which he has not", g.Rule.ID, g.Via)
		}
	}
	if decides && nobodys(r.Credential) && !slices.ContainsFunc(r.Also, func(c access.Credential) bool { return !nobodys(c) }) {
		// The public's cap at view is in no world to lift: look under it.
		under := w.Reach(r, access.Credential{Kind: access.AnonymousCredential})
		if left := under.Raw.Minus(under.Denied).Intersect(under.Kept); !left.Has(r.Action) {
			t.Fatalf("%+v\nwithout the public's cap: %v", x, names(left))
		}
	} else if decides {
		w2, r2 := lift(w, r, x)
		if got := build(t, w2).Check(r2); !got.Allowed {
			t.Fatalf("%+v\nwithout what decides: %+v", x, got)
		}
	}
	for _, c := range x.Nearest {
		w2, r2 := apply(w, r, x, c)
		if got := build(t, w2).Check(r2); !got.Allowed {
			t.Fatalf("%+v\nafter %s %+v: %+v", x, c.Kind, c, got)
		}
	}
	alone(t, x)
}

// alone checks that a no with one plain reason names the change.
func alone(t *rapid.T, x access.Explanation) {
	n := 0
	for _, y := range x.Restriction {
		if y.Decides {
			n++
		}
	}
	if n == 1 && (x.Code == access.Locked || x.Code == access.Suspended || x.Code == access.DeniedRule || x.Code == access.CapUser) && len(x.Nearest) == 0 {
		t.Fatalf("one reason and no way out: %+v", x)
	}
}

// lift is the world and request without the restrictions that decide.
func lift(w *accesstest.World, r access.Request, x access.Explanation) (*accesstest.World, access.Request) {
	w = w.Clone()
	r.Also = slices.Clone(r.Also)
	for _, y := range x.Restriction {
		if !y.Decides {
			continue
		}
		switch y.Kind {
		case access.ByDeny, access.ByCap:
			w.Rules = slices.DeleteFunc(w.Rules, func(z access.Rule) bool { return z.ID == y.Rule.ID })
		case access.ByMapping:
			for i := range w.Rules {
				if w.Rules[i].ID == y.Rule.ID {
					w.Rules[i].TokenCeiling = access.CeilingInherit
				}
			}
		case access.ByToken:
			editToken(w, y.Token, func(t *access.Token) {
				*t = access.Token{ID: t.ID, Owner: t.Owner, Ceiling: access.CeilingInherit, Issued: clock(lastTick + 1)}
				if _, ok := w.Person(t.Owner); !ok {
					t.Owner = x.Person
				}
			})
		case access.BySession:
			for _, c := range credentials(&r) {
				if c.Kind == access.SessionCredential {
					*c = access.Session(clock(lastTick + 1))
				}
			}
		case access.ByAnonymous:
			r.Also = slices.DeleteFunc(r.Also, nobodys)
			if nobodys(r.Credential) {
				r.Credential, r.Also = r.Also[0], r.Also[1:]
			}
		case access.ByLock, access.BySuspend:
			editPerson(w, x.Person, func(p *access.Person) {
				p.Locked, p.Suspended = p.Locked && y.Kind != access.ByLock, p.Suspended && y.Kind != access.BySuspend
			})
		}
	}
	return w, r
}

func nobodys(c access.Credential) bool {
	return c.Kind != access.SessionCredential && c.Kind != access.TokenCredential
}

func credentials(r *access.Request) []*access.Credential {
	out := []*access.Credential{&r.Credential}
	for i := range r.Also {
		out = append(out, &r.Also[i])
	}
	return out
}

func editToken(w *accesstest.World, id access.TokenID, edit func(*access.Token)) {
	for i := range w.Tokens {
		if w.Tokens[i].ID == id {
			edit(&w.Tokens[i])
		}
	}
}

func editPerson(w *accesstest.World, id access.PersonID, edit func(*access.Person)) {
	for i := range w.People {
		if w.People[i].ID == id {
			edit(&w.People[i])
		}
	}
}

func editRule(w *accesstest.World, id access.RuleID, edit func(*access.Rule)) {
	for i := range w.Rules {
		if w.Rules[i].ID == id {
			edit(&w.Rules[i])
		}
	}
}

// apply is the world and request after one proposed change.
func apply(w *accesstest.World, r access.Request, x access.Explanation, c access.Change) (*accesstest.World, access.Request) {
	w = w.Clone()
	switch c.Kind {
	case access.UseSession:
		r.Person, r.Credential, r.Also = x.Person, access.Session(r.At), nil
	case access.RaiseToken:
		editToken(w, c.Token, func(t *access.Token) { t.Ceiling = access.CeilingAt(c.Level) })
	case access.RaiseMapping:
		editRule(w, c.Rule.ID, func(y *access.Rule) { y.TokenCeiling = access.CeilingAt(c.Level) })
	case access.LiftRule:
		w.Rules = slices.DeleteFunc(w.Rules, func(y access.Rule) bool { return y.ID == c.Rule.ID })
	case access.JoinGroup:
		editPerson(w, x.Person, func(p *access.Person) {
			p.Groups = append(slices.Clone(p.Groups), c.Group)
			joined := map[access.GroupID]time.Time{}
			for g, at := range p.Joined {
				joined[g] = at
			}
			joined[c.Group] = r.At
			p.Joined = joined
		})
	case access.RenewGrant:
		editRule(w, c.Rule.ID, func(y *access.Rule) { y.Until, y.For = time.Time{}, 0 })
	case access.RenewToken:
		editToken(w, c.Token, func(t *access.Token) { t.Expires = time.Time{} })
	case access.Unlock:
		editPerson(w, x.Person, func(p *access.Person) { p.Locked = false })
	case access.Reactivate:
		editPerson(w, x.Person, func(p *access.Person) { p.Suspended = false })
	}
	return w, r
}
