package demoidp_test

import (
	"encoding/base64"
	"fmt"
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

func key(name string) saml.Key {
	p := samltest.RSAPair(name, 2048)
	return saml.Key{Private: p.RSA(), Certificate: p.Certificate}
}

// lab is an identity provider, and an application that it knows.
type lab struct {
	t    *testing.T
	url  string
	app  *saml.Provider
	seen samltest.Memory
	c    *http.Client
}

const appURL = "https://app.test/saml/okta/"

func newLab(t *testing.T, edit func(*saml.Config)) *lab {
	t.Helper()
	var idp *demoidp.IdP
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { idp.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	l := &lab{t: t, url: server.URL, c: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	idp, err := demoidp.New(demoidp.Config{Base: server.URL, Key: key("demoidp"), People: people()})
	l.must(err)
	doc, err := idp.Metadata()
	l.must(err)
	c := saml.Config{Source: "okta", MetadataURL: appURL + "metadata", ACS: appURL + "acs", SLO: appURL + "slo", Keys: []saml.Key{key("demoidp-app")},
		Subject: saml.SubjectRule{Attribute: "externalId"}, Groups: saml.GroupRule{Attributes: []string{"groups"}}}
	c.IdP, err = saml.ParseIdP(doc, server.URL+"/metadata", time.Now())
	l.must(err)
	if edit != nil {
		edit(&c)
	}
	l.app, err = saml.NewProvider(c)
	l.must(err)
	own, err := l.app.Metadata()
	l.must(err)
	l.must(idp.Register(own))
	return l
}

func people() []demoidp.Person {
	all := []demoidp.Person{
		{ID: "00u1", Login: "clara.moreau", Given: "Clara", Family: "Moreau", Mail: "clara@northwind.example", Groups: []string{"Marketing EMEA"}, Note: "start here"},
		{ID: `"><script>`, Login: "<b>eve</b>", Groups: []string{`<img src=x onerror="alert(1)">`}},
	}
	many := demoidp.Person{ID: "00u100", Login: "many"}
	for i := range 100 {
		many.Groups = append(many.Groups, fmt.Sprintf("Group %03d", i))
	}
	all = append(all, many)
	for i := range 30 {
		all = append(all, demoidp.Person{ID: fmt.Sprint("x", i), Login: fmt.Sprint("crowd", i)})
	}
	return all
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// page reads an answer; location is where it sends the browser.
func (l *lab) page(r *http.Response, err error) (status int, text, location string) {
	l.t.Helper()
	l.must(err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	l.must(err)
	return r.StatusCode, string(body), r.Header.Get("Location")
}

var hidden = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)

// fields are the hidden fields of a page, its person buttons left out.
func fields(text string) url.Values {
	v := url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(text, -1) {
		if f[1] != "person" {
			v.Set(f[1], html.UnescapeString(f[2]))
		}
	}
	return v
}

// signIn asks at that time, chooses and judges the answer now.
func (l *lab) signIn(person string, asked time.Time) *saml.Identity {
	l.t.Helper()
	m, q, err := l.app.Login("handle", saml.LoginOptions{}, asked)
	l.must(err)
	status, text, _ := l.page(l.send(m, "&person="+url.QueryEscape(person)))
	if status != http.StatusOK {
		l.t.Fatalf("%d %s", status, text)
	}
	who, no := l.app.Accept(l.t.Context(), fields(text).Get("SAMLResponse"), []saml.Request{q}, &l.seen, time.Now())
	if no != nil {
		l.t.Fatalf("%v (%v)", no, no.Cause)
	}
	return who
}

func (l *lab) send(m saml.Message, more string) (*http.Response, error) {
	if m.Binding == saml.Redirect {
		return l.c.Get(m.URL + more)
	}
	v, _ := url.ParseQuery(strings.TrimPrefix(more, "&"))
	for _, f := range m.Fields {
		v.Set(f.Name, f.Text)
	}
	return l.c.PostForm(m.URL, v)
}

func TestItIsOnThisMachineOnly(t *testing.T) {
	for base, want := range map[string]bool{
		"http://127.0.0.1:8481": true, "http://[::1]:8481": true, "http://localhost:8481": true, "https://idp.test": true,
		"https://idp.example.com": false, "http://10.0.0.7:8481": false, "http://0.0.0.0:8481": false, "http://127.0.0.1:8481/idp": false, "": false,
	} {
		if _, err := demoidp.New(demoidp.Config{Base: base, Key: key("demoidp")}); (err == nil) != want {
			t.Errorf("%s: %v", base, err)
		}
	}
	if _, err := demoidp.New(demoidp.Config{Base: "http://localhost"}); err == nil {
		t.Error("it signs with no key")
	}
	l := newLab(t, nil)
	r, _ := http.NewRequest("GET", l.url+"/", nil)
	r.Host = "rebound.example"
	if status, text, _ := l.page(l.c.Do(r)); status != http.StatusMisdirectedRequest || strings.Contains(text, "clara") {
		t.Errorf("a request for another host gets %d %s", status, text)
	}
}

func TestThePageShowsPeopleAndEscapesThem(t *testing.T) {
	l := newLab(t, nil)
	m, _, err := l.app.Login("handle", saml.LoginOptions{}, time.Now())
	l.must(err)
	for _, c := range []struct {
		from       string
		has, hasNo []string
	}{
		{m.URL, []string{">Clara Moreau<", "start here", "Group 007", "and 92 more", "21 people more", "&lt;img", `method="GET"`}, []string{"Group 008", "<img", "<b>eve", `value=""><script>`}},
		{m.URL + "&q=group+099", []string{">many<"}, []string{"Clara"}},
		{m.URL + "&q=crowd", []string{">crowd29<"}, []string{"Clara", "people more"}},
		{m.URL + "&q=%3Cscript", []string{"Nobody here", `value="&lt;script"`}, []string{"<script"}},
		{l.url + "/", []string{">Clara Moreau<", `action="/start"`, appURL + "metadata"}, nil},
	} {
		_, text, _ := l.page(l.c.Get(c.from))
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", c.from, want, text)
			}
		}
		for _, not := range c.hasNo {
			if strings.Contains(text, not) {
				t.Errorf("%s has %q", c.from, not)
			}
		}
	}
}

func TestAPersonSignsIn(t *testing.T) {
	for name, edit := range map[string]func(*saml.Config){
		"by redirect":      nil,
		"by POST":          func(c *saml.Config) { c.RequestBinding = saml.POST },
		"without our keys": func(c *saml.Config) { c.Keys = nil },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, edit)
			who := l.signIn("00u1", time.Now())
			if who.Subject.Value != "00u1" || who.NameID.Value != "00u1" || who.NameID.Format != saml.FormatPersistent || who.Groups.Values[0] != "Marketing EMEA" || who.Encrypted != (name != "without our keys") {
				t.Errorf("got %+v", who)
			}
			if who := l.signIn("00u100", time.Now()); len(who.Groups.Values) != 100 {
				t.Errorf("got %d groups", len(who.Groups.Values))
			}
		})
	}
}

