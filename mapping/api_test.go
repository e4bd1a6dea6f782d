package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
)

func mustParse(t testing.TB, text string, env Env) *Set {
	t.Helper()
	s, problems := Parse("x", []byte(text), env)
	if s == nil {
		t.Fatal(problems)
	}
	return s
}

func TestForGroupFillsEveryField(t *testing.T) {
	s := mustParse(t, `
version: 1
rules:
- {id: shops, why: ticket 7, from: okta, group: {regexp: "^Shop-(?P<site>.+)$"}, give: write, capabilities: export.raw, without: [segments.share], token_ceiling: view,
   sites: "shop-{site}", starts: 2026-01-01, until: 2026-12-31, for: 14d}
- {id: capped, from: any, group: {glob: "shop-*"}, at_most: view, token_at_most: noaccess, sites: {labels: {tier: prod}, except: [blog, 4]}}
- {id: gone, from: any, group: shop-eu, at_most: noaccess, sites: all}
`, Env{Zone: modelZone})
	g := directory.Group{ID: 17, Source: "okta", Display: "Shop-EU*"}
	cat := access.DefaultCatalogue()
	share, _ := cat.Expand("segments.share")
	raw, _ := cat.Expand("export.raw")
	subject := access.Subject{Kind: access.TheGroup, ID: 17}
	shop := access.Scope{Select: []access.Selector{{Slug: `shop-eu\*`}}, Text: "shop-eu*"}
	origin := access.Origin{Source: "okta", Group: "Shop-EU*", Rule: "shops", Reason: "ticket 7"}
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, modelZone), time.Date(2027, 1, 1, 0, 0, 0, 0, modelZone)
	lasts := 14 * 24 * time.Hour
	prod := access.Scope{Select: []access.Selector{{Labels: map[string]string{"tier": "prod"}}}, ExceptSites: []access.SiteID{4}, ExceptSelect: []access.Selector{{Slug: "blog"}}, Text: "tier=prod except 4,blog"}
	capped := access.Origin{Source: "okta", Group: "Shop-EU*", Rule: "capped"}
	want := []access.Rule{
		{Kind: access.Grant, Subject: subject, Role: "write + export.raw", Actions: cat.Level(access.Write).Union(raw), Scope: shop, TokenCeiling: access.CeilingView, From: from, Until: until, For: lasts, Origin: origin},
		{Kind: access.Deny, Subject: subject, Role: "without segments.share", Actions: share, Scope: shop, From: from, Until: until, For: lasts, Origin: origin},
		{Kind: access.Cap, Subject: subject, Role: "at_most view", Actions: cat.Level(access.View), Scope: prod, Origin: capped},
		{Kind: access.Cap, Subject: subject, Role: "token_at_most noaccess", Scope: prod, Channel: access.TokenChannel, Origin: capped},
	}
	got := s.ForGroup(g)
	ids := map[access.RuleID]bool{}
	for i := range got {
		if got[i].ID <= 0 || ids[got[i].ID] {
			t.Errorf("rule id %d is not positive or there twice", got[i].ID)
		}
		ids[got[i].ID] = true
		got[i].ID = 0
	}
	same := func(a, b access.Actions) bool { return a == b }
	if diff := gocmp.Diff(want, got, gocmp.Comparer(same)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !s.Timed(g) || s.Timed(directory.Group{Source: "okta", Display: "x"}) {
		t.Error("Timed")
	}
	if got := s.ForGroup(directory.Group{ID: 1, Source: "okta", Display: "Shop-EU", Deleted: true}); got != nil {
		t.Errorf("a deleted group has %v", got)
	}
	deny := s.ForGroup(directory.Group{ID: 18, Source: "ldap", Display: "SHOP-eu"})
	if last := deny[len(deny)-1]; last.Kind != access.Deny || !cat.Level(access.Superuser).Within(last.Actions) {
		t.Errorf("at_most: noaccess is %+v", last)
	}
}

