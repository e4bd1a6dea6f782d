package samltest

import (
	"fmt"
	"strings"

	"grantbridge/saml"
)

// raw is a form value that is not the base64 of the document.
func raw(value string) func(string) string { return func(string) string { return value } }

// repeat is n times what f makes of the number.
func repeat(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// junk is a document that has nothing of SAML but its root.
func junk(inside string) func(*Lab, string) string {
	return func(*Lab, string) string {
		return `<samlp:Response xmlns:samlp="` + NSProtocol + `" ID="_a" Version="2.0">` + inside + `</samlp:Response>`
	}
}

// input are messages that end before their meaning is looked at.
func input() []Vector {
	v := []Vector{
		{Name: "an empty form value", Want: saml.ResponseMissing, Encode: raw("")},
		{Name: "a form value of blanks", Want: saml.ResponseMissing, Encode: raw(" \r\n ")},
		{Name: "a form value that is not base64", Want: saml.InputBase64, Encode: raw("<samlp:Response/>")},
		{Name: "base64 of the URL alphabet", Want: saml.InputBase64, Encode: raw("PHg-_w==")},
		{Name: "base64 without padding", Want: saml.InputBase64, Encode: raw("PHg+PC94Pg")},
		{Name: "base64 with bits left over", Want: saml.InputBase64, Encode: raw("PHg+PC94Ph==")},
		{Name: "a megabyte of base64", Want: saml.InputTooLarge, Encode: raw(strings.Repeat("QUFB", 256<<10))},
		{Name: "a megabyte of blanks around a message", Want: saml.InputTooLarge, Encode: func(t string) string { return Encode(t) + strings.Repeat("\n", 1<<20) }},
		{Name: "300 KiB of XML in one text", Want: saml.InputTooLarge, Sign: SignNothing, Post: junk(strings.Repeat("a", 300<<10))},
		{Name: "an empty document", Want: saml.XMLMalformed, Encode: raw("ICA=")},
		{Name: "a text without XML", Want: saml.XMLMalformed, Sign: SignNothing, Post: func(*Lab, string) string { return "hello" }},
		{Name: "a deflated message on the POST binding", Want: saml.XMLEncoding, Sign: SignNothing, Post: func(_ *Lab, t string) string { return string(Deflate(t)) }},
		{Name: "UTF-16 with a byte order mark", Want: saml.XMLEncoding, Post: func(_ *Lab, t string) string { return utf16le("\ufeff" + t) }},
		{Name: "UTF-16 without a byte order mark", Want: saml.XMLEncoding, Post: func(_ *Lab, t string) string { return utf16le(t) }},
		{Name: "UTF-8 with a byte order mark", Want: saml.XMLEncoding, Post: func(_ *Lab, t string) string { return "\ufeff" + t }},
		{Name: "a declaration of UTF-7", Want: saml.XMLEncoding, Post: func(_ *Lab, t string) string { return `<?xml version="1.0" encoding="UTF-7"?>` + t }},
		{Name: "a declaration of UTF-16 on UTF-8", Want: saml.XMLEncoding, Post: func(_ *Lab, t string) string { return `<?xml version="1.0" encoding="UTF-16"?>` + t }},
		{Name: "a declaration of ISO-8859-1", Want: saml.XMLEncoding, Post: func(_ *Lab, t string) string { return `<?xml version="1.0" encoding="ISO-8859-1"?>` + t }},
		{Name: "XML 1.1", Want: saml.XMLMalformed, Post: func(_ *Lab, t string) string { return `<?xml version="1.1"?>` + t }},
		{Name: "a byte that is not UTF-8", Want: saml.XMLEncoding, Post: after(swap(Person, Person+"\xff"))},
		{Name: "an overlong encoding of <", Want: saml.XMLEncoding, Post: after(swap(Person, Person+"\xc0\xbc"))},
		{Name: "a NUL byte", Want: saml.XMLCharacter, Post: after(swap(Person, Person+"\x00"))},
		{Name: "a NUL as a reference", Want: saml.XMLEntity, Post: after(swap(Person, Person+"&#0;"))},
		{Name: "a control character as a reference", Want: saml.XMLEntity, Post: after(swap(Person, Person+"&#x1;"))},
		{Name: "a surrogate as a reference", Want: saml.XMLEntity, Post: after(swap(Person, Person+"&#xD800;"))},
		{Name: "a reference beyond Unicode", Want: saml.XMLEntity, Post: after(swap(Person, Person+"&#x110000;"))},
		{Name: "U+FFFF in the text", Want: saml.XMLCharacter, Post: after(swap(Person, Person+"\uffff"))},
		{Name: "a document type without entities", Want: saml.XMLDoctype, Post: func(_ *Lab, t string) string { return `<!DOCTYPE Response>` + t }},
		{Name: "an internal entity", Want: saml.XMLDoctype, From: "CVE-2025-25291", Post: func(_ *Lab, t string) string {
			return `<!DOCTYPE r [<!ENTITY who "` + evilPerson + `">]>` + swap(Person, "&who;")(t)
		}},
		{Name: "an external entity", Want: saml.XMLDoctype, Post: func(_ *Lab, t string) string {
			return `<!DOCTYPE r [<!ENTITY who SYSTEM "file:///etc/passwd">]>` + swap(Person, "&who;")(t)
		}},
		{Name: "a parameter entity", Want: saml.XMLDoctype, Post: func(_ *Lab, t string) string {
			return `<!DOCTYPE r [<!ENTITY % x SYSTEM "http://169.254.169.254/">%x;]>` + t
		}},
		{Name: "a billion laughs", Want: saml.XMLDoctype, Post: func(_ *Lab, t string) string {
			return `<!DOCTYPE r [<!ENTITY a0 "ha">` + repeat(30, func(i int) string { return fmt.Sprintf(`<!ENTITY a%d "&a%d;&a%d;">`, i+1, i, i) }) + `]>` + swap(Person, "&a30;")(t)
		}},
		{Name: "a document type in the middle", Want: saml.XMLDoctype, Post: after(swap("<samlp:Status>", `<!DOCTYPE x><samlp:Status>`))},
		{Name: "an entity that is declared nowhere", Want: saml.XMLEntity, Post: after(swap(Person, Person+"&nbsp;"))},
		{Name: "an ampersand by itself", Want: saml.XMLEntity, Post: after(swap(Person, Person+" & Co"))},
		{Name: "a comment inside NameID, after signing", Want: saml.XMLComment, From: "CVE-2017-11427", Post: after(swap(Person, Person[:4]+"<!-- -->"+Person[4:]))},
		{Name: "a comment inside NameID that is signed over", Want: saml.XMLComment, From: "CVE-2018-0489", Pre: swap(Person, Person+"<!---->.evil.example")},
		{Name: "a comment inside Audience", Want: saml.XMLComment, Post: after(swap(Entity+"</saml:Audience>", Entity+"<!---->.evil.example</saml:Audience>"))},
		{Name: "a comment inside Issuer", Want: saml.XMLComment, Post: after(swap(IdPEntity+"</saml:Issuer>", IdPEntity+"<!---->x</saml:Issuer>"))},
		{Name: "a comment inside a group", Want: saml.XMLComment, Post: after(swap("Analysts", "Analysts<!---->-Readers"))},
		{Name: "a comment inside DigestValue", Want: saml.XMLComment, From: "CVE-2025-29775", Post: after(swap("<ds:DigestValue>", "<ds:DigestValue><!--AAAA-->"))},
		{Name: "a comment before the root", Want: saml.XMLComment, Post: func(_ *Lab, t string) string { return "<!-- hello -->" + t }},
		{Name: "CDATA inside NameID", Want: saml.XMLCDATA, Post: after(swap(Person, "<![CDATA["+Person+"]]>"))},
		{Name: "a processing instruction inside the assertion", Want: saml.XMLInstruction, Post: after(swap("<saml:Subject>", "<?x y?><saml:Subject>"))},
		{Name: "a processing instruction inside NameID, signed over", Want: saml.XMLInstruction, Pre: swap(Person, Person+"<?x?>.evil")},
		{Name: "a style sheet before the root", Want: saml.XMLInstruction, Post: func(_ *Lab, t string) string { return `<?xml-stylesheet href="x"?>` + t }},
		{Name: "an XML declaration in the middle", Want: saml.XMLInstruction, Post: after(swap("<samlp:Status>", `<?xml version="1.0"?><samlp:Status>`))},
		{Name: "two roots", Want: saml.XMLTrailing, Post: func(_ *Lab, t string) string { return t + evilResponse("_evil", "_evil2") }},
		{Name: "two roots, the forged one first", Want: saml.XMLTrailing, Post: func(_ *Lab, t string) string { return evilResponse("_evil", "_evil2") + t }},
		{Name: "text after the root", Want: saml.XMLTrailing, Post: func(_ *Lab, t string) string { return t + "x" }},
		{Name: "a comment after the root", Want: saml.XMLComment, Post: func(_ *Lab, t string) string { return t + "<!--x-->" }},
		{Name: "an end tag that is not the start tag's", Want: saml.XMLMalformed, Post: after(swap("</saml:NameID>", "</saml:nameid>"))},
		{Name: "an end tag with another prefix of the namespace", Want: saml.XMLMalformed, From: "CVE-2020-29511", Post: after(swap("</saml:NameID>", "</samlp:NameID>"))},
		{Name: "a missing end", Want: saml.XMLMalformed, Post: after(swap("</samlp:Response>", ""))},
		{Name: "an attribute without quotes", Want: saml.XMLMalformed, Post: after(swap(`Version="2.0"`, `Version=2.0`))},
		{Name: "a < inside an attribute", Want: saml.XMLMalformed, Post: after(swap(`Version="2.0"`, `Version="<2.0"`))},
		{Name: "]]> inside the text", Want: saml.XMLMalformed, From: "GHSA-2mj8-7fmf-pr7x", Post: after(swap(Person, Person+"]]>"))},
		{Name: "a name with two colons", Want: saml.XMLMalformed, From: "CVE-2020-29509", Post: after(swap("<saml:NameID ", "<saml:x:NameID "))},
		{Name: "an attribute with an empty prefix", Want: saml.XMLMalformed, From: "CVE-2020-29509", Post: after(swap(` Version="2.0"`, ` :Version="2.0" Version="2.0"`))},
		{Name: "an element with an empty name", Want: saml.XMLMalformed, From: "CVE-2020-29511", Post: after(swap("<saml:NameID ", "<saml: "))},
		{Name: "an XInclude", Want: saml.UnexpectedElement, Post: after(swap("<samlp:Status>", `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><samlp:Status>`))},
		{Name: "one ID on response and assertion", Want: saml.IDDuplicate, Post: after(swap(ResponseID, AssertID))},
		{Name: "the assertion's ID on a second element in AttributeValue", Want: saml.IDDuplicate, Post: after(swap("clara.moreau@example.com", `<x xmlns="urn:x" Id="`+AssertID+`"/>`))},
		{Name: "an ID with a number in front", Want: saml.IDMalformed, Pre: swap(AssertID, "1"+AssertID), Sign: SignResponse},
		{Name: "an ID with XPath in it", Want: saml.IDMalformed, Pre: swap(AssertID, "x&apos;] | //*[@x=&apos;"), Sign: SignResponse},
		{Name: "an empty ID", Want: saml.IDMalformed, Pre: swap(`ID="`+AssertID+`"`, `ID=""`), Sign: SignResponse},
		{Name: "x:ID beside ID", Want: saml.IDPolluted, From: "CVE-2025-66568", Post: after(swap(`ID="`+AssertID, `samlp:ID="_evil" ID="`+AssertID))},
		{Name: "xml:id beside ID", Want: saml.IDPolluted, Post: after(swap(`ID="`+AssertID, `xml:id="_evil" ID="`+AssertID))},
		{Name: "Id beside ID", Want: saml.IDPolluted, Post: after(swap(`ID="`+AssertID, `Id="_evil" ID="`+AssertID))},
		{Name: "id instead of ID", Want: saml.IDPolluted, Pre: swap(`ID="`+AssertID, `id="`+AssertID), Sign: SignResponse},
		{Name: "an attribute twice", Want: saml.XMLAttributeTwice, Post: after(swap(`ID="`+AssertID, `ID="_evil" ID="`+AssertID))},
		{Name: "an attribute twice by two prefixes", Want: saml.XMLAttributeTwice, Post: after(swap(` Version="2.0"`, ` xmlns:a="urn:a" xmlns:b="urn:a" a:x="1" b:x="2" Version="2.0"`))},
		{Name: "a prefix declared twice", Want: saml.XMLAttributeTwice, Post: after(swap(` Version="2.0"`, ` xmlns:a="urn:a" xmlns:a="urn:b" Version="2.0"`))},
		{Name: "an undeclared prefix", Want: saml.XMLNamespace, Post: after(swap(`<samlp:Status>`, `<nope:x/><samlp:Status>`))},
		{Name: "an attribute with an undeclared prefix", Want: saml.XMLNamespace, Post: after(swap(` Version="2.0"`, ` nope:x="1" Version="2.0"`))},
		{Name: "a relative namespace", Want: saml.XMLNamespace, From: "CVE-2025-66567", Post: after(swap(` Version="2.0"`, ` xmlns:ns="1" Version="2.0"`))},
		{Name: "a relative default namespace", Want: saml.XMLNamespace, From: "CVE-2025-66567", Post: after(swap(` Version="2.0"`, ` xmlns="./x" Version="2.0"`))},
		{Name: "an emptied prefix", Want: saml.XMLNamespace, Post: after(swap(` Version="2.0"`, ` xmlns:x="" Version="2.0"`))},
		{Name: "the xml prefix redeclared", Want: saml.XMLNamespace, Post: after(swap(` Version="2.0"`, ` xmlns:xml="urn:x" Version="2.0"`))},
		{Name: "the xmlns prefix redeclared", Want: saml.XMLNamespace, Post: after(swap(` Version="2.0"`, ` xmlns:xmlns="urn:x" Version="2.0"`))},
		{Name: "the xmlns namespace under another prefix", Want: saml.XMLNamespace, Post: after(swap(` Version="2.0"`, ` xmlns:x="http://www.w3.org/2000/xmlns/" Version="2.0"`))},
		{Name: "an element with the xmlns prefix", Want: saml.XMLNamespace, Post: after(swap(`<samlp:Status>`, `<xmlns:x/><samlp:Status>`))},
		{Name: "80 levels of elements", Want: saml.XMLTooDeep, Sign: SignNothing, Post: junk(strings.Repeat("<a>", 80) + strings.Repeat("</a>", 80))},
		{Name: "2,000 levels of elements", From: "GHSA-qm2r-qg5g-crr3", Want: saml.XMLTooDeep, Sign: SignNothing, Post: junk(strings.Repeat("<a>", 2000) + strings.Repeat("</a>", 2000))},
		{Name: "140 KB of levels without ends", Want: saml.XMLTooDeep, Sign: SignNothing, Post: junk(strings.Repeat("<a>", 46000))},
		{Name: "20,000 elements side by side", Want: saml.XMLElements, Sign: SignNothing, Post: junk(strings.Repeat("<a/>", 20000))},
		{Name: "2,000 groups", Want: saml.XMLElements, Sign: SignNothing, Pre: swap(`<saml:Attribute Name="groups">`, `<saml:Attribute Name="groups">`+strings.Repeat(`<saml:AttributeValue>Analysts</saml:AttributeValue>`, 2000))},
		{Name: "1,000 attributes on one element", Want: saml.XMLAttributes, Sign: SignNothing, Post: junk("<a" + repeat(1000, func(i int) string { return fmt.Sprintf(` a%d=""`, i) }) + "/>")},
		{Name: "1,000 namespaces on one element", Want: saml.XMLPrefixes, Sign: SignNothing, Post: junk("<a" + repeat(1000, func(i int) string { return fmt.Sprintf(` xmlns:a%d="urn:%d"`, i, i) }) + "/>")},
		{Name: "namespaces that add up over levels", From: "GHSA-qhrp-hfff-vphr", Want: saml.XMLPrefixes, Sign: SignNothing, Post: junk(repeat(20, func(i int) string { return fmt.Sprintf(`<a xmlns:a%d="urn:a" xmlns:b%d="urn:b">`, i, i) }))},
		{Name: "187 KB of nested namespaces under a fake signature", From: "GHSA-qhrp-hfff-vphr", Want: saml.XMLTooDeep, Sign: SignNothing, Post: junk(
			repeat(5000, func(i int) string { return fmt.Sprintf(`<a xmlns:n%d="urn:n">`, i) }) + strings.Repeat("</a>", 5000))},
		{Name: "200 KB in one attribute", Want: saml.SignatureMissing, Sign: SignNothing, Post: after(swap("<samlp:Status>", `<samlp:Extensions><x xmlns="urn:x" a="`+strings.Repeat("a", 200<<10)+`"/></samlp:Extensions><samlp:Status>`))},
	}
	return v
}

func manyGroups(n int) []string {
	g := make([]string, n)
	for i := range g {
		g[i] = fmt.Sprintf("Department %04d – Region Europe", i)
	}
	return g
}

func shortGroups(n int) []string {
	g := make([]string, n)
	for i := range g {
		g[i] = fmt.Sprint(i)
	}
	return g
}

func utf16le(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
		b.WriteByte(byte(r >> 8))
	}
	return b.String()
}
