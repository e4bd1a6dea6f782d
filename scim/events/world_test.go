package events

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// world is a transmitter on a real store.
type world struct {
	storetest.Kit
	t      *testing.T
	engine *provision.Engine
	tr     *Transmitter
	token  string // an API token that may events:read
	weak   string // one that may not
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

const ownToken = "0123456789abcdef-own"

func newWorld(t *testing.T, st *store.Store, streams ...Stream) *world {
	t.Helper()
	w := &world{Kit: storetest.Kit{T: t, S: st}, t: t}
	w.Source("okta", true)
	w.Source("entra", true)
	var err error
	if w.engine, err = provision.New(t.Context(), st, provision.Config{MaxStaleness: time.Hour}); err != nil {
		t.Fatal(err)
	}
	w.token, w.weak = w.caller("reader", Action), w.caller("asker", "decisions:ask")
	w.tr = w.transmitter(streams...)
	return w
}

// caller makes a service with a token that may do action.
func (w *world) caller(name, action string) string {
	w.t.Helper()
	p := &store.AddPerson{Kind: store.Service, Login: name}
	w.Do(p)
	by := store.By{Actor: "test", Via: "test", Reason: "a test"}
	if _, err := w.engine.AddGrant(w.t.Context(), by, store.Manual{
		Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}, Actions: []string{action}, All: true, TokenCeiling: "inherit", Reason: "a test", Until: time.Now().Add(time.Hour),
	}); err != nil {
		w.t.Fatal(err)
	}
	m := &store.MintToken{Token: store.Token{Person: p.ID, Name: name, Ceiling: "inherit"}}
	if err := w.engine.MintToken(w.t.Context(), by, m); err != nil {
		w.t.Fatal(err)
	}
	return m.Secret
}

var testKey = func() *Key {
	text, err := NewKey()
	if err != nil {
		panic(err)
	}
	k, err := ParseKey(text)
	if err != nil {
		panic(err)
	}
	return k
}()

const issuer = "https://grants.example.org"

func (w *world) config(streams ...Stream) Config {
	return Config{Issuer: issuer + "/", Streams: streams, Key: testKey, Log: quiet(),
		LongPoll: 5 * time.Second, Pause: 5 * time.Millisecond, Lease: 3 * time.Second}
}

func (w *world) transmitter(streams ...Stream) *Transmitter {
	w.t.Helper()
	tr, err := New(w.t.Context(), w.engine, w.config(streams...))
	if err != nil {
		w.t.Fatal(err)
	}
	return tr
}

// polled is a stream that is polled.
func polled(kinds ...Kind) Stream {
	if len(kinds) == 0 {
		kinds = DefaultKinds()
	}
	return Stream{Name: "m", Delivery: Poll, Audience: []string{"https://matomo.example"}, Kinds: kinds}
}

// answer is what a poll is answered.
type answer struct {
	Sets map[string]string `json:"sets"`
	More *bool             `json:"moreAvailable"`
	// order is that of the sets on the wire.
	order []string
}

func (w *world) send(token, stream, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.t.Context(), "POST", "/events/v1/"+stream+"/poll", strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.tr.ServeHTTP(rec, r)
	return rec
}

func (w *world) poll(body string) answer {
	w.t.Helper()
	rec := w.send(w.token, "m", body)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
		w.t.Fatalf("poll %s: %d %s", body, rec.Code, rec.Body)
	}
	var a answer
	text := rec.Body.Bytes()
	if err := json.Unmarshal(text, &a); err != nil || a.Sets == nil || a.More == nil {
		w.t.Fatalf("poll %s: %v: %s", body, err, text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if name, ok := token.(string); ok && a.Sets[name] != "" {
			a.order = append(a.order, name)
		}
	}
	return a
}

func quoted(jtis ...string) string {
	b, _ := json.Marshal(jtis)
	return string(b)
}

// told2 is a SET as a receiver reads it.
type told2 struct {
	ISS    string                    `json:"iss"`
	JTI    string                    `json:"jti"`
	IAT    int64                     `json:"iat"`
	AUD    []string                  `json:"aud"`
	TXN    string                    `json:"txn"`
	SubID  map[string]string         `json:"sub_id"`
	Source string                    `json:"source"`
	Events map[string]map[string]any `json:"events"`
}

// short are its events without the common beginning, and its subject.
func (s told2) short() string {
	var kinds []string
	for _, k := range Kinds() {
		if _, ok := s.Events[k.URI()]; ok {
			kinds = append(kinds, string(k))
		}
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(s.SubID["uri"], "/"), "/")
	return path + " " + strings.Join(kinds, " ")
}

// read verifies a JWS against a JWKS with nothing of this package, and returns
// its claims.
func read(t *testing.T, jwks []byte, jws string) told2 {
	t.Helper()
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWS: %s", jws)
	}
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var head struct{ Alg, Kid, Typ string }
	var set struct {
		Keys []struct{ Kty, Crv, X, Y, Kid, Use, Alg string }
	}
	if err := json.Unmarshal(raw(parts[0]), &head); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	if head.Typ != "secevent+jwt" {
		t.Errorf("typ is %q", head.Typ)
	}
	ok := false
	for _, k := range set.Keys {
		if k.Kid != head.Kid || k.Alg != head.Alg || k.Use != "sig" {
			continue
		}
		signed, sig := []byte(parts[0]+"."+parts[1]), raw(parts[2])
		switch k.Alg {
		case "EdDSA":
			ok = ed25519.Verify(raw(k.X), signed, sig)
		case "ES256":
			sum := sha256.Sum256(signed)
			point := slices.Concat([]byte{4}, raw(k.X), raw(k.Y))
			key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
			ok = err == nil && len(sig) == 64 && ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
		}
	}
	if !ok {
		t.Fatalf("no key of %s verifies the SET with header %+v", jwks, head)
	}
	var claims told2
	payload := raw(parts[1])
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	_ = json.Unmarshal(payload, &all)
	if all["sub"] != nil || all["exp"] != nil || claims.SubID["format"] != "scim" || claims.TXN == "" || claims.JTI == "" || claims.IAT == 0 {
		t.Errorf("claims of RFC 9967 are wrong: %s", payload)
	}
	return claims
}

// jwks is the published document.
func (w *world) jwks() []byte { return w.get("/events/v1/jwks.json") }

func (w *world) get(path string) []byte {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.tr.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: %d %s", path, rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// stories are the events of all that waits, in order.
func (w *world) stories() []string {
	w.t.Helper()
	a := w.poll(`{"returnImmediately":true,"maxEvents":500}`)
	out := []string{}
	for _, jti := range a.order {
		claims := read(w.t, w.jwks(), a.Sets[jti])
		if claims.JTI != jti {
			w.t.Errorf("the SET under %s has jti %s", jti, claims.JTI)
		}
		out = append(out, claims.short())
	}
	return out
}

// accounts creates n accounts and returns their UIDs.
func (w *world) accounts(prefix string, n int) []string {
	w.t.Helper()
	var out []string
	for i := range n {
		out = append(out, w.Account("okta", fmt.Sprintf("%s-%d", prefix, i)).UID)
	}
	return out
}

func (w *world) active(uid string, active bool) {
	w.t.Helper()
	w.Do(storetest.EditAccount("okta", uid, func(a *directory.Account) { a.Active = active }))
}

// run runs tr until the test ends or stop is called.
func (w *world) run(tr *Transmitter) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = tr.Run(ctx) }()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}
