package access

// liveness is where a rule stands in time, for one person.
type liveness uint8

const (
	live liveness = iota
	notYet
	ended
	unjoined // lasts some time from joining, and nobody knows when he joined
)

// liveness of the rule in slot at now, for w who has it through via. A rule with
// For that lacks a time of joining grants nothing, and restricts.
func (s *snapshot) liveness(slot uint32, h *hotRule, w *who, via subjectKey, now int64) liveness {
	switch {
	case now < h.from:
		return notYet
	case now >= h.until:
		return ended
	case h.bits&ruleFor == 0:
		return live
	}
	end, known := s.joinedEnd(slot, w, via, now)
	switch {
	case !known && h.kind == Grant:
		return unjoined
	case known && now >= end:
		return ended
	}
	return live
}

// joinedEnd is when the For of the rule in slot ends for w.
func (s *snapshot) joinedEnd(slot uint32, w *who, via subjectKey, now int64) (end int64, known bool) {
	c := s.cold.at(slot)
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
