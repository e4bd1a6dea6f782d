package demoidp

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"grantbridge/internal/handler"
	"grantbridge/saml"
)

// Person is somebody to sign in as.
type Person struct {
	ID            string // for ever: the persistent NameID, and attribute externalId
	Login         string
	Given, Family string
	Mail          string
	Groups        []string
	// Strong signs in by the first context that a request asks for, as with a
	// second factor; without it nobody was asked for anything.
	Strong bool
	Index  string // of the session; a random one when it is empty
	Format string // of the NameID; persistent when it is empty
	Note   string // beside the name on the page, and nowhere else
}

// Name is the person's whole name, or the login.
func (p Person) Name() string {
	if name := strings.TrimSpace(p.Given + " " + p.Family); name != "" {
		return name
	}
	return p.Login
}

// Config is what an identity provider needs. Base and Key are required.
type Config struct {
	Base   string // its own URL as browsers reach it, without a slash at the end
	Key    saml.Key
	People []Person // those at the top are shown without a search
	// SignedIn, when given, says who is signed in already; the page then asks
	// nothing.
	SignedIn func(*http.Request) (Person, bool)
}

// IdP is the identity provider, as an http.Handler. It may be used
// concurrently.
type IdP struct {
	c       Config
	host    string
	lib     samllib.IdentityProvider
	handler http.Handler

	mutex    sync.Mutex
	apps     map[string]*app // by entity id
	sessions []signedIn      // oldest first
	waiting  map[string]saml.Request
	spent    map[string]bool
}

// app is an application that trusts this identity provider.
type app struct {
	entity *samllib.EntityDescriptor
	role   *samllib.SPSSODescriptor
	peer   *saml.Provider // speaks logout with it; nil when it cannot
}

// New makes an identity provider. It refuses a Base that others could reach.
func New(c Config) (*IdP, error) {
	u, err := url.Parse(c.Base)
	if err != nil || u.Host == "" || u.Path != "" {
		return nil, fmt.Errorf("demoidp: %q is no URL of a host", c.Base)
	}
	if !here(u.Hostname()) {
		return nil, fmt.Errorf("demoidp: %s is not on this machine; it authenticates nobody and must not be reached from elsewhere", c.Base)
	}
	if c.Key.Private == nil || c.Key.Certificate == nil {
		return nil, errors.New("demoidp: there is no key to sign with; NewKey makes one")
	}
	p := &IdP{c: c, host: u.Host, apps: map[string]*app{}, waiting: map[string]saml.Request{}, spent: map[string]bool{}}
	p.lib = samllib.IdentityProvider{
		Key: c.Key.Private, Certificate: c.Key.Certificate, SignatureMethod: dsig.RSASHA256SignatureMethod,
		MetadataURL: p.at("/metadata"), SSOURL: p.at("/sso"), LogoutURL: p.at("/slo"),
		ValidDuration: new(365 * 24 * time.Hour), ServiceProviderProvider: p, Logger: log.New(io.Discard, "", 0),
	}
	p.handler = handler.Secure(u.Scheme == "https", p.routes())
	return p, nil
}

// here reports whether a host is this machine. Nothing outside has a name of
// .test or .localhost (RFC 6761).
func here(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test") || ip != nil && ip.IsLoopback()
}

func (p *IdP) at(path string) url.URL {
	u, _ := url.Parse(p.c.Base) // New has read it
	u.Path = path
	return *u
}

func (p *IdP) url(path string) string { return p.c.Base + path }

// EntityID names it.
func (p *IdP) EntityID() string { return p.url("/metadata") }

// Metadata is its metadata.
func (p *IdP) Metadata() ([]byte, error) {
	m := p.lib.Metadata()
	role := &m.IDPSSODescriptors[0]
	role.NameIDFormats = []samllib.NameIDFormat{saml.FormatPersistent}
	role.SingleLogoutServices = append(role.SingleLogoutServices, samllib.Endpoint{Binding: samllib.HTTPPostBinding, Location: p.url("/slo")})
	return xml.MarshalIndent(m, "", "  ")
}

// Register takes an application's metadata; it replaces what was registered
// under the same entity id.
func (p *IdP) Register(metadata []byte) error {
	e := new(samllib.EntityDescriptor)
	if err := xml.Unmarshal(metadata, e); err != nil {
		return fmt.Errorf("read an application's metadata: %w", err)
	}
	if len(e.SPSSODescriptors) != 1 {
		return fmt.Errorf("metadata of %q have %d SPSSODescriptors, want 1", e.EntityID, len(e.SPSSODescriptors))
	}
	a := &app{entity: e, role: &e.SPSSODescriptors[0]}
	var err error
	if a.peer, err = p.peer(a); err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.apps[e.EntityID] = a
	return nil
}

// GetServiceProvider implements samllib.ServiceProviderProvider.
func (p *IdP) GetServiceProvider(_ *http.Request, id string) (*samllib.EntityDescriptor, error) {
	if a := p.app(id); a != nil {
		return a.entity, nil
	}
	return nil, os.ErrNotExist
}

func (p *IdP) app(id string) *app {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.apps[id]
}

// appIDs are the applications' entity ids in order.
func (p *IdP) appIDs() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Sorted(maps.Keys(p.apps))
}

func (p *IdP) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /metadata":  p.metadata,
		"GET /{$}":       p.portal,
		"GET /sso":       p.sso,
		"POST /sso":      p.sso,
		"POST /start":    p.start,
		"POST /logout":   p.logout,
		"GET /slo":       p.slo,
		"POST /slo":      p.slo,
		"GET /style.css": asset("style.css", "text/css; charset=utf-8"),
		"GET /post.js":   asset("post.js", "text/javascript; charset=utf-8"),
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := fenced(f, w, r); err != nil {
				p.refuse(w, err)
			}
		})
	}
	// What is started here is started from a page of here.
	cross := http.NewCrossOriginProtection()
	cross.AddInsecureBypassPattern("POST /sso")
	cross.AddInsecureBypassPattern("POST /slo")
	return cross.Handler(mux)
}

// fenced makes a panic an error: the library has some for messages that lack
// what they must have.
func fenced(f func(http.ResponseWriter, *http.Request) error, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("the message cannot be read: %v", x)
		}
	}()
	return f(w, r)
}

const maxBody = 1 << 20

// ServeHTTP answers requests for its own host only: a page elsewhere that has
// its name point to this machine (DNS rebinding) gets nothing.
func (p *IdP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != p.host {
		http.Error(w, "this is "+p.c.Base, http.StatusMisdirectedRequest)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p.handler.ServeHTTP(w, r)
}

func (p *IdP) metadata(w http.ResponseWriter, _ *http.Request) error {
	text, err := p.Metadata()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, err = w.Write(text)
	return err
}
