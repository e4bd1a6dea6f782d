package verify

import (
	"net/url"
	"strings"
	"time"
)

// userCases are create, read, replace and delete of users (RFC 7644 §3.3 to §3.6).
func userCases() []Case {
	return area("Users", "joiners are not created, or leavers not removed", []Case{
		must("rfc7644-3.3-create", "POST /Users answers 201 with the user", func(t *trial) {
			name := t.newName()
			t.create("/Users", t.userBody(name, "")).isStatus(201).has(want{"id": present, "userName": name, "meta.resourceType": "User"})
		}),
		must("rfc7644-3.3-create-location", "a created user's Location header is where it can be read", func(t *trial) {
			res := t.create("/Users", t.userBody(t.newName(), "")).isStatus(201)
			where := res.Header.Get("Location")
			t.ok(strings.HasSuffix(where, "/Users/"+url.PathEscape(lookupString(res.doc, "id"))), "Location …/Users/{id}", "Location %q", where)
			t.ok(sameLocation(where, lookupString(res.doc, "meta.location")), "Location equal to meta.location", "%q and %q", where, lookupString(res.doc, "meta.location"))
		}),
		must("rfc7644-3.3-create-minimal", "a user of nothing but userName is created", func(t *trial) {
			name := t.newName()
			t.create("/Users", map[string]any{"schemas": []string{userURN}, "userName": name}).isStatus(201).has(want{"userName": name})
		}),
		must("rfc7643-3.1-meta", "meta holds resourceType, created, lastModified and location", func(t *trial) {
			u := t.user("")
			doc := t.read(u.path).doc
			t.check(doc, want{"meta.resourceType": "User", "meta.location": present})
			for _, key := range []string{"meta.created", "meta.lastModified"} {
				_, err := time.Parse(time.RFC3339Nano, lookupString(doc, key))
				t.ok(err == nil, key+", a dateTime with time zone", "%s", show(lookup(doc, key)))
			}
		}),
		must("rfc7643-3.1-id-issued", "the server issues the id, whatever the client sends", func(t *trial) {
			res := t.create("/Users", t.userBody(t.newName(), `{"id": "{tag}-chosen"}`)).isStatus(201)
			t.ok(lookupString(res.doc, "id") != t.fill("{tag}-chosen"), "an id of the server's own", "the client's")
		}),
		must("rfc7643-3.1-id-distinct", "two users have two ids", func(t *trial) {
			a, b := t.user(""), t.user("")
			t.ok(a.id != b.id, "two ids", "%s twice", a.id)
		}),
		must("rfc7643-3.1-meta-ignored", "a client's meta is ignored", func(t *trial) {
			u := t.user(`{"meta": {"resourceType": "User", "created": "2001-01-01T00:00:00Z", "version": "W/\"gbv\""}}`)
			got := lookupString(t.read(u.path).doc, "meta.created")
			t.ok(!strings.HasPrefix(got, "2001-"), "meta.created of now", "%s", got)
		}),
		must("rfc7643-3.1-externalid", "externalId comes back as it was given", func(t *trial) {
			u := t.user(`{"externalId": "Ext-{tag}-MixedCase"}`)
			t.read(u.path).has(want{"externalId": "Ext-{tag}-MixedCase"})
		}).mean("externalId is how Entra and Okta know their person again"),
		must("rfc7643-3.1-schemas-listed", "a user's schemas lists the core URN", func(t *trial) {
			list := lookupList(t.read(t.user("").path).doc, "schemas")
			t.ok(containsFold(list, userURN), "schemas with "+userURN, "%s", show(list))
		}),
		must("rfc7643-3-schemas-extension", "schemas lists the extension of a user who has one", func(t *trial) {
			u := t.user(`{"{ent}": {"department": "D {tag}"}}`)
			list := lookupList(t.read(u.path).doc, "schemas")
			t.ok(containsFold(list, enterpriseURN), "schemas with "+enterpriseURN, "%s", show(list))
		}).need(NeedEnterprise),
		must("rfc7643-2.1-names-any-case", "attribute names are accepted in any case", func(t *trial) {
			name := t.newName()
			body := t.with(`{"schemas": ["`+userURN+`"], "USERNAME": "{name}", "DisplayName": "Any {tag}", "NAME": {"FAMILYNAME": "Case"}}`, "{name}", name)
			t.create("/Users", body).isStatus(201).has(want{"userName": name, "displayName": "Any {tag}", "name.familyName": "Case"})
		}),
		must("rfc7644-3.4.1-read", "GET /Users/{id} answers the user", func(t *trial) {
			u := t.user("")
			t.read(u.path).has(want{"id": u.id, "userName": u.name})
		}),
		must("rfc7644-3.4.1-read-unknown", "GET /Users/{unknown} answers 404", func(t *trial) {
			t.get(t.fill("/Users/{tag}-none")).isError(404, "")
		}),
		must("rfc7644-3.4.1-read-other-type", "a user's id is no group's", func(t *trial) {
			u := t.user("")
			t.get("/Groups/"+url.PathEscape(u.id)).isError(404, "")
		}).need(NeedGroups),
		must("rfc7644-3.4.2-list", "GET /Users answers a ListResponse", func(t *trial) {
			t.user("")
			isList(t.query("/Users", "count", "2").isStatus(200))
		}),
		must("rfc7644-3.4.2-list-empty", "a query that finds nobody answers 200 with totalResults 0", func(t *trial) {
			res := t.query("/Users", "filter", t.fill(`userName eq "{tag}-nobody"`))
			isList(res.isStatus(200)).has(want{"totalResults": 0})
		}).need(NeedFilter).mean("Entra takes a 404 here for a broken application and quarantines it"),
		should("rfc7644-3.4.2-list-empty-array", "an empty list is [], not null", func(t *trial) {
			res := t.query("/Users", "filter", t.fill(`userName eq "{tag}-nobody"`)).isStatus(200)
			_, isNull := res.doc.(map[string]any)["Resources"]
			t.ok(!isNull || strings.Contains(compact(res.Body), `"Resources":[]`), "Resources [] or none", "%s", shorten(string(res.Body), 120))
		}).need(NeedFilter),
		must("rfc7644-3.4.2-list-has-made", "a user made is found by filter at once", func(t *trial) {
			u := t.user("")
			found := t.list("/Users", "filter", `userName eq "`+u.name+`"`)
			t.ok(len(found) == 1 && lookupString(found[0], "id") == u.id, "the user alone", "%d resources", len(found))
		}).need(NeedFilter),
		must("rfc7644-3.6-delete", "DELETE answers 204 without a body", func(t *trial) {
			u := t.user("")
			res := t.ask("DELETE", u.path, nil).isStatus(204)
			t.ok(len(res.Body) == 0, "no body", "%d bytes", len(res.Body))
		}),
		must("rfc7644-3.6-deleted-read", "a deleted user is gone from GET", func(t *trial) {
			u := t.user("")
			t.drop(u)
			t.get(u.path).isError(404, "")
		}),
		must("rfc7644-3.6-deleted-list", "a deleted user is gone from lists", func(t *trial) {
			u := t.user("")
			t.drop(u)
			found := t.list("/Users", "filter", `userName eq "`+u.name+`"`)
			t.ok(len(found) == 0, "nobody", "%d resources", len(found))
		}).need(NeedFilter),
		must("rfc7644-3.6-delete-twice", "a second DELETE answers 404", func(t *trial) {
			u := t.user("")
			t.drop(u)
			t.ask("DELETE", u.path, nil).isError(404, "")
		}).mean("Entra's validator asks for it; retries after a lost answer depend on it"),
		must("rfc7644-3.6-delete-unknown", "DELETE of an unknown user answers 404", func(t *trial) {
			t.ask("DELETE", t.fill("/Users/{tag}-none"), nil).isError(404, "")
		}),
		must("rfc7644-3.6-deleted-patch", "PATCH of a deleted user answers 404", func(t *trial) {
			u := t.user("")
			t.drop(u)
			t.patch(u.path, `[{"op":"replace","path":"displayName","value":"Ghost"}]`).isError(404, "")
		}).need(NeedPatch),
		must("rfc7644-3.6-deleted-put", "PUT of a deleted user answers 404", func(t *trial) {
			u := t.user("")
			t.drop(u)
			t.ask("PUT", u.path, t.userBody(u.name, "")).isError(404, "")
		}),
		must("rfc7644-3.6-deleted-name-free", "a deleted user's userName may be used again", func(t *trial) {
			u := t.user("")
			t.drop(u)
			res := t.create("/Users", t.userBody(u.name, "")).isStatus(201)
			t.ok(lookupString(res.doc, "id") != u.id, "an id never used before", "%s again", u.id)
		}).mean("a person who comes back cannot be created again"),
		must("rfc7643-4.1.1-inactive-readable", "an inactive user stays readable", func(t *trial) {
			u := t.user(`{"active": false}`)
			t.read(u.path).has(want{"active": false})
		}).need(userAttr("active")).mean("Entra disables first and deletes 30 days later; a user it cannot read it creates again"),
		must("rfc7643-4.1.1-inactive-listed", "an inactive user is found by filter", func(t *trial) {
			u := t.user(`{"active": false}`)
			found := t.list("/Users", "filter", `userName eq "`+u.name+`"`)
			t.ok(len(found) == 1, "the inactive user", "%d resources", len(found))
		}).need(NeedFilter, userAttr("active")),
		must("rfc7643-4.1.1-inactive-name-taken", "an inactive user's userName stays taken", func(t *trial) {
			u := t.user(`{"active": false}`)
			t.create("/Users", t.userBody(u.name, "")).isError(409, "uniqueness")
		}).need(userAttr("active")),
		must("rfc7644-3.3-unique", "a second user of the same userName is refused with 409 uniqueness", func(t *trial) {
			u := t.user("")
			t.create("/Users", t.userBody(u.name, `{"externalId": "other-{name}"}`)).isError(409, "uniqueness")
		}).mean("Okta and Entra link to the existing person on 409; anything else makes a twin or an endless retry"),
		must("rfc7643-4.1.1-unique-case", "userName is unique disregarding case", func(t *trial) {
			t.sameCase(userURN, "userName", false)
			u := t.user("")
			t.create("/Users", t.userBody(strings.ToUpper(u.name), `{"externalId": "other-{name}"}`)).isError(409, "uniqueness")
		}).mean("Vera@corp and vera@corp are one person to every identity provider"),
		should("rfc7644-3.3-unique-names-it", "the refusal of a taken userName says so in detail", func(t *trial) {
			u := t.user("")
			res := t.create("/Users", t.userBody(u.name, "")).isError(409, "")
			t.ok(strings.Contains(strings.ToLower(lookupString(res.doc, "detail")), "username"), "a detail that names userName", "%s", show(lookup(res.doc, "detail")))
		}),
	})
}

// sameCase ends the case where the schema served has another caseExact.
func (t *trial) sameCase(urn, path string, exact bool) {
	if served, ok := lookup(t.run.attr(urn, path), "caseExact").(bool); ok && served != exact {
		t.notApplicable("the schema served says otherwise of caseExact for " + path)
	}
}

func containsFold(list []any, s string) bool {
	for _, e := range list {
		if have, ok := e.(string); ok && strings.EqualFold(have, s) {
			return true
		}
	}
	return false
}

// sameLocation compares two references, of which one may be relative.
func sameLocation(a, b string) bool {
	return a == b || a != "" && b != "" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}

func compact(body []byte) string { return strings.Join(strings.Fields(string(body)), "") }
