package login

import (
	"context"
	"errors"
	"slices"

	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// groups does what the source's mode makes of the groups of a sign-in. Only
// groups that are present are applied: absent and overage are unknown, and empty
// is what a broken filter sends too, so it counts only when the source says so.
// They change memberships of this source and of nothing else.
func (d *Door) groups(ctx context.Context, by store.By, s Source, a directory.Account, p parked) (*signin.Rejection, error) {
	join, leave, err := d.difference(ctx, s, a, p)
	if err != nil {
		return nil, err
	}
	if len(join)+len(leave) > 0 {
		if no, err := d.applyGroups(ctx, by, a, p.Trace, join, leave); no != nil || err != nil {
			return no, err
		}
	}
	if s.Groups != Apply {
		return nil, nil
	}
	return nil, d.confirm(ctx, by, s, a, p)
}

// confirm keeps whether the sign-in said which groups the account is in: from the
// first that did not, the memberships grant for the source's bound only. It comes
// after what the groups changed, so that nothing grants again that ends.
func (d *Door) confirm(ctx context.Context, by store.By, s Source, a directory.Account, p parked) error {
	staleness := func() (is store.Staleness, err error) {
		err = d.engine.Store().Read(ctx, func(v *store.View) (err error) {
			is, err = v.Staleness(ctx, a.ID)
			return err
		})
		return is, err
	}
	is, err := staleness()
	if stale := !s.applies(p.Identity.Groups); err == nil && stale == is.Since.IsZero() {
		if _, err = d.engine.Store().Do(ctx, by, &store.StaleGroups{Source: a.Source, Account: a.UID, Stale: stale}); err == nil {
			is, err = staleness()
		}
	}
	if err == nil && !is.Until.IsZero() {
		p.Trace.note("no sign-in has said the groups since %s; the memberships grant until %s (groups_stale_after)", day(is.Since), day(is.Until))
	}
	return err
}

// difference is what the groups of a sign-in change for an account, which may be
// one that is still to be made.
func (d *Door) difference(ctx context.Context, s Source, a directory.Account, p parked) (join []string, leave []directory.Ref, err error) {
	g := p.Identity.Groups
	if s.Groups == Ignore {
		p.Trace.note("the source ignores groups")
		return nil, nil, nil
	}
	var have []directory.Ref
	err = d.engine.Store().Read(ctx, func(v *store.View) error {
		all, err := v.GroupsOf(ctx, []directory.AccountID{a.ID})
		have = all[a.ID]
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if !s.applies(g) {
		p.Trace.note("the groups are %s, which changes nothing; %d memberships stay", g.State, len(have))
		if g.Hint != "" {
			p.Trace.note("%s", g.Hint)
		}
		return nil, nil, nil
	}
	join, leave = differ(have, g.Values)
	if s.Groups != Apply {
		p.Trace.note("the groups are reported only: %d of the sign-in are not in the store, %d of the store are not in the sign-in", len(join), len(leave))
		return nil, nil, nil
	}
	p.Trace.Joins, p.Trace.Leaves = join, namesOf(leave)
	return join, leave, nil
}

func namesOf(groups []directory.Ref) (names []string) {
	for _, g := range groups {
		names = append(names, g.Display)
	}
	return names
}

// applies reports whether the groups of a sign-in say which groups there are.
func (s Source) applies(g signin.Groups) bool {
	return g.State == signin.GroupsPresent || g.State == signin.GroupsEmpty && s.LeaveOnEmpty
}

// differ says which groups, by folded name, are to be joined and left.
func differ(have []directory.Ref, want []string) (join []string, leave []directory.Ref) {
	has, wants := map[string]bool{}, map[string]bool{}
	for _, r := range have {
		has[directory.Fold(r.Display)] = true
	}
	for _, name := range want {
		key := directory.Fold(name)
		if !has[key] && !wants[key] {
			join = append(join, name)
		}
		wants[key] = true
	}
	for _, r := range have {
		if !wants[directory.Fold(r.Display)] {
			leave = append(leave, r)
		}
	}
	return join, leave
}

func (d *Door) applyGroups(ctx context.Context, by store.By, a directory.Account, t *Trace, join []string, leave []directory.Ref) (*signin.Rejection, error) {
	for _, g := range leave {
		if no, err := d.changeGroup(ctx, by, leaving(a, g)); no != nil || err != nil {
			return no, err
		}
	}
	for _, name := range join {
		if no, err := d.join(ctx, by, a, name); no != nil || err != nil {
			return no, err
		}
	}
	t.note("the groups were applied: joined %d, left %d", len(join), len(leave))
	return nil, nil
}

// join makes the account a member of the group, which is made when the source
// has none of that name.
func (d *Door) join(ctx context.Context, by store.By, a directory.Account, name string) (*signin.Rejection, error) {
	for try := 0; ; try++ {
		change, err := d.joining(ctx, a, name)
		if err != nil {
			return nil, err
		}
		no, err := d.changeGroup(ctx, by, change)
		if _, taken := errors.AsType[*store.UniqueError](err); taken && try == 0 {
			continue // somebody made it meanwhile
		}
		return no, err
	}
}

// joining is the change that makes the account a member.
func (d *Door) joining(ctx context.Context, a directory.Account, name string) (*directory.GroupChange, error) {
	uid, err := d.groupNamed(ctx, a.Source, name)
	c := &directory.GroupChange{Source: a.Source, UID: uid, Members: directory.MemberChange{Add: []string{a.UID}}, UniqueDisplay: true}
	if uid == "" {
		c.Edit = func(g directory.Group) (directory.Group, error) {
			g.Display, g.Doc = name, []byte(`{}`)
			g.Values = []directory.Value{{Path: "displayname", Text: directory.Fold(name)}}
			return g, nil
		}
	}
	return c, err
}

func leaving(a directory.Account, g directory.Ref) *directory.GroupChange {
	return &directory.GroupChange{Source: a.Source, UID: g.UID, Members: directory.MemberChange{Remove: []string{a.UID}}}
}

func (d *Door) groupNamed(ctx context.Context, source, name string) (uid string, err error) {
	err = d.engine.Store().Read(ctx, func(v *store.View) error {
		found, _, err := v.Groups(ctx, source, directory.Query{Count: 2, Start: 1, NoTotal: true,
			Filter: &directory.Filter{Op: directory.OpEq, Path: "displayname", Text: directory.Fold(name)}})
		i := slices.IndexFunc(found, func(g directory.Group) bool { return !g.Deleted })
		if i >= 0 {
			uid = found[i].UID
		}
		return err
	})
	return uid, err
}

func (d *Door) changeGroup(ctx context.Context, by store.By, c *directory.GroupChange) (*signin.Rejection, error) {
	_, err := d.engine.Apply(ctx, by, c)
	if errors.Is(err, provision.ErrUnknownSource) {
		return refusal(sourceDisabled, "the source switched on", "switched off"), nil
	}
	return nil, err
}
