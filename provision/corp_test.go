package provision_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

// corp is a make-believe directory and the run of its source.
type corp struct {
	*house
	people map[directory.EntryID]*corpPerson
	groups map[directory.EntryID]*corpGroup
	last   uint64
	limits provision.SyncLimits
	holder string
}

type corpPerson struct {
	login    string
	email    string
	disabled bool
}

type corpGroup struct {
	name   string
	stamp  int
	people map[directory.EntryID]bool
	groups map[directory.EntryID]bool
}

const corpRules = `version: 1
rules:
- {id: owners, from: corp, group: Owners, give: superuser}
- id: site-admins
  from: corp
  group: {regexp: "^Admin-(?P<site>[a-z]+)$"}
  give: admin
  sites: "{site}"
- {id: readers, from: corp, group: {glob: "Team-*"}, give: view, sites: all}
- {id: external, from: corp, person: {email: {not_glob: "*@corp.example"}}, at_most: view, sites: all}
`

func newCorp(t *testing.T, st *store.Store) *corp {
	t.Helper()
	h := &house{t: t, ctx: t.Context(), st: st, now: time.Now()}
	e, err := provision.New(h.ctx, st, provision.Config{
		Sources: []store.Source{{Name: "okta", Veto: true}, {Name: "corp", Veto: true}},
		Limits:  noLastSuperuser,
		Now:     func() time.Time { return h.now },
	})
	h.must(err)
	h.e = e
	h.must(e.PutSites(h.ctx, admin, []access.Site{{ID: 1, Slug: "main"}, {ID: 2, Slug: "blog"}, {ID: 3, Slug: "shop"}}))
	h.setRules(corpRules)
	return &corp{house: h, people: map[directory.EntryID]*corpPerson{}, groups: map[directory.EntryID]*corpGroup{}, holder: "me"}
}

// noLastSuperuser lets the last superuser go.
var noLastSuperuser = mapping.Limits{SuperusersAtLeast: -1}

// unlimited lets a run do anything.
var unlimited = provision.SyncLimits{Few: 1 << 30, NewSuperusers: 1 << 30}

func (c *corp) id() (id directory.EntryID) {
	c.last++
	binary.BigEndian.PutUint64(id[8:], c.last)
	return id
}

func (c *corp) person(login string) directory.EntryID {
	id := c.id()
	c.people[id] = &corpPerson{login: login, email: login + "@corp.example"}
	return id
}

func (c *corp) staff(n int) (ids []directory.EntryID) {
	for i := range n {
		ids = append(ids, c.person(fmt.Sprintf("p%d", i)))
	}
	return ids
}

func (c *corp) team(name string, members ...directory.EntryID) directory.EntryID {
	id := c.id()
	g := &corpGroup{name: name, people: map[directory.EntryID]bool{}, groups: map[directory.EntryID]bool{}}
	for _, m := range members {
		if c.groups[m] != nil {
			g.groups[m] = true
		} else {
			g.people[m] = true
		}
	}
	c.groups[id] = g
	return id
}

// remove ends an entry and the references to it.
func (c *corp) remove(ids ...directory.EntryID) {
	for _, id := range ids {
		delete(c.people, id)
		delete(c.groups, id)
		for _, g := range c.groups {
			delete(g.people, id)
			delete(g.groups, id)
		}
	}
}

func (c *corp) change(group directory.EntryID, f func(g *corpGroup)) {
	f(c.groups[group])
	c.groups[group].stamp++
}

// legs are two proven legs.
func legs() (directory.Proof, directory.Proof) {
	l := directory.Leg{Name: "users", Answered: true, Pages: 1, Controls: 1, Ended: true, Server: "s", Last: "s"}
	return directory.Prove(l), directory.Prove(l)
}

