package saml_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"grantbridge/saml"
	"grantbridge/saml/demoidp"
	"grantbridge/saml/samltest"
)

var hidden = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)

// roundTrip signs in at an identity provider over HTTP and returns what its form
// posts to us.
func roundTrip(t *testing.T, m saml.Message) url.Values {
	t.Helper()
	var res *http.Response
	var err error
	if m.Binding == saml.Redirect {
		res, err = http.Get(m.URL)
	} else {
		form := url.Values{}
		for _, f := range m.Fields {
			form.Set(f.Name, f.Text)
		}
		res, err = http.PostForm(m.URL, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %s, %v: %s", res.Status, err, body)
	}
	form := url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(string(body), -1) {
		form.Set(f[1], html.UnescapeString(f[2]))
	}
	return form
}

func TestARealIdentityProviderSignsSomebodyIn(t *testing.T) {
	l := samltest.NewLab()
	for _, test := range []struct {
		name      string
		binding   saml.Binding
		edit      func(*saml.Config)
		encrypted bool
	}{
		{"redirect, encrypted with AES-CBC in a signed response", saml.Redirect, nil, true},
		{"POST, encrypted", saml.POST, nil, true},
		{"redirect, plain, unsigned request", saml.Redirect, func(c *saml.Config) { c.Keys = nil }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var idp *demoidp.IdP
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { idp.ServeHTTP(w, r) }))
			defer server.Close()
			idp, err := demoidp.New(demoidp.Config{Base: server.URL, Key: saml.Key{Private: l.IdP.RSA(), Certificate: l.IdP.Certificate},
				SignedIn: func(*http.Request) (demoidp.Person, bool) {
					return demoidp.Person{ID: "u-1042", Login: "clara.moreau", Groups: []string{"Analysts", "Marketing EMEA"}}, true
				}})
			if err != nil {
				t.Fatal(err)
			}
			doc, err := idp.Metadata()
			if err != nil {
				t.Fatal(err)
			}
			md, err := saml.ParseIdP(doc, server.URL+"/metadata", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			p := l.Provider(func(c *saml.Config) {
				c.IdP, c.RequestBinding = md, test.binding
				c.Groups.Attributes = []string{"groups"}
				if test.edit != nil {
					test.edit(c)
				}
			})
			own, err := p.Metadata()
			if err != nil {
				t.Fatal(err)
			}
			if err := idp.Register(own); err != nil {
				t.Fatal(err)
			}
			m, req, err := p.Login("handle-1", saml.LoginOptions{}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			form := roundTrip(t, m)
			id, r := p.Accept(t.Context(), form.Get("SAMLResponse"), []saml.Request{req}, &samltest.Memory{}, time.Now())
			if r != nil {
				t.Fatalf("%v (cause %v)", r, r.Cause)
			}
			if id.Subject.Value != "u-1042" || strings.Join(id.Groups.Values, ";") != "Analysts;Marketing EMEA" || id.Encrypted != test.encrypted || form.Get("RelayState") != "handle-1" {
				t.Errorf("got %+v, RelayState %q", id, form.Get("RelayState"))
			}
		})
	}
}
