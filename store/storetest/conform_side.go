package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Conformance of tokens, holds, the audit, leases and people.

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
