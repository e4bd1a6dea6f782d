package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep a body may nest; RFC 7643 needs five.
const maxDepth = 32

// decode reads one JSON text strictly: valid UTF-8, no duplicate keys, no
// U+0000, nothing behind it, at most maxDepth deep. Numbers stay json.Number.
// encoding/json replaces what is not UTF-8 and lets the last duplicate win, so
// two programs could read one request differently.
func decode(body string) (any, error) { return decodeWith(body, membersAt{}) }

// decodeWith is decode, but for lists of members where they stand: each becomes
// a memberList.
func decodeWith(body string, at membersAt) (any, error) {
	if !utf8.ValidString(body) {
		return nil, invalidSyntax("the body is not valid UTF-8")
	}
	d := decoder{text: strings.TrimPrefix(body, "\ufeff"), keys: map[string]string{}, lists: at}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(d.text) {
		return nil, d.bad("there is something behind the end of the JSON text")
	}
	return v, nil
}

type decoder struct {
	text  string
	at    int
	keys  map[string]string // one string for each key, however often it is used
	lists membersAt
}

func (d *decoder) bad(format string, args ...any) *Error {
	line := 1 + strings.Count(d.text[:d.at], "\n")
	column := d.at - strings.LastIndexByte(d.text[:d.at], '\n')
	return invalidSyntax("the body is not acceptable JSON at %d:%d: %s", line, column, fmt.Sprintf(format, args...))
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) peek() byte {
	d.space()
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, d.bad("values nest deeper than %d", maxDepth)
	}
	switch c := d.peek(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '"':
		return d.string()
	case c == '-' || '0' <= c && c <= '9':
		return d.number()
	}
	for _, w := range jsonWords {
		if strings.HasPrefix(d.text[d.at:], w.text) {
			d.at += len(w.text)
			return w.value, nil
		}
	}
	return nil, d.bad("a value is expected here")
}

var jsonWords = []struct {
	text  string
	value any
}{{"true", true}, {"false", false}, {"null", nil}}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	o := map[string]any{}
	if d.peek() == '}' {
		d.at++
		return o, nil
	}
	for {
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		if _, twice := o[key]; twice {
			return nil, d.bad("the key %q stands twice in one object", clip(key))
		}
		if o[key], err = d.member(key, depth); err != nil {
			return nil, err
		}
		switch d.peek() {
		case ',':
			d.at++
		case '}':
			d.at++
			return o, nil
		default:
			return nil, d.bad("a comma or } is expected here")
		}
	}
}

// member reads the value of a key of an object.
func (d *decoder) member(key string, depth int) (any, error) {
	if d.lists.is(key, depth) {
		if m, ok := d.memberList(); ok {
			return m, nil
		}
	}
	return d.value(depth + 1)
}

func (d *decoder) key() (string, error) {
	if d.peek() != '"' {
		return "", d.bad("a key in quotes is expected here")
	}
	key, err := d.string()
	if err != nil {
		return "", err
	}
	if d.peek() != ':' {
		return "", d.bad("a colon is expected here")
	}
	d.at++
	if known, ok := d.keys[key]; ok {
		return known, nil
	}
	d.keys[key] = key
	return key, nil
}

func (d *decoder) array(depth int) (any, error) {
	d.at++
	a := []any{}
	if d.peek() == ']' {
		d.at++
		return a, nil
	}
	for {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		switch d.peek() {
		case ',':
			d.at++
		case ']':
			d.at++
			return a, nil
		default:
			return nil, d.bad("a comma or ] is expected here")
		}
	}
}

func (d *decoder) number() (any, error) {
	from := d.at
	for d.at < len(d.text) && strings.IndexByte("+-.eE0123456789", d.text[d.at]) >= 0 {
		d.at++
	}
	n := json.Number(d.text[from:d.at])
	if json.Valid([]byte(n)) {
		// A number that other programs cannot hold would make every list with
		// this resource unreadable to them (RFC 8259 6).
		if _, err := n.Float64(); err == nil {
			return n, nil
		}
		d.at = from
		return nil, d.bad("this number is too large")
	}
	d.at = from
	return nil, d.bad("this is not a number")
}

// string reads a string; one without escapes is a part of the text.
func (d *decoder) string() (string, error) {
	d.at++
	from := d.at
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			return d.text[from : d.at-1], nil
		case c == '\\':
			return d.escaped(from)
		case c < ' ':
			return "", d.bad("a control character stands in a string")
		}
		d.at++
	}
	return "", d.bad("a string does not end")
}

func (d *decoder) escaped(from int) (string, error) {
	b := []byte(d.text[from:d.at])
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			return string(b), nil
		case c == '\\':
			r, size := unescape(d.text[d.at:])
			if size == 0 {
				return "", d.bad("this escape is not JSON's, is U+0000 or half of a surrogate pair")
			}
			b = utf8.AppendRune(b, r)
			d.at += size
			continue
		case c < ' ':
			return "", d.bad("a control character stands in a string")
		default:
			b = append(b, c)
		}
		d.at++
	}
	return "", d.bad("a string does not end")
}

// unescape reads the escape at the start of s; size 0 when it is none, is
// U+0000, which databases cannot keep, or is half of a surrogate pair.
func unescape(s string) (r rune, size int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	r, ok := unicodeEscape(s)
	if !ok || r == 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := unicodeEscape(s[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func unicodeEscape(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 32)
	return rune(n), err == nil
}

// decodeDoc reads a stored document.
func decodeDoc(doc []byte) (map[string]any, error) {
	if len(doc) == 0 {
		return map[string]any{}, nil
	}
	v, err := decode(string(doc))
	if err != nil {
		return nil, fmt.Errorf("read the stored document: %w", err)
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the stored document is no JSON object")
	}
	return o, nil
}

// encode is canonical: equal documents give equal bytes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
