package provision

import (
	"context"
	"maps"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/store"
)

// foreseer works out what steps would change for whom: the snapshot of now
// against the one after them, by the same comparison that rules are judged by.
type foreseer struct {
	e      *Engine
	p      *picture
	st     *stored
	source string
	now    time.Time

	groups   map[directory.EntryID]access.GroupID // those to be made included
	accounts map[directory.EntryID]*accountStep
	join     map[directory.EntryID][]access.GroupID
	leave    map[directory.EntryID][]access.GroupID
}

// newcomers are people who do not exist yet, by the id that a plan calls them.
type newcomers map[access.PersonID]directory.EntryID

// foresee compares p with what it is after the steps.
func (e *Engine) foresee(ctx context.Context, v *store.View, p *picture, source string, s steps, st *stored) (*mapping.Plan, newcomers, error) {
	f := &foreseer{e: e, p: p, st: st, source: source, now: e.cfg().Now(), groups: map[directory.EntryID]access.GroupID{},
		accounts: map[directory.EntryID]*accountStep{}, join: map[directory.EntryID][]access.GroupID{}, leave: map[directory.EntryID][]access.GroupID{}}
	next, changed := f.nextGroups(s)
	compiled := p.compiled.with(p.set, changed, next)
	d := access.Delta{Revision: p.revision}
	p.compiled.deltaTo(compiled, &d)
	people, err := f.known(ctx, v, compiled, s)
	if err != nil {
		return nil, nil, err
	}
	made, new := f.newcomers(compiled, s)
	d.People = append(people, made...)
	then, err := p.snapshot.With(d)
	if err != nil {
		return nil, nil, err
	}
	return mapping.Diff(p.snapshot, then, f.now), new, nil
}

// nextGroups are all groups after the steps, and those that changed. Groups to
// be made get numbers that are free now.
func (f *foreseer) nextGroups(s steps) (map[directory.GroupID]directory.Group, []directory.Group) {
	var last directory.GroupID
	for id := range f.p.groups {
		last = max(last, id)
	}
	next := f.p.groups
	var changed []directory.Group
	for i := range s.groups {
		g := &s.groups[i]
		id := g.have.ID
		if id == 0 {
			last++
			id = last
		}
		f.groups[g.entry] = access.GroupID(id)
		if !g.edited && !g.deleted {
			continue
		}
		if len(changed) == 0 {
			next = maps.Clone(next)
		}
		after := g.want
		after.ID, after.UID, after.Source, after.Deleted = id, g.have.UID, f.source, g.deleted
		changed = append(changed, after)
		if next[id] = after; g.deleted {
			delete(next, id)
		}
	}
	for i := range s.groups {
		g := &s.groups[i]
		for _, m := range g.join {
			f.join[m] = append(f.join[m], f.groups[g.entry])
		}
		for _, r := range g.leave {
			f.leave[r.Account] = append(f.leave[r.Account], f.groups[g.entry])
		}
	}
	for i := range s.accounts {
		f.accounts[s.accounts[i].entry] = &s.accounts[i]
	}
	return next, changed
}

// touched are the people whom the steps are about.
func (f *foreseer) touched() []access.PersonID {
	ids := map[access.PersonID]bool{}
	note := func(id directory.EntryID) {
		if a, ok := f.st.account(id); ok {
			ids[a.person] = true
		}
	}
	for id := range f.accounts {
		note(id)
	}
	for id := range f.join {
		note(id)
	}
	for id := range f.leave {
		note(id)
	}
	return slices.Sorted(maps.Keys(ids))
}

