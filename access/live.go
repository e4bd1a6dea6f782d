package access

// liveness is where a rule stands in time, for one person.
type liveness uint8

const (
	live liveness = iota
	notYet
	ended
	unjoined // lasts some time from joining, and nobody knows when he joined
)

// liveness of a rule at now, for w who has it through via. A rule with For that
// lacks a time of joining grants nothing, and restricts.
func (s *snapshot) liveness(h hotRule, slot uint32, w *who, via subjectKey, now int64) liveness {
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
