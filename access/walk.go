package access

// visitor is called with every rule whose subject w has, a cohort's included,
// and whose scope has the site; via is w's own subject that led to it. A cohort's
// rule may come more than once, by different ways.
type visitor func(rule uint32, via subjectKey)

// walk is the one way through the rules: Check, Effective, Explain, Sites and
// WhoCan all see what it visits and nothing else. A nil site is Global.
func (s *snapshot) walk(w *who, at *siteFacts, visit visitor) {
	if len(s.everywhere.words) != 0 {
		s.walkEdges(w, &s.everywhere, at, visit)
	}
	if at != nil && len(at.edges.words) != 0 {
		s.walkEdges(w, &at.edges, at, visit)
	}
}

func (s *snapshot) walkEdges(w *who, e *edges, at *siteFacts, visit visitor) {
	s.walkSubject(w, e, keyEveryone, at, visit)
	if w.anonymous {
		return
	}
	s.walkSubject(w, e, keySignedIn, at, visit)
	s.walkSubject(w, e, keyPerson|subjectKey(w.id), at, visit)
	lo, hi := w.span()
	if w.chunk.narrow != nil {
		walkGroups(s, w, e, w.chunk.narrow[lo:hi], at, visit)
	} else {
		walkGroups(s, w, e, w.chunk.wide[lo:hi], at, visit)
	}
	for _, t := range w.traits() {
		s.walkSubject(w, e, keyTrait|subjectKey(t.fact), at, visit)
	}
	if w.extra != 0 {
		s.walkSubject(w, e, w.extra, at, visit)
	}
}

func walkGroups[T uint16 | uint32](s *snapshot, w *who, e *edges, groups []T, at *siteFacts, visit visitor) {
	for _, g := range groups {
		k := keyGroup | subjectKey(g)
		if hash := k.hash(); e.maybe(hash) {
			if ref := e.find(k, hash); ref != 0 {
				s.walkRules(w, e, ref, k, at, visit)
			}
		}
	}
}

func (s *snapshot) walkSubject(w *who, e *edges, k subjectKey, at *siteFacts, visit visitor) {
	if hash := k.hash(); e.maybe(hash) {
		if ref := e.find(k, hash); ref != 0 {
			s.walkRules(w, e, ref, k, at, visit)
		}
	}
}

// walkRules visits the rules behind ref that really are about w and the site.
func (s *snapshot) walkRules(w *who, e *edges, ref uint32, via subjectKey, at *siteFacts, visit visitor) {
	for i := ref; ; i++ {
		rule := ref
		if ref&lastRule == 0 {
			rule = e.list[i]
		}
		slot := rule &^ lastRule
		if h := s.hot.at(slot); h.bits&needsLook == 0 || s.reaches(slot, h, w, at) {
			visit(slot, via)
		}
		if rule&lastRule != 0 {
			return
		}
	}
}

// reaches decides what the edges leave open: excepted sites and cohorts.
func (s *snapshot) reaches(slot uint32, h *hotRule, w *who, at *siteFacts) bool {
	cold := s.cold.at(slot)
	if h.bits&ruleExcepts != 0 && at != nil && cold.scope.excludes(at.ID) {
		return false
	}
	if h.bits&ruleCohort != 0 {
		c, ok := s.cohorts.get(CohortID(cold.subject & keyIDMask))
		return ok && c.holds(w)
	}
	return true
}
