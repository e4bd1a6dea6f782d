package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/demo"
	"grantbridge/ldapsync"
	"grantbridge/provision"
)

// demoLDAP is the source of demoConfig that is read.
const demoLDAP = `  corp-ldap:
    ldap:
      url: %s
      plaintext: true # over loopback
      bind_dn: %s
      bind_password_file: ldap.pass
      mode: full # few enough to read everything each time
      users: {base: "ou=people,dc=corp,dc=example"}
      groups: {base: "ou=groups,dc=corp,dc=example"}
      password_login: {enabled: true, label: Northwind Works}
`

// openDirectory serves the demo's directory, and returns its part of the
// configuration.
func (d *demoRun) openDirectory() (text []byte, err error) {
	if d.directory, err = demo.ListenLDAP(d.org, now()); err != nil {
		return nil, fmt.Errorf("serve the demo's directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "ldap.pass"), []byte(demo.Password+"\n"), 0o600); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, demoLDAP, d.directory.URL, demo.Reader), nil
}

func (d *demoRun) closeDirectory() {
	if d.directory != nil {
		d.directory.Close()
	}
}

// readDirectory reads the directory now, whoever else just does.
func readDirectory(ctx context.Context, g *generation) (*provision.SyncReport, error) {
	w := g.workers.of[demo.Works]
	for {
		p, err := w.Once(ctx, byDemo, ldapsync.RunOptions{})
		if !errors.Is(err, ldapsync.ErrBusy) {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ldapLine says what came of reading the directory.
func (d *demoRun) ldapLine(ctx context.Context, g *generation) (string, error) {
	p, err := readDirectory(ctx, g)
	if p == nil {
		return "", err
	}
	if p.State == provision.SyncFailed || p.State == provision.SyncHeld {
		d.a.writeRun(p)
		return fmt.Sprintf("%s: the run was %s, as said above", demo.Works, p.State), nil
	}
	return fmt.Sprintf("%s: %s, %s, read whole and applied; no plan is held", demo.Works,
		count(p.Accounts, "person"), count(p.Groups, "group")), err
}

// holders is how many people may see some site.
func holders(e *provision.Engine) int {
	at := now()
	snap, _ := e.Holder().Snapshot(at)
	seen := map[access.PersonID]bool{}
	for _, s := range snap.AllSites() {
		for id := range snap.WhoCan(access.ActView, s.ID, at) {
			seen[id] = true
		}
	}
	return len(seen)
}
