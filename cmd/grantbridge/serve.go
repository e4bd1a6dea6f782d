package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/internal/session"
	"grantbridge/ldapsync"
	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/scim/events"
	"grantbridge/scim/inspect"
	"grantbridge/store"
)

func (a *app) serveCommand() *cobra.Command {
	var listen, level, logFormat string
	c := &cobra.Command{
		Use:   "serve",
		Short: "serve everything that the configuration names",
		Long: `Serve opens the store and serves the doors of all sources, the decision API,
health checks and metrics. It prints one line per door, then logs.

SIGHUP reads the configuration again: sources, limits, sites, the mapping file
and the log level. A new file that does not stand is refused, the last good one
stays. SIGINT and SIGTERM finish what is under way and exit 0; a second one
quits at once.`,
		Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			over := func(l *config.Loaded) {
				set(&l.Listen, listen)
				set(&l.Log.Level, level)
				set(&l.Log.Format, logFormat)
			}
			return a.serve(c.Context(), serveOptions{over: over})
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "`host:port`, instead of the configuration's")
	c.Flags().StringVar(&level, "log-level", "", "debug, info, warn or error")
	c.Flags().StringVar(&logFormat, "log-format", "", "text or json")
	return c
}

func set(to *string, value string) {
	if value != "" {
		*to = value
	}
}

// serveOptions are what the demo does otherwise.
type serveOptions struct {
	over    func(*config.Loaded) // flags, which outrank the file
	quiet   bool                 // do not print the doors
	pace    time.Duration        // how long a refused password takes; 0 is the door's
	started func(context.Context, *server)
}

// server is the running program: one listener, one store and one engine, and the
// present generation of what a reload can change.
type server struct {
	app    *app
	o      serveOptions
	st     *store.Store
	engine *provision.Engine
	api    http.Handler // decisions, health, metrics
	events *events.Transmitter
	signer *session.Signer
	// signIns outlive a reload, as all metrics do.
	signIns *signInMetrics
	// limits of signing in, which neither a reload nor other metadata begin anew.
	limits *login.Limits
	// cursorKey signs the SCIM door's cursors, also across reloads.
	cursorKey []byte
	// verifiers of signed tokens, by source, whose keys outlive a reload.
	verifiers map[string]verifier
	// checkers of passwords, by source, whose counts outlive a reload.
	checkers map[string]*ldapsync.Passwords
	inspect  *inspect.Log
	registry *prometheus.Registry
	log      *slog.Logger
	level    *slog.LevelVar
	ln       net.Listener
	live     atomic.Pointer[generation]
	draining atomic.Bool
	work     sync.WaitGroup
}

const (
	drainTime  = 20 * time.Second
	headerTime = 10 * time.Second
	bodyTime   = 5 * time.Minute // a group of 100,000 members over a slow line
	idleTime   = 2 * time.Minute
	maxHeader  = 32 << 10
)

// serve runs until a signal or ctx ends it.
func (a *app) serve(ctx context.Context, o serveOptions) error {
	// From the start, so that one that comes before we serve ends us in order too.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	l, err := a.serveConfig(o.over)
	if err != nil {
		return err
	}
	s, err := a.newServer(ctx, l, o)
	if err != nil {
		return err
	}
	defer s.st.Close()
	defer s.follow()()
	defer s.work.Wait()
	return s.run(ctx, signals)
}

// serveConfig is load for a server, which does not run without a file by
// accident.
func (a *app) serveConfig(over func(*config.Loaded)) (*config.Loaded, error) {
	l, err := a.load(config.Whole)
	if err != nil {
		return nil, err
	}
	if l.File == "" && a.storeName == "" {
		return nil, invalid(errors.New("there is no config.yaml here; copy config.example.yaml, name one with --config, or try: grantbridge demo"))
	}
	over(l)
	if err := l.Recheck(); err != nil {
		return nil, usage("%v", err)
	}
	return l, nil
}

func (a *app) newServer(ctx context.Context, l *config.Loaded, o serveOptions) (*server, error) {
	s := &server{app: a, o: o, level: new(slog.LevelVar), limits: login.NewLimits(), cursorKey: []byte(rand.Text()),
		verifiers: map[string]verifier{}, checkers: map[string]*ldapsync.Passwords{}, registry: prometheus.NewRegistry()}
	s.log = a.logger(l, s.level)
	var err error
	if s.ln, err = net.Listen("tcp", l.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w; another address is --listen (demo: --port)", l.Listen, err)
	}
	if s.st, err = openStore(ctx, l, mayMake, s.log); err != nil {
		_ = s.ln.Close()
		return nil, err
	}
	if err := s.first(ctx, l); err != nil {
		_ = s.ln.Close()
		_ = s.st.Close()
		return nil, err
	}
	return s, nil
}

