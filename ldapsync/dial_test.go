package ldapsync

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// certificate is one for localhost that signs itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x11223344), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// overTLS reads from a server behind StartTLS with the certificate, whose bytes
// pass through wrap.
func overTLS(t *testing.T, cert tls.Certificate, roots *x509.CertPool, wrap func(net.Conn) net.Conn) (directory.Delta, error) {
	t.Helper()
	s := serve(t, small(), ldaptest.OpenLDAP)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.Wrap = wrap
	url, err := s.Listen() // in memory a write waits for its reader, and TLS has two writers
	if err != nil {
		t.Fatal(err)
	}
	c := config(s)
	c.Servers, c.Dial, c.Plaintext, c.ServerName, c.RootCAs = []string{url}, nil, false, "localhost", roots
	return try(c, directory.State{})
}

// The certificate that Samba makes for itself has a negative serial number, which
// Go does not read.
func TestANegativeSerialNumberIsSaidInWords(t *testing.T) {
	cert, roots := certificate(t)
	if _, err := overTLS(t, cert, roots, nil); err != nil {
		t.Fatal(err)
	}
	der := strings.Replace(string(cert.Certificate[0]), "\x02\x04\x11\x22\x33\x44", "\x02\x04\x91\x22\x33\x44", 1)
	cert.Certificate = [][]byte{[]byte(der)}
	_, err := overTLS(t, cert, roots, nil)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Stage != "tls" || e.Next() != Stop || !strings.Contains(e.Words(), "give the server another certificate") {
		t.Errorf("%v", err)
	}
}

// A server that ends the connection while TLS is agreed on may be one that starts
// again: it is no fault that waits for an administrator. Or its port begins without.
func TestAHandshakeThatIsCutIsTriedAgain(t *testing.T) {
	s := serve(t, small(), ldaptest.OpenLDAP)
	url, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	c := config(s)
	c.Servers, c.Dial = []string{strings.Replace(url, "ldap:", "ldaps:", 1)}, nil
	_, err = try(c, directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Stage != "tls" || e.Next() != Retry || !strings.Contains(e.Words(), "for one with StartTLS, as 389") {
		t.Errorf("%v", err)
	}
}

// What somebody puts behind the answer to StartTLS, in the same packet, is no LDAP
// (CVE-2011-0411 was this in SMTP): it spoils the handshake, and nothing is read.
func TestWhatFollowsTheAnswerToStartTLSIsNotRead(t *testing.T) {
	cert, roots := certificate(t)
	bound := []byte{tagSequence, 12, tagInteger, 1, 1, 0x61, 7, tagEnumerated, 1, 0, tagOctets, 0, tagOctets, 0} // BindResponse, success
	_, err := overTLS(t, cert, roots, func(c net.Conn) net.Conn { return &appends{Conn: c, more: bound} })
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Stage != "tls" || !strings.Contains(err.Error(), "does not look like a TLS handshake") {
		t.Errorf("%v, want that TLS does not begin", err)
	}
}

// appends puts more behind the first thing that is written.
type appends struct {
	net.Conn
	more []byte
}

func (c *appends) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(append(p[:len(p):len(p)], c.more...))
	c.more = nil
	return min(n, len(p)), err
}

// A server that is slow and alive is heard to its end, however long that takes;
// idle is for one that says nothing.
func TestASlowServerIsHeardToItsEnd(t *testing.T) {
	began := time.Now()
	s := serve(t, small(), ldaptest.OpenLDAP)
	s.Wrap = func(c net.Conn) net.Conn { return &slow{Conn: c} }
	c := config(s)
	c.Idle = 400 * time.Millisecond
	d := follow(t, c, directory.State{})
	if n := len(d.Next.Accounts); n != 3 {
		t.Errorf("%d people, want 3", n)
	}
	if took := time.Since(began); took < c.Idle {
		t.Errorf("it took %v, which shows nothing", took)
	}
}

// slow writes in pieces.
type slow struct{ net.Conn }

func (c *slow) Write(p []byte) (int, error) {
	sent := 0
	for len(p) > sent {
		time.Sleep(5 * time.Millisecond)
		n, err := c.Conn.Write(p[sent:min(sent+16, len(p))])
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}
