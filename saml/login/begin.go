package login

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/store"
)

// waits is how long a login is kept: longer than a request may be answered, so
// that an answer that comes late is told from one that nobody asked for.
const waits = 30 * time.Minute

// pending is what is kept of a login, or a logout, under way.
type pending struct {
	Trace   string       `json:"trace"`
	Return  string       `json:"return,omitempty"`
	Request saml.Request `json:"request"`
	Logout  bool         `json:"logout,omitempty"`
}

// choose shows the ways to sign in, or follows an e-mail address to one. What
// nobody's domain is goes the same way as the first source's, so that the answer
// does not tell which domains are known.
func (d *Door) choose(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	back := here(q.Get("return"))
	if name := d.byMail(q.Get("email")); name != "" {
		http.Redirect(w, r, beginURL(name, back), http.StatusSeeOther)
		return nil
	}
	v := chooseView{Return: back}
	v.Forms, v.Token = d.passwordForms(w, r)
	for _, n := range d.names() {
		v.Mail = v.Mail || len(d.c.Sources[n].Domains) > 0
		v.Ways = append(v.Ways, way{d.label(n), beginURL(n, back)})
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

func (d *Door) byMail(mail string) string {
	_, domain, ok := strings.Cut(strings.TrimSpace(mail), "@")
	if !ok {
		return ""
	}
	first := ""
	for _, n := range d.names() {
		domains := d.c.Sources[n].Domains
		if slices.ContainsFunc(domains, func(x string) bool { return strings.EqualFold(x, domain) }) {
			return n
		}
		if first == "" && len(domains) > 0 {
			first = n
		}
	}
	return first
}

func beginURL(source, back string) string {
	u := "/saml/" + source + "/login"
	if back != "/me" {
		u += "?return=" + url.QueryEscape(back)
	}
	return u
}

// begin sends the browser to the identity provider.
func (d *Door) begin(w http.ResponseWriter, r *http.Request) error {
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
	return d.send(w, r, t, s, here(r.URL.Query().Get("return")))
}

// send keeps the request and sends it off.
func (d *Door) send(w http.ResponseWriter, r *http.Request, t *trace, s Source, back string) error {
	relay := session.NewHandle()
	now := d.c.Now()
	message, request, err := s.Provider.Login(relay, saml.LoginOptions{}, now)
	if err != nil {
		return d.refuse(w, r, t, refused(err))
	}
	body, err := json.Marshal(pending{Trace: t.ID, Return: back, Request: request})
	if err != nil {
		return err
	}
	browser := d.c.Sessions.Browser(w, r, waits)
	err = d.engine.Store().PutLogin(r.Context(), store.Login{
		Digest: store.Digest(relay), Source: t.Source, Request: request.ID, Browser: store.Digest(browser), Body: body, Expires: now.Add(waits),
	})
	if err != nil {
		return err
	}
	return d.post(w, r, message, "Sign in")
}

// post sends a message off, as its binding has it.
func (d *Door) post(w http.ResponseWriter, r *http.Request, m saml.Message, title string) error {
	if m.Binding == saml.Redirect {
		http.Redirect(w, r, m.URL, http.StatusSeeOther)
		return nil
	}
	return d.page(w, http.StatusOK, "post", title, m)
}
