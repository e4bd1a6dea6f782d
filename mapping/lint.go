package mapping

import (
	"maps"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/directory"
)

// The bounds above which lints that compare everything with everything are left
// out, so that reading stays a matter of milliseconds.
const (
	maxNearPairs   = 4_000_000
	maxCoverPairs  = 4_000_000
	maxNearPerRule = 5
)

// lint notes what is allowed but doubtful.
func (r *reader) lint(s *Set) {
	for _, rule := range s.rules {
		r.lintRule(rule)
	}
	r.lintCovered(s.rules)
	if r.env.Groups != nil {
		r.lintGroups(s)
	}
}

// lintRule looks at one rule by itself.
func (r *reader) lintRule(rule *rule) {
	rule.group.leaves(func(l *leaf, _ bool) {
		if l.kind == byRegexp && !anchored(l.text) {
			r.warn("GB303", l.at, "the whole name must match; write ^ and $ so that readers see it")
		}
	})
	if g := rule.gives(); g != nil {
		r.lintGive(rule, g)
	}
	if !rule.until.IsZero() && !r.env.Now.IsZero() && !rule.until.After(r.env.Now) {
		r.warn("GB306", rule.body.at("until"), "the rule %s has ended", rule.id)
	}
	if s := rule.sites; s != nil && r.env.Sites != nil && (s.slug != nil || s.labels != nil) && len(s.captures()) == 0 {
		sc, _ := s.scope(nil)
		if !slices.ContainsFunc(r.env.Sites, sc.Has) {
			r.warn("GB311", s.at, "no site is %s now", s.text)
		}
	}
}

func (r *reader) lintGive(rule *rule, g *effect) {
	level := r.cat.Highest(g.actions)
	if rule.from == nil && level >= access.Write {
		r.warn("GB304", rule.body.at("from"), "from: any gives %s to a group of this name in any source, later ones too; name the sources", g.role)
	}
	if rule.sites != nil && rule.sites.all && level >= access.Admin {
		r.warn("GB305", rule.sites.at, "admin on all sites, later ones too; name the sites or a label")
	}
	if level > access.NoAccess && g.ceiling != access.CeilingInherit && g.ceiling > access.CeilingAt(level) {
		r.warn("GB309", rule.body.at("token_ceiling"), "token_ceiling %s is above %s and changes nothing", g.ceiling, level)
	}
}

// lintGroups looks at the rules and the groups seen so far.
func (r *reader) lintGroups(s *Set) {
	matched := make([]bool, len(s.rules))
	near := map[*rule]int{}
	pairs := len(r.env.Groups) * max(1, len(s.rules))
	for _, g := range r.env.groupsSeen() {
		f := faceOf(g)
		found := s.index.matches(&f)
		for _, m := range found {
			matched[m.n] = true
			r.lintMatch(&f, m)
		}
		if len(found) == 0 && pairs <= maxNearPairs {
			r.lintNear(s, &f, near)
		}
	}
	for i, rule := range s.rules {
		if rule.group != nil && !matched[i] {
			r.warn("GB301", rule.at, "the rule %s matches no group seen so far", rule.id)
		}
	}
}

func (r *reader) lintNear(s *Set, f *face, near map[*rule]int) {
	best, how, leafBest, ruleBest := s.nearest(f)
	if best == 0 {
		return
	}
	if near[ruleBest]++; near[ruleBest] <= maxNearPerRule {
		r.warn("GB302", leafBest.at, "group %s of %s matches nothing; %s", f.name, f.source, how)
	}
}

// lintMatch looks at one rule and one group that it matches.
func (r *reader) lintMatch(f *face, m match) {
	if m.leaf.kind == byID && m.leaf.name != "" && foldName(m.leaf.name) != f.fold {
		r.warn("GB312", m.leaf.at, "the group with this id is called %s now, not %s", f.name, m.leaf.name)
	}
	if m.rule.sites == nil || r.slugs == nil || m.captures == nil {
		return
	}
	for _, t := range m.rule.sites.slugs {
		if len(t.names()) == 0 {
			continue
		}
		_, slug, ok := t.fill(m.captures)
		if _, known := r.slugs[slug]; ok && !known {
			r.warn("GB307", m.rule.sites.at, "group %s of %s names the site %s, which does not exist%s", f.name, f.source, slug, nearHint(slug, r.slugs))
		}
	}
}

