package access

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// People lie in chunks of chunkSize, indexed directly by id, and each in a row of
// his chunk: one word of flags and a count, then his groups, ascending. Rows of a
// chunk are equally wide, in 16-bit words as long as no group's id needs more, so
// that the usual person is one cache line whose address needs no looking up. What
// a row cannot hold is in the chunk's rareFacts. A change of one person copies his
// chunk and the array of chunks.
const chunkSize = 256

// personFlags are the bits of a person that a check must see.
type personFlags uint8

const (
	isThere personFlags = 1 << iota
	isLocked
	isSuspended
	isOwner
	hasNotBefore
	hasTraits
	hasJoined
	hasMore // groups beyond the row
)

const (
	flagBits  = 8   // the count is above them
	widestRow = 256 // a count has 8 bits too
)

// chunk is the facts of chunkSize people with neighbouring ids.
type chunk struct {
	narrow []uint16 // rows; either these
	wide   []uint32 // or these
	shift  uint8    // log2 of a row's width
	rare   *rareFacts
	people uint16
	groups uint32 // memberships
}

// meta is the first word of the row at place: a count above the flags.
func (c *chunk) meta(place uint8) uint16 {
	if c.narrow != nil {
		return c.narrow[int(place)<<c.shift]
	}
	return uint16(c.wide[int(place)<<c.shift])
}

// rareFacts are what few people have, each list ascending by place.
type rareFacts struct {
	more      []placed[[]uint32]
	traits    []placed[uint32]
	notBefore []placed[time.Time]
	joined    []placed[joining]
}

type placed[T any] struct {
	place uint8
	fact  T
}

type joining struct {
	group uint32
	at    time.Time
}

// rareOf is the part of list that is about place.
func rareOf[T any](list []placed[T], place uint8) []placed[T] {
	byPlace := func(p placed[T], want int) int { return int(p.place) - want }
	lo, _ := slices.BinarySearchFunc(list, int(place), byPlace)
	hi, _ := slices.BinarySearchFunc(list, int(place)+1, byPlace)
	return list[lo:hi]
}

// peopleIndex is all chunks. The zero value is empty.
type peopleIndex struct {
	chunks      []*chunk
	count       int
	memberships int
}

// find makes w say where the facts of id are, or nobody when there is no such person.
func (p *peopleIndex) find(id PersonID, w *who) bool {
	*w = who{}
	if id <= 0 || id > MaxID || int(id)/chunkSize >= len(p.chunks) {
		return false
	}
	c := p.chunks[id/chunkSize]
	if c == nil {
		return false
	}
	meta := c.meta(uint8(id % chunkSize))
	if personFlags(meta)&isThere == 0 {
		return false
	}
	w.chunk, w.place, w.id = c, uint8(id%chunkSize), uint32(id)
	w.count, w.flags = uint8(meta>>flagBits), personFlags(meta)
	return true
}

// all yields the id of every person in ascending order.
func (p *peopleIndex) all() iter.Seq[PersonID] {
	return func(yield func(PersonID) bool) {
		for n, c := range p.chunks {
			if c == nil {
				continue
			}
			for i := range chunkSize {
				if personFlags(c.meta(uint8(i)))&isThere != 0 && !yield(PersonID(n*chunkSize+i)) {
					return
				}
			}
		}
	}
}

// person unpacks the facts of w into p, whose slices and map are used again.
func (w *who) person(p *Person) {
	*p = Person{
		ID:        PersonID(w.id),
		Groups:    w.unpackGroups(p.Groups[:0]),
		Traits:    p.Traits[:0],
		Joined:    p.Joined,
		Locked:    w.flags&isLocked != 0,
		Suspended: w.flags&isSuspended != 0,
		Owner:     w.flags&isOwner != 0,
		NotBefore: w.notBefore(),
	}
	for _, t := range w.traits() {
		p.Traits = append(p.Traits, TraitID(t.fact))
	}
	clear(p.Joined)
	if w.flags&hasJoined == 0 {
		return
	}
	if p.Joined == nil {
		p.Joined = make(map[GroupID]time.Time)
	}
	for _, j := range rareOf(w.chunk.rare.joined, w.place) {
		p.Joined[GroupID(j.fact.group)] = j.fact.at
	}
}

func (w *who) unpackGroups(list []GroupID) []GroupID {
	list = slices.Grow(list, int(w.count)+len(w.more()))
	if w.chunk.narrow == nil {
		list = appendGroups(list, w.wide())
	} else {
		list = appendGroups(list, w.narrow())
	}
	return appendGroups(list, w.more())
}

func appendGroups[T uint16 | uint32](list []GroupID, groups []T) []GroupID {
	for _, g := range groups {
		list = append(list, GroupID(g))
	}
	return list
}

