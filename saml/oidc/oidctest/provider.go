package oidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The one client that is registered.
const (
	ClientID = "grantbridge-test"
	Secret   = "a secret / with % and : in it"
)

// Provider is an OpenID provider with one client. Its fields may be changed
// before a request; Lock first when requests run at the same time.
type Provider struct {
	sync.Mutex
	URL       string // the issuer
	Redirects []string
	Keys      []Key // the first signs
	Published []Key // what the JWK Set has; nil is Keys
	Person    map[string]any
	SignedIn  time.Time // auth_time; zero is the time of the request
	Session   string    // sid
	Client    *Key      // proves who the client is, in the place of its secret
	Audience  string    // of its assertions; default is the issuer
	// AssertionHeader is that of the last assertion that was good.
	AssertionHeader map[string]any
	Refuse          string // an error for the next authorization requests
	SaysIss         bool   // RFC 9207
	Now             func() time.Time

	// The hooks.
	Discovery func(doc map[string]any)
	Answer    func(q url.Values)                       // of the callback
	Claims    func(claims map[string]any)              // of the ID token
	Sign      func(claims map[string]any) string       // instead of the first key
	Token     func(w http.ResponseWriter, b Body) bool // true: it answered
	JWKS      func(w http.ResponseWriter) bool         // true: it answered
	UserInfo  func(w http.ResponseWriter)

	// Requests counts them by path.
	Requests map[string]int

	codes map[string]grant
	spent map[string]bool // jti of assertions
	srv   *httptest.Server
}

// Body is what the token endpoint would answer.
type Body map[string]any

type grant struct {
	redirect, challenge, nonce string
	at                         time.Time
	maxAge                     string
}

// Start makes a provider that runs until the end of the test.
func Start(t interface {
	Helper()
	Cleanup(func())
}) *Provider {
	t.Helper()
	p := &Provider{Keys: []Key{NewKey("k1", "RS256")}, SaysIss: true, Session: "session-1", Now: time.Now, Requests: map[string]int{}, codes: map[string]grant{}, spent: map[string]bool{},
		Person: map[string]any{"sub": "ext-clara", "name": "Clara Moreau", "preferred_username": "clara.moreau", "email": "clara@example.com", "email_verified": true}}
	p.srv = httptest.NewServer(p)
	p.URL = p.srv.URL
	t.Cleanup(p.srv.Close)
	return p
}

// Stop makes the provider unreachable.
func (p *Provider) Stop() { p.srv.Close() }

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.Lock()
	defer p.Unlock()
	p.Requests[r.URL.Path]++
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.configuration(w)
	case "/keys":
		p.keys(w)
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		p.userinfo(w, r)
	case "/logout":
		p.logout(w, r)
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) configuration(w http.ResponseWriter) {
	doc := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"end_session_endpoint": p.URL + "/logout", "userinfo_endpoint": p.URL + "/userinfo", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": p.SaysIss}
	if p.Client != nil {
		doc["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
		doc["token_endpoint_auth_signing_alg_values_supported"] = []string{p.Client.Alg}
	}
	if p.Discovery != nil {
		p.Discovery(doc)
	}
	answer(w, http.StatusOK, doc)
}

func (p *Provider) keys(w http.ResponseWriter) {
	if p.JWKS != nil && p.JWKS(w) {
		return
	}
	all := p.Published
	if all == nil {
		all = p.Keys
	}
	set := []any{map[string]any{"kty": "oct", "k": b64([]byte("a shared secret that nobody should publish"))}}
	for _, k := range all {
		set = append(set, k.JWK())
	}
	answer(w, http.StatusOK, map[string]any{"keys": set})
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	known := false
	for _, u := range p.Redirects {
		known = known || u == q.Get("redirect_uri")
	}
	if q.Get("client_id") != ClientID || !known {
		http.Error(w, "unknown client or redirect_uri "+q.Get("redirect_uri"), http.StatusBadRequest)
		return
	}
	out := url.Values{"state": {q.Get("state")}}
	if p.SaysIss {
		out.Set("iss", p.URL)
	}
	switch {
	case p.Refuse != "":
		out.Set("error", p.Refuse)
		out.Set("error_description", "<script>alert(1)</script>")
	case q.Get("response_type") != "code" || !strings.Contains(" "+q.Get("scope")+" ", " openid "):
		out.Set("error", "invalid_request")
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "":
		out.Set("error", "invalid_request")
	default:
		code := rand.Text()
		p.codes[code] = grant{q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce"), p.Now(), q.Get("max_age")}
		out.Set("code", code)
	}
	if p.Answer != nil {
		p.Answer(out)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+out.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, code string) { answer(w, status, map[string]any{"error": code}) }
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		fail(http.StatusBadRequest, "invalid_request")
		return
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if p.Client != nil {
		if why := p.asserted(r.PostForm); why != "" {
			answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": why})
			return
		}
	} else if id != ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(Secret)) != 1 {
		fail(http.StatusUnauthorized, "invalid_client")
		return
	}
	g, ok := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || r.PostForm.Get("grant_type") != "authorization_code" || r.PostForm.Get("redirect_uri") != g.redirect || b64(sum[:]) != g.challenge {
		fail(http.StatusBadRequest, "invalid_grant")
		return
	}
	p.grant(w, g)
}

// grant answers with the tokens.
func (p *Provider) grant(w http.ResponseWriter, g grant) {
	access := rand.Text()
	claims := p.IDToken(g.nonce, access)
	if g.maxAge != "" {
		claims["auth_time"] = p.authTime().Unix()
	}
	if p.Claims != nil {
		p.Claims(claims)
	}
	body := Body{"access_token": access, "token_type": "Bearer", "expires_in": 300}
	if p.Sign != nil {
		body["id_token"] = p.Sign(claims)
	} else {
		body["id_token"] = p.Keys[0].Sign(claims, nil)
	}
	if p.Token != nil && p.Token(w, body) {
		return
	}
	answer(w, http.StatusOK, body)
}

func (p *Provider) authTime() time.Time {
	if p.SignedIn.IsZero() {
		return p.Now()
	}
	return p.SignedIn
}

// IDToken is an honest ID token's claims.
func (p *Provider) IDToken(nonce, access string) map[string]any {
	now := p.Now()
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": nonce,
		"at_hash": AccessHash(access), "sid": p.Session}
	for name, v := range p.Person {
		claims[name] = v
	}
	return claims
}

// LogoutToken is an honest logout token's claims.
func (p *Provider) LogoutToken(sub, sid string) map[string]any {
	now := p.Now()
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	if sub != "" {
		claims["sub"] = sub
	}
	if sid != "" {
		claims["sid"] = sid
	}
	return claims
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	access, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || access == "":
		w.WriteHeader(http.StatusUnauthorized)
	case p.UserInfo != nil:
		p.UserInfo(w)
	default:
		answer(w, http.StatusOK, p.Person)
	}
}

// logout is the end_session_endpoint: it goes back where the client said.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("id_token_hint") == "" {
		http.Error(w, "who?", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, q.Get("post_logout_redirect_uri")+"?state="+url.QueryEscape(q.Get("state")), http.StatusFound)
}
