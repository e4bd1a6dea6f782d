package verify

import (
	"net/url"
	"strings"
)

// groupCases are create, read and delete of groups (RFC 7643 §4.2).
func groupCases() []Case {
	return area("Groups", "access that hangs on groups is not given, or not taken back", []Case{
		must("rfc7644-3.3-group-create", "POST /Groups answers 201 with the group", func(t *trial) {
			t.create("/Groups", t.groupBody("{tag}-g", "")).isStatus(201).has(want{"id": present, "displayName": "{tag}-g", "meta.resourceType": "Group"})
		}),
		must("rfc7644-3.3-group-location", "a created group's Location header is where it can be read", func(t *trial) {
			res := t.create("/Groups", t.groupBody("{tag}-g", "")).isStatus(201)
			where := res.Header.Get("Location")
			t.ok(strings.HasSuffix(where, "/Groups/"+url.PathEscape(lookupString(res.doc, "id"))), "Location …/Groups/{id}", "Location %q", where)
		}),
		must("rfc7643-4.2-create-with-members", "a group is created with its members", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a, b)
			t.hasMembers(g, a, b)
		}).mean("Okta and Entra may send the members with the group; lost ones have no access"),
		must("rfc7643-4.2-create-empty-members", "a group may be created with members []", func(t *trial) {
			t.create("/Groups", t.groupBody("{tag}-g", `{"members": []}`)).isStatus(201).has(want{"members": nil})
		}).mean("Okta creates every group so"),
		must("rfc7643-4.2-display-required", "a group without displayName is refused", func(t *trial) {
			if lookup(t.run.attr(groupURN, "displayName"), "required") == false {
				t.notApplicable("the schema served, like that of RFC 7643 §8.7.1, does not require displayName")
			}
			t.create("/Groups", map[string]any{"schemas": []string{groupURN}}).isError(400, "invalidValue")
		}),
		must("rfc7643-3.1-group-externalid", "a group's externalId comes back as it was given", func(t *trial) {
			g := t.group()
			t.read(g.path).has(want{"externalId": "ext-" + g.name})
		}),
		must("rfc7644-3.4.1-group-read", "GET /Groups/{id} answers the group", func(t *trial) {
			g := t.group()
			t.read(g.path).has(want{"id": g.id, "displayName": g.name})
		}),
		must("rfc7644-3.4.1-group-unknown", "GET /Groups/{unknown} answers 404", func(t *trial) {
			t.get(t.fill("/Groups/{tag}-none")).isError(404, "")
		}),
		must("rfc7644-3.4.2-group-list", "GET /Groups answers a ListResponse", func(t *trial) {
			t.group()
			isList(t.query("/Groups", "count", "2").isStatus(200))
		}),
		must("rfc7644-3.4.2-group-empty", "a query that finds no group answers 200 with totalResults 0", func(t *trial) {
			isList(t.query("/Groups", "filter", t.fill(`displayName eq "{tag}-nothing"`)).isStatus(200)).has(want{"totalResults": 0})
		}).need(NeedFilter),
		must("rfc7644-3.6-group-delete", "DELETE of a group answers 204 and it is gone", func(t *trial) {
			g := t.group()
			t.ask("DELETE", g.path, nil).isStatus(204)
			t.get(g.path).isError(404, "")
		}),
		must("rfc7644-3.6-group-delete-twice", "a second DELETE of a group answers 404", func(t *trial) {
			g := t.group()
			t.drop(g)
			t.ask("DELETE", g.path, nil).isError(404, "")
		}),
		must("rfc7644-3.6-group-keeps-people", "deleting a group leaves its members be", func(t *trial) {
			u := t.user("")
			t.drop(t.group(u))
			t.read(u.path)
		}),
		must("rfc7644-3.5.1-group-rename", "PUT renames a group", func(t *trial) {
			g := t.group()
			t.ask("PUT", g.path, t.groupBody("{tag}-renamed", "")).isStatus(200)
			t.read(g.path).has(want{"displayName": "{tag}-renamed"})
		}),
		must("rfc7644-3.5.1-group-members", "PUT replaces a group's members", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a)
			body := t.groupBody(g.name, "")
			body["members"] = memberRefs([]resource{b})
			t.ask("PUT", g.path, body).isStatus(200)
			t.hasMembers(g, b)
		}).mean("Okta's wizard applications send memberships by PUT alone; a server that ignores them grants nothing, or never revokes"),
		must("rfc7644-3.5.1-group-no-members", "PUT without members leaves the group empty or as it was", func(t *trial) {
			a := t.user("")
			g := t.group(a)
			t.ask("PUT", g.path, t.groupBody(g.name, "")).isStatus(200)
			n := len(lookupList(t.read(g.path).doc, "members"))
			t.ok(n <= 1, "no member, or the one it had", "%d members", n)
		}),
		must("rfc7644-3.5.1-group-members-empty", "PUT with members [] empties a group", func(t *trial) {
			g := t.group(t.user(""))
			t.ask("PUT", g.path, t.groupBody(g.name, `{"members": []}`)).isStatus(200)
			t.hasMembers(g)
		}).mean("people who left every group keep their access"),
		should("rfc7643-4.2-unknown-member", "a member that is nobody is refused, not dropped in silence", func(t *trial) {
			res := t.create("/Groups", t.groupBody("{tag}-g", `{"members": [{"value": "{tag}-nobody"}]}`))
			if res.Status/100 == 4 {
				return
			}
			res.isStatus(201)
			t.ok(len(lookupList(t.read("/Groups/"+url.PathEscape(lookupString(res.doc, "id"))).doc, "members")) == 1, "HTTP 4xx, or the member kept", "201 and no member")
		}).mean("a membership the server dropped without a word is never sent again"),
	}, NeedGroups)
}

