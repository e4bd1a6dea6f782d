package saml

import (
	"fmt"
	"slices"
	"time"
)

// warnBefore are the times before a certificate's end at which metadata warn.
var warnBefore = []time.Duration{60 * day, 30 * day, 14 * day, 7 * day}

const day = 24 * time.Hour

// Certificate is one that a source depends on, for metrics and pages.
type Certificate struct {
	Ours        bool // else the identity provider's
	Fingerprint string
	Ends        time.Time
}

// Certificates are all that the source depends on: the identity provider's
// signing keys, then ours.
func (p *Provider) Certificates() []Certificate {
	var all []Certificate
	for _, k := range p.keys {
		all = append(all, Certificate{Fingerprint: k.Fingerprint(), Ends: k.Certificate.NotAfter})
	}
	for _, k := range p.c.Keys {
		all = append(all, Certificate{Ours: true, Fingerprint: SigningKey{k.Certificate}.Fingerprint(), Ends: k.Certificate.NotAfter})
	}
	return all
}

// Warnings are what an administrator should look at by that time: certificates
// and metadata that end.
func (p *Provider) Warnings(now time.Time) []string {
	var all []string
	for _, c := range p.Certificates() {
		if w := c.warning(now); w != "" {
			all = append(all, w)
		}
	}
	if until := p.c.IdP.ValidUntil; !until.IsZero() && until.Before(now.Add(warnBefore[len(warnBefore)-1])) {
		all = append(all, "the identity provider's metadata end on "+until.UTC().Format(time.RFC3339)+"; then nobody can sign in")
	}
	return all
}

// warning is the one that is due at that time, or "".
func (c Certificate) warning(now time.Time) string {
	who, next := "the identity provider's", "the identity provider should have a new one"
	if c.Ours {
		who, next = "our", "put a new key second, let identity providers load the metadata, then make it the first"
	}
	left, ends := c.Ends.Sub(now), c.Ends.UTC().Format(time.DateOnly)
	switch {
	case left < 0:
		return fmt.Sprintf("%s certificate %.16s… ended on %s; %s", who, c.Fingerprint, ends, next)
	case left < warnBefore[0]:
		return fmt.Sprintf("%s certificate %.16s… ends on %s, in %d days; %s", who, c.Fingerprint, ends, int(left/day), next)
	}
	return ""
}

// expiry is the warning that is due at that time, or "".
func (k SigningKey) expiry(now time.Time) string {
	return Certificate{Fingerprint: k.Fingerprint(), Ends: k.Certificate.NotAfter}.warning(now)
}

// NextWarning is the first time after now at which a certificate's warning
// changes: 60, 30, 14 and 7 days before its end, and its end. It is zero when
// there is none.
func (i *IdP) NextWarning(now time.Time) time.Time {
	var next time.Time
	for _, k := range i.Keys {
		for _, before := range append(slices.Clone(warnBefore), 0) {
			at := k.Certificate.NotAfter.Add(-before)
			if at.After(now) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}
