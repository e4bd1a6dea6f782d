package events

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// Key is a signing key, or only its public half. Keys come from files, so that
// every replica has the same ones and the database holds none.
type Key struct {
	id     string // RFC 7638 thumbprint
	alg    string // ES256 or EdDSA
	jwk    jwk
	signer crypto.Signer // nil for a public key
}

// jwk is a key as RFC 7517 writes it.
type jwk struct {
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y,omitempty"`
	Kid string `json:"kid,omitempty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
}

// ParseKey reads the first key of a PEM text: a private key ("PRIVATE KEY" or
// "EC PRIVATE KEY") or a public one ("PUBLIC KEY"), of P-256 or Ed25519.
func ParseKey(text []byte) (*Key, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var k any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			k, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			k, err = x509.ParseECPrivateKey(block.Bytes)
		case "PUBLIC KEY":
			k, err = x509.ParsePKIXPublicKey(block.Bytes)
		default: // as openssl's "EC PARAMETERS"
			continue
		}
		if err != nil {
			return nil, errors.New("the PEM block is no key")
		}
		return newKey(k)
	}
	return nil, errors.New("no PEM block with a key; make one with: grantbridge events key")
}

func newKey(k any) (*Key, error) {
	out := &Key{}
	public := k
	if s, ok := k.(crypto.Signer); ok {
		out.signer, public = s, s.Public()
	}
	switch p := public.(type) {
	case ed25519.PublicKey:
		out.alg, out.jwk = "EdDSA", jwk{Kty: "OKP", Crv: "Ed25519", X: base64url(p)}
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return nil, fmt.Errorf("a key of %s; it must be P-256 or Ed25519", p.Params().Name)
		}
		point, err := p.Bytes() // 4, x, y
		if err != nil {
			return nil, err
		}
		out.alg, out.jwk = "ES256", jwk{Kty: "EC", Crv: "P-256", X: base64url(point[1:33]), Y: base64url(point[33:])}
	default:
		return nil, fmt.Errorf("a key of type %T; it must be P-256 or Ed25519", k)
	}
	sum := sha256.Sum256(encode(out.jwk)) // RFC 7638: crv, kty, x, y in this order
	out.id = base64url(sum[:])
	out.jwk.Kid, out.jwk.Use, out.jwk.Alg = out.id, "sig", out.alg
	return out, nil
}

// NewKey makes an ES256 key as a PEM text.
func NewKey() ([]byte, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// ID is the key's id in the JWKS and in each SET's header.
func (k *Key) ID() string { return k.id }

// CanSign reports whether the private half is there.
func (k *Key) CanSign() bool { return k != nil && k.signer != nil }

// sign makes a JWS in compact form. It is deterministic (RFC 6979, RFC 8032): a
// SET that is sent again is the same text.
func (k *Key) sign(payload []byte) (string, error) {
	text := base64url(encode(map[string]string{"alg": k.alg, "kid": k.id, "typ": "secevent+jwt"})) + "." + base64url(payload)
	var sig []byte
	var err error
	if k.alg == "EdDSA" {
		sig, err = k.signer.Sign(nil, []byte(text), crypto.Hash(0))
	} else {
		sum := sha256.Sum256([]byte(text))
		sig, err = k.signer.Sign(nil, sum[:], crypto.SHA256)
		if err == nil {
			sig, err = fixed(sig)
		}
	}
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.id, err)
	}
	return text + "." + base64url(sig), nil
}

// fixed is an ECDSA signature as RFC 7518 3.4 wants it: r and s of 32 bytes each.
func fixed(der []byte) ([]byte, error) {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	v.R.FillBytes(out[:32])
	v.S.FillBytes(out[32:])
	return out, nil
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwks is the document of RFC 7517 5 for keys.
func jwks(keys []*Key) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{}}
	seen := map[string]bool{}
	for _, k := range keys {
		if k != nil && !seen[k.id] {
			seen[k.id] = true
			set.Keys = append(set.Keys, k.jwk)
		}
	}
	return json.Marshal(set)
}
