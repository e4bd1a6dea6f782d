package oidc

import (
	"strconv"

	"grantbridge/saml/signin"
)

// Stage is the part of the pipeline that refuses.
type Stage string

// The stages, in the order in which they run.
const (
	StageAnswer     Stage = "answer"
	StageExchange   Stage = "exchange"
	StageToken      Stage = "token"
	StageClaims     Stage = "claims"
	StageConditions Stage = "conditions"
	StageIdentity   Stage = "identity"
	StageLogout     Stage = "logout"
	StageState      Stage = "state"
)

// About is what the table says of a reason.
type About struct {
	Reason signin.Reason
	Stage  Stage
	says   string // the sentence for the person
	Means  string // what came
	Fix    string // what the administrator changes, and where
}

var byReason = func() map[signin.Reason]About {
	m := make(map[signin.Reason]About, len(reasons))
	for _, a := range reasons {
		if _, twice := m[a.Reason]; twice || a.Means == "" || a.Fix == "" || a.says == "" {
			panic("oidc: reason " + string(a.Reason) + " is there twice or says nothing")
		}
		m[a.Reason] = a
	}
	return m
}()

// Reasons is the closed list of what a sign-in is refused for, in the order of
// the stages.
func Reasons() []About { return append([]About(nil), reasons...) }

// Refuse makes the rejection of a reason of the list.
func Refuse(r signin.Reason, want, got string) *signin.Rejection {
	if got = signin.Printable(got); got == "" {
		got = "nothing"
	}
	a := byReason[r]
	return &signin.Rejection{Reason: r, Want: want, Got: got, Fix: a.Fix, Says: a.says}
}

func caused(no *signin.Rejection, err error) *signin.Rejection {
	no.Cause = err
	return no
}

func decimal(n int) string { return strconv.Itoa(n) }
