package saml

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Identity is a person as a verified assertion says. Every field was read from
// signed bytes.
type Identity struct {
	Source       string // ours
	Issuer       string // the identity provider's entity id
	Subject      Subject
	NameID       NameID
	Attributes   []Attribute // in the order sent, repeated names merged
	Groups       Groups
	AuthnContext string    // class reference; empty when not said
	AuthnInstant time.Time // when the person signed in at the identity provider
	// SessionIndex and SessionNotOnOrAfter are of the identity provider's
	// session; the latter is zero when it has no end. Ours must not outlive it.
	SessionIndex        string
	SessionNotOnOrAfter time.Time

	AssertionID string
	Request     string // the ID of the request answered; empty when unsolicited
	IssuedAt    time.Time
	Key         string // fingerprint of the certificate that signed
	Encrypted   bool
}

// Unsolicited reports whether nobody asked for the assertion.
func (i *Identity) Unsolicited() bool { return i.Request == "" }

// NameID is the name that the identity provider gives to the person, with what
// a logout request must repeat.
type NameID struct {
	Value, Format, NameQualifier, SPNameQualifier, SPProvidedID string
}

// SubjectKind says what a subject's value is.
type SubjectKind string

// The kinds of subject; an account's key holds the kind.
const (
	SubjectNameID      SubjectKind = "nameid"
	SubjectByAttribute SubjectKind = "attribute"
)

// Subject is the immutable name of an account in its source, compared to the
// letter. It is never an e-mail address by anything but the administrator's
// choice; then Reassignable says so.
type Subject struct {
	Kind  SubjectKind
	Name  string // the attribute's Name, or the NameID's format
	Value string
	// Reassignable: identity providers give e-mail addresses and unspecified
	// names to somebody else later.
	Reassignable bool
}

// Attribute is one attribute with its values, trimmed of nothing.
type Attribute struct {
	Name, FriendlyName, NameFormat string
	Values                         []Value
}

// Value is an attribute's value: a text, or elements with texts.
type Value struct {
	Text   string
	Fields []Field // of a structured value, as Cloudflare Access sends
}

// Field is an element inside a structured value.
type Field struct{ Name, Text string }

const maxNameID = 256

// identity reads who signed in from the verified assertion.
func (p *Provider) identity(a *node) (*Identity, *Rejection) {
	id := &Identity{Source: p.c.Source, Issuer: p.c.IdP.EntityID}
	id.AssertionID, _ = a.attr("ID")
	var r *Rejection
	if id.NameID, r = nameID(a.child(nsAssertion, "Subject")); r != nil {
		return nil, r
	}
	if id.Attributes, r = attributes(a, p.c.Limits.Values); r != nil {
		return nil, r
	}
	if id.Subject, r = p.subject(id); r != nil {
		return nil, r
	}
	if id.Groups, r = p.c.Groups.read(id.Attributes); r != nil {
		return nil, r
	}
	return id, nil
}

func nameID(subject *node) (NameID, *Rejection) {
	found := subject.children(nsAssertion, "NameID")
	switch len(found) {
	case 0:
		return NameID{}, reject(NameIDMissing, "a NameID", "none")
	case 1:
	default:
		return NameID{}, reject(NameIDSeveral, "one NameID", decimal(len(found)))
	}
	return readNameID(found[0])
}

func readNameID(n *node) (NameID, *Rejection) {
	if r := plain(n); r != nil {
		return NameID{}, r
	}
	id := NameID{
		Value: trim(n.text), Format: n.attrOr("Format", FormatUnspecified),
		NameQualifier: n.attrOr("NameQualifier", ""), SPNameQualifier: n.attrOr("SPNameQualifier", ""), SPProvidedID: n.attrOr("SPProvidedID", ""),
	}
	switch {
	case id.Value == "":
		return NameID{}, reject(NameIDEmpty, "a NameID with text", "none")
	case tooStrange(id.Value):
		return NameID{}, reject(NameIDTooLong, "at most 256 printable characters", decimal(utf8.RuneCountInString(id.Value))+", or control characters")
	}
	return id, nil
}

// tooStrange keeps out what no account is called: too long, or with characters
// that are not seen.
func tooStrange(s string) bool {
	return utf8.RuneCountInString(s) > maxNameID || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
}

// subject picks what names the account.
func (p *Provider) subject(id *Identity) (Subject, *Rejection) {
	name := p.c.Subject.Attribute
	if name == "" {
		if id.NameID.Format == FormatTransient {
			return Subject{}, reject(SubjectTransient, "a NameID that stays", "a transient one")
		}
		return Subject{Kind: SubjectNameID, Name: id.NameID.Format, Value: id.NameID.Value, Reassignable: id.NameID.Format != FormatPersistent}, nil
	}
	a := find(id.Attributes, name)
	switch {
	case a == nil:
		return Subject{}, reject(SubjectAttribute, "attribute "+name, "attributes "+names(id.Attributes))
	case len(a.Values) > 1:
		return Subject{}, reject(SubjectAttributeTwice, "one value of "+name, decimal(len(a.Values)))
	case len(a.Values) == 1 && a.Values[0].Fields != nil:
		return Subject{}, reject(AttributeStructured, "text in "+name, "elements")
	}
	value := ""
	if len(a.Values) == 1 {
		value = trim(a.Values[0].Text)
	}
	if value == "" || tooStrange(value) {
		return Subject{}, reject(SubjectAttribute, "attribute "+name+" with at most 256 printable characters", "an empty or a strange one")
	}
	return Subject{Kind: SubjectByAttribute, Name: name, Value: value}, nil
}

// names are the names of the attributes, for an administrator who compares.
func names(all []Attribute) string {
	var b []string
	for _, a := range all {
		b = append(b, a.Name)
	}
	if b == nil {
		return "none"
	}
	return strings.Join(b, ", ")
}

// find is the attribute of that Name, to the letter.
func find(all []Attribute, name string) *Attribute {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// attributes reads all attribute statements. A Name that comes again, as
// Keycloak sends one Attribute for each role, adds its values.
func attributes(a *node, limit int) ([]Attribute, *Rejection) {
	var all []Attribute
	at := map[string]int{}
	count := 0
	for _, statement := range a.children(nsAssertion, "AttributeStatement") {
		for _, n := range statement.kids {
			name, _ := n.attr("Name")
			if isBlank(name) {
				return nil, reject(AttributeUnnamed, "a Name on each attribute", "none")
			}
			if count += len(n.kids); count > limit {
				return nil, reject(AttributesTooMany, decimal(limit)+" attribute values at most", "more")
			}
			i, again := at[name]
			if !again {
				i = len(all)
				at[name] = i
				all = append(all, Attribute{Name: name, FriendlyName: n.attrOr("FriendlyName", ""), NameFormat: n.attrOr("NameFormat", "")})
			}
			for _, v := range n.kids {
				all[i].Values = append(all[i].Values, value(v))
			}
		}
	}
	return all, nil
}

func value(n *node) Value {
	if len(n.kids) == 0 {
		return Value{Text: n.text}
	}
	v := Value{}
	for _, k := range n.kids {
		v.Fields = append(v.Fields, Field{k.name, k.text})
	}
	return v
}
