package scim

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"grantbridge/directory"
)

// Request is what Normalise reads: a resource, or the operations of a PATCH.
type Request struct {
	Method string // POST, PUT or PATCH
	Group  bool   // else a user
	Body   any    // as decoded from JSON, numbers as json.Number
}

// Canonical is what a request says, in the one form that the rest of the
// package knows.
type Canonical struct {
	Profile  Profile        // whose request it turned out to be
	Doc      map[string]any // of POST and PUT
	Ops      []Operation    // of PATCH
	Members  directory.MemberChange
	Rewrites []Rewrite
	// Revokes says that it takes something away: it deactivates, or may remove
	// members.
	Revokes bool
	// membersSaid is false when a PUT did not mention members at all.
	membersSaid bool
	activeSaid  bool
	policy      policy
}

// Verb is what an operation of a PATCH does.
type Verb uint8

// The verbs.
const (
	Add Verb = 1 + iota
	Replace
	Remove
)

var verbs = [...]string{Add: "add", Replace: "replace", Remove: "remove"}

func (v Verb) String() string { return verbs[v] }

// Operation is one operation of a PATCH, on one attribute, its value in
// canonical shape. Operations on members are not among them.
type Operation struct {
	Verb   Verb
	Value  any
	target target
	// make is what an element is made from when none satisfies the filter of the
	// path; nil refuses.
	make map[string]any
	// lax lets a remove find nothing.
	lax bool
}

// Normalise reads a request under a profile, without the rules in off. It is
// the only place where what identity providers send becomes what they mean.
func Normalise(p Profile, r Request, off ...Rule) (Canonical, error) {
	return normalise(policyOf(p, off), r)
}

func normalise(pol policy, r Request) (Canonical, error) {
	body, ok := r.Body.(map[string]any)
	if !ok {
		return Canonical{}, invalidSyntax("the body must be a JSON object")
	}
	n := reader{policy: pol.narrow(behaves(body)), of: pol.types.of(r.Group)}
	c := Canonical{}
	var err error
	if r.Method == http.MethodPatch {
		err = n.patch(&c, body)
	} else {
		err = n.resource(&c, body)
	}
	c.Profile, c.Rewrites, c.policy = n.profile, n.rewrites, n.policy
	c.Members.Park = n.park
	c.Revokes = c.Revokes || c.Members.Replace && r.Method != http.MethodPost || len(c.Members.Remove) > 0
	return c, err
}

// resource reads the body of POST and PUT.
func (n *reader) resource(c *Canonical, body map[string]any) error {
	if err := n.schemas(body); err != nil {
		return err
	}
	c.Doc = map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		if strings.EqualFold(key, "schemas") {
			continue
		}
		if urn, ok := n.foreignURN(key, body[key]); ok {
			c.Doc[urn] = withoutSecrets(body[key])
			continue
		}
		t, err := n.resolve(key)
		if err != nil {
			return n.notInBody(key, err)
		}
		if err := n.put(c, t, body[key]); err != nil {
			return err
		}
	}
	return n.required(c.Doc)
}

// notInBody words the error of an unknown key as RFC 7644 3.12 does for bodies.
func (n *reader) notInBody(key string, err error) error {
	if e, ok := err.(*Error); ok {
		return invalidValue("%s", strings.Replace(e.Detail, "path ", "key ", 1))
	}
	return err
}

// put puts one attribute of a body into the document.
func (n *reader) put(c *Canonical, t target, v any) error {
	switch {
	case t.attr == nil:
		return n.container(c, t.urn, v)
	case t.attr.mutability == "readOnly" || t.attr.mutability == "writeOnly":
		return nil // RFC 7644 3.3: ignored; no password is ever kept
	case t.attr.path == "members":
		c.membersSaid = true
		return n.members(&c.Members, v)
	}
	return n.assign(c, t, plain(v))
}

