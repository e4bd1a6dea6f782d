package accesstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"grantbridge/access"
)

// Size is how big a Company is.
type Size struct {
	People, Sites, Groups, PerPerson int
	GroupGrants, DirectGrants        int
	Denies, Caps, Tokens             int
}

// Sizes to measure with. Budget is the one that design.md's budgets are about;
// Large is ten times that; Small is for tests.
var (
	Small  = Size{People: 1_000, Sites: 50, Groups: 100, PerPerson: 8, GroupGrants: 200, DirectGrants: 40, Denies: 24, Caps: 2, Tokens: 100}
	Budget = Size{People: 100_000, Sites: 1_000, Groups: 5_000, PerPerson: 20, GroupGrants: 9_844, DirectGrants: 2_000, Denies: 1_200, Caps: 2, Tokens: 10_000}
	Large  = Size{People: 1_000_000, Sites: 10_000, Groups: 50_000, PerPerson: 20, GroupGrants: 98_440, DirectGrants: 20_000, Denies: 12_000, Caps: 2, Tokens: 100_000}
)

// Now is the time that a Company is about.
var Now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// EverybodysGroup has every second person as a member.
const EverybodysGroup access.GroupID = 1

// maxLabels is how many values the label "team" has.
const maxLabels = 50

// Company makes a company of that size, always the same one for a seed: every
// second person in one group and the rest of the memberships spread evenly, most
// grants of a group on one site, one in a hundred on a label, a few everywhere.
func Company(z Size, seed uint64) *World {
	c := &company{Size: z, rnd: rand.New(rand.NewPCG(seed, 1)), cat: access.DefaultCatalogue()}
	w := &World{Revision: 1, Catalogue: c.cat}
	c.sites(w)
	c.people(w)
	c.rules(w)
	c.tokens(w)
	return w
}

type company struct {
	Size
	rnd  *rand.Rand
	cat  *access.Catalogue
	next access.RuleID
}

func label(n int) string { return fmt.Sprintf("team-%02d", n) }

func (c *company) sites(w *World) {
	for id := range c.Sites {
		s := access.Site{ID: access.SiteID(id + 1), Slug: fmt.Sprintf("site-%d", id+1), Labels: map[string]string{"team": label(c.rnd.IntN(maxLabels))}}
		if c.rnd.IntN(2) == 0 {
			s.Labels["tier"] = "prod"
		}
		w.Sites = append(w.Sites, s)
	}
}

func (c *company) people(w *World) {
	w.People = make([]access.Person, c.People)
	all := make([]access.GroupID, 0, c.People*c.PerPerson*2)
	for i := range w.People {
		lo := len(all)
		if c.rnd.IntN(2) == 0 {
			all = append(all, EverybodysGroup)
		}
		for range c.PerPerson - 1 + c.rnd.IntN(2) {
			all = append(all, access.GroupID(2+c.rnd.IntN(c.Groups-1)))
		}
		slices.Sort(all[lo:])
		all = all[:lo+len(slices.Compact(all[lo:]))]
		w.People[i] = access.Person{ID: access.PersonID(i + 1), Groups: all[lo:len(all):len(all)]}
	}
}

func (c *company) rules(w *World) {
	for n := range c.GroupGrants {
		r := c.rule(access.Grant, access.Subject{Kind: access.TheGroup, ID: int64(1 + n%c.Groups)})
		switch {
		case n%2_000 == 1_999:
			r.Scope = access.Scope{All: true, Text: "all"}
		case n%120 == 119:
			v := label(c.rnd.IntN(maxLabels))
			r.Scope = access.Scope{Select: []access.Selector{{Labels: map[string]string{"team": v}}}, Text: "team=" + v}
		}
		w.Rules = append(w.Rules, r)
	}
	for range c.DirectGrants {
		r := c.rule(access.Grant, c.anybody())
		r.Until = Now.Add(time.Duration(c.rnd.IntN(60*24)-10*24) * time.Hour)
		r.Origin = access.Origin{Source: "manual", Author: "admin", Reason: "project"}
		w.Rules = append(w.Rules, r)
	}
	for range c.Denies {
		w.Rules = append(w.Rules, c.rule(access.Deny, c.anybody()))
	}
	for n := range c.Caps {
		r := c.rule(access.Cap, access.Subject{Kind: access.TheGroup, ID: int64(2 + n)})
		r.Scope, r.Channel = access.Scope{All: true, Text: "all"}, access.Channel(n%3)
		r.Role, r.Actions = "at_most write", c.cat.Level(access.Write)
		w.Rules = append(w.Rules, r)
	}
}

func (c *company) anybody() access.Subject {
	return access.Subject{Kind: access.ThePerson, ID: 1 + c.rnd.Int64N(int64(c.People))}
}

// rule makes one about a random site, with a random level.
func (c *company) rule(k access.Kind, s access.Subject) access.Rule {
	c.next++
	l := access.View + access.Level(c.rnd.IntN(3))
	site := access.SiteID(1 + c.rnd.IntN(c.Sites))
	r := access.Rule{
		ID: c.next, Kind: k, Subject: s, Role: l.String(), Actions: c.cat.Level(l), TokenCeiling: access.CeilingInherit,
		Scope: access.Scope{Sites: []access.SiteID{site}, Text: fmt.Sprintf("site-%d", site)},
	}
	if k == access.Deny {
		r.Role, r.Actions = "at_most noaccess", c.cat.Level(access.Superuser)
	}
	if s.Kind == access.TheGroup {
		r.Origin = access.Origin{Source: "okta", Rule: fmt.Sprintf("rule-%d", c.next%50), Version: 1, Group: fmt.Sprintf("Group-%d", s.ID)}
	}
	return r
}

