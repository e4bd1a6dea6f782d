package login_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/saml/samltest"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// phpTown is a town whose identity provider is a real SimpleSAMLphp.
type phpTown struct {
	*town
	base   string         // of the server, with a slash
	folder string         // its own
	host   string         // ours, default 127.0.0.1; a browser's cookies are for a host, whatever the port
	beside map[string]any // what is set there beside our metadata
	// tampered is what becomes of our metadata on the way; nil is nothing.
	tampered func(xml string) string
}

func openSimpleSAMLphp(t *testing.T) (base, folder string) {
	t.Helper()
	address := os.Getenv("GRANTBRIDGE_TEST_SIMPLESAMLPHP")
	if address == "" {
		if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
			t.Fatal("GRANTBRIDGE_TEST_SIMPLESAMLPHP is not set; scripts/simplesamlphp.sh starts a server and prints it")
		}
		t.Skip("left out: SimpleSAMLphp; set GRANTBRIDGE_TEST_SIMPLESAMLPHP to what scripts/simplesamlphp.sh prints")
	}
	base, query, _ := strings.Cut(address, "?")
	v, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return base, v.Get("folder")
}

// newPHPTown is on SQLite: what the database is makes no difference to the
// identity provider. edit changes the source, and what is set beside our metadata.
func newPHPTown(t *testing.T, edit func(*phpTown)) *phpTown {
	t.Helper()
	return newPHPTownAt(t, "", edit)
}

func newPHPTownAt(t *testing.T, host string, edit func(*phpTown)) *phpTown {
	t.Helper()
	base, folder := openSimpleSAMLphp(t)
	st := storetest.Open(t, "sqlite", store.Options{})
	n := &phpTown{town: &town{t: t, kit: storetest.Kit{T: t, S: st}}, base: base, folder: folder, host: host, beside: map[string]any{"validate.logout": true, "sign.logout": true}}
	n.build(edit)
	return n
}

func (n *phpTown) build(edit func(*phpTown)) {
	n.t.Helper()
	var err error
	n.engine, err = provision.New(n.t.Context(), n.kit.S, provision.Config{Sources: []store.Source{{Name: "okta"}}, MaxStaleness: 100 * time.Hour})
	n.must(err)
	var door http.Handler
	n.us = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { door.ServeHTTP(w, r) }))
	n.t.Cleanup(n.us.Close)
	if n.host != "" {
		n.us.URL = strings.Replace(n.us.URL, "127.0.0.1", n.host, 1)
	}
	origin, err := url.Parse(n.base)
	n.must(err)
	n.idp = &httptest.Server{URL: origin.Scheme + "://" + origin.Host}
	n.saml.IdP, err = saml.ParseIdP([]byte(fetch(n.t, n.base+"saml2/idp/metadata.php")), "", time.Now())
	n.must(err)
	at := n.us.URL + "/saml/okta/"
	n.saml.Source, n.saml.MetadataURL, n.saml.ACS, n.saml.SLO = "okta", at+"metadata", at+"acs", at+"slo"
	n.saml.Subject.Attribute, n.saml.Groups.Attributes = "uid", []string{"groups"}
	ours := samltest.RSAPair("flow-sp", 2048)
	n.saml.Keys = []saml.Key{{Private: ours.RSA(), Certificate: ours.Certificate}}
	n.source = login.Source{Mode: login.Create, Groups: login.Apply}
	if edit != nil {
		edit(n)
	}
	n.source.Provider, err = saml.NewProvider(n.saml)
	n.must(err)
	door = login.New(n.engine, login.Config{BaseURL: n.us.URL, Sources: map[string]login.Source{"okta": n.source}, Now: n.now,
		Sessions: session.New(n.kit.S, n.engine.Holder(), session.Config{Loopback: true, Now: n.now}), Signer: session.NewSigner(n.kit.S, n.now)})
	n.register()
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v", url, r.StatusCode, err)
	}
	return string(text)
}

// register lets the identity provider read our metadata.
func (n *phpTown) register() {
	n.t.Helper()
	beside, err := json.Marshal(n.beside)
	n.must(err)
	metadata := fetch(n.t, n.us.URL+"/saml/okta/metadata")
	if n.tampered != nil {
		metadata = n.tampered(metadata)
	}
	name := filepath.Join(n.folder, "sp", n.us.Listener.Addr().String())
	for suffix, text := range map[string]string{".json": string(beside), ".xml": metadata} {
		file := name + suffix
		n.t.Cleanup(func() { os.Remove(file) })
		// By renaming: another test's request may be reading the folder.
		n.must(os.WriteFile(file+".new", []byte(text), 0o644))
		n.must(os.Rename(file+".new", file))
	}
}

