package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"maps"
	"math/bits"
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
	mark_    map[access.Subject]markBits
	groups   []markBits // of groups by id, for speed

	people     int
	superusers [2]int
	classes    map[string]*class
	ordered    []*class

	unions, minus map[[2]int32]int32
	level         map[int32]access.Level
	moves         map[moveKey]*mover
	order         []*mover
	seen          []int32 // of cells
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
	d.mark_ = map[access.Subject]markBits{}
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
	for s := range d.mark_ {
		if s.Kind == access.TheGroup {
			widest = max(widest, s.ID)
		}
	}
	if widest < 1<<22 {
		d.groups = make([]markBits, widest+1)
		for s, bits := range d.mark_ {
			if s.Kind == access.TheGroup {
				d.groups[s.ID] = bits
			}
		}
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
			d.mark_[l] |= bits
		}
		d.everyone = d.everyone || mayHoldBare(w.cohorts[s]) && bits&(isChanged|isSuper) != 0
	default:
		d.mark_[s] |= bits
	}
}

func (d *differ) group(id access.GroupID) markBits {
	if d.groups != nil {
		if int(id) < len(d.groups) {
			return d.groups[id]
		}
		return 0
	}
	return d.mark_[access.Subject{Kind: access.TheGroup, ID: int64(id)}]
}

// class is people whom no rule tells apart, in both worlds.
type class struct {
	sides   [2]side
	members []access.PersonID
}

// side is a class in one world.
type side struct {
	there  bool
	barred bool // locked or suspended
	owner  bool
	facts  []int32 // what counts for its people, ascending
}

// scan sorts the people who may matter into classes. Superusers are counted by
// class too.
func (d *differ) scan() {
	var key []byte
	for id, in := range bothPeople(d.old.snap, d.new.snap) {
		d.people++
		var a, b access.Person
		if in[0] {
			a, _ = d.old.snap.Person(id)
		}
		if in[1] {
			b, _ = d.new.snap.Person(id)
		}
		bits := d.personBits(&a) | d.personBits(&b)
		same := in[0] == in[1] && samePerson(&a, &b)
		if same && bits&(isChanged|isSuper) == 0 && !d.everyone {
			continue
		}
		key = d.key(key[:0], &a, in[0])
		if same {
			key = append(key, '=')
		} else {
			key = d.key(append(key, '|'), &b, in[1])
		}
		c, ok := d.classes[string(key)]
		if !ok {
			c = &class{sides: [2]side{d.side(d.old, &a, in[0]), d.side(d.new, &b, in[1])}}
			d.classes[string(key)] = c
			d.ordered = append(d.ordered, c)
		}
		c.members = append(c.members, id)
	}
	last := len(d.sites) - 1
	for _, c := range d.ordered {
		for i, s := range c.sides {
			if s.there && !s.owner && d.sets[d.at(&s, last, false)].Has(access.ActSuperuser) {
				d.superusers[i] += len(c.members)
			}
		}
	}
}

// bothPeople yields the people of either snapshot, ascending, and in which he is.
func bothPeople(old, new *access.Snapshot) iter.Seq2[access.PersonID, [2]bool] {
	return func(yield func(access.PersonID, [2]bool) bool) {
		next, stop := iter.Pull(new.People())
		defer stop()
		n, more := next()
		for o := range old.People() {
			for more && n < o {
				if !yield(n, [2]bool{false, true}) {
					return
				}
				n, more = next()
			}
			both := more && n == o
			if !yield(o, [2]bool{true, both}) {
				return
			}
			if both {
				n, more = next()
			}
		}
		for more {
			if !yield(n, [2]bool{false, true}) {
				return
			}
			n, more = next()
		}
	}
}

func (d *differ) personBits(p *access.Person) markBits {
	var bits markBits
	for _, g := range p.Groups {
		bits |= d.group(g)
	}
	for _, t := range p.Traits {
		bits |= d.mark_[access.Subject{Kind: access.TheTrait, ID: int64(t)}]
	}
	return bits | d.mark_[access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}]
}

func samePerson(a, b *access.Person) bool {
	return slices.Equal(a.Groups, b.Groups) && slices.Equal(a.Traits, b.Traits) && a.Locked == b.Locked &&
		a.Suspended == b.Suspended && a.Owner == b.Owner && maps.EqualFunc(a.Joined, b.Joined, time.Time.Equal)
}

