package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"grantbridge/saml/signin"
)

// Request is a sign-in that waits for its answer. Keep it on the server under the
// state's digest; it holds no secret.
type Request struct {
	Issuer   string    `json:"issuer,omitzero"`
	IssuedAt time.Time `json:"issued_at,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	// What was asked for, and is verified in the answer.
	ForceAuthn   bool          `json:"force_authn,omitzero"`
	MaxAuthnAge  time.Duration `json:"max_authn_age,omitzero"`
	AuthnContext []string      `json:"authn_context,omitempty"`
	// Strong are values of acr or amr of which one must come.
	Strong []string `json:"strong,omitempty"`
}

// Login makes a request: the URL to send the browser to, and what to keep. state
// is a handle of at least 256 random bits that nobody has seen; browser is the
// secret in the cookie of the browser that begins; strong, when there are any, are
// asked for in the place of the configured contexts, and one of them must come, as
// acr or among amr.
func (p *Provider) Login(ctx context.Context, state, browser string, strong []string, now time.Time) (string, Request, *signin.Rejection) {
	m := p.known(ctx)
	if m == nil {
		return "", Request{}, p.notReady()
	}
	u, err := endpoint("authorization_endpoint", m.Authorization)
	if err != nil {
		return "", Request{}, caused(Refuse(ProviderNotReady, "an authorization endpoint", "none"), err)
	}
	s := secrets{browser, state}
	r := Request{Issuer: p.c.Issuer, IssuedAt: now, Expires: now.Add(p.c.LoginTTL),
		ForceAuthn: p.c.ForceAuthn, MaxAuthnAge: p.c.MaxAuthnAge, AuthnContext: p.c.AuthnContext, Strong: strong}
	contexts := strong
	if len(contexts) == 0 {
		contexts = r.AuthnContext
	}
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "response_mode": "query", "client_id": p.c.ClientID, "redirect_uri": p.c.Callback, "scope": strings.Join(p.c.Scopes, " "),
		"state": state, "nonce": s.nonce(), "code_challenge": s.challenge(), "code_challenge_method": "S256", "acr_values": strings.Join(contexts, " "),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	switch {
	case r.ForceAuthn:
		q.Set("prompt", "login")
		q.Set("max_age", "0")
	case r.MaxAuthnAge > 0:
		q.Set("max_age", decimal(int(r.MaxAuthnAge/time.Second)))
	}
	u.RawQuery = q.Encode()
	return u.String(), r, nil
}

// secrets makes what binds a sign-in to the browser that began it. Nonce and
// verifier are HMACs under the browser's secret: the server keeps neither, and
// without that browser's cookie a state and a code are of no use.
type secrets struct{ browser, state string }

func (s secrets) nonce() string { return s.make("nonce") }

// verifier is the code_verifier of RFC 7636: 43 characters.
func (s secrets) verifier() string { return s.make("code_verifier") }

func (s secrets) challenge() string {
	sum := sha256.Sum256([]byte(s.verifier()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s secrets) make(what string) string {
	h := hmac.New(sha256.New, []byte(s.browser))
	h.Write([]byte("grantbridge oidc " + what + "\x00" + s.state))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// equal compares without telling by time where two texts differ.
func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// Answer is what the callback came with, read by its form alone.
type Answer struct {
	State, Code, Issuer string
	Error               string // a code of OAuth 2.0 or OpenID Connect
}

const (
	maxQuery     = 16 << 10
	maxCode      = 8 << 10
	maxParameter = 40
)

// ReadAnswer reads the query of the callback (RFC 6749 section 4.1.2). Each
// parameter comes once (section 3.1), and none is empty that counts.
func ReadAnswer(rawQuery string) (Answer, *signin.Rejection) {
	if len(rawQuery) > maxQuery {
		return Answer{}, Refuse(QueryMalformed, decimal(maxQuery)+" bytes at most", decimal(len(rawQuery)))
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil || len(q) > maxParameter {
		return Answer{}, Refuse(QueryMalformed, "a query", "something else")
	}
	for _, name := range []string{"state", "code", "iss", "error", "id_token", "access_token", "response"} {
		if len(q[name]) > 1 {
			return Answer{}, Refuse(ParameterTwice, name+" once", decimal(len(q[name])))
		}
	}
	a := Answer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")}
	switch {
	case a.State == "":
		return a, Refuse(StateMissing, "a state", "none")
	case q.Has("id_token"), q.Has("access_token"), q.Has("response"):
		return a, Refuse(AnswerShape, "a code", "a token in the browser")
	case (a.Code == "") == (a.Error == ""), len(a.Code) > maxCode:
		return a, Refuse(AnswerShape, "a code or an error", "neither, both, or one too long")
	}
	return a, nil
}

// judge checks an answer against its request, as far as that goes without asking
// the provider.
func (p *Provider) judge(a Answer, r Request, m *metadata, now time.Time) *signin.Rejection {
	switch {
	case r.Issuer != p.c.Issuer:
		return Refuse(StateUnknown, "a request to "+p.c.Issuer, "one to "+r.Issuer)
	case now.After(r.Expires):
		return Refuse(RequestExpired, "an answer before "+r.Expires.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case a.Issuer != "" && a.Issuer != p.c.Issuer:
		return Refuse(AnswerIssuer, p.c.Issuer, a.Issuer)
	case a.Issuer == "" && m.SaysIssuer:
		return Refuse(AnswerNoIssuer, "iss "+p.c.Issuer, "none")
	case a.Error != "":
		return Refuse(ofError(a.Error), "a code", "the error "+a.Error)
	}
	return nil
}

// ofError sorts the errors of an authorization answer (RFC 6749 section 4.1.2.1,
// OpenID Connect Core section 3.1.2.6, Unmet Authentication Requirements 1.0).
func ofError(code string) signin.Reason {
	switch code {
	case "access_denied":
		return ProviderDenied
	case "login_required", "consent_required", "interaction_required", "account_selection_required":
		return ProviderAsks
	case "server_error", "temporarily_unavailable":
		return ProviderDown
	case "unmet_authentication_requirements":
		return ProviderWeak
	}
	return ProviderRefuses
}
