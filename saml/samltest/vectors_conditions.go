package samltest

import (
	"time"

	"grantbridge/saml"
)

const (
	success    = `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>`
	bearer     = `Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"`
	audience   = `<saml:Audience>` + Entity + `</saml:Audience>`
	restricted = `<saml:AudienceRestriction>` + audience + `</saml:AudienceRestriction>`
	other      = "https://other.example/saml"
	mfa        = "https://refeds.org/profile/mfa"
	password   = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
)

func statusOf(second string) string {
	return `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:` + second + `"/></samlp:StatusCode><samlp:StatusMessage>said</samlp:StatusMessage>`
}

// issueAt moves both IssueInstants.
func issueAt(d time.Duration) func(string) string {
	old, new := `IssueInstant="`+stamp(Now)+`"`, `IssueInstant="`+stamp(Now.Add(d))+`"`
	return then(swap(old, new), swap(old, new))
}

func unasked(text string) string {
	return then(swap(` InResponseTo="`+RequestID+`"`, ""), swap(`InResponseTo="`+RequestID+`" `, ""))(text)
}

func answering(id string) func(string) string {
	return then(swap(`InResponseTo="`+RequestID, `InResponseTo="`+id), swap(`InResponseTo="`+RequestID, `InResponseTo="`+id))
}

func policy(p saml.IDPInitiated) func(*saml.Config) {
	return func(c *saml.Config) { c.IDPInitiated = p }
}

func notOnOrAfter(at string) string { return `NotOnOrAfter="` + at + `"` }

var (
	validUntil  = stamp(Now.Add(5 * time.Minute))
	confirmOld  = notOnOrAfter(validUntil) + ` Recipient`
	conditionOf = notOnOrAfter(validUntil) + `><saml:AudienceRestriction>`
)

