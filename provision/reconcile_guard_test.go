package provision_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
)

func (c *corp) holds() (hs []store.Hold) {
	c.t.Helper()
	c.must(c.st.Read(c.ctx, func(v *store.View) (err error) { hs, err = v.Holds(c.ctx, false); return err }))
	return hs
}

func breached(out *provision.Reconciled) (limits []string) {
	for _, b := range out.Plan.Breaches {
		limits = append(limits, b.Limit)
	}
	return limits
}

// Invariant 3: everybody is gone, proven and confirmed; still nobody is removed
// unasked. The plan closes itself when the fault heals.
func TestAMassRemovalIsHeldAndClosesItself(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(40)
		c.team("Team-a", staff...)
		c.sync(provision.SyncApplied)
		c.must(c.e.Sync(c.ctx, 0))
		before := c.level("p7", "main")
		people := c.people
		c.people = map[directory.EntryID]*corpPerson{}
		out := c.sync(provision.SyncHeld)
		if got := breached(out); !slices.Contains(got, "deactivated") || !slices.Contains(got, "people_removed") {
			c.t.Errorf("got %v", got)
		}
		if hs := c.holds(); len(hs) != 1 || hs[0].Hash != out.Plan.Hash || hs[0].Kind != "ldap" || len(hs[0].Says) == 0 {
			c.t.Errorf("got %+v", hs)
		}
		c.sync(provision.SyncHeld) // the same plan is not held twice
		if hs := c.holds(); len(hs) != 1 {
			c.t.Errorf("got %d holds", len(hs))
		}
		if l := c.level("p7", "main"); l != before {
			c.t.Errorf("p7 has %s", l)
		}
		c.people = people
		c.sync(provision.SyncUnchanged)
		if hs := c.holds(); len(hs) != 0 {
			c.t.Errorf("got %+v, want none held", hs)
		}
		c.converged()
	})
}

func TestAMassElevationIsHeld(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(40)
		c.team("Team-a", staff...)
		owners, admins := c.team("Owners", staff[0]), c.team("Admin-main", staff[1])
		c.sync(provision.SyncApplied)
		c.change(owners, func(g *corpGroup) {
			for _, p := range staff[:4] {
				g.people[p] = true
			}
		})
		if got := breached(c.sync(provision.SyncHeld)); !slices.Equal(got, []string{"new_superusers"}) {
			c.t.Errorf("three new superusers: got %v", got)
		}
		c.change(owners, func(g *corpGroup) { g.people = map[directory.EntryID]bool{staff[0]: true} })
		c.sync(provision.SyncUnchanged)
		// A group in a group does it too.
		some := c.team("some", staff[10:16]...)
		c.change(admins, func(g *corpGroup) { g.groups[some] = true })
		if got := breached(c.sync(provision.SyncHeld)); !slices.Equal(got, []string{"new_admins"}) {
			c.t.Errorf("six new admins: got %v", got)
		}
	})
}

// Invariant 17.
func TestApprovingAPlanDoesExactlyItOrNothing(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(40)
		c.team("Team-a", staff...)
		c.sync(provision.SyncApplied)
		c.remove(staff[:20]...)
		held := c.sync(provision.SyncHeld)
		c.remove(staff[20])
		before := c.head()
		if _, err := c.try(c.ctx, provision.ReconcileOptions{Approve: held.Plan.Hash}); !errors.Is(err, store.ErrPrecondition) {
			c.t.Fatalf("one more is gone: got %v", err)
		}
		if got := c.head(); got != before {
			c.t.Errorf("refused, and at revision %d of %d", got, before)
		}
		held = c.sync(provision.SyncHeld)
		c.e.Approves("corp", func(_ context.Context, _ store.By, hash string) error {
			_, err := c.try(c.ctx, provision.ReconcileOptions{Approve: hash})
			return err
		})
		_, err := c.e.ApplyHold(c.ctx, admin, held.Hold.ID, held.Plan.Hash)
		c.must(err)
		if hs := c.holds(); len(hs) != 0 {
			c.t.Errorf("got %+v", hs)
		}
		c.converged()
	})
}

// Flags of few accounts count at once, also while something else is held.
func TestWhatTheDirectoryItselfDisablesIsNotHeld(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(60)
		c.team("Team-a", staff...)
		c.sync(provision.SyncApplied)
		c.people[staff[0]].disabled = true
		c.sync(provision.SyncApplied)
		c.people[staff[1]].disabled = true
		c.remove(staff[20:]...)
		out := c.sync(provision.SyncHeld)
		if out.Urgent.Deactivated != 1 {
			c.t.Errorf("got %+v", out.Urgent)
		}
		c.must(c.e.Sync(c.ctx, 0))
		if l := c.level("p1", "main"); l != "noaccess" {
			c.t.Errorf("p1 is disabled and has %s", l)
		}
		if l := c.level("p30", "main"); l != "view" {
			c.t.Errorf("p30 is held and has %s", l)
		}
	})
}

