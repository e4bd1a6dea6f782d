package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func env(pairs ...string) Env {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

const okOIDC = `issuer: "https://i.example", client_id: c, client_secret: s`

func oidcWith(block string) string { return "sources:\n  o: {oidc: {" + block + "}}" }

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown key names the nearest", "lisen: 127.0.0.1:1", `c.yaml:1:1: unknown key "lisen"; did you mean "listen"?`},
		{"an unknown nested key", "sources:\n  okta:\n    scim: {profil: okta}", `c.yaml:3:12: unknown key "profil"; did you mean "profile"?`},
		{"a key twice", "listen: a:1\nlisten: b:2", `c.yaml:2:1: `},
		{"a list instead of keys", "limits: [1]", `c.yaml:1:9: keys are expected here`},
		{"a missing bracket", "sites: [", `c.yaml:1:8: `},
		{"an unknown profile", "sources:\n  okta: {scim: {profile: oktaa}}", `c.yaml:2:26: no profile "oktaa"; did you mean okta?`},
		{"a source without a door", "sources:\n  okta: {lifecycle: own}", `source "okta" has no door`},
		{"a source named as something else", "sources:\n  manual: {scim: {}}", `has a meaning of its own`},
		{"an unset variable", "sources:\n  okta: {scim: {token: \"${NOPE}\"}}", `c.yaml:2:24: the environment variable NOPE is not set`},
		{"a short token", "sources:\n  okta: {scim: {token: abc}}", `shorter than 16 characters`},
		{"two tokens", "sources:\n  okta: {scim: {token: 0123456789abcdef, token_file: f}}", `token and token_file are both given`},
		{"a share over the whole", "limits: {people_changed: 120%}", `c.yaml:1:26: "120%" is no share`},
		{"a bad duration", "limits: {max_staleness: 5}", `"5" is no duration`},
		{"a bad store", "store: mysql://x", `not a store`},
		{"a bad address", "listen: localhost", `c.yaml:1:9: "localhost" is no address`},
		{"a site twice", "sites:\n- {id: 1, slug: a}\n- {id: 1, slug: b}", `c.yaml:3:8: site id 1 stands here twice`},
		{"a slug of digits", "sites:\n- {id: 1, slug: \"12\"}", `slug "12"`},
		{"an LDAP filter with a bracket missing", "sources:\n  l: {ldap: {url: \"ldaps://h\", bind: anonymous, users: {base: \"dc=x\", filter: \"(a=b\"}, groups: {base: \"dc=x\"}}}", `the brackets do not match`},
		{"an LDAP directory without groups", "sources:\n  l: {ldap: {url: \"ldaps://h\", bind: anonymous, users: {base: \"dc=x\"}}}", `base is missing`},
		{"Kerberos without a key", gssapiWith("ldaps://h", `principal: p`), `c.yaml:2:103: give a keytab, or a credential cache; write principal and keytab_file, or ccache_file`},
		{"Kerberos without who", gssapiWith("ldaps://h", `keytab_file: k`), `the principal is missing`},
		{"Kerberos and a password", gssapiWith("ldaps://h", `ccache_file: c}, bind_dn: "cn=a", canaries: {`), `gssapi needs no bind_dn and no password`},
		{"Kerberos in plaintext", gssapiWith("ldap://h", `ccache_file: c}, plaintext: true, canaries: {`), `ldap://h: bind: gssapi encrypts nothing by itself`},
		{"Kerberos for nothing", "sources:\n  l: {ldap: {url: \"ldaps://h\", bind: anonymous, kerberos: {principal: p}, users: {base: \"dc=x\"}, groups: {base: \"dc=x\"}}}", `it is used with bind: gssapi only`},
		{"passwords of people in plaintext", "sources:\n  l: {ldap: {url: \"ldap://h\", plaintext: true, bind: anonymous, users: {base: \"dc=x\"}, groups: {base: \"dc=x\"}, password_login: {enabled: true}}}", `would cross the network to ldap://h unencrypted`},
		{"passwords of people in plaintext to a fallback", "sources:\n  l: {ldap: {url: \"ldap://127.0.0.1\", fallbacks: [\"ldap://h\"], plaintext: true, bind: anonymous, users: {base: \"dc=x\"}, groups: {base: \"dc=x\"}, password_login: {enabled: true}}}", `to ldap://h unencrypted`},
		{"SAML without metadata", "sources:\n  o: {saml: {groups: apply}}", `metadata is missing`},
		{"a misspelt key of saml", "sources:\n  o: {saml: {metadata_file: f, login_tll: 5m}}", `c.yaml:2:32: unknown key "login_tll"; did you mean "login_ttl"?`},
		{"a form of groups that is none", "sources:\n  o: {saml: {metadata_file: f, groups_form: dns}}", `no groups_form "dns"; did you mean dn?`},
		{"metadata over http", "sources:\n  o: {saml: {metadata_url: \"http://h/m\"}}", `must come over https`},
		{"fetching without a URL", "sources:\n  o: {saml: {metadata_file: f, metadata: {every: 1h}}}", `it needs metadata_url`},
		{"too much skew", "sources:\n  o: {saml: {metadata_file: f, clock_skew: 5m}}", `5m is not between 1s and 3m`},
		{"a circle of old sign-ins", "sources:\n  o: {saml: {metadata_file: f, max_authn_age: 5m}}", `shorter than login_ttl (15m)`},
		{"a ceiling without contexts", "sources:\n  o: {saml: {metadata_file: f, mfa: {ceiling: view}}}", `never applies`},
		{"encryption without a key", "sources:\n  o: {saml: {metadata_file: f, encrypted: true}}", `no key to read them`},
		{"a next key alone", "sources:\n  o: {saml: {metadata_file: f, next_key_file: k, next_certificate_file: c}}", `there is no key_file`},
		{"a domain of two sources", "sources:\n  a: {saml: {metadata_file: f, domains: [acme.example]}}\n  b: {saml: {metadata_file: f, domains: [ACME.example]}}", `acme.example is a domain of source a already`},
		{"a domain that is an address", "sources:\n  a: {saml: {metadata_file: f, domains: [\"ann@acme.example\"]}}", `is no e-mail domain`},
		{"a transient NameID as the subject", "sources:\n  o: {saml: {metadata_file: f, nameid_format: transient}}", `another one at each sign-in`},
		{"leaving without applying", "sources:\n  o: {saml: {metadata_file: f, groups_empty: leave}}", `leave needs groups: apply`},
		{"groups of a sign-in and of a directory", "sources:\n  l: {saml: {metadata_file: f, groups: apply}, ldap: {url: \"ldaps://h\", bind: anonymous, users: {base: \"dc=x\"}, groups: {base: \"dc=x\"}}}", `the directory says who is in a group`},
		{"idle beyond the lifetime", "sessions: {lifetime: 1h, idle: 2h}", `c.yaml:1:32: 2h is longer than lifetime (1h)`},
		{"OpenID Connect without a provider", oidcWith(`client_id: c, client_secret: s`), `issuer is missing`},
		{"OpenID Connect without a client", oidcWith(`issuer: "https://i.example", client_secret: s`), `client_id is missing`},
		{"OpenID Connect without a secret", oidcWith(`issuer: "https://i.example", client_id: c`), `secret is missing; give client_secret_file, client_key_file, or client_auth: none`},
		{"a secret and a key", oidcWith(okOIDC + `, client_key_file: k`), `a secret and a key are both given`},
		{"a key that is to be sent", oidcWith(`issuer: "https://i.example", client_id: c, client_key_file: k, client_auth: post`), `a key signs`},
		{"private_key_jwt without a key", oidcWith(okOIDC + `, client_auth: private_key_jwt`), `needs client_key_file`},
		{"an id of no key", oidcWith(okOIDC + `, client_key_id: k`), `add client_key_file`},
		{"an unknown audience", oidcWith(`issuer: "https://i.example", client_id: c, client_key_file: k, client_assertion_audience: isuer`), `did you mean issuer?`},
		{"two secrets", oidcWith(okOIDC + `, client_secret_file: f`), `client_secret and client_secret_file are both given`},
		{"a public client with a secret", oidcWith(okOIDC + `, client_auth: none`), `a public client has no secret`},
		{"an issuer over http", oidcWith(`issuer: "http://i.example", client_id: c, client_secret: s`), `issuer "http://i.example" is not https`},
		{"an issuer of every organisation", oidcWith(`issuer: "https://login.microsoftonline.com/common/v2.0", client_id: c, client_secret: s`), `with your tenant's id`},
		{"the issuer's configuration for the issuer", oidcWith(`issuer: "https://i.example/.well-known/openid-configuration", client_id: c, client_secret: s`), `leave out /.well-known`},
		{"an e-mail address as the subject", oidcWith(okOIDC + `, subject: {claim: email}`), `does not name a person for ever`},
		{"scopes without openid", oidcWith(okOIDC + `, scopes: [profile]`), `openid is missing`},
		{"an unknown way to send the secret", oidcWith(okOIDC + `, client_auth: bascic`), `no client_auth "bascic"; did you mean basic?`},
		{"clocks an hour apart", oidcWith(okOIDC + `, clock_skew: 1h`), `is not between 0s and 3m`},
		{"two ways to ask for a fresh sign-in", oidcWith(okOIDC + `, force_authn: true, max_authn_age: 1h`), `leave out one of the two`},
		{"two protocols", "sources:\n  o: {saml: {metadata_file: m}, oidc: {" + okOIDC + "}}", `saml and oidc are both given`},
		{"groups from SCIM and from the ID token", "sources:\n  o: {scim: {}, oidc: {" + okOIDC + ", groups: apply}}", `write report`},
		{"a SAML key in OpenID Connect", oidcWith(okOIDC + `, groups_attribute: g`), `unknown key "groups_attribute"; known here are issuer, client_id`},
		{"a rate without a unit", "sources:\n  o: {scim: {rate: 50}}", `"50" is no rate`},
		{"a network with host bits", "sources:\n  o: {scim: {allow: [203.0.113.7/24]}}", `is no network`},
		{"a network of words", "trusted_proxies: [everybody]", `c.yaml:1:19: "everybody" is no network`},
		{"Basic in the strict profile", "sources:\n  o: {scim: {profile: strict, auth: {basic: true}}}", `takes no Basic`},
		{"nothing switched on", "sources:\n  o: {scim: {auth: {bearer: false, basic: false}}}", `nothing could be sent`},
		{"a name for Basic without a password", "sources:\n  o: {scim: {auth: {basic_user: ping}}}", `no password for it`},
		{"a short password for Basic", "sources:\n  o: {scim: {auth: {basic_user: ping, basic_password: abc}}}", `shorter than 16 characters`},
		{"a JWT without keys", "sources:\n  o: {scim: {auth: {jwt: {issuer: i, audience: a}}}}", `keys are missing`},
		{"a JWT without an audience", "sources:\n  o: {scim: {auth: {jwt: {issuer: i, jwks_file: f}}}}", `audience is missing`},
		{"keys over http", "sources:\n  o: {scim: {auth: {jwt: {issuer: i, audience: a, jwks_url: \"http://h/k\"}}}}", `must come over https`},
		{"a switch that is neither", "sources:\n  o: {scim: {auth: {oauth: yes}}}", `neither true nor false`},
		{"an anchor", "log: &a {level: info}", `anchors`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("c.yaml", []byte(c.text), noEnv, Whole)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant it to say %s", err, c.want)
			}
		})
	}
}

