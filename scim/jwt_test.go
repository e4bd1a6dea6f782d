package scim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

const (
	tenant   = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
	issuer   = "https://sts.windows.net/" + tenant + "/"
	audience = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
)

var rsaKey, otherKey = sync.OnceValue(newRSA(2048)), sync.OnceValue(newRSA(2048))

func newRSA(bits int) func() *rsa.PrivateKey {
	return func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return k
	}
}

// publisher serves a JWK set that a test may change.
type publisher struct {
	mu     sync.Mutex
	keys   []jose.JSONWebKey
	broken bool
	asked  atomic.Int32
	*httptest.Server
}

func publish(t *testing.T, keys ...jose.JSONWebKey) *publisher {
	p := &publisher{keys: keys}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.broken {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) set(broken bool, keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken, p.keys = broken, keys
}

func rsaJWK(kid string, k *rsa.PrivateKey) jose.JSONWebKey {
	return jose.JSONWebKey{Key: &k.PublicKey, KeyID: kid, Use: "sig"}
}

// signed makes a token; claims that are nil are left out.
func signed(t *testing.T, alg jose.SignatureAlgorithm, kid string, key any, claims map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"iss": issuer, "aud": audience, "tid": tenant, "appid": "app-1", "sub": "x", "iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := jwt.Signed(s).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// raw puts a token together by hand.
func raw(header, claims, signature string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(claims)) + "." + e([]byte(signature))
}

func verifier(t *testing.T, c scim.JWTConfig) *scim.JWT {
	t.Helper()
	c.Issuer, c.Audience = issuer, audience
	j, err := scim.NewJWT(c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestTokensThatEntraSigns(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := newRSA(1024)()
	p := publish(t, rsaJWK("k1", rsaKey()), jose.JSONWebKey{Key: &ec.PublicKey, KeyID: "e1"}, rsaJWK("small", small),
		jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "shared"}, jose.JSONWebKey{Key: &otherKey().PublicKey, KeyID: "enc", Use: "enc"})
	h := withSource(t, storetest.Open(t, "sqlite", store.Options{}), scim.Source{Auth: scim.Auth{JWT: verifier(t, scim.JWTConfig{URL: p.URL, Client: "app-1"})}})
	public, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	h.must(err)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	now := time.Now()
	good := signed(t, jose.RS256, "k1", rsaKey(), nil)
	parts := strings.Split(good, ".")
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	for name, tt := range map[string]struct {
		token string
		want  string // part of the detail; empty is accepted
	}{
		"as Entra sends it":             {good, ""},
		"of ES256":                      {signed(t, jose.ES256, "e1", ec, nil), ""},
		"aud as a list":                 {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"aud": []string{"other", audience}}), ""},
		"azp of version 2":              {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"appid": nil, "azp": "app-1"}), ""},
		"a clock half a minute late":    {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"exp": now.Add(-30 * time.Second).Unix()}), ""},
		"alg none":                      {raw(`{"alg":"none","kid":"k1"}`, string(claims), ""), "no JWT that is signed"},
		"alg None with a signature":     {raw(`{"alg":"None","kid":"k1"}`, string(claims), "x"), "no JWT that is signed"},
		"no alg":                        {raw(`{"kid":"k1"}`, string(claims), "x"), "no JWT that is signed"},
		"HS256 with the public key":     {signed(t, jose.HS256, "k1", publicPEM, nil), "no JWT that is signed"},
		"HS256 with the key's DER":      {signed(t, jose.HS256, "k1", public, nil), "no JWT that is signed"},
		"HS256 with a shared key":       {signed(t, jose.HS256, "shared", []byte("0123456789abcdef0123456789abcdef"), nil), "no JWT that is signed"},
		"PS256":                         {signed(t, jose.PS256, "k1", rsaKey(), nil), "no JWT that is signed"},
		"RS512":                         {signed(t, jose.RS512, "k1", rsaKey(), nil), "no JWT that is signed"},
		"the header of ES256 on RS256":  {raw(`{"alg":"ES256","kid":"k1"}`, string(claims), parts[2]), "signature"},
		"another's key, our kid":        {signed(t, jose.RS256, "k1", otherKey(), nil), "signature"},
		"a kid that nobody has":         {signed(t, jose.RS256, "k9", rsaKey(), nil), `key "k9" is none`},
		"no kid":                        {signed(t, jose.RS256, "", rsaKey(), nil), "names no key"},
		"a key too small":               {signed(t, jose.RS256, "small", small, nil), `key "small" is none`},
		"a key for encryption":          {signed(t, jose.RS256, "enc", otherKey(), nil), `key "enc" is none`},
		"a key that it brings along":    {raw(`{"alg":"RS256","kid":"k9","jku":"`+p.URL+`","jwk":`+mustText(rsaJWK("k9", otherKey()))+`}`, string(claims), "x"), ""},
		"a critical header":             {raw(`{"alg":"RS256","kid":"k1","crit":["exp"],"exp":1}`, string(claims), parts[2]), "refused"},
		"a payload that was changed":    {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(claims), "app-1", "app-2", 1))) + "." + parts[2], "signature"},
		"a signature cut off":           {parts[0] + "." + parts[1] + ".", "refused"},
		"ended":                         {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}), "it ended"},
		"no end":                        {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"exp": nil}), "no end"},
		"not valid yet":                 {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"nbf": now.Add(time.Hour).Unix()}), "not valid yet"},
		"issued in the future":          {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"iat": now.Add(time.Hour).Unix()}), "not valid yet"},
		"another issuer":                {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"iss": strings.TrimSuffix(issuer, "/")}), "its issuer is"},
		"another audience":              {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}), "it is for"},
		"no audience":                   {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"aud": nil}), "it is for"},
		"another tenant":                {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"tid": "11111111-1111-1111-1111-111111111111"}), "its tenant is"},
		"no tenant":                     {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"tid": nil}), "its tenant is"},
		"another application":           {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"appid": "app-2"}), "made for the application"},
		"huge":                          {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"groups": strings.Repeat("x", 14000)}), "larger than"},
		"claims that are no object":     {raw(`{"alg":"RS256","kid":"k1"}`, `[]`, "x"), "signature"},
		"a header that is no object":    {raw(`7`, `{}`, "x"), "no JWT that is signed"},
		"dots":                          {"..", "no JWT that is signed"},
		"an exp that is no number":      {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"exp": "never"}), "signature"},
		"an exp beyond all time":        {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"exp": 1e300}), "refused"},
		"the tenant as a list of three": {signed(t, jose.RS256, "k1", rsaKey(), map[string]any{"tid": []string{tenant}}), "signature"},
	} {
		r := h.send("GET", "/Users?count=0", "", "Authorization: Bearer "+tt.token)
		switch {
		case name == "a key that it brings along":
			if r.status != 401 {
				t.Errorf("%s: got %d", name, r.status)
			}
		case tt.want == "" && r.status != 200:
			t.Errorf("%s: got %d %s", name, r.status, r.text)
		case tt.want != "" && (r.status != 401 || !strings.Contains(r.text1("detail"), tt.want)):
			t.Errorf("%s: got %d %s, want %q", name, r.status, r.text, tt.want)
		}
	}
	h.want(200, "GET", "/Users?count=0", "") // the bearer token still does
	if strings.Contains(h.log.String(), parts[1]) {
		t.Error("the log has a token")
	}
	if n := p.asked.Load(); n > 3 {
		t.Errorf("the keys were asked for %d times", n)
	}
	h.source = "nowhere"
	h.want(401, "GET", "/Users", "", "Authorization: Bearer "+good)
}