func nearHint(slug string, slugs map[string]access.SiteID) string {
	if near := access.Nearest(slug, maps.Keys(slugs)); near != "" {
		return "; the nearest is " + near
	}
	return ""
}

// lintCovered finds rules that another one makes needless.
func (r *reader) lintCovered(rules []*rule) {
	if len(rules)*len(rules) > maxCoverPairs {
		return
	}
	for i, b := range rules {
		for j, a := range rules {
			if i != j && a.covers(b) && (i > j || !b.covers(a)) {
				r.warn("GB308", b.at, "the rule %s does nothing that %s does not", b.id, a.id)
				break
			}
		}
	}
}

// covers reports whether everything that b does, a does too. It may miss some.
func (a *rule) covers(b *rule) bool {
	if len(b.effects) == 0 || !a.coversEffects(b) || !a.coversTimes(b) {
		return false
	}
	if a.from != nil && (b.from == nil || slices.ContainsFunc(b.from, func(s string) bool { return !a.takesSource(s) })) {
		return false
	}
	return a.coversSites(b) && a.coversPeople(b)
}

func (a *rule) coversEffects(b *rule) bool {
	for _, e := range b.effects {
		if !slices.ContainsFunc(a.effects, func(f effect) bool { return f.covers(e) }) {
			return false
		}
	}
	return true
}

func (e effect) covers(f effect) bool {
	if e.verb != f.verb {
		return false
	}
	switch e.verb {
	case give:
		return f.actions.Within(e.actions) && f.ceiling <= e.ceiling
	case withoutVerb:
		return f.actions.Within(e.actions)
	}
	return e.actions.Within(f.actions)
}

func (a *rule) coversTimes(b *rule) bool {
	return (a.starts.IsZero() || !b.starts.IsZero() && !b.starts.Before(a.starts)) &&
		(a.until.IsZero() || !b.until.IsZero() && !b.until.After(a.until)) &&
		(a.lasts == 0 || b.lasts != 0 && b.lasts <= a.lasts)
}

func (a *rule) coversPeople(b *rule) bool {
	if a.person != nil && (b.person == nil || a.person.text != b.person.text || !slices.Equal(a.from, b.from)) {
		return false
	}
	return a.group == nil || b.group != nil && b.group.within(a.group)
}

// within reports whether everyone in c is in d. It may miss some.
func (c *cond) within(d *cond) bool {
	if c.String() == d.String() {
		return true
	}
	switch {
	case c.op == anyOf:
		return !slices.ContainsFunc(c.args, func(a *cond) bool { return !a.within(d) })
	case d.op == allOf:
		return !slices.ContainsFunc(d.args, func(a *cond) bool { return !c.within(a) })
	case d.op == anyOf:
		return slices.ContainsFunc(d.args, c.within)
	case c.op == allOf:
		return slices.ContainsFunc(c.args, func(a *cond) bool { return a.within(d) })
	case c.op != isLeaf || d.op != isLeaf:
		return false
	}
	return c.leaf.within(d.leaf)
}

func (l *leaf) within(m *leaf) bool {
	if m.kind == byGlob && m.text == "*" {
		return l.kind == byName || l.kind == byGlob || l.kind == byRegexp
	}
	switch l.kind {
	case byName:
		if m.kind == byName {
			return l.key == m.key
		}
		f := faceOf(directory.Group{Display: strings.TrimSpace(l.text)})
		_, ok := m.match(&f)
		return ok && m.kind != byRegexp
	case byDN, byDNUnder:
		return m.kind == byDNUnder && l.dn.Under(m.dn)
	}
	return false
}

func (a *rule) coversSites(b *rule) bool {
	if a.sites == nil {
		return true
	}
	if b.sites == nil {
		return false
	}
	if a.sites.all && a.sites.exceptText == "" {
		return true
	}
	if a.sites.text == b.sites.text {
		return len(a.sites.captures()) == 0 || a.group.String() == b.group.String()
	}
	if a.sites.exceptText != "" || b.sites.all || b.sites.labels != nil || b.sites.slug != nil {
		return false
	}
	for _, id := range b.sites.ids {
		if !slices.Contains(a.sites.ids, id) {
			return false
		}
	}
	for _, t := range b.sites.slugs {
		if len(t.names()) > 0 || !slices.ContainsFunc(a.sites.slugs, func(u template) bool { return u.String() == t.String() }) {
			return false
		}
	}
	return true
}
