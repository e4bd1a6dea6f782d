package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"grantbridge/store"
	"grantbridge/store/storetest"
)

func TestClientsStandBesideBearerTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		do := func(op store.Op) error {
			_, err := s.Do(ctx, store.By{}, op)
			return err
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(do(&store.PutSource{Source: store.Source{Name: "okta"}}))
		var made []*store.MintSCIMToken
		for _, client := range []bool{false, true, true, false} {
			m := &store.MintSCIMToken{Source: "okta", Client: client}
			must(do(m))
			made = append(made, m)
		}
		for _, client := range []bool{false, true} { // two of each kind
			if err := do(&store.MintSCIMToken{Source: "okta", Client: client}); !errors.Is(err, store.ErrTooManyTokens) {
				t.Errorf("a third: %v", err)
			}
		}
		if c := made[1]; c.Token.ID != 2 || c.Token.ClientID() != "gbc_2" || !strings.HasPrefix(c.Secret, "gbc_2_") || !c.Token.Client {
			t.Errorf("the client is %+v", c.Token)
		}
		must(do(&store.RevokeSCIMToken{ID: 2}))
		must(s.Read(ctx, func(v *store.View) error {
			all, err := v.SCIMTokens(ctx)
			if len(all) != 4 || all[0].Client || !all[1].Client || all[1].Revoked.IsZero() || !all[2].Revoked.IsZero() || all[3].Client {
				t.Errorf("got %+v", all)
			}
			return err
		}))

		ends := time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC()
		secret, err := s.NewSCIMAccess(ctx, store.SCIMAccess{Client: 3, Expires: ends})
		must(err)
		must(s.Read(ctx, func(v *store.View) error {
			a, err := v.SCIMAccess(ctx, store.Digest(secret))
			if a != (store.SCIMAccess{Client: 3, Expires: ends}) {
				t.Errorf("got %+v", a)
			}
			if _, err := v.SCIMAccess(ctx, store.Digest(secret+"x")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another: %v", err)
			}
			return err
		}))
		_, err = s.NewSCIMAccess(ctx, store.SCIMAccess{Client: 3, Expires: time.Now().Add(-time.Hour)})
		must(err)
		_, _, err = s.PurgeSCIMLog(ctx, time.Time{})
		must(err)
		must(s.Read(ctx, func(v *store.View) error {
			_, err := v.SCIMAccess(ctx, store.Digest(secret))
			return err
		}))
	})
}
