package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Conformance runs what every store must do, each test on a store that open
// makes fresh.
func Conformance(t *testing.T, open func(t *testing.T, o store.Options) *store.Store) {
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			clock := NewClock()
			k := Kit{t, open(t, Deterministic(clock))}
			c.test(k, clock)
			k.Verified()
		})
	}
}

var conformance = []struct {
	name string
	test func(k Kit, c *Clock)
}{
	{"an account is created, edited and deleted", accountLife},
	{"equal attributes are no change", equalIsNoChange},
	{"logins and external ids are unique within a source", uniqueKeys},
	{"If-Match refuses what has changed since", preconditions},
	{"a refused Edit is returned as it is", refusedEdit},
	{"text that a database cannot hold is refused", badText},
	{"long values are found whole", longValues},
	{"a group has the members it was given", groupMembers},
	{"a replacement is a set difference", replaceMembers},
	{"unknown members are named, or parked until they arrive", parkedMembers},
	{"an inactive account keeps its memberships and gives nothing", inactiveAccount},
	{"a source with a veto suspends, also by a tombstone", vetoes},
	{"a disabled source gives nothing", disabledSource},
	{"a deleted group is gone from its people", deletedGroup},
	{"an account is linked to another person", linking},
	{"sites are put, kept unique by slug and removed", sites},
	{"mappings have versions, and a guard may refuse one", mappings},
	{"manual rules are added and ended", manuals},
	{"manual rules end with the source's next sync", untilSync},
	{"a lock kills what was issued before", locks},
	{"services and owners have unique logins", services},
	{"tokens are minted, rotated and revoked", tokens},
	{"SCIM tokens are at most two a source, and configured ones are stored once", scimTokens},
	{"held plans are settled once", holds},
	{"the use of tokens is recorded to the minute", tokenUse},
	{"the audit is found by its fields", auditSearch},
	{"the audit keeps no secret", auditSecrets},
	{"leases are held by one, and fence", leases},
	{"people are read by id, by revision and with times", readPeople},
	{"filters find what they say", filters},
	{"pages are stable", pages},
}

func accountLife(k Kit, c *Clock) {
	k.Source("okta", false)
	op := NewAccount("okta", "Bob", "ext-1")
	r := k.Do(op)
	if !r.Changed || r.Revision != 2 {
		k.T.Errorf("got %+v, want revision 2", r)
	}
	a := op.After
	want := directory.Account{ID: 1, UID: a.UID, Source: "okta", ExternalID: "ext-1", Login: "Bob", Display: "The Bob",
		Email: "Bob@example.com", Active: true, Person: 1, Doc: []byte(`{"userName":"Bob"}`),
		Values:   []directory.Value{{Path: "emails.type", Text: "work"}, {Path: "emails.value", Text: "bob@example.com"}, {Path: "username", Text: "bob"}},
		Revision: 2, Created: c.T, Modified: c.T}
	if diff := cmp.Diff(want, a); diff != "" {
		k.T.Errorf("After (-want +got):\n%s", diff)
	}
	read := func() (a directory.Account, err error) {
		k.Read(func(v *store.View) error { a, err = v.Account(context.Background(), "okta", want.UID); return nil })
		return a, err
	}
	if got, err := read(); err != nil || !cmp.Equal(want, got) {
		k.T.Errorf("read back (-want +got):\n%s %v", cmp.Diff(want, got), err)
	}
	c.T = c.T.Add(time.Hour)
	edit := EditAccount("okta", a.UID, func(a *directory.Account) {
		a.Login, a.Active = "Robert", false
		a.Values = []directory.Value{{Path: "username", Text: "robert"}, {Path: "title", Text: "boss"}}
	})
	k.Do(edit)
	want.Login, want.Active, want.Revision, want.Modified = "Robert", false, 3, c.T
	want.Values = []directory.Value{{Path: "title", Text: "boss"}, {Path: "username", Text: "robert"}}
	if got, err := read(); err != nil || !cmp.Equal(want, got) {
		k.T.Errorf("after the edit (-want +got):\n%s %v", cmp.Diff(want, got), err)
	}
	if diff := cmp.Diff(want, edit.After); diff != "" {
		k.T.Errorf("After (-want +got):\n%s", diff)
	}
	if edit.Before.Login != "Bob" {
		k.T.Errorf("Before is %+v", edit.Before)
	}
	k.Do(DeleteAccount("okta", a.UID))
	if _, err := read(); !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("a deleted account was read: %v", err)
	}
	k.Refused(DeleteAccount("okta", a.UID), store.ErrNotFound)
	k.Refused(EditAccount("okta", "nobody", func(*directory.Account) {}), store.ErrNotFound)
	k.Refused(EditAccount("entra", a.UID, func(*directory.Account) {}), store.ErrNotFound)
	p := k.Person(1)
	if len(p.Accounts) != 1 || !p.Accounts[0].Deleted || p.Accounts[0].Active {
		k.T.Errorf("the deleted account's person is %+v", p)
	}
}

