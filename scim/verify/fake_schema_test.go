package verify

import "strings"

// fakeAttr is an attribute as the fake server knows and serves it.
type fakeAttr struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Multi      bool       `json:"multiValued"`
	Required   bool       `json:"required"`
	CaseExact  bool       `json:"caseExact"`
	Mutability string     `json:"mutability"`
	Returned   string     `json:"returned"`
	Uniqueness string     `json:"uniqueness"`
	Sub        []fakeAttr `json:"subAttributes,omitempty"`
}

func attr(name, kind string, sub ...fakeAttr) fakeAttr {
	return fakeAttr{Name: name, Type: kind, Mutability: "readWrite", Returned: "default", Uniqueness: "none", CaseExact: kind == "reference" || kind == "binary", Sub: sub}
}

func (a fakeAttr) multi() fakeAttr            { a.Multi = true; return a }
func (a fakeAttr) exact() fakeAttr            { a.CaseExact = true; return a }
func (a fakeAttr) mutable(m string) fakeAttr  { a.Mutability = m; return a }
func (a fakeAttr) returned(r string) fakeAttr { a.Returned = r; return a }

func (a fakeAttr) required() fakeAttr {
	a.Required, a.Uniqueness = true, "server"
	return a
}

func valued(name, kind string) fakeAttr {
	return attr(name, "complex", attr("value", kind), attr("display", "string"), attr("type", "string"), attr("primary", "boolean")).multi()
}

var fakeCommon = []fakeAttr{
	attr("schemas", "reference").multi().returned("always"),
	attr("id", "string").exact().mutable("readOnly").returned("always"),
	attr("externalId", "string").exact(),
	attr("meta", "complex", attr("resourceType", "string").exact(), attr("created", "dateTime"), attr("lastModified", "dateTime"), attr("location", "string"), attr("version", "string").exact()).mutable("readOnly"),
}

var fakeUser = []fakeAttr{
	attr("userName", "string").required(),
	attr("name", "complex", attr("formatted", "string"), attr("familyName", "string"), attr("givenName", "string"), attr("middleName", "string"), attr("honorificPrefix", "string"), attr("honorificSuffix", "string")),
	attr("displayName", "string"), attr("nickName", "string"), attr("profileUrl", "reference"), attr("title", "string"), attr("userType", "string"),
	attr("preferredLanguage", "string"), attr("locale", "string"), attr("timezone", "string"), attr("active", "boolean"),
	attr("password", "string").mutable("writeOnly").returned("never"),
	valued("emails", "string"), valued("phoneNumbers", "string"), valued("ims", "string"), valued("photos", "reference"),
	attr("addresses", "complex", attr("formatted", "string"), attr("streetAddress", "string"), attr("locality", "string"), attr("region", "string"), attr("postalCode", "string"), attr("country", "string"), attr("type", "string"), attr("primary", "boolean")).multi(),
	attr("groups", "complex", attr("value", "string"), attr("$ref", "reference"), attr("display", "string")).multi().mutable("readOnly"),
	valued("entitlements", "string"), valued("roles", "string"), valued("x509Certificates", "binary"),
}

var fakeGroup = []fakeAttr{
	{Name: "displayName", Type: "string", Required: true, Mutability: "readWrite", Returned: "default", Uniqueness: "none"},
	attr("members", "complex", attr("value", "string").mutable("immutable"), attr("$ref", "reference"), attr("display", "string"), attr("type", "string")).multi(),
}

var fakeEnterprise = []fakeAttr{
	attr("employeeNumber", "string"), attr("costCenter", "string"), attr("organization", "string"), attr("division", "string"), attr("department", "string"),
	attr("manager", "complex", attr("value", "string"), attr("$ref", "reference"), attr("displayName", "string").mutable("readOnly")),
}

// fakeType is a resource type of the fake server.
type fakeType struct {
	name, endpoint, urn string
	attrs               []fakeAttr // with the common ones
	extension           []fakeAttr
}

var (
	fakeUsers  = &fakeType{"User", "/Users", userURN, append(append([]fakeAttr{}, fakeCommon...), fakeUser...), fakeEnterprise}
	fakeGroups = &fakeType{"Group", "/Groups", groupURN, append(append([]fakeAttr{}, fakeCommon...), fakeGroup...), nil}
)

func findAttr(list []fakeAttr, name string) *fakeAttr {
	for i := range list {
		if strings.EqualFold(list[i].Name, name) {
			return &list[i]
		}
	}
	return nil
}

// fakePath is an attribute path resolved: where the attribute stands.
type fakePath struct {
	ext  bool // in the enterprise extension
	attr *fakeAttr
	sub  *fakeAttr
}

// resolve finds the attribute a path such as name.givenName or URN:department
// names.
func (rt *fakeType) resolve(path string) (fakePath, bool) {
	var p fakePath
	list := rt.attrs
	if rest, ok := cutPrefixFold(path, enterpriseURN+":"); ok && rt.extension != nil {
		p.ext, path, list = true, rest, rt.extension
	} else if rest, ok := cutPrefixFold(path, rt.urn+":"); ok {
		path = rest
	}
	name, sub, dotted := strings.Cut(path, ".")
	if p.attr = findAttr(list, name); p.attr == nil {
		return p, false
	}
	if dotted {
		p.sub = findAttr(p.attr.Sub, sub)
		return p, p.sub != nil
	}
	return p, true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// holder is the object an attribute of the path stands in; nil when there is
// none and make is false.
func (p fakePath) holder(doc map[string]any, make bool) map[string]any {
	if !p.ext {
		return doc
	}
	ext, _ := doc[enterpriseURN].(map[string]any)
	if ext == nil && make {
		ext = map[string]any{}
		doc[enterpriseURN] = ext
	}
	return ext
}

// values are the leaf values at the path: of every element, of value where a
// complex attribute is named alone.
func (p fakePath) values(doc map[string]any) []any {
	v := p.holder(doc, false)[p.attr.Name]
	elements := []any{v}
	if list, ok := v.([]any); ok {
		elements = list
	}
	sub := p.sub
	if sub == nil && p.attr.Type == "complex" {
		sub = findAttr(p.attr.Sub, "value")
	}
	var out []any
	for _, e := range elements {
		if object, ok := e.(map[string]any); ok {
			if sub == nil {
				if len(object) > 0 {
					out = append(out, object)
				}
				continue
			}
			e = object[sub.Name]
		}
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

// leaf is the definition a filter compares by.
func (p fakePath) leaf() *fakeAttr {
	switch {
	case p.sub != nil:
		return p.sub
	case p.attr.Type == "complex":
		if v := findAttr(p.attr.Sub, "value"); v != nil {
			return v
		}
	}
	return p.attr
}
