package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"grantbridge/directory"
)

// The bounds of what the store indexes.
const (
	maxKey    = 1000 // bytes of a name or id
	maxPath   = 500  // bytes of an attribute's path
	maxValues = 5000 // simple values of one resource
)

// checkSizes refuses what no index can hold.
func checkSizes(doc map[string]any, values []directory.Value) error {
	for _, key := range []string{"userName", "externalId", "displayName"} {
		if n := len(text(doc, key)); n > maxKey {
			return invalidValue("%s has %d bytes; at most %d are kept", key, n, maxKey)
		}
	}
	if len(values) > maxValues {
		return invalidValue("the resource has %d values; at most %d are kept", len(values), maxValues)
	}
	for _, v := range values {
		if len(v.Path) > maxPath {
			return invalidValue("the attribute %s has a name of %d bytes; at most %d are kept", clip(v.Path), len(v.Path), maxPath)
		}
	}
	return nil
}

// liftAccount makes of a user's document the account that the store keeps.
func liftAccount(of *resource, doc map[string]any) (directory.Account, error) {
	bytes, err := encode(doc)
	if err != nil {
		return directory.Account{}, err
	}
	active, said := doc["active"].(bool)
	values := flatten(of, doc)
	return directory.Account{
		ExternalID: text(doc, "externalId"),
		Login:      text(doc, "userName"),
		Display:    displayOf(doc),
		Email:      emailOf(doc),
		Active:     active || !said,
		Doc:        bytes,
		Values:     values,
	}, checkSizes(doc, values)
}

// liftGroup makes of a group's document the group that the store keeps.
func liftGroup(of *resource, doc map[string]any) (directory.Group, error) {
	bytes, err := encode(doc)
	if err != nil {
		return directory.Group{}, err
	}
	values := flatten(of, doc)
	return directory.Group{
		ExternalID: text(doc, "externalId"),
		Display:    text(doc, "displayName"),
		Doc:        bytes,
		Values:     values,
	}, checkSizes(doc, values)
}

func text(o map[string]any, key string) string {
	s, _ := o[key].(string)
	return s
}

// displayOf is the name by which people know a user.
func displayOf(doc map[string]any) string {
	name, _ := doc["name"].(map[string]any)
	for _, s := range []string{
		text(doc, "displayName"), text(name, "formatted"),
		strings.TrimSpace(text(name, "givenName") + " " + text(name, "familyName")),
	} {
		if s != "" {
			return strings.ToValidUTF8(s[:min(len(s), maxKey)], "")
		}
	}
	return text(doc, "userName")
}

// emailOf is the primary e-mail, or the first.
func emailOf(doc map[string]any) string {
	elems := list(doc["emails"])
	i := max(0, slices.IndexFunc(elems, isPrimary))
	if len(elems) == 0 {
		return ""
	}
	o, _ := elems[i].(map[string]any)
	return text(o, "value")
}

// flatten lists all simple attribute values of doc, ordered. externalId is none:
// the store keeps it by itself.
func flatten(of *resource, doc map[string]any) []directory.Value {
	var fl flattener
	for key, v := range doc {
		if a := of.find(key); a != nil {
			if a.path != "externalid" {
				fl.attribute(a, v)
			}
			continue
		}
		inner, isObject := v.(map[string]any)
		if !strings.Contains(key, ":") || !isObject {
			a, _ := unknownAttr(key)
			fl.attribute(a, v)
			continue
		}
		for name, w := range inner {
			fl.attribute(member(of, key, name), w)
		}
	}
	slices.SortFunc(fl.values, valueOrder)
	return fl.values
}

// member is the attribute that an extension's object has under name.
func member(of *resource, urn, name string) *attr {
	if a := of.find(urn + ":" + name); a != nil {
		return a
	}
	return &attr{name: name, urn: urn, path: strings.ToLower(urn + ":" + name), typ: "string", unknown: true}
}

type flattener struct{ values []directory.Value }

func (fl *flattener) attribute(a *attr, v any) {
	elems, ok := v.([]any)
	if !ok {
		elems = []any{v}
	}
	// The primary one counts first, and so sorts the resource (RFC 7644 3.4.2.3).
	first := max(0, slices.IndexFunc(elems, isPrimary))
	for i, e := range elems {
		switch {
		case i == first:
			i = 0
		case i < first:
			i++
		}
		fl.element(a, e, i)
	}
}

// element lists the values of one element, one level deep: nothing that SCIM
// can name lies deeper.
func (fl *flattener) element(a *attr, v any, elem int) {
	parts, ok := v.(map[string]any)
	if !ok {
		fl.simple(a, v, elem)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if sub := a.sub(name); sub != nil {
			fl.simple(sub, parts[name], elem)
		}
	}
}

func (fl *flattener) simple(a *attr, v any, elem int) {
	if s, ok := valueText(a, v); ok && s != "" {
		fl.values = append(fl.values, directory.Value{Path: a.path, Elem: elem, Text: s})
	}
	if n, ok := v.(json.Number); ok && a.number() {
		if _, sortable, ok := numberTexts(a, n.String()); ok {
			fl.values = append(fl.values, directory.Value{Path: a.order(), Elem: elem, Text: sortable})
		}
	}
}

// valueText is v as filters compare it.
func valueText(a *attr, v any) (string, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case json.Number:
		if plain, _, ok := numberTexts(a, v.String()); ok && a.number() {
			return plain, true
		}
		return v.String(), true
	case string:
		if a.typ == "dateTime" {
			if t, _, ok := parseTime(v); ok {
				return directory.TimeText(t), true
			}
		}
		if a.caseExact {
			return v, true
		}
		return directory.Fold(v), true
	}
	return "", false
}
