package ldapsync

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
)

// Worker keeps a source what its directory says: it reads, and lets the engine
// plan, hold or apply. Of all workers of a source, in whatever process, one runs
// at a time.
type Worker struct {
	engine *provision.Engine
	reader *Reader
	cfg    Config
	o      WorkerOptions
	holder string
	wake   chan struct{}
	busy   sync.Mutex // one run of this worker at a time
	last   atomic.Pointer[provision.SyncReport]
}

// WorkerOptions adjust a Worker.
type WorkerOptions struct {
	Interval time.Duration // between two runs; default 10m
	Limits   provision.SyncLimits
	Log      *slog.Logger
}

// ErrBusy is provision.ErrBusy.
var ErrBusy = provision.ErrBusy

const (
	// leaseTime is how long a run that stopped answering blocks the others.
	leaseTime = 30 * time.Second
	// stopPause is how long a fault that only an administrator can correct is not
	// tried again, so that no account is locked by our repeating.
	stopPause   = time.Hour
	longestWait = 5 * time.Minute
)

// NewWorker returns a worker, or says what is wrong with c.
func NewWorker(e *provision.Engine, c Config, o WorkerOptions) (*Worker, error) {
	r, err := NewReader(c)
	if err != nil {
		return nil, err
	}
	if o.Interval <= 0 {
		o.Interval = 10 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	host, _ := os.Hostname() // only for people to read
	return &Worker{
		engine: e, reader: r, cfg: c.withDefaults(), o: o, wake: make(chan struct{}, 1),
		holder: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8]),
	}, nil
}

// Wake lets Run begin a run at once.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Last is the report of the last run of this worker, or nil.
func (w *Worker) Last() *provision.SyncReport { return w.last.Load() }

// Run runs again and again until ctx ends, and returns nil then. It also does
// what administrators approve in this process.
func (w *Worker) Run(ctx context.Context) error {
	w.engine.Approves(w.cfg.Source, w.approve)
	defer w.engine.Approves(w.cfg.Source, nil)
	failures := 0
	for tried := false; ; tried = true {
		pause := w.untilDue(ctx, tried)
		if pause <= 0 {
			pause, failures = w.turn(ctx, failures)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-w.wake:
			timer.Stop()
			_, failures = w.turn(ctx, 0)
		case <-timer.C:
		}
	}
}

// untilDue is how long it is until the next run, of whatever process, is due: at
// once when one died while it applied. What only an administrator can correct is
// tried by a worker that begins, which may have what was corrected, and then by one
// of all of them once in a stopPause; a run that succeeded in between ends that.
func (w *Worker) untilDue(ctx context.Context, tried bool) time.Duration {
	last, err := w.engine.Reports(ctx, w.cfg.Source, 1)
	switch {
	case err != nil || len(last) == 0:
		return 0
	case last[0].State == provision.SyncFailed && last[0].Stop && tried:
		return min(last[0].Ended.Add(max(stopPause, w.o.Interval)).Sub(w.cfg.Now()), w.o.Interval)
	case last[0].State == provision.SyncFailed:
		return 0
	}
	if half, err := w.engine.HalfApplied(ctx, w.cfg.Source); err != nil || half {
		return 0
	}
	return last[0].Ended.Add(w.o.Interval).Sub(w.cfg.Now())
}

// turn is one run of the loop, and how long to wait after it.
func (w *Worker) turn(ctx context.Context, failures int) (pause time.Duration, failed int) {
	_, err := w.Once(ctx, store.By{Actor: "ldap:" + w.cfg.Source, Via: "ldap"}, RunOptions{})
	fault, _ := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return jitter(w.o.Interval), 0
	case ctx.Err() != nil:
		return 0, 0
	case errors.Is(err, ErrBusy):
		return jitter(leaseTime), 0
	case fault != nil && fault.Next() == Stop:
		return jitter(w.o.Interval), failures + 1 // then untilDue says how long
	}
	wait := min(time.Second<<min(failures, 10), longestWait, w.o.Interval)
	return mathrand.N(wait) + time.Second, failures + 1
}

