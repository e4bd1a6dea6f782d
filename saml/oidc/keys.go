package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// jwk is a public key as a JWK Set has it (RFC 7517, RFC 8037).
type jwk struct {
	Kty string `json:"kty"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Crv string `json:"crv"`
	N   string `json:"n"`
	E   string `json:"e"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// key is a usable key.
type key struct {
	id, alg string // alg may be empty: any that fits
	public  crypto.PublicKey
}

// keys are the provider's, read when a token names one that is not known, which
// is how providers rotate, and once an hour, so that a key that was withdrawn
// ends. What cannot be read leaves the last good ones.
type keys struct {
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	url   string
	set   []key
	tried []time.Time // of the last readings, oldest first
	read  time.Time   // when one went well
	err   error       // of the last one

	reading sync.Mutex // one asks at a time, and the others wait for him
}

const (
	keysFresh = time.Hour
	// In each keysPause the keys are asked for so often at most. Whoever posts a
	// logout token can name a key that nobody has: that is good for one, and never
	// keeps a sign-in from finding a key that is new.
	keysPause     = time.Minute
	triesOfSignIn = 3
	triesOfLogout = 1
	maxKeys       = 200
)

// from says where the keys are; other ones are read when it changes.
func (k *keys) from(url string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.url != url {
		k.url, k.read, k.tried = url, time.Time{}, nil
	}
}

// inherit takes what another has read from the same place.
func (k *keys) inherit(from *keys) {
	from.mu.Lock()
	url, set, read := from.url, from.set, from.read
	from.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.url == url {
		k.set, k.read = set, read
	}
}

// find gives the keys that may have made a signature of that algorithm under that
// id; an empty id is any. It is nil and an error when no keys could be read. tries
// bounds how often they were read of late, this time included.
func (k *keys) find(ctx context.Context, id, alg string, tries int) (found []crypto.PublicKey, err error) {
	found, stale := k.look(id, alg)
	if len(found) > 0 && !stale {
		return found, nil
	}
	k.refresh(ctx, tries)
	if found, _ = k.look(id, alg); len(found) > 0 {
		return found, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil && k.err != nil {
		return nil, k.err
	}
	return nil, nil
}

func (k *keys) look(id, alg string) (found []crypto.PublicKey, stale bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.set {
		if (id == "" || one.id == id) && (one.alg == "" || one.alg == alg) && fits(one.public, alg) {
			found = append(found, one.public)
		}
	}
	return found, k.now().Sub(k.read) >= keysFresh
}

// refresh reads the keys, unless that was done too often just now.
func (k *keys) refresh(ctx context.Context, tries int) {
	before := k.now()
	k.reading.Lock()
	defer k.reading.Unlock()
	k.mu.Lock()
	now, url := k.now(), k.url
	for len(k.tried) > 0 && now.Sub(k.tried[0]) >= keysPause {
		k.tried = k.tried[1:]
	}
	late := len(k.tried) >= tries || k.read.After(before)
	if !late {
		k.tried = append(k.tried, now)
	}
	k.mu.Unlock()
	if late {
		return
	}
	set, err := k.fetch(ctx, url)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err = nil; err != nil {
		k.err = troubled(KeysUnreadable, "read the provider's keys at %s: %w", url, err)
	} else if url == k.url {
		k.set, k.read = set, k.now()
	}
}

// follow reads the keys when they are not fresh, and says what is wrong with them.
func (k *keys) follow(ctx context.Context, tries int) error {
	if _, stale := k.look("", ""); stale {
		k.refresh(ctx, tries)
	}
	_, err := k.failure()
	return err
}

// failure is what the last reading came to, and whether there is none that went
// well.
func (k *keys) failure() (none bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set == nil, k.err
}

func (k *keys) fetch(ctx context.Context, url string) ([]key, error) {
	if url == "" {
		return nil, errors.New("the provider's configuration was not read yet")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := k.client.Do(r)
	if err != nil {
		return nil, unaddressed(err)
	}
	body, err := read(res)
	if err != nil {
		return nil, err
	}
	return readKeys(body)
}

// readKeys reads a JWK Set. Keys of kinds that we do not know are left out (RFC
// 7517 section 5), and so are weak ones, secret ones and those for encrypting.
func readKeys(body []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read the JWK Set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the JWK Set has %d keys; at most %d", len(set.Keys), maxKeys)
	}
	var out []key
	for _, raw := range set.Keys {
		var j jwk
		if json.Unmarshal(raw, &j) != nil || j.Use != "" && j.Use != "sig" {
			continue
		}
		if public := j.public(); public != nil {
			out = append(out, key{j.Kid, j.Alg, public})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the JWK Set has no public key to verify signatures with (RSA from 2048 bits, P-256, P-384, P-521, Ed25519)")
	}
	return out, nil
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

const minRSABits, maxRSABits = 2048, 8192

// public is the key, or nil when it is none that may verify.
func (j jwk) public() crypto.PublicKey {
	part := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return nil
		}
		return b
	}
	switch x := part(j.X); j.Kty {
	case "RSA":
		n, e := new(big.Int).SetBytes(part(j.N)), new(big.Int).SetBytes(part(j.E))
		if bits := n.BitLen(); bits < minRSABits || bits > maxRSABits || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || e.Bit(0) == 0 {
			return nil
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := curves[j.Crv]
		if curve == nil {
			return nil
		}
		point, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), part(j.Y)...))
		if err != nil {
			return nil
		}
		return point
	case "OKP":
		if j.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x)
		}
	}
	return nil
}

// algorithms are those that a token may be signed with: ours to choose, and no
// shared secret among them.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// fits reports whether a key is of the algorithm's kind, so that a public key
// never becomes a shared secret, nor one curve another.
func fits(public crypto.PublicKey, alg string) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return alg == map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Curve.Params().Name]
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}
