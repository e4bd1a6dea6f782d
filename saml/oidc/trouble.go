package oidc

import (
	"errors"
	"fmt"

	"grantbridge/saml/signin"
)

// Trouble is why what the provider publishes about itself cannot be used.
type Trouble string

// The troubles, by their codes for metrics.
const (
	NotRead                 Trouble = "not_read"                 // nobody has tried yet
	ConfigurationUnreadable Trouble = "configuration_unreadable" // its address does not answer, or not with a configuration
	ConfigurationRefused    Trouble = "configuration_refused"    // what stands in it cannot be used
	IssuerChanged           Trouble = "issuer_changed"           // it is another issuer's
	KeysUnreadable          Trouble = "keys_unreadable"          // jwks_uri does not answer, or not with a key to verify with
)

// TroubleError says what a trouble is about, for the administrator.
type TroubleError struct {
	Trouble Trouble
	// Closed: nobody can sign in. Else what was read last stays.
	Closed bool
	Err    error
}

func (e *TroubleError) Error() string { return e.Err.Error() }

func (e *TroubleError) Unwrap() error { return e.Err }

func troubled(t Trouble, format string, args ...any) error {
	return &TroubleError{Trouble: t, Err: fmt.Errorf(format, args...)}
}

// Trouble is what is wrong with the provider, as far as was tried last, or nil.
func (p *Provider) Trouble() *TroubleError {
	p.mu.Lock()
	failed, none := p.failed, p.metadata == nil
	p.mu.Unlock()
	if failed == nil && none {
		failed = troubled(NotRead, "the configuration of %s was not read yet", p.c.Issuer)
	}
	if failed == nil {
		none, failed = p.keys.failure()
	}
	if e, ok := errors.AsType[*TroubleError](failed); ok {
		return &TroubleError{e.Trouble, none, e.Err}
	}
	return nil
}

// notReady is the rejection of who comes before the provider was read once.
func (p *Provider) notReady() *signin.Rejection {
	got, err := "none yet", error(nil)
	if t := p.Trouble(); t != nil {
		got, err = t.Error(), t.Err
	}
	return caused(Refuse(ProviderNotReady, "the provider's configuration", got), err)
}
