package provision_test

import (
	"errors"
	"strings"
	"testing"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

const siteRules = `version: 1
rules:
- {id: readers, from: okta, group: Readers, give: view, sites: all}
- {id: eu, from: okta, group: EU, give: write, sites: {labels: {region: eu}}}
- {id: shops, from: okta, group: Shops, give: admin, sites: {slug: "shop-*"}}
- {id: bloggers, from: okta, group: Bloggers, give: write, sites: [2]}
`

// withSites is a house of thirty people who read everything, of whom twelve are in
// EU, twelve in Shops and twelve in Bloggers; site 2 is the one with region=eu.
func withSites(t *testing.T, st *store.Store) *house {
	h := open(t, st)
	h.setRules(siteRules)
	people := h.readers(30)
	h.group("okta", "EU", people[:12]...)
	h.group("okta", "Shops", people[:12]...)
	h.group("okta", "Bloggers", people[18:]...)
	return h
}

// heldSites puts sites and expects a held plan.
func (h *house) heldSites(sites ...access.Site) store.Hold {
	h.t.Helper()
	err := h.e.PutSites(h.ctx, admin, sites)
	held, ok := errors.AsType[*provision.HeldError](err)
	if !ok || held.Hold.ID == 0 || held.Hold.Kind != "sites" {
		h.t.Fatalf("put sites: %v", err)
	}
	return held.Hold
}

func (h *house) snapshot() *access.Snapshot {
	s, _ := h.e.Holder().Snapshot(h.now)
	return s
}

func label(kv string) map[string]string {
	k, v, _ := strings.Cut(kv, "=")
	return map[string]string{k: v}
}

func TestALabelThatGivesAGroupARoleIsHeldAndAppliedByItsHash(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := withSites(t, st)
		main := access.Site{ID: 1, Slug: "main", Name: "Main site", Labels: label("region=eu")}
		before := h.snapshot()
		p, err := h.e.PreviewSites(h.ctx, []access.Site{main, {ID: 2, Slug: "blog", Name: "Blog", Labels: label("region=eu")}})
		h.must(err)
		if len(p.Sites) != 1 || p.Effect.Up != 12 || p.Counted != 12 || len(p.Breaches) != 1 || p.Breaches[0].Limit != "people_changed" {
			t.Fatalf("preview: %+v", p)
		}
		hold := h.heldSites(main)
		h.wants("p1", "write", "main", access.NoGrant)
		if again := h.heldSites(main); again.ID != hold.ID {
			t.Fatalf("held again as plan %d, not %d", again.ID, hold.ID)
		}
		if _, err := h.e.ApplyHold(h.ctx, admin, hold.ID, p.Effect.Hash); !isOf[*provision.InvalidError](err) {
			t.Fatalf("another hash: %v", err)
		}
		if v, err := h.e.ApplyHold(h.ctx, admin, hold.ID, hold.Hash); v != 0 || err != nil {
			t.Fatalf("apply: version %d, %v", v, err)
		}
		h.wants("p1", "write", "main", access.Allowed)
		if did := mapping.Diff(before, h.snapshot(), h.now); did.Hash != p.Effect.Hash {
			t.Fatalf("done: %+v, previewed: %+v", did, p.Effect)
		}
		// What is so already asks nobody.
		h.must(h.e.PutSites(h.ctx, admin, []access.Site{main}))
	})
}

