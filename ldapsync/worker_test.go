package ldapsync_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/ldapsync"
	"grantbridge/ldapsync/ldaptest"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// office is a directory behind the protocol, a store and a worker between them.
type office struct {
	t   *testing.T
	ctx context.Context
	st  *store.Store
	e   *provision.Engine
	dir *ldaptest.Directory
	srv *ldaptest.Server
	w   *ldapsync.Worker
	now time.Time
}

const officeRules = `version: 1
rules:
- {id: owners, from: corp, group: owners, give: superuser}
- {id: staff, from: corp, group: {glob: "g*"}, give: view, sites: all}
`

var person = store.By{Actor: "cli:test", Via: "cli"}

func newOffice(t *testing.T, st *store.Store, dir *ldaptest.Directory, kind ldaptest.Kind) *office {
	t.Helper()
	o := &office{t: t, ctx: t.Context(), st: st, dir: dir, srv: ldaptest.Serve(dir, kind), now: ldaptest.Epoch.Add(24 * time.Hour)}
	o.e = o.engine()
	o.must(o.e.PutSites(o.ctx, person, []access.Site{{ID: 1, Slug: "main"}}))
	_, _, err := o.e.SetMapping(o.ctx, person, "rules.yaml", []byte(officeRules), "", "")
	o.must(err)
	o.w = o.worker(provision.SyncLimits{})
	return o
}

func (o *office) engine() *provision.Engine {
	o.t.Helper()
	e, err := provision.New(o.ctx, o.st, provision.Config{
		Sources: []store.Source{{Name: "corp", Veto: true}}, Limits: mapping.Limits{SuperusersAtLeast: -1}})
	o.must(err)
	return e
}

func (o *office) config() ldapsync.Config {
	return ldapsync.Config{
		Source: "corp", Servers: []string{"ldap://dc1"}, Plaintext: true, Dial: o.srv.Dial,
		Bind:  ldapsync.Bind{DN: "cn=reader," + ldaptest.Suffix, Password: "secret"},
		Users: ldapsync.Users{Base: ldaptest.People}, Groups: ldapsync.Groups{Base: ldaptest.Groups},
		Idle: 5 * time.Second, Page: 7, Now: func() time.Time { return o.now },
	}
}

func (o *office) worker(limits provision.SyncLimits) *ldapsync.Worker {
	o.t.Helper()
	w, err := ldapsync.NewWorker(o.e, o.config(), ldapsync.WorkerOptions{Limits: limits})
	o.must(err)
	return w
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) run(want provision.SyncState) *provision.SyncReport {
	o.t.Helper()
	o.now = o.now.Add(time.Minute)
	p, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{})
	o.must(err)
	if p.State != want {
		o.t.Fatalf("got %s %v, want %s", p.State, p.Says, want)
	}
	return p
}

func (o *office) head() (rev int64) {
	o.must(o.st.Read(o.ctx, func(v *store.View) error { rev = v.Revision(); return nil }))
	return rev
}

// picture is who is in which group, by names, in the store.
func (o *office) picture() string {
	o.t.Helper()
	var lines []string
	o.must(o.st.Read(o.ctx, func(v *store.View) error {
		logins := map[directory.AccountID]string{}
		err := v.SourceAccounts(o.ctx, "corp", nil, func(a directory.Account) error {
			if a.Active {
				logins[a.ID] = a.Login
				lines = append(lines, a.Login)
			}
			return nil
		})
		groups, gerr := v.SourceGroups(o.ctx, "corp")
		names := map[directory.GroupID]string{}
		for _, g := range groups {
			names[g.ID] = g.Display
		}
		merr := v.SourceMembers(o.ctx, "corp", func(g directory.GroupID, a directory.AccountID) error {
			if logins[a] != "" {
				lines = append(lines, names[g]+" has "+logins[a])
			}
			return nil
		})
		return errors.Join(err, gerr, merr)
	}))
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// fresh is the picture that a store which knows nothing gets.
func (o *office) fresh() string {
	o.t.Helper()
	f := newOffice(o.t, storetest.Open(o.t, "sqlite", store.Options{}), o.dir, o.srv.Kind)
	f.now, f.w = o.now, f.worker(free)
	f.run(provision.SyncApplied)
	return f.picture()
}

var free = provision.SyncLimits{Few: 1 << 30, NewSuperusers: 1 << 30}

var kinds = []ldaptest.Kind{ldaptest.OpenLDAP, ldaptest.ActiveDirectory, ldaptest.DS389, ldaptest.Generic}

// Who is moved out of the base keeps his account, deactivated; a login that another
// has then means that one.
func TestALoginMeansTheSuccessorOfWhoWasMovedOut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		d := ldaptest.Scaffold()
		d.Person("ada")
		bob := d.Person("bob")
		o := newOffice(t, st, d, ldaptest.OpenLDAP)
		o.w = o.worker(free)
		read := func() {
			t.Helper()
			o.now = o.now.Add(time.Minute)
			if p, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: true}); err != nil || p.State != provision.SyncApplied {
				t.Fatalf("%+v, %v", p, err)
			}
		}
		read()
		was, err := o.e.FindPerson("bob")
		o.must(err)
		d.Rename(bob, "uid=bob,"+ldaptest.Elsewhere)
		read()
		if p, err := o.e.FindPerson("bob"); err != nil || p.ID != was.ID {
			t.Errorf("nobody came yet: %+v, %v", p, err)
		}
		d.Person("bob")
		read()
		is, err := o.e.FindPerson("corp/bob")
		if err != nil || is.ID == was.ID {
			t.Errorf("got %+v, %v", is, err)
		}
		if p, err := o.e.FindPerson("bob"); err != nil || p.ID != is.ID {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}

