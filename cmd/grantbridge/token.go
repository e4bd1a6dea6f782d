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

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) tokenCommand() *cobra.Command {
	return group("token", "API tokens of people and services, with ceilings",
		a.tokenCreateCommand(), a.tokenListCommand(), a.tokenInspectCommand(), a.tokenRotateCommand(), a.tokenRevokeCommand())
}

// tokenRow is a token for machines, without its secret.
type tokenRow struct {
	ID          access.TokenID  `json:"id"`
	Name        string          `json:"name"`
	Person      string          `json:"person"`
	Description string          `json:"description,omitempty"`
	Prefix      string          `json:"prefix"`
	State       string          `json:"state"`
	Ceiling     string          `json:"ceiling"`
	Sites       []access.SiteID `json:"sites,omitempty"`
	Actions     []string        `json:"actions,omitempty"`
	Created     time.Time       `json:"created"`
	Expires     time.Time       `json:"expires,omitzero"`
	LastUsed    time.Time       `json:"last_used,omitzero"`
	Parent      access.TokenID  `json:"parent,omitempty"`
	RotatedFrom access.TokenID  `json:"rotated_from,omitempty"`
}

func (b *bridge) tokenRow(t store.Token) tokenRow {
	p, _ := b.PersonByID(t.Person)
	return tokenRow{t.ID, t.Name, p.Login, t.Description, t.Prefix, stateOf(t.Revoked, t.Expires), cmp.Or(t.Ceiling, "inherit"),
		t.Sites, t.Actions, t.Created, t.Expires, t.LastUsed, t.Parent, t.RotatedFrom}
}

// tokenFlags are what a new token is made with.
type tokenFlags struct {
	service, ceiling, expires, description, parent string
	sites, actions                                 []string
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var f tokenFlags
	c := a.reasons(&cobra.Command{
		Use:   "create WHO [NAME] | create --service NAME",
		Short: "make a token; its secret is printed alone, once",
		Long: `Create makes an API token for a person. --service makes a service of that name
instead, when there is none yet: a program with tokens and manual grants only.
The actions of --actions are granted to it.`,
		Example: `  grantbridge token create clara.moreau ci-export --ceiling view --expires 90d --description "nightly export"
  grantbridge token create --service shop-backend --actions decisions:ask`,
		Args: words("[WHO]", "[NAME]"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.createToken(c.Context(), f, args)
		},
	})
	c.Flags().StringVar(&f.service, "service", "", "make it for the service of this `name`")
	c.Flags().StringVar(&f.ceiling, "ceiling", "inherit", "inherit, view, write, admin or superuser")
	c.Flags().StringSliceVar(&f.sites, "sites", nil, "only on these `sites` (ids or slugs)")
	c.Flags().StringSliceVar(&f.actions, "actions", nil, "only these `actions`")
	c.Flags().StringVar(&f.expires, "expires", "", "when it ends: a `time`, a day, or 90d from now")
	c.Flags().StringVar(&f.description, "description", "", "what it is for")
	c.Flags().StringVar(&f.parent, "parent", "", "a `token` that this one never exceeds; what is left out here is as there")
	return c
}

func (a *app) createToken(ctx context.Context, f tokenFlags, args []string) error {
	switch {
	case f.service == "" && len(args) < 1:
		return usage("whose token is it? write token create WHO NAME, or --service NAME")
	case f.service != "" && len(args) > 1:
		return usage("--service makes a token for the service; leave WHO out")
	}
	use := existing
	if f.service != "" {
		use = mayMake
	}
	return a.with(ctx, use, func(b *bridge) error {
		t, err := a.tokenOf(b, f)
		if err != nil {
			return err
		}
		if f.service != "" {
			t.Person, err = a.service(ctx, b, f)
			t.Name = cmp.Or(strings.Join(args, ""), f.service)
		} else {
			var p provision.PersonRef
			p, err = b.FindMeant(args[0])
			t.Person, t.Name = p.ID, cmp.Or(strings.Join(args[1:], ""), f.description, "token")
		}
		if err != nil {
			return err
		}
		return a.mint(ctx, b, &store.MintToken{Token: t})
	})
}

