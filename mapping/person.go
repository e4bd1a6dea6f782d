package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/directory"
)

// person is a condition on the attributes of one account.
type person struct {
	tests []attributeTest
	text  string // canonical, for the trait's id
	says  string
}

// attributeTest is one matcher on one attribute.
type attributeTest struct {
	path    string
	negated bool
	match   func(folded string) bool
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:"

// attributePaths are the short names of attributes.
var attributePaths = map[string]string{
	"email": "emails.value", "login": "username", "display": "displayname",
	"department": enterprise + "department", "division": enterprise + "division", "organization": enterprise + "organization",
	"costcenter": enterprise + "costcenter", "employeenumber": enterprise + "employeenumber",
}

// corePaths are the simple attributes of RFC 7643 4.1.
var corePaths = func() []string {
	out := []string{"username", "displayname", "nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale", "timezone"}
	for _, sub := range []string{"formatted", "familyname", "givenname", "middlename", "honorificprefix", "honorificsuffix"} {
		out = append(out, "name."+sub)
	}
	for _, sub := range []string{"formatted", "streetaddress", "locality", "region", "postalcode", "country", "type"} {
		out = append(out, "addresses."+sub)
	}
	for _, multi := range []string{"emails", "phonenumbers", "ims", "photos", "entitlements", "roles"} {
		out = append(out, multi+".value", multi+".type", multi+".display")
	}
	return out
}()

var extensionPath = regexp.MustCompile(`^urn:[a-z0-9:._-]+:[a-z0-9$._-]+$`)

// path reads the name of an attribute: a short one, a core path, or a path of
// an extension after its URN.
func (r *reader) path(n *node) string {
	name := strings.ToLower(n.text)
	if p, ok := attributePaths[name]; ok {
		return p
	}
	if slices.Contains(corePaths, name) || extensionPath.MatchString(name) {
		return name
	}
	known := append(keysOf(attributePaths), corePaths...)
	hint := didYouMean(n.text, known)
	if hint == "" {
		hint = "; attributes of an extension are written after its URN and a colon"
	}
	r.fail("GB124", n, "no attribute %s%s", shown(n.text), hint)
	return ""
}

// person reads the conditions on attributes. All must hold, for one account.
func (r *reader) person(n *node, out *rule) *person {
	if n.shape != isMap || len(n.pairs) == 0 {
		r.wrongShape(n, "person", "attributes with what they must be")
		return nil
	}
	p := &person{}
	var canonical, says []string
	seen := map[string]bool{}
	for _, pair := range n.pairs {
		if seen[pair.key.text] {
			r.fail("GB102", pair.key, "the attribute %s is there twice", shown(pair.key.text))
			continue
		}
		seen[pair.key.text] = true
		path := r.path(pair.key)
		for _, m := range r.matchers(pair.value) {
			t, ok := r.matcher(m)
			if !ok {
				continue
			}
			t.path = path
			p.tests = append(p.tests, t)
			canonical = append(canonical, fmt.Sprintf("%q %s %q", path, m.key.text, m.value.text))
			says = append(says, fmt.Sprintf("%s %s %s", pair.key.text, strings.ReplaceAll(m.key.text, "_", " "), m.value.text))
		}
	}
	slices.Sort(canonical)
	p.text, p.says = strings.Join(canonical, "\n"), strings.Join(says, " and ")
	for _, restrict := range []bool{false, true} {
		t := p.trait(out.from, restrict)
		r.claim(t.ID, p.key(out.from, restrict), n)
	}
	return p
}

// claim refuses two different traits that fall on one id. Ids have 28 bits and
// files few traits, so that hardly anyone will meet it; but then the one who
// does must not give access by it.
func (r *reader) claim(id access.TraitID, key string, at *node) {
	if old, taken := r.traits[id]; taken && old != key {
		r.fail("GB170", at, "this condition falls on the same number as another one; write it a little differently")
	}
	r.traits[id] = key
}

// matchers lists the matchers of one attribute; a bare text is equals.
func (r *reader) matchers(n *node) []pair {
	if n.shape != isMap {
		return []pair{{&node{text: "equals", line: n.line, column: n.column}, n}}
	}
	if !r.keys(n, matcherKeys, "an attribute") {
		return nil
	}
	if len(n.pairs) == 0 {
		r.fail("GB103", n, "an attribute needs one of %s", strings.Join(matcherKeys.names(), ", "))
	}
	return slices.DeleteFunc(slices.Clone(n.pairs), func(p pair) bool { return !matcherKeys.has(p.key.text) })
}

func (r *reader) matcher(p pair) (attributeTest, bool) {
	text, ok := r.word(p.value, p.key.text)
	if !ok {
		return attributeTest{}, false
	}
	kind, negated := strings.CutPrefix(p.key.text, "not_")
	t := attributeTest{negated: negated}
	switch kind {
	case "equals":
		want := directory.Fold(text)
		t.match = func(s string) bool { return s == want }
	case "glob":
		g, err := parseGlob(text)
		if err != nil {
			r.fail("GB130", p.value, "%s: %v", p.key.text, err)
			return t, false
		}
		t.match = g.match
	case "regexp":
		re := r.compilePattern(p.value, text, "(?i)")
		if re == nil {
			return t, false
		}
		t.match = re.MatchString
	}
	return t, t.match != nil
}

func (p *person) negates() bool {
	return slices.ContainsFunc(p.tests, func(t attributeTest) bool { return t.negated })
}

// key is what the trait's id is a hash of. An account that lacks an attribute
// satisfies a negated matcher only where that restricts, so that what is not
// known never helps; the two are two traits.
func (p *person) key(from []string, restrict bool) string {
	return fmt.Sprintf("trait\n%v\n%q\n%v\n%s", from == nil, from, restrict && p.negates(), p.text)
}

// trait is the condition for access.
func (p *person) trait(from []string, restrict bool) Trait {
	t := Trait{ID: access.TraitID(hash28(p.key(from, restrict))), Sources: from}
	for _, test := range p.tests {
		if !slices.Contains(t.Paths, test.path) {
			t.Paths = append(t.Paths, test.path)
		}
	}
	slices.Sort(t.Paths)
	t.match = func(values []directory.Value) bool {
		for _, test := range p.tests {
			if !test.holds(values, restrict) {
				return false
			}
		}
		return true
	}
	return t
}

func (t attributeTest) holds(values []directory.Value, restrict bool) bool {
	known, matched := false, false
	for _, v := range values {
		if v.Path == t.path && v.Text != "" {
			known = true
			matched = matched || t.match(directory.Fold(v.Text))
		}
	}
	if t.negated {
		return known && !matched || !known && restrict
	}
	return matched
}

// accountTrait holds for everyone who has an active account of the sources. It
// is the ground on which a not stands.
func accountTrait(from []string) Trait {
	key := fmt.Sprintf("account\n%v\n%q", from == nil, from)
	return Trait{ID: access.TraitID(hash28(key)), Sources: from, match: func([]directory.Value) bool { return true }}
}

// Match reports whether an account of source with these values satisfies t.
func (t Trait) Match(source string, values []directory.Value) bool {
	return (t.Sources == nil || slices.Contains(t.Sources, source)) && t.match != nil && t.match(values)
}

// Traits are the conditions on persons that the rules name, in order of id.
func (s *Set) Traits() []Trait {
	seen := map[access.TraitID]bool{}
	var out []Trait
	add := func(t Trait) {
		if !seen[t.ID] {
			seen[t.ID] = true
			out = append(out, t)
		}
	}
	for _, r := range s.rules {
		if r.person != nil {
			for _, e := range r.effects {
				add(r.person.trait(r.from, e.verb != give))
			}
		}
		if r.needsAccount() {
			add(accountTrait(r.from))
		}
	}
	slices.SortFunc(out, func(a, b Trait) int { return int(a.ID - b.ID) })
	return out
}

// needsAccount reports whether the rule is about people only by what they are
// not, so that it must say of whom.
func (r *rule) needsAccount() bool {
	return r.group != nil && r.person == nil && !r.group.positive()
}
