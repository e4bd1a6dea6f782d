package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// set is what was read.
type set struct {
	name     string
	text     []byte
	root     *node
	comments []comment
	limits   Limits
	cat      *access.Catalogue
	zone     *time.Location
	rules    []*rule
	tests    []*trial
	index    index
}

// Parse reads the mapping in text; name stands in its problems. The Set is nil
// when a problem is a Failure; warnings (lints) come with the Set.
func Parse(name string, text []byte, env Env) (*Set, Problems) {
	r := newReader(name, text, env)
	root, comments, bad := readYAML(text)
	if bad != nil {
		r.add(Failure, bad.code, bad.line, bad.column, bad.says)
		return nil, r.sorted()
	}
	s := &Set{set{name: name, text: slices.Clone(text), root: root, comments: comments, cat: r.cat, zone: r.zone}}
	r.file(s, root)
	if r.list.Failed() {
		return nil, r.sorted()
	}
	s.index = newIndex(s.rules)
	r.lint(s)
	return s, r.sorted()
}

// reader reads nodes into rules and notes what is wrong with them.
type reader struct {
	*notes
	env     Env
	cat     *access.Catalogue
	zone    *time.Location
	roles   map[string]access.Actions // the file's own
	sets    map[string]*sites
	slugs   map[string]access.SiteID
	ids     map[access.SiteID]bool
	traits  map[access.TraitID]string
	program int // instructions of all patterns so far
}

func newReader(name string, text []byte, env Env) *reader {
	r := &reader{notes: newNotes(name, text), env: env, cat: env.Catalogue, zone: env.Zone,
		roles: map[string]access.Actions{}, sets: map[string]*sites{}, traits: map[access.TraitID]string{}}
	if r.cat == nil {
		r.cat = access.DefaultCatalogue()
	}
	if r.zone == nil {
		r.zone = time.UTC
	}
	if env.Sites != nil {
		r.slugs, r.ids = map[string]access.SiteID{}, map[access.SiteID]bool{}
		for _, s := range env.Sites {
			r.slugs[slugKey(s.Slug)], r.ids[s.ID] = s.ID, true
		}
	}
	return r
}

// file reads the whole. Roles and site sets come first, wherever they stand,
// because rules name them.
func (r *reader) file(s *Set, root *node) {
	if root == nil {
		r.add(Failure, "GB103", 1, 1, "the mapping is empty; it begins with version: 1")
		return
	}
	if !r.keys(root, topKeys, "a mapping") {
		return
	}
	r.version(root.at("version"))
	if n := root.at("limits"); n != nil {
		s.limits = r.limits(n)
	}
	if n := root.at("roles"); n != nil {
		r.readRoles(n)
	}
	if n := root.at("site_sets"); n != nil {
		r.readSets(n)
	}
	if n := root.at("rules"); n != nil {
		s.rules = r.readRules(n)
	}
	if n := root.at("tests"); n != nil {
		s.tests = r.readTests(n)
	}
}

func (r *reader) version(n *node) {
	switch {
	case n == nil:
	case n.shape != isNumber:
		r.wrongShape(n, "version", "1")
	case n.text != "1":
		r.fail("GB105", n, "version %s is not known here; this reads version 1", n.text)
	}
}

// keys checks that n is a map with keys of the table, each once, and all that
// are needed. what names it in sentences: "a rule".
func (r *reader) keys(n *node, table keys, what string) bool {
	if n.shape != isMap {
		r.fail("GB100", n, "%s has keys (%s), not %s", what, strings.Join(table.names(), ", "), n.shape)
		return false
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		switch {
		case !table.has(p.key.text):
			r.fail("GB101", p.key, "unknown key %s%s", shown(p.key.text), instead(n.meant(table, p.key.text), table.names()))
		case seen[p.key.text]:
			r.fail("GB102", p.key, "the key %s is there twice", p.key.text)
		}
		seen[p.key.text] = true
	}
	for _, k := range table {
		if k.needed && !seen[k.name] && !n.misspells(table, k.name) {
			r.fail("GB103", n, "%s needs %s", what, k.name)
		}
	}
	return true
}

// misspells reports whether an unknown key of n is meant for one of these, so that
// a second problem about a missing key would only distract.
func (n *node) misspells(table keys, wanted ...string) bool {
	return slices.ContainsFunc(n.pairs, func(p pair) bool {
		return !table.has(p.key.text) && slices.Contains(wanted, n.meant(table, p.key.text))
	})
}

