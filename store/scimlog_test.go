package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

var logTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func loggedRequest(n int) store.SCIMRequest {
	return store.SCIMRequest{
		At: logTime.Add(time.Duration(n) * time.Hour), Took: 1500 * time.Microsecond, Request: fmt.Sprint("req-", n), Source: "okta", Credential: "bearer 1",
		Profile: "okta", Method: "PATCH", Route: "PATCH /Users/{id}", Resource: fmt.Sprint("uid-", n), Status: 200, Revision: int64(n), Changed: 1, Moved: 2,
		Says: "x", About: []string{"other", fmt.Sprint("uid-", n)}, People: []access.PersonID{access.PersonID(n)}, Detail: []byte(`{"body":{"a":1}}`),
	}
}

func readLog(t *testing.T, s *store.Store, q store.SCIMLogQuery) (ids []int64) {
	t.Helper()
	err := s.Read(t.Context(), func(v *store.View) error {
		found, err := v.SCIMLog(t.Context(), q)
		for _, r := range found {
			ids = append(ids, r.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestTheRequestLogIsFoundByWhatItIsAbout(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		failed := loggedRequest(3)
		failed.Status, failed.Source, failed.Says = 404, "entra", "not\x00there \xff"
		batch := []store.SCIMRequest{loggedRequest(1), loggedRequest(2), failed}
		if err := s.AppendSCIMLog(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if batch[0].ID != 1 || batch[2].ID != 3 {
			t.Fatalf("ids are %d to %d", batch[0].ID, batch[2].ID)
		}
		for name, tt := range map[string]struct {
			q    store.SCIMLogQuery
			want []int64
		}{
			"everything, newest first": {store.SCIMLogQuery{}, []int64{3, 2, 1}},
			"a source":                 {store.SCIMLogQuery{Source: "okta"}, []int64{2, 1}},
			"a status":                 {store.SCIMLogQuery{Status: 404}, []int64{3}},
			"a range of status":        {store.SCIMLogQuery{Status: 400, StatusTo: 599}, []int64{3}},
			"a resource":               {store.SCIMLogQuery{Resource: "uid-2"}, []int64{2}},
			"a resource beside":        {store.SCIMLogQuery{Resource: "other"}, []int64{3, 2, 1}},
			"a person":                 {store.SCIMLogQuery{Person: 1}, []int64{1}},
			"a request id":             {store.SCIMLogQuery{Request: "req-2"}, []int64{2}},
			"since and until":          {store.SCIMLogQuery{Since: logTime.Add(2 * time.Hour), Until: logTime.Add(3 * time.Hour)}, []int64{2}},
			"the next page":            {store.SCIMLogQuery{Before: 3, Limit: 1}, []int64{2}},
			"what came after":          {store.SCIMLogQuery{After: 1}, []int64{2, 3}},
			"text no database holds":   {store.SCIMLogQuery{Source: "a\x00"}, nil},
		} {
			if got := readLog(t, s, tt.q); !cmp.Equal(got, tt.want) {
				t.Errorf("%s: got %v, want %v", name, got, tt.want)
			}
		}
		err := s.Read(t.Context(), func(v *store.View) error {
			got, err := v.SCIMRequest(t.Context(), 2)
			want := loggedRequest(2)
			want.ID, want.About = 2, []string{"other"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("one whole (-want +got):\n%s", diff)
			}
			if _, err := v.SCIMRequest(t.Context(), 99); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("none: %v", err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheRequestLogIsPurgedInParts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var batch []store.SCIMRequest
		for n := range 700 {
			batch = append(batch, loggedRequest(n))
		}
		if err := s.AppendSCIMLog(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		var got []int
		for more := true; more; {
			n, left, err := s.PurgeSCIMLog(t.Context(), logTime.Add(600*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			got, more = append(got, n), left
		}
		if !cmp.Equal(got, []int{500, 100}) {
			t.Errorf("dropped %v", got)
		}
		if left := readLog(t, s, store.SCIMLogQuery{Limit: 1000}); len(left) != 100 || left[99] != 601 {
			t.Errorf("%d are left", len(left))
		}
		if found := readLog(t, s, store.SCIMLogQuery{Person: 5}); found != nil {
			t.Errorf("a purged one is found: %v", found)
		}
	})
}

func TestProcessesWriteOneLog(t *testing.T) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		a, b := storetest.OpenDSN(t, dsn, store.Options{}), storetest.OpenDSN(t, dsn, store.Options{})
		var wg sync.WaitGroup
		for _, s := range []*store.Store{a, b} {
			wg.Go(func() {
				for n := range 20 {
					if err := s.AppendSCIMLog(t.Context(), []store.SCIMRequest{loggedRequest(n), loggedRequest(n)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := readLog(t, a, store.SCIMLogQuery{Limit: 1000}); len(got) != 80 || got[0] != 80 || got[79] != 1 {
			t.Errorf("got %d requests", len(got))
		}
	})
}

func TestTryAnswersAsDoAndWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if _, err := s.Do(ctx, store.By{}, &store.PutSource{Source: store.Source{Name: "okta"}}); err != nil {
			t.Fatal(err)
		}
		create := func(login string) *store.ChangeAccount {
			return &store.ChangeAccount{Change: &directory.AccountChange{Source: "okta", UniqueLogin: true, Edit: func(a directory.Account) (directory.Account, error) {
				a.Login, a.Active, a.Doc = login, true, []byte(`{"userName":"`+login+`"}`)
				return a, nil
			}}}
		}
		looked := false
		op := create("ann")
		r, err := s.Try(ctx, store.By{}, op, func(v *store.View) error {
			looked = true
			a, err := v.Account(ctx, "okta", op.After.UID)
			if err == nil && (a.Login != "ann" || v.Revision() != 2) {
				t.Errorf("saw %+v at %d", a, v.Revision())
			}
			return err
		})
		if err != nil || !looked || r != (store.Receipt{Revision: 2, Changed: true}) {
			t.Fatalf("got %+v, %v, looked %v", r, err, looked)
		}
		if _, err := s.Do(ctx, store.By{}, create("bob")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Try(ctx, store.By{}, create("bob"), nil); !errors.As(err, new(*store.UniqueError)) {
			t.Errorf("a taken login: %v", err)
		}
		n, group := 0, directory.GroupChange{Source: "okta", Edit: func(g directory.Group) (directory.Group, error) {
			g.Display, g.Doc = "Writers", []byte(`{}`)
			return g, nil
		}}
		r, err = s.Rehearse(ctx, store.By{}, func() store.Op {
			switch n++; n {
			case 1:
				return op
			case 2:
				group.Members.Add = []string{op.After.UID}
				return &store.ChangeGroup{Change: &group}
			}
			return nil
		}, func(v *store.View) error {
			all, err := v.GroupsOf(ctx, []directory.AccountID{op.After.ID})
			if len(all[op.After.ID]) != 1 || v.Revision() != 4 {
				t.Errorf("saw the groups %+v at %d", all, v.Revision())
			}
			return err
		})
		if err != nil || r != (store.Receipt{Revision: 4, Changed: true}) {
			t.Errorf("rehearsed %+v, %v", r, err)
		}
		if v, err := s.Verify(ctx); err != nil || v.Broken != "" || v.Revision != 2 {
			t.Errorf("%+v, %v", v, err)
		}
		if r, err := s.Do(ctx, store.By{}, create("ann")); err != nil || r.Revision != 3 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
