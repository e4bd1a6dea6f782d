package verify

import (
	"encoding/base64"
	"strconv"
)

// oneLoginCases are OneLogin's forms, as in a server's log (authentik #11249).
func oneLoginCases() []Case {
	const legacy = `"schemas":["urn:scim:schemas:core:2.0","urn:scim:schemas:extension:enterprise:2.0"]`
	return provider(OneLogin, "OneLogin SCIM provisioner, as seen in authentik #11249", "OneLogin marks the person as failed and goes on asking", []Case{
		flow("onelogin-trailing-ampersand", "a query that ends in & is answered", func(t *trial) {
			u := t.user("")
			t.get("/Users" + queryOf("filter", `userName eq "`+u.name+`"`) + "&").isStatus(200).has(want{"totalResults": 1})
		}),
		flow("onelogin-plus", "a filter with + for spaces is answered", func(t *trial) {
			u := t.user("")
			t.get(`/Users?filter=userName+eq+%22` + u.name + `%22&`).isStatus(200).has(want{"totalResults": 1})
		}),
		flow("onelogin-create-legacy-urns", "a user with OneLogin's own schema names is created", func(t *trial) {
			name := t.newName()
			t.create("/Users", t.with(`{`+legacy+`,"userName":"{name}","active":true,"name":{"familyName":"Ify","givenName":"Vera"},"emails":[{"value":"{name}","type":"work","primary":true}]}`, "{name}", name)).isStatus(201).has(want{"userName": name})
		}),
		flow("onelogin-put-question-mark", "PUT to an address that ends in ? with its schema names replaces", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path+"?", t.with(`{`+legacy+`,"userName":"{name}","displayName":"By PUT","active":true}`, "{name}", u.name)).isStatus(200)
			t.read(u.path).has(want{"displayName": "By PUT"})
		}),
		flow("onelogin-core-1", "the schema names of SCIM 1, still in its templates, are taken", func(t *trial) {
			t.create("/Users", t.with(`{"schemas":["urn:scim:schemas:core:1.0"],"userName":"{name}","active":true}`, "{name}", t.newName())).isStatus(201)
		}),
		flow("onelogin-group-patch", "a member is added and removed by PATCH", func(t *trial) {
			u := t.user("")
			g := t.group()
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, u)
			t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+u.id+`\"]"}]`).isStatus(200, 204)
			t.hasMembers(g)
		}).need(NeedGroups, NeedPatch),
		flow("onelogin-deactivate", "a user is deactivated by PATCH", func(t *trial) {
			u := t.user("")
			t.patch(u.path, `[{"op":"replace","path":"active","value":false}]`).isStatus(200, 204)
			t.read(u.path).has(want{"active": false})
		}).need(NeedPatch),
	})
}

// jumpCloudCases are JumpCloud's activation and its later forms.
func jumpCloudCases() []Case {
	return provider(JumpCloud, "JumpCloud, custom SCIM Identity Management connector", "JumpCloud does not activate the connector", []Case{
		flow("jumpcloud-activation-user", "activation creates, changes and deletes a test user", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"name": {"givenName": "Test", "familyName": "Changed"}}`)).isStatus(200)
			t.read(u.path).has(want{"name.familyName": "Changed"})
			t.ask("DELETE", u.path, nil).isStatus(204)
		}),
		flow("jumpcloud-activation-deactivate", "where it may not delete, activation deactivates", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"active": false}`)).isStatus(200)
			t.read(u.path).has(want{"active": false})
		}),
		flow("jumpcloud-activation-group", "activation creates, renames and deletes a test group", func(t *trial) {
			g := t.group()
			t.patch(g.path, `[{"op":"replace","value":{"displayName":"{tag}-new"}}]`).isStatus(200, 204)
			t.read(g.path).has(want{"displayName": "{tag}-new"})
			t.ask("DELETE", g.path, nil).isStatus(204)
		}).need(NeedGroups, NeedPatch),
		flow("jumpcloud-core-only", "a user without the extension is created", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), "")).isStatus(201)
		}),
		flow("jumpcloud-rename", "a group is renamed by replace without a path, its id in the value", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"replace","value":{"id":"`+g.id+`","displayName":"{tag}-new"}}]`).isStatus(200, 204)
			t.hasMembers(g, u)
		}).need(NeedGroups, NeedPatch),
		flow("jumpcloud-member-add", "members are added one at a time", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group()
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+a.id+`"}]}]`).isStatus(200, 204)
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+b.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, a, b)
		}).need(NeedGroups, NeedPatch),
		flow("jumpcloud-member-remove", "a member is removed by a list instead of a filter", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a, b)
			t.patch(g.path, `[{"op":"remove","path":"members","value":[{"value":"`+a.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, b)
		}).need(NeedGroups, NeedPatch),
	})
}

