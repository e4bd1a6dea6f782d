package samltest

import (
	"fmt"
	"strings"
	"time"

	"grantbridge/saml"
)

const (
	persistent = `Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"`
	theNameID  = `<saml:NameID ` + persistent + `>` + Person + `</saml:NameID>`
	mail       = `<saml:AttributeValue>clara.moreau@example.com</saml:AttributeValue>`
)

func subjectBy(name string) func(*saml.Config) {
	return func(c *saml.Config) { c.Subject.Attribute = name }
}

func form(f saml.GroupForm) func(*saml.Config) {
	return func(c *saml.Config) { c.Groups.Form = f }
}

// identities are well-signed messages for us that do not say who it is.
func identities() []Vector {
	return []Vector{
		{Name: "no NameID", Want: saml.NameIDMissing, Pre: swap(theNameID, "")},
		{Name: "an empty NameID", Want: saml.NameIDEmpty, Pre: swap(Person, "")},
		{Name: "a NameID of blanks", Want: saml.NameIDEmpty, Pre: swap(Person, " \n ")},
		{Name: "two NameIDs", Want: saml.NameIDSeveral, Pre: swap(theNameID, theNameID+strings.Replace(theNameID, Person, evilPerson, 1))},
		{Name: "a NameID with an element inside", Want: saml.MixedContent, Pre: swap(Person, Person+`<x xmlns="urn:x">.evil</x>`)},
		{Name: "a NameID with an element around", Want: saml.MixedContent, Pre: swap(Person, `<x xmlns="urn:x">`+Person+`</x>`)},
		{Name: "a NameID of a soft hyphen", Want: saml.NameIDTooLong, Pre: swap(Person, "\u00ad")},
		{Name: "a NameID of 300 characters", Want: saml.NameIDTooLong, Pre: swap(Person, strings.Repeat("a", 300))},
		{Name: "a NameID with a line end inside", Want: saml.NameIDTooLong, Pre: swap(Person, "a\nb")},
		{Name: "a NameID with a zero-width joiner", Want: saml.NameIDTooLong, Pre: swap(Person, Person+"\u200dx")},
		{Name: "a NameID that is written right to left", Want: saml.NameIDTooLong, Pre: swap(Person, "\u202e"+Person)},
		{Name: "a transient NameID", Want: saml.SubjectTransient, Pre: swap("nameid-format:persistent", "nameid-format:transient")},
		{Name: "an encrypted NameID", Want: saml.EncryptedPart, Pre: swap(theNameID, "<saml:EncryptedID/>")},
		{Name: "a BaseID", Want: saml.UnexpectedElement, Pre: swap(theNameID, "<saml:BaseID/>")},
		{Name: "an encrypted attribute", Want: saml.EncryptedPart, Pre: swap("</saml:AttributeStatement>", "<saml:EncryptedAttribute/></saml:AttributeStatement>")},
		{Name: "an attribute without a Name", Want: saml.AttributeUnnamed, Pre: swap(`Name="mail" `, "")},
		{Name: "an attribute with a blank Name", Want: saml.AttributeUnnamed, Pre: swap(`Name="mail" `, `Name=" " `)},
		{Name: "something else in an AttributeStatement", Want: saml.UnexpectedElement, Pre: swap("</saml:AttributeStatement>", "<saml:NameID>x</saml:NameID></saml:AttributeStatement>")},
		{Name: "text beside elements in an AttributeValue", Want: saml.MixedContent, Pre: swap("clara.moreau@example.com", `clara<x xmlns="urn:x">.evil</x>`)},
		{Name: "the subject attribute is missing", Want: saml.SubjectAttribute, Config: subjectBy("externalId")},
		{Name: "the subject attribute under its FriendlyName", Want: saml.SubjectAttribute, Config: subjectBy("externalId"), Pre: swap(`Name="mail"`, `Name="urn:oid:1" FriendlyName="externalId"`)},
		{Name: "the subject attribute in other letter case", Want: saml.SubjectAttribute, Config: subjectBy("Mail")},
		{Name: "the subject attribute is empty", Want: saml.SubjectAttribute, Config: subjectBy("mail"), Pre: swap("clara.moreau@example.com", "")},
		{Name: "the subject attribute has no value", Want: saml.SubjectAttribute, Config: subjectBy("mail"), Pre: swap(mail, "")},
		{Name: "the subject attribute has two values", Want: saml.SubjectAttributeTwice, Config: subjectBy("mail"), Pre: swap(mail, mail+strings.Replace(mail, "clara", "eve", 1))},
		{Name: "the subject attribute comes twice", Want: saml.SubjectAttributeTwice, Config: subjectBy("mail"), Pre: swap(`<saml:Attribute Name="groups">`, `<saml:Attribute Name="mail">`+mail+`</saml:Attribute><saml:Attribute Name="groups">`)},
		{Name: "the subject attribute is structured", Want: saml.AttributeStructured, Config: subjectBy("mail"), Pre: swap("clara.moreau@example.com", `<id xmlns="urn:x">clara</id>`)},
		{Name: "more attribute values than the limit", Want: saml.AttributesTooMany, Groups: manyGroups(12), Config: with(func(c *saml.Config) { c.Limits.Values = 10 })},
		{Name: "names where distinguished names should be", Want: saml.GroupsMalformed, Config: form(saml.GroupDNs)},
		{Name: "names where paths should be", Want: saml.GroupsMalformed, Config: form(saml.GroupPaths)},
		{Name: "names where object ids should be", Want: saml.GroupsMalformed, Config: form(saml.GroupObjectIDs)},
	}
}

