package ldapsync_test

import (
	"strings"
	"testing"

	"grantbridge/ldapsync"
	"grantbridge/ldapsync/ldaptest"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// One entry that cannot be taken over must not stop the others, as it did in
// ownCloud's user_ldap (#751), and gets nothing.
func TestANameThatComesTwiceStopsNobodyElse(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			d := ldaptest.Scaffold()
			d.Group("g1", d.Person("ada"))
			o := newOffice(t, storetest.Open(t, "sqlite", store.Options{}), d, kind)
			o.w = o.worker(free)
			o.run(provision.SyncApplied)
			twin, eve := d.Person("twin"), d.Person("eve")
			for _, attribute := range []string{"uid", "sAMAccountName"} {
				d.Set(twin, attribute, "ada")
			}
			d.Group("g2", eve, twin)
			p := o.run(provision.SyncApplied)
			if p.ConflictCount != 1 || !strings.Contains(strings.Join(p.Next, " "), "sync settle") {
				t.Errorf("%+v", p)
			}
			if got, want := o.picture(), "ada\neve\ng1 has ada\ng2 has eve"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if _, err := o.w.Once(o.ctx, person, ldapsync.RunOptions{Full: true}); err != nil {
				t.Error(err)
			}
		})
	}
}
