package provision

import (
	"fmt"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
)

// SyncLimits are the bounds of a run that nobody watches, beside the Limits of
// all changes. Zero of a field means its default. A share that is no more than
// Few people is never too many.
type SyncLimits struct {
	Few           int           // default 3
	Deactivated   mapping.Share // of the source's accounts, deactivated and deleted; default 10%
	NewAdmins     mapping.Share // of all people, who become admin somewhere; default 10%
	NewSuperusers int           // default 2; -1 is none
	GroupLoss     mapping.Share // of the members of one group with ten or more that rules name; default 50%
}

func (l SyncLimits) withDefaults() SyncLimits {
	if l.Few == 0 {
		l.Few = 3
	}
	if l.NewSuperusers == 0 {
		l.NewSuperusers = 2
	}
	l.NewSuperusers = max(l.NewSuperusers, 0)
	for s, percent := range map[*mapping.Share]float64{&l.Deactivated: 10, &l.NewAdmins: 10, &l.GroupLoss: 50} {
		if !s.Set {
			*s = mapping.Share{Percent: percent, Set: true}
		}
	}
	return l
}

// bounded is the largest group that GroupLoss lets empty itself.
const bounded = 9

// guard judges a plan.
type guard struct {
	limits SyncLimits
	common mapping.Limits
	plan   *SyncPlan
	known  int  // accounts of the source that are active
	first  bool // the source gave nothing before
	out    []mapping.Breach
}

// breaches are the limits that the steps break.
func (e *Engine) breaches(p *picture, plan *SyncPlan, s steps, k *Known, limits SyncLimits) []mapping.Breach {
	g := &guard{limits: limits.withDefaults(), common: e.limits(p.set), plan: plan, first: k.first}
	for _, a := range k.state.Accounts {
		if a.Activity == directory.Active && a.Conflict.IsZero() {
			g.known++
		}
	}
	g.people()
	g.accounts()
	g.elevations()
	for i := range s.groups {
		g.group(p, &s.groups[i])
	}
	return g.out
}

func (g *guard) breach(limit, format string, args ...any) {
	g.out = append(g.out, mapping.Breach{Limit: limit, Says: fmt.Sprintf(format, args...)})
}

// people are the limits that hold for every change.
func (g *guard) people() {
	for _, b := range g.common.Breaches(g.plan.Effect) {
		switch {
		case b.Limit == "people_changed" && (g.first || g.plan.Effect.Changed() <= g.limits.Few):
		case b.Limit == "people_removed" && g.plan.Effect.Lose <= g.limits.Few:
		default:
			g.out = append(g.out, b)
		}
	}
}

func (g *guard) accounts() {
	n := g.plan.Counts.Deactivated + g.plan.Counts.Deleted
	if n > max(g.limits.Few, g.limits.Deactivated.Of(g.known)) {
		g.breach("deactivated", "%d of %d accounts of %s would be deactivated or deleted; the limit is %s", n, g.known, g.plan.Source, g.limits.Deactivated)
	}
}

func (g *guard) elevations() {
	super, admins := map[access.PersonID]bool{}, map[access.PersonID]bool{}
	lost := map[access.PersonID]bool{}
	for _, m := range g.plan.Effect.Moves {
		if m.Token {
			continue
		}
		for _, id := range m.People {
			switch {
			case m.Site == access.Global && m.To == access.Superuser && m.From < m.To:
				super[id] = true
			case m.Site == access.Global && m.From == access.Superuser && m.To < m.From:
				lost[id] = true
			case m.Site != access.Global && m.To == access.Admin && m.From < m.To:
				admins[id] = true
			}
		}
	}
	if len(super) > g.limits.NewSuperusers {
		g.breach("new_superusers", "%d people would become superusers; the limit is %d", len(super), g.limits.NewSuperusers)
	}
	if len(lost) > 1 {
		g.breach("superusers_lost", "%d people would cease to be superusers; one at a time goes without asking", len(lost))
	}
	if n := len(admins); !g.first && n > max(g.limits.Few, g.limits.NewAdmins.Of(g.plan.Effect.People)) {
		g.breach("new_admins", "%d people would become admins of a site; the limit is %s", n, g.limits.NewAdmins)
	}
}

// group guards groups that rules name: they vanish or empty by a slip of a hand
// more often than on purpose.
func (g *guard) group(p *picture, s *groupStep) {
	if p.set == nil || s.have.ID == 0 || s.have.Members == 0 || len(p.set.State(p.groups[s.have.ID]).Rules) == 0 {
		return
	}
	left := len(s.leave)
	switch {
	case s.deleted && s.have.Members > g.limits.Few:
		g.breach("group_gone", "group %q, which rules name, is gone with its %d members", s.have.Display, s.have.Members)
	case s.have.Members > bounded && left > max(g.limits.Few, g.limits.GroupLoss.Of(s.have.Members)):
		g.breach("group_loss", "%d of %d members would leave group %q; the limit is %s", left, s.have.Members, s.have.Display, g.limits.GroupLoss)
	case left >= s.have.Members && left > g.limits.Few && len(s.join) == 0:
		g.breach("group_loss", "all %d members would leave group %q", left, s.have.Display)
	}
}
