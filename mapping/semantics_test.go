package mapping

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/directory"
)

// The model of this file is a second, slow reading of the language, made from
// the sentences of research/ux.md 6.4 and none of the package's code: rules are
// asked about one person and one site at a time.

type modelRule struct {
	id      string
	from    []string // nil is any
	cond    *modelCond
	email   string // glob on the e-mail, "" is not asked
	not     bool   // it must not match
	sites   modelSites
	verb    string
	role    string
	ceiling string
	extra   bool   // capabilities: [segments.share]
	until   string // a date
	starts  string
	lasts   time.Duration
}

type modelCond struct {
	op   string // name glob regexp dn dn_under id any all not
	text string
	args []*modelCond
}

type modelSites struct {
	text string // as it stands in the file
	has  func(s access.Site, captured string) bool
	uses bool // the capture {site}
}

type modelAccount struct {
	source string
	email  string
	groups map[int]time.Time // place in world.groups → joined, zero is unknown
}

type modelWorld struct {
	sites  []access.Site
	groups []directory.Group
	people [][]modelAccount
	rules  []modelRule
}

var modelZone = time.FixedZone("here", 2*3600)

// --- the naive reading

func (w *modelWorld) effective(person int, site access.Site, token bool) access.Actions {
	cat := access.DefaultCatalogue()
	var raw, away access.Actions
	for _, r := range w.rules {
		if !r.open() || !w.reaches(&r, person, site) {
			continue
		}
		actions, _ := cat.Role(r.role)
		switch r.verb {
		case "give":
			if r.extra {
				share, _ := cat.Expand("segments.share")
				actions = actions.Union(share)
			}
			if ceiling, _ := access.ParseCeiling(r.ceiling); token {
				actions = actions.Intersect(cat.Ceiling(ceiling))
			}
			raw = raw.Union(actions)
		case "without":
			gone, _ := cat.Expand("segments.share")
			away = away.Union(gone)
		case "at_most":
			away = away.Union(cat.Level(access.Superuser).Minus(actions))
		case "token_at_most":
			if token {
				away = away.Union(cat.Level(access.Superuser).Minus(actions))
			}
		}
	}
	return raw.Minus(away)
}

func (r *modelRule) open() bool {
	day := func(s string) time.Time {
		t, _ := time.ParseInLocation("2006-01-02", s, modelZone)
		return t
	}
	return (r.starts == "" || !testNow.Before(day(r.starts))) && (r.until == "" || testNow.Before(day(r.until).AddDate(0, 0, 1)))
}

func (r *modelRule) takes(source string) bool {
	return r.from == nil || slices.Contains(r.from, source)
}

// reaches reports whether r counts for person on site.
func (w *modelWorld) reaches(r *modelRule, person int, site access.Site) bool {
	accounts := w.people[person]
	if r.email != "" && !slices.ContainsFunc(accounts, func(a modelAccount) bool { return r.takes(a.source) && r.emailHolds(a.email) }) {
		return false
	}
	if !slices.ContainsFunc(accounts, func(a modelAccount) bool { return r.takes(a.source) }) {
		return false
	}
	if r.cond == nil {
		return r.sites.has(site, "")
	}
	if r.lasts > 0 {
		return w.reachesFor(r, person, site)
	}
	if !r.sites.uses {
		return w.holds(r, r.cond, person) && r.sites.has(site, "")
	}
	for _, captured := range w.captured(r, r.cond, person) {
		if captured != "" && r.sites.has(site, captured) {
			return true
		}
	}
	return false
}

func (r *modelRule) emailHolds(email string) bool {
	if email == "" {
		return r.not && r.verb != "give"
	}
	ok, _ := path.Match(strings.ToLower(r.email), strings.ToLower(email))
	return ok != r.not
}

// reachesFor is for rules that last from joining: each group by itself.
func (w *modelWorld) reachesFor(r *modelRule, person int, site access.Site) bool {
	for _, a := range w.people[person] {
		for g, joined := range a.groups {
			ok, captured := w.matches(r, r.cond, g)
			if !ok || r.sites.uses && captured == "" || !r.sites.has(site, captured) {
				continue
			}
			if joined.IsZero() && r.verb != "give" || !joined.IsZero() && testNow.Before(joined.Add(r.lasts)) {
				return true
			}
		}
	}
	return false
}

