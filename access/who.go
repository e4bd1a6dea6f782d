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
	count     uint8 // of groups in the row
	flags     personFlags
	anonymous bool
	id        uint32
	extra     subjectKey // a group he is imagined to be in, for Explanation.Nearest
	// confirmed, when not 0, leaves out the memberships that have ceased to grant
	// by then.
	confirmed int64
}

// narrow and wide are the groups in w's row, whichever the chunk has.
func (w *who) narrow() []uint16 {
	return w.chunk.narrow[int(w.place)<<w.chunk.shift+1:][:w.count]
}

func (w *who) wide() []uint32 {
	return w.chunk.wide[int(w.place)<<w.chunk.shift+1:][:w.count]
}

// more is the groups beyond the row.
func (w *who) more() []uint32 {
	if w.flags&hasMore == 0 {
		return nil
	}
	return rareOf(w.chunk.rare.more, w.place)[0].fact
}

// groups appends all groups of w, ascending, to list.
func (w *who) groups(list []uint32) []uint32 {
	if w.chunk.narrow == nil {
		list = append(list, w.wide()...)
	} else {
		for _, g := range w.narrow() {
			list = append(list, uint32(g))
		}
	}
	return append(list, w.more()...)
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
	if w.flags&hasTimes == 0 {
		return time.Time{}, false
	}
	return timeOf(rareOf(w.chunk.rare.joined, w.place), group)
}

func timeOf(list []placed[groupTime], group uint32) (time.Time, bool) {
	i, ok := slices.BinarySearchFunc(list, group, func(p placed[groupTime], g uint32) int { return int(p.fact.group) - int(g) })
	if !ok {
		return time.Time{}, false
	}
	return list[i].fact.at, true
}

// untils are w's memberships that cease to grant, and when.
func (w *who) untils() []placed[groupTime] {
	if w.flags&hasTimes == 0 {
		return nil
	}
	return rareOf(w.chunk.rare.until, w.place)
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
		return w.inGroup(id) && (w.confirmed == 0 || !w.ceased(id, w.confirmed))
	case TheTrait:
		_, ok := slices.BinarySearchFunc(w.traits(), id, func(p placed[uint32], t uint32) int { return int(p.fact) - int(t) })
		return ok
	}
	return false
}

// ceased reports whether w's membership of g grants nothing any more at now.
func (w *who) ceased(g uint32, now int64) bool {
	at, ok := timeOf(w.untils(), g)
	return ok && now >= instant(at)
}

func (w *who) inGroup(g uint32) bool {
	in := false
	switch {
	case w.chunk.narrow == nil:
		_, in = slices.BinarySearch(w.wide(), g)
	case g <= 1<<16-1:
		_, in = slices.BinarySearch(w.narrow(), uint16(g))
	}
	if !in && w.flags&hasMore != 0 {
		_, in = slices.BinarySearch(w.more(), g)
	}
	return in
}
