package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"grantbridge/access"
	"grantbridge/directory"
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
		r.fail("GB103", n, "a rule needs group or person, or it would be about everyone")
		return
	}
	if group != nil {
		out.group = r.cond(group, 0).simplify()
	}
	if person != nil {
		out.person = r.person(person, out)
	}
	out.single = out.group != nil && out.person == nil && out.group.single()
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

// effects reads what the rule does and refuses what does not go together.
func (r *reader) effects(out *rule, n *node) {
	g, without, most, tokenMost := n.at("give"), n.at("without"), n.at("at_most"), n.at("token_at_most")
	if g == nil && without == nil && most == nil && tokenMost == nil {
		r.fail("GB103", n, "a rule does nothing without give, without, at_most or token_at_most")
	}
	if g != nil && most != nil {
		r.fail("GB104", n.keyOf("at_most"), "give raises and at_most lowers; write two rules")
	}
	if g != nil && tokenMost != nil {
		r.fail("GB104", n.keyOf("token_at_most"), "token_at_most lowers every token of these people, also what other rules give; for this rule's own part write token_ceiling, else write two rules")
	}
	for _, k := range []string{"capabilities", "token_ceiling"} {
		if k := n.keyOf(k); k != nil && g == nil {
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
		if len(out.effects) > 0 && !(len(out.effects) == 1 && out.effects[0].verb == give && out.effects[0].role == "") {
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

// captures checks that whatever group matches gives a value for each capture.
func (r *reader) captures(out *rule) {
	var defined []string
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

// sites reads a set of sites; nil when it says nothing usable.
func (r *reader) sites(n *node, table keys, what string) *sites {
	s := &sites{at: n}
	ok := true
	switch n.shape {
	case isText:
		if n.text == "all" && !n.quoted {
			s.all = true
			break
		}
		ok = r.pick(s, n)
	case isNumber:
		ok = r.pick(s, n)
	case isList:
		for _, item := range r.several(n, what) {
			ok = r.pick(s, item) && ok
		}
	case isMap:
		ok = r.sitesMap(s, n, table, what)
	default:
		r.wrongShape(n, what, "all, an id, a slug, a list of them, or keys")
		return nil
	}
	if !ok {
		return nil
	}
	s.text = s.describe()
	return s
}

// pick reads one id or slug.
func (r *reader) pick(s *sites, n *node) bool {
	id, slug, ok := r.siteRef(n)
	switch {
	case !ok:
		return false
	case id != 0:
		if !slices.Contains(s.ids, id) {
			s.ids = append(s.ids, id)
		}
	default:
		s.slugs = append(s.slugs, slug)
	}
	return true
}

// siteRef reads an id or a slug, and checks that the site exists when the
// sites are known and the slug has no capture.
func (r *reader) siteRef(n *node) (access.SiteID, template, bool) {
	switch n.shape {
	case isNumber:
		id, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || id < 1 || n.text[0] == '+' {
			r.fail("GB121", n, "%s is no site; ids are whole numbers from 1, slugs that look like numbers stand in quotes", shown(n.text))
			return 0, template{}, false
		}
		if r.ids != nil && !r.ids[access.SiteID(id)] {
			r.fail("GB121", n, "no site with id %d", id)
			return 0, template{}, false
		}
		return access.SiteID(id), template{}, true
	case isText:
		if _, ok := r.word(n, "a site"); !ok {
			return 0, template{}, false
		}
		if n.text == "all" && !n.quoted {
			r.fail("GB104", n, "all stands alone: sites: all (a site with this slug is written in quotes)")
			return 0, template{}, false
		}
		t := parseTemplate(n, false)
		if _, known := r.slugs[slugKey(n.text)]; r.slugs != nil && !known && len(t.names()) == 0 {
			r.fail("GB121", n, "no site %s%s", shown(n.text), didYouMean(n.text, keysOf(r.slugs)))
			return 0, template{}, false
		}
		return 0, t, true
	}
	r.wrongShape(n, "a site", "an id or a slug")
	return 0, template{}, false
}

// sitesMap reads sites as keys: one of set, all, sites, or labels and slug; and
// except.
func (r *reader) sitesMap(s *sites, n *node, table keys, what string) bool {
	if !r.keys(n, table, what) {
		return false
	}
	if !r.oneWay(n, what) {
		return false
	}
	ok := true
	if v := n.at("all"); v != nil {
		s.all = v.shape == isBool && v.text == "true"
		if !s.all {
			r.wrongShape(v, "all", "true")
			ok = false
		}
	}
	if v := n.at("sites"); v != nil {
		for _, item := range r.several(v, "sites") {
			ok = r.pick(s, item) && ok
		}
		ok = ok && len(s.ids)+len(s.slugs) > 0
	}
	if v := n.at("set"); v != nil {
		ok = r.useSet(s, v) && ok
	}
	if v := n.at("labels"); v != nil {
		s.labels = r.labels(v)
		ok = ok && s.labels != nil
	}
	if v := n.at("slug"); v != nil {
		s.slug = r.slugGlob(v)
		ok = ok && s.slug != nil
	}
	if v := n.at("except"); v != nil {
		ok = r.except(s, v) && ok
	}
	return ok
}

// oneWay checks that the sites are said in one way.
func (r *reader) oneWay(n *node, what string) bool {
	var first *node
	ok := true
	for _, p := range n.pairs {
		k := p.key.text
		if k == "except" || k == "slug" && n.at("labels") != nil || !sitesKeys.has(k) {
			continue
		}
		if first != nil && first.text != k {
			r.fail("GB104", p.key, "%s has one of %s and %s; only labels and slug go together", what, first.text, k)
			ok = false
		}
		first = p.key
	}
	if first == nil {
		r.fail("GB103", n, "%s needs all, sites, labels, slug or, in a rule, set", what)
		return false
	}
	return ok
}

// useSet makes s what the named set is.
func (r *reader) useSet(s *sites, n *node) bool {
	name, ok := r.word(n, "set")
	if !ok {
		return false
	}
	named, known := r.sets[name]
	if !known {
		r.fail("GB120", n, "no site set %s%s", shown(name), didYouMean(name, keysOf(r.sets)))
		return false
	}
	if named == nil {
		return false // its problem was noted where it stands
	}
	at := s.at
	*s = *named
	s.at = at
	s.exceptIDs, s.exceptSel = slices.Clone(named.exceptIDs), slices.Clone(named.exceptSel)
	return true
}

func (r *reader) labels(n *node) map[string]string {
	if n.shape != isMap || len(n.pairs) == 0 {
		r.wrongShape(n, "labels", "names with values, like {region: eu}")
		return nil
	}
	out := map[string]string{}
	for _, p := range n.pairs {
		if _, twice := out[p.key.text]; twice {
			r.fail("GB102", p.key, "the label %s is there twice", shown(p.key.text))
		}
		v := p.value
		switch {
		case v.shape == isBool:
			r.wrongShape(v, "the label "+p.key.text, "text")
		case v.shape == isText && captureName.MatchString(v.text):
			r.fail("GB131", v, "captures name sites by slug; a label's value is written as it is")
		default:
			r.word(v, "the label "+p.key.text)
		}
		out[p.key.text] = v.text
	}
	return out
}

func (r *reader) slugGlob(n *node) *template {
	word, ok := r.word(n, "slug")
	if !ok {
		return nil
	}
	if _, err := parseGlob(word); err != nil {
		r.fail("GB130", n, "slug: %v", err)
		return nil
	}
	t := parseTemplate(n, true)
	return &t
}

// except reads the sites taken out again. What they are must not hang on a
// capture: an exception that fails would widen the rule.
func (r *reader) except(s *sites, n *node) bool {
	out := &sites{at: n}
	if n.shape == isText && n.text == "all" && !n.quoted {
		r.fail("GB104", n, "except: all leaves nothing")
		return false
	}
	table := exceptKeys
	if out = r.sites(n, table, "except"); out == nil {
		return false
	}
	for _, c := range out.captures() {
		r.fail("GB131", n, "except cannot have the capture {%s}", c)
	}
	if out.all || len(out.exceptIDs)+len(out.exceptSel) > 0 {
		r.fail("GB104", n, "except cannot name a set that is all sites or has exceptions of its own")
		return false
	}
	sc, _ := out.scope(nil)
	s.exceptIDs = append(s.exceptIDs, sc.Sites...)
	s.exceptSel = append(s.exceptSel, sc.Select...)
	if s.exceptText != "" {
		s.exceptText += ","
	}
	s.exceptText += out.describe()
	return true
}

// describe is the sites as people wrote them, sets put in.
func (s *sites) describe() string {
	var parts []string
	switch {
	case s.all:
		parts = append(parts, "all")
	case s.labels != nil || s.slug != nil:
		for _, k := range keysOf(s.labels) {
			parts = append(parts, k+"="+s.labels[k])
		}
		if s.slug != nil {
			parts = append(parts, "slug="+s.slug.String())
		}
	default:
		for _, id := range s.ids {
			parts = append(parts, strconv.FormatInt(int64(id), 10))
		}
		for _, t := range s.slugs {
			parts = append(parts, t.String())
		}
	}
	text := strings.Join(parts, ",")
	if s.exceptText != "" {
		text += " except " + s.exceptText
	}
	return text
}

// String is the template as written.
func (t template) String() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.capture != "" {
			b.WriteString("{" + p.capture + "}")
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// scope is the access scope for these captures; !ok when a capture is empty, so
// that it names no site.
func (s *sites) scope(captures map[string]string) (access.Scope, bool) {
	sc := access.Scope{All: s.all, Sites: slices.Clone(s.ids), Text: s.text,
		ExceptSites: slices.Clone(s.exceptIDs), ExceptSelect: slices.Clone(s.exceptSel)}
	var texts []string
	for _, t := range s.slugs {
		glob, text, ok := t.fill(captures)
		if !ok {
			return access.Scope{}, false
		}
		sc.Select = append(sc.Select, access.Selector{Slug: glob})
		texts = append(texts, text)
	}
	sel := access.Selector{Labels: s.labels}
	if s.slug != nil {
		glob, text, ok := s.slug.fill(captures)
		if !ok {
			return access.Scope{}, false
		}
		sel.Slug = glob
		texts = append(texts, text)
	}
	if sel.Slug != "" || len(sel.Labels) > 0 {
		sc.Select = append(sc.Select, sel)
	}
	if len(s.captures()) > 0 {
		sc.Text = s.filled(texts)
	}
	return sc, true
}

// filled is the text of a scope whose captures were put in.
func (s *sites) filled(texts []string) string {
	var parts []string
	for _, k := range keysOf(s.labels) {
		parts = append(parts, k+"="+s.labels[k])
	}
	for _, id := range s.ids {
		parts = append(parts, strconv.FormatInt(int64(id), 10))
	}
	for _, t := range texts {
		if s.slug != nil {
			t = "slug=" + t
		}
		parts = append(parts, t)
	}
	text := strings.Join(parts, ",")
	if s.exceptText != "" {
		text += " except " + s.exceptText
	}
	return text
}