func equalIsNoChange(k Kit, _ *Clock) {
	a := k.Account("okta", "bob")
	g := k.Group("okta", "Admins", a.UID)
	k.Unchanged(EditAccount("okta", a.UID, func(*directory.Account) {}))
	k.Unchanged(EditAccount("okta", a.UID, func(a *directory.Account) {
		a.Doc = []byte(`{ "userName" : "bob" }`)
		slices.Reverse(a.Values)
	}))
	k.Unchanged(&store.ChangeAccount{Change: &directory.AccountChange{Source: "okta", UID: a.UID}})
	k.Unchanged(Members("okta", g.UID, directory.MemberChange{Add: []string{a.UID, a.UID}}))
	k.Unchanged(Members("okta", g.UID, directory.MemberChange{Remove: []string{"nobody"}}))
	k.Unchanged(Members("okta", g.UID, directory.MemberChange{Replace: true, Add: []string{a.UID}}))
	k.Unchanged(Members("okta", g.UID, directory.MemberChange{Add: []string{a.UID}, Remove: []string{a.UID}}))
	k.Source("okta", true)
	k.Unchanged(&store.PutSource{Source: store.Source{Name: "okta", Veto: true}})
}

func isUnique(k Kit, op store.Op, attribute, value, uid string) {
	k.T.Helper()
	var u *store.UniqueError
	if err := k.Try(op); !errors.As(err, &u) || *u != (store.UniqueError{Attribute: attribute, Value: value, UID: uid}) {
		k.T.Errorf("got %v (%+v), want %s %q of %s", err, u, attribute, value, uid)
	}
}

func uniqueKeys(k Kit, _ *Clock) {
	op := NewAccount("okta", "Bob", "e1")
	k.Do(op)
	bob := op.After.UID
	isUnique(k, NewAccount("okta", "BOB", ""), "userName", "BOB", bob)
	isUnique(k, NewAccount("okta", "ann", "e1"), "externalId", "e1", bob)
	k.Do(NewAccount("entra", "Bob", "e1"))
	k.Do(NewAccount("okta", "ann", "E1")) // external ids are case-exact
	ann := k.Account("okta", "zoe")
	isUnique(k, EditAccount("okta", ann.UID, func(a *directory.Account) { a.Login = "bob" }), "userName", "bob", bob)
	isUnique(k, EditAccount("okta", ann.UID, func(a *directory.Account) { a.ExternalID = "e1" }), "externalId", "e1", bob)
	k.Do(EditAccount("okta", ann.UID, func(a *directory.Account) { a.Login = "ZOE" })) // one's own
	two := NewAccount("okta", "bob", "")
	two.Change.UniqueLogin = false
	k.Do(two)
	k.Do(DeleteAccount("okta", bob))
	k.Do(DeleteAccount("okta", two.After.UID))
	k.Do(NewAccount("okta", "bob", "e1")) // free again

	g := k.Group("okta", "Admins")
	isUnique(k, NewGroup("okta", "ADMINS"), "displayName", "ADMINS", g.UID)
	k.Do(NewGroup("entra", "Admins"))
	k.Do(&store.ChangeGroup{Change: &directory.GroupChange{Source: "okta", UID: g.UID, Delete: true}})
	k.Do(NewGroup("okta", "admins"))
}

