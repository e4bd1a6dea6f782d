package scim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// JWTConfig says whose signed tokens a source takes (RFC 7519): Entra's, when its
// secret token is left empty.
type JWTConfig struct {
	Issuer   string // iss, to the letter
	Audience string // must be in aud
	// Tenant is tid; empty is the one that stands in an Entra issuer.
	Tenant string
	// Client, when not empty, is the application that the token must have been
	// made for: appid or azp. Without it every application of the tenant that may
	// ask for the audience is taken.
	Client string
	// File or URL has the keys, as a JWK set (RFC 7517).
	File, URL string
	HTTP      *http.Client // nil is one with a time-out that follows no redirect
	Log       *slog.Logger
}

// JWT verifies signed tokens. It may be used concurrently, and keeps the last
// good keys for as long as it lives.
type JWT struct {
	conf JWTConfig
	keys *keys
}

const (
	maxJWT = 16 << 10
	leeway = time.Minute
)

// Only what Entra signs with: the algorithm is ours to choose, not the token's.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

var entraTenant = regexp.MustCompile(`^https://(?:sts\.windows\.net|login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn)/([0-9a-fA-F-]{36})(?:/|$)`)

// NewJWT makes a verifier. The keys are read when the first token comes.
func NewJWT(c JWTConfig) (*JWT, error) {
	if c.Issuer == "" || c.Audience == "" || (c.File == "") == (c.URL == "") {
		return nil, errors.New("a JWT needs issuer, audience and one of jwks_file and jwks_url")
	}
	if m := entraTenant.FindStringSubmatch(c.Issuer); m != nil && c.Tenant == "" {
		c.Tenant = m[1]
	}
	return &JWT{conf: c, keys: newKeys(c)}, nil
}

// claims are what is looked at.
type claims struct {
	jwt.Claims
	Tenant string `json:"tid"`
	AppID  string `json:"appid"`
	AZP    string `json:"azp"`
}

func badToken(format string, args ...any) *Error {
	return refuse(http.StatusUnauthorized, "the token is refused: "+format, args...)
}

// verify refuses what is not a token for us, in words for whoever set it up.
func (j *JWT) verify(ctx context.Context, token string, now time.Time) error {
	if len(token) > maxJWT {
		return badToken("it is larger than %d bytes", maxJWT)
	}
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(t.Headers) != 1 {
		return badToken("it is no JWT that is signed with RS256 or ES256")
	}
	h := t.Headers[0]
	if h.KeyID == "" {
		return badToken("it names no key (kid)")
	}
	found, err := j.keys.find(ctx, h.KeyID, now)
	if err != nil {
		return err
	}
	for _, k := range found {
		var c claims
		if fits(k, h.Algorithm) && t.Claims(k.Key, &c) == nil {
			return j.accept(c, now)
		}
	}
	if len(found) == 0 {
		return badToken("its key %q is none of the issuer's", clip(h.KeyID))
	}
	return badToken("its signature is not by the issuer's key")
}

// fits reports whether a key may verify signatures of the algorithm. A key is for
// one algorithm, so that a public key never becomes a shared secret.
func fits(k jose.JSONWebKey, algorithm string) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return algorithm == string(jose.RS256) && bits >= 2048 && bits <= 8192
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && key.Curve == elliptic.P256()
	}
	return false
}

// accept checks the claims of a token whose signature is right.
func (j *JWT) accept(c claims, now time.Time) error {
	if c.Expiry == nil {
		return badToken("it has no end (exp)")
	}
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: j.conf.Issuer, AnyAudience: jwt.Audience{j.conf.Audience}, Time: now}, leeway)
	switch {
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return badToken("its issuer is %q, not %q", clip(c.Issuer), j.conf.Issuer)
	case errors.Is(err, jwt.ErrInvalidAudience):
		return badToken("it is for %q, not for %q", clip(fmt.Sprint([]string(c.Audience))), j.conf.Audience)
	case errors.Is(err, jwt.ErrExpired):
		return badToken("it ended %s", c.Expiry.Time().UTC().Format(time.RFC3339))
	case err != nil:
		return badToken("it is not valid yet; compare the clocks")
	case j.conf.Tenant != "" && c.Tenant != j.conf.Tenant:
		return badToken("its tenant is %q, not %q", clip(c.Tenant), j.conf.Tenant)
	case j.conf.Client != "" && c.AppID != j.conf.Client && c.AZP != j.conf.Client:
		return badToken("it was made for the application %q, not %q", clip(c.AppID+c.AZP), j.conf.Client)
	}
	return nil
}
