package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml/login"
	"grantbridge/saml/oidc"
)

// providers are who people sign in with and what outlives other metadata: OpenID
// providers and directories that check passwords, by source.
type providers struct {
	made      map[string]*oidc.Provider
	unmade    map[string]error // why one could not be
	passwords map[string]login.PasswordSource
	shut      map[string]error // why one takes none
}

// oidcProviders are those of all sources that are not disabled, with what those
// before them have read. They are asked nothing here: run does that, and one that
// is down closes its own door only.
func (s *server) oidcProviders(l *config.Loaded) providers {
	all := providers{made: map[string]*oidc.Provider{}, unmade: map[string]error{}}
	old := s.live.Load()
	for name, src := range l.Sources {
		if src.OIDC == nil || src.Disabled {
			continue
		}
		p, err := oidcProvider(s.url(l), name, src.OIDC)
		if err != nil {
			all.unmade[name] = err
			continue
		}
		if old != nil {
			p.Inherit(old.providers.made[name])
		}
		all.made[name] = p
	}
	return all
}

// oidcSource is the OpenID Connect door of a source.
func oidcSource(c *config.OIDC, p *oidc.Provider) login.Source {
	return login.Source{Label: c.Label, Domains: c.Domains, Mode: login.Mode(c.Provision), Groups: login.GroupMode(c.Groups),
		Strong: c.MFA.Contexts, Ceiling: c.MFA.Ceiling, OIDC: p}
}

func oidcProvider(base, name string, c *config.OIDC) (*oidc.Provider, error) {
	p := c.Provider()
	at := base + "/oidc/" + name + "/"
	p.Source, p.Callback, p.LoggedOut = name, at+"callback", at+"signed-out"
	var err error
	if p.Secret, err = c.Secret(); err != nil {
		return nil, fmt.Errorf("client_secret_file: %w", err)
	}
	if p.Key, err = c.Key(); err != nil {
		return nil, fmt.Errorf("client_key_file: %w", err)
	}
	if p.Transport, err = trusting(c.CAFile); err != nil {
		return nil, err
	}
	return oidc.New(p)
}

// trusting is a transport that trusts the certificates of a file instead of the
// system's; nil for the system's.
func trusting(file string) (http.RoundTripper, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", file)
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10}, nil
}

// followProvider reads what the provider publishes about itself, until ctx ends.
func (s *server) followProvider(ctx context.Context, p *oidc.Provider) {
	_ = p.Run(ctx, func(err error) { // it ends with ctx and has no other error
		closed := p.Trouble() != nil && p.Trouble().Closed
		s.log.Warn("an OpenID provider's configuration or keys cannot be read; what was read last stays", "source", p.Source(), "closed", closed, "reason", err.Error())
	})
}