// holds reports whether person satisfies c.
func (w *modelWorld) holds(r *modelRule, c *modelCond, person int) bool {
	switch c.op {
	case "any":
		return slices.ContainsFunc(c.args, func(a *modelCond) bool { return w.holds(r, a, person) })
	case "all":
		return !slices.ContainsFunc(c.args, func(a *modelCond) bool { return !w.holds(r, a, person) })
	case "not":
		return !w.holds(r, c.args[0], person)
	}
	for _, a := range w.people[person] {
		for g := range a.groups {
			if ok, _ := w.matches(r, c, g); ok {
				return true
			}
		}
	}
	return false
}

// captured lists what person's groups capture where the rest of c holds.
func (w *modelWorld) captured(r *modelRule, c *modelCond, person int) []string {
	var out []string
	switch c.op {
	case "any":
		for _, a := range c.args {
			out = append(out, w.captured(r, a, person)...)
		}
	case "all": // the first gives the captures
		for _, a := range c.args[1:] {
			if !w.holds(r, a, person) {
				return nil
			}
		}
		return w.captured(r, c.args[0], person)
	default:
		for _, a := range w.people[person] {
			for g := range a.groups {
				if ok, captured := w.matches(r, c, g); ok {
					out = append(out, captured)
				}
			}
		}
	}
	return out
}

// matches reports whether the leaf, or any of an any, is about group g.
func (w *modelWorld) matches(r *modelRule, c *modelCond, g int) (ok bool, captured string) {
	group := w.groups[g]
	if !r.takes(group.Source) {
		return false, ""
	}
	switch c.op {
	case "any":
		for _, a := range c.args {
			if ok, captured := w.matches(r, a, g); ok {
				return true, captured
			}
		}
		return false, ""
	case "name":
		return strings.EqualFold(c.text, group.Display), ""
	case "glob":
		ok, _ := path.Match(strings.ToLower(c.text), strings.ToLower(group.Display))
		return ok, ""
	case "regexp":
		m := regexp.MustCompile("^(?:" + c.text + ")$").FindStringSubmatch(group.Display)
		if len(m) > 1 {
			captured = m[1]
		}
		return m != nil, captured
	case "dn":
		return strings.EqualFold(strings.ReplaceAll(c.text, " ", ""), group.DN), ""
	case "dn_under":
		return strings.HasSuffix(strings.ToLower(group.DN), ","+strings.ToLower(c.text)), ""
	case "id":
		return c.text == group.ExternalID || c.text == group.UID, ""
	}
	return false, ""
}

// --- drawing

var modelNames = []string{"Ops", "ops", "Shop-a", "Shop-b", "shop-A", "Matomo-Admin-a", "Matomo-Admin-b", "Matomo-Admin-none", "Staff", "Contractors"}

