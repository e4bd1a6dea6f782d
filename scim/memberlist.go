package scim

import (
	"net/http"
	"slices"
	"strings"
)

// memberList is a list of members as the RFC shapes them: their ids, and the
// JSON text that says the rest. As objects a hundred thousand would be 40 MB.
type memberList struct {
	ids  []string
	text string
}

// membersAt is where in a body lists of members stand: under a key of the
// objects of a depth. The zero value is nowhere.
type membersAt struct {
	key   string
	depth int
}

// membersIn is where the members of a group stand in a request: in the resource,
// and in a PATCH each operation's value may be some.
func membersIn(method string) membersAt {
	if method == http.MethodPatch {
		return membersAt{"value", 2}
	}
	return membersAt{"members", 0}
}

func (m membersAt) is(key string, depth int) bool {
	return depth == m.depth && m.key != "" && strings.EqualFold(key, m.key)
}

// memberList reads a list of members, or nothing where something else stands.
func (d *decoder) memberList() (m memberList, ok bool) {
	if d.peek() != '[' {
		return m, false
	}
	from := d.at
	for next := byte(','); next == ','; next = d.peek() {
		d.at++
		id, ok := d.oneMember()
		if !ok {
			d.at = from
			return memberList{}, false
		}
		if len(m.ids) == cap(m.ids) {
			m.ids = slices.Grow(m.ids, len(m.ids)+1) // append grows long lists by a quarter only
		}
		m.ids = append(m.ids, id)
	}
	if d.peek() != ']' {
		d.at = from
		return memberList{}, false
	}
	d.at++
	m.text = d.text[from:d.at]
	return m, true
}

var memberKeys = []string{"value", "display", "type", "$ref"}

// oneMember reads the id of a member that has nothing but texts.
func (d *decoder) oneMember() (id string, ok bool) {
	if d.peek() != '{' {
		return "", false
	}
	seen := 0
	for next := byte(','); next == ','; next = d.peek() {
		d.at++
		key, err := d.key()
		i := slices.Index(memberKeys, key)
		if err != nil || i < 0 || seen&(1<<i) != 0 {
			return "", false
		}
		seen |= 1 << i
		s, ok := d.textOrNull()
		if !ok {
			return "", false
		}
		if i == 0 {
			id = s
		}
	}
	if d.peek() != '}' {
		return "", false
	}
	d.at++
	return id, id != ""
}

func (d *decoder) textOrNull() (string, bool) {
	if d.peek() == '"' {
		s, err := d.string()
		return s, err == nil
	}
	const null = "null"
	if !strings.HasPrefix(d.text[d.at:], null) {
		return "", false
	}
	d.at += len(null)
	return "", true
}

// elements are the members as objects.
func (m memberList) elements() []any {
	v, err := decode(m.text)
	if err != nil {
		panic("scim: members that were read cannot be read again: " + err.Error())
	}
	return list(v)
}

// MarshalJSON is the text that the list was read from.
func (m memberList) MarshalJSON() ([]byte, error) { return []byte(m.text), nil }

// plain is v as decode without membersAt reads it.
func plain(v any) any {
	if m, ok := v.(memberList); ok {
		return m.elements()
	}
	return v
}
