package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exampleFile = "../../../../config.example.yaml"

func noEnv(string) (string, bool) { return "", false }

// example reads the example, and with all its commented keys uncommented.
func example(t *testing.T) (plain, whole *Loaded) {
	t.Helper()
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err = Parse("config.example.yaml", text, noEnv); err != nil {
		t.Fatalf("the example is refused:\n%v", err)
	}
	commented := regexp.MustCompile(`(?m)^( *)# ((?:saml|corp-ldap|ldap|metadata_file|metadata_url|entity_id|subject|groups_attribute|provision|idp_initiated|label|domains|mfa|certificate_file|groups|lifecycle|url|ca_file|fallbacks|cert_file|key_file|server_name|plaintext|bind|kind|mode|canaries|limits|full_every|full_after|shrink|page|idle|timeout|bind_dn|bind_password|bind_password_file|users|interval|password_login|published_key_files|streams|matomo|delivery|audience|events|sources|endpoint|authorization_file|- \{id):.*)$`)
	full := commented.ReplaceAllStringFunc(string(text), func(l string) string { return strings.Replace(l, "# ", "", 1) })
	full = strings.Replace(full, "sites: []\n", "sites:\n", 1)
	full = strings.Replace(full, `signing_key_file: ""`, "signing_key_file: events.pem", 1)
	if whole, err = Parse("config.example.yaml", []byte(full), noEnv); err != nil {
		t.Fatalf("the example with everything uncommented is refused:\n%v", err)
	}
	return plain, whole
}

func TestExampleHoldsTheDefaults(t *testing.T) {
	plain, _ := example(t)
	got, want := plain.Config, Default()
	got.Sources, want.Sources = nil, nil
	got.Sites, want.Sites, got.SCIMSchemas = nil, nil, nil
	got.TrustedProxies = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config.example.yaml differs from the defaults (-default +example):\n%s", diff)
	}
	for _, name := range []string{"okta", "entra"} {
		plain.Sources[name].SCIM.UserSchemas, plain.Sources[name].SCIM.GroupSchemas = nil, nil // they stand there empty
		if got, want := plain.Sources[name], (Source{Lifecycle: "veto", SCIM: &SCIM{Profile: "auto", Auth: SCIMAuth{Bearer: "true", Basic: "true", OAuth: "false"}}}); !reflect.DeepEqual(got, want) {
			t.Errorf("source %s is %+v, want the defaults %+v", name, got, want)
		}
	}
}

func TestExampleHoldsEveryKeyWithAComment(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, key := range keys(reflect.TypeFor[Config]()) {
		// A key stands at the beginning of a line, perhaps commented, or in a
		// line of braces whose own key has the comment.
		own := regexp.MustCompile(`^ *(# )?` + key + `:`)
		inner := regexp.MustCompile(`[{ ]` + key + `: `)
		i := slices.IndexFunc(lines, own.MatchString)
		switch {
		case i < 0 && !slices.ContainsFunc(lines, inner.MatchString):
			t.Errorf("the example does not hold the key %s", key)
		case i > 0 && !strings.HasPrefix(strings.TrimSpace(lines[i-1]), "# ") && key != "log":
			t.Errorf("line %d: the key %s has no comment above it", i+1, key)
		}
	}
}

func keys(t reflect.Type) []string {
	var out []string
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		out = append(out, t.Field(i).Tag.Get("yaml"))
		out = append(out, keys(t.Field(i).Type)...)
	}
	return out
}

func TestExampleInFullIsReadWhole(t *testing.T) {
	_, whole := example(t)
	if s := whole.Sources["okta"].SAML; s == nil || s.Subject.Attribute != "externalId" {
		t.Errorf("saml of okta is %+v", s)
	}
	if l := whole.Sources["corp-ldap"].LDAP; l == nil || l.Users.Filter == "" || l.Page != 1000 {
		t.Errorf("ldap of corp-ldap is %+v", l)
	}
	if s := whole.EventStreams(); len(s) != 1 || s[0].Name != "matomo" || len(s[0].Kinds) != 7 || s[0].Sources[0] != "okta" {
		t.Errorf("streams are %+v", s)
	}
	if len(whole.Sites) != 1 {
		t.Errorf("sites are %v", whole.Sites)
	}
}
