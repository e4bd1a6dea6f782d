package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"grantbridge/saml"
	"grantbridge/saml/demoidp"
	"grantbridge/saml/samltest"
)

type identityProviderKey struct{}

// identityProvider is one in process, and the browsers of those who sign in.
type identityProvider struct {
	base     string
	idp      atomic.Pointer[demoidp.IdP]
	who      string
	groups   []string
	metadata atomic.Pointer[[]byte] // as served; nil is a fault
	browsers map[string]*http.Client
}

// signInAt is the saml command of scenes:
//
//	saml serve            an identity provider: writes idp.xml and ca.pem, and
//	                      serves its metadata at $METADATA
//	saml keys old|both|new|none
//	                      what the metadata hold; new also signs with the new key,
//	                      none answers with a fault. $NEWKEY is its fingerprint
//	saml in WHO [GROUP…]  sign in at $URL with WHO's browser; the last page is stdout
//	saml open PATH WHO [GROUP…]
//	                      the same, beginning at a path
//	saml get PATH WHO     one request of that browser
//	saml key NAME         our own key and certificate: NAME.key, NAME.crt
func signInAt(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(identityProviderKey{}).(*identityProvider)
	if len(args) == 0 {
		ts.Fatalf("usage: saml serve|keys|in|open|get|key")
	}
	switch word, args := args[0], args[1:]; word {
	case "serve":
		p.serve(ts)
	case "keys":
		p.keys(ts, args[0])
	case "in":
		p.signIn(ts, "/saml/okta/login", args[0], args[1:])
	case "open":
		p.signIn(ts, strings.TrimPrefix(strings.TrimSpace(args[0]), ts.Getenv("URL")), args[1], args[2:])
	case "get":
		r, err := p.browser(args[1]).Get(ts.Getenv("URL") + args[0])
		ts.Check(err)
		p.show(ts, r)
	case "key":
		pair := samltest.RSAPair("scene "+args[0], 2048)
		writeKey(ts, args[0], pair)
	default:
		ts.Fatalf("saml: no word %s", word)
	}
}

func (p *identityProvider) serve(ts *testscript.TestScript) {
	p.browsers = map[string]*http.Client{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.idp.Load().ServeHTTP(w, r) }))
	ts.Defer(s.Close)
	p.base = s.URL
	feed := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		doc := p.metadata.Load()
		if doc == nil {
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(*doc)
	}))
	ts.Defer(feed.Close)
	ts.Setenv("METADATA", feed.URL)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: feed.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o644))
	p.keys(ts, "old")
	ts.Check(os.WriteFile(ts.MkAbs("idp.xml"), *p.metadata.Load(), 0o644))
}

var signingKey = regexp.MustCompile(`(?s)<KeyDescriptor use="signing">.*?</KeyDescriptor>`)

func (p *identityProvider) keys(ts *testscript.TestScript, which string) {
	old, next := samltest.RSAPair("scene idp", 2048), samltest.RSAPair("scene idp, new", 2048)
	ts.Setenv("NEWKEY", saml.SigningKey{Certificate: next.Certificate}.Fingerprint())
	if which == "none" {
		p.metadata.Store(nil)
		return
	}
	newDoc := p.signWith(ts, next)
	doc := newDoc
	if which != "new" {
		doc = p.signWith(ts, old)
	}
	if which == "both" {
		doc = signingKey.ReplaceAllStringFunc(doc, func(k string) string { return k + signingKey.FindString(newDoc) })
	}
	text := []byte(doc)
	p.metadata.Store(&text)
}

// signWith makes the identity provider anew, and returns its metadata.
func (p *identityProvider) signWith(ts *testscript.TestScript, pair samltest.Pair) string {
	idp, err := demoidp.New(demoidp.Config{Base: p.base, Key: saml.Key{Private: pair.RSA(), Certificate: pair.Certificate},
		SignedIn: func(*http.Request) (demoidp.Person, bool) {
			return demoidp.Person{ID: p.who, Login: p.who, Groups: p.groups}, true
		}})
	ts.Check(err)
	p.idp.Store(idp)
	doc, err := idp.Metadata()
	ts.Check(err)
	return string(doc)
}

func (p *identityProvider) browser(who string) *http.Client {
	if p.browsers[who] == nil {
		jar, _ := cookiejar.New(nil) // has no error
		p.browsers[who] = &http.Client{Jar: jar}
	}
	return p.browsers[who]
}

var (
	formAction  = regexp.MustCompile(`action="([^"]+)"`)
	hiddenField = regexp.MustCompile(`name="([A-Za-z]+)" value="([^"]*)"`)
)

func (p *identityProvider) signIn(ts *testscript.TestScript, path, who string, groups []string) {
	base := ts.Getenv("URL")
	ours, err := http.Get(base + "/saml/okta/metadata")
	ts.Check(err)
	doc, err := io.ReadAll(ours.Body)
	ours.Body.Close()
	ts.Check(errors.Join(err, p.idp.Load().Register(doc)))
	p.who, p.groups = who, nil // no attribute of groups comes
	if len(groups) > 0 {
		p.groups = groups
	}
	c := p.browser(who)
	r, err := c.Get(base + path)
	ts.Check(err)
	text, err := io.ReadAll(r.Body)
	r.Body.Close()
	ts.Check(err)
	to := formAction.FindSubmatch(text)
	v := url.Values{}
	for _, f := range hiddenField.FindAllStringSubmatch(string(text), -1) {
		v.Set(f[1], html.UnescapeString(f[2]))
	}
	if to == nil || v.Get("SAMLResponse") == "" {
		fmt.Fprintf(ts.Stdout(), "%d\n%s\n", r.StatusCode, text)
		return
	}
	r, err = c.PostForm(html.UnescapeString(string(to[1])), v)
	ts.Check(err)
	p.show(ts, r)
}

func (p *identityProvider) show(ts *testscript.TestScript, r *http.Response) {
	text, err := io.ReadAll(r.Body)
	r.Body.Close()
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n%s\n", r.StatusCode, r.Request.URL.Path, text)
}

func writeKey(ts *testscript.TestScript, name string, pair samltest.Pair) {
	der, err := x509.MarshalPKCS8PrivateKey(pair.Key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate.Raw}), 0o644))
}
