package saml

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trust says what fetched metadata may change by themselves.
type Trust struct {
	// NewKeys makes a new signing key trusted at once. Without it a new key
	// waits in Refreshed.Waiting until an administrator takes it: whoever can
	// change what a URL serves could otherwise sign in as anybody.
	NewKeys bool
	// Signer, when given, is whose signature the metadata must bear.
	Signer []SigningKey
}

// Refreshed is what a refresh of metadata came to.
type Refreshed struct {
	IdP      *IdP // what holds from now on
	Waiting  []SigningKey
	Added    []SigningKey
	Removed  []SigningKey
	Changed  bool // keep Document as the last good one
	Document []byte
}

// Errors of Refresh that callers branch on. The last good metadata stay.
var (
	ErrOtherEntity = errors.New("metadata are of another entity")
	ErrNoCommonKey = errors.New("metadata keep none of the trusted keys")
	ErrNotSigned   = errors.New("metadata are not signed by the trusted signer")
)

// Refresh judges fetched metadata against those that hold. It is pure: current
// is not changed, and on an error it goes on holding. approved are fingerprints
// of keys that an administrator took.
func Refresh(current *IdP, doc []byte, t Trust, approved []string, now time.Time) (*Refreshed, error) {
	if err := t.signed(doc); err != nil {
		return nil, err
	}
	next, err := ParseIdP(doc, current.EntityID, now)
	if err != nil {
		if all, other := ParseIdP(doc, "", now); other == nil && all.EntityID != current.EntityID {
			return nil, fmt.Errorf("%w: %s instead of %s", ErrOtherEntity, printable(all.EntityID), current.EntityID)
		}
		return nil, err
	}
	out := &Refreshed{IdP: next, Document: doc}
	kept := next.Keys[:0:0]
	common := false
	for _, k := range next.Keys {
		switch {
		case holds(current.Keys, k):
			kept, common = append(kept, k), true
		case t.NewKeys, slices.Contains(approved, k.Fingerprint()):
			kept, out.Added = append(kept, k), append(out.Added, k)
		default:
			out.Waiting = append(out.Waiting, k)
		}
	}
	if !common && len(out.Added) == 0 {
		return nil, fmt.Errorf("%w: new are %s", ErrNoCommonKey, fingerprints(out.Waiting))
	}
	next.Keys = kept
	if len(out.Waiting) > 0 {
		next.Warnings = append(next.Warnings, "a new signing certificate waits to be taken: "+fingerprints(out.Waiting))
	}
	for _, k := range current.Keys {
		if !holds(kept, k) {
			out.Removed = append(out.Removed, k)
		}
	}
	out.Changed = !equalIdP(current, next)
	return out, nil
}

func holds(all []SigningKey, k SigningKey) bool {
	return slices.ContainsFunc(all, func(o SigningKey) bool { return o.Certificate.Equal(k.Certificate) })
}

func fingerprints(all []SigningKey) string {
	var b []string
	for _, k := range all {
		b = append(b, k.Fingerprint())
	}
	return strings.Join(b, ", ")
}

func equalIdP(a, b *IdP) bool {
	same := func(x, y SigningKey) bool { return x.Certificate.Equal(y.Certificate) }
	return slices.EqualFunc(a.Keys, b.Keys, same) && slices.Equal(a.SSO, b.SSO) && slices.Equal(a.SLO, b.SLO) &&
		a.ValidUntil.Equal(b.ValidUntil) && a.WantsSigned == b.WantsSigned && slices.Equal(a.NameIDFormats, b.NameIDFormats)
}

// signed checks the signature over the whole document when one is required.
func (t Trust) signed(doc []byte) error {
	if t.Signer == nil {
		return nil
	}
	limits := metadataLimits
	limits.Elements = maxElements
	root, r := scan(string(doc), limits)
	if r != nil {
		return fmt.Errorf("%w: %w", ErrNotSigned, r)
	}
	key, is, r := signedBy(root, t.Signer)
	if r != nil {
		return fmt.Errorf("%w: %w", ErrNotSigned, r)
	}
	if !is {
		return ErrNotSigned
	}
	el, r := parse(string(doc), root)
	if r != nil {
		return fmt.Errorf("%w: %w", ErrNotSigned, r)
	}
	if _, r := verify(el, root, key); r != nil {
		return fmt.Errorf("%w: %w", ErrNotSigned, r)
	}
	return nil
}
