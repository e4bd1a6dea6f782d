package saml

import (
	"strings"
	"unicode/utf8"
)

// Limits bound what an unauthenticated message may cost. A zero field has the
// default.
type Limits struct {
	Encoded  int // bytes of base64; 512 KiB
	XML      int // bytes of XML; 256 KiB
	Depth    int // nested elements; 32
	Elements int // 2,000, and at most 5,000
	Attrs    int // attributes of one element, declarations included; 32
	Prefixes int // namespace declarations in scope; 32
	Values   int // attribute values; 1,000
}

func (l Limits) withDefaults() Limits {
	orElse := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orElse(&l.Encoded, 512<<10)
	orElse(&l.XML, 256<<10)
	orElse(&l.Depth, 32)
	orElse(&l.Elements, 2000)
	orElse(&l.Attrs, 32)
	orElse(&l.Prefixes, 32)
	orElse(&l.Values, 1000)
	return l
}

const maxElements = 5000

// scanner reads the strict subset of XML that SAML messages are written in:
// elements, attributes, text and XML's own references, in UTF-8. Comments,
// CDATA, processing instructions and document types are refused, so that no two
// parsers can read the message differently; what it accepts, encoding/xml reads
// as the same tree (FuzzScan holds it to that).
type scanner struct {
	s      string
	i      int
	limits Limits
	// loose is for metadata: comments are skipped, and IDs are not looked at.
	loose bool

	scope    []binding
	own      int // where the current element's declarations begin in scope
	ids      map[string]bool
	elements int
}

// scan reads a document.
func scan(doc string, limits Limits) (*node, *Rejection) {
	return (&scanner{s: doc, limits: limits}).document()
}

func (p *scanner) document() (*node, *Rejection) {
	if len(p.s) > p.limits.XML {
		return nil, reject(InputTooLarge, decimal(p.limits.XML)+" bytes of XML at most", decimal(len(p.s))+" bytes")
	}
	if r := p.characters(); r != nil {
		return nil, r
	}
	p.ids = map[string]bool{}
	if r := p.declaration(); r != nil {
		return nil, r
	}
	if r := p.misc(); r != nil {
		return nil, r
	}
	if p.i == len(p.s) {
		return nil, p.malformed("an element")
	}
	root, r := p.element(1)
	if r != nil {
		return nil, r
	}
	if r := p.misc(); r != nil {
		return nil, r
	}
	if p.i != len(p.s) {
		return nil, reject(XMLTrailing, "the end of the document", "something at byte "+decimal(p.i))
	}
	return root, nil
}

// characters refuses what is not UTF-8 text that XML allows, at one go.
func (p *scanner) characters() *Rejection {
	switch {
	case strings.HasPrefix(p.s, "\xfe\xff"), strings.HasPrefix(p.s, "\xff\xfe"), strings.HasPrefix(p.s, "<\x00"), strings.HasPrefix(p.s, "\x00<"):
		return reject(XMLEncoding, "UTF-8", "UTF-16")
	case strings.HasPrefix(p.s, "\xef\xbb\xbf"):
		return reject(XMLEncoding, "UTF-8 without a byte order mark", "a byte order mark")
	}
	for i := 0; i < len(p.s); {
		c := p.s[i]
		if c >= 0x20 && c < utf8.RuneSelf || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		if c < 0x20 {
			return reject(XMLCharacter, "characters that XML allows", "byte "+decimal(int(c))+" at "+decimal(i))
		}
		r, n := utf8.DecodeRuneInString(p.s[i:])
		if r == utf8.RuneError && n == 1 {
			return reject(XMLEncoding, "UTF-8", "a byte that is not, at "+decimal(i))
		}
		if !xmlRune(r) {
			return reject(XMLCharacter, "characters that XML allows", "another one at byte "+decimal(i))
		}
		i += n
	}
	return nil
}

func xmlRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}

// declaration reads <?xml version="1.0" encoding="UTF-8"?> if it is there.
func (p *scanner) declaration() *Rejection {
	if !strings.HasPrefix(p.s, "<?xml") || len(p.s) > 5 && !strings.ContainsRune(blanks, rune(p.s[5])) {
		return nil
	}
	p.i = 5
	for n := 0; ; n++ {
		p.blank()
		if p.take("?>") {
			return nil
		}
		name, value, r := p.pseudoAttribute()
		switch {
		case r != nil:
			return r
		case n == 0 && name == "version" && value == "1.0":
		case n == 1 && name == "encoding" && strings.EqualFold(value, "UTF-8"):
		case n == 1 && name == "encoding":
			return reject(XMLEncoding, "encoding UTF-8", value)
		case n > 0 && n < 3 && name == "standalone" && (value == "yes" || value == "no"):
		default:
			return p.malformed("an XML 1.0 declaration")
		}
	}
}

func (p *scanner) pseudoAttribute() (name, value string, r *Rejection) {
	name = p.name()
	p.blank()
	if name == "" || !p.take("=") {
		return "", "", p.malformed("an XML declaration")
	}
	p.blank()
	value, r = p.quoted()
	return name, value, r
}

// misc reads blanks, and comments when loose, between root and ends.
func (p *scanner) misc() *Rejection {
	for {
		p.blank()
		if !p.loose || !strings.HasPrefix(p.s[p.i:], "<!--") {
			break
		}
		if r := p.comment(); r != nil {
			return r
		}
	}
	if rest := p.s[p.i:]; strings.HasPrefix(rest, "<!") || strings.HasPrefix(rest, "<?") {
		return p.markup()
	}
	return nil
}

func (p *scanner) comment() *Rejection {
	end := strings.Index(p.s[p.i+4:], "--")
	if end < 0 || !strings.HasPrefix(p.s[p.i+4+end:], "-->") {
		return p.malformed("the end of a comment")
	}
	p.i += 4 + end + 3
	return nil
}

// markup refuses, by its name, what begins with <! or <?.
func (p *scanner) markup() *Rejection {
	rest := p.s[p.i:]
	at := "at byte " + decimal(p.i)
	switch {
	case strings.HasPrefix(rest, "<!--"):
		return reject(XMLComment, "no comments", at)
	case strings.HasPrefix(rest, "<![CDATA["):
		return reject(XMLCDATA, "no CDATA sections", at)
	case strings.HasPrefix(rest, "<!DOCTYPE"), strings.HasPrefix(rest, "<!ENTITY"):
		return reject(XMLDoctype, "no document type", at)
	case strings.HasPrefix(rest, "<?"):
		return reject(XMLInstruction, "no processing instructions", at)
	}
	return p.malformed("an element")
}

func (p *scanner) malformed(want string) *Rejection {
	return reject(XMLMalformed, want, "something else at byte "+decimal(p.i))
}

func (p *scanner) blank() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n' || p.s[p.i] == '\t' || p.s[p.i] == '\r') {
		p.i++
	}
}

func (p *scanner) take(s string) bool {
	if strings.HasPrefix(p.s[p.i:], s) {
		p.i += len(s)
		return true
	}
	return false
}

// name reads an NCName of ASCII letters; SAML has no others.
func (p *scanner) name() string {
	start := p.i
	for p.i < len(p.s) && isNameByte(p.s[p.i], p.i == start) {
		p.i++
	}
	return p.s[start:p.i]
}

func isNameByte(c byte, first bool) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || !first && ('0' <= c && c <= '9' || c == '-' || c == '.')
}

// isName reports whether s is an NCName as name reads it.
func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}
