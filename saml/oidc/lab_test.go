package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/saml/signin"
)

const callback = "https://bridge.example.com/oidc/okta/callback"

// lab is a provider and our side of it.
type lab struct {
	t       *testing.T
	them    *oidctest.Provider
	c       oidc.Config
	us      *oidc.Provider
	now     time.Time     // ours
	late    time.Duration // between request and answer
	browser string        // of the answer; that of the request when empty
	strong  []string      // asked for by a step-up
	request oidc.Request
	state   string
	edit    func(q url.Values)    // of the callback
	asked   func(r *oidc.Request) // what is kept of the request
	login   func(*url.URL)        // the request on its way
}

const secretOfBrowser = "the secret in the cookie of the browser that began"

func newLab(t *testing.T) *lab {
	l := &lab{t: t, them: oidctest.Start(t), now: time.Now(), state: "a state that nobody can guess"}
	l.them.Redirects = []string{callback}
	l.c = oidc.Config{Source: "okta", Issuer: l.them.URL, ClientID: oidctest.ClientID, Secret: oidctest.Secret,
		Callback: callback, LoggedOut: "https://bridge.example.com/oidc/okta/signed-out", Now: func() time.Time { return l.now }}
	return l
}

// build makes our side; discovery fails the test.
func (l *lab) build() {
	l.t.Helper()
	var err error
	if l.us, err = oidc.New(l.c); err != nil {
		l.t.Fatal(err)
	}
	if err := l.us.Discover(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// signIn is a whole sign-in. The browser follows the provider as far as our
// callback.
func (l *lab) signIn() (*oidc.Identity, *signin.Rejection) {
	l.t.Helper()
	if l.us == nil {
		l.build()
	}
	raw, no := l.begin()
	if no != nil {
		return nil, no
	}
	a, no := oidc.ReadAnswer(raw)
	if no != nil {
		return nil, no
	}
	l.now = l.now.Add(l.late)
	browser := secretOfBrowser
	if l.browser != "" {
		browser = l.browser
	}
	return l.us.Accept(l.t.Context(), a, l.request, browser, l.now)
}

// begin goes to the provider and gives the query of the callback.
func (l *lab) begin() (rawQuery string, no *signin.Rejection) {
	l.t.Helper()
	to, r, no := l.us.Login(l.t.Context(), l.state, secretOfBrowser, l.strong, l.now)
	if no != nil {
		return "", no
	}
	if l.request = r; l.asked != nil {
		l.asked(&l.request)
	}
	u, err := url.Parse(to)
	if err != nil {
		l.t.Fatal(err)
	}
	if l.login != nil {
		l.login(u)
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(u.String())
	if err != nil {
		l.t.Fatal(err)
	}
	res.Body.Close()
	back, err := res.Location()
	if err != nil {
		l.t.Fatalf("the provider does not answer: %s", res.Status)
	}
	q := back.Query()
	if l.edit != nil {
		l.edit(q)
	}
	return q.Encode(), nil
}
