package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/mapping"
	"grantbridge/store"
)

// HeldError says that a guard held a change of rules or of sites; nothing was
// changed.
type HeldError struct {
	Hold     store.Hold // ID is zero when it was only previewed
	Breaches []mapping.Breach
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("held: %s; nothing was changed", joinBreaches(e.Breaches))
}

// RefusedError says that a change would break an invariant that nobody can lift.
type RefusedError struct{ Says string }

func (e *RefusedError) Error() string { return e.Says }

func joinBreaches(bs []mapping.Breach) string {
	says := make([]string, len(bs))
	for i, b := range bs {
		says[i] = b.Says
	}
	return strings.Join(says, "; ")
}

// Preview is what a mapping would do, before it does.
type Preview struct {
	Plan     *mapping.Plan
	Breaches []mapping.Breach
	Problems mapping.Problems     // warnings
	Tests    []mapping.TestResult // of the file's own tests
	Limits   mapping.Limits       // in effect: the text's own, then the configuration's
	// Live is the version that the plan compares with; 0 is none, and then
	// there is no limit on what a first mapping may give.
	Live int64
}

// Limits are those that hold for the preview: the mapping's own, then the
// configuration's.
func (e *Engine) limits(set *mapping.Set) mapping.Limits {
	own := mapping.Limits{}
	if set != nil {
		own = set.Limits()
	}
	return own.Or(e.cfg().Limits)
}

// ParseMapping reads text against this engine's sources, sites and groups.
func (e *Engine) ParseMapping(name string, text []byte) (*mapping.Set, mapping.Problems) {
	return mapping.Parse(name, text, e.env(e.picture.Load()))
}

func (e *Engine) env(p *picture) mapping.Env {
	env := mapping.Env{
		Catalogue: e.cfg().Catalogue, Sites: p.snapshot.AllSites(), Groups: inOrder(p.groups),
		Zone: e.cfg().Zone, Now: e.cfg().Now(), Sources: append([]string{}, e.cfg().NewSources...),
	}
	env.Sources = slices.AppendSeq(env.Sources, maps.Keys(p.sources))
	slices.Sort(env.Sources)
	env.Sources = slices.Compact(env.Sources)
	return env
}

// Preview says what text would change for whom; nothing is changed. Its error
// is mapping.Problems when the text does not stand. Sites that are to come count
// as if they were there already, before as after the change.
func (e *Engine) Preview(ctx context.Context, name string, text []byte, toCome ...access.Site) (*Preview, error) {
	if err := e.Sync(ctx, 0); err != nil {
		return nil, err
	}
	p, err := e.picture.Load().withSites(toCome)
	if err != nil {
		return nil, err
	}
	return e.preview(ctx, p, name, text)
}

func (p *picture) withSites(more []access.Site) (*picture, error) {
	if len(more) == 0 {
		return p, nil
	}
	next := *p
	var err error
	next.snapshot, err = p.snapshot.With(access.Delta{Revision: p.revision, Sites: more})
	return &next, err
}

func (e *Engine) preview(ctx context.Context, p *picture, name string, text []byte) (*Preview, error) {
	env := e.env(p)
	set, problems := mapping.Parse(name, text, env)
	if problems.Failed() {
		return nil, problems
	}
	plan, err := e.plan(ctx, p, set)
	if err != nil {
		return nil, err
	}
	out := &Preview{Plan: plan, Problems: problems, Tests: set.Test(env), Live: p.mapping.Version, Limits: e.limits(set)}
	for _, b := range out.Limits.Breaches(plan) {
		if b.Final || out.Live > 0 {
			out.Breaches = append(out.Breaches, b)
		}
	}
	return out, nil
}

// plan compares p with what it would be under set.
func (e *Engine) plan(ctx context.Context, p *picture, set *mapping.Set) (*mapping.Plan, error) {
	next := compile(set, p.groups)
	d := access.Delta{Revision: p.revision}
	p.compiled.deltaTo(next, &d)
	if next.asksMoreOfPeople(p.compiled) {
		err := e.st.Read(ctx, func(v *store.View) error {
			return v.People(ctx, next.query(0), func(sp store.Person) error {
				d.People = append(d.People, next.person(sp))
				return nil
			})
		})
		if err != nil {
			return nil, fmt.Errorf("read people for the preview: %w", err)
		}
	}
	then, err := p.snapshot.With(d)
	if err != nil {
		return nil, err
	}
	return mapping.Diff(p.snapshot, then, e.cfg().Now()), nil
}

// SetMapping makes text the live rules, through the guard: a plan over a limit
// is kept and returned as a *HeldError, one that would take the last superuser
// as a *RefusedError. approve, when not empty, is the hash of a plan that an
// administrator has seen; exactly that plan is done, whatever its size, or
// nothing (store.ErrPrecondition).
func (e *Engine) SetMapping(ctx context.Context, by store.By, name string, text []byte, comment, approve string) (version int64, p *Preview, err error) {
	return e.setMapping(ctx, by, name, &store.SetMapping{Text: string(text), Comment: comment, IfVersion: -1}, approve)
}

func (e *Engine) setMapping(ctx context.Context, by store.By, name string, op *store.SetMapping, approve string) (int64, *Preview, error) {
	var seen *Preview
	op.Guard = func(ctx context.Context, revision int64) (err error) {
		if err := e.Sync(ctx, revision); err != nil {
			return err
		}
		if seen, err = e.preview(ctx, e.picture.Load(), name, []byte(op.Text)); err != nil {
			return err
		}
		return seen.judge(approve)
	}
	_, err := e.do(ctx, by, op)
	var held *HeldError
	if errors.As(err, &held) {
		return 0, seen, e.keepHold(ctx, by, held, seen, op.Text)
	}
	return op.Version, seen, err
}

