package saml

import (
	"context"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"
)

// SessionRef is what a logout request must repeat of the sign-in: keep it with
// the session.
type SessionRef struct {
	NameID       NameID
	SessionIndex string
}

// Session is what a logout request for this sign-in needs.
func (i *Identity) Session() SessionRef { return SessionRef{i.NameID, i.SessionIndex} }

// LogoutRequest asks the identity provider to end its session. It is always
// signed: over redirects by the query, as the standard says and crewjam/saml
// does not. The request must be kept for the answer.
func (p *Provider) LogoutRequest(s SessionRef, relayState string, now time.Time) (Message, Request, error) {
	to, err := p.logoutEndpoint(now)
	if err != nil {
		return Message{}, Request{}, err
	}
	if err := checkRelayState(relayState); err != nil {
		return Message{}, Request{}, err
	}
	req := Request{ID: newID(), Source: p.c.Source, IssuedAt: now.UTC(), Expires: now.UTC().Add(p.c.LoginTTL)}
	end := req.IssuedAt.Add(p.c.MaxAge).Truncate(time.Second)
	el := (&samllib.LogoutRequest{
		ID: req.ID, Version: "2.0", IssueInstant: req.IssuedAt.Truncate(time.Second), NotOnOrAfter: &end, Destination: to.Location,
		Issuer: &samllib.Issuer{Value: p.c.EntityID},
	}).Element()
	el.AddChild(s.NameID.element())
	if s.SessionIndex != "" {
		el.CreateElement("samlp:SessionIndex").SetText(s.SessionIndex)
	}
	m, err := p.send(el, outgoing{"SAMLRequest", relayState, to.Location, to.Binding, true})
	return m, req, err
}

// element repeats the NameID with all its qualifiers; without them Shibboleth
// and Keycloak do not find the session.
func (n NameID) element() *etree.Element {
	el := etree.NewElement("saml:NameID")
	for _, a := range []Field{{"Format", n.Format}, {"NameQualifier", n.NameQualifier}, {"SPNameQualifier", n.SPNameQualifier}, {"SPProvidedID", n.SPProvidedID}} {
		if a.Text != "" {
			el.CreateAttr(a.Name, a.Text)
		}
	}
	el.SetText(n.Value)
	return el
}

func (p *Provider) logoutEndpoint(now time.Time) (Endpoint, error) {
	if r := p.open(now); r != nil {
		return Endpoint{}, r
	}
	if len(p.c.Keys) == 0 {
		return Endpoint{}, errNoLogoutKey
	}
	for _, b := range []Binding{p.c.RequestBinding, Redirect, POST} {
		if e, ok := endpoint(p.c.IdP.SLO, b); ok {
			return e, nil
		}
	}
	return Endpoint{}, ErrNoLogout
}

// LogoutOutcome is what we answer to a logout request.
type LogoutOutcome string

// The outcomes.
const (
	LogoutDone    LogoutOutcome = statusSuccess
	LogoutPartial LogoutOutcome = statusPrefix + "PartialLogout"
	LogoutRefused LogoutOutcome = statusPrefix + "RequestDenied"
)

// LogoutResponse answers a logout request that was accepted.
func (p *Provider) LogoutResponse(to *Logout, outcome LogoutOutcome, now time.Time) (Message, error) {
	e, err := p.logoutEndpoint(now)
	if err != nil {
		return Message{}, err
	}
	where := e.Location
	if e.Response != "" {
		where = e.Response
	}
	code := samllib.StatusCode{Value: string(outcome)}
	if outcome != LogoutDone {
		code = samllib.StatusCode{Value: statusPrefix + "Responder", StatusCode: &samllib.StatusCode{Value: string(outcome)}}
	}
	el := (&samllib.LogoutResponse{
		ID: newID(), InResponseTo: to.ID, Version: "2.0", IssueInstant: now.UTC().Truncate(time.Second), Destination: where,
		Issuer: &samllib.Issuer{Value: p.c.EntityID}, Status: samllib.Status{StatusCode: code},
	}).Element()
	return p.send(el, outgoing{"SAMLResponse", to.RelayState, where, e.Binding, true})
}

// Logout is a verified logout request: whose sessions end.
type Logout struct {
	ID       string
	IssuedAt time.Time
	// NameID and SessionIndexes say which sessions; without an index it is all
	// of that NameID. They count only for sessions of this source.
	NameID         NameID
	SessionIndexes []string
	RelayState     string // to be repeated in the response, and nothing else
}

