package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/access"
	"grantbridge/store"
)

func (a *app) sessionCommand() *cobra.Command {
	return group("session", "who is signed in, and ending it", a.sessionListCommand(), a.sessionRevokeCommand())
}

type sessionRow struct {
	ID      string    `json:"id"`
	Person  string    `json:"person"`
	Source  string    `json:"source"`
	Ceiling string    `json:"ceiling"`
	Since   time.Time `json:"since"`
	Idle    time.Time `json:"idle_until"`
	Ends    time.Time `json:"ends"`
	Context string    `json:"authn_context,omitempty"`
	Trace   string    `json:"trace"`
}

// sessionChoice is which sessions a command is about.
type sessionChoice struct {
	who, source, id string
	limit           int
}

func (s *sessionChoice) flags(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&s.source, "source", "", "of this source")
	return c
}

func (a *app) sessionListCommand() *cobra.Command {
	s := &sessionChoice{}
	c := s.flags(&cobra.Command{Use: "list [WHO]", Short: "who is signed in, newest first", Args: words("[WHO]"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.who = args[0]
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				all, err := b.sessions(c.Context(), *s)
				if err != nil {
					return err
				}
				var rows []sessionRow
				for _, x := range all {
					rows = append(rows, b.sessionRow(x))
				}
				return list(a, rows,
					column[sessionRow]{"ID", func(r sessionRow) string { return r.ID }},
					column[sessionRow]{"PERSON", func(r sessionRow) string { return r.Person }},
					column[sessionRow]{"SOURCE", func(r sessionRow) string { return r.Source }},
					column[sessionRow]{"CEILING", func(r sessionRow) string { return r.Ceiling }},
					column[sessionRow]{"SINCE", func(r sessionRow) string { return when(r.Since) }},
					column[sessionRow]{"IDLE", func(r sessionRow) string { return when(r.Idle) }},
					column[sessionRow]{"ENDS", func(r sessionRow) string { return when(r.Ends) }})
			})
		}})
	c.Flags().IntVar(&s.limit, "limit", 50, "how many")
	return c
}

func (b *bridge) sessionRow(x store.Session) sessionRow {
	r := sessionRow{ID: x.ID, Source: x.Source, Ceiling: x.Ceiling, Since: x.Issued, Idle: x.IdleUntil, Ends: x.Expires}
	if p, ok := b.PersonByID(x.Person); ok {
		r.Person = p.Login
	}
	var how struct {
		Context string `json:"context"`
		Trace   string `json:"trace"`
	}
	if json.Unmarshal(x.Auth, &how) == nil {
		r.Context, r.Trace = how.Context, how.Trace
	}
	return r
}

func (b *bridge) sessions(ctx context.Context, s sessionChoice) (all []store.Session, err error) {
	q := store.SessionQuery{Source: s.source, ID: s.id, Limit: s.limit}
	var person access.PersonID
	if s.who != "" {
		p, err := b.person(s.who)
		if err != nil {
			return nil, err
		}
		person = p.ID
	}
	err = b.st.Read(ctx, func(v *store.View) error {
		if person != 0 {
			q.Person = person
		}
		all, err = v.LiveSessions(ctx, q, now())
		return err
	})
	return all, err
}

func (a *app) sessionRevokeCommand() *cobra.Command {
	s := &sessionChoice{limit: 1_000_000}
	var all, yes bool
	c := s.flags(a.reasons(&cobra.Command{Use: "revoke [WHO]", Short: "end sessions; they open nothing from their next request on", Args: words("[WHO]"),
		Long: `Revoke ends the sessions of a person, of a source (--source), one (--id), or all
(--all). Who may still sign in can do so again: person lock keeps somebody out.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.who = args[0]
			}
			if *s == (sessionChoice{limit: s.limit}) != all {
				return usage("whose sessions? write WHO, --source, --id or, by itself, --all")
			}
			if s.who == "" && s.id == "" {
				if err := a.confirm(yes, "End the sessions of many people now?"); err != nil {
					return err
				}
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.revokeSessions(c.Context(), b, *s) })
		}}))
	c.Flags().StringVar(&s.id, "id", "", "this session")
	c.Flags().BoolVar(&all, "all", false, "everybody's")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) revokeSessions(ctx context.Context, b *bridge, s sessionChoice) error {
	live, err := b.sessions(ctx, s)
	if err != nil {
		return err
	}
	n := 0
	for some := range slices.Chunk(live, 500) {
		op := &store.RevokeSessions{}
		for _, x := range some {
			op.IDs = append(op.IDs, x.ID)
		}
		if _, err := b.st.Do(ctx, a.by(), op); err != nil {
			return err
		}
		n += op.Ended
	}
	if s.id != "" && n == 0 {
		return fmt.Errorf("no session %s lives; grantbridge session list shows those that do", s.id)
	}
	a.say("%s ended", count(n, "session"))
	return nil
}
