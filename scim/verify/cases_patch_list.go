package verify

import "strings"

func contains(s, part string) bool { return strings.Contains(s, part) }

const twoMails = `{"emails":[{"value":"w-{tag}@verify.example","type":"work","primary":true},{"value":"h-{tag}@verify.example","type":"home"}]}`

// patchListCases are add, replace and remove on multi-valued attributes.
func patchListCases() []Case {
	both := want{"emails.#": 2, "emails[type=work].value": "w-{tag}@verify.example", "emails[type=home].value": "h-{tag}@verify.example"}
	rows := []patchRow{
		{id: "add-emails", section: "3.5.2.1", title: "add puts a value to the others", operations: `[{"op":"add","path":"emails","value":[{"value":"h-{tag}@verify.example","type":"home"}]}]`, after: want{"emails.#": 2, "emails[type=home].value": "h-{tag}@verify.example", "emails[type=work].value": "{name}"}},
		{id: "add-emails-object", section: "3.5.2.1", title: "add takes one value without an array", operations: `[{"op":"add","path":"emails","value":{"value":"h-{tag}@verify.example","type":"home"}}]`, after: want{"emails.#": 2, "emails[type=home].value": "h-{tag}@verify.example"}},
		{id: "add-emails-fresh", section: "3.5.2.1", title: "add makes the attribute where there is none", before: `{"emails":null}`, operations: `[{"op":"add","path":"emails","value":[{"value":"h-{tag}@verify.example","type":"home"}]}]`, after: want{"emails.#": 1, "emails[type=home].value": "h-{tag}@verify.example"}},
		{id: "add-emails-present", advice: true, section: "3.5.2.1", title: "add of a value that is there does not double it", before: twoMails, operations: `[{"op":"add","path":"emails","value":[{"value":"h-{tag}@verify.example","type":"home"}]}]`, after: both},
		{id: "add-emails-pathless", section: "3.5.2.1", title: "add without a path puts a value to the others", operations: `[{"op":"add","value":{"emails":[{"value":"h-{tag}@verify.example","type":"home"}]}}]`, after: want{"emails.#": 2, "emails[type=work].value": "{name}"}},
		{id: "add-primary", section: "3.5.2", title: "a new primary value takes primary from the old", before: twoMails, operations: `[{"op":"add","path":"emails","value":[{"value":"o-{tag}@verify.example","type":"other","primary":true}]}]`, after: want{"emails.#": 3, "emails[primary=true].type": "other", "emails[type=other].primary": true}},
		{id: "add-filtered-sub", section: "3.5.2.1", title: "add sets a sub-attribute of the value a filter picks", before: twoMails, operations: `[{"op":"add","path":"emails[type eq \"home\"].display","value":"Home"}]`, after: want{"emails.#": 2, "emails[type=home].display": "Home", "emails[type=work].display": nil}, needs: []Feature{userAttr("emails.display")}},
		{id: "replace-emails", section: "3.5.2.3", title: "replace changes all values for the new", before: twoMails, operations: `[{"op":"replace","path":"emails","value":[{"value":"o-{tag}@verify.example","type":"other"}]}]`, after: want{"emails.#": 1, "emails[type=other].value": "o-{tag}@verify.example"}},
		{id: "replace-emails-pathless", section: "3.5.2.3", title: "replace without a path changes all values for the new", before: twoMails, operations: `[{"op":"replace","value":{"emails":[{"value":"o-{tag}@verify.example","type":"other"}]}}]`, after: want{"emails.#": 1, "emails[type=other].value": "o-{tag}@verify.example"}},
		{id: "replace-filtered", section: "3.5.2.3", title: "replace changes the value a filter picks", before: twoMails, operations: `[{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"n-{tag}@verify.example","type":"home"}}]`, after: want{"emails.#": 2, "emails[type=home].value": "n-{tag}@verify.example", "emails[type=work].value": "w-{tag}@verify.example"}},
		{id: "replace-filtered-sub", section: "3.5.2.3", title: "replace changes a sub-attribute of the value a filter picks", before: twoMails, operations: `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"n-{tag}@verify.example"}]`, after: want{"emails.#": 2, "emails[type=work].value": "n-{tag}@verify.example", "emails[type=work].primary": true, "emails[type=home].value": "h-{tag}@verify.example"}},
		{id: "replace-filtered-and", section: "3.5.2.3", title: "a path's filter may have and", before: twoMails, operations: `[{"op":"replace","path":"emails[type eq \"work\" and primary eq true].value","value":"n-{tag}@verify.example"}]`, after: want{"emails[type=work].value": "n-{tag}@verify.example", "emails[type=home].value": "h-{tag}@verify.example"}},
		{id: "replace-filtered-or", section: "3.5.2.3", title: "a path's filter that picks several changes all", before: twoMails, operations: `[{"op":"replace","path":"emails[type eq \"work\" or type eq \"home\"].display","value":"Both"}]`, after: want{"emails[type=work].display": "Both", "emails[type=home].display": "Both"}, needs: []Feature{userAttr("emails.display")}},
		{id: "replace-all-sub", advice: true, section: "3.5.2.3", title: "replace of a sub-attribute without a filter changes every value", before: twoMails, operations: `[{"op":"replace","path":"emails.display","value":"All"}]`, after: want{"emails[type=work].display": "All", "emails[type=home].display": "All"}, needs: []Feature{userAttr("emails.display")}},
		{id: "replace-primary", section: "3.5.2", title: "making one value primary takes it from the other", before: twoMails, operations: `[{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}]`, after: want{"emails[type=home].primary": true, "emails[primary=true].type": "home"}},
		{id: "replace-filter-any-case", section: "3.10", title: "a path's filter is spelt in any case", before: twoMails, operations: `[{"op":"replace","path":"EMAILS[TYPE EQ \"home\"].VALUE","value":"n-{tag}@verify.example"}]`, after: want{"emails[type=home].value": "n-{tag}@verify.example"}},
		{id: "remove-emails", section: "3.5.2.2", title: "remove takes all values away", before: twoMails, operations: `[{"op":"remove","path":"emails"}]`, after: want{"emails": nil}},
		{id: "remove-filtered", section: "3.5.2.2", title: "remove takes the value a filter picks away", before: twoMails, operations: `[{"op":"remove","path":"emails[type eq \"home\"]"}]`, after: want{"emails.#": 1, "emails[type=work].value": "w-{tag}@verify.example"}},
		{id: "remove-filtered-value", section: "3.5.2.2", title: "a filter may pick by value", before: twoMails, operations: `[{"op":"remove","path":"emails[value eq \"h-{tag}@verify.example\"]"}]`, after: want{"emails.#": 1, "emails[type=work].value": "w-{tag}@verify.example"}},
		{id: "remove-filtered-co", section: "3.5.2.2", title: "a filter may pick by another operator than eq", before: twoMails, operations: `[{"op":"remove","path":"emails[value sw \"h-\"]"}]`, after: want{"emails.#": 1, "emails[type=work].value": present}},
		{id: "remove-filtered-last", section: "3.5.2.2", title: "removing the last value takes the attribute away", operations: `[{"op":"remove","path":"emails[type eq \"work\"]"}]`, after: want{"emails": nil}},
		{id: "remove-filtered-sub", section: "3.5.2.2", title: "remove takes a sub-attribute of the value a filter picks away", before: twoMails, operations: `[{"op":"remove","path":"emails[type eq \"work\"].primary"}]`, after: want{"emails.#": 2, "emails[primary=true].type": nil, "emails[type=work].value": "w-{tag}@verify.example"}},
		{id: "remove-all-sub", advice: true, section: "3.5.2.2", title: "remove of a sub-attribute without a filter takes it from every value", before: twoMails, operations: `[{"op":"remove","path":"emails.type"}]`, after: want{"emails.#": 2, "emails[type=work].value": nil, "emails[type=home].value": nil}},
		{id: "remove-not", section: "3.5.2.2", title: "a path's filter may have not", before: twoMails, operations: `[{"op":"remove","path":"emails[not (type eq \"work\")]"}]`, after: want{"emails.#": 1, "emails[type=work].value": present}},
		{id: "multi-op-list", section: "3.5.2", title: "operations on one attribute apply one after the other", before: twoMails, operations: `[{"op":"remove","path":"emails[type eq \"home\"]"},{"op":"add","path":"emails","value":[{"value":"o-{tag}@verify.example","type":"other"}]},{"op":"replace","path":"emails[type eq \"other\"].value","value":"p-{tag}@verify.example"}]`, after: want{"emails.#": 2, "emails[type=other].value": "p-{tag}@verify.example", "emails[type=home].value": nil}},
		{id: "roles-add", section: "3.5.2.1", title: "add puts a role to the others", before: `{"roles":[{"value":"a"}]}`, operations: `[{"op":"add","path":"roles","value":[{"value":"b"}]}]`, after: want{"roles.#": 2, "roles[value=a].value": "a", "roles[value=b].value": "b"}, needs: []Feature{userAttr("roles")}},
		{id: "roles-remove", section: "3.5.2.2", title: "remove takes one role away", before: `{"roles":[{"value":"a"},{"value":"b"}]}`, operations: `[{"op":"remove","path":"roles[value eq \"a\"]"}]`, after: want{"roles.#": 1, "roles[value=b].value": "b"}, needs: []Feature{userAttr("roles")}},
		{id: "phone-fresh", section: "3.5.2.1", title: "add makes phone numbers where there are none", operations: `[{"op":"add","path":"phoneNumbers","value":[{"value":"+12015550123","type":"work"}]}]`, after: want{"phoneNumbers[type=work].value": present}, needs: []Feature{userAttr("phoneNumbers")}},
		{id: "address-sub", section: "3.5.2.3", title: "replace changes a part of an address", before: `{"addresses":[{"type":"work","locality":"Bern","country":"CH"}]}`, operations: `[{"op":"replace","path":"addresses[type eq \"work\"].locality","value":"Basel"}]`, after: want{"addresses[type=work].locality": "Basel", "addresses[type=work].country": "CH"}, needs: []Feature{userAttr("addresses")}},
	}
	return patchTable("Patch multiple values", patchMeans, rows)
}

