package mapping

import (
	"iter"
	"math/bits"
)

// bitmap is a set of places in ground.places.
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

// split is b with c and b without c; nil where nothing is left.
func (b bitmap) split(c bitmap) (in, out bitmap) {
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
	in, out = make(bitmap, len(b)), make(bitmap, len(b))
	for i := range b {
		in[i], out[i] = b[i]&c[i], b[i]&^c[i]
	}
	return in, out
}

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
