package events

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/store"
)

// told1 is a change as the table below writes it.
type told1 struct {
	Path       string
	Verbs      []verb
	Attributes []string
	Data       map[string]any
}

func TestWhatAnEntryTells(t *testing.T) {
	patch := func(ops ...any) map[string]any {
		return map[string]any{"schemas": []string{urnPatchOp}, "Operations": ops}
	}
	ref := func(uid string) []any { return []any{map[string]any{"value": uid}} }
	for name, test := range map[string]struct {
		action, target, before, after string
		want                          []told1
	}{
		"a new account": {"user.create", "okta/user/u1", ``,
			`{"active":true,"doc":{"userName":"ann","password":"(not kept)","urn:x:User":{"department":"a","secret":"(not kept)"}},"userName":"ann","email":"a@b"}`,
			[]told1{{"/Users/u1", []verb{created}, []string{"active", "password", "urn:x:User", "userName"}, map[string]any{
				"schemas": []string{urnUser, "urn:x:User"}, "id": "u1", "userName": "ann", "active": true, "urn:x:User": map[string]any{"department": "a"}}}}},
		"an account that a group waited for": {"user.create", "okta/user/u1", ``, `{"active":true,"joined":["okta/group/g1"],"joinedCount":1}`,
			[]told1{
				{"/Users/u1", []verb{created}, []string{"active"}, map[string]any{"schemas": []string{urnUser}, "id": "u1", "active": true}},
				{"/Groups/g1", []verb{patched}, []string{"members"}, patch(map[string]any{"op": "add", "path": "members", "value": ref("u1")})},
			}},
		"a changed account": {"user.update", "okta/user/u1", `{"doc":{"title":"x","nickName":"n"},"externalId":"e"}`, `{"doc":{"title":"y"}}`,
			[]told1{{"/Users/u1", []verb{patched}, []string{"externalId", "nickName", "title"}, patch(
				map[string]any{"op": "replace", "path": "title", "value": "y"},
				map[string]any{"op": "remove", "path": "externalId"}, map[string]any{"op": "remove", "path": "nickName"})}}},
		"a changed password is named and not shown": {"user.update", "okta/user/u1", `{"doc":{"password":"(not kept)"}}`, `{"doc":{"password":"(not kept)"}}`,
			[]told1{{"/Users/u1", []verb{patched}, []string{"password"}, nil}}},
		"a deactivated account": {"user.update", "okta/user/u1", `{"active":true}`, `{"active":false}`,
			[]told1{{"/Users/u1", []verb{patched, deactivated}, []string{"active"}, patch(map[string]any{"op": "replace", "path": "active", "value": false})}}},
		"an activated account": {"user.update", "okta/user/u1", `{"active":false}`, `{"active":true}`,
			[]told1{{"/Users/u1", []verb{patched, activated}, []string{"active"}, patch(map[string]any{"op": "replace", "path": "active", "value": true})}}},
		"an activated account whose person is locked is not told as active": {"user.update", "okta/user/u1", `{"active":false}`, `{"active":true,"locked":true}`,
			[]told1{{"/Users/u1", []verb{patched}, []string{"active"}, patch(map[string]any{"op": "replace", "path": "active", "value": true})}}},
		"a deleted account": {"user.delete", "okta/user/u1", `{"active":true}`, ``, []told1{{"/Users/u1", []verb{deleted}, nil, nil}}},
		"a new group": {"group.create", "okta/group/g1", ``, `{"doc":{"displayName":"g"},"displayName":"g","added":["u1"],"addedCount":1}`,
			[]told1{{"/Groups/g1", []verb{created}, []string{"displayName", "members"}, map[string]any{
				"schemas": []string{urnGroup}, "id": "g1", "displayName": "g", "members": ref("u1")}}}},
		"a group with more members than the audit names": {"group.create", "okta/group/g1", ``, `{"doc":{"displayName":"g"},"added":["u1"],"addedCount":101}`,
			[]told1{{"/Groups/g1", []verb{created}, []string{"displayName", "members"}, nil}}},
		"changed members": {"group.members", "okta/group/g1", `{"removed":["u2"],"removedCount":1}`, `{"added":["u1"],"addedCount":1}`,
			[]told1{{"/Groups/g1", []verb{patched}, []string{"members"}, patch(
				map[string]any{"op": "add", "path": "members", "value": ref("u1")},
				map[string]any{"op": "remove", "path": `members[value eq "u2"]`})}}},
		"references to people who are not there yet tell nothing": {"group.members", "okta/group/g1", ``, `{"parked":3}`, []told1{{Path: "/Groups/g1"}}},
		"more members than the audit names": {"group.members", "okta/group/g1", `{"removed":["u2"],"removedCount":200}`, ``,
			[]told1{{"/Groups/g1", []verb{patched}, []string{"members"}, nil}}},
		"a deleted group": {"group.delete", "okta/group/g1", `{"members":3}`, ``, []told1{{"/Groups/g1", []verb{deleted}, nil, nil}}},
		"a lock": {"person.lock", "person/1", `{"locked":false}`, `{"locked":true,"accounts":["okta/user/u1","entra/user/u2"]}`,
			[]told1{{"/Users/u1", []verb{deactivated}, nil, nil}, {"/Users/u2", []verb{deactivated}, nil, nil}}},
		"the end of a lock": {"person.unlock", "person/1", `{"locked":true}`, `{"locked":false,"accounts":["okta/user/u1"]}`,
			[]told1{{"/Users/u1", []verb{activated}, nil, nil}}},
		"a lock of somebody without accounts":  {"person.lock", "person/1", `{"locked":false}`, `{"locked":true}`, nil},
		"an erased entry tells that something": {"user.update", "okta/user/u1", ``, ``, []told1{{"/Users/u1", []verb{patched}, nil, nil}}},
		"rules":                                {"mapping.set", "mapping/1", ``, `{}`, nil},
		"a target that is none":                {"user.create", "person/7", ``, `{}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []told1
			for i, c := range changes(store.Entry{Action: test.action, Target: test.target, Before: []byte(test.before), After: []byte(test.after)}) {
				if c.part != i || c.source == "" {
					t.Errorf("change %d has part %d and source %q", i, c.part, c.source)
				}
				got = append(got, told1{c.path, c.verbs, c.attributes, c.data})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryActionIsToldOrNot finds the actions that the store writes: a new one
// must be put into one of the two tables.
func TestEveryActionIsToldOrNot(t *testing.T) {
	files, err := filepath.Glob("../../store/ops_*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %v, %v", files, err)
	}
	seen := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:user|group|person|source|site|mapping|manual|token|scim-token|hold|entry|session)\.[a-z]+)"`).FindAllSubmatch(text, -1) {
			seen[string(m[1])] = true
		}
	}
	for action := range seen {
		if told[action] == nil && untold[action] == "" {
			t.Errorf("%s is neither in told nor in untold", action)
		}
	}
	for action := range untold {
		if !seen[action] || told[action] != nil {
			t.Errorf("untold has %s, which nobody writes or which is told", action)
		}
	}
	for action := range told {
		if !seen[action] {
			t.Errorf("told has %s, which nobody writes", action)
		}
	}
}
