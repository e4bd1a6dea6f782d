package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// Message is a message for the identity provider, on its way through the
// browser: a redirect to URL, or a form that posts Fields to it. URL is from
// checked metadata and never from a request.
type Message struct {
	Binding Binding
	URL     string
	Fields  []Field // of a POST, in order
}

// LoginOptions are of one sign-in.
type LoginOptions struct {
	ForceAuthn   bool     // beside the source's own
	AuthnContext []string // instead of the source's own; for a step-up
	Passive      bool     // the identity provider must not ask anything
}

const maxRelayState = 80 // bytes; SAML bindings 3.4.3

// Login makes an AuthnRequest. RelayState is the caller's own handle of the
// sign-in, never a URL. The request must be kept until its end: without it no
// answer is accepted.
func (p *Provider) Login(relayState string, o LoginOptions, now time.Time) (Message, Request, error) {
	if r := p.open(now); r != nil {
		return Message{}, Request{}, r
	}
	if err := checkRelayState(relayState); err != nil {
		return Message{}, Request{}, err
	}
	to, ok := endpoint(p.c.IdP.SSO, p.c.RequestBinding)
	if !ok {
		return Message{}, Request{}, fmt.Errorf("sign in at %s: its metadata has no endpoint for %s", p.c.IdP.EntityID, p.c.RequestBinding)
	}
	req := Request{ID: newID(), Source: p.c.Source, IssuedAt: now.UTC(), Expires: now.UTC().Add(p.c.LoginTTL), ForceAuthn: p.c.ForceAuthn || o.ForceAuthn, AuthnContext: p.c.AuthnContext}
	if len(o.AuthnContext) > 0 {
		req.AuthnContext = o.AuthnContext
	}
	m, err := p.send(p.authnRequest(req, to.Location, o.Passive), outgoing{"SAMLRequest", relayState, to.Location, to.Binding, p.signsRequests()})
	return m, req, err
}

func checkRelayState(s string) error {
	if len(s) > maxRelayState || strings.ContainsAny(s, "/:\\ \r\n\t") {
		return errors.New("RelayState is a handle of at most 80 bytes, not a URL")
	}
	return nil
}

func (p *Provider) signsRequests() bool {
	return p.c.SignRequests == Always || p.c.SignRequests == WhenKeyed && len(p.c.Keys) > 0
}

// newID is an ID of 160 random bits that is an XML name.
func newID() string {
	raw := make([]byte, 20)
	rand.Read(raw)
	return "_" + hex.EncodeToString(raw)
}

func (p *Provider) authnRequest(req Request, to string, passive bool) *etree.Element {
	r := samllib.AuthnRequest{
		ID: req.ID, Version: "2.0", IssueInstant: req.IssuedAt.Truncate(time.Second), Destination: to,
		Issuer:                      &samllib.Issuer{Value: p.c.EntityID},
		AssertionConsumerServiceURL: p.c.ACS, ProtocolBinding: string(POST),
		NameIDPolicy: &samllib.NameIDPolicy{Format: &p.c.NameIDFormat, AllowCreate: new(true)},
	}
	if req.ForceAuthn {
		r.ForceAuthn = new(true)
	}
	if passive {
		r.IsPassive = new(true)
	}
	el := r.Element()
	if len(req.AuthnContext) > 0 {
		// The library has room for one class only.
		c := el.CreateElement("samlp:RequestedAuthnContext")
		c.CreateAttr("Comparison", "exact")
		for _, class := range req.AuthnContext {
			c.CreateElement("saml:AuthnContextClassRef").SetText(class)
		}
	}
	return el
}

// outgoing is where and how a message goes.
type outgoing struct {
	parameter  string // SAMLRequest or SAMLResponse
	relayState string
	to         string
	binding    Binding
	signed     bool
}

// send puts a message on its way. Over redirects the signature is over the
// query, and the XML has none (SAML bindings 3.4.4.1); over POST it is in the XML.
func (p *Provider) send(el *etree.Element, o outgoing) (Message, error) {
	if err := checkLocation(o.to); err != nil {
		return Message{}, err
	}
	if o.binding == POST {
		return p.sendPOST(el, o)
	}
	doc := etree.NewDocument()
	doc.SetRoot(el)
	text, err := doc.WriteToBytes()
	if err != nil {
		return Message{}, fmt.Errorf("write %s: %w", o.parameter, err)
	}
	query := o.parameter + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(deflate(text)))
	if o.relayState != "" {
		query += "&RelayState=" + url.QueryEscape(o.relayState)
	}
	if o.signed {
		query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
		sig, err := p.signQuery(query)
		if err != nil {
			return Message{}, err
		}
		query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
	}
	separator := "?"
	if strings.Contains(o.to, "?") {
		separator = "&"
	}
	return Message{Binding: Redirect, URL: o.to + separator + query}, nil
}

func (p *Provider) signQuery(query string) ([]byte, error) {
	sum := sha256.Sum256([]byte(query))
	sig, err := rsa.SignPKCS1v15(nil, p.c.Keys[0].Private, crypto.SHA256, sum[:])
	if err != nil {
		return nil, fmt.Errorf("sign the query: %w", err)
	}
	return sig, nil
}

func (p *Provider) sendPOST(el *etree.Element, o outgoing) (Message, error) {
	if o.signed {
		if err := p.sign(el); err != nil {
			return Message{}, err
		}
	}
	doc := etree.NewDocument()
	doc.SetRoot(el)
	text, err := doc.WriteToBytes()
	if err != nil {
		return Message{}, fmt.Errorf("write %s: %w", o.parameter, err)
	}
	m := Message{Binding: POST, URL: o.to, Fields: []Field{{o.parameter, base64.StdEncoding.EncodeToString(text)}}}
	if o.relayState != "" {
		m.Fields = append(m.Fields, Field{"RelayState", o.relayState})
	}
	return m, nil
}

// sign puts an enveloped RSA-SHA256 signature after the Issuer.
func (p *Provider) sign(el *etree.Element) error {
	key := p.c.Keys[0]
	ctx, err := dsig.NewSigningContext(key.Private, [][]byte{key.Certificate.Raw})
	if err != nil {
		return fmt.Errorf("sign %s: %w", el.Tag, err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return fmt.Errorf("sign %s: %w", el.Tag, err)
	}
	sig, err := ctx.ConstructSignature(el.Copy(), true)
	if err != nil {
		return fmt.Errorf("sign %s: %w", el.Tag, err)
	}
	el.InsertChildAt(el.SelectElement("Issuer").Index()+1, sig)
	return nil
}

func deflate(text []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	w.Write(text)
	w.Close()
	return b.Bytes()
}
