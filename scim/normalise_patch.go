package scim

import (
	"maps"
	"slices"
	"strings"
)

// patch reads the body of a PATCH.
func (n *reader) patch(c *Canonical, body map[string]any) error {
	ops, err := n.operations(body)
	if err != nil {
		return err
	}
	for i, o := range ops {
		if err := n.operation(c, o); err != nil {
			return inOperation(i, err)
		}
	}
	return nil
}

func inOperation(i int, err error) error {
	if e, ok := err.(*Error); ok {
		e.Detail = "Operations[" + itoa(i) + "]: " + e.Detail
	}
	return err
}

func (n *reader) operations(body map[string]any) ([]any, error) {
	if !n.rules.has(RuleUnknown) && !slices.Contains(texts(body["schemas"]), urnPatch) {
		return nil, invalidSyntax("schemas must name %s", urnPatch)
	}
	ops, ok := body["Operations"]
	for _, key := range slices.Sorted(maps.Keys(body)) {
		if !ok && strings.EqualFold(key, "Operations") && n.use(RuleOperationsCase, "%s", key) {
			ops, ok = body[key], true
		}
	}
	a, isArray := ops.([]any)
	if !ok || !isArray || len(a) == 0 {
		return nil, invalidSyntax("a PATCH needs Operations, an array of at least one operation")
	}
	return a, nil
}

func (n *reader) operation(c *Canonical, o any) error {
	op, ok := o.(map[string]any)
	if !ok {
		return invalidSyntax("an operation is an object")
	}
	verb, err := n.verb(op)
	if err != nil {
		return err
	}
	path, given := op["path"].(string)
	if !given && op["path"] != nil {
		return invalidPath("path must be a text")
	}
	value, has := op["value"]
	if verb != Remove && !has {
		return invalidValue("%s needs a value", verb)
	}
	if path == "" && (!given || n.use(RuleLoose, "an empty path read as none")) {
		return n.pathless(c, verb, value)
	}
	t, err := n.parsePath(path)
	if err != nil {
		return err
	}
	return n.targeted(c, verb, t, value)
}

func (n *reader) verb(op map[string]any) (Verb, error) {
	word, _ := op["op"].(string)
	for v := Add; v <= Remove; v++ {
		if word == v.String() || strings.EqualFold(word, v.String()) && n.use(RuleOpCase, "%q read as %s", word, v) {
			return v, nil
		}
	}
	return 0, invalidSyntax("op must be add, replace or remove, not %q", clip(word))
}

// pathless reads an operation without path: its value is a part of a resource.
func (n *reader) pathless(c *Canonical, verb Verb, value any) error {
	if verb == Remove {
		return noTarget("remove needs a path")
	}
	part, ok := value.(map[string]any)
	if !ok {
		return invalidValue("%s without path takes an object of attributes", verb)
	}
	for _, key := range slices.Sorted(maps.Keys(part)) {
		if err := n.member(c, verb, key, part[key]); err != nil {
			return err
		}
	}
	return nil
}

// member reads one key of the value of an operation without path.
func (n *reader) member(c *Canonical, verb Verb, key string, v any) error {
	t, err := n.key(key, v)
	if err != nil {
		return err
	}
	switch {
	case t.attr == nil:
		return n.spread(c, verb, t, v)
	case t.sub != nil || t.elem != nil || t.urn != "" && n.of.extended(key) == nil:
		if !n.use(RuleFlatKeys, "the key %s in a value", t.title()) {
			return invalidPath("%q is no attribute; a path belongs in path", clip(key))
		}
	case t.attr.mutability == "readOnly" || t.attr.path == "schemas":
		if !n.use(RuleEcho, "%s in a value ignored", t.attr.title()) {
			return mutability("%s is read-only", t.attr.title())
		}
		return nil
	}
	return n.targeted(c, verb, t, v)
}

// key reads a key of a value as a path; one that is no path names an attribute
// that nobody defined.
func (n *reader) key(key string, v any) (target, error) {
	if urn, ok := n.foreignURN(key, v); ok {
		return target{urn: urn}, nil
	}
	t, err := n.parsePath(key)
	if err != nil && !strings.Contains(key, "[") {
		return n.resolve(key)
	}
	return t, err
}

// spread reads an operation on an extension as a whole.
func (n *reader) spread(c *Canonical, verb Verb, t target, v any) error {
	in, ok := v.(map[string]any)
	if !ok {
		if v == nil {
			return n.targeted(c, Remove, t, nil)
		}
		return invalidValue("%s takes an object with the extension's attributes", t.urn)
	}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		inner, err := n.inside(t.urn, key)
		if err != nil {
			return err
		}
		if err := n.targeted(c, verb, inner, in[key]); err != nil {
			return err
		}
	}
	return nil
}

