package mapping

import (
	"regexp"
	"slices"
	"strings"

	"grantbridge/directory"
)

// op is the operator of a cond.
type op uint8

const (
	isLeaf op = iota
	anyOf
	allOf
	notOf
)

// cond is a boolean over groups.
type cond struct {
	op   op
	leaf *leaf
	args []*cond
	at   *node
	says string // String, made once
}

// leaves calls f with every leaf, and whether it stands under a not.
func (c *cond) leaves(f func(l *leaf, negated bool)) { c.walk(f, false) }

func (c *cond) walk(f func(*leaf, bool), negated bool) {
	if c == nil {
		return
	}
	if c.op == isLeaf {
		f(c.leaf, negated)
	}
	for _, a := range c.args {
		a.walk(f, negated != (c.op == notOf))
	}
}

// single reports whether c is about one group at a time.
func (c *cond) single() bool {
	switch c.op {
	case isLeaf:
		return true
	case anyOf:
		for _, a := range c.args {
			if !a.single() {
				return false
			}
		}
		return true
	}
	return false
}

// positive reports whether c can only hold for a person who is in some group
// that it names.
func (c *cond) positive() bool {
	switch c.op {
	case isLeaf:
		return true
	case anyOf:
		for _, a := range c.args {
			if !a.positive() {
				return false
			}
		}
		return true
	case allOf:
		for _, a := range c.args {
			if a.positive() {
				return true
			}
		}
	}
	return false
}

// cond reads a group: a name, or a map with one way of saying which.
func (r *reader) cond(n *node, depth int) *cond {
	if n.shape != isMap {
		if n.shape == isList {
			r.fail("GB100", n, "group is a list; write {any: […]} for one of them or {all: […]} for all of them")
			return nil
		}
		name, ok := r.word(n, "group")
		if !ok {
			return nil
		}
		key := foldName(strings.TrimSpace(name))
		return &cond{leaf: &leaf{kind: byName, text: name, key: key, bare: squash(key), at: n}, at: n}
	}
	if !r.keys(n, groupKeys, "group") {
		return nil
	}
	return r.condKey(n, depth)
}

// condKey reads the one key of a group that says which.
func (r *reader) condKey(n *node, depth int) *cond {
	var first *pair
	for i, p := range n.pairs {
		switch {
		case p.key.text == "name" || !groupKeys.has(p.key.text):
		case first == nil:
			first = &n.pairs[i]
		case p.key.text != first.key.text:
			r.fail("GB104", p.key, "a group has one of %s and %s; combine them with any, all and not", first.key.text, p.key.text)
		}
	}
	name := n.at("name")
	switch {
	case first == nil && name != nil:
		r.fail("GB104", name, "name stands beside id; a group by name is written group: %s", shown(name.text))
		return nil
	case first == nil && n.misspells(groupKeys, groupKeys.names()...):
		return nil
	case first == nil:
		r.fail("GB103", n, "group needs one of %s", strings.Join(groupKeys.names(), ", "))
		return nil
	case name != nil && first.key.text != "id":
		r.fail("GB104", name, "name stands beside id only")
	}
	switch first.key.text {
	case "any":
		return r.condList(anyOf, first, depth)
	case "all":
		return r.condList(allOf, first, depth)
	case "not":
		return &cond{op: notOf, args: nonNil(r.cond(first.value, depth+1)), at: first.key}
	}
	return r.leaf(first, name)
}

func nonNil(c *cond) []*cond {
	if c == nil {
		return nil
	}
	return []*cond{c}
}

func (r *reader) condList(o op, p *pair, depth int) *cond {
	if p.value.shape != isList {
		r.wrongShape(p.value, p.key.text, "a list of groups")
		return nil
	}
	out := &cond{op: o, at: p.key}
	for _, item := range r.several(p.value, p.key.text) {
		out.args = append(out.args, nonNil(r.cond(item, depth+1))...)
	}
	return out
}

