package samltest

import (
	"strings"

	"grantbridge/saml"
)

// wrapping are signature wrapping attacks (XSW 1–8 of Somorovsky et al. 2012,
// and what came after): the signed part stays whole, another part is offered to
// the reader.
func wrapping() []Vector {
	return []Vector{
		{Name: "XSW1: a forged response carries the signed one in its signature", Sign: SignResponse, Want: saml.UnexpectedElement, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			inner := strings.Replace(t, sig, "", 1)
			return swap("</saml:Issuer>", "</saml:Issuer>"+strings.Replace(sig, "</ds:Signature>", "<ds:Object>"+inner+"</ds:Object></ds:Signature>", 1))(evilResponse("_evil", "_evil2"))
		}},
		{Name: "XSW2: a forged response carries the signed one beside a detached signature", Sign: SignResponse, Want: saml.UnexpectedElement, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			inner := strings.Replace(t, sig, "", 1)
			return swap("</saml:Issuer>", "</saml:Issuer>"+sig+inner)(evilResponse("_evil", "_evil2"))
		}},
		{Name: "XSW3: a forged assertion before the signed one", Want: saml.AssertionSeveral, From: "CVE-2022-41912", Post: func(_ *Lab, t string) string {
			return swap(theAssertion(t), evil("_evil")+theAssertion(t))(t)
		}},
		{Name: "a forged assertion after the signed one", Want: saml.AssertionSeveral, From: "CVE-2022-41912", Post: func(_ *Lab, t string) string {
			return swap(theAssertion(t), theAssertion(t)+evil("_evil"))(t)
		}},
		{Name: "XSW4: a forged assertion around the signed one", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			return swap(theAssertion(t), swap("</saml:Assertion>", theAssertion(t)+"</saml:Assertion>")(evil("_evil")))(t)
		}},
		{Name: "XSW5: the signed assertion changed, its original at the end of the response", Want: saml.AssertionSeveral, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			original := strings.Replace(theAssertion(t), sig, "", 1)
			forged := swap("</saml:Issuer>", "</saml:Issuer>"+sig)(evil("_evil"))
			return swap(theAssertion(t), forged+original)(t)
		}},
		{Name: "XSW6: the original assertion in the signature of the forged one", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			original := strings.Replace(theAssertion(t), sig, "", 1)
			forged := swap("</saml:Issuer>", "</saml:Issuer>"+strings.Replace(sig, "</ds:Signature>", original+"</ds:Signature>", 1))(evil("_evil"))
			return swap(theAssertion(t), forged)(t)
		}},
		{Name: "XSW7: a forged assertion with the same ID in Extensions", Want: saml.IDDuplicate, Post: func(_ *Lab, t string) string {
			return swap("<samlp:Status>", "<samlp:Extensions>"+evil(AssertID)+"</samlp:Extensions><samlp:Status>")(t)
		}},
		{Name: "a forged assertion with another ID in Extensions", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			return swap("<samlp:Status>", "<samlp:Extensions>"+evil("_evil")+"</samlp:Extensions><samlp:Status>")(t)
		}},
		{Name: "the signed assertion in Extensions, a forged one in its place", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			return then(swap(theAssertion(t), evil("_evil")), swap("<samlp:Status>", "<samlp:Extensions>"+theAssertion(t)+"</samlp:Extensions><samlp:Status>"))(t)
		}},
		{Name: "XSW8: the original in an Object of the forged assertion's signature", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			original := strings.Replace(theAssertion(t), sig, "", 1)
			forged := swap("</saml:Issuer>", "</saml:Issuer>"+strings.Replace(sig, "</ds:Signature>", "<ds:Object>"+original+"</ds:Object></ds:Signature>", 1))(evil("_evil"))
			return swap(theAssertion(t), forged)(t)
		}},
		{Name: "XSW8 with the same ID", Want: saml.IDDuplicate, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			original := strings.Replace(theAssertion(t), sig, "", 1)
			forged := swap("</saml:Issuer>", "</saml:Issuer>"+strings.Replace(sig, "</ds:Signature>", "<ds:Object>"+original+"</ds:Object></ds:Signature>", 1))(evil(AssertID))
			return swap(theAssertion(t), forged)(t)
		}},
		{Name: "the signed assertion in the Advice of a forged one", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			return swap(theAssertion(t), swap("<saml:AuthnStatement", "<saml:Advice>"+theAssertion(t)+"</saml:Advice><saml:AuthnStatement")(evil("_evil")))(t)
		}},
		{Name: "a forged assertion in the Advice of the signed one, signed with it", Want: saml.AssertionMisplaced, Pre: swap("<saml:AuthnStatement", "<saml:Advice>"+evil("_evil")+"</saml:Advice><saml:AuthnStatement")},
		{Name: "the signed assertion in StatusDetail, a forged one in its place", Want: saml.AssertionMisplaced, From: "CVE-2024-45409", Post: func(_ *Lab, t string) string {
			return then(swap(theAssertion(t), evil("_evil")), swap("</samlp:Status>", "<samlp:StatusDetail>"+theAssertion(t)+"</samlp:StatusDetail></samlp:Status>"))(t)
		}},
		{Name: "the signed assertion inside an attribute value of a forged one", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			return swap(theAssertion(t), swap("clara.moreau@example.com", theAssertion(t))(evil("_evil")))(t)
		}},
		{Name: "the signed assertion in SubjectConfirmationData of a forged one", Want: saml.AssertionMisplaced, Post: func(_ *Lab, t string) string {
			return swap(theAssertion(t), swap(`Recipient="`+ACS+`"/>`, `Recipient="`+ACS+`">`+theAssertion(t)+`</saml:SubjectConfirmationData>`)(evil("_evil")))(t)
		}},
		{Name: "two signed assertions of two people", Want: saml.AssertionSeveral, Post: func(l *Lab, t string) string {
			doc := Parse(Response(strings.NewReplacer(Person, "G-second", AssertID, "_second").Replace(Assertion())))
			Signing{Pair: l.IdP}.Sign(doc, "_second")
			return swap(theAssertion(t), theAssertion(Text(doc))+theAssertion(t))(t)
		}},
		{Name: "two assertions in a signed response", Sign: SignResponse, Want: saml.AssertionSeveral, Pre: func(t string) string {
			return swap(theAssertion(t), theAssertion(t)+evil("_second"))(t)
		}},
		{Name: "an encrypted assertion before a signed plain one", Want: saml.AssertionSeveral, From: "CVE-2026-2092", Post: func(l *Lab, t string) string {
			return swap(theAssertion(t), (&Encryption{}).Assertion(l, evil("_evil"))+theAssertion(t))(t)
		}},
		{Name: "an encrypted assertion after a signed plain one", Want: saml.AssertionSeveral, From: "CVE-2026-2092", Post: func(l *Lab, t string) string {
			return swap(theAssertion(t), theAssertion(t)+(&Encryption{}).Assertion(l, evil("_evil")))(t)
		}},
		{Name: "the signature of the assertion moved to the response", Want: saml.SignatureReference, From: "CVE-2024-8698", Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			return then(swap(sig, ""), swap("<samlp:Status>", sig+"<samlp:Status>"))(t)
		}},
		{Name: "the signature of the response moved into the assertion", Sign: SignResponse, Want: saml.SignatureReference, From: "CVE-2024-8698", Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			return then(swap(sig, ""), swap("<saml:Subject>", sig+"<saml:Subject>"))(t)
		}},
		{Name: "a signature in Status", Want: saml.SignatureMisplaced, Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			return then(swap(sig, ""), swap("</samlp:Status>", "<samlp:StatusDetail>"+sig+"</samlp:StatusDetail></samlp:Status>"))(t)
		}},
		{Name: "a DigestValue smuggled into StatusDetail", Want: saml.SignatureShape, From: "CVE-2024-45409", Post: after(
			swap("</samlp:Status>", `<samlp:StatusDetail><DigestValue xmlns="`+NSDSig+`">AAAA</DigestValue></samlp:StatusDetail></samlp:Status>`))},
		{Name: "a Response inside Extensions", Want: saml.UnexpectedElement, Post: after(
			swap("<samlp:Status>", `<samlp:Extensions>`+evilResponse("_evil", "_evil2")+`</samlp:Extensions><samlp:Status>`))},
		{Name: "a forged response around the signed response", Sign: SignResponse, Want: saml.UnexpectedElement, Post: func(_ *Lab, t string) string {
			return swap("<samlp:Status>", t+"<samlp:Status>")(evilResponse("_evil", "_evil2"))
		}},
		{Name: "an Assertion in another namespace before the signed one", Want: saml.NamespaceConfusion, From: "CVE-2025-25291", Post: func(_ *Lab, t string) string {
			other := strings.Replace(evil("_evil"), NSAssertion, "urn:oasis:names:tc:SAML:1.0:assertion", 1)
			return swap(theAssertion(t), other+theAssertion(t))(t)
		}},
		{Name: "a Signature in another namespace before the real one", Want: saml.NamespaceConfusion, From: "CVE-2024-47832", Post: after(
			swap("<ds:Signature ", `<Signature xmlns="urn:other"><SignedInfo/></Signature><ds:Signature `))},
		{Name: "the prefix of SAML redeclared inside the signed assertion", Want: saml.NamespaceConfusion, From: "CVE-2024-47832", Pre: swap(
			"<saml:Subject>", `<saml:Subject xmlns:saml="urn:other">`)},
	}
}
