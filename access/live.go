package access

import "time"

// liveness is where a rule stands in time, for one person.
type liveness uint8

const (
	live liveness = iota
	notYet
	ended
	unjoined // lasts some time from joining, and nobody knows when he joined
	lapsed   // by memberships alone that nobody has confirmed for too long
)

// liveness of a rule at now, for w who has it through via. A rule with For that
// lacks a time of joining grants nothing, and restricts.
func (s *snapshot) liveness(h hotRule, slot uint32, w *who, via subjectKey, now int64) liveness {
	if w.flags&hasTimes != 0 && h.kind() == Grant && s.lapsed(slot, w, now) {
		return lapsed
	}
	if h.bits()&(ruleTimed|ruleFor) == 0 {
		return live
	}
	c := s.cold.at(slot)
	switch {
	case now < instantOr(c.window.from, beginning):
		return notYet
	case now >= instantOr(c.window.until, forever):
		return ended
	case h.bits()&ruleFor == 0:
		return live
	}
	end, known := c.joinedEnd(w, via, now)
	switch {
	case !known && h.kind() == Grant:
		return unjoined
	case known && now >= end:
		return ended
	}
	return live
}

// lapsed reports whether a grant whose subject w has reaches him no more without
// the memberships that have ceased to grant.
func (s *snapshot) lapsed(slot uint32, w *who, now int64) bool {
	if len(w.untils()) == 0 {
		return false
	}
	rest := *w
	rest.confirmed = now
	return !s.isAbout(s.cold.at(slot).subject, &rest)
}

// lapses is when a grant that is about k ceases to reach w, forever when it does
// not: for a cohort at the latest, when the first membership that it asks for
// does.
func (s *snapshot) lapses(k subjectKey, w *who) int64 {
	end := int64(forever)
	for _, u := range w.untils() {
		g := keyGroup | subjectKey(u.fact.group)
		if k == g || k>>keyIDBits == subjectKey(TheCohort) && s.asksFor(k, g) {
			end = min(end, instant(u.fact.at))
		}
	}
	return end
}

// asksFor reports whether the cohort k names the subject g.
func (s *snapshot) asksFor(k, g subjectKey) bool {
	c, ok := s.cohorts.get(CohortID(k & keyIDMask))
	return ok && c.Expr.names(g)
}

// Confirmed reports whether person has subject, also without the memberships that
// have ceased to grant at now: a grant about subject reaches him.
func (s *Snapshot) Confirmed(person PersonID, subject Subject, now time.Time) bool {
	var w who
	if !s.people.find(person, &w) || !s.isAbout(subject.key(), &w) {
		return false
	}
	w.confirmed = instant(now)
	return s.isAbout(subject.key(), &w)
}

// joinedEnd is when the For of a rule ends for w.
func (c *coldRule) joinedEnd(w *who, via subjectKey, now int64) (end int64, known bool) {
	if !c.subject.isGroup() {
		return 0, false
	}
	if via == w.extra {
		return after(now, c.window.dur), true
	}
	at, ok := w.joined(uint32(c.subject & keyIDMask))
	if !ok {
		return 0, false
	}
	return after(instant(at), c.window.dur), true
}
