package saml_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	samllib "github.com/crewjam/saml"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

const sso = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>`

func keyOf(use string, p samltest.Pair) string {
	return `<md:KeyDescriptor` + use + `><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
		base64.StdEncoding.EncodeToString(p.Certificate.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
}

func metadata(attrs, inside string) []byte {
	return []byte(`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_m" entityID="` + samltest.IdPEntity + `"` + attrs + `>` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + inside + `</md:IDPSSODescriptor></md:EntityDescriptor>`)
}

func TestIdPMetadata(t *testing.T) {
	l := samltest.NewLab()
	weak := samltest.RSAPair("weak", 1024)
	for _, test := range []struct {
		name string
		doc  []byte
		keys int
		want string // of the error, or of a warning when keys come
	}{
		{"one key", metadata("", keyOf(` use="signing"`, l.IdP)+sso), 1, ""},
		{"a key without use is for signing", metadata("", keyOf("", l.IdP)+sso), 1, ""},
		{"two keys of a rollover", metadata("", keyOf(` use="signing"`, l.IdP)+keyOf(` use="signing"`, l.Next)+sso), 2, ""},
		{"the same key twice", metadata("", keyOf("", l.IdP)+keyOf(` use="signing"`, l.IdP)+sso), 1, ""},
		{"comments and a byte order mark are let pass", append([]byte("\ufeff<?xml version=\"1.0\"?><!-- x -->"), metadata("", "<!-- y -->"+keyOf("", l.IdP)+sso)...), 1, ""},
		{"a weak key beside a good one is left out", metadata("", keyOf("", weak)+keyOf("", l.IdP)+sso), 1, "left out: RSA of 1024 bits"},
		{"an expired certificate is kept, with a warning", metadata("", keyOf("", samltest.ExpiredPair(l.IdP))+sso), 1, "ended on"},
		{"only a weak key", metadata("", keyOf("", weak)+sso), 0, "no usable signing certificate"},
		{"only a key for encryption", metadata("", keyOf(` use="encryption"`, l.IdP)+sso), 0, "no usable signing certificate"},
		{"no key", metadata("", sso), 0, "nothing could be verified"},
		{"a certificate that is none", metadata("", `<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>QUFB</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`+sso), 0, "read a certificate"},
		{"expired metadata", metadata(` validUntil="2020-01-01T00:00:00Z"`, keyOf("", l.IdP)+sso), 0, "ended at 2020-01-01"},
		{"another entity", []byte(strings.Replace(string(metadata("", keyOf("", l.IdP)+sso)), "idp.example", "evil.example", 1)), 0, "no identity provider"},
		{"no endpoint", metadata("", keyOf("", l.IdP)), 0, "no SingleSignOnService"},
		{"a javascript endpoint", metadata("", keyOf("", l.IdP)+strings.Replace(sso, "https://idp.example/sso", "javascript:alert(1)", 1)), 0, "no plain absolute URL"},
		{"a data endpoint", metadata("", keyOf("", l.IdP)+strings.Replace(sso, "https://idp.example/sso", "data:text/html,x", 1)), 0, "no plain absolute URL"},
		{"a plain http endpoint", metadata("", keyOf("", l.IdP)+strings.Replace(sso, "https:", "http:", 1)), 0, "is not https"},
		{"an endpoint with a password", metadata("", keyOf("", l.IdP)+strings.Replace(sso, "https://", "https://a:b@", 1)), 0, "no plain absolute URL"},
		{"an endpoint with quotes", metadata("", keyOf("", l.IdP)+strings.Replace(sso, "/sso", "/sso&quot;onload=&quot;x", 1)), 0, "no plain absolute URL"},
		{"a javascript logout endpoint", metadata("", keyOf("", l.IdP)+sso+`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/slo" ResponseLocation="javascript:alert(1)"/>`), 0, "no plain absolute URL"},
		{"a service provider's", []byte(strings.ReplaceAll(string(metadata("", keyOf("", l.IdP)+sso)), "IDPSSO", "SPSSO")), 0, "no IDPSSODescriptor"},
		{"SAML 1.1 only", []byte(strings.ReplaceAll(string(metadata("", keyOf("", l.IdP)+sso)), "SAML:2.0:protocol", "SAML:1.1:protocol")), 0, "no IDPSSODescriptor"},
		{"a web page", []byte("<html><body/></html>"), 0, "not SAML metadata"},
		{"a document type", append([]byte("<!DOCTYPE x>"), metadata("", keyOf("", l.IdP)+sso)...), 0, "xml_doctype"},
		{"two megabytes", metadata("", strings.Repeat(" ", 2<<20)), 0, "input_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			idp, err := saml.ParseIdP(test.doc, samltest.IdPEntity, samltest.Now)
			switch {
			case test.keys == 0:
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %v; want %q", err, test.want)
				}
			case err != nil:
				t.Fatal(err)
			case len(idp.Keys) != test.keys || !strings.Contains(strings.Join(idp.Warnings, ";"), test.want):
				t.Fatalf("%d keys, warnings %q", len(idp.Keys), idp.Warnings)
			}
		})
	}
}