// Ends reports whether the request is about the session of that sign-in. The
// NameID must be the same in every part that both name.
func (l *Logout) Ends(s SessionRef) bool {
	same := func(a, b string) bool { return a == b || a == "" || b == "" }
	if l.NameID.Value != s.NameID.Value || l.NameID.Format != s.NameID.Format ||
		!same(l.NameID.NameQualifier, s.NameID.NameQualifier) || !same(l.NameID.SPNameQualifier, s.NameID.SPNameQualifier) {
		return false
	}
	if len(l.SessionIndexes) == 0 {
		return true
	}
	for _, i := range l.SessionIndexes {
		if i == s.SessionIndex {
			return true
		}
	}
	return false
}

const maxSessionIndexes = 64

// AcceptLogoutRequest judges a logout request of the identity provider. It is
// accepted once.
func (p *Provider) AcceptLogoutRequest(ctx context.Context, in Incoming, replay Replay, now time.Time) (*Logout, *Rejection) {
	out, r := p.JudgeLogoutRequest(in, now)
	if r != nil {
		return nil, r
	}
	if r := spend(ctx, replay, []Ticket{p.LogoutTicket(out)}, now); r != nil {
		return nil, r
	}
	return out, nil
}

// JudgeLogoutRequest is AcceptLogoutRequest without spending, for a caller who
// spends LogoutTicket in the transaction that ends the sessions: a request that
// could not be done may then be sent again.
func (p *Provider) JudgeLogoutRequest(in Incoming, now time.Time) (out *Logout, r *Rejection) {
	defer fence(&r, func() { out = nil })
	m, r := p.logoutMessage(in, "SAMLRequest", "LogoutRequest", now)
	if r != nil {
		return nil, r
	}
	if out, r = readLogout(m); r != nil {
		return nil, r
	}
	if _, has := m.root.attr("NotOnOrAfter"); has {
		end, r := timeOf(m.root, "NotOnOrAfter")
		if r != nil {
			return nil, r
		}
		if !now.Before(end.Add(p.c.Skew)) {
			return nil, reject(LogoutExpired, "a time before "+stamp(end), stamp(now))
		}
	}
	return out, nil
}

func readLogout(m logoutMessage) (*Logout, *Rejection) {
	parts := []part{{nsAssertion, "Issuer", 1}, {nsDSig, "Signature", 1}, {nsProtocol, "Extensions", 1}, {nsAssertion, "NameID", 1}, {nsProtocol, "SessionIndex", maxSessionIndexes}}
	if r := allowed(m.root, parts); r != nil {
		return nil, r
	}
	n := m.root.child(nsAssertion, "NameID")
	if n == nil {
		return nil, reject(NameIDMissing, "a NameID", "none")
	}
	out := &Logout{RelayState: m.relayState}
	out.ID, _ = m.root.attr("ID")
	out.IssuedAt, _ = timeOf(m.root, "IssueInstant")
	var r *Rejection
	if out.NameID, r = readNameID(n); r != nil {
		return nil, r
	}
	for _, s := range m.root.children(nsProtocol, "SessionIndex") {
		index := trim(s.text)
		if index == "" || len(s.kids) > 0 {
			return nil, reject(LogoutSession, "a SessionIndex with text", "an empty one")
		}
		out.SessionIndexes = append(out.SessionIndexes, index)
	}
	return out, nil
}

// AcceptLogoutResponse judges the answer to one of our logout requests. The
// session here has ended before the request went out, so a rejection changes
// nothing but the record. Partial says that the identity provider could not end
// all sessions elsewhere.
func (p *Provider) AcceptLogoutResponse(in Incoming, expected []Request, now time.Time) (id string, r *Rejection) {
	defer fence(&r, func() { id = "" })
	m, r := p.logoutMessage(in, "SAMLResponse", "LogoutResponse", now)
	if r != nil {
		return "", r
	}
	parts := []part{{nsAssertion, "Issuer", 1}, {nsDSig, "Signature", 1}, {nsProtocol, "Extensions", 1}, {nsProtocol, "Status", 1}}
	if r := allowed(m.root, parts); r != nil {
		return "", r
	}
	j := judge{p, expected, now}
	if _, has := m.root.attr("InResponseTo"); !has {
		return "", reject(InResponseToMissing, "InResponseTo", "none")
	}
	req, r := j.answers(m.root)
	if r != nil {
		return "", r
	}
	if r := logoutStatus(m.root); r != nil {
		return "", r
	}
	return req.ID, nil
}

// logoutStatus also refuses a Success with PartialLogout below it, which is how
// SimpleSAMLphp says that some sessions live on (SAML core 3.7.3.2).
func logoutStatus(root *node) *Rejection {
	r := status(root)
	switch {
	case r == nil:
		second := root.child(nsProtocol, "Status").child(nsProtocol, "StatusCode").child(nsProtocol, "StatusCode")
		if second != nil && second.attrOr("Value", "") == string(LogoutPartial) {
			return reject(LogoutStatus, "status Success", "Success / PartialLogout")
		}
		return nil
	case r.Reason == StatusMissing:
		return r
	}
	return reject(LogoutStatus, "status Success", r.Got)
}
