package ldapsync_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"grantbridge/ldapsync"
	"grantbridge/ldapsync/ldaptest"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// Each try with a refused password is one towards the directory's lock-out. Of
// several servers one tries; each that starts does once, because it may have what
// was corrected; and when a run succeeds, whoever's, all go on.
func TestARefusedBindIsNotRepeatedUntilARunSucceeds(t *testing.T) {
	const interval = 20 * time.Millisecond
	st := storetest.Open(t, "sqlite", store.Options{})
	o := newOffice(t, st, ldaptest.Generate(rand.New(rand.NewPCG(3, 3)), 10, 3), ldaptest.OpenLDAP)
	reader := "cn=reader," + ldaptest.Suffix
	o.dir.Add(reader, "objectClass", "person", "userPassword", "secret")
	o.srv.BindDN = "cn=nobody"
	c := o.config()
	c.Now = time.Now
	ctx, stop := context.WithCancel(o.ctx)
	var servers sync.WaitGroup
	defer servers.Wait()
	defer stop()
	begin := func() {
		w, err := ldapsync.NewWorker(o.engine(), c, ldapsync.WorkerOptions{Interval: interval})
		o.must(err)
		servers.Go(func() { _ = w.Run(ctx) })
	}
	last := func() (p provision.SyncReport) {
		t.Helper()
		all, err := o.e.Reports(o.ctx, "corp", 1)
		if o.must(err); len(all) > 0 {
			p = all[0]
		}
		return p
	}
	until := func(what string, done func(provision.SyncReport) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !done(last()); time.Sleep(interval / 4) {
			if time.Now().After(deadline) {
				t.Fatalf("%s did not come: %+v", what, last())
			}
		}
	}
	still := func(what string) {
		t.Helper()
		tries := len(o.srv.Binds())
		time.Sleep(10 * interval)
		if n := len(o.srv.Binds()) - tries; n != 0 {
			t.Errorf("%s: the refused password was sent %d times more", what, n)
		}
	}

	begin()
	begin()
	until("a run", func(p provision.SyncReport) bool { return p.State == provision.SyncUnchanged && p.Times > 3 })
	o.dir.Set(reader, "userPassword", "another")
	until("a refusal", func(p provision.SyncReport) bool { return p.Stop })
	still("two servers")
	if next := strings.Join(last().Next, " "); !strings.Contains(next, "when it is corrected: grantbridge sync run --source corp") {
		t.Errorf("what to do: %q", next)
	}
	begin()
	until("the try of one that starts", func(p provision.SyncReport) bool { return p.Times == 2 })
	still("three servers")

	o.dir.Set(reader, "userPassword", "secret")
	if _, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	o.dir.Person("late")
	until("a run after it was corrected", func(provision.SyncReport) bool { return strings.Contains(o.picture(), "late") })
}
