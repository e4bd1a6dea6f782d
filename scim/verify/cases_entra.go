package verify

import "strconv"

// The forms in which Microsoft Entra asks and writes. "Default" is what it sends
// without the tenant URL's flag aadOptscim062020, "flag" with it.
const (
	entraDoc   = "Microsoft Learn, use-scim-to-provision-users-and-groups"
	entraMeans = "Entra counts each refusal towards quarantine and stops provisioning the tenant"
)

// flow is a provider's case: Profile, Level and Section come from provider.
func flow(id, title string, run func(*trial)) Case { return Case{ID: id, Title: title, run: run} }

// entraPatch is a flow of one PATCH on a user.
func entraPatch(id string, row patchRow) Case {
	return flow("entra-"+id, row.title, func(t *trial) { row.try(t) }).need(NeedPatch).need(row.needs...)
}

const entraUser = `{
	"schemas": ["` + userURN + `", "` + enterpriseURN + `"],
	"externalId": "ext-{name}", "userName": "{name}", "active": true,
	"displayName": "Vera {tag}",
	"emails": [{"primary": true, "type": "work", "value": "{name}"}],
	"meta": {"resourceType": "User"},
	"name": {"formatted": "Vera Ify", "familyName": "Ify", "givenName": "Vera"},
	"addresses": [{"type": "work", "formatted": "1 Test Way", "streetAddress": "1 Test Way", "locality": "Bern", "region": "BE", "postalCode": "3000", "country": "CH", "primary": false}],
	"phoneNumbers": [{"type": "work", "value": "+1 201 555 0123"}, {"type": "mobile", "value": "+1 201 555 0124"}, {"type": "fax", "value": "+1 201 555 0125"}],
	"title": "Tester", "preferredLanguage": "en", "roles": [],
	"` + enterpriseURN + `": {"employeeNumber": "42", "department": "Tests"}
}`