// known are the people there are, as they are after the steps.
func (f *foreseer) known(ctx context.Context, v *store.View, c *compiled, s steps) (out []access.Person, err error) {
	ids := f.touched()
	if len(ids) == 0 {
		return nil, nil
	}
	q := c.query(0)
	q.IDs = ids
	for part := range slices.Chunk(ids, 2048) {
		q.IDs = part
		var people []store.Person
		var ours []directory.AccountID
		err := v.People(ctx, q, func(p store.Person) error {
			people = append(people, p)
			for _, a := range p.Accounts {
				if a.Source == f.source && !a.Deleted {
					ours = append(ours, a.ID)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		of, err := v.GroupsOf(ctx, ours)
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			out = append(out, f.after(c, p, of))
		}
	}
	return out, nil
}

// after is p after the steps.
func (f *foreseer) after(c *compiled, p store.Person, of map[directory.AccountID][]directory.Ref) access.Person {
	groups := slices.DeleteFunc(slices.Clone(p.Groups), func(g access.GroupID) bool {
		return f.p.groups[directory.GroupID(g)].Source == f.source
	})
	source := f.p.sources[f.source]
	hadEnded, ended, otherEnded := false, false, false
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if a.Source != f.source {
			otherEnded = otherEnded || f.p.sources[a.Source].Veto && !a.Active && !f.p.sources[a.Source].Disabled
			continue
		}
		entry, ours := f.st.entryOf(a.ID)
		hadEnded = hadEnded || !a.Active
		if step := f.accounts[entry]; ours && step != nil {
			a.Active, a.Deleted, a.Values = step.active && !step.deleted, step.deleted, valuesFor(step.want().Values, c)
		}
		ended = ended || !a.Active
		if a.Active {
			groups = append(groups, f.groupsOf(entry, of[a.ID])...)
		}
	}
	if source.Veto && !source.Disabled {
		p.Suspended = ended || otherEnded || p.Suspended && !hadEnded
	}
	slices.Sort(groups)
	p.Groups = slices.Compact(groups)
	return f.finish(c, p)
}

// finish fills in when groups were joined that are joined now.
func (f *foreseer) finish(c *compiled, p store.Person) access.Person {
	for _, t := range c.timed {
		if _, in := slices.BinarySearch(p.Groups, t); !in {
			continue
		}
		if _, known := p.Joined[t]; !known {
			p.Joined = maps.Clone(p.Joined)
			if p.Joined == nil {
				p.Joined = map[access.GroupID]time.Time{}
			}
			p.Joined[t] = f.now
		}
	}
	maps.DeleteFunc(p.Joined, func(g access.GroupID, _ time.Time) bool {
		_, in := slices.BinarySearch(p.Groups, g)
		return !in
	})
	return c.person(p)
}

func valuesFor(vs []directory.Value, c *compiled) []directory.Value {
	paths := c.query(0).Paths
	return slices.DeleteFunc(slices.Clone(vs), func(v directory.Value) bool {
		_, wanted := slices.BinarySearch(paths, v.Path)
		return !wanted
	})
}

func (f *foreseer) groupsOf(entry directory.EntryID, now []directory.Ref) []access.GroupID {
	var out []access.GroupID
	left := f.leave[entry]
	for _, r := range now {
		if !slices.Contains(left, access.GroupID(r.Group)) {
			out = append(out, access.GroupID(r.Group))
		}
	}
	return append(out, f.join[entry]...)
}

// newcomers are the people that the steps make.
func (f *foreseer) newcomers(c *compiled, s steps) ([]access.Person, newcomers) {
	var last access.PersonID
	for id := range f.p.snapshot.People() {
		last = max(last, id)
	}
	var out []access.Person
	new := newcomers{}
	veto := f.p.sources[f.source].Veto
	for i := range s.accounts {
		a := &s.accounts[i]
		if a.have != nil {
			continue
		}
		last++
		p := store.Person{ID: last, Kind: store.Human, Suspended: veto && !a.active,
			Accounts: []store.PersonAccount{{Source: f.source, Login: a.login(), Active: a.active, Values: valuesFor(a.want().Values, c)}}}
		if a.active {
			p.Groups = slices.Clone(f.join[a.entry])
			slices.Sort(p.Groups)
		}
		new[last] = a.entry
		out = append(out, f.finish(c, p))
	}
	return out, new
}
