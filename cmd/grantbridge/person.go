package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) personCommand() *cobra.Command {
	return group("person", "one person: everything about him, and the emergency lock",
		a.personShowCommand(), a.personLockCommand(), a.personUnlockCommand(), a.personLinkCommand())
}

// personView is a person in full.
type personView struct {
	provision.PersonRef
	Email     string              `json:"email,omitempty"`
	State     string              `json:"state"` // active, suspended, locked, inactive
	Superuser bool                `json:"superuser"`
	Accounts  []accountView       `json:"accounts"`
	Groups    []groupName         `json:"groups"`
	Sites     []provision.Holding `json:"sites"`
	Grants    []manualRow         `json:"grants"`
	Tokens    []tokenRow          `json:"tokens"`
}

type accountView struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Login  string `json:"login"`
	State  string `json:"state"`
}

type groupName struct {
	Source string `json:"source"`
	Name   string `json:"name"`
}

func (a *app) personShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show WHO", Short: "accounts, groups, access, grants and tokens of one person", Args: words("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.read(c.Context(), func(b *bridge, v *store.View) error {
				p, err := b.personView(c.Context(), v, args[0])
				if err != nil {
					return err
				}
				return a.show(p, func(w io.Writer) { writePerson(w, p) })
			})
		},
	}
}

// personID is who is named; 0 when nobody is.
func (b *bridge) personID(who string) (access.PersonID, error) {
	if who == "" {
		return 0, nil
	}
	p, err := b.FindMeant(who)
	return p.ID, err
}

func (b *bridge) personView(ctx context.Context, v *store.View, who string) (*personView, error) {
	ref, err := b.FindMeant(who)
	if err != nil {
		return nil, err
	}
	p := &personView{PersonRef: ref, State: "active"}
	err = v.People(ctx, store.PeopleQuery{IDs: []access.PersonID{ref.ID}}, func(sp store.Person) error {
		return b.fillPerson(ctx, v, p, sp)
	})
	if err != nil {
		return nil, err
	}
	if p.Sites, err = b.WhatCan(ctx, ref.UID, ""); err != nil {
		return nil, err
	}
	p.Superuser = b.isSuperuser(ref.ID)
	if p.Grants, err = b.manualRows(ctx, v, func(m store.Manual) bool { return m.Subject.ID == int64(ref.ID) && m.Subject.Kind == access.ThePerson }); err != nil {
		return nil, err
	}
	tokens, err := v.Tokens(ctx, 0)
	for _, t := range tokens {
		if t.Person == ref.ID {
			p.Tokens = append(p.Tokens, b.tokenRow(t))
		}
	}
	return p, err
}

func (b *bridge) fillPerson(ctx context.Context, v *store.View, p *personView, sp store.Person) error {
	p.Email, p.State = sp.Email, stateOfPerson(sp)
	for _, ac := range sp.Accounts {
		state := "inactive"
		switch {
		case ac.Deleted:
			state = "deleted"
		case ac.Active:
			state = "active"
		}
		p.Accounts = append(p.Accounts, accountView{ac.Source, ac.UID, ac.Login, state})
	}
	groups, err := v.AllGroups(ctx, 0)
	if err != nil {
		return err
	}
	mine := map[directory.GroupID]bool{}
	for _, g := range sp.Groups {
		mine[directory.GroupID(g)] = true
	}
	for _, g := range groups {
		if mine[g.ID] {
			p.Groups = append(p.Groups, groupName{g.Source, g.Display})
		}
	}
	return nil
}

func stateOfPerson(p store.Person) string {
	switch {
	case p.Locked:
		return "locked"
	case p.Suspended:
		return "suspended"
	}
	for _, ac := range p.Accounts {
		if ac.Active {
			return "active"
		}
	}
	if p.Kind == store.Human {
		return "inactive"
	}
	return "active"
}

func (b *bridge) isSuperuser(id access.PersonID) bool {
	s, _ := b.Holder().Snapshot(now())
	return s != nil && s.Check(access.Request{Person: id, Credential: access.Session(now()), Site: access.Global, Action: access.ActSuperuser, At: now()}).Allowed
}

func writePerson(w io.Writer, p *personView) {
	fmt.Fprintf(w, "%s  %s  (%s, %s)\n", clean(p.Login), clean(p.Display), p.Kind, p.State)
	fmt.Fprintf(w, "  id        %s\n", p.UID)
	if p.Superuser {
		fmt.Fprintln(w, "  superuser yes")
	}
	for _, ac := range p.Accounts {
		fmt.Fprintf(w, "  account   %s/%s  %s  %s\n", ac.Source, clean(ac.Login), ac.State, ac.ID)
	}
	for _, g := range p.Groups {
		fmt.Fprintf(w, "  group     %s (%s)\n", clean(g.Name), g.Source)
	}
	for _, h := range p.Sites {
		fmt.Fprintf(w, "  site      %-24s %-8s tokens %-8s %s\n", h.Site.Slug, h.Level, h.Token, strings.Join(h.Rules, ", "))
	}
	for _, m := range p.Grants {
		fmt.Fprintf(w, "  grant     %d  %s %s on %s until %s  %q\n", m.ID, m.Kind, m.Role, m.Scope, m.Until, m.Reason)
	}
	for _, t := range p.Tokens {
		fmt.Fprintf(w, "  token     %d  %s  %s  ceiling %s\n", t.ID, t.Name, t.State, t.Ceiling)
	}
}

