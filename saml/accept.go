package saml

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beevik/etree"
)

// Request is an AuthnRequest that waits for its answer. Keep it on the server,
// bound to the browser; every field is needed to judge the answer.
type Request struct {
	ID       string
	Source   string
	IssuedAt time.Time
	Expires  time.Time
	// What was asked for, and is verified in the answer.
	ForceAuthn   bool
	AuthnContext []string
}

// Accept judges a SAMLResponse as the form of the ACS has it. The expected
// requests are those that may be answered: usually the one that RelayState
// stands for. What it accepts, it has spent: the same answer is never accepted
// again, on any replica that shares the replay store. Exactly one of the results
// is nil.
func (p *Provider) Accept(ctx context.Context, encoded string, expected []Request, replay Replay, now time.Time) (*Identity, *Rejection) {
	id, r := p.Judge(encoded, expected, now)
	if r != nil {
		return nil, r
	}
	if r := spend(ctx, replay, p.Tickets(id), now); r != nil {
		return nil, r
	}
	return id, nil
}

// Judge is Accept without spending: a pure function. It is for a test connection
// that must create nothing, and for a caller who spends Tickets in the same
// transaction as what the sign-in writes. Until they are spent, the identity
// must not become a session.
func (p *Provider) Judge(encoded string, expected []Request, now time.Time) (id *Identity, r *Rejection) {
	defer fence(&r, func() { id = nil })
	if r := p.open(now); r != nil {
		return nil, r
	}
	doc, r := p.decode(encoded, ResponseMissing)
	if r != nil {
		return nil, r
	}
	return judge{p, expected, now}.response(doc)
}

// InResponseTo is the request that a SAMLResponse says to answer, for looking up
// the expected Request when RelayState was lost. It proves nothing, and is empty
// when the response is unsolicited.
func (p *Provider) InResponseTo(encoded string) (id string, r *Rejection) {
	defer fence(&r, func() { id = "" })
	if p == nil {
		return "", p.open(time.Time{})
	}
	doc, r := p.decode(encoded, ResponseMissing)
	if r != nil {
		return "", r
	}
	root, r := scan(doc, p.c.Limits)
	if r != nil {
		return "", r
	}
	if !root.is(nsProtocol, "Response") {
		return "", reject(NotAResponse, "a SAML 2.0 Response", root.name+" of "+root.space)
	}
	return root.attrOr("InResponseTo", ""), nil
}

// fence turns a panic of a library into a rejection: an attacker's message must
// not decide what this program logs.
func fence(r **Rejection, clear func()) {
	if v := recover(); v != nil {
		clear()
		*r = reject(InternalError, "a judgement", "a defect")
		(*r).Cause = fmt.Errorf("panic: %v", v)
	}
}

// decode is the input stage: base64 within limits.
func (p *Provider) decode(encoded string, missing Reason) (string, *Rejection) {
	if isBlank(encoded) {
		return "", reject(missing, "a message", "nothing")
	}
	if len(encoded) > p.c.Limits.Encoded {
		return "", reject(InputTooLarge, decimal(p.c.Limits.Encoded)+" bytes at most", decimal(len(encoded)))
	}
	if size := len(encoded) / 4 * 3; size > p.c.Limits.XML+p.c.Limits.XML/8 {
		return "", reject(InputTooLarge, decimal(p.c.Limits.XML)+" bytes of XML at most", "about "+decimal(size))
	}
	raw, ok := decodeBase64(encoded)
	if !ok {
		return "", reject(InputBase64, "base64", "something else")
	}
	return string(raw), nil
}

// response is the pipeline from XML to identity.
func (j judge) response(doc string) (*Identity, *Rejection) {
	root, r := scan(doc, j.c.Limits)
	if r != nil {
		return nil, r
	}
	m, r := structure(root)
	if r != nil {
		return nil, r
	}
	// What is cheap is refused before anything is canonicalised. It is only
	// ever a reason to refuse: everything that counts is read again below.
	req, r := j.outside(m)
	if r != nil {
		return nil, r
	}
	signed, r := j.verified(doc, m)
	if r != nil {
		return nil, r
	}
	return j.inside(signed, req)
}

// outside checks the response around the assertion. When it is signed, it was
// read from what verified then compares with the signed bytes.
func (j judge) outside(m message) (request, *Rejection) {
	if r := j.issued(m.response, false); r != nil {
		return request{}, r
	}
	signed := m.response.child(nsDSig, "Signature") != nil
	if r := destination(m.response, j.c.ACS, signed); r != nil {
		return request{}, r
	}
	return j.answers(m.response)
}