func TestAllProblemsComeInOnePass(t *testing.T) {
	_, err := Parse("c.yaml", []byte("lisen: x\nlog: {level: loud}\nlimits: {people: 3}"), noEnv, Whole)
	if n := strings.Count(fmt.Sprint(err), "c.yaml:"); n < 2 {
		t.Errorf("got %d problems: %v", n, err)
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	const secret = "5up3rs3cr3t5up3rs3cr3t"
	for _, text := range []string{
		"sources:\n  okta: {scim: {token: " + secret + ", nope: 1}}",
		"sources:\n  okta: {scim: {tokn: " + secret + "}}",
		"sources:\n  okta: {scim: {tken: \"${T}\"}}",
		"sources:\n  okta: {scim: {profile: x, token: \"${T}\"}}",
		"store: postgres://u:" + secret + "@h/db\nlisten: x",
		"sources:\n  okta: {scim: {profile: octa, tken: " + secret + "}}",
		"sources:\n  okta: {scim: {tken: \"" + secret + "}}",
		"sore: postgres://u:" + secret + "@h/db",
	} {
		_, err := Parse("c.yaml", []byte(text), env("T", secret), Whole)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s\ngives %v", text, err)
		}
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	l, err := Parse("c.yaml", []byte("listen: 127.0.0.1:1\nlog: {level: warn}"), env(
		"GRANTBRIDGE_LISTEN", "127.0.0.1:2", "GRANTBRIDGE_LOG_LEVEL", "debug",
		"GRANTBRIDGE_LIMITS_PEOPLE_CHANGED", "7", "GRANTBRIDGE_LIMITS_MAX_STALENESS", "9s", "GRANTBRIDGE_LIMITS_SUPERUSERS_AT_LEAST", "2"), Whole)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(l.Listen, l.Log.Level, l.Limits)
	if want := "127.0.0.1:2debug{7 5% 2 9s 100}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Parse("c.yaml", nil, env("GRANTBRIDGE_LIMITS_REMOVAL_BURST", "many"), Whole); err == nil || !strings.Contains(err.Error(), "GRANTBRIDGE_LIMITS_REMOVAL_BURST") {
		t.Errorf("a bad variable gives %v", err)
	}
}

