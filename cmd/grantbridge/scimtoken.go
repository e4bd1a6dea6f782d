package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/store"
)

func (a *app) scimTokenCommand() *cobra.Command {
	return group("scim-token", "bearer tokens with which identity providers push",
		a.scimTokenCreateCommand(), a.scimTokenListCommand(), a.scimTokenRevokeCommand())
}

func (a *app) scimTokenCreateCommand() *cobra.Command {
	var source, expires string
	var client bool
	c := a.reasons(&cobra.Command{
		Use: "create --source S", Short: "make a token; its secret is printed alone, once", Args: words(),
		Long: `Create makes a bearer token for a source's SCIM door. Two may live at a time, so
that a new one can be put in place before the old one is revoked. With --client
it makes a pair for OAuth 2.0 client credentials instead: the client's secret is
printed, its id and the token endpoint are told beside it.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), mayMake, func(b *bridge) error {
				return a.createSCIMToken(c.Context(), b, &store.MintSCIMToken{Source: source, Client: client}, expires)
			})
		},
	})
	c.Flags().BoolVar(&client, "client", false, "a client id and secret for OAuth 2.0 client credentials")
	c.Flags().StringVar(&source, "source", "", "the `source`, as the configuration names it")
	c.Flags().StringVar(&expires, "expires", "", "when it ends: a `time`, a day, or 90d from now")
	must(c.MarkFlagRequired("source"))
	return c
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (a *app) createSCIMToken(ctx context.Context, b *bridge, m *store.MintSCIMToken, expires string) error {
	source := m.Source
	known, err := b.sources(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(known, func(s store.Source) bool { return s.Name == source }) {
		return noSource(source, known)
	}
	if m.Expires, err = a.optionalTime(b, expires); err != nil {
		return err
	}
	if err := b.MintSCIMToken(ctx, a.by(), m); err != nil {
		return err
	}
	base := b.cfg.URL(b.cfg.Listen) + "/scim/v2/" + source
	if m.Client {
		a.note("client id %s of source %s; its secret is shown this once; the token endpoint is %s/oauth/token", m.Token.ClientID(), source, base)
		if c := b.cfg.Sources[source].SCIM; c == nil || !c.Auth.OAuth.On() {
			a.note("the source does not take it yet: put `auth: {oauth: true}` under sources.%s.scim", source)
		}
	} else {
		a.note("token %d of source %s, shown this once; the identity provider's base URL is %s", m.Token.ID, source, base)
	}
	if a.people() {
		_, err := fmt.Fprintln(a.out, m.Secret)
		return err
	}
	return a.encode(struct {
		scimTokenRow
		Secret string `json:"secret"`
	}{rowOfSCIMToken(m.Token), m.Secret})
}

// optionalTime reads a time in the configured zone; empty is none.
func (a *app) optionalTime(b *bridge, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := parseTime(text, now(), b.cfg.Location(), true)
	if err == nil && !t.After(now()) {
		return t, usage("%s is past", text)
	}
	return t, err
}

func noSource(name string, known []store.Source) error {
	all := make([]string, len(known))
	for i, s := range known {
		all[i] = s.Name
	}
	if n := strict.Nearest(name, all); n != "" {
		return fmt.Errorf("no source %q; did you mean %s?", name, n)
	}
	if len(all) == 0 {
		return fmt.Errorf("no source %q: the configuration names none", name)
	}
	return fmt.Errorf("no source %q; there are %s", name, strings.Join(all, ", "))
}

// scimTokenRow is a SCIM token for machines, without its secret.
type scimTokenRow struct {
	ID       int64     `json:"id"`
	Source   string    `json:"source"`
	Kind     string    `json:"kind"` // bearer, client
	ClientID string    `json:"client_id,omitempty"`
	Prefix   string    `json:"prefix"`
	State    string    `json:"state"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

func rowOfSCIMToken(t store.SCIMToken) scimTokenRow {
	r := scimTokenRow{t.ID, t.Source, "bearer", "", t.Prefix, stateOf(t.Revoked, t.Expires), t.Created, t.Expires, t.LastUsed}
	if t.Client {
		r.Kind, r.ClientID = "client", t.ClientID()
	}
	return r
}

func stateOf(revoked, expires time.Time) string {
	switch {
	case !revoked.IsZero():
		return "revoked"
	case !live(revoked, expires, now()):
		return "expired"
	}
	return "live"
}

func (a *app) scimTokenListCommand() *cobra.Command {
	var source string
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "the tokens of all sources, or of one", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(b *bridge, v *store.View) error {
				tokens, err := v.SCIMTokens(c.Context())
				if err != nil {
					return err
				}
				return a.listSCIMTokens(tokens, source, all)
			})
		},
	}
	c.Flags().StringVar(&source, "source", "", "only of this source")
	c.Flags().BoolVar(&all, "all", false, "revoked and expired ones too")
	return c
}

func (a *app) listSCIMTokens(tokens []store.SCIMToken, source string, all bool) error {
	var items []scimTokenRow
	for _, t := range tokens {
		if r := rowOfSCIMToken(t); (source == "" || source == t.Source) && (all || r.State == "live") {
			items = append(items, r)
		}
	}
	return list(a, items,
		column[scimTokenRow]{"ID", func(t scimTokenRow) string { return strconv.FormatInt(t.ID, 10) }},
		column[scimTokenRow]{"SOURCE", func(t scimTokenRow) string { return t.Source }},
		column[scimTokenRow]{"PREFIX", func(t scimTokenRow) string { return t.Prefix }},
		column[scimTokenRow]{"STATE", func(t scimTokenRow) string { return t.State }},
		column[scimTokenRow]{"CREATED", func(t scimTokenRow) string { return when(t.Created) }},
		column[scimTokenRow]{"EXPIRES", func(t scimTokenRow) string { return when(t.Expires) }},
		column[scimTokenRow]{"LAST USED", func(t scimTokenRow) string { return when(t.LastUsed) }},
		column[scimTokenRow]{"KIND", func(t scimTokenRow) string { return t.Kind }})
}

func (a *app) scimTokenRevokeCommand() *cobra.Command {
	var source string
	c := a.reasons(&cobra.Command{
		Use: "revoke ID", Short: "end a token now", Args: words("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.revokeSCIMToken(c.Context(), b, source, args[0]) })
		},
	})
	c.Flags().StringVar(&source, "source", "", "the token must be of this source")
	return c
}

func (a *app) revokeSCIMToken(ctx context.Context, b *bridge, source, which string) error {
	var tokens []store.SCIMToken
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		tokens, err = v.SCIMTokens(ctx)
		return err
	})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tokens, func(t store.SCIMToken) bool {
		return (strconv.FormatInt(t.ID, 10) == which || t.Prefix == which) && (source == "" || source == t.Source)
	})
	if i < 0 {
		return fmt.Errorf("no SCIM token %q; see scim-token list --all", which)
	}
	if err := b.RevokeSCIMToken(ctx, a.by(), tokens[i].ID); err != nil {
		return err
	}
	a.say("token %d of source %s is revoked", tokens[i].ID, tokens[i].Source)
	return nil
}
