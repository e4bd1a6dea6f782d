package access

import "slices"

const pageSize = 256

// pages is an immutable array in pages that versions share. The zero value is
// empty.
type pages[T any] struct {
	dir []*[pageSize]T
}

func (p *pages[T]) at(i uint32) *T { return &p.dir[i/pageSize][i%pageSize] }

// pagesDraft is pages being changed: it owns the pages it has copied.
type pagesDraft[T any] struct {
	pages[T]
	own map[uint32]bool
}

func (p pages[T]) draft() *pagesDraft[T] {
	return &pagesDraft[T]{pages: pages[T]{dir: slices.Clone(p.dir)}, own: map[uint32]bool{}}
}

// edit makes slot i the draft's own, growing the array to hold it.
func (d *pagesDraft[T]) edit(i uint32) *T {
	page := i / pageSize
	for int(page) >= len(d.dir) {
		d.own[uint32(len(d.dir))] = true
		d.dir = append(d.dir, new([pageSize]T))
	}
	if !d.own[page] {
		d.own[page] = true
		c := *d.dir[page]
		d.dir[page] = &c
	}
	return d.at(i)
}
