package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"grantbridge/directory"
	"grantbridge/store"
)

// burstWindow is how long RemovalBurst removals must take at least.
const burstWindow = 10 * time.Minute

// Result is what Apply did.
type Result struct {
	store.Receipt
	Account        directory.Account // after; of an AccountChange
	Group          directory.Group   // after; of a GroupChange
	AccountBefore  directory.Account
	GroupBefore    directory.Group
	Added, Removed int // memberships
	Parked         int
}

// Apply does what a source says, in one transaction. Errors: ErrUnknownSource,
// ErrBurst, those of store.Do, and what the change's Edit returned. It does not
// wait for the snapshot, which follows in milliseconds.
func (e *Engine) Apply(ctx context.Context, by store.By, c directory.Change) (Result, error) {
	source := c.From()
	if s, ok := e.picture.Load().sources[source]; !ok || s.Disabled {
		return Result{}, fmt.Errorf("source %q: %w", source, ErrUnknownSource)
	}
	if by.Lane == store.LaneRevoke {
		if err := e.checkBurst(ctx, c); err != nil {
			return Result{}, err
		}
	}
	r, removed, err := e.commitChange(ctx, by, c)
	if err != nil || !r.Changed {
		return r, err
	}
	e.charge(source, removed)
	return r, nil
}

// commitChange commits c and counts the people it took something from.
func (e *Engine) commitChange(ctx context.Context, by store.By, c directory.Change) (r Result, removed int, err error) {
	op, err := opOf(c)
	if err != nil {
		return r, 0, err
	}
	receipt, err := e.st.Do(ctx, by, op)
	r, removed = resultOf(op)
	r.Receipt = receipt
	return r, removed, err
}

// opOf is the store's operation for c.
func opOf(c directory.Change) (store.Op, error) {
	switch c := c.(type) {
	case *directory.AccountChange:
		return &store.ChangeAccount{Change: c}, nil
	case *directory.GroupChange:
		return &store.ChangeGroup{Change: c}, nil
	}
	return nil, fmt.Errorf("no such change: %T", c)
}

// resultOf is what op found and made, and how many people it took something
// from.
func resultOf(op store.Op) (r Result, removed int) {
	switch op := op.(type) {
	case *store.ChangeAccount:
		r.AccountBefore, r.Account = op.Before, op.After
		if op.Before.Active && !op.After.Active {
			removed = 1
		}
	case *store.ChangeGroup:
		r.GroupBefore, r.Group, r.Added, r.Removed, r.Parked = op.Before, op.After, op.Added, op.Removed, op.Parked
		removed = op.Removed
	}
	return r, removed
}

// checkBurst refuses a removal that the source's burst limit has no room for.
// The charge comes after the commit, with what was really removed, so that a
// retry costs nothing.
func (e *Engine) checkBurst(ctx context.Context, c directory.Change) error {
	n, err := e.removals(ctx, c)
	if err != nil {
		return err
	}
	now := e.cfg().Now()
	limiter := e.burst(c.From())
	if room := limiter.TokensAt(now); float64(n) > room {
		e.cfg().Log.Error("burst limit: a source wants to remove more than it may at once; refused, nothing changed",
			"source", c.From(), "wants", n, "room", int(room), "limit", limiter.Burst(), "window", burstWindow.String())
		return fmt.Errorf("source %q wants to remove %d, %d are left of %d in %s: %w", c.From(), n, int(room), limiter.Burst(), burstWindow, ErrBurst)
	}
	return nil
}

// removals is how many people c takes something from, at most.
func (e *Engine) removals(ctx context.Context, c directory.Change) (int, error) {
	gc, ok := c.(*directory.GroupChange)
	if !ok {
		return 1, nil
	}
	if !gc.Delete && !gc.Members.Replace {
		return len(gc.Members.Remove), nil
	}
	var g directory.Group
	err := e.st.Read(ctx, func(v *store.View) (err error) {
		g, err = v.Group(ctx, gc.Source, gc.UID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil // Do says so, in its own words
	}
	if gc.Delete {
		return g.Members, err
	}
	return max(0, g.Members-len(gc.Members.Add)), err
}

func (e *Engine) burst(source string) *rate.Limiter {
	limit := e.cfg().RemovalBurst
	if share := e.cfg().Limits.PeopleRemoved.Of(e.snapshot().Stats().People); share > limit {
		limit = share
	}
	e.burstMu.Lock()
	defer e.burstMu.Unlock()
	every := rate.Limit(float64(limit) / burstWindow.Seconds())
	l := e.bursts[source]
	if l == nil {
		l = rate.NewLimiter(every, limit)
		e.bursts[source] = l
	}
	if l.Burst() != limit { // what was spent stays spent
		l.SetLimit(every)
		l.SetBurst(limit)
	}
	return l
}

func (e *Engine) charge(source string, removed int) {
	now := e.cfg().Now()
	if removed > 0 {
		l := e.burst(source)
		l.AllowN(now, min(removed, max(0, int(l.TokensAt(now)))))
	}
	e.burstMu.Lock()
	e.heard[source] = now
	e.burstMu.Unlock()
}