// jitter is d, give or take a tenth, so that replicas do not come together.
func jitter(d time.Duration) time.Duration { return d - d/10 + mathrand.N(d/5+1) }

// RunOptions say what one run does.
type RunOptions struct {
	Full bool // read everything, whatever is known
	// Approve, Ask and Progress are those of provision.ReconcileOptions.
	Approve  string
	Ask      func(*provision.SyncPlan) error
	Progress func(done, all int)
	// Reading hears that the reading has begun, and that it has ended.
	Reading func(begun bool)
}

// Once runs once, keeps the report and returns it. After an error nothing of
// what was read is believed, unless the error came while it was applied: then
// the next run goes on. Errors: ErrBusy, *Error, *directory.UnprovenError, and
// those of provision.Engine.Reconcile.
func (w *Worker) Once(ctx context.Context, by store.By, o RunOptions) (*provision.SyncReport, error) {
	w.busy.Lock()
	defer w.busy.Unlock()
	started := w.cfg.Now()
	ctx, lease, release, err := w.lead(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	by.Lease, by.Lane = &lease, store.LaneBulk
	report, err := w.run(ctx, by, o)
	if lost := context.Cause(ctx); err != nil && lost != nil {
		err = fmt.Errorf("%w: %w", lost, err)
	}
	if errors.Is(err, store.ErrPrecondition) || isRefused(err) || errors.Is(err, errDeclined) || errors.Is(err, context.Canceled) {
		return report, err // the run was all right; what was asked of it was not
	}
	if err != nil {
		report = w.failed(err)
	}
	report.By, report.Started, report.Ended = by.Actor, started, w.cfg.Now()
	w.log(report)
	w.last.Store(report)
	return report, errors.Join(err, w.engine.KeepReport(context.WithoutCancel(ctx), report))
}

func isRefused(err error) bool {
	_, refused := errors.AsType[*provision.RefusedError](err)
	return refused
}

// errDeclined marks that a person was asked and said no.
var errDeclined = errors.New("not confirmed; nothing was changed")

// Declined is what RunOptions.Ask returns when a person does not want the plan.
func Declined() error { return errDeclined }

func (w *Worker) run(ctx context.Context, by store.By, o RunOptions) (*provision.SyncReport, error) {
	known, reading, err := w.read(ctx, o)
	if err != nil {
		return nil, err
	}
	about := directory.Reading{Source: reading.Source, Mode: reading.Mode, To: reading.To, Notes: reading.Notes} // the entries may be many
	out, err := w.engine.Reconcile(ctx, by, known, reading, provision.ReconcileOptions{
		Limits: w.o.Limits, Approve: o.Approve, Ask: o.Ask, Progress: o.Progress,
	})
	if errors.Is(err, directory.ErrOtherCheckpoint) && !o.Full {
		o.Full = true
		return w.run(ctx, by, o)
	}
	if err != nil {
		return nil, err
	}
	return w.engine.Report(out, about), nil
}

func (w *Worker) read(ctx context.Context, o RunOptions) (*provision.Known, directory.Reading, error) {
	known, err := w.engine.Known(ctx, w.cfg.Source)
	if err != nil {
		return nil, directory.Reading{}, err
	}
	if o.Reading != nil {
		o.Reading(true)
		defer o.Reading(false)
	}
	read := w.reader.Read
	if o.Full {
		read = w.reader.ReadAll
	}
	reading, err := read(ctx, known.State())
	return known, reading, err
}

// Plan reads and says what a run would do; it changes nothing and needs no
// lease.
func (w *Worker) Plan(ctx context.Context, o RunOptions) (*provision.Reconciled, *provision.SyncReport, error) {
	known, reading, err := w.read(ctx, o)
	if err != nil {
		return nil, w.failed(err), err
	}
	out, err := w.engine.Reconcile(ctx, store.By{Actor: "ldap:" + w.cfg.Source, Via: "ldap"}, known, reading,
		provision.ReconcileOptions{Limits: w.o.Limits, Dry: true})
	if err != nil {
		return nil, w.failed(err), err
	}
	return out, w.engine.Report(out, reading), nil
}

// Settle decides the conflict of an entry; the next run creates it, with groups in
// those that list its name for who had it before, which are returned.
func (w *Worker) Settle(ctx context.Context, by store.By, id directory.EntryID, groups bool) ([]string, error) {
	w.busy.Lock()
	defer w.busy.Unlock()
	ctx, lease, release, err := w.lead(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	by.Lease = &lease
	return w.engine.Settle(ctx, by, w.cfg.Source, id, groups)
}

func (w *Worker) approve(ctx context.Context, by store.By, hash string) error {
	_, err := w.Once(ctx, by, RunOptions{Approve: hash})
	return err
}

// lead takes the source's lease and renews it until release; the context ends
// with store.ErrFenced when it is lost.
func (w *Worker) lead(ctx context.Context) (context.Context, store.Lease, func(), error) {
	st, name := w.engine.Store(), "ldap/"+w.cfg.Source
	lease, held, err := st.Acquire(ctx, name, w.holder, leaseTime)
	if err == nil && !held {
		err = fmt.Errorf("%w (%s)", ErrBusy, lease.Holder)
	}
	if err != nil {
		return ctx, lease, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(leaseTime / 3):
			}
			// A database that does not answer is no lost lease: whether it is, the
			// next write finds out.
			if now, held, err := st.Acquire(ctx, name, w.holder, leaseTime); err == nil && (!held || now.Epoch != lease.Epoch) {
				cancel(store.ErrFenced)
				return
			}
		}
	})
	release := func() {
		cancel(nil)
		renewing.Wait()
		_ = st.Resign(context.WithoutCancel(ctx), lease) // it expires anyhow
	}
	return ctx, lease, release, nil
}

