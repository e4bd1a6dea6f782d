package ldapsync

import (
	"hash/maphash"

	"grantbridge/directory"
)

// names finds the id of who has a DN, by the bytes that the server writes. A
// directory has some members for every person, in no order, so a look-up costs
// what it misses in the cache: a slot has all that is needed, and the hash of
// 128 bits, under seeds of this process, stands for the name.
type names struct {
	slots  []nameSlot
	n      int
	s1, s2 maphash.Seed
}

type nameSlot struct {
	h1, h2 uint64
	id     directory.EntryID // zero is free
}

func newNames(expect int) *names {
	size := 64
	for size < 2*expect {
		size *= 2
	}
	return &names{slots: make([]nameSlot, size), s1: maphash.MakeSeed(), s2: maphash.MakeSeed()}
}

func (t *names) put(dn string, id directory.EntryID) {
	if 2*t.n >= len(t.slots) {
		t.grow()
	}
	s := nameSlot{maphash.String(t.s1, dn), maphash.String(t.s2, dn), id}
	if at := t.at(s.h1, s.h2); at.id.IsZero() {
		t.n++
		*at = s
	} else {
		at.id = id
	}
}

func (t *names) get(dn []byte) (directory.EntryID, bool) {
	s := t.at(maphash.Bytes(t.s1, dn), maphash.Bytes(t.s2, dn))
	return s.id, !s.id.IsZero()
}

// at is the slot with the hash, or the free one where it belongs.
func (t *names) at(h1, h2 uint64) *nameSlot {
	mask := uint64(len(t.slots) - 1)
	for i := h1 & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.id.IsZero() || s.h1 == h1 && s.h2 == h2 {
			return s
		}
	}
}

func (t *names) grow() {
	old := t.slots
	t.slots = make([]nameSlot, 2*len(old))
	for _, s := range old {
		if !s.id.IsZero() {
			*t.at(s.h1, s.h2) = s
		}
	}
}
