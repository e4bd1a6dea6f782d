package main

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"time"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/store"
)

// signIn is the door that people sign in at. Other metadata make another one.
type signIn struct {
	door    *login.Door
	sources map[string]login.Source
	closed  map[string]error     // which sources it cannot serve, and why
	fetched []store.SAMLMetadata // what it was made of, beside the configuration
}

// signIn serves the SAML and OpenID Connect doors of all sources and the pages of
// signing in. A
// source that cannot be served is left out, with the reason: it is closed, and
// the others go on.
func (s *server) signIn(l *config.Loaded, fetched []store.SAMLMetadata, ps providers) *signIn {
	out := &signIn{closed: maps.Clone(ps.shut), fetched: fetched}
	base := s.url(l)
	loopback, err := login.Loopback(base)
	c := login.Config{BaseURL: base, Sources: map[string]login.Source{}, Passwords: ps.passwords, Pace: s.o.pace, TrustedProxies: config.Prefixes(l.TrustedProxies),
		Signer: s.signer, Log: s.log, Kept: s.signIns.kept, Sessions: s.sessions(l, loopback), Limits: s.limits}
	for name, src := range l.Sources {
		if src.SAML == nil && src.OIDC == nil || src.Disabled {
			continue
		}
		if err != nil {
			out.closed[name] = err
			continue
		}
		made, err := loginSource(base, name, src, fetched, ps)
		if err != nil {
			out.closed[name] = err
			continue
		}
		c.Sources[name] = made
	}
	out.door, out.sources = login.New(s.engine, c), c.Sources
	return out
}

func loginSource(base, name string, c config.Source, fetched []store.SAMLMetadata, ps providers) (login.Source, error) {
	if c.OIDC != nil {
		return oidcSource(c.OIDC, ps.made[name]), ps.unmade[name]
	}
	return samlSource(base, name, c.SAML, fetched)
}

// reopen makes the door anew of other metadata, while l is the configuration.
func (s *server) reopen(l *config.Loaded, fetched []store.SAMLMetadata) {
	g := s.live.Load()
	if g.cfg != l {
		return
	}
	next := s.signIn(l, fetched, g.providers)
	g.signIn.Store(next)
	for name, err := range next.closed {
		s.log.Warn("nobody can sign in at a source", "source", name, "reason", err.Error())
	}
	s.log.Info("metadata of identity providers were taken up", "served", slices.Sorted(maps.Keys(next.sources)))
}

func (s *server) sessions(l *config.Loaded, loopback bool) *session.Manager {
	return session.New(s.st, s.engine.Holder(), session.Config{Loopback: loopback, Idle: durationOf(l.Sessions.Idle), Lifetime: durationOf(l.Sessions.Lifetime),
		Open: func(source string) bool { return l.Sources[source].SignsIn() && !l.Sources[source].Disabled }})
}

func samlSource(base, name string, c *config.SAML, fetched []store.SAMLMetadata) (login.Source, error) {
	idp, err := samlIdP(name, c, fetched)
	if err != nil {
		return login.Source{}, err
	}
	p := c.Provider()
	at := base + "/saml/" + name + "/"
	p.Source, p.IdP, p.MetadataURL, p.ACS, p.SLO = name, idp, at+"metadata", at+"acs", at+"slo"
	if p.Keys, err = samlKeys(c); err != nil {
		return login.Source{}, err
	}
	out := login.Source{Label: c.Label, Domains: c.Domains, Mode: login.Mode(c.Provision), ReassignedAfter: durationOf(c.Subject.ReassignedAfter),
		Groups: login.GroupMode(c.Groups), LeaveOnEmpty: c.GroupsEmpty == "leave",
		Strong: c.MFA.Contexts, Ceiling: c.MFA.Ceiling, Origins: origins(idp)}
	out.Provider, err = saml.NewProvider(p)
	return out, err
}

// samlIdP is the identity provider by its metadata: of the file, or the last
// good ones of the URL.
func samlIdP(name string, c *config.SAML, fetched []store.SAMLMetadata) (*saml.IdP, error) {
	if c.MetadataURL != "" {
		m, k := keptMetadata(name, c, fetched)
		switch {
		case k.Document != nil:
			return k.IdP(c.Metadata.EntityID)
		case m.Failure != "":
			return nil, errors.New(m.Failure)
		}
		return nil, fmt.Errorf("waits for its metadata from %s", c.MetadataURL)
	}
	doc, err := os.ReadFile(c.MetadataFile)
	if err != nil {
		return nil, fmt.Errorf("metadata_file: %w", err)
	}
	idp, err := saml.ParseIdP(doc, c.Metadata.EntityID, now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.MetadataFile, err)
	}
	return idp, nil
}

// samlKeys are ours: the first signs, both decrypt and are published.
func samlKeys(c *config.SAML) (all []saml.Key, err error) {
	for _, f := range []struct{ which, key, certificate string }{
		{"key_file and certificate_file", c.KeyFile, c.CertificateFile}, {"next_key_file and next_certificate_file", c.NextKeyFile, c.NextCertificateFile}} {
		if f.key == "" {
			continue
		}
		pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.which, err)
		}
		private, ok := pair.PrivateKey.(*rsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%s: %s holds no RSA key", f.which, f.key)
		}
		all = append(all, saml.Key{Private: private, Certificate: pair.Leaf})
	}
	return all, nil
}

// origins are where the identity provider's pages are.
func origins(idp *saml.IdP) []string {
	var out []string
	for _, e := range append(idp.SSO[:len(idp.SSO):len(idp.SSO)], idp.SLO...) {
		if u, err := url.Parse(e.Location); err == nil {
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	return out
}

// sweepLogins forgets, now and then, what time has ended. Every replica may do
// it: it takes nothing away that another could still use.
func (s *server) sweepLogins(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			keep := durationOf(s.live.Load().cfg.Sessions.Traces)
			if err := s.st.SweepLogins(ctx, now(), now().Add(-keep)); err != nil {
				s.log.Warn("old sign-ins are not swept", "reason", err.Error())
			}
		}
	}
}
