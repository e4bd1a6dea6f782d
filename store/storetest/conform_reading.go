package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

// Conformance of operations that are done together, and of what is kept of a
// directory that is read.

func together(k Kit, _ *Clock) {
	ctx, by := context.Background(), store.By{Actor: "test", Via: "ldap", Lane: store.LaneBulk}
	ann, bob := k.Account("okta", "ann"), k.Account("okta", "bob")
	from, to := k.Group("okta", "from", ann.UID, bob.UID), k.Group("okta", "to")
	before := k.Head()
	rename := EditAccount("okta", ann.UID, func(a *directory.Account) { a.Display = "Ann" })
	r, err := k.S.DoTogether(ctx, by, rename,
		Members("okta", from.UID, directory.MemberChange{Remove: []string{ann.UID}}),
		Members("okta", to.UID, directory.MemberChange{Add: []string{ann.UID}}))
	if err != nil || !r.Changed || r.Revision != before+3 || k.Head() != before+3 {
		k.T.Fatalf("got %+v, %v and head %d, want three revisions after %d", r, err, k.Head(), before)
	}
	if got := k.MembersOf(to.ID); !slices.Equal(got, []string{ann.UID}) || rename.After.Display != "Ann" {
		k.T.Errorf("got members %v and %+v", got, rename.After)
	}
	// One is refused: none is done.
	_, err = k.S.DoTogether(ctx, by,
		Members("okta", to.UID, directory.MemberChange{Add: []string{bob.UID}}),
		Members("okta", from.UID, directory.MemberChange{Add: []string{"nobody"}}))
	if errors.As(err, new(*store.UnknownMembersError)); err == nil || k.Head() != before+3 {
		k.T.Errorf("got %v and head %d", err, k.Head())
	}
	r, err = k.S.DoTogether(ctx, by, Members("okta", to.UID, directory.MemberChange{Add: []string{ann.UID}}))
	if err != nil || r.Changed || r.Revision != before+3 {
		k.T.Errorf("nothing to do: got %+v, %v", r, err)
	}
	lease, _, err := k.S.Acquire(ctx, "x", "me", time.Minute)
	if err != nil {
		k.T.Fatal(err)
	}
	lease.Epoch--
	by.Lease = &lease
	if _, err := k.S.DoTogether(ctx, by, DeleteAccount("okta", bob.UID)); !errors.Is(err, store.ErrFenced) {
		k.T.Errorf("an old lease: got %v", err)
	}
	k.Verified()
}

func readState(k Kit, _ *Clock) {
	ctx := context.Background()
	lease, held, err := k.S.Acquire(ctx, "ldap/corp", "me", time.Minute)
	if err != nil || !held {
		k.T.Fatal(err, held)
	}
	save := func(st store.ReadState, entries ...store.ReadEntry) {
		k.T.Helper()
		st.Source = "corp"
		if err := k.S.SaveReadState(ctx, lease, st, slices.Values(entries)); err != nil {
			k.T.Fatal(err)
		}
	}
	head := k.Head()
	save(store.ReadState{Applying: true})
	many := make([]store.ReadEntry, 4100)
	for i := range many {
		many[i] = store.ReadEntry{ID: fmt.Sprintf("%05d", i), Body: []byte(`{}`)}
	}
	save(store.ReadState{Checkpoint: []byte(`{"c":1}`)}, many...)
	save(store.ReadState{Checkpoint: []byte(`{"c":2}`)}, store.ReadEntry{ID: "00000"}, store.ReadEntry{ID: "00001", Body: []byte(`{"x":1}`)},
		store.ReadEntry{Group: true, ID: "00000", Body: []byte(`{"g":1}`)})
	k.Read(func(v *store.View) error {
		st, err := v.ReadState(ctx, "corp")
		if string(st.Checkpoint) != `{"c":2}` || st.Applying || st.Version != 3 {
			k.T.Errorf("got %+v", st)
		}
		var got []store.ReadEntry
		err = errors.Join(err, v.ReadEntries(ctx, "corp", func(e store.ReadEntry) error { got = append(got, e); return nil }))
		if len(got) != 4100 || string(got[0].Body) != `{"x":1}` || !got[4099].Group {
			k.T.Errorf("got %d entries, the first %+v", len(got), got[0])
		}
		groups, gerr := v.ReadGroups(ctx, "corp", []string{"00001", "00000"})
		if len(groups) != 1 || groups[0].ID != "00000" || string(groups[0].Body) != `{"g":1}` {
			k.T.Errorf("got the groups %+v", groups)
		}
		account, aerr := v.ReadAccount(ctx, "corp", "00001")
		if _, gone := v.ReadAccount(ctx, "corp", "00000"); string(account.Body) != `{"x":1}` || !errors.Is(gone, store.ErrNotFound) {
			k.T.Errorf("got the account %+v; one that is gone: %v", account, gone)
		}
		return errors.Join(err, gerr, aerr)
	})
	old := lease
	old.Epoch--
	if err := k.S.SaveReadState(ctx, old, store.ReadState{Source: "corp"}, slices.Values([]store.ReadEntry(nil))); !errors.Is(err, store.ErrFenced) {
		k.T.Errorf("an old lease: got %v", err)
	}
	if k.Head() != head {
		k.T.Errorf("side state made revision %d", k.Head())
	}
	settle := &store.SettleEntry{State: store.ReadState{Source: "corp", Checkpoint: []byte(`{"c":3}`), Applying: true}, Entry: "00002", Groups: []string{"staff"},
		Entries: []store.ReadEntry{{ID: "00002", Body: []byte(`{"settled":1}`)}}}
	for _, l := range []store.Lease{old, lease} {
		_, err := k.S.Do(ctx, store.By{Actor: "cli:root", Via: "cli", Reason: "known to me", Lease: &l}, settle)
		if fenced := errors.Is(err, store.ErrFenced); fenced != (l == old) || err != nil && !fenced {
			k.T.Errorf("settled under lease %d: %v", l.Epoch, err)
		}
	}
	if k.Head() != head+1 {
		k.T.Errorf("who settled an entry does not stand in the chain")
	}
	k.Read(func(v *store.View) error {
		st, err := v.ReadState(ctx, "corp")
		account, aerr := v.ReadAccount(ctx, "corp", "00002")
		if string(st.Checkpoint) != `{"c":3}` || !st.Applying || st.Version != 4 || string(account.Body) != `{"settled":1}` {
			k.T.Errorf("got %+v and the account %+v", st, account)
		}
		return errors.Join(err, aerr)
	})
}