// password signs in on the identity provider's own page.
func (b *browser) password(p page, name string) page {
	b.n.t.Helper()
	_, v := p.form()
	if v.Get("AuthState") == "" {
		b.n.t.Fatalf("no sign-in page at %s: %d %s", p.url, p.status, p.text)
	}
	v.Set("username", name)
	v.Set("password", "secret")
	return b.read(b.c.PostForm(p.url.String(), v))
}

// enter begins here, signs in there, and brings the answer back.
func (b *browser) enter(name string) page {
	b.n.t.Helper()
	p := b.through(b.get("/saml/okta/login"))
	return b.through(b.password(p, name))
}

// through submits the pages that do nothing but post on.
func (b *browser) through(p page) page {
	b.n.t.Helper()
	for range 4 {
		to, v := p.form()
		if v.Get("SAMLRequest") == "" && v.Get("SAMLResponse") == "" {
			return p
		}
		p = b.post(to, v)
	}
	b.n.t.Fatalf("the pages post on without end: %s", p.text)
	return p
}

func (n *phpTown) account(external string) (a store.SubjectAccount, groups []string) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) (err error) {
		if a, err = v.SubjectAccount(n.t.Context(), "okta", "", external); err != nil {
			return err
		}
		all, err := v.GroupsOf(n.t.Context(), []directory.AccountID{a.ID})
		for _, g := range all[a.ID] {
			groups = append(groups, g.Display)
		}
		return err
	})
	return a, groups
}

func TestSimpleSAMLphpSignsPeopleIn(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(n *phpTown)
	}{
		{"with a signed request by redirect", func(n *phpTown) { n.beside["validate.authnrequest"] = true }},
		{"with a signed request by POST", func(n *phpTown) {
			n.beside["validate.authnrequest"] = true
			n.saml.RequestBinding = saml.POST
		}},
		{"with response and assertion signed, as we require", func(n *phpTown) { n.saml.Signed = saml.SignedBoth }},
		{"with the assertion signed alone, as we require", func(n *phpTown) {
			n.beside["saml20.sign.response"] = false
			n.saml.Signed = saml.SignedAssertion
		}},
		{"with RSA-SHA512", func(n *phpTown) {
			n.beside["signature.algorithm"] = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
		}},
		{"with the assertion encrypted, as we require", func(n *phpTown) {
			n.beside["assertion.encryption"] = true
			n.saml.Encrypted = true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newPHPTown(t, c.edit)
			b := n.browser()
			if p := b.enter("clara.moreau"); p.url.Path != "/me" || !strings.Contains(p.text, `id="login">clara.moreau<`) {
				t.Fatalf("got %d %s\n%s", p.status, p.url, p.text)
			}
			if _, groups := n.account("clara.moreau"); fmt.Sprint(groups) != "[Marketing Sales Web editors]" {
				t.Errorf("got groups %q", groups)
			}
		})
	}
}

func TestSimpleSAMLphpRefusesRequestsThatAreNotOurs(t *testing.T) {
	for what, c := range map[string]struct {
		edit func(n *phpTown)
		want string // its pages of errors have status 200
	}{
		"unsigned": {func(n *phpTown) { n.saml.SignRequests = saml.Never }, "no signature found on message"},
		"signed with a key that our metadata do not have": {func(n *phpTown) {
			n.tampered = func(xml string) string {
				was, is := samltest.RSAPair("flow-sp", 2048), samltest.RSAPair("flow-stranger", 2048)
				return strings.ReplaceAll(xml, base64.StdEncoding.EncodeToString(was.Certificate.Raw), base64.StdEncoding.EncodeToString(is.Certificate.Raw))
			}
		}, "Unable to validate signature"},
	} {
		t.Run(what, func(t *testing.T) {
			n := newPHPTown(t, func(n *phpTown) { n.beside["validate.authnrequest"] = true; c.edit(n) })
			p := n.browser().get("/saml/okta/login")
			if _, v := p.form(); v.Get("AuthState") != "" || !strings.Contains(p.text, c.want) {
				t.Errorf("got %d %s %s", p.status, p.url, p.text)
			}
		})
	}
}

func TestSimpleSAMLphpSendsWhatWeRefuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		beside map[string]any
		want   saml.Reason
	}{
		{"RSA-SHA1", map[string]any{"signature.algorithm": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}, saml.SignatureAlgorithm},
		{"no signature", map[string]any{"saml20.sign.response": false, "saml20.sign.assertion": false}, saml.SignatureMissing},
		{"AES-CBC outside a signed response", map[string]any{"assertion.encryption": true, "saml20.sign.response": false}, saml.EncryptionCBC},
		{"an encrypted NameID", map[string]any{"nameid.encryption": true}, saml.EncryptedPart},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newPHPTown(t, func(n *phpTown) { maps.Copy(n.beside, c.beside) })
			b := n.browser()
			if n.refused(b.enter("clara.moreau"), c.want); b.in() {
				t.Error("somebody is signed in")
			}
		})
	}
}

