package scim

import (
	"net/http"
	"slices"
	"strings"

	"github.com/elimity-com/scim/schema"
)

// serviceProviderConfig says what this door can do (RFC 7643 5, RFC 9865 4), and
// nothing that it cannot.
func (c *call) serviceProviderConfig() error {
	if err := c.unfiltered(); err != nil {
		return err
	}
	yes, no := map[string]any{"supported": true}, map[string]any{"supported": false}
	doc := map[string]any{
		"schemas": []string{urnConfig},
		"patch":   yes, "sort": yes, "etag": yes, "changePassword": no,
		"bulk":   map[string]any{"supported": true, "maxOperations": c.MaxOperations, "maxPayloadSize": c.MaxBody},
		"filter": map[string]any{"supported": true, "maxResults": c.MaxPageSize},
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": c.PageSize, "maxPageSize": c.MaxPageSize, "cursorTimeout": int(cursorTimeout.Seconds()),
		},
		"authenticationSchemes": c.schemes(),
		"meta":                  map[string]any{"resourceType": "ServiceProviderConfig", "location": c.base + "/ServiceProviderConfig"},
	}
	if uris := c.Sources[c.source].EventURIs; len(uris) > 0 {
		doc["securityEvents"] = map[string]any{"asyncRequest": "none", "eventUris": uris}
	}
	return c.json(http.StatusOK, doc)
}

func (c *call) schemas() error {
	var all []any
	for _, d := range c.definitions() {
		all = append(all, c.schema(d))
	}
	return c.discovered(all)
}

// definitions are the schemas of the source: the core's first, each once.
func (c *call) definitions() []extension {
	var all []extension
	for _, r := range c.policy.types.both() {
		all = append(all, extension{r.urn, r.name, r.about, r.attrs})
	}
	for _, r := range c.policy.types.both() {
		for _, e := range r.extensions {
			if !slices.ContainsFunc(all, func(d extension) bool { return strings.EqualFold(d.urn, e.urn) }) {
				all = append(all, e)
			}
		}
	}
	return all
}

// discovered answers with all there is. A filter is refused (RFC 7644 4).
func (c *call) discovered(all []any) error {
	if err := c.unfiltered(); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{
		"schemas": []string{urnList}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all,
	})
}

func (c *call) unfiltered() error {
	if c.query.Has("filter") {
		return refuse(http.StatusForbidden, "discovery cannot be filtered; read it whole or by id")
	}
	return nil
}

func (c *call) schemaByID() error {
	var urns []string
	for _, d := range c.definitions() {
		if strings.EqualFold(c.key, d.urn) {
			if err := c.unfiltered(); err != nil {
				return err
			}
			return c.json(http.StatusOK, c.schema(d))
		}
		urns = append(urns, d.urn)
	}
	return refuse(http.StatusNotFound, "there is no schema %q; there are %s", clip(c.key), strings.Join(urns, ", "))
}

func (c *call) schema(d extension) map[string]any {
	return map[string]any{
		"schemas": []string{urnSchema}, "id": d.urn, "name": d.name, "description": d.about, "attributes": attributes(d.attrs),
		"meta": map[string]any{"resourceType": "Schema", "location": c.base + "/Schemas/" + d.urn},
	}
}

// common are the attributes that no schema lists (RFC 7643 3.1).
var common = map[string]bool{"schemas": true, schema.CommonAttributeID: true, schema.CommonAttributeMeta: true, "externalid": true}

func attributes(attrs []*attr) []any {
	var out []any
	for _, a := range attrs {
		if a.parent == nil && a.urn == "" && common[a.path] {
			continue
		}
		o := map[string]any{
			"name": a.name, "type": a.typ, "multiValued": a.multi, "required": a.required, "caseExact": a.caseExact,
			"mutability": a.mutability, "returned": a.returned, "uniqueness": a.uniqueness, "description": a.about,
		}
		if len(a.canonical) > 0 {
			o["canonicalValues"] = a.canonical
		}
		if len(a.references) > 0 {
			o["referenceTypes"] = a.references
		}
		if len(a.subs) > 0 {
			o["subAttributes"] = attributes(a.subs)
		}
		out = append(out, o)
	}
	return out
}

func (c *call) resourceTypes() error {
	return c.discovered([]any{c.resourceType(c.policy.types.user), c.resourceType(c.policy.types.group)})
}

func (c *call) resourceTypeByID() error {
	for _, r := range c.policy.types.both() {
		if r.name == c.key {
			return c.json(http.StatusOK, c.resourceType(r))
		}
	}
	return refuse(http.StatusNotFound, "there is no resource type %q; there are User and Group", clip(c.key))
}

func (c *call) resourceType(r *resource) map[string]any {
	extensions := []any{}
	for _, e := range r.extensions {
		extensions = append(extensions, map[string]any{"schema": e.urn, "required": false})
	}
	return map[string]any{
		"schemas": []string{urnType}, "id": r.name, "name": r.name, "endpoint": r.endpoint, "description": r.about,
		"schema": r.urn, "schemaExtensions": extensions,
		"meta": map[string]any{"resourceType": "ResourceType", "location": c.base + "/ResourceTypes/" + r.name},
	}
}
