package access

import (
	"errors"
	"fmt"
)

// Build makes a snapshot from facts. It refuses rules without a kind or
// subject, ids out of range and second uses of an id, all in one error.
func Build(f Facts) (*Snapshot, error) {
	if f.Catalogue == nil {
		return nil, errors.New("build snapshot: no catalogue")
	}
	d := newDraft(snapshot{revision: f.Revision, catalogue: f.Catalogue, everywhere: noEdges})
	d.sites.grow(len(f.Sites))
	d.slots.grow(len(f.Rules))
	d.tokens.grow(len(f.Tokens))
	for _, c := range f.Cohorts {
		d.once(d.cohorts.has(c.ID), "cohort", int64(c.ID))
		d.cohort(c)
	}
	for _, s := range f.Sites {
		d.once(d.sites.has(s.ID), "site", int64(s.ID))
		d.site(s)
	}
	for i := range f.Rules {
		d.once(d.slots.has(f.Rules[i].ID), "rule", int64(f.Rules[i].ID))
		d.rule(&f.Rules[i])
	}
	for _, t := range f.Tokens {
		d.once(d.tokens.has(t.ID), "token", int64(t.ID))
		d.token(t)
	}
	if f.People != nil {
		for p := range f.People {
			d.once(d.person(&p), "person", int64(p.ID))
		}
	}
	d.index()
	s, err := d.seal()
	if err != nil {
		return nil, fmt.Errorf("build snapshot: %w", err)
	}
	return s, nil
}

func (m *cowMap[K, V]) has(k K) bool {
	_, ok := m.get(k)
	return ok
}

func (d *draft) once(twice bool, what string, id int64) {
	if twice {
		d.fail(fmt.Errorf("%s %d: second use of the id", what, id))
	}
}

// person puts p and reports whether he was there.
func (d *draft) person(p *Person) (was bool) {
	if err := p.check(); err != nil {
		d.fail(err)
		return false
	}
	return d.people.put(p)
}
