package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/internal/session"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/scim"
	"grantbridge/scim/inspect"
	"grantbridge/store"
)

// generation is what one reading of the configuration makes. The engine and the
// decision API are the same in all of them.
type generation struct {
	*provision.Engine
	cfg  *config.Loaded
	scim *scim.Door
	// signIn is changed by metadata of identity providers.
	signIn atomic.Pointer[signIn]
	// providers outlive a reload in what they have read.
	providers providers
	held      string // what the guard said to the sites or the mapping file, or ""
	sitesHeld bool   // it was the sites
	// workers read the directories; they run while the generation is live.
	workers *workers
	// doubts are the warnings about it, when it was applied.
	doubts mapping.Problems
}

// byConfig says that the configuration does it.
func byConfig(reason string) store.By {
	return store.By{Actor: "config", Via: "config", Reason: reason, Lane: store.LaneNormal}
}

func (s *server) engineConfig(l *config.Loaded) provision.Config {
	return provision.Config{
		Catalogue: access.DefaultCatalogue(), Sources: l.StoreSources(), Limits: l.MappingLimits(), RemovalBurst: l.Limits.RemovalBurst,
		MaxStaleness: durationOf(l.Limits.MaxStaleness), Zone: l.Location(), Log: s.log,
	}
}

// first makes the engine and the first generation.
func (s *server) first(ctx context.Context, l *config.Loaded) (err error) {
	if s.engine, err = provision.New(ctx, s.st, s.engineConfig(l)); err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	s.signer = session.NewSigner(s.st, nil)
	s.signIns = newSignInMetrics(s)
	s.inspect = inspect.New(s.engine, inspectConfig(l, s.log))
	s.registry.MustRegister(s.inspect)
	g, err := s.generate(ctx, l)
	if err == nil {
		s.api = s.decisions(l)
		s.live.Store(g)
		s.events, err = s.transmitter(ctx, l)
	}
	return err
}

func (s *server) generate(ctx context.Context, l *config.Loaded) (*generation, error) {
	door, err := s.scimDoor(l)
	if err != nil {
		return nil, err
	}
	ws, err := s.makeWorkers(l)
	if err != nil {
		return nil, err
	}
	g := &generation{Engine: s.engine, cfg: l, scim: door, workers: ws}
	fetched, err := samlMetadata(ctx, s.st)
	if err != nil {
		return nil, fmt.Errorf("read the metadata of identity providers: %w", err)
	}
	g.providers = s.oidcProviders(l)
	_, unsafe := login.Loopback(s.url(l))
	g.providers.passwords, g.providers.shut = s.passwordSources(l, unsafe)
	for _, p := range g.providers.made {
		ws.also = append(ws.also, func(ctx context.Context) { s.followProvider(ctx, p) })
	}
	g.signIn.Store(s.signIn(l, fetched, g.providers))
	return g, g.bootstrap(ctx)
}

// next is the generation after old, or old's configuration is put back.
func (s *server) next(ctx context.Context, old *generation, l *config.Loaded) (*generation, error) {
	if err := s.engine.Reconfigure(ctx, s.engineConfig(l)); err != nil {
		return nil, s.putBack(ctx, old, err)
	}
	g, err := s.generate(ctx, l)
	if err != nil {
		return nil, s.putBack(ctx, old, err)
	}
	return g, nil
}

func (s *server) putBack(ctx context.Context, old *generation, why error) error {
	if err := s.engine.Reconfigure(ctx, s.engineConfig(old.cfg)); err != nil {
		return fmt.Errorf("%w (and the old configuration could not be put back: %w)", why, err)
	}
	return why
}

// bootstrap brings what the file says into the store: sites, tokens, rules.
// Rules wait for sites that are held, which they may name.
func (g *generation) bootstrap(ctx context.Context) error {
	if err := g.configSites(ctx); err != nil {
		return err
	}
	for _, name := range g.cfg.SourceNames() {
		if err := g.configToken(ctx, name); err != nil {
			return err
		}
	}
	if g.sitesHeld {
		return nil
	}
	return g.mappingFile(ctx)
}

// configSites puts the configured sites through the guard. A held plan is kept
// and reported; the catalogue stays and serving goes on.
func (g *generation) configSites(ctx context.Context) error {
	err := putConfigSites(ctx, g.Engine, g.cfg.AccessSites())
	if isOne[*provision.HeldError](err) || isOne[*provision.RefusedError](err) {
		g.held, g.sitesHeld = explainError(err), true
		if g.cfg.MappingFile != "" {
			g.held += "\n  mapping_file waits for them: approve the plan or take the sites back, then reload (SIGHUP)"
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("sites: %w", err)
	}
	return nil
}

// configToken keeps the token that the configuration names, once.
func (g *generation) configToken(ctx context.Context, source string) error {
	secret, err := g.cfg.SCIMToken(source)
	if err != nil || secret == "" {
		return err
	}
	known, err := g.knowsToken(ctx, source, secret)
	if err != nil || known {
		return err
	}
	err = g.MintSCIMToken(ctx, byConfig("token of the configuration"), &store.MintSCIMToken{Source: source, Secret: secret})
	if err != nil {
		return fmt.Errorf("token of source %q: %w", source, err)
	}
	return nil
}

// knowsToken reports whether the store has the token already, also when it was
// revoked: a restart must not bring a revoked token back.
func (g *generation) knowsToken(ctx context.Context, source, secret string) (known bool, err error) {
	digest := store.Digest(secret)
	err = g.Store().Read(ctx, func(v *store.View) error {
		tokens, err := v.SCIMTokens(ctx)
		for _, t := range tokens {
			known = known || t.Source == source && bytes.Equal(t.Digest, digest)
		}
		return err
	})
	return known, err
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
	live, err := liveMapping(ctx, g.Store())
	if err != nil || bytes.Equal([]byte(live.Text), text) {
		return err
	}
	_, p, err := g.SetMapping(ctx, byConfig("mapping_file"), file, text, "from "+filepath.Base(file), "")
	if isOne[*provision.HeldError](err) || isOne[*provision.RefusedError](err) {
		g.held = explainError(err)
		return nil
	}
	if err == nil {
		g.doubts = p.Problems
		return nil
	}
	return g.unfit(err, live)
}

// unfit judges why a mapping file could not be applied. One that does not read
// stops the start; one whose tests fail does so only when there are no rules to
// go on with.
func (g *generation) unfit(err error, live store.Mapping) error {
	if isOne[*provision.InvalidError](err) {
		if live.Version > 0 {
			g.held = err.Error()
			return nil
		}
		return invalid(fmt.Errorf("mapping_file: %w", err))
	}
	return err
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

func (g *generation) sites() []access.Site {
	if s, _ := g.Holder().Snapshot(now()); s != nil {
		return s.AllSites()
	}
	return nil
}
