package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/store"
)

func (a *app) loginCommand() *cobra.Command {
	return group("login", "why somebody could not sign in, and who waits to be linked",
		group("trace", "what became of attempts to sign in", a.traceListCommand(), a.traceShowCommand()),
		a.pendingCommand(), a.linkCommand())
}

type traceRow struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Source  string    `json:"source"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason"`
}

func (a *app) traceListCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{Use: "list", Short: "the newest attempts, newest first", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				all, err := v.Traces(c.Context(), limit)
				if err != nil {
					return err
				}
				var rows []traceRow
				for _, t := range all {
					rows = append(rows, traceRow{t.ID, t.At, t.Source, t.Outcome, t.Reason})
				}
				return list(a, rows,
					column[traceRow]{"ID", func(r traceRow) string { return r.ID }},
					column[traceRow]{"AT", func(r traceRow) string { return r.At.Format(time.RFC3339) }},
					column[traceRow]{"SOURCE", func(r traceRow) string { return r.Source }},
					column[traceRow]{"OUTCOME", func(r traceRow) string { return r.Outcome }},
					column[traceRow]{"REASON", func(r traceRow) string { return r.Reason }})
			})
		}}
	c.Flags().IntVar(&limit, "limit", 50, "how many")
	return c
}

func (a *app) traceShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "what was expected, what came, and what to change", Args: words("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				t, err := v.Trace(c.Context(), args[0])
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("no sign-in is known as %s; the words are on the page that the person saw", args[0])
				}
				if err != nil {
					return err
				}
				var body map[string]any
				if err := json.Unmarshal(t.Body, &body); err != nil {
					return err
				}
				body["outcome"], body["reason"] = t.Outcome, t.Reason
				text, err := json.MarshalIndent(body, "", "  ")
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s\n", text)
				return nil
			})
		}}
}

func (a *app) pendingCommand() *cobra.Command {
	return &cobra.Command{Use: "pending", Short: "sign-ins that wait for an administrator", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				all, err := v.PendingLinks(c.Context())
				if err != nil {
					return err
				}
				return list(a, all,
					column[store.PendingLink]{"SOURCE", func(p store.PendingLink) string { return p.Source }},
					column[store.PendingLink]{"SUBJECT", func(p store.PendingLink) string { return p.Subject }},
					column[store.PendingLink]{"LOGIN", func(p store.PendingLink) string { return p.Login }},
					column[store.PendingLink]{"LAST", func(p store.PendingLink) string { return p.Last.Format(time.RFC3339) }},
					column[store.PendingLink]{"TRACE", func(p store.PendingLink) string { return p.Trace }})
			})
		}}
}

func (a *app) linkCommand() *cobra.Command {
	c := &cobra.Command{Use: "link SOURCE SUBJECT ACCOUNT", Short: "say whose account a sign-in is; ACCOUNT is the account's id", Args: words("SOURCE", "SUBJECT", "ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				_, err := b.st.Do(c.Context(), a.by(), &store.LinkSubject{Source: args[0], Subject: args[1], Account: args[2]})
				return err
			})
		}}
	return a.reasons(c)
}
