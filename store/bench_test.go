package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

func eachKind(b *testing.B, f func(b *testing.B, kind string)) {
	for _, kind := range storetest.Kinds {
		b.Run(kind, func(b *testing.B) { f(b, kind) })
	}
}

var serial int

// create creates n accounts from the given number of callers.
func create(b testing.TB, s *store.Store, callers, n int) time.Duration {
	serial++
	start := time.Now()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := c; i < n; i += callers {
				op := storetest.NewAccount("okta", fmt.Sprintf("u%d-%d", serial, i), "")
				if _, err := s.Do(context.Background(), store.By{Actor: "bench"}, op); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// BenchmarkGroupCommit compares operations that are committed together with a
// transaction for each, and with a transaction for each in which every statement
// is a round trip, as is usual. All check uniqueness, index attributes and chain
// their audit entries.
func BenchmarkGroupCommit(b *testing.B) {
	for _, callers := range []int{32, 128} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			eachKind(b, func(b *testing.B, kind string) {
				group, single, usual := storetest.Open(b, kind, store.Options{}), storetest.Open(b, kind, store.Options{}), storetest.Open(b, kind, store.Options{})
				single.OneByOne()
				usual.OneByOne()
				usual.Unpiped()
				rate := func(s *store.Store, n int) float64 { return float64(n) / create(b, s, callers, n).Seconds() }
				rate(group, 500)
				rate(single, 50)
				rate(usual, 50)
				var together, each, plain float64
				n := 0.0
				for b.Loop() {
					together += rate(group, 2000)
					each += rate(single, 300)
					plain += rate(usual, 300)
					n++
				}
				b.ReportMetric(together/n, "ops/s")
				b.ReportMetric(each/n, "each/s")
				b.ReportMetric(plain/n, "usual/s")
				b.ReportMetric(together/each, "x-each")
				b.ReportMetric(together/plain, "x-usual")
			})
		})
	}
}

// BenchmarkOneMember changes one member of a group of some 400 and of 100,000.
func BenchmarkOneMember(b *testing.B) {
	eachKind(b, func(b *testing.B, kind string) {
		dsn := storetest.DSN(b, kind)
		s := storetest.OpenDSN(b, dsn, store.Options{})
		storetest.Fill(b, dsn, 100_000)
		k := storetest.Kit{T: b, S: s}
		small := k.Group("okta", "small", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10")
		took := map[string]time.Duration{}
		toggle := func(group string) {
			start := time.Now()
			k.Do(storetest.Members("okta", group, directory.MemberChange{Remove: []string{"u7"}}))
			k.Do(storetest.Members("okta", group, directory.MemberChange{Add: []string{"u7"}}))
			took[group] += time.Since(start)
		}
		for range 50 {
			toggle(small.UID)
			toggle("g5001")
		}
		clear(took)
		n := 0
		for b.Loop() {
			toggle(small.UID)
			toggle("g5001")
			n++
		}
		b.ReportMetric(float64(took[small.UID].Microseconds())/float64(2*n), "us/10")
		b.ReportMetric(float64(took["g5001"].Microseconds())/float64(2*n), "us/100k")
		b.ReportMetric(float64(took["g5001"])/float64(took[small.UID]), "ratio")
	})
}

// BenchmarkReplace replaces the members of a group of 100,000: ten go, ten come.
func BenchmarkReplace(b *testing.B) {
	eachKind(b, func(b *testing.B, kind string) {
		dsn := storetest.DSN(b, kind)
		s := storetest.OpenDSN(b, dsn, store.Options{})
		storetest.Fill(b, dsn, 100_010)
		k := storetest.Kit{T: b, S: s}
		var refs []string
		for i := range 100_010 {
			refs = append(refs, fmt.Sprint("u", i+1))
		}
		k.Do(storetest.Members("okta", "g5001", directory.MemberChange{Replace: true, Add: refs[10:]}))
		flip := false
		for b.Loop() {
			flip = !flip
			part := refs[10:]
			if flip {
				part = refs[:100_000]
			}
			op := storetest.Members("okta", "g5001", directory.MemberChange{Replace: true, Add: part})
			k.Do(op)
			if op.Added != 10 || op.Removed != 10 {
				b.Fatalf("added %d, removed %d", op.Added, op.Removed)
			}
		}
	})
}

// BenchmarkPeople reads 100,000 people with 2.1 million memberships.
func BenchmarkPeople(b *testing.B) {
	eachKind(b, func(b *testing.B, kind string) {
		dsn := storetest.DSN(b, kind)
		s := storetest.OpenDSN(b, dsn, store.Options{})
		storetest.Fill(b, dsn, 100_000)
		ctx := context.Background()
		for b.Loop() {
			n := 0
			err := s.Read(ctx, func(v *store.View) error {
				return v.People(ctx, store.PeopleQuery{}, func(p store.Person) error { n += len(p.Groups); return nil })
			})
			if err != nil || n != 2_100_000 {
				b.Fatal(n, err)
			}
		}
	})
}

// BenchmarkFind answers what identity providers ask before each change.
func BenchmarkFind(b *testing.B) {
	eachKind(b, func(b *testing.B, kind string) {
		dsn := storetest.DSN(b, kind)
		s := storetest.OpenDSN(b, dsn, store.Options{})
		storetest.Fill(b, dsn, 100_000)
		ctx := context.Background()
		for name, q := range map[string]directory.Query{
			"login":       {Count: 10, Filter: &directory.Filter{Op: directory.OpEq, Path: "username", Text: "user77777"}},
			"first page":  {Count: 100, NoTotal: true},
			"page at 90%": {Count: 100, NoTotal: true, After: 90_000},
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					err := s.Read(ctx, func(v *store.View) error {
						page, _, err := v.Accounts(ctx, "okta", q)
						if len(page) == 0 {
							b.Fatal("nothing found")
						}
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// BenchmarkFollow measures from the end of a commit in one store until another
// store's Wait returns.
func BenchmarkFollow(b *testing.B) {
	eachKind(b, func(b *testing.B, kind string) {
		dsn := storetest.DSN(b, kind)
		one, two := storetest.OpenDSN(b, dsn, store.Options{}), storetest.OpenDSN(b, dsn, store.Options{})
		ctx := context.Background()
		rev, _ := two.Wait(ctx, 0, 300*time.Millisecond) // it listens now
		var sum time.Duration
		n := 0
		for b.Loop() {
			heard := make(chan time.Time)
			go func() {
				_, _ = two.Wait(ctx, rev, time.Minute)
				heard <- time.Now()
			}()
			time.Sleep(time.Duration(n%7) * 10 * time.Millisecond)
			create(b, one, 1, 1)
			done := time.Now()
			sum += max(0, (<-heard).Sub(done))
			rev++
			n++
		}
		b.ReportMetric(float64(sum.Microseconds())/float64(n), "us-behind")
	})
}
