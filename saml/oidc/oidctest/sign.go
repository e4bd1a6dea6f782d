package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"sync"
)

// Key is a key that signs, under an id and for an algorithm.
type Key struct {
	ID, Alg string
	Private crypto.Signer
}

var (
	keysMu sync.Mutex
	known  = map[string]Key{}
)

// NewKey is the key of that id, made once in a test binary: RS256, ES256, EdDSA,
// or weak, which is RS256 with 1,024 bits.
func NewKey(id, alg string) Key {
	keysMu.Lock()
	defer keysMu.Unlock()
	if k, ok := known[id+alg]; ok {
		return k
	}
	k := Key{ID: id, Alg: alg}
	var err error
	switch alg {
	case "RS256", "PS256":
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "weak":
		k.Alg = "RS256"
		k.Private, err = weak()
	case "ES256":
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil || k.Private == nil {
		panic("oidctest: no key for " + alg)
	}
	known[id+alg] = k
	return k
}

// weak makes an RSA key that is too short to be made by rsa.GenerateKey.
func weak() (*rsa.PrivateKey, error) {
	for {
		p, err := rand.Prime(rand.Reader, 512)
		if err != nil {
			return nil, err
		}
		q, err := rand.Prime(rand.Reader, 512)
		if err != nil {
			return nil, err
		}
		one, e := big.NewInt(1), big.NewInt(65537)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || p.Cmp(q) == 0 {
			continue
		}
		return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}, nil
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// JWK is the public half as a JWK Set has it.
func (k Key) JWK() map[string]any {
	out := map[string]any{"kid": k.ID, "use": "sig", "alg": k.Alg}
	switch pub := k.Private.Public().(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", b64(pub.N.Bytes()), b64(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		raw, _ := pub.Bytes() // of a curve of the standard library
		half := (len(raw) - 1) / 2
		out["kty"], out["crv"], out["x"], out["y"] = "EC", pub.Curve.Params().Name, b64(raw[1:1+half]), b64(raw[1+half:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", b64(pub)
	}
	return out
}

// PEM is the public half in PEM, as somebody who confuses it with a secret has it.
func (k Key) PEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.Private.Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Sign signs claims, with the members of more in the header as well.
func (k Key) Sign(claims map[string]any, more map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return k.SignRaw(payload, more)
}

// SignRaw signs a payload as it is.
func (k Key) SignRaw(payload []byte, more map[string]any) string {
	h := map[string]any{"alg": k.Alg, "kid": k.ID, "typ": "JWT"}
	for name, v := range more {
		if h[name] = v; v == nil {
			delete(h, name)
		}
	}
	head, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	input := b64(head) + "." + b64(payload)
	return input + "." + b64(k.signature([]byte(input)))
}

func (k Key) signature(input []byte) []byte {
	sum := sha256.Sum256(input)
	var out []byte
	var err error
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		if k.Alg == "PS256" {
			return must(rsa.SignPSS(rand.Reader, private, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		out, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
		if err != nil { // a short key, which the library does not sign with
			out, err = shortSignature(private, sum[:]), nil
		}
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, private, sum[:])
		if err = signErr; err == nil {
			out = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case ed25519.PrivateKey:
		out = ed25519.Sign(private, input)
	}
	return must(out, err)
}

// shortSignature is PKCS #1 v1.5 by hand.
func shortSignature(k *rsa.PrivateKey, sum []byte) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	size := k.N.BitLen() / 8
	block := []byte{0, 1}
	for len(block) < size-len(prefix)-len(sum)-1 {
		block = append(block, 0xff)
	}
	block = append(append(append(block, 0), prefix...), sum...)
	return new(big.Int).Exp(new(big.Int).SetBytes(block), k.D, k.N).FillBytes(make([]byte, size))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// HMAC signs with a shared secret, as HS256 does.
func HMAC(secret []byte, kid string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	input := b64([]byte(`{"alg":"HS256","kid":"`+kid+`"}`)) + "." + b64(payload)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(input))
	return input + "." + b64(h.Sum(nil))
}

// None is a token without a signature.
func None(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return b64([]byte(`{"alg":"none"}`)) + "." + b64(payload) + "."
}

// AccessHash is at_hash for RS256, ES256 and PS256.
func AccessHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return b64(sum[:16])
}
