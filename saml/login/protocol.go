package login

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"grantbridge/saml"
	"grantbridge/saml/signin"
)

// What a protocol brings to the flow is here and in its own handlers (acs.go,
// callback.go);
// from parked on nobody asks which one it was.

// parked is a verified identity that waits for its browser.
type parked struct {
	Trace    *Trace           `json:"trace"`
	Identity *signin.Identity `json:"identity"`
	// NameKey finds the session for a logout of the identity provider, and Auth
	// is what one must repeat.
	NameKey string `json:"name_key"`
	Auth    auth   `json:"auth"`
}

// protocol names what the source speaks: in paths, and for the audit.
func (s Source) protocol() string {
	if s.OIDC != nil {
		return "oidc"
	}
	return "saml"
}

// origins are where the provider's pages are, which our forms may lead to.
func (s Source) origins() []string {
	if s.OIDC != nil {
		return s.OIDC.Origins()
	}
	return s.Origins
}

// strong reports whether a sign-in was one: by its context, or by one of its
// methods.
func (s Source) strong(who *signin.Identity) bool {
	return slices.ContainsFunc(append([]string{who.AuthnContext}, who.Methods...), func(x string) bool { return slices.Contains(s.Strong, x) })
}

// signedOutBy are the marks of which one, when it is kept until then at least,
// says that the identity provider signed the person out while this sign-in, which
// began at that time, was on its way: after the assertion was made (SAML core
// 3.7.3.1), after an OpenID provider was asked. There are none when no logout can
// name it.
func (s Source) signedOutBy(p parked, began time.Time) (marks []string, until time.Time) {
	switch {
	case s.OIDC != nil:
		return s.OIDC.SignedOutBy(p.Auth.OIDC, began)
	case p.Auth.Ref.NameID.Value == "":
		return nil, until
	}
	tickets := s.Provider.SignedOutBy(p.Auth.Ref, p.Identity.IssuedAt)
	return keysOf(tickets), tickets[0].Until
}

// ofSAML is what an assertion says, without what only SAML asks for.
func ofSAML(t *Trace, who *saml.Identity) parked {
	id := &signin.Identity{Issuer: who.Issuer, Groups: who.Groups, AuthnContext: who.AuthnContext, AuthnInstant: who.AuthnInstant,
		IssuedAt: who.IssuedAt, Until: who.SessionNotOnOrAfter, Key: who.Key, Encrypted: who.Encrypted,
		Subject: signin.Subject{Kind: string(who.Subject.Kind), Name: who.Subject.Name, Value: who.Subject.Value,
			ExternalID: externalID(who.Subject), Reassignable: who.Subject.Reassignable}}
	if who.NameID.Format == saml.FormatEmail {
		id.Login = who.NameID.Value
	}
	for _, a := range who.Attributes {
		out := signin.Attribute{Name: a.Name}
		for _, v := range a.Values {
			out.Values = append(out.Values, v.Text)
		}
		id.Attributes = append(id.Attributes, out)
	}
	return parked{Trace: t, Identity: id, NameKey: nameKey(who.NameID), Auth: auth{Ref: who.Session()}}
}

// A NameID is kept with its kind before it, so that it is never taken for an
// external id that SCIM sent; an attribute is compared with those.
const nameIDPrefix = "saml:nameid:"

func ours(externalID string) bool { return strings.HasPrefix(externalID, nameIDPrefix) }

func externalID(s saml.Subject) string {
	if s.Kind == saml.SubjectByAttribute {
		return s.Value
	}
	return nameIDPrefix + s.Value
}

// nameKey finds the sessions of a NameID.
func nameKey(n saml.NameID) string {
	sum := sha256.Sum256([]byte(n.Value))
	return hex.EncodeToString(sum[:])
}

// rejectionOf is the rejection that an error of a protocol is.
func rejectionOf(err error) *signin.Rejection {
	if no, ok := errors.AsType[*signin.Rejection](err); ok {
		return no
	}
	if no, ok := errors.AsType[*saml.Rejection](err); ok {
		out := refusal(no.Reason, no.Want, no.Got)
		out.Cause = no.Cause
		return out
	}
	no := refusal(saml.InternalError, "a request", "none")
	no.Cause = err
	return no
}
