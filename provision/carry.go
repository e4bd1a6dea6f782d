package provision

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"grantbridge/directory"
	"grantbridge/store"
)

// How steps are carried out. Each person changes at one moment, whatever is done
// for him; and whoever is killed in between leaves what the next run finishes.
//
//	1  accounts that end                 one commit each
//	2  groups that are new or renamed
//	3  accounts that are new             inactive, so that nobody sees them yet
//	4  memberships of inactive accounts  by group; nobody sees them
//	5  accounts that become active       each appears with all its groups
//	6  people with one change            an account's edit, or by group
//	7  people with several changes       together, some at a time
//	8  groups that are gone
const (
	// linksAtOnce is how many memberships a group's change carries, and
	// opsAtOnce how many operations are done together.
	linksAtOnce = 400
	opsAtOnce   = 60
	// uidsAtOnce is how many accounts' UIDs are asked for together.
	uidsAtOnce = 2048
	// abreast is how many operations wait at the same time, to be committed in
	// few transactions.
	abreast = 48
)

// link is one membership that comes or goes.
type link struct {
	group   directory.EntryID
	account directory.EntryID
	leave   bool
}

// carrier carries out steps.
type carrier struct {
	*reconciling
	accountUID map[directory.EntryID]string // of accounts that steps are about
	groupUID   map[directory.EntryID]string
	mu         sync.Mutex // of both
	done       atomic.Int64
	all        int
	unseen     map[directory.EntryID]*accountStep // accounts of steps that are inactive when phase 4 begins
	by         store.By
}

// apply carries out the steps and keeps what was read.
func (r *reconciling) apply(ctx context.Context) error {
	if r.o.Ask != nil && r.o.Approve == "" {
		if err := r.o.Ask(r.plan); err != nil {
			return err
		}
	}
	if err := r.e.saveState(ctx, *r.by.Lease, r.k, r.k.saved, true, slices.Values([]store.ReadEntry(nil))); err != nil {
		return err
	}
	if err := r.carry(ctx); err != nil {
		return err
	}
	return r.finish(ctx, true)
}

// finish keeps what was read and, with a checkpoint that is another, how far.
// Manual rules that last until the source's next run end with it.
func (r *reconciling) finish(ctx context.Context, changed bool) error {
	if _, err := r.e.do(ctx, r.by, &store.FinishSync{Source: r.k.source}); err != nil {
		return err
	}
	if err := r.e.saveState(ctx, *r.by.Lease, r.k, r.delta.Next, false, r.k.entriesTo(r.delta.Next)); err != nil {
		return err
	}
	saves := int64(1)
	if changed {
		saves++
	}
	r.e.remember(&Known{source: r.k.source, state: r.delta.Next, saved: r.delta.Next, version: r.k.version + saves, settled: map[directory.EntryID]bool{}})
	r.e.charge(r.k.source, 0)
	return nil
}

func (r *reconciling) carry(ctx context.Context) error {
	c := &carrier{reconciling: r, accountUID: map[directory.EntryID]string{}, groupUID: map[directory.EntryID]string{},
		unseen: map[directory.EntryID]*accountStep{}, by: r.by}
	c.by.Lane = store.LaneBulk
	for id, a := range r.st.differ {
		c.accountUID[id] = a.UID
	}
	for id, g := range r.st.groups {
		c.groupUID[id] = g.UID
	}
	l := c.sort()
	if err := c.learnUIDs(ctx, l); err != nil {
		return err
	}
	return c.run(ctx, l)
}

// lot is the steps sorted by how they are done.
type lot struct {
	end, create, rise []*accountStep
	edit              []*accountStep
	put, gone         []*groupStep
	hidden            int // memberships of accounts that are not seen
	single            []link
	// Of people with several changes, one element each.
	severalLinks [][]link
	severalEdits []*accountStep
}

func (c *carrier) run(ctx context.Context, l *lot) error {
	c.all = len(l.end) + len(l.create) + len(l.rise) + len(l.edit) + len(l.put) + len(l.gone) + l.hidden + len(l.single) + len(l.severalLinks)
	phases := []func() error{
		func() error { return c.accounts(ctx, l.end, asWanted) },
		func() error { return c.groups(ctx, l.put) },
		func() error { return c.accounts(ctx, l.create, inactive) },
		func() error { return c.hidden(ctx) },
		func() error { return c.accounts(ctx, l.rise, asWanted) },
		func() error { return c.accounts(ctx, l.edit, asWanted) },
		func() error { return c.links(ctx, l.single) },
		func() error { return c.together(ctx, l) },
		func() error { return c.groups(ctx, l.gone) },
	}
	for _, phase := range phases {
		if err := phase(); err != nil {
			return err
		}
	}
	return c.e.Sync(ctx, 0)
}

// sort says of every step when it is done.
func (c *carrier) sort() *lot {
	l := &lot{}
	edits := c.sortAccounts(l)
	links := c.sortLinks(l, edits)
	for _, a := range l.create {
		if a.joins && a.active {
			l.rise = append(l.rise, a)
		}
	}
	l.people(links, edits)
	return l
}

// sortAccounts returns the edits of accounts that are seen.
func (c *carrier) sortAccounts(l *lot) map[directory.EntryID]*accountStep {
	edits := map[directory.EntryID]*accountStep{}
	for i := range c.steps.accounts {
		a := &c.steps.accounts[i]
		switch {
		case a.ends():
			l.end = append(l.end, a)
		case a.have == nil:
			l.create = append(l.create, a)
		case !a.was() && a.active:
			l.rise = append(l.rise, a)
		case !a.was():
			l.edit = append(l.edit, a)
		default:
			edits[a.entry] = a
			continue
		}
		c.unseen[a.entry] = a
	}
	return edits
}

