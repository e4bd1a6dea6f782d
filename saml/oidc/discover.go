package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	oidclib "github.com/coreos/go-oidc/v3/oidc"

	"grantbridge/saml/signin"
)

// metadata is what the provider publishes about itself, as far as we use it
// (OpenID Connect Discovery 1.0 section 3, RFC 8414, RFC 9207 section 3).
type metadata struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	ClientAuth    []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	SaysIssuer    bool     `json:"authorization_response_iss_parameter_supported"`
	read          time.Time
}

const (
	refreshEvery = time.Hour
	refreshRetry = 10 * time.Second // and twice as long each time, up to refreshEvery
)

// Run keeps the provider's metadata and keys fresh until ctx ends: at once, then
// every hour, and sooner when it did not work. What was read last stays until
// then. failed is told of each failure.
func (p *Provider) Run(ctx context.Context, failed func(error)) error {
	wait, retry := time.Duration(0), refreshRetry
	if m := p.current(); m != nil {
		wait = refreshEvery - p.c.Now().Sub(m.read)
	}
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		err := p.Discover(ctx)
		if err == nil {
			err = p.keys.follow(ctx, triesOfLogout)
		}
		if err == nil {
			wait, retry = refreshEvery, refreshRetry
		} else {
			if ctx.Err() == nil {
				failed(err)
			}
			wait, retry = retry, min(2*retry, refreshEvery)
		}
	}
}

// Discover reads the provider's metadata. What does not stand changes nothing.
func (p *Provider) Discover(ctx context.Context) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.ask(ctx)
}

// ask does it, for who holds asking.
func (p *Provider) ask(ctx context.Context) error {
	m, err := p.discover(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed, p.asked = err, p.c.Now()
	if err != nil {
		return err
	}
	p.metadata = m
	p.keys.from(m.Keys)
	return nil
}

// known is the metadata: what was read last, or what is read now when that was
// never done and not tried just now. It is nil when nobody can sign in.
func (p *Provider) known(ctx context.Context) *metadata {
	if m := p.current(); m != nil {
		return m
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	p.mu.Lock()
	m, early := p.metadata, p.c.Now().Sub(p.asked) < refreshRetry
	p.mu.Unlock()
	if m != nil || early {
		return m
	}
	// Who waits may go away; the next one wants to know as well.
	_ = p.ask(context.WithoutCancel(ctx))
	return p.current()
}

func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	found, err := oidclib.NewProvider(oidclib.ClientContext(ctx, p.client), p.c.Issuer)
	if wrong, ok := errors.AsType[*oidclib.IssuerMismatchError](err); ok {
		return nil, troubled(IssuerChanged, "the provider calls itself %q, not %q; write issuer as it does, to the letter", signin.Printable(wrong.Discovered), p.c.Issuer)
	}
	if err != nil {
		return nil, troubled(ConfigurationUnreadable, "read the configuration of %s: %s", p.c.Issuer, signin.Printable(err.Error()))
	}
	m := &metadata{read: p.c.Now()}
	if err := found.Claims(m); err != nil {
		return nil, troubled(ConfigurationRefused, "read the configuration of %s: %w", p.c.Issuer, err)
	}
	if err := m.check(p.c); err != nil {
		return nil, troubled(ConfigurationRefused, "the configuration of %s: %w", p.c.Issuer, err)
	}
	return m, nil
}

// check refuses metadata that would send people, codes or secrets over plain http
// or to a client that they were not made for.
func (m *metadata) check(c Config) error {
	for _, e := range []struct {
		what, url string
		optional  bool
	}{{"authorization_endpoint", m.Authorization, false}, {"token_endpoint", m.Token, false}, {"jwks_uri", m.Keys, false}, {"end_session_endpoint", m.EndSession, true},
		{"userinfo_endpoint", m.UserInfo, !c.UserInfo}} {
		if e.optional && e.url == "" {
			continue
		}
		if _, err := endpoint(e.what, signin.Printable(e.url)); err != nil {
			return err
		}
	}
	if len(m.PKCE) > 0 && !slices.Contains(m.PKCE, "S256") {
		return errors.New("the provider does not offer PKCE with S256 (code_challenge_methods_supported)")
	}
	if c.Key != nil {
		return m.takesKey(c.Key)
	}
	if _, ok := m.clientAuth(c); !ok {
		return errors.New("the provider takes neither client_secret_basic nor client_secret_post (token_endpoint_auth_methods_supported)")
	}
	return nil
}

// takesKey reports whether the provider says that it takes assertions of the key.
func (m *metadata) takesKey(k *ClientKey) error {
	if !slices.Contains(m.ClientAuth, string(AuthKey)) {
		return errors.New("the provider does not take private_key_jwt (token_endpoint_auth_methods_supported); give client_secret_file in the place of client_key_file")
	}
	if _, ok := k.algorithm(m.Algorithms); !ok {
		return fmt.Errorf("the provider takes no assertion by %s (token_endpoint_auth_signing_alg_values_supported); make client_key_file of another kind", strings.Join(k.algorithms(), " or "))
	}
	return nil
}

// clientAuth is the method to use. Without a list it is client_secret_basic
// (Discovery section 3).
func (m *metadata) clientAuth(c Config) (ClientAuth, bool) {
	switch {
	case c.ClientAuth != AuthAuto:
		return c.ClientAuth, true
	case len(m.ClientAuth) == 0, slices.Contains(m.ClientAuth, "client_secret_basic"):
		return AuthBasic, true
	case slices.Contains(m.ClientAuth, "client_secret_post"):
		return AuthPost, true
	}
	return "", false
}

// Check asks the provider for its metadata and its keys, and says what is wrong.
func (p *Provider) Check(ctx context.Context) error {
	if err := p.Discover(ctx); err != nil {
		return err
	}
	return p.keys.follow(ctx, triesOfSignIn)
}

func (p *Provider) current() *metadata {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metadata
}

// Inherit takes what another provider of the same issuer has read: a new
// configuration does not wait for it.
func (p *Provider) Inherit(from *Provider) {
	if from == nil || from.c.Issuer != p.c.Issuer {
		return
	}
	m := from.current()
	if m == nil || m.check(p.c) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metadata = m
	p.keys.from(m.Keys)
	p.keys.inherit(from.keys)
}

// Origins are where the provider's pages are, which forms may lead to: those that
// it publishes, and the issuer's own for as long as that is not read.
func (p *Provider) Origins() []string {
	var out []string
	m := p.current()
	if m == nil {
		m = &metadata{Authorization: p.c.Issuer}
	}
	for _, text := range []string{m.Authorization, m.EndSession} {
		if u, err := endpoint("endpoint", text); err == nil && !slices.Contains(out, u.Scheme+"://"+u.Host) {
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	return out
}