// hasMembers fails unless the group has these members and no others.
func (t *trial) hasMembers(g resource, users ...resource) {
	members := lookupList(t.read(g.path).doc, "members")
	ids := map[string]bool{}
	for _, m := range members {
		ids[lookupString(m, "value")] = true
	}
	for _, u := range users {
		t.ok(ids[u.id], "member "+u.id, "%s", show(members))
	}
	t.ok(len(members) == len(users), plural(len(users), "member"), "%s: %s", plural(len(members), "member"), show(members))
}

// membershipCases are what adding and removing members means (RFC 7644 §3.5.2).
func membershipCases() []Case {
	return area("Membership", "people have access they should not have, or lack what they should", []Case{
		must("rfc7643-4.2-member-value", "a member's value is the user's id", func(t *trial) {
			u := t.user("")
			t.read(t.group(u).path).has(want{"members[0].value": u.id})
		}),
		should("rfc7643-4.2-member-ref", "a member has $ref to the user", func(t *trial) {
			u := t.user("")
			ref := lookupString(t.read(t.group(u).path).doc, "members[0].$ref")
			t.ok(strings.HasSuffix(ref, "/Users/"+u.id), "$ref …/Users/"+u.id, "%q", ref)
		}),
		must("rfc7643-4.1.2-user-groups", "a member's groups name the group", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.read(u.path).has(want{"groups[value=" + g.id + "].value": g.id})
		}).need(userAttr("groups")),
		must("rfc7643-4.1.2-user-groups-after", "a removed member's groups do not name the group", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+u.id+`\"]"}]`).isStatus(200, 204)
			t.read(u.path).has(want{"groups": nil})
		}).need(userAttr("groups"), NeedPatch),
		should("rfc7644-3.5.2.1-member-present", "adding a present member succeeds and does not double it", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, u)
		}).need(NeedPatch).mean("every retry would add the person once more, and a removal then leaves one behind"),
		should("rfc7644-3.5.2.1-member-present-version", "adding a present member does not change the version", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			before := t.read(g.path).doc
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			t.read(g.path).has(want{"meta.lastModified": lookup(before, "meta.lastModified"), "meta.version": lookup(before, "meta.version")})
		}).need(NeedPatch),
		should("rfc7644-3.5.2-member-deleted", "a deleted user is no member any more", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a, b)
			t.drop(a)
			t.hasMembers(g, b)
		}).mean("a person created anew under the same id, or a dangling id, keeps access"),
		should("rfc7643-4.2-inactive-keeps", "an inactive user keeps its memberships", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(u.path, `[{"op":"replace","path":"active","value":false}]`).isStatus(200, 204)
			t.patch(u.path, `[{"op":"replace","path":"active","value":true}]`).isStatus(200, 204)
			t.hasMembers(g, u)
		}).need(NeedPatch, userAttr("active")).mean("Entra does not send memberships again when it enables a person"),
		must("rfc7644-3.5.2-member-many", "one PATCH adds a hundred members", func(t *trial) {
			var users []resource
			for range 100 {
				users = append(users, t.user(`{"emails": null}`))
			}
			g := t.group()
			t.patch(g.path, `[{"op":"add","path":"members","value":`+refsJSON(users)+`}]`).isStatus(200, 204)
			t.hasMembers(g, users...)
		}).need(NeedPatch),
		must("rfc7643-4.2-group-in-group", "a group may be a member of a group, or is refused", func(t *trial) {
			inner := t.group()
			res := t.create("/Groups", t.groupBody("{tag}-outer", `{"members": [{"value": "`+inner.id+`", "type": "Group"}]}`))
			if res.Status/100 == 4 {
				return
			}
			res.isStatus(201).has(want{"members[0].value": inner.id})
		}),
		must("rfc7643-4.2-group-in-itself", "a group that contains itself does not break the server", func(t *trial) {
			g := t.group()
			res := t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+g.id+`","type":"Group"}]}]`)
			t.ok(res.Status < 500, "HTTP 2xx or 4xx", "%s", res.says())
			t.read(g.path)
		}).need(NeedPatch),
	}, NeedGroups)
}

