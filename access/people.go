package access

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// People lie in chunks of chunkSize, indexed directly by id. A chunk packs the
// groups of its people one after the other, in 16 bits each as long as no id
// needs more, so that a person's twenty groups are one cache line. A change of
// one person copies his chunk and the array of chunks.
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
)

const flagBits = 8

// chunk is the facts of chunkSize people with neighbouring ids. meta[i] is where
// person i's groups begin, and his flags below; they end where the next begin.
type chunk struct {
	meta   [chunkSize + 1]uint64
	narrow []uint16 // group ids; either this
	wide   []uint32 // or this
	rare   *rareFacts
}

// rareFacts are what few people have, each list ascending by place.
type rareFacts struct {
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

// find returns where the facts of id are.
func (p *peopleIndex) find(id PersonID) (who, bool) {
	if id <= 0 || id > MaxID || int(id)/chunkSize >= len(p.chunks) {
		return who{}, false
	}
	c := p.chunks[id/chunkSize]
	if c == nil {
		return who{}, false
	}
	meta := c.meta[id%chunkSize]
	if personFlags(meta)&isThere == 0 {
		return who{}, false
	}
	return who{chunk: c, place: uint8(id % chunkSize), flags: personFlags(meta), id: uint32(id)}, true
}

// all yields the id of every person in ascending order.
func (p *peopleIndex) all() iter.Seq[PersonID] {
	return func(yield func(PersonID) bool) {
		for n, c := range p.chunks {
			if c == nil {
				continue
			}
			for i, meta := range c.meta[:chunkSize] {
				if personFlags(meta)&isThere != 0 && !yield(PersonID(n*chunkSize+i)) {
					return
				}
			}
		}
	}
}

// person unpacks the facts of w.
func (w who) person() Person {
	p := Person{
		ID:        PersonID(w.id),
		Locked:    w.flags&isLocked != 0,
		Suspended: w.flags&isSuspended != 0,
		Owner:     w.flags&isOwner != 0,
		NotBefore: w.notBefore(),
	}
	lo, hi := w.span()
	for i := lo; i < hi; i++ {
		p.Groups = append(p.Groups, GroupID(w.chunk.group(i)))
	}
	if w.flags&hasTraits != 0 {
		for _, t := range rareOf(w.chunk.rare.traits, w.place) {
			p.Traits = append(p.Traits, TraitID(t.fact))
		}
	}
	if w.flags&hasJoined != 0 {
		p.Joined = make(map[GroupID]time.Time)
		for _, j := range rareOf(w.chunk.rare.joined, w.place) {
			p.Joined[GroupID(j.fact.group)] = j.fact.at
		}
	}
	return p
}

func (c *chunk) group(i uint64) uint32 {
	if c.narrow != nil {
		return uint32(c.narrow[i])
	}
	return c.wide[i]
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
	for i := range chunkSize {
		meta := c.meta[i]
		if personFlags(meta)&isThere == 0 {
			continue
		}
		d.there[i], d.flags[i] = true, personFlags(meta)
		d.span[i].lo = len(d.groups)
		for g := meta >> flagBits; g < c.meta[i+1]>>flagBits; g++ {
			d.groups = append(d.groups, c.group(g))
		}
		d.span[i].hi = len(d.groups)
	}
	for _, g := range d.groups {
		d.widest = max(d.widest, g)
	}
	if c.rare != nil {
		d.rare = rareFacts{slices.Clone(c.rare.traits), slices.Clone(c.rare.notBefore), slices.Clone(c.rare.joined)}
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
	total, anybody := 0, false
	for i := range chunkSize {
		total += d.span[i].hi - d.span[i].lo
		anybody = anybody || d.there[i]
	}
	if !anybody {
		return nil
	}
	c := &chunk{}
	if d.widest <= 1<<16-1 {
		c.narrow = make([]uint16, 0, total)
	} else {
		c.wide = make([]uint32, 0, total)
	}
	n := uint64(0)
	for i := range chunkSize {
		c.meta[i] = n<<flagBits | uint64(d.flags[i])
		span := d.groups[d.span[i].lo:d.span[i].hi]
		if c.wide != nil {
			c.wide = append(c.wide, span...)
		} else {
			for _, g := range span {
				c.narrow = append(c.narrow, uint16(g))
			}
		}
		n += uint64(len(span))
	}
	c.meta[chunkSize] = n << flagBits
	c.rare = d.rare.seal()
	return c
}

func (r *rareFacts) seal() *rareFacts {
	if len(r.traits)+len(r.notBefore)+len(r.joined) == 0 {
		return nil
	}
	slices.SortFunc(r.traits, func(a, b placed[uint32]) int {
		return int(a.place)<<32 + int(a.fact) - int(b.place)<<32 - int(b.fact)
	})
	slices.SortFunc(r.notBefore, func(a, b placed[time.Time]) int { return int(a.place) - int(b.place) })
	slices.SortFunc(r.joined, func(a, b placed[joining]) int {
		return int(a.place)<<32 + int(a.fact.group) - int(b.place)<<32 - int(b.fact.group)
	})
	return &rareFacts{slices.Clip(slices.Clone(r.traits)), slices.Clip(slices.Clone(r.notBefore)), slices.Clip(slices.Clone(r.joined))}
}

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
	for _, meta := range c.meta[:chunkSize] {
		if personFlags(meta)&isThere != 0 {
			people++
		}
	}
	return people, int(c.meta[chunkSize] >> flagBits)
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
