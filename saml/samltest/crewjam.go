package samltest

import (
	"encoding/xml"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	samllib "github.com/crewjam/saml"
)

// Crewjam is an identity provider over crewjam/saml, as an http.Handler with
// /metadata and /sso. Whoever comes is signed in as Session says: it is for
// tests and for a demonstration on loopback.
type Crewjam struct {
	// Base is its own URL, without a slash at the end.
	Base string
	Pair Pair
	// Session says who is signed in at a request; nil denies.
	Session func(*http.Request) *samllib.Session
	// Obeys makes it sign in by the first context that a request asks for, as an
	// identity provider with a second factor does.
	Obeys bool

	mutex     sync.Mutex
	providers map[string]*samllib.EntityDescriptor
}

// Register takes a service provider's metadata.
func (c *Crewjam) Register(metadata []byte) error {
	var e samllib.EntityDescriptor
	if err := xml.Unmarshal(metadata, &e); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.providers == nil {
		c.providers = map[string]*samllib.EntityDescriptor{}
	}
	c.providers[e.EntityID] = &e
	return nil
}

// Person is a session of somebody with groups. The groups come as attribute
// eduPersonAffiliation.
func (c *Crewjam) Person(nameID, mail string, groups ...string) *samllib.Session {
	now := time.Now()
	return &samllib.Session{
		ID: "session-" + nameID, Index: "index-" + nameID, CreateTime: now, ExpireTime: now.Add(time.Hour),
		NameID: nameID, NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
		UserName: nameID, UserEmail: mail, Groups: groups,
	}
}

// Metadata is the identity provider's metadata.
func (c *Crewjam) Metadata() ([]byte, error) { return xml.Marshal(c.idp().Metadata()) }

// SignedIn lets f say who is signed in at a request, and in which groups; an
// empty name is nobody.
func (c *Crewjam) SignedIn(f func(*http.Request) (nameID string, groups []string)) {
	c.Session = func(r *http.Request) *samllib.Session {
		nameID, groups := f(r)
		if nameID == "" {
			return nil
		}
		return c.Person(nameID, "", groups...)
	}
}

// ServeHTTP serves /metadata and /sso, and at /start?sp=ENTITY an answer that
// nobody has asked for.
func (c *Crewjam) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/start" {
		c.idp().ServeIDPInitiated(w, r, r.URL.Query().Get("sp"), "")
		return
	}
	c.idp().Handler().ServeHTTP(w, r)
}

func (c *Crewjam) idp() *samllib.IdentityProvider {
	at := func(path string) url.URL {
		u, err := url.Parse(c.Base + path)
		must(err)
		return *u
	}
	return &samllib.IdentityProvider{
		Key: c.Pair.Key, Certificate: c.Pair.Certificate, Logger: log.New(io.Discard, "", 0),
		MetadataURL: at("/metadata"), SSOURL: at("/sso"), SignatureMethod: RSASHA256,
		ServiceProviderProvider: (*crewjamSPs)(c), SessionProvider: (*crewjamSessions)(c),
		AssertionMaker: (*crewjamAssertions)(c),
	}
}

type crewjamAssertions Crewjam

// MakeAssertion implements crewjam's AssertionMaker.
func (c *crewjamAssertions) MakeAssertion(r *samllib.IdpAuthnRequest, s *samllib.Session) error {
	if err := (samllib.DefaultAssertionMaker{}).MakeAssertion(r, s); err != nil {
		return err
	}
	if asked := r.Request.RequestedAuthnContext; c.Obeys && asked != nil {
		r.Assertion.AuthnStatements[0].AuthnContext.AuthnContextClassRef = &samllib.AuthnContextClassRef{Value: asked.AuthnContextClassRef}
	}
	return nil
}

type crewjamSPs Crewjam

// GetServiceProvider implements crewjam's ServiceProviderProvider.
func (c *crewjamSPs) GetServiceProvider(_ *http.Request, id string) (*samllib.EntityDescriptor, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if e, ok := c.providers[id]; ok {
		return e, nil
	}
	return nil, os.ErrNotExist
}

type crewjamSessions Crewjam

// GetSession implements crewjam's SessionProvider.
func (c *crewjamSessions) GetSession(w http.ResponseWriter, r *http.Request, _ *samllib.IdpAuthnRequest) *samllib.Session {
	s := c.Session(r)
	if s == nil {
		http.Error(w, "nobody is signed in", http.StatusForbidden)
	}
	return s
}
