package verify

// patchRow is one PATCH of a user: what the user has before, the operations,
// and what must be true after. Where refused, scimType says why and after must
// hold of the user unchanged.
type patchRow struct {
	id, title  string
	before     string // over the usual user
	operations string
	after      want
	refused    bool
	scimType   string
	advice     bool // SHOULD, not MUST
	needs      []Feature
	section    string // of RFC 7644; 3.5.2.1 add, .2 remove, .3 replace
}

// {name} in a row's texts is the user's userName; {boss} a second user's id.
func (row patchRow) asCase() Case {
	c := must("rfc7644-"+row.section+"-patch-"+row.id, row.title, row.try)
	if row.advice {
		c = c.shouldBe()
	}
	return c.need(NeedPatch).need(row.needs...)
}

func (row patchRow) try(t *trial) {
	pairs := []string{"{boss}", "gbv-none"}
	if contains(row.operations, "{boss}") || contains(row.before, "{boss}") {
		pairs[1] = t.user("").id
	}
	u := t.user(t.with(row.before, pairs...))
	pairs = append(pairs, "{name}", u.name, "{id}", u.id)
	res := t.patch(u.path, t.with(row.operations, pairs...))
	if row.refused {
		res.isError(400, row.scimType)
	} else {
		res.isStatus(200, 204)
	}
	after := want{}
	for path, v := range row.after {
		if s, ok := v.(string); ok {
			v = t.with(s, pairs...)
		}
		after[path] = v
	}
	t.read(u.path).has(after)
	if res.Status == 200 {
		res.has(after)
	}
}

func patchTable(name, means string, rows []patchRow) []Case {
	cases := make([]Case, len(rows))
	for i, row := range rows {
		cases[i] = row.asCase()
	}
	return area(name, means, cases, NeedPatch)
}

const patchMeans = "a change made at the identity provider does not arrive, or changes something else"

var (
	needTitle      = []Feature{userAttr("title")}
	needEnterprise = []Feature{NeedEnterprise}
)