// failed is the report of a run that came to nothing.
func (w *Worker) failed(err error) *provision.SyncReport {
	p := &provision.SyncReport{Source: w.cfg.Source, State: provision.SyncFailed}
	fault, isFault := errors.AsType[*Error](err)
	unproven, isUnproven := errors.AsType[*directory.UnprovenError](err)
	switch {
	case isFault:
		p.Server, p.Cause, p.Stop = fault.Server, fault.Stage, fault.Next() == Stop
		p.Says = []string{fault.Words()}
	case isUnproven:
		p.Cause = "unproven"
		for _, why := range unproven.Why {
			p.Says = append(p.Says, fmt.Sprintf("the reading of %s is not believed: %s", unproven.Leg, why))
		}
	case errors.Is(err, store.ErrFenced):
		p.Cause, p.Says = "taken_over", []string{"another process took over; it finishes what was begun"}
		return p
	default:
		p.Cause, p.Says = "store", []string{err.Error(), "what was begun is finished by the next run"}
		return p
	}
	p.Says = append(p.Says, "the run is held back: nothing was changed")
	p.Next = []string{fmt.Sprintf("see what the directory shows us: grantbridge ldap check --source %s", w.cfg.Source)}
	if p.Stop {
		p.Next = append(p.Next, fmt.Sprintf("when it is corrected: grantbridge sync run --source %s; serve does not try again by itself for an hour", w.cfg.Source))
	}
	return p
}

func (w *Worker) log(p *provision.SyncReport) {
	args := []any{"source", p.Source, "state", p.State, "plan", p.Hash, "says", p.Says}
	switch p.State {
	case provision.SyncFailed:
		w.o.Log.Error("the directory was not read; nothing was changed", args...)
	case provision.SyncHeld:
		w.o.Log.Warn("a run is held", append(args, "hold", p.Hold)...)
	default:
		w.o.Log.Info("the directory was read", args...)
	}
}
