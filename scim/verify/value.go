package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	searchURN     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	bulkURN       = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkReplyURN  = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// lookup finds a value in a parsed document by a path such as name.givenName,
// emails[type=work].value, members.# (how many) or <extension URN>:department.
// Attribute names match in any case (RFC 7643 §2.1). It returns nil for null,
// for an empty array and for what is not there: a client may not tell them apart
// (RFC 7643 §2.5).
func lookup(doc any, path string) any {
	if rest, ok := strings.CutPrefix(path, enterpriseURN); ok {
		doc = member(doc, enterpriseURN)
		path = strings.TrimPrefix(rest, ":")
	}
	for path != "" && doc != nil {
		var step string
		step, path = nextStep(path)
		doc = walk(doc, step)
	}
	if list, ok := doc.([]any); ok && len(list) == 0 {
		return nil
	}
	return doc
}

// nextStep cuts at the first dot outside brackets.
func nextStep(path string) (step, rest string) {
	depth := 0
	for i, c := range path {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '.' && depth == 0:
			return path[:i], path[i+1:]
		}
	}
	return path, ""
}

func walk(doc any, step string) any {
	name, pick, picked := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	if name == "#" {
		list, _ := doc.([]any)
		return float64(len(list))
	}
	if name != "" {
		doc = member(doc, name)
	}
	list, isList := doc.([]any)
	if !picked {
		if isList && len(list) == 0 {
			return []any(nil)
		}
		return doc
	}
	if n, err := strconv.Atoi(pick); err == nil {
		if n < len(list) {
			return list[n]
		}
		return nil
	}
	key, want, _ := strings.Cut(pick, "=")
	for _, e := range list {
		if fmt.Sprint(member(e, key)) == want {
			return e
		}
	}
	return nil
}

// member is the attribute of an object, found in any case.
func member(doc any, name string) any {
	object, _ := doc.(map[string]any)
	if v, ok := object[name]; ok {
		return v
	}
	for k, v := range object {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func lookupString(doc any, path string) string {
	s, _ := lookup(doc, path).(string)
	return s
}

// lookupInt is the number at path, or -1 when there is no integer number.
func lookupInt(doc any, path string) int {
	f, ok := lookup(doc, path).(float64)
	if !ok || f != math.Trunc(f) {
		return -1
	}
	return int(f)
}

func lookupList(doc any, path string) []any {
	list, _ := lookup(doc, path).([]any)
	return list
}

// want maps paths to the values they must hold: nil is absent, present is
// anything, a string, bool or int is that value.
type want map[string]any

type presence struct{}

var present presence

// mismatch is the first path whose value differs, in words; "" is none.
func (w want) mismatch(doc any) (expected, got string) {
	paths := make([]string, 0, len(w))
	for p := range w {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		have := lookup(doc, p)
		if strings.HasSuffix(p, ".#") && have == nil {
			have = float64(0)
		}
		if !same(have, w[p]) {
			return fmt.Sprintf("%s = %s", p, show(w[p])), fmt.Sprintf("%s = %s", p, show(have))
		}
	}
	return "", ""
}

func same(have, want any) bool {
	switch w := want.(type) {
	case presence:
		return have != nil
	case int:
		return have == float64(w)
	}
	return have == want
}

func show(v any) string {
	switch v.(type) {
	case nil:
		return "(absent)"
	case presence:
		return "(any value)"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return shorten(string(b), 120)
}

func shorten(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// instant is the dateTime at path (RFC 7643 §2.3.5).
func instant(t *trial, doc any, path string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, lookupString(doc, path))
	if err != nil {
		t.fail(path+", a dateTime", show(lookup(doc, path)))
	}
	return at
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// refsJSON is the members array of users.
func refsJSON(users []resource) string {
	b, err := json.Marshal(memberRefs(users))
	if err != nil {
		panic(err) // maps of strings marshal
	}
	return string(b)
}