func preconditions(k Kit, _ *Clock) {
	a := k.Account("okta", "bob")
	g := k.Group("okta", "Admins")
	edit := EditAccount("okta", a.UID, func(a *directory.Account) { a.Display = "B" })
	edit.Change.IfMatch = []int64{a.Revision + 7}
	k.Refused(edit, store.ErrPrecondition)
	edit.Change.IfMatch = []int64{99, a.Revision}
	k.Do(edit)
	k.Refused(edit, store.ErrPrecondition)
	m := Members("okta", g.UID, directory.MemberChange{Add: []string{a.UID}})
	m.Change.IfMatch = []int64{g.Revision}
	k.Do(m)
	k.Refused(m, store.ErrPrecondition)
	// A member's deletion changes the group.
	m = Members("okta", g.UID, directory.MemberChange{Remove: []string{a.UID}})
	m.Change.IfMatch = []int64{g.Revision + 1}
	k.Do(DeleteAccount("okta", a.UID))
	m.Change.IfMatch = []int64{k.Head() - 1}
	k.Refused(m, store.ErrPrecondition)
}

func refusedEdit(k Kit, _ *Clock) {
	a := k.Account("okta", "bob")
	mine := errors.New("mine")
	k.Refused(&store.ChangeAccount{Change: &directory.AccountChange{Source: "okta", UID: a.UID,
		Edit: func(directory.Account) (directory.Account, error) { return directory.Account{}, mine }}}, mine)
	k.Refused(&store.ChangeAccount{Change: &directory.AccountChange{Source: "okta",
		Edit: func(directory.Account) (directory.Account, error) { return directory.Account{}, mine }}}, mine)
	err := k.Try(&store.ChangeAccount{Change: &directory.AccountChange{Source: "okta", UID: a.UID,
		Edit: func(directory.Account) (directory.Account, error) { panic("oops") }}})
	if err == nil {
		k.T.Error("a panic was no error")
	}
	k.Account("okta", "ann")
}

func badText(k Kit, _ *Clock) {
	k.Refused(NewAccount("okta", "b\x00b", ""), store.ErrText)
	k.Refused(NewAccount("okta", "bob", "\xff"), store.ErrText)
	k.Refused(NewGroup("okta", "a\x00"), store.ErrText)
	a := k.Account("okta", "bob")
	k.Refused(EditAccount("okta", a.UID, func(a *directory.Account) { a.Doc = []byte(`{"a":"x\u0000y"}`) }), store.ErrText)
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Doc = []byte(`{"a":"x\\u0000y"}`) }))
	k.Refused(EditAccount("okta", a.UID, func(a *directory.Account) { a.Values = []directory.Value{{Path: "x", Text: "\x00"}} }), store.ErrText)
	quotes := "\"\\\t\n\u2028<&>'$1 ü €😀"
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Display = quotes }))
	k.Read(func(v *store.View) error {
		got, err := v.Account(context.Background(), "okta", a.UID)
		if got.Display != quotes {
			k.T.Errorf("got %q, want %q", got.Display, quotes)
		}
		if _, err := v.Account(context.Background(), "okta", "\x00"); !errors.Is(err, store.ErrNotFound) {
			k.T.Errorf("got %v", err)
		}
		_, n, err2 := v.Accounts(context.Background(), "okta", directory.Query{Filter: leaf(directory.OpEq, "username", "\x00")})
		if n != 0 || err2 != nil {
			k.T.Errorf("got %d, %v", n, err2)
		}
		return err
	})
}

