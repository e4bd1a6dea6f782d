package saml

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	samllib "github.com/crewjam/saml"
)

// metadataLimits: a federation's aggregate is not read; one entity, or a few,
// is.
var metadataLimits = Limits{XML: 1 << 20, Depth: 32, Elements: 20000, Attrs: 64, Prefixes: 64}

// ParseIdP reads an identity provider's metadata. When the document holds
// several, entityID says which one; else it must hold one, and entityID, when
// given, must be its. Keys that are too weak are left out with a warning; when
// none is left, it is an error, because nothing could be verified.
func ParseIdP(doc []byte, entityID string, now time.Time) (*IdP, error) {
	text := strings.TrimPrefix(string(doc), "\ufeff")
	root, r := (&scanner{s: text, limits: metadataLimits, loose: true}).document()
	if r != nil {
		return nil, fmt.Errorf("read metadata: %w", r)
	}
	entity, validUntil, err := pick(root, entityID)
	if err != nil {
		return nil, err
	}
	idp := &IdP{EntityID: entity.attrOr("entityID", ""), ValidUntil: validUntil}
	if idp.EntityID == "" {
		return nil, errors.New("metadata have no entityID")
	}
	if d, ok := entity.attr("cacheDuration"); ok {
		if idp.CacheDuration, err = duration(d); err != nil {
			return nil, fmt.Errorf("cacheDuration of %s: %w", idp.EntityID, err)
		}
	}
	if err := idp.narrow(entity); err != nil {
		return nil, err
	}
	role := idpRole(entity)
	if role == nil {
		return nil, fmt.Errorf("metadata of %s have no IDPSSODescriptor for SAML 2.0", idp.EntityID)
	}
	if err := idp.narrow(role); err != nil {
		return nil, err
	}
	if !idp.ValidUntil.IsZero() && now.After(idp.ValidUntil) {
		return nil, fmt.Errorf("metadata of %s ended at %s", idp.EntityID, idp.ValidUntil.Format(time.RFC3339))
	}
	return idp, idp.readRole(role, now)
}

// pick finds the entity, and the validUntil of what is around it.
func pick(root *node, entityID string) (*node, time.Time, error) {
	var until time.Time
	all := []*node{root}
	if root.is(nsMetadata, "EntitiesDescriptor") {
		all = nil
		root.walk(nil, func(n, _ *node) *Rejection {
			if n.is(nsMetadata, "EntityDescriptor") && idpRole(n) != nil {
				all = append(all, n)
			}
			return nil
		})
		if _, has := root.attr("validUntil"); has {
			t, r := timeOf(root, "validUntil")
			if r != nil {
				return nil, until, fmt.Errorf("read metadata: %w", r)
			}
			until = t
		}
	} else if !root.is(nsMetadata, "EntityDescriptor") {
		return nil, until, fmt.Errorf("the document is %s of %s, not SAML metadata", root.name, printable(root.space))
	}
	if entityID != "" {
		all = slices.DeleteFunc(all, func(n *node) bool { return n.attrOr("entityID", "") != entityID })
	}
	switch len(all) {
	case 0:
		return nil, until, fmt.Errorf("metadata have no identity provider %q", entityID)
	case 1:
		return all[0], until, nil
	}
	return nil, until, fmt.Errorf("metadata have %d identity providers; say which one by its entity id", len(all))
}

func idpRole(entity *node) *node {
	for _, r := range entity.children(nsMetadata, "IDPSSODescriptor") {
		if slices.Contains(strings.Fields(r.attrOr("protocolSupportEnumeration", "")), nsProtocol) {
			return r
		}
	}
	return nil
}

// narrow takes validUntil of n when it is earlier.
func (i *IdP) narrow(n *node) error {
	if _, has := n.attr("validUntil"); !has {
		return nil
	}
	until, r := timeOf(n, "validUntil")
	if r != nil {
		return fmt.Errorf("metadata of %s: %w", i.EntityID, r)
	}
	if i.ValidUntil.IsZero() || until.Before(i.ValidUntil) {
		i.ValidUntil = until
	}
	return nil
}

func (i *IdP) readRole(role *node, now time.Time) error {
	i.WantsSigned = role.attrOr("WantAuthnRequestsSigned", "false") == "true" || role.attrOr("WantAuthnRequestsSigned", "") == "1"
	for _, f := range role.children(nsMetadata, "NameIDFormat") {
		i.NameIDFormats = append(i.NameIDFormats, trim(f.text))
	}
	var err error
	if i.SSO, err = endpoints(role, "SingleSignOnService"); err != nil {
		return fmt.Errorf("metadata of %s: %w", i.EntityID, err)
	}
	if i.SLO, err = endpoints(role, "SingleLogoutService"); err != nil {
		return fmt.Errorf("metadata of %s: %w", i.EntityID, err)
	}
	if len(i.SSO) == 0 {
		return fmt.Errorf("metadata of %s have no SingleSignOnService for redirect or POST", i.EntityID)
	}
	return i.readKeys(role, now)
}

// endpoints are those with a binding that we speak. An endpoint that must not
// become a link makes the whole metadata unusable: somebody tampered with them.
func endpoints(role *node, name string) ([]Endpoint, error) {
	var all []Endpoint
	for _, n := range role.children(nsMetadata, name) {
		b := Binding(n.attrOr("Binding", ""))
		if b != Redirect && b != POST {
			continue
		}
		e := Endpoint{Binding: b, Location: n.attrOr("Location", ""), Response: n.attrOr("ResponseLocation", "")}
		if err := checkLocation(e.Location); err != nil {
			return nil, err
		}
		if e.Response != "" {
			if err := checkLocation(e.Response); err != nil {
				return nil, err
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// readKeys takes every certificate that is for signing; one without use is.
func (i *IdP) readKeys(role *node, now time.Time) error {
	for _, k := range role.children(nsMetadata, "KeyDescriptor") {
		if use := k.attrOr("use", ""); use != "" && use != "signing" {
			continue
		}
		var err error
		k.walk(nil, func(n, _ *node) *Rejection {
			if n.is(nsDSig, "X509Certificate") && err == nil {
				err = i.addKey(n.text, now)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("metadata of %s: %w", i.EntityID, err)
		}
	}
	if len(i.Keys) == 0 {
		return fmt.Errorf("metadata of %s have no usable signing certificate: %s", i.EntityID, strings.Join(append(i.Warnings, "nothing could be verified"), "; "))
	}
	return nil
}

func (i *IdP) addKey(text string, now time.Time) error {
	raw, ok := decodeBase64(text)
	if !ok {
		return errors.New("a certificate is not base64")
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return fmt.Errorf("read a certificate: %w", err)
	}
	k := SigningKey{cert}
	if slices.ContainsFunc(i.Keys, func(o SigningKey) bool { return o.Certificate.Equal(cert) }) {
		return nil
	}
	if why := k.weak(); why != "" {
		i.Warnings = append(i.Warnings, fmt.Sprintf("certificate %.16s… is left out: %s", k.Fingerprint(), why))
		return nil
	}
	i.Keys = append(i.Keys, k)
	if w := k.expiry(now); w != "" {
		i.Warnings = append(i.Warnings, w)
	}
	return nil
}

// duration reads an xs:duration with the library's parser.
func duration(s string) (time.Duration, error) {
	var d samllib.Duration
	if err := d.UnmarshalText([]byte(s)); err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration", printable(s))
	}
	return time.Duration(d), nil
}
