package verify

import "fmt"

const oktaDoc = "Okta developer documentation, SCIM 2.0 reference and Runscope suite"

// okta sends as Okta does: its agent and media type.
func (t *trial) okta(method, path string, body any) *reply {
	res := t.ask(method, path, body, "User-Agent", "Okta SCIM Client 1.0.0", "Content-Type", "application/scim+json; charset=utf-8", "Accept", "application/scim+json")
	if method == "POST" {
		t.own(path, res)
	}
	return res
}

const oktaUser = `{
	"schemas": ["` + userURN + `"], "userName": "{name}",
	"name": {"givenName": "Vera", "familyName": "Ify"},
	"emails": [{"primary": true, "value": "{name}", "type": "work", "display": "{name}"}],
	"displayName": "Vera Ify", "locale": "en-US", "externalId": "00u{name}",
	"groups": [], "password": "{password}", "active": true
}`

func (t *trial) oktaUser() resource {
	name := t.newName()
	body := map[string]any{}
	t.decode(t.with(oktaUser, "{name}", name), &body)
	return t.make("/Users", name, body)
}

// oktaCases are what Okta's wizard applications (AIW, all by PUT) and its
// catalogue applications (OIN, PATCH for some) send.
func oktaCases() []Case {
	return provider(Okta, oktaDoc, "Okta shows the task as failed, and an administrator has to retry it by hand", []Case{
		flow("okta-test-users", "the connection test reads two users", func(t *trial) {
			isList(t.okta("GET", "/Users?startIndex=1&count=2", nil).isStatus(200))
		}),
		flow("okta-test-groups", "the connection test reads a hundred groups", func(t *trial) {
			isList(t.okta("GET", "/Groups?startIndex=1&count=100", nil).isStatus(200))
		}).need(NeedGroups),
		flow("okta-match-none", "a user that is not there answers an empty list or 404", func(t *trial) {
			res := t.okta("GET", "/Users"+queryOf("filter", `userName eq "`+t.tag+`@none.example"`, "startIndex", "1", "count", "100"), nil).isStatus(200, 404)
			if res.Status == 200 {
				res.has(want{"totalResults": 0})
			}
		}),
		flow("okta-match", "a user is matched by userName with paging parameters", func(t *trial) {
			u := t.oktaUser()
			t.okta("GET", "/Users"+queryOf("filter", `userName eq "`+u.name+`"`, "startIndex", "1", "count", "100"), nil).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}),
		flow("okta-create", "Okta's user with groups [] and a password is created, with a body", func(t *trial) {
			name := t.newName()
			t.okta("POST", "/Users", t.with(oktaUser, "{name}", name)).isStatus(201).has(want{"id": present, "userName": name, "active": true, "externalId": "00u" + name, "password": nil})
		}),
		flow("okta-create-duplicate", "an existing user answers 409", func(t *trial) {
			u := t.oktaUser()
			t.okta("POST", "/Users", t.with(oktaUser, "{name}", u.name)).isStatus(409)
		}),
		flow("okta-aiw-update", "AIW: the whole user, read and changed, is put back with id, meta and groups", func(t *trial) {
			u := t.oktaUser()
			body, _ := t.okta("GET", u.path, nil).isStatus(200).doc.(map[string]any)
			body["displayName"], body["groups"] = "Changed", []any{}
			t.okta("PUT", u.path, body).isStatus(200).has(want{"displayName": "Changed"})
			t.read(u.path).has(want{"displayName": "Changed", "userName": u.name})
		}),
		flow("okta-aiw-deactivate", "AIW: a user is deactivated by PUT", func(t *trial) {
			u := t.oktaUser()
			body, _ := t.okta("GET", u.path, nil).isStatus(200).doc.(map[string]any)
			body["active"] = false
			t.okta("PUT", u.path, body).isStatus(200).has(want{"active": false})
			t.read(u.path).has(want{"active": false})
		}).mean("a leaver keeps access: Okta never deletes users, it only deactivates"),
		flow("okta-aiw-reactivate", "AIW: a deactivated user is activated by PUT", func(t *trial) {
			u := t.user(`{"active": false}`)
			body, _ := t.okta("GET", u.path, nil).isStatus(200).doc.(map[string]any)
			body["active"] = true
			t.okta("PUT", u.path, body).isStatus(200)
			t.read(u.path).has(want{"active": true})
		}),
		flow("okta-aiw-group-put", "AIW: a group's members are set by PUT", func(t *trial) {
			a, b := t.oktaUser(), t.oktaUser()
			g := t.group(a)
			t.okta("PUT", g.path, `{"schemas":["`+groupURN+`"],"id":"`+g.id+`","displayName":"`+g.name+`","members":[{"value":"`+b.id+`","display":"`+b.name+`"}]}`).isStatus(200)
			t.hasMembers(g, b)
		}).need(NeedGroups),
		flow("okta-aiw-group-put-null", "AIW: a group with members null is put without a fault", func(t *trial) {
			g := t.group()
			t.okta("PUT", g.path, `{"schemas":["`+groupURN+`"],"id":"`+g.id+`","displayName":"`+g.name+`","members":null}`).isStatus(200)
		}).need(NeedGroups),
		flow("okta-oin-deactivate", "OIN: a user is deactivated by replace without a path", func(t *trial) {
			u := t.oktaUser()
			t.okta("PATCH", u.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","value":{"active":false}}]}`).isStatus(200, 204)
			t.read(u.path).has(want{"active": false, "userName": u.name})
		}).need(NeedPatch),
		flow("okta-oin-password", "OIN: a password is set by replace without a path", func(t *trial) {
			u := t.oktaUser()
			t.okta("PATCH", u.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","value":{"password":"{password}"}}]}`).isStatus(200, 204)
		}).need(NeedPatch),
		flow("okta-group-create", "a group is created with members []", func(t *trial) {
			t.okta("POST", "/Groups", `{"schemas":["`+groupURN+`"],"displayName":"{tag}-g","members":[]}`).isStatus(201).has(want{"id": present, "displayName": "{tag}-g"})
		}).need(NeedGroups),
		flow("okta-group-match", "a group is matched by displayName", func(t *trial) {
			g := t.group()
			t.okta("GET", "/Groups"+queryOf("filter", `displayName eq "`+g.name+`"`, "startIndex", "1", "count", "100"), nil).isStatus(200).has(want{"totalResults": 1})
		}).need(NeedGroups),
		flow("okta-group-rename", "a group is renamed by replace of id and displayName without a path", func(t *trial) {
			u := t.oktaUser()
			g := t.group(u)
			t.okta("PATCH", g.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","value":{"id":"`+g.id+`","displayName":"{tag}-new"}}]}`).isStatus(200, 204)
			t.read(g.path).has(want{"displayName": "{tag}-new", "id": g.id})
			t.hasMembers(g, u)
		}).need(NeedGroups, NeedPatch).mean("Okta sends this with every membership change: refusing it stops group push"),
		flow("okta-group-remove-add", "members are removed and added in one PATCH", func(t *trial) {
			a, b := t.oktaUser(), t.oktaUser()
			g := t.group(a)
			t.okta("PATCH", g.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"remove","path":"members[value eq \"`+a.id+`\"]"},{"op":"add","path":"members","value":[{"value":"`+b.id+`","display":"`+b.name+`"}]}]}`).isStatus(200, 204)
			t.hasMembers(g, b)
		}).need(NeedGroups, NeedPatch),
		flow("okta-group-full-push", "a full push replaces the members", func(t *trial) {
			a, b := t.oktaUser(), t.oktaUser()
			g := t.group(a)
			t.okta("PATCH", g.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","path":"members","value":[{"value":"`+b.id+`","display":"`+b.name+`"}]}]}`).isStatus(200, 204)
			t.hasMembers(g, b)
		}).need(NeedGroups, NeedPatch),
		flow("okta-group-empty-push", "a full push of nobody empties the group", func(t *trial) {
			g := t.group(t.oktaUser())
			t.okta("PATCH", g.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","path":"members","value":[]}]}`).isStatus(200, 204)
			t.hasMembers(g)
		}).need(NeedGroups, NeedPatch),
		flow("okta-group-unlink", "a group is deleted when it is unlinked", func(t *trial) {
			g := t.group(t.oktaUser())
			t.okta("DELETE", g.path, nil).isStatus(204)
		}).need(NeedGroups),
		flow("okta-import-integers", "an import's numbers are integers, and a page beyond the end has itemsPerPage 0", func(t *trial) {
			total := lookupInt(t.okta("GET", "/Users?startIndex=1&count=1", nil).isStatus(200).doc, "totalResults")
			t.ok(total >= 0, "totalResults, an integer", "%d", total)
			t.okta("GET", fmt.Sprintf("/Users?startIndex=%d&count=100", total+1000), nil).isStatus(200).has(want{"itemsPerPage": 0, "Resources": nil})
		}).need(NeedIndex),
		flow("okta-import-order", "an import sees the same order for another count", func(t *trial) {
			p := pagePeople(t)
			byTwo, byThree := p.letters(t.walk(p, 2)), p.letters(t.walk(p, 3))
			t.ok(fmt.Sprint(byTwo) == fmt.Sprint(byThree), fmt.Sprint(byTwo), "%v", byThree)
		}).need(NeedIndex, NeedFilter),
		flow("okta-spec-unknown-user", "Runscope: GET of a random id answers 404 with an Error document", func(t *trial) {
			t.okta("GET", "/Users/010101001010101011001010101011", nil).isError(404, "").has(want{"schemas[0]": errorURN, "detail": present})
		}),
		flow("okta-spec-first-user", "Runscope: a listed user has userName, name, emails and active", func(t *trial) {
			u := t.oktaUser()
			t.okta("GET", u.path, nil).isStatus(200).has(want{"userName": u.name, "name.familyName": "Ify", "name.givenName": "Vera", "emails[0].value": u.name, "active": true})
		}),
	})
}
