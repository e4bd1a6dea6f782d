package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) grantCommand() *cobra.Command {
	return group("grant", "manual and temporary access, beside the rules",
		a.grantAddCommand(), a.grantListCommand(), a.grantEndCommand())
}

// grantFlags are what a manual rule is made with.
type grantFlags struct {
	labels                              map[string]string
	until, from, ceiling, kind, channel string
}

func (a *app) grantAddCommand() *cobra.Command {
	var f grantFlags
	c := a.reasons(&cobra.Command{
		Use:   "add WHO ROLE SITE[,SITE…]",
		Short: "give a role on sites by hand; it needs a reason and an end",
		Long: `Add makes a manual rule beside those of the mapping. No sync takes it away, unless
it ends with one: --until next-sync:SOURCE.

WHO is a login, SOURCE/login, a person's id, group:SOURCE/NAME, signed-in or
everyone. ROLE is view, write, admin, superuser, a role or an action. SITE is an
id, a slug or all; leave it out with --label. --kind deny removes the action, or
all actions of the role, and those of view are among them; to lower somebody to a
role write --kind cap, which keeps only what the role has.`,
		Example: `  grantbridge grant add clara.moreau admin staging-shop-eu --until 48h --reason "release" --ticket OPS-7
  grantbridge grant add clara.moreau admin blog --until next-sync:okta --reason "until the group is right"`,
		Args: words("WHO", "ROLE", "[SITE]"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.addGrant(c.Context(), b, f, args) })
		},
	})
	c.Flags().StringVar(&f.until, "until", "", "end: a `time`, a day, 48h or 14d from now, or next-sync:SOURCE")
	c.Flags().StringVar(&f.from, "from", "", "begin at this `time` instead of now")
	c.Flags().StringToStringVar(&f.labels, "label", nil, "on the sites with these `labels`, as region=eu")
	c.Flags().StringVar(&f.ceiling, "token-ceiling", "inherit", "the most that tokens get of it")
	c.Flags().StringVar(&f.kind, "kind", "grant", "grant, deny or cap")
	c.Flags().StringVar(&f.channel, "channel", "any", "of a cap: any, token or session")
	return c
}

func (a *app) addGrant(ctx context.Context, b *bridge, f grantFlags, args []string) error {
	m, err := a.manual(ctx, b, f, args)
	if err != nil {
		return err
	}
	made, err := b.AddGrant(ctx, a.by(), m)
	if err != nil {
		return err
	}
	if !a.people() {
		rows, err := b.rowsOf(ctx, []store.Manual{made})
		if err != nil {
			return err
		}
		return a.encode(rows[0])
	}
	what := roleText(made)
	if made.Kind != access.Grant {
		what = kindName(made.Kind) + " " + what
	}
	a.say("grant %d: %s %s on %s until %s", made.ID, args[0], what, b.scopeText(made), untilText(made))
	return nil
}

func (a *app) manual(ctx context.Context, b *bridge, f grantFlags, args []string) (m store.Manual, err error) {
	m.Reason, m.Ticket, m.TokenCeiling, m.Labels = a.why.reason, a.why.ticket, f.ceiling, f.labels
	if m.Kind, err = kindOf(f.kind); err != nil {
		return m, err
	}
	if m.Channel, err = channelOf(f.channel); err != nil {
		return m, err
	}
	if m.Subject, err = b.subject(ctx, args[0]); err != nil {
		return m, err
	}
	if err = b.role(&m, args[1]); err != nil {
		return m, err
	}
	if err = b.scope(&m, args[2:]); err != nil {
		return m, err
	}
	if s, ok := strings.CutPrefix(f.until, "next-sync:"); ok {
		m.UntilSync = s
	} else if m.Until, err = a.optionalTime(b, f.until); err != nil {
		return m, err
	}
	if f.from != "" {
		m.From, err = parseTime(f.from, now(), b.cfg.Location(), false)
	}
	return m, err
}

var kinds = map[string]access.Kind{"grant": access.Grant, "deny": access.Deny, "cap": access.Cap}

func kindOf(name string) (access.Kind, error) {
	k, ok := kinds[name]
	if !ok {
		return 0, usage("--kind: no %q; there are grant, deny and cap", name)
	}
	return k, nil
}

func kindName(k access.Kind) string {
	for n, v := range kinds {
		if v == k {
			return n
		}
	}
	return "unknown"
}

var channels = map[string]access.Channel{"any": access.AnyChannel, "token": access.TokenChannel, "session": access.SessionChannel}

