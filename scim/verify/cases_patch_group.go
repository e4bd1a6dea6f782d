package verify

// groupRow is one PATCH of a group that has users a and b as members, c being
// a user outside: the operations and who is a member after.
type groupRow struct {
	id, title  string
	operations string // {a} {b} {c} are ids, {id} the group's
	after      string // such as "ac"
	name       string // displayName after, "" as it was
	refused    bool
	scimType   string
	advice     bool // SHOULD, not MUST
	section    string
}

func (row groupRow) try(t *trial) {
	users := map[byte]resource{'a': t.user(""), 'b': t.user(""), 'c': t.user("")}
	g := t.group(users['a'], users['b'])
	pairs := []string{"{a}", users['a'].id, "{b}", users['b'].id, "{c}", users['c'].id, "{id}", g.id, "{g}", g.name}
	res := t.patch(g.path, t.with(row.operations, pairs...))
	if row.refused {
		res.isError(400, row.scimType)
	} else {
		res.isStatus(200, 204)
	}
	var members []resource
	for i := range len(row.after) {
		members = append(members, users[row.after[i]])
	}
	t.hasMembers(g, members...)
	name := g.name
	if row.name != "" {
		name = t.fill(row.name)
	}
	t.read(g.path).has(want{"displayName": name})
}

