package inspect

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

// The bounds of one batch's comparisons, which must not take the processor from
// the requests.
const (
	maxChecks = 50_000 // person and site
	maxDiffs  = 4      // of everybody
	maxMoves  = 100    // of one entry
	maxSites  = 20     // named in one move
)

// comparer compares access for the entries of one batch.
type comparer struct {
	l      *Log
	steps  []step
	people map[int64][]access.PersonID // by revision, as the audit has them
	now    time.Time
	checks int
	diffs  int
	plans  map[[2]*access.Snapshot]*mapping.Plan
	places map[[2]*access.Snapshot][]access.SiteID
}

// access fills in whose access the requests changed.
func (l *Log) access(ctx context.Context, batch []*Record, rows []store.SCIMRequest, entries []*Entry) {
	l.mu.Lock()
	c := &comparer{l: l, steps: slices.Clone(l.steps), now: l.conf.Load().Now(), plans: map[[2]*access.Snapshot]*mapping.Plan{},
		places: map[[2]*access.Snapshot][]access.SiteID{}}
	l.mu.Unlock()
	var revisions []int64
	for _, r := range batch {
		revisions = append(revisions, r.revisions()...)
	}
	if len(revisions) == 0 {
		return
	}
	err := l.engine.Store().Read(ctx, func(v *store.View) (err error) {
		c.people, err = v.ChangedPeople(ctx, revisions)
		return err
	})
	for i, r := range batch {
		own := r.revisions()
		if len(own) == 0 {
			continue
		}
		for _, rev := range own {
			rows[i].People = append(rows[i].People, c.people[rev]...)
		}
		slices.Sort(rows[i].People)
		rows[i].People = slices.Compact(rows[i].People)
		if err != nil {
			entries[i].Access = &Access{Says: "not compared: the store did not say whom it concerns"}
			continue
		}
		entries[i].Access = c.compare(r, own, rows[i].People)
		rows[i].Moved = entries[i].Access.People
		for _, m := range entries[i].Access.Moves {
			rows[i].People = append(rows[i].People, m.id)
		}
		slices.Sort(rows[i].People)
		rows[i].People = slices.Compact(rows[i].People)
	}
}

// compare compares the people whom r concerns before and after its revisions.
func (c *comparer) compare(r *Record, own []int64, people []access.PersonID) *Access {
	before, after := c.around(slices.Min(own), slices.Max(own))
	if before == nil {
		return &Access{Says: "not compared: the snapshot did not follow in time"}
	}
	a := &Access{From: before.Revision(), To: after.Revision()}
	a.Exact = a.To-a.From == int64(len(own))
	if r.renames() {
		c.everybody(a, before, after)
		return a
	}
	for _, p := range people {
		if c.checks < -maxChecks {
			a.Says = "not compared in full: too much changed at once"
			break
		}
		moves := c.person(p, before, after)
		if len(moves) > 0 {
			a.People++
			a.Moves = append(a.Moves, moves...)
		}
	}
	a.Moves = a.Moves[:min(len(a.Moves), maxMoves)]
	return a
}

