package scim

import (
	"encoding/json"
	"strings"
)

// value reads v as a value of a whole attribute and gives it its canonical
// shape. nil means unassigned: null, an empty array, and what RuleReferenceText
// adds (RFC 7643 2.5).
func (n *reader) value(a *attr, v any) (any, error) {
	if a.unknown {
		return withoutSecrets(v), nil
	}
	if a.multi {
		return n.many(a, v)
	}
	if elems, ok := v.([]any); ok {
		return n.unwrap(a, elems)
	}
	return n.one(a, v)
}

// unwrap reads an array where a single value belongs.
func (n *reader) unwrap(a *attr, elems []any) (any, error) {
	switch {
	case len(elems) == 0:
		return nil, nil
	case len(elems) > 1:
		return nil, invalidValue("%s takes one value, not %d", a.title(), len(elems))
	case !n.reshapes(a, "%s given as an array of one"):
		return nil, invalidValue("%s takes one value, not an array", a.title())
	}
	return n.one(a, elems[0])
}

func (n *reader) many(a *attr, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	elems, ok := v.([]any)
	if !ok {
		if _, object := v.(map[string]any); a.complex() && !object || !n.reshapes(a, "%s given as one value instead of an array") {
			return nil, invalidValue("%s takes an array", a.title())
		}
		elems = []any{v}
	}
	out := make([]any, 0, len(elems))
	for _, e := range elems {
		w, err := n.one(a, e)
		if err != nil {
			return nil, err
		}
		if w != nil {
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, onePrimary(a, out)
}

// onePrimary: the primary attribute value "true" MUST appear no more than once
// (RFC 7643 2.4).
func onePrimary(a *attr, elems []any) error {
	count := 0
	for _, e := range elems {
		if isPrimary(e) {
			count++
		}
	}
	if count > 1 {
		return invalidValue("%s has %d elements with primary true; at most one can be", a.title(), count)
	}
	return nil
}

func isPrimary(elem any) bool {
	o, _ := elem.(map[string]any)
	p, _ := o["primary"].(bool)
	return p
}

// one reads one element, or a single value.
func (n *reader) one(a *attr, v any) (any, error) {
	switch {
	case v == nil:
		return nil, nil
	case a.complex():
		return n.object(a, v)
	}
	if o, ok := v.(map[string]any); ok {
		inner, has := o["value"]
		if !has || !n.reshapes(a, "%s given as an object") {
			return nil, invalidValue("%s takes a %s, not an object", a.title(), a.typ)
		}
		v = inner
	}
	return n.simple(a, v)
}

func (n *reader) simple(a *attr, v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if a.typ == "boolean" {
			return v, nil
		}
	case string:
		return n.fromText(a, v)
	case json.Number:
		if a.number() {
			return v, checkNumber(a, v.String())
		}
		if a.typ == "string" && n.reshapes(a, "%s given as a number") {
			return v.String(), nil
		}
	}
	return nil, invalidValue("%s takes a %s, not %s", a.title(), a.typ, describe(v))
}

// reshapes uses RuleShape on a. What names a resource is never guessed at: a
// userName that is no text is a mistake, whoever sends it.
func (n *reader) reshapes(a *attr, format string) bool {
	return !a.required && n.use(RuleShape, format, a.title())
}

func (n *reader) booleanText(a *attr, s string) (any, error) {
	for text, value := range map[string]bool{"true": true, "false": false} {
		if strings.EqualFold(strings.TrimSpace(s), text) && n.use(RuleBooleanText, "%s %q read as %s", a.title(), s, text) {
			return value, nil
		}
	}
	return nil, invalidValue("%s takes true or false without quotes, not %q", a.title(), clip(s))
}

// object reads a complex value.
func (n *reader) object(a *attr, v any) (any, error) {
	switch w := v.(type) {
	case []any:
		return n.unwrap(a, w)
	case string:
		return n.reference(a, w)
	case map[string]any:
		return n.parts(a, w)
	}
	return nil, invalidValue("%s takes an object, not %s", a.title(), describe(v))
}

// reference reads a text where {"value": text} belongs.
func (n *reader) reference(a *attr, s string) (any, error) {
	if a.sub("value") == nil || !n.use(RuleReferenceText, "%s given as a text", a.title()) {
		return nil, invalidValue("%s takes an object, not a text", a.title())
	}
	if s == "" {
		return nil, nil
	}
	return n.parts(a, map[string]any{"value": s})
}

// parts reads the sub-attributes of a complex value.
func (n *reader) parts(a *attr, in map[string]any) (any, error) {
	if a.path == "roles" {
		in = n.unpackRole(in)
	}
	out := make(map[string]any, len(in))
	for key, v := range in {
		sub := a.sub(key)
		if sub == nil {
			if !n.use(RuleUnknown, "%s.%s is no known attribute; kept as it is", a.title(), clip(key)) {
				return nil, invalidValue("%s has no sub-attribute %q", a.title(), clip(key))
			}
			if !isSecret(key) {
				out[key] = withoutSecrets(v)
			}
			continue
		}
		w, err := n.value(sub, v)
		if err != nil {
			return nil, err
		}
		if _, twice := out[sub.name]; twice {
			return nil, invalidValue("%s stands twice", sub.title())
		}
		if w != nil && sub.mutability != "readOnly" {
			out[sub.name] = w
		}
	}
	if out["value"] == "" && len(out) == 1 && n.use(RuleReferenceText, "%s with an empty value read as none", a.title()) {
		return nil, nil
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// unpackRole reads the JSON text that Entra's AppRoleAssignmentsComplex puts in
// the value of a role: {"id":"…","value":"Admin","displayName":"Admin"}.
func (n *reader) unpackRole(in map[string]any) map[string]any {
	text, _ := in["value"].(string)
	if !strings.HasPrefix(text, "{") || !n.rules.has(RuleLoose) {
		return in
	}
	v, err := decode(text)
	packed, ok := v.(map[string]any)
	if err != nil || !ok {
		return in
	}
	out := map[string]any{}
	for key, v := range in {
		out[key] = v
	}
	delete(out, "value")
	for from, to := range map[string]string{"value": "value", "displayName": "display"} {
		if s, ok := packed[from].(string); ok {
			out[to] = s
		}
	}
	n.note(RuleLoose, "the JSON text in roles.value was unpacked")
	return out
}

func describe(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return "this"
}
