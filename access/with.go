package access

import "fmt"

// Delta is a change of facts. A fact given replaces the one of its id whole;
// what is both removed and given is given.
type Delta struct {
	Revision      int64
	Sites         []Site
	RemoveSites   []SiteID
	Rules         []Rule
	RemoveRules   []RuleID
	Cohorts       []Cohort
	RemoveCohorts []CohortID
	People        []Person
	RemovePeople  []PersonID
	Tokens        []Token
	RemoveTokens  []TokenID
}

// With returns the next snapshot; s stays as it is. Removing what is not there
// is no error. The result equals Build on the changed facts (law L16).
func (s *Snapshot) With(x Delta) (*Snapshot, error) {
	d := newDraft(s.snapshot)
	d.revision = x.Revision
	d.checkTwice(&x)
	again := d.dropAll(&x)
	d.unindex()
	d.applySites(&x)
	d.applyCohorts(&x)
	d.applyRules(&x, again)
	d.applyPeople(&x)
	d.applyTokens(&x)
	d.index()
	next, err := d.seal()
	if err != nil {
		return nil, fmt.Errorf("change snapshot to revision %d: %w", x.Revision, err)
	}
	return next, nil
}

// dropAll drops every rule that is removed, replaced, or about a cohort that
// changes; of the last it returns the slots, whose edges are to be made again.
func (d *draft) dropAll(x *Delta) (again []uint32) {
	dropID := func(id RuleID) {
		if slot, ok := d.slots.get(id); ok {
			d.dropped[slot] = true
		}
	}
	for _, id := range x.RemoveRules {
		dropID(id)
	}
	for i := range x.Rules {
		dropID(x.Rules[i].ID)
	}
	cohorts := map[subjectKey]bool{}
	for _, c := range x.Cohorts {
		cohorts[cohortKey(c.ID)] = true
	}
	for _, id := range x.RemoveCohorts {
		cohorts[cohortKey(id)] = true
	}
	if len(cohorts) == 0 {
		return nil
	}
	for slot := range d.used {
		if c := d.cold.at(slot); c.id != 0 && cohorts[c.subject] && !d.dropped[slot] {
			d.dropped[slot] = true
			again = append(again, slot)
		}
	}
	return again
}

func cohortKey(id CohortID) subjectKey { return Subject{Kind: TheCohort, ID: int64(id)}.key() }

func (d *draft) applySites(x *Delta) {
	for _, id := range x.RemoveSites {
		d.removeSite(id)
	}
	for _, s := range x.Sites {
		d.site(s)
	}
}

func (d *draft) applyCohorts(x *Delta) {
	for _, id := range x.RemoveCohorts {
		d.cohorts.remove(id)
	}
	for _, c := range x.Cohorts {
		d.cohort(c)
	}
}

func (d *draft) applyRules(x *Delta, again []uint32) {
	for _, id := range x.RemoveRules {
		d.removeRule(id)
	}
	for i := range x.Rules {
		d.rule(&x.Rules[i])
	}
	for _, slot := range again {
		d.fresh[slot] = true
	}
}

func (d *draft) applyPeople(x *Delta) {
	for _, id := range x.RemovePeople {
		d.people.remove(id)
	}
	for i := range x.People {
		d.person(&x.People[i])
	}
}

func (d *draft) applyTokens(x *Delta) {
	for _, id := range x.RemoveTokens {
		d.tokens.remove(id)
	}
	for _, t := range x.Tokens {
		d.token(t)
	}
}

// checkTwice refuses a delta that gives one fact twice.
func (d *draft) checkTwice(x *Delta) {
	twice(d, "site", x.Sites, func(s *Site) SiteID { return s.ID })
	twice(d, "rule", x.Rules, func(r *Rule) RuleID { return r.ID })
	twice(d, "cohort", x.Cohorts, func(c *Cohort) CohortID { return c.ID })
	twice(d, "person", x.People, func(p *Person) PersonID { return p.ID })
	twice(d, "token", x.Tokens, func(t *Token) TokenID { return t.ID })
}

func twice[T any, K ~int64](d *draft, what string, list []T, id func(*T) K) {
	if len(list) < 2 {
		return
	}
	seen := make(map[K]bool, len(list))
	for i := range list {
		k := id(&list[i])
		d.once(seen[k], what, int64(k))
		seen[k] = true
	}
}
