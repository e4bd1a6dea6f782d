package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/internal/session"
	"grantbridge/provision"
)

func (a *app) explainCommand() *cobra.Command {
	var token, in, at string
	c := &cobra.Command{
		Use:   "explain WHO WHAT SITE",
		Short: "may WHO do WHAT on SITE, and why",
		Long: `Explain answers with one sentence, then the whole trail: every grant that
reaches the question, everything that takes away, and what would change the
answer. It exits 0 for yes and 4 for no.

WHO is a login, SOURCE/login or a person's id, or anonymous for who is not
signed in. WHAT is view, write, admin,
superuser or an action. SITE is an id or a slug, or * for the platform itself.`,
		Example: `  grantbridge explain clara.moreau write staging-shop-eu --token ci-export`,
		Args:    words("WHO", "WHAT", "SITE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				q := provision.Question{Who: args[0], What: args[1], Site: args[2], Token: token}
				if err := b.inSession(c.Context(), &q, in); err != nil {
					return err
				}
				return a.explain(c, b, q, at)
			})
		},
	}
	c.Flags().StringVar(&token, "token", "", "through this token: its `id`, prefix or name")
	c.Flags().StringVar(&in, "session", "", "in this session: its `id`, from session list")
	c.MarkFlagsMutuallyExclusive("token", "session")
	c.Flags().StringVar(&at, "at", "", "at this `time` instead of now")
	return c
}

func (a *app) explain(c *cobra.Command, b *bridge, q provision.Question, at string) (err error) {
	q.At = time.Now()
	if at != "" {
		if q.At, err = parseTime(at, q.At, b.cfg.Location(), false); err != nil {
			return err
		}
	}
	if q.Token, err = b.tokenID(q.Token); err != nil {
		return err
	}
	x, err := b.Explain(c.Context(), q)
	if err != nil {
		return err
	}
	if err := a.show(x, func(w io.Writer) { a.writeExplanation(w, x) }); err != nil {
		return err
	}
	if !x.Decision {
		return errNo
	}
	return nil
}

// inSession makes q be about a certain session of its person.
func (b *bridge) inSession(ctx context.Context, q *provision.Question, id string) error {
	if id == "" {
		return nil
	}
	p, err := b.FindMeant(q.Who)
	if err != nil {
		return err
	}
	owner, c, err := session.New(b.st, b.Holder(), session.Config{}).ByID(ctx, id)
	if errors.Is(err, session.ErrNone) || err == nil && owner != p.ID {
		return fmt.Errorf("%s has no session %s; grantbridge session list %s shows them", q.Who, id, q.Who)
	}
	q.Session = &c
	return err
}

func (a *app) writeExplanation(w io.Writer, x *provision.Explanation) {
	verdict := a.paint(red, "no ")
	if x.Decision {
		verdict = a.paint(green, "yes")
	}
	fmt.Fprintf(w, "%s  %s\n", verdict, clean(x.Says))
	fmt.Fprintf(w, "     %s · holds %s · asked for %s · revision %d · %s\n", x.Code, cmp.Or(x.Effective, "nothing"), x.Asked, x.Revision, x.At.UTC().Format(time.RFC3339))
	for _, g := range x.Grants {
		fmt.Fprintf(w, "     %s %s\n", mark(g.Counts), clean(grantLine(g)))
	}
	for _, r := range x.Restrictions {
		fmt.Fprintf(w, "     − %s\n", clean(restrictionLine(r)))
	}
	for i, n := range x.Nearest {
		label := "or:"
		if i == 0 {
			label = "would be yes:"
		}
		fmt.Fprintf(w, "     %s %s\n", label, clean(n.Change))
	}
}

// tokenID is the id of the token that a person named, or "" for none.
func (b *bridge) tokenID(which string) (string, error) {
	if which == "" {
		return "", nil
	}
	t, err := b.FindToken(which)
	return strconv.FormatInt(int64(t.ID), 10), err
}

func mark(counts bool) string {
	if counts {
		return "+"
	}
	return "·"
}

func grantLine(g provision.ExplainedGrant) string {
	parts := []string{g.Kind + " " + g.Role, "rule " + g.Rule}
	if len(g.Via) > 0 {
		parts = append(parts, fmt.Sprintf("through %s (%s)", strings.Join(g.Via, ", "), g.Source))
	}
	parts = append(parts, "on "+g.Scope)
	if g.TokenCeiling != "" && g.TokenCeiling != "inherit" {
		parts = append(parts, "tokens at most "+g.TokenCeiling)
	}
	if g.Until != nil {
		parts = append(parts, "until "+when(*g.Until))
	}
	if g.Reason != "" {
		why := fmt.Sprintf("%q", g.Reason)
		if g.Author != "" {
			why += " by " + g.Author
		}
		parts = append(parts, why)
	}
	if g.WhyNot != "" {
		parts = append(parts, "does not count: "+g.WhyNot)
	}
	return strings.Join(parts, " · ")
}

func restrictionLine(r provision.ExplainedRestriction) string {
	s := strings.Join(strings.Fields(r.Kind+" "+r.ID), " ") + " leaves " + r.Limit
	if r.Reason != "" {
		s += fmt.Sprintf(" (%q)", r.Reason)
	}
	if r.Decides {
		s += ", which decides"
	}
	return s
}

func (a *app) whoCanCommand() *cobra.Command {
	return &cobra.Command{
		Use: "who-can WHAT SITE", Short: "everyone who may do WHAT on SITE, in a session",
		Args: words("WHAT", "SITE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				held, err := b.WhoCan(c.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				return list(a, held, append([]column[provision.Holding]{
					{"LOGIN", func(h provision.Holding) string { return h.Person.Login }},
					{"NAME", func(h provision.Holding) string { return h.Person.Display }},
				}, holdingColumns...)...)
			})
		},
	}
}

func (a *app) whatCanCommand() *cobra.Command {
	var token string
	c := &cobra.Command{
		Use: "what-can WHO", Short: "every site on which WHO may do something, with the level",
		Args: words("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				token, err := b.tokenID(token)
				if err != nil {
					return err
				}
				held, err := b.WhatCan(c.Context(), args[0], token)
				if err != nil {
					return err
				}
				return list(a, held, append([]column[provision.Holding]{
					{"SITE", func(h provision.Holding) string { return h.Site.Slug }},
					{"NAME", func(h provision.Holding) string { return h.Site.Name }},
				}, holdingColumns...)...)
			})
		},
	}
	c.Flags().StringVar(&token, "token", "", "through this token: its `id`, prefix or name")
	return c
}

var holdingColumns = []column[provision.Holding]{
	{"LEVEL", func(h provision.Holding) string { return h.Level.String() }},
	{"TOKENS", func(h provision.Holding) string { return h.Token.String() }},
	{"RULES", func(h provision.Holding) string { return strings.Join(h.Rules, ", ") }},
	{"UNTIL", func(h provision.Holding) string {
		if h.Until == nil {
			return "-"
		}
		return when(*h.Until)
	}},
}
