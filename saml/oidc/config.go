package oidc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"grantbridge/saml/signin"
)

// Config is one source's side of OpenID Connect. What is zero has the default of
// its comment; the defaults are the strict ones.
type Config struct {
	Source   string // the source's name
	Issuer   string // the provider, to the letter; https, or http on this machine
	ClientID string
	// Secret proves who we are to the token endpoint; ClientAuth says how.
	Secret     string
	Key        *ClientKey // the same without a secret
	ClientAuth ClientAuth
	// Callback is our redirect_uri, and LoggedOut where a logout comes back to.
	Callback, LoggedOut string
	Scopes              []string // default openid, profile, email

	// UserInfo asks the userinfo endpoint for what the ID token leaves out of a
	// person: attributes and groups, never who it is.
	UserInfo bool

	Subject string // the claim that names a person for ever; default sub
	Groups  GroupRule

	ForceAuthn   bool          // ask for, and verify, a fresh sign-in
	AuthnContext []string      // acr values to ask for; one of them must come
	MaxAuthnAge  time.Duration // of the sign-in at the provider; 0 is no limit
	Skew         time.Duration // of clocks; default 60 s, at most 180 s
	LoginTTL     time.Duration // from request to answer; default 15 min

	// Transport, when given, is used instead of the system's: another set of
	// certificates to trust.
	Transport http.RoundTripper
	Timeout   time.Duration    // of one request to the provider; default 8 s
	Now       func() time.Time // default time.Now; for what runs by itself
}

// ClientAuth says how we prove who we are to the token endpoint (OpenID Connect
// Core 1.0 section 9).
type ClientAuth string

// The methods.
const (
	AuthAuto  ClientAuth = "auto"            // by the key when there is one; else basic, or post when the provider offers that alone
	AuthBasic ClientAuth = "basic"           // client_secret_basic
	AuthPost  ClientAuth = "post"            // client_secret_post
	AuthKey   ClientAuth = "private_key_jwt" // an assertion that the key signs
	AuthNone  ClientAuth = "none"            // a public client: PKCE alone
)

// GroupRule says where groups stand and how they are written.
type GroupRule struct {
	// Claim is a name, or names with dots between them for claims within claims:
	// realm_access.roles. A claim whose own name has dots comes first.
	Claim     string // default groups
	Form      signin.GroupForm
	Delimiter string // when given, one text holds several groups
	// Cap is how many groups the provider sends at most; so many are taken for
	// overage.
	Cap int
}

const (
	maxSkew     = 180 * time.Second
	defaultSkew = 60 * time.Second
	defaultTTL  = 15 * time.Minute
	maxTTL      = time.Hour

	defaultTimeout = 8 * time.Second
)

// Provider is our side of one source. What it keeps is what the provider
// published and nothing of a sign-in, so any replica judges any answer. It may be
// used concurrently.
type Provider struct {
	c      Config
	client *http.Client
	keys   *keys

	asking   sync.Mutex // one asks at a time, and the others wait for him
	mu       sync.Mutex
	metadata *metadata // nil until it was read
	failed   error     // of the last reading
	asked    time.Time // when that was
}

// New checks the configuration as a whole. It asks the provider nothing.
func New(c Config) (*Provider, error) {
	c.defaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("oidc of source %q: %w", c.Source, err)
	}
	p := &Provider{c: c, client: newClient(c.Transport, c.Timeout)}
	p.keys = &keys{client: p.client, now: c.Now}
	return p, nil
}

// Source is the source's name.
func (p *Provider) Source() string { return p.c.Source }

// LoginTTL is how long a request waits for its answer.
func (p *Provider) LoginTTL() time.Duration { return p.c.LoginTTL }

// Issuer is the provider, as it calls itself.
func (p *Provider) Issuer() string { return p.c.Issuer }

