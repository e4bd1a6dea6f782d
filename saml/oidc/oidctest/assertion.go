package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
)

// assertion is what a client proves who it is with (RFC 7523 section 3).
type assertion struct {
	Iss, Sub, Jti string
	Aud           any // a text and no list: for one provider alone
	Iat, Exp      int64
}

// asserted says what is wrong with a client's assertion, or "".
func (p *Provider) asserted(form url.Values) string {
	if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Get("client_secret") != "" || form.Get("client_id") != ClientID {
		return "no assertion, or more than that"
	}
	parts := strings.Split(form.Get("client_assertion"), ".")
	if len(parts) != 3 {
		return "no token"
	}
	var head map[string]any
	var c assertion
	for i, v := range []any{&head, &c} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, v) != nil {
			return "a token that cannot be read"
		}
	}
	want := p.Audience
	if want == "" {
		want = p.URL
	}
	now := p.Now()
	switch {
	case head["alg"] != p.Client.Alg || head["kid"] != p.Client.ID:
		return "another key or algorithm"
	case !p.Client.verifies(parts[0]+"."+parts[1], parts[2]):
		return "another signature"
	case c.Iss != ClientID || c.Sub != ClientID || c.Aud != want:
		return "not by this client, or not for this provider"
	case c.Exp-c.Iat > 60 || now.Unix() < c.Iat-5 || now.Unix() >= c.Exp:
		return "not of now, or for longer than a minute"
	case c.Jti == "" || p.spent[c.Jti]:
		return "used already"
	}
	p.spent[c.Jti], p.AssertionHeader = true, head
	return ""
}

// verifies checks a signature of the key's own algorithm with SHA-256.
func (k Key) verifies(input, encoded string) bool {
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(input))
	switch pub := k.Private.Public().(type) {
	case *rsa.PublicKey:
		if k.Alg == "PS256" {
			return rsa.VerifyPSS(pub, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		return len(signature) == 64 && ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(pub, []byte(input), signature)
	}
	return false
}
