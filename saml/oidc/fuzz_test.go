package oidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"grantbridge/saml/signin"
)

// FuzzClaims: whatever is signed, nothing panics, and what is read is what the
// standard library reads.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"sub":"a","groups":["A","B"],"iat":1.5}`, `{"sub":"a","sub":"b"}`, `{"SUB":"a","sub":"b"}`, `[]`, `{}`, `{"a":{"b":{"c":["x"]}}}`,
		`{"_claim_names":{"groups":"s"},"_claim_sources":{}}`, `{"email":"a@b","email_verified":"False"}`, `{"sub":"a"}{}`, `{"\u0073ub":"a","sub":"b"}`, `{"exp":1e400}`,
	} {
		f.Add([]byte(s))
	}
	p := &Provider{c: Config{Issuer: "i", ClientID: "c", Subject: "sub", Groups: GroupRule{Claim: "a.b.c", Form: signin.GroupNames}}}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, no := readClaims(payload)
		if no != nil {
			return
		}
		var other map[string]any
		d := json.NewDecoder(bytes.NewReader(payload))
		d.UseNumber() // a number may be larger than a float64
		if err := d.Decode(&other); err != nil || len(other) != len(c) {
			t.Fatalf("%q is %d claims here and %d there (%v)", payload, len(c), len(other), err)
		}
		if sub, ok := other["sub"].(string); ok && c["sub"] != sub {
			t.Fatalf("%q: sub is %v here and %q there", payload, c["sub"], sub)
		}
		id, no := p.identity(c)
		if (id == nil) == (no == nil) {
			t.Fatalf("got %v and %v", id, no)
		}
		if id != nil && (id.Subject.Value == "" || id.Groups.State != signin.GroupsPresent && len(id.Groups.Values) > 0) {
			t.Fatalf("%q is %+v", payload, id.Identity)
		}
		_, _ = p.logout(c, time.Unix(0, 0))
		_ = p.forUs(c)
		_ = p.inTime(c, time.Unix(1e9, 0))
	})
}

// FuzzHeader: a header brings no algorithm that is not ours.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{`{"alg":"RS256","kid":"k"}`, `{"alg":"none"}`, `{"ALG":"HS256"}`, `{"alg":"RS256","crit":["x"]}`, `{"alg":["RS256"]}`} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(s)) + ".e30.c2ln")
	}
	f.Fuzz(func(t *testing.T, token string) {
		h, no := readHeader(token)
		if no == nil && (strings.HasPrefix(h.Alg, "HS") || strings.EqualFold(h.Alg, "none") || h.Crit != nil) {
			t.Fatalf("%q is taken as %+v", token, h)
		}
	})
}

// FuzzAnswer: a callback is a code or an error, under a state.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"state=s&code=c", "state=s&error=e&iss=i", "state=s&state=t&code=c", "%zz", "state=s&code=c;x=1", "state=s&code=c&id_token=t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		a, no := ReadAnswer(query)
		if no == nil && (a.State == "" || (a.Code == "") == (a.Error == "") || len(a.Code) > maxCode) {
			t.Fatalf("%q is %+v", query, a)
		}
	})
}

// FuzzKeys: a JWK Set gives no key that may not verify.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[null]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := readKeys(body)
		if err != nil {
			return
		}
		for _, k := range set {
			if fits(k.public, "HS256") || fits(k.public, "none") || fits(k.public, "") {
				t.Fatalf("%q gives %T", body, k.public)
			}
		}
	})
}