// chunkDraft is a chunk being made.
type chunkDraft struct {
	there  [chunkSize]bool
	flags  [chunkSize]personFlags
	span   [chunkSize]struct{ lo, hi int } // into groups
	groups []uint32
	rare   rareFacts
	widest uint32
}

func (d *chunkDraft) reset() {
	groups := d.groups[:0]
	*d = chunkDraft{groups: groups}
}

// load starts from an existing chunk; nil is an empty one.
func (d *chunkDraft) load(c *chunk) {
	d.reset()
	if c == nil {
		return
	}
	if c.rare != nil {
		d.rare = rareFacts{nil, slices.Clone(c.rare.traits), slices.Clone(c.rare.notBefore), slices.Clone(c.rare.joined)}
	}
	for i := range chunkSize {
		meta := c.meta(uint8(i))
		if personFlags(meta)&isThere == 0 {
			continue
		}
		d.there[i], d.flags[i] = true, personFlags(meta)&^hasMore
		d.span[i].lo = len(d.groups)
		w := who{chunk: c, place: uint8(i), count: uint8(meta >> flagBits), flags: personFlags(meta)}
		d.groups = w.groups(d.groups)
		d.span[i].hi = len(d.groups)
	}
	for _, g := range d.groups {
		d.widest = max(d.widest, g)
	}
}

// remove takes out the person at place i.
func (d *chunkDraft) remove(i uint8) {
	if d.flags[i]&(hasTraits|hasNotBefore|hasJoined) != 0 {
		d.rare.traits = without(d.rare.traits, i)
		d.rare.notBefore = without(d.rare.notBefore, i)
		d.rare.joined = without(d.rare.joined, i)
	}
	d.there[i], d.flags[i], d.span[i] = false, 0, struct{ lo, hi int }{}
}

func without[T any](list []placed[T], i uint8) []placed[T] {
	return slices.DeleteFunc(list, func(p placed[T]) bool { return p.place == i })
}

// put adds the checked person p, whose place is free.
func (d *chunkDraft) put(p *Person) {
	i := uint8(p.ID % chunkSize)
	d.there[i] = true
	lo := len(d.groups)
	ascending := true
	for _, g := range p.Groups {
		ascending = ascending && (len(d.groups) == lo || d.groups[len(d.groups)-1] < uint32(g))
		d.groups = append(d.groups, uint32(g))
		d.widest = max(d.widest, uint32(g))
	}
	if !ascending {
		slices.Sort(d.groups[lo:])
		d.groups = d.groups[:lo+len(slices.Compact(d.groups[lo:]))]
	}
	d.span[i].lo, d.span[i].hi = lo, len(d.groups)
	d.flags[i] = isThere | flagIf(isLocked, p.Locked) | flagIf(isSuspended, p.Suspended) | flagIf(isOwner, p.Owner)
	d.putRare(i, p)
}

func flagIf(f personFlags, on bool) personFlags {
	if on {
		return f
	}
	return 0
}

func (d *chunkDraft) putRare(i uint8, p *Person) {
	if len(p.Traits) > 0 {
		d.flags[i] |= hasTraits
		traits := p.Traits
		if !slices.IsSorted(traits) {
			traits = slices.Sorted(slices.Values(traits))
		}
		for k, t := range traits {
			if k == 0 || traits[k-1] != t {
				d.rare.traits = append(d.rare.traits, placed[uint32]{i, uint32(t)})
			}
		}
	}
	if !p.NotBefore.IsZero() {
		d.flags[i] |= hasNotBefore
		d.rare.notBefore = append(d.rare.notBefore, placed[time.Time]{i, p.NotBefore})
	}
	for g, at := range p.Joined {
		d.flags[i] |= hasJoined
		d.rare.joined = append(d.rare.joined, placed[joining]{i, joining{uint32(g), at}})
	}
}

// seal makes the chunk, nil when nobody is left.
func (d *chunkDraft) seal() *chunk {
	c := &chunk{shift: d.bestShift()}
	for i := range chunkSize {
		c.groups += uint32(d.span[i].hi - d.span[i].lo)
		if d.there[i] {
			c.people++
		}
	}
	if c.people == 0 {
		return nil
	}
	if d.widest <= 1<<16-1 {
		c.narrow = make([]uint16, chunkSize<<c.shift)
		fillRows(d, c.narrow, c.shift)
	} else {
		c.wide = make([]uint32, chunkSize<<c.shift)
		fillRows(d, c.wide, c.shift)
	}
	c.rare = d.rare.seal()
	return c
}