// patchCases are add, replace and remove on single-valued attributes.
func patchCases() []Case {
	const dept = enterpriseURN + ":department"
	return patchTable("Patch single values", patchMeans, []patchRow{
		{id: "add-single", section: "3.5.2.1", title: "add sets an attribute that is not there", operations: `[{"op":"add","path":"title","value":"New"}]`, after: want{"title": "New", "displayName": present}, needs: needTitle},
		{id: "add-single-present", section: "3.5.2.1", title: "add replaces a single value that is there", before: `{"title":"Old"}`, operations: `[{"op":"add","path":"title","value":"New"}]`, after: want{"title": "New"}, needs: needTitle},
		{id: "add-single-same", section: "3.5.2.1", title: "add of the same value changes nothing", before: `{"title":"Old"}`, operations: `[{"op":"add","path":"title","value":"Old"}]`, after: want{"title": "Old"}, needs: needTitle},
		{id: "add-sub", section: "3.5.2.1", title: "add sets a sub-attribute and leaves the others", operations: `[{"op":"add","path":"name.middleName","value":"Q"}]`, after: want{"name.middleName": "Q", "name.givenName": "Vera", "name.familyName": "Ify"}, needs: []Feature{userAttr("name.middleName")}},
		{id: "add-sub-fresh", section: "3.5.2.1", title: "add of a sub-attribute makes the complex attribute", before: `{"name":null}`, operations: `[{"op":"add","path":"name.familyName","value":"Fresh"}]`, after: want{"name.familyName": "Fresh"}},
		{id: "add-complex", section: "3.5.2.1", title: "add of a complex value merges its sub-attributes", operations: `[{"op":"add","path":"name","value":{"givenName":"Petra"}}]`, after: want{"name.givenName": "Petra", "name.familyName": "Ify"}},
		{id: "add-pathless", section: "3.5.2.1", title: "add without a path sets what its value holds", operations: `[{"op":"add","value":{"title":"New","nickName":"Nick"}}]`, after: want{"title": "New", "nickName": "Nick", "displayName": present}, needs: needTitle},
		{id: "add-extension", section: "3.5.2.1", title: "add sets an extension's attribute", operations: `[{"op":"add","path":"` + dept + `","value":"Tests"}]`, after: want{dept: "Tests"}, needs: needEnterprise},
		{id: "add-extension-pathless", section: "3.5.2.1", title: "add without a path takes an extension's object", operations: `[{"op":"add","value":{"` + enterpriseURN + `":{"department":"Tests","costCenter":"7"}}}]`, after: want{dept: "Tests", enterpriseURN + ":costCenter": "7"}, needs: needEnterprise},
		{id: "add-extension-keeps", section: "3.5.2.1", title: "add to an extension leaves its other attributes", before: `{"{ent}":{"costCenter":"7"}}`, operations: `[{"op":"add","path":"` + dept + `","value":"Tests"}]`, after: want{dept: "Tests", enterpriseURN + ":costCenter": "7"}, needs: needEnterprise},
		{id: "add-manager", section: "3.5.2.1", title: "add sets a complex attribute of an extension", operations: `[{"op":"add","path":"` + enterpriseURN + `:manager","value":{"value":"{boss}"}}]`, after: want{enterpriseURN + ":manager.value": "{boss}"}, needs: needEnterprise},
		{id: "add-urn-path", section: "3.5.2.1", title: "a path may carry the core schema's URN", operations: `[{"op":"add","path":"` + userURN + `:title","value":"New"}]`, after: want{"title": "New"}, needs: needTitle},
		{id: "add-urn-sub-path", section: "3.5.2.1", title: "so may the path of a sub-attribute", operations: `[{"op":"add","path":"` + userURN + `:name.givenName","value":"Petra"}]`, after: want{"name.givenName": "Petra", "name.familyName": "Ify"}},
		{id: "replace-single", section: "3.5.2.3", title: "replace changes a single value", operations: `[{"op":"replace","path":"displayName","value":"New {tag}"}]`, after: want{"displayName": "New {tag}"}},
		{id: "replace-absent", section: "3.5.2.3", title: "replace of what is not there adds it", operations: `[{"op":"replace","path":"title","value":"New"}]`, after: want{"title": "New"}, needs: needTitle},
		{id: "replace-boolean", section: "3.5.2.3", title: "replace changes a boolean", operations: `[{"op":"replace","path":"active","value":false}]`, after: want{"active": false}},
		{id: "replace-sub", section: "3.5.2.3", title: "replace changes a sub-attribute and leaves the others", operations: `[{"op":"replace","path":"name.familyName","value":"Anders"}]`, after: want{"name.familyName": "Anders", "name.givenName": "Vera"}},
		{id: "replace-complex", section: "3.5.2.3", title: "replace of a complex attribute sets the sub-attributes given", operations: `[{"op":"replace","path":"name","value":{"familyName":"Anders","givenName":"Petra"}}]`, after: want{"name.familyName": "Anders", "name.givenName": "Petra"}},
		{id: "replace-username", section: "3.5.2.3", title: "replace changes userName", operations: `[{"op":"replace","path":"userName","value":"x-{name}"}]`, after: want{"userName": "x-{name}"}},
		{id: "replace-externalid", section: "3.5.2.3", title: "replace changes externalId", operations: `[{"op":"replace","path":"externalId","value":"New-{tag}"}]`, after: want{"externalId": "New-{tag}"}},
		{id: "replace-pathless", section: "3.5.2.3", title: "replace without a path changes what its value holds and no more", operations: `[{"op":"replace","value":{"displayName":"New {tag}","active":false}}]`, after: want{"displayName": "New {tag}", "active": false, "userName": "{name}", "emails.#": 1}},
		{id: "replace-pathless-complex", section: "3.5.2.3", title: "replace without a path changes a complex attribute", operations: `[{"op":"replace","value":{"name":{"familyName":"Anders","givenName":"Petra"}}}]`, after: want{"name.familyName": "Anders", "name.givenName": "Petra"}},
		{id: "replace-extension", section: "3.5.2.3", title: "replace changes an extension's attribute", before: `{"{ent}":{"department":"Old","costCenter":"7"}}`, operations: `[{"op":"replace","path":"` + dept + `","value":"New"}]`, after: want{dept: "New", enterpriseURN + ":costCenter": "7"}, needs: needEnterprise},
		{id: "replace-extension-pathless", section: "3.5.2.3", title: "replace without a path takes an extension's object", before: `{"{ent}":{"department":"Old"}}`, operations: `[{"op":"replace","value":{"` + enterpriseURN + `":{"department":"New"}}}]`, after: want{dept: "New"}, needs: needEnterprise},
		{id: "replace-manager", section: "3.5.2.3", title: "replace changes the manager's value", before: `{"{ent}":{"manager":{"value":"{boss}"}}}`, operations: `[{"op":"replace","path":"` + enterpriseURN + `:manager.value","value":"{id}"}]`, after: want{enterpriseURN + ":manager.value": "{id}"}, needs: needEnterprise},
		{id: "remove-single", section: "3.5.2.2", title: "remove takes a single value away", before: `{"title":"Old"}`, operations: `[{"op":"remove","path":"title"}]`, after: want{"title": nil, "displayName": present}, needs: needTitle},
		{id: "remove-absent", section: "3.5.2.2", title: "remove of a single value that is not there succeeds", operations: `[{"op":"remove","path":"title"}]`, after: want{"title": nil}, needs: needTitle},
		{id: "remove-sub", section: "3.5.2.2", title: "remove takes a sub-attribute away and leaves the others", operations: `[{"op":"remove","path":"name.givenName"}]`, after: want{"name.givenName": nil, "name.familyName": "Ify"}},
		{id: "remove-complex", section: "3.5.2.2", title: "remove takes a complex attribute away", operations: `[{"op":"remove","path":"name"}]`, after: want{"name.givenName": nil, "name.familyName": nil}},
		{id: "remove-extension", section: "3.5.2.2", title: "remove takes an extension's attribute away", before: `{"{ent}":{"department":"Old","costCenter":"7"}}`, operations: `[{"op":"remove","path":"` + dept + `"}]`, after: want{dept: nil, enterpriseURN + ":costCenter": "7"}, needs: needEnterprise},
		{id: "remove-manager", section: "3.5.2.2", title: "remove takes the manager away", before: `{"{ent}":{"manager":{"value":"{boss}"},"costCenter":"7"}}`, operations: `[{"op":"remove","path":"` + enterpriseURN + `:manager"}]`, after: want{enterpriseURN + ":manager.value": nil, enterpriseURN + ":costCenter": "7"}, needs: needEnterprise},
		{id: "any-case-path", section: "3.10", title: "paths are spelt in any case", operations: `[{"op":"replace","path":"DISPLAYNAME","value":"New {tag}"}]`, after: want{"displayName": "New {tag}"}},
		{id: "any-case-value", section: "3.5.2", title: "attribute names in a value are spelt in any case", operations: `[{"op":"replace","value":{"DISPLAYname":"New {tag}"}}]`, after: want{"displayName": "New {tag}"}},
		{id: "multi-op", section: "3.5.2", title: "several operations all apply", operations: `[{"op":"replace","path":"displayName","value":"New {tag}"},{"op":"add","path":"title","value":"T"},{"op":"remove","path":"name.givenName"}]`, after: want{"displayName": "New {tag}", "title": "T", "name.givenName": nil}, needs: needTitle},
		{id: "in-order", section: "3.5.2", title: "operations apply in order", operations: `[{"op":"replace","path":"title","value":"1"},{"op":"replace","path":"title","value":"2"},{"op":"replace","path":"title","value":"3"}]`, after: want{"title": "3"}, needs: needTitle},
		{id: "remove-then-add", section: "3.5.2", title: "what is removed may be added again behind", before: `{"title":"Old"}`, operations: `[{"op":"remove","path":"title"},{"op":"add","path":"title","value":"New"}]`, after: want{"title": "New"}, needs: needTitle},
		{id: "add-then-remove", section: "3.5.2", title: "what is added may be removed behind", operations: `[{"op":"add","path":"title","value":"New"},{"op":"remove","path":"title"}]`, after: want{"title": nil}, needs: needTitle},
	})
}