func (n *reader) assign(c *Canonical, t target, v any) error {
	w, err := n.value(t.leaf(), v)
	if err != nil || w == nil {
		return err
	}
	if t.attr.path == "active" {
		c.activeSaid = true
		c.Revokes = c.Revokes || w == false
	}
	home := containerOf(c.Doc, t.urn)
	if t.sub != nil {
		return n.assignSub(home, t, w)
	}
	if _, twice := home[t.attr.name]; twice {
		return invalidValue("%s stands twice in the body", t.attr.title())
	}
	home[t.attr.name] = w
	return nil
}

// assignSub takes "name.givenName" as a key of a body.
func (n *reader) assignSub(home map[string]any, t target, w any) error {
	if t.attr.multi || !n.use(RuleFlatKeys, "the key %s in a body", t.title()) {
		return invalidValue("%s does not stand as a key of a body", t.title())
	}
	inner, _ := home[t.attr.name].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
		home[t.attr.name] = inner
	}
	inner[t.sub.name] = w
	return nil
}

// container reads an extension's object.
func (n *reader) container(c *Canonical, urn string, v any) error {
	in, ok := v.(map[string]any)
	if !ok {
		if v == nil {
			return nil
		}
		return invalidValue("%s takes an object with the extension's attributes", urn)
	}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		t, err := n.inside(urn, key)
		if err != nil {
			return err
		}
		if err := n.put(c, t, in[key]); err != nil {
			return err
		}
	}
	return nil
}

// inside finds an extension's attribute by its key in the extension's object.
func (n *reader) inside(urn, key string) (target, error) {
	if a := n.of.find(urn + ":" + key); a != nil {
		return at(a), nil
	}
	if !n.use(RuleUnknown, "%s:%s is no known attribute; kept as it is", urn, clip(key)) {
		return target{}, invalidValue("%s has no attribute %q%s", urn, clip(key), suggest(urn+":"+key, n.of))
	}
	a, _ := unknownAttr(key)
	a.urn, a.path = urn, strings.ToLower(urn)+":"+a.path
	a.hide()
	return target{attr: a, urn: urn}, nil
}

// foreignURN reports whether a key with an object as its value is the URN of an
// extension that nobody defined.
func (n *reader) foreignURN(key string, v any) (urn string, ok bool) {
	if _, isObject := v.(map[string]any); !isObject || !strings.Contains(key, ":") || n.of.find(key) != nil || n.of.extension(key) != nil {
		return "", false
	}
	if known, _ := n.of.kin(key); known != "" {
		return "", false
	}
	return key, n.use(RuleUnknown, "extension %s is not defined here; kept as it is", clip(key))
}

// isForeign reports whether an operation on what looks like an attribute that
// nobody defined is one on an extension that nobody defined.
func isForeign(t target, v any) bool {
	_, isObject := v.(map[string]any)
	return isObject && t.attr.urn != ""
}

// containerOf is the object of doc that holds the attributes of urn.
func containerOf(doc map[string]any, urn string) map[string]any {
	if urn == "" {
		return doc
	}
	inner, ok := doc[urn].(map[string]any)
	if !ok {
		inner = map[string]any{}
		doc[urn] = inner
	}
	return inner
}

// schemas checks the schemas of a resource (RFC 7643 3).
func (n *reader) schemas(body map[string]any) error {
	said, core := texts(body["schemas"]), false
	for _, s := range said {
		switch {
		case strings.EqualFold(s, n.of.urn):
			core = true
		case n.of.extension(s) != nil:
		case !n.use(RuleUnknown, "unknown schema %s", clip(s)):
			return invalidSyntax("schemas: %q is not known here; %s have %s", clip(s), strings.TrimPrefix(n.of.endpoint, "/"), n.of.urn)
		}
	}
	if !core && !n.rules.has(RuleUnknown) {
		return invalidSyntax("schemas must name %s", n.of.urn)
	}
	return nil
}

// required checks what must be there.
func (n *reader) required(doc map[string]any) error {
	if m := missing(n.of, doc); len(m) > 0 {
		return invalidValue("%s is required; map an attribute of the identity provider to it", m[0].title())
	}
	return nil
}
