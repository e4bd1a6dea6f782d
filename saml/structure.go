package saml

import (
	"slices"
	"strings"
)

// message is a Response whose shape is right: where its parts are. Nothing of
// it is believed yet.
type message struct {
	response  *node
	assertion *node // plain, or nil
	encrypted *node // or nil
}

// structure checks the shape of a Response: one assertion, everything where the
// standard has it, nothing that a second reader could take for SAML elsewhere.
func structure(root *node) (message, *Rejection) {
	m := message{response: root}
	if !root.is(nsProtocol, "Response") {
		return m, reject(NotAResponse, "a SAML 2.0 Response", root.name+" of "+root.space)
	}
	if r := places(root); r != nil {
		return m, r
	}
	if r := header(root); r != nil {
		return m, r
	}
	if r := allowed(root, responseParts); r != nil {
		return m, r
	}
	if r := status(root); r != nil {
		return m, r
	}
	plain, encrypted := root.children(nsAssertion, "Assertion"), root.children(nsAssertion, "EncryptedAssertion")
	switch len(plain) + len(encrypted) {
	case 0:
		return m, reject(AssertionMissing, "one assertion", "none")
	case 1:
	default:
		return m, reject(AssertionSeveral, "one assertion", decimal(len(plain)+len(encrypted)))
	}
	if len(encrypted) == 1 {
		m.encrypted = encrypted[0]
		return m, nil
	}
	m.assertion = plain[0]
	return m, assertionShape(plain[0])
}

// part is a child that an element may have, and how often at most (0: any).
type part struct {
	space, name string
	max         int
}

var (
	responseParts = []part{{nsAssertion, "Issuer", 1}, {nsDSig, "Signature", 1}, {nsProtocol, "Extensions", 1},
		{nsProtocol, "Status", 1}, {nsAssertion, "Assertion", 0}, {nsAssertion, "EncryptedAssertion", 0}}
	assertionParts = []part{{nsAssertion, "Issuer", 1}, {nsDSig, "Signature", 1}, {nsAssertion, "Subject", 1}, {nsAssertion, "Conditions", 1},
		{nsAssertion, "Advice", 1}, {nsAssertion, "AuthnStatement", 0}, {nsAssertion, "AttributeStatement", 0},
		{nsAssertion, "AuthzDecisionStatement", 0}}
	statusParts  = []part{{nsProtocol, "StatusCode", 1}, {nsProtocol, "StatusMessage", 1}, {nsProtocol, "StatusDetail", 1}}
	subjectParts = []part{{nsAssertion, "NameID", 0}, {nsAssertion, "SubjectConfirmation", 0}}
	confirmParts = []part{{nsAssertion, "NameID", 1}, {nsAssertion, "SubjectConfirmationData", 1}}
	authnParts   = []part{{nsAssertion, "SubjectLocality", 1}, {nsAssertion, "AuthnContext", 1}}
	contextParts = []part{{nsAssertion, "AuthnContextClassRef", 1}, {nsAssertion, "AuthnContextDecl", 1},
		{nsAssertion, "AuthnContextDeclRef", 1}, {nsAssertion, "AuthenticatingAuthority", 0}}
)

// onlyOnce is the reason for a part that is there too often.
var onlyOnce = map[string]Reason{"Signature": SignatureSeveral, "Subject": SubjectMissing, "Conditions": ConditionsMissing}

func allowed(n *node, parts []part) *Rejection {
	if !isBlank(n.text) {
		return reject(MixedContent, "elements only in "+n.name, "text beside them")
	}
	for _, k := range n.kids {
		i := slices.IndexFunc(parts, func(p part) bool { return k.is(p.space, p.name) })
		if i < 0 {
			return reject(UnexpectedElement, "what "+n.name+" may have", k.name)
		}
		if p := parts[i]; p.max > 0 && len(n.children(p.space, p.name)) > p.max {
			reason, known := onlyOnce[p.name]
			if !known {
				reason = UnexpectedElement
			}
			return reject(reason, "one "+p.name, decimal(len(n.children(p.space, p.name))))
		}
	}
	return nil
}

// reserved are the names that mean something to a SAML program, with the one
// namespace in which they may.
var reserved = map[string][]string{
	"Response": {nsProtocol}, "Assertion": {nsAssertion}, "EncryptedAssertion": {nsAssertion}, "NameID": {nsAssertion},
	"Subject": {nsAssertion}, "Conditions": {nsAssertion}, "Issuer": {nsAssertion}, "AttributeStatement": {nsAssertion},
	"Signature": {nsDSig}, "SignedInfo": {nsDSig}, "SignatureValue": {nsDSig}, "DigestValue": {nsDSig}, "Reference": {nsDSig},
}

