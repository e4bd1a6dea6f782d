package config

import (
	"strings"
	"testing"
)

// everySecret is a configuration in which each secret is a variable.
const everySecret = `sources:
  okta: {scim: {token: "${A_TOKEN}"}}
  one:
    scim: {auth: {basic_user: u, basic_password: "${A_PAIR}"}}
    ldap: {url: "ldaps://h", bind_dn: cn=a, bind_password: "${A_BIND}-1", users: {base: dc=x}, groups: {base: dc=x}}
  web: {oidc: {issuer: "https://i.example", client_id: c, client_secret: "${A_CLIENT}"}}
`

func TestASecretOfAVariableThatIsNotSetIsAnErrorWhereItIsUsed(t *testing.T) {
	l, err := Parse("c.yaml", []byte(everySecret), noEnv, Part)
	if err != nil {
		t.Fatalf("what needs no secret is refused: %v", err)
	}
	for want, use := range map[string]func() (string, error){
		"c.yaml:2:24: the environment variable A_TOKEN is not set":  func() (string, error) { return l.SCIMToken("okta") },
		"c.yaml:4:50: the environment variable A_PAIR is not set":   func() (string, error) { return l.BasicPassword("one") },
		"c.yaml:6:74: the environment variable A_CLIENT is not set": l.Sources["web"].OIDC.Secret,
		"c.yaml:5:60: the environment variable A_BIND is not set": func() (string, error) {
			c, err := l.Directory("one")
			return c.Bind.Password, err
		},
	} {
		got, err := use()
		if got != "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q and %v, want the error %s", got, err, want)
		}
	}
}

func TestServingNeedsEveryVariable(t *testing.T) {
	_, err := Parse("c.yaml", []byte("listen: nowhere\n"+everySecret), noEnv, Whole)
	for _, want := range []string{`c.yaml:1:9: "nowhere" is no address`, "A_TOKEN", "A_PAIR", "A_BIND", "A_CLIENT"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want also %s", err, want)
		}
	}
	if l, err := Parse("c.yaml", []byte(everySecret), env("A_TOKEN", "0123456789abcdef", "A_PAIR", "0123456789abcdef", "A_BIND", "b", "A_CLIENT", "c"), Whole); err != nil {
		t.Error(err)
	} else if c, err := l.Directory("one"); c.Bind.Password != "b-1" || err != nil {
		t.Errorf("the bind password is %q, %v", c.Bind.Password, err)
	}
}

func TestAVariableOutsideOfSecretsIsNeededAlways(t *testing.T) {
	for _, text := range []string{"store: \"sqlite:${NOPE}\"", "limits: {people_changed: \"${NOPE}\"}", "sites: [{id: 1, slug: \"${NOPE}\"}]",
		"sources:\n  o: {scim: {token: \"${NOPE}${1}\"}}"} {
		if _, err := Parse("c.yaml", []byte(text), noEnv, Part); err == nil {
			t.Errorf("%s is taken without the variable", text)
		}
	}
}