func drawModel(t *rapid.T) *modelWorld {
	w := &modelWorld{sites: []access.Site{
		{ID: 1, Slug: "a", Labels: map[string]string{"region": "eu"}}, {ID: 2, Slug: "b", Labels: map[string]string{"region": "us"}}, {ID: 3, Slug: "Shop-a", Labels: map[string]string{"region": "eu", "tier": "prod"}}}}
	for i := range rapid.IntRange(1, 6).Draw(t, "groups") {
		g := directory.Group{ID: directory.GroupID(i + 1), UID: fmt.Sprintf("u%d", i), Source: rapid.SampledFrom([]string{"okta", "entra"}).Draw(t, "source"),
			Display: rapid.SampledFrom(modelNames).Draw(t, "name")}
		if rapid.Bool().Draw(t, "ext") {
			g.ExternalID = fmt.Sprintf("x%d", i)
		}
		if rapid.Bool().Draw(t, "dn") {
			g.DN = fmt.Sprintf("CN=%s,OU=%s,DC=com", g.Display, rapid.SampledFrom([]string{"G", "H"}).Draw(t, "ou"))
		}
		w.groups = append(w.groups, g)
	}
	for range rapid.IntRange(1, 3).Draw(t, "people") {
		var accounts []modelAccount
		for _, source := range []string{"okta", "entra"} {
			if !rapid.Bool().Draw(t, "has") {
				continue
			}
			a := modelAccount{source: source, groups: map[int]time.Time{}, email: rapid.SampledFrom([]string{"", "a@company.com", "B@Other.com"}).Draw(t, "email")}
			for g := range w.groups {
				if w.groups[g].Source == source && rapid.Bool().Draw(t, "in") {
					a.groups[g] = time.Time{}
					if rapid.Bool().Draw(t, "known") {
						a.groups[g] = testNow.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "days")) * 24 * time.Hour)
					}
				}
			}
			accounts = append(accounts, a)
		}
		w.people = append(w.people, accounts)
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "rules") {
		w.rules = append(w.rules, drawModelRule(t, fmt.Sprintf("r%d", i)))
	}
	return w
}

func drawModelRule(t *rapid.T, id string) modelRule {
	r := modelRule{id: id, from: rapid.SampledFrom([][]string{nil, {"okta"}, {"entra"}, {"entra", "okta"}}).Draw(t, "from")}
	r.verb = rapid.SampledFrom([]string{"give", "give", "give", "without", "at_most", "token_at_most"}).Draw(t, "verb")
	r.role = rapid.SampledFrom([]string{"view", "write", "admin"}).Draw(t, "role")
	if r.verb == "give" {
		r.ceiling = rapid.SampledFrom([]string{"", "inherit", "noaccess", "view", "write"}).Draw(t, "ceiling")
		r.extra = rapid.IntRange(0, 3).Draw(t, "extra") == 0
	} else if rapid.IntRange(0, 3).Draw(t, "none") == 0 {
		r.role = "noaccess"
	}
	r.sites = drawModelSites(t)
	switch {
	case r.sites.uses:
		r.cond = &modelCond{op: "regexp", text: rapid.SampledFrom([]string{"Matomo-Admin-(?P<site>.*)", "[Ss]hop-(?P<site>[a-z]?).*"}).Draw(t, "pattern")}
		switch rapid.IntRange(0, 2).Draw(t, "shape") {
		case 0:
			r.cond = &modelCond{op: "all", args: []*modelCond{r.cond, drawCond(t, 1)}}
		case 1:
			r.cond = &modelCond{op: "any", args: []*modelCond{r.cond, {op: "regexp", text: "Matomo-(?P<site>.*)"}}}
		}
	case rapid.IntRange(0, 4).Draw(t, "bare") > 0:
		r.cond = drawCond(t, 2)
	}
	if r.cond == nil || rapid.IntRange(0, 3).Draw(t, "person") == 0 {
		r.email, r.not = rapid.SampledFrom([]string{"*@company.com", "?@*", "b@other.com"}).Draw(t, "glob"), rapid.Bool().Draw(t, "not")
	}
	switch rapid.IntRange(0, 5).Draw(t, "time") {
	case 0:
		r.until = rapid.SampledFrom([]string{"2026-11-22", "2026-11-23", "2026-11-24"}).Draw(t, "until")
	case 1:
		r.starts = rapid.SampledFrom([]string{"2026-11-22", "2026-11-23", "2026-11-24"}).Draw(t, "starts")
	case 2:
		if r.cond != nil && r.email == "" && r.cond.simple() {
			r.lasts = 48 * time.Hour
		}
	}
	return r
}

func (c *modelCond) simple() bool {
	return c.op != "all" && c.op != "not" && !slices.ContainsFunc(c.args, func(a *modelCond) bool { return !a.simple() })
}

