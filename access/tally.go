package access

// tally is what the rules say of one action through one channel.
type tally struct {
	action  ActionID
	channel Channel
	now     int64

	granted bool // a live grant's role includes the action
	through bool // and so does what it contributes through the channel
	ended   bool // an ended grant would have contributed it
	denied  bool
	capped  bool
}

// add counts the rule in slot, which reaches the person through via.
func (t *tally) add(s *snapshot, h hotRule, slot uint32, w *who, via subjectKey) {
	l := s.liveness(h, slot, w, via, t.now)
	switch h.kind() {
	case Grant:
		t.grant(s, h, l)
	case Deny:
		t.denied = t.denied || l == live && s.sets.sets[h.role()].has(t.action)
	case Cap:
		t.capped = t.capped || l == live && h.binds(t.channel) && !s.sets.sets[h.role()].has(t.action)
	}
}

func (t *tally) grant(s *snapshot, h hotRule, l liveness) {
	contributes := s.sets.sets[h.contribution(t.channel)].has(t.action)
	switch l {
	case live:
		t.granted = t.granted || s.sets.sets[h.role()].has(t.action)
		t.through = t.through || contributes
	case ended:
		t.ended = t.ended || contributes
	}
}

// code is what the rules alone decide.
func (t *tally) code() Code {
	switch {
	case !t.granted && t.ended:
		return ExpiredGrant
	case !t.granted:
		return NoGrant
	case t.denied:
		return DeniedRule
	case t.capped:
		return CapUser
	case !t.through:
		return CeilingMapping
	}
	return Allowed
}

// mass is what the rules say of all actions at once through one channel.
type mass struct {
	channel Channel
	now     int64
	raw     Actions
	denied  Actions
	capped  Actions // what caps take away
}

func (m *mass) add(s *snapshot, h hotRule, slot uint32, w *who, via subjectKey) {
	if s.liveness(h, slot, w, via, m.now) == live {
		m.take(s, h)
	}
}

// take counts a rule that is live.
func (m *mass) take(s *snapshot, h hotRule) {
	switch h.kind() {
	case Grant:
		m.raw = m.raw.Union(s.sets.sets[h.contribution(m.channel)])
	case Deny:
		m.denied = m.denied.Union(s.sets.sets[h.role()])
	case Cap:
		if h.binds(m.channel) {
			m.capped = m.capped.Union(s.catalogue.all.Minus(s.sets.sets[h.role()]))
		}
	}
}

func (m *mass) effective() Actions { return m.raw.Minus(m.denied).Minus(m.capped) }
