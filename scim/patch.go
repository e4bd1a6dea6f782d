package scim

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"grantbridge/directory"
)

// applyOps does the operations of a PATCH on doc, all or, by its error, none
// (the caller then drops doc). Values are copied into doc, so the same
// operations may be applied again.
func applyOps(of *resource, doc map[string]any, ops []Operation) error {
	before := missing(of, doc)
	for i, o := range ops {
		if err := o.apply(doc); err != nil {
			return inOperation(i, err)
		}
	}
	for _, a := range missing(of, doc) {
		switch {
		case slices.Contains(before, a): // a schema that came later must not refuse a deactivation
		case a.urn == "" && a.parent == nil || slices.ContainsFunc(ops, func(o Operation) bool { return o.Verb == Remove }):
			return mutability("%s is required and cannot be removed", a.title())
		default:
			return invalidValue("%s is required; give it together with the others", a.title())
		}
	}
	return nil
}

func (o Operation) apply(doc map[string]any) error {
	t := o.target
	if t.attr == nil {
		delete(doc, t.urn)
		return nil
	}
	home := containerOf(doc, t.urn)
	if t.urn != "" {
		defer func() { // an extension without attributes is not there
			if len(home) == 0 {
				delete(doc, t.urn)
			}
		}()
	}
	p := place{home: home, key: keyOf(home, t.attr), op: o}
	switch {
	case t.elem != nil:
		return p.elements()
	case t.sub != nil && (t.attr.multi || isArray(home[p.key])):
		return p.everyElement()
	case t.sub != nil:
		return p.part()
	case o.Verb == Remove && o.Value != nil:
		return p.removeValues()
	case o.Verb == Remove:
		delete(home, p.key)
		return nil
	}
	return p.whole()
}

// keyOf is the key under which home has a. Attributes that nobody defined stand
// as they were first spelt; names are case-insensitive (RFC 7643 2.1).
func keyOf(home map[string]any, a *attr) string {
	if !a.unknown {
		return a.name
	}
	if _, ok := home[a.name]; ok {
		return a.name
	}
	for key := range home {
		if strings.EqualFold(key, a.name) {
			return key
		}
	}
	return a.name
}

func isArray(v any) bool {
	_, ok := v.([]any)
	return ok
}

// place is where in a document an operation works.
type place struct {
	home map[string]any
	key  string
	op   Operation
}

// whole sets an attribute, or adds to it.
func (p place) whole() error {
	v := clone(p.op.Value)
	if p.op.target.attr.multi {
		if p.op.Verb == Add {
			return p.append(list(v))
		}
		p.home[p.key] = v
		return nil
	}
	// RFC 7644 3.5.2.1 and 3.5.2.3: a set of sub-attributes replaces those and
	// leaves the others.
	old, isOld := p.home[p.key].(map[string]any)
	parts, isParts := v.(map[string]any)
	if isOld && isParts {
		maps.Copy(old, parts)
		return nil
	}
	p.home[p.key] = v
	return nil
}

// append adds the elements that are not there yet.
func (p place) append(elems []any) error {
	have := list(p.home[p.key])
	var added []any
	for _, e := range elems {
		i := slices.IndexFunc(have, func(h any) bool { return contains(h, e) })
		switch {
		case i < 0:
			have = append(have, e)
			added = append(added, e)
		case isPrimary(e):
			have[i].(map[string]any)["primary"] = true
			added = append(added, have[i])
		}
	}
	p.home[p.key] = have
	p.demote(added)
	return nil
}

// contains reports whether e says nothing that h does not.
func contains(h, e any) bool {
	ho, ok1 := h.(map[string]any)
	eo, ok2 := e.(map[string]any)
	if !ok1 || !ok2 {
		return reflect.DeepEqual(h, e)
	}
	for key, v := range eo {
		if key != "primary" && !reflect.DeepEqual(ho[key], v) {
			return false
		}
	}
	return true
}

// demote keeps one primary: when one of news is, the others are no more
// (RFC 7644 3.5.2).
func (p place) demote(news []any) {
	i := slices.IndexFunc(news, isPrimary)
	if i < 0 {
		return
	}
	first := reflect.ValueOf(news[i]).Pointer()
	for _, e := range list(p.home[p.key]) {
		if o, ok := e.(map[string]any); ok && isPrimary(e) && reflect.ValueOf(e).Pointer() != first {
			o["primary"] = false
		}
	}
}

// part sets or removes a sub-attribute of a complex attribute.
func (p place) part() error {
	sub := p.op.target.sub.name
	old, ok := p.home[p.key].(map[string]any)
	if p.op.Verb == Remove {
		delete(old, sub)
		if len(old) == 0 {
			delete(p.home, p.key)
		}
		return nil
	}
	if !ok {
		old = map[string]any{}
		p.home[p.key] = old
	}
	old[sub] = clone(p.op.Value)
	return nil
}

