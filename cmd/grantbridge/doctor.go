package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/ldapsync"
	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "check the configuration, the store, the sources and the rules", Args: words(),
		Long: "Doctor changes nothing. It exits 1 when something is broken; warnings do not count.",
		RunE: func(c *cobra.Command, _ []string) error {
			d := &doctor{a: a}
			d.examine(c.Context())
			return d.report()
		},
	}
}

// finding is one thing that the doctor looked at.
type finding struct {
	State string `json:"state"` // ok, warn, fail
	About string `json:"about"`
	Says  string `json:"says"`
}

type doctor struct {
	a        *app
	findings []finding
}

func (d *doctor) ok(about, format string, args ...any)   { d.add("ok", about, format, args) }
func (d *doctor) warn(about, format string, args ...any) { d.add("warn", about, format, args) }
func (d *doctor) fail(about, format string, args ...any) { d.add("fail", about, format, args) }

func (d *doctor) add(state, about, format string, args []any) {
	d.findings = append(d.findings, finding{state, about, fmt.Sprintf(format, args...)})
}

// firstLine is the first line of an error that has a place in a file, and what
// shows the others.
func firstLine(err error, shows string) string {
	first, _, more := strings.Cut(explainError(err), "\n")
	if more {
		first += "; " + shows + " shows where"
	}
	return first
}

func (d *doctor) examine(ctx context.Context) {
	l, err := d.a.load(config.Whole)
	if err != nil {
		d.fail("configuration", "%s", firstLine(err, "grantbridge config check"))
		return
	}
	d.configuration(l)
	b, err := d.a.open(ctx, existing)
	if err != nil {
		d.fail("store", "%s", explainError(err))
		return
	}
	defer b.close()
	d.store(ctx, b)
	d.rules(ctx, b)
	d.sources(ctx, b)
	d.signIn(ctx, b)
	d.staleGroups(ctx, b)
	d.server(ctx, l)
}

func (d *doctor) configuration(l *config.Loaded) {
	if l.File == "" {
		d.warn("configuration", "no file; defaults and environment are used")
	} else {
		d.ok("configuration", "%s is right", l.File)
	}
	for _, w := range warnings(l) {
		d.warn("configuration", "%s", w)
	}
	for _, f := range l.LooseFiles() {
		d.warn("secrets", "others than the owner can read %s; chmod 600 it", f)
	}
	if strings.HasPrefix(l.BaseURL, "http://") && !strings.Contains(l.BaseURL, "127.0.0.1") && !strings.Contains(l.BaseURL, "localhost") {
		d.warn("base_url", "tokens travel without TLS; put a proxy with TLS in front and use https://")
	}
}

func (d *doctor) store(ctx context.Context, b *bridge) {
	have, want, err := b.st.SchemaVersion(ctx)
	switch {
	case err != nil:
		d.fail("store", "%s", explainError(err))
	case have != want:
		d.warn("store", "schema %d, this program knows %d; grantbridge migrate up", have, want)
	default:
		d.ok("store", "%s, schema %d, revision %d", config.MaskDSN(b.cfg.Store), have, b.Status().Revision)
	}
	r, err := b.st.Verify(ctx)
	switch {
	case err != nil:
		d.fail("audit", "%s", explainError(err))
	case r.Broken != "":
		d.fail("audit", "the chain is broken: %s", r.Broken)
	case r.Erased > 0:
		d.warn("audit", "the chain is whole; %s", erasedText(r))
	default:
		d.ok("audit", "%s, chain whole", entries(r.Entries))
	}
}

func (d *doctor) rules(ctx context.Context, b *bridge) {
	st := b.Status()
	if st.MappingVersion == 0 {
		d.warn("rules", "none are live; grantbridge mapping apply FILE")
	} else {
		d.ok("rules", "version %d is live", st.MappingVersion)
	}
	if b.cfg.MappingFile != "" {
		d.mappingFile(ctx, b)
	}
	d.held(ctx, b)
	if least := b.cfg.Limits.SuperusersAtLeast; st.Superusers < least {
		d.warn("superusers", "%d work, %d are wanted; nobody else can administer the platform", st.Superusers, least)
	}
	d.groups(ctx, b)
}

func (d *doctor) held(ctx context.Context, b *bridge) {
	err := b.st.Read(ctx, func(v *store.View) error {
		holds, err := v.Holds(ctx, false)
		if len(holds) > 0 {
			d.warn("held plans", "%d wait for a decision; grantbridge sync list", len(holds))
		}
		return err
	})
	if err != nil {
		d.fail("held plans", "%s", explainError(err))
	}
}

func (d *doctor) mappingFile(ctx context.Context, b *bridge) {
	name, text, err := d.a.mappingText(b.cfg, nil)
	if err != nil {
		d.fail("mapping_file", "%s", explainError(err))
		return
	}
	_, p, err := b.previewFile(ctx, name, text)
	if err != nil {
		d.fail("mapping_file", "%s", firstLine(err, "grantbridge mapping check"))
		return
	}
	if pending, err := differs(ctx, b, p, text); err == nil && pending {
		d.warn("mapping_file", "is not what is live; grantbridge mapping preview")
	}
	if n := failing(p.Tests); n > 0 {
		d.warn("mapping_file", "%d of its tests fail; grantbridge mapping test", n)
	}
}

func (d *doctor) groups(ctx context.Context, b *bridge) {
	groups, err := b.Groups(ctx)
	if err != nil {
		d.fail("groups", "%s", explainError(err))
		return
	}
	for _, g := range groups {
		if g.State == "near" {
			d.warn("groups", "%s (%s) matches no rule, but nearly: %s", g.Group.Display, g.Group.Source, g.Near)
		}
	}
}