func drawCond(t *rapid.T, depth int) *modelCond {
	if depth > 0 && rapid.Bool().Draw(t, "deep") {
		c := &modelCond{op: rapid.SampledFrom([]string{"any", "all", "not"}).Draw(t, "op")}
		n := rapid.IntRange(1, 3).Draw(t, "args")
		if c.op == "not" {
			n = 1
		}
		for range n {
			c.args = append(c.args, drawCond(t, depth-1))
		}
		return c
	}
	switch rapid.IntRange(0, 6).Draw(t, "leaf") {
	case 0:
		return &modelCond{op: "glob", text: rapid.SampledFrom([]string{"shop-*", "*", "Matomo-?dmin-*"}).Draw(t, "glob")}
	case 1:
		return &modelCond{op: "regexp", text: rapid.SampledFrom([]string{"Shop-.", "Staff|Ops", "(?i)ops"}).Draw(t, "regexp")}
	case 2:
		return &modelCond{op: "id", text: rapid.SampledFrom([]string{"u0", "u1", "x0", "x1", "x2"}).Draw(t, "id")}
	case 3:
		return &modelCond{op: "dn", text: "cn=" + rapid.SampledFrom(modelNames).Draw(t, "cn") + ", ou=g, dc=com"}
	case 4:
		return &modelCond{op: "dn_under", text: rapid.SampledFrom([]string{"OU=G,DC=com", "dc=com"}).Draw(t, "base")}
	}
	return &modelCond{op: "name", text: rapid.SampledFrom(modelNames).Draw(t, "name")}
}

func drawModelSites(t *rapid.T) modelSites {
	slug := func(s access.Site, want string) bool { return strings.EqualFold(s.Slug, want) }
	choices := []modelSites{
		{text: "all", has: func(access.Site, string) bool { return true }},
		{text: "[1, b]", has: func(s access.Site, _ string) bool { return s.ID == 1 || s.ID == 2 }},
		{text: "SHOP-A", has: func(s access.Site, _ string) bool { return s.ID == 3 }},
		{text: "{labels: {region: eu}}", has: func(s access.Site, _ string) bool { return s.Labels["region"] == "eu" }},
		{text: "{labels: {region: eu}, slug: 'shop-*'}", has: func(s access.Site, _ string) bool { return s.ID == 3 }},
		{text: "{set: eu, except: [a]}", has: func(s access.Site, _ string) bool { return s.ID == 3 }},
		{text: "{all: true, except: {labels: {tier: prod}}}", has: func(s access.Site, _ string) bool { return s.ID != 3 }},
		{text: `"{site}"`, uses: true, has: func(s access.Site, c string) bool { return slug(s, c) }},
		{text: `["shop-{site}", 2]`, uses: true, has: func(s access.Site, c string) bool { return slug(s, "shop-"+c) || s.ID == 2 }},
	}
	return rapid.SampledFrom(choices).Draw(t, "sites")
}

// --- writing