// everyElement sets or removes a sub-attribute of all elements.
func (p place) everyElement() error {
	sub := p.op.target.sub.name
	elems := list(p.home[p.key])
	if p.op.Verb == Remove {
		for _, e := range elems {
			if o, ok := e.(map[string]any); ok {
				delete(o, sub)
			}
		}
		p.prune()
		return nil
	}
	if len(elems) == 0 {
		p.home[p.key] = []any{map[string]any{sub: clone(p.op.Value)}}
		return nil
	}
	if sub == "primary" && p.op.Value == true && len(elems) > 1 {
		return invalidValue("%s can be true for one element only; select it, as in %s[value eq \"…\"].primary", p.op.target.title(), p.op.target.attr.title())
	}
	for _, e := range elems {
		if o, ok := e.(map[string]any); ok {
			o[sub] = clone(p.op.Value)
		}
	}
	return nil
}

// elements works on the elements that satisfy the path's filter.
func (p place) elements() error {
	var hit []int
	elems := list(p.home[p.key])
	if one, ok := p.home[p.key].(map[string]any); ok {
		elems = []any{one}
	}
	for i, e := range elems {
		if satisfies(p.op.target, e) {
			hit = append(hit, i)
		}
	}
	switch {
	case len(hit) == 0 && p.op.Verb == Remove && p.op.lax:
		return nil
	case len(hit) == 0 && p.op.make != nil && p.op.Verb != Remove:
		return p.create()
	case len(hit) == 0:
		return noTarget("no element of %s satisfies the filter of the path", p.op.target.attr.title())
	case p.op.Verb == Remove && p.op.target.sub == nil:
		return p.drop(hit)
	}
	var news []any
	for _, i := range hit {
		elems[i] = p.changed(elems[i])
		news = append(news, elems[i])
	}
	if len(news) > 1 && slices.IndexFunc(news[1:], isPrimary) >= 0 && (p.op.target.sub == nil || p.op.target.sub.name == "primary") {
		return invalidValue("%s selects %d elements; only one can be primary", p.op.target.title(), len(news))
	}
	p.prune()
	p.demote(news)
	return nil
}

// changed is one selected element as the operation makes it.
func (p place) changed(elem any) any {
	o, ok := elem.(map[string]any)
	if !ok {
		return clone(p.op.Value)
	}
	switch t := p.op.target; {
	case t.sub != nil && p.op.Verb == Remove:
		delete(o, t.sub.name)
	case t.sub != nil:
		o[t.sub.name] = clone(p.op.Value)
	case p.op.Verb == Add && isObject(p.op.Value):
		maps.Copy(o, clone(p.op.Value).(map[string]any))
	case p.op.make != nil:
		return clone(p.op.make)
	default:
		return clone(p.op.Value)
	}
	return o
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// create makes the element that was to be changed (RuleCreateElement).
func (p place) create() error {
	e := clone(p.op.make)
	if !p.op.target.attr.multi && !p.op.target.attr.unknown {
		p.home[p.key] = e
		return nil
	}
	p.home[p.key] = append(list(p.home[p.key]), e)
	p.demote([]any{e})
	return nil
}

// drop removes the elements at the given places.
func (p place) drop(hit []int) error {
	if isObject(p.home[p.key]) {
		delete(p.home, p.key)
		return nil
	}
	elems := list(p.home[p.key])
	for _, i := range slices.Backward(hit) {
		elems = slices.Delete(elems, i, i+1)
	}
	p.home[p.key] = elems
	p.prune()
	return nil
}

// removeValues removes the elements that are listed (RuleMemberValues).
func (p place) removeValues() error {
	gone := list(p.op.Value)
	p.home[p.key] = slices.DeleteFunc(list(p.home[p.key]), func(h any) bool {
		return slices.ContainsFunc(gone, func(g any) bool { return contains(h, g) })
	})
	p.prune()
	return nil
}

// prune drops elements without a value, and an attribute without elements: both
// are unassigned (RFC 7643 2.5).
func (p place) prune() {
	elems, ok := p.home[p.key].([]any)
	if !ok {
		if o, ok := p.home[p.key].(map[string]any); ok && len(o) == 0 {
			delete(p.home, p.key)
		}
		return
	}
	elems = slices.DeleteFunc(elems, func(e any) bool {
		o, ok := e.(map[string]any)
		return ok && len(o) == 0
	})
	p.home[p.key] = elems
	if len(elems) == 0 {
		delete(p.home, p.key)
	}
}

// satisfies reports whether one element satisfies the filter of t.
func satisfies(t target, elem any) bool {
	var fl flattener
	fl.element(t.attr, elem, 0)
	return Eval(*t.elem, Record{Values: fl.values})
}

// clone copies a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}

// valueOrder is by path, then by element.
func valueOrder(a, b directory.Value) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	return a.Elem - b.Elem
}
