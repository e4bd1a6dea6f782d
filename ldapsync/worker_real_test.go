package ldapsync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/ldapsync"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// company is a real directory, a store and a worker between them.
type company struct {
	*office
	s          ldapsync.Real
	people     []string
	g1, owners string
}

func eachCompany(t *testing.T, f func(t *testing.T, c company)) {
	ldapsync.EachServer(t, func(t *testing.T, s ldapsync.Real) {
		c := company{s: s}
		for i := range 12 {
			c.people = append(c.people, s.Person(fmt.Sprint("p", i)))
		}
		c.g1, c.owners = s.Group("g1", c.people...), s.Group("owners", c.people[0])
		o := &office{t: t, ctx: t.Context(), st: storetest.Open(t, "sqlite", store.Options{}), now: time.Now()}
		o.e = o.engine()
		o.must(o.e.PutSites(o.ctx, person, []access.Site{{ID: 1, Slug: "main"}}))
		_, _, err := o.e.SetMapping(o.ctx, person, "rules.yaml", []byte(officeRules), "", "")
		o.must(err)
		o.w = o.reads(s.Config())
		o.run(provision.SyncApplied)
		c.office = o
		f(t, c)
	})
}

func (o *office) reads(c ldapsync.Config) *ldapsync.Worker {
	o.t.Helper()
	w, err := ldapsync.NewWorker(o.e, c, ldapsync.WorkerOptions{})
	o.must(err)
	return w
}

// Invariant 3 on the real servers: three things that an administrator does, which
// they answer with success and nothing.
func TestAServerThatAnswersSuccessWithNothingChangesNothingAndIsSaid(t *testing.T) {
	eachCompany(t, func(t *testing.T, c company) {
		before, head := c.picture(), c.head()
		fails := func(name string, w *ldapsync.Worker, full bool) {
			t.Helper()
			p, err := w.Once(c.ctx, person, ldapsync.RunOptions{Full: full})
			if c.head() != head || c.picture() != before {
				t.Errorf("%s: something has changed", name)
			}
			if !full {
				return // it may find out only at the next reading of everything
			}
			if err == nil || p.State != provision.SyncFailed || len(p.Says) < 2 || len(p.Next) == 0 {
				t.Errorf("%s: got %+v, %v", name, p, err)
				return
			}
			t.Logf("%s: %s", name, strings.Join(p.Says, "; "))
		}
		for name, blind := range map[string]func(){
			"it may search and not read":        func() { c.s.Blind(ldapsync.SearchOnly) },
			"its base is above what it may see": func() { c.s.Blind(ldapsync.HiddenTree) },
		} {
			blind()
			fails(name, c.w, false)
			fails(name, c.w, true)
			c.s.Heal()
		}
		unknown := c.s.Config()
		unknown.Users.Filter = "(employeeBadgeNumber=*)"
		fails("the filter names what the server does not know", c.reads(unknown), true)
		c.run(provision.SyncUnchanged)
	})
}

// Invariant 16 on the real servers: both ways are held, and close themselves when
// the slip is corrected.
func TestAServersMassRemovalAndMassElevationAreHeld(t *testing.T) {
	eachCompany(t, func(t *testing.T, c company) {
		before, head := c.picture(), c.head()
		held := func(name, says string) {
			t.Helper()
			p := c.run(provision.SyncHeld)
			if !strings.Contains(strings.Join(p.Says, " "), says) {
				t.Errorf("%s: %q", name, p.Says)
			}
			if c.picture() != before {
				t.Errorf("%s: something has changed", name)
			}
		}
		c.s.Replace(c.owners, "member", c.people[:6]...)
		held("half the company become superusers", "would become superusers")
		c.s.Replace(c.owners, "member", c.people[0])
		c.run(provision.SyncUnchanged)
		c.s.Replace(c.g1, "member", c.people[0])
		held("a group is emptied", "would leave group")
		c.s.Replace(c.g1, "member", c.people...)
		c.run(provision.SyncUnchanged)
		for _, dn := range c.people[6:] {
			c.s.Disable(dn)
		}
		held("half the company is disabled", "would be deactivated or deleted")
		for _, dn := range c.people[6:] {
			c.s.Enable(dn)
		}
		c.run(provision.SyncUnchanged)
		if c.head() < head || c.picture() != before {
			t.Error("it did not heal")
		}
	})
}

// Who is moved out of what is read and back is the same person, in his groups, and
// it makes no difference whether everything was read between.
func TestWhoComesBackIntoWhatIsReadIsWhoHeWas(t *testing.T) {
	eachCompany(t, func(t *testing.T, c company) {
		config := c.s.Config()
		config.Users.Base = "ou=people," + config.Users.Base
		c.w = c.reads(config)
		if _, err := c.w.Once(c.ctx, person, ldapsync.RunOptions{}); err != nil { // who reads may be among the people
			t.Fatal(err)
		}
		before, dn := c.picture(), c.people[3]
		for _, full := range []bool{false, true} {
			dn = c.s.Move(dn, "ou=elsewhere")
			if n := c.run(provision.SyncApplied).Counts; n.Deactivated != 1 || n.Deleted != 0 {
				t.Errorf("moved out: %s", n)
			}
			if full {
				if _, err := c.w.Once(c.ctx, person, ldapsync.RunOptions{Full: true}); err != nil {
					t.Fatal(err)
				}
			}
			dn = c.s.Move(dn, "ou=people")
			if p := c.run(provision.SyncApplied); p.Mode == string(ldapsync.ModeFull) || p.Counts.Reactivated != 1 || p.Counts.Created != 0 {
				t.Errorf("moved back: %s reading, %s", p.Mode, p.Counts)
			}
			if got := c.picture(); got != before {
				t.Errorf("everything read between: %v; got\n%s\nwant\n%s", full, got, before)
			}
		}
	})
}

// The accidents of others: who reads has another password, or the server is away,
// or hides who is in a group. Nobody suffers.
func TestAServerInTroubleChangesNothing(t *testing.T) {
	eachCompany(t, func(t *testing.T, c company) {
		before, head := c.picture(), c.head()
		for name, change := range map[string]func(*ldapsync.Config){
			"the password was changed": func(c *ldapsync.Config) { c.Bind.Password = "another" },
			"it is not reachable":      func(c *ldapsync.Config) { c.Servers = []string{"ldap://127.0.0.1:1"} },
			"its base was moved":       func(c *ldapsync.Config) { c.Users.Base = "ou=moved," + c.Users.Base },
		} {
			config := c.s.Config()
			change(&config)
			p, err := c.reads(config).Once(c.ctx, person, ldapsync.RunOptions{})
			if err == nil || p.State != provision.SyncFailed || len(p.Says) == 0 || len(p.Next) == 0 {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			if c.head() != head || c.picture() != before {
				t.Errorf("%s: something has changed", name)
			}
		}
		c.s.Blind(ldapsync.HiddenMembers)
		for _, full := range []bool{false, true} {
			p, err := c.w.Once(c.ctx, person, ldapsync.RunOptions{Full: full})
			// Where the stamp is the same it is a doubt. Samba's stamp changes with the
			// rights, and 389's has only seconds: there the limits hold it.
			doubted := p.State == provision.SyncUnchanged && (p.DoubtCount > 0 || !full)
			if err != nil || !doubted && p.State != provision.SyncHeld || c.picture() != before {
				t.Errorf("hidden members, full %v: %+v, %v", full, p, err)
			}
			t.Logf("hidden members, full %v: %s %q", full, p.State, p.Says)
		}
		c.s.Heal()
		c.run(provision.SyncUnchanged)
	})
}
