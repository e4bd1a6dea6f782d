package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"grantbridge/access"
)

// moveKey is a way to move; with the sites it is a mover.
type moveKey struct {
	token        bool
	from, to     access.Level
	gained, lost int32
	sites        int32
}

// mover is people who move the same way on the same sites.
type mover struct {
	moveKey
	members []int32 // their places in differ.ids
}

func (d *differ) move(k moveKey, sites bitmap, c *class) {
	k.sites = d.internMap(sites)
	m, ok := d.moves[k]
	if !ok {
		m = &mover{moveKey: k}
		d.moves[k] = m
		d.order = append(d.order, m)
	}
	m.members = append(m.members, c.members...)
}

// collect turns movers into moves. Sites that the same movers touch share the
// list of people.
func (d *differ) collect() []Move {
	ways := map[moveKey]int{}
	var keys []moveKey
	var touching [][][]int32 // way → place → movers
	for n, m := range d.order {
		way := m.moveKey
		way.sites = 0
		w, ok := ways[way]
		if !ok {
			w = len(keys)
			ways[way] = w
			keys = append(keys, way)
			touching = append(touching, make([][]int32, len(d.places)))
		}
		for i := range d.maps[m.sites].all() {
			touching[w][i] = append(touching[w][i], int32(n))
		}
	}
	lists := lister{d: d, lists: map[string][]access.PersonID{}, bits: make(bitmap, (len(d.ids)+63)/64)}
	out := []Move{}
	for w, k := range keys {
		names := d.names(k)
		for i, movers := range touching[w] {
			if len(movers) > 0 {
				out = append(out, Move{Site: d.places[i], Token: k.token, From: k.from, To: k.to, Actions: names, People: lists.of(movers)})
			}
		}
	}
	slices.SortFunc(out, compareMoves)
	return out
}

// lister makes the list of people of each set of movers once. Setting bits puts
// them in order; sorting took a quarter of a large preview.
type lister struct {
	d     *differ
	lists map[string][]access.PersonID
	bits  bitmap // of d.ids
	key   []byte
}

func (l *lister) of(movers []int32) []access.PersonID {
	l.key = l.key[:0]
	for _, m := range movers {
		l.key = binary.BigEndian.AppendUint32(l.key, uint32(m))
	}
	if list, ok := l.lists[string(l.key)]; ok {
		return list
	}
	n := 0
	for _, m := range movers {
		n += len(l.d.order[m].members)
		for _, i := range l.d.order[m].members {
			l.bits.set(int(i))
		}
	}
	list := make([]access.PersonID, 0, n)
	for i := range l.bits.all() {
		list = append(list, l.d.ids[i])
	}
	clear(l.bits)
	l.lists[string(l.key)] = list
	return list
}

// names are up to five actions gained (+) or lost (-).
func (d *differ) names(k moveKey) []string {
	if k.from != k.to {
		return nil
	}
	var out []string
	for _, side := range []struct {
		sign string
		set  int32
	}{{"-", k.lost}, {"+", k.gained}} {
		for a := range d.sets[side.set].All() {
			if len(out) == 5 {
				return out
			}
			out = append(out, side.sign+d.cat.Name(a))
		}
	}
	return out
}

// compareMoves orders removals first, the deepest fall before all, then by site.
func compareMoves(a, b Move) int {
	return cmp.Or(
		cmp.Compare(int(a.To)-int(a.From), int(b.To)-int(b.From)),
		cmp.Compare(a.To, b.To),
		compareBool(a.Token, b.Token),
		slices.Compare(b.Actions, a.Actions), // - before +
		cmp.Compare(a.Site, b.Site),
		slices.Compare(a.People, b.People),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// hash is SHA-256 over everything but itself, in a form of its own: numbers as
// eight bytes, texts and lists after their lengths.
func (p *Plan) hash() string {
	h := sha256.New()
	var buf []byte
	number := func(n int64) { buf = binary.BigEndian.AppendUint64(buf, uint64(n)) }
	for _, n := range []int{p.Lose, p.Down, p.Gain, p.Up, p.SuperusersBefore, p.SuperusersAfter, len(p.Moves)} {
		number(int64(n))
	}
	digests := digester{made: map[*access.PersonID][32]byte{}}
	for _, m := range p.Moves {
		number(int64(m.Site))
		buf = append(buf, byte(m.From), byte(m.To), '-')
		if m.Token {
			buf[len(buf)-1] = 't'
		}
		number(int64(len(m.Actions)))
		for _, a := range m.Actions {
			number(int64(len(a)))
			buf = append(buf, a...)
		}
		number(int64(len(m.People)))
		sum := digests.sum(m.People)
		buf = append(buf, sum[:]...)
		h.Write(buf)
		buf = buf[:0]
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

// digester hashes lists of people, each once for all moves that share it.
type digester struct {
	made map[*access.PersonID][32]byte
	buf  []byte
}

func (d *digester) sum(people []access.PersonID) [32]byte {
	if len(people) == 0 {
		return sha256.Sum256(nil)
	}
	if sum, ok := d.made[&people[0]]; ok {
		return sum
	}
	d.buf = d.buf[:0]
	for _, id := range people {
		d.buf = binary.BigEndian.AppendUint64(d.buf, uint64(id))
	}
	sum := sha256.Sum256(d.buf)
	d.made[&people[0]] = sum
	return sum
}
