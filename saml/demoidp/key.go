package demoidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"grantbridge/saml"
)

// NewKey makes an RSA key with a certificate of its own, for a year: for the
// identity provider, and for an application beside it.
func NewKey(name string, now time.Time) (saml.Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return saml.Key{}, fmt.Errorf("make a key for %s: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return saml.Key{}, fmt.Errorf("make a certificate for %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(raw)
	return saml.Key{Private: private, Certificate: certificate}, err
}
