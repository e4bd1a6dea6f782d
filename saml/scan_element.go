package saml

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func decimal(n int) string { return strconv.Itoa(n) }

// element reads an element; p.i is at its "<".
func (p *scanner) element(depth int) (*node, *Rejection) {
	if depth > p.limits.Depth {
		return nil, reject(XMLTooDeep, decimal(p.limits.Depth)+" levels at most", "more")
	}
	if p.elements++; p.elements > p.limits.Elements {
		return nil, reject(XMLElements, decimal(p.limits.Elements)+" elements at most", "more")
	}
	start := p.i
	if !p.take("<") {
		return nil, p.malformed("an element")
	}
	outer := len(p.scope)
	p.own = outer
	defer func() { p.scope = p.scope[:outer] }()
	tag := p.qname()
	if tag == "" {
		return nil, p.malformed("an element's name")
	}
	n := &node{}
	if r := p.attributes(n); r != nil {
		return nil, r
	}
	if r := p.resolve(n, tag); r != nil {
		return nil, r
	}
	if p.take("/>") {
		return n, nil
	}
	if !p.take(">") {
		return nil, p.malformed("the end of a tag")
	}
	if r := p.content(n, depth); r != nil {
		return nil, r
	}
	if !p.take(tag) {
		return nil, p.malformed("the end of element " + tag)
	}
	p.blank()
	if !p.take(">") {
		return nil, p.malformed("the end of element " + tag)
	}
	if n.is(nsDSig, "Signature") {
		n.source, n.scope = p.s[start:p.i], slices.Clone(p.scope[:outer])
	}
	return n, nil
}

// qname reads name or prefix:name as written.
func (p *scanner) qname() string {
	start := p.i
	if p.name() == "" {
		return ""
	}
	if p.take(":") && p.name() == "" {
		return ""
	}
	return p.s[start:p.i]
}

// attributes reads the attributes of n, with their prefixes unresolved in
// space, and puts namespace declarations into scope.
func (p *scanner) attributes(n *node) *Rejection {
	for count := 0; ; count++ {
		before := p.i
		p.blank()
		if p.i == len(p.s) || p.s[p.i] == '>' || p.s[p.i] == '/' {
			return nil
		}
		if p.i == before {
			return p.malformed("a space before an attribute")
		}
		if count == p.limits.Attrs {
			return reject(XMLAttributes, decimal(p.limits.Attrs)+" attributes at most", "more")
		}
		q := p.qname()
		p.blank()
		if q == "" || !p.take("=") {
			return p.malformed("an attribute")
		}
		p.blank()
		value, r := p.quoted()
		if r != nil {
			return r
		}
		if r := p.attribute(n, q, value); r != nil {
			return r
		}
	}
}

func (p *scanner) attribute(n *node, q, value string) *Rejection {
	prefix, name, has := strings.Cut(q, ":")
	switch {
	case !has && q == "xmlns":
		return p.declare("", value)
	case !has:
		prefix, name = "", q
	case prefix == "xmlns":
		return p.declare(name, value)
	}
	n.attrs = append(n.attrs, attrib{prefix, name, value})
	return nil
}

// declare puts a namespace declaration into scope.
func (p *scanner) declare(prefix, uri string) *Rejection {
	switch {
	case prefix == "xmlns", prefix == "xml" && uri != nsXML, prefix != "xml" && uri == nsXML, uri == nsXMLNS:
		return reject(XMLNamespace, "xml and xmlns left alone", "a declaration of "+prefix)
	case uri == "" && prefix != "":
		return reject(XMLNamespace, "a namespace for prefix "+prefix, "none")
	case uri != "" && !absolute(uri):
		return reject(XMLNamespace, "an absolute namespace", uri)
	}
	if len(p.scope) >= p.limits.Prefixes {
		return reject(XMLPrefixes, decimal(p.limits.Prefixes)+" namespaces in scope at most", "more")
	}
	p.scope = append(p.scope, binding{prefix, uri})
	return nil
}

// absolute reports whether uri begins with a scheme; canonicalisation of
// relative namespaces is undefined.
func absolute(uri string) bool {
	scheme, rest, ok := strings.Cut(uri, ":")
	return ok && rest != "" && isName(scheme) && !strings.ContainsAny(uri, blanks)
}

// resolve gives n and its attributes their namespaces, and looks at its ID.
func (p *scanner) resolve(n *node, tag string) *Rejection {
	prefix, name, has := strings.Cut(tag, ":")
	if !has {
		prefix, name = "", tag
	}
	space, ok := lookup(p.scope, prefix)
	if !ok || prefix == "xmlns" || prefix == "xml" {
		return reject(XMLNamespace, "declared prefixes", "prefix "+prefix)
	}
	n.space, n.name = space, name
	if r := p.declaredTwice(); r != nil {
		return r
	}
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.space == "" {
			continue
		}
		if a.space, ok = lookup(p.scope, a.space); !ok {
			return reject(XMLNamespace, "declared prefixes", "an attribute "+a.name+" with an undeclared one")
		}
	}
	for i, a := range n.attrs {
		for _, b := range n.attrs[:i] {
			if a.space == b.space && a.name == b.name {
				return reject(XMLAttributeTwice, "each attribute once", a.name+" twice on "+n.name)
			}
		}
	}
	if p.loose {
		return nil
	}
	return p.identify(n)
}

