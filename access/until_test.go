package access_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
)

// TestAMembershipThatCeasedRestrictsAndGrantsNothing: as of when a membership
// ceases to grant, grants are as without it, and restrictions as with it.
func TestAMembershipThatCeasedRestrictsAndGrantsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r := drawWorld(t), drawRequest(t)
		w.Cohorts = nil // they have a test of their own
		only := func(kinds ...access.Kind) (rules []access.Rule) {
			for _, rule := range w.Rules {
				for _, k := range kinds {
					if rule.Kind == k && rule.Subject.Kind != access.TheCohort {
						rules = append(rules, rule)
					}
				}
			}
			return rules
		}
		grants, restrictions := only(access.Grant), only(access.Deny, access.Cap)
		without := w
		without.People = nil
		for _, p := range w.People {
			var kept []access.GroupID
			for _, g := range p.Groups {
				if until, ceases := p.Until[g]; !ceases || r.At.Before(until) {
					kept = append(kept, g)
				}
			}
			p.Groups, p.Until = kept, nil
			without.People = append(without.People, p)
		}
		w.Rules, without.Rules = grants, grants
		if got, want := build(t, w).Effective(r), build(t, without).Effective(r); got != want {
			t.Fatalf("grants through what has ceased: %v, without it %v", got, want)
		}
		with := w
		with.People = nil
		for _, p := range w.People {
			p.Until = nil
			with.People = append(with.People, p)
		}
		all := access.Rule{ID: 9999, Kind: access.Grant, Subject: access.Subject{Kind: access.Everyone}, Scope: access.Scope{All: true}, Actions: w.Catalogue.Level(access.Superuser), TokenCeiling: access.CeilingInherit}
		w.Rules = append(restrictions[:len(restrictions):len(restrictions)], all)
		with.Rules = w.Rules
		if got, want := build(t, w).Effective(r), build(t, with).Effective(r); got != want {
			t.Fatalf("restrictions through what has ceased: %v, with it %v", got, want)
		}
	})
}

func TestAGrantThroughACohortEndsWithTheMembershipItNeeds(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	group := func(id int64) access.Expr {
		return access.Expr{Op: access.Is, Subject: access.Subject{Kind: access.TheGroup, ID: id}}
	}
	for _, c := range []struct {
		name string
		expr access.Expr
		want bool
	}{
		{"one that has ceased", access.Expr{Op: access.AnyOf, Args: []access.Expr{group(1)}}, false},
		{"one of two, the other still counts", access.Expr{Op: access.AnyOf, Args: []access.Expr{group(1), group(2)}}, true},
		{"both", access.Expr{Op: access.AllOf, Args: []access.Expr{group(1), group(2)}}, false},
		{"the one that counts", access.Expr{Op: access.AnyOf, Args: []access.Expr{group(2)}}, true},
		{"not being in the one that has ceased", access.Expr{Op: access.NotOf, Args: []access.Expr{group(1)}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			catalogue := access.DefaultCatalogue()
			facts := access.Facts{Catalogue: catalogue, Sites: []access.Site{{ID: 1, Slug: "main"}}, Cohorts: []access.Cohort{{ID: 1, Expr: c.expr}},
				Rules: []access.Rule{{ID: 1, Kind: access.Grant, Subject: access.Subject{Kind: access.TheCohort, ID: 1}, Scope: access.Scope{All: true},
					Actions: catalogue.Level(access.Write), TokenCeiling: access.CeilingInherit}},
				People: func(yield func(access.Person) bool) {
					yield(access.Person{ID: 1, Groups: []access.GroupID{1, 2}, Until: map[access.GroupID]time.Time{1: at}})
				}}
			s, err := access.Build(facts)
			if err != nil {
				t.Fatal(err)
			}
			r := access.Request{Person: 1, Credential: access.Session(at), Site: 1, Action: access.ActView, At: at}
			if got := s.Check(r); got.Allowed != c.want || !c.want && c.name != "not being in the one that has ceased" && got.Code != access.ExpiredGrant {
				t.Errorf("got %v %v, want %v", got.Allowed, got.Code, c.want)
			}
			if got := s.Confirmed(1, access.Subject{Kind: access.TheCohort, ID: 1}, at); got != c.want {
				t.Errorf("confirmed: %v", got)
			}
		})
	}
}