// places keeps every Assertion and Signature of the document, wherever it
// hides, to its one place; and refuses what only looks like one.
func places(root *node) *Rejection {
	return root.walk(nil, func(n, parent *node) *Rejection {
		if spaces, ok := reserved[n.name]; ok && !slices.Contains(spaces, n.space) {
			return reject(NamespaceConfusion, n.name+" in "+spaces[0], "in "+n.space)
		}
		switch {
		case parent == nil:
			return nil
		case n.is(nsProtocol, "Response"):
			return reject(UnexpectedElement, "one Response", "another one inside "+parent.name)
		case n.is(nsAssertion, "Assertion"), n.is(nsAssertion, "EncryptedAssertion"):
			if parent != root {
				return reject(AssertionMisplaced, "assertions in the Response only", "one in "+parent.name)
			}
		case n.is(nsDSig, "Signature"):
			if parent != root && !(parent.is(nsAssertion, "Assertion") && slices.Contains(root.kids, parent)) {
				return reject(SignatureMisplaced, "signatures of Response and Assertion only", "one in "+parent.name)
			}
		case n.space == nsDSig && (n.name == "SignedInfo" || n.name == "SignatureValue"):
			if !parent.is(nsDSig, "Signature") {
				return reject(SignatureShape, n.name+" in a Signature only", "one in "+parent.name)
			}
		case n.space == nsDSig && (n.name == "Reference" && !parent.is(nsDSig, "SignedInfo") || n.name == "DigestValue" && !parent.is(nsDSig, "Reference")):
			return reject(SignatureShape, n.name+" in SignedInfo only", "one in "+parent.name)
		case n.is(nsAssertion, "EncryptedID"), n.is(nsAssertion, "EncryptedAttribute"), n.is(nsAssertion, "NewEncryptedID"):
			return reject(EncryptedPart, "the assertion encrypted as a whole, or not", n.name)
		}
		return nil
	})
}

// header checks what every SAML message begins with.
func header(n *node) *Rejection {
	if v := n.attrOr("Version", "none"); v != "2.0" {
		return reject(VersionWrong, "Version 2.0 on "+n.name, v)
	}
	if id, _ := n.attr("ID"); id == "" {
		return reject(IDMissing, "an ID on "+n.name, "none")
	}
	for _, issuer := range n.children(nsAssertion, "Issuer") {
		if r := plain(issuer); r != nil {
			return r
		}
	}
	return nil
}

// plain refuses elements inside an element whose text is read.
func plain(n *node) *Rejection {
	if len(n.kids) > 0 {
		return reject(MixedContent, "text only in "+n.name, "elements inside")
	}
	return nil
}

// statusReasons are the second-level codes that have an answer of their own.
var statusReasons = map[string]Reason{
	"urn:oasis:names:tc:SAML:2.0:status:RequestDenied":       StatusDenied,
	"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed":         StatusDenied,
	"urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext":      StatusContext,
	"urn:oasis:names:tc:SAML:2.0:status:NoPassive":           StatusContext,
	"urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy": StatusFailed,
}

const (
	statusPrefix  = "urn:oasis:names:tc:SAML:2.0:status:"
	statusSuccess = statusPrefix + "Success"
)

// status checks that the identity provider reports success.
func status(root *node) *Rejection {
	s := root.child(nsProtocol, "Status")
	if s == nil {
		return reject(StatusMissing, "a Status", "none")
	}
	if r := allowed(s, statusParts); r != nil {
		return r
	}
	top := s.child(nsProtocol, "StatusCode")
	if top == nil {
		return reject(StatusMissing, "a StatusCode", "none")
	}
	value, _ := top.attr("Value")
	if value == statusSuccess {
		return nil
	}
	got, reason := strings.TrimPrefix(value, statusPrefix), StatusFailed
	if second := top.child(nsProtocol, "StatusCode"); second != nil {
		v, _ := second.attr("Value")
		got += " / " + strings.TrimPrefix(v, statusPrefix)
		if r, ok := statusReasons[v]; ok {
			reason = r
		}
	}
	if said := s.child(nsProtocol, "StatusMessage"); said != nil && !isBlank(said.text) {
		got += ": " + trim(said.text)
	}
	return reject(reason, "status Success", got)
}

// assertionShape checks an assertion's own structure; it runs on the message,
// and again on what was really signed.
func assertionShape(a *node) *Rejection {
	if r := header(a); r != nil {
		return r
	}
	if r := allowed(a, assertionParts); r != nil {
		return r
	}
	if s := a.child(nsAssertion, "Subject"); s != nil {
		if r := subjectShape(s); r != nil {
			return r
		}
	}
	for _, s := range a.children(nsAssertion, "AuthnStatement") {
		if r := authnShape(s); r != nil {
			return r
		}
	}
	for _, s := range a.children(nsAssertion, "AttributeStatement") {
		if r := attributesShape(s); r != nil {
			return r
		}
	}
	return nil
}

func subjectShape(s *node) *Rejection {
	if r := allowed(s, subjectParts); r != nil {
		return r
	}
	for _, n := range s.children(nsAssertion, "NameID") {
		if r := plain(n); r != nil {
			return r
		}
	}
	for _, c := range s.children(nsAssertion, "SubjectConfirmation") {
		if r := allowed(c, confirmParts); r != nil {
			return r
		}
	}
	return nil
}

func authnShape(s *node) *Rejection {
	if r := allowed(s, authnParts); r != nil {
		return r
	}
	c := s.child(nsAssertion, "AuthnContext")
	if c == nil {
		return nil
	}
	if r := allowed(c, contextParts); r != nil {
		return r
	}
	if ref := c.child(nsAssertion, "AuthnContextClassRef"); ref != nil {
		return plain(ref)
	}
	return nil
}

func attributesShape(s *node) *Rejection {
	if r := allowed(s, []part{{nsAssertion, "Attribute", 0}}); r != nil {
		return r
	}
	for _, a := range s.kids {
		if r := allowed(a, []part{{nsAssertion, "AttributeValue", 0}}); r != nil {
			return r
		}
		for _, v := range a.kids {
			if len(v.kids) > 0 && !isBlank(v.text) {
				return reject(MixedContent, "text or elements in AttributeValue", "both")
			}
		}
	}
	return nil
}
