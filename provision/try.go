package provision

import (
	"context"
	"errors"
	"fmt"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/store"
)

// Observe lets f see each step of the snapshot, in order: what it was and what
// it is. f runs while the next step waits, so it only takes note. There is one
// observer; nil is none.
func (e *Engine) Observe(f func(before, after *access.Snapshot)) {
	if f == nil {
		e.observer.Store(nil)
		return
	}
	e.observer.Store(&f)
}

func (e *Engine) observed(old, next *picture) {
	if f := e.observer.Load(); f != nil && old != nil {
		(*f)(old.snapshot, next.snapshot)
	}
}

// Trial is what a change would do.
type Trial struct {
	Result
	// Plan is whose access it would change, against the revision before it; nil
	// when nothing would be written.
	Plan *mapping.Plan
}

// Try answers what Apply would answer now, with whose access would change, and
// writes nothing. It holds everybody's writes for as long as it takes to follow
// one change.
func (e *Engine) Try(ctx context.Context, by store.By, c directory.Change) (Trial, error) {
	if s, ok := e.picture.Load().sources[c.From()]; !ok || s.Disabled {
		return Trial{}, fmt.Errorf("source %q: %w", c.From(), ErrUnknownSource)
	}
	if by.Lane == store.LaneRevoke {
		if err := e.checkBurst(ctx, c); err != nil {
			return Trial{}, err
		}
	}
	const tries = 5 // others may commit between the two snapshots
	for try := 1; ; try++ {
		if err := e.Sync(ctx, 0); err != nil {
			return Trial{}, err
		}
		t, current, err := e.tryOnce(ctx, by, c)
		if err != nil || current || try == tries {
			return t, err
		}
	}
}

// tryOnce tries c; current says that nobody else's change is in the plan.
func (e *Engine) tryOnce(ctx context.Context, by store.By, c directory.Change) (t Trial, current bool, err error) {
	op, err := opOf(c)
	if err != nil {
		return t, false, err
	}
	base := e.picture.Load()
	receipt, err := e.st.Try(ctx, by, op, func(v *store.View) error {
		current = v.Revision() == base.revision+1
		then, err := e.imagine(ctx, v, base)
		if err != nil {
			return fmt.Errorf("follow the trial: %w", err)
		}
		t.Plan = mapping.Diff(base.snapshot, then, e.cfg().Now())
		return nil
	})
	t.Result, _ = resultOf(op)
	t.Receipt = receipt
	return t, current || !receipt.Changed, err
}

// Rehearse answers what the person would hold after the changes that next gives,
// one after the other until nil, and writes nothing. who says whose it is once
// they are decided; next learns from each Result what was made.
func (e *Engine) Rehearse(ctx context.Context, by store.By, next func(last Result) (directory.Change, error), who func() access.PersonID) ([]Holding, error) {
	if err := e.Sync(ctx, 0); err != nil {
		return nil, err
	}
	base := e.picture.Load()
	var op store.Op
	var fault error
	step := func() store.Op {
		var last Result
		if op != nil {
			last, _ = resultOf(op)
		}
		c, err := next(last)
		if err != nil || c == nil {
			fault = err
			return nil
		}
		if s, ok := base.sources[c.From()]; !ok || s.Disabled {
			fault = fmt.Errorf("source %q: %w", c.From(), ErrUnknownSource)
			return nil
		}
		op, fault = opOf(c)
		return op
	}
	snap := base.snapshot
	_, err := e.st.Rehearse(ctx, by, step, func(v *store.View) (err error) {
		if fault == nil {
			snap, err = e.imagine(ctx, v, base)
		}
		return err
	})
	if err = errors.Join(fault, err); err != nil {
		return nil, err
	}
	now := e.cfg().Now()
	return e.holdings(snap, who(), e.newSession(who(), now), now), nil
}

// imagine is the snapshot of a view that nobody else can see.
func (e *Engine) imagine(ctx context.Context, v *store.View, base *picture) (*access.Snapshot, error) {
	c, err := readChanges(ctx, v, base.revision)
	if err != nil {
		return nil, err
	}
	next, err := e.nextPicture(base, c)
	if err != nil {
		return nil, err
	}
	if next.compiled.asksMoreOfPeople(base.compiled) {
		err = e.build(ctx, v, next, func(store.Person) {})
	} else {
		_, err = e.step(ctx, v, base, next, c)
	}
	return next.snapshot, err
}
