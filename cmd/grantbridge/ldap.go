package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/directory"
	"grantbridge/ldapsync"
)

func (a *app) ldapCommand() *cobra.Command {
	c := group("ldap", "look at a directory as grantbridge sees it", a.ldapCheckCommand(), a.ldapUserCommand())
	c.Long = "These commands ask the directory of a source and write nothing."
	return c
}

func (a *app) ldapCheckCommand() *cobra.Command {
	var source string
	c := &cobra.Command{
		Use: "check", Short: "check connection, rights and proofs, stage by stage", Args: words(),
		Long: "Check reads the directory of a source as a first run would, says at each stage what\nit found and what to do, and which of it would be trusted. It exits 1 when a reading\nwould not be believed. It needs no store.",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.load(config.Part)
			if err != nil {
				return err
			}
			source, err := (&bridge{cfg: l}).pickDirectory(source)
			if err != nil {
				return err
			}
			cfg, err := l.Directory(source)
			if err != nil {
				return invalid(err)
			}
			reading, _, end := a.progress(source)
			if reading != nil {
				reading(true)
			}
			r := ldapsync.Check(c.Context(), cfg)
			end()
			if l.Sources[source].LDAP.PasswordLogin.Enabled {
				r.PasswordLogin(l.PasswordAttempts(source))
			}
			if err := a.show(r, func(w io.Writer) { a.writeCheck(w, source, r) }); err != nil {
				return err
			}
			if !r.Trusted {
				return errFailed
			}
			return nil
		},
	}
	c.Flags().StringVar(&source, "source", "", "the `source` to check; may be left out when only one is read")
	return c
}

func (a *app) writeCheck(w io.Writer, source string, r ldapsync.Report) {
	fmt.Fprintf(w, "%s · %s\n", source, orDash(r.Server))
	colors := map[ldapsync.Verdict]string{ldapsync.Good: green, ldapsync.Warn: yellow, ldapsync.Bad: red}
	for _, s := range r.Stages {
		fmt.Fprintf(w, "%s %-12s %s\n", a.paint(colors[s.Verdict], fmt.Sprintf("%-8s", s.Verdict)), s.Name, clean(s.Says))
		if s.Do != "" {
			fmt.Fprintf(w, "         → %s\n", clean(s.Do))
		}
		if s.Search != "" && s.Verdict != ldapsync.Good {
			fmt.Fprintf(w, "         %s\n", clean(s.Search))
		}
	}
	var lines []string
	for _, s := range r.Stages {
		if s.Search != "" && s.Verdict == ldapsync.Good {
			lines = append(lines, s.Search)
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\nTo look for yourself:\n")
	}
	for _, l := range lines {
		fmt.Fprintf(w, "  %s\n", clean(l))
	}
	samples := func(head string, list []ldapsync.Sample, says func(ldapsync.Sample) string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s, for example:\n", head)
		for _, s := range list {
			fmt.Fprintf(w, "  %-20s %-12s %s\n", clean(s.Name), says(s), clean(s.DN))
		}
	}
	samples("People", r.People, func(s ldapsync.Sample) string { return clean(s.Says) })
	samples("Groups", r.Groups, func(s ldapsync.Sample) string { return count(s.Members, "member") })
}

// ldapUser is one person of a directory for machines.
type ldapUser struct {
	Login  string      `json:"login"`
	ID     string      `json:"id"`
	DN     string      `json:"dn"`
	Active bool        `json:"active"`
	Why    string      `json:"why,omitempty"`
	Groups []ldapGroup `json:"groups"`
	Notes  []string    `json:"notes,omitempty"`
	// Known says how the account stands in the store.
	Known string `json:"known"`
}

type ldapGroup struct {
	Name  string   `json:"name"`
	DN    string   `json:"dn"`
	Via   []string `json:"via,omitempty"`
	Rules []string `json:"rules"`
	Says  []string `json:"says,omitempty"`
	Near  string   `json:"near,omitempty"`
	// ForAnother: it lists the name for who had it before.
	ForAnother bool `json:"for_another,omitempty"`
}

func (a *app) ldapUserCommand() *cobra.Command {
	var source string
	c := &cobra.Command{
		Use: "user LOGIN", Short: "one person: raw groups, rules, grants", Args: words("LOGIN"),
		Long: "User asks the directory for one person and every group he is in, also through other\ngroups, and says which rules name them. What follows for his access, by what was\ntaken over last, is shown by what-can.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), mayMake, func(b *bridge) error { return a.ldapUser(c.Context(), b, source, args[0]) })
		},
	}
	c.Flags().StringVar(&source, "source", "", "the `source` to ask; may be left out when only one is read")
	return c
}

