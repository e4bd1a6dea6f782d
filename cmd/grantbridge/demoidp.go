package main

import (
	"context"

	"grantbridge/cmd/grantbridge/internal/demo"
)

// startIdP starts the demo's identity provider, on the port above ours.
func (d *demoRun) startIdP() (err error) {
	port := 0
	if d.port != 0 {
		port = d.port + 1
	}
	d.idp, err = demo.StartIdP(d.org, port, d.dir)
	return err
}

// visit has one employee sign in, look and sign out, through the identity
// provider.
func (d *demoRun) visit(ctx context.Context, base string, line func(string, string, ...any)) error {
	v, err := d.org.Visit(ctx, base, d.org.People[0])
	if err != nil {
		return err
	}
	line("SAML sign-in", "%s signed in, saw %s at /me, and was signed out at both ends, in %.1f s; %d bytes of cookies, 0 errors",
		v.Login, count(v.Sites, "site"), v.Took.Seconds(), v.Cookies)
	return nil
}