// reading is what the directory says, all of it; what k knows and is not there
// was looked for by its id.
func (c *corp) reading(k *provision.Known) directory.Reading {
	r := directory.Reading{Source: "corp", At: c.now, Mode: "full", Full: true, Depth: directory.MaxDepth,
		To: directory.Checkpoint{Server: "s", Questions: "q", At: c.now, FullAt: c.now}}
	r.UsersProof, r.GroupsProof = legs()
	for _, id := range sortedIDs(c.people) {
		p := c.people[id]
		a := &directory.ReadAccount{ID: id, DN: "uid=" + p.login + ",ou=people,dc=corp", Login: p.login, Display: strings.ToUpper(p.login), Email: p.email, Activity: directory.Active}
		if p.disabled {
			a.Activity, a.Disabler = directory.Disabled, "nsAccountLock: true"
		}
		r.Accounts = append(r.Accounts, a)
	}
	for _, id := range sortedIDs(c.groups) {
		g := c.groups[id]
		r.Groups = append(r.Groups, &directory.ReadGroup{ID: id, DN: "cn=" + g.name + ",ou=groups,dc=corp", Name: g.name,
			Stamp: fmt.Sprint(g.stamp), Whole: true, Accounts: sortedIDs(g.people), Groups: sortedIDs(g.groups)})
	}
	for _, a := range k.State().Accounts {
		if c.people[a.ID] == nil {
			r.Gone = append(r.Gone, directory.Gone{ID: a.ID, Evidence: directory.Confirmed})
		}
	}
	for _, g := range k.State().Groups {
		if c.groups[g.ID] == nil {
			r.Gone = append(r.Gone, directory.Gone{ID: g.ID, Evidence: directory.Confirmed})
		}
	}
	return r
}

func sortedIDs[V any](m map[directory.EntryID]V) []directory.EntryID {
	return slices.SortedFunc(maps.Keys(m), directory.EntryID.Compare)
}

func (c *corp) known() *provision.Known {
	c.t.Helper()
	k, err := c.e.Known(c.ctx, "corp")
	c.must(err)
	return k
}

func (c *corp) lease() store.Lease {
	c.t.Helper()
	l, held, err := c.st.Acquire(c.ctx, "ldap/corp", c.holder, time.Minute)
	c.must(err)
	if !held {
		c.t.Fatal("the lease is not free")
	}
	return l
}

func (c *corp) by(l store.Lease) store.By {
	return store.By{Actor: "ldap:corp", Via: "ldap", Lane: store.LaneBulk, Lease: &l}
}

// try reads the directory and reconciles.
func (c *corp) try(ctx context.Context, o provision.ReconcileOptions) (*provision.Reconciled, error) {
	c.t.Helper()
	k := c.known()
	return c.e.Reconcile(ctx, c.by(c.lease()), k, c.reading(k), o)
}

// sync runs and wants the state.
func (c *corp) sync(want provision.SyncState) *provision.Reconciled {
	c.t.Helper()
	c.now = c.now.Add(time.Minute)
	out, err := c.try(c.ctx, provision.ReconcileOptions{Limits: c.limits})
	c.must(err)
	if out.State != want {
		c.t.Fatalf("got %s (%v, %+v), want %s", out.State, out.Plan.Counts, out.Plan.Breaches, want)
	}
	return out
}

func (c *corp) head() (rev int64) {
	c.t.Helper()
	c.must(c.st.Read(c.ctx, func(v *store.View) error { rev = v.Revision(); return nil }))
	return rev
}

// closure is who is in a group, by the naive fixpoint.
func (c *corp) closure(id directory.EntryID) map[directory.EntryID]bool {
	in := map[directory.EntryID]bool{id: true}
	for again := true; again; {
		again = false
		for g := range maps.Clone(in) {
			for child := range c.groups[g].groups {
				if c.groups[child] != nil && !in[child] {
					in[child], again = true, true
				}
			}
		}
	}
	out := map[directory.EntryID]bool{}
	for g := range in {
		for p := range c.groups[g].people {
			if c.people[p] != nil {
				out[p] = true
			}
		}
	}
	return out
}

