package signin

import (
	"fmt"
	"strings"
	"time"
)

// Identity is a person as a protocol verified them.
type Identity struct {
	Issuer     string // the identity provider, as it calls itself
	Subject    Subject
	Login      string // a name for people to type, when no attribute has one
	Attributes []Attribute
	Groups     Groups

	AuthnContext string    // how the person signed in: a class reference, acr; empty when not said
	Methods      []string  // the same one by one, as amr says it (RFC 8176)
	AuthnInstant time.Time // when, at the identity provider; zero when not said
	IssuedAt     time.Time // when the identity provider said all this, by its clock
	// Until is the end of the identity provider's session, which ours must not
	// outlive; zero is none.
	Until time.Time

	Key       string // what names the key that signed
	Encrypted bool
	Notes     []string // for the administrator
}

// Subject is the immutable name of an account in its source, compared to the
// letter.
type Subject struct {
	Kind  string // of the protocol; with Value, it is the key of the account
	Name  string // the attribute or claim, or the format
	Value string
	// ExternalID is what the account's externalId is compared with.
	ExternalID string
	// Reassignable: identity providers give e-mail addresses and unspecified
	// names to somebody else later.
	Reassignable bool
}

// Key names the subject in its source.
func (s Subject) Key() string { return s.Kind + ":" + s.Value }

// Attribute is one attribute, or claim, with its values as texts.
type Attribute struct {
	Name   string
	Values []string
}

// Reason is why a sign-in was refused: one code of the protocol's closed list, or
// of the door's. The zero Reason is no reason and is never returned.
type Reason string

// Rejection is a refusal. Want, Got and Fix are for the administrator and hold no
// message, no name and no value of an attribute; Says is for the person.
type Rejection struct {
	Reason    Reason
	Want, Got string // what was expected, and what came
	Fix       string // what to change, and where
	Says      string // one sentence that tells nothing about which check failed
	Cause     error  // for the log of this program only
}

// Error makes *Rejection an error: the code, what was expected and what came.
func (r *Rejection) Error() string {
	return fmt.Sprintf("%s: expected %s, got %s", r.Reason, r.Want, r.Got)
}

// Unwrap is the internal cause, if there is one.
func (r *Rejection) Unwrap() error { return r.Cause }

// maxShown bounds what a rejection repeats of a message.
const maxShown = 200

// Printable cuts s, and replaces what a terminal or a log could choke on.
func Printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}
