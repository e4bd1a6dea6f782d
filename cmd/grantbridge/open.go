package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/provision"
	"grantbridge/store"
)

// load reads the configuration: the file that --config or GRANTBRIDGE_CONFIG
// name, else ./config.yaml, else none. Most commands need a part of it: they run
// beside a server, in terminals that do not have its secrets.
func (a *app) load(need config.Need) (*config.Loaded, error) {
	l, err := a.loadFile(need)
	return a.withStore(l, err)
}

// withStore lets --store outrank what was loaded.
func (a *app) withStore(l *config.Loaded, err error) (*config.Loaded, error) {
	if err != nil || a.storeName == "" {
		return l, err
	}
	if err := config.CheckStore(a.storeName); err != nil {
		return nil, usage("--store: %v", err)
	}
	l.Store = a.storeName
	return l, nil
}

func (a *app) loadFile(need config.Need) (*config.Loaded, error) {
	file, named := a.configPath()
	l, err := config.Load(file, a.env, need)
	if errors.Is(err, fs.ErrNotExist) {
		if named {
			return nil, invalid(fmt.Errorf("%s is not there; copy config.example.yaml to begin with", file))
		}
		return config.None(a.env)
	}
	return l, err
}

func (a *app) configPath() (file string, named bool) {
	if a.configFile != "" {
		return a.configFile, true
	}
	if f, ok := a.env("GRANTBRIDGE_CONFIG"); ok && f != "" {
		return f, true
	}
	return "config.yaml", false
}

// storeUse says what a command needs of the store.
type storeUse int

const (
	existing storeUse = iota // it must be there
	mayMake                  // a new SQLite file may be made
)

// bridge is an open store with its engine, for one command.
type bridge struct {
	*provision.Engine
	cfg *config.Loaded
	st  *store.Store
	// newcomers are people whom a plan of a directory's run would make.
	newcomers map[access.PersonID]string
	// newSites are the slugs that sites would have by a plan.
	newSites map[access.SiteID]string
}

func (b *bridge) close() { _ = b.st.Close() }

// open opens the store that the configuration names, beside a server that may
// be running on it.
func (a *app) open(ctx context.Context, use storeUse) (*bridge, error) {
	l, err := a.load(config.Part)
	if err != nil {
		return nil, err
	}
	st, err := openStore(ctx, l, use, discard)
	if err != nil {
		return nil, err
	}
	eng, err := provision.New(ctx, st, provision.Config{
		Catalogue: access.DefaultCatalogue(), NewSources: l.SourceNames(), Limits: l.MappingLimits(), RemovalBurst: l.Limits.RemovalBurst, Zone: l.Location(), Log: discard,
	})
	if err != nil {
		_ = st.Close()
		return nil, fmt.Errorf("read the store: %w", err)
	}
	b := &bridge{Engine: eng, cfg: l, st: st}
	if use == mayMake {
		err = b.learnSources(ctx)
	}
	if err != nil {
		_ = st.Close()
		return nil, err
	}
	return b, nil
}

var discard = slog.New(slog.DiscardHandler)

func openStore(ctx context.Context, l *config.Loaded, use storeUse, log *slog.Logger) (*store.Store, error) {
	dsn, err := l.DSN()
	if err != nil {
		return nil, err
	}
	if use == existing {
		if err := mustExist(dsn); err != nil {
			return nil, err
		}
	}
	st, err := store.Open(ctx, dsn, store.Options{Migrate: use == mayMake && isNew(ctx, dsn), Log: log})
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", config.MaskDSN(l.Store), hideDSN(err, dsn))
	}
	return st, nil
}

// mustExist keeps a misspelt name from becoming an empty store.
func mustExist(dsn string) error {
	file, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok {
		return nil
	}
	file, _, _ = strings.Cut(strings.TrimPrefix(file, "file:"), "?")
	if _, err := os.Stat(file); err != nil {
		return &codeError{exitError, fmt.Sprintf("there is no store at %s; name it with --config or --store, or make it with: grantbridge migrate up", dsn)}
	}
	return nil
}

// isNew reports whether a PostgreSQL database holds nothing of ours yet, so
// that making the schema cannot disturb an older version still running.
func isNew(ctx context.Context, dsn string) bool {
	steps, err := store.MigrationStatus(ctx, dsn)
	if err != nil {
		return false
	}
	for _, s := range steps {
		if !s.Applied.IsZero() {
			return false
		}
	}
	return true
}

// hideDSN keeps a password out of an error that a driver made.
func hideDSN(err error, dsn string) error {
	if !strings.Contains(err.Error(), dsn) || config.MaskDSN(dsn) == dsn {
		return err
	}
	return &hidden{err, strings.ReplaceAll(err.Error(), dsn, config.MaskDSN(dsn))}
}

type hidden struct {
	error
	says string
}

func (h *hidden) Error() string { return h.says }
func (h *hidden) Unwrap() error { return h.error }

// with opens the store, calls f and closes it.
func (a *app) with(ctx context.Context, use storeUse, f func(*bridge) error) error {
	b, err := a.open(ctx, use)
	if err != nil {
		return err
	}
	defer b.close()
	return f(b)
}

// read calls f with a view of an existing store.
func (a *app) read(ctx context.Context, f func(*bridge, *store.View) error) error {
	return a.with(ctx, existing, func(b *bridge) error {
		return b.st.Read(ctx, func(v *store.View) error { return f(b, v) })
	})
}

// learnSources makes the store know the configured sources that it does not know
// yet, so that a store can be filled before the server's first start.
func (b *bridge) learnSources(ctx context.Context) error {
	known, err := b.sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range b.cfg.StoreSources() {
		if slices.ContainsFunc(known, func(k store.Source) bool { return k.Name == s.Name }) {
			continue
		}
		r, err := b.st.Do(ctx, byConfig("source of the configuration"), &store.PutSource{Source: s})
		if err != nil {
			return err
		}
		if err := b.Sync(ctx, r.Revision); err != nil {
			return err
		}
	}
	return nil
}

func (b *bridge) sources(ctx context.Context) (all []store.Source, err error) {
	err = b.st.Read(ctx, func(v *store.View) error {
		all, err = v.Sources(ctx)
		return err
	})
	return all, err
}

// readInput reads a file, or standard input for "-".
func (a *app) readInput(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(a.in)
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there", file)
	}
	return b, err
}

// siteNames are the slugs of sites, or their ids.
func siteNames(sites []access.Site) map[access.SiteID]string {
	out := make(map[access.SiteID]string, len(sites))
	for _, s := range sites {
		out[s.ID] = s.Slug
	}
	return out
}