// sortLinks returns the memberships of accounts that are seen. Those of the others
// are done by group, straight from the steps: of a first run these are all. People
// leave groups that are gone at the moment of their other changes, and not when
// each group ends.
func (c *carrier) sortLinks(l *lot, edits map[directory.EntryID]*accountStep) map[directory.EntryID][]link {
	links, gone := map[directory.EntryID][]link{}, map[directory.EntryID][]link{}
	for i := range c.steps.groups {
		g, to := &c.steps.groups[i], links
		switch {
		case g.deleted:
			l.gone, to = append(l.gone, g), gone
		case g.edited:
			l.put = append(l.put, g)
		}
		for k := range c.linksOf(g) {
			if !c.isUnseen(k.account) {
				to[k.account] = append(to[k.account], k)
				continue
			}
			l.hidden++
			if a := c.unseen[k.account]; a != nil {
				a.joins = true
			}
		}
	}
	for id, from := range gone {
		if len(from) > 1 || links[id] != nil || edits[id] != nil {
			links[id] = append(links[id], from...)
		}
	}
	return links
}

// linksOf are the memberships that the step changes; of a group that is gone,
// those of people who are seen in the end.
func (c *carrier) linksOf(g *groupStep) iter.Seq[link] {
	return func(yield func(link) bool) {
		for _, id := range g.join {
			if !yield(link{g.entry, id, false}) {
				return
			}
		}
		for _, r := range g.leave {
			if !yield(link{g.entry, r.Account, true}) {
				return
			}
		}
		if !g.deleted {
			return
		}
		for _, at := range c.st.members[g.have.ID] {
			a := c.st.accounts[at]
			if s := c.unseen[a.entry]; s != nil {
				a.active = s.active
			}
			if a.active && !yield(link{g.entry, a.entry, true}) {
				return
			}
		}
	}
}

// isUnseen reports whether the account is inactive when phase 4 begins.
func (c *carrier) isUnseen(id directory.EntryID) bool {
	if c.unseen[id] != nil {
		return true
	}
	a, known := c.st.account(id)
	return known && !a.active
}

// people says for everybody who is seen whether one commit is enough.
func (l *lot) people(links map[directory.EntryID][]link, edits map[directory.EntryID]*accountStep) {
	who := make([]directory.EntryID, 0, len(links)+len(edits))
	for id := range links {
		who = append(who, id)
	}
	for id := range edits {
		if links[id] == nil {
			who = append(who, id)
		}
	}
	slices.SortFunc(who, directory.EntryID.Compare)
	for _, id := range who {
		switch edit := edits[id]; {
		case edit == nil && len(links[id]) == 1:
			l.single = append(l.single, links[id]...)
		case len(links[id]) == 0:
			l.edit = append(l.edit, edit)
		default:
			l.severalLinks = append(l.severalLinks, links[id])
			l.severalEdits = append(l.severalEdits, edit)
		}
	}
}

// abreastly calls f for each of n, several at a time; the first error ends it.
func abreastly(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, abreast) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// accountState is how far an account's step is done.
type accountState bool

const (
	asWanted accountState = true
	inactive accountState = false // without its access, if it has groups to come into before
)

func (c *carrier) accounts(ctx context.Context, list []*accountStep, as accountState) error {
	return abreastly(ctx, len(list), func(ctx context.Context, i int) error {
		op := c.accountOp(list[i], as)
		if err := c.do(ctx, op); err != nil {
			return aboutEntry("account", list[i].entry, list[i].login(), err)
		}
		if op.After.UID != "" {
			c.mu.Lock()
			c.accountUID[list[i].entry] = op.After.UID
			c.mu.Unlock()
		}
		c.progress(1)
		return nil
	})
}

func (c *carrier) accountOp(s *accountStep, as accountState) *store.ChangeAccount {
	c.mu.Lock()
	uid := c.accountUID[s.entry]
	c.mu.Unlock()
	change := &directory.AccountChange{Source: c.k.source, UID: uid, Delete: s.deleted}
	want := s.want()
	want.Active = want.Active && (as == asWanted || !s.joins)
	change.Edit = func(a directory.Account) (directory.Account, error) {
		a.ExternalID, a.Login, a.Display, a.Email, a.Active = want.ExternalID, want.Login, want.Display, want.Email, want.Active
		a.Doc = want.Doc
		if len(want.Values) > 0 || !s.ends() {
			a.Values = want.Values
		}
		return a, nil
	}
	return &store.ChangeAccount{Change: change}
}

func (c *carrier) groups(ctx context.Context, list []*groupStep) error {
	return abreastly(ctx, len(list), func(ctx context.Context, i int) error {
		s := list[i]
		op := &store.ChangeGroup{Change: &directory.GroupChange{Source: c.k.source, UID: s.have.UID, Delete: s.deleted,
			Edit: func(g directory.Group) (directory.Group, error) {
				g.ExternalID, g.Display, g.DN, g.Doc, g.Values = s.want.ExternalID, s.want.Display, s.want.DN, s.want.Doc, s.want.Values
				return g, nil
			}}}
		err := c.do(ctx, op)
		if errors.Is(err, store.ErrNotFound) && s.deleted {
			err = nil
		}
		if err != nil {
			return aboutEntry("group", s.entry, s.want.Display, err)
		}
		if op.After.UID != "" {
			c.mu.Lock()
			c.groupUID[s.entry] = op.After.UID
			c.mu.Unlock()
		}
		c.progress(1)
		return nil
	})
}

func (c *carrier) progress(n int) {
	done := c.done.Add(int64(n))
	if c.o.Progress != nil {
		c.o.Progress(int(done), c.all)
	}
}
