package access

import (
	"cmp"
	"math/bits"
	"slices"
)

// edges is the rules of one site by subject: an open-addressing table behind a
// small filter, in one array without pointers.
//
//	words = filter | slots      slot = subjectKey<<32 | ref      0 is free
//
// A ref with its top bit set is the one rule of the subject; another is where
// his rules begin in list, the last one with its top bit set. Most of a person's
// subjects miss in the filter, which is one cache line for an ordinary site. The
// zero value is no rules.
type edges struct {
	words      []uint64
	list       []uint32
	filterBits uint8 // log2 of the filter's bits
	slotBits   uint8 // log2 of the slots
}

const lastRule = 1 << 31 // on a ref and in a list; the rest is the rule's slot

// edge is one rule of one subject.
type edge struct {
	key  subjectKey
	rule uint32
}

// maybe reports whether the subject of this hash may have rules here. The edges
// are not empty.
func (e *edges) maybe(hash uint32) bool {
	bit := hash >> (32 - e.filterBits)
	return e.words[bit/64]>>(bit%64)&1 != 0
}

// find returns the ref of k, 0 when he has no rules here.
func (e *edges) find(k subjectKey, hash uint32) uint32 {
	slots := e.words[1<<e.filterBits/64:]
	mask := uint32(len(slots) - 1)
	for i := hash >> (32 - e.slotBits); ; i++ {
		slot := slots[i&mask]
		if slot == 0 {
			return 0
		}
		if subjectKey(slot>>32) == k {
			return uint32(slot)
		}
	}
}

// rules yields the rules behind ref to visit.
func (e *edges) rules(ref uint32, visit func(rule uint32)) {
	if ref&lastRule != 0 {
		visit(ref &^ lastRule)
		return
	}
	for i := ref; ; i++ {
		visit(e.list[i] &^ lastRule)
		if e.list[i]&lastRule != 0 {
			return
		}
	}
}

// all lists the edges.
func (e *edges) all() []edge {
	if len(e.words) == 0 {
		return nil
	}
	var out []edge
	for _, slot := range e.words[1<<e.filterBits/64:] {
		if slot != 0 {
			e.rules(uint32(slot), func(r uint32) { out = append(out, edge{subjectKey(slot >> 32), r}) })
		}
	}
	return out
}

// sealEdges makes the table. It sorts list and drops what stands twice.
func sealEdges(list []edge) edges {
	slices.SortFunc(list, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.rule, b.rule))
	})
	list = slices.Compact(list)
	if len(list) == 0 {
		return edges{}
	}
	keys := 1
	for i := 1; i < len(list); i++ {
		if list[i].key != list[i-1].key {
			keys++
		}
	}
	e := edges{
		filterBits: uint8(min(max(9, bits.Len(uint(keys*16-1))), 20)),
		slotBits:   uint8(max(2, bits.Len(uint(keys*2-1)))),
	}
	e.words = make([]uint64, 1<<e.filterBits/64+1<<e.slotBits)
	for i, j := 0, 0; i < len(list); i = j {
		for j = i; j < len(list) && list[j].key == list[i].key; j++ {
		}
		e.insert(list[i].key, e.refer(list[i:j]))
	}
	e.list = slices.Clip(e.list)
	return e
}

// refer stores the rules of one subject and returns their ref.
func (e *edges) refer(list []edge) uint32 {
	if len(list) == 1 {
		return list[0].rule | lastRule
	}
	if len(e.list) == 0 {
		e.list = append(e.list, 0) // ref 0 is none
	}
	ref := uint32(len(e.list))
	for _, x := range list {
		e.list = append(e.list, x.rule)
	}
	e.list[len(e.list)-1] |= lastRule
	return ref
}

func (e *edges) insert(k subjectKey, ref uint32) {
	hash := k.hash()
	bit := hash >> (32 - e.filterBits)
	e.words[bit/64] |= 1 << (bit % 64)
	slots := e.words[1<<e.filterBits/64:]
	mask := uint32(len(slots) - 1)
	i := hash >> (32 - e.slotBits)
	for slots[i&mask] != 0 {
		i++
	}
	slots[i&mask] = uint64(k)<<32 | uint64(ref)
}
