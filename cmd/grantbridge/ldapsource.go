package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"grantbridge/directory"
	"grantbridge/ldapsync"
	"grantbridge/provision"
)

// directories are the sources that are read, in order of name.
func (b *bridge) directories() (names []string) {
	for _, n := range b.cfg.SourceNames() {
		if b.cfg.Sources[n].LDAP != nil {
			names = append(names, n)
		}
	}
	return names
}

// pickDirectory is the source that --source names, or the only one that is read.
func (b *bridge) pickDirectory(source string) (string, error) {
	all := b.directories()
	switch {
	case source != "":
		if c, ok := b.cfg.Sources[source]; !ok || c.LDAP == nil {
			return "", usage("source %q has no ldap block in %s; those that have: %s", source, orDash(b.cfg.File), orDash(strings.Join(all, ", ")))
		}
		return source, nil
	case len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return "", usage("no source of the configuration has an ldap block")
	}
	return "", usage("say which with --source: %s", strings.Join(all, ", "))
}

// worker is what reads the source for one command.
func (b *bridge) worker(source string) (*ldapsync.Worker, error) {
	c, err := b.cfg.Directory(source)
	if err != nil {
		return nil, invalid(err)
	}
	w, err := ldapsync.NewWorker(b.Engine, c, ldapsync.WorkerOptions{
		Interval: durationOf(b.cfg.Sources[source].LDAP.Interval), Limits: b.cfg.SyncLimits(source)})
	if err != nil {
		return nil, invalid(fmt.Errorf("source %q: %w", source, err))
	}
	return w, nil
}

// withWorker opens the store and calls f with the worker of the source.
func (a *app) withWorker(ctx context.Context, source string, f func(b *bridge, w *ldapsync.Worker, source string) error) error {
	return a.with(ctx, mayMake, func(b *bridge) error {
		source, err := b.pickDirectory(source)
		if err != nil {
			return err
		}
		w, err := b.worker(source)
		if err != nil {
			return err
		}
		return f(b, w, source)
	})
}

// readError is what a failed run says; what the report has is not said twice.
func (a *app) readError(p *provision.SyncReport, err error) error {
	if err == nil {
		return nil
	}
	_, fault := errors.AsType[*ldapsync.Error](err)
	_, unproven := errors.AsType[*directory.UnprovenError](err)
	if p == nil || !fault && !unproven {
		if errors.Is(err, ldapsync.ErrBusy) {
			return fmt.Errorf("%w; try again in a moment", err)
		}
		return err
	}
	if a.people() {
		a.writeRun(p)
	} else if err := a.encode(p); err != nil {
		return err
	}
	return errFailed
}

// errHeld ends a command whose plan waits for somebody.
var errHeld = &codeError{code: exitHeld}

// progress is what a run says on a terminal, and nowhere else.
func (a *app) progress(source string) (reading func(bool), applying func(done, all int), end func()) {
	if a.quiet || !isTerminal(a.err) {
		return nil, nil, func() {}
	}
	clear := func() { fmt.Fprint(a.err, "\r\x1b[K") }
	reading = func(begun bool) {
		clear()
		if begun {
			fmt.Fprintf(a.err, "reading %s …", source)
		}
	}
	last := -1
	applying = func(done, all int) {
		if percent := 100 * done / max(all, 1); percent != last {
			last = percent
			fmt.Fprintf(a.err, "\r\x1b[Kapplying %d of %d (%d %%)", done, all, percent)
		}
	}
	return reading, applying, clear
}
