package access

import (
	"iter"
	"math/bits"
)

// ActionID is an action's place in its Catalogue.
type ActionID uint16

// MaxActions is how many actions a Catalogue may hold.
const MaxActions = 1024

// Actions is a set of actions. It is comparable; the zero value is empty.
type Actions struct {
	w [MaxActions / 64]uint64
}

// Has reports whether a is in the set.
func (s Actions) Has(a ActionID) bool {
	return int(a) < MaxActions && s.w[a/64]&(1<<(a%64)) != 0
}

// has is Has without copying the set.
func (s *Actions) has(a ActionID) bool { return s.w[a/64]&(1<<(a%64)) != 0 }

// Count is how many actions are in the set.
func (s Actions) Count() int {
	n := 0
	for _, w := range s.w {
		n += bits.OnesCount64(w)
	}
	return n
}

// Add puts a into the set. It panics when a is no action of any catalogue.
func (s *Actions) Add(a ActionID) { s.w[a/64] |= 1 << (a % 64) }

// Union returns the actions in s or t.
func (s Actions) Union(t Actions) Actions {
	for i := range s.w {
		s.w[i] |= t.w[i]
	}
	return s
}

// Intersect returns the actions in s and t.
func (s Actions) Intersect(t Actions) Actions {
	for i := range s.w {
		s.w[i] &= t.w[i]
	}
	return s
}

// Minus returns the actions in s and not in t.
func (s Actions) Minus(t Actions) Actions {
	for i := range s.w {
		s.w[i] &^= t.w[i]
	}
	return s
}

// Within reports whether every action of s is in t.
func (s Actions) Within(t Actions) bool { return s.Minus(t) == Actions{} }

// All yields the actions in ascending order.
func (s Actions) All() iter.Seq[ActionID] {
	return func(yield func(ActionID) bool) {
		for a := range ActionID(MaxActions) {
			if s.Has(a) && !yield(a) {
				return
			}
		}
	}
}
