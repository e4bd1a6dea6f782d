package samltest

import (
	"time"

	"grantbridge/saml"
)

// Vector is one message, with what must become of it.
type Vector struct {
	Name string // a sentence
	From string // the advisory or document that it is from, when there is one
	Want saml.Reason
	// The message is made in this order: the good one is edited, encrypted and
	// signed, then edited again, then encoded.
	Pre     func(text string) string
	Sign    Signer // default Assertion
	By      func(l *Lab, s *Signing)
	Encrypt *Encryption
	Post    func(l *Lab, text string) string
	Encode  func(text string) string

	Config   func(*saml.Config)
	Requests []saml.Request // default Requests()
	At       time.Duration  // when it comes, after Now
	Groups   []string
}

// Signer says what of a message is signed.
type Signer uint8

// What is signed.
const (
	SignAssertion Signer = iota
	SignResponse
	SignBoth
	SignNothing
)

// Document is the vector's message as XML.
func (v Vector) Document(l *Lab) string {
	groups := v.Groups
	if groups == nil {
		groups = []string{"Analysts", "Marketing EMEA"}
	}
	text := Response(Assertion(groups...))
	if v.Pre != nil {
		text = v.Pre(text)
	}
	s := Signing{Pair: l.IdP}
	if v.By != nil {
		v.By(l, &s)
	}
	if v.Sign != SignNothing || v.Encrypt != nil {
		doc := Parse(text)
		if v.Sign == SignAssertion || v.Sign == SignBoth {
			s.Sign(doc, AssertID)
		}
		if v.Encrypt != nil {
			v.Encrypt.apply(l, doc)
		}
		if v.Sign == SignResponse || v.Sign == SignBoth {
			s.Sign(doc, ResponseID)
		}
		text = Text(doc)
	}
	if v.Post != nil {
		text = v.Post(l, text)
	}
	return text
}

// Message is the vector's message as the form of the ACS has it.
func (v Vector) Message(l *Lab) string {
	text := v.Document(l)
	if v.Encode != nil {
		return v.Encode(text)
	}
	return Encode(text)
}

// Waiting are the requests that wait for the vector's message.
func (v Vector) Waiting() []saml.Request {
	if v.Requests != nil {
		return v.Requests
	}
	return Requests()
}
