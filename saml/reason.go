package saml

import (
	"fmt"

	"grantbridge/saml/signin"
)

// Reason is why a message was refused: one code of a closed list. The zero
// Reason is no reason and is never returned.
type Reason string

// Rejection is a refusal. Want and Got are for the administrator and hold no
// assertion, no NameID and no attribute value; nothing of it but Says is for
// the person at the browser.
type Rejection struct {
	Reason Reason
	Want   string // what was expected
	Got    string // what came
	// Cause is for the log of this program only: an internal error.
	Cause error
}

// reject makes a rejection. What came is cut to a line that a log can hold.
func reject(r Reason, want, got string) *Rejection {
	if got = printable(got); got == "" {
		got = "nothing"
	}
	return &Rejection{Reason: r, Want: want, Got: got}
}

// Error makes *Rejection an error: the code, what was expected and what came.
func (r *Rejection) Error() string {
	return fmt.Sprintf("%s: expected %s, got %s", r.Reason, r.Want, r.Got)
}

// Unwrap is the internal cause, if there is one.
func (r *Rejection) Unwrap() error { return r.Cause }

// Fix says what the administrator changes, and where.
func (r *Rejection) Fix() string { return r.Reason.Fix() }

// Says is the one sentence for the person who wanted to sign in.
func (r *Rejection) Says() string { return r.Reason.Says() }

// Stage is the part of the pipeline that refuses.
type Stage string

// The stages, in the order in which they run.
const (
	StageInput      Stage = "input"
	StageXML        Stage = "xml"
	StageStructure  Stage = "structure"
	StageSignature  Stage = "signature"
	StageEncryption Stage = "encryption"
	StageConditions Stage = "conditions"
	StageIdentity   Stage = "identity"
	StageUse        Stage = "use"
	StageLogout     Stage = "logout"
	StageState      Stage = "state"
)

// audience is whose sentence a reason has for the employee.
type audience uint8

const (
	broken  audience = iota // the identity provider's message is not right
	again                   // trying again helps
	denied                  // the identity provider, or a rule, says no
	stopped                 // sign-in is not available
)

var sentences = map[audience]string{
	broken:  "Your company's sign-in sent an answer that we cannot trust. Please give the code to your administrator.",
	again:   "This sign-in is too old or was used already. Please start again.",
	denied:  "Your company's sign-in did not let you in. Please ask your administrator.",
	stopped: "Signing in is not available at the moment. Please try again later or ask your administrator.",
}

// about is what the table says of a reason.
type about struct {
	reason Reason
	stage  Stage
	says   audience
	means  string // what was expected and did not come
	fix    string
}

var byReason = func() map[Reason]about {
	m := make(map[Reason]about, len(reasons))
	for _, a := range reasons {
		if _, twice := m[a.reason]; twice || a.means == "" || a.fix == "" {
			panic("saml: reason " + string(a.reason) + " is there twice or says nothing")
		}
		m[a.reason] = a
	}
	return m
}()

// Reasons are all reasons, in the order of the stages.
func Reasons() []Reason {
	all := make([]Reason, len(reasons))
	for i, a := range reasons {
		all[i] = a.reason
	}
	return all
}

// Known reports whether r is one of the list.
func (r Reason) Known() bool { _, ok := byReason[r]; return ok }

// Stage is the stage that refuses for this reason.
func (r Reason) Stage() Stage { return byReason[r].stage }

// Means says in a few words what is wrong.
func (r Reason) Means() string { return byReason[r].means }

// Fix says what the administrator changes, and where.
func (r Reason) Fix() string { return byReason[r].fix }

// Says is the sentence for the person at the browser. It tells nothing about
// which check failed.
func (r Reason) Says() string { return sentences[byReason[r].says] }

// printable cuts s to a line that a log can hold.
func printable(s string) string { return signin.Printable(s) }