func TestRuleIDsAreStable(t *testing.T) {
	env := Env{}
	g := directory.Group{ID: 5, Source: "okta", Display: "A"}
	a := mustParse(t, "version: 1\nrules: [{id: one, from: okta, group: A, give: view, sites: all}]", env).ForGroup(g)
	b := mustParse(t, "version: 1\nrules: [{id: two, from: okta, group: A, give: view, sites: all}, {id: one, from: any, group: {glob: '*'}, give: admin, sites: [3]}]", env).ForGroup(g)
	if a[0].ID != b[1].ID || a[0].ID == b[0].ID {
		t.Errorf("ids %d, %d, %d", a[0].ID, b[0].ID, b[1].ID)
	}
}

func TestRestIsDeterministicAndInRange(t *testing.T) {
	s := mustParse(t, `
version: 1
rules:
- {id: each, from: okta, group: {all: [{regexp: "^T-(?P<site>.+)$"}, Trained, {not: Out}]}, give: write, sites: "{site}", without: [segments.share]}
- {id: never, from: okta, group: {not: Out}, at_most: view, sites: all}
- {id: mail, from: [okta, entra], group: Trained, person: {email: {not_glob: "*@x"}}, give: view, without: [segments.share], sites: all}
`, Env{})
	var groups []directory.Group
	for i := range 3000 {
		groups = append(groups, directory.Group{ID: directory.GroupID(i + 1), Source: "okta", Display: fmt.Sprintf("T-%d", i)})
	}
	groups = append(groups, directory.Group{ID: 9001, Source: "okta", Display: "Trained"}, directory.Group{ID: 9002, Source: "okta", Display: "Out"}, directory.Group{ID: 9003, Source: "entra", Display: "Out"})
	rules, cohorts := s.Rest(groups)
	if len(rules) != 3000*2+1+2 || len(cohorts) != 3000*2+1+2 {
		t.Fatalf("%d rules, %d cohorts", len(rules), len(cohorts))
	}
	slices.Reverse(groups)
	again, _ := s.Rest(groups)
	same := func(a, b access.Actions) bool { return a == b }
	if diff := gocmp.Diff(rules, again, gocmp.Comparer(same)); diff != "" {
		t.Error("the order of groups matters", diff[:min(len(diff), 500)])
	}
	seen := map[access.CohortID]bool{}
	for _, c := range cohorts {
		if c.ID < 1 || c.ID > access.MaxID || seen[c.ID] {
			t.Fatalf("cohort id %d", c.ID)
		}
		seen[c.ID] = true
	}
	for _, tr := range s.Traits() {
		if tr.ID < 1 || tr.ID > access.MaxID {
			t.Errorf("trait id %d", tr.ID)
		}
	}
	if n := len(s.Traits()); n != 3 {
		t.Errorf("%d traits: an account of okta, and two readings of a missing address", n)
	}
}