// judge says whether the plan may be done, given what an administrator approved.
func (p *Preview) judge(approve string) error {
	for _, t := range p.Tests {
		if len(t.Wrong) > 0 && !slices.ContainsFunc(p.Breaches, isFinal) {
			return &InvalidError{Says: fmt.Sprintf("test %q of the mapping fails: %s; nothing was changed", t.Name, strings.Join(t.Wrong, "; "))}
		}
	}
	return judge(p.Breaches, p.Plan.Hash, approve)
}

func isFinal(b mapping.Breach) bool { return b.Final }

// judge says whether the plan with the hash may be done, given its breaches and
// the hash that an administrator approved, if any.
func judge(breaches []mapping.Breach, hash, approve string) error {
	if i := slices.IndexFunc(breaches, isFinal); i >= 0 {
		return &RefusedError{Says: "refused: " + breaches[i].Says + "; nothing was changed"}
	}
	if approve != "" && approve != hash {
		return fmt.Errorf("the plan that was approved is not the one that would be done now: %w; preview it again", store.ErrPrecondition)
	}
	if approve == "" && len(breaches) > 0 {
		return &HeldError{Breaches: breaches}
	}
	return nil
}

func (e *Engine) keepHold(ctx context.Context, by store.By, held *HeldError, p *Preview, text string) error {
	return e.keep(ctx, by, held, store.Hold{Kind: "mapping", Base: p.Plan.Base, Hash: p.Plan.Hash, Plan: mustJSON(p.Plan), Payload: []byte(text)})
}

// keep keeps the plan that held says is held, as h.
func (e *Engine) keep(ctx context.Context, by store.By, held *HeldError, h store.Hold) error {
	op := &store.PutHold{Hold: h}
	for _, b := range held.Breaches {
		op.Hold.Says = append(op.Hold.Says, b.Says)
	}
	if _, err := e.do(ctx, by, op); err != nil {
		return errors.Join(held, fmt.Errorf("keep the held plan: %w", err))
	}
	held.Hold = op.Hold
	return held
}

// RestoreMapping makes an earlier version live again, as a new version, through
// the same guard.
func (e *Engine) RestoreMapping(ctx context.Context, by store.By, version int64, approve string) (int64, *Preview, error) {
	var m store.Mapping
	err := e.st.Read(ctx, func(v *store.View) (err error) {
		m, err = v.Mapping(ctx, version)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("mapping version %d: %w", version, err)
	}
	op := &store.SetMapping{Text: m.Text, Restores: version, Comment: fmt.Sprintf("restores version %d", version), IfVersion: -1}
	return e.setMapping(ctx, by, fmt.Sprintf("mapping v%d", version), op, approve)
}

// ApplyHold does a held plan whose hash an administrator has seen: exactly that
// plan, or nothing (store.ErrPrecondition). The plan of a directory's run is done
// by reading the directory again. version is 0 but for rules. Every error names
// the plan.
func (e *Engine) ApplyHold(ctx context.Context, by store.By, id int64, hash string) (version int64, err error) {
	h, err := e.hold(ctx, id)
	if err != nil {
		return 0, err
	}
	if hash != h.Hash {
		return 0, &InvalidError{Says: fmt.Sprintf("held plan %d has hash %s, not %s; look at it again before you apply it", id, h.Hash, hash)}
	}
	switch h.Kind {
	case "ldap":
		return 0, e.applyHeldRun(ctx, by, h)
	case "sites":
		err = e.applyHeldSites(ctx, by, h)
	default:
		version, _, err = e.SetMapping(ctx, by, fmt.Sprintf("held plan %d", id), h.Payload, fmt.Sprintf("held plan %d, approved", id), hash)
	}
	if errors.Is(err, store.ErrPrecondition) {
		// What was approved cannot be done any more; it must not wait for ever.
		_, settled := e.do(ctx, by, &store.SettleHold{ID: id, State: "superseded"})
		return 0, ofHold(id, errors.Join(err, settled))
	}
	if err != nil {
		return 0, ofHold(id, err)
	}
	_, err = e.do(ctx, by, &store.SettleHold{ID: id, State: "applied"})
	return version, ofHold(id, err)
}

func ofHold(id int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("held plan %d: %w", id, err)
}

// DiscardHold ends a held plan without doing it.
func (e *Engine) DiscardHold(ctx context.Context, by store.By, id int64) error {
	if _, err := e.hold(ctx, id); err != nil {
		return err
	}
	_, err := e.do(ctx, by, &store.SettleHold{ID: id, State: "discarded"})
	return err
}

func (e *Engine) hold(ctx context.Context, id int64) (store.Hold, error) {
	var all []store.Hold
	err := e.st.Read(ctx, func(v *store.View) (err error) {
		all, err = v.Holds(ctx, true)
		return err
	})
	if err != nil {
		return store.Hold{}, err
	}
	for _, h := range all {
		if h.ID != id {
			continue
		}
		if h.State != "held" {
			return h, &InvalidError{Says: fmt.Sprintf("held plan %d is %s already", id, h.State)}
		}
		return h, nil
	}
	return store.Hold{}, fmt.Errorf("held plan %d: %w; `grantbridge sync list` shows them", id, store.ErrNotFound)
}
