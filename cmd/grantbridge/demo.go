package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/cmd/grantbridge/internal/demo"
	"grantbridge/mapping"
	"grantbridge/store"
)

func (a *app) demoCommand() *cobra.Command {
	d := &demoRun{a: a, port: 8480}
	c := &cobra.Command{
		Use: "demo", Short: "the whole product on this machine, with a make-believe company", Args: words(),
		Long: `Demo serves on loopback over a store of its own, while an Okta-like and an
Entra-like pusher send about 1,200 people and 14 groups over SCIM, and an LDAP
directory with 44 people more is read. A SAML identity provider of its own, on the
port above, lets you sign in as any of Okta's people. Demo break breaks the
directory. Ctrl-C ends it; nothing leaves this machine.`,
		RunE: func(c *cobra.Command, _ []string) error { return d.run(c.Context()) },
	}
	c.Flags().Var(&bounded[int]{&d.port, 0, 65535}, "port", "`port` on 127.0.0.1; 0 takes a free one")
	c.Flags().StringVar(&d.keep, "keep", "", "keep the data in this `directory`")
	c.AddCommand(a.demoBreakCommand())
	c.Flags().BoolVar(&d.once, "once", false, "push, print the summary and end")
	return c
}

// demoRun is one demo.
type demoRun struct {
	a    *app
	port int
	keep string
	once bool
	dir  string
	org  demo.Org
	idp  *demo.IdP
	err  error // of the show; serving has its own
	// directory is the LDAP directory that is read.
	directory *demo.Directory
	// elsewhere: the environment names a store, which commands would take.
	elsewhere bool
}

// withoutOurs hides GRANTBRIDGE_ variables: a make-believe company must never be
// pushed into the store that somebody works with.
func withoutOurs(env func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if strings.HasPrefix(name, "GRANTBRIDGE_") {
			return "", false
		}
		return env(name)
	}
}

// demoConfig is the configuration that the demo serves, and that commands in
// another terminal name with --config.
const demoConfig = `# written by grantbridge demo
listen: 127.0.0.1:%d
store: sqlite:grantbridge.db
mapping_file: mapping.yaml
log: {level: warn}
sources:
  okta:
    scim: {profile: okta}
    saml: {metadata_file: idp.xml, label: Northwind (demo), subject: {attribute: externalId}, idp_initiated: bounce, key_file: saml.key, certificate_file: saml.crt}
  entra:
    scim: {profile: entra}
`

func (d *demoRun) run(ctx context.Context) error {
	clean, err := d.prepare()
	defer clean()
	defer d.closeDirectory()
	if err != nil {
		return err
	}
	defer clean()
	if err := d.startIdP(); err != nil {
		return err
	}
	defer d.idp.Close()
	d.a.configFile, d.a.storeName = filepath.Join(d.dir, "config.yaml"), ""
	_, d.elsewhere = d.a.env("GRANTBRIDGE_STORE")
	d.a.env = withoutOurs(d.a.env)
	ctx, end := context.WithCancel(ctx)
	defer end()
	sites := func(l *config.Loaded) { l.Sites = d.org.Sites }
	err = d.a.serve(ctx, serveOptions{over: sites, quiet: true, started: func(ctx context.Context, s *server) {
		d.err = d.show(ctx, s)
		if d.once || d.err != nil {
			end()
		}
	}})
	if errors.Is(d.err, context.Canceled) {
		d.err = nil // Ctrl-C during the push
	}
	return errors.Join(err, d.err)
}

// demoFolder begins the name of a demo's directory that nobody keeps.
const demoFolder = "grantbridge-demo-"

// prepare writes the demo's directory.
func (d *demoRun) prepare() (clean func(), err error) {
	d.org, clean = demo.New(), func() {}
	if d.dir = d.keep; d.keep == "" {
		if d.dir, err = os.MkdirTemp("", demoFolder); err != nil {
			return clean, err
		}
		clean = func() { _ = os.RemoveAll(d.dir) }
	} else if err = os.MkdirAll(d.keep, 0o700); err != nil {
		return clean, err
	}
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return clean, err
	}
	directory, err := d.openDirectory()
	if err != nil {
		return clean, err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "config.yaml"), append(fmt.Appendf(nil, demoConfig, d.port), directory...), 0o600); err != nil {
		return clean, err
	}
	// Rules that somebody has edited in a kept directory stay.
	rules := filepath.Join(d.dir, "mapping.yaml")
	if _, err := os.Stat(rules); err == nil {
		return clean, nil
	}
	return clean, os.WriteFile(rules, demo.Rules(), 0o600)
}

