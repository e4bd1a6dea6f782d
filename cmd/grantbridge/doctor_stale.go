package main

import (
	"context"

	"grantbridge/store"
)

// staleGroups warns of people whose sign-ins do not say their groups any more.
func (d *doctor) staleGroups(ctx context.Context, b *bridge) {
	var all []store.StaleSource
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		all, err = v.StaleSources(ctx)
		return err
	})
	if err != nil {
		d.fail("groups", "%s", explainError(err))
	}
	for _, s := range all {
		ends := "for ever: the source has no bound"
		if !s.Oldest.Until.IsZero() {
			ends = "until " + when(s.Oldest.Until) + " at the earliest (groups_stale_after)"
		}
		d.warn("groups "+s.Source, "sign-ins have not said the groups of %s since %s; their memberships grant %s; grantbridge login trace list --source %s --outcome in shows what arrived",
			count(s.Accounts, "account"), when(s.Oldest.Since), ends, s.Source)
	}
}
