package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Conformance of groups, members and sources.

func groupMembers(k Kit, _ *Clock) {
	a, b, other := k.Account("okta", "a"), k.Account("okta", "b"), k.Account("entra", "c")
	g := k.Group("okta", "Admins", a.UID)
	if g.Members != 1 {
		k.T.Errorf("a new group has %d members, want 1", g.Members)
	}
	op := Members("okta", g.UID, directory.MemberChange{Add: []string{b.UID, a.UID}, Remove: []string{"nobody"}})
	r := k.Do(op)
	if op.Added != 1 || op.Removed != 0 || op.After.Members != 2 || op.After.Revision != r.Revision {
		k.T.Errorf("got %+v", op)
	}
	var unknown *store.UnknownMembersError
	if err := k.Try(Members("okta", g.UID, directory.MemberChange{Add: []string{b.UID, other.UID, "zz"}})); !errors.As(err, &unknown) || len(unknown.UIDs) != 2 {
		k.T.Errorf("got %v", err)
	}
	if got, want := k.MembersOf(g.ID), []string{a.UID, b.UID}; !slices.Equal(got, want) {
		k.T.Errorf("got %v, want %v", got, want)
	}
	k.Read(func(v *store.View) error {
		refs, err := v.GroupsOf(context.Background(), []directory.AccountID{a.ID, b.ID, 99})
		want := map[directory.AccountID][]directory.Ref{a.ID: {{Group: g.ID, UID: g.UID, Display: "Admins"}}, b.ID: {{Group: g.ID, UID: g.UID, Display: "Admins"}}}
		if diff := cmp.Diff(want, refs); diff != "" {
			k.T.Errorf("GroupsOf (-want +got):\n%s", diff)
		}
		got, err2 := v.Group(context.Background(), "okta", g.UID)
		if got.Members != 2 || got.Revision != r.Revision {
			k.T.Errorf("got %+v", got)
		}
		return errors.Join(err, err2)
	})
	op = Members("okta", g.UID, directory.MemberChange{Remove: []string{a.UID}})
	k.Do(op)
	if op.Removed != 1 || op.After.Members != 1 {
		k.T.Errorf("got %+v", op)
	}
	if p := k.Person(a.Person); len(p.Groups) != 0 {
		k.T.Errorf("groups are %v", p.Groups)
	}
	k.Do(DeleteAccount("okta", b.UID))
	if got := k.MembersOf(g.ID); len(got) != 0 {
		k.T.Errorf("a deleted account is a member: %v", got)
	}
	k.Refused(Members("entra", g.UID, directory.MemberChange{Add: []string{other.UID}}), store.ErrNotFound)
}

func replaceMembers(k Kit, _ *Clock) {
	var uids []string
	for i := range 700 {
		uids = append(uids, k.Account("okta", fmt.Sprint("u", i)).UID)
	}
	g := k.Group("okta", "Admins", uids[:600]...)
	op := Members("okta", g.UID, directory.MemberChange{Replace: true, Add: uids[5:605]})
	k.Do(op)
	if op.Added != 5 || op.Removed != 5 || op.After.Members != 600 {
		k.T.Errorf("added %d, removed %d, %d members; want 5, 5, 600", op.Added, op.Removed, op.After.Members)
	}
	if got := k.MembersOf(g.ID); !slices.Equal(got, uids[5:605]) {
		k.T.Errorf("got %d members", len(got))
	}
	k.Do(&store.AddManual{Manual: store.Manual{Kind: access.Grant, Role: "view", All: true, UntilSync: "okta",
		Subject: access.Subject{Kind: access.ThePerson, ID: 11}}})
	op = Members("okta", g.UID, directory.MemberChange{Replace: true})
	r := k.Do(op)
	k.Read(func(v *store.View) error {
		ms, err := v.Manuals(context.Background(), 0)
		if len(ms) != 1 || ms[0].EndedBy != "sync of okta" || ms[0].Revision != r.Revision {
			k.T.Errorf("got %+v", ms)
		}
		return err
	})
	if op.Removed != 600 || op.After.Members != 0 || len(k.MembersOf(g.ID)) != 0 {
		k.T.Errorf("got %+v", op)
	}
}

func parkedMembers(k Kit, _ *Clock) {
	g := k.Group("ldap", "Admins")
	op := Members("ldap", g.UID, directory.MemberChange{Add: []string{"guid-1", "guid-2"}, Park: true})
	k.Do(op)
	if op.Added != 0 || op.Parked != 2 {
		k.T.Errorf("got %+v", op)
	}
	k.Unchanged(op)
	k.Do(Members("ldap", g.UID, directory.MemberChange{Remove: []string{"guid-2"}, Park: true}))
	one := NewAccount("ldap", "one", "guid-1")
	r := k.Do(one)
	k.Do(NewAccount("ldap", "two", "guid-2"))
	if got := k.MembersOf(g.ID); !slices.Equal(got, []string{one.After.UID}) {
		k.T.Errorf("got %v, want %s", got, one.After.UID)
	}
	if p := k.Person(one.After.Person); len(p.Groups) != 1 || p.Revision != r.Revision {
		k.T.Errorf("got %+v", p)
	}
	k.Read(func(v *store.View) error {
		got, err := v.Group(context.Background(), "ldap", g.UID)
		if got.Members != 1 || got.Revision != r.Revision {
			k.T.Errorf("got %+v", got)
		}
		return err
	})
	// The account is here now: a reference by external id finds it.
	k.Unchanged(Members("ldap", g.UID, directory.MemberChange{Replace: true, Add: []string{"guid-1"}, Park: true}))
	three := k.Account("ldap", "three")
	k.Do(Members("ldap", g.UID, directory.MemberChange{Add: []string{"guid-3"}, Park: true}))
	k.Do(EditAccount("ldap", three.UID, func(a *directory.Account) { a.ExternalID = "guid-3" }))
	if got := k.MembersOf(g.ID); len(got) != 2 {
		k.T.Errorf("got %v", got)
	}
	k.Do(Members("ldap", g.UID, directory.MemberChange{Replace: true, Add: []string{"guid-9"}, Park: true}))
	k.Do(Members("ldap", g.UID, directory.MemberChange{Replace: true, Park: true}))
	k.Do(NewAccount("ldap", "nine", "guid-9"))
	if got := k.MembersOf(g.ID); len(got) != 0 {
		k.T.Errorf("got %v", got)
	}
}