func (a *app) ldapUser(ctx context.Context, b *bridge, source, login string) error {
	source, err := b.pickDirectory(source)
	if err != nil {
		return err
	}
	cfg, err := b.cfg.Directory(source)
	if err != nil {
		return invalid(err)
	}
	m, err := ldapsync.User(ctx, cfg, login)
	if err != nil {
		return err
	}
	direct := make([]directory.EntryID, len(m.Groups))
	for i, way := range m.Groups {
		direct[i] = way.Direct()
	}
	another, err := b.ForAnother(ctx, source, m.Account, direct)
	if err != nil {
		return err
	}
	u := b.ldapUserOf(source, m)
	for i := range u.Groups {
		u.Groups[i].ForAnother = another[direct[i]]
	}
	return a.show(u, func(w io.Writer) { a.writeLDAPUser(w, b, source, u) })
}

// ldapUserOf adds what the rules and the store say.
func (b *bridge) ldapUserOf(source string, m ldapsync.Membered) ldapUser {
	acc := m.Account
	u := ldapUser{Login: acc.Login, ID: acc.ID.String(), DN: acc.DN, Active: acc.ActiveAt(now()), Why: acc.Disabler, Notes: m.Notes, Known: "not taken over yet"}
	if p, err := b.FindPerson(source + "/" + acc.Login); err == nil {
		u.Known = "person " + p.UID
	}
	for _, way := range m.Groups {
		g := ldapGroup{Name: way.Group.Name, DN: way.Group.DN}
		for _, v := range way.Via {
			g.Via = append(g.Via, v.Name)
		}
		state := b.RulesFor(directory.Group{ID: 1, Source: source, ExternalID: way.Group.ID.String(), Display: way.Group.Name, DN: way.Group.DN})
		g.Rules, g.Near = state.Rules, state.Near
		for _, id := range state.Rules {
			g.Says = append(g.Says, b.RuleSays(id))
		}
		u.Groups = append(u.Groups, g)
	}
	return u
}

func (a *app) writeLDAPUser(w io.Writer, b *bridge, source string, u ldapUser) {
	state := "active"
	if !u.Active {
		state = "not active"
		if u.Why != "" {
			state += " (" + clean(u.Why) + ")"
		}
	}
	fmt.Fprintf(w, "%s · %s · %s\n  %s\n  id %s\n", clean(u.Login), state, u.Known, clean(u.DN), u.ID)
	if len(u.Groups) == 0 {
		fmt.Fprintln(w, "  in no group below groups.base")
	}
	for _, g := range u.Groups {
		fmt.Fprintf(w, "  group %s", clean(g.Name))
		if len(g.Via) > 0 {
			fmt.Fprintf(w, "  through %s", clean(strings.Join(g.Via, " → ")))
		}
		fmt.Fprintln(w)
		if g.ForAnother {
			fmt.Fprintf(w, "    %s it lists the name for somebody who had it before: not in it by that; if it is meant: grantbridge sync settle --source %s %s --groups\n",
				a.paint(yellow, "!"), source, u.ID)
			continue
		}
		for i, id := range g.Rules {
			fmt.Fprintf(w, "    %s rule %s: %s\n", a.paint(green, "→"), id, g.Says[i])
		}
		switch {
		case len(g.Rules) == 0 && g.Near != "":
			fmt.Fprintf(w, "    %s no rule names it; %s\n", a.paint(yellow, "!"), clean(g.Near))
		case len(g.Rules) == 0:
			fmt.Fprintln(w, "    no rule names it")
		}
	}
	for _, n := range u.Notes {
		fmt.Fprintf(w, "  %s\n", clean(n))
	}
	if u.Known != "not taken over yet" {
		fmt.Fprintf(w, "  access by what was taken over last: grantbridge what-can %s/%s\n", source, clean(u.Login))
	}
}