func (c *Config) defaults() {
	orElse := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orElse(&c.Skew, defaultSkew)
	orElse(&c.LoginTTL, defaultTTL)
	orElse(&c.Timeout, defaultTimeout)
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile", "email"}
	}
	if c.ClientAuth == "" {
		c.ClientAuth = AuthAuto
	}
	if c.ClientAuth == AuthAuto && c.Key != nil {
		c.ClientAuth = AuthKey
	}
	if c.Subject == "" {
		c.Subject = "sub"
	}
	if c.Groups.Claim == "" {
		c.Groups.Claim = "groups"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (c *Config) check() error {
	switch {
	case c.Source == "":
		return errors.New("the source has no name")
	case c.ClientID == "":
		return errors.New("client_id is missing")
	case (c.Key != nil) != (c.ClientAuth == AuthKey):
		return errors.New("private_key_jwt and the client's key belong together")
	case c.Key != nil && (c.Key.ID == "" || c.Key.Private == nil || len(c.Key.algorithms()) == 0):
		return errors.New("the client's key is none to sign with, or has no id")
	case c.Secret == "" && c.ClientAuth != AuthNone && c.Key == nil:
		return errors.New("the client's secret is missing")
	case c.Secret != "" && (c.ClientAuth == AuthNone || c.Key != nil):
		return errors.New("a public client has no secret, nor has one with a key")
	case !slices.Contains([]ClientAuth{AuthAuto, AuthBasic, AuthPost, AuthKey, AuthNone}, c.ClientAuth):
		return fmt.Errorf("client authentication %q is unknown", c.ClientAuth)
	case !slices.Contains(c.Scopes, "openid"):
		return errors.New("the scopes lack openid")
	case c.Skew < 0 || c.Skew > maxSkew:
		return fmt.Errorf("clock skew %s is not between 0 and %s", c.Skew, maxSkew)
	case c.LoginTTL < 0 || c.LoginTTL > maxTTL || c.MaxAuthnAge < 0:
		return errors.New("a duration is negative, or a sign-in may take longer than an hour")
	case c.Groups.Form > signin.GroupObjectIDs || c.Groups.Cap < 0:
		return errors.New("the groups have an unknown form, or a negative bound")
	}
	if err := CheckSubject(c.Subject); err != nil {
		return err
	}
	if _, err := endpoint("callback", c.Callback); err != nil {
		return err
	}
	return CheckIssuer(c.Issuer)
}

// Names that a provider gives to somebody else later, or lets people choose.
var reassigned = []string{"email", "preferred_username", "upn", "unique_name", "name", "nickname", "phone_number", "login", "username", "user_name"}

// CheckSubject refuses claims that do not name a person for ever. Who takes
// email for it lets in whoever can have that address written into a claim.
func CheckSubject(claim string) error {
	if slices.Contains(reassigned, strings.ToLower(claim)) {
		return fmt.Errorf("claim %s does not name a person for ever: it is given to somebody else later, or people choose it; take sub, or Entra's oid", claim)
	}
	return nil
}

// CheckIssuer refuses what is no issuer of one organisation (OpenID Connect
// Discovery 1.0 section 3: https, no query, no fragment).
func CheckIssuer(issuer string) error {
	u, err := endpoint("issuer", issuer)
	if err != nil {
		return err
	}
	if u.RawQuery != "" {
		return fmt.Errorf("issuer %q has a query", issuer)
	}
	if strings.HasSuffix(u.Path, "/.well-known/openid-configuration") {
		return fmt.Errorf("issuer %q is where its configuration stands; leave out /.well-known/openid-configuration", issuer)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if strings.HasPrefix(u.Hostname(), "login.microsoftonline.") && slices.Contains([]string{"common", "organizations", "consumers"}, first) {
		return fmt.Errorf("issuer %q is that of every organisation; write https://%s/TENANT/v2.0 with your tenant's id", issuer, u.Hostname())
	}
	return nil
}

// endpoint reads a URL that a browser, or we with a secret, may be sent to:
// https, or plain http to this machine.
func endpoint(what, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || strings.ContainsAny(text, "\\\"'<> \t\r\n"):
		return nil, fmt.Errorf("%s %q is no plain absolute URL", what, text)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%s %q is not https", what, text)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