func entraUserCases() []Case {
	const dept = enterpriseURN + ":department"
	return provider(Entra, entraDoc, entraMeans, []Case{
		flow("entra-test-connection", "the connection test, a filter for a random user, answers 200 and an empty list", func(t *trial) {
			isList(t.query("/Users", "filter", `userName eq "{tag}-b5a3c7e0-non-existing"`).isStatus(200)).has(want{"totalResults": 0})
		}),
		flow("entra-match-username", "a user is matched by userName", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `userName eq "`+u.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}),
		flow("entra-match-externalid", "a user is matched by externalId", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `externalId eq "ext-`+u.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}).mean("since January 2026 Entra looks people up by externalId; without it each is created again"),
		flow("entra-match-workmail", "a user is matched by work address, in Entra's spelling", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `emails[type eq "work"].value eq "`+u.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}),
		flow("entra-match-workmail-none", "so nobody is, where nobody has it", func(t *trial) {
			t.query("/Users", "filter", t.fill(`emails[type eq "work"].value eq "{tag}@none.example"`)).isStatus(200).has(want{"totalResults": 0})
		}),
		flow("entra-match-unquoted", "a filter whose value has no quotes, as Entra's document shows it once, is answered", func(t *trial) {
			u := t.user(`{"externalId": "{tag}jyoung"}`)
			t.query("/Users", "filter", t.fill("externalId eq {tag}jyoung")).isStatus(200).has(want{"Resources[0].id": u.id})
		}),
		flow("entra-create", "Entra's whole user is created", func(t *trial) {
			name := t.newName()
			t.create("/Users", t.with(entraUser, "{name}", name)).isStatus(201).has(want{"id": present, "userName": name, "externalId": "ext-" + name, "emails[type=work].value": name, dept: "Tests"})
		}),
		flow("entra-create-capital-boolean", `a user with "active": "True" is created active`, func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), `{"active": "True"}`)).isStatus(201).has(want{"active": true})
		}),
		flow("entra-create-nulls", "a user with null for arrays, and manager and department at top level, is created", func(t *trial) {
			name := t.newName()
			body := t.userBody(name, "")
			body["addresses"], body["phoneNumbers"], body["department"], body["manager"] = nil, nil, "Tests", nil
			t.create("/Users", body).isStatus(201).has(want{"userName": name})
		}),
		flow("entra-create-custom-extension", "a custom extension not listed in schemas does not hinder", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), `{"urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User": {"CustomAttribute": "701984"}}`)).isStatus(201)
		}),
		flow("entra-create-role-json", "a role whose value is a JSON string is taken", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), `{"roles": [{"primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": "{\"id\":\"06b07648-ecfe-589f-9d2f-6325724a46ee\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}]}`)).isStatus(201)
		}),
		entraPatch("disable-default", patchRow{title: "default: a user is disabled by the string False", operations: `[{"op":"Replace","path":"active","value":"False"}]`, after: want{"active": false}}),
		entraPatch("enable-default", patchRow{title: "default: a user is enabled by the string True", before: `{"active":false}`, operations: `[{"op":"Replace","path":"active","value":"True"}]`, after: want{"active": true}}),
		entraPatch("disable-pathless-default", patchRow{title: "default: a user is disabled without a path", operations: `[{"op":"Replace","value":{"active":"False"}}]`, after: want{"active": false}}),
		entraPatch("disable-flag", patchRow{title: "flag: a user is disabled by false", operations: `[{"op":"replace","path":"active","value":false}]`, after: want{"active": false}}),
		entraPatch("update-default", patchRow{title: "default: many attributes are replaced by capitalised operations", before: `{"{ent}":{"employeeNumber":"1"}}`, needs: needEnterprise,
			operations: `[{"op":"Replace","path":"displayName","value":"Pvlo"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new-{name}"},{"op":"Replace","path":"name.familyName","value":"Pvlo"},{"op":"Replace","path":"externalId","value":"new-{tag}"},{"op":"Replace","path":"` + enterpriseURN + `:employeeNumber","value":"12345"}]`,
			after:      want{"displayName": "Pvlo", "emails[type=work].value": "new-{name}", "name.familyName": "Pvlo", "name.givenName": "Vera", "externalId": "new-{tag}", enterpriseURN + ":employeeNumber": "12345"}}),
		entraPatch("update-flag", patchRow{title: "flag: many attributes are replaced by dotted names without a path", before: `{"{ent}":{"employeeNumber":"1","department":"Old"}}`, needs: needEnterprise,
			operations: `[{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua","` + enterpriseURN + `:employeeNumber":"Aklq"}}]`,
			after:      want{"displayName": "Bjfe", "name.givenName": "Kkom", "name.familyName": "Unua", enterpriseURN + ":employeeNumber": "Aklq", dept: "Old"}}),
		entraPatch("update-flag-mail", patchRow{title: "flag: a work address is replaced by a filtered name without a path", operations: `[{"op":"replace","value":{"emails[type eq \"work\"].value":"new-{name}"}}]`, after: want{"emails.#": 1, "emails[type=work].value": "new-{name}"}}),
		entraPatch("add-mail-absent", patchRow{title: "Add of a filtered address makes it where there is none", operations: `[{"op":"Add","path":"emails[type eq \"home\"].value","value":"home-{name}"}]`, after: want{"emails.#": 2, "emails[type=home].value": "home-{name}", "emails[type=work].value": "{name}"}}),
		entraPatch("replace-mail-absent", patchRow{title: "Replace of a filtered address makes it where there is none", before: `{"emails":null}`, operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"{name}"}]`, after: want{"emails.#": 1, "emails[type=work].value": "{name}"}}),
		entraPatch("add-phone-absent", patchRow{title: "Add of a filtered phone number makes it", operations: `[{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+12015550124"}]`, after: want{"phoneNumbers[type=mobile].value": "+12015550124"}, needs: []Feature{userAttr("phoneNumbers")}}),
		entraPatch("add-address-absent", patchRow{title: "Add of parts of a filtered address makes one address", operations: `[{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"Bern"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"CH"}]`, after: want{"addresses.#": 1, "addresses[type=work].locality": "Bern", "addresses[type=work].country": "CH"}, needs: []Feature{userAttr("addresses")}}),
		entraPatch("mail-primary-filter", patchRow{title: "a path's filter with primary eq true is taken", operations: `[{"op":"Replace","path":"emails[type eq \"work\" and primary eq true].value","value":"new-{name}"}]`, after: want{"emails[type=work].value": "new-{name}"}}),
		entraPatch("manager-string", patchRow{title: "the manager is set by an id alone", operations: `[{"op":"Add","path":"` + enterpriseURN + `:manager","value":"{boss}"}]`, after: want{enterpriseURN + ":manager.value": "{boss}"}, needs: needEnterprise}),
		entraPatch("manager-array", patchRow{title: "the manager is set by path manager and an array of one", operations: `[{"op":"Add","path":"manager","value":[{"$ref":"http://verify.example/scim/Users/{boss}","value":"{boss}"}]}]`, after: want{enterpriseURN + ":manager.value": "{boss}"}, needs: needEnterprise}),
		entraPatch("manager-replace", patchRow{title: "the manager is replaced by an id alone", before: `{"{ent}":{"manager":{"value":"{boss}"}}}`, operations: `[{"op":"Replace","path":"` + enterpriseURN + `:manager","value":"{id}"}]`, after: want{enterpriseURN + ":manager.value": "{id}"}, needs: needEnterprise}),
		entraPatch("manager-remove", patchRow{title: "the manager is removed", before: `{"{ent}":{"manager":{"value":"{boss}"}}}`, operations: `[{"op":"Remove","path":"` + enterpriseURN + `:manager"}]`, after: want{enterpriseURN + ":manager.value": nil}, needs: needEnterprise}),
		entraPatch("manager-remove-empty", patchRow{title: "the manager is removed by an empty string", before: `{"{ent}":{"manager":{"value":"{boss}"}}}`, operations: `[{"op":"Replace","path":"` + enterpriseURN + `:manager","value":""}]`, after: want{enterpriseURN + ":manager.value": nil}, needs: needEnterprise}),
		flow("entra-manager-match", "id and manager together select a user", func(t *trial) {
			boss := t.user("")
			u := t.user(`{"{ent}": {"manager": {"value": "` + boss.id + `"}}}`)
			t.query("/Users", "filter", `id eq "`+u.id+`" and manager eq "`+boss.id+`"`, "attributes", "id").isStatus(200).has(want{"totalResults": 1, "Resources[0].id": u.id})
		}).need(NeedEnterprise),
		entraPatch("role-primary-string", patchRow{title: `roles[primary eq "True"].value sets the one role`, operations: `[{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}]`, after: want{"roles.#": 1, "roles[value=Admin].value": "Admin"}, needs: []Feature{userAttr("roles")}}),
		entraPatch("role-primary-replace", patchRow{title: `roles[primary eq "True"].value changes the one role`, before: `{"roles":[{"value":"Reader","primary":true}]}`, operations: `[{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"Admin"}]`, after: want{"roles.#": 1, "roles[0].value": "Admin"}, needs: []Feature{userAttr("roles")}}),
		entraPatch("role-json", patchRow{title: "a role whose value is a JSON string is added", operations: `[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"18d14569\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}]}]`, after: want{"roles.#": 1}, needs: []Feature{userAttr("roles")}}),
		entraPatch("role-replace", patchRow{title: "roles are replaced whole", before: `{"roles":[{"value":"Reader"}]}`, operations: `[{"op":"replace","path":"roles","value":[{"value":"Admin","primary":"True"}]}]`, after: want{"roles.#": 1, "roles[0].value": "Admin"}, needs: []Feature{userAttr("roles")}}),
		flow("entra-reactivate-keeps-groups", "who is disabled and enabled again is in the same groups", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(u.path, `[{"op":"Replace","path":"active","value":"False"}]`).isStatus(200, 204)
			t.read(u.path).has(want{"active": false})
			t.patch(u.path, `[{"op":"Replace","path":"active","value":"True"}]`).isStatus(200, 204)
			t.hasMembers(g, u)
		}).need(NeedPatch, NeedGroups).mean("Entra does not send memberships again when it enables a person"),
		flow("entra-discovery-walk", "account discovery pages through everybody", func(t *trial) {
			u := t.user("")
			total := 0
			for start := 1; start < 2000; start += 100 {
				res := t.get("/Users" + queryOf("startIndex", strconv.Itoa(start), "count", "100")).isStatus(200)
				for _, e := range lookupList(res.doc, "Resources") {
					if lookupString(e, "id") == u.id {
						return
					}
					total++
				}
				if total >= lookupInt(res.doc, "totalResults") {
					t.fail("the user made among all", plural(total, "other"))
				}
			}
			t.notApplicable("more than 2,000 users: not walked")
		}).need(NeedIndex),
		flow("entra-trailing-slash", "a double slash and a slash at the end do not matter", func(t *trial) {
			t.get("/Users/?count=1").isStatus(200)
		}),
	})
}

