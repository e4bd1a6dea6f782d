package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/store"
)

// picture is everything at one revision: the snapshot and what it was compiled
// from. It is immutable; advance makes the next one.
type picture struct {
	revision int64
	snapshot *access.Snapshot
	mapping  store.Mapping
	set      *mapping.Set // nil when there is no live mapping
	groups   map[directory.GroupID]directory.Group
	sources  map[string]store.Source
	compiled *compiled
}

// compiled is a mapping set against the groups.
type compiled struct {
	groups  map[directory.GroupID][]access.Rule // rules about one group
	rest    []access.Rule
	cohorts []access.Cohort
	timed   []access.GroupID // groups whose members' joining times are needed
	traits  []mapping.Trait
}

func compile(set *mapping.Set, groups map[directory.GroupID]directory.Group) *compiled {
	c := &compiled{groups: map[directory.GroupID][]access.Rule{}}
	if set == nil {
		return c
	}
	all := inOrder(groups)
	for _, g := range all {
		c.addGroup(set, g)
	}
	c.rest, c.cohorts = set.Rest(all)
	c.traits = set.Traits()
	return c
}

func (c *compiled) addGroup(set *mapping.Set, g directory.Group) {
	if rules := set.ForGroup(g); len(rules) > 0 {
		c.groups[g.ID] = rules
	}
	if set.Timed(g) {
		c.timed = append(c.timed, access.GroupID(g.ID))
	}
}

// with is c after some groups changed: c itself when there are none.
func (c *compiled) with(set *mapping.Set, changed []directory.Group, groups map[directory.GroupID]directory.Group) *compiled {
	if set == nil || len(changed) == 0 {
		return c
	}
	next := &compiled{groups: maps.Clone(c.groups), timed: slices.Clone(c.timed), traits: c.traits}
	for _, g := range changed {
		delete(next.groups, g.ID)
		next.timed = slices.DeleteFunc(next.timed, func(id access.GroupID) bool { return id == access.GroupID(g.ID) })
		if !g.Deleted {
			next.addGroup(set, g)
		}
	}
	slices.Sort(next.timed)
	next.rest, next.cohorts = set.Rest(inOrder(groups))
	return next
}

// deltaTo puts into d what leads from c to next.
func (c *compiled) deltaTo(next *compiled, d *access.Delta) {
	if c == next {
		return
	}
	for id, rules := range c.groups {
		if now := next.groups[id]; !sameRules(rules, now) {
			d.RemoveRules, d.Rules = ruleDelta(rules, now, d.RemoveRules, d.Rules)
		}
	}
	for id, rules := range next.groups {
		if _, had := c.groups[id]; !had {
			d.Rules = append(d.Rules, rules...)
		}
	}
	d.RemoveRules, d.Rules = ruleDelta(c.rest, next.rest, d.RemoveRules, d.Rules)
	old := map[access.CohortID]access.Cohort{}
	for _, co := range c.cohorts {
		old[co.ID] = co
	}
	for _, co := range next.cohorts {
		if had, ok := old[co.ID]; !ok || !reflect.DeepEqual(had, co) {
			d.Cohorts = append(d.Cohorts, co)
		}
		delete(old, co.ID)
	}
	d.RemoveCohorts = slices.AppendSeq(d.RemoveCohorts, maps.Keys(old))
}

func sameRules(a, b []access.Rule) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || reflect.DeepEqual(a, b))
}

func ruleDelta(old, next []access.Rule, remove []access.RuleID, add []access.Rule) ([]access.RuleID, []access.Rule) {
	had := make(map[access.RuleID]*access.Rule, len(old))
	for i := range old {
		had[old[i].ID] = &old[i]
	}
	for i := range next {
		if r, ok := had[next[i].ID]; !ok || !reflect.DeepEqual(*r, next[i]) {
			add = append(add, next[i])
		}
		delete(had, next[i].ID)
	}
	return slices.AppendSeq(remove, maps.Keys(had)), add
}

// asksMoreOfPeople reports whether c needs of people what old did not.
func (c *compiled) asksMoreOfPeople(old *compiled) bool {
	for _, g := range c.timed {
		if !slices.Contains(old.timed, g) {
			return true
		}
	}
	return !slices.Equal(traitIDs(c.traits), traitIDs(old.traits))
}

