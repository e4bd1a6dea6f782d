package access

import (
	"slices"
	"time"
)

// who is one person as a check sees him: where his facts are. The zero value
// with anonymous set is the public, whose one subject is Everyone.
type who struct {
	chunk     *chunk
	place     uint8
	flags     personFlags
	anonymous bool
	id        uint32
	extra     subjectKey // a group he is imagined to be in, for Explanation.Nearest
}

// span is where the groups of w lie in its chunk.
func (w *who) span() (lo, hi uint64) {
	return w.chunk.meta[w.place] >> flagBits, w.chunk.meta[int(w.place)+1] >> flagBits
}

func (w *who) notBefore() time.Time {
	if w.flags&hasNotBefore == 0 {
		return time.Time{}
	}
	return rareOf(w.chunk.rare.notBefore, w.place)[0].fact
}

func (w *who) traits() []placed[uint32] {
	if w.flags&hasTraits == 0 {
		return nil
	}
	return rareOf(w.chunk.rare.traits, w.place)
}

// joined says when w entered group.
func (w *who) joined(group uint32) (time.Time, bool) {
	if w.flags&hasJoined == 0 {
		return time.Time{}, false
	}
	list := rareOf(w.chunk.rare.joined, w.place)
	i, ok := slices.BinarySearchFunc(list, group, func(p placed[joining], g uint32) int { return int(p.fact.group) - int(g) })
	if !ok {
		return time.Time{}, false
	}
	return list[i].fact.at, true
}

// has reports whether w has the subject k; cohorts are the snapshot's to know.
func (w *who) has(k subjectKey) bool {
	switch {
	case k == keyEveryone:
		return true
	case w.anonymous:
		return false
	case k == keySignedIn || k == w.extra && k != 0:
		return true
	}
	id := uint32(k & keyIDMask)
	switch SubjectKind(k >> keyIDBits) {
	case ThePerson:
		return id == w.id
	case TheGroup:
		return w.inGroup(id)
	case TheTrait:
		_, ok := slices.BinarySearchFunc(w.traits(), id, func(p placed[uint32], t uint32) int { return int(p.fact) - int(t) })
		return ok
	}
	return false
}

func (w *who) inGroup(g uint32) bool {
	lo, hi := w.span()
	if w.chunk.narrow != nil {
		if g > 1<<16-1 {
			return false
		}
		_, ok := slices.BinarySearch(w.chunk.narrow[lo:hi], uint16(g))
		return ok
	}
	_, ok := slices.BinarySearch(w.chunk.wide[lo:hi], g)
	return ok
}
