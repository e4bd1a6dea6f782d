package scim

import (
	"fmt"
	"slices"
	"strings"
)

// Schema is a Schema resource (RFC 7643 7), as files hold it. One with an URN of
// its own extends a resource type; one with the URN of the core's User or Group,
// or of the enterprise extension, tightens attributes of that.
type Schema struct {
	Schemas     []string    `yaml:"schemas"`
	ID          string      `yaml:"id"`
	Name        string      `yaml:"name"`
	Description string      `yaml:"description"`
	Attributes  []Attribute `yaml:"attributes"`
	Meta        SchemaMeta  `yaml:"meta"`
}

// SchemaMeta is read, so that a schema fetched from another server can be used
// as it is, and has no meaning.
type SchemaMeta struct {
	ResourceType string `yaml:"resourceType"`
	Location     string `yaml:"location"`
	Version      string `yaml:"version"`
	Created      string `yaml:"created"`
	LastModified string `yaml:"lastModified"`
}

// Attribute is one attribute of a Schema. What it leaves out is as RFC 7643 2.2
// says: a string that anyone reads and writes.
type Attribute struct {
	Name            string      `yaml:"name"`
	Type            string      `yaml:"type"`
	SubAttributes   []Attribute `yaml:"subAttributes"`
	MultiValued     bool        `yaml:"multiValued"`
	Description     string      `yaml:"description"`
	Required        bool        `yaml:"required"`
	CanonicalValues []string    `yaml:"canonicalValues"`
	CaseExact       bool        `yaml:"caseExact"`
	Mutability      string      `yaml:"mutability"`
	Returned        string      `yaml:"returned"`
	Uniqueness      string      `yaml:"uniqueness"`
	ReferenceTypes  []string    `yaml:"referenceTypes"`
}

// orElse is s, or what the RFC says where nothing is said.
func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// attr is a as the engine knows it.
func (a Attribute) attr(urn string, parent *attr) *attr {
	n := &attr{
		name: a.Name, urn: urn, typ: orElse(a.Type, "string"), multi: a.MultiValued, required: a.Required,
		caseExact:  a.CaseExact || a.Type == "reference" || a.Type == "binary",
		mutability: orElse(a.Mutability, "readWrite"), returned: orElse(a.Returned, "default"), uniqueness: orElse(a.Uniqueness, "none"),
		about: a.Description, canonical: a.CanonicalValues, references: a.ReferenceTypes, parent: parent,
	}
	n.place()
	for _, s := range a.SubAttributes {
		n.subs = append(n.subs, s.attr(urn, n))
	}
	return n
}

// extend adds schemas to r, or lets them tighten it.
func (r *resource) extend(schemas []Schema) {
	for _, s := range schemas {
		if faults := s.Faults(); len(faults) > 0 {
			panic(fmt.Sprintf("scim: schema %s: %v", s.ID, faults[0])) // the caller did not ask CheckSchemas
		}
		if attrs := r.defined(s.ID); attrs != nil {
			tighten(attrs, s.Attributes)
			continue
		}
		e := extension{urn: s.ID, name: orElse(s.Name, s.ID[strings.LastIndexByte(s.ID, ':')+1:]), about: s.Description}
		for _, a := range s.Attributes {
			e.attrs = append(e.attrs, a.attr(s.ID, nil))
		}
		r.extensions = append(r.extensions, e)
	}
	r.index()
}

// Extends reports whether s can be a schema of groups, or of users: what is the
// core's of one type is nothing to the other.
func (s Schema) Extends(group bool) bool {
	return coreAttrs(s.ID) == nil || coreTypes.of(group).defined(s.ID) != nil
}

// defined are the attributes of the schema of r with that URN; nil when r has
// none such.
func (r *resource) defined(urn string) []*attr {
	if strings.EqualFold(r.urn, urn) {
		return r.attrs
	}
	if e := r.extension(urn); e != nil {
		return e.attrs
	}
	return nil
}

func tighten(attrs []*attr, by []Attribute) {
	for _, b := range by {
		a := byName(attrs, b.Name)
		a.required, a.mutability = b.Required, orElse(b.Mutability, "readWrite")
		a.returned, a.uniqueness = orElse(b.Returned, "default"), orElse(b.Uniqueness, "none")
		if len(b.CanonicalValues) > 0 {
			a.canonical = b.CanonicalValues
		}
		tighten(a.subs, b.SubAttributes)
	}
}

func byName(attrs []*attr, name string) *attr {
	i := slices.IndexFunc(attrs, func(a *attr) bool { return strings.EqualFold(a.name, name) })
	if i < 0 {
		return nil
	}
	return attrs[i]
}
