package saml_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

// FuzzACS changes good and bad messages at will. Whatever comes out, it must not
// panic, must have a known reason, and may be accepted only as what was signed.
func FuzzACS(f *testing.F) {
	l := samltest.NewLab()
	for _, v := range samltest.Vectors() {
		if doc := v.Document(l); len(doc) < 20000 {
			f.Add(doc)
		}
	}
	p := l.Provider(nil)
	want, r := p.Judge(samltest.Vector{}.Message(l), samltest.Requests(), samltest.Now)
	if r != nil {
		f.Fatal(r)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		got, r := p.Judge(base64.StdEncoding.EncodeToString([]byte(doc)), samltest.Requests(), samltest.Now)
		switch {
		case (got == nil) == (r == nil):
			t.Fatalf("identity %v and rejection %v", got, r)
		case r != nil && (!r.Reason.Known() || r.Reason == saml.InternalError):
			t.Fatalf("rejection %v, cause %v", r, r.Cause)
		case r == nil && got.Subject != want.Subject:
			t.Fatalf("accepted as %+v", got)
		}
	})
}

// FuzzLogout changes logout messages at will; their signature is over the query.
func FuzzLogout(f *testing.F) {
	l := samltest.NewLab()
	good := samltest.Query{Parameter: "SAMLRequest", Doc: logoutRequest(), RelayState: "a/b", Pair: l.IdP}.Incoming()
	f.Add(good.RawQuery)
	f.Add(samltest.Query{Parameter: "SAMLResponse", Doc: logoutResponse(), Pair: l.IdP}.Incoming().RawQuery)
	f.Add("SAMLResponse=a&RelayState=%zz&Signature=&SigAlg")
	p := l.Provider(nil)
	want, r := p.AcceptLogoutRequest(f.Context(), good, &samltest.Memory{}, samltest.Now)
	if r != nil {
		f.Fatal(r)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		in := saml.Incoming{Binding: saml.Redirect, RawQuery: raw}
		got, r := p.AcceptLogoutRequest(t.Context(), in, &samltest.Memory{}, samltest.Now)
		if r != nil && (!r.Reason.Known() || r.Reason == saml.InternalError || got != nil) {
			t.Fatalf("request %v, rejection %v", got, r)
		}
		if r == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
		if _, r := p.AcceptLogoutResponse(in, samltest.Requests(), samltest.Now); r != nil && (!r.Reason.Known() || r.Reason == saml.InternalError) {
			t.Fatalf("response: %v", r)
		}
	})
}

// TestFailedDecryptionSaysOneThing: over many changes of key and text, answer
// and cause are the same to the letter.
func TestFailedDecryptionSaysOneThing(t *testing.T) {
	l := samltest.NewLab()
	p := l.Provider(nil)
	var first *saml.Rejection
	for i := range 120 {
		e := &samltest.Encryption{}
		switch change := func(b []byte) []byte { b[(i*37)%len(b)] ^= byte(1 << (i % 8)); return b }; i % 3 {
		case 0:
			e.Wrapped = change
		case 1:
			e.Cipher = change
		case 2:
			e.Plain = func(s string) string { return s[:i*7] }
		}
		_, r := p.Judge(samltest.Vector{Encrypt: e}.Message(l), samltest.Requests(), samltest.Now)
		if r == nil || r.Reason != saml.DecryptionFailed {
			t.Fatalf("change %d: %v", i, r)
		}
		if first == nil {
			first = r
		}
		if diff := cmp.Diff(first, r); diff != "" {
			t.Fatalf("change %d tells more:\n%s", i, diff)
		}
	}
}