// patchErrorCases are operations that must not succeed, and what they must leave.
func patchErrorCases() []Case {
	same := want{"userName": "{name}", "displayName": "Vera {tag}", "emails.#": 1, "emails[type=work].value": "{name}"}
	refuse := func(id, section, title, operations, scimType string) patchRow {
		return patchRow{id: id, section: section, title: title, operations: operations, after: same, refused: true, scimType: scimType}
	}
	rows := []patchRow{
		refuse("remove-no-path", "3.5.2.2", "remove without a path is refused with noTarget", `[{"op":"remove"}]`, "noTarget"),
		refuse("replace-no-target", "3.5.2.3", "replace where the filter picks nothing is refused with noTarget", `[{"op":"replace","path":"emails[type eq \"gbv-none\"]","value":{"value":"x@verify.example"}}]`, "noTarget"),
		refuse("unknown-op", "3.5.2", "an unknown op is refused", `[{"op":"spindle","path":"displayName","value":"x"}]`, ""),
		refuse("no-op", "3.5.2", "an operation without op is refused", `[{"path":"displayName","value":"x"}]`, ""),
		refuse("unknown-path", "3.5.2", "an unknown path is refused", `[{"op":"replace","path":"gbvNoSuch","value":"x"}]`, ""),
		refuse("unknown-sub-path", "3.5.2", "an unknown sub-attribute in a path is refused", `[{"op":"replace","path":"name.gbvNoSuch","value":"x"}]`, ""),
		refuse("broken-path", "3.5.2", "a path that breaks off is refused", `[{"op":"replace","path":"emails[type eq","value":"x"}]`, ""),
		refuse("broken-path-dot", "3.5.2", "a path that ends in a dot is refused", `[{"op":"replace","path":"name.","value":"x"}]`, ""),
		refuse("path-filter-single", "3.5.2", "a filter on a single value is refused", `[{"op":"replace","path":"displayName[value eq \"x\"]","value":"x"}]`, ""),
		refuse("readonly-id", "3.5.2", "id cannot be replaced: mutability", `[{"op":"replace","path":"id","value":"{tag}-x"}]`, "mutability"),
		refuse("readonly-groups", "3.5.2", "a user's groups cannot be added to: mutability", `[{"op":"add","path":"groups","value":[{"value":"gbv-none"}]}]`, "mutability"),
		refuse("readonly-meta", "3.5.2", "meta cannot be replaced: mutability", `[{"op":"replace","path":"meta.created","value":"2001-01-01T00:00:00Z"}]`, "mutability"),
		refuse("required-remove", "3.5.2.2", "a required attribute cannot be removed", `[{"op":"remove","path":"userName"}]`, "mutability|invalidValue"),
		refuse("required-null", "3.5.2.3", "a required attribute cannot be replaced by null", `[{"op":"replace","path":"userName","value":null}]`, ""),
		refuse("required-empty", "3.5.2.3", "a required attribute cannot be replaced by nothing", `[{"op":"replace","path":"userName","value":""}]`, ""),
		refuse("wrong-type", "3.5.2.3", "a value of the wrong type is refused", `[{"op":"replace","path":"displayName","value":{"a":1}}]`, ""),
		refuse("wrong-type-boolean", "3.5.2.3", "a word for a boolean is refused", `[{"op":"replace","path":"active","value":"maybe"}]`, ""),
		refuse("wrong-type-list", "3.5.2.3", "a string for a complex list is refused", `[{"op":"replace","path":"name","value":"Vera"}]`, ""),
		refuse("no-value", "3.5.2.1", "add without a value is refused", `[{"op":"add","path":"displayName"}]`, ""),
		refuse("pathless-scalar", "3.5.2.1", "add without a path and with a scalar is refused", `[{"op":"add","value":"x"}]`, ""),
		refuse("empty-operations", "3.5.2", "a PATCH of no operations is refused", `[]`, ""),
		refuse("operations-object", "3.5.2", "Operations as an object is refused", `{"op":"replace","path":"displayName","value":"x"}`, ""),
		refuse("atomic-path", "3.5.2", "a good operation before an invalid path is not applied", `[{"op":"replace","path":"displayName","value":"Half"},{"op":"replace","path":"gbvNoSuch","value":"x"}]`, ""),
		refuse("atomic-target", "3.5.2", "a good operation before one without target is not applied", `[{"op":"remove","path":"emails"},{"op":"replace","path":"phoneNumbers[type eq \"none\"]","value":{"value":"1"}}]`, ""),
		refuse("atomic-mutability", "3.5.2", "a good operation before one on a readOnly attribute is not applied", `[{"op":"replace","path":"displayName","value":"Half"},{"op":"replace","path":"id","value":"x"}]`, ""),
		refuse("atomic-last", "3.5.2", "good operations around a bad one are not applied", `[{"op":"replace","path":"displayName","value":"Half"},{"op":"remove"},{"op":"add","path":"title","value":"x"}]`, ""),
	}
	cases := patchTable("Patch errors", "half a change is worse than none: the identity provider believes all or nothing was done", rows)
	cases = append(cases, area("Patch errors", patchMeans, []Case{
		must("rfc7644-3.5.2-patch-taken-username", "PATCH to a taken userName is refused with 409 uniqueness", func(t *trial) {
			a, b := t.user(""), t.user("")
			t.patch(b.path, `[{"op":"replace","path":"userName","value":"`+a.name+`"}]`).isError(409, "uniqueness")
			t.read(b.path).has(want{"userName": b.name})
		}),
		must("rfc7644-3.5.2-patch-unknown-user", "PATCH of an unknown user answers 404", func(t *trial) {
			t.patch(t.fill("/Users/{tag}-none"), `[{"op":"replace","path":"displayName","value":"x"}]`).isError(404, "")
		}),
		should("rfc7644-3.5.2-patch-no-schemas", "a PATCH without schemas is refused", func(t *trial) {
			u := t.user("")
			t.ask("PATCH", u.path, `{"Operations":[{"op":"replace","path":"displayName","value":"x"}]}`).isError(400, "")
		}),
		must("rfc7644-3.5.2-patch-no-operations", "a PATCH without Operations is refused", func(t *trial) {
			u := t.user("")
			t.ask("PATCH", u.path, `{"schemas":["`+patchURN+`"]}`).isError(400, "")
		}),
		must("rfc7644-3.5.2-patch-broken-json", "a PATCH that breaks off is refused", func(t *trial) {
			u := t.user("")
			t.ask("PATCH", u.path, `{"schemas":["`+patchURN+`"],"Operations":[`).isError(400, "")
		}),
		must("rfc7644-3.5.2-patch-answer", "PATCH answers 200 with the user, or 204 without a body", func(t *trial) {
			u := t.user("")
			res := t.patch(u.path, `[{"op":"replace","path":"displayName","value":"New {tag}"}]`).isStatus(200, 204)
			if res.Status == 200 {
				res.has(want{"id": u.id, "displayName": "New {tag}"})
				return
			}
			t.ok(len(res.Body) == 0, "no body", "%d bytes", len(res.Body))
		}),
		must("rfc7644-3.5.2-patch-lastmodified", "a PATCH moves lastModified", func(t *trial) {
			u := t.user("")
			before := instant(t, t.read(u.path).doc, "meta.lastModified")
			t.patch(u.path, `[{"op":"replace","path":"displayName","value":"New {tag}"}]`).isStatus(200, 204)
			after := instant(t, t.read(u.path).doc, "meta.lastModified")
			t.ok(!after.Before(before), "a lastModified not before "+before.String(), "%s", after)
		}),
	}, NeedPatch)...)
	return cases
}
