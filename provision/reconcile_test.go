package provision_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

func eachCorp(t *testing.T, f func(c *corp)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, st *store.Store) { f(newCorp(t, st)) })
}

// Invariant 1.
func TestARunWithoutChangeWritesNothing(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(20)
		inner := c.team("inner", staff[3:6]...)
		c.team("Team-all", append(staff[:2:2], inner)...)
		c.sync(provision.SyncApplied)
		c.converged()
		before := c.head()
		c.sync(provision.SyncUnchanged)
		// Another process, with nothing in memory.
		e, err := provision.New(c.ctx, c.st, provision.Config{Limits: noLastSuperuser, Now: func() time.Time { return c.now }})
		c.must(err)
		c.e = e
		c.sync(provision.SyncUnchanged)
		if got := c.head(); got != before {
			c.t.Errorf("got revision %d, want %d", got, before)
		}
		if l := c.level("p4", "main"); l != "view" {
			c.t.Errorf("a member of a group in a group has %s", l)
		}
	})
}

// Invariants 2, 3 and 20: whatever is not proven changes nothing.
func TestAnUnprovenReadingChangesNothing(t *testing.T) {
	proven := directory.Leg{Answered: true, Pages: 1, Controls: 1, Ended: true, Server: "s", Last: "s", Entries: 5}
	faults := map[string]func(l *directory.Leg){
		"cut":                  func(l *directory.Leg) { l.Answered = false },
		"size limit":           func(l *directory.Leg) { l.Code = 4 },
		"no page control":      func(l *directory.Leg) { l.Controls = 0 },
		"more follows":         func(l *directory.Leg) { l.Ended = false },
		"empty success":        func(l *directory.Leg) { l.Entries, l.Least = 0, 2 },
		"canary unseen":        func(l *directory.Leg) { l.Canaries = []directory.Canary{{Name: "cn=reader"}} },
		"hidden subtree":       func(l *directory.Leg) { l.Referrals = 1 },
		"no ids":               func(l *directory.Leg) { l.Nameless = 3 },
		"another server":       func(l *directory.Leg) { l.Last = "t" },
		"nothing was read":     func(l *directory.Leg) { *l = directory.Leg{} },
		"a filter's attribute": func(l *directory.Leg) { l.Faults = []string{"the server does not know memberOff"} },
	}
	eachCorp(t, func(c *corp) {
		c.team("Team-a", c.staff(5)...)
		c.sync(provision.SyncApplied)
		before := c.head()
		for name, spoil := range faults {
			for _, users := range []bool{true, false} {
				k := c.known()
				r := directory.Reading{Source: "corp", At: c.now, Full: true, Gone: []directory.Gone{{ID: k.State().Accounts[0].ID, Evidence: directory.Confirmed}}}
				r.UsersProof, r.GroupsProof = directory.Prove(proven), directory.Prove(proven)
				leg := proven
				spoil(&leg)
				if users {
					r.UsersProof = directory.Prove(leg)
				} else {
					r.GroupsProof = directory.Prove(leg)
				}
				_, err := c.e.Reconcile(c.ctx, c.by(c.lease()), k, r, provision.ReconcileOptions{Limits: unlimited})
				if unproven, ok := errors.AsType[*directory.UnprovenError](err); !ok || len(unproven.Why) == 0 {
					c.t.Errorf("%s: got %v", name, err)
				}
			}
		}
		if got := c.head(); got != before {
			c.t.Errorf("got revision %d, want %d", got, before)
		}
		c.converged()
	})
}

// Absence that nothing confirms removes nobody; and it is said.
func TestUnconfirmedAbsenceRemovesNobody(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(5)
		c.team("Team-a", staff...)
		c.sync(provision.SyncApplied)
		k := c.known()
		c.remove(staff[0])
		r := c.reading(k)
		r.Gone = nil
		out, err := c.e.Reconcile(c.ctx, c.by(c.lease()), k, r, provision.ReconcileOptions{Limits: unlimited})
		c.must(err)
		if len(out.Doubts) == 0 || out.Plan.Counts.Deleted != 0 {
			c.t.Errorf("got %+v, %v", out.Plan.Counts, out.Doubts)
		}
		c.must(c.e.Sync(c.ctx, 0))
		if c.level("p0", "main") != "view" {
			c.t.Error("p0 lost access by not being seen")
		}
	})
}

// Invariants 4 and 24: after any history one run makes the store what the
// directory says, and its counts are those of the audit.
func TestRunsConverge(t *testing.T) {
	eachCorp(t, func(c *corp) {
		c.limits = unlimited
		r := rand.New(rand.NewPCG(1, 2))
		c.staff(12)
		for round := range 12 {
			for range 1 + r.IntN(8) {
				c.edit(r)
			}
			before := c.head()
			c.now = c.now.Add(time.Minute)
			out, err := c.try(c.ctx, provision.ReconcileOptions{Limits: unlimited, Approve: ""})
			c.must(err)
			if out.State == provision.SyncHeld {
				_, err := c.try(c.ctx, provision.ReconcileOptions{Approve: out.Plan.Hash})
				c.must(err)
			}
			c.converged()
			c.audited(before, out.Plan.Counts)
			if c.t.Failed() {
				c.t.Fatalf("after round %d: %v", round, out.Plan.Counts)
			}
			c.sync(provision.SyncUnchanged)
		}
	})
}

