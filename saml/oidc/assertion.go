package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// ClientKey proves who we are to the token endpoint by a signed assertion, in the
// place of a secret (private_key_jwt: OpenID Connect Core section 9, RFC 7523).
type ClientKey struct {
	ID          string // kid; default is the key's thumbprint (RFC 7638)
	Private     crypto.Signer
	Certificate []byte // DER, when the provider knows the key by one, as Entra does
	// ToTokenEndpoint addresses assertions to the token endpoint instead of the
	// issuer, for providers that insist on the older form: whoever can make us
	// believe in a token endpoint chooses then whom we sign for.
	ToTokenEndpoint bool
}

// assertionLife is from an assertion's making to its end.
const assertionLife = time.Minute

// ParseClientKey reads a private key in PEM (PKCS #8, PKCS #1 or SEC 1): RSA from
// 2,048 bits, P-256, P-384, P-521 or Ed25519. A certificate beside it is the key's.
func ParseClientKey(text []byte) (*ClientKey, error) {
	k := &ClientKey{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if err := k.take(block); err != nil {
			return nil, err
		}
	}
	if k.Private == nil {
		return nil, errors.New("there is no private key in PEM")
	}
	if len(k.algorithms()) == 0 {
		return nil, errors.New("the private key is none of RSA from 2048 bits, P-256, P-384, P-521 and Ed25519")
	}
	public, comparable := k.Private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if k.Certificate != nil {
		if c, err := x509.ParseCertificate(k.Certificate); err != nil || !comparable || !public.Equal(c.PublicKey) {
			return nil, errors.New("the certificate is not that of the private key")
		}
	}
	k.ID = k.thumbprint()
	return k, nil
}

// take reads one block; what it is not for is left.
func (k *ClientKey) take(block *pem.Block) (err error) {
	var private any
	switch block.Type {
	case "CERTIFICATE":
		if k.Certificate == nil {
			k.Certificate = block.Bytes
		}
		return nil
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return errors.New("the private key is encrypted; write it without a passphrase into a file that only this server's user reads")
	default:
		return nil
	}
	signer, ok := private.(crypto.Signer)
	switch {
	case err != nil:
		return errors.New("the private key cannot be read")
	case !ok:
		return errors.New("the private key is not one to sign with")
	case k.Private != nil:
		return errors.New("there is more than one private key")
	}
	k.Private = signer
	return nil
}

// algorithms are those that the key signs by, the first preferred.
func (k *ClientKey) algorithms() []string {
	switch p := k.Private.Public().(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits >= minRSABits && bits <= maxRSABits {
			return []string{"RS256", "PS256"} // every provider takes the first
		}
	case *ecdsa.PublicKey:
		if alg := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[p.Params().Name]; alg != "" {
			return []string{alg}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// algorithm is the one for a provider that takes these; none is no list.
func (k *ClientKey) algorithm(taken []string) (string, bool) {
	all := k.algorithms()
	if len(taken) == 0 {
		return all[0], true
	}
	i := slices.IndexFunc(all, func(alg string) bool { return slices.Contains(taken, alg) })
	if i < 0 {
		return "", false
	}
	return all[i], true
}

// assertion is a proof for one request: for this provider alone, under an id of
// its own, and over in a minute.
func (p *Provider) assertion(m *metadata) (string, error) {
	k, now := p.c.Key, p.c.Now()
	alg, ok := k.algorithm(m.Algorithms)
	if !ok {
		return "", fmt.Errorf("the provider takes none of %s", strings.Join(k.algorithms(), ", "))
	}
	audience := p.c.Issuer
	if k.ToTokenEndpoint {
		audience = m.Token
	}
	head := map[string]any{"alg": alg, "typ": "JWT", "kid": k.ID}
	if k.Certificate != nil {
		sum := sha256.Sum256(k.Certificate)
		head["x5t#S256"] = b64(sum[:])
	}
	return sign(k.Private, head, map[string]any{"iss": p.c.ClientID, "sub": p.c.ClientID, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix()})
}

var b64 = base64.RawURLEncoding.EncodeToString

// sign makes a JWS in compact form (RFC 7515 section 7.1), by the alg of its header.
func sign(by crypto.Signer, head, claims map[string]any) (string, error) {
	h, err := json.Marshal(head)
	if err != nil {
		return "", err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := b64(h) + "." + b64(c)
	signature, err := signature(by, head["alg"].(string), []byte(input))
	return input + "." + b64(signature), err
}

// signature is RFC 7518 section 3, and RFC 8037 section 3.1.
func signature(by crypto.Signer, alg string, input []byte) ([]byte, error) {
	if alg == "EdDSA" {
		return by.Sign(nil, input, crypto.Hash(0))
	}
	hash, sum := digest(alg, input)
	if key, ok := by.(*ecdsa.PrivateKey); ok { // r and s side by side, not in ASN.1
		r, s, err := ecdsa.Sign(rand.Reader, key, sum)
		if err != nil {
			return nil, err
		}
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	if strings.HasPrefix(alg, "PS") {
		return by.Sign(rand.Reader, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	}
	return by.Sign(rand.Reader, sum, hash)
}

func digest(alg string, input []byte) (crypto.Hash, []byte) {
	switch {
	case strings.HasSuffix(alg, "384"):
		sum := sha512.Sum384(input)
		return crypto.SHA384, sum[:]
	case strings.HasSuffix(alg, "512"):
		sum := sha512.Sum512(input)
		return crypto.SHA512, sum[:]
	}
	sum := sha256.Sum256(input)
	return crypto.SHA256, sum[:]
}

// members are those of the public key that make its thumbprint (RFC 7638 section
// 3.2, RFC 8037 section 2).
func (k *ClientKey) members() map[string]string {
	switch p := k.Private.Public().(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": b64(p.N.Bytes()), "e": b64(big.NewInt(int64(p.E)).Bytes())}
	case *ecdsa.PublicKey:
		raw, err := p.Bytes()
		if err != nil {
			return nil
		}
		half := (len(raw) - 1) / 2
		return map[string]string{"kty": "EC", "crv": p.Params().Name, "x": b64(raw[1 : 1+half]), "y": b64(raw[1+half:])}
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(p)}
	}
	return nil
}

func (k *ClientKey) thumbprint() string {
	text, _ := json.Marshal(k.members()) // of texts, by name
	sum := sha256.Sum256(text)
	return b64(sum[:])
}

// ClientKeys is the JWK Set to register at the provider: our public key. It is nil
// when we prove who we are by other means.
func (p *Provider) ClientKeys() []byte {
	if p.c.Key == nil {
		return nil
	}
	j := p.c.Key.members()
	j["kid"], j["use"] = p.c.Key.ID, "sig"
	text, _ := json.Marshal(map[string]any{"keys": []any{j}}) // of texts
	return text
}
