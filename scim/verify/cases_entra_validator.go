package verify

import "strings"

// entraValidatorCases re-enact the thirty results of Microsoft's SCIM Validator
// (scimvalidator.microsoft.com), as published runs name them.
func entraValidatorCases() []Case {
	users := []Case{
		flow("entra-validator-01", "create a new user", func(t *trial) {
			t.create("/Users", t.with(entraUser, "{name}", t.newName())).isStatus(201)
		}),
		flow("entra-validator-02", "create a duplicate user: 409", func(t *trial) {
			u := t.user("")
			t.create("/Users", t.with(entraUser, "{name}", u.name)).isStatus(409)
		}),
		flow("entra-validator-03", "filter an existing user", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `userName eq "`+u.name+`"`).isStatus(200).has(want{"totalResults": 1})
		}),
		flow("entra-validator-04", "filter a non-existing user: 200 and an empty list", func(t *trial) {
			t.query("/Users", "filter", t.fill(`userName eq "{tag}-none"`)).isStatus(200).has(want{"totalResults": 0})
		}),
		flow("entra-validator-05", "filter an existing user in different case", func(t *trial) {
			u := t.user("")
			t.query("/Users", "filter", `userName eq "`+strings.ToUpper(u.name)+`"`).isStatus(200).has(want{"totalResults": 1})
		}),
		validator("06", "replace attributes (verbose)", patchRow{operations: `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"v-{name}"},{"op":"replace","path":"emails[type eq \"work\"].primary","value":"True"},{"op":"replace","path":"roles[primary eq \"True\"].value","value":"R1"},{"op":"replace","value":{"active":"True","displayName":"V","name.givenName":"G","name.familyName":"F","` + enterpriseURN + `:department":"D"}}]`,
			after: want{"emails[type=work].value": "v-{name}", "displayName": "V", "name.givenName": "G", "name.familyName": "F", enterpriseURN + ":department": "D"}}),
		validator("07", "update userName", patchRow{operations: `[{"op":"replace","path":"userName","value":"v-{name}"}]`, after: want{"userName": "v-{name}"}}),
		validator("08", "add attributes", patchRow{before: `{"emails":null,"displayName":null}`, operations: `[{"op":"add","path":"emails[type eq \"work\"].value","value":"{name}"},{"op":"add","path":"displayName","value":"Added"},{"op":"add","path":"phoneNumbers[type eq \"work\"].value","value":"1"},{"op":"add","path":"addresses[type eq \"work\"].country","value":"CH"}]`,
			after: want{"emails[type=work].value": "{name}", "displayName": "Added", "phoneNumbers[type=work].value": "1", "addresses[type=work].country": "CH"}}),
		validator("09", "disable a user", patchRow{operations: `[{"op":"replace","path":"active","value":false}]`, after: want{"active": false}}),
		validator("10", "add a manager", patchRow{operations: `[{"op":"add","path":"` + enterpriseURN + `:manager","value":"{boss}"}]`, after: want{enterpriseURN + ":manager.value": "{boss}"}}),
		validator("11", "replace a manager", patchRow{before: `{"{ent}":{"manager":{"value":"{boss}"}}}`, operations: `[{"op":"replace","path":"` + enterpriseURN + `:manager","value":"{id}"}]`, after: want{enterpriseURN + ":manager.value": "{id}"}}),
		validator("12", "remove a manager", patchRow{before: `{"{ent}":{"manager":{"value":"{boss}"}}}`, operations: `[{"op":"replace","path":"` + enterpriseURN + `:manager","value":""}]`, after: want{enterpriseURN + ":manager.value": nil}}),
		flow("entra-validator-13", "delete a user", func(t *trial) {
			u := t.user("")
			t.ask("DELETE", u.path, nil).isStatus(204)
			t.get(u.path).isStatus(404)
		}),
		validator("14", "preview: several operations on different attributes", patchRow{operations: `[{"op":"add","path":"title","value":"T"},{"op":"remove","path":"displayName"},{"op":"replace","path":"name.familyName","value":"F"}]`, after: want{"title": "T", "displayName": nil, "name.familyName": "F"}}),
		validator("15", "preview: several operations on one attribute", patchRow{operations: `[{"op":"remove","path":"title"},{"op":"add","path":"title","value":"A"},{"op":"replace","path":"title","value":"B"}]`, after: want{"title": "B"}}),
		flow("entra-validator-16", "preview: delete a user that is not there: 404", func(t *trial) {
			t.ask("DELETE", "/Users/7f1f1a5d-0000-4000-8000-gbv", nil).isStatus(404)
		}),
		flow("entra-validator-17", "preview: delete the same user twice: 404", func(t *trial) {
			u := t.user("")
			t.drop(u)
			t.ask("DELETE", u.path, nil).isStatus(404)
		}),
	}
	groups := []Case{
		flow("entra-validator-18", "get a group excluding members", func(t *trial) {
			g := t.group(t.user(""))
			t.query(g.path, "excludedAttributes", "members").isStatus(200).has(want{"members": nil})
		}),
		flow("entra-validator-19", "filter an existing group excluding members", func(t *trial) {
			g := t.group(t.user(""))
			t.query("/Groups", "excludedAttributes", "members", "filter", `displayName eq "`+g.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].members": nil})
		}),
		flow("entra-validator-20", "filter an existing group with members", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.query("/Groups", "filter", `displayName eq "`+g.name+`"`).isStatus(200).has(want{"totalResults": 1, "Resources[0].members[0].value": u.id})
		}),
		flow("entra-validator-21", "filter a non-existing group", func(t *trial) {
			t.query("/Groups", "filter", t.fill(`displayName eq "{tag}-none"`)).isStatus(200).has(want{"totalResults": 0})
		}),
		flow("entra-validator-22", "filter an existing group in different case", func(t *trial) {
			g := t.group()
			t.query("/Groups", "filter", `displayName eq "`+strings.ToUpper(g.name)+`"`).isStatus(200).has(want{"totalResults": 1})
		}),
		flow("entra-validator-23", "create a new group", func(t *trial) {
			t.create("/Groups", t.groupBody("{tag}-g", "")).isStatus(201)
		}),
		flow("entra-validator-24", "create a duplicate group: 409", func(t *trial) {
			g := t.group()
			t.create("/Groups", t.groupBody(g.name, "")).isStatus(409)
		}),
		flow("entra-validator-25", "replace a group's attributes", func(t *trial) {
			g := t.group()
			t.patch(g.path, `[{"op":"replace","value":{"displayName":"{tag}-r","externalId":"r-{tag}"}}]`).isStatus(200, 204)
			t.read(g.path).has(want{"displayName": "{tag}-r", "externalId": "r-{tag}"})
		}),
		flow("entra-validator-26", "update a group's externalId", func(t *trial) {
			g := t.group()
			t.patch(g.path, `[{"op":"replace","path":"externalId","value":"r-{tag}"}]`).isStatus(200, 204)
			t.read(g.path).has(want{"externalId": "r-{tag}"})
		}),
		flow("entra-validator-27", "add a member", func(t *trial) {
			u := t.user("")
			g := t.group()
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, u)
		}),
		flow("entra-validator-28", "remove a member", func(t *trial) {
			u := t.user("")
			g := t.group(u)
			t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+u.id+`\"]"}]`).isStatus(200, 204)
			t.hasMembers(g)
		}),
		flow("entra-validator-29", "preview: several operations on members", func(t *trial) {
			a, b := t.user(""), t.user("")
			g := t.group()
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+a.id+`"}]},{"op":"add","path":"members","value":[{"value":"`+b.id+`"}]},{"op":"remove","path":"members","value":[{"value":"`+a.id+`"}]}]`).isStatus(200, 204)
			t.hasMembers(g, b)
		}),
		flow("entra-validator-30", "preview: delete a group that is not there, and one twice: 404", func(t *trial) {
			t.ask("DELETE", "/Groups/7f1f1a5d-0000-4000-8000-gbv", nil).isStatus(404)
			g := t.group()
			t.drop(g)
			t.ask("DELETE", g.path, nil).isStatus(404)
		}),
	}
	const means = "the application does not pass Microsoft's SCIM Validator, which its gallery asks for"
	groups = area("", means, groups, NeedGroups, NeedPatch)
	return provider(Entra, "Microsoft SCIM Validator", means, append(users, groups...))
}

func validator(id, title string, row patchRow) Case {
	row.title = title
	return flow("entra-validator-"+id, title, row.try).need(NeedPatch)
}
