package inspect

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Masked stands where something is not kept.
const Masked = "********"

// redactor takes out of one request what must not be kept. Secrets always;
// personal data when people is set. What it masked in the body it masks in the
// texts too, so that an error message does not bring a secret back.
type redactor struct {
	people  bool
	secrets []string
	touched bool // something was masked, so the request cannot be replayed
}

// tree reads a JSON text, redacts it and writes it again; ok is false when it is
// none.
func (d *redactor) tree(text []byte) (json.RawMessage, bool) {
	v, err := decode(text)
	if err != nil {
		return nil, false
	}
	out, err := encode(d.value("", v))
	return out, err == nil
}

func decode(text []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err = dec.Decode(&v); err == nil && dec.More() {
		err = errMore
	}
	return v, err
}

func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// value redacts v, which stands under key.
func (d *redactor) value(key string, v any) any {
	if secretName(key) {
		return d.mask(v)
	}
	switch v := v.(type) {
	case map[string]any:
		return d.object(v)
	case []any:
		for i := range v {
			v[i] = d.value(key, v[i])
		}
		return v
	case string:
		return d.text(key, v)
	}
	return v
}

// object redacts an object. The value of an operation of a PATCH is as secret as
// its path, and one whose type, name or display says so is too.
func (d *redactor) object(o map[string]any) any {
	inherit := ""
	for k, v := range o {
		s, ok := v.(string)
		if ok && slices.Contains([]string{"path", "type", "name", "key", "attribute"}, strings.ToLower(k)) && secretName(s) {
			inherit = s
		}
	}
	out := make(map[string]any, len(o))
	for k, v := range o {
		name := k
		if inherit != "" && strings.EqualFold(k, "value") {
			name = inherit
		}
		if d.people {
			k = d.literals(k)
		}
		out[k] = d.value(name, v)
	}
	return out
}

// text redacts a string under key. One that is JSON itself is looked into, as
// Entra's role objects are.
func (d *redactor) text(key, s string) any {
	if t := strings.TrimSpace(s); len(t) > 1 && (t[0] == '{' || t[0] == '[') {
		if inner, ok := d.tree([]byte(t)); ok {
			return string(inner)
		}
	}
	switch strings.ToLower(lastName(key)) {
	case "filter":
		return d.filter(s)
	case "path", "location", "$ref":
		if d.people || secretName(s) {
			return d.literals(s)
		}
	}
	if !d.people {
		return s
	}
	if s == "" || isID(s) || slices.Contains(plainKeys, strings.ToLower(lastName(key))) || slices.Contains(plainWords, strings.ToLower(s)) {
		return s
	}
	d.touched = true
	return Masked
}

// plainKeys are attributes that tell nothing of a person; plainWords values.
var (
	plainKeys  = []string{"schemas", "op", "type", "method", "bulkid", "version", "resourcetype", "created", "lastmodified", "active", "primary", "attributes", "excludedattributes", "sortby", "sortorder"}
	plainWords = []string{"work", "home", "other", "mobile", "fax", "pager", "true", "false", "direct", "indirect"}
)

func (d *redactor) mask(v any) any {
	d.touched = true
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		d.secrets = append(d.secrets, v)
	case json.Number:
		d.secrets = append(d.secrets, v.String())
	case map[string]any:
		for _, e := range v {
			d.mask(e)
		}
	case []any:
		for _, e := range v {
			d.mask(e)
		}
	}
	return Masked
}

// message is a text of ours that may quote what was sent.
func (d *redactor) message(s string) string {
	for _, secret := range d.secrets {
		if len(secret) >= 3 {
			s = strings.ReplaceAll(s, secret, Masked)
		}
	}
	if d.people {
		s = d.literals(s)
	}
	return Quiet(s)
}

// Quiet is a text for a log without what looks like a secret in it: our own
// tokens wherever they stand, and what is quoted where a password is spoken of.
func Quiet(s string) string {
	if strings.Contains(s, `"`) && secretName(s) {
		d := redactor{people: true}
		s = d.literals(s)
	}
	return scrub(s)
}

// literals masks what stands in double quotes, unless it tells nothing.
func (d *redactor) literals(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `"`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		end := closing(rest)
		literal := rest[:end]
		if !isID(literal) && !slices.Contains(plainWords, strings.ToLower(literal)) && literal != "" {
			if !d.people {
				d.secrets = append(d.secrets, literal)
			}
			literal, d.touched = Masked, true
		}
		b.WriteString(`"` + literal)
		if s = rest[end:]; s != "" {
			b.WriteByte('"')
			s = s[1:]
		}
	}
}

// closing is where the quote is that ends a literal.
func closing(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}

// query keeps the parameters that SCIM knows. Others may be anything, a token
// too; their names stay.
func (d *redactor) query(raw string) string {
	values, _ := url.ParseQuery(raw)
	for key, vs := range values {
		switch strings.ToLower(key) {
		case "startindex", "count", "sortorder", "cursor", "attributes", "excludedattributes", "sortby", "aadoptscim062020":
		case "filter":
			for i, v := range vs {
				vs[i] = d.filter(v)
			}
		default:
			d.touched = true
			values[key] = []string{Masked}
		}
	}
	return values.Encode()
}

func (d *redactor) filter(s string) string {
	if secretName(s) || d.people && !strings.Contains(s, `"`) {
		d.touched = true
		return Masked
	}
	if d.people {
		return d.literals(s)
	}
	return s
}

// secretName reports whether an attribute of this name is a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range [...]string{"password", "passwd", "passphrase", "secret", "credential", "privatekey", "private_key", "accesstoken", "access_token", "apikey", "api_key", "bearer"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, "token")
}

func lastName(path string) string { return path[strings.LastIndexAny(path, ":.")+1:] }

// secretForm is how our own secrets and signed tokens look, wherever they stand:
// the last net under a client that puts one into a URL.
var secretForm = regexp.MustCompile(`gb[a-z]{0,2}_[0-9]+_[0-9A-Za-z_-]{43}(_[0-9a-f]{8})?|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*`)

func scrub(s string) string {
	if !strings.Contains(s, "gb") && !strings.Contains(s, "eyJ") {
		return s
	}
	return secretForm.ReplaceAllString(s, Masked)
}

// isID reports whether s is a UUID or a number, as ids are.
func isID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '-':
		default:
			return false
		}
	}
	return digits == len(s) || len(s) == 36 && digits > 0
}
