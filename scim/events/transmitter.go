package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/internal/handler"
	"grantbridge/provision"
	"grantbridge/store"
)

// Config is what a Transmitter needs to know beside the engine.
type Config struct {
	// Issuer is the program's base URL: the iss of each SET.
	Issuer  string
	Streams []Stream
	// Key signs. Also are keys that are only published: the next one, so that
	// receivers know it before it is used, and the last one.
	Key  *Key
	Also []*Key

	// What follows is taken from New's Config for good.

	Log      *slog.Logger         // nil is slog.Default
	Registry *prometheus.Registry // nil makes none
	Client   *http.Client         // for pushing; nil is one that follows no redirect
	Now      func() time.Time
	LongPoll time.Duration // how long a poll waits; 0 is 30s
	Pause    time.Duration // after the first failure to push, doubled at each; 0 is 1s
	Lease    time.Duration // how long a sender that died holds a stream; 0 is 30s
}

// Transmitter serves streams. It may be used concurrently.
type Transmitter struct {
	engine  *provision.Engine
	store   *store.Store
	fixed   Config
	live    atomic.Pointer[Config]
	changed chan struct{} // Run must begin anew
	ended   chan struct{} // closed when Run has ended: polls wait no longer
	mux     http.Handler
	metrics *metrics
	holder  string // of leases
	waiting sync.Map
}

// New makes a transmitter, and makes each stream that is new begin here.
func New(ctx context.Context, engine *provision.Engine, c Config) (*Transmitter, error) {
	orElse(&c.LongPoll, 30*time.Second)
	orElse(&c.Pause, time.Second)
	orElse(&c.Lease, 30*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Client == nil {
		c.Client = &http.Client{
			Timeout:       postTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	t := &Transmitter{engine: engine, store: engine.Store(), fixed: c,
		changed: make(chan struct{}, 1), ended: make(chan struct{}), holder: "events-" + rand.Text()}
	t.metrics = newMetrics(t, c.Registry)
	t.mux = handler.RequestID(handler.Secure(strings.HasPrefix(c.Issuer, "https://"), t.routes()))
	return t, t.Reconfigure(ctx, c)
}

func orElse(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

var errNoKey = errors.New("streams of events need a private key to sign with")

// Reconfigure takes other streams and keys.
func (t *Transmitter) Reconfigure(ctx context.Context, c Config) error {
	if len(c.Streams) > 0 && !c.Key.CanSign() {
		return errNoKey
	}
	c.Issuer = strings.TrimRight(c.Issuer, "/")
	for _, s := range c.Streams {
		if err := t.store.BeginStream(ctx, s.Name); err != nil {
			return fmt.Errorf("begin stream %q: %w", s.Name, err)
		}
	}
	t.live.Store(&c)
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return nil
}

// Run pushes until ctx ends, and returns nil then.
func (t *Transmitter) Run(ctx context.Context) error {
	defer close(t.ended)
	for ctx.Err() == nil {
		c := t.live.Load()
		work, stop := context.WithCancel(ctx)
		var senders sync.WaitGroup
		for i := range c.Streams {
			if s := &c.Streams[i]; s.Delivery == Push {
				senders.Go(func() { t.push(work, c, s) })
			}
		}
		select {
		case <-ctx.Done():
		case <-t.changed:
		}
		stop()
		senders.Wait()
	}
	return nil
}

// stream is the configured stream of that name.
func (c *Config) stream(name string) *Stream {
	for i := range c.Streams {
		if c.Streams[i].Name == name {
			return &c.Streams[i]
		}
	}
	return nil
}

// Serves reports whether path is one of the transmitter's.
func Serves(path string) bool {
	return strings.HasPrefix(path, "/events/v1/") || path == "/.well-known/ssf-configuration" || path == "/.well-known/jwks.json"
}

// ServeHTTP answers polls, and the discovery documents.
func (t *Transmitter) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

func (t *Transmitter) routes() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		method, path string
		f            handler.Func
	}{
		{"POST", "/events/v1/{stream}/poll", t.poll},
		{"GET", "/.well-known/ssf-configuration", t.discovery},
		{"GET", "/.well-known/jwks.json", t.keys},
	} {
		a := handler.Adapter{Log: t.fixed.Log, Map: problem}
		mux.Handle(route.path, a.Handler(only(route.method, route.f)))
	}
	a := handler.Adapter{Log: t.fixed.Log}
	mux.Handle("/", a.Handler(func(http.ResponseWriter, *http.Request) error { return errNothing }))
	return mux
}

var errNothing = &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is nothing here"}

// only refuses other methods than the route's.
func only(method string, f handler.Func) handler.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
			return &handler.Problem{Status: http.StatusMethodNotAllowed, Code: "method", Allow: method, Detail: "use " + method + " here"}
		}
		return f(w, r)
	}
}

// problem is the transmitter's table from errors to HTTP.
func problem(err error) *handler.Problem {
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrOverloaded):
		return &handler.Problem{Status: http.StatusServiceUnavailable, Code: "store", RetryAfter: time.Second,
			Detail: "the grant store does not answer; try again", Cause: err}
	}
	return nil
}