// tokenOf is the token that the flags describe.
func (a *app) tokenOf(b *bridge, f tokenFlags) (t store.Token, err error) {
	c, err := access.ParseCeiling(f.ceiling)
	if err != nil {
		return t, usage("--ceiling: %v", err)
	}
	t.Ceiling, t.Description, t.Actions = c.String(), f.description, f.actions
	if t.Expires, err = a.optionalTime(b, f.expires); err != nil {
		return t, err
	}
	if t.Sites, err = b.siteIDs(f.sites); err != nil {
		return t, err
	}
	for _, n := range f.actions {
		if _, err := b.FindAction(n); err != nil {
			return t, err
		}
	}
	if f.parent != "" {
		parent, err := b.FindToken(f.parent)
		if err != nil {
			return t, err
		}
		within(&t, parent)
	}
	return t, nil
}

// within makes t a child of parent: what its flags leave open is as in the parent.
func within(t *store.Token, parent store.Token) {
	t.Parent = parent.ID
	if t.Ceiling == access.CeilingInherit.String() {
		t.Ceiling = cmp.Or(parent.Ceiling, t.Ceiling)
	}
	if t.Sites == nil {
		t.Sites = parent.Sites
	}
	if t.Actions == nil {
		t.Actions = parent.Actions
	}
	if t.Expires.IsZero() {
		t.Expires = parent.Expires
	}
}

func (b *bridge) siteIDs(names []string) ([]access.SiteID, error) {
	var out []access.SiteID
	for _, n := range names {
		s, err := b.FindSite(n)
		if err != nil {
			return nil, err
		}
		out = append(out, s.ID)
	}
	return out, nil
}

// service finds or makes a service, and grants it the actions it lacks.
func (a *app) service(ctx context.Context, b *bridge, f tokenFlags) (access.PersonID, error) {
	id, err := a.servicePerson(ctx, b, f.service)
	if err != nil || len(f.actions) == 0 {
		return id, err
	}
	if missing := b.lacking(id, f.actions); len(missing) > 0 {
		_, err = b.AddGrant(ctx, a.by(), store.Manual{
			Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(id)},
			Actions: missing, All: true, TokenCeiling: "inherit",
			Reason: cmp.Or(a.why.reason, "token of service "+f.service), Ticket: a.why.ticket,
		})
	}
	return id, err
}

func (a *app) servicePerson(ctx context.Context, b *bridge, login string) (access.PersonID, error) {
	p, err := b.FindPerson(login)
	if err == nil && p.Kind == store.Service {
		return p.ID, nil
	}
	if err == nil {
		return 0, fmt.Errorf("%s is a person already; name the service otherwise", login)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	op := &store.AddPerson{Kind: store.Service, Login: login, Display: login}
	r, err := b.st.Do(ctx, a.by(), op)
	if err != nil {
		return 0, err
	}
	return op.ID, b.Sync(ctx, r.Revision)
}

// lacking are the actions that person may not do on the platform as a whole.
func (b *bridge) lacking(person access.PersonID, actions []string) []string {
	s, _ := b.Holder().Snapshot(now())
	var out []string
	for _, n := range actions {
		act, err := b.FindAction(n)
		r := access.Request{Person: person, Credential: access.Session(now()), Site: access.Global, Action: act, At: now()}
		if err == nil && s != nil && s.Check(r).Allowed {
			continue
		}
		out = append(out, n)
	}
	return out
}

// mint makes a token and prints its secret, alone on standard output.
func (a *app) mint(ctx context.Context, b *bridge, m *store.MintToken) error {
	if err := b.Engine.MintToken(ctx, a.by(), m); err != nil {
		return err
	}
	row := b.tokenRow(m.Token)
	a.note("token %d (%s) of %s, ceiling %s, ends %s; the secret is shown this once", row.ID, row.Name, row.Person, row.Ceiling, orDash(when(row.Expires)))
	if a.people() {
		_, err := fmt.Fprintln(a.out, m.Secret)
		return err
	}
	return a.encode(struct {
		tokenRow
		Secret string `json:"secret"`
	}{row, m.Secret})
}

func (a *app) tokenListCommand() *cobra.Command {
	var f tokenFilter
	c := &cobra.Command{
		Use: "list", Short: "the tokens of everybody, or of one person", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(b *bridge, v *store.View) error { return a.listTokens(c.Context(), b, v, f) })
		},
	}
	c.Flags().StringVar(&f.who, "person", "", "only of this person")
	c.Flags().StringVar(&f.unused, "unused", "", "only those not used for a `time`, as 90d")
	c.Flags().BoolVar(&f.due, "due", false, "only those that are due for rotation: 90 days for superuser, 180 for admin, 365 for the rest")
	c.Flags().BoolVar(&f.all, "all", false, "revoked and expired ones too")
	return c
}

