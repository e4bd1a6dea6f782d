package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/scim/events"
)

// transmitter makes the transmitter of security events, with or without streams.
func (s *server) transmitter(ctx context.Context, l *config.Loaded) (*events.Transmitter, error) {
	c, err := s.eventsConfig(l)
	if err != nil {
		return nil, invalid(err)
	}
	return events.New(ctx, s.engine, c)
}

func (s *server) eventsConfig(l *config.Loaded) (events.Config, error) {
	c, err := l.EventsConfig()
	c.Issuer, c.Log, c.Registry = s.url(l), s.log, s.registry
	return c, err
}

func announceStreams(line func(string, string, ...any), base string, l *config.Loaded) {
	for _, s := range l.EventStreams() {
		if s.Delivery == events.Push {
			line("events "+s.Name, "pushed to %s", s.Endpoint)
		} else {
			line("events "+s.Name, "%s/events/v1/%s/poll", base, s.Name)
		}
	}
}

func (a *app) eventsCommand() *cobra.Command {
	streams := group("streams", "the streams that the configuration names", a.eventsStreamsListCommand())
	return group("events", "security events that other programs are told",
		streams, a.eventsPendingCommand(), a.eventsKeyCommand())
}

func (a *app) eventsStreamsListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "each stream, how far it was delivered, and what waits", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				all, err := events.Measure(c.Context(), b.st, b.cfg.EventStreams())
				if err != nil {
					return err
				}
				return list(a, all, streamColumns...)
			})
		},
	}
}

var streamColumns = []column[events.Status]{
	{"STREAM", func(s events.Status) string { return s.Name }},
	{"DELIVERY", func(s events.Status) string { return string(s.Delivery) }},
	{"STATE", func(s events.Status) string {
		switch {
		case !s.Begun:
			return "not begun"
		case s.Dead:
			return "dead"
		case s.Failures > 0:
			return "failing"
		}
		return "ok"
	}},
	{"REVISION", func(s events.Status) string { return strconv.FormatInt(s.Revision, 10) }},
	{"PENDING", pendingText},
	{"OLDEST", func(s events.Status) string {
		if s.Oldest.IsZero() {
			return "-"
		}
		return s.Oldest.UTC().Format(time.RFC3339)
	}},
	{"FAILURES", func(s events.Status) string { return strconv.Itoa(s.Failures) }},
	{"ERROR", func(s events.Status) string { return cmp.Or(s.Error, "-") }},
}

func pendingText(s events.Status) string {
	if s.More {
		return fmt.Sprintf("%d+", s.Pending)
	}
	return strconv.Itoa(s.Pending)
}

func (a *app) eventsPendingCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pending STREAM", Short: "how many events wait to be acknowledged", Args: words("STREAM"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.pendingEvents(c.Context(), b, args[0]) })
		},
	}
}

func (a *app) pendingEvents(ctx context.Context, b *bridge, name string) error {
	for _, s := range b.cfg.EventStreams() {
		if s.Name != name {
			continue
		}
		all, err := events.Measure(ctx, b.st, []events.Stream{s})
		if err != nil {
			return err
		}
		if !a.people() {
			return a.encode(all[0])
		}
		_, err = fmt.Fprintln(a.out, pendingText(all[0]))
		return err
	}
	if n := strict.Nearest(name, b.cfg.StreamNames()); n != "" {
		return fmt.Errorf("no stream %q; did you mean %s?", name, n)
	}
	return fmt.Errorf("no stream %q in the configuration", name)
}

func (a *app) eventsKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "make a signing key and print it, for events.signing_key_file", Args: words(),
		Long: "Key makes a P-256 key (ES256) and prints it as PEM. Keep the file to its owner, and\ngive the same file to every replica.",
		RunE: func(*cobra.Command, []string) error {
			key, err := events.NewKey()
			if err != nil {
				return err
			}
			_, err = a.out.Write(key)
			return err
		},
	}
}
