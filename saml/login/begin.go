package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/saml/oidc"
	"grantbridge/store"
)

// late is how long a login is kept after its end, so that an answer that comes
// late is told from one that nobody asked for.
const late = 15 * time.Minute

// formLives is how long a form for name and password stands in a browser.
const formLives = 30 * time.Minute

// pending is what is kept of a login, or a logout, under way.
type pending struct {
	Trace   string       `json:"trace"`
	Return  string       `json:"return,omitempty"`
	Request saml.Request `json:"request,omitzero"`
	OIDC    oidc.Request `json:"oidc,omitzero"`
	Logout  bool         `json:"logout,omitempty"`
	StepUp  bool         `json:"step_up,omitempty"`
	// Test is who asked for a sign-in that creates nothing.
	Test string `json:"test,omitempty"`
}

// choose shows the ways to sign in, or follows an e-mail address to one.
func (d *Door) choose(w http.ResponseWriter, r *http.Request) error {
	if d.renamed(w, r) {
		return nil
	}
	q := r.URL.Query()
	back := here(q.Get("return"))
	if mail := q.Get("email"); mail != "" {
		name, err := d.byMail(r.Context(), mail)
		if err != nil {
			return err
		}
		if name != "" {
			http.Redirect(w, r, beginURL(d.c.Sources[name].protocol(), name, back), http.StatusSeeOther)
			return nil
		}
	}
	v := chooseView{Return: back}
	v.Forms, v.Token = d.passwordForms(w, r)
	for _, n := range d.names() {
		v.Mail = v.Mail || len(d.c.Sources[n].Domains) > 0
		v.Ways = append(v.Ways, way{d.label(n), beginURL(d.c.Sources[n].protocol(), n, back)})
	}
	return d.page(w, http.StatusOK, "choose", "Sign in", v)
}

func (d *Door) label(name string) string {
	if l := d.c.Sources[name].Label; l != "" {
		return l
	}
	if l := d.c.Passwords[name].Label; l != "" {
		return l
	}
	return name
}

// byMail is where an address signs in. A domain that nobody has leads to one of
// the sources too, always the same one, which a secret of the store chooses: who
// asks cannot tell it from a domain that somebody has. Both do the same work.
func (d *Door) byMail(ctx context.Context, mail string) (string, error) {
	_, domain, ok := strings.Cut(strings.TrimSpace(mail), "@")
	owners, all := d.domains()
	if !ok || len(all) == 0 {
		return "", nil
	}
	salt, err := d.engine.Store().Salt(ctx, "login domains")
	if err != nil {
		return "", err
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(domain))
	anyone := all[binary.BigEndian.Uint64(mac.Sum(nil))%uint64(len(all))]
	if owner, known := owners[domain]; known {
		return owner, nil
	}
	return anyone, nil
}

// domains are who has which domain, and the sources that have any.
func (d *Door) domains() (owners map[string]string, sources []string) {
	owners = map[string]string{}
	for _, n := range d.names() {
		for _, domain := range d.c.Sources[n].Domains {
			owners[strings.ToLower(domain)] = n
		}
		if len(d.c.Sources[n].Domains) > 0 {
			sources = append(sources, n)
		}
	}
	return owners, sources
}

func beginURL(protocol, source, back string) string {
	u := "/" + protocol + "/" + source + "/login"
	if back != "/me" {
		u += "?return=" + url.QueryEscape(back)
	}
	return u
}

// renamed sends a browser that came by another name of this machine, localhost
// instead of 127.0.0.1, to the name that answers come back to: cookies belong to
// one. Only on loopback, because a proxy in front may send a name of its own.
func (d *Door) renamed(w http.ResponseWriter, r *http.Request) bool {
	if loopback, err := Loopback(d.c.BaseURL); err != nil || !loopback || "http://"+r.Host == d.c.BaseURL {
		return false
	}
	http.Redirect(w, r, d.c.BaseURL+r.URL.RequestURI(), http.StatusSeeOther)
	return true
}

// begin sends the browser to the identity provider.
func (d *Door) begin(w http.ResponseWriter, r *http.Request) error {
	if d.renamed(w, r) {
		return nil
	}
	name, s, err := d.source(r)
	if err != nil {
		return err
	}
	if err := d.admit(r, name); err != nil {
		return err
	}
	t := d.trace(name)
	off, err := d.disabled(r.Context(), name)
	if err != nil {
		return err
	}
	if off {
		return d.refuse(w, r, t, refusal(sourceDisabled, "the source switched on", "switched off"))
	}
	q := r.URL.Query()
	p := pending{Return: here(q.Get("return")), StepUp: q.Has("step_up") && len(s.Strong) > 0}
	if ticket := q.Get("test"); ticket != "" {
		if p.Test, err = d.takeTest(r.Context(), name, ticket); err != nil {
			return err
		}
		if p.Test == "" {
			return d.refuse(w, r, t, refusal(testSpent, "a link that was not used yet", "one that was, or is too old"))
		}
	}
	return d.send(w, r, t, s, p)
}

// contexts are what a login asks for beside what the source always asks.
func (p pending) contexts(s Source) []string {
	if p.StepUp {
		return s.Strong
	}
	return nil
}

// send keeps the request and sends it off.
func (d *Door) send(w http.ResponseWriter, r *http.Request, t *Trace, s Source, p pending) error {
	t.Test = p.Test
	if s.OIDC != nil {
		return d.ask(w, r, t, s, p)
	}
	relay := session.NewHandle()
	now := d.c.Now()
	t.Test = p.Test
	message, request, err := s.Provider.Login(relay, saml.LoginOptions{AuthnContext: p.contexts(s)}, now)
	if err != nil {
		return d.refuse(w, r, t, err)
	}
	p.Trace, p.Request = t.ID, request
	ends := request.Expires.Add(late)
	browser := d.c.Sessions.Browser(w, r, ends.Sub(now))
	err = d.wait(r.Context(), store.Login{Digest: store.Digest(relay), Source: t.Source, Request: request.ID, Browser: store.Digest(browser), Expires: ends}, p)
	if err != nil {
		return err
	}
	return d.post(w, r, message, "Sign in")
}

// wait keeps what is under way until it is answered.
func (d *Door) wait(ctx context.Context, l store.Login, p pending) (err error) {
	if l.Body, err = json.Marshal(p); err != nil {
		return err
	}
	return d.engine.Store().PutLogin(ctx, l)
}

// post sends a message off, as its binding has it.
func (d *Door) post(w http.ResponseWriter, r *http.Request, m saml.Message, title string) error {
	if m.Binding == saml.Redirect {
		http.Redirect(w, r, m.URL, http.StatusSeeOther)
		return nil
	}
	return d.page(w, http.StatusOK, "post", title, m)
}
