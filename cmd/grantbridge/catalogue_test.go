package main

import (
	"testing"

	"grantbridge/access"
)

func TestCatalogueIsThePlatformsWithOurOwnActions(t *testing.T) {
	c, base := catalogue(), access.DefaultCatalogue()
	for _, own := range ownActions {
		a, ok := c.Lookup(own.Name)
		if !ok || c.Level(access.Admin).Has(a) || !c.Level(access.Superuser).Has(a) {
			t.Errorf("%s: known %t, and must be of superusers alone", own.Name, ok)
		}
	}
	for _, r := range base.Roles() {
		want, _ := base.Role(r.Name)
		got, ok := c.Role(r.Name)
		if !ok {
			t.Errorf("role %s is lost", r.Name)
		}
		for a := range want.All() {
			if b, _ := c.Lookup(base.Name(a)); !got.Has(b) {
				t.Errorf("role %s lost %s", r.Name, base.Name(a))
			}
		}
	}
}