// conditions are well-signed messages that are not for us, not now, or not what
// was asked for.
func conditions() []Vector {
	return []Vector{
		{Name: "a LogoutResponse at the ACS", Want: saml.NotAResponse, Sign: SignNothing, Post: func(*Lab, string) string { return `<samlp:LogoutResponse xmlns:samlp="` + NSProtocol + `" ID="_a"/>` }},
		{Name: "an assertion without a response", Want: saml.NotAResponse, Post: func(_ *Lab, t string) string { return theAssertion(t) }},
		{Name: "a SAML 1.1 response", Want: saml.NotAResponse, Post: after(swap(`xmlns:samlp="`+NSProtocol, `xmlns:samlp="urn:oasis:names:tc:SAML:1.0:protocol`))},
		{Name: "Version 1.1 of the assertion", Want: saml.VersionWrong, Pre: then(swap(`ID="`+AssertID+`" Version="2.0"`, `ID="`+AssertID+`" Version="1.1"`))},
		{Name: "Version 3.0 of the response", Want: saml.VersionWrong, Post: after(swap(`Version="2.0"`, `Version="3.0"`))},
		{Name: "no Version", Want: saml.VersionWrong, Post: after(swap(`Version="2.0"`, ``))},
		{Name: "an assertion without ID", Want: saml.IDMissing, Sign: SignResponse, Pre: swap(`ID="`+AssertID+`"`, ``)},
		{Name: "a response without ID", Want: saml.IDMissing, Post: after(swap(`ID="`+ResponseID+`"`, ``))},
		{Name: "no Status", Want: saml.StatusMissing, Post: after(cut("<samlp:Status>", "</samlp:Status>"))},
		{Name: "a Status without a code", Want: saml.StatusMissing, Post: after(swap(success, ""))},
		{Name: "a failure status beside a good assertion", Want: saml.StatusFailed, Post: after(swap("status:Success", "status:Requester"))},
		{Name: "a code that ends like Success", Want: saml.StatusFailed, Post: after(swap("status:Success", "status:NotSuccess"))},
		{Name: "the identity provider denies", Want: saml.StatusDenied, Post: after(swap(success, statusOf("RequestDenied")))},
		{Name: "the password was wrong", Want: saml.StatusDenied, Post: after(swap(success, statusOf("AuthnFailed")))},
		{Name: "the identity provider has no such method", Want: saml.StatusContext, Post: after(swap(success, statusOf("NoAuthnContext")))},
		{Name: "two Statuses", Want: saml.UnexpectedElement, Post: after(swap("<samlp:Status>", "<samlp:Status>"+statusOf("AuthnFailed")+"</samlp:Status><samlp:Status>"))},
		{Name: "no assertion", Want: saml.AssertionMissing, Post: func(_ *Lab, t string) string { return swap(theAssertion(t), "")(t) }},
		{Name: "text beside the assertion", Want: saml.MixedContent, Post: after(swap("<samlp:Status>", "hello<samlp:Status>"))},
		{Name: "an element that the standard does not have", Want: saml.UnexpectedElement, Pre: swap("<saml:Conditions", `<saml:Extra/><saml:Conditions`)},

		{Name: "no Issuer in the assertion", Want: saml.IssuerMissing, Pre: swap(`<saml:Issuer>`+IdPEntity+`</saml:Issuer><saml:Subject>`, `<saml:Subject>`)},
		{Name: "another Issuer of the assertion", Want: saml.IssuerWrong, Pre: swap(`<saml:Issuer>`+IdPEntity+`</saml:Issuer><saml:Subject>`, `<saml:Issuer>`+other+`</saml:Issuer><saml:Subject>`)},
		{Name: "another Issuer of the response", Want: saml.IssuerWrong, Post: after(swap(IdPEntity, other))},
		{Name: "an Issuer that begins like ours", Want: saml.IssuerWrong, Post: after(swap(IdPEntity, IdPEntity+".evil.example"))},
		{Name: "an Issuer with a no-break space", Want: saml.IssuerWrong, Post: after(swap(IdPEntity, IdPEntity+"\u00a0"))},
		{Name: "an Issuer in other letter case", Want: saml.IssuerWrong, Post: after(swap(IdPEntity, "https://IDP.example/metadata"))},
		{Name: "an Issuer with an element inside", Want: saml.MixedContent, Sign: SignResponse, Pre: swap(IdPEntity, IdPEntity+`<x xmlns="urn:x">evil</x>`)},
		{Name: "an Issuer that is a person", Want: saml.IssuerWrong, Post: after(swap("<saml:Issuer>", `<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">`))},
		{Name: "another source's identity provider with the same NameID", Want: saml.IssuerWrong, Config: with(func(c *saml.Config) { c.IdP.EntityID = "https://second.example/metadata" })},
		{Name: "another source's identity provider under the same entity id", Want: saml.SignatureUntrusted, Config: with(func(c *saml.Config) {
			c.IdP.Keys = []saml.SigningKey{{Certificate: RSAPair("stranger", 2048).Certificate}}
		})},

		{Name: "another Destination", Want: saml.DestinationWrong, Post: after(swap(`Destination="`+ACS, `Destination="https://bridge.example/saml/entra/acs`))},
		{Name: "a Destination with a slash more", Want: saml.DestinationWrong, Post: after(swap(`Destination="`+ACS, `Destination="`+ACS+`/`))},
		{Name: "a Destination with its port", Want: saml.DestinationWrong, Post: after(swap(`Destination="https://bridge.example/`, `Destination="https://bridge.example:443/`))},
		{Name: "a Destination in other letter case", Want: saml.DestinationWrong, Post: after(swap(`Destination="https://bridge`, `Destination="https://Bridge`))},
		{Name: "a Destination over http", Want: saml.DestinationWrong, Post: after(swap(`Destination="https`, `Destination="http`))},
		{Name: "an empty Destination", Want: saml.DestinationWrong, Post: after(swap(`Destination="`+ACS+`"`, `Destination=""`))},
		{Name: "no Destination on a signed response", Want: saml.DestinationMissing, Sign: SignResponse, Pre: swap(`Destination="`+ACS+`"`, ``)},

		{Name: "issued a second too far in the future", Want: saml.IssuedInFuture, Pre: issueAt(61 * time.Second)},
		{Name: "the assertion issued in a day", Want: saml.IssuedInFuture, Pre: swap(`ID="`+AssertID+`" Version="2.0" IssueInstant="`+stamp(Now), `ID="`+AssertID+`" Version="2.0" IssueInstant="`+stamp(Now.Add(24*time.Hour)))},
		{Name: "issued a second too long ago", Want: saml.IssuedTooLongAgo, Pre: issueAt(-361 * time.Second)},
		{Name: "the assertion issued a year ago in a fresh response", Want: saml.IssuedTooLongAgo, Pre: swap(`ID="`+AssertID+`" Version="2.0" IssueInstant="`+stamp(Now), `ID="`+AssertID+`" Version="2.0" IssueInstant="`+stamp(Now.Add(-365*24*time.Hour)))},
		{Name: "no IssueInstant", Want: saml.TimeMalformed, Post: after(swap(`IssueInstant="`+stamp(Now)+`"`, ""))},
		{Name: "an IssueInstant without zone", Want: saml.TimeMalformed, Post: after(swap(`IssueInstant="`+stamp(Now), `IssueInstant="2026-11-23T09:00:00`))},
		{Name: "a leap second", Want: saml.TimeMalformed, Pre: swap(conditionOf, notOnOrAfter("2026-12-31T23:59:60Z")+`><saml:AudienceRestriction>`)},
		{Name: "a time of 24:00", Want: saml.TimeMalformed, Pre: swap(conditionOf, notOnOrAfter("2026-12-31T24:00:00Z")+`><saml:AudienceRestriction>`)},
		{Name: "a year of five digits", Want: saml.TimeMalformed, Pre: swap(conditionOf, notOnOrAfter("12026-11-23T09:00:00Z")+`><saml:AudienceRestriction>`)},
		{Name: "a time in words", Want: saml.TimeMalformed, Pre: swap(conditionOf, notOnOrAfter("tomorrow")+`><saml:AudienceRestriction>`)},

		{Name: "no Subject", Want: saml.SubjectMissing, Pre: cut("<saml:Subject>", "</saml:Subject>")},
		{Name: "two Subjects", Want: saml.SubjectMissing, Pre: swap("<saml:Subject>", "<saml:Subject><saml:NameID>"+evilPerson+"</saml:NameID></saml:Subject><saml:Subject>")},
		{Name: "no SubjectConfirmation", Want: saml.ConfirmationMissing, Pre: cut("<saml:SubjectConfirmation ", "</saml:SubjectConfirmation>")},
		{Name: "sender-vouches", Want: saml.ConfirmationMethod, Pre: swap("cm:bearer", "cm:sender-vouches")},
		{Name: "holder-of-key", Want: saml.ConfirmationMethod, Pre: swap("cm:bearer", "cm:holder-of-key")},
		{Name: "a confirmation without method", Want: saml.ConfirmationMethod, Pre: swap(" "+bearer, "")},
		{Name: "no SubjectConfirmationData", Want: saml.ConfirmationData, Pre: cut("<saml:SubjectConfirmationData", "/>")},
		{Name: "a bearer confirmation with NotBefore", Want: saml.ConfirmationNotBefore, Pre: swap(confirmOld, `NotBefore="`+stamp(Now)+`" `+confirmOld)},
		{Name: "no Recipient", Want: saml.RecipientMissing, Pre: swap(` Recipient="`+ACS+`"`, "")},
		{Name: "another Recipient", Want: saml.RecipientWrong, From: "keycloak#45652", Pre: swap(`Recipient="`+ACS, `Recipient="`+other)},
		{Name: "the Recipient is our entity id", Want: saml.RecipientWrong, Pre: swap(`Recipient="`+ACS, `Recipient="`+Entity)},
		{Name: "no end of the confirmation", Want: saml.ConfirmationUnbounded, From: "keycloak#45652", Pre: swap(confirmOld, `Recipient`)},
		{Name: "the confirmation has expired to the second", Want: saml.ConfirmationExpired, From: "keycloak#45652", Pre: swap(confirmOld, notOnOrAfter(stamp(Now.Add(-60*time.Second)))+` Recipient`)},
		{Name: "two confirmations, none of them ours", Want: saml.RecipientWrong, Pre: then(swap(`Recipient="`+ACS, `Recipient="`+other), swap("</saml:Subject>", `<saml:SubjectConfirmation Method="urn:x"/></saml:Subject>`))},

		{Name: "the response answers a request of somebody else", Want: saml.RequestUnknown, Pre: answering("_stolen")},
		{Name: "the response answers an empty request", Want: saml.RequestUnknown, Pre: answering("")},
		{Name: "response and assertion answer two requests that both wait", Want: saml.InResponseToWrong, Pre: swap(`InResponseTo="`+RequestID, `InResponseTo="_request2`)},
		{Name: "only the assertion says what it answers", Want: saml.Unsolicited, Pre: swap(` InResponseTo="`+RequestID+`"`, "")},
		{Name: "only the response says what it answers", Want: saml.InResponseToMissing, Pre: swap(`InResponseTo="`+RequestID+`" NotOn`, "NotOn")},
		{Name: "the request is past its time", Want: saml.RequestExpired, Requests: []saml.Request{{ID: RequestID, Source: "okta", IssuedAt: Now.Add(-15 * time.Minute), Expires: Now}}},
		{Name: "the request was to another source", Want: saml.RequestUnknown, Requests: []saml.Request{{ID: RequestID, Source: "entra", IssuedAt: Now, Expires: Now.Add(time.Minute)}}},
		{Name: "no request waits", Want: saml.RequestUnknown, Requests: []saml.Request{}},
		{Name: "unsolicited, when that is off", Want: saml.Unsolicited, Pre: unasked},
		{Name: "unsolicited, when that bounces", Want: saml.Bounce, Pre: unasked, Config: policy(saml.Bouncing)},
		{Name: "somebody else's answer, when unsolicited ones are on", Want: saml.RequestUnknown, Pre: answering("_stolen"), Config: policy(saml.On), Requests: []saml.Request{}},
		{Name: "somebody else's answer with the response's half removed, when unsolicited ones are on", Want: saml.InResponseToMissing, Post: after(swap(` InResponseTo="`+RequestID+`"`, "")), Config: policy(saml.On), Requests: []saml.Request{}},
		{Name: "a forged InResponseTo, when unsolicited ones bounce", Want: saml.RequestUnknown, Pre: answering("_forged"), Config: policy(saml.Bouncing)},

		{Name: "no Conditions", Want: saml.ConditionsMissing, Pre: cut("<saml:Conditions", "</saml:Conditions>")},
		{Name: "two Conditions", Want: saml.ConditionsMissing, Pre: swap("<saml:AuthnStatement", "<saml:Conditions/><saml:AuthnStatement")},
		{Name: "a condition that nobody knows", Want: saml.ConditionUnknown, Pre: swap(restricted, restricted+`<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="saml:X"/>`)},
		{Name: "not valid yet, to the second", Want: saml.NotYetValid, Pre: swap(`NotBefore="`+stamp(Now.Add(-time.Minute)), `NotBefore="`+stamp(Now.Add(61*time.Second)))},
		{Name: "not valid any more, to the second", Want: saml.Expired, Pre: then(swap(`NotBefore="`+stamp(Now.Add(-time.Minute)), `NotBefore="`+stamp(Now.Add(-time.Hour))), swap(conditionOf, notOnOrAfter(stamp(Now.Add(-60*time.Second)))+`><saml:AudienceRestriction>`))},
		{Name: "valid until before valid from", Want: saml.ValidityReversed, Pre: swap(conditionOf, notOnOrAfter(stamp(Now.Add(-2*time.Minute)))+`><saml:AudienceRestriction>`)},
		{Name: "no AudienceRestriction", Want: saml.AudienceMissing, Pre: swap(restricted, "")},
		{Name: "an empty AudienceRestriction", Want: saml.AudienceMissing, Pre: swap(audience, "")},
		{Name: "another audience", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience>"+other+"</saml:Audience>")},
		{Name: "an audience that begins like ours", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience>"+Entity+".evil.example</saml:Audience>")},
		{Name: "an audience in other letter case", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience>https://BRIDGE.example/saml/okta/metadata</saml:Audience>")},
		{Name: "an audience with a no-break space", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience>"+Entity+"\u00a0</saml:Audience>")},
		{Name: "an empty audience", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience></saml:Audience>")},
		{Name: "the audience is our ACS", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience>"+ACS+"</saml:Audience>")},
		{Name: "two restrictions, only one ours", Want: saml.AudienceWrong, Pre: swap(restricted, restricted+"<saml:AudienceRestriction><saml:Audience>"+other+"</saml:Audience></saml:AudienceRestriction>")},
		{Name: "two restrictions, only the second ours", Want: saml.AudienceWrong, Pre: swap(restricted, "<saml:AudienceRestriction><saml:Audience>"+other+"</saml:Audience></saml:AudienceRestriction>"+restricted)},
		{Name: "an audience with an element inside", Want: saml.MixedContent, Pre: swap(audience, "<saml:Audience>"+Entity+`<x xmlns="urn:x">.evil</x></saml:Audience>`)},
		{Name: "the audience of another source of ours", Want: saml.AudienceWrong, Pre: swap(audience, "<saml:Audience>https://bridge.example/saml/entra/metadata</saml:Audience>")},

		{Name: "no AuthnStatement", Want: saml.AuthnStatementMissing, Pre: cut("<saml:AuthnStatement", "</saml:AuthnStatement>")},
		{Name: "two AuthnStatements", Want: saml.AuthnStatementSeveral, Pre: func(t string) string {
			s := between(t, "<saml:AuthnStatement", "</saml:AuthnStatement>")
			return swap(s, s+s)(t)
		}},
		{Name: "no AuthnInstant", Want: saml.AuthnInstantMissing, Pre: swap(`AuthnInstant="`+stamp(Now.Add(-10*time.Second))+`"`, "")},
		{Name: "signed in in the future", Want: saml.AuthnInstantFuture, Pre: swap(`AuthnInstant="`+stamp(Now.Add(-10*time.Second)), `AuthnInstant="`+stamp(Now.Add(61*time.Second)))},
		{Name: "signed in 30 days ago, though ForceAuthn was asked for", Want: saml.AuthnTooOld, Pre: signedInBefore(30 * 24 * time.Hour), Requests: []saml.Request{forced()}},
		{Name: "signed in 30 days ago, when that is too old", Want: saml.AuthnTooOld, Pre: signedInBefore(30 * 24 * time.Hour), Config: with(func(c *saml.Config) { c.MaxAuthnAge = 12 * time.Hour })},
		{Name: "signed in 30 days ago, unsolicited, when the source forces a fresh sign-in", Want: saml.AuthnTooOld, Pre: then(unasked, signedInBefore(30*24*time.Hour)), Config: with(func(c *saml.Config) { c.ForceAuthn, c.IDPInitiated = true, saml.On })},
		{Name: "a weaker method than the source takes", Want: saml.AuthnContextWeak, Config: with(func(c *saml.Config) { c.AuthnContext = []string{mfa} })},
		{Name: "a weaker method than the request asked for", Want: saml.AuthnContextWeak, Requests: []saml.Request{stepUp()}},
		{Name: "no method at all, when the source wants one", Want: saml.AuthnContextWeak, Pre: cut("<saml:AuthnContext>", "</saml:AuthnContext>"), Config: with(func(c *saml.Config) { c.AuthnContext = []string{mfa} })},
		{Name: "the class with an element inside", Want: saml.MixedContent, Pre: swap(password, password+`<x xmlns="urn:x"/>`)},
		{Name: "the identity provider's session is over", Want: saml.SessionOver, Pre: swap(`SessionIndex="_session1"`, `SessionIndex="_session1" SessionNotOnOrAfter="`+stamp(Now.Add(-61*time.Second))+`"`)},
		{Name: "the source is switched off", Want: saml.SourceDisabled, From: "CVE-2026-3009", Config: with(func(c *saml.Config) { c.Disabled = true })},
		{Name: "the metadata has expired", Want: saml.MetadataExpired, Config: with(func(c *saml.Config) { c.IdP.ValidUntil = Now.Add(-time.Hour) })},
	}
}

func signedInBefore(d time.Duration) func(string) string {
	return swap(`AuthnInstant="`+stamp(Now.Add(-10*time.Second)), `AuthnInstant="`+stamp(Now.Add(-d)))
}

func forced() saml.Request {
	r := Requests()[0]
	r.ForceAuthn = true
	return r
}

func stepUp() saml.Request {
	r := Requests()[0]
	r.AuthnContext = []string{mfa}
	return r
}