func entraGroupCases() []Case {
	group := `{"schemas":["` + groupURN + `","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"ext-{tag}-g","displayName":"{tag}-g","meta":{"resourceType":"Group"}}`
	return area("Profile entra", entraMeans, provider(Entra, entraDoc, entraMeans, []Case{
		flow("entra-group-match", "a group is matched by displayName without its members", func(t *trial) {
			g := t.group(t.user(""))
			t.query("/Groups", "excludedAttributes", "members", "filter", `displayName eq "`+g.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].id": g.id, "Resources[0].members": nil})
		}),
		flow("entra-group-create", "a group with Microsoft's extra schema is created", func(t *trial) {
			t.create("/Groups", group).isStatus(201).has(want{"displayName": "{tag}-g", "externalId": "ext-{tag}-g"})
		}),
		flow("entra-group-read", "a group is read without its members", func(t *trial) {
			g := t.group(t.user(""))
			t.query(g.path, "excludedAttributes", "members").isStatus(200).has(want{"displayName": g.name, "members": nil})
		}),
		flow("entra-group-rename", "a group is renamed by Replace", func(t *trial) {
			g := t.group()
			t.patch(g.path, `[{"op":"Replace","path":"displayName","value":"{tag}-new"}]`).isStatus(200, 204)
			t.read(g.path).has(want{"displayName": "{tag}-new"})
		}).need(NeedPatch),
		flow("entra-group-204", "PATCH of a group answers 204", func(t *trial) {
			g := t.group()
			t.patch(g.path, `[{"op":"Replace","path":"displayName","value":"{tag}-new"}]`).isStatus(204)
		}).need(NeedPatch),
		flow("entra-member-add", "members are added by Add with $ref null", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group()
			t.patch(g.path, `[{"op":"Add","path":"members","value":[{"$ref":null,"value":"`+a.id+`"},{"$ref":null,"value":"`+b.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, a, b)
		}).need(NeedPatch),
		flow("entra-member-retry", "members added again by a retry are members once, and a removal takes them away", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"Add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, u)
			t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+u.id+`\"]"}]`).isStatus(200, 204)
			t.hasMembers(g)
		}).need(NeedPatch).mean("Entra retries what it got no answer to: a member that is there twice keeps access after one removal"),
		flow("entra-member-remove-default", "default: Remove members with a list takes these away and no others", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a, b)
			t.patch(g.path, `[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+a.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, b)
		}).need(NeedPatch).mean("read by the RFC alone this empties the group: everybody in it loses access"),
		flow("entra-member-remove-flag", "flag: remove members[value eq] takes this one away", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a, b)
			t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+a.id+`\"]"}]`).isStatus(200, 204)
			t.hasMembers(g, b)
		}).need(NeedPatch),
		flow("entra-member-remove-many", "default: Remove members takes several away", func(t *trial) {
			a, b, c := t.user(""), t.user(""), t.user("")
			g := t.group(a, b, c)
			t.patch(g.path, `[{"op":"Remove","path":"members","value":[{"value":"`+a.id+`"},{"value":"`+c.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, b)
		}).need(NeedPatch),
		flow("entra-is-member", "id and members together tell whether somebody is in a group", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a)
			t.query("/Groups", "filter", `id eq "`+g.id+`" and members eq "`+a.id+`"`, "attributes", "id").isStatus(200).has(want{"totalResults": 1})
			t.query("/Groups", "filter", `id eq "`+g.id+`" and members eq "`+b.id+`"`, "attributes", "id").isStatus(200).has(want{"totalResults": 0})
		}),
		flow("entra-is-member-path", "so they do as members[value eq]", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group(a)
			t.query("/Groups", "filter", `id eq "`+g.id+`" and members[value eq "`+a.id+`"]`).isStatus(200).has(want{"totalResults": 1})
			t.query("/Groups", "filter", `id eq "`+g.id+`" and members[value eq "`+b.id+`"]`).isStatus(200).has(want{"totalResults": 0})
		}),
		flow("entra-group-duplicate", "a second group of the same displayName is refused with 409", func(t *trial) {
			g := t.group()
			t.create("/Groups", t.groupBody(g.name, `{"externalId": "other-{tag}"}`)).isError(409, "")
		}).mean("Entra matches groups by displayName: two of a name stop the group's provisioning"),
		flow("entra-group-delete", "a group is deleted", func(t *trial) {
			g := t.group(t.user(""))
			t.ask("DELETE", g.path, nil).isStatus(204)
			t.get(g.path).isStatus(404)
		}),
	}), NeedGroups)
}