func TestOneOfSeveralEntitiesIsFoundByItsID(t *testing.T) {
	l := samltest.NewLab()
	one := string(metadata("", keyOf("", l.IdP)+sso))
	two := strings.NewReplacer("idp.example", "second.example", `ID="_m"`, `ID="_n"`).Replace(one)
	doc := []byte(`<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" validUntil="2030-01-01T00:00:00Z">` + one + two + `</md:EntitiesDescriptor>`)
	idp, err := saml.ParseIdP(doc, "https://second.example/metadata", samltest.Now)
	if err != nil || idp.SSO[0].Location != "https://second.example/sso" || idp.ValidUntil.Year() != 2030 {
		t.Errorf("got %+v, %v", idp, err)
	}
	if _, err := saml.ParseIdP(doc, "", samltest.Now); err == nil || !strings.Contains(err.Error(), "2 identity providers") {
		t.Errorf("without an entity id: %v", err)
	}
}

func TestCertificateWarningsComeInTime(t *testing.T) {
	l := samltest.NewLab()
	end := l.IdP.Certificate.NotAfter
	for _, test := range []struct {
		before time.Duration
		warns  bool
	}{{61 * 24 * time.Hour, false}, {59 * 24 * time.Hour, true}, {time.Hour, true}, {-time.Hour, true}} {
		idp, err := saml.ParseIdP(metadata("", keyOf("", l.IdP)+sso), "", end.Add(-test.before))
		if err != nil || len(idp.Warnings) > 0 != test.warns {
			t.Errorf("%s before: %v, %v", test.before, idp, err)
		}
	}
	idp, _ := saml.ParseIdP(metadata("", keyOf("", l.IdP)+sso), "", samltest.Now)
	if got := idp.NextWarning(samltest.Now); !got.Equal(end.Add(-60 * 24 * time.Hour)) {
		t.Errorf("next warning %s", got)
	}
	if got := idp.NextWarning(end.Add(-8 * 24 * time.Hour)); !got.Equal(end.Add(-7 * 24 * time.Hour)) {
		t.Errorf("next warning %s", got)
	}
}

func TestOurMetadataHaveBothKeys(t *testing.T) {
	l := samltest.NewLab()
	out, err := l.Provider(nil).Metadata()
	if err != nil {
		t.Fatal(err)
	}
	var e samllib.EntityDescriptor
	if err := xml.Unmarshal(out, &e); err != nil {
		t.Fatal(err)
	}
	role := e.SPSSODescriptors[0]
	var uses []string
	for _, k := range role.KeyDescriptors {
		uses = append(uses, k.Use)
	}
	if got := strings.Join(uses, " "); got != "signing encryption signing encryption" || e.EntityID != samltest.Entity ||
		role.AssertionConsumerServices[0].Location != samltest.ACS || len(role.SingleLogoutServices) != 2 || !*role.AuthnRequestsSigned {
		t.Errorf("got %s\n%s", got, out)
	}
}

