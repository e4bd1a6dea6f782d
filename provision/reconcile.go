package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/store"
)

// Reconcile brings what a source's directory said into the store.
//
//	Reading ── directory.Diff ─→ what has changed, with evidence
//	        ── stepsTo ────────→ what the store must do for it
//	        ── foresee ────────→ whose access changes: the same plan as of a rule
//	        ── breaches ───────→ applied in batches, or held

// SyncState is what became of a run.
type SyncState string

// The states of a run.
const (
	SyncUnchanged SyncState = "unchanged"
	SyncApplied   SyncState = "applied"
	SyncHeld      SyncState = "held"
	SyncPlanned   SyncState = "planned" // a dry run
	SyncFailed    SyncState = "failed"
)

// ReconcileOptions say how far a run goes.
type ReconcileOptions struct {
	Limits SyncLimits
	// Dry plans and does nothing.
	Dry bool
	// Approve is the hash of a plan that an administrator has seen: exactly that
	// plan is done, whatever its size, or nothing (store.ErrPrecondition).
	Approve string
	// Ask, when not nil, is shown a plan that no limit holds, and refuses it by an
	// error.
	Ask func(*SyncPlan) error
	// Progress hears how many of how many steps are done.
	Progress func(done, all int)
}

// Reconciled is what came of a reading.
type Reconciled struct {
	State SyncState
	Plan  *SyncPlan
	Hold  store.Hold // of a held plan
	// Urgent is what was done although the rest is held: accounts that the
	// directory itself says are disabled or deleted.
	Urgent SyncCounts
	Doubts []directory.Doubt
	// Conflicts are new accounts with the name of another one; they get nothing
	// until Settle.
	Conflicts []*directory.ReadAccount
	Next      directory.State
}

// Reconcile does what r says, plans it, or holds it. by must carry the source's
// lease unless the run is dry. Errors: *directory.UnprovenError and
// directory.ErrOtherCheckpoint (nothing was changed), ErrUnknownSource,
// store.ErrFenced, store.ErrPrecondition, *RefusedError, and those of store.Do;
// after these a further run finishes what was begun.
func (e *Engine) Reconcile(ctx context.Context, by store.By, k *Known, r directory.Reading, o ReconcileOptions) (*Reconciled, error) {
	if k.source != r.Source {
		return nil, directory.ErrOtherSource
	}
	if err := e.Sync(ctx, 0); err != nil {
		return nil, err
	}
	if s, ok := e.picture.Load().sources[k.source]; !ok || s.Disabled {
		return nil, fmt.Errorf("source %q: %w", k.source, ErrUnknownSource)
	}
	delta, err := directory.Diff(k.state, r)
	if err != nil {
		return nil, err
	}
	r.Accounts, r.Groups = nil, nil // the delta has what is new; the rest need not wait for its end
	for i := range delta.Groups {
		if r.Full { // who joins is compared with the store; of a first run it is everybody in every group
			delta.Groups[i].Added = nil
		}
	}
	run := &reconciling{e: e, by: by, k: k, r: r, o: o, delta: delta}
	out, err := run.do(ctx)
	if err != nil {
		return nil, fmt.Errorf("reconcile %s: %w", k.source, err)
	}
	return out, nil
}

// reconciling is one run.
type reconciling struct {
	e     *Engine
	by    store.By
	k     *Known
	r     directory.Reading
	o     ReconcileOptions
	delta directory.Delta
	st    *stored
	steps steps
	plan  *SyncPlan
}

func (r *reconciling) do(ctx context.Context) (*Reconciled, error) {
	if err := r.makePlan(ctx, nil); err != nil {
		return nil, err
	}
	out := &Reconciled{Plan: r.plan, Next: r.delta.Next}
	for _, a := range r.delta.Next.Accounts {
		if !a.Conflict.IsZero() {
			out.Conflicts = append(out.Conflicts, a)
		}
	}
	for _, d := range r.delta.Doubts {
		if a := r.delta.Next.Account(d.Entry); d.Group || a == nil || a.Conflict.IsZero() {
			out.Doubts = append(out.Doubts, d)
		}
	}
	var err error
	switch {
	case r.o.Dry:
		out.State = SyncPlanned
		if r.plan.Empty() {
			out.State = SyncUnchanged
		}
		return out, nil
	case r.plan.Empty():
		out.State = SyncUnchanged
		err = r.finish(ctx, false)
	case r.o.Approve != "" && r.o.Approve != r.plan.Hash:
		return nil, fmt.Errorf("the plan that was approved is not the one that would be done now (%s): %w; look at it again", r.plan.Hash, store.ErrPrecondition)
	case final(r.plan.Breaches) && r.o.Approve != "":
		return nil, &RefusedError{Says: "refused: " + joinBreaches(r.plan.Breaches) + "; nothing was changed"}
	case r.o.Approve == "" && len(r.plan.Breaches) > 0:
		out.State = SyncHeld
		err = r.hold(ctx, out)
	default:
		out.State = SyncApplied
		err = r.apply(ctx)
	}
	if err == nil {
		err = r.settleHolds(ctx, out)
	}
	return out, err
}

