package provision

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"grantbridge/access"
	"grantbridge/mapping"
	"grantbridge/store"
)

// Config is what an Engine needs to know.
type Config struct {
	Catalogue *access.Catalogue // nil is access.DefaultCatalogue
	// Sources are those configured; New makes the store agree. Sources that the
	// store knows and the configuration does not are disabled. nil leaves the
	// store's as they are, as a command beside a running server must.
	Sources []store.Source
	// NewSources are names that a mapping may use although the store does not know
	// them yet: for a preview before the server has seen the configuration.
	NewSources []string
	Limits     mapping.Limits // of the configuration; a mapping's own come first
	// RemovalBurst is how many people a source may deactivate or take out of
	// groups within ten minutes before it is answered ErrBurst; 0 is 100. A
	// share of Limits.PeopleRemoved of all people raises it.
	RemovalBurst int
	MaxStaleness time.Duration  // 0 is 5s
	Zone         *time.Location // nil is UTC
	Log          *slog.Logger
	Now          func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Catalogue == nil {
		c.Catalogue = access.DefaultCatalogue()
	}
	if c.RemovalBurst == 0 {
		c.RemovalBurst = 100
	}
	if c.MaxStaleness == 0 {
		c.MaxStaleness = 5 * time.Second
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Engine is the one way in. It may be used concurrently.
type Engine struct {
	st     *store.Store
	config atomic.Pointer[Config]
	holder *access.Holder
	names  *names

	advancing sync.Mutex // one advance at a time
	picture   atomic.Pointer[picture]
	observer  atomic.Pointer[func(before, after *access.Snapshot)]

	used   uses
	access accessTokens

	catchUp *rate.Limiter // for credentials that are not known yet

	burstMu sync.Mutex
	bursts  map[string]*rate.Limiter
	heard   map[string]time.Time // when a source last changed something

	knownMu   sync.Mutex
	lastKnown map[string]*Known // of directories that this process reads
	approvers map[string]Approver
	runs      map[string]*RunCounts // of this process, by source
}

// New makes an engine on st and loads the first snapshot.
func New(ctx context.Context, st *store.Store, c Config) (*Engine, error) {
	c = c.withDefaults()
	e := &Engine{
		st:        st,
		holder:    access.NewHolder(c.MaxStaleness),
		names:     newNames(),
		catchUp:   rate.NewLimiter(5, 5),
		bursts:    map[string]*rate.Limiter{},
		heard:     map[string]time.Time{},
		lastKnown: map[string]*Known{},
		approvers: map[string]Approver{}, runs: map[string]*RunCounts{},
	}
	e.config.Store(&c)
	if err := e.putSources(ctx, c.Sources); err != nil {
		return nil, err
	}
	if err := e.Sync(ctx, 0); err != nil {
		return nil, err
	}
	return e, nil
}

// Reconfigure takes a new configuration; the catalogue, the clock, the log and
// the staleness bound stay those of New.
func (e *Engine) Reconfigure(ctx context.Context, c Config) error {
	old := e.cfg()
	c.Catalogue, c.Now, c.Log, c.MaxStaleness = old.Catalogue, old.Now, old.Log, old.MaxStaleness
	c = c.withDefaults()
	if err := e.putSources(ctx, c.Sources); err != nil {
		return err
	}
	e.burstMu.Lock()
	e.bursts = map[string]*rate.Limiter{}
	e.burstMu.Unlock()
	e.config.Store(&c)
	return e.Sync(ctx, 0)
}

func (e *Engine) cfg() *Config { return e.config.Load() }

// putSources makes the store's sources be those configured, and disables the
// others; nil leaves them.
func (e *Engine) putSources(ctx context.Context, configured []store.Source) error {
	if configured == nil {
		return nil
	}
	by := store.By{Actor: "config", Via: "config"}
	have := map[string]bool{}
	for _, s := range configured {
		have[s.Name] = true
		if _, err := e.st.Do(ctx, by, &store.PutSource{Source: s}); err != nil {
			return fmt.Errorf("put source %q: %w", s.Name, err)
		}
	}
	var known []store.Source
	err := e.st.Read(ctx, func(v *store.View) (err error) {
		known, err = v.Sources(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read sources: %w", err)
	}
	for _, s := range known {
		if have[s.Name] || s.Disabled {
			continue
		}
		s.Disabled = true
		if _, err := e.st.Do(ctx, by, &store.PutSource{Source: s}); err != nil {
			return fmt.Errorf("disable source %q: %w", s.Name, err)
		}
	}
	return nil
}

// Run follows the store until ctx ends, and returns nil then. A database that
// is gone is waited for; meanwhile answers become stale after MaxStaleness. The
// log says when it goes and when it is back.
func (e *Engine) Run(ctx context.Context) error {
	const patience = time.Second
	var beside sync.WaitGroup
	beside.Go(func() { e.tellUsesUntil(ctx) })
	beside.Go(func() { e.warnOfEnds(ctx, time.Hour) })
	defer beside.Wait()
	var gone outage
	for ctx.Err() == nil {
		err := e.follow(ctx, patience)
		if ctx.Err() != nil {
			break
		}
		gone.tell(e.cfg(), err)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(patience / 4):
			}
		}
	}
	return nil
}

// outage is a time in which the store cannot be followed.
type outage struct {
	since time.Time
	says  string
}

// tell logs its beginning, another reason for it, and its end.
func (o *outage) tell(c *Config, err error) {
	switch {
	case err == nil && o.since.IsZero():
	case err == nil:
		c.Log.Info("the store is followed again; answers are fresh", "away", time.Since(o.since).Round(time.Millisecond))
		*o = outage{}
	case err.Error() != o.says:
		if o.since.IsZero() {
			o.since = time.Now()
		}
		o.says = err.Error()
		c.Log.Error("cannot follow the store; answers become stale", "error", err, "after", c.MaxStaleness)
	}
}

func (e *Engine) follow(ctx context.Context, patience time.Duration) error {
	at := e.picture.Load().revision
	asked := e.cfg().Now()
	revision, err := e.st.Wait(ctx, at, patience)
	if err != nil {
		return err
	}
	if revision > at {
		start := time.Now()
		err := e.Sync(ctx, revision)
		rest(ctx, time.Since(start))
		return err
	}
	e.holder.Touch(asked)
	return nil
}

// rest keeps the follower idle as long as it last worked, so that during a bulk
// it takes half a core at most and sees several commits at once. A commit by
// itself is not delayed, and one in a bulk by no more than mostRest.
func rest(ctx context.Context, worked time.Duration) {
	const mostRest = 50 * time.Millisecond
	select {
	case <-ctx.Done():
	case <-time.After(min(worked, mostRest)):
	}
}

// Sync brings the snapshot to the store's head, or at least to revision.
func (e *Engine) Sync(ctx context.Context, revision int64) error {
	if p := e.picture.Load(); p != nil && revision > 0 && p.revision >= revision {
		return nil
	}
	e.advancing.Lock()
	defer e.advancing.Unlock()
	if p := e.picture.Load(); p != nil && revision > 0 && p.revision >= revision {
		return nil
	}
	if err := e.advance(ctx); err != nil {
		return fmt.Errorf("follow the store: %w", err)
	}
	return nil
}

// Store is the engine's store, for reading.
func (e *Engine) Store() *store.Store { return e.st }

// Holder gives the current snapshot.
func (e *Engine) Holder() *access.Holder { return e.holder }

// Catalogue is the action catalogue in use.
func (e *Engine) Catalogue() *access.Catalogue { return e.cfg().Catalogue }

// snapshot is the current snapshot, however old.
func (e *Engine) snapshot() *access.Snapshot { return e.picture.Load().snapshot }

// do commits op and brings the snapshot behind it, so that whoever made the
// change sees it in his next question.
func (e *Engine) do(ctx context.Context, by store.By, op store.Op) (store.Receipt, error) {
	r, err := e.st.Do(ctx, by, op)
	if err != nil {
		return r, err
	}
	if r.Changed {
		// The change is durable; a follower that fails here is retried by Run.
		if err := e.Sync(ctx, r.Revision); err != nil {
			e.cfg().Log.Warn("the snapshot does not follow yet", "revision", r.Revision, "error", err)
		}
	}
	return r, nil
}
