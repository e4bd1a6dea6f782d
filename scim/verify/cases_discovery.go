package verify

import (
	"fmt"
	"strings"
)

// discoveryCases are RFC 7644 §4 and the schemas of RFC 7643 §5 to §8.
func discoveryCases() []Case {
	cases := []Case{
		must("rfc7644-4-spc", "GET /ServiceProviderConfig answers 200", func(t *trial) {
			t.get("/ServiceProviderConfig").isStatus(200).has(want{"schemas[0]": "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"})
		}),
		must("rfc7643-5-spc-auth", "ServiceProviderConfig lists authenticationSchemes with type, name and description", func(t *trial) {
			list := lookupList(t.get("/ServiceProviderConfig").isStatus(200).doc, "authenticationSchemes")
			t.ok(len(list) > 0, "at least one authentication scheme", "none")
			for _, s := range list {
				t.check(s, want{"type": present, "name": present, "description": present})
			}
		}),
		must("rfc7643-5-spc-bulk-limits", "ServiceProviderConfig gives bulk.maxOperations and bulk.maxPayloadSize as integers", func(t *trial) {
			doc := t.get("/ServiceProviderConfig").isStatus(200).doc
			for _, key := range []string{"bulk.maxOperations", "bulk.maxPayloadSize"} {
				t.ok(lookupInt(doc, key) >= 0, key+" is an integer", "%s", show(lookup(doc, key)))
			}
		}).mean("authentik takes its chunk size from bulk.maxOperations, also where bulk is not supported"),
		must("rfc7643-5-spc-filter-limit", "ServiceProviderConfig gives filter.maxResults as an integer", func(t *trial) {
			doc := t.get("/ServiceProviderConfig").isStatus(200).doc
			t.ok(lookupInt(doc, "filter.maxResults") >= 0, "filter.maxResults is an integer", "%s", show(lookup(doc, "filter.maxResults")))
		}),
		should("rfc7644-4-spc-content-type", "discovery answers as application/scim+json", func(t *trial) {
			isSCIMType(t.get("/ServiceProviderConfig").isStatus(200))
		}),
		must("rfc7644-4-schemas", "GET /Schemas answers a ListResponse", func(t *trial) {
			isList(t.get("/Schemas").isStatus(200))
		}),
		must("rfc7644-4-schemas-user", "GET /Schemas lists the core user", func(t *trial) {
			t.ok(inList(t.get("/Schemas").isStatus(200), "id", userURN), "a schema with id "+userURN, "none")
		}),
		must("rfc7644-4-schemas-group", "GET /Schemas lists the core group", func(t *trial) {
			t.ok(inList(t.get("/Schemas").isStatus(200), "id", groupURN), "a schema with id "+groupURN, "none")
		}).need(NeedGroups),
		must("rfc7644-4-schemas-no-null", "no attribute definition holds null", func(t *trial) {
			res := t.get("/Schemas").isStatus(200)
			t.ok(!strings.Contains(strings.ReplaceAll(string(res.Body), " ", ""), ":null"), "no null", "a member with value null")
		}).mean("Entra reads /Schemas when the configuration is saved and chokes on null"),
		must("rfc7643-7-definitions", "every attribute definition says name, type, multiValued, mutability and returned", func(t *trial) {
			for _, s := range lookupList(t.get("/Schemas").isStatus(200).doc, "Resources") {
				defined(t, lookupString(s, "id"), lookupList(s, "attributes"))
			}
		}),
		must("rfc7643-7-username-required", "the schema of users requires userName, unique on the server", func(t *trial) {
			t.get("/Schemas/" + userURN).isStatus(200)
			t.check(t.attrOf(userURN, "userName"), want{"required": true, "uniqueness": "server", "multiValued": false, "type": "string"})
		}),
		must("rfc7643-7-members-multivalued", "the schema of groups has members, complex and multi-valued", func(t *trial) {
			t.check(t.attrOf(groupURN, "members"), want{"type": "complex", "multiValued": true})
		}).need(NeedGroups, groupAttr("members")),
		must("rfc7643-7-password-never", "the schema says of password: writeOnly, never returned", func(t *trial) {
			t.check(t.attrOf(userURN, "password"), want{"mutability": "writeOnly", "returned": "never"})
		}).need(userAttr("password")),
		must("rfc7643-7-groups-readonly", "the schema says of a user's groups: readOnly", func(t *trial) {
			t.check(t.attrOf(userURN, "groups"), want{"mutability": "readOnly"})
		}).need(userAttr("groups")),
		must("rfc7644-4-schema-user", "GET /Schemas/{urn} answers the schema of users", func(t *trial) {
			t.get("/Schemas/" + userURN).isStatus(200).has(want{"id": userURN, "attributes": present})
		}),
		must("rfc7644-4-schema-group", "GET /Schemas/{urn} answers the schema of groups", func(t *trial) {
			t.get("/Schemas/" + groupURN).isStatus(200).has(want{"id": groupURN, "attributes": present})
		}).need(NeedGroups),
		must("rfc7644-4-schema-enterprise", "GET /Schemas/{urn} answers the enterprise extension", func(t *trial) {
			t.get("/Schemas/" + enterpriseURN).isStatus(200).has(want{"id": enterpriseURN, "attributes": present})
		}).need(NeedEnterprise),
		must("rfc7644-4-schema-unknown", "GET /Schemas/{unknown} answers 404", func(t *trial) {
			t.get("/Schemas/urn:example:gbv:none").isError(404, "")
		}),
		must("rfc7644-4-types", "GET /ResourceTypes answers a ListResponse", func(t *trial) {
			isList(t.get("/ResourceTypes").isStatus(200))
		}),
		must("rfc7643-6-types-user", "ResourceTypes lists User at /Users with its schema", func(t *trial) {
			t.check(typeOf(t, "/Users"), want{"name": "User", "schema": userURN})
		}),
		must("rfc7643-6-types-group", "ResourceTypes lists Group at /Groups with its schema", func(t *trial) {
			t.check(typeOf(t, "/Groups"), want{"name": "Group", "schema": groupURN})
		}).need(NeedGroups),
		must("rfc7643-6-types-enterprise", "ResourceTypes lists the enterprise extension of User, saying whether it is required", func(t *trial) {
			t.check(typeOf(t, "/Users"), want{"schemaExtensions[schema=" + enterpriseURN + "].required": present})
		}).need(NeedEnterprise),
		must("rfc7644-4-type-user", "GET /ResourceTypes/User answers the resource type", func(t *trial) {
			t.get("/ResourceTypes/User").isStatus(200).has(want{"name": "User", "schema": userURN})
		}),
		must("rfc7644-4-type-unknown", "GET /ResourceTypes/{unknown} answers 404", func(t *trial) {
			t.get("/ResourceTypes/GbvNone").isError(404, "")
		}),
		must("rfc7643-6-types-agree", "every schema a resource type names is served by /Schemas", func(t *trial) {
			for _, rt := range lookupList(t.get("/ResourceTypes").isStatus(200).doc, "Resources") {
				t.get("/Schemas/" + lookupString(rt, "schema")).isStatus(200)
			}
		}),
		must("rfc7644-4-list-total", "discovery lists say totalResults truly", func(t *trial) {
			for _, path := range []string{"/Schemas", "/ResourceTypes"} {
				res := t.get(path).isStatus(200)
				n := len(lookupList(res.doc, "Resources"))
				t.ok(lookupInt(res.doc, "totalResults") == n, fmt.Sprintf("totalResults %d at %s, as all are listed", n, path), "%s", show(lookup(res.doc, "totalResults")))
			}
		}),
	}
	for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes"} {
		name := strings.ToLower(path[1:])
		cases = append(cases,
			must("rfc7644-4-filter-"+name, "a filter on "+path+" answers 403", func(t *trial) {
				t.query(path, "filter", `id eq "gbv"`).isError(403, "")
			}).mean("a client that believes its filter was applied takes the wrong document for the answer"),
			should("rfc7644-4-method-"+name, "POST, PUT, PATCH and DELETE on "+path+" answer 405", func(t *trial) {
				for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
					t.ask(method, path, `{"schemas":["urn:example:gbv"]}`).isStatus(405)
				}
			}))
	}
	// RFC 7644 §4: "If a "filter" is provided, the service provider SHOULD respond
	// with HTTP status code 403".
	for i := range cases {
		if strings.HasPrefix(cases[i].ID, "rfc7644-4-filter-") {
			cases[i].Level = Should
		}
	}
	return area("Discovery", "identity providers read discovery before anything else, to learn what they may send", cases)
}

