package saml

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Errors of making logout messages.
var (
	// ErrNoLogout: the identity provider's metadata have no logout endpoint; end
	// our session and say so.
	ErrNoLogout    = errors.New("the identity provider has no single logout endpoint")
	errNoLogoutKey = errors.New("the source has no key to sign logout messages with")
)

// Incoming is a message as it came: the raw query of a GET, or the form of a
// POST. The raw query is needed, because the signature is over its letters.
type Incoming struct {
	Binding  Binding
	RawQuery string     // Redirect
	Form     url.Values // POST
}

// RelayState is that of the message, or "".
func (in Incoming) RelayState() string {
	f, _ := in.fields()
	return f["RelayState"].value
}

// Kind says which parameter the message came in, "SAMLRequest" or
// "SAMLResponse", so that a handler can call the right function. It proves
// nothing.
func (in Incoming) Kind() (string, *Rejection) {
	f, r := in.fields()
	if r != nil {
		return "", r
	}
	_, request := f["SAMLRequest"]
	_, response := f["SAMLResponse"]
	switch {
	case request && response:
		return "", reject(LogoutAmbiguous, "SAMLRequest or SAMLResponse", "both")
	case request:
		return "SAMLRequest", nil
	case response:
		return "SAMLResponse", nil
	}
	return "", reject(LogoutMissing, "SAMLRequest or SAMLResponse", "neither")
}

// LogoutInResponseTo is the request that a LogoutResponse says to answer, for
// looking up the expected Request when RelayState was lost. It proves nothing.
func (p *Provider) LogoutInResponseTo(in Incoming) (id string, r *Rejection) {
	defer fence(&r, func() { id = "" })
	if p == nil {
		return "", p.open(time.Time{})
	}
	f, r := in.fields()
	if r != nil {
		return "", r
	}
	root, _, r := p.logoutXML(in.Binding, f["SAMLResponse"].value)
	if r != nil {
		return "", r
	}
	return root.attrOr("InResponseTo", ""), nil
}

// ours are the parameters of the bindings; each may come once.
var ours = []string{"SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding"}

// field is a parameter as it came and as it reads.
type field struct{ raw, value string }

// fields reads the parameters, and keeps the letters that they came in.
func (in Incoming) fields() (map[string]field, *Rejection) {
	out := map[string]field{}
	if in.Binding == POST {
		for _, name := range ours {
			switch v := in.Form[name]; {
			case len(v) > 1:
				return nil, reject(QueryTwice, "each parameter once", name+" twice")
			case len(v) == 1:
				out[name] = field{value: v[0]}
			}
		}
		return out, nil
	}
	for pair := range strings.SplitSeq(in.RawQuery, "&") {
		rawName, raw, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !slices.Contains(ours, name) {
			continue // proxies and identity providers add their own
		}
		value, err := url.QueryUnescape(raw)
		if err != nil || rawName != name {
			return nil, reject(QueryMalformed, "a query that parses", "another")
		}
		if _, twice := out[name]; twice {
			return nil, reject(QueryTwice, "each parameter once", name+" twice")
		}
		out[name] = field{raw, value}
	}
	return out, nil
}

// logoutMessage is a logout message whose signature, issuer, destination and
// age are right.
type logoutMessage struct {
	root       *node
	relayState string
}

// logoutMessage is the pipeline for both messages and both bindings.
func (p *Provider) logoutMessage(in Incoming, parameter, name string, now time.Time) (logoutMessage, *Rejection) {
	var none logoutMessage
	if r := p.open(now); r != nil {
		return none, r
	}
	if p.c.SLO == "" {
		return none, reject(SourceDisabled, "a logout URL", "none configured")
	}
	if in.Binding != Redirect && in.Binding != POST || len(in.RawQuery) > p.c.Limits.Encoded {
		return none, reject(QueryMalformed, "redirect or POST within limits", "something else")
	}
	kind, r := in.Kind()
	if r != nil {
		return none, r
	}
	if kind != parameter {
		return none, reject(NotALogout, parameter, kind)
	}
	f, r := in.fields()
	if r != nil {
		return none, r
	}
	root, doc, r := p.logoutXML(in.Binding, f[parameter].value)
	if r != nil {
		return none, r
	}
	if !root.is(nsProtocol, name) {
		return none, reject(NotALogout, name, root.name)
	}
	if r := logoutShape(root); r != nil {
		return none, r
	}
	j := judge{p, nil, now}
	if root, r = j.logoutSigned(in.Binding, f, parameter, root, doc); r != nil {
		return none, r
	}
	if r := j.issued(root, true); r != nil {
		return none, r
	}
	return logoutMessage{root, f["RelayState"].value}, destination(root, p.c.SLO, true)
}

