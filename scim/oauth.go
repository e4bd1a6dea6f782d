package scim

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/time/rate"

	"grantbridge/provision"
	"grantbridge/store"
)

// The token endpoint of a source: OAuth 2.0 client credentials (RFC 6749 4.4),
// with the client's secret as HTTP Basic or in the form. It stands beside the
// resources, and is there only where it is switched on.

const (
	tokenPath    = "oauth/token"
	maxForm      = 8 << 10
	issueRate    = rate.Limit(1) // tokens of a client in a second
	issueAtOnce  = 20
	grantByCreds = "client_credentials"
)

// isToken reports whether the path is the token endpoint's.
func (c *call) isToken(path []string) bool {
	return strings.Join(path, "/") == tokenPath && c.auth().OAuth
}

// oauthError is an error as RFC 6749 5.2 words it.
type oauthError struct {
	status     int
	Code       string `json:"error"`
	Says       string `json:"error_description"`
	challenges bool
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Says }

var (
	errClient = &oauthError{http.StatusUnauthorized, "invalid_client",
		"the client is not known here or its secret is wrong; make one with `grantbridge scim-token create --client`", true}
	errGrant  = &oauthError{http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials", false}
	errTooOft = &oauthError{http.StatusTooManyRequests, "slow_down", "a token lives an hour; keep it", false}
)

func badForm(says string) *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_request", says, false}
}

// token answers the token endpoint.
func (c *call) token() error {
	c.route = "POST /oauth/token"
	if err := c.admissible(); err != nil {
		return err
	}
	if c.r.Method != http.MethodPost {
		c.w.Header().Set("Allow", http.MethodPost)
		return c.refuseToken(&oauthError{http.StatusMethodNotAllowed, "invalid_request", "use POST", false})
	}
	t, err := c.client()
	if err != nil {
		return c.refuseToken(err)
	}
	if !c.issues(t.ID).AllowN(c.Now(), 1) {
		c.w.Header().Set("Retry-After", "1")
		return c.refuseToken(errTooOft)
	}
	secret, life, err := c.engine.NewSCIMAccess(c.r.Context(), t)
	if err != nil {
		return err
	}
	return c.oauth(http.StatusOK, map[string]any{"access_token": secret, "token_type": "Bearer", "expires_in": int(life.Seconds())})
}

func (c *call) issues(client int64) *rate.Limiter {
	l, ok := c.limiters.Load(client)
	if !ok {
		l, _ = c.limiters.LoadOrStore(client, rate.NewLimiter(issueRate, issueAtOnce))
	}
	return l.(*rate.Limiter)
}

// client proves the client. One way of two must be used (RFC 6749 2.3).
func (c *call) client() (store.SCIMToken, error) {
	form, err := c.form()
	if err != nil {
		return store.SCIMToken{}, err
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if header := c.r.Header.Values("Authorization"); len(header) > 0 {
		scheme, value, _ := strings.Cut(header[0], " ")
		user, password, ok := readBasic(strings.TrimSpace(value))
		if len(header) > 1 || !strings.EqualFold(scheme, "Basic") || !ok {
			return store.SCIMToken{}, errClient
		}
		// The halves are form-encoded before they are put together; ours need it not.
		user, err1 := url.QueryUnescape(user)
		password, err2 := url.QueryUnescape(password)
		switch {
		case err1 != nil || err2 != nil:
			return store.SCIMToken{}, errClient
		case secret != "" || id != "" && id != user:
			return store.SCIMToken{}, badForm("send the client's secret either as Basic or in the form")
		}
		id, secret = user, password
	}
	t, err := c.engine.AuthenticateSCIMClient(c.source, id, secret)
	if errors.Is(err, provision.ErrUnauthenticated) || errors.Is(err, provision.ErrUnknownSource) {
		return t, errClient
	}
	if err != nil {
		return t, err
	}
	if form.Get("grant_type") != grantByCreds {
		return t, errGrant
	}
	return t, c.proven(nil, "client", t.ID)
}

// form reads the body, each parameter once. Nothing is read from the URL, which
// others log.
func (c *call) form() (url.Values, error) {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, badForm("the body must be application/x-www-form-urlencoded")
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		return nil, badForm("the body is no form, or too large")
	}
	for _, key := range []string{"grant_type", "client_id", "client_secret"} {
		if len(c.r.PostForm[key]) > 1 {
			return nil, badForm(key + " stands twice")
		}
	}
	return c.r.PostForm, nil
}

// refuseToken answers in OAuth's words, and tells the log.
func (c *call) refuseToken(err error) error {
	e, ok := errors.AsType[*oauthError](err)
	if !ok {
		return err
	}
	if e.challenges {
		c.w.Header().Set("WWW-Authenticate", `Basic realm="SCIM", charset="UTF-8"`)
	}
	c.refusal = e
	return c.oauth(e.status, e)
}

func (c *call) oauth(status int, doc any) error {
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	c.w.WriteHeader(status)
	return json.NewEncoder(c.w).Encode(doc)
}

// schemes are the authenticationSchemes of RFC 7643 5 that the source takes.
func (c *call) schemes() (out []any) {
	a := c.auth()
	add := func(kind, name, says, spec string) {
		out = append(out, map[string]any{"type": kind, "name": name, "description": says, "specUri": spec, "primary": len(out) == 0})
	}
	if !a.NoBearer {
		add("oauthbearertoken", "OAuth Bearer Token", "A token of this source, as the Authorization header's Bearer", "https://www.rfc-editor.org/info/rfc6750")
	}
	if a.OAuth {
		add("oauth2", "OAuth 2.0 client credentials", "A client of `grantbridge scim-token create --client`; tokens at "+c.base+"/"+tokenPath, "https://www.rfc-editor.org/rfc/rfc6749#section-4.4")
	}
	if a.JWT != nil {
		add("oauthbearertoken", "Signed token", "A JWT of "+a.JWT.conf.Issuer+" for "+a.JWT.conf.Audience, "https://www.rfc-editor.org/rfc/rfc7519")
	}
	if c.basic() {
		add("httpbasic", "HTTP Basic", basicSays(a), "https://www.rfc-editor.org/info/rfc7617")
	}
	return out
}

func basicSays(a *Auth) string {
	if a.User != "" {
		return "The name and password of the configuration"
	}
	return "The same token as the password, with any user name"
}