func TestVariablesExpandInValues(t *testing.T) {
	text := "listen: ${HOST:-127.0.0.1}:${PORT}\nbase_url: \"\"\nmapping_file: $${PORT}\nlimits: {removal_burst: \"${PORT}\"}"
	l, err := Parse("c.yaml", []byte(text), env("PORT", "81", "HOST", ""), Whole)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(l.Listen, l.MappingFile, l.Limits.RemovalBurst), "127.0.0.1:81${PORT}81"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	text := "store: sqlite:g.db\nmapping_file: m.yaml\nsources: {o: {scim: {token_file: /abs}}}"
	l, err := Parse(file, []byte(text), noEnv, Whole)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint("sqlite:", dir, "/g.db", dir, "/m.yaml", "/abs")
	if got := fmt.Sprint(l.Store, l.MappingFile, l.Sources["o"].SCIM.TokenFile); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPrintMasksSecretsAndCanBeReadAgain(t *testing.T) {
	text := "store: postgres://u:pw@h/db\nsources: {o: {scim: {token: 0123456789abcdef}}, l: {ldap: {url: \"ldaps://h\", bind_dn: cn=a, bind_password: hush, users: {base: dc=x}, groups: {base: dc=x}}}}"
	l, err := Parse("c.yaml", []byte(text), noEnv, Whole)
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"0123456789abcdef", "hush", ":pw@"} {
		if strings.Contains(string(out), secret) {
			t.Errorf("print shows %q:\n%s", secret, out)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", l.Sources["o"].SCIM, *l.Sources["o"].SCIM, *l.Sources["o"].SCIM); strings.Contains(s, "0123456789abcdef") {
		t.Errorf("fmt shows the token: %s", s)
	}
	out = []byte(strings.ReplaceAll(string(out), masked, "0123456789abcdef"))
	again, err := Parse("c.yaml", out, noEnv, Whole)
	if err != nil {
		t.Fatalf("what print writes is refused: %v\n%s", err, out)
	}
	l.Store = "postgres://u:xxxxx@h/db" // as masked
	l.Sources["l"].LDAP.BindPassword = Secret{text: "0123456789abcdef"}
	if !reflect.DeepEqual(again.Config, l.Config) {
		t.Errorf("what print writes is another configuration:\n%s", out)
	}
	if w := l.Warnings(); len(w) != 3 {
		t.Errorf("three literal secrets give the warnings %q", w)
	}
}

func TestAProblemWithAVariableNamesTheVariable(t *testing.T) {
	_, err := Parse("c.yaml", []byte("log: {level: warn}"), env("GRANTBRIDGE_LOG_LEVEL", "loud"), Whole)
	if err == nil || !strings.HasPrefix(err.Error(), `GRANTBRIDGE_LOG_LEVEL: no level "loud"`) {
		t.Errorf("got %v", err)
	}
	l, err := Parse("c.yaml", nil, noEnv, Whole)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Misspelt([]string{"GRANTBRIDGE_LOG_LEVL=debug", "GRANTBRIDGE_LOG_LEVEL=debug", "GRANTBRIDGE_CONFIG=x", "GRANTBRIDGE_DB_PASSWORD=x", "PATH=/bin"})
	if want := []string{"the environment variable GRANTBRIDGE_LOG_LEVL sets nothing; did you mean GRANTBRIDGE_LOG_LEVEL?"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestPasswordsOfAStoreAreNeverShown(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u:hush@h/db":                                          "postgres://u:xxxxx@h/db",
		"postgres://u@h/db?password=hush&sslmode=disable":                 "postgres://u@h/db?password=xxxxx&sslmode=disable",
		"postgres://u@h/db?sslmode=verify-full&sslpassword=hush&sslkey=a": "postgres://u@h/db?sslkey=a&sslmode=verify-full&sslpassword=xxxxx",
		"postgres://u@h/db?sslmode=disable&host=/run/postgresql":          "postgres://u@h/db?sslmode=disable&host=/run/postgresql",
		"sqlite:a?password=x.db":                                          "sqlite:a?password=x.db",
		"postgres://u:hush%zz@h/db":                                       "a store whose name is no URL",
	} {
		if got := MaskDSN(dsn); got != want {
			t.Errorf("%s is shown as %s, want %s", dsn, got, want)
		}
	}
	l, err := Parse("c.yaml", []byte("store: postgres://u@h/db?password=hush"), noEnv, Whole)
	if err != nil || len(l.Warnings()) != 1 || !strings.Contains(l.Warnings()[0], "store_password_file") {
		t.Errorf("a password in the query: %v, %v", l.Warnings(), err)
	}
	if _, err := Parse("c.yaml", []byte("store: mysql://u@h/db?password=hush"), noEnv, Whole); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}

func TestSecretsInFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("token", "0123456789abcdef\n")
	write("pw", "p w@\n")
	l, err := Parse(filepath.Join(dir, "c.yaml"), []byte("store: postgres://u@h/db\nstore_password_file: pw\nsources: {o: {scim: {token_file: token}}}"), noEnv, Whole)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.SCIMToken("o"); got != "0123456789abcdef" || err != nil {
		t.Errorf("the token is %q, %v", got, err)
	}
	if got, err := l.DSN(); got != "postgres://u:p%20w%40@h/db" || err != nil {
		t.Errorf("the store is %q, %v", got, err)
	}
	if got := l.LooseFiles(); len(got) != 2 {
		t.Errorf("files that others can read: %q", got)
	}
}

func TestSchemaNamesEveryKey(t *testing.T) {
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b) {
		t.Fatal("no JSON")
	}
	for _, key := range []string{`"listen"`, `"removal_burst"`, `"bind_password_file"`, `"additionalProperties": false`} {
		if !strings.Contains(string(b), key) {
			t.Errorf("the schema lacks %s", key)
		}
	}
}

// gssapiWith is a directory that is read by Kerberos.
func gssapiWith(url, kerberos string) string {
	return fmt.Sprintf("sources:\n  l: {ldap: {url: %q, bind: gssapi, users: {base: \"dc=x\"}, groups: {base: \"dc=x\"}, kerberos: {%s}}}", url, kerberos)
}
