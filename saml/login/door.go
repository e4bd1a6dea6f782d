package login

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"grantbridge/internal/handler"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// Mode says what a sign-in may do to accounts.
type Mode string

// The modes. Who is inside, inactive or gone is the same in all of them.
const (
	Off      Mode = "off"       // only subjects that are linked already
	LinkOnly Mode = "link-only" // and those whose subject is an account's external id
	Review   Mode = "review"    // and the rest waits for an administrator
	Create   Mode = "create"    // and the rest gets an account
)

// GroupMode says what the groups of a sign-in do.
type GroupMode string

// The modes.
const (
	Apply  GroupMode = "apply"
	Report GroupMode = "report"
	Ignore GroupMode = "ignore"
)

// Source is one identity provider's part of the door. It speaks one protocol:
// the one whose provider is there.
type Source struct {
	Provider *saml.Provider
	OIDC     *oidc.Provider
	Label    string   // for the button; default is the name
	Domains  []string // of e-mail addresses whose owners sign in here
	Mode     Mode
	// ReassignedAfter is how long a subject of a kind that identity providers
	// give to somebody else later may stay away: after that it waits for an
	// administrator. 0 is for ever.
	ReassignedAfter time.Duration
	Groups          GroupMode
	// LeaveOnEmpty lets an attribute of groups without values end memberships.
	LeaveOnEmpty bool
	// Strong are the authentication contexts that count as strong; a session
	// without one has Ceiling. Empty asks for nothing.
	Strong  []string
	Ceiling string
	// Origins are where its pages are, which our forms may lead to.
	Origins []string
}

// Config is what the door needs beside the engine.
type Config struct {
	BaseURL  string // as browsers reach it; required
	Audience string // of forward-auth tokens; default BaseURL
	Sources  map[string]Source
	// Passwords are the sources whose people sign in with a password.
	Passwords map[string]PasswordSource
	// Pace is how long a refused password takes; default 1s.
	Pace time.Duration
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Limits of the doors before this one; nil makes new ones.
	Limits   *Limits
	Sessions *session.Manager
	Signer   *session.Signer
	// Kept, when given, is told of every attempt that came to something.
	Kept func(source, outcome string, reason signin.Reason)
	Log  *slog.Logger
	Now  func() time.Time
}

// Door is the handler. It may be used concurrently.
type Door struct {
	engine  *provision.Engine
	c       Config
	handler http.Handler
}

// Loopback reports whether base is plain http on this machine, and refuses plain
// http anywhere else: a session would go over the network for all to read.
func Loopback(base string) (bool, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return false, fmt.Errorf("base_url %q is no URL", base)
	}
	if u.Scheme == "https" {
		return false, nil
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return true, nil
	}
	return false, fmt.Errorf("people can sign in over https only; set base_url to the https URL that browsers use (it is %s)", base)
}

// New makes the door.
func New(engine *provision.Engine, c Config) *Door {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Kept == nil {
		c.Kept = func(string, string, signin.Reason) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Pace <= 0 {
		c.Pace = time.Second
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.Audience == "" {
		c.Audience = c.BaseURL
	}
	if c.Limits == nil {
		c.Limits = NewLimits()
	}
	d := &Door{engine: engine, c: c}
	d.handler = handler.RequestID(handler.Secure(strings.HasPrefix(c.BaseURL, "https://"), d.routes()))
	return d
}

func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Serves reports whether a path is the door's.
func Serves(path string) bool {
	if strings.HasPrefix(path, "/saml/") || strings.HasPrefix(path, "/oidc/") || strings.HasPrefix(path, "/login/") {
		return true
	}
	return slices.Contains([]string{"/login", "/finish", "/logout", "/me", "/auth/verify", "/.well-known/jwks.json"}, path)
}

func (d *Door) routes() http.Handler {
	mux := http.NewServeMux()
	adapter := handler.Adapter{Log: d.c.Log, Map: problem}
	for pattern, f := range map[string]handler.Func{
		"GET /login":                             d.choose,
		"POST /login":                            d.password,
		"GET /login/style.css":                   asset("style.css", "text/css; charset=utf-8"),
		"GET /login/post.js":                     asset("post.js", "text/javascript; charset=utf-8"),
		"GET /login/me.js":                       asset("me.js", "text/javascript; charset=utf-8"),
		"GET /saml/{source}/metadata":            d.metadata,
		"GET /saml/{source}/login":               d.begin,
		"POST /saml/{source}/acs":                d.acs,
		"GET /saml/{source}/slo":                 d.slo,
		"POST /saml/{source}/slo":                d.slo,
		"GET /oidc/{source}/login":               d.begin,
		"GET /oidc/{source}/callback":            d.callback,
		"GET /oidc/{source}/jwks.json":           d.clientKeys,
		"GET /oidc/{source}/signed-out":          d.signedOutThere,
		"POST /oidc/{source}/backchannel-logout": d.backchannel,
		"GET /finish":                            d.finish,
		"GET /me":                                d.me,
		"GET /logout":                            d.askLogout,
		"POST /logout":                           d.logout,
		"GET /auth/verify":                       d.verify,
		"GET /.well-known/jwks.json":             d.keys,
	} {
		mux.Handle(pattern, adapter.Handler(f))
	}
	// Identity providers post from their own origin; what they post is signed.
	cross := http.NewCrossOriginProtection()
	cross.AddInsecureBypassPattern("POST /saml/{source}/acs")
	cross.AddInsecureBypassPattern("POST /saml/{source}/slo")
	return cross.Handler(mux)
}

// problem is the door's table from errors to HTTP, for what has no page.
func problem(err error) *handler.Problem {
	if isUnavailable(err) {
		return &handler.Problem{Status: http.StatusServiceUnavailable, Code: "store", RetryAfter: time.Second,
			Detail: "signing in does not work for the moment; try again", Cause: err}
	}
	return nil
}

// source is the source that a path names, and whose protocol it begins with.
func (d *Door) source(r *http.Request) (string, Source, error) {
	name := r.PathValue("source")
	s, ok := d.c.Sources[name]
	if !ok || !strings.HasPrefix(r.URL.Path, "/"+s.protocol()+"/") {
		return "", Source{}, &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "nobody signs in here"}
	}
	return name, s, nil
}

// disabled reports whether the store's source is switched off.
func (d *Door) disabled(ctx context.Context, source string) (off bool, err error) {
	off = true
	err = d.engine.Store().Read(ctx, func(v *store.View) error {
		all, err := v.Sources(ctx)
		for _, s := range all {
			if s.Name == source {
				off = s.Disabled
			}
		}
		return err
	})
	return off, err
}

func (d *Door) names() []string { return slices.Sorted(maps.Keys(d.c.Sources)) }

func (d *Door) metadata(w http.ResponseWriter, r *http.Request) error {
	_, s, err := d.source(r)
	if err != nil {
		return err
	}
	doc, err := s.Provider.Metadata()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(doc)
	return nil
}

// here is p when it is a path of this host that a browser may be sent to after a
// sign-in, else /me.
func here(p string) string {
	const home = "/me"
	if len(p) > 2000 || !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsRune(p, '\\') ||
		strings.IndexFunc(p, func(c rune) bool { return c <= ' ' || c == 0x7f || c > 0x7f }) >= 0 {
		return home
	}
	u, err := url.Parse(p)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || Serves(u.Path) {
		return home
	}
	return p
}
