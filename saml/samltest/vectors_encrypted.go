package samltest

import (
	"strings"

	"grantbridge/saml"
)

func cbc() *Encryption { return &Encryption{Content: NSEnc + "aes128-cbc"} }

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return b
	}
}

func plainOf(text string) func(string) string { return func(string) string { return text } }

// encrypted are messages with an encrypted assertion. Whatever depends on the
// secret key has one answer.
func encrypted() []Vector {
	const failed = saml.DecryptionFailed
	return []Vector{
		{Name: "an encrypted signed assertion is accepted", Encrypt: &Encryption{}},
		{Name: "an encrypted assertion in a signed response is accepted", Sign: SignResponse, Encrypt: &Encryption{}},
		{Name: "an encrypted signed assertion in a signed response is accepted", Sign: SignBoth, Encrypt: &Encryption{}},
		{Name: "AES-128-GCM is accepted", Encrypt: &Encryption{Content: NSEnc11 + "aes128-gcm"}},
		{Name: "AES-CBC in a signed response is accepted", Sign: SignBoth, Encrypt: cbc()},
		{Name: "AES-256-CBC in a signed response is accepted", Sign: SignResponse, Encrypt: &Encryption{Content: NSEnc + "aes256-cbc"}},
		{Name: "encryption for our next key is accepted", Encrypt: &Encryption{To: func(l *Lab) Pair { return l.SPNext }}},
		{Name: "an EncryptedKey beside the data is accepted", Encrypt: &Encryption{Sibling: true}},
		{Name: "encryption is accepted when it is required", Encrypt: &Encryption{}, Config: with(func(c *saml.Config) { c.Encrypted, c.Signed = true, saml.SignedAssertion })},

		{Name: "a plain assertion, when encryption is required", Want: saml.EncryptionRequired, Config: with(func(c *saml.Config) { c.Encrypted = true })},
		{Name: "encrypted, and nothing is signed", Want: saml.SignatureMissing, From: "CVE-2024-9487", Sign: SignNothing, Encrypt: &Encryption{}},
		{Name: "encrypted, and the source has no key", Want: saml.EncryptionUnwanted, Encrypt: &Encryption{}, Config: with(func(c *saml.Config) { c.Keys = nil })},
		{Name: "encrypted and signed by a stranger", Want: saml.SignatureUntrusted, By: stranger, Encrypt: &Encryption{}},
		{Name: "encrypted and signed, the person changed inside", Want: saml.DigestMismatch, Encrypt: &Encryption{Plain: swap(Person, evilPerson)}},
		{Name: "only the response signed over an encrypted assertion, when the assertion must be", Want: saml.AssertionUnsigned, Sign: SignResponse, Encrypt: &Encryption{}, Config: with(func(c *saml.Config) { c.Signed = saml.SignedAssertion })},
		{Name: "an encrypted unsigned assertion of another in a response signed before", Sign: SignResponse, Want: saml.DigestMismatch, From: "CVE-2026-2092", Post: func(l *Lab, t string) string {
			return swap(theAssertion(t), (&Encryption{}).Assertion(l, evil("_evil")))(t)
		}},
		{Name: "AES-CBC in an unsigned response", Want: saml.EncryptionCBC, Encrypt: cbc()},
		{Name: "3DES", Want: saml.EncryptionAlgorithm, Sign: SignBoth, Encrypt: &Encryption{Content: NSEnc + "tripledes-cbc"}},
		{Name: "an unknown content encryption", Want: saml.EncryptionAlgorithm, Sign: SignBoth, Encrypt: &Encryption{Content: "urn:x"}},
		{Name: "RSA 1.5 key transport", Want: saml.EncryptionTransport, Sign: SignBoth, Encrypt: &Encryption{Transport: NSEnc + "rsa-1_5"}},
		{Name: "an unknown OAEP digest", Want: saml.EncryptionTransport, Encrypt: &Encryption{Shape: swap(`rsa-oaep-mgf1p"/>`, `rsa-oaep-mgf1p"><ds:DigestMethod xmlns:ds="`+NSDSig+`" Algorithm="urn:md5"/></xenc:EncryptionMethod>`)}},
		{Name: "the OAEP digest named wrongly", Want: failed, Encrypt: &Encryption{Shape: swap(`rsa-oaep-mgf1p"/>`, `rsa-oaep-mgf1p"><ds:DigestMethod xmlns:ds="`+NSDSig+`" Algorithm="`+SHA256+`"/></xenc:EncryptionMethod>`)}},
		{Name: "encrypted for a stranger", Want: failed, Encrypt: &Encryption{To: func(l *Lab) Pair { return l.Stranger }}},
		{Name: "a bit of the wrapped key changed", Want: failed, Encrypt: &Encryption{Wrapped: flip(7)}},
		{Name: "the wrapped key cut", Want: failed, Encrypt: &Encryption{Wrapped: func(b []byte) []byte { return b[:100] }}},
		{Name: "no wrapped key", Want: failed, Encrypt: &Encryption{Wrapped: func([]byte) []byte { return nil }}},
		{Name: "a bit of the GCM nonce changed", Want: failed, Encrypt: &Encryption{Cipher: flip(0)}},
		{Name: "a bit of the GCM text changed", Want: failed, Encrypt: &Encryption{Cipher: flip(40)}},
		{Name: "a bit of the GCM tag changed", Want: failed, Encrypt: &Encryption{Cipher: flip(-1)}},
		{Name: "a cipher text of four bytes", Want: failed, Encrypt: &Encryption{Cipher: func(b []byte) []byte { return b[:4] }}},
		{Name: "no cipher text", Want: failed, Encrypt: &Encryption{Cipher: func([]byte) []byte { return nil }}},
		{Name: "a CBC text that is no whole block, in a signed response", Want: failed, Sign: SignBoth, Encrypt: &Encryption{Content: NSEnc + "aes128-cbc", Cipher: func(b []byte) []byte { return b[:len(b)-5] }}},
		{Name: "a CBC text of the vector only", Want: failed, Sign: SignBoth, Encrypt: &Encryption{Content: NSEnc + "aes128-cbc", Cipher: func(b []byte) []byte { return b[:16] }}},
		{Name: "a bit of the CBC padding changed, in a signed response", Want: failed, Sign: SignBoth, Encrypt: &Encryption{Content: NSEnc + "aes128-cbc", Cipher: func(b []byte) []byte {
			b[len(b)-17] ^= 0x80
			return b
		}}},
		{Name: "a bit of the CBC text changed after the response was signed", Want: saml.DigestMismatch, Sign: SignResponse, Encrypt: cbc(), Post: func(_ *Lab, t string) string {
			v := between(t, "<xenc:CipherValue>", "</xenc:CipherValue>")
			at := strings.LastIndex(t, "</xenc:CipherValue>") - 60
			_ = v
			return t[:at] + string(rotate(t[at])) + t[at+1:]
		}},
		{Name: "the plaintext is x", Want: failed, Encrypt: &Encryption{Plain: plainOf("x")}},
		{Name: "the plaintext is empty", Want: failed, Encrypt: &Encryption{Plain: plainOf("")}},
		{Name: "the plaintext is not an assertion", Want: failed, Encrypt: &Encryption{Plain: plainOf(`<a xmlns="urn:x"/>`)}},
		{Name: "the plaintext is a response", Want: failed, Encrypt: &Encryption{Plain: plainOf(evilResponse("_x", "_y"))}},
		{Name: "the plaintext is two assertions", Want: failed, Encrypt: &Encryption{Plain: func(t string) string { return t + t }}},
		{Name: "the plaintext has a comment", Want: failed, Encrypt: &Encryption{Plain: swap(Person, Person+"<!---->")}},
		{Name: "the plaintext has a document type", Want: failed, Encrypt: &Encryption{Plain: func(t string) string { return "<!DOCTYPE x>" + t }}},
		{Name: "the plaintext is 2,000 levels deep", From: "GHSA-qm2r-qg5g-crr3", Want: failed, Encrypt: &Encryption{Plain: plainOf(strings.Repeat("<a>", 2000) + strings.Repeat("</a>", 2000))}},
		{Name: "the plaintext has an assertion in its Advice", Want: failed, Encrypt: &Encryption{Plain: swap("<saml:AuthnStatement", "<saml:Advice>"+evil("_evil")+"</saml:Advice><saml:AuthnStatement")}},
		{Name: "encryption inside encryption", Want: failed, Encrypt: &Encryption{Plain: func(t string) string { return (&Encryption{}).Assertion(NewLab(), t) }}},
		{Name: "two EncryptedData", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: func(t string) string {
			d := between(t, "<xenc:EncryptedData", "</xenc:EncryptedData>")
			return swap(d, d+d)(t)
		}}},
		{Name: "no EncryptedData", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: cut("<xenc:EncryptedData", "</xenc:EncryptedData>")}},
		{Name: "no EncryptedKey", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: cut("<xenc:EncryptedKey", "</xenc:EncryptedKey>")}},
		{Name: "three EncryptedKeys", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: func(t string) string {
			k := between(t, "<xenc:EncryptedKey", "</xenc:EncryptedKey>")
			return swap(k, k+k+k)(t)
		}}},
		{Name: "no EncryptionMethod", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: swap(`<xenc:EncryptionMethod Algorithm="`+NSEnc11+`aes256-gcm"/>`, "")}},
		{Name: "cipher text by reference", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: swap("<xenc:CipherData><xenc:CipherValue>", `<xenc:CipherData><xenc:CipherReference URI="http://169.254.169.254/"/><xenc:CipherValue>`)}},
		{Name: "something else in EncryptedAssertion", Want: saml.EncryptionShape, Encrypt: &Encryption{Shape: swap("</saml:EncryptedAssertion>", `<x xmlns="urn:x"/></saml:EncryptedAssertion>`)}},
		{Name: "a plain assertion inside EncryptedAssertion", Want: saml.AssertionMisplaced, Encrypt: &Encryption{Shape: swap("</saml:EncryptedAssertion>", evil("_evil")+"</saml:EncryptedAssertion>")}},
		{Name: "two EncryptedAssertions", Want: saml.AssertionSeveral, Sign: SignNothing, Encrypt: &Encryption{}, Post: func(_ *Lab, t string) string {
			e := between(t, "<saml:EncryptedAssertion", "</saml:EncryptedAssertion>")
			return swap(e, e+e)(t)
		}},
	}
}

// rotate is another letter of base64.
func rotate(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}