func (a *app) personLockCommand() *cobra.Command {
	var yes, evenLast bool
	c := a.reasons(&cobra.Command{
		Use: "lock WHO", Short: "emergency: take everything from a person at once", Args: words("WHO"),
		Long: `Lock denies a person everything and kills every session and token made until now.
No identity provider can open a lock; person unlock does. Afterwards it verifies
and says what is left.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.lock(c.Context(), b, args[0], yes, evenLast) })
		},
	})
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&evenLast, "even-last", false, "also the last working superuser")
	return c
}

func (a *app) lock(ctx context.Context, b *bridge, who string, yes, evenLast bool) error {
	p, err := b.FindMeant(who)
	if err != nil {
		return err
	}
	if a.why.reason == "" {
		return usage("a lock needs a reason: --reason TEXT")
	}
	if err := a.confirm(yes, fmt.Sprintf("Lock %s (%s) now?", p.Display, p.Login)); err != nil {
		return err
	}
	if err := b.Lock(ctx, a.by(), p.ID, evenLast); err != nil {
		return err
	}
	return a.verifyLock(ctx, b, p)
}

// lockReport is what an incident record needs.
type lockReport struct {
	Person   string    `json:"person"`
	Locked   bool      `json:"locked"`
	At       time.Time `json:"at"`
	Revision int64     `json:"revision"`
	Sites    int       `json:"sites_left"`
	Tokens   int       `json:"tokens_killed"`
	Reason   string    `json:"reason"`
	Ticket   string    `json:"ticket,omitempty"`
}

func (a *app) verifyLock(ctx context.Context, b *bridge, p provision.PersonRef) error {
	left, err := b.WhatCan(ctx, p.UID, "")
	if err != nil {
		return err
	}
	r := lockReport{Person: p.Login, Locked: len(left) == 0, At: now().UTC(), Revision: b.Status().Revision, Sites: len(left), Reason: a.why.reason, Ticket: a.why.ticket}
	err = b.st.Read(ctx, func(v *store.View) error {
		tokens, err := v.Tokens(ctx, 0)
		for _, t := range tokens {
			if t.Person == p.ID && live(t.Revoked, t.Expires, now()) {
				r.Tokens++
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	err = a.show(r, func(w io.Writer) {
		fmt.Fprintf(w, "locked    %s (%s), revision %d, %s\n", p.Display, p.Login, r.Revision, when(r.At))
		fmt.Fprintf(w, "sites     %d left\nsessions  all made until now are dead\ntokens    %d dead\nreason    %s %s\n", r.Sites, r.Tokens, r.Reason, r.Ticket)
		fmt.Fprintf(w, "undo      grantbridge person unlock %s --reason …\n", p.Login)
	})
	if err == nil && r.Sites > 0 {
		return fmt.Errorf("%s still reaches %s; repeat the lock and look at the audit", p.Login, count(r.Sites, "site"))
	}
	return err
}

func (a *app) personLinkCommand() *cobra.Command {
	return a.reasons(&cobra.Command{
		Use: "link SOURCE/ACCOUNT WHO", Short: "say that an account is this person's", Args: words("SOURCE/ACCOUNT", "WHO"),
		Long: `Link moves an account, named by its source and id or login, to a person who is
known by another account. Equal names and addresses never link by themselves.`,
		Example: `  grantbridge person link entra/clara.moreau@corp.example okta/clara.moreau --reason "same person, HR 4711"`,
		RunE: func(c *cobra.Command, args []string) error {
			if a.why.reason == "" {
				return usage("a link needs a reason: --reason TEXT")
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.link(c.Context(), b, args[0], args[1]) })
		},
	})
}

func (a *app) link(ctx context.Context, b *bridge, account, who string) error {
	source, name, ok := strings.Cut(account, "/")
	if !ok {
		return usage("which account? write SOURCE/ID or SOURCE/LOGIN")
	}
	from, err := b.FindMeant(name)
	if errors.Is(err, provision.ErrAmbiguous) {
		from, err = b.FindMeant(account)
	}
	if err != nil {
		return err
	}
	to, err := b.FindMeant(who)
	if err != nil {
		return err
	}
	var found []store.PersonAccount
	err = b.st.Read(ctx, func(v *store.View) error {
		return v.People(ctx, store.PeopleQuery{IDs: []access.PersonID{from.ID}}, func(p store.Person) error {
			for _, ac := range p.Accounts {
				if ac.Source == source && !ac.Deleted && (ac.UID == name || directory.Fold(ac.Login) == directory.Fold(name)) {
					found = append(found, ac)
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("source %s has no account %q; grantbridge person show %s lists the accounts", source, name, from.UID)
	}
	if err := b.Link(ctx, a.by(), found[0].ID, to.ID); err != nil {
		return err
	}
	a.say("account %s is %s's", account, to.Name())
	return nil
}

func (a *app) personUnlockCommand() *cobra.Command {
	return a.reasons(&cobra.Command{
		Use: "unlock WHO", Short: "open a lock; older sessions and tokens stay dead", Args: words("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				p, err := b.FindMeant(args[0])
				if err != nil {
					return err
				}
				if a.why.reason == "" {
					return usage("opening a lock needs a reason: --reason TEXT")
				}
				if err := b.Unlock(c.Context(), a.by(), p.ID); err != nil {
					return err
				}
				a.say("%s is unlocked; sessions and tokens from before the lock stay dead", p.Login)
				return nil
			})
		},
	})
}
