package login

import (
	"fmt"
	"slices"
	"strings"

	"grantbridge/directory"
	"grantbridge/saml"
	"grantbridge/saml/oidc"
	"grantbridge/store"
)

// Approve is the change that makes an account of a sign-in that waits, when an
// administrator lets it in as somebody new. It has what the sign-in said, and
// nothing that a rule does not give.
func Approve(p store.PendingLink) (*directory.AccountChange, error) {
	kind, value, ok := strings.Cut(p.Subject, ":")
	known := []string{string(saml.SubjectNameID), string(saml.SubjectByAttribute), oidc.SubjectKind}
	if !ok || !slices.Contains(known, kind) || value == "" {
		return nil, fmt.Errorf("%q is no subject; grantbridge login pending lists them", p.Subject)
	}
	external := value
	if kind != oidc.SubjectKind {
		external = externalID(saml.Subject{Kind: saml.SubjectKind(kind), Value: value})
	}
	f := profile{login: p.Login, mail: p.Email}
	return &directory.AccountChange{Source: p.Source, UniqueLogin: true,
		Edit: func(directory.Account) (directory.Account, error) { return f.account(external) }}, nil
}