// errorCases are error documents (RFC 7644 §3.12) and wrong requests.
func errorCases() []Case {
	document := func(id, title string, ask func(*trial) *reply, status int) Case {
		return must("rfc7644-3.12-"+id, title, func(t *trial) {
			res := ask(t).isStatus(status)
			res.has(want{"schemas[0]": errorURN, "status": present})
			t.ok(strings.Trim(show(lookup(res.doc, "status")), `"`) == strings.Fields(statusText(status))[0], "status "+statusText(status)[:3]+" in the document", "%s", show(lookup(res.doc, "status")))
		})
	}
	create := func(id, says string, body func(*trial) any) Case {
		return must("rfc7644-3.3-refuses-"+id, "a user with "+says+" is refused", func(t *trial) {
			t.create("/Users", body(t)).isError(400, "")
		})
	}
	scimType := func(id, title, types string, ask func(*trial) *reply) Case {
		return should("rfc7644-3.12-scimtype-"+id, title, func(t *trial) { ask(t).isError(400, types) })
	}
	advised := func(id, says string, body func(*trial) any) Case {
		c := create(id, says, body)
		c.Level = Should
		return c
	}
	usual := func(overlay string) func(*trial) any {
		return func(t *trial) any { return t.userBody(t.newName(), overlay) }
	}
	return area("Errors", "the identity provider cannot tell its administrator what is wrong, or retries what can never work", []Case{
		document("document-404", "a 404 carries an Error document", func(t *trial) *reply { return t.get(t.fill("/Users/{tag}-none")) }, 404),
		document("document-409", "a 409 carries an Error document", func(t *trial) *reply {
			return t.create("/Users", t.userBody(t.user("").name, ""))
		}, 409),
		document("document-400", "a 400 carries an Error document", func(t *trial) *reply {
			return t.ask("POST", "/Users", `{"schemas":["`+userURN+`"]}`)
		}, 400),
		must("rfc7644-3.12-status-string", "status in an Error document is a JSON string", func(t *trial) {
			t.get(t.fill("/Users/{tag}-none")).isStatus(404).has(want{"status": "404"})
		}),
		should("rfc7644-3.12-content-type", "an Error document is application/scim+json", func(t *trial) {
			isSCIMType(t.get(t.fill("/Users/{tag}-none")).isStatus(404))
		}),
		should("rfc7644-3.12-detail", "an Error document says what is wrong", func(t *trial) {
			t.ask("POST", "/Users", `{"schemas":["`+userURN+`"]}`).isStatus(400).has(want{"detail": present})
		}),
		must("rfc7644-3.12-unauthorized", "a request without a credential answers 401", func(t *trial) {
			t.get("/Users?count=1", "Authorization", "").isStatus(401)
		}).mean("anybody may read and change the directory"),
		must("rfc7644-3.12-wrong-token", "a wrong credential answers 401", func(t *trial) {
			t.get("/Users?count=1", "Authorization", "Bearer gbv-wrong").isStatus(401)
		}).mean("anybody may read and change the directory"),
		must("rfc7644-2-unauthorized-write", "a write without a credential answers 401", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), ""), "Authorization", "").isStatus(401)
		}).mean("anybody may read and change the directory"),
		should("rfc7644-2-www-authenticate", "a 401 says which scheme in WWW-Authenticate", func(t *trial) {
			res := t.get("/Users?count=1", "Authorization", "").isStatus(401)
			t.ok(res.Header.Get("WWW-Authenticate") != "", "a WWW-Authenticate header", "none")
		}),
		create("no-username", "no userName", func(*trial) any { return `{"schemas":["` + userURN + `"],"displayName":"{tag}"}` }),
		create("empty-username", "an empty userName", func(*trial) any { return `{"schemas":["` + userURN + `"],"userName":""}` }),
		create("null-username", "a null userName", func(*trial) any { return `{"schemas":["` + userURN + `"],"userName":null}` }),
		create("array-username", "an array for userName", usual(`{"userName": ["{name}"]}`)),
		create("object-username", "an object for userName", usual(`{"userName": {"value": "{name}"}}`)),
		create("number-active", "a number for active", usual(`{"active": 7}`)).need(userAttr("active")),
		create("word-active", "a word for active", usual(`{"active": "maybe"}`)).need(userAttr("active")),
		create("string-emails", "a string for emails", usual(`{"emails": "{name}"}`)).need(userAttr("emails")),
		create("string-name", "a string for name", usual(`{"name": "Vera Ify"}`)).need(userAttr("name")),
		advised("no-schemas", "no schemas", func(t *trial) any { return t.with(`{"userName":"{name}"}`, "{name}", t.newName()) }),
		advised("wrong-schemas", "another resource's schema", usual(`{"schemas": ["`+groupURN+`"]}`)),
		create("broken-json", "JSON that breaks off", func(t *trial) any { return `{"schemas":["` + userURN + `"],"userName":"{tag}"` }),
		create("array-body", "an array for a body", func(t *trial) any { return `[]` }),
		must("rfc7644-3.3-refuses-empty-body", "a POST without a body is refused", func(t *trial) {
			t.ask("POST", "/Users", nil, "Content-Type", "application/scim+json").isError(400, "")
		}),
		advised("trailing-garbage", "something behind the JSON", func(t *trial) any {
			return t.with(`{"schemas":["`+userURN+`"],"userName":"{name}"} trailing`, "{name}", t.newName())
		}),
		scimType("required", "a missing required value answers scimType invalidValue", "invalidValue", func(t *trial) *reply {
			return t.create("/Users", `{"schemas":["`+userURN+`"],"displayName":"{tag}"}`)
		}),
		scimType("syntax", "JSON that breaks off answers scimType invalidSyntax", "invalidSyntax", func(t *trial) *reply {
			return t.ask("POST", "/Users", `{"schemas":["`+userURN+`"],"userName":`)
		}),
		scimType("op", "an unknown op answers scimType invalidSyntax or invalidValue", "invalidSyntax|invalidValue", func(t *trial) *reply {
			return t.patch(t.user("").path, `[{"op":"spindle","path":"displayName","value":"x"}]`)
		}).need(NeedPatch),
		scimType("path", "an unknown path answers scimType invalidPath or noTarget", "invalidPath|noTarget", func(t *trial) *reply {
			return t.patch(t.user("").path, `[{"op":"replace","path":"gbvNoSuch","value":"x"}]`)
		}).need(NeedPatch),
		must("rfc7644-3.2-unknown-endpoint", "an unknown endpoint answers 404", func(t *trial) { t.get("/GbvNothing").isStatus(404) }),
		should("rfc7644-3.2-method-collection", "PUT on /Users answers 405", func(t *trial) {
			t.ask("PUT", "/Users", `{"schemas":["`+userURN+`"]}`).isStatus(405)
		}),
		should("rfc7644-3.2-method-patch-collection", "PATCH on /Users answers 405", func(t *trial) {
			t.patch("/Users", `[{"op":"add","path":"title","value":"x"}]`).isStatus(405)
		}),
		should("rfc7644-3.2-method-resource", "POST on a user answers 405", func(t *trial) {
			u := t.user("")
			t.ask("POST", u.path, t.userBody(t.newName(), "")).isStatus(405)
		}),
		should("rfc7644-3.2-method-allow", "a 405 says what is allowed", func(t *trial) {
			res := t.ask("PUT", "/Users", `{"schemas":["`+userURN+`"]}`).isStatus(405)
			t.ok(res.Header.Get("Allow") != "", "an Allow header", "none")
		}),
	})
}