func longValues(k Kit, _ *Clock) {
	a := k.Account("okta", "bob")
	long := ""
	for i := range 3000 {
		long += fmt.Sprint(i, "ü")
	}
	set := EditAccount("okta", a.UID, func(a *directory.Account) { a.Values = append(a.Values, directory.Value{Path: "photo", Text: long}) })
	k.Do(set)
	k.Unchanged(EditAccount("okta", a.UID, func(*directory.Account) {}))
	for _, c := range []struct {
		f    *directory.Filter
		want int
	}{
		{leaf(directory.OpEq, "photo", long), 1},
		{leaf(directory.OpEq, "photo", long[:len(long)-1]+"x"), 0},
		{leaf(directory.OpEq, "photo", long[:512]), 0},
		{leaf(directory.OpSw, "photo", long[:2000]), 1},
		{leaf(directory.OpEw, "photo", "2999ü"), 1},
		{leaf(directory.OpCo, "photo", "1500ü"), 1},
	} {
		k.Read(func(v *store.View) error {
			_, n, err := v.Accounts(context.Background(), "okta", directory.Query{Filter: c.f})
			if n != c.want {
				k.T.Errorf("op %d of %d bytes: got %d, want %d", c.f.Op, len(c.f.Text), n, c.want)
			}
			return err
		})
	}
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Values = nil }))
}

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

func tokens(k Kit, c *Clock) {
	a := k.Account("okta", "a")
	mint := &store.MintToken{Token: store.Token{Person: access.PersonID(a.Person), Name: "ci", Ceiling: "view",
		Sites: []access.SiteID{}, Expires: c.T.Add(time.Hour)}}
	k.Do(mint)
	t1 := mint.Token
	if t1.ID != 1 || t1.Prefix != "gb_1_" || mint.Secret[:5] != t1.Prefix || len(mint.Secret) != 5+43+1+8 ||
		!slices.Equal(store.Digest(mint.Secret), t1.Digest) {
		k.T.Errorf("got %+v with secret %q", t1, mint.Secret)
	}
	read := func() (ts []store.Token) {
		k.Read(func(v *store.View) (err error) { ts, err = v.Tokens(context.Background(), 0); return err })
		return ts
	}
	if diff := cmp.Diff([]store.Token{t1}, read()); diff != "" {
		k.T.Errorf("tokens (-want +got):\n%s", diff)
	}
	next := &store.MintToken{Token: store.Token{Person: t1.Person, Name: "ci", Parent: t1.ID}, Replaces: t1.ID, Overlap: time.Minute}
	k.Do(next)
	if got := read(); !got[0].Expires.Equal(c.T.Add(time.Minute)) || !got[0].Revoked.IsZero() || got[1].RotatedFrom != t1.ID {
		k.T.Errorf("got %+v", got)
	}
	k.Do(&store.MintToken{Token: store.Token{Person: t1.Person}, Replaces: next.Token.ID})
	if got := read(); !got[1].Revoked.Equal(c.T) {
		k.T.Errorf("got %+v", got[1])
	}
	k.Refused(&store.MintToken{Token: store.Token{Person: t1.Person}, Replaces: next.Token.ID}, store.ErrNotFound)
	k.Refused(&store.MintToken{Token: store.Token{Person: 77}}, store.ErrNotFound)
	k.Refused(&store.MintToken{Token: store.Token{Person: t1.Person, Parent: 99}}, store.ErrNotFound)
	k.Do(&store.RevokeToken{ID: t1.ID})
	k.Unchanged(&store.RevokeToken{ID: t1.ID})
	k.Refused(&store.RevokeToken{ID: 99}, store.ErrNotFound)
}

