package samltest

import (
	"fmt"
	"strings"

	"grantbridge/saml"
)

// swap is an edit that replaces the first old by new; it panics when there is
// none, so that no vector becomes harmless unseen.
func swap(old, new string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			panic(fmt.Sprintf("samltest: nothing to replace: %s", old))
		}
		return strings.Replace(text, old, new, 1)
	}
}

// then does edits one after the other.
func then(edits ...func(string) string) func(string) string {
	return func(text string) string {
		for _, e := range edits {
			text = e(text)
		}
		return text
	}
}

// cut is an edit that removes from the first from up to and including the next to.
func cut(from, to string) func(string) string {
	return func(text string) string {
		a := strings.Index(text, from)
		b := strings.Index(text[max(a, 0):], to)
		if a < 0 || b < 0 {
			panic(fmt.Sprintf("samltest: nothing to cut: %s … %s", from, to))
		}
		return text[:a] + text[a+b+len(to):]
	}
}

// after makes an edit of the signed message that does not need the lab.
func after(edits ...func(string) string) func(*Lab, string) string {
	return func(_ *Lab, text string) string { return then(edits...)(text) }
}

// between is the first part of text from from up to and including to.
func between(text, from, to string) string {
	a := strings.Index(text, from)
	b := strings.Index(text[a:], to)
	return text[a : a+b+len(to)]
}

func theAssertion(text string) string { return between(text, "<saml:Assertion", "</saml:Assertion>") }

func theSignature(text string) string { return between(text, "<ds:Signature ", "</ds:Signature>") }

func info(edit func(string) string) func(*Lab, *Signing) {
	return func(_ *Lab, s *Signing) { s.Info = edit }
}

func with(edit func(*saml.Config)) func(*saml.Config) { return edit }

const evilPerson = "G-attacker"

// evil is an unsigned assertion about somebody else, with that ID.
func evil(id string) string {
	return strings.NewReplacer(Person, evilPerson, AssertID, id).Replace(Assertion("Matomo-SuperUser"))
}

// evilResponse is an unsigned response about somebody else.
func evilResponse(responseID, assertionID string) string {
	return strings.Replace(Response(evil(assertionID)), ResponseID, responseID, 1)
}
