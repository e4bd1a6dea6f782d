package login_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"grantbridge/internal/browsertest"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/saml/oidc"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// registered is the zitadel library's storage with our client's place to come
// back to after a logout, for which its own client has no room.
type registered struct {
	*storage.Storage
	loggedOut string
}

func (r registered) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := r.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, r.loggedOut}, nil
}

type client struct {
	op.Client
	loggedOut string
}

func (c client) PostLogoutRedirectURIs() []string { return []string{c.loggedOut} }

// openIDTown is a bridge and the zitadel library's provider, by TLS and as two
// sites.
func openIDTown(t *testing.T) *town {
	n := &town{t: t, kit: storetest.Kit{T: t, S: storetest.Open(t, "sqlite", store.Options{})}, secure: true}
	var err error
	n.engine, err = provision.New(t.Context(), n.kit.S, provision.Config{Sources: []store.Source{{Name: "zitadel"}}})
	n.must(err)
	n.us = n.serve("bridge.test", func(w http.ResponseWriter, r *http.Request) { n.door.Load().ServeHTTP(w, r) })
	var provider http.Handler
	n.idp = n.serve("idp.test", func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(w, r) })
	issuer, at := n.idp.URL+"/", n.us.URL+"/oidc/zitadel/"
	clients := map[string]*storage.Client{"bridge": storage.WebClient("bridge", "a secret", at+"callback")}
	provider = exampleop.SetupServer(issuer, registered{storage.NewStorageWithClients(storage.NewUserStore(issuer), clients), at + "signed-out"}, nil, false)
	p, err := oidc.New(oidc.Config{Source: "zitadel", Issuer: issuer, ClientID: "bridge", Secret: "a secret", Callback: at + "callback", LoggedOut: at + "signed-out",
		UserInfo: true, Transport: sites(n.idp.Certificate())})
	n.must(err)
	n.must(p.Check(t.Context()))
	n.door.Store(login.New(n.engine, login.Config{BaseURL: n.us.URL, Sources: map[string]login.Source{"zitadel": {OIDC: p, Mode: login.Create}},
		Sessions: session.New(n.kit.S, n.engine.Holder(), session.Config{}), Signer: session.NewSigner(n.kit.S, nil)}))
	n.must(n.engine.Sync(t.Context(), 0))
	return n
}

// sites reaches names of .test on this machine, and trusts their certificate,
// which is made out to another name.
func sites(c *x509.Certificate) http.RoundTripper {
	roots := x509.NewCertPool()
	roots.AddCert(c)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: c.DNSNames[0]},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
		}}
}

// TestOpenIDConnectInARealBrowser plays a sign-in and a logout in Chromium, at a
// provider by another hand.
func TestOpenIDConnectInARealBrowser(t *testing.T) {
	chromium := browsertest.Start(t)
	n := openIDTown(t)
	b := chromium.Profile(t)
	b.Go(n.us.URL + "/login")
	b.Click(`a[href="/oidc/zitadel/login"]`)
	b.Wait("#username")
	asked := mustURL(b.Visited("/auth")).Query()
	for name, want := range map[string]int{"state": 43, "nonce": 43, "code_challenge": 43} {
		if got := asked.Get(name); len(got) != want {
			t.Errorf("the request's %s is %q", name, got)
		}
	}
	if asked.Get("response_type") != "code" || asked.Get("code_challenge_method") != "S256" {
		t.Errorf("the request is %v", asked)
	}
	b.Type("#username", "test-user@idp.test")
	b.Type("#password", "verysecure")
	b.Click("button")
	b.Wait("#who")
	answer := mustURL(b.Visited("/oidc/zitadel/callback")).Query()
	if answer.Get("state") != asked.Get("state") || answer.Get("code") == "" || answer.Has("id_token") || b.Visited("/finish") == "" || b.URL().String() != n.us.URL+"/me" {
		t.Errorf("the answer is %v, and the browser is at %s", answer, b.URL())
	}
	if got := b.Text("#login"); !strings.HasPrefix(got, "test-user") {
		t.Errorf("the login is %q", got)
	}
	b.Readable()
	n.cookies(b)

	// The back button, and the same answer again.
	callback, finish := b.Visited("/oidc/zitadel/callback"), b.Visited("/finish")
	b.Back()
	b.Wait("#username")
	for _, again := range []string{callback, finish} {
		b.Go(again) // as a second click: the browser is signed in, and goes on
		b.Wait("#who")
	}

	b.Click(`form[action="/logout"] button`)
	b.Wait("#out")
	ended := mustURL(b.Visited("/end_session")).Query()
	if b.URL().Path != "/oidc/zitadel/signed-out" || b.Has("#still") || ended.Get("id_token_hint") == "" || ended.Get("client_id") != "bridge" {
		t.Errorf("signed out at %s by %v", b.URL(), keysOfQuery(ended))
	}
	for _, c := range b.Cookies(n.us.URL) {
		if c.Name == "__Host-grantbridge" {
			t.Errorf("the cookie is still there: %+v", c)
		}
	}
	b.Go(finish)
	b.Wait("#says")
	n.seen(b, "finish_spent")
	b.Go(callback)
	b.Wait("#says")
	n.seen(b, oidc2saml(oidc.StateUnknown))
	if n.isIn(b) {
		t.Error("an answer signs in twice")
	}
}

func keysOfQuery(q url.Values) (names []string) {
	for name := range q {
		names = append(names, name)
	}
	return names
}
