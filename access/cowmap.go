package access

import (
	"iter"
	"slices"
)

// cowMap is an immutable hash map from ids to values. Its next version shares
// all but the buckets that changed, and the buckets lie in pages, so a change
// costs a bucket, a page and a short directory. The zero value is empty.
type cowMap[K ~int64, V any] struct {
	buckets pages[[]entry[K, V]]
	size    int   // a power of two of buckets
	shift   uint8 // 64 - log2(size)
	n       int
}

type entry[K ~int64, V any] struct {
	key K
	val V
}

// bucketFill is how many entries a bucket holds on average before there are more.
const bucketFill = 4

func (m *cowMap[K, V]) bucket(k K) uint32 {
	return uint32(uint64(k) * 0x9E3779B97F4A7C15 >> m.shift)
}

// get finds the value of k. It does not allocate.
func (m *cowMap[K, V]) get(k K) (v V, ok bool) {
	if m.n == 0 {
		return v, false
	}
	b := *m.buckets.at(m.bucket(k))
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
	b := *m.buckets.at(m.bucket(k))
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
		for n := range m.size {
			b := *m.buckets.at(uint32(n))
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
	pages *pagesDraft[[]entry[K, V]]
	own   map[uint32]bool // nil when all are
}

func (m cowMap[K, V]) draft() *cowDraft[K, V] {
	return &cowDraft[K, V]{cowMap: m, own: map[uint32]bool{}}
}

// grow makes room for n entries in all.
func (d *cowDraft[K, V]) grow(n int) {
	size, shift := 8, uint8(61)
	for size*bucketFill < n {
		size, shift = size*2, shift-1
	}
	if size <= d.size {
		return
	}
	old := d.cowMap
	d.cowMap = cowMap[K, V]{size: size, shift: shift, n: old.n}
	d.pages, d.own = d.buckets.draft(), nil
	d.pages.edit(uint32(size - 1))
	for i := 0; i < size; i += pageSize {
		d.pages.edit(uint32(i))
	}
	d.buckets = d.pages.pages
	for k, v := range old.all() {
		b := d.buckets.at(d.bucket(k))
		*b = append(*b, entry[K, V]{k, v})
	}
}

// mine makes bucket i the draft's own.
func (d *cowDraft[K, V]) mine(i uint32) *[]entry[K, V] {
	if d.own == nil {
		return d.buckets.at(i)
	}
	if d.pages == nil {
		d.pages = d.buckets.draft()
	}
	b := d.pages.edit(i)
	d.buckets = d.pages.pages
	if !d.own[i] {
		d.own[i] = true
		*b = slices.Clone(*b)
	}
	return b
}

func (d *cowDraft[K, V]) put(k K, v V) {
	if d.n+1 > d.size*bucketFill {
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
