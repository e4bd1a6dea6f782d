package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Concurrent has many goroutines work on two stores of one database: no update
// is lost, no key is taken twice, no lock reaches a caller, and a follower sees
// every revision once and in order.
func Concurrent(t *testing.T, dsn string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stores := []*store.Store{OpenDSN(t, dsn, store.Options{}), OpenDSN(t, dsn, store.Options{})}
	k := Kit{t, stores[0]}
	shared := k.Account("okta", "shared")
	g := k.Group("okta", "G")
	var seen []int64
	var follower sync.WaitGroup
	follower.Go(func() { seen = followAll(ctx, t, stores[1]) })

	const workers, rounds = 12, 15
	var won, added atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		s := stores[w%2]
		do := func(op store.Op) error {
			_, err := s.Do(ctx, store.By{Actor: fmt.Sprint("worker:", w)}, op)
			return err
		}
		wg.Go(func() {
			for i := range rounds {
				if err := do(EditAccount("okta", shared.UID, count)); err != nil {
					t.Errorf("edit: %v", err)
				}
				op := NewAccount("okta", fmt.Sprint("user", i), "")
				var u *store.UniqueError
				if err := do(op); err == nil {
					won.Add(1)
					join := Members("okta", g.UID, directory.MemberChange{Add: []string{op.After.UID}})
					if err := do(join); err != nil {
						t.Errorf("join: %v", err)
					}
					added.Add(int64(join.Added))
				} else if !errors.As(err, &u) {
					t.Errorf("create: %v", err)
				}
				if err := s.Read(ctx, func(v *store.View) error { return consistent(ctx, v, g.ID) }); err != nil {
					t.Errorf("read: %v", err)
				}
			}
		})
	}
	wg.Wait()
	head := k.Verified().Revision
	if rev, err := stores[1].Wait(ctx, head-1, 5*time.Second); err != nil || rev < head {
		t.Errorf("the other store waits at %d, %v; want %d", rev, err, head)
	}
	time.Sleep(50 * time.Millisecond)
	cancel()
	follower.Wait()
	for i, rev := range seen {
		if rev != int64(i)+1 {
			t.Fatalf("the follower saw revision %d after %d", rev, i)
		}
	}
	if int64(len(seen)) != head {
		t.Errorf("the follower saw %d revisions of %d", len(seen), head)
	}
	if won.Load() != rounds || added.Load() != rounds {
		t.Errorf("%d logins were given and %d joined, want %d", won.Load(), added.Load(), rounds)
	}
	k.Read(func(v *store.View) error {
		a, err := v.Account(context.Background(), "okta", shared.UID)
		if got := counted(a); got != workers*rounds {
			t.Errorf("%d edits were counted, want %d", got, workers*rounds)
		}
		return err
	})
}

func counted(a directory.Account) int {
	var doc struct{ N int }
	_ = json.Unmarshal(a.Doc, &doc)
	return doc.N
}

func count(a *directory.Account) {
	a.Doc = []byte(fmt.Sprintf(`{"N":%d}`, counted(*a)+1))
}

// consistent compares within one view what must be equal at every revision.
func consistent(ctx context.Context, v *store.View, group directory.GroupID) error {
	gs, err := v.AllGroups(ctx, 0)
	if err != nil {
		return err
	}
	people := 0
	err = v.People(ctx, store.PeopleQuery{}, func(p store.Person) error {
		if slices.Contains(p.Groups, access.GroupID(group)) {
			people++
		}
		if p.Revision > v.Revision() {
			return fmt.Errorf("person %d is of revision %d, the view of %d", p.ID, p.Revision, v.Revision())
		}
		return nil
	})
	if err == nil && gs[0].Members != people {
		return fmt.Errorf("the group says %d members, %d people are in it", gs[0].Members, people)
	}
	return err
}

// followAll collects the revisions of the audit as they come.
func followAll(ctx context.Context, t *testing.T, s *store.Store) (seen []int64) {
	last := int64(0)
	for {
		if _, err := s.Wait(ctx, last, time.Second); err != nil {
			return seen
		}
		err := s.Read(ctx, func(v *store.View) error {
			es, err := v.Audit(ctx, store.AuditQuery{Limit: int(v.Revision() - last)})
			if v.Revision() == last {
				return err
			}
			slices.Reverse(es)
			for _, e := range es {
				seen = append(seen, e.Revision)
			}
			last = v.Revision()
			return err
		})
		if err != nil && ctx.Err() == nil {
			t.Errorf("follow: %v", err)
		}
	}
}

// Lanes has a revocation overtake a long queue of bulk operations, and drops an
// operation whose caller has gone.
func Lanes(t *testing.T, s *store.Store) {
	k := Kit{t, s}
	a := k.Account("okta", "a")
	ctx := context.Background()
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := s.Do(ctx, store.By{}, &store.SetMapping{Text: "x", IfVersion: -1, Guard: func(context.Context, int64) error {
			close(held)
			<-hold
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	const bulk = 600
	var behind atomic.Int64
	revoked := make(chan int64, 1)
	gone, leave := context.WithCancel(ctx)
	wg.Go(func() {
		if _, err := s.Do(gone, store.By{}, NewAccount("okta", "dropped", "")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	var revs [bulk]int64
	for i := range bulk {
		wg.Go(func() {
			r, err := s.Do(ctx, store.By{Lane: store.LaneBulk}, NewAccount("okta", fmt.Sprint("bulk", i), ""))
			if err != nil {
				t.Error(err)
			}
			revs[i] = r.Revision
		})
	}
	time.Sleep(200 * time.Millisecond) // all of them wait now
	leave()
	wg.Go(func() {
		r, err := s.Do(ctx, store.By{Lane: store.LaneRevoke}, EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
		if err != nil {
			t.Error(err)
		}
		revoked <- r.Revision
	})
	time.Sleep(100 * time.Millisecond)
	close(hold)
	wg.Wait()
	rev := <-revoked
	for _, r := range revs {
		if r > rev {
			behind.Add(1)
		}
	}
	if behind.Load() != bulk {
		t.Errorf("the revocation overtook %d of %d", behind.Load(), bulk)
	}
	k.Read(func(v *store.View) error {
		_, n, err := v.Accounts(ctx, "okta", directory.Query{Filter: leaf(directory.OpEq, "username", "dropped")})
		if n != 0 {
			t.Error("an operation was done though its caller had gone before")
		}
		return err
	})
	k.Verified()
}