// TestSimpleSAMLphpEncryptsAsTheDocumentSays holds docs/providers/simplesamlphp.md
// to what comes: version 1.19 has no setting for it.
func TestSimpleSAMLphpEncryptsAsTheDocumentSays(t *testing.T) {
	n := newPHPTown(t, func(n *phpTown) { n.beside["assertion.encryption"] = true })
	b := n.browser()
	_, v := b.password(b.get("/saml/okta/login"), "clara.moreau").form()
	doc, err := base64.StdEncoding.DecodeString(v.Get("SAMLResponse"))
	n.must(err)
	var got []string
	for _, m := range regexp.MustCompile(`<xenc:EncryptionMethod [^>]*Algorithm="([^"]+)"`).FindAllStringSubmatch(string(doc), -1) {
		got = append(got, m[1])
	}
	if want := "[" + samltest.NSEnc + "aes128-cbc " + samltest.NSEnc + "rsa-oaep-mgf1p]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestSimpleSAMLphpsPersistentNameIDIsTheAccount(t *testing.T) {
	n := newPHPTown(t, func(n *phpTown) { n.saml.Subject.Attribute = "" })
	for range 2 {
		b := n.browser()
		if p := b.enter("clara.moreau"); !strings.Contains(p.text, `id="login">clara.moreau<`) {
			t.Fatalf("got %d %s\n%s", p.status, p.url, p.text)
		}
	}
	n.kit.Read(func(v *store.View) error {
		all, _, err := v.Accounts(t.Context(), "okta", directory.Query{Count: 10, Start: 1})
		if len(all) != 1 || !strings.HasPrefix(all[0].ExternalID, "saml:nameid:") || strings.Contains(all[0].ExternalID, "clara") {
			t.Errorf("got %+v", all)
		}
		return err
	})
}

func TestSimpleSAMLphpsGroups(t *testing.T) {
	n := newPHPTown(t, nil)
	n.browser().enter("many.groups")
	if _, groups := n.account("many.groups"); len(groups) != 100 {
		t.Errorf("got %d groups, want 100", len(groups))
	}
	b := n.browser()
	b.enter("no.groups")
	if _, groups := n.account("no.groups"); len(groups) != 0 || !b.in() {
		t.Errorf("got groups %q; signed in: %v", groups, b.in())
	}
	n.kit.Read(func(v *store.View) error {
		all, err := v.Traces(t.Context(), store.TraceQuery{Limit: 1})
		var body struct{ Groups string }
		n.must(json.Unmarshal(all[0].Body, &body))
		if body.Groups != "empty" {
			t.Errorf("an attribute without values came as %q", body.Groups)
		}
		return err
	})
}

func TestSimpleSAMLphpAsksForThePasswordAgainWhenForced(t *testing.T) {
	for _, force := range []bool{false, true} {
		n := newPHPTown(t, func(n *phpTown) { n.saml.ForceAuthn = force })
		b := n.browser()
		b.enter("clara.moreau")
		p := b.through(b.get("/saml/okta/login"))
		if _, v := p.form(); (v.Get("AuthState") != "") != force || b.in() != true {
			t.Fatalf("forced: %v; got %s", force, p.url)
		}
		if !force {
			continue
		}
		if p := b.through(b.password(p, "clara.moreau")); p.url.Path != "/me" {
			t.Errorf("got %d %s", p.status, p.text)
		}
	}
}

func TestSimpleSAMLphpBegins(t *testing.T) {
	for policy, in := range map[saml.IDPInitiated]bool{saml.Off: false, saml.Bouncing: true, saml.On: true} {
		n := newPHPTown(t, func(n *phpTown) { n.saml.IDPInitiated = policy })
		b := n.browser()
		start := n.base + "saml2/idp/SSOService.php?spentityid=" + url.QueryEscape(n.saml.MetadataURL) + "&RelayState=" + url.QueryEscape("https://evil.example/")
		p := b.through(b.password(b.get(start), "clara.moreau"))
		if policy == saml.Off {
			n.refused(p, saml.Unsolicited)
		}
		if b.in() != in || p.url.Host != strings.TrimPrefix(n.us.URL, "http://") {
			t.Errorf("policy %v: signed in %v, at %s\n%s", policy, b.in(), p.url, p.text)
		}
	}
}
