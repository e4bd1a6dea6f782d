package scim

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
)

func parse(t *testing.T, body string) any {
	t.Helper()
	v, err := decode(body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

func ops(list string) string {
	return `{"schemas":["` + urnPatch + `"],"Operations":[` + list + `]}`
}

// ruleCases are payloads as research of what providers send found them: each
// needs one rule, is understood with it and refused (or misunderstood) without.
var ruleCases = []struct {
	name string
	rule Rule
	// before is the user's document (a group's where group is set), after what
	// the PATCH makes of it.
	group         bool
	body          string
	before, after string
	members       directory.MemberChange
	// survives says that without the rule the request is not an error.
	survives bool
}{
	{name: "Entra capitalises op", rule: RuleOpCase, body: ops(`{"op":"Replace","path":"title","value":"x"}`), after: `{"title":"x"}`},
	{name: "operations in lower case", rule: RuleOperationsCase,
		body: `{"schemas":["` + urnPatch + `"],"operations":[{"op":"replace","path":"title","value":"x"}]}`, after: `{"title":"x"}`},
	{name: "Entra sends active as text", rule: RuleBooleanText, body: ops(`{"op":"replace","path":"active","value":"False"}`), after: `{"active":false}`},
	{name: "Entra sends active as text without a path", rule: RuleBooleanText, body: ops(`{"op":"replace","value":{"active":"True"}}`), after: `{"active":true}`},
	{name: "Entra's validator sends primary as text", rule: RuleBooleanText, body: ops(`{"op":"add","path":"roles","value":[{"value":"a","primary":"True"}]}`),
		after: `{"roles":[{"value":"a","primary":true}]}`},
	{name: "Entra compares primary with text", rule: RuleBooleanText, body: ops(`{"op":"replace","path":"roles[primary eq \"True\"].value","value":"b"}`),
		before: `{"roles":[{"value":"a","primary":true}]}`, after: `{"roles":[{"value":"b","primary":true}]}`},
	{name: "Entra's documentation wraps manager in an array", rule: RuleShape,
		body:  ops(`{"op":"add","path":"` + urnEnterprise + `:manager","value":[{"$ref":"http://x/Users/1","value":"1"}]}`),
		after: `{"` + urnEnterprise + `":{"manager":{"$ref":"http://x/Users/1","value":"1"}}}`},
	{name: "a scalar in an array of one", rule: RuleShape, body: ops(`{"op":"replace","path":"title","value":["x"]}`), after: `{"title":"x"}`},
	{name: "a scalar as [{value}]", rule: RuleShape, body: ops(`{"op":"replace","path":"title","value":[{"value":"x"}]}`), after: `{"title":"x"}`},
	{name: "one object where an array belongs", rule: RuleShape, body: ops(`{"op":"replace","path":"emails","value":{"value":"a@b"}}`), after: `{"emails":[{"value":"a@b"}]}`},
	{name: "a number where a text belongs", rule: RuleShape, body: ops(`{"op":"replace","path":"` + urnEnterprise + `:employeeNumber","value":701984}`),
		after: `{"` + urnEnterprise + `":{"employeeNumber":"701984"}}`},
	{name: "Entra sends manager as text", rule: RuleReferenceText, body: ops(`{"op":"replace","path":"` + urnEnterprise + `:manager","value":"u2"}`),
		after: `{"` + urnEnterprise + `":{"manager":{"value":"u2"}}}`},
	{name: "Entra's validator removes the manager with an empty text", rule: RuleReferenceText, body: ops(`{"op":"replace","path":"` + urnEnterprise + `:manager","value":""}`),
		before: `{"` + urnEnterprise + `":{"manager":{"value":"u2"}},"title":"x"}`, after: `{"title":"x"}`},
	{name: "the same with an empty value", rule: RuleReferenceText, survives: true, body: ops(`{"op":"replace","path":"` + urnEnterprise + `:manager","value":{"value":""}}`),
		before: `{"` + urnEnterprise + `":{"manager":{"value":"u2"}}}`, after: `{}`},
	{name: "Entra's documentation names manager bare", rule: RuleBareExtension, body: ops(`{"op":"add","path":"manager","value":{"value":"u2"}}`),
		survives: true, after: `{"` + urnEnterprise + `":{"manager":{"value":"u2"}}}`},
	{name: "Entra's flag form: dotted and URN keys without a path", rule: RuleFlatKeys,
		body:  ops(`{"op":"replace","value":{"displayName":"Pvlo","name.givenName":"P","` + urnEnterprise + `:employeeNumber":"7","emails[type eq \"work\"].value":"p@x"}}`),
		after: `{"displayName":"Pvlo","name":{"givenName":"P"},"` + urnEnterprise + `":{"employeeNumber":"7"},"emails":[{"type":"work","value":"p@x"}]}`},
	{name: "the path is a bare URN", rule: RuleFlatKeys, body: ops(`{"op":"add","path":"` + urnEnterprise + `","value":{"department":"IT"}}`),
		after: `{"` + urnEnterprise + `":{"department":"IT"}}`},
	{name: "Entra and authentik remove members by a value list", rule: RuleMemberValues, group: true, body: ops(`{"op":"remove","path":"members","value":[{"value":"u1"},{"value":"u2","$ref":null}]}`),
		members: directory.MemberChange{Remove: []string{"u1", "u2"}, Park: true}},
	{name: "Entra sets the work e-mail of a user without one", rule: RuleCreateElement, body: ops(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@b"}`),
		after: `{"emails":[{"type":"work","value":"a@b"}]}`},
	{name: "Entra adds an address piece by piece", rule: RuleCreateElement,
		body:  ops(`{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"Bonn"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"}`),
		after: `{"addresses":[{"type":"work","locality":"Bonn","country":"DE"}]}`},
	{name: "Okta echoes id in the rename of a group", rule: RuleEcho, group: true, body: ops(`{"op":"replace","value":{"id":"abf4dd94","displayName":"Test SCIMv2"}}`),
		before: `{"displayName":"Old"}`, after: `{"displayName":"Test SCIMv2"}`},
	{name: "authentik replaces the whole group, schemas and all", rule: RuleEcho, group: true,
		body:   ops(`{"op":"replace","value":{"schemas":["` + urnGroup + `"],"id":"1","externalId":"e","displayName":"G"}}`),
		before: `{"displayName":"Old"}`, after: `{"displayName":"G","externalId":"e"}`},
	{name: "a custom attribute", rule: RuleUnknown, body: ops(`{"op":"add","path":"urn:example:custom:2.0:User:badge","value":"9"}`), after: `{"urn:example:custom:2.0:User":{"badge":"9"}}`},
	{name: "a custom extension without a path", rule: RuleUnknown, body: ops(`{"op":"add","value":{"urn:example:custom:1.0":{"badge":"9"}}}`), after: `{"urn:example:custom:1.0":{"badge":"9"}}`},
	{name: "Entra's documentation misspells the extension", rule: RuleUnknown, body: ops(`{"op":"add","value":{"urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"department":"IT"}}}`),
		after: `{"` + urnEnterprise + `":{"department":"IT"}}`},
	{name: "Entra packs a role as JSON text", rule: RuleLoose, survives: true, body: ops(`{"op":"add","path":"roles","value":[{"value":"{\"id\":\"18d\",\"value\":\"Admin\",\"displayName\":\"Administrators\"}"}]}`),
		after: `{"roles":[{"value":"Admin","display":"Administrators"}]}`},
}

func TestEachRuleReadsWhatItIsFor(t *testing.T) {
	for _, tt := range ruleCases {
		t.Run(tt.name, func(t *testing.T) {
			got, c := patched(t, tt.group, tt.before, tt.body)
			if tt.after != "" {
				if diff := cmp.Diff(parse(t, tt.after), got); diff != "" {
					t.Errorf("document (-want +got):\n%s", diff)
				}
			}
			if tt.members.Park {
				if diff := cmp.Diff(tt.members, c.Members); diff != "" {
					t.Errorf("members (-want +got):\n%s", diff)
				}
			}
			used := false
			for _, r := range c.Rewrites {
				used = used || r.Rule == tt.rule
			}
			if !used && tt.rule != RuleCreateElement {
				t.Errorf("%v is not among the rewrites %v", tt.rule, c.Rewrites)
			}
		})
	}
}

func patched(t *testing.T, group bool, before, body string, off ...Rule) (any, Canonical) {
	t.Helper()
	c, err := Normalise(Auto, Request{Method: http.MethodPatch, Group: group, Body: parse(t, body)}, off...)
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	if before != "" {
		doc = parse(t, before).(map[string]any)
	}
	if err := c.applyTo(doc); err != nil {
		t.Fatal(err)
	}
	return doc, c
}

// applyTo applies the operations without the check of what is required.
func (c Canonical) applyTo(doc map[string]any) error {
	for i, o := range c.Ops {
		if err := o.apply(doc); err != nil {
			return inOperation(i, err)
		}
	}
	return nil
}

func TestWithoutItsRuleARequestIsRefused(t *testing.T) {
	for _, tt := range ruleCases {
		if tt.survives {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			c, err := Normalise(Auto, Request{Method: http.MethodPatch, Group: tt.group, Body: parse(t, tt.body)}, tt.rule)
			doc := map[string]any{}
			if tt.before != "" {
				doc = parse(t, tt.before).(map[string]any)
			}
			if err == nil {
				err = c.applyTo(doc)
			}
			if e := toError(err); err == nil || e.Status != 400 || e.Type == "" {
				t.Errorf("got %v and %v", err, doc)
			}
		})
	}
}

func TestStrictRefusesEveryDeparture(t *testing.T) {
	for _, tt := range ruleCases {
		c, err := Normalise(Strict, Request{Method: http.MethodPatch, Group: tt.group, Body: parse(t, tt.body)})
		if err == nil {
			err = c.applyTo(map[string]any{"displayName": "x"})
		}
		if err == nil && !tt.survives {
			t.Errorf("%s: strict took it", tt.name)
		}
		if len(c.Rewrites) > 0 {
			t.Errorf("%s: strict rewrote %v", tt.name, c.Rewrites)
		}
	}
}

func TestWhoSendsShowsByAgentAndBehaviour(t *testing.T) {
	for agent, want := range map[string]Profile{
		"Okta SCIM Client 1.0.0": Okta, "OKTA SCIM Integration": Okta, "OneLogin-SCIM": OneLogin, "goauthentik.io/2026.8": Authentik,
		"Microsoft.Graph.SyncFabric": Entra, "Rippling/1": Rippling, "PingFederate": Ping, "JumpCloud": JumpCloud, "curl/8": Auto, "": Auto,
	} {
		if got := detect(http.Header{"User-Agent": {agent}}); got != want {
			t.Errorf("%s: got %s, want %s", agent, got, want)
		}
	}
	c, _ := Normalise(Auto, Request{Method: http.MethodPatch, Group: true, Body: parse(t, ops(`{"op":"Add","path":"members","value":[{"value":"u"}]}`))})
	if c.Profile != Entra {
		t.Errorf("capitalised op: got %s", c.Profile)
	}
	c, _ = Normalise(Auto, Request{Method: http.MethodPut, Body: parse(t, `{"schemas":["urn:scim:schemas:core:2.0"],"userName":"x"}`)})
	if c.Profile != OneLogin {
		t.Errorf("OneLogin's URNs: got %s", c.Profile)
	}
}

func TestMembersOfAllOperationsMakeOneChange(t *testing.T) {
	for _, tt := range []struct {
		name, ops string
		want      directory.MemberChange
	}{
		{"add", `{"op":"add","path":"members","value":[{"value":"a"},{"value":"b"},{"value":"a"}]}`, directory.MemberChange{Add: []string{"a", "b"}}},
		{"Okta removes and adds", `{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"b","display":"B"}]}`,
			directory.MemberChange{Add: []string{"b"}, Remove: []string{"a"}}},
		{"the last word counts", `{"op":"add","path":"members","value":[{"value":"a"}]},{"op":"remove","path":"members[value eq \"a\"]"}`,
			directory.MemberChange{Remove: []string{"a"}}},
		{"and the other way", `{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"a"}]}`,
			directory.MemberChange{Add: []string{"a"}}},
		{"full push", `{"op":"replace","path":"members","value":[{"value":"a"}]},{"op":"add","path":"members","value":[{"value":"b"}]},{"op":"remove","path":"members[value eq \"a\"]"}`,
			directory.MemberChange{Replace: true, Add: []string{"b"}}},
		{"remove all", `{"op":"remove","path":"members"}`, directory.MemberChange{Replace: true}},
		{"replace by none", `{"op":"replace","path":"members","value":[]}`, directory.MemberChange{Replace: true}},
		{"without a path", `{"op":"add","value":{"members":[{"value":"a"}]}}`, directory.MemberChange{Add: []string{"a"}}},
		{"several in one path", `{"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}`, directory.MemberChange{Remove: []string{"a", "b"}}},
		{"ids as texts", `{"op":"add","path":"members","value":["a"]}`, directory.MemberChange{Add: []string{"a"}}},
		{"remove of an empty list removes nobody", `{"op":"remove","path":"members","value":[]}`, directory.MemberChange{}},
	} {
		c, err := Normalise(Okta, Request{Method: http.MethodPatch, Group: true, Body: parse(t, ops(tt.ops))})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := c.Members
		got.Park = false
		if len(got.Add) == 0 {
			got.Add = nil
		}
		if len(got.Remove) == 0 {
			got.Remove = nil
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if c.Revokes != (got.Replace || len(got.Remove) > 0) {
			t.Errorf("%s: revokes %v", tt.name, c.Revokes)
		}
	}
}

func TestMembersThatCannotBeMeantAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ op, kind string }{
		"the id of all":          {`{"op":"remove","path":"members.value"}`, "mutability"},
		"the id of one":          {`{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}`, "mutability"},
		"a member replaced":      {`{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}`, "mutability"},
		"a part of an id":        {`{"op":"remove","path":"members[value sw \"a\"]"}`, "invalidPath"},
		"everybody but":          {`{"op":"remove","path":"members[not (value eq \"a\")]"}`, "invalidPath"},
		"a member without an id": {`{"op":"add","path":"members","value":[{"display":"a"}]}`, "invalidValue"},
		"an id that is a number": {`{"op":"add","path":"members","value":[{"value":{"x":1}}]}`, "invalidValue"},
	} {
		_, err := Normalise(Auto, Request{Method: http.MethodPatch, Group: true, Body: parse(t, ops(tt.op))})
		if e := toError(err); err == nil || string(e.Type) != tt.kind {
			t.Errorf("%s: got %v, want %s", name, err, tt.kind)
		}
	}
}

func TestEntraNeverEmptiesAGroupByMistake(t *testing.T) {
	_, err := Normalise(Entra, Request{Method: http.MethodPatch, Group: true, Body: parse(t, ops(`{"op":"Remove","path":"members"}`))})
	if e := toError(err); e.Type != "noTarget" {
		t.Errorf("got %v", err)
	}
}

func TestBodiesThatCannotBeMeantAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ method, body, kind string }{
		"no object":             {"POST", `[]`, "invalidSyntax"},
		"no userName":           {"POST", `{"schemas":["` + urnUser + `"]}`, "invalidValue"},
		"userName empty":        {"POST", `{"userName":""}`, "invalidValue"},
		"userName an object":    {"POST", `{"userName":{"a":1}}`, "invalidValue"},
		"two primaries":         {"POST", `{"userName":"a","emails":[{"value":"x","primary":true},{"value":"y","primary":true}]}`, "invalidValue"},
		"userName twice":        {"POST", `{"userName":"a","username":"b"}`, "invalidValue"},
		"active no boolean":     {"POST", `{"userName":"a","active":"perhaps"}`, "invalidValue"},
		"no operations":         {"PATCH", `{}`, "invalidSyntax"},
		"empty operations":      {"PATCH", ops(``), "invalidSyntax"},
		"unknown op":            {"PATCH", ops(`{"op":"move","path":"title"}`), "invalidSyntax"},
		"no value":              {"PATCH", ops(`{"op":"add","path":"title"}`), "invalidValue"},
		"remove without path":   {"PATCH", ops(`{"op":"remove"}`), "noTarget"},
		"path-less scalar":      {"PATCH", ops(`{"op":"add","value":"x"}`), "invalidValue"},
		"bad path":              {"PATCH", ops(`{"op":"add","path":"emails[","value":"x"}`), "invalidPath"},
		"bad filter in path":    {"PATCH", ops(`{"op":"add","path":"emails[type xx \"a\"].value","value":"x"}`), "invalidPath"},
		"unknown sub-attribute": {"PATCH", ops(`{"op":"add","path":"emails[type eq \"a\"].nope","value":"x"}`), "invalidPath"},
		"id":                    {"PATCH", ops(`{"op":"replace","path":"id","value":"x"}`), "mutability"},
		"groups":                {"PATCH", ops(`{"op":"add","path":"groups","value":[{"value":"x"}]}`), "mutability"},
		"meta":                  {"PATCH", ops(`{"op":"replace","path":"meta.created","value":"x"}`), "mutability"},
		"active removed":        {"PATCH", ops(`{"op":"remove","path":"active"}`), "invalidValue"},
		"several for one":       {"PATCH", ops(`{"op":"replace","path":"title","value":["a","b"]}`), "invalidValue"},
		"path no text":          {"PATCH", ops(`{"op":"replace","path":5,"value":"a"}`), "invalidPath"},
		"operation no object":   {"PATCH", ops(`5`), "invalidSyntax"},
	} {
		_, err := Normalise(Auto, Request{Method: tt.method, Body: parse(t, tt.body)})
		if e := toError(err); err == nil || string(e.Type) != tt.kind {
			t.Errorf("%s: got %v, want %s", name, err, tt.kind)
		}
	}
}

