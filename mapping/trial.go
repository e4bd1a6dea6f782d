package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// trial is one of the file's tests.
type trial struct {
	name     string
	at       *node
	accounts []trialAccount
	when     time.Time // zero is now
	expect   []expectation
}

type trialAccount struct {
	source string
	groups []directory.Group // without ids
	values []directory.Value
}

// expectation is one level on one site.
type expectation struct {
	site  *node // an id or a slug
	level access.Level
	token bool
}

// readTests reads the tests. Levels, keys and shapes must be right; sources,
// groups and sites that are not known are warnings, because tests are also
// about what is to come.
func (r *reader) readTests(n *node) []*trial {
	if n.shape == isNull {
		return nil
	}
	if n.shape != isList {
		r.wrongShape(n, "tests", "a list of tests")
		return nil
	}
	var out []*trial
	for _, item := range n.items {
		if t := r.test(item); t != nil {
			out = append(out, t)
		}
	}
	return out
}

func (r *reader) test(n *node) *trial {
	if !r.keys(n, testKeys, "a test") {
		return nil
	}
	t := &trial{at: n}
	if name := n.at("name"); name != nil {
		t.name, _ = r.word(name, "name")
		t.at = name
	}
	if person := n.at("person"); person != nil {
		for _, a := range r.several(person, "person") {
			t.accounts = append(t.accounts, r.account(a))
		}
	}
	if at := n.at("at"); at != nil {
		t.when, _ = r.time(at, "at", false)
	}
	expect, token := n.at("expect"), n.at("expect_token")
	if expect == nil && token == nil {
		r.fail("GB103", n, "a test needs expect or expect_token")
	}
	t.expect = append(r.expectations(expect, "expect", false), r.expectations(token, "expect_token", true)...)
	return t
}

func (r *reader) account(n *node) trialAccount {
	var a trialAccount
	if !r.keys(n, accountKeys, "an account of a test's person") {
		return a
	}
	if from := n.at("from"); from != nil {
		a.source, _ = r.word(from, "from")
		if r.env.Sources != nil && a.source != "" && !slices.Contains(r.env.Sources, a.source) {
			r.warn("GB310", from, "no source %s%s", shown(a.source), didYouMean(a.source, r.env.Sources))
		}
	}
	if groups := n.at("groups"); groups != nil && groups.shape != isNull {
		if groups.shape != isList {
			r.wrongShape(groups, "groups", "a list of groups")
		}
		for _, item := range groups.items {
			if g, ok := r.trialGroup(item, a.source); ok {
				a.groups = append(a.groups, g)
			}
		}
	}
	if attributes := n.at("attributes"); attributes != nil {
		a.values = r.attributes(attributes)
	}
	return a
}

// trialGroup reads a group that a test's person is in: its name, its DN or its id.
func (r *reader) trialGroup(n *node, source string) (directory.Group, bool) {
	g := directory.Group{Source: source}
	if n.shape != isMap {
		name, ok := r.word(n, "a group")
		g.Display = name
		if dn, err := directory.ParseDN(name); err == nil && !dn.IsZero() {
			g.DN, g.Display = name, dn.Leaf()
		}
		return g, ok
	}
	c := r.cond(n, 0)
	if c == nil || c.op != isLeaf || c.leaf.kind != byDN && c.leaf.kind != byID {
		if c != nil {
			r.fail("GB100", n, "a person of a test is in one group: its name, {dn} or {id, name}")
		}
		return g, false
	}
	if c.leaf.kind == byDN {
		g.DN, g.Display = c.leaf.text, c.leaf.dn.Leaf()
	} else {
		g.ExternalID, g.Display = c.leaf.text, c.leaf.name
	}
	return g, true
}

func (r *reader) attributes(n *node) []directory.Value {
	if n.shape != isMap {
		r.wrongShape(n, "attributes", "names with values")
		return nil
	}
	var out []directory.Value
	for _, p := range n.pairs {
		path := r.path(p.key)
		for i, item := range r.several(p.value, "an attribute") {
			text, _ := r.word(item, "an attribute")
			out = append(out, directory.Value{Path: path, Elem: i, Text: directory.Fold(text)})
		}
	}
	return out
}

