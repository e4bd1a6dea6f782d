package scim

import (
	"slices"
	"strings"

	"grantbridge/directory"
)

// literal is a value as it stands in a filter.
type literal struct {
	kind literalKind
	text string
}

type literalKind uint8

const (
	textLiteral literalKind = iota
	numberLiteral
	boolLiteral
	nullLiteral
)

func (p *parser) literal() (literal, error) {
	if p.at >= len(p.s) {
		return literal{}, p.bad("a value is expected here")
	}
	switch c := p.s[p.at]; c {
	case '"':
		return p.quoted()
	case '\'':
		return p.singleQuoted()
	}
	from := p.at
	for p.at < len(p.s) && !strings.ContainsRune(" ()[]\"&", rune(p.s[p.at])) {
		p.at++
	}
	return p.bare(p.s[from:p.at])
}

func (p *parser) quoted() (literal, error) {
	d := decoder{text: p.s, at: p.at}
	s, err := d.string()
	if err != nil {
		return literal{}, p.bad("the string that begins here does not end, or has an escape that JSON does not know")
	}
	p.at = d.at
	return literal{textLiteral, s}, nil
}

func (p *parser) singleQuoted() (literal, error) {
	end := strings.IndexByte(p.s[p.at+1:], '\'')
	if end < 0 || !p.n.use(RuleLoose, "a literal in single quotes in the filter") {
		return literal{}, p.bad("a value in double quotes is expected here")
	}
	s := p.s[p.at+1 : p.at+1+end]
	p.at += end + 2
	return literal{textLiteral, s}, nil
}

// bare reads true, false, null, a number, and what should have been quoted.
func (p *parser) bare(s string) (literal, error) {
	switch s {
	case "true", "false":
		return literal{boolLiteral, s}, nil
	case "null":
		return literal{nullLiteral, ""}, nil
	case "":
		return literal{}, p.bad("a value is expected here")
	}
	d := decoder{text: s}
	if _, err := d.number(); err == nil && d.at == len(s) {
		return literal{numberLiteral, s}, nil
	}
	if !p.n.use(RuleLoose, "an unquoted literal in the filter") {
		return literal{}, p.bad("%q is no value; put it in double quotes", clip(s))
	}
	return literal{textLiteral, s}, nil
}

// compare makes the leaf a op v.
func (p *parser) compare(a *attr, op directory.Op, v literal) (directory.Filter, error) {
	if a.complex() {
		value := a.sub("value")
		if value == nil {
			return directory.Filter{}, p.bad("%s has sub-attributes; ask for one of them, as in %s.%s", a.title(), a.title(), a.subs[0].name)
		}
		a = value
	}
	if f, known, err := p.constant(a, op, v.text); known || err != nil {
		return f, err
	}
	if a.number() {
		return p.compareNumber(a, op, v)
	}
	text, err := p.operand(a, op, v)
	return directory.Filter{Op: op, Path: a.path, Text: text}, err
}

// operand is v as the store keeps values of a.
func (p *parser) operand(a *attr, op directory.Op, v literal) (string, error) {
	ordered := op == directory.OpEq || op == directory.OpNe
	switch {
	case a.typ == "boolean":
		return p.boolean(a, ordered, v)
	case a.typ == "dateTime":
		if op == directory.OpCo || op == directory.OpSw || op == directory.OpEw {
			return "", p.bad("%s is a time; compare it with eq, ne, gt, ge, lt or le", a.title())
		}
		return p.timeText(v.text)
	case a.unknown && v.kind != textLiteral:
		return v.text, nil
	case v.kind != textLiteral && !p.n.use(RuleLoose, "an unquoted literal in the filter"):
		return "", p.bad("%s is a text; put %s in double quotes", a.title(), clip(v.text))
	case a.caseExact:
		return v.text, nil
	}
	return directory.Fold(v.text), nil
}

func (p *parser) boolean(a *attr, equality bool, v literal) (string, error) {
	if !equality {
		return "", p.bad("%s is true or false; compare it with eq or ne", a.title())
	}
	if v.kind == boolLiteral {
		return v.text, nil
	}
	for _, b := range []string{"true", "false"} {
		if v.kind == textLiteral && strings.EqualFold(v.text, b) && p.n.use(RuleBooleanText, "%s %q read as %s in the filter", a.title(), v.text, b) {
			return b, nil
		}
	}
	return "", p.bad("%s is true or false, not %q", a.title(), clip(v.text))
}