func isOf[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func TestAChangeOfSitesIsCountedInEffectiveRoles(t *testing.T) {
	blog := access.Site{ID: 2, Slug: "blog", Name: "Blog", Labels: label("region=eu")}
	for _, tt := range []struct {
		name    string
		sites   []access.Site
		changed int // of thirty people
		counted int
		held    bool
	}{
		{"a name moves nobody", []access.Site{{ID: 2, Slug: "blog", Name: "The blog", Labels: blog.Labels}}, 0, 0, false},
		{"a label that no rule asks for moves nobody", []access.Site{{ID: 1, Slug: "main", Labels: label("tier=prod")}}, 0, 0, false},
		{"a label that goes takes a role", []access.Site{{ID: 2, Slug: "blog", Name: "Blog"}}, 12, 12, true},
		{"a slug that a glob meets gives a role", []access.Site{{ID: 1, Slug: "shop-fr"}}, 12, 12, true},
		{"rules for all sites on a new one do not count", []access.Site{{ID: 3, Slug: "docs"}, {ID: 4, Slug: "wiki"}}, 30, 0, false},
		{"nor do those for its label", []access.Site{{ID: 3, Slug: "docs", Labels: label("region=eu")}}, 30, 0, false},
		{"nor those for its slug", []access.Site{{ID: 3, Slug: "shop-de"}}, 30, 0, false},
		{"a site that is there counts beside a new one", []access.Site{{ID: 1, Slug: "shop-fr"}, {ID: 3, Slug: "shop-de"}}, 30, 12, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, st *store.Store) {
				h := withSites(t, st)
				p, err := h.e.PreviewSites(h.ctx, tt.sites)
				h.must(err)
				if p.Effect.Changed() != tt.changed || p.Counted != tt.counted || len(p.Breaches) > 0 != tt.held {
					t.Fatalf("got %d changed, %d counted, breaches %v; want %+v", p.Effect.Changed(), p.Counted, p.Breaches, tt)
				}
				before := h.snapshot()
				err = h.e.PutSites(h.ctx, admin, tt.sites)
				if held := isOf[*provision.HeldError](err); held != tt.held || !held && err != nil {
					t.Fatalf("put: %v", err)
				}
				if !tt.held {
					if did := mapping.Diff(before, h.snapshot(), h.now); did.Hash != p.Effect.Hash {
						t.Fatalf("done: %+v, previewed: %+v", did, p.Effect)
					}
				}
			})
		})
	}
}

// A share is not broken by few people; a number is what it says.
func TestFewPeopleDoNotHoldAChangeOfSites(t *testing.T) {
	for limits, held := range map[string]bool{"": false, "limits: {people_changed: 3}\n": true} {
		storetest.Each(t, func(t *testing.T, st *store.Store) {
			h := open(t, st)
			h.setRules(strings.Replace(siteRules, "rules:", limits+"rules:", 1))
			h.group("okta", "EU", h.user("okta", "a", "a@company.com"), h.user("okta", "b", "b@company.com"), h.user("okta", "c", "c@company.com"), h.user("okta", "d", "d@company.com"))
			err := h.e.PutSites(h.ctx, admin, []access.Site{{ID: 1, Slug: "main", Labels: label("region=eu")}})
			if isOf[*provision.HeldError](err) != held || !held && err != nil {
				t.Errorf("limits %q: %v", limits, err)
			}
		})
	}
}

func TestAHeldPlanOfSitesIsDoneAsItWasSeenOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := withSites(t, st)
		one := h.heldSites(access.Site{ID: 1, Slug: "main", Labels: label("region=eu")})
		// The same people move in the same way: another plan all the same.
		two := h.heldSites(access.Site{ID: 1, Slug: "start", Labels: label("region=eu")})
		if one.ID == two.ID || one.Hash == two.Hash {
			t.Fatalf("one plan for two changes: %d %s", one.ID, one.Hash)
		}
		late := h.user("okta", "late", "late@company.com")
		h.group("okta", "Later", late)
		eu, err := h.e.Groups(h.ctx)
		h.must(err)
		for _, g := range eu {
			if g.Group.Display == "EU" {
				h.apply(&directory.GroupChange{Source: "okta", UID: g.Group.UID, Members: directory.MemberChange{Add: []string{late.UID}}})
			}
		}
		if _, err := h.e.ApplyHold(h.ctx, admin, one.ID, one.Hash); !errors.Is(err, store.ErrPrecondition) {
			t.Fatalf("one more would get access than was approved: %v", err)
		}
		h.wants("p1", "write", "main", access.NoGrant)
		if _, err := h.e.ApplyHold(h.ctx, admin, one.ID, one.Hash); err == nil || !strings.Contains(err.Error(), "superseded already") {
			t.Fatalf("again: %v", err)
		}
		h.must(h.e.DiscardHold(h.ctx, admin, two.ID))
	})
}

func TestTheLimitsOfTheLiveRulesHoldForSites(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := withSites(t, st)
		h.setRules(strings.Replace(siteRules, "rules:", "limits: {people_changed: 40%}\nrules:", 1))
		h.must(h.e.PutSites(h.ctx, admin, []access.Site{{ID: 1, Slug: "main", Labels: label("region=eu")}}))
		h.wants("p1", "write", "main", access.Allowed)
	})
}
