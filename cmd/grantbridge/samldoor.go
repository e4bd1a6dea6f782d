package main

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/saml/login"
)

// loginDoor serves the SAML doors of all sources and the pages of signing in. A
// source that cannot be served is left out, with the reason: it is closed, and
// the others go on.
func (s *server) loginDoor(l *config.Loaded) (door *login.Door, closed map[string]error) {
	base := s.url(l)
	loopback, err := login.Loopback(base)
	c := login.Config{BaseURL: base, Sources: map[string]login.Source{}, Signer: s.signer, Log: s.log,
		Sessions: session.New(s.st, s.engine.Holder(), session.Config{Loopback: loopback})}
	c.Pace, c.TrustedProxies = s.o.pace, config.Prefixes(l.TrustedProxies)
	c.Passwords, closed = s.passwordSources(l, err)
	for name, src := range l.Sources {
		if src.SAML == nil {
			continue
		}
		if err != nil {
			closed[name] = err
			continue
		}
		if c.Sources[name], closed[name] = loginSource(base, name, src.SAML); closed[name] != nil {
			delete(c.Sources, name)
			continue
		}
		delete(closed, name)
	}
	return login.New(s.engine, c), closed
}

func loginSource(base, name string, c *config.SAML) (login.Source, error) {
	if c.MetadataURL != "" {
		return login.Source{}, errors.New("metadata_url is not fetched by this version; keep the metadata in metadata_file")
	}
	doc, err := os.ReadFile(c.MetadataFile)
	if err != nil {
		return login.Source{}, fmt.Errorf("metadata_file: %w", err)
	}
	idp, err := saml.ParseIdP(doc, "", now())
	if err != nil {
		return login.Source{}, fmt.Errorf("%s: %w", c.MetadataFile, err)
	}
	at := base + "/saml/" + name + "/"
	p := saml.Config{Source: name, EntityID: c.EntityID, MetadataURL: at + "metadata", ACS: at + "acs", SLO: at + "slo", IdP: idp,
		Subject: saml.SubjectRule{Attribute: c.Subject.Attribute}, Groups: saml.GroupRule{Attributes: []string{c.GroupsAttribute}},
		IDPInitiated: map[string]saml.IDPInitiated{"off": saml.Off, "bounce": saml.Bouncing, "on": saml.On}[c.IDPInitiated]}
	if p.Keys, err = samlKeys(c); err != nil {
		return login.Source{}, err
	}
	out := login.Source{Label: c.Label, Domains: c.Domains, Mode: login.Mode(c.Provision), Groups: login.GroupMode(c.Groups),
		Strong: c.MFA.Contexts, Ceiling: c.MFA.Ceiling, Origins: origins(idp)}
	out.Provider, err = saml.NewProvider(p)
	return out, err
}

// samlKeys are ours, for signing requests and for decrypting.
func samlKeys(c *config.SAML) ([]saml.Key, error) {
	if c.KeyFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file and certificate_file: %w", err)
	}
	private, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key_file: %s holds no RSA key", c.KeyFile)
	}
	return []saml.Key{{Private: private, Certificate: pair.Leaf}}, nil
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

// tracesKept is how long an attempt to sign in can be looked up.
const tracesKept = 14 * 24 * time.Hour

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
			if err := s.st.SweepLogins(ctx, now(), now().Add(-tracesKept)); err != nil {
				s.log.Warn("old sign-ins are not swept", "reason", err.Error())
			}
		}
	}
}
