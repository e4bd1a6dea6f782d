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

// ServeHTTP serves /metadata and /sso.
func (c *Crewjam) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	}
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
