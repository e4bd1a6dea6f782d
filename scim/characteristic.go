package scim

import (
	"encoding/base64"
	"reflect"
	"strings"
)

// What the characteristics of an attribute (RFC 7643 2.2) demand of a document.

// fromText reads a text as a value of a's type.
func (n *reader) fromText(a *attr, s string) (any, error) {
	switch a.typ {
	case "boolean":
		return n.booleanText(a, s)
	case "integer", "decimal":
		return n.numberText(a, s)
	case "dateTime":
		if _, form, ok := parseTime(s); !ok || form > 1 && !n.use(RuleLoose, "%s given without a time", a.title()) {
			return nil, invalidValue("%s takes a time such as 2026-11-23T04:10:00Z, not %q", a.title(), clip(s))
		}
	case "binary":
		if !isBase64(s) && !n.use(RuleLoose, "%s is not base64; kept as it is", a.title()) {
			return nil, invalidValue("%s takes base64", a.title())
		}
	}
	return s, nil
}

func isBase64(s string) bool {
	s = strings.TrimRight(s, "=")
	_, plain := base64.RawStdEncoding.DecodeString(s)
	_, url := base64.RawURLEncoding.DecodeString(s)
	return plain == nil || url == nil
}

// missing lists the required attributes that doc lacks: those of the core, of
// the extensions that doc has, and of each complex value.
func missing(of *resource, doc map[string]any) []*attr {
	out := lacking(of.attrs, doc)
	for _, e := range of.extensions {
		if inner, ok := doc[e.urn].(map[string]any); ok {
			out = append(out, lacking(e.attrs, inner)...)
		}
	}
	return out
}

func lacking(attrs []*attr, doc map[string]any) (out []*attr) {
	for _, a := range attrs {
		v, ok := doc[a.name]
		switch {
		case a.parent == nil && (a.path == "id" || a.path == "schemas"): // ours
		case a.required && a.mutability != "readOnly" && (!ok || blank(v)):
			out = append(out, a)
		case ok && a.complex():
			out = append(out, lackingParts(a, v)...)
		}
	}
	return out
}

// blank reports whether v says nothing that anybody could be known by.
func blank(v any) bool {
	s, text := v.(string)
	return v == nil || text && strings.TrimSpace(s) == ""
}

func lackingParts(a *attr, v any) (out []*attr) {
	elems, ok := v.([]any)
	if !ok {
		elems = []any{v}
	}
	for _, e := range elems {
		if o, ok := e.(map[string]any); ok {
			out = append(out, lacking(a.subs, o)...)
		}
	}
	return out
}

// keepFixed holds now to what immutable says: what before has stays. What a PUT
// leaves out is put back (RFC 7644 3.5.1).
func keepFixed(of *resource, before, now map[string]any, put bool) error {
	if err := keepAttrs(of.attrs, before, now, put); err != nil {
		return err
	}
	for _, e := range of.extensions {
		was, ok := before[e.urn].(map[string]any)
		if !ok {
			continue
		}
		is := containerOf(now, e.urn)
		err := keepAttrs(e.attrs, was, is, put)
		if len(is) == 0 {
			delete(now, e.urn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func keepAttrs(attrs []*attr, before, now map[string]any, put bool) error {
	for _, a := range attrs {
		was, had := before[a.name]
		is, has := now[a.name]
		if !had {
			continue
		}
		if a.mutability != "immutable" {
			if err := keepParts(a, was, is, put); err != nil {
				return err
			}
			continue
		}
		switch {
		case !has && put:
			now[a.name] = was
		case !reflect.DeepEqual(was, is):
			return mutability("%s is immutable: it has a value and keeps it; make a new resource for another", a.title())
		}
	}
	return nil
}

// keepParts holds the parts of a complex value; those of several elements have
// no identity by which they could be held.
func keepParts(a *attr, was, is any, put bool) error {
	before, ok1 := was.(map[string]any)
	now, ok2 := is.(map[string]any)
	if !a.complex() || a.multi || !ok1 || !ok2 {
		return nil
	}
	return keepAttrs(a.subs, before, now, put)
}
