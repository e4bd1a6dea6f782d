package access

import (
	"iter"
	"slices"
)

// cowMap is an immutable hash map from ids to values. Its next version shares
// all but the buckets that changed, so a change costs one bucket and the top.
// The zero value is empty.
type cowMap[K ~int64, V any] struct {
	top   [][]entry[K, V] // a power of two of buckets
	shift uint8           // 64 - log2(len(top))
	n     int
}

type entry[K ~int64, V any] struct {
	key K
	val V
}

// bucketFill is how many entries a bucket holds on average before the top grows.
const bucketFill = 4

func (m *cowMap[K, V]) bucket(k K) int {
	return int(uint64(k) * 0x9E3779B97F4A7C15 >> m.shift)
}

// get finds the value of k. It does not allocate.
func (m *cowMap[K, V]) get(k K) (v V, ok bool) {
	if m.n == 0 {
		return v, false
	}
	b := m.top[m.bucket(k)]
	for i := range b {
		if b[i].key == k {
			return b[i].val, true
		}
	}
	return v, false
}

// at points to the value of k, which nobody may write to; nil when there is none.
func (m *cowMap[K, V]) at(k K) *V {
	if m.n == 0 {
		return nil
	}
	b := m.top[m.bucket(k)]
	for i := range b {
		if b[i].key == k {
			return &b[i].val
		}
	}
	return nil
}

// all yields the entries in no order that means anything.
func (m *cowMap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, b := range m.top {
			for i := range b {
				if !yield(b[i].key, b[i].val) {
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

// cowDraft is a cowMap being changed: it owns the buckets it has copied.
type cowDraft[K ~int64, V any] struct {
	cowMap[K, V]
	ownTop bool
	own    []uint64 // bitmap over buckets
}

func (m cowMap[K, V]) draft() *cowDraft[K, V] { return &cowDraft[K, V]{cowMap: m} }

// grow makes room for n entries in all.
func (d *cowDraft[K, V]) grow(n int) {
	size, shift := 8, uint8(61)
	for size*bucketFill < n {
		size, shift = size*2, shift-1
	}
	if size <= len(d.top) {
		return
	}
	old := d.cowMap
	d.cowMap = cowMap[K, V]{top: make([][]entry[K, V], size), shift: shift}
	d.ownTop, d.own = true, make([]uint64, (size+63)/64)
	for i := range d.own {
		d.own[i] = ^uint64(0)
	}
	for k, v := range old.all() {
		b := &d.top[d.bucket(k)]
		*b = append(*b, entry[K, V]{k, v})
	}
	d.n = old.n
}

// mine makes bucket i the draft's own.
func (d *cowDraft[K, V]) mine(i int) *[]entry[K, V] {
	if !d.ownTop {
		d.top, d.ownTop = slices.Clone(d.top), true
		d.own = make([]uint64, (len(d.top)+63)/64)
	}
	if d.own[i/64]&(1<<(i%64)) == 0 {
		d.own[i/64] |= 1 << (i % 64)
		d.top[i] = slices.Clone(d.top[i])
	}
	return &d.top[i]
}

func (d *cowDraft[K, V]) put(k K, v V) {
	if d.n+1 > len(d.top)*bucketFill {
		d.grow(2 * (d.n + 1))
	}
	b := d.mine(d.bucket(k))
	for i := range *b {
		if (*b)[i].key == k {
			(*b)[i].val = v
			return
		}
	}
	*b = append(*b, entry[K, V]{k, v})
	d.n++
}

func (d *cowDraft[K, V]) remove(k K) {
	if _, ok := d.get(k); !ok {
		return
	}
	b := d.mine(d.bucket(k))
	*b = slices.DeleteFunc(*b, func(e entry[K, V]) bool { return e.key == k })
	d.n--
}
