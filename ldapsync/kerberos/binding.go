package kerberos

import (
	"crypto"
	"crypto/md5" // the checksum of RFC 4121, itself encrypted
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/binary"

	"github.com/jcmturner/gokrb5/v8/gssapi"
)

// ServerEndPoint is the binding to a TLS connection whose server shows cert:
// tls-server-end-point of RFC 5929 section 4.1, which Active Directory checks
// (LdapEnforceChannelBinding). A ticket that is bound to one server's TLS is of
// no use to a man in the middle with a TLS of his own.
func ServerEndPoint(cert *x509.Certificate) []byte {
	h := hashOf(cert.SignatureAlgorithm).New()
	h.Write(cert.Raw)
	return h.Sum([]byte("tls-server-end-point:"))
}

// hashOf is the hash of a signature, but no weaker one than SHA-256. Where the
// RFC leaves it open (Ed25519), OpenLDAP takes SHA-256, too.
func hashOf(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return crypto.SHA512
	}
	return crypto.SHA256
}

// checksum is the authenticator's (RFC 4121 section 4.1.1): the MD5 of the
// bindings, and what we want of the context. Integrity is for the negotiation of
// layers alone (RFC 4752 section 3.1); Cyrus SASL asks for the same over TLS.
func checksum(binding []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, md5.Size)
	if len(binding) == 0 {
		out = append(out, make([]byte, md5.Size)...)
	} else {
		sum := md5.Sum(append(binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(binding))), binding...)) // no addresses
		out = append(out, sum[:]...)
	}
	return binary.LittleEndian.AppendUint32(out, gssapi.ContextFlagMutual|gssapi.ContextFlagSequence|gssapi.ContextFlagInteg)
}
