package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	{"streams of events keep how far they were delivered", streams},
	{"the audit is read on from a revision, and a lock names its accounts", auditFrom},
	{"an account tells which groups it joined, and that a lock stays", tellingAccounts},
	{"held plans are settled once", holds},
	{"the use of tokens is recorded to the minute", tokenUse},
	{"the audit is found by its fields", auditSearch},
	{"the audit keeps no secret", auditSecrets},
	{"leases are held by one, and fence", leases},
	{"sessions are found with what may have ended them", sessions},
	{"a handle is rotated once and ended once", sessionHandles},
	{"one of fifty spends a ticket, and all tickets or none", spending},
	{"a logout is done once, with its sessions or not at all", endingOnce},
	{"a mark lasts as long as the longest", marking},
	{"a login is parked and taken once, by its browser", loginFlow},
	{"login traces, keys and tickets are swept by time", sweeping},
	{"memberships that sign-ins do not confirm cease to grant when the source says so", staleGroups},
	{"a subject is linked once and found, also when its account has gone", subjectLinks},
	{"metadata by URL are fetched by one, and who may sign is a fact", metadata},
	{"a salt is made once, whoever asks first", salts},
	{"people are read by id, by revision and with times", readPeople},
	{"operations that are done together are never seen apart", together},
	{"what a directory said is kept under its lease", readState},
	{"the last reports of a source's runs are kept", runs},
	{"accounts, groups and members of one source", sourceRows},
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