// targeted reads an operation whose target is known.
func (n *reader) targeted(c *Canonical, verb Verb, t target, v any) error {
	switch {
	case t.attr == nil && verb != Remove:
		if !n.use(RuleFlatKeys, "the path is a bare schema URN") {
			return invalidPath("%s is a schema; name one of its attributes", t.urn)
		}
		return n.spread(c, verb, t, v)
	case t.attr != nil && t.attr.unknown && t.sub == nil && t.elem == nil && verb != Remove && isForeign(t, v):
		return n.spread(c, verb, target{urn: t.attr.urn + ":" + t.attr.name}, v)
	case t.attr == nil:
		c.Ops = append(c.Ops, Operation{Verb: Remove, target: t, lax: true})
		return nil
	case t.leaf().mutability == "readOnly" || t.attr.mutability == "readOnly" || t.attr.path == "schemas":
		return n.readOnly(t)
	case t.attr.mutability == "writeOnly" || t.leaf().mutability == "writeOnly":
		return nil // never kept
	case t.attr.path == "members" && t.attr.urn == "":
		return n.memberOp(c, verb, t, v)
	}
	return n.assignment(c, verb, t, plain(v))
}

// readOnly: manager.displayName comes along with what Entra sends of a manager.
func (n *reader) readOnly(t target) error {
	if t.sub != nil && t.attr.mutability != "readOnly" && n.use(RuleEcho, "%s is read-only; ignored", t.title()) {
		return nil
	}
	return mutability("%s is read-only; remove it from the attribute mapping", t.title())
}

func (n *reader) assignment(c *Canonical, verb Verb, t target, v any) error {
	op := Operation{Verb: verb, target: t, lax: n.rules.has(RuleLoose)}
	if verb != Remove {
		var err error
		if op.Value, err = n.operand(verb, t, v); err != nil {
			return err
		}
		if op.Value == nil { // replaced by nothing, or nothing added
			op.Verb, op.lax = Remove, true
			if verb == Add && t.attr.multi {
				return nil
			}
		}
	} else if v != nil && t.elem == nil && t.attr.multi {
		return n.removeValues(c, op, v)
	}
	if t.attr.path == "active" {
		if op.Verb == Remove {
			return invalidValue("active cannot be removed; set it to true or false")
		}
		c.Revokes = c.Revokes || op.Value == false
	}
	if t.elem != nil && op.Verb != Remove {
		op.make = n.creation(t, op.Value)
	}
	c.Ops = append(c.Ops, op)
	return nil
}

// operand reads the value of add and replace on t.
func (n *reader) operand(verb Verb, t target, v any) (any, error) {
	if t.elem == nil && t.sub == nil && verb == Add {
		v = asElements(t.attr, v)
	}
	if t.elem == nil || t.sub != nil {
		return n.value(t.leaf(), v)
	}
	if elems, ok := v.([]any); ok {
		return n.unwrap(t.attr, elems)
	}
	return n.one(t.attr, v)
}

// asElements makes an array of one object that is added to a multi-valued
// attribute, as RFC 7644 3.5.2.1 allows.
func asElements(a *attr, v any) any {
	if _, one := v.(map[string]any); one && a.multi {
		return []any{v}
	}
	return v
}

// creation is what an element is made from when none satisfies the path's
// filter; Entra sets emails[type eq "work"].value on users without e-mail.
func (n *reader) creation(t target, v any) map[string]any {
	terms, ok := n.terms(t.attr, *t.elem)
	if !ok || !n.rules.has(RuleCreateElement) {
		return nil
	}
	if t.sub != nil {
		terms[t.sub.name] = v
		return terms
	}
	if o, ok := v.(map[string]any); ok {
		maps.Copy(terms, o)
	}
	return terms
}

// removeValues reads remove of a multi-valued attribute with a list of the
// values to remove. The RFC has no such thing, and would remove all.
func (n *reader) removeValues(c *Canonical, op Operation, v any) error {
	if !n.use(RuleMemberValues, "remove %s with a list of values", op.target.title()) {
		return invalidValue("remove takes no value; name what to remove in the path, as in %s[value eq \"…\"]", op.target.title())
	}
	w, err := n.value(op.target.attr, v)
	if err != nil || w == nil {
		return err
	}
	op.Value = w
	c.Ops = append(c.Ops, op)
	return nil
}
