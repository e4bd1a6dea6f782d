package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config is one source's SAML door. What is zero has the default of its
// comment; the defaults are the strict ones.
type Config struct {
	Source   string // the source's name; part of every one-time key
	EntityID string // ours for this source; default is MetadataURL
	// The URLs of this source, absolute. An identity provider's message is for
	// exactly one of them, to the letter.
	MetadataURL, ACS, SLO string

	IdP *IdP
	// Keys are ours: the first signs, all decrypt and stand in the metadata.
	Keys []Key

	Disabled bool // no request, no response, whoever signs it

	Signed         Signed        // what must be signed; default Either
	Encrypted      bool          // refuse plain assertions
	IDPInitiated   IDPInitiated  // default Off
	SignRequests   SignRequests  // default: when there is a key
	RequestBinding Binding       // default Redirect
	ForceAuthn     bool          // ask for, and verify, a fresh sign-in
	AuthnContext   []string      // class references to ask for; one of them must come
	MaxAuthnAge    time.Duration // of the sign-in at the identity provider; 0 is no limit
	Skew           time.Duration // of clocks; default 60 s, at most 180 s
	MaxAge         time.Duration // of a message; default 5 min
	LoginTTL       time.Duration // from request to answer; default 15 min
	// ExpiredKeys says what a certificate past its date is: trusted with a
	// warning (metadata pins keys, not dates), or refused.
	RefuseExpiredKeys bool
	NameIDFormat      string // to ask for; default persistent

	Subject SubjectRule
	Groups  GroupRule
	Limits  Limits
}

// Key is one of our keys.
type Key struct {
	Private     *rsa.PrivateKey
	Certificate *x509.Certificate
}

// Signed says what the identity provider must sign. A signature that is there
// is verified, whatever is required.
type Signed uint8

// What must be signed.
const (
	Either Signed = iota // the response or the assertion
	SignedResponse
	SignedAssertion
	SignedBoth
)

// IDPInitiated says what becomes of a response that nobody asked for.
type IDPInitiated uint8

// The policies for unsolicited responses.
const (
	// Off refuses them.
	Off IDPInitiated = iota
	// Bouncing refuses them with the reason Bounce: the caller starts a sign-in.
	Bouncing
	// On takes them, once each. The browser is not bound to a request, so a
	// stranger's response can be planted: prefer Bouncing.
	On
)

// SignRequests says when our requests are signed.
type SignRequests uint8

// When requests are signed.
const (
	WhenKeyed SignRequests = iota
	Always
	Never
)

// SubjectRule says what names a person for ever.
type SubjectRule struct {
	// Attribute, when given, is the Name of the attribute; else it is the NameID.
	Attribute string
	// Transient NameIDs never name a person; they are let pass when an
	// attribute does.
}

const (
	maxSkew           = 180 * time.Second
	defaultSkew       = 60 * time.Second
	defaultMaxAge     = 5 * time.Minute
	defaultTTL        = 15 * time.Minute
	formatPrefix      = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
	FormatTransient   = formatPrefix + "transient"
	FormatPersistent  = formatPrefix + "persistent"
	FormatEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	FormatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
)

// Provider is our side of one source: it makes requests and judges answers. It
// holds no state, so any replica can judge any answer, and it may be used
// concurrently. New metadata make a new Provider.
type Provider struct {
	c    Config
	keys []SigningKey
}

// NewProvider checks the configuration as a whole. It refuses to make a
// provider that could not verify a signature: there is no unverified mode.
func NewProvider(c Config) (*Provider, error) {
	if c.EntityID == "" {
		c.EntityID = c.MetadataURL
	}
	c.defaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("saml of source %q: %w", c.Source, err)
	}
	groups, err := c.Groups.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("saml of source %q: %w", c.Source, err)
	}
	c.Groups = groups
	idp := *c.IdP // what the caller does to his afterwards changes nothing here
	c.IdP = &idp
	p := &Provider{c: c}
	for _, k := range c.IdP.Keys {
		if k.Certificate != nil && k.weak() == "" {
			p.keys = append(p.keys, k)
		}
	}
	if len(p.keys) == 0 {
		return nil, fmt.Errorf("saml of source %q: the identity provider's metadata has no usable signing key; without one nothing can be verified", c.Source)
	}
	return p, nil
}

