package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/store"
)

func (a *app) loginCommand() *cobra.Command {
	return group("login", "why somebody could not sign in, who waits, and whom sources trust",
		group("trace", "what became of attempts to sign in", a.traceListCommand(), a.traceShowCommand()),
		a.loginTestCommand(), a.pendingCommand(), a.linkCommand(), a.approveCommand(), a.refuseCommand(), a.loginMetadataCommand())
}

func (a *app) traceListCommand() *cobra.Command {
	var limit int
	var source, outcome, who string
	c := &cobra.Command{Use: "list", Short: "the newest attempts, newest first", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			if outcome != "" && !slices.Contains(outcomes, outcome) {
				return usage("--outcome: no %q; there are %s", outcome, strings.Join(outcomes, ", "))
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				q := store.TraceQuery{Source: source, Outcome: outcome, Limit: limit}
				if who != "" {
					p, err := b.FindMeant(who)
					if err != nil {
						return err
					}
					q.Person = p.ID
				}
				rows, err := b.SignInAttempts(c.Context(), q)
				if err != nil {
					return err
				}
				return list(a, rows,
					column[provision.SignInAttempt]{"ID", func(r provision.SignInAttempt) string { return r.ID }},
					column[provision.SignInAttempt]{"AT", func(r provision.SignInAttempt) string { return r.At.Format(time.RFC3339) }},
					column[provision.SignInAttempt]{"SOURCE", func(r provision.SignInAttempt) string { return r.Source }},
					column[provision.SignInAttempt]{"OUTCOME", func(r provision.SignInAttempt) string { return r.Outcome }},
					column[provision.SignInAttempt]{"REASON", func(r provision.SignInAttempt) string { return r.Reason }},
					column[provision.SignInAttempt]{"PERSON", func(r provision.SignInAttempt) string { return orDash(r.Person) }})
			})
		}}
	c.Flags().Var(atLeast(1, &limit, 50), "limit", "how many")
	c.Flags().StringVar(&source, "source", "", "of this source")
	c.Flags().StringVar(&outcome, "outcome", "", strings.Join(outcomes, ", "))
	c.Flags().StringVar(&who, "person", "", "of this person")
	return c
}

// outcomes are what an attempt to sign in comes to.
var outcomes = []string{"in", "refused", "waiting", "tested", "logout"}

// traceView is a trace with what it came to.
type traceView struct {
	login.Trace
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
}

func (a *app) traceShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "what was expected, what came, and what to change", Args: words("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				t, err := b.SignInAttempt(c.Context(), args[0])
				if err != nil {
					return err
				}
				view := traceView{Outcome: t.Outcome, Reason: t.Reason}
				if err := json.Unmarshal(t.Trace, &view.Trace); err != nil {
					return err
				}
				return a.show(view, func(w io.Writer) { b.writeTrace(w, view) })
			})
		}}
}

func (b *bridge) writeTrace(w io.Writer, t traceView) {
	outcome := t.Outcome
	if t.Reason != "" {
		outcome += ": " + t.Reason
	}
	fmt.Fprintf(w, "%s  %s  %s  %s\n", t.ID, t.Source, when(t.At), outcome)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-10s %s\n", name, clean(text))
		}
	}
	line("expected", t.Want)
	line("received", t.Got)
	line("change", t.Fix)
	line("told", t.Says)
	line("test by", t.Test)
	if p, ok := b.PersonByID(t.Person); ok && t.Person != 0 {
		line("person", p.Name()+" ("+p.Login+")")
	}
	line("issuer", t.Issuer)
	line("subject", t.Subject)
	line("context", t.Context)
	line("clock", t.Clock)
	line("key", t.Key)
	line("groups", strings.TrimSuffix(t.GroupState+": "+strings.Join(t.Groups, ", "), ": "))
	for _, x := range t.Attributes {
		line("attribute", x.Name+"  "+strings.Join(x.Values, ", "))
	}
	line("joined", strings.Join(t.Joins, ", "))
	line("left", strings.Join(t.Leaves, ", "))
	for _, x := range t.Notes {
		line("note", x)
	}
	for _, x := range t.Gives {
		line("holds", x)
	}
}

func (a *app) loginTestCommand() *cobra.Command {
	var lasts string
	c := &cobra.Command{Use: "test SOURCE", Short: "print a link for a sign-in that creates nothing", Args: words("SOURCE"),
		Long: `Test prints a link that can be used once. Who opens it signs in at the identity
provider and sees everything about it: what was expected and what came, attributes,
groups, the account that it would be and what the rules would give. Nothing is
created or changed, and nobody is signed in.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				source, err := b.samlSource(args[0])
				if err != nil {
					return err
				}
				span, err := parseSpan(lasts)
				if err != nil {
					return err
				}
				if span <= 0 || span > 24*time.Hour {
					return usage("--for %s is not between 0 and 24h", lasts)
				}
				path, err := login.NewTest(c.Context(), b.st, login.Test{Protocol: b.cfg.Sources[source].Protocol(), Source: source, By: a.by().Actor, Ends: now().Add(span)})
				if err != nil {
					return err
				}
				a.note("open this once, within %s; nothing will be created", lasts)
				fmt.Fprintln(a.out, strings.TrimSuffix(b.cfg.URL(b.cfg.Listen), "/")+path)
				return nil
			})
		}}
	c.Flags().StringVar(&lasts, "for", "15m", "how long the link can be used")
	return c
}

// samlSource is a source that people sign in at.
func (b *bridge) samlSource(name string) (string, error) {
	var have []string
	for _, n := range b.cfg.SourceNames() {
		if b.cfg.Sources[n].Protocol() != "" {
			have = append(have, n)
		}
		if n == name && b.cfg.Sources[n].Protocol() != "" {
			return n, nil
		}
	}
	if len(have) == 0 {
		return "", errors.New("no source of the configuration has a saml or oidc block")
	}
	return "", fmt.Errorf("nobody signs in at %q; sources with a saml or oidc block are %s", name, strings.Join(have, ", "))
}
