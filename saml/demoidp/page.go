package demoidp

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"grantbridge/saml"
)

//go:embed pages
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// How many people a page shows without a search, and with one.
const (
	shown = 12
	found = 50
)

// chooseView is a page of people.
type chooseView struct {
	Action, Method string
	Hidden         []saml.Field
	App            string   // who asks; "" on our own page
	Apps           []string // whom an answer can be sent to
	Query          string
	People         []Person
	More           int
	Sessions       []signedIn
}

// Index names a session on the page.
func (s signedIn) Index() string { return s.ref.SessionIndex }

// choose finds the people to show: those of the search q, by any word of them.
func (p *IdP) choose(r *http.Request) chooseView {
	v := chooseView{Query: strings.TrimSpace(r.FormValue("q"))}
	most := shown
	if v.Query != "" {
		most = found
	}
	for _, x := range p.c.People {
		if !x.matches(v.Query) {
			continue
		}
		if len(v.People) < most {
			v.People = append(v.People, x)
		} else {
			v.More++
		}
	}
	return v
}

func (p Person) matches(query string) bool {
	text := strings.ToLower(strings.Join(append([]string{p.Name(), p.Login, p.Mail}, p.Groups...), "\n"))
	return strings.Contains(text, strings.ToLower(query))
}

// portal shows who there is and who is signed in.
func (p *IdP) portal(w http.ResponseWriter, r *http.Request) error {
	v := p.choose(r)
	v.Action, v.Method, v.Apps = "/start", http.MethodPost, p.appIDs()
	p.mutex.Lock()
	v.Sessions = slices.Clone(p.sessions)
	p.mutex.Unlock()
	slices.Reverse(v.Sessions)
	return p.page(w, http.StatusOK, "choose", "Who are you?", v)
}

// refuse says why. The reader is whoever tries the demo, so nothing is held
// back.
func (p *IdP) refuse(w http.ResponseWriter, err error) {
	if err := p.page(w, http.StatusBadRequest, "refused", "Refused", err.Error()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// page answers with a page. Its only script is post.js, and it works without.
func (p *IdP) page(w http.ResponseWriter, status int, name, title string, v any) error {
	var body, whole bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name+".html", v); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	// The body is a template's output, escaped already.
	layout := struct {
		Title string
		Body  template.HTML
	}{title, template.HTML(body.String())}
	if err := pages.ExecuteTemplate(&whole, "layout.html", layout); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; form-action "+p.formTargets()+"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(whole.Bytes())
	return nil
}

// formTargets are where a form may lead, redirects included: us, and the
// applications.
func (p *IdP) formTargets() string {
	out := []string{"'self'"}
	for _, id := range p.appIDs() {
		a := p.app(id)
		var locations []string
		for _, e := range a.role.AssertionConsumerServices {
			locations = append(locations, e.Location)
		}
		for _, e := range a.role.SingleLogoutServices {
			locations = append(locations, e.Location)
		}
		for _, l := range locations {
			if u, err := url.Parse(l); err == nil && !slices.Contains(out, u.Scheme+"://"+u.Host) {
				out = append(out, u.Scheme+"://"+u.Host)
			}
		}
	}
	return strings.Join(out, " ")
}

// asset serves a file of pages.
func asset(name, media string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		text, err := files.ReadFile("pages/" + name)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", media)
		_, err = w.Write(text)
		return err
	}
}