// logoutXML decodes: base64, and for redirects deflate within the limit.
func (p *Provider) logoutXML(b Binding, encoded string) (*node, string, *Rejection) {
	doc, r := p.decode(encoded, LogoutMissing)
	if r != nil {
		return nil, "", r
	}
	if b == Redirect {
		raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader([]byte(doc))), int64(p.c.Limits.XML)+1))
		if err != nil {
			return nil, "", reject(InputDeflate, "a deflated message", "something else")
		}
		if len(raw) > p.c.Limits.XML {
			return nil, "", reject(InputDeflate, decimal(p.c.Limits.XML)+" bytes at most", "more")
		}
		doc = string(raw)
	}
	root, r := scan(doc, p.c.Limits)
	return root, doc, r
}

// logoutShape keeps assertions and foreign signatures out: a captured signed
// assertion inside a forged request signs nothing of the request.
func logoutShape(root *node) *Rejection {
	r := root.walk(nil, func(n, parent *node) *Rejection {
		switch {
		case n.is(nsAssertion, "Assertion"), n.is(nsAssertion, "EncryptedAssertion"):
			return reject(AssertionMisplaced, "no assertion in "+root.name, "one")
		case n.is(nsAssertion, "EncryptedID"):
			return reject(EncryptedPart, "a plain NameID", n.name)
		}
		return nil
	})
	if r != nil {
		return r
	}
	if r := places(root); r != nil {
		return r
	}
	return header(root)
}

// logoutSigned verifies the message's signature: of the query for redirects, of
// the XML for POST. There is no unsigned logout: it would end anybody's session.
func (j judge) logoutSigned(b Binding, f map[string]field, parameter string, root *node, doc string) (*node, *Rejection) {
	keys, r := j.trusted(j.now)
	if r != nil {
		return nil, r
	}
	if b == Redirect {
		return root, querySigned(f, parameter, keys)
	}
	key, signed, r := signedBy(root, keys)
	if r != nil {
		return nil, r
	}
	if !signed {
		return nil, reject(QueryUnsigned, "a signed message", "an unsigned one")
	}
	el, r := parse(doc, root)
	if r != nil {
		return nil, r
	}
	v, r := verify(el, root, key)
	if r != nil {
		return nil, r
	}
	return v.node, nil
}

// querySigned is SAML bindings 3.4.4.1: the signature is over the parameters in
// this order, in the letters in which they came. AD FS escapes in lower case.
func querySigned(f map[string]field, parameter string, keys []SigningKey) *Rejection {
	if f["Signature"].value == "" || f["SigAlg"].value == "" {
		return reject(QueryUnsigned, "SigAlg and Signature", "none")
	}
	if e, has := f["SAMLEncoding"]; has && e.value != "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE" {
		return reject(QueryMalformed, "DEFLATE", e.value)
	}
	algorithm := f["SigAlg"].value
	if _, ok := signatureAlgorithms[algorithm]; !ok {
		return reject(SignatureAlgorithm, "RSA or ECDSA with SHA-256 or better", algorithm)
	}
	signature, ok := decodeBase64(f["Signature"].value)
	if !ok {
		return reject(SignatureValue, "a signature in base64", "something else")
	}
	signed := parameter + "=" + f[parameter].raw
	if relay, has := f["RelayState"]; has {
		signed += "&RelayState=" + relay.raw
	}
	signed += "&SigAlg=" + f["SigAlg"].raw
	for _, k := range keys {
		if k.family() == signatureAlgorithms[algorithm].family && checkSignature(k.Certificate.PublicKey, algorithm, []byte(signed), signature) {
			return nil
		}
	}
	return reject(QuerySignature, "a signature by a key of the metadata", "another")
}
