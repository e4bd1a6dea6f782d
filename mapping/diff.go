package mapping

import (
	"slices"
	"time"

	"grantbridge/access"
)

// Diff compares old and new at now. It looks only at people who have a subject
// whose rules differ, and at each class of equal people once.
//
//	rules that differ → subjects → people → classes of people with the same
//	rules → the sites those rules reach, those alike together → four sets of
//	actions for each: {old, new} × {session, token}
func Diff(old, new *access.Snapshot, now time.Time) *Plan {
	g := newGround(old, new, now)
	d := &differ{ground: g, old: g.world(old), new: g.world(new), unions: map[[2]int32]int32{}, minus: map[[2]int32]int32{},
		level: map[int32]access.Level{}, classes: map[string]*class{}, moves: map[moveKey]*mover{}}
	d.mark()
	d.scan()
	p := &Plan{Base: old.Revision(), People: d.people, SuperusersBefore: d.superusers[0], SuperusersAfter: d.superusers[1]}
	for _, c := range d.ordered {
		d.evaluate(c, p)
	}
	p.Moves = d.collect()
	p.Hash = p.hash()
	return p
}

// differ is one comparison.
type differ struct {
	*ground
	old, new *world

	everyone bool // all people must be looked at
	marks    map[access.Subject]markBits
	groups   []markBits // of groups by id, for speed

	people     int
	superusers [2]int
	ids        []access.PersonID // who is in a class, ascending
	classes    map[string]*class
	ordered    []*class
	keyRoom    []byte

	unions, minus map[[2]int32]int32
	level         map[int32]access.Level
	moves         map[moveKey]*mover
	order         []*mover
	seen          []int32 // of cells
	cellRoom      []bitmap
	room          room // for the class under way
}

// markBits say why a subject matters.
type markBits uint8

const (
	isChanged  markBits = 1 << iota // its rules differ, or a cohort's that it is in
	isRelevant                      // it has rules, or is in a cohort that has
	isSuper                         // it may give superuser
)

// mark finds the subjects that matter.
func (d *differ) mark() {
	d.marks = map[access.Subject]markBits{}
	changed := changedSubjects(d.old, d.new)
	for _, w := range []*world{d.old, d.new} {
		for s, rules := range w.rules {
			bits := isRelevant
			if changed[s] {
				bits |= isChanged
			}
			for _, r := range rules {
				if r.Kind == access.Grant && r.Actions.Has(access.ActSuperuser) && r.Scope.All {
					bits |= isSuper
				}
			}
			d.markSubject(w, s, bits)
		}
	}
	widest := int64(-1)
	for s := range d.marks {
		if s.Kind == access.TheGroup {
			widest = max(widest, s.ID)
		}
	}
	if widest < 1<<22 {
		d.groups = make([]markBits, widest+1)
		for s, bits := range d.marks {
			if s.Kind == access.TheGroup {
				d.groups[s.ID] = bits
			}
		}
		d.old.indexGroups(widest)
		d.new.indexGroups(widest)
	}
}

func (d *differ) markSubject(w *world, s access.Subject, bits markBits) {
	switch s.Kind {
	case access.SignedIn, access.Everyone:
		d.everyone = d.everyone || bits&(isChanged|isSuper) != 0
	case access.TheCohort:
		leaves := map[access.Subject]bool{}
		collect(w.cohorts[s], leaves)
		for l := range leaves {
			d.marks[l] |= bits
		}
		d.everyone = d.everyone || mayHoldBare(w.cohorts[s]) && bits&(isChanged|isSuper) != 0
	default:
		d.marks[s] |= bits
	}
}

func (d *differ) group(id access.GroupID) markBits {
	if d.groups != nil {
		if int(id) < len(d.groups) {
			return d.groups[id]
		}
		return 0
	}
	return d.marks[access.Subject{Kind: access.TheGroup, ID: int64(id)}]
}

// at is the set of actions that s has on the site at place i.
func (d *differ) at(s *side, i int, token bool) int32 {
	switch {
	case !s.there || s.barred:
		return 0
	case s.owner:
		return d.intern(d.cat.Ceiling(access.CeilingInherit))
	}
	var raw, away int32
	for _, f := range s.facts {
		f := &d.facts[f]
		if !f.reach.has(i) {
			continue
		}
		set := f.session
		if token {
			set = f.token
		}
		if f.kind == access.Grant {
			raw = d.union(raw, set)
		} else {
			away = d.union(away, set)
		}
	}
	return d.without(raw, away)
}

// union and without are remembered: there are few sets.
func (d *differ) union(a, b int32) int32 {
	switch {
	case a == b || b == 0:
		return a
	case a == 0:
		return b
	}
	key := [2]int32{min(a, b), max(a, b)}
	id, ok := d.unions[key]
	if !ok {
		id = d.intern(d.sets[a].Union(d.sets[b]))
		d.unions[key] = id
	}
	return id
}

