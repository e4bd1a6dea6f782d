package access

import (
	"iter"
	"slices"
)

// cowMap is an immutable hash map from ids, which are positive, to values. An
// entry lies in the table itself, so that finding it waits for memory once; the
// few that would lie at the same place hang behind it. The table lies in pages
// that versions share, so a change costs a page and a short directory. The zero
// value is empty.
type cowMap[K ~int64, V any] struct {
	table pages[entry[K, V]]
	size  int   // a power of two of places
	shift uint8 // 64 - log2(size)
	n     int
}

// entry is one key and its value. A place whose key is zero is free.
type entry[K ~int64, V any] struct {
	key  K
	val  V
	next *entry[K, V]
}

func (m *cowMap[K, V]) place(k K) uint32 {
	return uint32(uint64(k) * 0x9E3779B97F4A7C15 >> m.shift)
}

// at points to the value of k, which nobody may write to; nil when there is none.
// It does not allocate.
func (m *cowMap[K, V]) at(k K) *V {
	if m.n == 0 || k <= 0 {
		return nil
	}
	for e := m.table.at(m.place(k)); e != nil; e = e.next {
		if e.key == k {
			return &e.val
		}
	}
	return nil
}

// get finds the value of k.
func (m *cowMap[K, V]) get(k K) (v V, ok bool) {
	if at := m.at(k); at != nil {
		return *at, true
	}
	return v, false
}

// all yields the entries, whose values nobody may write to, in no order that means
// anything.
func (m *cowMap[K, V]) all() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for n := range m.size {
			for e := m.table.at(uint32(n)); e != nil && e.key != 0; e = e.next {
				if !yield(e.key, &e.val) {
					return
				}
			}
		}
	}
}

// keys lists the keys in ascending order.
func (m *cowMap[K, V]) keys() []K {
	ks := make([]K, 0, m.n)
	for k := range m.all() {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// without is the chain from e without k. What is before k is copied, because
// other versions have it too.
func (e *entry[K, V]) without(k K) *entry[K, V] {
	switch {
	case e == nil:
		return nil
	case e.key == k:
		return e.next
	}
	rest := e.next.without(k)
	if rest == e.next {
		return e
	}
	return &entry[K, V]{e.key, e.val, rest}
}

// cowDraft is a cowMap being changed: it owns the pages it has copied.
type cowDraft[K ~int64, V any] struct {
	cowMap[K, V]
	pages *pagesDraft[entry[K, V]] // nil before the first change
}

func (m cowMap[K, V]) draft() *cowDraft[K, V] { return &cowDraft[K, V]{cowMap: m} }

// grow makes room for n entries in all.
func (d *cowDraft[K, V]) grow(n int) {
	size, shift := 8, uint8(61)
	for size < n {
		size, shift = size*2, shift-1
	}
	if size <= d.size {
		return
	}
	old := d.cowMap
	d.cowMap, d.pages = cowMap[K, V]{size: size, shift: shift}, nil
	d.edit(uint32(size - 1)) // there are all pages then
	for k, v := range old.all() {
		d.put(k, *v)
	}
}

// edit makes place i the draft's own.
func (d *cowDraft[K, V]) edit(i uint32) *entry[K, V] {
	if d.pages == nil {
		d.pages = d.table.draft()
	}
	e := d.pages.edit(i)
	d.table = d.pages.pages
	return e
}

func (d *cowDraft[K, V]) put(k K, v V) {
	was := d.has(k)
	if !was {
		if d.n == d.size {
			d.grow(2 * (d.n + 1))
		}
		d.n++
	}
	switch e := d.edit(d.place(k)); e.key {
	case 0, k:
		e.key, e.val = k, v
	default:
		e.next = &entry[K, V]{k, v, e.next.without(k)}
	}
}

func (d *cowDraft[K, V]) remove(k K) {
	if !d.has(k) {
		return
	}
	d.n--
	switch e := d.edit(d.place(k)); {
	case e.key != k:
		e.next = e.next.without(k)
	case e.next != nil:
		*e = *e.next
	default:
		*e = entry[K, V]{}
	}
}