func traitIDs(ts []mapping.Trait) []access.TraitID {
	ids := make([]access.TraitID, len(ts))
	for i, t := range ts {
		ids[i] = t.ID
	}
	slices.Sort(ids)
	return ids
}

// query is the people that c needs, all of them or those changed since.
func (c *compiled) query(since int64) store.PeopleQuery {
	q := store.PeopleQuery{Since: since, Timed: c.timed}
	for _, t := range c.traits {
		q.Paths = append(q.Paths, t.Paths...)
	}
	slices.Sort(q.Paths)
	q.Paths = slices.Compact(q.Paths)
	return q
}

// person is what the snapshot keeps of p.
func (c *compiled) person(p store.Person) access.Person {
	out := access.Person{
		ID: p.ID, Groups: p.Groups, Joined: p.Joined, Locked: p.Locked, Suspended: p.Suspended,
		Owner: p.Kind == store.Owner, NotBefore: p.NotBefore,
	}
	for _, t := range c.traits {
		if slices.ContainsFunc(p.Accounts, func(a store.PersonAccount) bool {
			return a.Active && !a.Deleted && t.Match(a.Source, a.Values)
		}) {
			out.Traits = append(out.Traits, t.ID)
		}
	}
	slices.Sort(out.Traits)
	out.Traits = slices.Compact(out.Traits)
	return out
}

func inOrder(groups map[directory.GroupID]directory.Group) []directory.Group {
	all := slices.Collect(maps.Values(groups))
	slices.SortFunc(all, func(a, b directory.Group) int { return int(a.ID - b.ID) })
	return all
}

// changes is what the store says has changed since a picture.
type changes struct {
	revision   int64
	sources    []store.Source // all of them; nil when none changed
	sites      []access.Site
	gone       []access.SiteID
	groups     []directory.Group
	mapping    store.Mapping // when newMapping
	newMapping bool
	manuals    []store.Manual
	tokens     []store.Token
	scim       []store.SCIMToken // all of them; nil when none changed
}

