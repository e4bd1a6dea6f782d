package ldapsync

import (
	"fmt"
	"slices"
	"strings"

	"grantbridge/directory"
)

// confirmBatch is how many ids are asked for in one filter.
const confirmBatch = 50

// ids collects the id and the DN of entries.
type ids struct {
	p        *profile
	want     string // lower-case name of the id attribute
	dn       map[directory.EntryID]string
	nameless int
}

func (s *session) newIDs() *ids {
	return &ids{p: s.p, want: lower(s.p.id), dn: map[directory.EntryID]string{}}
}

func lower(s string) string { return strings.ToLower(s) }

func (c *ids) reset()                    { clear(c.dn); c.nameless = 0 }
func (c *ids) entries() int              { return len(c.dn) }
func (c *ids) reference([]byte)          {}
func (c *ids) intermediate([]byte) error { return nil }

func (c *ids) entry(e *entry) error {
	for _, a := range e.attrs {
		if strings.EqualFold(string(a.name), c.want) && len(e.of(a)) > 0 {
			if id, ok := c.p.parseID(e.of(a)[0]); ok {
				c.dn[id] = string(e.dn)
				return nil
			}
		}
	}
	c.nameless++
	return nil
}

// ids asks for the ids and DNs of what a proven search finds.
func (s *session) ids(q query) (map[directory.EntryID]string, error) {
	got := s.newIDs()
	q.attrs = []string{s.p.id}
	leg, err := s.pages(q, got)
	if err != nil {
		return nil, err
	}
	if proof := directory.Prove(leg); !proof.Complete() {
		return nil, s.fault(q.name, &directory.UnprovenError{Leg: q.name, Why: proof.Why()})
	}
	return got.dn, nil
}

// scope is where a kind of entry is looked for.
type scope struct{ name, base, filter string }

// confirm asks for entries that were not seen, by their ids, in the whole
// naming context. Who is not there either is gone; who is elsewhere, or does
// not fit the filter any more, has left; who would have had to be seen is
// neither, and the reading says nothing of him.
func (s *session) confirm(missing []directory.EntryID, in scope) ([]directory.Gone, error) {
	var out []directory.Gone
	for batch := range slices.Chunk(missing, confirmBatch) {
		anywhere, err := s.byIDs(scope{in.name, s.context(in.base), "(objectClass=*)"}, batch)
		if err != nil {
			return nil, err
		}
		inside := map[directory.EntryID]string{}
		if len(anywhere) > 0 {
			if inside, err = s.byIDs(in, batch); err != nil {
				return nil, err
			}
		}
		for _, id := range batch {
			if _, there := inside[id]; !there {
				out = append(out, directory.Gone{ID: id, Evidence: directory.Confirmed, MovedTo: anywhere[id]})
			}
		}
	}
	return out, nil
}

// byIDs searches for entries by their ids; the search must be proven too.
func (s *session) byIDs(in scope, batch []directory.EntryID) (map[directory.EntryID]string, error) {
	var any strings.Builder
	for _, id := range batch {
		any.WriteString(s.p.filterID(id))
	}
	got := s.newIDs()
	leg, err := s.pages(query{name: "confirm", base: in.base, filter: "(&" + in.filter + "(|" + any.String() + "))", attrs: []string{s.p.id}}, got)
	if err != nil {
		return nil, err
	}
	leg.Nameless = got.nameless
	if proof := directory.Prove(leg); !proof.Complete() {
		return nil, s.fault("confirm", fmt.Errorf("the second look at missing %s is not proven: %s", in.name, strings.Join(proof.Why(), "; ")))
	}
	return got.dn, nil
}
