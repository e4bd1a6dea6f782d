package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"

	"github.com/rogpeppe/go-internal/testscript"

	"grantbridge/saml/oidc/oidctest"
)

type openIDKey struct{}

// sceneCleaner lets a helper of tests clean up at the end of a scene.
type sceneCleaner struct{ ts *testscript.TestScript }

func (sceneCleaner) Helper()            {}
func (c sceneCleaner) Cleanup(f func()) { c.ts.Defer(f) }

// openIDLies is what a provider may publish.
var openIDLies = map[string]func(*oidctest.Provider){
	"honest": func(*oidctest.Provider) {},
	"renamed": func(p *oidctest.Provider) {
		p.Discovery = func(doc map[string]any) { doc["issuer"] = doc["issuer"].(string) + "/" }
	},
	"keyless": func(p *oidctest.Provider) {
		p.JWKS = func(w http.ResponseWriter) bool { http.Error(w, "down", http.StatusBadGateway); return true }
	},
}

// openID is the openid command of scenes.
func openID(ts *testscript.TestScript, _ bool, args []string) {
	held := ts.Value(openIDKey{}).(**oidctest.Provider)
	switch {
	case len(args) == 1 && args[0] == "serve":
		*held = oidctest.Start(sceneCleaner{ts})
		(*held).Redirects = []string{ts.Getenv("URL") + "/oidc/okta/callback"}
		ts.Setenv("OPENID", (*held).URL)
	case len(args) == 1 && openIDLies[args[0]] != nil:
		(*held).Lock()
		(*held).Discovery, (*held).JWKS = nil, nil
		openIDLies[args[0]](*held)
		(*held).Unlock()
	case len(args) == 2 && args[0] == "browse":
		browse(ts, args[1])
	default:
		ts.Fatalf("usage: openid serve|honest|renamed|keyless|browse URL")
	}
}

// browse is a browser with cookies that goes to a page and where that leads.
func browse(ts *testscript.TestScript, url string) {
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	r, err := (&http.Client{Jar: jar}).Get(url)
	ts.Check(err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n%s\n", r.StatusCode, r.Request.URL.Path, text)
}