// shown is a name from the file as a sentence quotes it.
func shown(name string) string {
	if name == "" {
		return `""`
	}
	if r := []rune(name); len(r) > 80 {
		name = string(r[:79]) + "…"
	}
	return strings.Join(strings.Fields(name), " ")
}

func (r *reader) wrongShape(n *node, key, want string) {
	got := n.shape.String()
	switch {
	case n.shape == isBool:
		got = n.text + " (write it in quotes if it is a name)"
	case n.shape == isMap && len(n.pairs) == 0:
		got = "empty braces"
	}
	r.fail("GB100", n, "%s is %s, not %s", key, want, got)
}

// word is a text that is not empty; numbers are texts here, since group names
// and labels may look like numbers.
func (r *reader) word(n *node, key string) (string, bool) {
	if n.shape != isText && n.shape != isNumber {
		r.wrongShape(n, key, "text")
		return "", false
	}
	if strings.TrimSpace(n.text) == "" {
		r.fail("GB108", n, "%s is empty", key)
		return "", false
	}
	return n.text, true
}

// several is one value or a list of them; it is never empty unless a problem
// was noted.
func (r *reader) several(n *node, key string) []*node {
	if n.shape != isList {
		return []*node{n}
	}
	if len(n.items) == 0 {
		r.fail("GB108", n, "%s is an empty list", key)
	}
	return n.items
}

func (r *reader) limits(n *node) Limits {
	var l Limits
	if !r.keys(n, limitKeys, "limits") {
		return l
	}
	if v := n.at("people_changed"); v != nil {
		l.PeopleChanged = r.share(v, "people_changed")
	}
	if v := n.at("people_removed"); v != nil {
		l.PeopleRemoved = r.share(v, "people_removed")
	}
	if v := n.at("superusers_at_least"); v != nil {
		count, err := strconv.Atoi(v.text)
		if v.shape != isNumber || err != nil || count < 1 || count > 1000 {
			r.fail("GB150", v, "superusers_at_least is a number from 1 to 1000")
		}
		l.SuperusersAtLeast = count
	}
	return l
}

// ParseShare reads a share as limits state it: "20%" of a whole, or "50".
func ParseShare(text string) (Share, bool) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if err != nil || !(v >= 0 && v <= 100) || strings.ContainsAny(percent, "xXpPnN_") {
			return Share{}, false
		}
		return Share{Percent: v, Set: true}, true
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > access.MaxID {
		return Share{}, false
	}
	return Share{Count: v, IsCount: true, Set: true}, true
}

func (r *reader) share(n *node, key string) Share {
	s, ok := ParseShare(n.text)
	if n.shape != isText && n.shape != isNumber || !ok {
		r.fail("GB150", n, "%s is a share like 20%% or a number of people like 50", key)
	}
	return s
}

var idText = regexp.MustCompile(idPattern)

// readRoles reads the file's own roles. They may include each other in any
// order; a circle is refused.
func (r *reader) readRoles(n *node) {
	if n.shape != isMap {
		r.wrongShape(n, "roles", "names with what they include")
		return
	}
	names := map[string]*node{}
	for _, p := range n.pairs {
		name := p.key.text
		_, builtIn := r.cat.Role(name)
		switch {
		case names[name] != nil:
			r.fail("GB102", p.key, "the role %s is there twice", shown(name))
		case builtIn || name == access.NoAccess.String():
			r.fail("GB160", p.key, "the role %s is there already; choose another name", name)
		case !idText.MatchString(name):
			r.fail("GB107", p.key, "%s is no name; names have letters, digits, dot, dash and underscore", shown(name))
		case r.keys(p.value, roleKeys, "a role"):
			names[name] = p.value
		}
	}
	open := map[string]bool{}
	for _, p := range n.pairs {
		if names[p.key.text] == p.value {
			r.role(p.key.text, names, open)
		}
	}
}

func (r *reader) role(name string, names map[string]*node, open map[string]bool) access.Actions {
	if a, ok := r.roles[name]; ok {
		return a
	}
	body := names[name]
	open[name] = true
	var actions access.Actions
	if n := body.at("includes"); n != nil {
		for _, item := range r.several(n, "includes") {
			actions = actions.Union(r.include(item, names, open))
		}
	}
	if n := body.at("actions"); n != nil {
		own, _ := r.actions(n, "actions")
		actions = actions.Union(own)
	}
	if body.at("includes") == nil && body.at("actions") == nil {
		r.fail("GB108", body, "the role %s includes nothing; give it includes or actions", name)
	}
	delete(open, name)
	r.roles[name] = actions
	return actions
}