func TestStateSaysHowAGroupMisses(t *testing.T) {
	s := mustParse(t, `
version: 1
rules:
- {id: exact, from: okta, group: Matomo-View-All, give: view, sites: all}
- {id: pattern, from: okta, group: {regexp: "^Shop-(?P<site>[a-z]+)$"}, give: view, sites: "{site}"}
- {id: glob, from: okta, group: {glob: "Marketing *"}, give: view, sites: all}
- {id: dn, from: ldap, group: {dn: "CN=analysts,OU=Groups,DC=com"}, give: view, sites: all}
- {id: by-id, from: entra, group: {id: 8F3C0C1E-5a0b-4f0e-9f5e-2f1f6f0b7a11, name: Agency}, give: view, sites: all}
`, Env{})
	for _, c := range []struct {
		g     directory.Group
		rules []string
		near  string
	}{
		{directory.Group{Source: "okta", Display: "matomo-view-all"}, []string{"exact"}, ""},
		{directory.Group{Source: "okta", Display: "Ｍatomo-View-All"}, []string{"exact"}, ""},
		{directory.Group{Source: "entra", Display: "Matomo-View-All"}, nil, "rule exact matches this name, but of okta, not of entra"},
		{directory.Group{Source: "okta", Display: "Matomo View All"}, nil, "rule exact (Matomo-View-All) differs by separators only"},
		{directory.Group{Source: "okta", Display: "Matomo-Veiw-All"}, nil, "rule exact (Matomo-View-All) differs by one character"},
		{directory.Group{Source: "okta", Display: "shop-eu"}, nil, "rule pattern (regexp ^Shop-(?P<site>[a-z]+)$) differs by case only"},
		{directory.Group{Source: "okta", Display: "SHOP_eu"}, nil, "rule pattern (regexp ^Shop-(?P<site>[a-z]+)$) differs by separators only"},
		{directory.Group{Source: "okta", Display: "Marketing-EMEA"}, nil, "rule glob (glob Marketing *) differs by separators only"},
		{directory.Group{Source: "ldap", Display: "analysts", DN: "cn=analysts,ou=Other,dc=com"}, nil, "rule dn names a group analysts in another place: CN=analysts,OU=Groups,DC=com"},
		{directory.Group{Source: "entra", Display: "Agency", ExternalID: "other"}, nil, "rule by-id names a group Agency with another id: 8F3C0C1E-5a0b-4f0e-9f5e-2f1f6f0b7a11"},
		{directory.Group{Source: "entra", Display: "Renamed", ExternalID: "8f3c0c1e-5A0B-4f0e-9f5e-2f1f6f0b7a11"}, []string{"by-id"}, ""},
		{directory.Group{Source: "entra", UID: "8f3c0c1e-5A0B-4f0e-9f5e-2f1f6f0b7a11"}, []string{"by-id"}, ""},
		{directory.Group{Source: "okta", Display: "Cafeteria"}, nil, ""},
	} {
		if got := s.State(c.g); !slices.Equal(got.Rules, c.rules) || got.Near != c.near {
			t.Errorf("%s %q: %q, %q", c.g.Source, c.g.Display, got.Rules, got.Near)
		}
	}
}

