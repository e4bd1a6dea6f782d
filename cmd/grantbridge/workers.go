package main

import (
	"context"
	"fmt"
	"sync"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/ldapsync"
)

// workers are what reads the directories of one generation, and the metadata of
// its identity providers.
type workers struct {
	of     map[string]*ldapsync.Worker // by source
	also   []func(context.Context)     // what else runs until then
	feeds  *feeds
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// makeWorkers reads secrets and certificates, so that a configuration that does
// not stand is refused before the old one goes.
func (s *server) makeWorkers(l *config.Loaded) (*workers, error) {
	ws := &workers{of: map[string]*ldapsync.Worker{}, cancel: func() {}}
	for _, name := range l.SourceNames() {
		src := l.Sources[name]
		if src.LDAP == nil || src.Disabled {
			continue
		}
		c, err := l.Directory(name)
		if err != nil {
			return nil, invalid(err)
		}
		w, err := ldapsync.NewWorker(s.engine, c, ldapsync.WorkerOptions{
			Interval: durationOf(src.LDAP.Interval), Limits: l.SyncLimits(name), Log: s.log})
		if err != nil {
			return nil, invalid(fmt.Errorf("source %q: %w", name, err))
		}
		ws.of[name] = w
	}
	var err error
	ws.feeds, err = s.newFeeds(l)
	return ws, err
}

// start lets the workers run until stop.
func (ws *workers) start(ctx context.Context) {
	ctx, ws.cancel = context.WithCancel(ctx)
	for _, run := range ws.also {
		ws.done.Go(func() { run(ctx) })
	}
	for _, w := range ws.of {
		ws.done.Go(func() { _ = w.Run(ctx) }) // it ends with ctx and has no other error
	}
	ws.done.Go(func() { ws.feeds.run(ctx) })
}

// stop waits until what is under way has ended; a run that is cut is finished by
// the next.
func (ws *workers) stop() {
	ws.cancel()
	ws.done.Wait()
}
