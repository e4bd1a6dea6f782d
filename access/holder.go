package access

import (
	"sync/atomic"
	"time"
)

// Holder keeps the current snapshot for concurrent readers.
type Holder struct{ holder }

type holder struct {
	maxStaleness time.Duration
	now          atomic.Pointer[held]
}

// held is a snapshot and when it was known to be the newest.
type held struct {
	snapshot  *Snapshot
	freshAsOf time.Time
}

// NewHolder makes an empty holder, which answers everything with Stale until
// the first Set. maxStaleness is how long after the last Set or Touch answers
// are still given; zero or less is no bound.
func NewHolder(maxStaleness time.Duration) *Holder {
	return &Holder{holder{maxStaleness: maxStaleness}}
}

// Set swaps the snapshot in; freshAsOf is when the store was last heard from.
// One goroutine at a time calls Set and Touch; readers are never held up, and
// whoever asks after Set has returned is answered from s.
func (h *Holder) Set(s *Snapshot, freshAsOf time.Time) { h.now.Store(&held{s, freshAsOf}) }

// Touch records that the store was heard from and had nothing newer.
func (h *Holder) Touch(freshAsOf time.Time) {
	for {
		old := h.now.Load()
		if old == nil || h.now.CompareAndSwap(old, &held{old.snapshot, freshAsOf}) {
			return
		}
	}
}

// Snapshot is the current snapshot, nil before the first Set, and whether it is
// fresh enough at now to answer from.
func (h *Holder) Snapshot(now time.Time) (s *Snapshot, fresh bool) {
	x := h.now.Load()
	if x == nil || x.snapshot == nil {
		return nil, false
	}
	return x.snapshot, h.maxStaleness <= 0 || now.Sub(x.freshAsOf) <= h.maxStaleness
}

// FreshAsOf is when the store was last heard from; zero before the first Set.
func (h *Holder) FreshAsOf() time.Time {
	if x := h.now.Load(); x != nil {
		return x.freshAsOf
	}
	return time.Time{}
}

// Check answers r from the current snapshot, or Stale when that is older than
// the bound at r.At. It does not allocate.
func (h *Holder) Check(r Request) Decision {
	s, fresh := h.Snapshot(r.At)
	switch {
	case s == nil:
		return Decision{Code: Stale}
	case !fresh:
		return Decision{Code: Stale, Revision: s.revision}
	}
	return s.Check(r)
}
