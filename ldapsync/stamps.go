package ldapsync

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"grantbridge/directory"
)

// stampFeed is modifyTimestamp, with an overlap for clocks that differ, and a
// sweep over the ids of all entries: a timestamp cannot tell who is gone.
type stampFeed struct {
	r     *reading
	since string // a filter
}

func newStampFeed(r *reading) (feed, error) {
	t, err := time.Parse(time.RFC3339, string(r.old.Checkpoint.Cookie))
	if err != nil {
		return nil, r.s.fault("changes", fmt.Errorf("%w: the time cannot be read", errTrustEnds))
	}
	r.out.Swept = true
	return &stampFeed{r, "(modifyTimestamp>=" + t.Add(-fresh).UTC().Format("20060102150405Z") + ")"}, nil
}

func (f *stampFeed) cookie() []byte { return []byte(f.r.at.UTC().Format(time.RFC3339)) }

// users reads who changed and sweeps over all; the leg is that of the sweep,
// because it is what absence is proven by.
func (f *stampFeed) users(to *people) (directory.Leg, error) {
	c := f.r.s.cfg
	in := scope{"users", c.Users.Base, c.Users.Filter}
	leg, err := f.r.s.pages(query{name: "users", base: in.base, filter: "(&" + in.filter + f.since + ")", attrs: to.attributes()}, to)
	if err != nil || !directory.Prove(leg).Complete() {
		return leg, err
	}
	seen, leg, err := f.sweep(in, len(f.r.old.Accounts))
	if err != nil {
		return leg, err
	}
	read := map[directory.EntryID]bool{}
	for _, a := range to.accounts {
		read[a.ID] = true
		delete(seen, a.ID)
	}
	var missing []directory.EntryID
	for _, a := range f.r.old.Accounts {
		if _, there := seen[a.ID]; !there && !read[a.ID] {
			missing = append(missing, a.ID)
		}
		delete(seen, a.ID)
	}
	if err := f.gone(missing, in); err != nil {
		return leg, err
	}
	return leg, f.r.fetch(in, keys(seen), to, to.attributes())
}

func (f *stampFeed) groups(to *groups) (directory.Leg, error) {
	c := f.r.s.cfg
	in := scope{"groups", c.Groups.Base, c.Groups.Filter}
	leg, err := f.r.s.pages(query{name: "groups", base: in.base, filter: "(&" + in.filter + f.since + ")", attrs: to.attributes()}, to)
	if err != nil || !directory.Prove(leg).Complete() {
		return leg, err
	}
	seen, leg, err := f.sweep(in, len(f.r.old.Groups))
	if err != nil {
		return leg, err
	}
	read := map[directory.EntryID]bool{}
	for _, g := range to.list {
		read[g.ID] = true
		delete(seen, g.ID)
	}
	var missing []directory.EntryID
	for _, g := range f.r.old.Groups {
		if _, there := seen[g.ID]; !there && !read[g.ID] {
			missing = append(missing, g.ID)
		}
		delete(seen, g.ID)
	}
	if err := f.gone(missing, in); err != nil {
		return leg, err
	}
	return leg, f.r.fetch(in, keys(seen), to, to.attributes())
}

func (f *stampFeed) gone(missing []directory.EntryID, in scope) error {
	gone, err := f.r.s.confirm(missing, in)
	f.r.out.Gone = append(f.r.out.Gone, gone...)
	return err
}

func (f *stampFeed) rest(*people, *groups) error { return nil }

// sweep reads the ids of all entries.
func (f *stampFeed) sweep(in scope, known int) (map[directory.EntryID]string, directory.Leg, error) {
	s := f.r.s
	got := s.newIDs()
	leg, err := s.pages(query{name: in.name, base: in.base, filter: in.filter, attrs: []string{s.p.id}}, got)
	leg.Nameless, leg.Least = got.nameless, f.r.least(known)
	return got.dn, leg, err
}

func keys(m map[directory.EntryID]string) []directory.EntryID {
	return slices.SortedFunc(maps.Keys(m), directory.EntryID.Compare)
}