func TestTheLastSuperuserIsNotTakenByARun(t *testing.T) {
	eachCorp(t, func(c *corp) {
		c.setRules(strings.Replace(corpRules, "rules:", "limits: {superusers_at_least: 1}\nrules:", 1))
		staff := c.staff(5)
		owners := c.team("Owners", staff[0])
		c.sync(provision.SyncApplied)
		c.change(owners, func(g *corpGroup) { clear(g.people) })
		out := c.sync(provision.SyncHeld)
		if got := breached(out); !slices.Contains(got, "superusers_at_least") {
			c.t.Errorf("got %v", got)
		}
		_, err := c.try(c.ctx, provision.ReconcileOptions{Approve: out.Plan.Hash})
		if _, refused := errors.AsType[*provision.RefusedError](err); !refused {
			c.t.Errorf("got %v", err)
		}
	})
}

// Invariant 8.
func TestARenameKeepsEverything(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(6)
		c.team("Team-a", staff...)
		c.sync(provision.SyncApplied)
		c.must(c.e.Sync(c.ctx, 0))
		was, err := c.e.FindPerson("p0")
		c.must(err)
		c.people[staff[0]].login = "new-name"
		out := c.sync(provision.SyncApplied)
		if out.Plan.Counts.Renamed != 1 || out.Plan.Counts.Created != 0 || out.Plan.Effect.Changed() != 0 {
			c.t.Errorf("got %+v", out.Plan.Counts)
		}
		is, err := c.e.FindPerson("new-name")
		if err != nil || is.ID != was.ID {
			c.t.Errorf("got %v, %v", is, err)
		}
	})
}

// Invariant 9.
func TestAReCreatedAccountIsNoHeir(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(6)
		team := c.team("Team-a", staff...)
		owners := c.team("Owners", staff[0])
		c.sync(provision.SyncApplied)
		c.must(c.e.Sync(c.ctx, 0))
		was, err := c.e.FindPerson("p0")
		c.must(err)
		c.addManual(was.ID)
		c.remove(staff[0])
		again := c.person("p0")
		c.change(team, func(g *corpGroup) { g.people[again] = true })
		c.change(owners, func(g *corpGroup) { g.people[again] = true })
		out := c.sync(provision.SyncApplied)
		if len(out.Conflicts) != 1 || out.Conflicts[0].ID != again {
			c.t.Fatalf("got %+v", out.Conflicts)
		}
		c.must(c.e.Sync(c.ctx, 0))
		if out := c.sync(provision.SyncUnchanged); len(out.Conflicts) != 1 {
			c.t.Errorf("the conflict is not shown any more: %+v", out.Conflicts)
		}
		_, err = c.e.Settle(c.ctx, c.by(c.lease()), "corp", again, false)
		c.must(err)
		c.sync(provision.SyncApplied)
		c.must(c.e.Sync(c.ctx, 0))
		is, err := c.e.FindPerson("p0")
		c.must(err)
		if is.ID == was.ID {
			c.t.Error("the new account is the old person")
		}
		if l := c.level("p0", "shop"); l != "superuser" { // by its own groups
			c.t.Errorf("settled, and has %s", l)
		}
		c.sync(provision.SyncUnchanged)
	})
}

func (c *corp) addManual(p access.PersonID) {
	c.t.Helper()
	_, err := c.st.Do(c.ctx, admin, &store.AddManual{Manual: store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(p)},
		Role: "admin", Sites: []access.SiteID{3}, Reason: "helps out"}})
	c.must(err)
}

// Invariant 13.
func TestARunTouchesOnlyItsOwnSource(t *testing.T) {
	eachCorp(t, func(c *corp) {
		c.limits = unlimited
		ann := c.user("okta", "ann", "ann@corp.example")
		c.group("okta", "Owners", ann)
		p, err := c.e.FindPerson("ann")
		c.must(err)
		c.addManual(p.ID)
		before := c.others()
		r := rand.New(rand.NewPCG(5, 5))
		c.staff(5)
		c.people[c.person("ann")].disabled = true
		for range 10 {
			for range 6 {
				c.edit(r)
			}
			_, err := c.try(c.ctx, provision.ReconcileOptions{Limits: unlimited})
			c.must(err)
		}
		if after := c.others(); after != before {
			c.t.Errorf("got %s\nwant %s", after, before)
		}
	})
}