func (r *reader) expectations(n *node, key string, token bool) []expectation {
	if n == nil {
		return nil
	}
	if n.shape != isMap || len(n.pairs) == 0 {
		r.wrongShape(n, key, "sites with levels, like {blog: view}")
		return nil
	}
	var out []expectation
	seen := map[string]bool{}
	for _, p := range n.pairs {
		if seen[p.key.text] {
			r.fail("GB102", p.key, "the site %s is there twice", shown(p.key.text))
		}
		seen[p.key.text] = true
		level, err := access.ParseLevel(p.value.text)
		if err != nil || p.value.shape != isText {
			r.fail("GB111", p.value, "no level %s%s", shown(p.value.text), didYouMean(p.value.text, levelNames))
		}
		if _, known := r.siteOf(p.key); r.slugs != nil && !known {
			r.warn("GB310", p.key, "no site %s%s", shown(p.key.text), didYouMean(p.key.text, keysOf(r.slugs)))
		}
		out = append(out, expectation{p.key, level, token})
	}
	return out
}

// siteOf finds a site by the id or slug in n.
func (r *reader) siteOf(n *node) (access.SiteID, bool) {
	if id, err := strconv.ParseInt(n.text, 10, 64); err == nil && n.shape == isNumber {
		return access.SiteID(id), r.ids[access.SiteID(id)]
	}
	id, ok := r.slugs[slugKey(n.text)]
	return id, ok
}

// testAt is the time at which a test is run that does not say when and whose
// Env does not either.
var testAt = time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)

// Test runs the file's tests against its own rules and the sites of env: each
// test's person is put, alone with the others, into a snapshot of the rules.
func (s *Set) Test(env Env) []TestResult {
	out := make([]TestResult, len(s.tests))
	if len(s.tests) == 0 {
		return out
	}
	l := s.newLab(env)
	snap, err := access.Build(l.facts)
	for i, t := range s.tests {
		out[i] = TestResult{Name: t.name, Line: t.at.line, Wrong: []string{}}
		if err != nil {
			out[i].Wrong = []string{fmt.Sprintf("the rules make no snapshot: %v", err)}
			continue
		}
		for _, e := range t.expect {
			if wrong := l.try(snap, i, e); wrong != "" {
				out[i].Wrong = append(out[i].Wrong, wrong)
			}
		}
	}
	return out
}

// lab is the small world of the tests.
type lab struct {
	set    *Set
	reader *reader
	groups []directory.Group
	ids    map[string]access.GroupID
	people []access.Person
	when   []time.Time
	in     [][]directory.Group // of each person
	facts  access.Facts
}

func (s *Set) newLab(env Env) *lab {
	env.Catalogue, env.Zone = s.cat, s.zone
	l := &lab{set: s, reader: newReader(s.name, nil, env), ids: map[string]access.GroupID{}}
	traits := s.Traits()
	for i, t := range s.tests {
		at := t.when
		if at.IsZero() {
			at = env.Now
		}
		if at.IsZero() {
			at = testAt
		}
		l.when = append(l.when, at)
		p := access.Person{ID: access.PersonID(i + 1), Joined: map[access.GroupID]time.Time{}}
		var in []directory.Group
		for _, a := range t.accounts {
			for _, g := range a.groups {
				g = l.resolve(g, env.Groups)
				in = append(in, g)
				p.Groups = append(p.Groups, access.GroupID(g.ID))
				p.Joined[access.GroupID(g.ID)] = at
			}
			for _, tr := range traits {
				if tr.Match(a.source, a.values) {
					p.Traits = append(p.Traits, tr.ID)
				}
			}
		}
		slices.Sort(p.Groups)
		slices.Sort(p.Traits)
		p.Groups, p.Traits = slices.Compact(p.Groups), slices.Compact(p.Traits)
		l.people, l.in = append(l.people, p), append(l.in, in)
	}
	l.facts = s.facts(l.groups, env.Sites)
	l.facts.People = slices.Values(l.people)
	for _, p := range l.people {
		l.facts.Tokens = append(l.facts.Tokens, access.Token{ID: access.TokenID(p.ID), Owner: p.ID, Ceiling: access.CeilingInherit})
	}
	return l
}