func scimTokens(k Kit, c *Clock) {
	k.Refused(&store.MintSCIMToken{Source: "okta"}, store.ErrNotFound)
	k.Source("okta", false)
	k.Source("entra", false)
	given := &store.MintSCIMToken{Source: "okta", Secret: "chosen"}
	k.Do(given)
	k.Unchanged(&store.MintSCIMToken{Source: "okta", Secret: "chosen"})
	made := &store.MintSCIMToken{Source: "okta", Expires: c.T.Add(time.Hour)}
	k.Do(made)
	if made.Secret[:6] != "gbs_2_" || !slices.Equal(made.Token.Digest, store.Digest(made.Secret)) || made.Token.Prefix != "gbs_2_" {
		k.T.Errorf("got %+v, %q", made.Token, made.Secret)
	}
	k.Refused(&store.MintSCIMToken{Source: "okta"}, store.ErrTooManyTokens)
	k.Do(&store.MintSCIMToken{Source: "entra"})
	k.Do(&store.RevokeSCIMToken{ID: 1})
	k.Unchanged(&store.RevokeSCIMToken{ID: 1})
	k.Refused(&store.RevokeSCIMToken{ID: 9}, store.ErrNotFound)
	again := &store.MintSCIMToken{Source: "okta", Secret: "chosen"}
	k.Unchanged(again) // revoked is revoked
	if again.Token.Revoked.IsZero() {
		k.T.Error("a revoked token was brought back by configuration")
	}
	k.Do(&store.MintSCIMToken{Source: "okta"})
	c.T = c.T.Add(2 * time.Hour)
	k.Do(&store.MintSCIMToken{Source: "okta"}) // one has expired
	k.Read(func(v *store.View) error {
		ts, err := v.SCIMTokens(context.Background())
		if len(ts) != 5 || string(ts[0].Digest) != string(store.Digest("chosen")) {
			k.T.Errorf("got %+v", ts)
		}
		return err
	})
}

func holds(k Kit, c *Clock) {
	h := store.Hold{Kind: "mapping", Base: 3, Hash: "abc", Plan: []byte(`{"a":1}`), Payload: []byte("rules"), Says: []string{"too many"}}
	op := &store.PutHold{Hold: h}
	k.Do(op)
	k.Unchanged(&store.PutHold{Hold: h})
	h.ID, h.State, h.Created = 1, "held", c.T
	list := func(all bool) (hs []store.Hold) {
		k.Read(func(v *store.View) (err error) { hs, err = v.Holds(context.Background(), all); return err })
		return hs
	}
	if diff := cmp.Diff([]store.Hold{h}, list(false)); diff != "" {
		k.T.Errorf("holds (-want +got):\n%s", diff)
	}
	k.Do(&store.SettleHold{ID: 1, State: "applied"})
	k.Unchanged(&store.SettleHold{ID: 1, State: "applied"})
	k.Refused(&store.SettleHold{ID: 1, State: "discarded"}, store.ErrPrecondition)
	k.Refused(&store.SettleHold{ID: 9, State: "discarded"}, store.ErrNotFound)
	if got := list(false); len(got) != 0 {
		k.T.Errorf("got %+v", got)
	}
	if got := list(true); len(got) != 1 || got[0].State != "applied" || got[0].By != "test" || !got[0].Settled.Equal(c.T) {
		k.T.Errorf("got %+v", got)
	}
	k.Do(&store.PutHold{Hold: store.Hold{Kind: "mapping", Hash: "abc"}})
}

func tokenUse(k Kit, c *Clock) {
	k.Source("okta", false)
	a := k.Account("okta", "a")
	k.Do(&store.MintToken{Token: store.Token{Person: access.PersonID(a.Person)}})
	k.Do(&store.MintSCIMToken{Source: "okta"})
	before := k.Head()
	at := c.T.Add(90 * time.Second)
	for _, t := range []time.Time{c.T, at, c.T.Add(10 * time.Second)} {
		if err := k.S.Used(context.Background(), map[access.TokenID]time.Time{1: t}, map[int64]time.Time{1: t}); err != nil {
			k.T.Error(err)
		}
	}
	k.Read(func(v *store.View) error {
		ts, err := v.Tokens(context.Background(), 0)
		ss, err2 := v.SCIMTokens(context.Background())
		if !ts[0].LastUsed.Equal(at.Truncate(time.Minute)) || !ss[0].LastUsed.Equal(at.Truncate(time.Minute)) {
			k.T.Errorf("got %v and %v", ts[0].LastUsed, ss[0].LastUsed)
		}
		return errors.Join(err, err2)
	})
	if k.Head() != before {
		k.T.Error("the use of a token made a revision")
	}
}