func final(bs []mapping.Breach) bool {
	return slices.ContainsFunc(bs, func(b mapping.Breach) bool { return b.Final })
}

// makePlan finds the steps, or those that only takes, and what they would
// change.
func (r *reconciling) makePlan(ctx context.Context, only func(*accountStep) bool) error {
	for try := 0; ; try++ {
		again := false
		err := r.e.st.Read(ctx, func(v *store.View) error {
			p := r.e.picture.Load()
			if again = v.Revision() != p.revision && try < 5; again {
				return nil
			}
			st, err := r.load(ctx, v)
			if err != nil {
				return err
			}
			r.st, r.steps = st, stepsTo(r.delta, st, r.r.At)
			if only != nil {
				r.steps.groups = nil
				r.steps.accounts = slices.DeleteFunc(r.steps.accounts, func(s accountStep) bool { return !only(&s) })
			}
			effect, new, err := r.e.foresee(ctx, v, p, r.k.source, r.steps, st)
			if err != nil {
				return err
			}
			r.plan = newSyncPlan(r.k.source, r.steps, r.delta.Next, st, effect, new)
			r.plan.Breaches = r.e.breaches(p, r.plan, r.steps, r.k, r.o.Limits)
			return nil
		})
		if err != nil || !again {
			return err
		}
		if err := r.e.Sync(ctx, 0); err != nil {
			return err
		}
	}
}

// everyone reports whether the whole source is compared: beside a full reading,
// and when a group is gone, whose members are not said.
func (r *reconciling) everyone() bool {
	return r.r.Full || slices.ContainsFunc(r.delta.Groups, func(g directory.GroupDifference) bool { return g.After == nil })
}

// about are the accounts that the difference is about.
func (r *reconciling) about() []string {
	ids := map[directory.EntryID]bool{}
	for _, a := range r.delta.Accounts {
		ids[a.ID()] = true
	}
	for _, g := range r.delta.Groups {
		for _, m := range g.Added {
			ids[m.Account] = true
		}
		for _, m := range g.Removed {
			ids[m.Account] = true
		}
	}
	out := make([]string, 0, len(ids))
	for id := range ids {
		out = append(out, id.String())
	}
	slices.Sort(out)
	return out
}

// hold keeps the plan, after doing what cannot wait: who is disabled or deleted
// by the directory's own word, if these are few.
func (r *reconciling) hold(ctx context.Context, out *Reconciled) error {
	urgent := *r
	err := urgent.makePlan(ctx, func(s *accountStep) bool {
		return s.ends() && (s.evidence == directory.Flag || s.evidence == directory.Explicit)
	})
	if err != nil {
		return err
	}
	n := urgent.plan.Counts.Deactivated + urgent.plan.Counts.Deleted
	if n > 0 && n < len(r.steps.accounts)+len(r.steps.groups) && len(urgent.plan.Breaches) == 0 {
		if err := urgent.carry(ctx); err != nil {
			return err
		}
		out.Urgent = urgent.plan.Counts
		if err := r.e.Sync(ctx, 0); err != nil {
			return err
		}
		if err := r.makePlan(ctx, nil); err != nil {
			return err
		}
		out.Plan = r.plan
	}
	h := store.Hold{Kind: "ldap", Source: r.k.source, Base: r.plan.Effect.Base, Hash: r.plan.Hash, Plan: mustJSON(r.plan),
		Payload: mustJSON(map[string]any{"mode": r.r.Mode, "at": r.r.At, "version": r.k.version})}
	for _, b := range r.plan.Breaches {
		h.Says = append(h.Says, b.Says)
	}
	op := &store.PutHold{Hold: h}
	if _, err := r.e.do(ctx, r.by, op); err != nil {
		return fmt.Errorf("keep the held plan: %w", err)
	}
	out.Hold = op.Hold
	return nil
}

// settleHolds ends the source's other held plans: what they would do is done,
// is in another plan now, or is no longer so.
func (r *reconciling) settleHolds(ctx context.Context, out *Reconciled) error {
	var holds []store.Hold
	err := r.e.st.Read(ctx, func(v *store.View) (err error) {
		holds, err = v.Holds(ctx, false)
		return err
	})
	for _, h := range holds {
		if h.Kind != "ldap" || h.Source != r.k.source || h.ID == out.Hold.ID {
			continue
		}
		state := "superseded"
		if out.State == SyncApplied && h.Hash == r.plan.Hash {
			state = "applied"
		}
		if _, err := r.e.do(ctx, r.by, &store.SettleHold{ID: h.ID, State: state}); err != nil && !errors.Is(err, store.ErrPrecondition) {
			return err
		}
	}
	return err
}

// Login is how a plan calls a person.
func (p *SyncPlan) Login(id access.PersonID) (string, bool) {
	login, ok := p.Newcomers[id]
	return login, ok
}