// audited compares the counts with the audit since a revision.
func (c *corp) audited(since int64, want provision.SyncCounts) {
	c.t.Helper()
	var entries []store.Entry
	c.must(c.st.Read(c.ctx, func(v *store.View) (err error) {
		entries, err = v.Audit(c.ctx, store.AuditQuery{Actor: "ldap:corp", Limit: 1000})
		return err
	}))
	n := map[string]int{}
	for _, e := range entries {
		if e.Revision > since {
			n[e.Action]++
		}
	}
	if n["user.create"] != want.Created || n["user.delete"] != want.Deleted || n["group.create"] != want.GroupsCreated || n["group.delete"] != want.GroupsDeleted {
		c.t.Errorf("the audit has %v, the plan said %+v", n, want)
	}
}

// Invariant 6: a run that ends anywhere is finished by the next.
func TestAnInterruptedRunIsFinishedByTheNext(t *testing.T) {
	for _, at := range []int{1, 3, 9, 22} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			eachCorp(t, func(c *corp) {
				c.limits = unlimited
				r := rand.New(rand.NewPCG(uint64(at), 3))
				c.staff(10)
				for range 30 {
					c.edit(r)
				}
				c.sync(provision.SyncApplied)
				for range 12 {
					c.edit(r)
				}
				ctx, cut := context.WithCancel(c.ctx)
				_, err := c.try(ctx, provision.ReconcileOptions{Limits: unlimited, Progress: func(done, _ int) {
					if done >= at {
						cut()
					}
				}})
				cut()
				// What was begun must not mislead the next, though the directory moves on.
				for range 5 {
					c.edit(r)
				}
				e, nerr := provision.New(c.ctx, c.st, provision.Config{Limits: noLastSuperuser, Now: func() time.Time { return c.now }})
				c.must(nerr)
				c.e = e
				if _, err2 := c.try(c.ctx, provision.ReconcileOptions{Limits: unlimited}); err2 != nil {
					c.t.Fatal(err, err2)
				}
				c.converged()
				c.sync(provision.SyncUnchanged)
			})
		})
	}
}

// Invariant 14: nobody is ever seen with groups that he has neither before nor
// after the run.
func TestNobodyIsSeenHalfChanged(t *testing.T) {
	eachCorp(t, func(c *corp) {
		c.limits = unlimited
		r := rand.New(rand.NewPCG(7, 7))
		c.staff(15)
		for range 40 {
			c.edit(r)
		}
		c.sync(provision.SyncApplied)
		for range 12 {
			for range 15 {
				c.edit(r)
			}
			before := c.picture()
			var stop atomic.Bool
			var seen []map[access.PersonID]string
			var wg sync.WaitGroup
			wg.Go(func() {
				for !stop.Load() {
					if p := c.picture(); len(seen) == 0 || fmt.Sprint(seen[len(seen)-1]) != fmt.Sprint(p) {
						seen = append(seen, p)
					}
				}
			})
			c.now = c.now.Add(time.Minute)
			_, err := c.try(c.ctx, provision.ReconcileOptions{Limits: unlimited})
			stop.Store(true)
			wg.Wait()
			c.must(err)
			after := c.picture()
			for _, s := range seen {
				for id, is := range s {
					if is != before[id] && is != after[id] {
						c.t.Fatalf("person %d was seen with %q; it was %q and is %q", id, is, before[id], after[id])
					}
				}
			}
		}
	})
}

// Who was disabled in a group that ends comes back without it.
func TestWhoComesBackIsNotSeenInAGroupThatIsGone(t *testing.T) {
	eachCorp(t, func(c *corp) {
		c.limits = unlimited
		ann := c.person("ann")
		c.people[ann].disabled = true
		old := c.team("Team-old", ann)
		c.team("Team-new", ann)
		c.sync(provision.SyncApplied)
		c.people[ann].disabled = false
		c.remove(old)
		var seen []map[access.PersonID]string
		_, err := c.try(c.ctx, provision.ReconcileOptions{Limits: unlimited, Progress: func(int, int) { seen = append(seen, c.picture()) }})
		c.must(err)
		after := c.picture()
		for _, s := range seen {
			if len(s) > 0 && !maps.Equal(s, after) {
				c.t.Errorf("seen with %v, and is %v", s, after)
			}
		}
		if len(after) != 1 || len(seen) == 0 {
			c.t.Errorf("%v after %d steps", after, len(seen))
		}
	})
}

// picture is what each person's access follows from, at one revision.
func (c *corp) picture() map[access.PersonID]string {
	out := map[access.PersonID]string{}
	_ = c.st.Read(context.Background(), func(v *store.View) error {
		groups, err := v.AllGroups(context.Background(), 0)
		if err != nil {
			return err
		}
		names := map[access.GroupID]bool{}
		for _, g := range groups {
			names[access.GroupID(g.ID)] = true
		}
		return v.People(context.Background(), store.PeopleQuery{}, func(p store.Person) error {
			if len(p.Groups) > 0 && !p.Suspended {
				p.Groups = slices.DeleteFunc(p.Groups, func(g access.GroupID) bool { return !names[g] })
				out[p.ID] = fmt.Sprint(p.Groups)
			}
			return nil
		})
	})
	return out
}

// Invariant 7: of two who believe to lead, one can write.
func TestATakenLeaseFencesTheRunThatLostIt(t *testing.T) {
	eachCorp(t, func(c *corp) {
		c.limits = unlimited
		c.team("Team-a", c.staff(30)...)
		k := c.known()
		old := c.lease()
		var once sync.Once
		_, err := c.e.Reconcile(c.ctx, c.by(old), k, c.reading(k), provision.ReconcileOptions{Limits: unlimited, Progress: func(done, _ int) {
			once.Do(func() {
				c.must(c.st.Resign(c.ctx, old))
				c.holder = "another"
				c.lease()
			})
		}})
		if !errors.Is(err, store.ErrFenced) {
			c.t.Fatalf("got %v, want ErrFenced", err)
		}
		c.sync(provision.SyncApplied)
		c.converged()
	})
}
