package saml_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

const (
	logoutID  = "_logout1"
	logoutEnd = "2026-11-23T09:05:00Z"
)

func logoutRequest() string {
	return `<samlp:LogoutRequest xmlns:samlp="` + samltest.NSProtocol + `" xmlns:saml="` + samltest.NSAssertion + `" ID="` + logoutID + `" Version="2.0" IssueInstant="2026-11-23T09:00:00Z" NotOnOrAfter="` + logoutEnd + `" Destination="` + samltest.SLO + `">` +
		`<saml:Issuer>` + samltest.IdPEntity + `</saml:Issuer><saml:NameID Format="` + saml.FormatPersistent + `">` + samltest.Person + `</saml:NameID><samlp:SessionIndex>_session1</samlp:SessionIndex></samlp:LogoutRequest>`
}

func logoutResponse() string {
	return `<samlp:LogoutResponse xmlns:samlp="` + samltest.NSProtocol + `" xmlns:saml="` + samltest.NSAssertion + `" ID="_answer1" Version="2.0" IssueInstant="2026-11-23T09:00:00Z" InResponseTo="` + samltest.RequestID + `" Destination="` + samltest.SLO + `">` +
		`<saml:Issuer>` + samltest.IdPEntity + `</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status></samlp:LogoutResponse>`
}