// declaredTwice refuses two declarations of one prefix on one element.
func (p *scanner) declaredTwice() *Rejection {
	own := p.scope[p.own:]
	for i, a := range own {
		for _, b := range own[:i] {
			if a.prefix == b.prefix {
				return reject(XMLAttributeTwice, "each prefix declared once", a.prefix+" twice")
			}
		}
	}
	return nil
}

// identify keeps IDs unique, in one spelling and in no namespace.
func (p *scanner) identify(n *node) *Rejection {
	seen := false
	for _, a := range n.attrs {
		if len(a.name) != 2 || !strings.EqualFold(a.name, "id") {
			continue
		}
		if want, known := idName(n.space); a.space != "" || seen || known && a.name != want {
			return reject(IDPolluted, "one ID attribute, without a namespace", "another one on "+n.name)
		}
		seen = true
		if !isName(a.value) {
			return reject(IDMalformed, "an XML name as ID", "another text on "+n.name)
		}
		if p.ids[a.value] {
			return reject(IDDuplicate, "each ID once", "one twice, on "+n.name)
		}
		p.ids[a.value] = true
	}
	return nil
}

// idName is how the ID attribute is spelled in a namespace that we read.
func idName(space string) (string, bool) {
	switch space {
	case nsProtocol, nsAssertion:
		return "ID", true
	case nsDSig, nsEnc:
		return "Id", true
	}
	return "", false
}

// quoted reads an attribute's value.
func (p *scanner) quoted() (string, *Rejection) {
	if p.i == len(p.s) || p.s[p.i] != '"' && p.s[p.i] != '\'' {
		return "", p.malformed("a quoted value")
	}
	end := strings.IndexByte(p.s[p.i+1:], p.s[p.i])
	if end < 0 {
		return "", p.malformed("the end of a quoted value")
	}
	raw := p.s[p.i+1 : p.i+1+end]
	if strings.ContainsAny(raw, "<\t\n\r") {
		return "", p.malformed("a value without < and line ends")
	}
	value, r := p.unescape(raw)
	p.i += end + 2
	return value, r
}

// content reads what is inside n up to and including the "</" of its end.
func (p *scanner) content(n *node, depth int) *Rejection {
	var parts []string // joined at the end: adding them up one by one is quadratic
	for {
		end := strings.IndexByte(p.s[p.i:], '<')
		if end < 0 || p.i+end+1 == len(p.s) {
			return p.malformed("the end of element " + n.name)
		}
		if end > 0 {
			raw := p.s[p.i : p.i+end]
			if strings.Contains(raw, "]]>") {
				return p.malformed("text without ]]>")
			}
			text, r := p.unescape(raw)
			if r != nil {
				return r
			}
			parts = append(parts, text)
			p.i += end
		}
		switch p.s[p.i+1] {
		case '/':
			p.i += 2
			n.text = strings.Join(parts, "")
			return nil
		case '!', '?':
			if p.loose && strings.HasPrefix(p.s[p.i:], "<!--") {
				if r := p.comment(); r != nil {
					return r
				}
				continue
			}
			return p.markup()
		}
		kid, r := p.element(depth + 1)
		if r != nil {
			return r
		}
		n.kids = append(n.kids, kid)
	}
}

var predefined = map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`, "apos": "'"}

// unescape resolves references and line ends as XML says.
func (p *scanner) unescape(raw string) (string, *Rejection) {
	if strings.IndexByte(raw, '&') < 0 && strings.IndexByte(raw, '\r') < 0 {
		return raw, nil
	}
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\r", "\n")
	var b strings.Builder
	b.Grow(len(raw))
	for {
		before, rest, found := strings.Cut(raw, "&")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, ended := strings.Cut(rest, ";")
		if !ended || len(name) > 16 {
			return "", reject(XMLEntity, "references that end", "one that does not")
		}
		text, ok := predefined[name]
		if !ok {
			if text, ok = charReference(name); !ok {
				return "", reject(XMLEntity, "XML's own references", "&"+name+";")
			}
		}
		b.WriteString(text)
		raw = after
	}
}

// charReference reads #10 or #xA.
func charReference(name string) (string, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if !ok || err != nil || !xmlRune(rune(v)) || v > utf8.MaxRune {
		return "", false
	}
	return string(rune(v)), true
}