func (c *company) tokens(w *World) {
	for id := range c.Tokens {
		w.Tokens = append(w.Tokens, access.Token{
			ID: access.TokenID(id + 1), Owner: access.PersonID(1 + c.rnd.IntN(c.People)), Name: "export",
			Ceiling: access.CeilingAt(access.View + access.Level(c.rnd.IntN(2))),
			Issued:  Now.Add(-24 * time.Hour), Expires: Now.Add(time.Duration(c.rnd.IntN(2_000)-100) * time.Hour),
		})
	}
}

// Requests asks n questions of random people: seven in ten about a site that one
// of the person's groups has a grant on, a third through one of his tokens or, for
// want of one, through somebody else's.
func (w *World) Requests(n int, seed uint64) []access.Request {
	rnd := rand.New(rand.NewPCG(seed, 2))
	sites := map[access.GroupID][]access.SiteID{}
	for _, r := range w.Rules {
		if r.Kind == access.Grant && r.Subject.Kind == access.TheGroup && len(r.Scope.Sites) > 0 {
			g := access.GroupID(r.Subject.ID)
			sites[g] = append(sites[g], r.Scope.Sites[0])
		}
	}
	out := make([]access.Request, 0, n)
	for range n {
		r := access.Request{Action: access.ActView + access.ActionID(rnd.IntN(3)), At: Now, Site: access.SiteID(1 + rnd.IntN(len(w.Sites)))}
		p := &w.People[rnd.IntN(len(w.People))]
		r.Credential = access.Session(Now.Add(-time.Hour))
		if rnd.IntN(3) == 0 && len(w.Tokens) > 0 {
			t := &w.Tokens[rnd.IntN(len(w.Tokens))]
			p = &w.People[t.Owner-1]
			r.Credential = access.TokenOf(t.ID)
		}
		r.Person = p.ID
		if g := p.Groups[rnd.IntN(len(p.Groups))]; rnd.IntN(10) < 7 && len(sites[g]) > 0 {
			r.Site = sites[g][rnd.IntN(len(sites[g]))]
		}
		out = append(out, r)
	}
	return out
}

// Index makes the naive answers affordable in a big World: it finds the few rows
// that a request is about, and leaves the answering to World.
type Index struct {
	world  *World
	people map[access.PersonID]access.Person
	tokens map[access.TokenID]access.Token
	sites  map[access.SiteID]access.Site
	rules  map[access.Subject][]access.Rule
	rest   []access.Rule // of cohorts, traits and built-ins
}

// Index indexes w, which must not change afterwards.
func (w *World) Index() *Index {
	x := &Index{
		world: w, people: map[access.PersonID]access.Person{}, tokens: map[access.TokenID]access.Token{},
		sites: map[access.SiteID]access.Site{}, rules: map[access.Subject][]access.Rule{},
	}
	for _, p := range w.People {
		x.people[p.ID] = p
	}
	for _, t := range w.Tokens {
		x.tokens[t.ID] = t
	}
	for _, s := range w.Sites {
		x.sites[s.ID] = s
	}
	for _, r := range w.Rules {
		if r.Subject.Kind == access.TheGroup || r.Subject.Kind == access.ThePerson {
			x.rules[r.Subject] = append(x.rules[r.Subject], r)
		} else {
			x.rest = append(x.rest, r)
		}
	}
	return x
}

// Around is the part of the World that bears on r.
func (x *Index) Around(r access.Request) *World {
	w := &World{Revision: x.world.Revision, Catalogue: x.world.Catalogue, Cohorts: x.world.Cohorts, Rules: slices.Clone(x.rest)}
	if s, ok := x.sites[r.Site]; ok {
		w.Sites = append(w.Sites, s)
	}
	ids := map[access.PersonID]bool{r.Person: true}
	for _, c := range append([]access.Credential{r.Credential}, r.Also...) {
		for id := c.Token; id != 0; {
			t, ok := x.tokens[id]
			if !ok || slices.ContainsFunc(w.Tokens, func(u access.Token) bool { return u.ID == id }) {
				break
			}
			w.Tokens = append(w.Tokens, t)
			ids[t.Owner] = true
			id = t.Parent
		}
	}
	for id := range ids {
		p, ok := x.people[id]
		if !ok {
			continue
		}
		w.People = append(w.People, p)
		w.Rules = append(w.Rules, x.rules[access.Subject{Kind: access.ThePerson, ID: int64(id)}]...)
		for _, g := range p.Groups {
			w.Rules = append(w.Rules, x.rules[access.Subject{Kind: access.TheGroup, ID: int64(g)}]...)
		}
	}
	return w
}

// Check is World.Check.
func (x *Index) Check(r access.Request) access.Decision { return x.Around(r).Check(r) }

// Effective is World.Effective.
func (x *Index) Effective(r access.Request) access.Actions { return x.Around(r).Effective(r) }