// facts are all rules for these groups.
func (s *Set) facts(groups []directory.Group, sites []access.Site) access.Facts {
	f := access.Facts{Revision: 1, Catalogue: s.cat, Sites: sites}
	for _, g := range groups {
		f.Rules = append(f.Rules, s.ForGroup(g)...)
	}
	rest, cohorts := s.Rest(groups)
	f.Rules, f.Cohorts = append(f.Rules, rest...), cohorts
	return f
}

// resolve makes a test's group a whole one: the seen group of that source and
// name, or the one whose id a rule names by this name.
func (l *lab) resolve(g directory.Group, seen []directory.Group) directory.Group {
	f := faceOf(g)
	for _, s := range seen {
		same := faceOf(s)
		if s.Source == g.Source && !s.Deleted && f.same(&same) {
			g = s
			break
		}
	}
	if g.ExternalID == "" && g.DN == "" {
		for _, r := range l.set.rules {
			r.group.leaves(func(leaf *leaf, _ bool) {
				if leaf.kind == byID && leaf.name != "" && foldName(leaf.name) == f.fold && r.takesSource(g.Source) {
					g.ExternalID = leaf.text
				}
			})
		}
	}
	key := fmt.Sprintf("%q %q %q %q", g.Source, foldName(g.Display), g.DN, g.ExternalID)
	id, ok := l.ids[key]
	if !ok {
		id = access.GroupID(len(l.ids) + 1)
		l.ids[key] = id
		g.ID = directory.GroupID(id)
		l.groups = append(l.groups, g)
	}
	g.ID = directory.GroupID(id)
	return g
}

// same reports whether two faces are of one group, as far as f says.
func (f *face) same(g *face) bool {
	switch {
	case f.extern != "":
		return f.extern == g.extern || f.extern == g.uid
	case f.key != "":
		return f.key == g.key
	}
	return f.fold == g.fold && f.fold != ""
}

// try asks one question and says what is wrong with the answer, or nothing.
func (l *lab) try(snap *access.Snapshot, i int, e expectation) string {
	site, known := l.reader.siteOf(e.site)
	if !known {
		return fmt.Sprintf("no site %s is known", e.site.text)
	}
	q := access.Request{Person: l.people[i].ID, Credential: access.Session(l.when[i]), Site: site, At: l.when[i], Action: levelAction(e.level)}
	by := ""
	if e.token {
		q.Credential, by = access.TokenOf(access.TokenID(q.Person)), " through a token"
	}
	got := l.set.cat.Highest(snap.Effective(q))
	if got == e.level {
		return ""
	}
	return fmt.Sprintf("%s is %s%s, not %s; %s", e.site.text, got, by, e.level, l.because(snap, q, i))
}

func levelAction(level access.Level) access.ActionID {
	return access.ActionID(max(level, access.View) - access.View)
}

// because names the rules that reach the site, and the groups that no rule is about.
func (l *lab) because(snap *access.Snapshot, q access.Request, i int) string {
	x := snap.Explain(q)
	var raise, lower, parts []string
	for _, g := range x.Grants {
		if g.Rule != nil && !slices.Contains(raise, g.Rule.Origin.Rule) {
			raise = append(raise, g.Rule.Origin.Rule)
		}
	}
	for _, t := range x.Restriction {
		if t.Rule != nil && !slices.Contains(lower, t.Rule.Origin.Rule) {
			lower = append(lower, t.Rule.Origin.Rule)
		}
	}
	slices.Sort(raise)
	slices.Sort(lower)
	if len(raise) > 0 {
		parts = append(parts, "raised by "+strings.Join(raise, ", "))
	}
	if len(lower) > 0 {
		parts = append(parts, "lowered by "+strings.Join(lower, ", "))
	}
	if len(raise)+len(lower) == 0 {
		parts = append(parts, "no rule reaches it")
	}
	for _, g := range l.in[i] {
		if st := l.set.State(g); st.Rules == nil {
			parts = append(parts, strings.TrimSuffix(fmt.Sprintf("group %s of %s matches no rule: %s", g.Display, g.Source, st.Near), ": "))
		}
	}
	return strings.Join(parts, "; ")
}