// good are messages that must be accepted: a corpus that is all refusals proves
// little.
func good() []Vector {
	return []Vector{
		{Name: "a signed assertion is accepted"},
		{Name: "a signed response is accepted", Sign: SignResponse},
		{Name: "both signed is accepted", Sign: SignBoth},
		{Name: "both signed is accepted when both must be", Sign: SignBoth, Config: with(func(c *saml.Config) { c.Signed = saml.SignedBoth })},
		{Name: "the identity provider's next key is accepted", By: func(l *Lab, s *Signing) { s.Pair = l.Next }},
		{Name: "no KeyInfo with two keys in the metadata is accepted", By: func(_ *Lab, s *Signing) { s.NoKeyInfo = true }},
		{Name: "no KeyInfo with the next key is accepted", By: func(l *Lab, s *Signing) { s.Pair, s.NoKeyInfo = l.Next, true }},
		{Name: "a stranger's certificate in KeyInfo is ignored", By: func(l *Lab, s *Signing) { s.KeyInfo = certInfo(l.Stranger) }},
		{Name: "a KeyInfo to be fetched is ignored", By: func(_ *Lab, s *Signing) {
			s.KeyInfo = `<ds:KeyInfo><ds:RetrievalMethod URI="http://169.254.169.254/"/></ds:KeyInfo>`
		}},
		{Name: "RSA with SHA-512 is accepted", By: by(more+"rsa-sha512", NSEnc+"sha512")},
		{Name: "RSA with SHA-384 is accepted", By: by(more+"rsa-sha384", more+"sha384")},
		{Name: "ECDSA with r and s in fixed length is accepted", By: func(_ *Lab, s *Signing) { s.Pair, s.Method = ECPair("ec"), more+"ecdsa-sha256" }, Config: with(func(c *saml.Config) {
			c.IdP.Keys = append(c.IdP.Keys, saml.SigningKey{Certificate: ECPair("ec").Certificate})
		})},
		{Name: "an expired certificate is accepted with a warning", Config: with(func(c *saml.Config) {
			c.IdP.Keys = []saml.SigningKey{{Certificate: ExpiredPair(RSAPair("idp", 2048)).Certificate}}
		})},
		{Name: "InclusiveNamespaces is accepted", Groups: []string{}, By: info(swap(exclusive, `<ds:Transform Algorithm="`+ExcC14N+`"><ec:InclusiveNamespaces xmlns:ec="`+ExcC14N+`" PrefixList="xs"/></ds:Transform>`))},
		{Name: "a signature value in lines is accepted", Post: func(_ *Lab, t string) string {
			return swap("<ds:SignatureValue>", "<ds:SignatureValue>\n  ")(t)
		}},
		{Name: "an XML declaration is accepted", Post: func(_ *Lab, t string) string {
			return `<?xml version="1.0" encoding="utf-8" standalone="yes"?>` + "\r\n" + t + "\n"
		}},
		{Name: "base64 in lines is accepted", Encode: func(t string) string {
			e := Encode(t)
			return e[:76] + "\r\n" + e[76:] + "\n"
		}},
		{Name: "a message in lines is accepted", Pre: then(swap("<saml:Subject>", "\n  <saml:Subject>"), swap("<samlp:Status>", "\n<samlp:Status>"))},
		{Name: "references in a group are accepted", Groups: []string{"R&amp;D &lt;core&gt; &#228;&#xdf;", "]]&gt; --&gt; &quot;'"}},
		{Name: "an unsolicited response is accepted when that is on", Pre: unasked, Config: policy(saml.On), Requests: []saml.Request{}},
		{Name: "no Issuer of the response is accepted", Pre: swap(`<saml:Issuer>`+IdPEntity+`</saml:Issuer><samlp:Status>`, `<samlp:Status>`)},
		{Name: "no Destination on an unsigned response is accepted", Pre: swap(`Destination="`+ACS+`"`, ``)},
		{Name: "two audiences in one restriction, ours first, is accepted", Pre: swap(audience, audience+"<saml:Audience>"+other+"</saml:Audience>")},
		{Name: "two audiences in one restriction, ours last, is accepted", Pre: swap(audience, "<saml:Audience>"+other+"</saml:Audience>"+audience)},
		{Name: "two restrictions that both name us are accepted", Pre: swap(restricted, restricted+restricted)},
		{Name: "two confirmations, only the second ours, is accepted", Pre: swap("<saml:SubjectConfirmation ", `<saml:SubjectConfirmation `+bearer+`><saml:SubjectConfirmationData Recipient="`+other+`" `+notOnOrAfter(validUntil)+`/></saml:SubjectConfirmation><saml:SubjectConfirmation `)},
		{Name: "OneTimeUse and ProxyRestriction are accepted", Pre: swap(restricted, restricted+`<saml:OneTimeUse/><saml:ProxyRestriction Count="0"/>`)},
		{Name: "issued at the edge of the future is accepted", Pre: issueAt(60 * time.Second)},
		{Name: "issued at the edge of the past is accepted", Pre: issueAt(-360 * time.Second)},
		{Name: "issued two minutes ago is accepted", Pre: issueAt(-2 * time.Minute)},
		{Name: "not valid yet within the skew is accepted", Pre: swap(`NotBefore="`+stamp(Now.Add(-time.Minute)), `NotBefore="`+stamp(Now.Add(60*time.Second)))},
		{Name: "expired within the skew is accepted", Pre: swap(confirmOld, notOnOrAfter(stamp(Now.Add(-59*time.Second)))+` Recipient`)},
		{Name: "an end in the year 9999 is accepted", Pre: swap(conditionOf, notOnOrAfter("9999-12-31T23:59:59Z")+`><saml:AudienceRestriction>`)},
		{Name: "milliseconds and an offset are accepted", Pre: swap(`NotBefore="`+stamp(Now.Add(-time.Minute)), `NotBefore="2026-11-23T09:59:00.123+01:00`)},
		{Name: "an answer just before its request's end is accepted", Requests: []saml.Request{{ID: RequestID, Source: "okta", IssuedAt: Now.Add(-14 * time.Minute), Expires: Now.Add(time.Second)}}},
		{Name: "a fresh sign-in is accepted under ForceAuthn", Requests: []saml.Request{forced()}},
		{Name: "an old sign-in is accepted when nobody asked", Pre: signedInBefore(30 * 24 * time.Hour)},
		{Name: "one of the methods asked for is accepted", Config: with(func(c *saml.Config) { c.AuthnContext = []string{mfa, password} })},
		{Name: "a transient NameID is accepted when an attribute is the subject", Config: subjectBy("uid"), Pre: then(swap("nameid-format:persistent", "nameid-format:transient"), swap(`Name="mail"`, `Name="uid"`), swap("clara.moreau@example.com", Person))},
		{Name: "structured attribute values are accepted", Pre: swap("clara.moreau@example.com", `<id xmlns="urn:x">1</id><name xmlns="urn:x">clara</name>`)},
		{Name: "980 groups are accepted", Groups: shortGroups(980)},
		{Name: "980 groups with the signature at the end are accepted", Groups: shortGroups(980), Post: func(_ *Lab, t string) string {
			sig := theSignature(t)
			return then(swap(sig, ""), swap("</saml:Assertion>", sig+"</saml:Assertion>"))(t)
		}},
		{Name: "960 groups in an attribute each, both signed, are accepted", Sign: SignBoth, Groups: []string{}, Pre: swap("</saml:AttributeStatement>",
			repeat(960, func(i int) string {
				return fmt.Sprintf(`<saml:Attribute Name="Role"><saml:AttributeValue>%d</saml:AttributeValue></saml:Attribute>`, i)
			})+"</saml:AttributeStatement>")},
		{Name: "CRLF between elements is accepted", Pre: swap("<saml:Subject>", "\n<saml:Subject>"), Post: after(swap("\n<saml:Subject>", "\r\n<saml:Subject>"))},
	}
}
