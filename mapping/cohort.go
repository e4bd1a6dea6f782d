package mapping

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"grantbridge/access"
	"grantbridge/directory"
)

// Rest is what the rules say that ForGroup cannot: rules over cohorts of several
// groups or of traits. groups are all groups. A rule whose captures name sites
// gives one cohort for each group that captures.
func (s *Set) Rest(groups []directory.Group) ([]access.Rule, []access.Cohort) {
	if len(s.index.complex) == 0 {
		return nil, nil
	}
	p := newPool(&s.index, groups)
	var parts []part
	for _, r := range s.index.complex {
		parts = append(parts, p.parts(r)...)
	}
	return number(parts)
}

// part is one subject of a complex rule: a trait by itself, or a cohort.
type part struct {
	rule  *rule
	key   string // names it among all parts, whatever other groups there are
	expr  access.Expr
	rules []access.Rule
}

// number gives the cohorts their ids. An id is a hash of the part's name; the
// second of two that fall on one id takes the next free one.
func number(parts []part) ([]access.Rule, []access.Cohort) {
	var rules []access.Rule
	var cohorts []access.Cohort
	taken := map[int64]bool{}
	slices.SortStableFunc(parts, func(a, b part) int { return strings.Compare(a.key, b.key) })
	for _, p := range parts {
		if p.expr.Op == access.Is && p.expr.Subject.Kind == access.TheTrait {
			for i := range p.rules {
				p.rules[i].Subject = p.expr.Subject
			}
			rules = append(rules, p.rules...)
			continue
		}
		id := hash28("cohort\n" + p.key)
		for taken[id] {
			id = id%access.MaxID + 1
		}
		taken[id] = true
		if p.expr.Op == access.Is { // a group that its cohort came down to
			p.expr = access.Expr{Op: access.AllOf, Args: []access.Expr{p.expr}}
		}
		cohorts = append(cohorts, access.Cohort{ID: access.CohortID(id), Expr: p.expr})
		for i := range p.rules {
			p.rules[i].Subject = access.Subject{Kind: access.TheCohort, ID: id}
		}
		rules = append(rules, p.rules...)
	}
	slices.SortFunc(rules, func(a, b access.Rule) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(cohorts, func(a, b access.Cohort) int { return cmp.Compare(a.ID, b.ID) })
	return rules, cohorts
}

// pool is all groups, matched once against the leaves of complex rules.
type pool struct {
	faces []face
	found map[*leaf][]leafMatch
}

type leafMatch struct {
	face     *face
	captures map[string]string
}

func newPool(x *index, groups []directory.Group) *pool {
	p := &pool{found: map[*leaf][]leafMatch{}}
	var sub index
	for i := range sub.exact {
		sub.exact[i] = map[string][]hit{}
	}
	for n, r := range x.complex {
		r.group.leaves(func(l *leaf, _ bool) { sub.add(hit{r, n, l}) })
	}
	for _, g := range groups {
		if !g.Deleted {
			p.faces = append(p.faces, faceOf(g))
		}
	}
	slices.SortFunc(p.faces, func(a, b face) int { return cmp.Compare(a.id, b.id) })
	for i := range p.faces {
		for _, m := range sub.matches(&p.faces[i]) {
			p.found[m.leaf] = append(p.found[m.leaf], leafMatch{&p.faces[i], m.captures})
		}
	}
	return p
}

// binding is a condition with the captures of the group that gave them.
type binding struct {
	expr     access.Expr
	face     *face // that gave the captures, or nil
	captures map[string]string
}

// parts makes the subjects of one complex rule.
func (p *pool) parts(r *rule) []part {
	var out []part
	used := []string{}
	if r.sites != nil {
		used = r.sites.captures()
	}
	bindings := []binding{{}}
	if r.group != nil {
		bindings = p.bind(r.group, used)
	}
	for _, restrict := range []bool{false, true} {
		for _, b := range bindings {
			if made := p.part(r, b, restrict); len(made.rules) > 0 {
				out = append(out, made)
			}
		}
	}
	return merged(out)
}

// merged joins parts of one name: two patterns of an any that capture the same
// of one group.
func merged(parts []part) []part {
	at := map[string]int{}
	out := parts[:0]
	for _, p := range parts {
		if i, twice := at[p.key]; twice {
			out[i].expr = either(out[i].expr, p.expr)
			continue
		}
		at[p.key] = len(out)
		out = append(out, p)
	}
	return out
}

// part makes the subject of one binding, for the effects that give or for those
// that restrict.
func (p *pool) part(r *rule, b binding, restrict bool) part {
	some := *r
	some.effects = slices.DeleteFunc(slices.Clone(r.effects), func(e effect) bool { return (e.verb != give) != restrict })
	out := part{rule: r, expr: b.expr}
	if len(some.effects) == 0 {
		return out
	}
	if r.person != nil {
		is := isTrait(r.person.trait(r.from, restrict))
		if r.group == nil {
			out.expr = is
		} else {
			out.expr = both(b.expr, is)
		}
	} else if r.needsAccount() {
		out.expr = both(b.expr, isTrait(accountTrait(r.from)))
	}
	if out.expr.Op == access.Never {
		return part{}
	}
	origin, g := access.Origin{Rule: r.id, Reason: r.why, Source: sourceText(r.from), Group: r.groupText()}, access.GroupID(0)
	if b.face != nil {
		origin, g = originOf(r, b.face), b.face.id
	}
	out.rules = some.compile(access.Subject{}, b.captures, g, origin)
	if len(out.rules) > 0 {
		out.key = strings.Join([]string{r.id, strconv.FormatInt(int64(g), 10), strconv.FormatBool(restrict), out.rules[0].Scope.Text}, "\n")
	}
	return out
}

func sourceText(from []string) string {
	if from == nil {
		return "any"
	}
	return strings.Join(from, ", ")
}

// groupText is the condition on groups as a person says it, "" when there is none.
func (r *rule) groupText() string {
	if r.group == nil {
		return ""
	}
	return r.group.String()
}

func isTrait(t Trait) access.Expr {
	return access.Expr{Op: access.Is, Subject: access.Subject{Kind: access.TheTrait, ID: int64(t.ID)}}
}

// bind is c over the groups there are. Where one leaf gives captures that are
// used, there is one binding for each group that it matches.
func (p *pool) bind(c *cond, used []string) []binding {
	if !c.gives(used) {
		return []binding{{expr: p.expr(c)}}
	}
	var out []binding
	switch c.op {
	case isLeaf:
		for _, m := range p.found[c.leaf] {
			out = append(out, binding{isGroup(m.face.id), m.face, m.captures})
		}
	case anyOf:
		for _, a := range c.args {
			out = append(out, p.bind(a, used)...)
		}
	case allOf:
		out = p.bindAll(c, used)
	}
	return out
}

// bindAll binds the one argument that gives captures; the others stand beside.
func (p *pool) bindAll(c *cond, used []string) []binding {
	var out []binding
	rest := access.Expr{Op: access.Never}
	first := true
	for _, a := range c.args {
		if a.gives(used) {
			out = p.bind(a, used)
			continue
		}
		if first {
			rest, first = p.expr(a), false
		} else {
			rest = both(rest, p.expr(a))
		}
	}
	if first {
		return out
	}
	for i := range out {
		out[i].expr = both(out[i].expr, rest)
	}
	return out
}

// gives reports whether c gives one of the captures that are used.
func (c *cond) gives(used []string) bool {
	return slices.ContainsFunc(c.defines(), func(n string) bool { return slices.Contains(used, n) })
}

// expr is c over the groups there are.
func (p *pool) expr(c *cond) access.Expr {
	switch c.op {
	case isLeaf:
		out := access.Expr{Op: access.Never}
		for _, m := range p.found[c.leaf] {
			out = either(out, isGroup(m.face.id))
		}
		return out
	case anyOf:
		out := access.Expr{Op: access.Never}
		for _, a := range c.args {
			out = either(out, p.expr(a))
		}
		return out
	case allOf:
		out := p.expr(c.args[0])
		for _, a := range c.args[1:] {
			out = both(out, p.expr(a))
		}
		return out
	case notOf:
		return not(p.expr(c.args[0]))
	}
	return access.Expr{Op: access.Never}
}

func isGroup(id access.GroupID) access.Expr {
	return access.Expr{Op: access.Is, Subject: access.Subject{Kind: access.TheGroup, ID: int64(id)}}
}

// always is the expression that every person satisfies.
func always(e access.Expr) bool { return e.Op == access.NotOf && e.Args[0].Op == access.Never }

func not(e access.Expr) access.Expr {
	if e.Op == access.NotOf {
		return e.Args[0]
	}
	return access.Expr{Op: access.NotOf, Args: []access.Expr{e}}
}

func both(a, b access.Expr) access.Expr {
	switch {
	case a.Op == access.Never || always(b):
		return a
	case b.Op == access.Never || always(a):
		return b
	}
	return joined(access.AllOf, a, b)
}

func either(a, b access.Expr) access.Expr {
	switch {
	case always(a) || b.Op == access.Never:
		return a
	case always(b) || a.Op == access.Never:
		return b
	}
	return joined(access.AnyOf, a, b)
}

// joined is a o b, flat.
func joined(o access.ExprOp, a, b access.Expr) access.Expr {
	var args []access.Expr
	for _, e := range []access.Expr{a, b} {
		if e.Op == o {
			args = append(args, e.Args...)
		} else {
			args = append(args, e)
		}
	}
	return access.Expr{Op: o, Args: args}
}
