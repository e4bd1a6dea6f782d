package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"sync"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

// generation is what one reading of the configuration makes: an engine that
// follows the store, and the doors in front of it.
type generation struct {
	*engine
	cfg  *config.Loaded
	held string // what the guard said to the mapping file, or ""
}

// engine is the part of a generation that survives a reload which does not
// touch it.
type engine struct {
	*provision.Engine
	doors  http.Handler
	mu     sync.RWMutex // held for reading by each request
	cancel context.CancelFunc
	done   chan struct{}
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	e.doors.ServeHTTP(w, r)
}

// stop ends the following of the store and waits for it.
func (e *engine) stop() {
	e.cancel()
	<-e.done
}

// retire stops when the requests under way are answered.
func (e *engine) retire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop()
}

// byConfig says that the configuration does it.
func byConfig(reason string) store.By {
	return store.By{Actor: "config", Via: "config", Reason: reason, Lane: store.LaneNormal}
}

// generate makes a whole generation.
func (s *server) generate(ctx context.Context, l *config.Loaded) (*generation, error) {
	eng, err := provision.New(ctx, s.st, provision.Config{
		Sources: l.StoreSources(), Limits: l.MappingLimits(), RemovalBurst: l.Limits.RemovalBurst,
		MaxStaleness: durationOf(l.Limits.MaxStaleness), Zone: l.Location(), Log: s.log,
	})
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	g := &generation{cfg: l, engine: &engine{Engine: eng, done: make(chan struct{})}}
	if err := g.bootstrap(ctx); err != nil {
		return nil, err
	}
	g.doors = s.doors(eng, l)
	g.follow(s)
	return g, nil
}

// follow runs the engine until stop.
func (g *generation) follow(s *server) {
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	e := g.engine
	go func() {
		defer close(e.done)
		if err := e.Run(ctx); err != nil {
			s.log.Error("following the store ended", "reason", err.Error())
		}
	}()
}

// next is the generation after old for a new configuration. The engine stays
// when nothing it was made from has changed.
func (s *server) next(ctx context.Context, old *generation, l *config.Loaded) (*generation, error) {
	if !sameEngine(&old.cfg.Config, &l.Config) {
		return s.generate(ctx, l)
	}
	g := &generation{engine: old.engine, cfg: l}
	return g, g.bootstrap(ctx)
}

func sameEngine(a, b *config.Config) bool {
	return reflect.DeepEqual(a.Sources, b.Sources) && a.Limits == b.Limits && a.Zone == b.Zone && a.BaseURL == b.BaseURL
}

// bootstrap brings what the file says into the store: sites, tokens, rules.
func (g *generation) bootstrap(ctx context.Context) error {
	if sites := g.cfg.AccessSites(); len(sites) > 0 {
		if err := g.PutSites(ctx, byConfig("sites of the configuration"), sites); err != nil {
			return fmt.Errorf("sites: %w", err)
		}
	}
	for _, name := range g.cfg.SourceNames() {
		if err := g.configToken(ctx, name); err != nil {
			return err
		}
	}
	return g.mappingFile(ctx)
}

func (g *generation) configToken(ctx context.Context, source string) error {
	secret, err := g.cfg.SCIMToken(source)
	if err != nil || secret == "" {
		return err
	}
	err = g.MintSCIMToken(ctx, byConfig("token of the configuration"), &store.MintSCIMToken{Source: source, Secret: secret})
	if err != nil {
		return fmt.Errorf("token of source %q: %w", source, err)
	}
	return nil
}

// mappingFile applies the configured rules through the guard. A held plan is
// kept and reported; the live rules stay and serving goes on.
func (g *generation) mappingFile(ctx context.Context) error {
	file := g.cfg.MappingFile
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return invalid(fmt.Errorf("mapping_file: %s cannot be read; correct the key, or empty it to keep the rules in the store", file))
	}
	if live, err := liveMapping(ctx, g.Store()); err != nil || bytes.Equal([]byte(live.Text), text) {
		return err
	}
	_, p, err := g.SetMapping(ctx, byConfig("mapping_file"), filepath.Base(file), text, "from "+filepath.Base(file), "")
	if isOne[*provision.HeldError](err) || isOne[*provision.RefusedError](err) {
		g.held = explainError(err)
		return nil
	}
	if err == nil && p != nil && failing(p.Tests) > 0 {
		err = errors.New("its tests fail")
	}
	if isOne[mapping.Problems](err) {
		return err
	}
	if err != nil {
		return fmt.Errorf("mapping_file: %w", err)
	}
	return nil
}

func liveMapping(ctx context.Context, st *store.Store) (m store.Mapping, err error) {
	err = st.Read(ctx, func(v *store.View) error {
		m, err = v.Mapping(ctx, 0)
		return err
	})
	return m, err
}

func failing(tests []mapping.TestResult) int {
	n := 0
	for _, t := range tests {
		if len(t.Wrong) > 0 {
			n++
		}
	}
	return n
}