func channelOf(name string) (access.Channel, error) {
	c, ok := channels[name]
	if !ok {
		return 0, usage("--channel: no %q; there are any, token and session", name)
	}
	return c, nil
}

// subject reads whom a manual rule is about.
func (b *bridge) subject(ctx context.Context, who string) (access.Subject, error) {
	switch who {
	case "signed-in":
		return access.Subject{Kind: access.SignedIn}, nil
	case "everyone":
		return access.Subject{Kind: access.Everyone}, nil
	}
	if name, ok := strings.CutPrefix(who, "group:"); ok {
		return b.groupSubject(ctx, name)
	}
	p, err := b.FindMeant(strings.TrimPrefix(who, "person:"))
	return access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}, err
}

func (b *bridge) groupSubject(ctx context.Context, name string) (access.Subject, error) {
	source, display, ok := strings.Cut(name, "/")
	if !ok {
		return access.Subject{}, usage("write the group as group:SOURCE/NAME")
	}
	groups, err := b.allGroups(ctx)
	if err != nil {
		return access.Subject{}, err
	}
	var known []string
	for _, g := range groups {
		if g.Source == source && (directory.Fold(g.Display) == directory.Fold(display) || g.UID == display) {
			return access.Subject{Kind: access.TheGroup, ID: int64(g.ID)}, nil
		}
		known = append(known, g.Source+"/"+g.Display)
	}
	return access.Subject{}, fmt.Errorf("no group %s%s", name, didYouMean(name, known))
}

func didYouMean(word string, known []string) string {
	if n := strict.Nearest(word, known); n != "" {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}

func (b *bridge) allGroups(ctx context.Context) (groups []directory.Group, err error) {
	err = b.st.Read(ctx, func(v *store.View) error {
		groups, err = v.AllGroups(ctx, 0)
		return err
	})
	return groups, err
}

// role reads a level, a role's name or an action.
func (b *bridge) role(m *store.Manual, name string) error {
	if _, err := access.ParseLevel(name); err == nil {
		m.Role = name
		return nil
	}
	if _, ok := b.Catalogue().Role(name); ok {
		m.Role = name
		return nil
	}
	if _, ok := b.Catalogue().Lookup(name); ok {
		m.Actions = []string{name}
		return nil
	}
	hint := ""
	if n := b.Catalogue().Nearest(name); n != "" {
		hint = fmt.Sprintf("; did you mean %s?", n)
	}
	return usage("no role or action %q%s", name, hint)
}

// scope reads the sites; superuser is global by itself.
func (b *bridge) scope(m *store.Manual, args []string) error {
	sites := ""
	if len(args) > 0 {
		sites = args[0]
	}
	switch {
	case sites == "all", sites == "" && m.Role == "superuser":
		m.All = true
	case sites == "" && len(m.Labels) == 0:
		return usage("on which sites? write ids or slugs, all, or --label region=eu")
	case sites != "" && len(m.Labels) > 0:
		return usage("give sites or --label, not both")
	case sites != "":
		var err error
		m.Sites, err = b.siteIDs(strings.Split(sites, ","))
		return err
	}
	return nil
}

// manualRow is a manual rule for machines.
type manualRow struct {
	ID           store.ManualID `json:"id"`
	Kind         string         `json:"kind"`
	Who          string         `json:"who"`
	Role         string         `json:"role"`
	Scope        string         `json:"scope"`
	TokenCeiling string         `json:"token_ceiling,omitempty"`
	From         time.Time      `json:"from,omitzero"`
	Until        string         `json:"until"`
	State        string         `json:"state"`
	Reason       string         `json:"reason"`
	Ticket       string         `json:"ticket,omitempty"`
	Author       string         `json:"author"`
	Created      time.Time      `json:"created"`
	EndedBy      string         `json:"ended_by,omitempty"`
}

func (b *bridge) rowsOf(ctx context.Context, ms []store.Manual) ([]manualRow, error) {
	groups, err := b.allGroups(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]manualRow, 0, len(ms))
	for _, m := range ms {
		rows = append(rows, manualRow{m.ID, kindName(m.Kind), b.subjectText(m.Subject, groups), roleText(m), b.scopeText(m), m.TokenCeiling,
			m.From, untilText(m), manualState(m), m.Reason, m.Ticket, m.Author, m.Created, m.EndedBy})
	}
	return rows, nil
}

func (b *bridge) manualRows(ctx context.Context, v *store.View, pick func(store.Manual) bool) ([]manualRow, error) {
	all, err := v.Manuals(ctx, 0)
	if err != nil {
		return nil, err
	}
	return b.rowsOf(ctx, slices.DeleteFunc(all, func(m store.Manual) bool { return !pick(m) }))
}

