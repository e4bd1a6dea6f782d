package scim

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"grantbridge/directory"
)

// Numbers are kept twice: in decimal, as rules and eq compare them, and behind a
// path of its own in a form that sorts as numbers do, for gt, lt and sortBy.

func (a *attr) number() bool { return a.typ == "integer" || a.typ == "decimal" }

// order is the path of the values by which a sorts.
func (a *attr) order() string {
	if a.number() {
		return a.path + "#"
	}
	return a.path
}

// numberTexts are the two forms of a number of a's type.
func numberTexts(a *attr, s string) (plain, sortable string, ok bool) {
	if a.typ == "integer" {
		i, err := strconv.ParseInt(s, 10, 64)
		return strconv.FormatInt(i, 10), fmt.Sprintf("%016x", uint64(i)^1<<63), err == nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if f == 0 {
		f = 0 // there is one zero
	}
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return strconv.FormatFloat(f, 'g', -1, 64), fmt.Sprintf("%016x", bits), err == nil
}

// checkNumber refuses a number that a's type does not have.
func checkNumber(a *attr, s string) error {
	if _, _, ok := numberTexts(a, s); ok {
		return nil
	}
	if a.typ == "integer" {
		return invalidValue("%s takes a whole number of at most 64 bits, not %s", a.title(), clip(s))
	}
	return invalidValue("%s takes a decimal number of at most 64 bits, not %s", a.title(), clip(s))
}

// compareNumber makes the leaf a op v of a number.
func (p *parser) compareNumber(a *attr, op directory.Op, v literal) (directory.Filter, error) {
	if v.kind != numberLiteral && !(v.kind == textLiteral && p.n.use(RuleLoose, "%s compared with a text read as a number", a.title())) {
		return directory.Filter{}, p.bad("%s is a number; write it without quotes", a.title())
	}
	plain, sortable, ok := numberTexts(a, v.text)
	if _, err := (&decoder{text: v.text}).number(); err != nil || !ok {
		return directory.Filter{}, p.bad("%s is of type %s, which %s is not", a.title(), a.typ, clip(v.text))
	}
	switch op {
	case directory.OpEq, directory.OpNe:
		return directory.Filter{Op: op, Path: a.path, Text: plain}, nil
	case directory.OpGt, directory.OpGe, directory.OpLt, directory.OpLe:
		return directory.Filter{Op: op, Path: a.order(), Text: sortable}, nil
	}
	return directory.Filter{}, p.bad("%s is a number; compare it with eq, ne, gt, ge, lt or le", a.title())
}

// numberText reads a number that came as a text.
func (n *reader) numberText(a *attr, s string) (any, error) {
	d := decoder{text: s}
	if _, err := d.number(); err != nil || d.at != len(s) || !n.reshapes(a, "%s given as a text") {
		return nil, invalidValue("%s takes a number without quotes, not %q", a.title(), clip(s))
	}
	return json.Number(s), checkNumber(a, s)
}
