package main

import (
	"context"
	"encoding/json"
	"strings"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml/login"
	"grantbridge/saml/signin"
	"grantbridge/store"
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
		if b.cfg.Sources[name].OIDC != nil {
			d.openID(ctx, b, name)
		}
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
		d.groupsArrive(ctx, b, name, c.Groups, c.GroupsAttribute)
		if len(warnings) == 0 {
			d.ok("sign-in "+name, "%s", signInSays(c))
		}
	}
}

// groupless is how many sign-ins in a row without groups are no chance any more.
const groupless = 5

// groupsArrive warns when the last sign-ins of a source brought no groups that
// can be believed, of whomever: a claim that was taken away looks like this. mode
// is what they do, and where is the attribute or claim in which they would come.
func (d *doctor) groupsArrive(ctx context.Context, b *bridge, name, mode, where string) {
	if mode == "ignore" {
		return
	}
	var last []store.LoginTrace
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		last, err = v.Traces(ctx, store.TraceQuery{Source: name, Outcome: "in", Limit: groupless})
		return err
	})
	if err != nil {
		d.fail("sign-in "+name, "%s", explainError(err))
		return
	}
	states := map[string]int{}
	for _, t := range last {
		var body login.Trace
		if json.Unmarshal(t.Body, &body) == nil {
			states[body.GroupState]++
		}
	}
	if absent, over := states[signin.GroupsAbsent.String()], states[signin.GroupsOverage.String()]; absent+over == groupless {
		d.warn("sign-in "+name, "the last %d sign-ins brought no groups (%d without %s, %d with more than are sent); memberships stay as they were; grantbridge login test %s shows what arrives",
			groupless, absent, where, over, name)
	}
}

func signInSays(c *config.SAML) string {
	says := "served; accounts: " + c.Provision + ", groups: " + c.Groups
	if c.KeyFile == "" {
		says += "; without key_file requests and logout are not signed"
	}
	return says
}