func (w *modelWorld) text(order []int) string {
	var b strings.Builder
	b.WriteString("version: 1\nsite_sets: {eu: {labels: {region: eu}}}\nrules:\n")
	for _, i := range order {
		r := &w.rules[i]
		from := "any"
		if r.from != nil {
			from = "[" + strings.Join(r.from, ", ") + "]"
		}
		fmt.Fprintf(&b, "- {id: %s, from: %s, sites: %s", r.id, from, r.sites.text)
		if r.cond != nil {
			b.WriteString(", group: " + r.cond.yaml())
		}
		if r.email != "" {
			fmt.Fprintf(&b, ", person: {email: {%sglob: '%s'}}", map[bool]string{true: "not_"}[r.not], r.email)
		}
		if r.verb == "without" {
			b.WriteString(", without: [segments.share]")
		} else {
			fmt.Fprintf(&b, ", %s: %s", r.verb, r.role)
		}
		if r.ceiling != "" {
			b.WriteString(", token_ceiling: " + r.ceiling)
		}
		if r.extra {
			b.WriteString(", capabilities: segments.share")
		}
		for key, value := range map[string]string{"until": r.until, "starts": r.starts} {
			if value != "" {
				fmt.Fprintf(&b, ", %s: %s", key, value)
			}
		}
		if r.lasts > 0 {
			b.WriteString(", for: 2d")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (c *modelCond) yaml() string {
	switch c.op {
	case "name":
		return c.text
	case "any", "all":
		var parts []string
		for _, a := range c.args {
			parts = append(parts, a.yaml())
		}
		return "{" + c.op + ": [" + strings.Join(parts, ", ") + "]}"
	case "not":
		return "{not: " + c.args[0].yaml() + "}"
	}
	return "{" + c.op + ": '" + c.text + "'}"
}

// snapshot is what the package makes of the world.
func (w *modelWorld) snapshot(t *rapid.T, s *Set) *access.Snapshot {
	f := s.facts(w.groups, w.sites)
	var people []access.Person
	for i, accounts := range w.people {
		p := access.Person{ID: access.PersonID(i + 1), Joined: map[access.GroupID]time.Time{}}
		for _, a := range accounts {
			for g, joined := range a.groups {
				id := access.GroupID(w.groups[g].ID)
				p.Groups = append(p.Groups, id)
				if !joined.IsZero() && s.Timed(w.groups[g]) {
					p.Joined[id] = joined
				}
			}
			var values []directory.Value
			if a.email != "" {
				values = append(values, directory.Value{Path: "emails.value", Text: directory.Fold(a.email)})
			}
			for _, tr := range s.Traits() {
				if tr.Match(a.source, values) {
					p.Traits = append(p.Traits, tr.ID)
				}
			}
		}
		slices.Sort(p.Groups)
		slices.Sort(p.Traits)
		p.Traits = slices.Compact(p.Traits)
		people = append(people, p)
		f.Tokens = append(f.Tokens, access.Token{ID: access.TokenID(p.ID), Owner: p.ID, Ceiling: access.CeilingInherit})
	}
	f.People = slices.Values(people)
	snap, err := access.Build(f)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func identity(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestCompiledRulesDecideAsTheSentencesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawModel(t)
		text := w.text(identity(len(w.rules)))
		env := Env{Sites: w.sites, Groups: w.groups, Zone: modelZone, Now: testNow}
		s, problems := Parse("x", []byte(text), env)
		if s == nil {
			t.Fatalf("%v\n%s", problems, text)
		}
		snap := w.snapshot(t, s)
		cat := access.DefaultCatalogue()
		for i := range w.people {
			for _, site := range append(slices.Clone(w.sites), access.Site{ID: access.Global}) {
				for _, token := range []bool{false, true} {
					got := naiveAt(snap, access.PersonID(i+1), site.ID, token, testNow)
					want := w.effective(i, site, token)
					if site.ID == access.Global {
						continue // the sentences are about sites
					}
					if got != want {
						t.Fatalf("person %d on %s, token %v: %s, want %s\n%s\n%+v\n%+v", i, site.Slug, token, cat.Highest(got), cat.Highest(want), text, w.groups, w.people[i])
					}
				}
			}
		}
	})
}

func TestTheOrderOfRulesNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawModel(t)
		env := Env{Zone: modelZone}
		a, _ := Parse("a", []byte(w.text(identity(len(w.rules)))), env)
		b, _ := Parse("b", []byte(w.text(rapid.Permutation(identity(len(w.rules))).Draw(t, "order"))), env)
		groups := rapid.Permutation(w.groups).Draw(t, "groups")
		if diff := gocmp.Diff(sortedFacts(a, w.groups), sortedFacts(b, groups)); diff != "" {
			t.Fatal(diff)
		}
	})
}

type comparableFacts struct {
	Rules   []string
	Cohorts []string
}

func sortedFacts(s *Set, groups []directory.Group) comparableFacts {
	f := s.facts(groups, nil)
	slices.SortFunc(f.Rules, func(a, b access.Rule) int { return cmp.Compare(a.ID, b.ID) })
	var out comparableFacts
	for _, r := range f.Rules {
		out.Rules = append(out.Rules, fmt.Sprintf("%+v", r))
	}
	for _, c := range f.Cohorts {
		out.Cohorts = append(out.Cohorts, fmt.Sprintf("%+v", c))
	}
	return out
}