// Invariants 8 and 9 on a server that leaves names in its groups, with a new
// process for every run: what a name in a group means is kept.
func TestANameThatPassesGivesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		d := ldaptest.Scaffold()
		ada, bob, cy := d.Person("ada"), d.Person("bob"), d.Person("cy")
		g1 := d.Group("g1", ada, bob)
		d.Group("owners", bob, ada)
		o := newOffice(t, st, d, ldaptest.OpenLDAP)
		o.now = ldaptest.Epoch.Add(time.Hour)
		want := func(after, want string) *provision.SyncReport {
			t.Helper()
			o.e = o.engine()
			o.w = o.worker(free)
			p := o.run(provision.SyncApplied)
			if got := strings.ReplaceAll(o.picture(), "\n", ", "); got != want {
				t.Errorf("%s: got %s, want %s", after, got, want)
			}
			return p
		}
		want("all", "ada, bob, cy, g1 has ada, g1 has bob, owners has ada, owners has bob")
		d.Rename(bob, "uid=rob,"+ldaptest.People)
		d.Set("uid=rob,"+ldaptest.People, "uid", "rob")
		want("bob is renamed", "ada, cy, g1 has ada, g1 has rob, owners has ada, owners has rob, rob")
		d.AddMember(g1, "member", cy)
		want("cy joins", "ada, cy, g1 has ada, g1 has cy, g1 has rob, owners has ada, owners has rob, rob")
		d.Delete("uid=rob," + ldaptest.People)
		want("rob leaves", "ada, cy, g1 has ada, g1 has cy, owners has ada")
		d.Person("bob")
		p := want("another bob comes", "ada, bob, cy, g1 has ada, g1 has cy, owners has ada")
		if !strings.Contains(strings.Join(p.Notes, "\n"), "settle --source corp "+d.Entry(bob).ID.String()+" --groups") {
			t.Errorf("the report does not say what to do: %q", p.Notes)
		}
		in, err := o.w.Settle(o.ctx, person, d.Entry(bob).ID, true)
		o.must(err)
		if !slices.Equal(in, []string{"g1", "owners"}) {
			t.Errorf("settled in %q", in)
		}
		want("it is settled", "ada, bob, cy, g1 has ada, g1 has bob, g1 has cy, owners has ada, owners has bob")
		o.run(provision.SyncUnchanged)
		for _, groups := range []bool{false, true} {
			if _, err := o.w.Settle(o.ctx, person, d.Entry(bob).ID, groups); err == nil {
				t.Errorf("settled once more, groups %v", groups)
			}
		}
	})
}

// Invariants 1, 4 and 5, from the wire to the store: after any history of edits
// and faults, the store is what a store that knows nothing would become.
func TestTheStoreFollowsTheDirectory(t *testing.T) {
	for i, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			st := storetest.Open(t, "sqlite", store.Options{})
			r := rand.New(rand.NewPCG(uint64(i), 9))
			dir := ldaptest.Generate(r, 20, 6)
			dir.Refint = true // else a store that knows former names knows more than a fresh one
			o := newOffice(t, st, dir, kind)
			o.w = o.worker(free)
			o.run(provision.SyncApplied)
			for round := range 12 {
				var edits []string
				for range r.IntN(6) {
					edits = append(edits, ldaptest.Edit(o.dir, r))
				}
				if r.IntN(3) == 0 {
					o.broken(r)
				}
				o.now = o.now.Add(time.Minute)
				_, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: round%4 == 3})
				o.must(err)
				if round%4 != 3 {
					continue
				}
				o.settle()
				if got, want := o.picture(), o.fresh(); got != want {
					t.Fatalf("round %d after %v:\ngot\n%s\nwant\n%s", round, edits, got, want)
				}
				before := o.head()
				o.run(provision.SyncUnchanged)
				if o.head() != before {
					t.Fatal("a run without change made a revision")
				}
			}
		})
	}
}

