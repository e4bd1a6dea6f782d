package samltest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// The namespaces of the messages.
const (
	NSProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	NSAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	NSDSig      = "http://www.w3.org/2000/09/xmldsig#"
	NSEnc       = "http://www.w3.org/2001/04/xmlenc#"
	NSEnc11     = "http://www.w3.org/2009/xmlenc11#"
	ExcC14N     = "http://www.w3.org/2001/10/xml-exc-c14n#"
	Enveloped   = NSDSig + "enveloped-signature"
	RSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	SHA256      = NSEnc + "sha256"
)

// Signing says how to sign. Nothing is too wrong for it.
type Signing struct {
	Pair   Pair
	Method string // default RSA-SHA256
	Digest string // default SHA-256
	// Info edits the SignedInfo before it is signed, so that what it becomes is
	// under a valid signature. It sees ds: prefixes.
	Info func(xml string) string
	// NoKeyInfo leaves the certificate out; KeyInfo replaces it.
	NoKeyInfo bool
	KeyInfo   string
	// Fixed is used instead of a signature.
	Fixed []byte
}

// hashes are the hashes of digests and of signature methods, the wrong ones too.
var hashes = map[string]crypto.Hash{
	NSDSig + "sha1": crypto.SHA1, SHA256: crypto.SHA256, NSEnc + "sha512": crypto.SHA512, "http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmldsig-more#md5": crypto.SHA256,
	NSDSig + "rsa-sha1":                          crypto.SHA1, RSASHA256: crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":   crypto.SHA384,
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":   crypto.SHA512,
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": crypto.SHA256,
}

func hashOf(algorithm string) crypto.Hash {
	if h, ok := hashes[algorithm]; ok {
		return h
	}
	return crypto.SHA256
}

// Sign signs the element of doc that has that ID and puts the signature after
// its Issuer.
func (s Signing) Sign(doc *etree.Document, id string) {
	el := doc.FindElement(fmt.Sprintf("//*[@ID='%s']", id))
	if el == nil {
		panic("samltest: no element with ID " + id)
	}
	sig := s.Signature(el, id)
	at := 0
	if issuer := el.SelectElement("Issuer"); issuer != nil {
		at = issuer.Index() + 1
	}
	el.InsertChildAt(at, sig)
}

// Signature is a signature over el as it stands, with a reference to id.
func (s Signing) Signature(el *etree.Element, id string) *etree.Element {
	if s.Method == "" {
		s.Method = RSASHA256
	}
	if s.Digest == "" {
		s.Digest = SHA256
	}
	h := hashOf(s.Digest).New()
	h.Write(Canonical(el))
	info := fmt.Sprintf(`<ds:SignedInfo xmlns:ds="%s"><ds:CanonicalizationMethod Algorithm="%s"/><ds:SignatureMethod Algorithm="%s"/>`+
		`<ds:Reference URI="#%s"><ds:Transforms><ds:Transform Algorithm="%s"/><ds:Transform Algorithm="%s"/></ds:Transforms>`+
		`<ds:DigestMethod Algorithm="%s"/><ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>`,
		NSDSig, ExcC14N, s.Method, id, Enveloped, ExcC14N, s.Digest, base64.StdEncoding.EncodeToString(h.Sum(nil)))
	if s.Info != nil {
		info = s.Info(info)
	}
	value := s.Fixed
	if value == nil {
		value = s.sign(Canonical(Parse(info).Root()))
	}
	text := fmt.Sprintf(`<ds:Signature xmlns:ds="%s">%s<ds:SignatureValue>%s</ds:SignatureValue>%s</ds:Signature>`,
		NSDSig, info, base64.StdEncoding.EncodeToString(value), s.keyInfo())
	return Parse(text).Root()
}

func (s Signing) keyInfo() string {
	switch {
	case s.NoKeyInfo:
		return ""
	case s.KeyInfo != "":
		return s.KeyInfo
	}
	return `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(s.Pair.Certificate.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
}

// sign signs data by the method, whatever the key is.
func (s Signing) sign(data []byte) []byte {
	switch {
	case strings.HasSuffix(s.Method, "hmac-sha1"):
		m := hmac.New(sha1.New, s.Pair.Certificate.Raw)
		m.Write(data)
		return m.Sum(nil)
	case strings.HasSuffix(s.Method, "hmac-sha256"):
		m := hmac.New(sha256.New, s.Pair.Certificate.Raw)
		m.Write(data)
		return m.Sum(nil)
	}
	hash := hashOf(s.Method)
	h := hash.New()
	h.Write(data)
	if key, ok := s.Pair.Key.(*ecdsa.PrivateKey); ok {
		r, v, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
		must(err)
		return append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, s.Pair.RSA(), hash, h.Sum(nil))
	must(err)
	return sig
}

// Canonical is el in exclusive canonical form, with the namespaces that are in
// scope where it stands.
func Canonical(el *etree.Element) []byte {
	alone := el.Copy()
	for up := el.Parent(); up != nil; up = up.Parent() {
		for _, a := range up.Attr {
			if (a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns") && alone.SelectAttr(a.FullKey()) == nil {
				alone.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	out, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
	must(err)
	return out
}

// Parse reads a document and panics when it cannot.
func Parse(text string) *etree.Document {
	doc := etree.NewDocument()
	must(doc.ReadFromString(text))
	return doc
}

// Text is the document as text.
func Text(doc *etree.Document) string {
	text, err := doc.WriteToString()
	must(err)
	return text
}