func TestARefreshKeepsTheLastGoodMetadata(t *testing.T) {
	l := samltest.NewLab()
	now := samltest.Now
	current, err := saml.ParseIdP(metadata("", keyOf("", l.IdP)+sso), "", now)
	if err != nil {
		t.Fatal(err)
	}
	next := saml.SigningKey{Certificate: l.Next.Certificate}.Fingerprint()
	both := metadata("", keyOf("", l.IdP)+keyOf("", l.Next)+sso)
	signer := []saml.SigningKey{{Certificate: l.Stranger.Certificate}}
	signed := samltest.Parse(string(both))
	samltest.Signing{Pair: l.Stranger}.Sign(signed, "_m")
	for _, test := range []struct {
		name     string
		doc      []byte
		trust    saml.Trust
		approved []string
		want     string // keys, waiting, removed, changed; or the error
		is       error
	}{
		{"nothing new", metadata("", keyOf("", l.IdP)+sso), saml.Trust{}, nil, "1 0 0 false", nil},
		{"a new key waits", both, saml.Trust{}, nil, "1 1 0 false", nil},
		{"a new key that was taken", both, saml.Trust{}, []string{next}, "2 0 0 true", nil},
		{"a new key when such are trusted", both, saml.Trust{NewKeys: true}, nil, "2 0 0 true", nil},
		{"only the taken key is left", metadata("", keyOf("", l.Next)+sso), saml.Trust{}, []string{next}, "1 0 1 true", nil},
		{"all keys replaced at once", metadata("", keyOf("", l.Next)+sso), saml.Trust{}, nil, "", saml.ErrNoCommonKey},
		{"another entity", []byte(strings.Replace(string(both), "idp.example/metadata", "evil.example", 1)), saml.Trust{}, nil, "", saml.ErrOtherEntity},
		{"no signature where one must be", both, saml.Trust{Signer: signer}, nil, "", saml.ErrNotSigned},
		{"a signature", []byte(samltest.Text(signed)), saml.Trust{Signer: signer}, nil, "1 1 0 false", nil},
		{"a signature over other content", []byte(strings.Replace(samltest.Text(signed), "/sso", "/evil", 1)), saml.Trust{Signer: signer}, nil, "", saml.ErrNotSigned},
		{"a signature by another", []byte(samltest.Text(signed)), saml.Trust{Signer: []saml.SigningKey{{Certificate: l.IdP.Certificate}}}, nil, "", saml.ErrNotSigned},
		{"a new endpoint", []byte(strings.Replace(string(metadata("", keyOf("", l.IdP)+sso)), "/sso", "/sso2", 1)), saml.Trust{}, nil, "1 0 0 true", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := saml.Refresh(current, test.doc, test.trust, test.approved, now)
			if test.is != nil {
				if !errors.Is(err, test.is) {
					t.Fatalf("got %v; want %v", err, test.is)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(len(out.IdP.Keys), len(out.Waiting), len(out.Removed), out.Changed); got != test.want {
				t.Errorf("got %s; want %s", got, test.want)
			}
		})
	}
	for _, garbage := range []string{"", "<html/>", "not found"} {
		if _, err := saml.Refresh(current, []byte(garbage), saml.Trust{}, nil, now); err == nil {
			t.Errorf("took %q", garbage)
		}
	}
}

func TestMetadataAreFetchedFromPublicHTTPSOnly(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			http.Redirect(w, r, "http://idp.example/", http.StatusFound)
		case "/big":
			w.Write(make([]byte, 2<<20))
		case "/404":
			http.NotFound(w, r)
		default:
			if r.Header.Get("If-None-Match") == `"1"` {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header().Set("ETag", `"1"`)
			w.Write([]byte("hello"))
		}
	}))
	defer server.Close()
	open := saml.Fetcher{Transport: server.Client().Transport}
	doc, tag, err := open.Fetch(t.Context(), server.URL, "")
	if err != nil || string(doc) != "hello" || tag != `"1"` {
		t.Fatalf("got %q, %q, %v", doc, tag, err)
	}
	if _, _, err := open.Fetch(t.Context(), server.URL, tag); !errors.Is(err, saml.ErrUnchanged) {
		t.Errorf("with the ETag: %v", err)
	}
	for path, want := range map[string]string{"/down": "https only", "/big": "more than 1048576 bytes", "/404": "404"} {
		if _, _, err := open.Fetch(t.Context(), server.URL+path, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
	for _, from := range []string{"http://idp.example/", "file:///etc/passwd", "https://user:pw@idp.example/", "//idp.example"} {
		if _, _, err := (saml.Fetcher{}).Fetch(t.Context(), from, ""); err == nil || !strings.Contains(err.Error(), "https only") {
			t.Errorf("%s: %v", from, err)
		}
	}
	for _, from := range []string{server.URL, "https://169.254.169.254/", "https://10.0.0.1/", "https://[::1]:1/", "https://[fe80::1]/", "https://[::ffff:127.0.0.1]:1/", "https://0.0.0.0:1/", "https://100.64.0.1/"} {
		if _, _, err := (saml.Fetcher{}).Fetch(t.Context(), from, ""); err == nil || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// TestAFeedThroughALife: first use, a new certificate that waits, is taken and
// becomes the only one; faults between keep what holds.
func TestAFeedThroughALife(t *testing.T) {
	l := samltest.NewLab()
	var serve []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(serve) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	f := saml.Feed{URL: server.URL, Fetcher: saml.Fetcher{Private: true, Roots: roots}}
	old, both, next := metadata("", keyOf("", l.IdP)+sso), metadata("", keyOf("", l.IdP)+keyOf("", l.Next)+sso), metadata("", keyOf("", l.Next)+sso)
	var k saml.Kept
	for _, step := range []struct {
		name           string
		serve          []byte
		take           bool
		trusts, waits  int
		fails          error
		failsSomewhere bool
	}{
		{name: "garbage before anything", serve: []byte("<html/>"), failsSomewhere: true},
		{name: "the first", serve: old, trusts: 1},
		{name: "garbage", serve: []byte("<html/>"), trusts: 1, failsSomewhere: true},
		{name: "a new one", serve: both, trusts: 1, waits: 1},
		{name: "all replaced before it was taken", serve: next, trusts: 1, waits: 1, fails: saml.ErrNoCommonKey},
		{name: "taken", serve: both, take: true, trusts: 2},
		{name: "the old one is gone", serve: next, trusts: 1},
		{name: "and comes back", serve: both, trusts: 1, waits: 1},
	} {
		serve = step.serve
		if step.take {
			for _, w := range k.Waiting("") {
				k.Trusted = append(k.Trusted, w.Fingerprint())
			}
		}
		var err error
		k, _, err = f.Next(t.Context(), k, samltest.Now)
		if (err != nil) != (step.fails != nil || step.failsSomewhere) || step.fails != nil && !errors.Is(err, step.fails) {
			t.Fatalf("%s: %v", step.name, err)
		}
		trusts := 0
		if idp, err := k.IdP(""); err == nil {
			trusts = len(idp.Keys)
		}
		if waits := len(k.Waiting("")); trusts != step.trusts || waits != step.waits {
			t.Errorf("%s: %d are trusted and %d wait; want %d and %d", step.name, trusts, waits, step.trusts, step.waits)
		}
	}
	if _, _, err := (saml.Feed{URL: server.URL, Fetcher: saml.Fetcher{Roots: roots}}).Next(t.Context(), saml.Kept{}, samltest.Now); err == nil {
		t.Error("a private address was asked")
	}
}

// TestKeptMetadataPastTheirEndSayThatTheyAre: a restart in an outage of the URL
// reads them, and refuses in the words of a refusal.
func TestKeptMetadataPastTheirEndSayThatTheyAre(t *testing.T) {
	l := samltest.NewLab()
	doc := strings.Replace(string(metadata("", keyOf("", l.IdP)+sso)), "entityID=", `validUntil="2026-12-01T00:00:00Z" entityID=`, 1)
	k := saml.Kept{Document: []byte(doc), Fetched: samltest.Now, Trusted: []string{saml.SigningKey{Certificate: l.IdP.Certificate}.Fingerprint()}}
	idp, err := k.IdP("")
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Provider(nil).With(idp)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]saml.Reason{samltest.Now: "", samltest.Now.AddDate(0, 1, 0): saml.MetadataExpired} {
		_, _, err := p.Login("relay", saml.LoginOptions{}, at)
		no, _ := errors.AsType[*saml.Rejection](err)
		if (no == nil) != (want == "") || no != nil && no.Reason != want {
			t.Errorf("at %s: %v, want %q", at, err, want)
		}
	}
}

func TestAFeedIsFetchedInTime(t *testing.T) {
	l := samltest.NewLab()
	for _, test := range []struct {
		every       time.Duration
		cache       string
		want, early time.Duration
	}{
		{0, "", 12 * time.Hour, 36 * time.Minute}, {time.Hour, "", time.Hour, 3 * time.Minute},
		{time.Hour, "PT30M", 30 * time.Minute, 90 * time.Second}, {time.Hour, "PT1S", 5 * time.Minute, 15 * time.Second},
	} {
		doc := metadata("", keyOf("", l.IdP)+sso)
		if test.cache != "" {
			doc = []byte(strings.Replace(string(doc), "entityID=", `cacheDuration="`+test.cache+`" entityID=`, 1))
		}
		k := saml.Kept{Document: doc, Fetched: samltest.Now, Trusted: []string{saml.SigningKey{Certificate: l.IdP.Certificate}.Fingerprint()}}
		if got, want := (saml.Feed{Every: test.every}).Wait(k, 0.5), test.want-test.early; got != want {
			t.Errorf("every %s, cached %s: %s; want %s", test.every, test.cache, got, want)
		}
	}
}

func TestAProviderWarnsOfWhatEnds(t *testing.T) {
	l := samltest.NewLab()
	p := l.Provider(func(c *saml.Config) { c.IdP.ValidUntil = samltest.Now.Add(30 * 24 * time.Hour) })
	if got := p.Warnings(samltest.Now); got != nil {
		t.Errorf("too early: %q", got)
	}
	if got := p.Warnings(samltest.Now.Add(24 * 24 * time.Hour)); len(got) != 1 || !strings.Contains(got[0], "metadata end on") {
		t.Errorf("metadata: %q", got)
	}
	late := strings.Join(p.Warnings(l.SP.Certificate.NotAfter.Add(-time.Hour)), "\n")
	if !strings.Contains(late, "our certificate") || !strings.Contains(late, "the identity provider's certificate") || len(p.Certificates()) != 4 {
		t.Errorf("certificates: %s", late)
	}
}
