package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Conformance of sites, mappings, manual rules and locks.

func sites(k Kit, _ *Clock) {
	one := access.Site{ID: 3, Slug: "shop", Name: "Shop", Labels: map[string]string{"region": "eu"}}
	two := access.Site{ID: 1, Slug: "blog", Name: "Blog"}
	put := &store.PutSites{Sites: []access.Site{one, two}}
	k.Do(put)
	k.Unchanged(put)
	rev := k.Head()
	list := func(since int64, want []access.Site, gone []access.SiteID) {
		k.T.Helper()
		k.Read(func(v *store.View) error {
			got, removed, err := v.Sites(context.Background(), since)
			if diff := cmp.Diff(want, got); diff != "" {
				k.T.Errorf("sites (-want +got):\n%s", diff)
			}
			if !slices.Equal(removed, gone) {
				k.T.Errorf("removed %v, want %v", removed, gone)
			}
			return err
		})
	}
	list(0, []access.Site{two, one}, nil)
	isUnique(k, &store.PutSites{Sites: []access.Site{{ID: 4, Slug: "SHOP"}}}, "slug", "SHOP", "3")
	one.Slug, two.Slug = two.Slug, one.Slug // a swap
	k.Do(&store.PutSites{Sites: []access.Site{one, two}})
	list(rev, []access.Site{two, one}, nil)
	rev = k.Head()
	k.Do(&store.RemoveSite{ID: 3})
	k.Refused(&store.RemoveSite{ID: 3}, store.ErrNotFound)
	list(0, []access.Site{two}, nil)
	list(rev, nil, []access.SiteID{3})
	k.Do(&store.PutSites{Sites: []access.Site{one}})
	list(rev, []access.Site{one}, nil)
}

func mappings(k Kit, c *Clock) {
	ctx := context.Background()
	live := func() (m store.Mapping) {
		k.Read(func(v *store.View) (err error) { m, err = v.Mapping(ctx, 0); return err })
		return m
	}
	if m := live(); m != (store.Mapping{}) {
		k.T.Errorf("got %+v", m)
	}
	set := &store.SetMapping{Text: "one", Comment: "first", IfVersion: -1}
	k.Do(set)
	k.Unchanged(set)
	if m := live(); m != (store.Mapping{Version: 1, Text: "one", Author: "test", Comment: "first", At: c.T, Revision: 1}) || set.Version != 1 {
		k.T.Errorf("got %+v", m)
	}
	k.Refused(&store.SetMapping{Text: "two", IfVersion: 0}, store.ErrPrecondition)
	mine := errors.New("mine")
	k.Refused(&store.SetMapping{Text: "two", IfVersion: 1, Guard: func(ctx context.Context, rev int64) error {
		if rev != 1 {
			k.T.Errorf("the guard got revision %d", rev)
		}
		return k.S.Read(ctx, func(v *store.View) error {
			if v.Revision() != 1 {
				k.T.Errorf("the guard reads revision %d", v.Revision())
			}
			return mine
		})
	}}, mine)
	k.Do(&store.SetMapping{Text: "two", IfVersion: 1})
	k.Do(&store.SetMapping{Text: "one", IfVersion: 2, Restores: 1})
	k.Read(func(v *store.View) error {
		ms, err := v.Mappings(ctx)
		if len(ms) != 3 || ms[0].Version != 3 || ms[0].Restores != 1 || ms[0].Text != "" {
			k.T.Errorf("got %+v", ms)
		}
		m, err2 := v.Mapping(ctx, 2)
		if m.Text != "two" {
			k.T.Errorf("got %+v", m)
		}
		if _, err := v.Mapping(ctx, 9); !errors.Is(err, store.ErrNotFound) {
			k.T.Errorf("got %v", err)
		}
		return errors.Join(err, err2)
	})
}

func manuals(k Kit, c *Clock) {
	a := k.Account("okta", "a")
	want := store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: a.Person}, Role: "write",
		Actions: []string{"segments:share"}, Sites: []access.SiteID{1, 2}, Labels: map[string]string{"region": "eu"}, TokenCeiling: "view",
		Channel: access.TokenChannel, From: c.T, Until: c.T.Add(time.Hour), Reason: "audit", Ticket: "T-1"}
	op := &store.AddManual{Manual: want}
	k.Do(op)
	want.ID, want.Author, want.Created, want.Revision = 1, "test", c.T, k.Head()
	read := func(since int64) (ms []store.Manual) {
		k.Read(func(v *store.View) (err error) { ms, err = v.Manuals(context.Background(), since); return err })
		return ms
	}
	if diff := cmp.Diff([]store.Manual{want}, read(0)); diff != "" {
		k.T.Errorf("manuals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, op.Manual); diff != "" {
		k.T.Errorf("out (-want +got):\n%s", diff)
	}
	k.Refused(&store.AddManual{Manual: store.Manual{Kind: access.Deny, Subject: access.Subject{Kind: access.ThePerson, ID: 9}}}, store.ErrNotFound)
	k.Refused(&store.AddManual{Manual: store.Manual{Kind: access.Deny, Subject: access.Subject{Kind: access.TheGroup, ID: 9}}}, store.ErrNotFound)
	mine := errors.New("mine")
	k.Refused(&store.EndManual{ID: 1, Guard: func(context.Context, int64) error { return mine }}, mine)
	before := k.Head()
	k.Do(&store.EndManual{ID: 1})
	k.Unchanged(&store.EndManual{ID: 1})
	k.Refused(&store.EndManual{ID: 2}, store.ErrNotFound)
	want.Ended, want.EndedBy, want.Revision = c.T, "test", before+1
	if diff := cmp.Diff([]store.Manual{want}, read(before)); diff != "" {
		k.T.Errorf("manuals (-want +got):\n%s", diff)
	}
}

