package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) sessionCommand() *cobra.Command {
	return group("session", "who is signed in, and ending it", a.sessionListCommand(), a.sessionRevokeCommand())
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
				q, err := b.sessionQuery(*s)
				if err != nil {
					return err
				}
				rows, err := b.SignedIn(c.Context(), q)
				if err != nil {
					return err
				}
				return list(a, rows,
					column[provision.SignedIn]{"ID", func(r provision.SignedIn) string { return r.ID }},
					column[provision.SignedIn]{"PERSON", func(r provision.SignedIn) string { return r.Person }},
					column[provision.SignedIn]{"SOURCE", func(r provision.SignedIn) string { return r.Source }},
					column[provision.SignedIn]{"CEILING", func(r provision.SignedIn) string { return r.Ceiling }},
					column[provision.SignedIn]{"SINCE", func(r provision.SignedIn) string { return when(r.Since) }},
					column[provision.SignedIn]{"IDLE", func(r provision.SignedIn) string { return when(r.Idle) }},
					column[provision.SignedIn]{"ENDS", func(r provision.SignedIn) string { return when(r.Ends) }})
			})
		}})
	c.Flags().Var(atLeast(1, &s.limit, 50), "limit", "how many")
	return c
}

func (b *bridge) sessionQuery(s sessionChoice) (store.SessionQuery, error) {
	q := store.SessionQuery{Source: s.source, ID: s.id, Limit: s.limit}
	if s.who == "" {
		return q, nil
	}
	p, err := b.FindMeant(s.who)
	q.Person = p.ID
	return q, err
}

func (a *app) sessionRevokeCommand() *cobra.Command {
	s := &sessionChoice{}
	var all, yes bool
	c := s.flags(a.reasons(&cobra.Command{Use: "revoke [WHO]", Short: "end sessions; they open nothing from their next request on", Args: words("[WHO]"),
		Long: `Revoke ends the sessions of a person, of a source (--source), one (--id), or all
(--all). Who may still sign in can do so again: person lock keeps somebody out.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.who = args[0]
			}
			if *s == (sessionChoice{}) != all {
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
	q, err := b.sessionQuery(s)
	if err != nil {
		return err
	}
	n, err := b.RevokeSessions(ctx, a.by(), q)
	if err != nil {
		return err
	}
	if s.id != "" && n == 0 {
		return fmt.Errorf("no session %s lives; grantbridge session list shows those that do", s.id)
	}
	a.say("%s ended", count(n, "session"))
	return nil
}
