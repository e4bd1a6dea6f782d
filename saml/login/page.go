package login

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed pages/*.html pages/style.css
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// What the pages are given.
type (
	layout struct {
		Title string
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
	siteView    struct{ Site, Level, Token, Why, Until string }
	tokenView   struct{ Name, Prefix, Ceiling, Until, Used string }
	meView      struct {
		Name, Login, Source, Limit string
		Until                      time.Time
		Sites                      []siteView
		Tokens                     []tokenView
	}
)

// page answers with a page. It has no script, and its forms lead to us and to
// the identity providers.
func (d *Door) page(w http.ResponseWriter, status int, name, title string, v any) error {
	var body, whole bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name+".html", v); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	// The body is a template's output, escaped already.
	if err := pages.ExecuteTemplate(&whole, "layout.html", layout{title, template.HTML(body.String())}); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action "+d.formTargets()+"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(whole.Bytes())
	return nil
}

// formTargets are where a form may lead, redirects included.
func (d *Door) formTargets() string {
	out := []string{"'self'"}
	for _, n := range d.names() {
		for _, o := range d.c.Sources[n].Origins {
			if !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return strings.Join(out, " ")
}

func style(w http.ResponseWriter, r *http.Request) error {
	text, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(text)
	return nil
}