// others is everything that is not the source's.
func (c *corp) others() string {
	var out strings.Builder
	c.must(c.st.Read(c.ctx, func(v *store.View) error {
		as, _, err := v.Accounts(c.ctx, "okta", directory.Query{Count: 100})
		if err != nil {
			return err
		}
		gs, _, err := v.Groups(c.ctx, "okta", directory.Query{Count: 100})
		if err != nil {
			return err
		}
		ms, err := v.Manuals(c.ctx, 0)
		fmt.Fprint(&out, as, gs, ms)
		return err
	}))
	return out.String()
}

// Invariant 10.
func TestThePlanDoesNotDependOnOrderOrSpelling(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(8)
		c.team("Team-a", append(staff[:4:4], c.team("inner", staff[4:]...))...)
		k := c.known()
		plan := func(f func(r *directory.Reading)) string {
			r := c.reading(k)
			f(&r)
			out, err := c.e.Reconcile(c.ctx, store.By{}, k, r, provision.ReconcileOptions{Dry: true, Limits: unlimited})
			c.must(err)
			return out.Plan.Hash
		}
		want := plan(func(*directory.Reading) {})
		rnd := rand.New(rand.NewPCG(3, 1))
		for range 10 {
			got := plan(func(r *directory.Reading) {
				rnd.Shuffle(len(r.Accounts), func(i, j int) { r.Accounts[i], r.Accounts[j] = r.Accounts[j], r.Accounts[i] })
				rnd.Shuffle(len(r.Groups), func(i, j int) { r.Groups[i], r.Groups[j] = r.Groups[j], r.Groups[i] })
				for _, g := range r.Groups {
					g.DN = strings.ToUpper(strings.ReplaceAll(g.DN, ",", " , "))
				}
				for _, a := range r.Accounts {
					a.DN = strings.Replace(a.DN, "uid=", "UID =", 1)
				}
			})
			if got != want {
				c.t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

// Invariant 15.
func TestAHiddenListOfMembersChangesNothing(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(5)
		team := c.team("Team-a", staff...)
		c.sync(provision.SyncApplied)
		before := c.head()
		c.groups[team].people = map[directory.EntryID]bool{} // and the stamp is the same
		out := c.sync(provision.SyncUnchanged)
		if len(out.Doubts) != 1 || c.head() != before {
			c.t.Errorf("got %v at revision %d of %d", out.Doubts, c.head(), before)
		}
	})
}

// Invariant 16: whatever the directory does, a run that nobody watches stays
// within the limits.
func TestAnUnattendedRunStaysWithinItsLimits(t *testing.T) {
	eachCorp(t, func(c *corp) {
		r := rand.New(rand.NewPCG(11, 4))
		c.team("Team-all", c.staff(60)...)
		c.sync(provision.SyncApplied)
		held := 0
		for range 25 {
			saved := c.clone()
			for range 1 + r.IntN(40) {
				c.edit(r)
			}
			if r.IntN(4) == 0 {
				for _, id := range sortedIDs(c.people)[:r.IntN(len(c.people))] {
					c.remove(id)
				}
			}
			before := c.picture()
			out, err := c.try(c.ctx, provision.ReconcileOptions{})
			c.must(err)
			lost := 0
			after := c.picture()
			for id := range before {
				if after[id] == "" {
					lost++
				}
			}
			if most := max(3, len(before)/10); lost > most {
				c.t.Fatalf("%d of %d lost everything unasked: %+v", lost, len(before), out.Plan.Counts)
			}
			if out.State == provision.SyncHeld {
				held++
				c.people, c.groups = saved.people, saved.groups
			}
		}
		if held == 0 {
			c.t.Error("nothing was held; the test is too tame")
		}
	})
}

func (c *corp) clone() *corp {
	out := &corp{people: map[directory.EntryID]*corpPerson{}, groups: map[directory.EntryID]*corpGroup{}}
	for id, p := range c.people {
		q := *p
		out.people[id] = &q
	}
	for id, g := range c.groups {
		h := &corpGroup{name: g.name, stamp: g.stamp + 1000, people: map[directory.EntryID]bool{}, groups: map[directory.EntryID]bool{}}
		for m := range g.people {
			h.people[m] = true
		}
		for m := range g.groups {
			h.groups[m] = true
		}
		out.groups[id] = h
	}
	return out
}
