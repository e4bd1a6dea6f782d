package access

import "math/bits"

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
	if w.anonymous {
		p.subject(keyEveryone, visit)
		return
	}
	p.own(visit)
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

// own visits what a person has without belonging anywhere. For most there is
// nothing, which one branch finds out.
func (p *path) own(visit visitor) {
	self := keyPerson | subjectKey(p.who.id)
	if (p.maybe(keyEveryone)|p.maybe(keySignedIn)|p.maybe(self))&1 != 0 {
		p.subject(keyEveryone, visit)
		p.subject(keySignedIn, visit)
		p.subject(self, visit)
	}
}

// walkGroups asks both filters about each group, and looks further for those few
// that one of them lets through.
func walkGroups[T uint16 | uint32](p *path, groups []T, visit visitor) {
	for len(groups) > 0 {
		part := groups[:min(len(groups), 64)]
		groups = groups[len(part):]
		for let := sift(p.here.filter, p.s.everywhere.filter, part); let != 0; {
			n := bits.Len64(let)
			k := keyGroup | subjectKey(part[len(part)-n])
			p.found(k, k.hash(), visit)
			let &^= 1 << (n - 1)
		}
	}
}

// sift returns a bit for each of at most 64 groups, the last one's lowest, that
// is set when one of the filters lets the group through. It has no branch that
// depends on the answer, for a wrong guess costs as much as several groups. Inlined
// it would keep its variables in memory.
//
//go:noinline
func sift[T uint16 | uint32](here, all filter, groups []T) (let uint64) {
	for _, g := range groups {
		hash := (keyGroup | subjectKey(g)).hash()
		let = let<<1 | (*here.word(hash)|*all.word(hash))>>bitOf(hash)&1
	}
	return let
}

// maybe is odd when there may be rules about k.
func (p *path) maybe(k subjectKey) uint64 {
	return p.here.maybe(k.hash()) | p.s.everywhere.maybe(k.hash())
}

func (p *path) subject(k subjectKey, visit visitor) {
	if p.maybe(k)&1 != 0 {
		p.found(k, k.hash(), visit)
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
