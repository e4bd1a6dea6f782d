package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"grantbridge/internal/handler"
)

// reader reads a body in one pass, keeping only what is asked for and holding
// the limits on the way. encoding/json would do, were it not that it takes
// "SUBJECT" for "subject" and the last of two of a name, which another reader of
// the same body might not, and that it is most of what a batch costs.
//
// What is no JSON ends the reading. A value of a wrong type is kept in wrong,
// and the reading goes on behind it.
type reader struct {
	b     []byte
	i     int
	depth int
	wrong error // the first
}

// notJSON ends the reading.
func (r *reader) notJSON(what string) error {
	return handler.Bad("the body is not JSON: %s at byte %d", what, r.i+1)
}

// mismatch notes a value of a wrong type and skips it.
func (r *reader) mismatch(path, want string) error {
	r.note("%s must be %s", path, want)
	return r.skip()
}

func (r *reader) note(format string, args ...any) {
	if r.wrong == nil {
		r.wrong = fmt.Errorf(format, args...)
	}
}

// peek is the next byte that is no space, 0 at the end.
func (r *reader) peek() byte {
	for ; r.i < len(r.b); r.i++ {
		switch c := r.b[r.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take steps over c.
func (r *reader) take(c byte, what string) error {
	if r.peek() != c {
		return r.notJSON(what)
	}
	r.i++
	return nil
}

func (r *reader) enter() error {
	r.i++
	if r.depth++; r.depth > maxDepth {
		return &handler.Problem{Status: http.StatusBadRequest, Code: "too_deep", Detail: fmt.Sprintf("the body nests deeper than %d levels", maxDepth)}
	}
	return nil
}

// document reads the body's one object.
func (r *reader) document(names []string, value func(name string) error) error {
	if !utf8.Valid(r.b) {
		return handler.Bad("the body is not UTF-8")
	}
	if c := r.peek(); c != '{' {
		if err := r.skip(); err != nil {
			return err
		}
		return handler.Bad("the body must be a JSON object")
	}
	if err := r.object("the body", names, value); err != nil {
		return err
	}
	if r.peek() != 0 || r.i < len(r.b) {
		return r.notJSON("there is something behind the object")
	}
	return nil
}

// object reads an object: value reads the members with one of names, others are
// skipped. A null is an object without members.
func (r *reader) object(path string, names []string, value func(name string) error) error {
	switch r.peek() {
	case '{':
	case 'n':
		return r.skip()
	default:
		return r.mismatch(path, "an object")
	}
	if err := r.enter(); err != nil {
		return err
	}
	seen := 0
	for first := true; ; first = false {
		if done, err := r.next('}', first); done || err != nil {
			return err
		}
		name, err := r.name()
		if err != nil {
			return err
		}
		k := slices.IndexFunc(names, func(n string) bool { return n == string(name) })
		switch {
		case k >= 0 && seen&(1<<k) != 0:
			r.note("%s stands twice in %s", names[k], path)
			err = r.skip()
		case k >= 0:
			seen |= 1 << k
			err = value(names[k])
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// name reads a member's name and the colon.
func (r *reader) name() ([]byte, error) {
	if r.peek() != '"' {
		return nil, r.notJSON("a name is missing")
	}
	start := r.i + 1
	plain, err := r.scanString()
	if err != nil {
		return nil, err
	}
	raw := r.b[start : r.i-1]
	if !plain {
		if raw, err = unquote(r.b[start-1 : r.i]); err != nil {
			return nil, r.notJSON("a name cannot be read")
		}
	}
	return raw, r.take(':', "a colon is missing")
}

// next steps to the next member or element; done says that the container ended.
func (r *reader) next(end byte, first bool) (done bool, err error) {
	switch c := r.peek(); {
	case c == end:
		r.i++
		r.depth--
		return true, nil
	case first:
		return false, nil
	case c == ',':
		r.i++
		if r.peek() == end {
			return false, r.notJSON("a comma too many")
		}
		return false, nil
	case c == 0:
		return false, r.notJSON("it ends too soon")
	}
	return false, r.notJSON("a comma is missing")
}

// array reads an array; each reads an element.
func (r *reader) array(path string, each func() error) error {
	switch r.peek() {
	case '[':
	case 'n':
		return r.skip()
	default:
		return r.mismatch(path, "an array")
	}
	if err := r.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if done, err := r.next(']', first); done || err != nil {
			return err
		}
		if err := each(); err != nil {
			return err
		}
	}
}

// text reads a string; null is none.
func (r *reader) text(path string, to *string) error {
	switch r.peek() {
	case '"':
	case 'n':
		return r.skip()
	default:
		return r.mismatch(path, "a string")
	}
	start := r.i
	plain, err := r.scanString()
	if err != nil {
		return err
	}
	if plain {
		*to = string(r.b[start+1 : r.i-1])
		return nil
	}
	raw, err := unquote(r.b[start:r.i])
	if err != nil {
		return r.notJSON("a string cannot be read")
	}
	*to = string(raw)
	return nil
}

func unquote(quoted []byte) ([]byte, error) {
	var s string
	err := json.Unmarshal(quoted, &s)
	return []byte(s), err
}

// integer reads a whole number; null is none.
func (r *reader) integer(path string, to *int64) error {
	c := r.peek()
	start := r.i
	switch {
	case c == 'n':
		return r.skip()
	case c != '-' && (c < '0' || c > '9'):
		return r.mismatch(path, "a whole number")
	}
	if err := r.scanNumber(); err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(r.b[start:r.i]), 10, 64)
	if err != nil {
		r.note("%s must be a whole number", path)
		return nil
	}
	*to = n
	return nil
}

// skip steps over any value.
func (r *reader) skip() error {
	switch c := r.peek(); {
	case c == '"':
		_, err := r.scanString()
		return err
	case c == '{':
		return r.object("", nil, nil)
	case c == '[':
		return r.array("", r.skip)
	case c == '-' || '0' <= c && c <= '9':
		return r.scanNumber()
	case c == 0:
		return r.notJSON("it ends too soon")
	}
	for _, word := range []string{"true", "false", "null"} {
		if end := r.i + len(word); end <= len(r.b) && string(r.b[r.i:end]) == word {
			r.i = end
			return nil
		}
	}
	return r.notJSON("there is no value")
}

// scanString steps over a string; plain says that it has no escapes.
func (r *reader) scanString() (plain bool, err error) {
	plain = true
	for r.i++; r.i < len(r.b); r.i++ {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return plain, nil
		case c < ' ':
			return false, r.notJSON("a control character stands in a string")
		case c == '\\':
			plain = false
			if r.i++; !r.escape() {
				return false, r.notJSON("an escape is wrong")
			}
		}
	}
	return false, r.notJSON("a string does not end")
}

// escape steps onto the last byte of what follows a backslash.
func (r *reader) escape() bool {
	if r.i >= len(r.b) {
		return false
	}
	switch r.b[r.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if r.i++; r.i >= len(r.b) || !isHex(r.b[r.i]) {
				return false
			}
		}
		return true
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// scanNumber steps over a number of RFC 8259 section 6.
func (r *reader) scanNumber() error {
	if r.at('-') {
		r.i++
	}
	if r.at('0') {
		r.i++
	} else if !r.digits() {
		return r.notJSON("a number is wrong")
	}
	if r.at('.') {
		if r.i++; !r.digits() {
			return r.notJSON("a number is wrong")
		}
	}
	if r.at('e') || r.at('E') {
		if r.i++; r.at('+') || r.at('-') {
			r.i++
		}
		if !r.digits() {
			return r.notJSON("a number is wrong")
		}
	}
	return nil
}

func (r *reader) at(c byte) bool { return r.i < len(r.b) && r.b[r.i] == c }

// digits steps over one or more.
func (r *reader) digits() bool {
	start := r.i
	for r.i < len(r.b) && '0' <= r.b[r.i] && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > start
}
