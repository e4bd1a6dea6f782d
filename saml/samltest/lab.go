package samltest

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	"grantbridge/saml"
)

// Now is when every message of a Lab is made.
var Now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// The names of the Lab.
const (
	IdPEntity  = "https://idp.example/metadata"
	Entity     = "https://bridge.example/saml/okta/metadata"
	ACS        = "https://bridge.example/saml/okta/acs"
	SLO        = "https://bridge.example/saml/okta/slo"
	RequestID  = "_request1"
	ResponseID = "_response1"
	AssertID   = "_assertion1"
	Person     = "G-1f0c2b"
)

// Lab is an identity provider, a stranger, and our side.
type Lab struct {
	IdP, Next, Stranger Pair // Next is the IdP's other key, in its metadata too
	SP, SPNext          Pair
}

// NewLab is the Lab of this process; its keys are made once.
func NewLab() *Lab {
	return &Lab{
		IdP: RSAPair("idp", 2048), Next: RSAPair("idp-next", 2048), Stranger: RSAPair("stranger", 2048),
		SP: RSAPair("sp", 2048), SPNext: RSAPair("sp-next", 2048),
	}
}

// Config is our side's configuration: everything default.
func (l *Lab) Config() saml.Config {
	return saml.Config{
		Source: "okta", MetadataURL: Entity, ACS: ACS, SLO: SLO,
		IdP: &saml.IdP{
			EntityID: IdPEntity,
			Keys:     []saml.SigningKey{{Certificate: l.IdP.Certificate}, {Certificate: l.Next.Certificate}},
			SSO:      []saml.Endpoint{{Binding: saml.Redirect, Location: "https://idp.example/sso"}, {Binding: saml.POST, Location: "https://idp.example/sso-post"}},
			SLO:      []saml.Endpoint{{Binding: saml.Redirect, Location: "https://idp.example/slo"}, {Binding: saml.POST, Location: "https://idp.example/slo-post"}},
		},
		Keys: []saml.Key{{Private: l.SP.Key.(*rsa.PrivateKey), Certificate: l.SP.Certificate}, {Private: l.SPNext.Key.(*rsa.PrivateKey), Certificate: l.SPNext.Certificate}},
	}
}

// Provider is our side with the configuration edited.
func (l *Lab) Provider(edit func(*saml.Config)) *saml.Provider {
	c := l.Config()
	if edit != nil {
		edit(&c)
	}
	p, err := saml.NewProvider(c)
	must(err)
	return p
}

// Requests are the requests that wait for an answer: two, as of two tabs.
func Requests() []saml.Request {
	return []saml.Request{
		{ID: RequestID, Source: "okta", IssuedAt: Now.Add(-time.Minute), Expires: Now.Add(14 * time.Minute)},
		{ID: "_request2", Source: "okta", IssuedAt: Now.Add(-2 * time.Minute), Expires: Now.Add(13 * time.Minute)},
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// Assertion is the good assertion, unsigned, with those groups. Edits are easy
// because it is one text.
func Assertion(groups ...string) string {
	var values strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&values, `<saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">%s</saml:AttributeValue>`, g)
	}
	return `<saml:Assertion xmlns:saml="` + NSAssertion + `" ID="` + AssertID + `" Version="2.0" IssueInstant="` + stamp(Now) + `">` +
		`<saml:Issuer>` + IdPEntity + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + Person + `</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="` + RequestID + `" NotOnOrAfter="` + stamp(Now.Add(5*time.Minute)) + `" Recipient="` + ACS + `"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + stamp(Now.Add(-time.Minute)) + `" NotOnOrAfter="` + stamp(Now.Add(5*time.Minute)) + `"><saml:AudienceRestriction><saml:Audience>` + Entity + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="` + stamp(Now.Add(-10*time.Second)) + `" SessionIndex="_session1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement><saml:Attribute Name="mail" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue>clara.moreau@example.com</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="groups">` + values.String() + `</saml:Attribute></saml:AttributeStatement></saml:Assertion>`
}

// Response is the good response around an assertion's text.
func Response(assertion string) string {
	return `<samlp:Response xmlns:samlp="` + NSProtocol + `" xmlns:saml="` + NSAssertion + `" ID="` + ResponseID + `" Version="2.0" IssueInstant="` + stamp(Now) + `" Destination="` + ACS + `" InResponseTo="` + RequestID + `">` +
		`<saml:Issuer>` + IdPEntity + `</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` + assertion + `</samlp:Response>`
}

// Good is a response that must be accepted, signed as said.
func (l *Lab) Good(assertion, response bool, groups ...string) string {
	doc := Parse(Response(Assertion(groups...)))
	if assertion {
		Signing{Pair: l.IdP}.Sign(doc, AssertID)
	}
	if response {
		Signing{Pair: l.IdP}.Sign(doc, ResponseID)
	}
	return Text(doc)
}

// Encode is a message as the POST binding has it.
func Encode(doc string) string { return base64.StdEncoding.EncodeToString([]byte(doc)) }

// Memory is a replay store in this process.
type Memory struct {
	mutex sync.Mutex
	spent map[string]time.Time
}

// Spend implements saml.Replay.
func (m *Memory) Spend(_ context.Context, keys []string, until, now time.Time) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for i, k := range keys {
		if end, used := m.spent[k]; used && !now.After(end) {
			return i, nil
		}
	}
	if m.spent == nil {
		m.spent = map[string]time.Time{}
	}
	for _, k := range keys {
		m.spent[k] = until
	}
	return -1, nil
}
