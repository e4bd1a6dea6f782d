package mapping

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// template is text with captures in braces: "shop-{site}".
type template struct {
	parts []templatePart
	glob  bool // the text between captures is a glob
	at    *node
}

type templatePart struct {
	text    string
	capture string
}

var captureName = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)

func parseTemplate(at *node, glob bool) template {
	t := template{glob: glob, at: at}
	rest := at.text
	for rest != "" {
		at := captureName.FindStringSubmatchIndex(rest)
		if at == nil {
			t.parts = append(t.parts, templatePart{text: rest})
			break
		}
		if at[0] > 0 {
			t.parts = append(t.parts, templatePart{text: rest[:at[0]]})
		}
		t.parts = append(t.parts, templatePart{capture: rest[at[2]:at[3]]})
		rest = rest[at[1]:]
	}
	return t
}

func (t template) names() []string {
	var out []string
	for _, p := range t.parts {
		if p.capture != "" {
			out = append(out, p.capture)
		}
	}
	return out
}

// fill is the glob for these captures; !ok says that one captured nothing, so
// that the template names no site at all.
func (t template) fill(captures map[string]string) (slug, text string, ok bool) {
	var b, shown strings.Builder
	for _, p := range t.parts {
		value := p.text
		if p.capture != "" {
			value = captures[p.capture]
			if strings.TrimSpace(value) == "" {
				return "", "", false
			}
		}
		value = slugKey(value)
		shown.WriteString(value)
		if t.glob && p.capture == "" {
			b.WriteString(value)
		} else {
			b.WriteString(quoteGlob(value))
		}
	}
	return b.String(), shown.String(), b.Len() > 0
}

// slugKey is how slugs are compared.
func slugKey(s string) string { return strings.ToLower(norm.NFC.String(s)) }

// String is the template as written.
func (t template) String() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.capture != "" {
			b.WriteString("{" + p.capture + "}")
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}
