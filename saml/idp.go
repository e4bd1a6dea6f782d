package saml

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// IdP is an identity provider as its metadata says. It is a value: refreshing
// makes another one.
type IdP struct {
	EntityID      string
	Keys          []SigningKey // for signing; at least one
	SSO           []Endpoint
	SLO           []Endpoint
	WantsSigned   bool      // AuthnRequests
	NameIDFormats []string  // as offered
	ValidUntil    time.Time // zero: no end
	CacheDuration time.Duration
	// Warnings are what an administrator should know: keys left out, expiry.
	Warnings []string
}

// SigningKey is a certificate that the identity provider signs with. It is
// trusted because the metadata has it; who issued it makes no difference.
type SigningKey struct{ Certificate *x509.Certificate }

// Fingerprint is the SHA-256 of the certificate in hexadecimal.
func (k SigningKey) Fingerprint() string {
	if k.Certificate == nil {
		return ""
	}
	sum := sha256.Sum256(k.Certificate.Raw)
	return hex.EncodeToString(sum[:])
}

func (k SigningKey) family() family { return familyOf(k.Certificate.PublicKey) }

// Expired reports whether the certificate's own time is over.
func (k SigningKey) Expired(now time.Time) bool { return now.After(k.Certificate.NotAfter) }

const minRSABits = 2048

// weak says why a key is not good enough to sign with, or "".
func (k SigningKey) weak() string {
	switch key := k.Certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Sprintf("RSA of %d bits; at least %d", key.N.BitLen(), minRSABits)
		}
		return ""
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			return fmt.Sprintf("a curve of %d bits; at least 256", key.Curve.Params().BitSize)
		}
		return ""
	}
	return "neither RSA nor ECDSA"
}

// Binding is how a message travels through the browser.
type Binding string

// The bindings. Artifact and SOAP are left out: they make this server call out.
const (
	Redirect Binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	POST     Binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// Endpoint is where a kind of message goes.
type Endpoint struct {
	Binding  Binding
	Location string
	// Response is where responses go, when it is not Location.
	Response string
}

// endpoint is the first of the endpoints with that binding.
func endpoint(all []Endpoint, b Binding) (Endpoint, bool) {
	i := slices.IndexFunc(all, func(e Endpoint) bool { return e.Binding == b })
	if i < 0 {
		return Endpoint{}, false
	}
	return all[i], true
}

// checkLocation refuses what must never become a redirect or a form's action:
// javascript:, data:, and plain http but to this machine.
func checkLocation(location string) error {
	u, err := url.Parse(location)
	switch {
	case err != nil:
		return fmt.Errorf("endpoint %q: %w", location, err)
	case u.Host == "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || strings.ContainsAny(location, "\\\"'<> \t\r\n"):
		return fmt.Errorf("endpoint %q is no plain absolute URL", location)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("endpoint %q is not https", location)
}

func loopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "127.0.0.1" || host == "::1"
}