func (r *reader) leaf(p *pair, name *node) *cond {
	text, ok := r.word(p.value, p.key.text)
	if !ok {
		return nil
	}
	l := &leaf{text: text, at: p.value}
	switch p.key.text {
	case "glob":
		g, err := parseGlob(text)
		if err != nil {
			r.fail("GB130", p.value, "glob: %v", err)
		}
		l.kind, l.glob, l.loose = byGlob, g, g.squashed()
	case "regexp":
		l.kind, l.re = byRegexp, r.compilePattern(p.value, text, "")
		if l.re != nil {
			l.any = regexp.MustCompile(`\A(?i:` + text + `)\z`)
		}
	case "dn", "dn_under":
		l.kind = byDN
		if p.key.text == "dn_under" {
			l.kind = byDNUnder
		}
		dn, err := directory.ParseDN(text)
		if err != nil {
			r.fail("GB132", p.value, "no distinguished name: %v", err)
		} else if dn.IsZero() {
			r.fail("GB108", p.value, "%s is empty", p.key.text)
		}
		l.dn, l.key = dn, dn.Key()
	case "id":
		l.kind, l.key = byID, idKey(text)
		if name != nil {
			l.name, _ = r.word(name, "name")
		}
	}
	return &cond{leaf: l, at: p.value}
}

// simplify drops booleans of one.
func (c *cond) simplify() *cond {
	if c == nil {
		return nil
	}
	args := c.args
	c.args = nil
	for _, a := range args {
		a = a.simplify()
		if a.op == c.op && (c.op == anyOf || c.op == allOf) {
			c.args = append(c.args, a.args...)
		} else {
			c.args = append(c.args, a)
		}
	}
	if (c.op == anyOf || c.op == allOf) && len(c.args) == 1 {
		return c.args[0]
	}
	if c.op == notOf && len(c.args) == 1 && c.args[0].op == notOf {
		return c.args[0].args[0]
	}
	return c
}

// captures checks that whatever group matches gives a value for each capture.
func (r *reader) captures(out *rule) {
	var defined []string
	broken := false
	out.group.leaves(func(l *leaf, _ bool) { broken = broken || l.kind == byRegexp && l.re == nil })
	if broken {
		return // that was noted
	}
	if out.group != nil {
		defined = out.group.defines()
	}
	for _, c := range out.sites.captures() {
		switch {
		case slices.Contains(defined, c):
		case out.group != nil && slices.Contains(out.group.namesAnywhere(), c):
			r.fail("GB131", out.sites.at, "not every group that this rule is about gives {%s}; each alternative of any needs a regexp with (?P<%s>…)", c, c)
		case len(defined) > 0:
			r.fail("GB131", out.sites.at, "the pattern has no capture %s%s", c, didYouMean(c, defined))
		default:
			r.fail("GB131", out.sites.at, "nothing gives {%s}; the group needs a regexp with (?P<%s>…)", c, c)
		}
	}
	if len(out.sites.captures()) > 0 && out.group != nil {
		r.oneSource(out.group, out.sites.captures())
	}
}

// oneSource refuses an all in which two groups give captures: which of the
// pairs of a person's groups would count?
func (r *reader) oneSource(c *cond, used []string) {
	giving := 0
	for _, a := range c.args {
		r.oneSource(a, used)
		if c.op == allOf && slices.ContainsFunc(a.defines(), func(n string) bool { return slices.Contains(used, n) }) {
			giving++
		}
	}
	if giving > 1 {
		r.fail("GB131", c.at, "only one of the groups of all may give what sites names in braces")
	}
}

// defines are the captures that every match of c gives.
func (c *cond) defines() []string {
	switch c.op {
	case isLeaf:
		if c.leaf.re == nil {
			return nil
		}
		return slices.DeleteFunc(slices.Clone(c.leaf.re.SubexpNames()), func(n string) bool { return n == "" })
	case anyOf:
		var out []string
		for i, a := range c.args {
			if i == 0 {
				out = a.defines()
				continue
			}
			d := a.defines()
			out = slices.DeleteFunc(out, func(n string) bool { return !slices.Contains(d, n) })
		}
		return out
	case allOf:
		var out []string
		for _, a := range c.args {
			out = append(out, a.defines()...)
		}
		return out
	}
	return nil
}

func (c *cond) namesAnywhere() []string {
	var out []string
	c.leaves(func(l *leaf, negated bool) {
		if !negated && l.re != nil {
			out = append(out, l.re.SubexpNames()...)
		}
	})
	return out
}
