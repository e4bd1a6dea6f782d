package scim

import (
	"fmt"
	"strings"
	"time"

	"grantbridge/directory"
)

// The bounds of one filter.
const (
	maxFilter      = 8 << 10
	maxFilterDepth = 50
	maxFilterTerms = 200
)

// parseFilter reads a filter (RFC 7644 3.4.2.2) over resources of n's type.
// Paths come out lower-case and with the extension's URN, texts folded as the
// schema's caseExact says. Linear in the length of text.
func (n *reader) parseFilter(text string) (directory.Filter, error) {
	if len(text) > maxFilter {
		return directory.Filter{}, invalidFilter("the filter has %d bytes; at most %d are read, so ask for less at once", len(text), maxFilter)
	}
	p := parser{n: n, s: text}
	f, err := p.or(0)
	if err != nil {
		return directory.Filter{}, err
	}
	if p.at < len(p.s) && strings.Trim(p.s[p.at:], " &") == "" && n.use(RuleLoose, "the filter ends with %q", p.s[p.at:]) {
		return f, nil
	}
	if p.at < len(p.s) {
		return directory.Filter{}, p.bad("expected and, or, or the end, found %q", clip(p.s[p.at:]))
	}
	return f, nil
}

// parser is a recursive descent over one filter or path. Precedence: not, and,
// or.
type parser struct {
	n     *reader
	s     string
	at    int
	terms int
	in    *attr // the attribute whose elements a filter in brackets is about
}

func (p *parser) bad(format string, args ...any) *Error {
	return invalidFilter("filter, character %d: %s", p.at+1, fmt.Sprintf(format, args...))
}

func (p *parser) or(depth int) (directory.Filter, error) {
	return p.chain(depth, "or", directory.OpOr, (*parser).and)
}

func (p *parser) and(depth int) (directory.Filter, error) {
	return p.chain(depth, "and", directory.OpAnd, (*parser).term)
}

func (p *parser) chain(depth int, word string, op directory.Op, next func(*parser, int) (directory.Filter, error)) (directory.Filter, error) {
	first, err := next(p, depth)
	if err != nil || !p.joins(word) {
		return first, err
	}
	args := []directory.Filter{first}
	for {
		f, err := next(p, depth)
		if err != nil {
			return f, err
		}
		args = append(args, f)
		if !p.joins(word) {
			return join(op, args), nil
		}
	}
}

// joins reads " word " if it stands next, else nothing.
func (p *parser) joins(word string) bool {
	from := p.at
	if p.spaces() == nil && p.at > from && p.word(word) && p.at < len(p.s) && (p.s[p.at] == ' ' || p.s[p.at] == '(') {
		if p.s[p.at] == '(' || p.spaces() == nil {
			return true
		}
	}
	p.at = from
	return false
}

// word reads a keyword in any case.
func (p *parser) word(w string) bool {
	if len(p.s)-p.at < len(w) || !strings.EqualFold(p.s[p.at:p.at+len(w)], w) {
		return false
	}
	p.at += len(w)
	return true
}

// spaces reads what stands between words: by the RFC exactly one space.
func (p *parser) spaces() error {
	from := p.at
	for p.at < len(p.s) && p.s[p.at] == ' ' {
		p.at++
	}
	if p.at-from > 1 && !p.n.use(RuleLoose, "%d spaces at character %d of the filter", p.at-from, from+1) {
		return p.bad("one space is expected, not %d", p.at-from)
	}
	return nil
}

// padding reads spaces where the RFC has none.
func (p *parser) padding() error {
	if p.at < len(p.s) && p.s[p.at] == ' ' {
		if !p.n.use(RuleLoose, "a space at character %d of the filter", p.at+1) {
			return p.bad("no space is expected here")
		}
		for p.at < len(p.s) && p.s[p.at] == ' ' {
			p.at++
		}
	}
	return nil
}

func (p *parser) term(depth int) (directory.Filter, error) {
	if depth > maxFilterDepth {
		return directory.Filter{}, p.bad("brackets nest deeper than %d", maxFilterDepth)
	}
	if p.terms++; p.terms > maxFilterTerms {
		return directory.Filter{}, p.bad("more than %d conditions; ask in parts", maxFilterTerms)
	}
	if err := p.padding(); err != nil {
		return directory.Filter{}, err
	}
	if p.next('(') {
		return p.group(depth)
	}
	if from := p.at; p.word("not") {
		if p.spaces() == nil && p.next('(') {
			f, err := p.group(depth)
			return negate(f), err
		}
		p.at = from
	}
	return p.condition(depth)
}

