package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml/login"
	"grantbridge/saml/oidc"
)

// oidcSource is the OpenID Connect door of a source. The provider is asked
// nothing here: run does that, and one that is down closes its own door only.
func (s *server) oidcSource(base, name string, c *config.OIDC) (out login.Source, err error) {
	out = login.Source{Label: c.Label, Domains: c.Domains, Mode: login.Mode(c.Provision), Groups: login.GroupMode(c.Groups),
		Strong: c.MFA.Contexts, Ceiling: c.MFA.Ceiling}
	if out.OIDC, err = oidcProvider(base, name, c); err != nil {
		return login.Source{}, err
	}
	if old := s.live.Load(); old != nil {
		out.OIDC.Inherit(old.providers[name])
	}
	return out, nil
}

func oidcProvider(base, name string, c *config.OIDC) (*oidc.Provider, error) {
	p := c.Provider()
	at := base + "/oidc/" + name + "/"
	p.Source, p.Callback, p.LoggedOut = name, at+"callback", at+"signed-out"
	var err error
	if p.Secret, err = c.Secret(); err != nil {
		return nil, fmt.Errorf("client_secret_file: %w", err)
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
		s.log.Warn("an OpenID provider's configuration cannot be read; what was read last stays", "source", p.Source(), "reason", err.Error())
	})
}

// openID asks the OpenID provider of a source what it publishes about itself.
func (d *doctor) openID(ctx context.Context, l *config.Loaded, name string) {
	base := strings.TrimSuffix(l.URL(l.Listen), "/")
	p, err := oidcProvider(base, name, l.Sources[name].OIDC)
	if err == nil {
		err = p.Check(ctx)
	}
	if err != nil {
		d.fail("source "+name, "%v", err)
		return
	}
	d.ok("source "+name, "%s answers; its redirect URI for us is %s/oidc/%s/callback", p.Issuer(), base, name)
}
