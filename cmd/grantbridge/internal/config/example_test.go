package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/saml/signin"
)

const exampleFile = "../../../../config.example.yaml"

func noEnv(string) (string, bool) { return "", false }

var oidcKeys = regexp.MustCompile(`(?m)^( *)# ((?:oidc|issuer|client_id|client_secret|client_secret_file|client_key_file|client_key_id|client_assertion_audience|client_auth|scopes|userinfo|groups_claim|groups_form|groups_delimiter|groups_at_most|authn_context|force_authn|max_authn_age|clock_skew|login_ttl):.*)$`)

// example reads the example, and with all its commented keys uncommented.
func example(t *testing.T) (plain, whole *Loaded) {
	t.Helper()
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err = Parse("config.example.yaml", text, noEnv, Whole); err != nil {
		t.Fatalf("the example is refused:\n%v", err)
	}
	commented := regexp.MustCompile(`(?m)^( *)# ((?:saml|metadata|groups_[a-z_]+|authn_context|force_authn|max_authn_age|signed|encrypted|expired_certificates|sign_requests|request_binding|nameid_format|clock_skew|max_age|login_ttl|next_key_file|next_certificate_file|corp-ldap|ldap|metadata_file|metadata_url|entity_id|subject|groups_attribute|provision|idp_initiated|label|domains|mfa|certificate_file|groups|lifecycle|url|ca_file|fallbacks|cert_file|key_file|server_name|plaintext|bind|kind|mode|canaries|limits|full_every|full_after|shrink|page|idle|timeout|bind_dn|bind_password|bind_password_file|kerberos|users|interval|password_login|published_key_files|streams|matomo|delivery|audience|events|sources|endpoint|authorization_file|- \{id):.*)$`)
	full := commented.ReplaceAllStringFunc(string(text), func(l string) string { return strings.Replace(l, "# ", "", 1) })
	full = oidcKeys.ReplaceAllStringFunc(full, func(l string) string { return strings.Replace(l, "# ", "", 1) })
	full = strings.Replace(full, "sites: []\n", "sites:\n", 1)
	full = strings.Replace(full, `signing_key_file: ""`, "signing_key_file: events.pem", 1)
	if whole, err = Parse("config.example.yaml", []byte(full), noEnv, Whole); err != nil {
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
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[Secret]() {
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
	want := &SAML{MetadataFile: "okta.xml", Subject: SAMLSubject{Attribute: "externalId"}, MFA: SAMLMFA{Contexts: []string{"https://refeds.org/profile/mfa"}},
		GroupsAttributes: []string{}, Domains: []string{}, AuthnContext: []string{}}
	want.setDefaults()
	if diff := cmp.Diff(want, whole.Sources["okta"].SAML); diff != "" {
		t.Errorf("saml of okta in the example differs from the defaults (-default +example):\n%s", diff)
	}
	if o := whole.Sources["entra"].OIDC; o == nil || o.Subject.Claim != "oid" || o.GroupsForm != "object-id" || o.LoginTTL == 0 {
		t.Errorf("oidc of entra is %+v", o)
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

// TestEveryKeyThatARefusalNamesIsAKey: what to change must be something that can
// be changed.
func TestEveryKeyThatARefusalNamesIsAKey(t *testing.T) {
	known := keys(reflect.TypeFor[Config]())
	fixes := login.Fixes()
	for _, r := range saml.Reasons() {
		fixes[signin.Reason(r)] = r.Fix()
	}
	named := regexp.MustCompile(`\b[a-z]+(?:[_.][a-z]+)+\b|\b([a-z_]+)(?: of (?:the|that) source)|\bTake ([a-z]+) out of the source`)
	seen := 0
	for reason, fix := range fixes {
		for _, m := range named.FindAllStringSubmatch(fix, -1) {
			word := strings.TrimSpace(m[0])
			if m[1]+m[2] != "" {
				word = m[1] + m[2]
			}
			for _, key := range strings.Split(word, ".") {
				if seen++; !slices.Contains(known, key) {
					t.Errorf("%s says to change %s, which is no key: %s", reason, word, fix)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("found %d keys in the texts; does the expression still find them?", seen)
	}
	for _, text := range []string{"clock_skew: 90s", "login_ttl: 20m", "max_age: 10m", "authn_context: [a]", "max_authn_age: 1h", "force_authn: true",
		"groups_form: dn", "idp_initiated: bounce", "subject: {attribute: uid}", "signed: both", "expired_certificates: refuse", "provision: review"} {
		if _, err := Parse("c.yaml", []byte("sources:\n  o: {saml: {metadata_file: f, "+text+"}}"), noEnv, Whole); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
