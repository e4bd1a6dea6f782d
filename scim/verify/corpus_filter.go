package verify

import "strings"

// filterAttr is an attribute filters are tried on: where it stands, how its
// values look ({L} is Alpha or Beta), and what the RFC says of it.
type filterAttr struct {
	name   string // in case ids
	path   string // in filters
	value  string // {L} Alpha | Beta, {run}
	exact  bool   // caseExact (RFC 7643 §7, §8.7.1)
	always bool   // every user has one
	need   Feature
}

// filterAttrs is the table behind the operator families on users.
var filterAttrs = []filterAttr{
	{name: "userName", path: "userName", value: "gbv-{run}-corpus-{l}@verify.example", always: true},
	{name: "externalId", path: "externalId", value: "Ext-{run}-{L}", exact: true},
	{name: "displayName", path: "displayName", value: "Display {run} {L}", need: userAttr("displayName")},
	{name: "nickName", path: "nickName", value: "Nick-{run}-{L}", need: userAttr("nickName")},
	{name: "title", path: "title", value: "Title-{run}-{L}", need: userAttr("title")},
	{name: "userType", path: "userType", value: "Type-{run}-{L}", need: userAttr("userType")},
	{name: "profileUrl", path: "profileUrl", value: "https://verify.example/{run}/{L}", exact: true, need: userAttr("profileUrl")},
	{name: "name.familyName", path: "name.familyName", value: "Family-{run}-{L}", need: userAttr("name.familyName")},
	{name: "name.givenName", path: "name.givenName", value: "Given-{run}-{L}", need: userAttr("name.givenName")},
	{name: "emails.value", path: "emails.value", value: "mail-{run}-{L}@verify.example", need: userAttr("emails.value")},
	{name: "phoneNumbers.value", path: "phoneNumbers.value", value: "tel-{run}-{L}", need: userAttr("phoneNumbers.value")},
	{name: "addresses.locality", path: "addresses.locality", value: "Town-{run}-{L}", need: userAttr("addresses.locality")},
	{name: "roles.value", path: "roles.value", value: "Role-{run}-{L}", need: userAttr("roles.value")},
	{name: "entitlements.value", path: "entitlements.value", value: "Right-{run}-{L}", need: userAttr("entitlements.value")},
	{name: "enterprise.employeeNumber", path: enterpriseURN + ":employeeNumber", value: "No-{run}-{L}", need: enterpriseAttr("employeeNumber")},
	{name: "enterprise.department", path: enterpriseURN + ":department", value: "Dept-{run}-{L}", need: enterpriseAttr("department")},
	{name: "enterprise.costCenter", path: enterpriseURN + ":costCenter", value: "Cost-{run}-{L}", need: enterpriseAttr("costCenter")},
}

// of is the attribute's value for a letter.
func (a filterAttr) of(t *trial, letter string) string {
	word := map[string]string{"A": "Alpha", "B": "Beta"}[letter]
	return t.with(a.value, "{L}", word, "{l}", strings.ToLower(word))
}

const corpusUser = `{
	"schemas": ["` + userURN + `", "` + enterpriseURN + `"],
	"userName": "{tag}-{l}@verify.example", "externalId": "Ext-{run}-{L}",
	"displayName": "Display {run} {L}", "nickName": "Nick-{run}-{L}", "title": "Title-{run}-{L}", "userType": "Type-{run}-{L}",
	"profileUrl": "https://verify.example/{run}/{L}", "active": true,
	"name": {"familyName": "Family-{run}-{L}", "givenName": "Given-{run}-{L}"},
	"emails": [
		{"value": "mail-{run}-{L}@verify.example", "type": "work", "primary": true},
		{"value": "private-{run}-{L}@verify.example", "type": "home"}],
	"phoneNumbers": [{"value": "tel-{run}-{L}", "type": "work"}],
	"addresses": [{"locality": "Town-{run}-{L}", "type": "work"}],
	"roles": [{"value": "Role-{run}-{L}"}],
	"entitlements": [{"value": "Right-{run}-{L}"}],
	"` + enterpriseURN + `": {"employeeNumber": "No-{run}-{L}", "department": "Dept-{run}-{L}", "costCenter": "Cost-{run}-{L}"}
}`

// filterPeople is the corpus of the filter cases: A (Alpha) and B (Beta) have
// every attribute, C nothing but a userName, D is inactive.
func filterPeople(t *trial) people {
	return t.shared("corpus", func(t *trial) any {
		p := people{endpoint: "/Users", byLetter: map[string]resource{}}
		for letter, word := range map[string]string{"A": "Alpha", "B": "Beta"} {
			name := t.with("{tag}-{l}@verify.example", "{l}", strings.ToLower(word))
			body := map[string]any{}
			t.decode(t.with(corpusUser, "{L}", word, "{l}", strings.ToLower(word)), &body)
			t.dropUnlisted(body)
			p.byLetter[letter] = t.make("/Users", name, body)
		}
		for letter, active := range map[string]bool{"C": true, "D": false} {
			name := t.with("{tag}-{l}@verify.example", "{l}", strings.ToLower(letter))
			p.byLetter[letter] = t.make("/Users", name, map[string]any{"schemas": []string{userURN}, "userName": name, "active": active})
		}
		t.findScope(&p, "userName")
		return p
	}).(people)
}

// dropUnlisted takes out of a user what the server's schemas do not list, so
// that a strict server of fewer attributes does not refuse the whole corpus.
func (t *trial) dropUnlisted(body map[string]any) {
	if t.run.schemas == nil {
		return
	}
	if t.run.lacks(NeedEnterprise) != "" {
		delete(body, enterpriseURN)
		body["schemas"] = []any{userURN}
	}
	for name := range body {
		if !strings.HasPrefix(name, "urn:") && t.run.lacks(userAttr(name)) != "" {
			delete(body, name)
		}
	}
}
