package directory

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// DN is a distinguished name (RFC 4514) under the matching of distinguishedNameMatch
// (RFC 4517 4.2.15) with caseIgnoreMatch for every value: attribute types by
// name or OID, letter case, insignificant space, the order inside a
// multi-valued RDN and the way of escaping make no difference. The zero DN is
// the empty name, which equals itself and is above every other.
type DN struct {
	rdns []string // canonical, the leaf first
	leaf string
}

// attributeOIDs are the types of RFC 4514 section 3 and those that directories
// put into names; a type has one canonical name.
var attributeOIDs = map[string]string{
	"2.5.4.3": "cn", "2.5.4.4": "sn", "2.5.4.5": "serialnumber", "2.5.4.6": "c", "2.5.4.7": "l", "2.5.4.8": "st",
	"2.5.4.9": "street", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.12": "title", "2.5.4.42": "givenname",
	"0.9.2342.19200300.100.1.1": "uid", "0.9.2342.19200300.100.1.3": "mail", "0.9.2342.19200300.100.1.25": "dc",
	"1.2.840.113549.1.9.1": "emailaddress",
	"commonname":           "cn", "surname": "sn", "countryname": "c", "localityname": "l", "stateorprovincename": "st",
	"streetaddress": "street", "organizationname": "o", "organizationalunitname": "ou", "userid": "uid",
	"rfc822mailbox": "mail", "domaincomponent": "dc",
}

// maxDN bounds what ParseDN reads; directories stop far below.
const maxDN = 8192

var errDNTooLong = fmt.Errorf("a name of more than %d bytes", maxDN)

// ParseDN reads a distinguished name. It allows spaces around commas, plus and
// equals signs, as RFC 2253 did and people do. Its error says what is wrong and
// at which byte.
func ParseDN(s string) (DN, error) {
	if len(s) > maxDN {
		return DN{}, errDNTooLong
	}
	if !utf8.ValidString(s) {
		return DN{}, errors.New("not UTF-8")
	}
	p := dnParser{s: s}
	return p.name()
}

// Equal reports whether d and e name the same entry.
func (d DN) Equal(e DN) bool { return slices.Equal(d.rdns, e.rdns) }

// Under reports whether d is below base, at any depth; no name is below itself.
func (d DN) Under(base DN) bool {
	n := len(d.rdns) - len(base.rdns)
	return n > 0 && slices.Equal(d.rdns[n:], base.rdns)
}

// Key is equal for equal names and for no others. It is itself a name.
func (d DN) Key() string { return strings.Join(d.rdns, ",") }

// Leaf is the value of the first attribute, as it was written: the cn of a group.
func (d DN) Leaf() string { return d.leaf }

// IsZero reports whether d is the empty name.
func (d DN) IsZero() bool { return len(d.rdns) == 0 }

type dnParser struct {
	s string
	i int
}

func (p *dnParser) name() (DN, error) {
	var d DN
	p.spaces()
	if p.i == len(p.s) {
		return d, nil
	}
	for {
		rdn, err := p.rdn(&d)
		if err != nil {
			return DN{}, err
		}
		d.rdns = append(d.rdns, rdn)
		if p.i == len(p.s) {
			return d, nil
		}
		p.i++ // the comma
	}
}

// rdn reads up to a comma or the end.
func (p *dnParser) rdn(d *DN) (string, error) {
	var pairs []string
	for {
		typ, err := p.attributeType()
		if err != nil {
			return "", err
		}
		value, err := p.value()
		if err != nil {
			return "", err
		}
		if len(d.rdns) == 0 && len(pairs) == 0 {
			d.leaf = value
		}
		pairs = append(pairs, typ+"="+escapeValue(canonicalValue(value)))
		if p.i == len(p.s) || p.s[p.i] == ',' {
			break
		}
		p.i++ // the plus
	}
	slices.Sort(pairs)
	return strings.Join(slices.Compact(pairs), "+"), nil
}

func (p *dnParser) spaces() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *dnParser) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", p.i+1, fmt.Sprintf(format, args...))
}

