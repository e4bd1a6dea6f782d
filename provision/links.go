package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

// aboutEntry says which entry an operation was about.
func aboutEntry(what string, id directory.EntryID, name string, err error) error {
	return fmt.Errorf("%s %s (%s): %w", what, name, id, err)
}

// do does one operation, however long the store has no room for it: a run must
// not end half-way because others are busy.
func (c *carrier) do(ctx context.Context, op store.Op) error {
	return c.patiently(ctx, func() error {
		_, err := c.e.st.Do(ctx, c.by, op)
		return err
	})
}

const overloadPause = 500 * time.Millisecond

// patiently calls f again while the store is overloaded, which means that
// nothing was done.
func (c *carrier) patiently(ctx context.Context, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, store.ErrOverloaded) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		case <-time.After(overloadPause + rand.N(overloadPause)):
		}
	}
}

// learnUIDs finds how the store calls the accounts that only come into groups or
// leave them: their steps do not say it.
func (c *carrier) learnUIDs(ctx context.Context, l *lot) error {
	asked := map[string]bool{}
	ask := func(k link) {
		if c.accountUID[k.account] == "" && c.unseen[k.account] == nil {
			asked[k.account.String()] = true
		}
	}
	for i := range c.steps.groups {
		for k := range c.linksOf(&c.steps.groups[i]) {
			if c.isUnseen(k.account) {
				ask(k)
			}
		}
	}
	for _, links := range append(slices.Clip(l.severalLinks), l.single) {
		for _, k := range links {
			ask(k)
		}
	}
	return c.e.st.Read(ctx, func(v *store.View) error {
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(asked)), uidsAtOnce) {
			err := v.SourceAccounts(ctx, c.k.source, ids, func(a directory.Account) error {
				id, err := directory.ParseEntryID(a.ExternalID)
				c.accountUID[id] = a.UID
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// hidden does the memberships of accounts that nobody sees.
func (c *carrier) hidden(ctx context.Context) error {
	return abreastly(ctx, len(c.steps.groups), func(ctx context.Context, i int) error {
		var some []link
		for k := range c.linksOf(&c.steps.groups[i]) {
			if !c.isUnseen(k.account) {
				continue
			}
			if some = append(some, k); len(some) < linksAtOnce {
				continue
			}
			if err := c.links(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
		return c.links(ctx, some)
	})
}

// links does memberships group by group, some hundred at a time.
func (c *carrier) links(ctx context.Context, list []link) error {
	ops := c.linkOps(list)
	return abreastly(ctx, len(ops), func(ctx context.Context, i int) error {
		m := ops[i].Change.Members
		if err := c.do(ctx, ops[i]); err != nil {
			return fmt.Errorf("members of group %s: %w", ops[i].Change.UID, err)
		}
		c.progress(len(m.Add) + len(m.Remove))
		return nil
	})
}

// linkOps are the links as changes of groups.
func (c *carrier) linkOps(list []link) (ops []*store.ChangeGroup) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b link) int { return a.group.Compare(b.group) })
	var op *store.ChangeGroup
	var at directory.EntryID
	n := 0
	for _, l := range list {
		if op == nil || l.group != at || n == linksAtOnce {
			op = &store.ChangeGroup{Change: &directory.GroupChange{Source: c.k.source, UID: c.groupUID[l.group]}}
			ops, at, n = append(ops, op), l.group, 0
		}
		m, uid := &op.Change.Members, c.accountUID[l.account]
		if l.leave {
			m.Remove = append(m.Remove, uid)
		} else {
			m.Add = append(m.Add, uid)
		}
		n++
	}
	return ops
}

// together does people with several changes: all of a person's in one
// transaction, with those of others.
func (c *carrier) together(ctx context.Context, l *lot) error {
	for i := 0; i < len(l.severalLinks); {
		var links []link
		var ops []store.Op
		groups := map[directory.EntryID]bool{}
		n := 0
		for ; i < len(l.severalLinks) && (n == 0 || len(ops)+len(groups) < opsAtOnce); i++ {
			if e := l.severalEdits[i]; e != nil {
				ops = append(ops, c.accountOp(e, asWanted))
			}
			for _, k := range l.severalLinks[i] {
				groups[k.group] = true
			}
			links = append(links, l.severalLinks[i]...)
			n++
		}
		for _, op := range c.linkOps(links) {
			ops = append(ops, op)
		}
		err := c.patiently(ctx, func() error {
			_, err := c.e.st.DoTogether(ctx, c.by, ops...)
			return err
		})
		if err != nil {
			return fmt.Errorf("change %d people: %w", n, err)
		}
		c.progress(n)
	}
	return nil
}
