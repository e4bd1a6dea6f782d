package login_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/saml/oidc"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// zitadel is a certified OpenID provider, by another hand than ours.
func zitadel(t *testing.T, redirect func() string) (issuer string) {
	var op http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { op.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	issuer = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) + "/"
	storage.RegisterClients(storage.WebClient("bridge", "a secret", redirect()))
	op = exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), nil, false)
	return issuer
}

var authRequest = regexp.MustCompile(`name="id" value="([^"]+)"`)

func TestAProviderByAnotherHand(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		n := &town{t: t, kit: storetest.Kit{T: t, S: st}}
		var err error
		n.engine, err = provision.New(t.Context(), st, provision.Config{Sources: []store.Source{{Name: "zitadel"}}})
		n.must(err)
		var door http.Handler
		n.us = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { door.ServeHTTP(w, r) }))
		t.Cleanup(n.us.Close)
		at := n.us.URL + "/oidc/zitadel/"
		issuer := zitadel(t, func() string { return at + "callback" })
		p, err := oidc.New(oidc.Config{Source: "zitadel", Issuer: issuer, ClientID: "bridge", Secret: "a secret", Callback: at + "callback", LoggedOut: at + "signed-out",
			ForceAuthn: true})
		n.must(err)
		n.must(p.Discover(t.Context()))
		door = login.New(n.engine, login.Config{BaseURL: n.us.URL, Sources: map[string]login.Source{"zitadel": {OIDC: p, Mode: login.Create}},
			Sessions: session.New(st, n.engine.Holder(), session.Config{Loopback: true}), Signer: session.NewSigner(st, nil)})
		n.must(n.engine.Sync(t.Context(), 0))

		b := n.browser()
		page := b.get("/oidc/zitadel/login")
		m := authRequest.FindStringSubmatch(page.text)
		if m == nil {
			t.Fatalf("there is no sign-in page: %d %s", page.status, page.text)
		}
		form := url.Values{"id": {m[1]}, "username": {"test-user@localhost"}, "password": {"verysecure"}}
		page = b.read(b.c.PostForm(issuer+"login/username", form))
		if page.url.Path != "/me" {
			t.Fatalf("nobody is signed in: %d %s %s", page.status, page.url, page.text)
		}
		n.kit.Read(func(v *store.View) error {
			a, err := v.SubjectAccount(context.Background(), "zitadel", "claim:id1", "id1")
			if err == nil && !a.Active {
				t.Errorf("the account is %+v", a)
			}
			return err
		})
	})
}