// show pushes, and prints what came of it.
func (d *demoRun) show(ctx context.Context, s *server) error {
	g, w := s.live.Load(), d.a.out
	fmt.Fprintf(w, "grantbridge demo · embedded store · nothing leaves this machine\n")
	base := s.url(g.cfg)
	if err := d.idp.Trust(ctx, base); err != nil {
		return err
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("sign in", "%s/login   as an employee, at the demo identity provider %s", base, d.idp.URL)
	line("decisions", "%s/access/v1/evaluation", base)
	line("health", "%s/readyz   %s/metrics", base, base)
	line("SCIM doors", "%s/scim/v2/okta   %s/scim/v2/entra", base, base)
	t, err := d.push(ctx, g, base)
	if err != nil {
		return err
	}
	line("SCIM push", "okta-like and entra-like pushers: %s, %s, %s memberships in %.1f s, %s requests, %d errors",
		count(t.People, "person"), count(t.Groups, "group"), thousands(t.Memberships), t.Took.Seconds(), thousands(int(t.Requests)), t.Errors)
	read, err := d.ldapLine(ctx, g)
	if err != nil {
		return err
	}
	line("LDAP", "%s", read)
	line("sign in", "%s/login as yuki.gupta, password %s", base, demo.Password)
	says, err := d.mappingLine(ctx, g)
	if err != nil {
		return err
	}
	line("mapping", "%s", says)
	if err := d.token(ctx, g); err != nil {
		return err
	}
	if err := d.visit(ctx, base, line); err != nil {
		return err
	}
	if !d.once {
		if err := d.serveControl(ctx, s); err != nil {
			return err
		}
	}
	d.hints(line)
	return nil
}

// push runs both pushers at the same time.
func (d *demoRun) push(ctx context.Context, g *generation, base string) (demo.Tally, error) {
	start := time.Now()
	sources := []string{demo.Okta, demo.Entra}
	tallies, errs := make([]demo.Tally, len(sources)), make([]error, len(sources))
	var both sync.WaitGroup
	for i, name := range sources {
		secret, id, err := d.scimToken(ctx, g, name)
		if err != nil {
			return demo.Tally{}, err
		}
		both.Go(func() {
			tallies[i], errs[i] = demo.Push(ctx, d.org, name, base+"/scim/v2/"+name, secret)
			// The next demo in the same directory makes its own.
			_ = g.RevokeSCIMToken(context.WithoutCancel(ctx), byDemo, id)
		})
	}
	both.Wait()
	sum := demo.Tally{Took: time.Since(start)}
	for _, t := range tallies {
		sum.People += t.People
		sum.Groups += t.Groups
		sum.Memberships += t.Memberships
		sum.Requests += t.Requests
		sum.Errors += t.Errors
	}
	return sum, errors.Join(errs...)
}

var byDemo = store.By{Actor: "demo", Via: "cli", Reason: "demo"}

func (d *demoRun) scimToken(ctx context.Context, g *generation, source string) (secret string, id int64, err error) {
	m := &store.MintSCIMToken{Source: source}
	err = g.MintSCIMToken(ctx, byDemo, m)
	return m.Secret, m.Token.ID, err
}

func (d *demoRun) mappingLine(ctx context.Context, g *generation) (string, error) {
	if err := g.Sync(ctx, 0); err != nil {
		return "", err
	}
	live, err := liveMapping(ctx, g.Store())
	if err != nil {
		return "", err
	}
	set, problems := g.ParseMapping("the live rules", []byte(live.Text))
	if set == nil {
		return "", problems
	}
	groups, err := g.Groups(ctx)
	if err != nil {
		return "", err
	}
	if g.held != "" {
		d.a.note("not applied: %s", g.held)
	}
	tests := set.Test(mapping.Env{Catalogue: g.Catalogue(), Sites: g.sites(), Zone: g.cfg.Location(), Now: now()})
	nothing, near := 0, []string{}
	for _, x := range groups {
		switch x.State {
		case "unmatched":
			nothing++
		case "near":
			near = append(near, x.Group.Display)
		}
	}
	says := fmt.Sprintf("%s live (v%d), %d of %s passed, %s nothing", count(len(set.Rules(nil)), "rule"), g.Status().MappingVersion,
		len(tests)-failing(tests), count(len(tests), "test"), plural(nothing, "group matches", "groups match"))
	if len(near) > 0 {
		says += fmt.Sprintf(", %s: %s", plural(len(near), "near miss", "near misses"), strings.Join(near, ", "))
	}
	return says, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// token gives Clara Moreau the token that the hints name, once.
func (d *demoRun) token(ctx context.Context, g *generation) error {
	if t, err := g.FindToken(demoToken); err == nil && t.Revoked.IsZero() {
		return nil
	}
	p, err := g.FindPerson("clara.moreau")
	if err != nil {
		return err
	}
	return g.MintToken(ctx, byDemo, &store.MintToken{Token: store.Token{
		Person: p.ID, Name: demoToken, Ceiling: "view", Description: "nightly export",
	}})
}

const demoToken = "ci-export"

func (d *demoRun) hints(line func(string, string, ...any)) {
	file, name := filepath.Join(d.dir, "config.yaml"), programName()
	if d.elsewhere {
		file += " --store sqlite:" + filepath.Join(d.dir, "grantbridge.db")
	}
	if d.once && d.keep == "" {
		return
	}
	if d.keep == "" {
		line("data", "%s, removed at the end; --keep DIR keeps it", d.dir)
	} else {
		line("data", "%s", d.dir)
	}
	if d.once {
		return
	}
	out := d.a.out
	fmt.Fprintln(out, "\nTry in another terminal:")
	for _, words := range []string{
		"explain clara.moreau write staging-shop-eu --token " + demoToken,
		"explain clara.moreau write staging-shop-eu",
		"who-can admin blog",
		"what-can clara.moreau",
		"group list",
		"audit search --limit 10",
		"explain yuki.gupta view helpdesk",
		"demo break empty-ldap",
	} {
		fmt.Fprintf(out, "  %s %s --config %s\n", name, words, file)
	}
	fmt.Fprintln(out, "\nPress Ctrl-C to stop.")
}

// programName is how this program was started, for pasting.
func programName() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/grantbridge"
	}
	return os.Args[0]
}
