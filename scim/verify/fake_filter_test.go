package verify

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// match is a compiled filter. In a value path the document is the element.
type match func(doc map[string]any) bool

// fakeParser is a recursive-descent parser of RFC 7644 figure 1.
type fakeParser struct {
	rest   string
	rt     *fakeType
	within *fakeAttr // the attribute of the value path we stand in
	faults faults
	depth  int
}

type filterError struct{ why string }

// parseFilter compiles a filter; ok is false when it means nothing.
func parseFilter(text string, rt *fakeType, f faults) (m match, ok bool) {
	if len(text) > 64<<10 || !utf8.ValidString(text) {
		return nil, false
	}
	p := &fakeParser{rest: text, rt: rt, faults: f}
	defer func() {
		if r := recover(); r != nil {
			if _, mine := r.(filterError); !mine {
				panic(r)
			}
			m, ok = nil, false
		}
	}()
	m = p.or()
	p.skip()
	if p.rest != "" {
		p.fail("trailing text")
	}
	return m, true
}

func (p *fakeParser) fail(why string) { panic(filterError{why}) }

func (p *fakeParser) skip() { p.rest = strings.TrimLeft(p.rest, " ") }

// word takes w, a keyword, when it stands next.
func (p *fakeParser) word(w string) bool {
	p.skip()
	rest, ok := cutPrefixFold(p.rest, w)
	if !ok || rest != "" && !strings.ContainsAny(rest[:1], " ()]") {
		return false
	}
	p.rest = rest
	return true
}

func (p *fakeParser) take(c byte) bool {
	p.skip()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *fakeParser) or() match {
	if p.depth++; p.depth > 100 {
		p.fail("too deep")
	}
	defer func() { p.depth-- }()
	first, second := "or", "and"
	if p.faults[orBeforeAnd] {
		first, second = second, first
	}
	return p.chain(first, func() match { return p.chain(second, p.not) })
}

func (p *fakeParser) chain(op string, next func() match) match {
	m := next()
	for p.word(op) {
		a, b := m, next()
		if op == "or" {
			m = func(d map[string]any) bool { return a(d) || b(d) }
		} else {
			m = func(d map[string]any) bool { return a(d) && b(d) }
		}
	}
	return m
}

func (p *fakeParser) not() match {
	negated := false
	if p.word("not") {
		negated = true
		if p.skip(); !strings.HasPrefix(p.rest, "(") {
			p.fail("not without a group")
		}
	}
	if p.take('(') {
		m := p.or()
		if !p.take(')') {
			p.fail("no closing parenthesis")
		}
		if negated && !p.faults[notIgnored] {
			return func(d map[string]any) bool { return !m(d) }
		}
		return m
	}
	return p.test()
}

func (p *fakeParser) test() match {
	p.skip()
	end := strings.IndexAny(p.rest, " []()\"")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	path, ok := p.resolve(name)
	if strings.HasPrefix(p.rest, "[") {
		return p.valuePath(path, ok)
	}
	if !ok {
		p.fail("unknown attribute " + name)
	}
	if p.word("pr") {
		return func(d map[string]any) bool { return len(path.values(d)) > 0 }
	}
	for _, op := range []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"} {
		if p.word(op) {
			return p.comparison(path, op, p.literal())
		}
	}
	p.fail("no operator")
	return nil
}

func (p *fakeParser) resolve(name string) (fakePath, bool) {
	if p.within == nil {
		return p.rt.resolve(name)
	}
	a := findAttr(p.within.Sub, name)
	return fakePath{attr: a}, a != nil
}

func (p *fakeParser) valuePath(path fakePath, ok bool) match {
	if !ok || p.within != nil || !path.attr.Multi || path.attr.Type != "complex" {
		p.fail("no value path")
	}
	p.rest = p.rest[1:]
	p.within = path.attr
	inner := p.or()
	p.within = nil
	if !p.take(']') {
		p.fail("no closing bracket")
	}
	mixes := p.faults[valuePathMixes]
	return func(d map[string]any) bool {
		list, _ := path.holder(d, false)[path.attr.Name].([]any)
		all := map[string]any{}
		for _, e := range list {
			element, _ := e.(map[string]any)
			if inner(element) {
				return true
			}
			for k, v := range element {
				some, _ := all[k].([]any)
				all[k] = append(some, v)
			}
		}
		return mixes && len(list) > 0 && inner(all)
	}
}

func (p *fakeParser) literal() any {
	p.skip()
	dec := json.NewDecoder(strings.NewReader(p.rest))
	var v any
	if dec.Decode(&v) != nil {
		p.fail("no literal")
	}
	switch v.(type) {
	case map[string]any, []any:
		p.fail("no literal")
	}
	p.rest = p.rest[dec.InputOffset():]
	if p.rest != "" && !strings.ContainsAny(p.rest[:1], " )]") {
		p.fail("text behind a literal")
	}
	return v
}

func (p *fakeParser) comparison(path fakePath, op string, operand any) match {
	leaf := path.leaf()
	if leaf.Type == "boolean" && strings.Contains("gt ge lt le", op) {
		p.fail("a boolean has no order")
	}
	f := p.faults
	return func(d map[string]any) bool {
		values := path.values(d)
		if op == "ne" {
			for _, v := range values {
				if compare(f, leaf, "eq", v, operand) {
					return false
				}
			}
			return true
		}
		for _, v := range values {
			if compare(f, leaf, op, v, operand) {
				return true
			}
		}
		return false
	}
}

func compare(f faults, leaf *fakeAttr, op string, have, operand any) bool {
	a, aText := have.(string)
	b, bText := operand.(string)
	if !aText || !bText {
		return op == "eq" && have == operand
	}
	if leaf.Type == "dateTime" && !f[instantsAsText] {
		at, err1 := time.Parse(time.RFC3339Nano, a)
		bt, err2 := time.Parse(time.RFC3339Nano, b)
		return err1 == nil && err2 == nil && ordered(op, at.Compare(bt))
	}
	exact := leaf.CaseExact
	if leaf.Name == "userName" && f[userNameExact] {
		exact = true
	}
	if leaf.Name == "externalId" && f[externalIDAnyCase] {
		exact = false
	}
	if !exact {
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	switch op {
	case "co":
		if f[wildcards] {
			b = strings.ReplaceAll(b, "%", "")
		}
		if f[containsAsEqual] {
			return a == b
		}
		return strings.Contains(a, b)
	case "sw":
		return strings.HasPrefix(a, b)
	case "ew":
		return strings.HasSuffix(a, b)
	}
	return ordered(op, strings.Compare(a, b))
}

func ordered(op string, cmp int) bool {
	switch op {
	case "eq":
		return cmp == 0
	case "gt":
		return cmp > 0
	case "ge":
		return cmp >= 0
	case "lt":
		return cmp < 0
	case "le":
		return cmp <= 0
	}
	return false
}
