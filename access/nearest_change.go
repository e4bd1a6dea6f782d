package access

import (
	"cmp"
	"slices"
)

// maxJoins is how many groups Explanation.Nearest proposes to join.
const maxJoins = 3

// nearest lists the single changes that would make the answer yes.
func (e *explainer) nearest() {
	if e.x.Allowed {
		return
	}
	blocker, blockers := 0, 0
	for i, c := range e.causes {
		if c.blocks {
			blocker, blockers = i, blockers+1
		}
	}
	switch {
	case blockers == 1 && e.granted && e.through:
		e.nearestLift(e.x.Restriction[blocker], e.causes[blocker])
	case blockers == 0 && e.granted && !e.through:
		e.nearestMapping()
	case blockers == 0 && !e.granted:
		e.nearestRenewal()
	}
	if e.person() {
		e.nearestSession()
		e.nearestJoin()
	}
}

func (e *explainer) change(c Change) { e.x.Nearest = append(e.x.Nearest, c) }

// nearestLift is how to be rid of the one restriction that decides.
func (e *explainer) nearestLift(t RestrictionTrail, c cause) {
	switch t.Kind {
	case ByLock:
		e.change(Change{Kind: Unlock})
	case BySuspend:
		e.change(Change{Kind: Reactivate})
	case ByDeny, ByCap:
		e.change(Change{Kind: LiftRule, Rule: t.Rule})
	case ByToken:
		switch c.how {
		case isExpired:
			e.change(Change{Kind: RenewToken, Token: t.Token})
		case offCeiling:
			e.change(Change{Kind: RaiseToken, Token: t.Token, Level: e.s.catalogue.Lowest(e.q.action)})
		}
	}
}

func (e *explainer) nearestMapping() {
	for _, slot := range e.beyond {
		e.change(Change{Kind: RaiseMapping, Rule: e.s.rule(slot), Level: e.s.catalogue.Lowest(e.q.action)})
	}
}

func (e *explainer) nearestRenewal() {
	for _, slot := range e.ended {
		e.change(Change{Kind: RenewGrant, Rule: e.s.rule(slot)})
	}
}

// nearestSession proposes to sign in, when what is in the way is the credential.
func (e *explainer) nearestSession() {
	fresh := Session(e.q.at)
	if e.s.decideOne(e.q, &fresh, nil) == Allowed {
		e.change(Change{Kind: UseSession})
	}
}

// nearestJoin imagines the person in each group that has a rule here which would
// grant the action, and keeps those of the smallest roles with which the answer
// really is yes, cohorts and the groups' own restrictions included.
func (e *explainer) nearestJoin() {
	if e.granted {
		return
	}
	var list []hit
	for _, edges := range []*edges{&e.s.everywhere, e.q.edges()} {
		for _, x := range edges.all() {
			h := *e.s.hot.at(x.slot)
			if h.kind() == Grant && x.key.isGroup() && !e.q.who.has(x.key) && e.s.sets.sets[h.role()].has(e.q.action) {
				list = append(list, hit{x.slot, x.key})
			}
		}
	}
	slices.SortFunc(list, func(a, b hit) int {
		return cmp.Or(cmp.Compare(e.size(a), e.size(b)), cmp.Compare(e.s.cold.at(a.slot).id, e.s.cold.at(b.slot).id), cmp.Compare(a.via, b.via))
	})
	joined := map[subjectKey]bool{}
	for _, x := range list {
		if !joined[x.via] && len(joined) < maxJoins && e.wouldGrant(x) {
			joined[x.via] = true
			e.change(Change{Kind: JoinGroup, Rule: e.s.rule(x.slot), Group: GroupID(x.via & keyIDMask)})
		}
	}
}

// edges is what the question's site has by less than All.
func (q *question) edges() *edges {
	if q.site == nil {
		return &noEdges
	}
	return &q.site.edges
}

// size is how much the rule of x gives.
func (e *explainer) size(x hit) int { return e.s.sets.sets[e.s.hot.at(x.slot).role()].Count() }

// wouldGrant reports whether being in x's group makes the answer yes, by x's rule.
func (e *explainer) wouldGrant(x hit) bool {
	q := *e.q
	q.who.extra = x.via
	h := *e.s.hot.at(x.slot)
	return e.s.liveness(h, x.slot, &q.who, x.via, q.now) == live &&
		(h.bits()&needsLook == 0 || e.s.reaches(h, x.slot, &q.who, q.site)) && e.s.decide(&q, e.r) == Allowed
}