func TestWhoReadsThePageForLongIsStillSignedIn(t *testing.T) {
	newLab(t, nil).signIn("00u1", time.Now().Add(-14*time.Minute))
}

func TestWhatIsNoRequestIsRefusedInWords(t *testing.T) {
	l := newLab(t, nil)
	encode := func(text string) url.Values {
		return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(text))}}
	}
	strange := `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0" IssueInstant="` + time.Now().UTC().Format(time.RFC3339) + `"/>`
	for name, post := range map[string]struct {
		path string
		v    url.Values
	}{
		"no message": {"/sso", nil}, "junk": {"/sso", encode("junk")}, "no issuer": {"/sso", encode(strange)},
		"nobody": {"/start", url.Values{"app": {appURL + "metadata"}}}, "no application": {"/start", url.Values{"person": {"00u1"}}},
		"no logout message": {"/slo", nil}, "a logout that is junk": {"/slo", encode("junk")}, "no session": {"/logout", url.Values{"app": {appURL + "metadata"}}},
	} {
		if status, text, _ := l.page(l.c.PostForm(l.url+post.path, post.v)); status != http.StatusBadRequest || !strings.Contains(text, `id="why">`) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

func TestTheApplicationEndsASession(t *testing.T) {
	for _, b := range []saml.Binding{saml.Redirect, saml.POST} {
		t.Run(string(b), func(t *testing.T) {
			l := newLab(t, func(c *saml.Config) { c.RequestBinding = b })
			who := l.signIn("00u1", time.Now())
			l.signIn("00u100", time.Now())
			m, q, err := l.app.LogoutRequest(who.Session(), "relay", time.Now())
			l.must(err)
			_, text, location := l.page(l.send(m, ""))
			l.answered(text, location, q)
			if _, text, _ := l.page(l.c.Get(l.url + "/")); strings.Contains(text, "Sign Clara Moreau out") || !strings.Contains(text, "Sign many out") {
				t.Errorf("the wrong session ended:\n%s", text)
			}
			if status, text, _ := l.page(l.send(m, "")); status != http.StatusBadRequest {
				t.Errorf("the same request again: %d %s", status, text)
			}
		})
	}
}

// answered judges a logout response, whichever way it came.
func (l *lab) answered(text, location string, q saml.Request) {
	l.t.Helper()
	in := saml.Incoming{Binding: saml.POST, Form: fields(text)}
	if location != "" {
		u, err := url.Parse(location)
		l.must(err)
		in = saml.Incoming{Binding: saml.Redirect, RawQuery: u.RawQuery}
	}
	if _, no := l.app.AcceptLogoutResponse(in, []saml.Request{q}, time.Now()); no != nil {
		l.t.Errorf("the answer is refused: %v\n%s%s", no, location, text)
	}
}

var index = regexp.MustCompile(`name="session" value="([^"]+)"`)

func TestTheIdentityProviderEndsASession(t *testing.T) {
	l := newLab(t, nil)
	who := l.signIn("00u1", time.Now())
	_, text, _ := l.page(l.c.Get(l.url + "/"))
	_, _, location := l.page(l.c.PostForm(l.url+"/logout", url.Values{"app": {appURL + "metadata"}, "session": {index.FindStringSubmatch(text)[1]}}))
	u, err := url.Parse(location)
	l.must(err)
	asked, no := l.app.AcceptLogoutRequest(t.Context(), saml.Incoming{Binding: saml.Redirect, RawQuery: u.RawQuery}, &l.seen, time.Now())
	if no != nil || !asked.Ends(who.Session()) {
		t.Fatalf("%v, %+v", no, asked)
	}
	m, err := l.app.LogoutResponse(asked, saml.LogoutDone, time.Now())
	l.must(err)
	if status, text, _ := l.page(l.send(m, "")); status != http.StatusOK || !strings.Contains(text, `id="out"`) {
		t.Errorf("%d %s", status, text)
	}
	if status, _, _ := l.page(l.send(m, "")); status != http.StatusBadRequest {
		t.Error("an answer counts twice")
	}
}