// key appends what rules see of p.
func (d *differ) key(key []byte, p *access.Person, there bool) []byte {
	flags := byte(0)
	for i, on := range []bool{there, p.Locked || p.Suspended, p.Owner} {
		if on {
			flags |= 1 << i
		}
	}
	key = append(key, flags)
	for _, g := range p.Groups {
		if d.group(g) == 0 {
			continue
		}
		key = binary.BigEndian.AppendUint32(key, uint32(g))
		if len(p.Joined) > 0 {
			key = binary.BigEndian.AppendUint64(key, d.joinedKey(p, g))
		}
	}
	key = append(key, ';')
	for _, t := range p.Traits {
		if d.mark_[access.Subject{Kind: access.TheTrait, ID: int64(t)}] != 0 {
			key = binary.BigEndian.AppendUint32(key, uint32(t))
		}
	}
	if d.mark_[access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}] != 0 {
		key = binary.BigEndian.AppendUint64(append(key, 'p'), uint64(p.ID))
	}
	return key
}

// joinedKey is the time of joining, where rules are about it.
func (d *differ) joinedKey(p *access.Person, g access.GroupID) uint64 {
	at, ok := p.Joined[g]
	if !ok {
		return 0
	}
	s := access.Subject{Kind: access.TheGroup, ID: int64(g)}
	for _, w := range []*world{d.old, d.new} {
		for _, r := range w.rules[s] {
			if r.For > 0 {
				return uint64(at.UnixNano()) | 1
			}
		}
	}
	return 0
}

// side is what w's rules say of p: the numbers of the facts that count for him.
func (d *differ) side(w *world, p *access.Person, there bool) side {
	s := side{there: there, barred: p.Locked || p.Suspended, owner: p.Owner}
	if !there || s.barred || s.owner {
		return s
	}
	add := func(subject access.Subject) {
		for _, f := range w.factsOf(subject) {
			if d.counts(&d.facts[f], p, subject) {
				s.facts = append(s.facts, f)
			}
		}
	}
	cohorts := map[access.Subject]bool{}
	see := func(subject access.Subject) {
		if w.rules[subject] != nil {
			add(subject)
		}
		for _, c := range w.leaves[subject] {
			cohorts[c] = true
		}
	}
	see(access.Subject{Kind: access.Everyone})
	see(access.Subject{Kind: access.SignedIn})
	see(access.Subject{Kind: access.ThePerson, ID: int64(p.ID)})
	for _, g := range p.Groups {
		see(access.Subject{Kind: access.TheGroup, ID: int64(g)})
	}
	for _, t := range p.Traits {
		see(access.Subject{Kind: access.TheTrait, ID: int64(t)})
	}
	for _, c := range w.loose {
		cohorts[c] = true
	}
	for c := range cohorts {
		if w.snap.Has(p.ID, c) {
			add(c)
		}
	}
	slices.Sort(s.facts)
	s.facts = slices.Compact(s.facts)
	return s
}

