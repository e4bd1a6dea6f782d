package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/saml/login"
	"grantbridge/store"
)

func (a *app) pendingCommand() *cobra.Command {
	var refused bool
	c := &cobra.Command{Use: "pending", Short: "sign-ins that wait for an administrator", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				all, err := v.PendingLinks(c.Context())
				if err != nil {
					return err
				}
				all = slices.DeleteFunc(all, func(p store.PendingLink) bool { return p.Refused.IsZero() == refused })
				return list(a, all,
					column[store.PendingLink]{"SOURCE", func(p store.PendingLink) string { return p.Source }},
					column[store.PendingLink]{"SUBJECT", func(p store.PendingLink) string { return p.Subject }},
					column[store.PendingLink]{"LOGIN", func(p store.PendingLink) string { return p.Login }},
					column[store.PendingLink]{"EMAIL", func(p store.PendingLink) string { return orDash(p.Email) }},
					column[store.PendingLink]{"LAST", func(p store.PendingLink) string { return p.Last.Format(time.RFC3339) }},
					column[store.PendingLink]{"TRACE", func(p store.PendingLink) string { return p.Trace }})
			})
		}}
	c.Flags().BoolVar(&refused, "refused", false, "those that were refused")
	return c
}

func (a *app) linkCommand() *cobra.Command {
	return a.reasons(&cobra.Command{Use: "link SOURCE SUBJECT ACCOUNT", Short: "say whose account a sign-in is; ACCOUNT is the account's id",
		Args: words("SOURCE", "SUBJECT", "ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				_, err := b.st.Do(c.Context(), a.by(), &store.LinkSubject{Source: args[0], Subject: args[1], Account: args[2]})
				return err
			})
		}})
}

func (a *app) approveCommand() *cobra.Command {
	return a.reasons(&cobra.Command{Use: "approve SOURCE SUBJECT", Short: "let a sign-in that waits in as somebody new", Args: words("SOURCE", "SUBJECT"),
		Long: `Approve makes an account of a sign-in that waits, with the login and address that
it came with, and with no right but what rules give. When the person is known
already, link the sign-in to the account instead: login link.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.approve(c.Context(), b, args[0], args[1]) })
		}})
}

func (a *app) approve(ctx context.Context, b *bridge, source, subject string) error {
	p, err := b.pendingLink(ctx, source, subject)
	if err != nil {
		return err
	}
	change, err := login.Approve(p)
	if err != nil {
		return err
	}
	made, err := b.Apply(ctx, a.by(), change)
	if unique, ok := errors.AsType[*store.UniqueError](err); ok {
		return fmt.Errorf("account %s has this %s already; when it is the same person: grantbridge login link %s %s %s", unique.UID, unique.Attribute, source, subject, unique.UID)
	}
	if err != nil {
		return err
	}
	if _, err := b.st.Do(ctx, a.by(), &store.LinkSubject{Source: source, Subject: subject, Account: made.Account.UID}); err != nil {
		return err
	}
	a.say("account %s was made for %s; the next sign-in goes through", made.Account.UID, p.Login)
	return nil
}

func (a *app) refuseCommand() *cobra.Command {
	return a.reasons(&cobra.Command{Use: "refuse SOURCE SUBJECT", Short: "refuse a sign-in that waits, now and later", Args: words("SOURCE", "SUBJECT"),
		RunE: func(c *cobra.Command, args []string) error {
			if a.why.reason == "" {
				return usage("a refusal needs a reason: --reason TEXT")
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				if _, err := b.pendingLink(c.Context(), args[0], args[1]); err != nil {
					return err
				}
				_, err := b.st.Do(c.Context(), a.by(), &store.RefuseSubject{Source: args[0], Subject: args[1]})
				return err
			})
		}})
}

func (b *bridge) pendingLink(ctx context.Context, source, subject string) (found store.PendingLink, err error) {
	err = b.st.Read(ctx, func(v *store.View) error {
		all, err := v.PendingLinks(ctx)
		i := slices.IndexFunc(all, func(p store.PendingLink) bool { return p.Source == source && p.Subject == subject })
		if err != nil {
			return err
		}
		if i < 0 {
			return fmt.Errorf("no sign-in of %s waits as %q; grantbridge login pending lists them", source, subject)
		}
		found = all[i]
		return nil
	})
	return found, err
}
