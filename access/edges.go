package access

import (
	"cmp"
	"math/bits"
	"slices"
)

// edges is the rules of one site by subject: an open-addressing table behind a
// filter, one after the other in memory and without pointers.
//
//	slot = subjectKey<<32 | ref, hotRule      0 is free
//
// A ref with its top bit set is the one rule of the subject, whose hotRule stands
// beside it; another is where his rules begin in list. Most of a person's subjects
// miss in the filter, and a hit is one cache line more.
type edges struct {
	filter    filter
	slots     []uint64
	list      []listed
	slotShift uint8 // 32 - log2 of the slots
}

// onlyRule marks a ref that is a rule's slot.
const onlyRule = 1 << 31

// listed is one of several rules of a subject.
type listed struct {
	hot  hotRule
	slot uint32
	last bool
}

// edge is one rule of one subject.
type edge struct {
	key  subjectKey
	slot uint32
}

// filter is a bit for each subject that has rules, some of which share one. Its
// length is a power of two. It is sparse, because what it lets through in vain is a
// branch guessed wrong, which costs more than the lines of an ordinary site's 256
// bytes.
type filter []uint64

const leastFilterBits, mostFilterBits, bitsPerKey = 11, 20, 64

// word is the one that has the bit of a hash, at bitOf.
func (f filter) word(hash uint32) *uint64 { return &f[hash>>12&uint32(len(f)-1)] }

func bitOf(hash uint32) uint32 { return hash >> 26 }

// noEdges is no rules. It is the zero value with a filter to look into.
var noEdges = edges{filter: make(filter, 1), slots: make([]uint64, 2), slotShift: 32}

// maybe is odd when the subject of this hash may have rules here.
func (e *edges) maybe(hash uint32) uint64 { return *e.filter.word(hash) >> bitOf(hash) }

// find returns the ref of k and, of a single rule, its hotRule; ref 0 is none.
func (e *edges) find(k subjectKey, hash uint32) (ref uint32, hot hotRule) {
	slots := e.slots
	mask := uint32(len(slots) - 1)
	for i := hash >> e.slotShift * 2; ; i += 2 {
		slot := slots[i&mask]
		if slot == 0 {
			return 0, 0
		}
		if subjectKey(slot>>32) == k {
			return uint32(slot), hotRule(slots[i&mask|1])
		}
	}
}

// all lists the edges.
func (e *edges) all() []edge {
	var out []edge
	slots := e.slots
	for i := 0; i < len(slots); i += 2 {
		key, ref := subjectKey(slots[i]>>32), uint32(slots[i])
		switch {
		case slots[i] == 0:
		case ref&onlyRule != 0:
			out = append(out, edge{key, ref &^ onlyRule})
		default:
			for _, x := range e.run(ref) {
				out = append(out, edge{key, x.slot})
			}
		}
	}
	return out
}

// run is the rules that begin at ref.
func (e *edges) run(ref uint32) []listed {
	n := ref
	for !e.list[n].last {
		n++
	}
	return e.list[ref : n+1]
}

// sealEdges makes the table. It sorts list and drops what stands twice.
func sealEdges(list []edge, hot *pages[hotRule]) edges {
	slices.SortFunc(list, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.slot, b.slot))
	})
	list = slices.Compact(list)
	if len(list) == 0 {
		return noEdges
	}
	keys, several := 1, 0
	for i := 1; i < len(list); i++ {
		if list[i].key != list[i-1].key {
			keys++
		} else {
			several++
		}
	}
	filterBits := min(max(leastFilterBits, bits.Len(uint(keys*bitsPerKey-1))), mostFilterBits)
	slotBits := max(1, bits.Len(uint(keys*3/2)))
	words := make([]uint64, 1<<filterBits/64+2<<slotBits)
	e := edges{
		filter:    words[:1<<filterBits/64],
		slots:     words[1<<filterBits/64:],
		slotShift: uint8(32 - slotBits),
	}
	if several > 0 {
		e.list = make([]listed, 1, 1+2*several) // ref 0 is none
	}
	for i, j := 0, 0; i < len(list); i = j {
		for j = i + 1; j < len(list) && list[j].key == list[i].key; j++ {
		}
		e.insert(list[i:j], hot)
	}
	e.list = exact(e.list)
	return e
}

// insert adds all rules of one subject.
func (e *edges) insert(list []edge, hot *pages[hotRule]) {
	k := list[0].key
	ref, h := list[0].slot|onlyRule, *hot.at(list[0].slot)
	if len(list) > 1 {
		ref, h = uint32(len(e.list)), 0
		for _, x := range list {
			e.list = append(e.list, listed{*hot.at(x.slot), x.slot, false})
		}
		e.list[len(e.list)-1].last = true
	}
	hash := k.hash()
	*e.filter.word(hash) |= 1 << bitOf(hash)
	slots := e.slots
	mask := uint32(len(slots) - 1)
	i := hash >> e.slotShift * 2
	for slots[i&mask] != 0 {
		i += 2
	}
	slots[i&mask], slots[i&mask|1] = uint64(k)<<32|uint64(ref), uint64(h)
}
