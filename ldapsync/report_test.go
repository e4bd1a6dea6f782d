package ldapsync_test

import (
	"slices"
	"testing"

	"grantbridge/ldapsync/ldaptest"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// A change of a group can take access from people without a membership that ends:
// few are not held, and the report says it.
func TestTheReportSaysForWhomAccessChanged(t *testing.T) {
	d := ldaptest.Scaffold()
	d.Group("g1", d.Person("ada"), d.Person("bob"))
	d.Group("owners", d.Person("eve"))
	o := newOffice(t, storetest.Open(t, "sqlite", store.Options{}), d, ldaptest.OpenLDAP)
	if p := o.run(provision.SyncApplied); !slices.Contains(p.Says, "3 people get access") {
		t.Errorf("the first run: %q", p.Says)
	}
	d.Rename("cn=g1,"+ldaptest.Groups, "cn=crew,"+ldaptest.Groups)
	d.Set("cn=crew,"+ldaptest.Groups, "cn", "crew")
	if p := o.run(provision.SyncApplied); !slices.Equal(p.Says, []string{"applied: 1 group edited", "2 people lose all access"}) {
		t.Errorf("a rename that no rule follows: %q", p.Says)
	}
}
