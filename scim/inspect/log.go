package inspect

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/store"
)

// Config says what is kept, and for how long.
type Config struct {
	Keep         time.Duration // 0 keeps nothing: Add does nothing
	NoBodies     bool          // neither bodies nor states, only the names of attributes
	RedactPeople bool          // no names, addresses and other values of people
	Log          *slog.Logger
	Now          func() time.Time
}

// The bounds of what waits to be written.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 32 << 20
	batchMost       = 200
	every           = 500 * time.Millisecond
	// followTime is how long an entry waits for the snapshot to show its
	// revisions.
	followTime = 3 * time.Second
	purgeEvery = time.Hour
)

// Log writes entries. Add may be called concurrently.
type Log struct {
	engine *provision.Engine
	conf   atomic.Pointer[Config]

	mu      sync.Mutex
	waiting []*Record
	bytes   int
	steps   []step
	stats   Stats
	wake    chan struct{}
}

// Stats are what became of the records.
type Stats struct {
	Written int64 // entries in the store
	Dropped int64 // records that found the queue full, or the store gone
	Waiting int
}

// New makes a log on the engine's store, and observes the engine's snapshots.
// Nothing is written until Run.
func New(engine *provision.Engine, c Config) *Log {
	l := &Log{engine: engine, wake: make(chan struct{}, 1)}
	l.Reconfigure(c)
	engine.Observe(l.observe)
	return l
}

// Reconfigure takes other switches, for requests from now on.
func (l *Log) Reconfigure(c Config) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	l.conf.Store(&c)
}

// On reports whether requests are kept at all.
func (l *Log) On() bool { return l != nil && l.conf.Load().Keep > 0 }

// Add hands over a record. It never waits; when too much waits already the
// record is dropped and counted.
func (l *Log) Add(r *Record) {
	if !l.On() {
		return
	}
	size := r.size()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= maxWaiting || l.bytes+size > maxWaitingBytes {
		l.stats.Dropped++
		return
	}
	l.waiting = append(l.waiting, r)
	l.bytes += size
	if len(l.waiting) >= batchMost {
		l.nudge()
	}
}

func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats counts since the program began.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Waiting = len(l.waiting)
	return s
}

// Run writes what is added, and drops what is older than Config.Keep, until ctx
// ends; then it writes what is left and returns nil.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	l.purge(ctx)
	begun := context.WithoutCancel(ctx) // what is taken out of the queue is written, if ctx ends or not
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(begun, followTime)
			defer cancel()
			l.Flush(last)
			return nil
		case <-purge.C:
			l.purge(ctx)
		case <-tick.C:
			l.write(begun, false)
		case <-l.wake:
			l.write(begun, false)
		}
	}
}

// Flush writes all that waits now, whether or not the snapshot has followed.
func (l *Log) Flush(ctx context.Context) {
	for l.Stats().Waiting > 0 && ctx.Err() == nil {
		l.write(ctx, true)
	}
}

// write writes batches until few are left or the store does not take them.
func (l *Log) write(ctx context.Context, all bool) {
	for {
		batch, more := l.take(all)
		if len(batch) == 0 {
			return
		}
		if !l.store(ctx, batch) || !more {
			return
		}
	}
}

// take takes up to batchMost records that are ready, in the order in which they
// came.
func (l *Log) take(all bool) (batch []*Record, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, now := l.seen(), l.conf.Load().Now()
	var left []*Record
	for i, r := range l.waiting {
		if len(batch) == batchMost {
			left, more = append(left, l.waiting[i:]...), true
			break
		}
		if !all && r.last() > seen && now.Sub(r.At.Add(r.Took)) < followTime {
			left = append(left, r)
			continue
		}
		batch = append(batch, r)
		l.bytes -= r.size()
	}
	l.waiting = left
	return batch, more
}

func (r *Record) last() (rev int64) {
	for _, n := range r.revisions() {
		rev = max(rev, n)
	}
	return rev
}

// store makes entries and writes them. A batch that the store does not take in
// time is dropped and counted: it must not be in the way of what comes.
func (l *Log) store(ctx context.Context, batch []*Record) bool {
	rows := make([]store.SCIMRequest, len(batch))
	entries := make([]*Entry, len(batch))
	for i, r := range batch {
		rows[i], entries[i] = Describe(*l.conf.Load(), r)
	}
	l.access(ctx, batch, rows, entries)
	for i, e := range entries {
		rows[i].Detail = e.detail()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := l.engine.Store().AppendSCIMLog(ctx, rows)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.stats.Dropped += int64(len(batch))
		l.conf.Load().Log.Warn("the SCIM request log could not be written; its entries are lost", "entries", len(batch), "error", err)
		return false
	}
	l.stats.Written += int64(len(batch))
	return true
}

// purge drops what is too old, in parts with pauses.
func (l *Log) purge(ctx context.Context) {
	conf := l.conf.Load()
	keep, now, log := conf.Keep, conf.Now(), conf.Log
	for more := true; more && ctx.Err() == nil; {
		n, left, err := l.engine.Store().PurgeSCIMLog(ctx, now.Add(-keep))
		if err != nil {
			log.Warn("the SCIM request log could not be purged", "error", err)
			return
		}
		if more = left; n > 0 {
			log.Debug("old SCIM requests dropped", "entries", n)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// step is one step of the engine's snapshot.
type step struct {
	before, after *access.Snapshot
	at            time.Time
}

// maxSteps bounds how many snapshots are kept alive; beyond it the oldest steps
// become one.
const maxSteps = 128

func (l *Log) observe(before, after *access.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.On() {
		l.steps = nil
		return
	}
	now := l.conf.Load().Now()
	for len(l.steps) > 1 && now.Sub(l.steps[0].at) > 2*followTime {
		l.steps = l.steps[1:]
	}
	l.steps = append(l.steps, step{before, after, now})
	if len(l.steps) > maxSteps {
		l.steps[1].before = l.steps[0].before
		l.steps = append([]step(nil), l.steps[1:]...)
	}
}

// seen is the revision that the snapshot shows.
func (l *Log) seen() int64 {
	if len(l.steps) == 0 {
		return 0
	}
	return l.steps[len(l.steps)-1].after.Revision()
}