// readChanges reads what changed after since. Most commits change people and
// members of groups only, and then nothing else is asked for: the mapping's text
// may be a megabyte.
func readChanges(ctx context.Context, v *store.View, since int64) (c changes, err error) {
	c.revision = v.Revision()
	n, err := v.News(ctx)
	if err != nil {
		return c, err
	}
	reads := []struct {
		at   int64 // when it last changed
		read func() error
	}{
		{n.Sources, func() (err error) { c.sources, err = v.Sources(ctx); return }},
		{n.Sites, func() (err error) { c.sites, c.gone, err = v.Sites(ctx, since); return }},
		{n.Groups, func() (err error) { c.groups, err = v.AllGroups(ctx, since); return }},
		{n.Mapping, func() (err error) { c.newMapping = true; c.mapping, err = v.Mapping(ctx, 0); return }},
		{n.Manuals, func() (err error) { c.manuals, err = v.Manuals(ctx, since); return }},
		{n.Tokens, func() (err error) { c.tokens, err = v.Tokens(ctx, since); return }},
		{n.SCIMTokens, func() (err error) { c.scim, err = v.SCIMTokens(ctx); return }},
	}
	for _, r := range reads {
		if r.at <= since {
			continue
		}
		if err := r.read(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// advance makes the next picture and swaps it in. The caller holds e.advancing.
func (e *Engine) advance(ctx context.Context) error {
	old := e.picture.Load()
	var since int64
	if old != nil {
		since = old.revision
	}
	asked := e.cfg().Now()
	return e.st.Follow(ctx, since, func(v *store.View) error {
		if old != nil && v.Revision() <= old.revision {
			e.holder.Touch(asked)
			return nil
		}
		c, err := readChanges(ctx, v, since)
		if err != nil {
			return err
		}
		next, err := e.nextPicture(old, c)
		if err != nil {
			return err
		}
		var people []store.Person
		if old == nil || next.compiled.asksMoreOfPeople(old.compiled) {
			err = e.build(ctx, v, next, e.names.learn)
		} else {
			people, err = e.step(ctx, v, old, next, c)
		}
		if err != nil {
			return err
		}
		e.names.update(c, people)
		e.picture.Store(next)
		e.holder.Set(next.snapshot, asked)
		e.observed(old, next)
		return nil
	})
}

// nextPicture is old with c, but for the snapshot.
func (e *Engine) nextPicture(old *picture, c changes) (*picture, error) {
	next := &picture{revision: c.revision, mapping: c.mapping, groups: map[directory.GroupID]directory.Group{}, sources: map[string]store.Source{}}
	if old != nil {
		next.groups, next.set = old.groups, old.set
	}
	if old != nil && c.sources == nil {
		next.sources = old.sources
	}
	for _, s := range c.sources {
		next.sources[s.Name] = s
	}
	changed := slices.DeleteFunc(c.groups, func(g directory.Group) bool { return sameToRules(g, next.groups[g.ID]) })
	if len(changed) > 0 {
		next.groups = maps.Clone(next.groups)
	}
	for _, g := range changed {
		if next.groups[g.ID] = g; g.Deleted {
			delete(next.groups, g.ID)
		}
	}
	if old != nil && !c.newMapping {
		next.mapping = old.mapping
	}
	if old != nil && old.mapping.Version == next.mapping.Version {
		next.compiled = old.compiled.with(next.set, changed, next.groups)
		return next, nil
	}
	set, err := e.liveSet(next.mapping)
	if err != nil {
		return nil, err
	}
	next.set = set
	next.compiled = compile(set, next.groups)
	return next, nil
}

// sameToRules reports whether no rule can tell a from b: only members came or
// went, which is what mostly happens to a group.
func sameToRules(a, b directory.Group) bool {
	return a.ID == b.ID && a.UID == b.UID && a.Source == b.Source && a.ExternalID == b.ExternalID &&
		a.Display == b.Display && a.DN == b.DN && a.Deleted == b.Deleted
}

// liveSet reads a mapping that was checked when it was set. Sources and sites
// are not checked again: a site that has gone since must not end every grant.
func (e *Engine) liveSet(m store.Mapping) (*mapping.Set, error) {
	if m.Version == 0 {
		return nil, nil
	}
	set, problems := mapping.Parse(fmt.Sprintf("mapping v%d", m.Version), []byte(m.Text), mapping.Env{Catalogue: e.cfg().Catalogue, Zone: e.cfg().Zone})
	if problems.Failed() {
		return nil, fmt.Errorf("live mapping v%d does not stand any more: %w", m.Version, problems)
	}
	return set, nil
}

var errStop = errors.New("stop")

// build makes next's snapshot from all facts, and shows each person.
func (e *Engine) build(ctx context.Context, v *store.View, next *picture, show func(store.Person)) error {
	all, err := readChanges(ctx, v, 0)
	if err != nil {
		return err
	}
	f := access.Facts{Revision: next.revision, Catalogue: e.cfg().Catalogue, Sites: all.sites, Cohorts: next.compiled.cohorts}
	for _, rules := range next.compiled.groups {
		f.Rules = append(f.Rules, rules...)
	}
	f.Rules = append(f.Rules, next.compiled.rest...)
	for _, m := range all.manuals {
		f.Rules = append(f.Rules, e.manualRule(m))
	}
	for _, t := range all.tokens {
		f.Tokens = append(f.Tokens, e.token(t))
	}
	var failed error
	f.People = func(yield func(access.Person) bool) {
		failed = v.People(ctx, next.compiled.query(0), func(p store.Person) error {
			if !yield(next.compiled.person(p)) {
				return errStop
			}
			show(p)
			return nil
		})
	}
	next.snapshot, err = access.Build(f)
	return errors.Join(failed, err)
}

// step makes next's snapshot from old's and what changed, and returns the people
// who did.
func (e *Engine) step(ctx context.Context, v *store.View, old, next *picture, c changes) (people []store.Person, err error) {
	d := access.Delta{Revision: next.revision, Sites: c.sites, RemoveSites: c.gone, People: make([]access.Person, 0, v.Fresh())}
	people = make([]store.Person, 0, v.Fresh())
	old.compiled.deltaTo(next.compiled, &d)
	for _, m := range c.manuals {
		d.Rules = append(d.Rules, e.manualRule(m))
	}
	for _, t := range c.tokens {
		d.Tokens = append(d.Tokens, e.token(t))
	}
	err = v.People(ctx, next.compiled.query(old.revision), func(p store.Person) error {
		d.People = append(d.People, next.compiled.person(p))
		people = append(people, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	next.snapshot, err = old.snapshot.With(d)
	return people, err
}