func mustText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestKeysRotateAndTheLastGoodOnesStay(t *testing.T) {
	p := publish(t, rsaJWK("old", rsaKey()))
	clock := atomic.Int64{}
	start := time.Now()
	h := withSource(t, storetest.Open(t, "sqlite", store.Options{}), scim.Source{Auth: scim.Auth{JWT: verifier(t, scim.JWTConfig{URL: p.URL})}}, func(c *scim.Config) {
		c.Now = func() time.Time { return start.Add(time.Duration(clock.Load())) }
	})
	exp := map[string]any{"exp": start.Add(100 * time.Hour).Unix()}
	old, fresh := "Authorization: Bearer "+signed(t, jose.RS256, "old", rsaKey(), exp), "Authorization: Bearer "+signed(t, jose.RS256, "new", otherKey(), exp)
	h.want(200, "GET", "/Users?count=0", "", old)
	p.set(false, rsaJWK("old", rsaKey()), rsaJWK("new", otherKey()))
	h.want(401, "GET", "/Users?count=0", "", fresh) // too early to ask again
	clock.Add(int64(31 * time.Second))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { h.want(200, "GET", "/Users?count=0", "", fresh) })
	}
	wg.Wait()
	if n := p.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	p.set(true)
	clock.Add(int64(2 * time.Hour))
	h.want(200, "GET", "/Users?count=0", "", old)
	h.want(200, "GET", "/Users?count=0", "", fresh)
	p.set(false) // a set without keys is no good one
	clock.Add(int64(2 * time.Hour))
	h.want(200, "GET", "/Users?count=0", "", fresh)
}

func TestKeysFromAFileAndFromNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{rsaJWK("k1", rsaKey())}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	st := storetest.Open(t, "sqlite", store.Options{})
	h := withSource(t, st, scim.Source{Auth: scim.Auth{JWT: verifier(t, scim.JWTConfig{File: file}), NoBearer: true}})
	h.want(200, "GET", "/Users", "", "Authorization: Bearer "+signed(t, jose.RS256, "k1", rsaKey(), nil))
	h.want(401, "GET", "/Users", "")
	gone := withSource(t, storetest.Open(t, "sqlite", store.Options{}), scim.Source{Auth: scim.Auth{JWT: verifier(t, scim.JWTConfig{File: file + "x"})}})
	if r := gone.want(503, "GET", "/Users", "", "Authorization: Bearer "+signed(t, jose.RS256, "k1", rsaKey(), nil)); r.header.Get("Retry-After") == "" || strings.Contains(r.text, file) {
		t.Errorf("got %s", r.text)
	}
	for _, c := range []scim.JWTConfig{{}, {Issuer: "i", Audience: "a"}, {Issuer: "i", Audience: "a", File: "f", URL: "u"}, {Issuer: "i", File: "f"}} {
		if _, err := scim.NewJWT(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