// follow lets the engine follow the store until stop is called.
func (s *server) follow() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.engine.Run(ctx); err != nil {
			s.log.Error("following the store ended", "reason", err.Error())
		}
	})
	done.Go(func() { _ = s.inspect.Run(ctx) }) // it never fails
	done.Go(func() { s.sweepLogins(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

// run answers requests and signals.
func (s *server) run(ctx context.Context, signals <-chan os.Signal) error {
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	s.work.Go(func() { failed <- srv.Serve(s.ln) })
	if !s.o.quiet {
		s.announce()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.work.Go(func() { _ = s.events.Run(ctx) })
	s.live.Load().workers.start(ctx)
	defer func() { s.live.Load().workers.stop() }()
	if s.o.started != nil {
		s.work.Go(func() { s.o.started(ctx, s) })
	}
	for {
		select {
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
			return s.drain(srv, signals)
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				s.log.Info("stopping", "signal", sig.String())
				cancel()
				return s.drain(srv, signals)
			}
			s.reload(ctx)
		}
	}
}

// drain takes no new requests and finishes those under way. A second signal cuts
// them, which is an error.
func (s *server) drain(srv *http.Server, signals <-chan os.Signal) error {
	s.draining.Store(true)
	ctx, cancel := context.WithTimeoutCause(context.Background(), drainTime, errors.New("they took longer than "+drainTime.String()))
	defer cancel()
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	s.work.Go(func() {
		select {
		case <-signals:
			cut(errCut)
		case <-ctx.Done():
		}
	})
	if err := srv.Shutdown(ctx); err != nil {
		s.log.Warn("some requests were not finished", "reason", context.Cause(ctx).Error())
		_ = srv.Close()
	}
	s.log.Info("stopped")
	if errors.Is(context.Cause(ctx), errCut) {
		return errFailed
	}
	return nil
}

var errCut = errors.New("a second signal came")

// ServeHTTP is the one table of routes.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if login.Serves(r.URL.Path) {
		s.live.Load().signIn.Load().door.ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/scim/v2/") {
		s.live.Load().scim.ServeHTTP(w, r)
		return
	}
	if events.Serves(r.URL.Path) {
		s.events.ServeHTTP(w, r)
		return
	}
	s.api.ServeHTTP(w, r)
}

// reload reads the configuration again. What does not stand is refused whole.
func (s *server) reload(ctx context.Context) {
	l, err := s.app.serveConfig(s.o.over)
	if err != nil {
		s.log.Error("the new configuration is refused; the last good one stays", "reason", explainError(err))
		return
	}
	old := s.live.Load()
	s.warnFixed(old.cfg, l)
	streams, err := s.eventsConfig(l)
	if err != nil {
		s.log.Error("the new configuration is refused; the last good one stays", "reason", explainError(err))
		return
	}
	streams.Issuer = s.url(old.cfg) // as base_url, which a reload cannot change
	next, err := s.next(ctx, old, l)
	if err != nil {
		s.log.Error("the new configuration is refused; the last good one stays", "reason", explainError(err))
		return
	}
	if err := s.events.Reconfigure(ctx, streams); err != nil {
		s.log.Error("the new streams of events do not begin; the last ones stay", "reason", explainError(err))
	}
	s.setLevel(l)
	old.workers.stop()
	s.live.Store(next)
	next.workers.start(ctx)
	s.inspect.Reconfigure(inspectConfig(l, s.log))
	s.report(next)
	s.log.Info("configuration reloaded", "sources", l.SourceNames())
}

// warnFixed names what a reload cannot change.
func (s *server) warnFixed(old, l *config.Loaded) {
	for _, f := range []struct {
		key      string
		was, now string
	}{{"listen", old.Listen, l.Listen}, {"base_url", old.BaseURL, l.BaseURL}, {"store", old.Store, l.Store},
		{"limits.max_staleness", old.Limits.MaxStaleness.String(), l.Limits.MaxStaleness.String()}, {"log.format", old.Log.Format, l.Log.Format}} {
		if f.was != f.now {
			s.log.Warn("this key needs a restart; the old value stays", "key", f.key)
		}
	}
}