func (d *differ) without(a, b int32) int32 {
	if a == 0 || b == 0 {
		return a
	}
	id, ok := d.minus[[2]int32{a, b}]
	if !ok {
		id = d.intern(d.sets[a].Minus(d.sets[b]))
		d.minus[[2]int32{a, b}] = id
	}
	return id
}

func (d *differ) highest(set int32) access.Level {
	l, ok := d.level[set]
	if !ok {
		l = d.cat.Highest(d.sets[set])
		d.level[set] = l
	}
	return l
}

// touched is the sites on which the two sides of c may differ.
func (d *differ) touched(c *class) bitmap {
	a, b := &c.sides[0], &c.sides[1]
	out := d.room.bitmap(d.words)
	if a.there != b.there || a.barred != b.barred || a.owner != b.owner {
		if a.owner && !a.barred || b.owner && !b.barred {
			for i := range d.places {
				out.set(i)
			}
			return out
		}
		for _, s := range c.sides {
			for _, f := range s.facts {
				out.or(d.facts[f].reach)
			}
		}
		return out
	}
	i, j := 0, 0
	for i < len(a.facts) || j < len(b.facts) {
		switch {
		case j == len(b.facts) || i < len(a.facts) && a.facts[i] < b.facts[j]:
			out.or(d.facts[a.facts[i]].reach)
			i++
		case i == len(a.facts) || b.facts[j] < a.facts[i]:
			out.or(d.facts[b.facts[j]].reach)
			j++
		default:
			i, j = i+1, j+1
		}
	}
	return out
}

// cells divides sites into those that all rules of c treat alike; they are good
// until it is called again.
func (d *differ) cells(c *class, sites bitmap) []bitmap {
	cells := append(d.cellRoom[:0], sites)
	d.seen = d.seen[:0]
	for _, s := range c.sides {
		for _, f := range s.facts {
			fact := &d.facts[f]
			if slices.Contains(d.seen, fact.sites) || !fact.reach.meets(sites) {
				continue
			}
			d.seen = append(d.seen, fact.sites)
			for i, n := 0, len(cells); i < n; i++ {
				in, out := cells[i].split(fact.reach, &d.room)
				if in != nil && out != nil {
					cells[i] = in
					cells = append(cells, out)
				}
			}
		}
	}
	d.cellRoom = cells
	return cells
}

// evaluate finds how a class moves, and counts it.
func (d *differ) evaluate(c *class, p *Plan) {
	d.room.reset()
	touched := d.touched(c)
	if touched.empty() {
		return
	}
	var up, down bool
	for _, cell := range d.cells(c, touched) {
		d.judge(c, cell, &up, &down)
	}
	if !up && !down {
		return
	}
	before, after := d.hasAny(&c.sides[0]), d.hasAny(&c.sides[1])
	n := len(c.members)
	switch {
	case before && !after:
		p.Lose += n
	case down:
		p.Down += n
	case !before && after:
		p.Gain += n
	default:
		p.Up += n
	}
}

// judge looks at one cell of one class.
func (d *differ) judge(c *class, cell bitmap, up, down *bool) {
	i := cell.first()
	session := d.change(c, i, false)
	token := d.change(c, i, true)
	for _, k := range []moveKey{session, token} {
		if k.to < k.from || k.lost != 0 {
			*down = true
		} else if k.to > k.from || k.gained != 0 {
			*up = true
		}
	}
	if session.moves() {
		d.move(session, cell, c)
	}
	if !token.moves() || session == token {
		return
	}
	token.token = true
	d.move(token, cell, c)
}

// change is how c moves on the site at place i: its levels or, when they are
// equal, its actions.
func (d *differ) change(c *class, i int, token bool) moveKey {
	from, to := d.at(&c.sides[0], i, token), d.at(&c.sides[1], i, token)
	if from == to {
		return moveKey{}
	}
	k := moveKey{from: d.highest(from), to: d.highest(to)}
	if k.from == k.to {
		k.gained, k.lost = d.without(to, from), d.without(from, to)
	}
	return k
}

func (k moveKey) moves() bool { return k.from != k.to || k.gained != 0 || k.lost != 0 }

// hasAny reports whether s has anything anywhere.
func (d *differ) hasAny(s *side) bool {
	switch {
	case !s.there || s.barred:
		return false
	case s.owner:
		return true
	}
	all, restricted := d.room.bitmap(d.words), false
	for _, f := range s.facts {
		f := &d.facts[f]
		restricted = restricted || f.kind != access.Grant
		if f.kind == access.Grant && f.session != 0 {
			all.or(f.reach)
		}
	}
	if !restricted || all.empty() {
		return !all.empty()
	}
	if d.at(s, all.first(), false) != 0 { // as with most people
		return true
	}
	for _, cell := range d.cells(&class{sides: [2]side{*s}}, all) {
		i := cell.first()
		if d.at(s, i, false) != 0 || d.at(s, i, true) != 0 {
			return true
		}
	}
	return false
}