func TestLogoutRequestsOfTheIdentityProvider(t *testing.T) {
	l := samltest.NewLab()
	redirect := func(edit func(*samltest.Query)) saml.Incoming {
		q := samltest.Query{Parameter: "SAMLRequest", Doc: logoutRequest(), RelayState: "a/b c", Pair: l.IdP}
		if edit != nil {
			edit(&q)
		}
		return q.Incoming()
	}
	changed := func(old, new string) saml.Incoming {
		return redirect(func(q *samltest.Query) { q.Doc = replaced(q.Doc, old, new) })
	}
	captured := samltest.Text(samltest.Parse(samltest.Vector{}.Document(l)))
	captured = captured[strings.Index(captured, "<saml:Assertion"):strings.Index(captured, "</samlp:Response>")]
	capturedSignature := captured[strings.Index(captured, "<ds:Signature") : strings.Index(captured, "</ds:Signature>")+len("</ds:Signature>")]
	for _, test := range []struct {
		name string
		in   saml.Incoming
		want saml.Reason
	}{
		{"redirect", redirect(nil), ""},
		{"redirect with the next key", redirect(func(q *samltest.Query) { q.Pair = l.Next }), ""},
		{"redirect escaped in lower case, as AD FS does", redirect(func(q *samltest.Query) { q.Lower = true }), ""},
		{"redirect without RelayState", redirect(func(q *samltest.Query) { q.RelayState = "" }), ""},
		{"redirect with a proxy's parameter", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return "utm=1&" + s } }), ""},
		{"redirect with the parameters in another order", redirect(func(q *samltest.Query) {
			q.Edit = func(s string) string {
				p := strings.Split(s, "&")
				return strings.Join([]string{p[3], p[1], p[2], p[0]}, "&")
			}
		}), ""},
		{"POST", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, &l.IdP, nil), ""},
		{"without NotOnOrAfter", changed(` NotOnOrAfter="`+logoutEnd+`"`, ""), ""},
		{"without SessionIndex", changed("<samlp:SessionIndex>_session1</samlp:SessionIndex>", ""), ""},

		{"nothing", saml.Incoming{Binding: saml.Redirect}, saml.LogoutMissing},
		{"an empty POST", saml.Incoming{Binding: saml.POST}, saml.LogoutMissing},
		{"no binding", saml.Incoming{RawQuery: redirect(nil).RawQuery}, saml.QueryMalformed},
		{"SAMLRequest and SAMLResponse", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&SAMLResponse=x" } }), saml.LogoutAmbiguous},
		{"SAMLRequest twice", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&SAMLRequest=x" } }), saml.QueryTwice},
		{"SAMLRequest twice, once with an escaped name", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&SAML%52equest=x" } }), saml.QueryMalformed},
		{"RelayState twice", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&RelayState=x" } }), saml.QueryTwice},
		{"SigAlg twice", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&SigAlg=x" } }), saml.QueryTwice},
		{"Signature twice", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&Signature=x" } }), saml.QueryTwice},
		{"a RelayState added after signing", redirect(func(q *samltest.Query) {
			q.RelayState, q.Edit = "", func(s string) string { return s + "&RelayState=evil" }
		}), saml.QuerySignature},
		{"the RelayState changed", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return replaced(s, "a%2Fb", "evil") } }), saml.QuerySignature},
		{"the RelayState removed", redirect(func(q *samltest.Query) {
			q.Edit = func(s string) string { return replaced(s, "&RelayState=a%2Fb+c", "") }
		}), saml.QuerySignature},
		{"the message escaped anew", redirect(func(q *samltest.Query) {
			q.Edit = func(s string) string { return replaced(s, "RelayState=a%2F", "RelayState=a%2f") }
		}), saml.QuerySignature},
		{"unsigned", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s[:strings.Index(s, "&SigAlg")] } }), saml.QueryUnsigned},
		{"an empty signature", redirect(func(q *samltest.Query) {
			q.Edit = func(s string) string { return s[:strings.Index(s, "&Signature=")] + "&Signature=" }
		}), saml.QueryUnsigned},
		{"by a stranger", redirect(func(q *samltest.Query) { q.Pair = l.Stranger }), saml.QuerySignature},
		{"RSA with SHA-1", redirect(func(q *samltest.Query) { q.Method = samltest.NSDSig + "rsa-sha1" }), saml.SignatureAlgorithm},
		{"ECDSA named over an RSA key", redirect(func(q *samltest.Query) { q.Method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" }), saml.QuerySignature},
		{"a signature that is not base64", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "!" } }), saml.SignatureValue},
		{"another encoding", redirect(func(q *samltest.Query) { q.Edit = func(s string) string { return s + "&SAMLEncoding=urn:x" } }), saml.QueryMalformed},
		{"a query that does not parse", redirect(func(q *samltest.Query) {
			q.Edit = func(s string) string { return replaced(s, "RelayState=", "RelayState=%zz") }
		}), saml.QueryMalformed},
		{"a response where a request must be", samltest.Query{Parameter: "SAMLResponse", Doc: logoutResponse(), Pair: l.IdP}.Incoming(), saml.NotALogout},
		{"a response in SAMLRequest", redirect(func(q *samltest.Query) { q.Doc = logoutResponse() }), saml.NotALogout},
		{"a sign-in response", redirect(func(q *samltest.Query) { q.Doc = samltest.Vector{}.Document(l) }), saml.NotALogout},
		{"not deflated", redirect(func(q *samltest.Query) { q.Edit = func(string) string { return "SAMLRequest=PHgvPg%3D%3D" } }), saml.InputDeflate},
		{"10 MB deflated to 10 KB", redirect(func(q *samltest.Query) { q.Doc = strings.Repeat(" ", 10<<20) }), saml.InputDeflate},
		{"a document type", redirect(func(q *samltest.Query) { q.Doc = "<!DOCTYPE x>" + q.Doc }), saml.XMLDoctype},
		{"a comment in the NameID", changed(samltest.Person, samltest.Person+"<!---->"), saml.XMLComment},
		{"another Destination", changed(`Destination="`+samltest.SLO, `Destination="`+samltest.ACS), saml.DestinationWrong},
		{"no Destination", changed(`Destination="`+samltest.SLO+`"`, ``), saml.DestinationMissing},
		{"another Issuer", changed(samltest.IdPEntity, "https://evil.example"), saml.IssuerWrong},
		{"no Issuer", changed("<saml:Issuer>"+samltest.IdPEntity+"</saml:Issuer>", ""), saml.IssuerMissing},
		{"Version 1.1", changed(`Version="2.0"`, `Version="1.1"`), saml.VersionWrong},
		{"no ID", changed(`ID="`+logoutID+`"`, ``), saml.IDMissing},
		{"issued an hour ago", changed("09:00:00Z", "08:00:00Z"), saml.IssuedTooLongAgo},
		{"issued in an hour", changed("09:00:00Z", "10:00:00Z"), saml.IssuedInFuture},
		{"expired", changed(logoutEnd, "2026-11-23T08:59:00Z"), saml.LogoutExpired},
		{"an end that is no time", changed(logoutEnd, "soon"), saml.TimeMalformed},
		{"no NameID", changed(`<saml:NameID Format="`+saml.FormatPersistent+`">`+samltest.Person+`</saml:NameID>`, ""), saml.NameIDMissing},
		{"two NameIDs", changed("<samlp:SessionIndex>", "<saml:NameID>x</saml:NameID><samlp:SessionIndex>"), saml.UnexpectedElement},
		{"an empty NameID", changed(samltest.Person, ""), saml.NameIDEmpty},
		{"an encrypted NameID", changed("<samlp:SessionIndex>", "<saml:EncryptedID/><samlp:SessionIndex>"), saml.EncryptedPart},
		{"an empty SessionIndex", changed("_session1", ""), saml.LogoutSession},
		{"100 SessionIndexes", changed("<samlp:SessionIndex>", strings.Repeat("<samlp:SessionIndex>x</samlp:SessionIndex>", 100)+"<samlp:SessionIndex>"), saml.UnexpectedElement},
		{"POST unsigned", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, nil, nil), saml.QueryUnsigned},
		{"POST by a stranger", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, &l.Stranger, nil), saml.SignatureUntrusted},
		{"POST changed", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, &l.IdP, func(s string) string { return replaced(s, samltest.Person, "G-victim") }), saml.DigestMismatch},
		{"POST with a captured signed assertion inside", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, nil, func(s string) string {
			return replaced(s, "<saml:NameID", "<samlp:Extensions>"+captured+"</samlp:Extensions><saml:NameID")
		}), saml.AssertionMisplaced},
		{"POST with the signature of a captured assertion", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, nil, func(s string) string {
			return replaced(s, "<saml:NameID", capturedSignature+"<saml:NameID")
		}), saml.SignatureReference},
		{"POST with the parameter twice", saml.Incoming{Binding: saml.POST, Form: url.Values{"SAMLRequest": {"a", "b"}}}, saml.QueryTwice},
		{"POST with both parameters", saml.Incoming{Binding: saml.POST, Form: url.Values{"SAMLRequest": {"a"}, "SAMLResponse": {"b"}}}, saml.LogoutAmbiguous},
		{"POST with a signature of a query instead", samltest.Posted("SAMLRequest", logoutRequest(), logoutID, nil, nil), saml.QueryUnsigned},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, r := l.Provider(nil).AcceptLogoutRequest(t.Context(), test.in, &samltest.Memory{}, samltest.Now)
			switch {
			case r == nil && test.want != "":
				t.Fatalf("accepted %+v; want %s", got, test.want)
			case r != nil && (r.Reason != test.want || got != nil):
				t.Fatalf("got %v (cause %v); want %q", r, r.Cause, test.want)
			case r == nil && !got.Ends(saml.SessionRef{NameID: saml.NameID{Value: samltest.Person, Format: saml.FormatPersistent}, SessionIndex: "_session1"}):
				t.Fatalf("%+v does not end the session", got)
			}
		})
	}
}