func isSCIMType(r *reply) {
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(strings.ToLower(got), "application/scim+json") {
		r.t.fail("Content-Type application/scim+json", "Content-Type "+got)
	}
}

// isList fails unless the answer is a well-formed ListResponse (RFC 7644 §3.4.2).
func isList(r *reply) *reply {
	r.has(want{"schemas[0]": listURN})
	total := lookupInt(r.doc, "totalResults")
	r.t.ok(total >= 0, "totalResults, an integer", "%s", show(lookup(r.doc, "totalResults")))
	if resources := lookup(r.doc, "Resources"); resources != nil {
		_, ok := resources.([]any)
		r.t.ok(ok, "Resources, an array", "%s", show(resources))
	}
	r.t.ok(total > 0 || len(lookupList(r.doc, "Resources")) == 0, "no Resources, as totalResults is 0", "%d", len(lookupList(r.doc, "Resources")))
	return r
}

func inList(r *reply, key, value string) bool {
	for _, e := range lookupList(r.doc, "Resources") {
		if strings.EqualFold(lookupString(e, key), value) {
			return true
		}
	}
	return false
}

func typeOf(t *trial, endpoint string) any {
	for _, rt := range lookupList(t.get("/ResourceTypes").isStatus(200).doc, "Resources") {
		if endpointIs(endpoint)(rt) {
			return rt
		}
	}
	t.fail("a resource type with endpoint "+endpoint, "none")
	return nil
}

// attrOf is an attribute definition as the server serves it now.
func (t *trial) attrOf(urn, path string) any {
	o := offers{schemas: []any{t.get("/Schemas/" + urn).isStatus(200).doc}}
	a := o.attr(urn, path)
	if a == nil {
		t.fail("a definition of "+path+" in "+urn, "none")
	}
	return a
}

// defined fails unless every definition has the characteristics that have no
// default to fall back on for a reader (RFC 7643 §7).
func defined(t *trial, where string, attrs []any) {
	for _, a := range attrs {
		name := where + " " + lookupString(a, "name")
		for _, key := range []string{"name", "type", "multiValued", "mutability", "returned"} {
			t.ok(lookup(a, key) != nil, key+" of "+name, "%s", show(a))
		}
		defined(t, name, lookupList(a, "subAttributes"))
	}
}
