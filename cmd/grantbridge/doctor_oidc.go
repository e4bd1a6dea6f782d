package main

import (
	"context"
	"strings"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml/login"
)

// openID asks the OpenID provider of a source what it publishes about itself, and
// looks at what its sign-ins brought.
func (d *doctor) openID(ctx context.Context, b *bridge, name string) {
	c, about := b.cfg.Sources[name].OIDC, "sign-in "+name
	if b.cfg.Sources[name].Disabled {
		d.warn(about, "the source is disabled in the configuration")
		return
	}
	base := strings.TrimSuffix(b.cfg.URL(b.cfg.Listen), "/")
	_, err := login.Loopback(base)
	if err != nil {
		d.fail(about, "nobody can sign in: %v", err)
		return
	}
	p, err := oidcProvider(base, name, c)
	if err != nil {
		d.fail(about, "nobody can sign in: %v", err)
		return
	}
	if err := p.Check(ctx); err != nil {
		d.fail(about, "%v; a server that did not read it before lets nobody sign in", err)
		return
	}
	d.groupsArrive(ctx, b, name, c.Groups, "the claim "+c.GroupsClaim)
	d.ok(about, "%s; %s answers; the redirect URI to register there is %s/oidc/%s/callback", openIDSays(c), p.Issuer(), base, name)
}

func openIDSays(c *config.OIDC) string {
	return "served; accounts: " + c.Provision + ", groups: " + c.Groups
}