var tokenColumns = []column[tokenRow]{
	{"ID", func(t tokenRow) string { return strconv.FormatInt(int64(t.ID), 10) }},
	{"NAME", func(t tokenRow) string { return t.Name }},
	{"PERSON", func(t tokenRow) string { return t.Person }},
	{"CEILING", func(t tokenRow) string { return t.Ceiling }},
	{"STATE", func(t tokenRow) string { return t.State }},
	{"EXPIRES", func(t tokenRow) string { return when(t.Expires) }},
	{"LAST USED", func(t tokenRow) string { return when(t.LastUsed) }},
	{"DESCRIPTION", func(t tokenRow) string { return orDash(t.Description) }},
}

// tokenReach is what a token can do at worst.
type tokenReach struct {
	tokenRow
	Reach []provision.Holding `json:"reach"`
}

func (a *app) tokenInspectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "inspect TOKEN", Short: "a token's owner, state and everything it reaches", Args: words("TOKEN"),
		Long: "Inspect finds a token by id, prefix or name. Never write a secret on a command line.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				t, err := b.FindToken(args[0])
				if err != nil {
					return err
				}
				return a.inspect(c.Context(), b, t)
			})
		},
	}
}

func (a *app) inspect(ctx context.Context, b *bridge, t store.Token) error {
	p, ok := b.PersonByID(t.Person)
	if !ok {
		return fmt.Errorf("token %d belongs to nobody", t.ID)
	}
	reach, err := b.WhatCan(ctx, p.UID, strconv.FormatInt(int64(t.ID), 10))
	if err != nil {
		return err
	}
	r := tokenReach{b.tokenRow(t), reach}
	return a.show(r, func(w io.Writer) {
		fmt.Fprintf(w, "token %d  %s  (%s)\n", r.ID, r.Name, r.State)
		fmt.Fprintf(w, "  of        %s (%s)\n  ceiling   %s\n  made      %s\n  ends      %s\n  last used %s\n",
			p.Display, p.Login, r.Ceiling, when(r.Created), when(r.Expires), when(r.LastUsed))
		fmt.Fprintf(w, "  reaches   %s\n", count(len(reach), "site"))
		for _, h := range reach {
			fmt.Fprintf(w, "    %-24s %s\n", h.Site.Slug, h.Level)
		}
	})
}

func (a *app) tokenRotateCommand() *cobra.Command {
	var overlap, expires string
	c := a.reasons(&cobra.Command{
		Use: "rotate TOKEN", Short: "make a new secret; the old one lives on for --overlap", Args: words("TOKEN"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := parseSpan(overlap)
			if err != nil || d < 0 {
				return usage("--overlap: %q is no duration; write 24h, or 0 to end the old one at once", overlap)
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.rotate(c.Context(), b, args[0], d, expires) })
		},
	})
	c.Flags().StringVar(&overlap, "overlap", "24h", "how long the old one lives on; 0 ends it at once")
	c.Flags().StringVar(&expires, "expires", "", "when the new one ends; default: after as long as the old one was made for")
	return c
}

func (a *app) rotate(ctx context.Context, b *bridge, which string, overlap time.Duration, expires string) error {
	old, err := b.FindToken(which)
	if err != nil {
		return err
	}
	end, err := a.optionalTime(b, expires)
	if err != nil {
		return err
	}
	if end.IsZero() && !old.Expires.IsZero() {
		end = now().Add(old.Expires.Sub(old.Created))
	}
	return a.mint(ctx, b, &store.MintToken{Replaces: old.ID, Overlap: overlap, Token: store.Token{
		Person: old.Person, Name: old.Name, Description: old.Description, Ceiling: old.Ceiling,
		Sites: old.Sites, Actions: old.Actions, Parent: old.Parent, Expires: end,
	}})
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return a.reasons(&cobra.Command{
		Use: "revoke TOKEN", Short: "end a token now", Args: words("TOKEN"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				t, err := b.FindToken(args[0])
				if err != nil {
					return err
				}
				if err := b.Engine.RevokeToken(c.Context(), a.by(), t.ID); err != nil {
					return err
				}
				a.say("token %d (%s) is revoked", t.ID, t.Name)
				return nil
			})
		},
	})
}
