package samltest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"time"
)

// Pair is a key with a certificate of its own.
type Pair struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
}

// RSA is the private key of a pair made by RSAPair.
func (p Pair) RSA() *rsa.PrivateKey { return p.Key.(*rsa.PrivateKey) }

var (
	pairsMutex sync.Mutex
	pairs      = map[string]Pair{}
)

// named makes each key once in a process: keys are slow to make.
func named(name string, make func() Pair) Pair {
	pairsMutex.Lock()
	defer pairsMutex.Unlock()
	p, ok := pairs[name]
	if !ok {
		p = make()
		pairs[name] = p
	}
	return p
}

// RSAPair is the RSA key of that name and size.
func RSAPair(name string, bits int) Pair {
	return named(name, func() Pair {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		must(err)
		return certify(name, key, Now.Add(-24*time.Hour), Now.Add(3650*24*time.Hour))
	})
}

// ECPair is the P-256 key of that name.
func ECPair(name string) Pair {
	return named(name, func() Pair {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return certify(name, key, Now.Add(-24*time.Hour), Now.Add(3650*24*time.Hour))
	})
}

// ExpiredPair is the key of p under a certificate that has ended.
func ExpiredPair(p Pair) Pair {
	return certify("expired", p.Key, Now.Add(-48*time.Hour), Now.Add(-24*time.Hour))
}

func certify(name string, key crypto.Signer, from, until time.Time) Pair {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(raw)
	must(err)
	return Pair{key, cert}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