// pingCases are PingFederate's and PingOne's.
func pingCases() []Case {
	return provider(Ping, "PingFederate and PingOne, SCIM outbound provisioner", "Ping's provisioner stops at the person", []Case{
		flow("ping-match", "a user is matched by userName", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `userName eq "`+u.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}),
		flow("ping-match-override", "a user is matched by an overridden expression", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `emails.value eq "`+u.name+`" and active eq true`).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}),
		flow("ping-create-disabled", "a disabled user is created disabled", func(t *trial) {
			u := t.user(`{"active": false}`)
			t.read(u.path).has(want{"active": false})
		}),
		flow("ping-disable-put", "a user is disabled by PUT", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"active": false}`)).isStatus(200)
			t.read(u.path).has(want{"active": false})
		}),
		flow("ping-delete", "a user is deleted", func(t *trial) {
			t.ask("DELETE", t.user("").path, nil).isStatus(204)
		}),
		flow("ping-group-rename", "a group's name is changed", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"replace","path":"displayName","value":"{tag}-new"}]`).isStatus(200, 204)
			t.read(g.path).has(want{"displayName": "{tag}-new"})
			t.hasMembers(g, u)
		}).need(NeedGroups, NeedPatch),
		flow("ping-basic-refused", "HTTP Basic with a wrong password answers 401, not 500", func(t *trial) {
			t.get("/Users?count=1", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("gbv:wrong"))).isStatus(401)
		}),
	})
}

// authentikCases are authentik's provider (providers/scim/clients).
func authentikCases() []Case {
	return provider(Authentik, "authentik, authentik/providers/scim/clients", "authentik's sync task fails and starts over", []Case{
		flow("authentik-spc-first", "ServiceProviderConfig is read first and holds every section", func(t *trial) {
			t.get("/ServiceProviderConfig").isStatus(200).has(want{"patch.supported": present, "bulk.supported": present, "bulk.maxOperations": present, "filter.supported": present, "filter.maxResults": present, "changePassword.supported": present, "sort.supported": present, "etag.supported": present, "authenticationSchemes": present})
		}).mean("authentik assumes that nothing is supported, and sends whole groups by PUT"),
		flow("authentik-409-then-lookup", "a group that exists answers 409 or 201, and is found by displayName", func(t *trial) {
			g := t.group()
			t.create("/Groups", t.groupBody(g.name, "")).isStatus(409, 201)
			res := t.query("/Groups", "filter", `displayName eq "`+g.name+`"`).isStatus(200)
			t.ok(inList(res, "id", g.id), "the group by its name", "not found")
		}),
		flow("authentik-group-replace", "a group is replaced without a path, with schemas, id and externalId in the value", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"replace","value":{"schemas":["`+groupURN+`"],"id":"`+g.id+`","externalId":"new-{tag}","displayName":"{tag}-new"}}]`).isStatus(200, 204)
			t.read(g.path).has(want{"displayName": "{tag}-new", "externalId": "new-{tag}"})
			t.hasMembers(g, u)
		}).need(NeedPatch),
		flow("authentik-members-diff", "members are added and removed one to an operation", func(t *trial) {
			a, b, c := t.user(""), t.user(""), t.user("")
			g := t.group(a)
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+b.id+`"}]},{"op":"add","path":"members","value":[{"value":"`+c.id+`"}]}]`).isStatus(200, 204)
			t.patch(g.path, `[{"op":"remove","path":"members","value":[{"value":"`+a.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, b, c)
		}).need(NeedPatch),
		flow("authentik-discover", "groups are discovered page by page without count", func(t *trial) {
			g := t.group()
			seen, total := 0, 1
			for seen < total && seen < 5000 {
				res := t.get("/Groups" + queryOf("startIndex", strconv.Itoa(seen+1))).isStatus(200)
				if inList(res, "id", g.id) {
					return
				}
				total = lookupInt(res.doc, "totalResults")
				page := len(lookupList(res.doc, "Resources"))
				if page == 0 {
					break
				}
				seen += page
			}
			t.fail("the group made among all", plural(seen, "other"))
		}).need(NeedIndex),
		flow("authentik-recreate", "a user that is gone answers 404 to PUT, so that it is created again", func(t *trial) {
			u := t.user("")
			t.drop(u)
			t.ask("PUT", u.path, t.userBody(u.name, "")).isStatus(404)
			t.create("/Users", t.userBody(u.name, "")).isStatus(201)
		}),
		flow("authentik-put-user", "a user is put with id and externalId", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"id": "`+u.id+`", "photos": [], "phoneNumbers": null}`)).isStatus(200)
		}),
	})
}
