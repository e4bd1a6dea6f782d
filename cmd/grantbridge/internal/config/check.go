package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"grantbridge/cmd/grantbridge/internal/strict"
)

var (
	levels     = []string{"debug", "info", "warn", "error"}
	formats    = []string{"text", "json"}
	profiles   = []string{"auto", "strict", "entra", "okta", "onelogin", "jumpcloud", "ping", "rippling", "authentik", "generic"}
	lifecycles = []string{"veto", "own"}

	sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	slugForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,126}$`)
	digits     = regexp.MustCompile(`^[0-9]+$`)
)

// reserved are names that mean something else where a source may stand.
var reserved = []string{"any", "manual", "emergency", "config"}

// check notes all that is wrong with c in d.
func (c *Config) check(d *strict.Document) {
	c.checkServer(d)
	c.checkLimits(d)
	c.checkSites(d)
	for _, n := range c.SourceNames() {
		checkSource(d, "sources."+n, n, c.Sources[n])
	}
	c.checkSignIn(d)
	c.checkEvents(d)
}

func (c *Config) checkServer(d *strict.Document) {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || !validPort(port) {
		d.Problem("listen", "%q is no address; write host:port, as 127.0.0.1:8480", c.Listen)
	}
	if u, err := url.Parse(c.BaseURL); c.BaseURL != "" && (err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil) {
		d.Problem("base_url", "not a URL that clients can use; write https://host[:port] and no path")
	}
	if err := CheckStore(c.Store); err != nil {
		d.Problem("store", "%v", err)
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		d.Problem("zone", "no time zone %q; write a name as Europe/Berlin, or UTC", c.Zone)
	}
	checkPrefixes(d, "trusted_proxies", c.TrustedProxies)
	if c.SCIMLog.Keep < 0 {
		d.Problem("scim_log.keep", "must be 0s or more")
	}
	oneOf(d, "log.level", c.Log.Level, levels)
	oneOf(d, "log.format", c.Log.Format, formats)
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < 1<<16
}

// CheckStore says what is wrong with the name of a store.
func CheckStore(dsn string) error {
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok && file != "" {
		return nil
	}
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		return nil
	}
	return fmt.Errorf("not a store; write sqlite:FILE or postgres://user@host:5432/db")
}

func (c *Config) checkLimits(d *strict.Document) {
	if c.Limits.SuperusersAtLeast < 1 {
		d.Problem("limits.superusers_at_least", "must be 1 or more; without a superuser nobody can administer the platform")
	}
	if time.Duration(c.Limits.MaxStaleness) < time.Second {
		d.Problem("limits.max_staleness", "must be 1s or more; below that no answer is ever fresh")
	}
	if c.Limits.RemovalBurst < 1 {
		d.Problem("limits.removal_burst", "must be 1 or more; else nobody can ever be removed")
	}
}

func (c *Config) checkSites(d *strict.Document) {
	ids, slugs := map[int64]bool{}, map[string]bool{}
	for i, s := range c.Sites {
		at := fmt.Sprintf("sites.%d", i)
		switch {
		case s.ID < 1:
			d.Problem(at+".id", "a site needs a positive id")
		case ids[s.ID]:
			d.Problem(at+".id", "site id %d stands here twice", s.ID)
		}
		switch {
		case !ValidSlug(s.Slug):
			d.Problem(at+".slug", "slug %q: %s", s.Slug, SlugForm)
		case slugs[s.Slug]:
			d.Problem(at+".slug", "slug %q stands here twice", s.Slug)
		}
		ids[s.ID], slugs[s.Slug] = true, true
	}
}

// SlugForm says how a slug looks.
const SlugForm = "write lower-case letters, digits, dot, dash and underscore, not digits alone"

// ValidSlug reports whether s can be a site's slug. One of digits alone would
// be taken for an id.
func ValidSlug(s string) bool { return slugForm.MatchString(s) && !digits.MatchString(s) }

func checkSource(d *strict.Document, at, name string, s Source) {
	if !sourceName.MatchString(name) {
		d.Problem(at, "source name %q: write lower-case letters, digits and dashes; it stands in URLs", name)
	}
	if slices.Contains(reserved, name) {
		d.Problem(at, "source name %q has a meaning of its own; choose another", name)
	}
	if s.SCIM == nil && s.SAML == nil && s.OIDC == nil && s.LDAP == nil {
		d.Problem(at, "source %q has no door; give it scim, saml, oidc or ldap", name)
	}
	oneOf(d, at+".lifecycle", s.Lifecycle, lifecycles)
	if s.SCIM != nil {
		checkSCIM(d, at+".scim", s.SCIM)
	}
	if s.SAML != nil {
		checkSAML(d, at+".saml", s.SAML)
		if s.SAML.Groups == "apply" {
			checkOneAuthority(d, at+".saml.groups", s)
		}
	}
	if s.OIDC != nil {
		checkOIDC(d, at+".oidc", s)
	}
	if s.LDAP != nil {
		checkLDAP(d, at+".ldap", s.LDAP)
	}
}

// checkOneAuthority keeps two doors from overruling each other.
func checkOneAuthority(d *strict.Document, at string, s Source) {
	switch {
	case s.SCIM != nil:
		d.Problem(at, "SCIM says who is in a group of this source; write report, or two would overrule each other")
	case s.LDAP != nil:
		d.Problem(at, "the directory says who is in a group of this source; write report, or two would overrule each other")
	}
}

func checkSCIM(d *strict.Document, at string, s *SCIM) {
	oneOf(d, at+".profile", s.Profile, profiles)
	if s.Token.Given() && s.TokenFile != "" {
		d.Problem(at+".token_file", "token and token_file are both given; keep one")
	}
	checkSCIMAuth(d, at+".auth", s)
	if s.Token.tooShort() {
		d.Problem(at+".token", "the token is shorter than %d characters; make a long random one: openssl rand -hex 32", minToken)
	}
}

// minToken keeps out passwords; a bearer token is stored with a fast hash.
const minToken = 16

// tooShort reports whether it can be guessed; nobody knows of an unresolved one.
func (s Secret) tooShort() bool { return s.text != "" && len(s.text) < minToken }

// checkFilter finds the commonest slips; the directory says the rest.
func checkFilter(d *strict.Document, at, filter string) {
	balanced := strings.Count(filter, "(") == strings.Count(filter, ")")
	if !balanced || !strings.HasPrefix(filter, "(") || !strings.HasSuffix(filter, ")") {
		d.Problem(at, "filter %q: the brackets do not match; write as (objectClass=person)", filter)
	}
}

func required(d *strict.Document, at, value string) {
	if value == "" {
		d.Problem(at, "%s is missing", at[strings.LastIndexByte(at, '.')+1:])
	}
}

func oneOf(d *strict.Document, at, value string, known []string) {
	if slices.Contains(known, value) {
		return
	}
	hint := ""
	if n := strict.Nearest(value, known); n != "" {
		hint = fmt.Sprintf("; did you mean %s?", n)
	}
	d.Problem(at, "no %s %q%s (one of %s)", at[strings.LastIndexByte(at, '.')+1:], value, hint, strings.Join(known, ", "))
}

// Warnings says what works and should not stay.
func (l *Loaded) Warnings() []string {
	var out []string
	for _, p := range slices.Sorted(maps.Keys(l.literal)) {
		if p == "store" {
			out = append(out, "store has a password in plain text; use ${NAME}, store_password_file or PGPASSWORD")
			continue
		}
		out = append(out, fmt.Sprintf("%s stands in the file as plain text; use ${NAME} or %s_file", p, p[strings.LastIndexByte(p, '.')+1:]))
	}
	out = append(out, l.openSignIn()...)
	return append(append(out, l.missing...), l.unusedSchemas()...)
}