func auditSearch(k Kit, c *Clock) {
	ctx := context.Background()
	a := k.Account("okta", "a")
	c.T = c.T.Add(time.Minute)
	by := store.By{Actor: "person:7", Via: "api", Request: "req-1", Reason: "because", Ticket: "T-9"}
	g := NewGroup("okta", "Admins", a.UID)
	if _, err := k.S.Do(ctx, by, g); err != nil {
		k.T.Fatal(err)
	}
	c.T = c.T.Add(time.Minute)
	k.Do(DeleteAccount("okta", a.UID))
	find := func(q store.AuditQuery, want ...int64) []store.Entry {
		k.T.Helper()
		var es []store.Entry
		k.Read(func(v *store.View) (err error) { es, err = v.Audit(ctx, q); return err })
		var got []int64
		for _, e := range es {
			got = append(got, e.Revision)
		}
		if !slices.Equal(got, want) {
			k.T.Errorf("%+v: got %v, want %v", q, got, want)
		}
		return es
	}
	find(store.AuditQuery{}, 3, 2, 1)
	find(store.AuditQuery{Limit: 1}, 3)
	find(store.AuditQuery{Before: 3, Limit: 1}, 2)
	find(store.AuditQuery{Action: "user"}, 3, 1)
	find(store.AuditQuery{Action: "user.create"}, 1)
	find(store.AuditQuery{Action: "use"})
	find(store.AuditQuery{Target: "okta/user/" + a.UID}, 3, 1)
	find(store.AuditQuery{Target: "okta"}, 3, 2, 1)
	find(store.AuditQuery{Person: access.PersonID(a.Person)}, 3, 2, 1)
	find(store.AuditQuery{Text: "Admins"}, 2)
	find(store.AuditQuery{From: c.T.Add(-time.Minute), To: c.T}, 2)
	e := find(store.AuditQuery{Actor: "person:7"}, 2)[0]
	want := store.Entry{Revision: 2, At: c.T.Add(-time.Minute), Actor: "person:7", Via: "api", Action: "group.create",
		Target: "okta/group/" + g.After.UID, Reason: "because", Ticket: "T-9", Request: "req-1",
		People: []access.PersonID{1}, Hash: e.Hash,
		After: []byte(`{"added":["` + a.UID + `"],"addedCount":1,"displayName":"Admins"}`)}
	if diff := cmp.Diff(want, e); diff != "" {
		k.T.Errorf("entry (-want +got):\n%s", diff)
	}
}

func auditSecrets(k Kit, _ *Clock) {
	k.Source("okta", false)
	a := k.Account("okta", "a")
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) {
		a.Doc = []byte(`{"password":"canary-1","x":{"Secret":"canary-2"},"ok":1}`)
	}))
	mint := &store.MintToken{Token: store.Token{Person: access.PersonID(a.Person)}}
	k.Do(mint)
	scim := &store.MintSCIMToken{Source: "okta", Secret: "canary-3"}
	k.Do(scim)
	for _, secret := range []string{"canary", mint.Secret[5:48], fmt.Sprintf("%x", mint.Token.Digest)} {
		k.Read(func(v *store.View) error {
			es, err := v.Audit(context.Background(), store.AuditQuery{Text: secret})
			if len(es) > 0 {
				k.T.Errorf("the audit has a secret: %s", es[0].After)
			}
			return err
		})
	}
}