func TestTestsSayWhatIsWrongAndWhy(t *testing.T) {
	env := exampleEnv()
	s := mustParse(t, `
version: 1
rules:
- {id: readers, from: okta, group: Readers, give: view, sites: all}
- {id: no-blog, from: okta, group: Contractors, at_most: noaccess, sites: [blog]}
tests:
- {name: wrong twice, person: {from: okta, groups: [Readers, Contractors, Reeders]}, expect: {blog: view, shop-eu: write}}
- {name: nothing, person: {from: entra, groups: [Readers]}, expect_token: {blog: view}}
- {name: right, person: {from: okta, groups: [Readers]}, expect: {3: view}}
- {name: elsewhere, person: {from: okta}, expect: {nowhere: noaccess}}
`, env)
	got := s.Test(env)
	want := []TestResult{
		{"wrong twice", 7, []string{
			"blog is noaccess, not view; raised by readers; lowered by no-blog; group Reeders of okta matches no rule: rule readers (Readers) differs by one character",
			"shop-eu is view, not write; raised by readers; group Reeders of okta matches no rule: rule readers (Readers) differs by one character"}},
		{"nothing", 8, []string{"blog is noaccess through a token, not view; no rule reaches it; group Readers of entra matches no rule: rule readers matches this name, but of okta, not of entra"}},
		{"right", 9, []string{}},
		{"elsewhere", 10, []string{"no site nowhere is known"}},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBreaches(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		plan   Plan
		want   string
	}{
		{"nothing", Limits{}, Plan{People: 100}, ""},
		{"at the share is not above it", Limits{}, Plan{People: 100, Up: 20, SuperusersBefore: 1, SuperusersAfter: 1}, ""},
		{"above the share", Limits{}, Plan{People: 100, Up: 15, Down: 6}, "people_changed: access would change for 21 of 100 people (21.0%); the limit is 20%"},
		{"removed", Limits{}, Plan{People: 100, Lose: 6}, "people_removed: all access would end for 6 of 100 people (6.0%); the limit is 5%"},
		{"a number", Limits{PeopleRemoved: Share{IsCount: true, Count: 5, Set: true}}, Plan{People: 1000, Lose: 6}, "people_removed: all access would end for 6 of 1000 people (0.6%); the limit is 5"},
		{"a stated nought", Limits{PeopleRemoved: Share{IsCount: true, Set: true}}, Plan{People: 1000, Lose: 1}, "people_removed: all access would end for 1 of 1000 people (0.1%); the limit is 0"},
		{"the last superuser", Limits{}, Plan{People: 100, SuperusersBefore: 1, Down: 1}, "superusers_at_least: 0 of 1 working superusers would remain; at least 1 must (final)"},
		{"there was none", Limits{}, Plan{People: 100, Up: 1}, ""},
		{"below, but no fewer", Limits{SuperusersAtLeast: 3}, Plan{People: 100, SuperusersBefore: 1, SuperusersAfter: 1}, ""},
		{"below, but more", Limits{SuperusersAtLeast: 3}, Plan{People: 100, SuperusersBefore: 1, SuperusersAfter: 2}, ""},
		{"fewer, but enough", Limits{SuperusersAtLeast: 2}, Plan{People: 100, SuperusersBefore: 3, SuperusersAfter: 2}, ""},
	} {
		var got []string
		for _, b := range c.limits.Breaches(&c.plan) {
			text := b.Limit + ": " + b.Says
			if b.Final {
				text += " (final)"
			}
			got = append(got, text)
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestThePlanOfARuleEdit(t *testing.T) {
	env := exampleEnv()
	text := "version: 1\nrules:\n- {id: owners, from: okta, group: Owners, give: superuser}\n- {id: eu, from: okta, group: EU, give: write, sites: [shop-eu], token_ceiling: view}\n"
	groups := []directory.Group{{ID: 1, Source: "okta", Display: "Owners"}, {ID: 2, Source: "okta", Display: "EU"}, {ID: 3, Source: "okta", Display: "New"}}
	build := func(text string, revision int64) *access.Snapshot {
		f := mustParse(t, text, env).facts(groups, env.Sites)
		f.Revision = revision
		f.People = slices.Values([]access.Person{{ID: 1, Groups: []access.GroupID{1}}, {ID: 2, Groups: []access.GroupID{2}}, {ID: 3, Groups: []access.GroupID{2}}, {ID: 4, Groups: []access.GroupID{3}}})
		s, err := access.Build(f)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := build(text, 41)
	raised := Diff(old, build(strings.Replace(strings.Replace(text, "group: EU", "group: {any: [EU, New]}", 1), "token_ceiling: view", "capabilities: [segments.share]", 1), 42), testNow)
	raised.Hash = ""
	want := &Plan{Base: 41, People: 4, Gain: 1, Up: 2, SuperusersBefore: 1, SuperusersAfter: 1, Moves: []Move{
		{Site: 1, Token: true, From: access.View, To: access.Write, People: []access.PersonID{2, 3}},
		{Site: 1, From: access.NoAccess, To: access.Write, People: []access.PersonID{4}},
	}}
	share, _ := access.DefaultCatalogue().Lookup("segments.share")
	if !access.DefaultCatalogue().Level(access.Write).Has(share) {
		want.Moves = append([]Move{{Site: 1, From: access.Write, To: access.Write, Actions: []string{"+segments:share"}, People: []access.PersonID{2, 3}}}, want.Moves...)
	}
	if diff := gocmp.Diff(want, raised); diff != "" {
		t.Error(diff)
	}
	ended := Diff(old, build("version: 1\nrules: []", 43), testNow)
	if ended.Lose != 3 || ended.SuperusersAfter != 0 || !(Limits{}).Breaches(ended)[2].Final {
		t.Errorf("%+v, %+v", ended, (Limits{}).Breaches(ended))
	}
	if ended.Moves[0].From != access.Superuser {
		t.Errorf("the deepest fall is not first: %+v", ended.Moves[0])
	}
}
