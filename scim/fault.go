package scim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Fault is one thing wrong with a Schema: where, as "attributes.0.type", and
// what.
type Fault struct{ Path, Says string }

func (f Fault) String() string { return f.Path + ": " + f.Says }

// faults are collected over one schema.
type faults []Fault

func (fs *faults) add(path, format string, args ...any) {
	*fs = append(*fs, Fault{path, fmt.Sprintf(format, args...)})
}

var (
	urnForm  = regexp.MustCompile(`^urn:[A-Za-z0-9][A-Za-z0-9-]{1,31}:[A-Za-z0-9._:-]*[A-Za-z0-9_-]$`)
	nameForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9$_-]*|\$ref)$`)

	attributeTypes = []string{"string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"}
	// Each from the loosest to the tightest.
	mutabilities = []string{"readWrite", "immutable", "readOnly"}
	returns      = []string{"always", "default", "request", "never"}
	uniquenesses = []string{"none", "server"}
)

const ietf = "urn:ietf:params:scim:"

// Faults are all that is wrong with s by itself.
func (s Schema) Faults() []Fault {
	var fs faults
	switch {
	case !urnForm.MatchString(s.ID):
		fs.add("id", "%q is no URN that a path can begin with; write urn:NAMESPACE:NAME, of letters, digits, and : . _ -", clip(s.ID))
	case strings.HasPrefix(strings.ToLower(s.ID), ietf) && coreAttrs(s.ID) == nil:
		fs.add("id", "URNs below %s are the RFCs'; choose one of your own, or that of User, Group or the enterprise extension to tighten it", ietf)
	}
	if len(s.Schemas) > 0 && !slices.Contains(s.Schemas, urnSchema) {
		fs.add("schemas", "a schema's own schemas are [%q]", urnSchema)
	}
	if len(s.Attributes) == 0 {
		fs.add("attributes", "the schema has no attributes")
	}
	fs.attributes("attributes", s.Attributes, false)
	if core := coreAttrs(s.ID); core != nil {
		fs.tightens("attributes", s.Attributes, core)
	}
	return fs
}

// coreAttrs are the attributes of the RFCs' schema with that URN.
func coreAttrs(urn string) []*attr {
	for _, r := range coreTypes.both() {
		if attrs := r.defined(urn); attrs != nil {
			return attrs
		}
	}
	return nil
}

func (fs *faults) attributes(at string, attrs []Attribute, within bool) {
	seen := map[string]bool{}
	for i, a := range attrs {
		p := fmt.Sprintf("%s.%d", at, i)
		switch name := strings.ToLower(a.Name); {
		case !nameForm.MatchString(a.Name):
			fs.add(p+".name", "%q is no attribute name; write a letter, then letters, digits, $, _ or -", clip(a.Name))
		case seen[name]:
			fs.add(p+".name", "%s stands twice; names are the same in any case", a.Name)
		default:
			seen[name] = true
		}
		fs.attribute(p, a, within)
	}
}

func (fs *faults) attribute(p string, a Attribute, within bool) {
	fs.oneOf(p+".type", orElse(a.Type, "string"), attributeTypes)
	fs.oneOf(p+".mutability", orElse(a.Mutability, "readWrite"), append(mutabilities[:3:3], "writeOnly"))
	fs.oneOf(p+".returned", orElse(a.Returned, "default"), returns)
	switch {
	case a.Uniqueness == "global":
		fs.add(p+".uniqueness", "nobody can promise global here; server is unique within the source")
	default:
		fs.oneOf(p+".uniqueness", orElse(a.Uniqueness, "none"), uniquenesses)
	}
	fs.together(p, a)
	switch {
	case a.Type != "complex" && len(a.SubAttributes) > 0:
		fs.add(p+".subAttributes", "%s is no complex attribute and has no sub-attributes", a.Name)
	case a.Type == "complex" && len(a.SubAttributes) == 0:
		fs.add(p, "%s is complex and needs subAttributes", a.Name)
	case a.Type == "complex" && within:
		fs.add(p+".type", "%s: a sub-attribute cannot be complex (RFC 7643 2.3.8)", a.Name)
	case within && a.MultiValued:
		fs.add(p+".multiValued", "%s: a sub-attribute has one value here", a.Name)
	}
	if !within {
		fs.attributes(p+".subAttributes", a.SubAttributes, true)
	}
}

// together finds characteristics that exclude each other.
func (fs *faults) together(p string, a Attribute) {
	text := a.Type == "" || a.Type == "string" || a.Type == "reference" || a.Type == "binary"
	switch {
	case a.Required && a.Mutability == "readOnly":
		fs.add(p+".required", "%s is readOnly, so nobody could give it", a.Name)
	case a.Required && a.Mutability == "writeOnly":
		fs.add(p+".required", "%s is writeOnly and never kept, so it would always be missing", a.Name)
	case a.Mutability == "writeOnly" && a.Returned != "never":
		fs.add(p+".mutability", "%s is writeOnly; then returned is never", a.Name)
	case a.Uniqueness == "server" && (a.Type == "complex" || a.Type == "boolean" || a.Mutability == "writeOnly"):
		fs.add(p+".uniqueness", "%s cannot be unique; a text, a number or a time can", a.Name)
	case a.CaseExact && !text:
		fs.add(p+".caseExact", "%s is no text; caseExact means nothing for it", a.Name)
	case len(a.ReferenceTypes) > 0 && a.Type != "reference":
		fs.add(p+".referenceTypes", "%s is no reference", a.Name)
	case len(a.CanonicalValues) > 0 && !text:
		fs.add(p+".canonicalValues", "%s is no text", a.Name)
	}
}

func (fs *faults) oneOf(p, value string, known []string) {
	if !slices.Contains(known, value) {
		fs.add(p, "no %s %q; it is one of %s", p[strings.LastIndexByte(p, '.')+1:], clip(value), strings.Join(known, ", "))
	}
}

// untouchable are the attributes on which everything else stands.
var untouchable = map[string]bool{"schemas": true, "id": true, "externalid": true, "meta": true, "active": true, "password": true, "members": true, "groups": true}

// tightens holds a schema of the RFCs' URN to making its attributes tighter and
// nothing looser. by says of each attribute what holds now, all of it.
func (fs *faults) tightens(at string, by []Attribute, core []*attr) {
	for i, b := range by {
		p := fmt.Sprintf("%s.%d", at, i)
		a := byName(core, b.Name)
		switch {
		case a == nil:
			fs.add(p+".name", "the schema has no attribute %q, and only what it has can be tightened; put new attributes into a schema with an URN of your own", clip(b.Name))
			continue
		case a.parent == nil && a.urn == "" && untouchable[a.path]:
			fs.add(p+".name", "%s cannot be tightened", a.title())
			continue
		}
		fs.same(p+".type", a, a.typ, orElse(b.Type, "string"))
		fs.same(p+".multiValued", a, fmt.Sprint(a.multi), fmt.Sprint(b.MultiValued))
		fs.same(p+".caseExact", a, fmt.Sprint(a.caseExact), fmt.Sprint(b.CaseExact || b.Type == "reference" || b.Type == "binary"))
		fs.noLooser(p+".required", a, fmt.Sprint(a.required), fmt.Sprint(b.Required), []string{"false", "true"})
		fs.noLooser(p+".mutability", a, a.mutability, orElse(b.Mutability, "readWrite"), mutabilities)
		fs.noLooser(p+".returned", a, a.returned, orElse(b.Returned, "default"), returns)
		fs.noLooser(p+".uniqueness", a, a.uniqueness, orElse(b.Uniqueness, "none"), uniquenesses)
		fs.tightens(p+".subAttributes", b.SubAttributes, a.subs)
	}
}

func (fs *faults) same(p string, a *attr, core, here string) {
	if core != here {
		fs.add(p, "%s has %s %s by the RFC, which cannot be changed to %s", a.title(), p[strings.LastIndexByte(p, '.')+1:], core, here)
	}
}

func (fs *faults) noLooser(p string, a *attr, core, here string, order []string) {
	if slices.Index(order, here) < slices.Index(order, core) {
		fs.add(p, "%s has %s %s by the RFC; %s would be looser", a.title(), p[strings.LastIndexByte(p, '.')+1:], core, here)
	}
}

// Clash is a fault of one of several schemas, by its index.
type Clash struct {
	Index int
	Fault
}

// CheckSchemas finds what is wrong between schemas: an URN that stands twice, or
// a path that could mean an attribute of two.
func CheckSchemas(schemas []Schema) []Clash {
	var out []Clash
	for i, s := range schemas {
		id := strings.ToLower(s.ID)
		for _, t := range schemas[:i] {
			other := strings.ToLower(t.ID)
			switch {
			case id == other:
				out = append(out, Clash{i, Fault{"id", fmt.Sprintf("the URN %s is another file's already", s.ID)}})
			case strings.HasPrefix(id, other+":"), strings.HasPrefix(other, id+":"):
				out = append(out, Clash{i, Fault{"id", fmt.Sprintf("%s and %s begin alike, so that a path could mean either; choose another URN", s.ID, t.ID)}})
			}
		}
	}
	return out
}
