package oidc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/saml/signin"
)

// pemOf is a private key as a file has it.
func pemOf(t *testing.T, k crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func certificateOf(t *testing.T, k crypto.Signer) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "grantbridge"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// keyed is a lab whose client has a key of that algorithm in the place of a secret.
func keyed(t *testing.T, alg string, more ...[]byte) *lab {
	t.Helper()
	l := newLab(t)
	private := oidctest.NewKey("client", alg).Private
	text := pemOf(t, private)
	for _, m := range more {
		text = append(text, m...)
	}
	k, err := oidc.ParseClientKey(text)
	if err != nil {
		t.Fatal(err)
	}
	l.c.Secret, l.c.Key = "", k
	l.them.Client = &oidctest.Key{ID: k.ID, Alg: alg, Private: private}
	return l
}

func TestAKeyInThePlaceOfASecret(t *testing.T) {
	for _, c := range []struct {
		name, alg string
		do        func(l *lab)
		want      signin.Reason
	}{
		{"RSA", "RS256", nil, ""},
		{"RSA-PSS, when the provider takes that alone", "PS256", nil, ""},
		{"P-256", "ES256", nil, ""},
		{"Ed25519", "EdDSA", nil, ""},
		{"named as the registration has it", "ES256", func(l *lab) { l.c.Key.ID, l.them.Client.ID = "2026", "2026" }, ""},
		{"addressed to the token endpoint", "ES256", func(l *lab) { l.c.Key.ToTokenEndpoint, l.them.Audience = true, l.them.URL+"/token" }, ""},
		{"a provider that wants the token endpoint", "ES256", func(l *lab) { l.them.Audience = l.them.URL + "/token" }, oidc.ClientRefused},
		{"another key", "ES256", func(l *lab) { l.them.Client.Private = oidctest.NewKey("another", "ES256").Private }, oidc.ClientRefused},
		{"a clock that is behind by two minutes", "ES256", func(l *lab) { l.them.Now = func() time.Time { return time.Now().Add(2 * time.Minute) } }, oidc.ClientRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := keyed(t, c.alg)
			if c.do != nil {
				c.do(l)
			}
			for range 2 { // under another jti each time
				if _, no := l.signIn(); no == nil && c.want != "" || no != nil && no.Reason != c.want {
					t.Fatalf("got %v, want %q", no, c.want)
				}
			}
		})
	}
}

func TestAProviderThatTakesNoKey(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(d map[string]any)
		want string
	}{
		"no private_key_jwt":    {func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }, "does not take private_key_jwt"},
		"no word of it":         {func(d map[string]any) { delete(d, "token_endpoint_auth_methods_supported") }, "does not take private_key_jwt"},
		"another algorithm":     {func(d map[string]any) { d["token_endpoint_auth_signing_alg_values_supported"] = []string{"RS256"} }, "takes no assertion by ES256"},
		"no list of algorithms": {func(d map[string]any) { delete(d, "token_endpoint_auth_signing_alg_values_supported") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := keyed(t, "ES256")
			us, err := oidc.New(l.c)
			if err != nil {
				t.Fatal(err)
			}
			l.them.Discovery = c.say
			if err := us.Discover(t.Context()); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestTheClientKeysThatAreTaken(t *testing.T) {
	ec, other := oidctest.NewKey("client", "ES256").Private, oidctest.NewKey("another", "ES256").Private
	whole := append(pemOf(t, ec), certificateOf(t, ec)...)
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"a key":                     {pemOf(t, ec), ""},
		"a key and its certificate": {whole, ""},
		"a certificate alone":       {certificateOf(t, ec), "no private key"},
		"another's certificate":     {append(pemOf(t, ec), certificateOf(t, other)...), "not that of the private key"},
		"two keys":                  {append(pemOf(t, ec), pemOf(t, other)...), "more than one"},
		"a short key":               {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(oidctest.NewKey("w", "weak").Private.(*rsa.PrivateKey))}), "private key"},
		"an encrypted one":          {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), "without a passphrase"},
		"nonsense":                  {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "cannot be read"},
		"nothing":                   {nil, "no private key"},
	} {
		k, err := oidc.ParseClientKey(c.text)
		switch {
		case c.want == "" && (err != nil || len(k.ID) != 43):
			t.Errorf("%s: got %+v, %v", name, k, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want it to say %q", name, err, c.want)
		}
	}
}

func TestTheCertificateIsNamedInTheAssertion(t *testing.T) {
	l := keyed(t, "RS256", certificateOf(t, oidctest.NewKey("client", "RS256").Private))
	var head map[string]any
	l.them.Token = func(http.ResponseWriter, oidctest.Body) bool { head = l.them.AssertionHeader; return false }
	if _, no := l.signIn(); no != nil || len(head["x5t#S256"].(string)) != 43 {
		t.Errorf("got %v, the header %v", no, head)
	}
}

func TestTheKeyToRegister(t *testing.T) {
	l := keyed(t, "ES256")
	l.build()
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(l.us.ClientKeys(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("got %s", l.us.ClientKeys())
	}
	want := l.them.Client.JWK()
	for _, member := range []string{"kid", "kty", "crv", "x", "y", "use"} {
		if set.Keys[0][member] != want[member] {
			t.Errorf("%s is %q, want %q", member, set.Keys[0][member], want[member])
		}
	}
	if set.Keys[0]["d"] != "" {
		t.Error("the private key is published")
	}
}
