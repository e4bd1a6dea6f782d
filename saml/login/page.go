package login

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"grantbridge/internal/handler"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// What the pages are given.
type (
	layout struct {
		Title string
		Small bool // all but the page with the tables
		Body  template.HTML
	}
	way        struct{ Label, URL string }
	chooseView struct {
		Return string
		Ways   []way
		Mail   bool
		Forms  []signInForm
		Token  string // of the forms
	}
	// signInForm is a form for name and password.
	signInForm  struct{ Source, Label string }
	refusedView struct{ Says, Trace string }
	siteView    struct{ Site, Level, Now, Token, Why, Until string }
	tokenView   struct{ Name, Prefix, Ceiling, Until, Used string }
	meView      struct {
		// Stale is since when sign-ins have not said the groups, Until when what those
		// give ends, or has ended.
		Stale, Until                       string
		Ceased                             bool
		Name, Login, Source, Limit, StepUp string
		Ends, Idle                         string // in any case; when it is not used
		Sites                              []siteView
		Tokens                             []tokenView
	}
)

// scripted are the pages with a script, each of one file and of no need: the form
// that posts itself has a button too.
var scripted = []string{"post", "me"}

// page answers with a page. Its forms lead to us and to the identity providers.
func (d *Door) page(w http.ResponseWriter, status int, name, title string, v any) error {
	var body, whole bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name+".html", v); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	// The body is a template's output, escaped already.
	if err := pages.ExecuteTemplate(&whole, "layout.html", layout{title, name != "me", template.HTML(body.String())}); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	scripts := "'none'"
	if slices.Contains(scripted, name) {
		scripts = "'self'"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src "+scripts+"; form-action "+d.formTargets()+"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(whole.Bytes())
	return nil
}

// formTargets are where a form may lead, redirects included: to https, because
// identity providers lead on to others of theirs and, when somebody signs out, to
// every other application; Chromium holds them to this list. What is not https is
// on loopback, and by name.
func (d *Door) formTargets() string {
	out := []string{"'self'", "https:"}
	for _, n := range d.names() {
		for _, o := range d.c.Sources[n].origins() {
			if !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return strings.Join(out, " ")
}

// asset serves a file of pages.
func asset(name, media string) handler.Func {
	return func(w http.ResponseWriter, _ *http.Request) error {
		text, err := pageFiles.ReadFile("pages/" + name)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(text)
		return nil
	}
}