// next reads c if it stands next.
func (p *parser) next(c byte) bool {
	if p.at < len(p.s) && p.s[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) group(depth int) (directory.Filter, error) {
	f, err := p.or(depth + 1)
	if err != nil {
		return f, err
	}
	if err := p.padding(); err != nil {
		return f, err
	}
	if !p.next(')') {
		return f, p.bad("a ) is expected here")
	}
	return f, nil
}

// condition is: path op value, path pr, path[filter], or Entra's
// path[filter].sub op value, which the RFC's grammar does not have.
func (p *parser) condition(depth int) (directory.Filter, error) {
	a, err := p.attribute()
	if err != nil {
		return directory.Filter{}, err
	}
	if p.at >= len(p.s) || p.s[p.at] != '[' {
		return p.comparison(a)
	}
	elem, err := p.brackets(a, depth)
	if err != nil {
		return elem, err
	}
	if !p.next('.') {
		return element(a, elem), nil
	}
	name := p.name()
	sub := a.sub(name)
	if sub == nil {
		return elem, p.bad("%s has no sub-attribute %q", a.title(), clip(name))
	}
	leaf, err := p.comparison(sub)
	if err != nil {
		return leaf, err
	}
	return element(a, join(directory.OpAnd, []directory.Filter{elem, leaf})), nil
}

// brackets reads [filter] over a's elements.
func (p *parser) brackets(a *attr, depth int) (directory.Filter, error) {
	switch {
	case p.in != nil:
		return directory.Filter{}, p.bad("brackets do not stand in brackets")
	case len(a.subs) == 0 && !a.unknown || a.parent != nil:
		return directory.Filter{}, p.bad("%s has no sub-attributes to ask for in brackets", a.title())
	}
	p.at++
	p.in = a
	f, err := p.or(depth + 1)
	p.in = nil
	if err != nil {
		return f, err
	}
	if err := p.padding(); err != nil {
		return f, err
	}
	if !p.next(']') {
		return f, p.bad("a ] is expected here")
	}
	if isLink(a) && !linkable(f) {
		return f, p.bad("%s can be asked for one value, or for one of several; join whole conditions with and instead", a.title())
	}
	return f, nil
}

// name reads an attribute's name or path.
func (p *parser) name() string {
	from := p.at
	for p.at < len(p.s) && isNameByte(p.s[p.at]) {
		p.at++
	}
	return p.s[from:p.at]
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == ':' || c == '_' || c == '-' || c == '$'
}

// attribute reads a path and finds what it names.
func (p *parser) attribute() (*attr, error) {
	from := p.at
	path := p.name()
	if path == "" {
		return nil, p.bad("an attribute is expected here")
	}
	if p.in != nil {
		if a := p.in.sub(path); a != nil {
			return a, nil
		}
		p.at = from
		return nil, p.bad("%s has no sub-attribute %q", p.in.title(), clip(path))
	}
	if a := p.n.of.find(path); a != nil {
		return a, nil
	}
	if a := p.n.lookup(path); a != nil {
		return a, nil
	}
	p.at = from
	return nil, p.bad("%s have no attribute %q%s", strings.TrimPrefix(p.n.of.endpoint, "/"), clip(path), suggest(path, p.n.of))
}

// lookup finds what a path means that is no schema's as it stands: an
// extension's attribute by its bare name, one of an older or misspelt schema,
// or one behind an URN that nobody defined. A bare name that nobody defined is
// not taken: a misspelt filter that answers "nobody" makes duplicates.
func (n *reader) lookup(path string) *attr {
	if a := n.of.extended(path); a != nil && n.use(RuleBareExtension, "%s read as %s", path, a.title()) {
		return a
	}
	if urn, rest := n.of.kin(path); urn != "" && rest != "" {
		if a := n.of.find(urn + ":" + rest); a != nil && n.use(RuleUnknown, "%s read as %s", path, a.title()) {
			return a
		}
	}
	if strings.Contains(path, ":") && n.use(RuleUnknown, "%s is no known attribute", path) {
		a, sub := unknownAttr(path)
		if sub != nil {
			return sub
		}
		return a
	}
	return nil
}

var operators = [...]struct {
	word string
	op   directory.Op
}{
	{"eq", directory.OpEq}, {"ne", directory.OpNe}, {"co", directory.OpCo}, {"sw", directory.OpSw}, {"ew", directory.OpEw},
	{"pr", directory.OpPr}, {"gt", directory.OpGt}, {"ge", directory.OpGe}, {"lt", directory.OpLt}, {"le", directory.OpLe},
}

func (p *parser) operator() (directory.Op, error) {
	if err := p.spaces(); err != nil {
		return 0, err
	}
	from := p.at
	for _, o := range operators {
		if p.word(o.word) {
			if p.at == len(p.s) || !isNameByte(p.s[p.at]) {
				return o.op, nil
			}
			p.at = from
		}
	}
	return 0, p.bad("an operator is expected here: eq, ne, co, sw, ew, pr, gt, ge, lt or le")
}

func (p *parser) comparison(a *attr) (directory.Filter, error) {
	op, err := p.operator()
	if err != nil {
		return directory.Filter{}, err
	}
	if op == directory.OpPr {
		return p.present(a)
	}
	if err := p.spaces(); err != nil {
		return directory.Filter{}, err
	}
	v, err := p.literal()
	if err != nil {
		return directory.Filter{}, err
	}
	if v.kind == nullLiteral {
		return p.compareNull(a, op)
	}
	return p.compare(a, op, v)
}

// compareNull: what is null is not there (RFC 7643 2.5).
func (p *parser) compareNull(a *attr, op directory.Op) (directory.Filter, error) {
	f, err := p.present(a)
	switch {
	case err != nil || op == directory.OpNe:
		return f, err
	case op == directory.OpEq:
		return negate(f), nil
	}
	return f, p.bad("null can be compared with eq and ne only")
}

// timeForms are how times are read: the RFC's, and without a zone.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"}

// parseTime reads s in one of timeForms, and says in which.
func parseTime(s string) (t time.Time, form int, ok bool) {
	for i, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, i, true
		}
	}
	return t, 0, false
}

func (p *parser) timeText(s string) (string, error) {
	if t, form, ok := parseTime(s); ok && (form == 0 || p.n.use(RuleLoose, "%s read as UTC", s)) {
		return directory.TimeText(t), nil
	}
	return "", p.bad("%q is not a time such as 2026-11-23T04:10:00Z", clip(s))
}