func (c *Config) defaults() {
	orElse := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orElse(&c.Skew, defaultSkew)
	orElse(&c.MaxAge, defaultMaxAge)
	orElse(&c.LoginTTL, defaultTTL)
	if c.RequestBinding == "" {
		c.RequestBinding = Redirect
	}
	if c.NameIDFormat == "" {
		c.NameIDFormat = FormatPersistent
	}
	c.Limits = c.Limits.withDefaults()
}

func (c *Config) check() error {
	switch {
	case c.Source == "":
		return errors.New("the source has no name")
	case c.IdP == nil || c.IdP.EntityID == "":
		return errors.New("the identity provider's metadata is missing")
	case c.EntityID == "" || trim(c.EntityID) != c.EntityID:
		return errors.New("our entity id is missing or has blanks around it")
	case c.Skew < 0 || c.Skew > maxSkew:
		return fmt.Errorf("clock skew %s is not between 0 and %s", c.Skew, maxSkew)
	case c.MaxAge <= 0 || c.MaxAge > time.Hour || c.LoginTTL <= 0 || c.MaxAuthnAge < 0:
		return errors.New("a duration is negative, or a message may be older than an hour")
	case c.Signed > SignedBoth || c.IDPInitiated > On || c.SignRequests > Never:
		return errors.New("an unknown policy")
	case c.Limits.Elements > maxElements:
		return fmt.Errorf("a limit of %d elements; at most %d", c.Limits.Elements, maxElements)
	case c.RequestBinding != Redirect && c.RequestBinding != POST:
		return fmt.Errorf("requests by binding %q", c.RequestBinding)
	case c.SignRequests == Always && len(c.Keys) == 0:
		return errors.New("requests shall be signed, and there is no key")
	case c.IdP.WantsSigned && (c.SignRequests == Never || len(c.Keys) == 0):
		return errors.New("the identity provider takes signed requests only, and ours are not")
	}
	for _, u := range []string{c.ACS, c.SLO} {
		if parsed, err := url.Parse(u); u != "" && (err != nil || parsed.Host == "") || c.ACS == "" {
			return fmt.Errorf("%q is no absolute URL", u)
		}
	}
	return checkKeys(c.Keys)
}

func checkKeys(keys []Key) error {
	for i, k := range keys {
		if k.Private == nil || k.Certificate == nil {
			return fmt.Errorf("key %d has no private key or no certificate", i+1)
		}
		public, ok := k.Certificate.PublicKey.(*rsa.PublicKey)
		if !ok || !public.Equal(k.Private.Public()) {
			return fmt.Errorf("key %d does not belong to its certificate", i+1)
		}
		if public.N.BitLen() < minRSABits {
			return fmt.Errorf("key %d has %d bits; at least %d", i+1, public.N.BitLen(), minRSABits)
		}
	}
	return nil
}

// With is the same provider with other metadata of the identity provider.
func (p *Provider) With(idp *IdP) (*Provider, error) {
	c := p.c
	c.IdP = idp
	return NewProvider(c)
}

// Source is the source's name.
func (p *Provider) Source() string { return p.c.Source }

// EntityID is ours.
func (p *Provider) EntityID() string { return p.c.EntityID }

// trusted are the keys that may sign at that time.
func (p *Provider) trusted(now time.Time) ([]SigningKey, *Rejection) {
	if !p.c.RefuseExpiredKeys {
		return p.keys, nil
	}
	var live []SigningKey
	for _, k := range p.keys {
		if !k.Expired(now) {
			live = append(live, k)
		}
	}
	if len(live) == 0 {
		return nil, reject(SignatureKeyExpired, "a certificate that is valid", "the last one ended "+p.keys[len(p.keys)-1].Certificate.NotAfter.UTC().Format(time.DateOnly))
	}
	return live, nil
}

// open refuses everything when the source is switched off or its metadata is
// past its end.
func (p *Provider) open(now time.Time) *Rejection {
	switch {
	case p == nil || p.c.IdP == nil || len(p.keys) == 0:
		return reject(SourceDisabled, "a configured source", "none")
	case p.c.Disabled:
		return reject(SourceDisabled, "the source switched on", "switched off")
	case !p.c.IdP.ValidUntil.IsZero() && now.After(p.c.IdP.ValidUntil.Add(p.c.Skew)):
		return reject(MetadataExpired, "metadata that are valid", "an end at "+p.c.IdP.ValidUntil.UTC().Format(time.RFC3339))
	}
	return nil
}
