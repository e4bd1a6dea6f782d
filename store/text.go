package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"grantbridge/directory"
)

// ErrText refuses an operation with a text that not every database can hold.
var ErrText = errors.New("text is not UTF-8, or has the character U+0000 in it")

func checkTexts(texts ...string) error {
	for _, t := range texts {
		if !storable(t) {
			return ErrText
		}
	}
	return nil
}

func (by By) check() error {
	return checkTexts(by.Actor, by.Via, by.Request, by.Reason, by.Ticket)
}

// micros is t as stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// indexed is how much of a value an index holds; PostgreSQL allows 2,700 bytes
// for a whole row of one.
const indexed = 512

// cutText splits a value into what is indexed and the rest.
func cutText(s string) (text, rest string) {
	if len(s) <= indexed {
		return s, ""
	}
	n := indexed
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], s[n:]
}

func compareValues(a, b directory.Value) int {
	return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Elem, b.Elem), strings.Compare(a.Text, b.Text))
}

// tidy sorts values and drops doubles.
func tidy(vs []directory.Value) []directory.Value {
	vs = slices.Clone(vs)
	slices.SortFunc(vs, compareValues)
	return slices.CompactFunc(vs, func(a, b directory.Value) bool {
		at, _ := cutText(a.Text)
		bt, _ := cutText(b.Text)
		return a.Path == b.Path && a.Elem == b.Elem && at == bt
	})
}

// lacking are the values of a that are not in b; both are tidy.
func lacking(a, b []directory.Value) []directory.Value {
	var out []directory.Value
	for _, v := range a {
		if _, ok := slices.BinarySearchFunc(b, v, compareValues); !ok {
			out = append(out, v)
		}
	}
	return out
}

func checkValues(vs []directory.Value) error {
	for _, v := range vs {
		if err := checkTexts(v.Path, v.Text); err != nil {
			return fmt.Errorf("attribute %q: %w", v.Path, err)
		}
	}
	return nil
}

// compactDoc is a resource as stored: a JSON object without white space, or
// nothing.
func compactDoc(doc []byte) (string, error) {
	if len(doc) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, doc); err != nil {
		return "", fmt.Errorf("read the resource: %w", err)
	}
	// U+0000 can only stand in a JSON text as its escape, which PostgreSQL's
	// text type takes but readers must not meet.
	s := b.String()
	if !storable(s) || strings.Contains(s, `\u0000`) && hasNUL(s) {
		return "", ErrText
	}
	return s, nil
}

// hasNUL reports whether the escape of U+0000 in s is one, not `\\u0000`.
func hasNUL(s string) bool {
	for i := 0; i+5 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if s[i+1:i+6] == "u0000" {
			return true
		}
		i++
	}
	return false
}

// bytesOf is a stored document; nil when there is none.
func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// asJSON is v as compact JSON with sorted keys and without HTML escapes.
func asJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only maps, texts, numbers and raw messages that were read before
	}
	return strings.TrimSuffix(b.String(), "\n")
}