// patchGroupCases are PATCH on groups and their members.
func patchGroupCases() []Case {
	rows := []groupRow{
		{id: "members-add", section: "3.5.2.1", title: "add puts a member to the others", operations: `[{"op":"add","path":"members","value":[{"value":"{c}"}]}]`, after: "abc"},
		{id: "members-add-object", section: "3.5.2.1", title: "add takes one member without an array", operations: `[{"op":"add","path":"members","value":{"value":"{c}"}}]`, after: "abc"},
		{id: "members-add-pathless", section: "3.5.2.1", title: "add without a path puts a member to the others", operations: `[{"op":"add","value":{"members":[{"value":"{c}"}]}}]`, after: "abc"},
		{id: "members-add-some-present", advice: true, section: "3.5.2.1", title: "add of a present and a new member adds the new", operations: `[{"op":"add","path":"members","value":[{"value":"{a}"},{"value":"{c}"}]}]`, after: "abc"},
		{id: "members-add-twice-in-one", advice: true, section: "3.5.2.1", title: "a member given twice in one add is one member", operations: `[{"op":"add","path":"members","value":[{"value":"{c}"},{"value":"{c}"}]}]`, after: "abc"},
		{id: "members-add-type", section: "3.5.2.1", title: "a member may carry type, display and $ref", operations: `[{"op":"add","path":"members","value":[{"value":"{c}","type":"User","display":"C","$ref":"../Users/{c}"}]}]`, after: "abc"},
		{id: "members-remove", section: "3.5.2.2", title: "remove takes the member a filter picks away", operations: `[{"op":"remove","path":"members[value eq \"{a}\"]"}]`, after: "b"},
		{id: "members-remove-any-case", section: "3.5.2.2", title: "its path is spelt in any case", operations: `[{"op":"remove","path":"MEMBERS[VALUE EQ \"{a}\"]"}]`, after: "b"},
		{id: "members-remove-or", section: "3.5.2.2", title: "remove takes several members away by or", operations: `[{"op":"remove","path":"members[value eq \"{a}\" or value eq \"{b}\"]"}]`, after: ""},
		{id: "members-remove-all", section: "3.5.2.2", title: "remove of members empties the group", operations: `[{"op":"remove","path":"members"}]`, after: ""},
		{id: "members-remove-each", section: "3.5.2.2", title: "two removes in one PATCH both apply", operations: `[{"op":"remove","path":"members[value eq \"{a}\"]"},{"op":"remove","path":"members[value eq \"{b}\"]"}]`, after: ""},
		{id: "members-replace", section: "3.5.2.3", title: "replace changes all members for the new", operations: `[{"op":"replace","path":"members","value":[{"value":"{c}"}]}]`, after: "c"},
		{id: "members-replace-same", section: "3.5.2.3", title: "replace by the same members changes nothing", operations: `[{"op":"replace","path":"members","value":[{"value":"{a}"},{"value":"{b}"}]}]`, after: "ab"},
		{id: "members-replace-empty", section: "3.5.2.3", title: "replace by [] empties the group", operations: `[{"op":"replace","path":"members","value":[]}]`, after: ""},
		{id: "members-replace-pathless", section: "3.5.2.3", title: "replace without a path changes all members for the new", operations: `[{"op":"replace","value":{"members":[{"value":"{b}"},{"value":"{c}"}]}}]`, after: "bc"},
		{id: "members-remove-add", section: "3.5.2", title: "remove and add in one PATCH both apply", operations: `[{"op":"remove","path":"members[value eq \"{a}\"]"},{"op":"add","path":"members","value":[{"value":"{c}"}]}]`, after: "bc"},
		{id: "members-add-remove", section: "3.5.2", title: "who is added and then removed in one PATCH is no member", operations: `[{"op":"add","path":"members","value":[{"value":"{c}"}]},{"op":"remove","path":"members[value eq \"{c}\"]"}]`, after: "ab"},
		{id: "group-rename", section: "3.5.2.3", title: "replace renames a group and leaves its members", operations: `[{"op":"replace","path":"displayName","value":"{tag}-new"}]`, after: "ab", name: "{tag}-new"},
		{id: "group-rename-pathless", section: "3.5.2.3", title: "so does replace without a path", operations: `[{"op":"replace","value":{"displayName":"{tag}-new"}}]`, after: "ab", name: "{tag}-new"},
		{id: "group-rename-and-members", section: "3.5.2", title: "renaming and adding in one PATCH both apply", operations: `[{"op":"replace","path":"displayName","value":"{tag}-new"},{"op":"add","path":"members","value":[{"value":"{c}"}]}]`, after: "abc", name: "{tag}-new"},
		{id: "group-externalid", section: "3.5.2.3", title: "replace of externalId leaves the members", operations: `[{"op":"replace","path":"externalId","value":"New-{tag}"}]`, after: "ab"},
		{id: "group-unknown-path", section: "3.5.2", title: "an unknown path on a group is refused", operations: `[{"op":"replace","path":"gbvNoSuch","value":"x"}]`, after: "ab", refused: true},
		{id: "group-atomic", section: "3.5.2", title: "members added before an operation that fails are not added", operations: `[{"op":"add","path":"members","value":[{"value":"{c}"}]},{"op":"replace","path":"gbvNoSuch","value":"x"}]`, after: "ab", refused: true},
		{id: "group-remove-name", section: "3.5.2.2", title: "members removed before an operation that fails stay", operations: `[{"op":"remove","path":"members"},{"op":"remove"}]`, after: "ab", refused: true},
		{id: "group-readonly", section: "3.5.2", title: "a group's id cannot be replaced", operations: `[{"op":"replace","path":"id","value":"x"}]`, after: "ab", refused: true, scimType: "mutability"},
	}
	var cases []Case
	for _, row := range rows {
		c := must("rfc7644-"+row.section+"-patch-"+row.id, row.title, row.try)
		if row.advice {
			c = c.shouldBe()
		}
		cases = append(cases, c)
	}
	cases = append(cases,
		must("rfc7644-3.5.2.2-patch-members-absent", "removing who is no member changes nothing", func(t *trial) {
			a, c := t.user(""), t.user("")
			g := t.group(a)
			res := t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+c.id+`\"]"}]`)
			if res.Status != 400 {
				res.isStatus(200, 204)
			}
			t.hasMembers(g, a)
		}),
		should("rfc7644-3.5.2.2-patch-members-absent-succeeds", "removing who is no member succeeds, so that a retry does", func(t *trial) {
			a, c := t.user(""), t.user("")
			g := t.group(a)
			t.patch(g.path, `[{"op":"remove","path":"members[value eq \"`+c.id+`\"]"}]`).isStatus(200, 204)
		}).mean("the retry of a removal whose answer was lost fails for ever"),
		must("rfc7644-3.5.2-patch-group-unknown", "PATCH of an unknown group answers 404", func(t *trial) {
			t.patch(t.fill("/Groups/{tag}-none"), `[{"op":"replace","path":"displayName","value":"x"}]`).isError(404, "")
		}),
		must("rfc7644-3.5.2-patch-group-lastmodified", "a membership change does not take lastModified back", func(t *trial) {
			u := t.user("")
			g := t.group()
			before := instant(t, t.read(g.path).doc, "meta.lastModified")
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			after := instant(t, t.read(g.path).doc, "meta.lastModified")
			t.ok(!after.Before(before), "a lastModified not before "+before.String(), "%s", after)
		}),
	)
	return area("Patch groups", "people keep access they lost, or lack access they were given, while the identity provider reports success", cases, NeedPatch, NeedGroups)
}
