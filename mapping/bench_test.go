package mapping

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"grantbridge/access"
	"grantbridge/directory"
)

// company is a large installation: 100,000 people in 2,000 groups with 20
// groups each, 1,000 sites, 200 rules.
type company struct {
	env    Env
	groups []directory.Group
	people []access.Person
	text   string
}

var bigCompany = sync.OnceValue(func() *company {
	rnd := rand.New(rand.NewPCG(1, 2))
	c := &company{env: Env{Catalogue: access.DefaultCatalogue(), Now: testNow}}
	regions := []string{"eu", "us", "jp", "br", "in", "za", "au", "ca"}
	for i := range 1000 {
		c.env.Sites = append(c.env.Sites, access.Site{ID: access.SiteID(i + 1), Slug: fmt.Sprintf("site-%d", i), Name: "Site",
			Labels: map[string]string{"region": regions[i%len(regions)], "brand": fmt.Sprintf("b%d", i%40), "tier": []string{"prod", "test", "internal"}[i%3]}})
	}
	for i := range 2000 {
		name := fmt.Sprintf("Team-%d", i)
		if i < 1000 {
			name = fmt.Sprintf("Matomo-Admin-site-%d", i)
		}
		c.groups = append(c.groups, directory.Group{ID: directory.GroupID(i + 1), UID: fmt.Sprint(i), Source: "okta", Display: name})
	}
	for i := range 100_000 {
		p := access.Person{ID: access.PersonID(i + 1)}
		for range 20 {
			g := rnd.IntN(2000)
			if rnd.IntN(3) > 0 {
				g = 1000 + rnd.IntN(1000) // the teams are larger
			}
			p.Groups = append(p.Groups, access.GroupID(g+1))
		}
		slices.Sort(p.Groups)
		p.Groups = slices.Compact(p.Groups)
		c.people = append(c.people, p)
	}
	c.text = c.rules("view")
	return c
})

// rules are 200 rules; the role of the one named edited is role.
func (c *company) rules(role string) string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	b.WriteString("- {id: site-admins, from: okta, group: {regexp: '^Matomo-Admin-(?P<site>[a-z0-9-]+)$'}, give: admin, sites: '{site}', token_ceiling: write}\n")
	fmt.Fprintf(&b, "- {id: edited, from: okta, group: {glob: Team-100*}, give: %s, sites: {labels: {brand: b7}}}\n", role)
	b.WriteString("- {id: contractors, from: okta, group: Team-50, at_most: view, sites: all}\n")
	for i := range 197 {
		roles := []string{"view", "view", "write", "admin"}
		fmt.Fprintf(&b, "- {id: r%d, from: okta, group: Team-%d, give: %s, sites: {labels: {brand: b%d}}, token_ceiling: view}\n", i, 1000+i*5, roles[i%4], i%40)
	}
	return b.String()
}

func (c *company) set(t testing.TB, text string) *Set {
	s, problems := Parse("big.yaml", []byte(text), c.env)
	if s == nil {
		t.Fatal(problems)
	}
	return s
}

func (c *company) snapshot(t testing.TB, s *Set) *access.Snapshot {
	f := s.facts(c.groups, c.env.Sites)
	f.People = slices.Values(c.people)
	snap, err := access.Build(f)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// edit is the snapshot after a rule edit: only rules differ, people are shared.
func (c *company) edit(t testing.TB, old *access.Snapshot, s *Set) *access.Snapshot {
	f := s.facts(c.groups, c.env.Sites)
	d := access.Delta{Revision: 2, Rules: f.Rules}
	have := map[access.RuleID]bool{}
	for _, r := range f.Rules {
		have[r.ID] = true
	}
	for r := range old.Rules() {
		if !have[r.ID] {
			d.RemoveRules = append(d.RemoveRules, r.ID)
		}
	}
	snap, err := old.With(d)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func BenchmarkDiff(b *testing.B) {
	c := bigCompany()
	old := c.snapshot(b, c.set(b, c.text))
	for _, edit := range []struct{ name, text string }{
		{"one rule up", c.rules("write")},
		{"one group's rule", strings.Replace(c.text, "Team-1000, give: view", "Team-1000, give: admin", 1)},
		{"superuser to ten groups", strings.Replace(c.text, "give: view, sites: {labels: {brand: b7}}", "give: superuser", 1)},
		{"a cap on all sites", strings.Replace(c.text, "group: Team-50,", "group: {glob: Team-10*},", 1)},
		{"all site admins to write", strings.Replace(c.text, "give: admin, sites: '{site}'", "give: write, sites: '{site}'", 1)},
		{"nothing", c.text},
	} {
		b.Run(edit.name, func(b *testing.B) {
			fresh := c.edit(b, old, c.set(b, edit.text))
			var p *Plan
			for b.Loop() {
				p = Diff(old, fresh, testNow)
			}
			b.ReportMetric(float64(p.Changed()), "people")
			b.ReportMetric(float64(len(p.Moves)), "moves")
		})
	}
}

func BenchmarkDiffOfSites(b *testing.B) {
	c := bigCompany()
	old := c.snapshot(b, c.set(b, c.text))
	brand := func(id int, brand string) access.Site {
		return access.Site{ID: access.SiteID(id), Slug: fmt.Sprintf("site-%d", id-1), Labels: map[string]string{"region": "eu", "brand": brand}}
	}
	var all []access.Site
	for i := range 1000 {
		all = append(all, brand(i+1, "b7"))
	}
	for _, change := range []struct {
		name  string
		sites []access.Site
	}{
		{"one site's label", []access.Site{brand(1, "b7")}},
		{"a new site", []access.Site{brand(1001, "b7")}},
		{"all sites' labels", all},
	} {
		b.Run(change.name, func(b *testing.B) {
			var p *Plan
			for b.Loop() {
				then, err := old.With(access.Delta{Revision: 2, Sites: change.sites})
				if err != nil {
					b.Fatal(err)
				}
				p = Diff(old, then, testNow)
			}
			b.ReportMetric(float64(p.Changed()), "people")
			b.ReportMetric(float64(len(p.Moves)), "moves")
		})
	}
}

func BenchmarkForGroup(b *testing.B) {
	c := bigCompany()
	s := c.set(b, c.text)
	for _, name := range []string{"Team-1005", "Matomo-Admin-site-7", "Nothing"} {
		b.Run(name, func(b *testing.B) {
			g := directory.Group{ID: 9, Source: "okta", Display: name}
			for b.Loop() {
				s.ForGroup(g)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	c := bigCompany()
	for b.Loop() {
		c.set(b, c.text)
	}
}

func BenchmarkParseWithLints(b *testing.B) {
	for _, size := range []struct{ rules, groups int }{{200, 2000}, {2000, 2000}, {10_000, 5_000}} {
		var text strings.Builder
		text.WriteString("version: 1\nrules:\n")
		for i := range size.rules {
			fmt.Fprintf(&text, "- {id: r%d, from: okta, group: Team-%d, give: view, sites: {slug: b%d}}\n", i, i, i%40)
		}
		env := bigCompany().env
		for i := range size.groups {
			env.Groups = append(env.Groups, directory.Group{ID: directory.GroupID(i + 1), Source: "okta", Display: fmt.Sprintf("Gruppe-%d", i)})
		}
		b.Run(fmt.Sprintf("%d rules %d groups", size.rules, size.groups), func(b *testing.B) {
			for b.Loop() {
				if s, p := Parse("x", []byte(text.String()), env); s == nil {
					b.Fatal(p)
				}
			}
		})
	}
}
