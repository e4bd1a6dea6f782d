package access

// visitor is called with every rule whose subject w has, a cohort's included,
// and whose scope has the site; via is w's own subject that led to it. A cohort's
// rule may come more than once, by different ways.
type visitor func(h hotRule, slot uint32, via subjectKey)

// walk is the one way through the rules: Check, Effective, Explain, Sites and
// WhoCan all see what it visits and nothing else. A nil site is Global.
func (s *snapshot) walk(w *who, at *siteFacts, visit visitor) {
	p := path{s: s, who: w, at: at, here: &noEdges}
	if at != nil {
		p.here = &at.edges
	}
	p.subject(keyEveryone, visit)
	if w.anonymous {
		return
	}
	p.subject(keySignedIn, visit)
	p.subject(keyPerson|subjectKey(w.id), visit)
	if w.chunk.narrow != nil {
		walkGroups(&p, w.narrow(), visit)
	} else {
		walkGroups(&p, w.wide(), visit)
	}
	if w.flags&(hasMore|hasTraits) != 0 {
		walkGroups(&p, w.more(), visit)
		for _, t := range w.traits() {
			p.subject(keyTrait|subjectKey(t.fact), visit)
		}
	}
	if w.extra != 0 {
		p.subject(w.extra, visit)
	}
}

// path is where a walk goes: one person over the rules here and everywhere.
type path struct {
	s    *snapshot
	who  *who
	at   *siteFacts
	here *edges
}

// walkGroups asks both filters about each group, and looks further for those few
// that one of them lets through.
func walkGroups[T uint16 | uint32](p *path, groups []T, visit visitor) {
	here, all := p.here, &p.s.everywhere
	for _, g := range groups {
		k := keyGroup | subjectKey(g)
		hash := k.hash()
		if (here.maybe(hash)|all.maybe(hash))&1 != 0 {
			p.found(k, hash, visit)
		}
	}
}

func (p *path) subject(k subjectKey, visit visitor) {
	hash := k.hash()
	if (p.here.maybe(hash)|p.s.everywhere.maybe(hash))&1 != 0 {
		p.found(k, hash, visit)
	}
}

func (p *path) found(k subjectKey, hash uint32, visit visitor) {
	if ref, hot := p.here.find(k, hash); ref != 0 {
		p.rules(p.here, ref, hot, k, visit)
	}
	if p.s.everywhere.maybe(hash)&1 != 0 {
		if ref, hot := p.s.everywhere.find(k, hash); ref != 0 {
			p.rules(&p.s.everywhere, ref, hot, k, visit)
		}
	}
}

// rules visits the rules behind ref that really are about the person and the site.
func (p *path) rules(e *edges, ref uint32, hot hotRule, via subjectKey, visit visitor) {
	if ref&onlyRule != 0 {
		p.rule(hot, ref&^onlyRule, via, visit)
		return
	}
	for _, x := range e.run(ref) {
		p.rule(x.hot, x.slot, via, visit)
	}
}

func (p *path) rule(h hotRule, slot uint32, via subjectKey, visit visitor) {
	if h.bits()&needsLook == 0 || p.s.reaches(h, slot, p.who, p.at) {
		visit(h, slot, via)
	}
}

// reaches decides what the edges leave open: excepted sites and cohorts.
func (s *snapshot) reaches(h hotRule, slot uint32, w *who, at *siteFacts) bool {
	cold := s.cold.at(slot)
	if h.bits()&ruleExcepts != 0 && at != nil && cold.scope.excludes(at.ID) {
		return false
	}
	if h.bits()&ruleCohort != 0 {
		c, ok := s.cohorts.get(CohortID(cold.subject & keyIDMask))
		return ok && c.holds(w)
	}
	return true
}