// bestShift is the width of row that takes the least memory.
func (d *chunkDraft) bestShift() uint8 {
	const beyond, perGroup = 40, 2 // what it costs to be beyond the row, in words
	best, least := uint8(2), 0
	for shift := uint8(2); 1<<shift <= widestRow; shift++ {
		cost := chunkSize << shift
		for i := range chunkSize {
			if n := d.span[i].hi - d.span[i].lo - (1<<shift - 1); n > 0 {
				cost += beyond + perGroup*n
			}
		}
		if least == 0 || cost < least {
			best, least = shift, cost
		}
	}
	return best
}

func fillRows[T uint16 | uint32](d *chunkDraft, rows []T, shift uint8) {
	for i := range chunkSize {
		row := rows[i<<shift:][:1<<shift]
		groups := d.groups[d.span[i].lo:d.span[i].hi]
		flags := d.flags[i]
		if len(groups) > len(row)-1 {
			flags |= hasMore
			d.rare.more = append(d.rare.more, placed[[]uint32]{uint8(i), slices.Clone(groups[len(row)-1:])})
			groups = groups[:len(row)-1]
		}
		row[0] = T(len(groups))<<flagBits | T(flags)
		for k, g := range groups {
			row[k+1] = T(g)
		}
	}
}

func (r *rareFacts) seal() *rareFacts {
	if len(r.more)+len(r.traits)+len(r.notBefore)+len(r.joined) == 0 {
		return nil
	}
	slices.SortFunc(r.traits, func(a, b placed[uint32]) int {
		return int(a.place)<<32 + int(a.fact) - int(b.place)<<32 - int(b.fact)
	})
	slices.SortFunc(r.notBefore, func(a, b placed[time.Time]) int { return int(a.place) - int(b.place) })
	slices.SortFunc(r.joined, func(a, b placed[joining]) int {
		return int(a.place)<<32 + int(a.fact.group) - int(b.place)<<32 - int(b.fact.group)
	})
	return &rareFacts{exact(r.more), exact(r.traits), exact(r.notBefore), exact(r.joined)}
}

// exact is a copy without room to grow.
func exact[T any](list []T) []T { return append(make([]T, 0, len(list)), list...) }

// check refuses ids out of range.
func (p *Person) check() error {
	if p.ID <= 0 || p.ID > MaxID {
		return fmt.Errorf("person %d: ids go from 1 to %d", p.ID, MaxID)
	}
	for _, g := range p.Groups {
		if g <= 0 || g > MaxID {
			return fmt.Errorf("person %d: group %d: ids go from 1 to %d", p.ID, g, MaxID)
		}
	}
	for _, t := range p.Traits {
		if t <= 0 || t > MaxID {
			return fmt.Errorf("person %d: trait %d: ids go from 1 to %d", p.ID, t, MaxID)
		}
	}
	for g := range p.Joined {
		if g <= 0 || g > MaxID {
			return fmt.Errorf("person %d: joined group %d: ids go from 1 to %d", p.ID, g, MaxID)
		}
	}
	return nil
}

// peopleDraft is a peopleIndex being changed, one chunk after the other.
type peopleDraft struct {
	peopleIndex
	open   int // the chunk being made, -1 for none
	chunk  chunkDraft
	before int // memberships of the open chunk when it was opened
	were   int // people of it
}

func (p peopleIndex) draft() *peopleDraft {
	return &peopleDraft{peopleIndex: peopleIndex{slices.Clone(p.chunks), p.count, p.memberships}, open: -1}
}

// visit opens the chunk of id, sealing the one before.
func (d *peopleDraft) visit(id PersonID) {
	n := int(id) / chunkSize
	if n == d.open {
		return
	}
	d.close()
	for n >= len(d.chunks) {
		d.chunks = append(d.chunks, nil)
	}
	d.open = n
	d.chunk.load(d.chunks[n])
	d.were, d.before = d.chunks[n].counts()
}

// close seals the open chunk.
func (d *peopleDraft) close() {
	if d.open < 0 {
		return
	}
	c := d.chunk.seal()
	d.chunks[d.open] = c
	people, memberships := c.counts()
	d.count += people - d.were
	d.memberships += memberships - d.before
	d.open = -1
}

func (c *chunk) counts() (people, memberships int) {
	if c == nil {
		return 0, 0
	}
	return int(c.people), int(c.groups)
}

// put adds or replaces p, and reports whether he was there.
func (d *peopleDraft) put(p *Person) (was bool) {
	d.visit(p.ID)
	i := uint8(p.ID % chunkSize)
	if was = d.chunk.there[i]; was {
		d.chunk.remove(i)
	}
	d.chunk.put(p)
	return was
}

func (d *peopleDraft) remove(id PersonID) {
	if id <= 0 || id > MaxID || int(id)/chunkSize >= len(d.chunks) {
		return
	}
	d.visit(id)
	d.chunk.remove(uint8(id % chunkSize))
}
