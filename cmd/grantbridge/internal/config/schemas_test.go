package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inFolder writes files and loads config.yaml of them.
func inFolder(t *testing.T, files map[string]string) (*Loaded, string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Load(filepath.Join(dir, "config.yaml"), noEnv, Whole)
	return l, dir, err
}

const acmeJSON = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
	"id": "urn:acme:scim:2.0:User",
	"name": "Acme",
	"attributes": [
		{"name": "badge", "type": "string", "uniqueness": "server"},
		{"name": "desk", "type": "complex", "subAttributes": [{"name": "floor", "type": "integer"}]}
	],
	"meta": {"resourceType": "Schema", "location": "/Schemas/urn:acme:scim:2.0:User"}
}`

func TestSchemasAreReadBesideTheConfiguration(t *testing.T) {
	l, _, err := inFolder(t, map[string]string{
		"acme.json": acmeJSON,
		"config.yaml": `scim_schemas: [acme.json]
sources:
  okta: {scim: {user_schemas: ["urn:ACME:scim:2.0:User"]}}
  entra: {scim: {profile: entra}}
`})
	if err != nil {
		t.Fatal(err)
	}
	s := l.SCIMSource("okta")
	if len(s.UserSchemas) != 1 || s.UserSchemas[0].Attributes[1].SubAttributes[0].Type != "integer" || len(s.GroupSchemas) != 0 {
		t.Errorf("okta has %+v", s)
	}
	if s := l.SCIMSource("entra"); len(s.UserSchemas) != 0 || s.Profile != "entra" {
		t.Errorf("entra has %+v", s)
	}
	if len(l.unusedSchemas()) != 0 {
		t.Errorf("warned of %v", l.unusedSchemas())
	}
}

func TestAnUnusedSchemaIsWarnedOf(t *testing.T) {
	l, _, err := inFolder(t, map[string]string{"acme.json": acmeJSON, "config.yaml": "scim_schemas: [acme.json]\n"})
	if err != nil || !strings.Contains(strings.Join(l.Warnings(), "\n"), "scim_schemas.0: no source uses urn:acme:scim:2.0:User") {
		t.Errorf("got %v, %v", l, err)
	}
}

func TestFaultsOfSchemaFilesSayWhere(t *testing.T) {
	const uses = "scim_schemas: [a.json]\nsources:\n  okta: {scim: {user_schemas: [\"urn:x1:y\"]}}\n"
	for _, tt := range []struct{ name, config, file, want string }{
		{"unknown key", uses, `{"id": "urn:x1:y",
 "attributes": [{"name": "a", "typ": "string"}]}`, `a.json:2:31: unknown key "typ"; did you mean "type"?`},
		{"wrong type", uses, `{"id": "urn:x1:y",
 "attributes": [{"name": "a",
	"type": "text"}]}`, "a.json:3:10: attributes.0.type: no type \"text\""},
		{"not JSON", uses, "{\"id\": \"urn:x1:y\",\n \"attributes\": [,]}", "line 2, column 17: not JSON"},
		{"YAML is not JSON", uses, "id: urn:x1:y", "not JSON"},
		{"wrong shape", uses, `{"id": "urn:x1:y", "attributes": {"name": "a"}}`, "a.json:1:"},
		{"no file", "scim_schemas: [b.json]\n", "", "b.json cannot be read"},
		{"unknown URN", "scim_schemas: [a.json]\nsources:\n  okta: {scim: {user_schemas: [\"urn:x1:z\"]}}\n", `{"id": "urn:x1:y", "attributes": [{"name": "a"}]}`,
			`config.yaml:3:32: no schema "urn:x1:z"; scim_schemas has urn:x1:y`},
		{"none at all", "sources:\n  okta: {scim: {group_schemas: [\"urn:x1:z\"]}}\n", "", "scim_schemas names no file"},
		{"twice used", "scim_schemas: [a.json]\nsources:\n  okta: {scim: {user_schemas: [\"urn:x1:y\", \"urn:x1:Y\"]}}\n", `{"id": "urn:x1:y", "attributes": [{"name": "a"}]}`, "stands here twice"},
		{"twice read", "scim_schemas: [a.json, a.json]\n", `{"id": "urn:x1:y", "attributes": [{"name": "a"}]}`, "a.json:1:8: the URN urn:x1:y is another file's already"},
		{"the other type", "scim_schemas: [a.json]\nsources:\n  okta: {scim: {group_schemas: [\"urn:ietf:params:scim:schemas:core:2.0:User\"]}}\n",
			`{"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [{"name": "title", "required": true}]}`, "is about the other resource type"},
		{"looser than the core", "scim_schemas: [a.json]\n", `{"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [{"name": "userName", "uniqueness": "server"}]}`,
			"userName has required true by the RFC; false would be looser"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, dir, err := inFolder(t, map[string]string{"config.yaml": tt.config, "a.json": tt.file})
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), dir+"/", ""), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
