package main

import (
	"context"
	"strings"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml/login"
)

// signIn looks at the sources that people sign in at: whether they can be served,
// what ends, what waits, and what fails.
func (d *doctor) signIn(ctx context.Context, b *bridge) {
	fetched, err := samlMetadata(ctx, b.st)
	if err != nil {
		d.fail("sign-in", "%s", explainError(err))
		return
	}
	base := strings.TrimSuffix(b.cfg.URL(b.cfg.Listen), "/")
	_, plain := login.Loopback(base)
	for _, name := range b.cfg.SourceNames() {
		c := b.cfg.Sources[name].SAML
		switch {
		case c == nil:
			continue
		case b.cfg.Sources[name].Disabled:
			d.warn("sign-in "+name, "the source is disabled in the configuration")
			continue
		case plain != nil:
			d.fail("sign-in "+name, "%v", plain)
			continue
		}
		s, err := samlSource(base, name, c, fetched)
		if err != nil {
			d.fail("sign-in "+name, "nobody can sign in: %v", err)
			continue
		}
		warnings := s.Provider.Warnings(now())
		for _, w := range warnings {
			d.warn("sign-in "+name, "%s", w)
		}
		if c.MetadataURL != "" {
			m, k := keptMetadata(name, c, fetched)
			if m.Failure != "" {
				d.warn("sign-in "+name, "its metadata are not fetched since %s: %s", when(m.Fetched), m.Failure)
			}
			for _, w := range k.Waiting(c.Metadata.EntityID) {
				d.warn("sign-in "+name, "a new certificate waits: grantbridge login metadata take %s %.16s", name, w.Fingerprint())
			}
		}
		if len(warnings) == 0 {
			d.ok("sign-in "+name, "%s", signInSays(c))
		}
	}
}

func signInSays(c *config.SAML) string {
	says := "served; accounts: " + c.Provision + ", groups: " + c.Groups
	if c.KeyFile == "" {
		says += "; without key_file requests and logout are not signed"
	}
	return says
}
