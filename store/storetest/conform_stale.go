package storetest

import (
	"context"
	"maps"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

func staleGroups(k Kit, c *Clock) {
	const bound = 7 * 24 * time.Hour
	k.Source("okta", false)
	k.Source("entra", false)
	a, b, elsewhere := k.Account("okta", "a"), k.Account("okta", "b"), k.Account("entra", "a")
	g, h := access.GroupID(k.Group("okta", "g", a.UID, b.UID).ID), access.GroupID(k.Group("okta", "h", a.UID).ID)
	k.Group("entra", "e", elsewhere.UID)
	person := access.PersonID(a.Person)
	k.Do(&store.LinkAccount{Account: elsewhere.ID, Person: person})
	until := func() map[access.GroupID]time.Time {
		for _, p := range k.People(store.PeopleQuery{IDs: []access.PersonID{person}}) {
			return p.Until
		}
		return nil
	}
	type times = map[access.GroupID]time.Time
	want := func(what string, wanted times) {
		k.T.Helper()
		if got := until(); !maps.EqualFunc(got, wanted, time.Time.Equal) {
			k.T.Errorf("%s: memberships grant until %v, want %v", what, got, wanted)
		}
	}
	stale := func(account directory.Account, is bool) *store.StaleGroups {
		return &store.StaleGroups{Source: account.Source, Account: account.UID, Stale: is}
	}
	k.Unchanged(stale(a, false))
	k.Refused(&store.StaleGroups{Source: "entra", Account: a.UID, Stale: true}, store.ErrNotFound)
	since := c.T
	k.Do(stale(a, true))
	want("without a bound", nil)
	k.Do(&store.PutSource{Source: store.Source{Name: "okta", StaleAfter: bound}})
	k.Unchanged(&store.PutSource{Source: store.Source{Name: "okta", StaleAfter: bound}})
	want("with one", times{g: since.Add(bound), h: since.Add(bound)})
	c.T = c.T.Add(time.Hour)
	k.Unchanged(stale(a, true))
	want("stale for longer", times{g: since.Add(bound), h: since.Add(bound)})
	k.Do(&store.LinkAccount{Account: b.ID, Person: person})
	want("by an account that is not", times{h: since.Add(bound)})
	k.Do(stale(b, true))
	want("by two that are", times{g: since.Add(bound + time.Hour), h: since.Add(bound)})
	k.Do(stale(a, false))
	want("known again", nil)
	k.Read(func(v *store.View) error {
		entries, err := v.Audit(context.Background(), store.AuditQuery{Action: "user.groups", Limit: 9})
		if err == nil && (len(entries) != 3 || entries[0].Target != "okta/user/"+a.UID) {
			k.T.Errorf("the audit has %+v", entries)
		}
		return err
	})
}