func (b *bridge) subjectText(s access.Subject, groups []directory.Group) string {
	switch s.Kind {
	case access.ThePerson:
		return personName(b.Engine, access.PersonID(s.ID))
	case access.TheGroup:
		for _, g := range groups {
			if int64(g.ID) == s.ID {
				return "group:" + g.Source + "/" + g.Display
			}
		}
		return fmt.Sprintf("group:%d", s.ID)
	case access.SignedIn:
		return "signed-in"
	case access.Everyone:
		return "everyone"
	}
	return "nobody"
}

// personName is SOURCE/login for people of one source, else the login or id.
func personName(e *provision.Engine, id access.PersonID) string {
	p, ok := e.PersonByID(id)
	switch {
	case !ok:
		return fmt.Sprintf("person %d", id)
	case len(p.Sources) > 0 && p.Login != "":
		return p.Sources[0] + "/" + p.Login
	}
	return cmp.Or(p.Login, p.UID)
}

func roleText(m store.Manual) string { return cmp.Or(m.Role, strings.Join(m.Actions, ",")) }

func (b *bridge) scopeText(m store.Manual) string {
	switch {
	case m.All:
		return "all"
	case len(m.Sites) > 0:
		slugs := map[access.SiteID]string{}
		if s, _ := b.Holder().Snapshot(now()); s != nil {
			slugs = siteNames(s.AllSites())
		}
		out := make([]string, len(m.Sites))
		for i, id := range m.Sites {
			out[i] = cmp.Or(slugs[id], strconv.FormatInt(int64(id), 10))
		}
		return strings.Join(out, ",")
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		out = append(out, k+"="+m.Labels[k])
	}
	return strings.Join(out, ",")
}

func untilText(m store.Manual) string {
	switch {
	case m.UntilSync != "":
		return "next-sync:" + m.UntilSync
	case m.Until.IsZero():
		return "-"
	}
	return m.Until.UTC().Format(time.RFC3339)
}

func manualState(m store.Manual) string {
	switch {
	case !m.Ended.IsZero():
		return "ended"
	case !m.Until.IsZero() && !now().Before(m.Until):
		return "expired"
	case now().Before(m.From):
		return "waiting"
	}
	return "live"
}

func (a *app) grantListCommand() *cobra.Command {
	var who string
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "manual rules, those that stand or all", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(b *bridge, v *store.View) error { return a.listGrants(c.Context(), b, v, who, all) })
		},
	}
	c.Flags().StringVar(&who, "person", "", "only of this person")
	c.Flags().BoolVar(&all, "all", false, "ended and expired ones too")
	return c
}

func (a *app) listGrants(ctx context.Context, b *bridge, v *store.View, who string, all bool) error {
	var of access.Subject
	if who != "" {
		var err error
		if of, err = b.subject(ctx, who); err != nil {
			return err
		}
	}
	rows, err := b.manualRows(ctx, v, func(m store.Manual) bool {
		st := manualState(m)
		return (who == "" || m.Subject == of) && (all || st == "live" || st == "waiting")
	})
	if err != nil {
		return err
	}
	return list(a, rows,
		column[manualRow]{"ID", func(m manualRow) string { return strconv.FormatInt(int64(m.ID), 10) }},
		column[manualRow]{"WHO", func(m manualRow) string { return m.Who }},
		column[manualRow]{"KIND", func(m manualRow) string { return m.Kind }},
		column[manualRow]{"ROLE", func(m manualRow) string { return m.Role }},
		column[manualRow]{"SITES", func(m manualRow) string { return m.Scope }},
		column[manualRow]{"UNTIL", func(m manualRow) string { return m.Until }},
		column[manualRow]{"STATE", func(m manualRow) string { return m.State }},
		column[manualRow]{"BY", func(m manualRow) string { return m.Author }},
		column[manualRow]{"REASON", func(m manualRow) string { return strings.TrimSpace(m.Reason + " " + m.Ticket) }})
}

func (a *app) grantEndCommand() *cobra.Command {
	return a.reasons(&cobra.Command{
		Use: "end ID", Short: "end a manual rule now", Args: words("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number64("ID", args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				err := b.EndGrant(c.Context(), a.by(), store.ManualID(id))
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("no grant %d; see grant list --all", id)
				}
				if err == nil {
					a.say("grant %d is ended", id)
				}
				return err
			})
		},
	})
}
