package access

import (
	"iter"
	"slices"
)

// ChangedPeople yields, in ascending order of id, the people who are in only one
// of s and since, or whose facts differ between them: those whom Person shows
// differently. Chunks that one snapshot has from the other, as With leaves all
// that a change did not touch, are equal by their address and are not looked
// into.
func (s *Snapshot) ChangedPeople(since *Snapshot) iter.Seq[PersonID] {
	return func(yield func(PersonID) bool) {
		var a, b who
		for n := range max(len(s.people.chunks), len(since.people.chunks)) {
			if s.people.chunk(n) == since.people.chunk(n) {
				continue
			}
			for id := PersonID(n * chunkSize); id < PersonID((n+1)*chunkSize); id++ {
				inA, inB := s.people.find(id, &a), since.people.find(id, &b)
				if (inA != inB || inA && !sameFacts(&a, &b)) && !yield(id) {
					return
				}
			}
		}
	}
}

func (p *peopleIndex) chunk(n int) *chunk {
	if n >= len(p.chunks) {
		return nil
	}
	return p.chunks[n]
}

// sameFacts reports whether two people are the same but for their ids.
func sameFacts(a, b *who) bool {
	if a.flags&^hasMore != b.flags&^hasMore || !a.notBefore().Equal(b.notBefore()) || !slices.EqualFunc(a.traits(), b.traits(), sameFact) {
		return false
	}
	if a.flags&hasJoined != 0 && !slices.EqualFunc(rareOf(a.chunk.rare.joined, a.place), rareOf(b.chunk.rare.joined, b.place), func(x, y placed[joining]) bool {
		return x.fact.group == y.fact.group && x.fact.at.Equal(y.fact.at)
	}) {
		return false
	}
	if a.chunk.narrow != nil && b.chunk.narrow != nil && (a.flags|b.flags)&hasMore == 0 {
		return slices.Equal(a.narrow(), b.narrow())
	}
	var room [2][widestRow]uint32
	return slices.Equal(a.groups(room[0][:0]), b.groups(room[1][:0]))
}

func sameFact[T comparable](a, b placed[T]) bool { return a.fact == b.fact }