func inactiveAccount(k Kit, _ *Clock) {
	a := k.Account("okta", "bob")
	g := k.Group("okta", "Admins", a.UID)
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
	if p := k.Person(a.Person); len(p.Groups) != 0 || p.Suspended {
		k.T.Errorf("got %+v", p)
	}
	if got := k.MembersOf(g.ID); len(got) != 1 {
		k.T.Errorf("got %v", got)
	}
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = true }))
	if p := k.Person(a.Person); !slices.Equal(p.Groups, []access.GroupID{access.GroupID(g.ID)}) {
		k.T.Errorf("got %+v", p)
	}
}

func vetoes(k Kit, _ *Clock) {
	k.Source("okta", true)
	a, b := k.Account("okta", "a"), k.Account("okta", "b")
	own := k.Account("saml", "a")
	k.Do(&store.LinkAccount{Account: own.ID, Person: access.PersonID(a.Person)})
	g := k.Group("saml", "Admins", own.UID)
	suspended := func(person int64, want bool) {
		k.T.Helper()
		if p := k.Person(person); p.Suspended != want || len(p.Groups) > 1 {
			k.T.Errorf("got %+v, want suspended %v", p, want)
		}
	}
	suspended(a.Person, false)
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
	suspended(a.Person, true)
	if p := k.Person(a.Person); len(p.Groups) != 1 || p.Groups[0] != access.GroupID(g.ID) {
		k.T.Errorf("the other account gives %v", p.Groups)
	}
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = true }))
	suspended(a.Person, false)
	k.Do(DeleteAccount("okta", b.UID))
	suspended(b.Person, true)
	again := k.Account("okta", "b")
	suspended(again.Person, false)
	suspended(b.Person, true)
	before := k.Head()
	k.Source("okta", false)
	suspended(b.Person, false)
	if got := k.People(store.PeopleQuery{Since: before}); len(got) != 3 {
		k.T.Errorf("%d people changed with their source, want 3", len(got))
	}
}

func disabledSource(k Kit, _ *Clock) {
	k.Source("okta", false)
	a := k.Account("okta", "a")
	k.Group("okta", "Admins", a.UID)
	before := k.Head()
	k.Do(&store.PutSource{Source: store.Source{Name: "okta", Disabled: true}})
	p := k.Person(a.Person)
	if len(p.Groups) != 0 || p.Accounts[0].Active || p.Suspended || p.Revision <= before {
		k.T.Errorf("got %+v", p)
	}
	k.Read(func(v *store.View) error {
		ss, err := v.Sources(context.Background())
		if len(ss) != 1 || !ss[0].Disabled || ss[0].Revision != before+1 {
			k.T.Errorf("got %+v", ss)
		}
		return err
	})
}

func deletedGroup(k Kit, _ *Clock) {
	a := k.Account("okta", "a")
	g := k.Group("okta", "Admins", a.UID)
	before := k.Head()
	op := &store.ChangeGroup{Change: &directory.GroupChange{Source: "okta", UID: g.UID, Delete: true}}
	k.Do(op)
	if op.Removed != 1 {
		k.T.Errorf("got %+v", op)
	}
	got := k.People(store.PeopleQuery{Since: before})
	if len(got) != 1 || len(got[access.PersonID(a.Person)].Groups) != 0 {
		k.T.Errorf("got %+v", got)
	}
	k.Read(func(v *store.View) error {
		all, err := v.AllGroups(context.Background(), 0)
		since, err2 := v.AllGroups(context.Background(), before)
		if len(all) != 0 || len(since) != 1 || !since[0].Deleted {
			k.T.Errorf("got %+v and %+v", all, since)
		}
		_, err3 := v.Group(context.Background(), "okta", g.UID)
		if !errors.Is(err3, store.ErrNotFound) {
			k.T.Errorf("got %v", err3)
		}
		return errors.Join(err, err2)
	})
	k.Refused(op, store.ErrNotFound)
}

func linking(k Kit, _ *Clock) {
	a, b := k.Account("okta", "a"), k.Account("saml", "b")
	g, h := k.Group("okta", "G", a.UID), k.Group("saml", "H", b.UID)
	before := k.Head()
	link := &store.LinkAccount{Account: b.ID, Person: access.PersonID(a.Person)}
	k.Do(link)
	k.Unchanged(link)
	p := k.Person(a.Person)
	if !slices.Equal(p.Groups, []access.GroupID{access.GroupID(g.ID), access.GroupID(h.ID)}) || len(p.Accounts) != 2 || p.Login != "a" {
		k.T.Errorf("got %+v", p)
	}
	if got := k.People(store.PeopleQuery{Since: before}); len(got) != 2 || len(got[access.PersonID(b.Person)].Accounts) != 0 {
		k.T.Errorf("got %+v", got)
	}
	k.Refused(&store.LinkAccount{Account: 99, Person: 1}, store.ErrNotFound)
	k.Refused(&store.LinkAccount{Account: a.ID, Person: 99}, store.ErrNotFound)
}