func runs(k Kit, c *Clock) {
	ctx := context.Background()
	for i := range 5 {
		for _, source := range []string{"a", "b"} {
			run := store.SyncRun{Source: source, State: "applied", Started: c.T, Ended: c.T.Add(time.Second), Report: fmt.Appendf(nil, `{"n":%d}`, i)}
			if _, err := k.S.KeepRun(ctx, run, 3); err != nil {
				k.T.Fatal(err)
			}
		}
	}
	var again store.SyncRun
	k.Read(func(v *store.View) error {
		got, err := v.Runs(ctx, "a", 10)
		if len(got) != 3 || string(got[0].Report) != `{"n":4}` || !got[0].Ended.Equal(c.T.Add(time.Second)) {
			k.T.Errorf("got %+v", got)
		}
		again = got[0]
		return err
	})
	again.State = "unchanged"
	if _, err := k.S.KeepRun(ctx, again, 3); err != nil {
		k.T.Fatal(err)
	}
	k.Read(func(v *store.View) error {
		got, err := v.Runs(ctx, "", 10)
		if len(got) != 6 || got[1].State != "unchanged" {
			k.T.Errorf("got %+v", got)
		}
		return err
	})
	if _, err := k.S.KeepRun(ctx, store.SyncRun{Source: "a", State: "failed", Started: c.T, Ended: c.T, Report: []byte(`{}`)}, 3); err != nil {
		k.T.Fatal(err)
	}
	k.Read(func(v *store.View) error {
		last, err := v.LastRuns(ctx)
		var got []string
		for _, r := range last {
			got = append(got, r.Source+" "+r.State)
		}
		if want := []string{"a unchanged", "a failed", "b applied"}; !slices.Equal(got, want) {
			k.T.Errorf("the last runs are %q, want %q", got, want)
		}
		return err
	})
}

func sourceRows(k Kit, _ *Clock) {
	ctx := context.Background()
	k.Do(NewAccount("okta", "no-id", ""))
	op, other := NewAccount("okta", "ann", "id-1"), NewAccount("okta", "bob", "id-2")
	k.Do(op)
	k.Do(other)
	k.Do(NewAccount("entra", "ann", "id-1"))
	g := k.Group("okta", "staff", op.After.UID)
	k.Do(&store.ChangeGroup{Change: &directory.GroupChange{Source: "okta", UID: g.UID,
		Edit: func(g directory.Group) (directory.Group, error) { g.ExternalID = "g-1"; return g, nil }}})
	k.Read(func(v *store.View) error {
		var all, one []string
		err := v.SourceAccounts(ctx, "okta", nil, func(a directory.Account) error { all = append(all, a.ExternalID); return nil })
		err = errors.Join(err, v.SourceAccounts(ctx, "okta", []string{"id-2", "none"}, func(a directory.Account) error { one = append(one, a.Login); return nil }))
		if !slices.Equal(all, []string{"id-1", "id-2"}) || !slices.Equal(one, []string{"bob"}) {
			k.T.Errorf("got %v and %v", all, one)
		}
		gs, gerr := v.SourceGroups(ctx, "okta")
		if len(gs) != 1 || gs[0].ExternalID != "g-1" {
			k.T.Errorf("got %+v", gs)
		}
		n := 0
		merr := v.SourceMembers(ctx, "okta", func(in directory.GroupID, a directory.AccountID) error {
			n++
			if in != g.ID || a != op.After.ID {
				k.T.Errorf("got %d in %d", a, in)
			}
			return nil
		})
		if n != 1 {
			k.T.Errorf("got %d memberships", n)
		}
		return errors.Join(err, gerr, merr)
	})
}
