package store

import (
	"context"
	"fmt"

	"grantbridge/directory"
)

// Account finds a source's account by its UID; ErrNotFound when it is not there.
func (v *View) Account(ctx context.Context, source, uid string) (directory.Account, error) {
	if checkTexts(source, uid) != nil {
		return directory.Account{}, fmt.Errorf("account: %w", ErrNotFound)
	}
	as, err := list(ctx, v, scanAccount, `
		SELECT `+accountColumns+` FROM accounts a WHERE a.uid = $1 AND a.source = $2 AND a.deleted = 0`, uid, source)
	if err != nil {
		return directory.Account{}, err
	}
	if len(as) == 0 {
		return directory.Account{}, fmt.Errorf("account %q: %w", uid, ErrNotFound)
	}
	return as[0], v.accountValues(ctx, as)
}

// accountValues fills the accounts' Values.
func (v *View) accountValues(ctx context.Context, as []directory.Account) error {
	ids := make([]int64, len(as))
	at := map[int64]int{}
	for i, a := range as {
		ids[i], at[int64(a.ID)] = int64(a.ID), i
	}
	vs, err := v.valuesOf(ctx, `
		SELECT v.owner, p.path, v.elem, v.text, v.rest
		FROM rowset($1, id bigint) r JOIN account_values v ON v.owner = r.id JOIN paths p ON p.id = v.path`, ids)
	for id, list := range vs {
		as[at[id]].Values = tidy(list)
	}
	return err
}

func (v *View) groupValues(ctx context.Context, gs []directory.Group) error {
	ids := make([]int64, len(gs))
	at := map[int64]int{}
	for i, g := range gs {
		ids[i], at[int64(g.ID)] = int64(g.ID), i
	}
	vs, err := v.valuesOf(ctx, `
		SELECT v.owner, p.path, v.elem, v.text, v.rest
		FROM rowset($1, id bigint) r JOIN group_values v ON v.owner = r.id JOIN paths p ON p.id = v.path`, ids)
	for id, list := range vs {
		gs[at[id]].Values = tidy(list)
	}
	return err
}

func (v *View) valuesOf(ctx context.Context, text string, ids []int64) (map[int64][]directory.Value, error) {
	out := map[int64][]directory.Value{}
	err := v.ask(ctx, text, func(r row) error {
		var owner, elem int64
		var path, text, rest string
		err := r.Scan(&owner, &path, &elem, &text, &rest)
		out[owner] = append(out[owner], directory.Value{Path: path, Elem: int(elem), Text: text + rest})
		return err
	}, ids)
	return out, err
}

// Group finds a source's group by its UID.
func (v *View) Group(ctx context.Context, source, uid string) (directory.Group, error) {
	if checkTexts(source, uid) != nil {
		return directory.Group{}, fmt.Errorf("group: %w", ErrNotFound)
	}
	gs, err := list(ctx, v, scanGroup, `
		SELECT `+groupColumns+` FROM groups g WHERE g.uid = $1 AND g.source = $2 AND g.deleted = 0`, uid, source)
	if err != nil {
		return directory.Group{}, err
	}
	if len(gs) == 0 {
		return directory.Group{}, fmt.Errorf("group %q: %w", uid, ErrNotFound)
	}
	return gs[0], v.groupValues(ctx, gs)
}

// Members lists up to limit members of a group behind after, in order of
// account id.
func (v *View) Members(ctx context.Context, group directory.GroupID, after directory.AccountID, limit int) (ms []directory.Member, err error) {
	err = v.EachMember(ctx, group, after, limit, func(m directory.Member) { ms = append(ms, m) })
	return ms, err
}

// EachMember calls yield with what Members lists, without making a list of it: a
// group may have a hundred thousand.
func (v *View) EachMember(ctx context.Context, group directory.GroupID, after directory.AccountID, limit int, yield func(directory.Member)) error {
	var m directory.Member
	var since int64
	return v.ask(ctx, `
		SELECT a.id, a.uid, CASE WHEN a.display = '' THEN a.login ELSE a.display END, m.since
		FROM members m JOIN accounts a ON a.id = m.account
		WHERE m.group_id = $1 AND m.account > $2
		ORDER BY m.account LIMIT $3`, func(r row) error {
		if err := r.Scan((*int64)(&m.Account), &m.UID, &m.Display, &since); err != nil {
			return err
		}
		m.Since = timeOf(since)
		yield(m)
		return nil
	}, int64(group), int64(after), int64(limit))
}

// NestedGroups lists the groups that the source says are members of group, in
// order of UID. They wait among the parked members and give nobody anything.
func (v *View) NestedGroups(ctx context.Context, group directory.GroupID) ([]directory.Ref, error) {
	return list(ctx, v, func(r row, ref *directory.Ref) error {
		return r.Scan((*int64)(&ref.Group), &ref.UID, &ref.Display)
	}, `
		SELECT g.id, g.uid, g.display
		FROM parked p
		JOIN groups o ON o.id = p.group_id
		JOIN groups g ON g.uid = p.ref AND g.source = o.source AND g.deleted = 0
		WHERE p.group_id = $1
		ORDER BY g.uid`, int64(group))
}

// GroupsOf lists the groups of each account, in order of group id.
func (v *View) GroupsOf(ctx context.Context, accounts []directory.AccountID) (map[directory.AccountID][]directory.Ref, error) {
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = int64(a)
	}
	out := map[directory.AccountID][]directory.Ref{}
	err := v.ask(ctx, `
		SELECT m.account, g.id, g.uid, g.display
		FROM members m JOIN groups g ON g.id = m.group_id
		WHERE m.account IN (SELECT r.id FROM rowset($1, id bigint) r)
		ORDER BY m.account, g.id`, func(r row) error {
		var account directory.AccountID
		var ref directory.Ref
		err := r.Scan((*int64)(&account), (*int64)(&ref.Group), &ref.UID, &ref.Display)
		out[account] = append(out[account], ref)
		return err
	}, ids)
	return out, err
}

// Accounts answers q among a source's accounts. total is the number of all
// results, or -1 when q does not need it.
func (v *View) Accounts(ctx context.Context, source string, q directory.Query) (page []directory.Account, total int, err error) {
	total, err = newFinder(accountTable, source, q).find(ctx, v, accountColumns, func(r row) error {
		var a directory.Account
		err := scanAccount(r, &a)
		page = append(page, a)
		return err
	})
	if err != nil || len(page) == 0 {
		return nil, total, err
	}
	return page, total, v.accountValues(ctx, page)
}

// Groups answers q among a source's groups.
func (v *View) Groups(ctx context.Context, source string, q directory.Query) (page []directory.Group, total int, err error) {
	total, err = newFinder(groupTable, source, q).find(ctx, v, groupColumns, func(r row) error {
		var g directory.Group
		err := scanGroup(r, &g)
		page = append(page, g)
		return err
	})
	if err != nil || len(page) == 0 {
		return nil, total, err
	}
	return page, total, v.groupValues(ctx, page)
}
