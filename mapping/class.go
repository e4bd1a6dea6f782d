package mapping

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"grantbridge/access"
)

// class is people whom no rule tells apart, in both worlds.
type class struct {
	sides   [2]side
	members []int32 // their places in differ.ids
}

// side is a class in one world.
type side struct {
	there  bool
	barred bool // locked or suspended
	owner  bool
	facts  []int32 // what counts for its people, ascending
}

// scan sorts the people who may matter into classes. Superusers are counted by
// class too.
func (d *differ) scan() {
	d.eachPerson()
	last := len(d.places) - 1
	for _, c := range d.ordered {
		for i, s := range c.sides {
			if s.there && !s.owner && d.sets[d.at(&s, last, false)].Has(access.ActSuperuser) {
				d.superusers[i] += len(c.members)
			}
		}
	}
}

// eachPerson sorts the people of either snapshot, ascending. The facts of those
// who did not change, mostly all, are read once.
func (d *differ) eachPerson() {
	var a, b access.Person
	changed := slices.Collect(d.new.snap.ChangedPeople(d.old.snap))
	change := func() {
		id := changed[0]
		changed = changed[1:]
		a, b = access.Person{}, access.Person{}
		in := [2]bool{d.old.snap.ReadPerson(id, &a), d.new.snap.ReadPerson(id, &b)}
		d.sort(id, &a, &b, in)
	}
	for id := range d.old.snap.People() {
		for len(changed) > 0 && changed[0] < id {
			change()
		}
		if len(changed) > 0 && changed[0] == id {
			change()
			continue
		}
		d.old.snap.ReadPerson(id, &a)
		d.sort(id, &a, &a, [2]bool{true, true})
	}
	for len(changed) > 0 {
		change()
	}
}

// sort puts a person into his class, when he may matter. Who is the same on both
// sides may be given as one Person.
func (d *differ) sort(id access.PersonID, a, b *access.Person, in [2]bool) {
	d.people++
	bits, same := d.personBits(a), a == b
	if !same {
		bits |= d.personBits(b)
		same = in[0] == in[1] && samePerson(a, b)
	}
	if same && bits&(isChanged|isSuper) == 0 && !d.everyone {
		return
	}
	d.keyRoom = d.key(d.keyRoom[:0], a, in[0])
	if same {
		d.keyRoom = append(d.keyRoom, '=')
	} else {
		d.keyRoom = d.key(append(d.keyRoom, '|'), b, in[1])
	}
	c, ok := d.classes[string(d.keyRoom)]
	if !ok {
		c = &class{sides: [2]side{d.side(d.old, a, in[0]), d.side(d.new, b, in[1])}}
		d.classes[string(d.keyRoom)] = c
		d.ordered = append(d.ordered, c)
	}
	c.members = append(c.members, int32(len(d.ids)))
	d.ids = append(d.ids, id)
}

func (d *differ) personBits(p *access.Person) markBits {
	var bits markBits
	for _, g := range p.Groups {
		bits |= d.group(g)
	}
	for _, t := range p.Traits {
		bits |= d.marks[access.Subject{Kind: access.TheTrait, ID: int64(t)}]
	}
	return bits | d.marks[access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}]
}

func samePerson(a, b *access.Person) bool {
	return slices.Equal(a.Groups, b.Groups) && slices.Equal(a.Traits, b.Traits) && a.Locked == b.Locked &&
		a.Suspended == b.Suspended && a.Owner == b.Owner && maps.EqualFunc(a.Joined, b.Joined, time.Time.Equal) && maps.EqualFunc(a.Until, b.Until, time.Time.Equal)
}

// key appends what rules see of p.
func (d *differ) key(key []byte, p *access.Person, there bool) []byte {
	flags := byte(0)
	for i, on := range []bool{there, p.Locked || p.Suspended, p.Owner} {
		if on {
			flags |= 1 << i
		}
	}
	key = append(key, flags)
	for _, g := range p.Groups {
		if d.group(g) == 0 {
			continue
		}
		key = binary.BigEndian.AppendUint32(key, uint32(g))
		if len(p.Joined) > 0 {
			key = binary.BigEndian.AppendUint64(key, d.joinedKey(p, g))
		}
		if d.ceased(p, g) {
			key = append(key, '!')
		}
	}
	key = append(key, ';')
	for _, t := range p.Traits {
		if d.marks[access.Subject{Kind: access.TheTrait, ID: int64(t)}] != 0 {
			key = binary.BigEndian.AppendUint32(key, uint32(t))
		}
	}
	if d.marks[access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}] != 0 {
		key = binary.BigEndian.AppendUint64(append(key, 'p'), uint64(p.ID))
	}
	return key
}

// ceased reports whether p's membership of g grants nothing any more.
func (d *differ) ceased(p *access.Person, g access.GroupID) bool {
	until, ok := p.Until[g]
	return ok && !d.now.Before(until)
}

// joinedKey is the time of joining, where rules are about it.
func (d *differ) joinedKey(p *access.Person, g access.GroupID) uint64 {
	at, ok := p.Joined[g]
	if !ok {
		return 0
	}
	s := access.Subject{Kind: access.TheGroup, ID: int64(g)}
	for _, w := range []*world{d.old, d.new} {
		for _, r := range w.rules[s] {
			if r.For > 0 {
				return uint64(at.UnixNano()) | 1
			}
		}
	}
	return 0
}

// side is what w's rules say of p: the numbers of the facts that count for him.
func (d *differ) side(w *world, p *access.Person, there bool) side {
	s := side{there: there, barred: p.Locked || p.Suspended, owner: p.Owner}
	if !there || s.barred || s.owner {
		return s
	}
	add := func(facts []int32, subject access.Subject) {
		grants := len(p.Until) == 0 || w.snap.Confirmed(p.ID, subject, d.now)
		for _, f := range facts {
			if (grants || d.facts[f].kind != access.Grant) && d.counts(&d.facts[f], p, subject) {
				s.facts = append(s.facts, f)
			}
		}
	}
	var cohorts []access.Subject
	see := func(subject access.Subject) {
		if w.rules[subject] != nil {
			add(w.factsOf(subject), subject)
		}
		if len(w.leaves) > 0 {
			cohorts = append(cohorts, w.leaves[subject]...)
		}
	}
	see(access.Subject{Kind: access.Everyone})
	see(access.Subject{Kind: access.SignedIn})
	see(access.Subject{Kind: access.ThePerson, ID: int64(p.ID)})
	for _, g := range p.Groups {
		if subject := (access.Subject{Kind: access.TheGroup, ID: int64(g)}); int(g) < len(w.groups) {
			add(w.groups[g], subject)
		} else if d.group(g) != 0 {
			see(subject)
		}
	}
	for _, t := range p.Traits {
		see(access.Subject{Kind: access.TheTrait, ID: int64(t)})
	}
	cohorts = append(cohorts, w.loose...)
	slices.SortFunc(cohorts, func(a, b access.Subject) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range slices.Compact(cohorts) {
		if w.snap.Has(p.ID, c) {
			add(w.factsOf(c), c)
		}
	}
	slices.Sort(s.facts)
	s.facts = slices.Compact(s.facts)
	return s
}

// counts reports whether a fact that lasts from joining still counts for p, or
// already: who joined when nobody knows is granted nothing, and restricted.
func (d *differ) counts(f *fact, p *access.Person, subject access.Subject) bool {
	if f.lasts == 0 {
		return true
	}
	at, known := p.Joined[access.GroupID(subject.ID)]
	if subject.Kind != access.TheGroup || !known {
		return f.kind != access.Grant
	}
	return d.now.Before(at.Add(f.lasts))
}
