package main

import (
	"time"

	"github.com/spf13/cobra"

	"grantbridge/saml/login"
	"grantbridge/store"
)

func (a *app) pendingCommand() *cobra.Command {
	var refused bool
	c := &cobra.Command{Use: "pending", Short: "sign-ins that wait for an administrator", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				all, err := b.PendingSignIns(c.Context(), refused)
				if err != nil {
					return err
				}
				return list(a, all,
					column[store.PendingLink]{"SOURCE", func(p store.PendingLink) string { return p.Source }},
					column[store.PendingLink]{"SUBJECT", func(p store.PendingLink) string { return p.Subject }},
					column[store.PendingLink]{"LOGIN", func(p store.PendingLink) string { return p.Login }},
					column[store.PendingLink]{"EMAIL", func(p store.PendingLink) string { return orDash(p.Email) }},
					column[store.PendingLink]{"WAS", func(p store.PendingLink) string { return orDash(p.Account) }},
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
				return b.LinkSignIn(c.Context(), a.by(), args[0], args[1], args[2])
			})
		}})
}

func (a *app) approveCommand() *cobra.Command {
	return a.reasons(&cobra.Command{Use: "approve SOURCE SUBJECT", Short: "let a sign-in that waits in as somebody new", Args: words("SOURCE", "SUBJECT"),
		Long: `Approve makes an account of a sign-in that waits, with the login and address that
it came with, and with no right but what rules give. When the person is known
already, link the sign-in to the account instead: login link.

A sign-in by an e-mail address or an unspecified NameID that was not here for
longer than reassigned_after may be somebody else's by now. Approve then deletes
the account that it was, which stands under WAS, and makes another.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				made, err := b.ApproveSignIn(c.Context(), a.by(), args[0], args[1], login.Approve)
				if err == nil {
					a.say("account %s was made for %s; the next sign-in goes through", made.UID, made.Login)
				}
				return err
			})
		}})
}

func (a *app) refuseCommand() *cobra.Command {
	return a.reasons(&cobra.Command{Use: "refuse SOURCE SUBJECT", Short: "refuse a sign-in that waits, now and later", Args: words("SOURCE", "SUBJECT"),
		RunE: func(c *cobra.Command, args []string) error {
			if a.why.reason == "" {
				return usage("a refusal needs a reason: --reason TEXT")
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				return b.RefuseSignIn(c.Context(), a.by(), args[0], args[1])
			})
		}})
}
