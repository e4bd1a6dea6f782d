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

// company is a real OpenLDAP, a store and a worker between them.
func company(t *testing.T) (s ldapsync.Slapd, o *office, people []string, owners string) {
	s = ldapsync.OpenSlapd(t)
	for i := range 12 {
		people = append(people, s.Person(fmt.Sprint("p", i)))
	}
	s.Group("g1", people...)
	owners = s.Group("owners", people[0])
	o = &office{t: t, ctx: t.Context(), st: storetest.Open(t, "sqlite", store.Options{}), now: time.Now()}
	o.e = o.engine()
	o.must(o.e.PutSites(o.ctx, person, []access.Site{{ID: 1, Slug: "main"}}))
	_, _, err := o.e.SetMapping(o.ctx, person, "rules.yaml", []byte(officeRules), "", "")
	o.must(err)
	o.w = o.reads(s.Config())
	o.run(provision.SyncApplied)
	return s, o, people, owners
}

func (o *office) reads(c ldapsync.Config) *ldapsync.Worker {
	o.t.Helper()
	w, err := ldapsync.NewWorker(o.e, c, ldapsync.WorkerOptions{})
	o.must(err)
	return w
}

// Invariant 3 on the real server: three things that an administrator does, which
// it answers with success and nothing.
func TestSlapdThatAnswersSuccessWithNothingChangesNothingAndIsSaid(t *testing.T) {
	s, o, _, _ := company(t)
	before, head := o.picture(), o.head()
	unknown := s.Config()
	unknown.Users.Filter = "(employeeBadgeNumber=*)"
	for name, way := range map[string]struct {
		rule   string
		worker *ldapsync.Worker
	}{
		"it may search and not read":                     {`to dn.subtree="` + s.Base() + `" by * search`, o.w},
		"its base is above what it may see":              {`to dn.subtree="ou=people,` + s.Base() + `" by * none`, o.w},
		"the filter names what the server does not know": {"", o.reads(unknown)},
	} {
		if s.Access(); way.rule != "" {
			s.Access(way.rule)
		}
		p, err := way.worker.Once(o.ctx, person, ldapsync.RunOptions{Full: true})
		if err == nil || p.State != provision.SyncFailed || len(p.Says) < 2 || len(p.Next) == 0 {
			t.Errorf("%s: got %+v, %v", name, p, err)
			continue
		}
		t.Logf("%s: %s", name, strings.Join(p.Says, "; "))
		if o.head() != head || o.picture() != before {
			t.Errorf("%s: something has changed", name)
		}
	}
	s.Access()
	o.run(provision.SyncUnchanged)
}

// Invariant 16 on the real server: both ways are held, and close themselves when
// the slip is corrected.
func TestSlapdMassRemovalAndMassElevationAreHeld(t *testing.T) {
	s, o, people, owners := company(t)
	before, head := o.picture(), o.head()
	held := func(name, says string) {
		t.Helper()
		p := o.run(provision.SyncHeld)
		if !strings.Contains(strings.Join(p.Says, " "), says) {
			t.Errorf("%s: %q", name, p.Says)
		}
		if o.picture() != before {
			t.Errorf("%s: something has changed", name)
		}
	}
	s.Replace(owners, "member", people[:6]...)
	held("half the company become superusers", "would become superusers")
	s.Replace(owners, "member", people[0])
	o.run(provision.SyncUnchanged)
	s.Replace("cn=g1,ou=groups,"+s.Base(), "member", people[0])
	held("a group is emptied", "would leave group")
	s.Replace("cn=g1,ou=groups,"+s.Base(), "member", people...)
	o.run(provision.SyncUnchanged)
	if o.head() < head || o.picture() != before {
		t.Error("it did not heal")
	}
}