func leases(k Kit, _ *Clock) {
	ctx := context.Background()
	take := func(holder string, ttl time.Duration, want bool, epoch int64) store.Lease {
		k.T.Helper()
		l, ok, err := k.S.Acquire(ctx, "ldap", holder, ttl)
		if err != nil || ok != want || l.Epoch != epoch {
			k.T.Fatalf("got %+v, %v, %v; want %v, epoch %d", l, ok, err, want, epoch)
		}
		return l
	}
	a := take("a", time.Minute, true, 1)
	take("a", time.Minute, true, 1)
	if l := take("b", time.Minute, false, 1); l.Holder != "a" {
		k.T.Errorf("got %+v", l)
	}
	by := store.By{Actor: "ldap", Lease: &a}
	if _, err := k.S.Do(ctx, by, NewAccount("ldap", "x", "")); err != nil {
		k.T.Error(err)
	}
	if err := k.S.Resign(ctx, a); err != nil {
		k.T.Error(err)
	}
	before := k.Head()
	if _, err := k.S.Do(ctx, by, NewAccount("ldap", "y", "")); !errors.Is(err, store.ErrFenced) {
		k.T.Errorf("got %v, want ErrFenced", err)
	}
	b := take("b", 5*time.Millisecond, true, 2)
	time.Sleep(20 * time.Millisecond)
	if _, err := k.S.Do(ctx, store.By{Lease: &b}, NewAccount("ldap", "y", "")); !errors.Is(err, store.ErrFenced) {
		k.T.Errorf("got %v, want ErrFenced after the lease has run out", err)
	}
	take("a", time.Minute, true, 3)
	if _, err := k.S.Do(ctx, store.By{Lease: &b}, NewAccount("ldap", "y", "")); !errors.Is(err, store.ErrFenced) {
		k.T.Errorf("got %v, want ErrFenced", err)
	}
	if err := k.S.Resign(ctx, b); err != nil { // not his any more
		k.T.Error(err)
	}
	take("c", time.Minute, false, 3)
	if k.Head() != before {
		k.T.Error("a lease made a revision")
	}
}

func readPeople(k Kit, c *Clock) {
	a, b := k.Account("okta", "a"), k.Account("okta", "b")
	g, h := k.Group("okta", "G", a.UID, b.UID), k.Group("okta", "H")
	c.T = c.T.Add(time.Hour)
	before := k.Head()
	k.Do(Members("okta", h.UID, directory.MemberChange{Add: []string{b.UID}}))
	if got := k.People(store.PeopleQuery{Since: before}); len(got) != 1 || got[2].Revision != before+1 {
		k.T.Errorf("got %+v", got)
	}
	if got := k.People(store.PeopleQuery{IDs: []access.PersonID{2, 1, 2, 99}}); len(got) != 2 {
		k.T.Errorf("got %+v", got)
	}
	if got := k.People(store.PeopleQuery{IDs: []access.PersonID{}}); len(got) != 0 {
		k.T.Errorf("got %+v", got)
	}
	p := k.People(store.PeopleQuery{Timed: []access.GroupID{access.GroupID(h.ID)}, Paths: []string{"emails.value", "nope"}})[2]
	want := store.Person{ID: 2, UID: p.UID, Kind: store.Human, Login: "b", Display: "The b", Email: "b@example.com",
		Groups: []access.GroupID{access.GroupID(g.ID), access.GroupID(h.ID)},
		Joined: map[access.GroupID]time.Time{access.GroupID(h.ID): c.T},
		Accounts: []store.PersonAccount{{ID: b.ID, UID: b.UID, Source: "okta", Login: "b", Active: true,
			Values: []directory.Value{{Path: "emails.value", Text: "b@example.com"}}}},
		Revision: before + 1}
	if diff := cmp.Diff(want, p); diff != "" {
		k.T.Errorf("person (-want +got):\n%s", diff)
	}
	mine := errors.New("mine")
	err := k.S.Read(context.Background(), func(v *store.View) error {
		return v.People(context.Background(), store.PeopleQuery{}, func(store.Person) error { return mine })
	})
	if !errors.Is(err, mine) {
		k.T.Errorf("got %v", err)
	}
}
