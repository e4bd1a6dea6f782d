package events

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"grantbridge/store"
	"grantbridge/store/storetest"
)

func pemOf(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestKeysOfBothKindsSignTheSameTwice(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edDER, err1 := x509.MarshalPKCS8PrivateKey(ed)
	ecDER, err2 := x509.MarshalECPrivateKey(ec)
	for name, text := range map[string][]byte{
		"EdDSA": pemOf(t, "PRIVATE KEY", edDER, err1),
		"ES256": append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), pemOf(t, "EC PRIVATE KEY", ecDER, err2)...),
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParseKey(text)
			if err != nil || !k.CanSign() {
				t.Fatalf("got %+v, %v", k, err)
			}
			doc, err := jwks([]*Key{k, k})
			if err != nil || strings.Count(string(doc), `"kid"`) != 1 || strings.Contains(string(doc), `"d"`) {
				t.Errorf("got %s, %v", doc, err)
			}
			for range 50 { // a short r or s comes about once in 128
				payload := encode(claims{Issuer: rand.Text(), ID: "x", IssuedAt: 1, Transaction: "t", Subject: subID{"scim", "/Users/1"}})
				one, err1 := k.sign(payload)
				two, err2 := k.sign(payload)
				if one != two || err1 != nil || err2 != nil {
					t.Fatalf("signed twice: %s and %s, %v, %v", one, two, err1, err2)
				}
				read(t, doc, one)
			}
		})
	}
	public, err := x509.MarshalPKIXPublicKey(ec.Public())
	if k, err := ParseKey(pemOf(t, "PUBLIC KEY", public, err)); err != nil || k.CanSign() {
		t.Errorf("a public key: got %+v, %v", k, err)
	}
}

func TestWhatIsNoKey(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p384)
	for name, text := range map[string][]byte{
		"nothing": nil, "text": []byte("secret-of-mine"), "a broken block": pemOf(t, "PRIVATE KEY", []byte("secret-of-mine"), nil),
		"another curve": pemOf(t, "PRIVATE KEY", der, err),
	} {
		if k, err := ParseKey(text); err == nil || strings.Contains(err.Error(), "secret-of-mine") {
			t.Errorf("%s: got %v, %v", name, k, err)
		}
	}
}

// TestRotation: a receiver that knows the published keys can read every SET
// before, while and after the key is changed, and the claims stay what they were.
func TestRotation(t *testing.T) {
	w := newWorld(t, storetest.Open(t, "sqlite", store.Options{}), polled())
	text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	next, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	w.accounts("a", 1)
	c := w.config(polled())
	c.Also = []*Key{next}
	published := w.config(polled())
	for _, step := range []func(){
		func() { published = c },
		func() { published.Key, published.Also = next, []*Key{testKey} },
		func() { published.Also = nil },
	} {
		before := w.poll(`{"returnImmediately":true}`)
		known := w.jwks()
		step()
		if err := w.tr.Reconfigure(t.Context(), published); err != nil {
			t.Fatal(err)
		}
		after := w.poll(`{"returnImmediately":true}`)
		if !slices.Equal(before.order, after.order) {
			t.Errorf("the key changed %v into %v", before.order, after.order)
		}
		read(t, known, after.Sets[after.order[0]])
		read(t, w.jwks(), after.Sets[after.order[0]])
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t, storetest.Open(t, "sqlite", store.Options{}), polled())
	var doc map[string]any
	if err := json.Unmarshal(w.get("/.well-known/ssf-configuration"), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["issuer"] != issuer || doc["jwks_uri"] != issuer+"/.well-known/jwks.json" || doc["spec_version"] != "1_0" ||
		len(doc["delivery_methods_supported"].([]any)) != 1 || doc["delivery_methods_supported"].([]any)[0] != "urn:ietf:rfc:8936" {
		t.Errorf("got %v", doc)
	}
	for path, want := range map[string]int{"/.well-known/ssf-configuration": 405, "/.well-known/jwks.json": 405, "/events/v1/m": 404} {
		rec := httptest.NewRecorder()
		w.tr.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, nil))
		if rec.Code != want || !Serves(path) {
			t.Errorf("POST %s: got %d, want %d", path, rec.Code, want)
		}
	}
	full := polled(PatchFull, Delete)
	full.Sources = []string{"okta"}
	want := []string{PatchNotice.URI(), PatchFull.URI(), Delete.URI()}
	if got := EventURIs([]Stream{full}, "okta"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := EventURIs([]Stream{full}, "entra"); len(got) != 0 {
		t.Errorf("a source that is not told of: got %v", got)
	}
}