func (d *doctor) sources(ctx context.Context, b *bridge) {
	d.endings(b)
	tokens := liveSCIMTokens(b.st)
	status := b.Status().Sources
	for _, n := range b.cfg.SourceNames() {
		c := b.cfg.Sources[n]
		if token, _ := b.cfg.SCIMToken(n); c.SCIM != nil && tokens[n] == 0 && token == "" && c.SCIM.Auth.JWT.Issuer == "" && c.SCIM.Auth.BasicUser == "" {
			d.warn("source "+n, "has no live token; grantbridge scim-token create --source %s", n)
		}
		if c.SCIM != nil {
			d.lastHeard(ctx, b, n, status[n])
		}
		if c.LDAP != nil {
			d.lastRun(ctx, b, n)
			d.tickets(ctx, b, n)
			d.passwords(b, n)
		}
	}
}

// lastRun says how the reading of a source's directory stands.
func (d *doctor) lastRun(ctx context.Context, b *bridge, name string) {
	all, err := b.Directories(ctx)
	i := slices.IndexFunc(all, func(s provision.DirectoryStatus) bool { return s.Source == name })
	if err != nil || i < 0 {
		if err != nil {
			d.fail("source "+name, "%s", explainError(err))
			return
		}
		d.warn("source "+name, "its directory was never read; grantbridge ldap check --source %s", name)
		return
	}
	last, good := all[i].Last, "nothing was ever taken over"
	if g := all[i].Good; g.ID != 0 {
		good = "what is known is of " + when(g.Ended)
	}
	says := strings.Join(last.Says, "; ")
	switch {
	case last.State == provision.SyncFailed:
		d.fail("source "+name, "its directory is not read since %s, %s: %s", when(last.Started), good, says)
	case last.State == provision.SyncHeld:
		d.warn("source "+name, "a run is held, %s: %s", good, says)
	case now().Sub(last.Ended) > 3*durationOf(b.cfg.Sources[name].LDAP.Interval):
		d.warn("source "+name, "its directory was last read at %s, though it should be every %s; is grantbridge serve running?", when(last.Ended), b.cfg.Sources[name].LDAP.Interval)
	default:
		d.ok("source "+name, "%s at %s: %s", last.State, when(last.Ended), says)
	}
}

// tickets says whether Kerberos lets us bind to a source's directory.
func (d *doctor) tickets(ctx context.Context, b *bridge, name string) {
	if b.cfg.Sources[name].LDAP.Bind != string(ldapsync.BindGSSAPI) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := b.cfg.Directory(name)
	var got []string
	if err == nil {
		got, err = ldapsync.Tickets(ctx, c)
	}
	if err != nil {
		d.fail("source "+name, "no ticket of Kerberos: %s", explainError(err))
		return
	}
	d.ok("source "+name, "Kerberos gives tickets: %s", strings.Join(got, ", "))
}

// passwords says whether a source that should take passwords can.
func (d *doctor) passwords(b *bridge, name string) {
	if !b.cfg.Sources[name].LDAP.PasswordLogin.Enabled {
		return
	}
	c, err := b.cfg.Directory(name)
	if err == nil {
		_, err = ldapsync.NewPasswords(c, b.cfg.PasswordAttempts(name))
	}
	if err != nil {
		d.fail("source "+name, "takes no passwords: %s", explainError(err))
		return
	}
	d.ok("source "+name, "takes passwords at /login; %d wrong ones for a name within %s, and the directory is not asked", b.cfg.PasswordAttempts(name).Account, b.cfg.Sources[name].LDAP.PasswordLogin.Window)
}

// endings warns of SCIM credentials that end within 30 days.
func (d *doctor) endings(b *bridge) {
	for _, t := range b.EndingSCIMTokens() {
		kind, flag := "token", ""
		if t.Client {
			kind, flag = "client", " --client"
		}
		switch {
		case t.Threshold() == 0:
		case t.Alone:
			d.warn("source "+t.Source, "its SCIM %s %d ends %s, and no other lives; grantbridge scim-token create --source %s%s", kind, t.ID, when(t.Expires), t.Source, flag)
		default:
			d.warn("source "+t.Source, "its SCIM %s %d ends %s; another lives already, put it in place", kind, t.ID, when(t.Expires))
		}
	}
}

func (d *doctor) lastHeard(ctx context.Context, b *bridge, name string, s provision.SourceStatus) {
	var last []store.Entry
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		last, err = v.Audit(ctx, store.AuditQuery{Actor: "scim:" + name, Limit: 1})
		return err
	})
	switch {
	case err != nil:
		d.fail("source "+name, "%s", explainError(err))
	case s.Disabled:
		d.warn("source "+name, "is disabled in the store until the server starts with this configuration")
	case len(last) == 0:
		d.warn("source "+name, "never sent anything")
	default:
		d.ok("source "+name, "%s, last change %s", count(s.Groups, "group"), when(last[0].At))
	}
}

// server asks the running server, if one runs.
func (d *doctor) server(ctx context.Context, l *config.Loaded) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url := strings.TrimSuffix(l.URL(l.Listen), "/") + "/readyz"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		d.fail("server", "%v", err)
		return
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.warn("server", "%s does not answer; is grantbridge serve running?", url)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		d.fail("server", "%s answers %s", url, resp.Status)
		return
	}
	d.ok("server", "%s answers", url)
}

func (d *doctor) report() error {
	failed := false
	for _, f := range d.findings {
		failed = failed || f.State == "fail"
	}
	err := list(d.a, d.findings,
		column[finding]{"STATE", func(f finding) string { return f.State }},
		column[finding]{"ABOUT", func(f finding) string { return f.About }},
		column[finding]{"SAYS", func(f finding) string { return f.Says }})
	if err == nil && failed {
		return errFailed
	}
	return err
}
