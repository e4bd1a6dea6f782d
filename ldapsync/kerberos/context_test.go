package kerberos

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"
)

// FuzzServer plays a server that does not have the ticket's key: whatever it
// says is no proof, and no end of us.
func FuzzServer(f *testing.F) {
	f.Add(slices.Concat([]byte{0x60, 0x0f}, krb5, []byte{2, 0, 0x6f, 0}), []byte{5, 4, 1, 0xff, 0, 12, 0, 12})
	f.Add(slices.Concat([]byte{0x60, 0x0f}, krb5, []byte{3, 0, 0x7e, 0}), make([]byte, 32))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, answer, offer []byte) {
		c := (&Ticket{ticket: clientTicket{key: types.EncryptionKey{KeyType: aes[0], KeyValue: make([]byte, 32)}}}).Context(nil)
		rand.Read(c.key.KeyValue)
		c.state = asked
		if _, _, err := c.InitSecContext("", answer); err == nil || c.state != asked {
			t.Errorf("%x is believed", answer)
		}
		c.state = answered
		if _, err := c.NegotiateSaslAuth(offer, ""); err == nil || c.Complete() {
			t.Errorf("%x is believed", offer)
		}
	})
}

func TestNothingIsTakenOutOfOrder(t *testing.T) {
	for _, s := range []state{asked, answered, complete} {
		c := &Context{state: s}
		if _, _, err := c.InitSecContext("", nil); err == nil {
			t.Errorf("asked again in state %d", s)
		}
	}
	for _, s := range []state{fresh, answered, complete} {
		c := &Context{state: s}
		if _, _, err := c.InitSecContext("", []byte{1}); err == nil {
			t.Errorf("an answer in state %d", s)
		}
	}
	for _, s := range []state{fresh, asked, complete} {
		c := &Context{state: s}
		if _, err := c.NegotiateSaslAuth([]byte{1}, ""); err == nil || c.state != s {
			t.Errorf("an offer in state %d", s)
		}
	}
}

// The hash of a certificate's binding is that of its signature, but no weaker
// one than SHA-256 (RFC 5929 section 4.1).
func TestBindingsAreHashedAsTheCertificateIsSigned(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for signed, c := range map[x509.SignatureAlgorithm]struct {
		key    any
		public any
		bytes  int
	}{
		x509.SHA256WithRSA:    {small, small.Public(), 32},
		x509.SHA384WithRSA:    {small, small.Public(), 48},
		x509.SHA512WithRSA:    {small, small.Public(), 64},
		x509.SHA256WithRSAPSS: {small, small.Public(), 32},
		x509.SHA512WithRSAPSS: {small, small.Public(), 64},
		x509.ECDSAWithSHA256:  {curve, curve.Public(), 32},
		x509.ECDSAWithSHA384:  {curve, curve.Public(), 48},
		x509.PureEd25519:      {edwards, edwards.Public(), 32},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), SignatureAlgorithm: signed}
		der, err := x509.CreateCertificate(rand.Reader, template, template, c.public, c.key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(ServerEndPoint(cert)) - len("tls-server-end-point:"); got != c.bytes {
			t.Errorf("%v: %d bytes, want %d", signed, got, c.bytes)
		}
	}
	// SHA-1 and MD5 are not signed with any more.
	for _, old := range []x509.SignatureAlgorithm{x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1} {
		if n := len(ServerEndPoint(&x509.Certificate{SignatureAlgorithm: old})) - len("tls-server-end-point:"); n != 32 {
			t.Errorf("%v: %d bytes", old, n)
		}
	}
}

// The checksum without a binding has sixteen zeros (RFC 4121 section 4.1.1.2).
func TestTheChecksumHasItsForm(t *testing.T) {
	if got := hex.EncodeToString(checksum(nil)); got != "10000000"+"00000000000000000000000000000000"+"2a000000" {
		t.Error(got)
	}
	if got := checksum([]byte("x")); len(got) != 24 || slices.Equal(got[4:20], make([]byte, 16)) {
		t.Errorf("%x", got)
	}
}
