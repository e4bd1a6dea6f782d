package mapping

import (
	"slices"
	"strings"

	"grantbridge/access"
)

// rule reads one rule; nil when it is not even a map.
func (r *reader) rule(n *node) *rule {
	if !r.keys(n, ruleKeys, "a rule") {
		return nil
	}
	out := &rule{at: n, body: n}
	if id := n.at("id"); id != nil {
		out.at = id
		if word, ok := r.word(id, "id"); ok {
			out.id = word
			if !idText.MatchString(word) {
				r.fail("GB107", id, "%s is no id; ids have up to 100 letters, digits, dots, dashes and underscores", shown(word))
			}
		}
	}
	if why := n.at("why"); why != nil && why.shape != isNull {
		if why.shape != isText {
			r.wrongShape(why, "why", "text")
		}
		out.why = why.text
	}
	if from := n.at("from"); from != nil {
		out.from = r.sources(from)
	}
	r.who(out, n)
	r.effects(out, n)
	r.where(out, n)
	r.when(out, n)
	return out
}

// who reads the condition.
func (r *reader) who(out *rule, n *node) {
	group, person := n.at("group"), n.at("person")
	if group == nil && person == nil {
		if !n.misspells(ruleKeys, "group", "person") {
			r.fail("GB103", n, "a rule needs group or person, or it would be about everyone")
		}
		return
	}
	if group != nil {
		out.group = r.cond(group, 0).simplify()
		out.group.describe()
	}
	if person != nil {
		out.person = r.person(person, out)
	}
	out.single = out.group != nil && out.person == nil && out.group.single()
}

// effects reads what the rule does and refuses what does not go together.
func (r *reader) effects(out *rule, n *node) {
	g, without, most, tokenMost := n.at("give"), n.at("without"), n.at("at_most"), n.at("token_at_most")
	if g == nil && without == nil && most == nil && tokenMost == nil && !n.misspells(ruleKeys, "give", "without", "at_most", "token_at_most") {
		r.fail("GB103", n, "a rule does nothing without give, without, at_most or token_at_most")
	}
	if g != nil && most != nil {
		r.fail("GB104", n.keyOf("at_most"), "give raises and at_most lowers; write two rules")
	}
	if g != nil && tokenMost != nil {
		r.fail("GB104", n.keyOf("token_at_most"), "token_at_most lowers every token of these people, also what other rules give; for this rule's own part write token_ceiling, else write two rules")
	}
	for _, k := range []string{"capabilities", "token_ceiling"} {
		if k := n.keyOf(k); k != nil && g == nil && !n.misspells(ruleKeys, "give") {
			r.fail("GB104", k, "%s needs give beside it", k.text)
		}
	}
	if g != nil {
		r.give(out, n, g)
	}
	if without != nil {
		actions, names := r.actions(without, "without")
		out.effects = append(out.effects, effect{verb: withoutVerb, role: "without " + strings.Join(names, ", "), actions: actions, at: without})
	}
	if most != nil {
		r.cap(out, most, atMost)
	}
	if tokenMost != nil {
		r.cap(out, tokenMost, tokenAtMost)
	}
}

// keyOf finds a key itself.
func (n *node) keyOf(key string) *node {
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.key
		}
	}
	return nil
}

func (r *reader) give(out *rule, n, g *node) {
	e := effect{verb: give, ceiling: access.CeilingInherit, at: g}
	if name, actions, ok := r.roleNamed(g, "give"); ok {
		e.role, e.actions = name, actions
		if name == access.NoAccess.String() {
			r.fail("GB104", g, "give raises; to take everything away write at_most: noaccess")
		}
	}
	if c := n.at("capabilities"); c != nil {
		actions, names := r.actions(c, "capabilities")
		e.actions = e.actions.Union(actions)
		if len(names) > 0 {
			e.role += " + " + strings.Join(names, ", ")
		}
	}
	if c := n.at("token_ceiling"); c != nil {
		x, err := access.ParseCeiling(c.text)
		switch {
		case c.shape != isText || c.text == "":
			r.wrongShape(c, "token_ceiling", "a level or inherit")
		case err != nil:
			r.fail("GB111", c, "no level %s%s", shown(c.text), didYouMean(c.text, append(slices.Clone(levelNames), "inherit")))
		}
		e.ceiling = x
	}
	out.effects = append(out.effects, e)
}

var levelNames = []string{"noaccess", "view", "write", "admin", "superuser"}

// roleNamed reads a role: built in, of the catalogue, or of the file.
func (r *reader) roleNamed(n *node, key string) (string, access.Actions, bool) {
	word, ok := r.word(n, key)
	if !ok {
		return "", access.Actions{}, false
	}
	if word == access.NoAccess.String() {
		return word, access.Actions{}, true
	}
	if a, ok := r.roles[word]; ok {
		return word, a, true
	}
	if a, ok := r.cat.Role(word); ok {
		return word, a, true
	}
	r.unknownRole(n, word, append(keysOf(r.roles), access.NoAccess.String()))
	return "", access.Actions{}, false
}

func (r *reader) cap(out *rule, n *node, v verb) {
	name, actions, ok := r.roleNamed(n, v.String())
	if !ok {
		return
	}
	if name == access.Superuser.String() {
		r.fail("GB104", n, "%s: superuser takes nothing away; leave it out", v)
	}
	out.effects = append(out.effects, effect{verb: v, role: v.String() + " " + name, actions: actions, at: n})
}

// global reports whether the rule gives superuser, which is global.
func (r *rule) global() bool {
	g := r.gives()
	return g != nil && g.actions.Has(access.ActSuperuser)
}

// where reads the sites and checks their captures.
func (r *reader) where(out *rule, n *node) {
	s := n.at("sites")
	switch {
	case out.global():
		if s != nil {
			r.fail("GB104", n.keyOf("sites"), "superuser is global and takes no sites")
		}
		return
	case s == nil:
		unread := len(out.effects) == 0 || len(out.effects) == 1 && out.effects[0].verb == give && out.effects[0].role == ""
		if !unread && !n.misspells(ruleKeys, "sites") {
			r.fail("GB103", n, "a rule needs sites, if need be sites: all")
		}
		return
	}
	out.sites = r.sites(s, sitesKeys, "sites")
	if out.sites == nil {
		return
	}
	r.captures(out)
}