// counts reports whether a fact that lasts from joining still counts for p, or
// already: who joined when nobody knows is granted nothing, and restricted.
func (d *differ) counts(f *fact, p *access.Person, subject access.Subject) bool {
	if f.lasts == 0 {
		return true
	}
	at, known := p.Joined[access.GroupID(subject.ID)]
	if subject.Kind != access.TheGroup || !known {
		return f.kind != access.Grant
	}
	return d.now.Before(at.Add(f.lasts))
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
	out := make(bitmap, d.words)
	if a.there != b.there || a.barred != b.barred || a.owner != b.owner {
		if a.owner && !a.barred || b.owner && !b.barred {
			for i := range d.sites {
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

// cells divides sites into those that all rules of c treat alike.
func (d *differ) cells(c *class, sites bitmap) []bitmap {
	cells := []bitmap{sites}
	d.seen = d.seen[:0]
	for _, s := range c.sides {
		for _, f := range s.facts {
			fact := &d.facts[f]
			if slices.Contains(d.seen, fact.sites) || !fact.reach.meets(sites) {
				continue
			}
			d.seen = append(d.seen, fact.sites)
			for i, n := 0, len(cells); i < n; i++ {
				in, out := cells[i].split(fact.reach)
				if in != nil && out != nil {
					cells[i] = in
					cells = append(cells, out)
				}
			}
		}
	}
	return cells
}

func (b bitmap) first() int {
	for i, w := range b {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// evaluate finds how a class moves, and counts it.
func (d *differ) evaluate(c *class, p *Plan) {
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
	all, restricted := make(bitmap, d.words), false
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
	for _, cell := range d.cells(&class{sides: [2]side{*s}}, all) {
		i := cell.first()
		if d.at(s, i, false) != 0 || d.at(s, i, true) != 0 {
			return true
		}
	}
	return false
}

// moveKey is a way to move; with the sites it is a mover.
type moveKey struct {
	token        bool
	from, to     access.Level
	gained, lost int32
	sites        int32
}

// mover is classes that move the same way on the same sites.
type mover struct {
	moveKey
	classes []*class
	people  int
}

func (d *differ) move(k moveKey, sites bitmap, c *class) {
	k.sites = d.internMap(sites)
	m, ok := d.moves[k]
	if !ok {
		m = &mover{moveKey: k}
		d.moves[k] = m
		d.order = append(d.order, m)
	}
	m.classes, m.people = append(m.classes, c), m.people+len(c.members)
}

// collect turns movers into moves. Sites that the same movers touch share the
// list of people.
func (d *differ) collect() []Move {
	ways := map[moveKey]int{}
	var keys []moveKey
	perSite := map[[2]int][]int32{} // way, place → movers
	for n, m := range d.order {
		way := m.moveKey
		way.sites = 0
		w, ok := ways[way]
		if !ok {
			w = len(keys)
			ways[way] = w
			keys = append(keys, way)
		}
		b := d.maps[m.sites]
		for i := range d.sites {
			if b.has(i) {
				perSite[[2]int{w, i}] = append(perSite[[2]int{w, i}], int32(n))
			}
		}
	}
	lists := map[string][]access.PersonID{}
	out := make([]Move, 0, len(perSite))
	for at, movers := range perSite {
		k := keys[at[0]]
		out = append(out, Move{Site: d.sites[at[1]], Token: k.token, From: k.from, To: k.to, Actions: d.names(k), People: d.list(lists, movers)})
	}
	slices.SortFunc(out, compareMoves)
	return out
}

func (d *differ) list(lists map[string][]access.PersonID, movers []int32) []access.PersonID {
	key := make([]byte, 0, 4*len(movers))
	for _, m := range movers {
		key = binary.BigEndian.AppendUint32(key, uint32(m))
	}
	if list, ok := lists[string(key)]; ok {
		return list
	}
	n := 0
	for _, m := range movers {
		n += d.order[m].people
	}
	list := make([]access.PersonID, 0, n)
	for _, m := range movers {
		for _, c := range d.order[m].classes {
			list = append(list, c.members...)
		}
	}
	slices.Sort(list)
	lists[string(key)] = list
	return list
}

// names are up to five actions gained (+) or lost (-).
func (d *differ) names(k moveKey) []string {
	if k.from != k.to {
		return nil
	}
	var out []string
	for _, side := range []struct {
		sign string
		set  int32
	}{{"-", k.lost}, {"+", k.gained}} {
		for a := range d.sets[side.set].All() {
			if len(out) == 5 {
				return out
			}
			out = append(out, side.sign+d.cat.Name(a))
		}
	}
	return out
}

// compareMoves orders removals first, the deepest fall before all, then by site.
func compareMoves(a, b Move) int {
	return cmp.Or(
		cmp.Compare(int(a.To)-int(a.From), int(b.To)-int(b.From)),
		cmp.Compare(a.To, b.To),
		compareBool(a.Token, b.Token),
		slices.Compare(b.Actions, a.Actions), // - before +
		cmp.Compare(a.Site, b.Site),
		slices.Compare(a.People, b.People),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// hash is SHA-256 over everything but itself, in a form of its own: numbers as
// eight bytes, texts and lists after their lengths.
func (p *Plan) hash() string {
	h := sha256.New()
	var buf []byte
	number := func(n int64) { buf = binary.BigEndian.AppendUint64(buf, uint64(n)) }
	for _, n := range []int{p.Lose, p.Down, p.Gain, p.Up, p.SuperusersBefore, p.SuperusersAfter, len(p.Moves)} {
		number(int64(n))
	}
	digests := map[*access.PersonID][32]byte{}
	for _, m := range p.Moves {
		number(int64(m.Site))
		buf = append(buf, byte(m.From), byte(m.To), '-')
		if m.Token {
			buf[len(buf)-1] = 't'
		}
		number(int64(len(m.Actions)))
		for _, a := range m.Actions {
			number(int64(len(a)))
			buf = append(buf, a...)
		}
		number(int64(len(m.People)))
		sum := peopleDigest(digests, m.People)
		buf = append(buf, sum[:]...)
		h.Write(buf)
		buf = buf[:0]
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

// peopleDigest is the hash of one list, made once for all moves that share it.
func peopleDigest(digests map[*access.PersonID][32]byte, people []access.PersonID) [32]byte {
	if len(people) == 0 {
		return sha256.Sum256(nil)
	}
	if sum, ok := digests[&people[0]]; ok {
		return sum
	}
	b := make([]byte, 0, 8*len(people))
	for _, id := range people {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	sum := sha256.Sum256(b)
	digests[&people[0]] = sum
	return sum
}
