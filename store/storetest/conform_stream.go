package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Conformance of streams of security events.

func (k Kit) stream(name string) (e store.EventStream) {
	k.T.Helper()
	k.Read(func(v *store.View) (err error) { e, err = v.EventStream(context.Background(), name); return err })
	return e
}

func streams(k Kit, c *Clock) {
	ctx := context.Background()
	must := func(err error) {
		k.T.Helper()
		if err != nil {
			k.T.Fatal(err)
		}
	}
	err := k.S.Read(ctx, func(v *store.View) error { _, err := v.EventStream(ctx, "m"); return err })
	if !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("before it begins: got %v, want ErrNotFound", err)
	}
	k.Source("okta", false)
	must(k.S.BeginStream(ctx, "m"))
	k.Account("okta", "a")
	must(k.S.BeginStream(ctx, "m")) // goes on where it was
	want := store.EventStream{Name: "m", Cursor: store.Cursor{Revision: 2}, Moved: c.T}
	if diff := cmp.Diff(want, k.stream("m")); diff != "" {
		k.T.Errorf("a new stream (-want +got):\n%s", diff)
	}

	must(k.S.FailStream(ctx, "m", "500"))
	must(k.S.FailStream(ctx, "m", "no \x00"))
	want.Failures, want.Failed, want.Error = 2, c.T, "the reason is no text that can be kept"
	must(k.S.MoveStream(ctx, "m", want.Cursor, []store.Cursor{{Revision: 4, Part: 1}, {Revision: 4}, {Revision: 3}}))
	want.Acks = []store.Cursor{{Revision: 3}, {Revision: 4}, {Revision: 4, Part: 1}}
	if diff := cmp.Diff(want, k.stream("m")); diff != "" {
		k.T.Errorf("with acks beyond the cursor (-want +got):\n%s", diff)
	}

	c.T = c.T.Add(time.Minute)
	to := store.Cursor{Revision: 4, Part: 1}
	must(k.S.MoveStream(ctx, "m", to, nil))
	must(k.S.MoveStream(ctx, "m", store.Cursor{Revision: 3, Part: 7}, []store.Cursor{{Revision: 2}})) // late
	want = store.EventStream{Name: "m", Cursor: to, Moved: c.T, Acks: []store.Cursor{to}}
	if diff := cmp.Diff(want, k.stream("m")); diff != "" {
		k.T.Errorf("a cursor never goes back (-want +got):\n%s", diff)
	}
	must(k.S.MoveStream(ctx, "other", to, []store.Cursor{to})) // not begun: nothing
	if got := k.Head(); got != 2 {
		k.T.Errorf("streams made revision %d of 2", got)
	}
}

// auditFrom is what streams read, and a lock names the accounts that it is about.
func auditFrom(k Kit, _ *Clock) {
	k.Source("okta", false)
	a := k.Account("okta", "a")
	k.Do(&store.LockPerson{Person: access.PersonID(a.Person), Locked: true})
	k.Read(func(v *store.View) error {
		es, err := v.AuditFrom(context.Background(), 2, 5)
		if err != nil || len(es) != 2 || es[0].Action != "user.create" || es[1].Action != "person.lock" {
			k.T.Fatalf("got %+v, %v", es, err)
		}
		if got, want := string(es[1].After), `{"accounts":["okta/user/`+a.UID+`"],"locked":true}`; got != want {
			k.T.Errorf("a lock tells %s, want %s", got, want)
		}
		es, err = v.AuditFrom(context.Background(), 1, 1)
		if err != nil || len(es) != 1 || es[0].Revision != 1 {
			k.T.Errorf("got %+v, %v", es, err)
		}
		if _, err := v.AuditFrom(context.Background(), 1, 0); err == nil {
			k.T.Error("no limit is no limit")
		}
		return nil
	})
}

// tellingAccounts: an account's entry tells which groups it joined because they
// waited for it, and that its person is locked when it becomes active.
func tellingAccounts(k Kit, _ *Clock) {
	k.Source("okta", false)
	g := store.ChangeGroup{Change: &directory.GroupChange{Source: "okta",
		Edit:    func(g directory.Group) (directory.Group, error) { g.Display = "g"; return g, nil },
		Members: directory.MemberChange{Add: []string{"ext-1"}, Park: true}}}
	k.Do(&g)
	op := NewAccount("okta", "a", "ext-1")
	k.Do(op)
	off := func(active bool) {
		k.Do(EditAccount("okta", op.After.UID, func(a *directory.Account) { a.Active = active }))
	}
	off(false)
	k.Do(&store.LockPerson{Person: access.PersonID(op.After.Person), Locked: true})
	off(true)
	k.Read(func(v *store.View) error {
		es, err := v.AuditFrom(context.Background(), 3, 9)
		if err != nil || len(es) != 4 {
			k.T.Fatalf("got %+v, %v", es, err)
		}
		if want := `"joined":["okta/group/` + g.After.UID + `"],"joinedCount":1`; !strings.Contains(string(es[0].After), want) {
			k.T.Errorf("the account tells %s, want %s in it", es[0].After, want)
		}
		if got, want := string(es[3].After), `{"active":true,"locked":true}`; got != want {
			k.T.Errorf("activating a locked one tells %s, want %s", got, want)
		}
		return nil
	})
}