func replaced(s, old, new string) string {
	if !strings.Contains(s, old) {
		panic("nothing to replace: " + old)
	}
	return strings.ReplaceAll(s, old, new)
}

func TestALogoutRequestIsTakenOnce(t *testing.T) {
	l := samltest.NewLab()
	in := samltest.Query{Parameter: "SAMLRequest", Doc: logoutRequest(), Pair: l.IdP}.Incoming()
	memory := &samltest.Memory{}
	var accepted atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, r := l.Provider(nil).AcceptLogoutRequest(t.Context(), in, memory, samltest.Now); r == nil {
				accepted.Add(1)
			} else if r.Reason != saml.Replayed {
				t.Errorf("refused for %v", r)
			}
		})
	}
	group.Wait()
	if accepted.Load() != 1 {
		t.Errorf("taken %d times", accepted.Load())
	}
}

func TestALogoutEndsOnlyTheSessionsItNames(t *testing.T) {
	me := saml.NameID{Value: "a", Format: saml.FormatPersistent}
	for _, test := range []struct {
		name    string
		logout  saml.Logout
		session saml.SessionRef
		want    bool
	}{
		{"the named session", saml.Logout{NameID: me, SessionIndexes: []string{"1", "2"}}, saml.SessionRef{NameID: me, SessionIndex: "2"}, true},
		{"another session of the person", saml.Logout{NameID: me, SessionIndexes: []string{"1"}}, saml.SessionRef{NameID: me, SessionIndex: "2"}, false},
		{"all sessions of the person", saml.Logout{NameID: me}, saml.SessionRef{NameID: me, SessionIndex: "2"}, true},
		{"another person with that index", saml.Logout{NameID: saml.NameID{Value: "b", Format: me.Format}, SessionIndexes: []string{"2"}}, saml.SessionRef{NameID: me, SessionIndex: "2"}, false},
		{"the same letters in another format", saml.Logout{NameID: saml.NameID{Value: "a", Format: saml.FormatEmail}}, saml.SessionRef{NameID: me}, false},
		{"a person in other letter case", saml.Logout{NameID: saml.NameID{Value: "A", Format: me.Format}}, saml.SessionRef{NameID: me}, false},
		{"a person of another qualifier", saml.Logout{NameID: saml.NameID{Value: "a", Format: me.Format, NameQualifier: "x"}}, saml.SessionRef{NameID: saml.NameID{Value: "a", Format: me.Format, NameQualifier: "y"}}, false},
		{"a session without index", saml.Logout{NameID: me, SessionIndexes: []string{"1"}}, saml.SessionRef{NameID: me}, false},
	} {
		if got := test.logout.Ends(test.session); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestLogoutResponsesOfTheIdentityProvider(t *testing.T) {
	l := samltest.NewLab()
	answer := func(old, new string) saml.Incoming {
		return samltest.Query{Parameter: "SAMLResponse", Doc: replaced(logoutResponse(), old, new), Pair: l.IdP}.Incoming()
	}
	for _, test := range []struct {
		name string
		in   saml.Incoming
		want saml.Reason
	}{
		{"redirect", samltest.Query{Parameter: "SAMLResponse", Doc: logoutResponse(), RelayState: "h", Pair: l.IdP}.Incoming(), ""},
		{"POST", samltest.Posted("SAMLResponse", logoutResponse(), "_answer1", &l.IdP, nil), ""},
		{"by a stranger", samltest.Query{Parameter: "SAMLResponse", Doc: logoutResponse(), Pair: l.Stranger}.Incoming(), saml.QuerySignature},
		{"POST unsigned", samltest.Posted("SAMLResponse", logoutResponse(), "_answer1", nil, nil), saml.QueryUnsigned},
		{"to another request", answer(samltest.RequestID, "_other"), saml.RequestUnknown},
		{"to none", answer(`InResponseTo="`+samltest.RequestID+`"`, ""), saml.InResponseToMissing},
		{"partial", answer("status:Success", "status:PartialLogout"), saml.LogoutStatus},
		{"a success that is partial, as SimpleSAMLphp says it", answer(`status:Success"/>`, `status:Success"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:PartialLogout"/></samlp:StatusCode>`), saml.LogoutStatus},
		{"failed", answer("status:Success", "status:Responder"), saml.LogoutStatus},
		{"without status", answer(`<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>`, ""), saml.StatusMissing},
		{"a request", samltest.Query{Parameter: "SAMLRequest", Doc: logoutRequest(), Pair: l.IdP}.Incoming(), saml.NotALogout},
		{"a sign-in response", samltest.Posted("SAMLResponse", samltest.Vector{}.Document(l), samltest.ResponseID, nil, nil), saml.NotALogout},
	} {
		id, r := l.Provider(nil).AcceptLogoutResponse(test.in, samltest.Requests(), samltest.Now)
		switch {
		case r == nil && (test.want != "" || id != samltest.RequestID):
			t.Errorf("%s: accepted as %q; want %q", test.name, id, test.want)
		case r != nil && r.Reason != test.want:
			t.Errorf("%s: got %v; want %q", test.name, r, test.want)
		}
	}
}

// TestOurLogoutMessagesAreSignedAsTheStandardSays checks what we send with the
// identity provider's eyes: another Provider that trusts our key.
func TestOurLogoutMessagesAreSignedAsTheStandardSays(t *testing.T) {
	l := samltest.NewLab()
	for _, binding := range []saml.Binding{saml.Redirect, saml.POST} {
		t.Run(string(binding), func(t *testing.T) {
			us := l.Provider(func(c *saml.Config) { c.RequestBinding = binding })
			name := saml.NameID{Value: samltest.Person, Format: saml.FormatPersistent, NameQualifier: samltest.IdPEntity, SPNameQualifier: samltest.Entity}
			ref := saml.SessionRef{NameID: name, SessionIndex: "_session1"}
			m, req, err := us.LogoutRequest(ref, "handle", samltest.Now)
			if err != nil {
				t.Fatal(err)
			}
			where := m.URL
			if binding == saml.Redirect {
				where, _, _ = strings.Cut(m.URL, "?")
			}
			them := l.Provider(func(c *saml.Config) {
				c.EntityID, c.SLO = samltest.IdPEntity, where
				c.IdP = &saml.IdP{EntityID: samltest.Entity, Keys: []saml.SigningKey{{Certificate: l.SP.Certificate}}, SLO: []saml.Endpoint{{Binding: binding, Location: samltest.SLO}}}
				c.Keys = []saml.Key{{Private: l.IdP.RSA(), Certificate: l.IdP.Certificate}}
			})
			got, r := them.AcceptLogoutRequest(t.Context(), received(m), &samltest.Memory{}, samltest.Now)
			if r != nil {
				t.Fatalf("%v (cause %v)", r, r.Cause)
			}
			if !got.Ends(ref) || got.ID != req.ID || got.NameID != name || fmt.Sprint(got.SessionIndexes) != "[_session1]" || got.RelayState != "handle" {
				t.Errorf("got %+v", got)
			}
			answer, err := them.LogoutResponse(got, saml.LogoutDone, samltest.Now)
			if err != nil {
				t.Fatal(err)
			}
			if id, r := us.AcceptLogoutResponse(received(answer), []saml.Request{req}, samltest.Now); r != nil || id != req.ID {
				t.Errorf("our request %s, their answer to %s: %v", req.ID, id, r)
			}
			partial, _ := them.LogoutResponse(got, saml.LogoutPartial, samltest.Now)
			if _, r := us.AcceptLogoutResponse(received(partial), []saml.Request{req}, samltest.Now.Add(time.Second)); r == nil || r.Reason != saml.LogoutStatus {
				t.Errorf("a partial logout says %v", r)
			}
		})
	}
}

// received is a message as the other side gets it.
func received(m saml.Message) saml.Incoming {
	if m.Binding == saml.Redirect {
		_, raw, _ := strings.Cut(m.URL, "?")
		return saml.Incoming{Binding: saml.Redirect, RawQuery: raw}
	}
	form := url.Values{}
	for _, f := range m.Fields {
		form.Set(f.Name, f.Text)
	}
	return saml.Incoming{Binding: saml.POST, Form: form}
}

func TestWhateverTheNameIsOurXMLHoldsIt(t *testing.T) {
	l := samltest.NewLab()
	for _, name := range []string{`]]>`, `--><x/>`, `<saml:NameID>`, `"'&amp;`, "a\tb", "漢ß€"} {
		ref := saml.SessionRef{NameID: saml.NameID{Value: name, Format: `"><x a="`}, SessionIndex: name}
		m, _, err := l.Provider(func(c *saml.Config) { c.RequestBinding = saml.POST }).LogoutRequest(ref, "h", samltest.Now)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := base64.StdEncoding.DecodeString(m.Fields[0].Text)
		el := samltest.Parse(string(raw)).Root()
		if got := el.SelectElement("NameID"); got.Text() != name || got.SelectAttrValue("Format", "") != ref.NameID.Format || el.SelectElement("SessionIndex").Text() != name || len(el.ChildElements()) != 4 {
			t.Errorf("%q became %s", name, raw)
		}
	}
}