func (p *dnParser) attributeType() (string, error) {
	p.spaces()
	start := p.i
	for p.i < len(p.s) && isKeyByte(p.s[p.i]) {
		p.i++
	}
	typ := strings.ToLower(p.s[start:p.i])
	if typ == "" {
		return "", p.errorf("an attribute type is missing (a comma inside a value is written \\,)")
	}
	p.spaces()
	if p.i == len(p.s) || p.s[p.i] != '=' {
		return "", p.errorf("= is missing after %s (a comma inside a value is written \\,)", p.s[start:start+len(typ)])
	}
	p.i++
	typ = strings.TrimPrefix(typ, "oid.")
	if name, ok := attributeOIDs[typ]; ok {
		return name, nil
	}
	return typ, nil
}

func isKeyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}

// value reads an attribute value and stops at a comma, a plus or the end.
func (p *dnParser) value() (string, error) {
	p.spaces()
	if p.i < len(p.s) && p.s[p.i] == '#' {
		return p.hexValue()
	}
	var b []byte
	keep := 0 // how much of b is not unescaped trailing space
	for p.i < len(p.s) && p.s[p.i] != ',' && p.s[p.i] != '+' {
		c := p.s[p.i]
		switch c {
		case '\\':
			e, err := p.escaped()
			if err != nil {
				return "", err
			}
			b = append(b, e)
			keep = len(b)
			continue
		case '"', ';', '<', '>', 0:
			return "", p.errorf("%q must be escaped with a backslash", c)
		}
		b = append(b, c)
		p.i++
		if c != ' ' {
			keep = len(b)
		}
	}
	b = b[:keep]
	if !utf8.Valid(b) {
		return "", p.errorf("the value before is not UTF-8")
	}
	return string(b), nil
}

// escaped reads a backslash and what it escapes.
func (p *dnParser) escaped() (byte, error) {
	if p.i+1 >= len(p.s) {
		return 0, p.errorf("nothing follows the backslash")
	}
	c := p.s[p.i+1]
	if strings.IndexByte(` "#+,;<=>\`, c) >= 0 {
		p.i += 2
		return c, nil
	}
	if p.i+2 < len(p.s) {
		if v, err := hex.DecodeString(p.s[p.i+1 : p.i+3]); err == nil {
			p.i += 3
			return v[0], nil
		}
	}
	return 0, p.errorf("\\%c is no escape", c)
}

// hexValue reads #… , the BER encoding of a value. A string type is its text,
// any other value stands for itself in lower-case hexadecimal.
func (p *dnParser) hexValue() (string, error) {
	start := p.i
	p.i++
	for p.i < len(p.s) && p.s[p.i] != ',' && p.s[p.i] != '+' && p.s[p.i] != ' ' {
		p.i++
	}
	digits := p.s[start+1 : p.i]
	p.spaces()
	if p.i < len(p.s) && p.s[p.i] != ',' && p.s[p.i] != '+' {
		return "", p.errorf("something follows a #value")
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) == 0 {
		return "", p.errorf("#%s is not hexadecimal (a leading # is written \\#)", digits)
	}
	if text, ok := berText(b); ok {
		return text, nil
	}
	return "#" + strings.ToLower(digits), nil
}

// berText is the content of a short-form BER OCTET, UTF8, Printable, Teletex
// or IA5 string.
func berText(b []byte) (string, bool) {
	if len(b) < 2 || int(b[1]) != len(b)-2 || b[1] >= 0x80 || !utf8.Valid(b[2:]) {
		return "", false
	}
	switch b[0] {
	case 0x04, 0x0c, 0x13, 0x14, 0x16:
		return string(b[2:]), true
	}
	return "", false
}

// canonicalValue folds case and drops insignificant space (RFC 4518 2.6.1).
func canonicalValue(s string) string {
	return strings.Join(strings.Fields(Fold(s)), " ")
}

func escapeValue(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case strings.IndexByte(`"+,;<>\=`, c) >= 0, c == '#' && i == 0, c == ' ' && (i == 0 || i == len(s)-1):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, "\\%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
