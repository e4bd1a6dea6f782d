package samltest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"grantbridge/saml"
)

const (
	enveloped   = `<ds:Transform Algorithm="` + Enveloped + `"/>`
	exclusive   = `<ds:Transform Algorithm="` + ExcC14N + `"/>`
	transforms  = `<ds:Transforms>` + enveloped + exclusive + `</ds:Transforms>`
	c14nMethod  = `<ds:CanonicalizationMethod Algorithm="` + ExcC14N + `"/>`
	sigMethod   = `<ds:SignatureMethod Algorithm="` + RSASHA256 + `"/>`
	digMethod   = `<ds:DigestMethod Algorithm="` + SHA256 + `"/>`
	transformTo = "http://www.w3.org/TR/1999/REC-xpath-19991116"
)

// emptyDigest is the SHA-256 of nothing.
func emptyDigest() string {
	sum := sha256.Sum256(nil)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func stranger(l *Lab, s *Signing) { s.Pair = l.Stranger }

// strangerAs signs by the stranger, with the identity provider's certificate in
// KeyInfo, or what info says.
func strangerAs(info func(l *Lab) string) func(*Lab, *Signing) {
	return func(l *Lab, s *Signing) { s.Pair, s.KeyInfo = l.Stranger, info(l) }
}

func certInfo(p Pair) string {
	return `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(p.Certificate.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
}

func rsaInfo(p Pair) string {
	return `<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>` + base64.StdEncoding.EncodeToString(p.RSA().N.Bytes()) + `</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>`
}

func by(method, digest string) func(*Lab, *Signing) {
	return func(_ *Lab, s *Signing) { s.Method, s.Digest = method, digest }
}

const more = "http://www.w3.org/2001/04/xmldsig-more#"

// signatures are messages whose signature is not one that we can trust.
func signatures() []Vector {
	return []Vector{
		{Name: "no signature at all", Want: saml.SignatureMissing, Sign: SignNothing},
		{Name: "the signature stripped", Want: saml.SignatureMissing, Post: func(_ *Lab, t string) string { return swap(theSignature(t), "")(t) }},
		{Name: "an empty Signature element", Want: saml.SignatureShape, From: "CVE-2020-7711", Sign: SignNothing, Pre: swap("<saml:Subject>", `<ds:Signature xmlns:ds="`+NSDSig+`"/><saml:Subject>`)},
		{Name: "an empty SignatureValue", Want: saml.SignatureValue, From: "CVE-2020-7711", By: func(_ *Lab, s *Signing) { s.Fixed = []byte{} }},
		{Name: "a SignatureValue that is not base64", Want: saml.SignatureValue, Post: after(swap("<ds:SignatureValue>", "<ds:SignatureValue>!"))},
		{Name: "a SignatureValue of zeros", Want: saml.SignatureUntrusted, By: func(_ *Lab, s *Signing) { s.Fixed = make([]byte, 256) }},
		{Name: "a SignatureValue with an element inside", Want: saml.SignatureValue, Post: after(swap("<ds:SignatureValue>", "<ds:SignatureValue><x xmlns='urn:x'/>"))},
		{Name: "no SignatureValue", Want: saml.SignatureShape, Post: after(cut("<ds:SignatureValue>", "</ds:SignatureValue>"))},
		{Name: "two SignatureValues", Want: saml.SignatureShape, From: "CVE-2020-15216", Post: after(swap("<ds:KeyInfo>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo>"))},
		{Name: "no SignedInfo", Want: saml.SignatureShape, Post: after(cut("<ds:SignedInfo", "</ds:SignedInfo>"))},
		{Name: "two SignedInfos, the forged one first", Want: saml.SignatureShape, From: "CVE-2025-29774", Post: func(_ *Lab, t string) string {
			i := between(t, "<ds:SignedInfo", "</ds:SignedInfo>")
			return swap(i, strings.Replace(i, AssertID, "_evil", 1)+i)(t)
		}},
		{Name: "two SignedInfos, the forged one last", Want: saml.SignatureShape, From: "CVE-2025-29774", Post: func(_ *Lab, t string) string {
			i := between(t, "<ds:SignedInfo", "</ds:SignedInfo>")
			return swap(i, i+strings.Replace(i, AssertID, "_evil", 1))(t)
		}},
		{Name: "two signatures on the assertion, the stranger's first", Want: saml.SignatureSeveral, Post: func(l *Lab, t string) string {
			doc := Parse(t)
			Signing{Pair: l.Stranger}.Sign(doc, AssertID)
			return Text(doc)
		}},
		{Name: "two signatures on the response", Sign: SignResponse, Want: saml.SignatureSeveral, Post: func(l *Lab, t string) string {
			doc := Parse(t)
			Signing{Pair: l.IdP}.Sign(doc, ResponseID)
			return Text(doc)
		}},
		{Name: "an Object in the signature", Want: saml.SignatureShape, Post: after(swap("</ds:Signature>", "<ds:Object/></ds:Signature>"))},
		{Name: "two KeyInfos", Want: saml.SignatureShape, Post: after(swap("</ds:Signature>", "<ds:KeyInfo/></ds:Signature>"))},
		{Name: "text inside SignedInfo, signed over", Want: saml.SignatureShape, By: info(swap("<ds:Reference", "x<ds:Reference"))},
		{Name: "no Reference", Want: saml.SignatureReference, By: info(cut("<ds:Reference", "</ds:Reference>"))},
		{Name: "two References, the right one first", Want: saml.SignatureReference, From: "CVE-2026-33487", By: info(func(i string) string {
			r := between(i, "<ds:Reference", "</ds:Reference>")
			return swap(r, r+strings.Replace(r, AssertID, "_other", 1))(i)
		})},
		{Name: "two References, the right one last", Want: saml.SignatureReference, From: "CVE-2026-33487", By: info(func(i string) string {
			r := between(i, "<ds:Reference", "</ds:Reference>")
			return swap(r, strings.Replace(r, AssertID, "_other", 1)+r)(i)
		})},
		{Name: "the right Reference twice", Want: saml.SignatureReference, From: "CVE-2026-33487", By: info(func(i string) string {
			r := between(i, "<ds:Reference", "</ds:Reference>")
			return swap(r, r+r)(i)
		})},
		{Name: "a Reference to the whole document", Want: saml.SignatureReference, By: info(swap(`URI="#`+AssertID+`"`, `URI=""`))},
		{Name: "a Reference without URI", Want: saml.SignatureReference, By: info(swap(` URI="#`+AssertID+`"`, ``))},
		{Name: "a Reference to another ID", Want: saml.SignatureReference, From: "CVE-2019-3465", By: info(swap(`URI="#`+AssertID+`"`, `URI="#`+ResponseID+`"`))},
		{Name: "a Reference by XPointer", Want: saml.SignatureReference, By: info(swap(`URI="#`+AssertID+`"`, `URI="#xpointer(id('`+AssertID+`'))"`))},
		{Name: "a Reference to a file of the network", Want: saml.SignatureReference, By: info(swap(`URI="#`+AssertID+`"`, `URI="http://169.254.169.254/"`))},
		{Name: "no Transforms", Want: saml.SignatureTransform, By: info(swap(transforms, ""))},
		{Name: "the enveloped transform alone", Want: saml.SignatureTransform, By: info(swap(exclusive, ""))},
		{Name: "the canonicalisation alone", Want: saml.SignatureTransform, By: info(swap(enveloped, ""))},
		{Name: "the transforms the other way round", Want: saml.SignatureTransform, By: info(swap(enveloped+exclusive, exclusive+enveloped))},
		{Name: "an XPath transform too", Want: saml.SignatureTransform, By: info(swap(exclusive, exclusive+`<ds:Transform Algorithm="`+transformTo+`"><ds:XPath>not(ancestor-or-self::x)</ds:XPath></ds:Transform>`))},
		{Name: "an XSLT transform", Want: saml.SignatureTransform, By: info(swap(exclusive, exclusive+`<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`))},
		{Name: "a base64 transform", Want: saml.SignatureTransform, By: info(swap(exclusive, `<ds:Transform Algorithm="`+NSDSig+`base64"/>`))},
		{Name: "canonicalisation with comments", Want: saml.SignatureTransform, By: info(swap(exclusive, `<ds:Transform Algorithm="`+ExcC14N+`WithComments"/>`))},
		{Name: "inclusive canonicalisation of the content", Want: saml.SignatureTransform, By: info(swap(exclusive, `<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`))},
		{Name: "a transform with a foreign parameter", Want: saml.SignatureTransform, By: info(swap(exclusive, `<ds:Transform Algorithm="`+ExcC14N+`"><x xmlns="urn:x"/></ds:Transform>`))},
		{Name: "inclusive canonicalisation of SignedInfo", Want: saml.SignatureC14N, By: info(swap(c14nMethod, `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`))},
		{Name: "canonicalisation of SignedInfo with comments", Want: saml.SignatureC14N, By: info(swap(c14nMethod, `<ds:CanonicalizationMethod Algorithm="`+ExcC14N+`WithComments"/>`))},
		{Name: "an unknown canonicalisation", Want: saml.SignatureC14N, By: info(swap(c14nMethod, `<ds:CanonicalizationMethod Algorithm="urn:none"/>`))},
		{Name: "no CanonicalizationMethod", Want: saml.SignatureShape, By: info(swap(c14nMethod, ``))},
		{Name: "no SignatureMethod", Want: saml.SignatureShape, By: info(swap(sigMethod, ``))},
		{Name: "RSA with SHA-1", Want: saml.SignatureAlgorithm, By: by(NSDSig+"rsa-sha1", NSDSig+"sha1")},
		{Name: "RSA with SHA-1 over a SHA-256 digest", Want: saml.SignatureAlgorithm, By: by(NSDSig+"rsa-sha1", SHA256)},
		{Name: "RSA with SHA-256 over a SHA-1 digest", Want: saml.DigestAlgorithm, By: by(RSASHA256, NSDSig+"sha1")},
		{Name: "RSA with MD5", Want: saml.SignatureAlgorithm, By: by(more+"rsa-md5", SHA256)},
		{Name: "DSA", Want: saml.SignatureAlgorithm, By: by(NSDSig+"dsa-sha1", SHA256)},
		{Name: "HMAC-SHA1 with the certificate as key", Want: saml.SignatureAlgorithm, By: by(NSDSig+"hmac-sha1", SHA256)},
		{Name: "HMAC-SHA256 with the certificate as key", Want: saml.SignatureAlgorithm, By: by(more+"hmac-sha256", SHA256)},
		{Name: "an HMAC cut to no bits", Want: saml.SignatureAlgorithm, From: "CVE-2009-0217", By: info(swap(sigMethod, `<ds:SignatureMethod Algorithm="`+NSDSig+`hmac-sha1"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>`))},
		{Name: "a SignatureMethod with a parameter", Want: saml.SignatureAlgorithm, By: info(swap(sigMethod, `<ds:SignatureMethod Algorithm="`+RSASHA256+`"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>`))},
		{Name: "the algorithm none", Want: saml.SignatureAlgorithm, By: by("none", SHA256)},
		{Name: "an empty algorithm", Want: saml.SignatureAlgorithm, By: info(swap(`<ds:SignatureMethod Algorithm="`+RSASHA256+`"/>`, `<ds:SignatureMethod Algorithm=""/>`))},
		{Name: "an algorithm in other letter case", Want: saml.SignatureAlgorithm, By: info(swap(RSASHA256, strings.ToUpper(RSASHA256)))},
		{Name: "ECDSA named over the RSA key", Want: saml.SignatureKeyType, By: by(more+"ecdsa-sha256", SHA256)},
		{Name: "an unknown digest", Want: saml.DigestAlgorithm, By: by(RSASHA256, "urn:digest")},
		{Name: "an MD5 digest", Want: saml.DigestAlgorithm, By: by(RSASHA256, more+"md5")},
		{Name: "an empty DigestValue", Want: saml.DigestValue, By: info(func(i string) string {
			return swap(between(i, "<ds:DigestValue>", "</ds:DigestValue>"), "<ds:DigestValue></ds:DigestValue>")(i)
		})},
		{Name: "the digest of nothing", Want: saml.DigestValue, From: "CVE-2025-66568", By: info(func(i string) string {
			return swap(between(i, "<ds:DigestValue>", "</ds:DigestValue>"), "<ds:DigestValue>"+emptyDigest()+"</ds:DigestValue>")(i)
		})},
		{Name: "a DigestValue of 8 bytes", Want: saml.DigestValue, By: info(func(i string) string {
			return swap(between(i, "<ds:DigestValue>", "</ds:DigestValue>"), "<ds:DigestValue>AAAAAAAAAAA=</ds:DigestValue>")(i)
		})},
		{Name: "another digest than the content's, signed", Want: saml.DigestMismatch, By: info(func(i string) string {
			return swap(between(i, "<ds:DigestValue>", "</ds:DigestValue>"), "<ds:DigestValue>"+strings.Repeat("A", 43)+"=</ds:DigestValue>")(i)
		})},
		{Name: "two DigestValues", Want: saml.SignatureShape, By: info(swap("</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue>AAAA</ds:DigestValue>"))},
		{Name: "a stranger's key with its own certificate", Want: saml.SignatureUntrusted, From: "CVE-2023-48703", By: stranger},
		{Name: "a stranger's key with the identity provider's certificate", Want: saml.SignatureUntrusted, By: strangerAs(func(l *Lab) string { return certInfo(l.IdP) })},
		{Name: "a stranger's key as RSAKeyValue", Want: saml.SignatureUntrusted, From: "CVE-2023-48703", By: strangerAs(func(l *Lab) string { return rsaInfo(l.Stranger) })},
		{Name: "a stranger's key without KeyInfo", Want: saml.SignatureUntrusted, By: func(l *Lab, s *Signing) { s.Pair, s.NoKeyInfo = l.Stranger, true }},
		{Name: "a stranger's key by KeyName", Want: saml.SignatureUntrusted, By: strangerAs(func(*Lab) string { return `<ds:KeyInfo><ds:KeyName>idp</ds:KeyName></ds:KeyInfo>` })},
		{Name: "a stranger's key to be fetched", Want: saml.SignatureUntrusted, By: strangerAs(func(*Lab) string {
			return `<ds:KeyInfo><ds:RetrievalMethod URI="http://169.254.169.254/latest/meta-data"/></ds:KeyInfo>`
		})},
		{Name: "the identity provider's certificate first, the stranger's second", Want: saml.SignatureUntrusted, By: strangerAs(func(l *Lab) string {
			return certInfo(l.IdP) + ""
		}), Sign: SignBoth},
		{Name: "a 1024-bit key of the metadata beside a good one", Want: saml.SignatureUntrusted, By: func(_ *Lab, s *Signing) { s.Pair = RSAPair("weak", 1024) }, Config: with(func(c *saml.Config) {
			c.IdP.Keys = append(c.IdP.Keys, saml.SigningKey{Certificate: RSAPair("weak", 1024).Certificate})
		})},
		{Name: "an expired certificate, when such are refused", Want: saml.SignatureKeyExpired, Config: with(func(c *saml.Config) {
			c.RefuseExpiredKeys = true
			c.IdP.Keys = []saml.SigningKey{{Certificate: ExpiredPair(RSAPair("idp", 2048)).Certificate}}
		})},
		{Name: "our own key", Want: saml.SignatureUntrusted, By: func(l *Lab, s *Signing) { s.Pair = l.SP }},
		{Name: "another NameID than the signed one", Want: saml.DigestMismatch, Post: after(swap(Person, evilPerson))},
		{Name: "another group than the signed one", Want: saml.DigestMismatch, Post: after(swap("Analysts", "Matomo-SuperUser"))},
		{Name: "another recipient than the signed one", Want: saml.DigestMismatch, Config: with(func(c *saml.Config) { c.ACS = "https://evil.example/acs" }),
			Post: after(swap(`Recipient="`+ACS, `Recipient="https://evil.example/acs`), swap(`Destination="`+ACS, `Destination="https://evil.example/acs`))},
		{Name: "an element added after signing", Want: saml.DigestMismatch, Post: after(swap("</saml:AttributeStatement>", `<saml:Attribute Name="role"><saml:AttributeValue>superuser</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>`))},
		{Name: "an attribute added after signing", Want: saml.DigestMismatch, Post: after(swap(`SessionIndex="_session1"`, `SessionIndex="_session1" SessionNotOnOrAfter="2099-01-01T00:00:00Z"`))},
		{Name: "a blank added after signing", Want: saml.DigestMismatch, Post: after(swap(Person, Person+" "))},
		{Name: "a blank between elements added after signing", Want: saml.DigestMismatch, Post: after(swap("<saml:Subject>", "\n<saml:Subject>"))},
		{Name: "the response changed under its signature", Sign: SignResponse, Want: saml.DigestMismatch, Post: after(swap("Analysts", "Matomo-SuperUser"))},
		{Name: "a bad response signature over a good assertion signature", Sign: SignBoth, Want: saml.DigestMismatch, Post: after(swap(`Consent="x"`, `Consent="y"`)), Pre: swap(`ID="`+ResponseID, `Consent="x" ID="`+ResponseID)},
		{Name: "a good response signature over a stranger's assertion signature", Sign: SignResponse, Want: saml.SignatureUntrusted, Pre: func(t string) string {
			doc := Parse(t)
			Signing{Pair: RSAPair("stranger", 2048)}.Sign(doc, AssertID)
			return Text(doc)
		}},
		{Name: "a stranger's response signature over a good assertion signature", Want: saml.SignatureUntrusted, Post: func(l *Lab, t string) string {
			doc := Parse(t)
			Signing{Pair: l.Stranger}.Sign(doc, ResponseID)
			return Text(doc)
		}},
		{Name: "only the assertion signed, when the response must be", Want: saml.ResponseUnsigned, Config: with(func(c *saml.Config) { c.Signed = saml.SignedResponse })},
		{Name: "only the response signed, when the assertion must be", Sign: SignResponse, Want: saml.AssertionUnsigned, Config: with(func(c *saml.Config) { c.Signed = saml.SignedAssertion })},
		{Name: "only the response signed, when both must be", Sign: SignResponse, Want: saml.AssertionUnsigned, Config: with(func(c *saml.Config) { c.Signed = saml.SignedBoth })},
		{Name: "only the assertion signed, when both must be", Want: saml.ResponseUnsigned, Config: with(func(c *saml.Config) { c.Signed = saml.SignedBoth })},
		{Name: "the signature of another assertion", Want: saml.DigestMismatch, From: "CVE-2025-47949", Post: func(l *Lab, t string) string {
			other := Vector{Pre: swap(Person, "G-other")}.Document(l)
			return swap(theSignature(t), theSignature(other))(t)
		}},
		{Name: "a group that names a SAML element in text", Want: saml.DigestMismatch, Groups: []string{"x"}, Post: after(swap(">x<", ">"+fmt.Sprintf("&lt;saml:NameID&gt;%s", evilPerson)+"<"))},
	}
}
