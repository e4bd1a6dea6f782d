package scim

import (
	"maps"
	"strings"

	"github.com/elimity-com/scim/schema"
)

// The URNs of the schemas and messages.
const (
	urnUser       = schema.UserSchema
	urnGroup      = schema.GroupSchema
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnSearch     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	urnBulk       = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	urnBulkAnswer = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	urnError      = "urn:ietf:params:scim:api:messages:2.0:Error"
	urnConfig     = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	urnType       = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	urnSchema     = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// attr is one attribute with its characteristics (RFC 7643 2.2).
type attr struct {
	name       string // as the schema spells it
	path       string // as filters do: lower-case, an extension's behind its URN
	urn        string // of the extension it belongs to; empty for core
	typ        string
	multi      bool
	required   bool
	caseExact  bool
	mutability string
	returned   string
	uniqueness string
	about      string
	canonical  []string
	references []string
	subs       []*attr
	parent     *attr
	unknown    bool // no schema defines it; kept as it came
}

// sub finds a sub-attribute by name in any case. Those of an unknown attribute
// are unknown too.
func (a *attr) sub(name string) *attr {
	for _, s := range a.subs {
		if strings.EqualFold(s.name, name) {
			return s
		}
	}
	if a.unknown {
		return &attr{name: name, path: a.path + "." + strings.ToLower(name), urn: a.urn, typ: "string", parent: a, unknown: true}
	}
	return nil
}

func (a *attr) complex() bool { return a.typ == "complex" }

// title is the attribute as messages name it.
func (a *attr) title() string {
	switch {
	case a.parent != nil:
		return a.parent.title() + "." + a.name
	case a.urn != "":
		return a.urn + ":" + a.name
	}
	return a.name
}

// extension is a schema that adds attributes to a resource type.
type extension struct {
	urn, name, about string
	attrs            []*attr
}

// resource is one resource type (RFC 7643 6).
type resource struct {
	name, endpoint, urn, about string
	group                      bool // else a user
	attrs                      []*attr
	extensions                 []extension
	unique                     []*attr // what no two resources may have alike
	hides                      bool    // it has attributes that are returned on request only, or never
	fixes                      bool    // it has attributes that are set once
	// paths finds an attribute or sub-attribute by its path as the schema
	// spells it, and lower-case, both bare and behind its schema's URN.
	paths map[string]*attr
}

var (
	users  = newUsers()
	groups = newGroups()
)

func newUsers() *resource {
	return newResource(resource{name: "User", endpoint: "/Users", urn: urnUser, about: "User Account"},
		schema.CoreUserSchema(), schema.ExtensionEnterpriseUser())
}

func newGroups() *resource {
	return newResource(resource{name: "Group", endpoint: "/Groups", urn: urnGroup, about: "Group", group: true}, schema.CoreGroupSchema())
}

func newResource(r resource, core schema.Schema, extensions ...schema.Schema) *resource {
	common := schema.CommonAttributes()
	for _, a := range append(common, core.Attributes...) {
		r.attrs = append(r.attrs, newAttr(a, "", nil))
	}
	for _, e := range extensions {
		ext := extension{urn: e.ID, name: e.Name.Value(), about: e.Description.Value()}
		for _, a := range e.Attributes {
			ext.attrs = append(ext.attrs, newAttr(a, e.ID, nil))
		}
		r.extensions = append(r.extensions, ext)
	}
	r.index()
	return &r
}

func newAttr(a schema.CoreAttribute, urn string, parent *attr) *attr {
	n := &attr{
		name: a.Name(), urn: urn, typ: a.AttributeType(), multi: a.MultiValued(), required: a.Required(),
		caseExact:  a.CaseExact() || a.AttributeType() == "reference" || a.AttributeType() == "binary",
		mutability: a.Mutability(), returned: a.Returned(), uniqueness: a.Uniqueness(),
		about: a.Description(), canonical: a.CanonicalValues(), parent: parent,
	}
	for _, t := range a.ReferenceTypes() {
		n.references = append(n.references, string(t))
	}
	n.place()
	for _, s := range a.SubAttributes() {
		n.subs = append(n.subs, newAttr(s, urn, n))
	}
	return n
}

// place gives a its path.
func (a *attr) place() {
	a.path = strings.ToLower(a.name)
	switch {
	case a.parent != nil:
		a.path = a.parent.path + "." + a.path
	case a.urn != "":
		a.path = strings.ToLower(a.urn) + ":" + a.path
	}
}

func (r *resource) index() {
	r.paths = map[string]*attr{}
	r.unique, r.hides, r.fixes = nil, false, false
	for _, a := range r.attrs {
		r.put(a, "", r.urn+":")
	}
	for _, e := range r.extensions {
		for _, a := range e.attrs {
			r.put(a, e.urn+":")
		}
	}
	lower := map[string]*attr{}
	for path, a := range r.paths {
		lower[strings.ToLower(path)] = a
	}
	maps.Copy(r.paths, lower)
}

func (r *resource) put(a *attr, prefixes ...string) {
	for _, p := range prefixes {
		r.paths[p+a.name] = a
		for _, s := range a.subs {
			r.paths[p+a.name+"."+s.name] = s
		}
	}
	for _, b := range append([]*attr{a}, a.subs...) {
		// The keys are the store's own business, and no password is ever kept.
		kept := !storeKeys[b.path] && b.mutability != "writeOnly"
		if kept && (b.uniqueness == "server" || b.uniqueness == "global") {
			r.unique = append(r.unique, b)
		}
		r.hides = r.hides || kept && (b.returned == "request" || b.returned == "never")
		r.fixes = r.fixes || b.mutability == "immutable" && !isLink(a)
	}
}

// storeKeys are the attributes that the store keeps unique by itself.
var storeKeys = map[string]bool{"id": true, "username": true, "externalid": true}

// uniquePaths are the paths of what no two resources may have alike.
func (r *resource) uniquePaths() []string {
	var out []string
	for _, a := range r.unique {
		out = append(out, a.path)
	}
	return out
}

// find finds an attribute by its path in any case; nil when no schema of the
// resource type defines it.
func (r *resource) find(path string) *attr {
	if a := r.paths[path]; a != nil {
		return a
	}
	return r.paths[strings.ToLower(path)]
}

// extended finds an attribute of an extension by its bare name.
func (r *resource) extended(path string) *attr {
	for _, e := range r.extensions {
		if a := r.find(e.urn + ":" + path); a != nil {
			return a
		}
	}
	return nil
}

// extension finds an extension by its URN in any case.
func (r *resource) extension(urn string) *extension {
	for i, e := range r.extensions {
		if strings.EqualFold(e.urn, urn) {
			return &r.extensions[i]
		}
	}
	return nil
}

// kin is the schema of r that an URN which is none of the RFC's means: older
// drafts' ("urn:scim:schemas:core:1.0"), OneLogin's templates'
// ("urn:scim:schemas:extension:enterprise:2.0"), and Entra's documentation's
// misspelling ("…:enterprise:2.0User"). rest is what follows it in a path.
func (r *resource) kin(path string) (urn, rest string) {
	lower := strings.ToLower(path)
	if !strings.HasPrefix(lower, "urn:") {
		return "", ""
	}
	for _, k := range []struct{ mark, urn string }{{"schemas:extension:enterprise:", urnEnterprise}, {"schemas:core:", r.urn}} {
		i := strings.Index(lower, k.mark)
		if i < 0 || k.urn == urnEnterprise && r.extension(urnEnterprise) == nil {
			continue
		}
		tail := path[i+len(k.mark):]
		tail = strings.TrimLeft(tail, "0123456789.")
		tail = strings.TrimPrefix(tail, ":")
		for _, word := range []string{"user", "group"} {
			if len(tail) >= len(word) && strings.EqualFold(tail[:len(word)], word) && (len(tail) == len(word) || tail[len(word)] == ':') {
				tail = tail[len(word):]
			}
		}
		return k.urn, strings.TrimPrefix(tail, ":")
	}
	return "", ""
}

// unknownAttr is an attribute that no schema defines, by its path: a bare name,
// name.sub, or either behind an URN.
func unknownAttr(path string) (top, sub *attr) {
	urn, name := "", path
	if i := strings.LastIndexByte(path, ':'); i >= 0 {
		urn, name = path[:i], path[i+1:]
	}
	name, rest, dotted := strings.Cut(name, ".")
	top = &attr{name: name, path: strings.ToLower(name), urn: urn, typ: "string", returned: "default", mutability: "readWrite", unknown: true}
	if urn != "" {
		top.path = strings.ToLower(urn) + ":" + top.path
	}
	if dotted {
		sub = top.sub(rest)
	}
	return top, sub
}
