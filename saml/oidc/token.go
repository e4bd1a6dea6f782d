package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	oidclib "github.com/coreos/go-oidc/v3/oidc"

	"grantbridge/saml/signin"
)

const maxToken = 128 << 10

// header is the part of a JOSE header that is looked at (RFC 7515 section 4.1).
type header struct {
	Alg  string          `json:"alg"`
	Kid  string          `json:"kid"`
	Crit json.RawMessage `json:"crit"`
}

// readHeader reads it without believing it: it chooses among the provider's keys
// and our algorithms, and brings none of its own (jwk, jku and x5u are ignored).
func readHeader(token string) (header, *signin.Rejection) {
	var h header
	parts := strings.Split(token, ".")
	switch {
	case len(token) > maxToken:
		return h, Refuse(TokenTooLarge, decimal(maxToken)+" bytes at most", decimal(len(token)))
	case len(parts) == 5:
		return h, Refuse(TokenEncrypted, "a signed token", "an encrypted one")
	case len(parts) != 3:
		return h, Refuse(TokenMalformed, "three parts", decimal(len(parts)))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	switch {
	case err != nil:
		return h, Refuse(TokenMalformed, "a header", "something else")
	case !slices.Contains(algorithms, h.Alg):
		return h, Refuse(TokenAlgorithm, strings.Join(algorithms, ", "), h.Alg)
	case h.Crit != nil:
		return h, Refuse(TokenCritical, "no critical header", "crit")
	}
	return h, nil
}

// signature finds the keys that may have signed a token, and verifies that one of
// them did. What it returns is the signed payload.
func (p *Provider) signature(ctx context.Context, token string, tries int) ([]byte, *oidclib.StaticKeySet, header, *signin.Rejection) {
	h, no := readHeader(token)
	if no != nil {
		return nil, nil, h, no
	}
	found, err := p.keys.find(ctx, h.Kid, h.Alg, tries)
	if err != nil {
		return nil, nil, h, caused(Refuse(KeysUnreachable, "the provider's keys", err.Error()), err)
	}
	if len(found) == 0 {
		return nil, nil, h, Refuse(KeyUnknown, "a published key for "+h.Alg, "key "+h.Kid)
	}
	set := &oidclib.StaticKeySet{PublicKeys: found}
	payload, err := set.VerifySignature(ctx, token)
	if err != nil {
		return nil, nil, h, Refuse(SignatureWrong, "a signature by key "+h.Kid, "another one")
	}
	return payload, set, h, nil
}

// verified verifies an ID token (OpenID Connect Core section 3.1.3.7). The
// library has the last word: what it refuses is refused.
func (p *Provider) verified(ctx context.Context, t tokens, nonce string, r Request, now time.Time) (claims, header, *signin.Rejection) {
	payload, set, h, no := p.signature(ctx, t.ID, triesOfSignIn)
	if no != nil {
		return nil, h, no
	}
	c, no := readClaims(payload)
	if no != nil {
		return nil, h, no
	}
	for _, check := range []func() *signin.Rejection{
		func() *signin.Rejection { return p.forUs(c) },
		func() *signin.Rejection { return p.inTime(c, now) },
		func() *signin.Rejection { return p.after(c, r.IssuedAt.Add(-backdated)) },
		func() *signin.Rejection { return sameNonce(c, nonce) },
		func() *signin.Rejection { return accessHash(c, h.Alg, t.Access) },
		func() *signin.Rejection { _, no := subject(c, "sub"); return no },
	} {
		if no := check(); no != nil {
			return nil, h, no
		}
	}
	v := oidclib.NewVerifier(p.c.Issuer, set, &oidclib.Config{ClientID: p.c.ClientID, SupportedSigningAlgs: algorithms,
		Now: func() time.Time { return now.Add(-p.c.Skew) }})
	if _, err := v.Verify(ctx, t.ID); err != nil {
		return nil, h, caused(Refuse(SecondOpinion, "the library's yes", "its no"), err)
	}
	return c, h, nil
}

// forUs checks who made a token, and for whom.
func (p *Provider) forUs(c claims) *signin.Rejection {
	issuer, no := c.text("iss")
	if no != nil {
		return no
	}
	if issuer != p.c.Issuer {
		return Refuse(IssuerWrong, p.c.Issuer, issuer)
	}
	audience, no := c.texts("aud")
	if no != nil {
		return no
	}
	party, no := c.text("azp")
	switch {
	case no != nil:
		return no
	case !slices.Contains(audience, p.c.ClientID):
		return Refuse(AudienceWrong, "a token for "+p.c.ClientID, "one for "+strings.Join(audience, ", "))
	case len(audience) > 1 && party == "":
		return Refuse(PartyMissing, "azp "+p.c.ClientID, "none, and the audiences "+strings.Join(audience, ", "))
	case party != "" && party != p.c.ClientID:
		return Refuse(PartyWrong, "azp "+p.c.ClientID, party)
	}
	return nil
}

// inTime checks the end, the beginning and the time of issue, the clocks being
// apart by at most the skew.
func (p *Provider) inTime(c claims, now time.Time) *signin.Rejection {
	end, no1 := c.time("exp")
	issued, no2 := c.time("iat")
	begins, no3 := c.time("nbf")
	for _, no := range []*signin.Rejection{no1, no2, no3} {
		if no != nil {
			return no
		}
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case end.IsZero() || issued.IsZero():
		return Refuse(ClaimsMalformed, "exp and iat", "not both")
	case !now.Before(end.Add(p.c.Skew)):
		return Refuse(TokenExpired, "an end after "+at(now), at(end))
	case begins.After(now.Add(p.c.Skew)):
		return Refuse(TokenNotYet, "a beginning before "+at(now), at(begins))
	case issued.After(now.Add(p.c.Skew)):
		return Refuse(TokenFuture, "issued before "+at(now), at(issued))
	}
	return nil
}

// backdated is how far back of its making a provider may date a token: Entra
// writes five minutes. That a token was made for this request, the nonce proves.
const backdated = 10 * time.Minute

// after refuses a token that was there before it was asked for.
func (p *Provider) after(c claims, asked time.Time) *signin.Rejection {
	issued, no := c.time("iat")
	if no != nil {
		return no
	}
	if issued.Before(asked.Add(-p.c.Skew)) {
		return Refuse(TokenOld, "issued after "+asked.UTC().Format(time.RFC3339), issued.UTC().Format(time.RFC3339))
	}
	return nil
}

func sameNonce(c claims, want string) *signin.Rejection {
	got, no := c.text("nonce")
	switch {
	case no != nil:
		return no
	case got == "":
		return Refuse(NonceMissing, "our nonce", "none")
	case !equal(got, want):
		return Refuse(NonceWrong, "the nonce of this sign-in", "another one")
	}
	return nil
}

// accessHash checks at_hash, when it is there (Core section 3.1.3.8).
func accessHash(c claims, alg, access string) *signin.Rejection {
	want, no := c.text("at_hash")
	if no != nil || want == "" {
		return no
	}
	var sum []byte
	switch {
	case strings.HasSuffix(alg, "256"):
		h := sha256.Sum256([]byte(access))
		sum = h[:]
	case strings.HasSuffix(alg, "384"):
		h := sha512.Sum384([]byte(access))
		sum = h[:]
	default: // 512, and EdDSA with Ed25519
		h := sha512.Sum512([]byte(access))
		sum = h[:]
	}
	if access == "" || !equal(want, base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])) {
		return Refuse(AccessHash, "the access token's hash", "another one")
	}
	return nil
}
