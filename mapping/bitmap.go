package mapping

import (
	"iter"
	"math/bits"
)

// bitmap is a set of small numbers, mostly of places in ground.places.
type bitmap []uint64

func (b bitmap) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitmap) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// all are the places of b, ascending.
func (b bitmap) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

func (b bitmap) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bitmap) or(c bitmap) {
	for i := range b {
		b[i] |= c[i]
	}
}

// split is b with c and b without c, made in room; nil where nothing is left.
func (b bitmap) split(c bitmap, room *room) (in, out bitmap) {
	both, rest := false, false
	for i := range b {
		both = both || b[i]&c[i] != 0
		rest = rest || b[i]&^c[i] != 0
	}
	switch {
	case !both:
		return nil, b
	case !rest:
		return b, nil
	}
	in, out = room.bitmap(len(b)), room.bitmap(len(b))
	for i := range b {
		in[i], out[i] = b[i]&c[i], b[i]&^c[i]
	}
	return in, out
}

// room is where bitmaps are made that are needed for a moment only: a large
// comparison makes millions of them.
type room struct {
	words []uint64
	used  int
}

// bitmap is an empty one of n words, good until reset.
func (r *room) bitmap(n int) bitmap {
	if r.used+n > len(r.words) {
		r.words, r.used = make([]uint64, max(64*n, 2*len(r.words))), 0
	}
	b := bitmap(r.words[r.used : r.used+n : r.used+n])
	r.used += n
	clear(b)
	return b
}

func (r *room) reset() { r.used = 0 }

func (b bitmap) meets(c bitmap) bool {
	for i := range b {
		if b[i]&c[i] != 0 {
			return true
		}
	}
	return false
}

// first is the lowest place, -1 of none.
func (b bitmap) first() int {
	for i, w := range b {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}
