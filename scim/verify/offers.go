package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// offers is what the server advertises. What it does not serve is taken as
// offered: only an honest "no" excuses.
type offers struct {
	spc     any // nil when not served
	schemas []any
	types   []any
}

// discover reads the three discovery documents.
func discover(ctx context.Context, c *client) (offers, error) {
	var o offers
	res, _, err := c.do(ctx, request{method: "GET", path: "/ServiceProviderConfig"})
	if err != nil {
		return o, fmt.Errorf("reach %s: %w", c.redact.text(c.cfg.URL), err)
	}
	if res.Status == http.StatusOK {
		o.spc, _ = res.doc.(map[string]any)
	}
	for path, into := range map[string]*[]any{"/Schemas": &o.schemas, "/ResourceTypes": &o.types} {
		res, _, err := c.do(ctx, request{method: "GET", path: path})
		if err == nil && res.Status == http.StatusOK {
			*into = lookupList(res.doc, "Resources")
		}
	}
	res, _, err = c.do(ctx, request{method: "GET", path: "/Users?count=1"})
	if err == nil && (res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden) {
		return o, fmt.Errorf("%w: GET /Users: %s", ErrUnauthorized, c.redact.text(res.says()))
	}
	return o, nil
}

// lacks says why f is honestly not offered, or "".
func (o offers) lacks(f Feature) string {
	switch f {
	case NeedIndex:
		if lookup(o.spc, "pagination.index") == false {
			return "ServiceProviderConfig says pagination.index is false"
		}
	case NeedCursor:
		if lookup(o.spc, "pagination.cursor") != true {
			return "ServiceProviderConfig does not say pagination.cursor is true"
		}
	case NeedGroups:
		if o.types != nil && !slices.ContainsFunc(o.types, endpointIs("/Groups")) {
			return "ResourceTypes does not list /Groups"
		}
	case NeedEnterprise:
		if o.schemas != nil && o.schema(enterpriseURN) == nil {
			return "Schemas does not list the enterprise extension"
		}
	case NeedPatch, NeedBulk, NeedFilter, NeedSort, NeedETag, NeedPassword:
		if lookup(o.spc, string(f)+".supported") == false {
			return "ServiceProviderConfig says " + string(f) + ".supported is false"
		}
	default:
		return o.lacksAttr(string(f))
	}
	return ""
}

func endpointIs(path string) func(any) bool {
	return func(rt any) bool {
		return strings.EqualFold("/"+strings.Trim(lookupString(rt, "endpoint"), "/"), path)
	}
}

func (o offers) schema(urn string) any {
	for _, s := range o.schemas {
		if strings.EqualFold(lookupString(s, "id"), urn) {
			return s
		}
	}
	return nil
}

// userAttr is the need of an attribute of the core user; sub-attributes are
// written with a dot.
func userAttr(name string) Feature { return Feature("User:" + name) }

func groupAttr(name string) Feature { return Feature("Group:" + name) }

func enterpriseAttr(name string) Feature { return Feature("Enterprise:" + name) }

var schemaOf = map[string]string{"User": userURN, "Group": groupURN, "Enterprise": enterpriseURN}

func (o offers) lacksAttr(f string) string {
	kind, path, _ := strings.Cut(f, ":")
	if o.schemas == nil || commonAttrs[path] {
		return ""
	}
	if o.attr(schemaOf[kind], path) == nil {
		return fmt.Sprintf("Schemas does not list %s of %s", path, schemaOf[kind])
	}
	return ""
}

// commonAttrs belong to every resource and so to no schema (RFC 7643 §3.1).
var commonAttrs = map[string]bool{
	"id": true, "externalId": true, "schemas": true,
	"meta": true, "meta.created": true, "meta.lastModified": true, "meta.resourceType": true, "meta.location": true, "meta.version": true,
}

// attr is the definition of an attribute in a schema, nil when it is not there.
func (o offers) attr(urn, path string) any {
	at := o.schema(urn)
	under := "attributes"
	for name := range strings.SplitSeq(path, ".") {
		i := slices.IndexFunc(lookupList(at, under), func(a any) bool {
			return strings.EqualFold(lookupString(a, "name"), name)
		})
		if i < 0 {
			return nil
		}
		at, under = lookupList(at, under)[i], "subAttributes"
	}
	return at
}

// list names what is offered, for the head of a report.
func (o offers) list() []string {
	if o.spc == nil {
		return []string{"(no ServiceProviderConfig)"}
	}
	var names []string
	for _, f := range []Feature{NeedPatch, NeedBulk, NeedFilter, NeedSort, NeedETag, NeedPassword, NeedIndex, NeedCursor, NeedGroups, NeedEnterprise} {
		if o.lacks(f) == "" {
			names = append(names, string(f))
		}
	}
	return names
}
