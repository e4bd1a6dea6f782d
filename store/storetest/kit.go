package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Kit is a store with what tests do to it again and again.
type Kit struct {
	T testing.TB
	S *store.Store
}

// Do commits op and fails the test when it is refused.
func (k Kit) Do(op store.Op) store.Receipt {
	k.T.Helper()
	r, err := k.S.Do(context.Background(), store.By{Actor: "test", Via: "test"}, op)
	if err != nil {
		k.T.Fatalf("%T: %v", op, err)
	}
	return r
}

// Try commits op and returns its refusal.
func (k Kit) Try(op store.Op) error {
	_, err := k.S.Do(context.Background(), store.By{Actor: "test", Via: "test"}, op)
	return err
}

// Refused fails the test unless op is refused with want.
func (k Kit) Refused(op store.Op, want error) {
	k.T.Helper()
	before := k.Head()
	if err := k.Try(op); !errors.Is(err, want) {
		k.T.Errorf("%T: got error %v, want %v", op, err, want)
	}
	if got := k.Head(); got != before {
		k.T.Errorf("%T was refused and made revision %d of %d", op, got, before)
	}
}

// Unchanged fails the test unless op changes nothing.
func (k Kit) Unchanged(op store.Op) {
	k.T.Helper()
	before := k.Head()
	if r := k.Do(op); r.Changed || r.Revision != before || k.Head() != before {
		k.T.Errorf("%T: got %+v and head %d, want no change of %d", op, r, k.Head(), before)
	}
}

// Read calls f with a view.
func (k Kit) Read(f func(*store.View) error) {
	k.T.Helper()
	if err := k.S.Read(context.Background(), f); err != nil {
		k.T.Fatal(err)
	}
}

// Head is the newest revision.
func (k Kit) Head() (rev int64) {
	k.T.Helper()
	k.Read(func(v *store.View) error { rev = v.Revision(); return nil })
	return rev
}

// Source puts a source.
func (k Kit) Source(name string, veto bool) {
	k.T.Helper()
	k.Do(&store.PutSource{Source: store.Source{Name: name, Veto: veto}})
}

// NewAccount is the operation that creates an active account.
func NewAccount(source, login, external string) *store.ChangeAccount {
	return &store.ChangeAccount{Change: &directory.AccountChange{Source: source, UniqueLogin: true,
		Edit: func(a directory.Account) (directory.Account, error) {
			a.Login, a.ExternalID, a.Active, a.Display = login, external, true, "The "+login
			a.Email = login + "@example.com"
			a.Doc, _ = json.Marshal(map[string]any{"userName": login})
			a.Values = []directory.Value{
				{Path: "username", Text: directory.Fold(login)},
				{Path: "emails.value", Text: directory.Fold(a.Email)},
				{Path: "emails.type", Text: "work"},
			}
			return a, nil
		}}}
}

// Account creates an active account.
func (k Kit) Account(source, login string) directory.Account {
	k.T.Helper()
	op := NewAccount(source, login, "")
	k.Do(op)
	return op.After
}

// EditAccount is the operation that edits an account.
func EditAccount(source, uid string, f func(*directory.Account)) *store.ChangeAccount {
	return &store.ChangeAccount{Change: &directory.AccountChange{Source: source, UID: uid, UniqueLogin: true,
		Edit: func(a directory.Account) (directory.Account, error) { f(&a); return a, nil }}}
}

// DeleteAccount is the operation that deletes an account.
func DeleteAccount(source, uid string) *store.ChangeAccount {
	return &store.ChangeAccount{Change: &directory.AccountChange{Source: source, UID: uid, Delete: true}}
}

// NewGroup is the operation that creates a group.
func NewGroup(source, display string, members ...string) *store.ChangeGroup {
	return &store.ChangeGroup{Change: &directory.GroupChange{Source: source, UniqueDisplay: true,
		Edit:    func(g directory.Group) (directory.Group, error) { g.Display = display; return g, nil },
		Members: directory.MemberChange{Add: members}}}
}

// Group creates a group.
func (k Kit) Group(source, display string, members ...string) directory.Group {
	k.T.Helper()
	op := NewGroup(source, display, members...)
	k.Do(op)
	return op.After
}

// Members is the operation that changes who is in a group.
func Members(source, uid string, m directory.MemberChange) *store.ChangeGroup {
	return &store.ChangeGroup{Change: &directory.GroupChange{Source: source, UID: uid, Members: m}}
}

// People reads people by id.
func (k Kit) People(q store.PeopleQuery) map[access.PersonID]store.Person {
	k.T.Helper()
	out := map[access.PersonID]store.Person{}
	last := access.PersonID(0)
	k.Read(func(v *store.View) error {
		return v.People(context.Background(), q, func(p store.Person) error {
			if p.ID <= last {
				k.T.Errorf("person %d came after %d", p.ID, last)
			}
			last = p.ID
			out[p.ID] = p
			return nil
		})
	})
	return out
}

// Person reads one person.
func (k Kit) Person(id int64) store.Person {
	k.T.Helper()
	p, ok := k.People(store.PeopleQuery{IDs: []access.PersonID{access.PersonID(id)}})[access.PersonID(id)]
	if !ok {
		k.T.Errorf("there is no person %d", id)
	}
	return p
}

// MembersOf lists the UIDs of a group's members, sorted.
func (k Kit) MembersOf(g directory.GroupID) []string {
	k.T.Helper()
	var out []string
	k.Read(func(v *store.View) error {
		for after := directory.AccountID(0); ; {
			ms, err := v.Members(context.Background(), g, after, 2)
			if err != nil || len(ms) == 0 {
				return err
			}
			for _, m := range ms {
				out = append(out, m.UID)
				after = m.Account
			}
		}
	})
	slices.Sort(out)
	return out
}

// Verified fails the test unless the audit chain is whole, and returns its head.
func (k Kit) Verified() store.VerifyReport {
	k.T.Helper()
	r, err := k.S.Verify(context.Background())
	if err != nil {
		k.T.Fatal(err)
	}
	if r.Broken != "" || r.Entries != r.Revision {
		k.T.Fatalf("the chain is broken: %+v", r)
	}
	return r
}
