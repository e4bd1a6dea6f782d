package login

import (
	"fmt"
	"strings"

	"grantbridge/directory"
	"grantbridge/saml"
	"grantbridge/store"
)

// Approve is the change that makes an account of a sign-in that waits, when an
// administrator lets it in as somebody new. It has what the sign-in said, and
// nothing that a rule does not give.
func Approve(p store.PendingLink) (*directory.AccountChange, error) {
	kind, value, ok := strings.Cut(p.Subject, ":")
	known := kind == string(saml.SubjectNameID) || kind == string(saml.SubjectByAttribute)
	if !ok || !known || value == "" {
		return nil, fmt.Errorf("%q is no subject; grantbridge login pending lists them", p.Subject)
	}
	external := externalID(saml.Subject{Kind: saml.SubjectKind(kind), Value: value})
	f := profile{login: p.Login, mail: p.Email}
	return &directory.AccountChange{Source: p.Source, UniqueLogin: true,
		Edit: func(directory.Account) (directory.Account, error) { return f.account(external) }}, nil
}
