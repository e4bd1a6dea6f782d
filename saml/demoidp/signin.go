package demoidp

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	samllib "github.com/crewjam/saml"

	"grantbridge/saml"
)

const (
	// patience is how long somebody may read the page before choosing; the
	// library gives a request 90 seconds.
	patience = 15 * time.Minute
	// lasts is how long an answer may be used.
	lasts = 5 * time.Minute
	// keeps is how many sessions are remembered.
	keeps = 200
)

// signedIn is a session of a person at an application.
type signedIn struct {
	Person Person
	App    string
	Since  time.Time
	ref    saml.SessionRef
}

// sso answers an AuthnRequest, once it is known who to be.
func (p *IdP) sso(w http.ResponseWriter, r *http.Request) error {
	q, err := samllib.NewIdpAuthnRequest(&p.lib, r)
	if err != nil {
		return fmt.Errorf("this is no AuthnRequest: %w", err)
	}
	now := q.Now
	q.Now = now.Add(-patience)
	if err := q.Validate(); err != nil {
		return fmt.Errorf("the AuthnRequest is refused: %w", err)
	}
	q.Now = now
	who, ok := p.who(r)
	if !ok {
		v := p.choose(r)
		v.Action, v.Method, v.App = "/sso", r.Method, q.ServiceProviderMetadata.EntityID
		v.Hidden = []saml.Field{{Name: "SAMLRequest", Text: r.FormValue("SAMLRequest")}, {Name: "RelayState", Text: q.RelayState}}
		return p.page(w, http.StatusOK, "choose", "Who are you?", v)
	}
	return p.answer(w, q, who)
}

// who is the person of a request.
func (p *IdP) who(r *http.Request) (Person, bool) {
	if p.c.SignedIn != nil {
		return p.c.SignedIn(r)
	}
	return p.person(r.FormValue("person"))
}

func (p *IdP) person(id string) (Person, bool) {
	for _, x := range p.c.People {
		if id != "" && x.ID == id {
			return x, true
		}
	}
	return Person{}, false
}

// start sends an answer that nobody has asked for, as a portal's tile does.
func (p *IdP) start(w http.ResponseWriter, r *http.Request) error {
	who, ok := p.who(r)
	a := p.app(r.FormValue("app"))
	if !ok || a == nil {
		return errors.New("choose a person and an application")
	}
	q := &samllib.IdpAuthnRequest{IDP: &p.lib, HTTPRequest: r, Now: time.Now(), ServiceProviderMetadata: a.entity, SPSSODescriptor: a.role}
	for _, e := range a.role.AssertionConsumerServices {
		if e.Binding == samllib.HTTPPostBinding {
			q.ACSEndpoint = &e
			return p.answer(w, q, who)
		}
	}
	return fmt.Errorf("%s takes no answers by POST", a.entity.EntityID)
}

// answer sends the browser back with an assertion.
func (p *IdP) answer(w http.ResponseWriter, q *samllib.IdpAuthnRequest, who Person) error {
	s := signedIn{Person: who, App: q.ServiceProviderMetadata.EntityID, Since: q.Now}
	s.ref = saml.SessionRef{SessionIndex: cmp.Or(who.Index, "_"+rand.Text()), NameID: saml.NameID{
		Format: cmp.Or(who.Format, saml.FormatPersistent), NameQualifier: p.EntityID(), SPNameQualifier: s.App, Value: who.ID}}
	q.Assertion = p.assertion(q, s)
	form, err := q.PostBinding()
	if err != nil {
		return fmt.Errorf("sign an answer: %w", err)
	}
	p.mutex.Lock()
	p.sessions = append(p.sessions, s)
	p.sessions = p.sessions[max(0, len(p.sessions)-keeps):]
	p.mutex.Unlock()
	m := saml.Message{Binding: saml.POST, URL: form.URL, Fields: []saml.Field{{Name: "SAMLResponse", Text: form.SAMLResponse}}}
	if form.RelayState != "" {
		m.Fields = append(m.Fields, saml.Field{Name: "RelayState", Text: form.RelayState})
	}
	return p.send(w, m)
}

// assertion says who it is. It is not the library's, whose time limits are those
// of somebody who never hesitates.
func (p *IdP) assertion(q *samllib.IdpAuthnRequest, s signedIn) *samllib.Assertion {
	end := q.Now.Add(lasts)
	n := s.ref.NameID
	return &samllib.Assertion{
		ID: "_" + rand.Text(), IssueInstant: q.Now, Version: "2.0", Issuer: samllib.Issuer{Value: p.EntityID()},
		Subject: &samllib.Subject{
			NameID: &samllib.NameID{Format: n.Format, NameQualifier: n.NameQualifier, SPNameQualifier: n.SPNameQualifier, Value: n.Value},
			SubjectConfirmations: []samllib.SubjectConfirmation{{
				Method: "urn:oasis:names:tc:SAML:2.0:cm:bearer",
				SubjectConfirmationData: &samllib.SubjectConfirmationData{
					InResponseTo: q.Request.ID, NotOnOrAfter: end, Recipient: q.ACSEndpoint.Location},
			}},
		},
		Conditions: &samllib.Conditions{
			NotBefore: q.Now.Add(-time.Minute), NotOnOrAfter: end,
			AudienceRestrictions: []samllib.AudienceRestriction{{Audience: samllib.Audience{Value: s.App}}},
		},
		AuthnStatements: []samllib.AuthnStatement{{
			AuthnInstant: q.Now, SessionIndex: s.ref.SessionIndex,
			AuthnContext: samllib.AuthnContext{AuthnContextClassRef: &samllib.AuthnContextClassRef{Value: authnContext(q, s.Person)}},
		}},
		AttributeStatements: []samllib.AttributeStatement{{Attributes: attributes(s.Person)}},
	}
}

// authnContext is how the person signed in. Nobody was asked for anything, and nothing
// else would be true, unless the person is to look like one with a second factor.
func authnContext(q *samllib.IdpAuthnRequest, who Person) string {
	if asked := q.Request.RequestedAuthnContext; who.Strong && asked != nil {
		return asked.AuthnContextClassRef
	}
	return "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
}

// attributes are a person's, by the names that administrators choose. Without
// groups there is no such attribute, as Okta has it; with an empty list of them
// it has no values, as others have it.
func attributes(who Person) (all []samllib.Attribute) {
	add := func(name string, values ...string) {
		a := samllib.Attribute{Name: name, NameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"}
		for _, v := range values {
			if v != "" {
				a.Values = append(a.Values, samllib.AttributeValue{Type: "xs:string", Value: v})
			}
		}
		if len(a.Values) > 0 {
			all = append(all, a)
		}
	}
	add("externalId", who.ID)
	add("uid", who.Login)
	add("displayName", who.Name())
	add("givenName", who.Given)
	add("sn", who.Family)
	add("mail", who.Mail)
	add("groups", who.Groups...)
	if who.Groups != nil && len(who.Groups) == 0 {
		all = append(all, samllib.Attribute{Name: "groups", NameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"})
	}
	return all
}