// converged fails the test unless the store says what the directory says.
func (c *corp) converged() {
	c.t.Helper()
	c.must(c.e.Sync(c.ctx, 0))
	c.must(c.st.Read(c.ctx, func(v *store.View) error {
		entry := map[directory.AccountID]directory.EntryID{}
		seen := map[directory.EntryID]bool{}
		err := v.SourceAccounts(c.ctx, "corp", nil, func(a directory.Account) error {
			id, err := directory.ParseEntryID(a.ExternalID)
			if err != nil {
				return err
			}
			entry[a.ID], seen[id] = id, true
			p := c.people[id]
			switch {
			case p == nil && a.Active:
				c.t.Errorf("%s is active and not in the directory", a.Login)
			case p != nil && (a.Active == p.disabled || a.Login != p.login || a.Email != p.email):
				c.t.Errorf("got account %+v, want %+v", a, *p)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for id, p := range c.people {
			if !seen[id] {
				c.t.Errorf("%s is missing", p.login)
			}
		}
		groups, err := v.SourceGroups(c.ctx, "corp")
		if err != nil {
			return err
		}
		members := map[directory.GroupID]map[directory.EntryID]bool{}
		err = v.SourceMembers(c.ctx, "corp", func(g directory.GroupID, a directory.AccountID) error {
			if members[g] == nil {
				members[g] = map[directory.EntryID]bool{}
			}
			members[g][entry[a]] = true
			return nil
		})
		if len(groups) != len(c.groups) {
			c.t.Errorf("got %d groups, want %d", len(groups), len(c.groups))
		}
		for _, g := range groups {
			id, _ := directory.ParseEntryID(g.ExternalID)
			if c.groups[id] == nil {
				c.t.Errorf("group %s is not in the directory", g.Display)
				continue
			}
			want := c.closure(id)
			got := members[g.ID]
			maps.DeleteFunc(got, func(id directory.EntryID, _ bool) bool { return c.people[id] == nil })
			if !maps.Equal(got, want) || c.groups[id].name != g.Display {
				c.t.Errorf("group %s: got %d members, want %s with %d", g.Display, len(got), c.groups[id].name, len(want))
			}
		}
		return err
	}))
}

// edit changes something at random.
func (c *corp) edit(r *rand.Rand) {
	people, groups := sortedIDs(c.people), sortedIDs(c.groups)
	pick := func(ids []directory.EntryID) directory.EntryID { return ids[r.IntN(len(ids))] }
	switch n := r.IntN(12); {
	case n == 0 || len(people) < 3:
		c.person(fmt.Sprintf("u%d", c.last))
	case n == 1:
		c.remove(pick(people))
	case n == 2:
		p := c.people[pick(people)]
		p.disabled = !p.disabled
	case n == 3:
		c.people[pick(people)].login = fmt.Sprintf("renamed%d", c.id())
	case n == 4:
		c.people[pick(people)].email = fmt.Sprintf("m%d@elsewhere.example", r.IntN(9))
	case n == 5 || len(groups) < 3:
		names := []string{"Owners", "Admin-main", "Admin-blog", "Team-", "Other-"}
		c.team(names[r.IntN(len(names))]+strings.Repeat("x", r.IntN(2)), pick(people))
	case n == 6 && len(groups) > 4:
		c.remove(pick(groups))
	case n == 7:
		c.change(pick(groups), func(g *corpGroup) { g.name = fmt.Sprintf("Team-%d", r.IntN(50)) })
	case n == 8:
		child := pick(groups)
		c.change(pick(groups), func(g *corpGroup) { g.groups[child] = true })
	case n == 9:
		c.change(pick(groups), func(g *corpGroup) { clear(g.groups) })
	default:
		who := pick(people)
		from, to := pick(groups), pick(groups)
		c.change(from, func(g *corpGroup) { delete(g.people, who) })
		c.change(to, func(g *corpGroup) { g.people[who] = true })
	}
}

func (c *corp) level(login, site string) string {
	c.t.Helper()
	x, err := c.e.Explain(c.ctx, provision.Question{Who: login, What: "view", Site: site})
	if err != nil {
		return "nobody"
	}
	return x.Effective
}
