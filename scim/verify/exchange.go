package verify

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Exchange is one request and its answer as captured, secrets taken out.
type Exchange struct {
	Method   string      `json:"method"`
	URL      string      `json:"url"`
	Header   http.Header `json:"header,omitempty"`
	Body     string      `json:"body,omitempty"`
	Status   int         `json:"status,omitempty"`
	Answer   string      `json:"answer,omitempty"`
	AnswerIn string      `json:"took,omitempty"`
	Error    string      `json:"error,omitempty"`
}

// Line is the request line.
func (e Exchange) Line() string { return e.Method + " " + e.URL }

// captureLimit is how much of a body a report keeps.
const captureLimit = 4096

// redactor takes secrets out of text.
type redactor struct{ secrets []string }

var passwordValue = regexp.MustCompile(`(?i)("password"\s*:\s*)"(?:[^"\\]|\\.)*"`)

func newRedactor(cfg Config) redactor {
	var r redactor
	r.add(cfg.Token)
	r.add(trialPassword)
	for name, values := range cfg.Header {
		if !secretHeader(name) {
			continue
		}
		for _, v := range values {
			r.add(v)
			_, after, _ := strings.Cut(v, " ")
			r.add(after)
		}
	}
	return r
}

func (r *redactor) add(s string) {
	if len(s) >= 4 {
		r.secrets = append(r.secrets, s)
	}
}

func secretHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie":
		return true
	}
	lower := strings.ToLower(name)
	return strings.Contains(lower, "token") || strings.Contains(lower, "key") || strings.Contains(lower, "secret")
}

// text is s without secrets, cut to the capture limit, always valid UTF-8.
func (r redactor) text(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, "[redacted]")
	}
	s = passwordValue.ReplaceAllString(s, `$1"[redacted]"`)
	if len(s) > captureLimit {
		s = strings.ToValidUTF8(s[:captureLimit], "") + "… (cut)"
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

func (r redactor) header(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if secretHeader(name) {
			out[name] = []string{"[redacted]"}
			continue
		}
		for _, v := range values {
			out[name] = append(out[name], r.text(v))
		}
	}
	return out
}

// reply is an answer in the hands of a case.
type reply struct {
	Status int
	Header http.Header
	Body   []byte

	t   *trial
	doc any // the parsed body, nil when it is no JSON
}

// parse reads the body as JSON. Numbers no float64 holds do not hinder: what
// else is answered, and must be deleted, is wanted all the same.
func (r *reply) parse() {
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.UseNumber()
	var doc any
	if dec.Decode(&doc) == nil {
		r.doc = floats(doc)
	}
}

func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = floats(v[k])
		}
	}
	return v
}

// says is the answer in one line, for a report.
func (r *reply) says() string {
	var b strings.Builder
	b.WriteString("HTTP ")
	b.WriteString(statusText(r.Status))
	if s, ok := lookup(r.doc, "scimType").(string); ok && s != "" {
		b.WriteString(", scimType " + s)
	}
	if s, ok := lookup(r.doc, "detail").(string); ok && s != "" {
		b.WriteString(": " + shorten(s, 160))
	} else if r.doc == nil && len(r.Body) > 0 {
		b.WriteString(", no JSON: " + shorten(string(r.Body), 80))
	}
	return b.String()
}
