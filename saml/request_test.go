package saml_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

func inflated(t *testing.T, encoded string) *etree.Element {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return samltest.Parse(string(text)).Root()
}

func TestARedirectRequestIsSignedOverItsQuery(t *testing.T) {
	l := samltest.NewLab()
	p := l.Provider(func(c *saml.Config) { c.ForceAuthn, c.AuthnContext = true, []string{"urn:mfa", "urn:phr"} })
	m, req, err := p.Login("handle-1", saml.LoginOptions{}, samltest.Now)
	if err != nil {
		t.Fatal(err)
	}
	signed, signature, _ := strings.Cut(strings.TrimPrefix(m.URL, "https://idp.example/sso?"), "&Signature=")
	signature, _ = url.QueryUnescape(signature)
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(signed))
	if err := rsa.VerifyPKCS1v15(&l.SP.RSA().PublicKey, crypto.SHA256, sum[:], raw); err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(signed)
	if err != nil || values.Get("SigAlg") != samltest.RSASHA256 || values.Get("RelayState") != "handle-1" {
		t.Fatalf("%v, %v", values, err)
	}
	el := inflated(t, values.Get("SAMLRequest"))
	for attr, want := range map[string]string{
		"ID": req.ID, "Version": "2.0", "Destination": "https://idp.example/sso", "ForceAuthn": "true", "AssertionConsumerServiceURL": samltest.ACS,
		"ProtocolBinding": string(saml.POST), "IssueInstant": "2026-11-23T09:00:00Z",
	} {
		if got := el.SelectAttrValue(attr, ""); got != want {
			t.Errorf("%s is %q; want %q", attr, got, want)
		}
	}
	var classes []string
	for _, c := range el.FindElements("./RequestedAuthnContext/AuthnContextClassRef") {
		classes = append(classes, c.Text())
	}
	if strings.Join(classes, " ") != "urn:mfa urn:phr" || el.SelectElement("Issuer").Text() != samltest.Entity || el.SelectElement("Signature") != nil {
		t.Errorf("classes %v, %s", classes, m.URL)
	}
	if !req.ForceAuthn || req.Source != "okta" || !req.Expires.Equal(samltest.Now.Add(15*time.Minute)) {
		t.Errorf("request %+v", req)
	}
}

func TestAPOSTRequestIsSignedInItsXML(t *testing.T) {
	l := samltest.NewLab()
	m, _, err := l.Provider(func(c *saml.Config) { c.RequestBinding = saml.POST }).Login("handle-1", saml.LoginOptions{}, samltest.Now)
	if err != nil {
		t.Fatal(err)
	}
	if m.URL != "https://idp.example/sso-post" || len(m.Fields) != 2 || m.Fields[1] != (saml.Field{Name: "RelayState", Text: "handle-1"}) {
		t.Fatalf("%+v", m)
	}
	raw, _ := base64.StdEncoding.DecodeString(m.Fields[0].Text)
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{l.SP.Certificate}})
	ctx.Clock = dsig.NewFakeClockAt(samltest.Now)
	if _, err := ctx.Validate(samltest.Parse(string(raw)).Root()); err != nil {
		t.Error(err)
	}
}

func TestEveryRequestHasAnIDOfItsOwn(t *testing.T) {
	p := samltest.NewLab().Provider(nil)
	seen := map[string]bool{}
	for range 50 {
		_, req, err := p.Login("h", saml.LoginOptions{}, samltest.Now)
		if err != nil || seen[req.ID] || len(req.ID) != 41 {
			t.Fatalf("%q, %v", req.ID, err)
		}
		seen[req.ID] = true
	}
}

func TestRequestsThatAreNotMade(t *testing.T) {
	l := samltest.NewLab()
	for name, test := range map[string]struct {
		edit  func(*saml.Config)
		relay string
	}{
		"a URL as RelayState":            {nil, "https://evil.example/"},
		"two slashes as RelayState":      {nil, "//evil.example"},
		"a backslash as RelayState":      {nil, `\evil`},
		"a script as RelayState":         {nil, "javascript:alert(1)"},
		"a line end in RelayState":       {nil, "a\r\nb"},
		"10 KB of RelayState":            {nil, strings.Repeat("a", 10<<10)},
		"the source switched off":        {func(c *saml.Config) { c.Disabled = true }, "h"},
		"metadata that have ended":       {func(c *saml.Config) { c.IdP.ValidUntil = samltest.Now.Add(-time.Hour) }, "h"},
		"no endpoint of the binding":     {func(c *saml.Config) { c.IdP.SSO = c.IdP.SSO[1:] }, "h"},
		"a javascript endpoint, unasked": {func(c *saml.Config) { c.IdP.SSO[0].Location = "javascript:alert(1)" }, "h"},
	} {
		if m, _, err := l.Provider(test.edit).Login(test.relay, saml.LoginOptions{}, samltest.Now); err == nil {
			t.Errorf("%s: made %+v", name, m)
		}
	}
}