// inside checks the assertion, as it was signed, and reads the identity.
func (j judge) inside(s signedAssertion, req request) (*Identity, *Rejection) {
	a := s.node
	if r := assertionShape(a); r != nil {
		return nil, r
	}
	if r := j.issued(a, true); r != nil {
		return nil, r
	}
	if r := j.conditions(a); r != nil {
		return nil, r
	}
	subject := a.child(nsAssertion, "Subject")
	if subject == nil {
		return nil, reject(SubjectMissing, "a Subject", "none")
	}
	if r := j.confirmed(subject, req); r != nil {
		return nil, r
	}
	id, r := j.identity(a)
	if r != nil {
		return nil, r
	}
	if r := j.authenticated(a, req, id); r != nil {
		return nil, r
	}
	id.IssuedAt, _ = timeOf(a, "IssueInstant")
	id.Request, id.Key, id.Encrypted = req.ID, s.key.Fingerprint(), s.encrypted
	return id, nil
}

// signedAssertion is an assertion as it was signed: by itself, or inside a
// signed response.
type signedAssertion struct {
	node      *node
	key       SigningKey
	encrypted bool
}

// verified is the signature stage: every signature that is there is verified,
// and what the source requires must be there.
func (j judge) verified(doc string, m message) (signedAssertion, *Rejection) {
	keys, r := j.trusted(j.now)
	if r != nil {
		return signedAssertion{}, r
	}
	outer, outerSigned, r := signedBy(m.response, keys)
	if r != nil {
		return signedAssertion{}, r
	}
	if r := j.required(m, outerSigned); r != nil {
		return signedAssertion{}, r
	}
	inner, innerSigned := SigningKey{}, false
	if m.assertion != nil {
		if inner, innerSigned, r = signedBy(m.assertion, keys); r != nil {
			return signedAssertion{}, r
		}
	}
	el, r := parse(doc, m.response)
	if r != nil {
		return signedAssertion{}, r
	}
	v := verifier{keys: keys, outer: outerSigned, whole: verified{element: el, node: m.response}}
	if outerSigned {
		if v.whole, r = verify(el, m.response, outer); r != nil {
			return signedAssertion{}, r
		}
	}
	a := v.whole.node.child(nsAssertion, "Assertion")
	switch {
	case m.encrypted != nil:
		return j.decrypted(v)
	case !innerSigned:
		return signedAssertion{node: a, key: v.whole.key}, nil
	}
	own, r := verify(v.whole.element.SelectElement("Assertion"), a, inner)
	return signedAssertion{node: own.node, key: own.key}, r
}

// verifier is what the signature stage has when the response is done.
type verifier struct {
	keys  []SigningKey
	outer bool     // the response is signed
	whole verified // the response, as signed when it is
}

// required applies what the source wants signed, as far as it can be seen from
// outside.
func (j judge) required(m message, outer bool) *Rejection {
	inner := m.assertion != nil && m.assertion.child(nsDSig, "Signature") != nil
	switch {
	case !outer && !inner && m.encrypted == nil:
		return reject(SignatureMissing, "a signed response or assertion", "neither")
	case !outer && (j.c.Signed == SignedResponse || j.c.Signed == SignedBoth):
		return reject(ResponseUnsigned, "a signed response", "an unsigned one")
	case !inner && m.encrypted == nil && (j.c.Signed == SignedAssertion || j.c.Signed == SignedBoth):
		return reject(AssertionUnsigned, "a signed assertion", "an unsigned one")
	case m.encrypted == nil && j.c.Encrypted:
		return reject(EncryptionRequired, "an encrypted assertion", "a plain one")
	}
	return nil
}

// parse reads the document as goxmldsig wants it, and holds that reading to
// ours.
func parse(doc string, n *node) (*etree.Element, *Rejection) {
	d := etree.NewDocument()
	if err := d.ReadFromString(doc); err != nil || d.Root() == nil {
		r := reject(XMLMalformed, "one reading of the message", "two")
		r.Cause = err
		return nil, r
	}
	read, r := fromElement(d.Root(), nil)
	if r != nil || !read.same(n) {
		return nil, reject(SignedBytesDiffer, "one reading of the message", "two")
	}
	return d.Root(), nil
}

var errNoReplay = errors.New("no replay store")
