package login

import (
	"testing"

	"grantbridge/saml"
	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
)

// A trace holds a code, and not whose: one code must mean one thing.
func TestCodesOfRefusalsAreDistinct(t *testing.T) {
	whose := map[signin.Reason]string{}
	for r := range sayings {
		whose[r] = "the door"
	}
	for _, a := range oidc.Reasons() {
		if other := whose[a.Reason]; other != "" {
			t.Errorf("%s is a code of OpenID Connect and of %s", a.Reason, other)
		}
		whose[a.Reason] = "OpenID Connect"
	}
	for _, r := range saml.Reasons() {
		if other := whose[signin.Reason(r)]; other != "" && r != saml.InternalError {
			t.Errorf("%s is a code of SAML and of %s", r, other)
		}
	}
}

func TestEveryRejectionSaysAll(t *testing.T) {
	for _, err := range []error{
		oidc.Refuse(oidc.NonceWrong, "a", "b"), refusal(wrongBrowser, "a", "b"), refusal(saml.Unsolicited, "a", "b"),
		&saml.Rejection{Reason: saml.Replayed, Want: "a", Got: "b"},
	} {
		if no := rejectionOf(err); no.Says == "" || no.Fix == "" || no.Want != "a" || no.Got != "b" {
			t.Errorf("%v says %+v", err, no)
		}
	}
	if no := rejectionOf(errTest{}); no.Reason != signin.Reason(saml.InternalError) || no.Cause == nil || no.Says == "" {
		t.Errorf("an error of ours says %+v", no)
	}
}

type errTest struct{}

func (errTest) Error() string { return "test" }