// settle decides all conflicts, since a fresh store has none.
func (o *office) settle() {
	o.t.Helper()
	k, err := o.e.Known(o.ctx, "corp")
	o.must(err)
	n := 0
	for _, a := range k.State().Accounts {
		if !a.Conflict.IsZero() {
			_, err := o.w.Settle(o.ctx, person, a.ID, false)
			o.must(err)
			n++
		}
	}
	if n > 0 {
		o.now = o.now.Add(time.Minute)
		_, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: true})
		o.must(err)
	}
}

// broken runs while something is broken; nothing may change.
func (o *office) broken(r *rand.Rand) {
	o.t.Helper()
	before := o.picture()
	switch r.IntN(3) {
	case 0:
		o.srv.Wire = ldaptest.Wire{Cut: 1 + r.IntN(4000)}
	case 1:
		o.srv.Spoil = func(a *ldaptest.Answer) {
			if a.Base == ldaptest.People {
				a.Code = 4
			}
		}
	case 2:
		o.srv.Spoil = func(a *ldaptest.Answer) { a.Paging = false }
	}
	_, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: true})
	o.srv.Wire, o.srv.Spoil = ldaptest.Wire{}, nil
	if err != nil && o.picture() != before {
		o.t.Fatalf("%v, and it has changed", err)
	}
}

// Invariant 3: the three ways in which a server answers success with nothing.
func TestSuccessWithNothingChangesNothingAndIsSaid(t *testing.T) {
	ways := map[string]func(s *ldaptest.Server){
		"the account that reads may not read": func(s *ldaptest.Server) {
			s.Spoil = func(a *ldaptest.Answer) {
				if a.Base != "" {
					a.Entries = nil
				}
			}
		},
		"the base is above what it may see": func(s *ldaptest.Server) { s.HideBelow(ldaptest.People) },
		"the filter names what the server does not know": func(s *ldaptest.Server) {
			s.Spoil = func(a *ldaptest.Answer) {
				if a.Base == ldaptest.Groups {
					a.Entries = nil
				}
			}
		},
	}
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		r := rand.New(rand.NewPCG(8, 8))
		o := newOffice(t, st, ldaptest.Generate(r, 20, 6), ldaptest.OpenLDAP)
		o.run(provision.SyncApplied)
		before, head := o.picture(), o.head()
		for name, spoil := range ways {
			spoil(o.srv)
			p, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: true})
			o.srv.Spoil = nil
			o.srv.HideBelow("")
			if err == nil || p.State != provision.SyncFailed || len(p.Says) < 2 || len(p.Next) == 0 {
				t.Errorf("%s: got %+v, %v", name, p, err)
			}
			if o.head() != head || o.picture() != before {
				t.Errorf("%s: something has changed", name)
			}
		}
		reports, err := o.e.Reports(o.ctx, "corp", 10)
		o.must(err)
		if len(reports) < 2 || reports[0].State != provision.SyncFailed {
			t.Errorf("the reports do not say it: %+v", reports)
		}
		o.run(provision.SyncUnchanged)
	})
}

// Invariant 7, of the whole worker: many at once do what one does.
func TestManyWorkersOfOneSourceDoWhatOneDoes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		r := rand.New(rand.NewPCG(2, 2))
		o := newOffice(t, st, ldaptest.Generate(r, 30, 5), ldaptest.OpenLDAP)
		var all sync.WaitGroup
		for range 4 {
			w, err := ldapsync.NewWorker(o.engine(), o.config(), ldapsync.WorkerOptions{Limits: free})
			o.must(err)
			all.Go(func() {
				for range 3 {
					if _, err := w.Once(o.ctx, person, ldapsync.RunOptions{Full: true}); err != nil && !errors.Is(err, ldapsync.ErrBusy) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if _, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: true}); err != nil {
			t.Fatal(err)
		}
		if got, want := o.picture(), o.fresh(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		creates := map[string]int{}
		o.must(st.Read(o.ctx, func(v *store.View) error {
			es, err := v.Audit(o.ctx, store.AuditQuery{Action: "user.create", Limit: 1000})
			for _, e := range es {
				creates[fmt.Sprint(e.People)]++
			}
			return err
		}))
		for who, n := range creates {
			if n != 1 {
				t.Errorf("person %s was created %d times", who, n)
			}
		}
	})
}

func TestRunFollowsUntilItIsStopped(t *testing.T) {
	st := storetest.Open(t, "sqlite", store.Options{})
	r := rand.New(rand.NewPCG(2, 2))
	o := newOffice(t, st, ldaptest.Generate(r, 10, 3), ldaptest.OpenLDAP)
	ctx, stop := context.WithCancel(o.ctx)
	ended := make(chan error)
	go func() { ended <- o.w.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if p := o.w.Last(); p != nil && p.State == provision.SyncApplied {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no run came to its end: %+v", o.w.Last())
		}
	}
	o.dir.Person("late")
	o.w.Wake()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(o.picture(), "late"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a run on demand did not come")
		}
	}
	stop()
	o.must(<-ended)
}
