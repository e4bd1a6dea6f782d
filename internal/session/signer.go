package session

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"grantbridge/store"
)

// Token times. A token outlives its request by little; a key outlives its last
// token by far, so that whoever keeps the key set for an hour can verify.
const (
	TokenLife = 60 * time.Second
	keyUse    = 24 * time.Hour
	keyLife   = keyUse + 2*time.Hour
)

// Claims are what a token says: who, since when and how. It says no role and no
// site: those are asked of the evaluator, and change while a token lives.
type Claims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Subject  string   `json:"sub"` // the person's id
	Session  string   `json:"sid"`
	Login    string   `json:"preferred_username,omitempty"`
	Name     string   `json:"name,omitempty"`
	Source   string   `json:"idp"`
	Methods  []string `json:"amr,omitempty"`
	Context  string   `json:"acr,omitempty"`
	SignedIn int64    `json:"auth_time"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

// Signer signs tokens with a key of this process, whose public half it publishes
// in the store before it uses it. The private half is never written. It may be
// used concurrently.
type Signer struct {
	st  *store.Store
	now func() time.Time

	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	id    string
	until time.Time // use another key from then on
}

// NewSigner makes a signer; its first key is made at the first token.
func NewSigner(st *store.Store, now func() time.Time) *Signer {
	if now == nil {
		now = time.Now
	}
	return &Signer{st: st, now: now}
}

type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	ID    string `json:"kid"`
}

var b64 = base64.RawURLEncoding.EncodeToString

// current is the key to sign with, a new one when the last is old.
func (s *Signer) current(ctx context.Context) (*ecdsa.PrivateKey, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.key != nil && now.Before(s.until) {
		return s.key, s.id, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	point, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	sum := sha256.Sum256(point)
	id := b64(sum[:12])
	text, err := json.Marshal(jwk{"EC", "P-256", b64(point[1:33]), b64(point[33:]), "sig", "ES256", id})
	if err == nil {
		err = s.st.PutVerifyKey(ctx, store.VerifyKey{ID: id, JWK: text, Expires: now.Add(keyLife)})
	}
	if err != nil {
		return nil, "", fmt.Errorf("publish a key: %w", err)
	}
	s.key, s.id, s.until = key, id, now.Add(keyUse)
	return key, id, nil
}

// Sign makes a token of c, which it dates.
func (s *Signer) Sign(ctx context.Context, c Claims) (string, error) {
	key, id, err := s.current(ctx)
	if err != nil {
		return "", err
	}
	now := s.now()
	c.Issued, c.Expires = now.Unix(), now.Add(TokenLife).Unix()
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	head := `{"alg":"ES256","kid":"` + id + `","typ":"JWT"}`
	text := b64([]byte(head)) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	r, t, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	var signature [64]byte // RFC 7518 section 3.4
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return text + "." + b64(signature[:]), nil
}

// Keys is the key set (RFC 7517) of all processes on the store.
func (s *Signer) Keys(ctx context.Context) ([]byte, error) {
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	// There is a key before the first token, so that nobody keeps an empty set.
	if _, _, err := s.current(ctx); err != nil {
		return nil, err
	}
	err := s.st.Read(ctx, func(v *store.View) error {
		keys, err := v.VerifyKeys(ctx, s.now())
		for _, k := range keys {
			set.Keys = append(set.Keys, k.JWK)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return json.Marshal(set)
}