// renames reports whether r may have changed which rules speak of a group, or
// concerns more people than the audit names.
func (r *Record) renames() bool {
	return slices.ContainsFunc(r.Effects, func(f Effect) bool {
		if !f.Group || !f.Changed {
			return false
		}
		renamed := f.GroupBefore.UID != "" && !f.GroupAfter.Deleted && (f.GroupBefore.Display != f.GroupAfter.Display || f.GroupBefore.ExternalID != f.GroupAfter.ExternalID)
		return renamed || max(f.Added, f.Removed, f.GroupBefore.Members*bit(f.GroupAfter.Deleted || f.GroupAfter.UID == "")) > 100
	})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// around finds the snapshots before the first and after the last revision.
func (c *comparer) around(first, last int64) (before, after *access.Snapshot) {
	for _, s := range c.steps {
		if s.before.Revision() < first && first <= s.after.Revision() {
			before = s.before
		}
		if before != nil && last <= s.after.Revision() {
			return before, s.after
		}
	}
	return nil, nil
}

// everybody compares all people, by their classes.
func (c *comparer) everybody(a *Access, before, after *access.Snapshot) {
	p := c.plans[[2]*access.Snapshot{before, after}]
	if p == nil {
		if c.diffs++; c.diffs > maxDiffs {
			a.Says = "not compared: too much changed at once"
			return
		}
		p = mapping.Diff(before, after, c.now)
		c.plans[[2]*access.Snapshot{before, after}] = p
	}
	*a = *FromPlan(p, a, c.l.engine)
}

// uid is the id by which others know a person.
func uid(e *provision.Engine, id access.PersonID) string {
	p, _ := e.PersonByID(id)
	return p.UID
}

// FromPlan is a plan in the words of an entry; into gives the revisions, e the
// people's ids.
func FromPlan(p *mapping.Plan, into *Access, e *provision.Engine) *Access {
	a := *into
	a.People = p.Changed()
	type key struct {
		person   access.PersonID
		token    bool
		from, to access.Level
		actions  string
	}
	at := map[key]int{}
	for _, m := range p.Moves {
		for _, id := range m.People {
			k := key{id, m.Token, m.From, m.To, ""}
			for _, s := range m.Actions {
				k.actions += s + " "
			}
			i, ok := at[k]
			if !ok {
				if len(a.Moves) == maxMoves {
					continue
				}
				i = len(a.Moves)
				at[k] = i
				a.Moves = append(a.Moves, Move{id: id, Person: uid(e, id), Token: m.Token, From: m.From, To: m.To, Actions: m.Actions})
			}
			a.Moves[i].add(m.Site)
		}
	}
	return &a
}

func (m *Move) add(site access.SiteID) {
	if len(m.Sites) == maxSites {
		m.More++
		return
	}
	m.Sites = append(m.Sites, site)
}

// person compares one person. Whose facts are the same has moved by no request.
func (c *comparer) person(id access.PersonID, before, after *access.Snapshot) []Move {
	was, had := before.Person(id)
	is, has := after.Person(id)
	if had == has && reflect.DeepEqual(was, is) {
		return nil
	}
	var out []Move
	for _, token := range []bool{false, true} {
		q := access.Request{Person: id, Credential: access.AnyToken(), At: c.now}
		if !token {
			issued := c.now
			if is.NotBefore.After(issued) {
				issued = is.NotBefore
			}
			if was.NotBefore.After(issued) {
				issued = was.NotBefore
			}
			q.Credential = access.Session(issued)
		}
		out = c.moves(out, q, token, before, after)
	}
	return out
}

func (c *comparer) moves(out []Move, q access.Request, token bool, before, after *access.Snapshot) []Move {
	cat := after.Catalogue()
	for _, site := range c.sites(before, after) {
		c.checks--
		q.Site = site
		a, b := before.Effective(q), after.Effective(q)
		if a == b {
			continue
		}
		m := Move{id: q.Person, Person: uid(c.l.engine, q.Person), Token: token, From: cat.Highest(a), To: cat.Highest(b)}
		if m.From == m.To {
			m.Actions = names(cat, a.Minus(b), b.Minus(a))
		}
		out = c.put(out, m, site)
	}
	return out
}

// sites are those of either snapshot, ascending, and the platform itself.
func (c *comparer) sites(before, after *access.Snapshot) []access.SiteID {
	pair := [2]*access.Snapshot{before, after}
	if c.places[pair] == nil {
		all := map[access.SiteID]bool{access.Global: true}
		for _, s := range pair {
			for _, site := range s.AllSites() {
				all[site.ID] = true
			}
		}
		c.places[pair] = slices.Sorted(maps.Keys(all))
	}
	return c.places[pair]
}

// put adds a move, to a like one where there is one. What a token may do is told
// only where it moves in another way than a session.
func (c *comparer) put(out []Move, m Move, site access.SiteID) []Move {
	like := func(o Move) bool {
		return o.From == m.From && o.To == m.To && slices.Equal(o.Actions, m.Actions)
	}
	if m.Token && slices.ContainsFunc(out, func(o Move) bool { return !o.Token && like(o) && (o.More > 0 || slices.Contains(o.Sites, site)) }) {
		return out
	}
	i := slices.IndexFunc(out, func(o Move) bool { return o.Token == m.Token && like(o) })
	if i < 0 {
		out = append(out, m)
		i = len(out) - 1
	}
	out[i].add(site)
	return out
}

func names(cat *access.Catalogue, lost, gained access.Actions) (out []string) {
	for _, side := range []struct {
		sign string
		set  access.Actions
	}{{"-", lost}, {"+", gained}} {
		for a := range side.set.All() {
			if len(out) == 5 {
				return out
			}
			out = append(out, side.sign+cat.Name(a))
		}
	}
	return out
}
