package scim

import (
	"encoding/json"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"

	"grantbridge/directory"
)

// target is where an operation of a PATCH works: an attribute, those of its
// elements that satisfy elem, and of these a sub-attribute.
type target struct {
	attr *attr // nil: the extension urn as a whole
	urn  string
	elem *directory.Filter
	sub  *attr
}

func (t target) title() string {
	switch {
	case t.attr == nil:
		return t.urn
	case t.elem != nil && t.sub != nil:
		return t.attr.title() + "[…]." + t.sub.name
	case t.elem != nil:
		return t.attr.title() + "[…]"
	case t.sub != nil:
		return t.sub.title()
	}
	return t.attr.title()
}

// leaf is the attribute whose value an operation on t gives.
func (t target) leaf() *attr {
	if t.sub != nil {
		return t.sub
	}
	return t.attr
}

// parsePath reads the path of an operation (RFC 7644 3.5.2):
// attrPath / attrPath "[" filter "]" ["." subAttr].
func (n *reader) parsePath(path string) (target, error) {
	if len(path) > maxFilter {
		return target{}, invalidPath("the path has %d bytes; at most %d are read", len(path), maxFilter)
	}
	p := parser{n: n, s: path}
	if n.rules.has(RuleLoose) {
		p.s = strings.TrimSpace(path)
	}
	t, err := n.resolve(p.name())
	if err != nil {
		return t, err
	}
	if p.at < len(p.s) && p.s[p.at] == '[' {
		err = p.selection(&t)
	}
	if err != nil {
		return t, asPath(err)
	}
	if p.at < len(p.s) {
		return t, invalidPath("path %q: expected the end at character %d", clip(path), p.at+1)
	}
	return t, nil
}

// selection reads [filter] and .sub.
func (p *parser) selection(t *target) error {
	if t.attr == nil || t.sub != nil {
		return p.bad("brackets stand behind an attribute with elements")
	}
	f, err := p.brackets(t.attr, 0)
	if err != nil {
		return err
	}
	t.elem = &f
	if !p.next('.') {
		return nil
	}
	name := p.name()
	if t.sub = t.attr.sub(name); t.sub == nil {
		return p.bad("%s has no sub-attribute %q", t.attr.title(), clip(name))
	}
	return nil
}

// asPath words a filter's error as one of a path.
func asPath(err error) error {
	if e, ok := err.(*Error); ok {
		e.Type = scimerrors.ScimTypeInvalidPath
		e.Detail = strings.Replace(e.Detail, "filter, character", "path, character", 1)
	}
	return err
}

// resolve finds what an attribute path means, in any of the forms in which
// paths and keys of values come.
func (n *reader) resolve(path string) (target, error) {
	if path == "" {
		return target{}, invalidPath("a path names an attribute; this one is empty")
	}
	if strings.HasSuffix(path, ".") || strings.HasPrefix(path, ".") || strings.Contains(path, "..") {
		return target{}, invalidPath("path %q: a name is missing beside a dot", clip(path))
	}
	if a := n.of.find(path); a != nil {
		return at(a), nil
	}
	if e := n.of.extension(path); e != nil {
		return target{urn: e.urn}, nil
	}
	if a := n.of.extended(path); a != nil && n.use(RuleBareExtension, "%s read as %s", path, a.title()) {
		return at(a), nil
	}
	if urn, rest := n.of.kin(path); urn != "" && n.use(RuleUnknown, "schema %s read as %s", path, urn) {
		return n.resolveKin(urn, rest)
	}
	if !n.use(RuleUnknown, "%s is no known attribute; kept as it is", clip(path)) {
		return target{}, invalidPath("%s have no attribute %q%s", strings.TrimPrefix(n.of.endpoint, "/"), clip(path), suggest(path, n.of))
	}
	a, sub := unknownAttr(path)
	return target{attr: a, urn: a.urn, sub: sub}, nil
}

func (n *reader) resolveKin(urn, rest string) (target, error) {
	if a := n.of.find(urn + ":" + rest); a != nil {
		return at(a), nil
	}
	extends := n.of.extension(urn) != nil
	switch {
	case rest == "" && extends:
		return target{urn: urn}, nil
	case rest == "":
		return target{}, invalidPath("the path %q names a schema, not an attribute", urn)
	}
	a, sub := unknownAttr(rest)
	if extends {
		a = &attr{name: a.name, urn: urn, path: strings.ToLower(urn + ":" + a.name), typ: "string", returned: "default", mutability: "readWrite", unknown: true}
		if sub != nil {
			sub = a.sub(sub.name)
		}
	}
	return target{attr: a, urn: a.urn, sub: sub}, nil
}

func at(a *attr) target {
	if a.parent != nil {
		return target{attr: a.parent, urn: a.urn, sub: a}
	}
	return target{attr: a, urn: a.urn}
}

// terms are the equalities that f demands of an element, as values of its
// sub-attributes: what an element must be made with so that it satisfies f. ok
// is false when f says more than equalities joined by and.
func (n *reader) terms(a *attr, f directory.Filter) (terms map[string]any, ok bool) {
	terms = map[string]any{}
	for _, g := range conjuncts(f) {
		sub := a.sub(strings.TrimPrefix(g.Path, a.path+"."))
		if g.Op != directory.OpEq || sub == nil {
			return nil, false
		}
		if sub.typ == "boolean" {
			terms[sub.name] = g.Text == "true"
			continue
		}
		if sub.number() {
			terms[sub.name] = json.Number(g.Text)
			continue
		}
		terms[sub.name] = g.Text
	}
	return terms, true
}

func conjuncts(f directory.Filter) []directory.Filter {
	if f.Op == directory.OpAnd {
		return f.Args
	}
	return []directory.Filter{f}
}