func TestPasswordIsNeverKept(t *testing.T) {
	c, err := Normalise(Okta, Request{Method: "POST", Body: parse(t, `{"userName":"a","password":"t1meMa$heen"}`)})
	if err != nil || c.Doc["password"] != nil || strings.Contains(strings.Join(says(c.Rewrites), ""), "t1me") {
		t.Errorf("got %v, %v, %v", c.Doc, c.Rewrites, err)
	}
	for _, op := range []string{`{"op":"replace","path":"password","value":"t1me"}`, `{"op":"replace","value":{"password":"t1me"}}`} {
		c, err := Normalise(Strict, Request{Method: "PATCH", Body: parse(t, ops(op))})
		if err != nil || len(c.Ops) > 0 {
			t.Errorf("%s: %v, %v", op, c.Ops, err)
		}
	}
}

func says(rs []Rewrite) (out []string) {
	for _, r := range rs {
		out = append(out, r.String())
	}
	return out
}

func TestJSONIsReadStrictly(t *testing.T) {
	for name, body := range map[string]string{
		"duplicate key": `{"a":1,"a":2}`, "duplicate by escape": `{"a":1,"\u0061":2}`, "trailing": `{} {}`, "invalid UTF-8": "{\"a\":\"\xff\"}",
		"U+0000": `{"a":"\u0000"}`, "half a pair": `{"a":"\ud800"}`, "deep": strings.Repeat("[", 40) + strings.Repeat("]", 40),
		"leading zero": `[01]`, "bare word": `[nul]`, "control": "[\"a\nb\"]", "open": `{"a":`, "empty": ``, "comma": `[1,]`, "NaN": `[NaN]`,
	} {
		if v, err := decode(body); err == nil {
			t.Errorf("%s was read as %v", name, v)
		} else if e := toError(err); e.Type != "invalidSyntax" {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := parse(t, "\ufeff"+`{"a":"x\ud83d\ude00\n\"","n":[1.5e3,-0,true,null,{}]}`)
	b, err := encode(got)
	if want := `{"a":"x😀\n\"","n":[1.5e3,-0,true,null,{}]}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v", b, err)
	}
}
