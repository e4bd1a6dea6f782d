package scim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"grantbridge/provision"
)

// Auth says how the requests of a source prove who sends them; all that is on is
// accepted. The zero value takes bearer tokens, and them as the password of HTTP
// Basic too unless the profile is strict.
type Auth struct {
	NoBearer bool
	NoBasic  bool
	// User and Password, when not empty, are a pair of their own for Basic, and
	// then no token is taken as a password.
	User     string
	Password [sha256.Size]byte // SHA-256 of it
	OAuth    bool              // client credentials at …/oauth/token
	JWT      *JWT              // tokens that somebody else signs; nil takes none
}

// SetPair gives Basic a pair of its own.
func (a *Auth) SetPair(user, password string) {
	a.User, a.Password = user, sha256.Sum256([]byte(password))
}

func (c *call) auth() *Auth {
	s := c.Sources[c.source]
	return &s.Auth
}

// basic reports whether HTTP Basic is taken.
func (c *call) basic() bool { return !c.auth().NoBasic && c.policy.profile != Strict }

// authenticate proves the credential. An unknown source is answered as a wrong
// token is.
func (c *call) authenticate() error {
	values := c.r.Header.Values("Authorization")
	if len(values) > 1 {
		return refuse(http.StatusUnauthorized, "there is more than one Authorization header; send one")
	}
	scheme, value, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "Bearer") && value != "":
		c.given = true
		return c.byBearer(value)
	case strings.EqualFold(scheme, "Basic") && value != "" && c.basic():
		return c.byBasic(value)
	}
	return provision.ErrUnauthenticated
}

// byBearer finds out which kind of token it is by its form.
func (c *call) byBearer(token string) error {
	a := c.auth()
	switch {
	case strings.HasPrefix(token, "gba_") && a.OAuth:
		t, err := c.engine.AuthenticateSCIMAccess(c.r.Context(), c.source, token)
		return c.proven(err, "client", t.ID)
	case strings.Count(token, ".") == 2 && a.JWT != nil:
		if !c.engine.HasSource(c.source) {
			return provision.ErrUnknownSource
		}
		if err := a.JWT.verify(c.r.Context(), token, c.Now()); err != nil {
			return err
		}
		c.known, c.credential = c.source, "jwt"
		return nil
	case a.NoBearer:
		return provision.ErrUnauthenticated
	}
	t, err := c.engine.AuthenticateSCIM(c.source, token)
	return c.proven(err, "bearer", t.ID)
}

func (c *call) proven(err error, kind string, id int64) error {
	if err == nil {
		c.known, c.credential = c.source, fmt.Sprintf("%s %d", kind, id)
	}
	return err
}

// byBasic takes the pair of the configuration or, without one, any name and a
// bearer token (PingFederate).
func (c *call) byBasic(value string) error {
	user, password, ok := readBasic(value)
	if !ok {
		return provision.ErrUnauthenticated
	}
	a := c.auth()
	if a.User == "" {
		t, err := c.engine.AuthenticateSCIM(c.source, password)
		return c.proven(err, "basic", t.ID)
	}
	if !c.engine.HasSource(c.source) {
		return provision.ErrUnknownSource
	}
	sum := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare([]byte(user), []byte(a.User))&subtle.ConstantTimeCompare(sum[:], a.Password[:]) != 1 {
		return provision.ErrUnauthenticated
	}
	c.known, c.credential = c.source, "basic"
	return nil
}

// readBasic reads the credentials of RFC 7617: a name without a colon, a colon, a
// password, in UTF-8.
func readBasic(value string) (user, password string, ok bool) {
	plain, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || !utf8.Valid(plain) || strings.ContainsFunc(string(plain), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", "", false
	}
	return strings.Cut(string(plain), ":")
}

// challenges list what the source takes (RFC 9110 11.6.1). For a token that was
// given and refused they say so (RFC 6750 3.1).
func (c *call) challenges() (out []string) {
	if a := c.auth(); !a.NoBearer || a.OAuth || a.JWT != nil {
		bearer := `Bearer realm="SCIM"`
		if c.given {
			bearer += `, error="invalid_token"`
		}
		out = append(out, bearer)
	}
	if c.basic() {
		out = append(out, `Basic realm="SCIM", charset="UTF-8"`)
	}
	return out
}

// limit bounds how fast a source sends.
func (c *call) limit() error {
	s := c.Sources[c.source]
	if s.Rate == 0 {
		s.Rate, s.Burst = c.Rate, c.Burst
	}
	if s.Rate == 0 {
		return nil
	}
	l, ok := c.limiters.Load(c.source)
	if !ok {
		l, _ = c.limiters.LoadOrStore(c.source, rate.NewLimiter(s.Rate, max(s.Burst, 1)))
	}
	return c.take(l.(*rate.Limiter), s.Rate)
}

// take takes one request out of l, or says when there will be room.
func (c *call) take(l *rate.Limiter, r rate.Limit) error {
	now := c.Now()
	if l.AllowN(now, 1) {
		return nil
	}
	e := refuse(http.StatusTooManyRequests, "this source sends more than %s; send it again later", perSecond(r))
	wait := math.Ceil((1 - l.TokensAt(now)) / float64(r))
	e.RetryAfter = time.Duration(max(1, wait)) * time.Second
	return e
}

func perSecond(r rate.Limit) string {
	if r >= 1 {
		return fmt.Sprintf("%g requests a second", float64(r))
	}
	return fmt.Sprintf("%g requests a minute", float64(r)*60)
}