func untilSync(k Kit, _ *Clock) {
	a, b := k.Account("okta", "a"), k.Account("okta", "b")
	g := k.Group("okta", "Admins")
	add := func(person int64, source string) store.ManualID {
		op := &store.AddManual{Manual: store.Manual{Kind: access.Grant, Role: "view", All: true, UntilSync: source,
			Subject: access.Subject{Kind: access.ThePerson, ID: person}}}
		k.Do(op)
		return op.Manual.ID
	}
	open := func() (ids []store.ManualID) {
		k.Read(func(v *store.View) error {
			ms, err := v.Manuals(context.Background(), 0)
			for _, m := range ms {
				if m.Ended.IsZero() {
					ids = append(ids, m.ID)
				} else if m.EndedBy != "sync of okta" {
					k.T.Errorf("ended by %q", m.EndedBy)
				}
			}
			return err
		})
		return ids
	}
	want := func(ids ...store.ManualID) {
		k.T.Helper()
		if got := open(); !slices.Equal(got, ids) {
			k.T.Errorf("open are %v, want %v", got, ids)
		}
	}
	m1, m2, m3 := add(a.Person, "okta"), add(a.Person, "entra"), add(b.Person, "okta")
	k.Unchanged(EditAccount("okta", a.UID, func(*directory.Account) {}))
	want(m1, m2, m3)
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Display = "A" }))
	want(m2, m3)
	k.Do(Members("okta", g.UID, directory.MemberChange{Add: []string{b.UID}}))
	want(m2)
	m4, m5 := add(a.Person, "okta"), add(b.Person, "okta")
	k.Do(&store.ChangeGroup{Change: &directory.GroupChange{Source: "okta", UID: g.UID, Delete: true}})
	want(m2, m4)
	_ = m5
	m6 := add(b.Person, "okta")
	op := &store.FinishSync{Source: "okta", People: []access.PersonID{access.PersonID(b.Person)}}
	k.Do(op)
	want(m2, m4)
	_ = m6
	if op.Ended != 1 {
		k.T.Errorf("got %d, want 1", op.Ended)
	}
	k.Do(&store.FinishSync{Source: "okta"})
	want(m2)
	k.Unchanged(&store.FinishSync{Source: "okta"})
}

func locks(k Kit, c *Clock) {
	a := k.Account("okta", "a")
	before := k.Head()
	k.Unchanged(&store.LockPerson{Person: 1})
	k.Do(&store.LockPerson{Person: 1, Locked: true})
	at := c.T
	if p := k.Person(1); !p.Locked || !p.NotBefore.Equal(at) || p.Revision != before+1 {
		k.T.Errorf("got %+v", p)
	}
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Display = "x" }))
	if p := k.Person(1); !p.Locked {
		k.T.Error("a source has opened a lock")
	}
	mine := errors.New("mine")
	k.Refused(&store.LockPerson{Person: 1, Guard: func(context.Context, int64) error { return mine }}, mine)
	c.T = c.T.Add(time.Hour)
	k.Do(&store.LockPerson{Person: 1})
	if p := k.Person(1); p.Locked || !p.NotBefore.Equal(at) {
		k.T.Errorf("got %+v", p)
	}
	k.Refused(&store.LockPerson{Person: 9, Locked: true}, store.ErrNotFound)
}

func services(k Kit, _ *Clock) {
	op := &store.AddPerson{Kind: store.Service, Login: "Deploy", Display: "Deployer"}
	k.Do(op)
	p := k.Person(int64(op.ID))
	if p.Kind != store.Service || p.Login != "Deploy" || p.Display != "Deployer" {
		k.T.Errorf("got %+v", p)
	}
	isUnique(k, &store.AddPerson{Kind: store.Owner, Login: "DEPLOY"}, "login", "DEPLOY", p.UID)
	if k.Try(&store.AddPerson{Kind: store.Human, Login: "x"}) == nil {
		k.T.Error("a human was added by hand")
	}
	k.Do(&store.AddPerson{Kind: store.Owner, Login: "root"})
}