func (r *reader) include(n *node, names map[string]*node, open map[string]bool) access.Actions {
	word, ok := r.word(n, "includes")
	switch {
	case !ok:
	case open[word]:
		r.fail("GB160", n, "the role %s includes itself", word)
	case word == access.Superuser.String():
		r.fail("GB160", n, "superuser is global and cannot be part of a role for sites")
	case names[word] != nil:
		return r.role(word, names, open)
	default:
		if a, ok := r.cat.Role(word); ok {
			return a
		}
		r.unknownRole(n, word, keysOf(names))
	}
	return access.Actions{}
}

func (r *reader) unknownRole(n *node, word string, own []string) {
	known := slices.Clone(own)
	for _, role := range r.cat.Roles() {
		known = append(known, role.Name)
	}
	r.fail("GB110", n, "no role %s%s", shown(word), didYouMean(word, known))
}

func keysOf[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// actions reads names of actions; the four levels are no actions here.
func (r *reader) actions(n *node, key string) (access.Actions, []string) {
	var all access.Actions
	var names []string
	for _, item := range r.several(n, key) {
		word, ok := r.word(item, key)
		if !ok {
			continue
		}
		if _, err := access.ParseLevel(word); err == nil {
			r.fail("GB112", item, "%s is a role, not an action; a role stands at give or at_most", word)
			continue
		}
		if _, ok := r.cat.Lookup(word); !ok {
			hint := ""
			if near := r.cat.Nearest(word); near != "" {
				hint = ", did you mean " + near + "?"
			}
			r.fail("GB112", item, "no action %s%s", shown(word), hint)
			continue
		}
		some, err := r.cat.Expand(word)
		if err != nil {
			r.fail("GB112", item, "%v", err)
			continue
		}
		all, names = all.Union(some), append(names, word)
	}
	return all, names
}

// readSets reads the named sets of sites.
func (r *reader) readSets(n *node) {
	if n.shape != isMap {
		r.wrongShape(n, "site_sets", "names with what they pick")
		return
	}
	for _, p := range n.pairs {
		name := p.key.text
		if _, twice := r.sets[name]; twice {
			r.fail("GB102", p.key, "the site set %s is there twice", shown(name))
			continue
		}
		if !idText.MatchString(name) {
			r.fail("GB107", p.key, "%s is no name; names have letters, digits, dot, dash and underscore", shown(name))
		}
		s := r.sites(p.value, siteSetKeys, "a site set")
		if s != nil {
			for _, c := range s.captures() {
				r.fail("GB131", p.value, "a site set has no group whose name could give {%s}", c)
			}
		}
		r.sets[name] = s
	}
}

// readRules reads all rules.
func (r *reader) readRules(n *node) []*rule {
	if n.shape == isNull {
		return nil
	}
	if n.shape != isList {
		r.wrongShape(n, "rules", "a list of rules")
		return nil
	}
	if len(n.items) > maxRules {
		r.fail("GB109", n.items[maxRules], "more than %d rules", maxRules)
		return nil
	}
	var out []*rule
	lines := map[string]int{}
	for _, item := range n.items {
		rule := r.rule(item)
		if rule == nil {
			continue
		}
		if line, twice := lines[rule.id]; twice && rule.id != "" {
			r.fail("GB106", rule.at, "the rule %s is there twice, first on line %d", rule.id, line)
		} else {
			lines[rule.id] = rule.at.line
		}
		out = append(out, rule)
	}
	return out
}

// sources reads from: the sources, or nil for any.
func (r *reader) sources(n *node) []string {
	var out []string
	for _, item := range r.several(n, "from") {
		word, ok := r.word(item, "from")
		switch {
		case !ok:
		case word == "any":
			if n.shape == isList {
				r.fail("GB104", item, "any is every source; write from: any")
			}
			return nil
		case r.env.Sources != nil && !slices.Contains(r.env.Sources, word):
			r.fail("GB122", item, "no source %s%s", shown(word), didYouMean(word, r.env.Sources))
		case !slices.Contains(out, word):
			out = append(out, word)
		}
	}
	if out == nil {
		out = []string{} // names nothing; a problem was noted
	}
	slices.Sort(out)
	return out
}

// groupsSeen are the groups of env that are still there.
func (e Env) groupsSeen() []directory.Group {
	return slices.DeleteFunc(slices.Clone(e.Groups), func(g directory.Group) bool { return g.Deleted })
}
