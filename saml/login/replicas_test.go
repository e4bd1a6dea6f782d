package login_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// TestWhatEndsASessionEndsItOnEveryReplica: two servers on one database. What is
// done at the first ends the session at the next request to the second, which
// has heard of it from nobody.
func TestWhatEndsASessionEndsItOnEveryReplica(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(n *town, a directory.Account)
	}{
		{"SCIM deactivates the account", func(n *town, a directory.Account) {
			n.kit.Do(storetest.EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
		}},
		{"SCIM deletes the account", func(n *town, a directory.Account) { n.kit.Do(storetest.DeleteAccount("okta", a.UID)) }},
		{"an administrator locks", func(n *town, a directory.Account) {
			n.must(n.engine.Lock(n.t.Context(), store.By{Actor: "test", Via: "test", Reason: "test"}, access.PersonID(a.Person), true))
		}},
		{"the source is disabled", func(n *town, _ directory.Account) { n.reconfigure(store.Source{Name: "okta", Disabled: true}) }},
		{"the source is gone from the configuration", func(n *town, _ directory.Account) { n.reconfigure(store.Source{Name: "other"}) }},
		{"an administrator revokes", func(n *town, a directory.Account) {
			ended, err := n.engine.RevokeSessions(n.t.Context(), store.By{Actor: "test"}, store.SessionQuery{Person: access.PersonID(a.Person)})
			if n.must(err); ended != 1 {
				n.t.Errorf("ended %d sessions", ended)
			}
		}},
		{"the account becomes somebody else's", func(n *town, a directory.Account) {
			other := n.kit.Account("okta", "other")
			n.kit.Do(&store.LinkAccount{Account: a.ID, Person: access.PersonID(other.Person)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.EachDSN(t, func(t *testing.T, dsn string) {
				n := &town{t: t, kit: storetest.Kit{T: t, S: storetest.OpenDSN(t, dsn, store.Options{})}, who: "ext-clara"}
				n.build(nil)
				a := n.clara()
				other := n.replica(dsn)
				b := n.browser()
				b.signIn()
				at := func(base string) int {
					r, err := b.c.Get(base + "/auth/verify")
					n.must(err)
					r.Body.Close()
					return r.StatusCode
				}
				if here, there := at(n.us.URL), at(other); here != http.StatusOK || there != http.StatusOK {
					t.Fatalf("before it is %d here and %d there", here, there)
				}
				c.do(n, a)
				if there, here := at(other), at(n.us.URL); there != http.StatusUnauthorized || here != http.StatusUnauthorized {
					t.Errorf("after it is %d there and %d here", there, here)
				}
			})
		})
	}
}

func (n *town) reconfigure(s store.Source) {
	n.t.Helper()
	n.must(n.engine.Reconfigure(n.t.Context(), provision.Config{Sources: []store.Source{s}}))
}

// replica is another server on the same database, with nothing in common but
// that.
func (n *town) replica(dsn string) (base string) {
	n.t.Helper()
	st := storetest.OpenDSN(n.t, dsn, store.Options{})
	engine, err := provision.New(n.t.Context(), st, provision.Config{MaxStaleness: 100 * time.Hour})
	n.must(err)
	manager := session.New(st, engine.Holder(), session.Config{Loopback: true})
	door := login.New(engine, login.Config{BaseURL: n.us.URL, Sources: map[string]login.Source{"okta": n.source}, Sessions: manager, Signer: session.NewSigner(st, nil)})
	s := httptest.NewServer(door)
	n.t.Cleanup(s.Close)
	return s.URL
}