// constant answers what is the same for every resource of the type, or for all
// with an extension, and refuses what cannot be asked.
func (p *parser) constant(a *attr, op directory.Op, text string) (f directory.Filter, known bool, err error) {
	switch a.path {
	case "schemas":
		return p.schemas(op, text)
	case "meta.resourcetype":
		return p.same(op, p.n.of.name, text)
	case "members.type":
		return p.same(op, "User", text)
	case "groups.type":
		return p.same(op, "direct", text)
	case "meta.version", "meta.location":
		return f, true, p.bad("%s cannot be filtered by", a.title())
	}
	if a.mutability == "writeOnly" {
		return f, true, p.bad("%s cannot be filtered by", a.title())
	}
	if isLink(a.parent) && a.name != "value" {
		return f, true, p.bad("%s cannot be filtered by; ask for %s.value", a.title(), a.parent.name)
	}
	return f, false, nil
}

// same compares what every resource has with text.
func (p *parser) same(op directory.Op, have, text string) (directory.Filter, bool, error) {
	switch {
	case op != directory.OpEq && op != directory.OpNe:
		return directory.Filter{}, true, p.bad("this can be compared with eq and ne only")
	case strings.EqualFold(have, text) == (op == directory.OpEq):
		return everything(), true, nil
	}
	return directory.Filter{}, true, nil
}

func (p *parser) schemas(op directory.Op, urn string) (directory.Filter, bool, error) {
	if op != directory.OpEq && op != directory.OpNe {
		return directory.Filter{}, true, p.bad("schemas can be compared with eq and ne only")
	}
	e := p.n.of.extension(urn)
	if e == nil {
		return p.same(op, p.n.of.urn, urn)
	}
	var any []directory.Filter
	for _, a := range e.attrs {
		any = append(any, presence(a)...)
	}
	f := join(directory.OpOr, any)
	if op == directory.OpNe {
		f = negate(f)
	}
	return f, true, nil
}

// present makes a pr. A complex attribute is present when a part of it is.
func (p *parser) present(a *attr) (directory.Filter, error) {
	switch a.path {
	case "id", "meta", "meta.resourcetype", "meta.created", "meta.lastmodified", "meta.location", "meta.version", "schemas":
		return everything(), nil
	}
	if a.mutability == "writeOnly" { // never kept
		return directory.Filter{}, nil
	}
	if isLink(a) || isLink(a.parent) {
		link := a
		if a.parent != nil {
			link = a.parent
		}
		return directory.Filter{Op: directory.OpPr, Path: link.path + ".value"}, nil
	}
	return join(directory.OpOr, presence(a)), nil
}

func presence(a *attr) []directory.Filter {
	if len(a.subs) == 0 {
		return []directory.Filter{{Op: directory.OpPr, Path: a.path}}
	}
	var any []directory.Filter
	for _, s := range a.subs {
		any = append(any, presence(s)...)
	}
	return any
}

// isLink reports whether a is a group's members or a user's groups, which are
// rows and no values.
func isLink(a *attr) bool {
	return a != nil && (a.path == "members" || a.path == "groups") && a.urn == ""
}

// linkable reports whether a filter over one link means the same over all of
// them: it is one condition, or conditions joined by or.
func linkable(f directory.Filter) bool {
	switch f.Op {
	case directory.OpNone, directory.OpEq, directory.OpCo, directory.OpSw, directory.OpEw, directory.OpGt, directory.OpGe, directory.OpLt, directory.OpLe, directory.OpPr:
		return true
	case directory.OpOr:
		return !slices.ContainsFunc(f.Args, func(g directory.Filter) bool { return !linkable(g) })
	}
	return isEverything(f)
}

// element is a's one element that satisfies f.
func element(a *attr, f directory.Filter) directory.Filter {
	switch {
	case isLink(a):
		if isEverything(f) {
			return directory.Filter{Op: directory.OpPr, Path: a.path + ".value"}
		}
		return f
	case f.Op == directory.OpNone:
		return f
	}
	return directory.Filter{Op: directory.OpElem, Path: a.path, Args: []directory.Filter{f}}
}

func everything() directory.Filter {
	return directory.Filter{Op: directory.OpNot, Args: []directory.Filter{{}}}
}

func isEverything(f directory.Filter) bool {
	return f.Op == directory.OpNot && f.Args[0].Op == directory.OpNone
}

func negate(f directory.Filter) directory.Filter {
	if isEverything(f) {
		return directory.Filter{}
	}
	return directory.Filter{Op: directory.OpNot, Args: []directory.Filter{f}}
}

// join is the conjunction or disjunction of args without those that decide
// nothing.
func join(op directory.Op, args []directory.Filter) directory.Filter {
	absorbs, neutral := isNothing, isEverything
	if op == directory.OpOr {
		absorbs, neutral = isEverything, isNothing
	}
	if i := slices.IndexFunc(args, absorbs); i >= 0 {
		return args[i]
	}
	last := args[len(args)-1]
	args = slices.DeleteFunc(args, neutral)
	switch len(args) {
	case 0:
		return last
	case 1:
		return args[0]
	}
	return directory.Filter{Op: op, Args: args}
}

func isNothing(f directory.Filter) bool { return f.Op == directory.OpNone }
