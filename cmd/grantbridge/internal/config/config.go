// Package config is the program's configuration file: its keys, their defaults,
// and everything that can be wrong with them.
//
// Load reads a file strictly, lets GRANTBRIDGE_ variables override it, and
// reads the secrets that stand in files of their own. Paths in the file are
// relative to the file.
package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/mapping"
	"grantbridge/store"
)

// Config is config.yaml.
type Config struct {
	Listen            string   `yaml:"listen" jsonschema_description:"host:port to serve on; port 0 takes a free one"`
	BaseURL           string   `yaml:"base_url" jsonschema_description:"the URL that clients use, without a path; empty is http:// and listen"`
	Store             string   `yaml:"store" jsonschema_description:"sqlite:FILE, or postgres://user@host:5432/db?sslmode=verify-full"`
	StorePasswordFile string   `yaml:"store_password_file" jsonschema_description:"file with the PostgreSQL password; else PGPASSWORD or the passfile"`
	MappingFile       string   `yaml:"mapping_file" jsonschema_description:"rules to apply at start and reload, through the guard; empty: the rules live in the store"`
	Zone              string   `yaml:"zone" jsonschema_description:"time zone in which days end, as Europe/Berlin"`
	Log               Log      `yaml:"log" jsonschema_description:"what is logged, and how"`
	TrustedProxies    []string `yaml:"trusted_proxies" jsonschema_description:"networks of the proxies in front whose X-Forwarded-For is believed"`
	SCIMLog           SCIMLog  `yaml:"scim_log" jsonschema_description:"what is kept of SCIM requests, for grantbridge scim log"`
	Limits            Limits   `yaml:"limits" jsonschema_description:"bounds of the guard; a mapping's own limits come first"`
	Sessions          Sessions `yaml:"sessions" jsonschema_description:"how long somebody is signed in"`
	Sites             []Site   `yaml:"sites" jsonschema_description:"sites to start with; also: grantbridge site add"`
	// SCIMSchemas are files with one schema each.
	SCIMSchemas []string `yaml:"scim_schemas" jsonschema_description:"files with a SCIM schema each (RFC 7643 7, JSON): attributes of your own, or tighter ones of the core"`
	// Sources are the identity providers by name.
	Sources map[string]Source `yaml:"sources" jsonschema_description:"identity providers by name"`
	Events  Events            `yaml:"events" jsonschema_description:"security events that other programs are told"`
}

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level" jsonschema_description:"least severe level that is logged" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`
	Format string `yaml:"format" jsonschema_description:"text for people, json for machines" jsonschema:"enum=text,enum=json"`
}

// Limits are the guard's bounds.
type Limits struct {
	PeopleChanged     Share    `yaml:"people_changed" jsonschema_description:"a change of rules that moves more people is held: a share (20%) or a number"`
	PeopleRemoved     Share    `yaml:"people_removed" jsonschema_description:"one that takes all access from more people is held"`
	SuperusersAtLeast int      `yaml:"superusers_at_least" jsonschema_description:"a change that leaves fewer working superusers is refused"`
	MaxStaleness      Duration `yaml:"max_staleness" jsonschema_description:"answers stop when the store was not heard from for this long"`
	RemovalBurst      int      `yaml:"removal_burst" jsonschema_description:"how many people a source may take access from within ten minutes before it must wait"`
}

// Site is one site to start with.
type Site struct {
	ID     int64             `yaml:"id" json:"id" jsonschema_description:"the platform's numeric id"`
	Slug   string            `yaml:"slug" json:"slug" jsonschema_description:"short name for rules and commands"`
	Name   string            `yaml:"name" json:"name" jsonschema_description:"name for people; default is the slug"`
	Labels map[string]string `yaml:"labels" json:"labels,omitempty" jsonschema_description:"labels that rules select by"`
}

// Source is one identity provider with up to three doors.
type Source struct {
	SCIM      *SCIM  `yaml:"scim" jsonschema_description:"it pushes people and groups"`
	SAML      *SAML  `yaml:"saml" jsonschema_description:"its people sign in by SAML"`
	OIDC      *OIDC  `yaml:"oidc" jsonschema_description:"its people sign in by OpenID Connect"`
	LDAP      *LDAP  `yaml:"ldap" jsonschema_description:"it is a directory that is read"`
	Disabled  bool   `yaml:"disabled" jsonschema_description:"all its doors are shut, it gives nothing, and its sessions end"`
	Lifecycle string `yaml:"lifecycle" jsonschema_description:"veto: who it deactivates is suspended everywhere; own: loses only what it gives" jsonschema:"enum=veto,enum=own"`
}

// SCIM is a source's SCIM door.
type SCIM struct {
	Profile   string   `yaml:"profile" jsonschema_description:"whose oddities are understood" jsonschema:"enum=auto,enum=strict,enum=entra,enum=okta,enum=onelogin,enum=jumpcloud,enum=ping,enum=rippling,enum=authentik,enum=generic"`
	Token     Secret   `yaml:"token" jsonschema_description:"bearer token; better ${NAME}, token_file, or grantbridge scim-token create"`
	TokenFile string   `yaml:"token_file" jsonschema_description:"file that holds the token"`
	Auth      SCIMAuth `yaml:"auth" jsonschema_description:"how requests prove who sends them"`
	Allow     []string `yaml:"allow" jsonschema_description:"networks that may send; none are all"`
	Rate      Rate     `yaml:"rate" jsonschema_description:"most requests, as 50/s; empty is no limit"`
	// UserSchemas and GroupSchemas name schemas of scim_schemas by URN.
	UserSchemas  []string `yaml:"user_schemas" jsonschema_description:"which of scim_schemas its users have, by URN"`
	GroupSchemas []string `yaml:"group_schemas" jsonschema_description:"which of scim_schemas its groups have, by URN"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Listen:   "127.0.0.1:8480",
		Store:    "sqlite:grantbridge.db",
		Zone:     "UTC",
		Log:      Log{Level: "info", Format: "text"},
		SCIMLog:  SCIMLog{Keep: Duration(14 * 24 * time.Hour), Bodies: true},
		Sessions: Sessions{Lifetime: Duration(12 * time.Hour), Idle: Duration(time.Hour), Traces: Duration(14 * 24 * time.Hour)},
		Limits: Limits{
			PeopleChanged: "20%", PeopleRemoved: "5%", SuperusersAtLeast: 1,
			MaxStaleness: Duration(5 * time.Second), RemovalBurst: 100,
		},
	}
}

// setDefaults fills what a block that is there leaves open.
func (c *Config) setDefaults() {
	for i, s := range c.Sites {
		if s.Name == "" {
			c.Sites[i].Name = s.Slug
		}
	}
	for name, s := range c.Sources {
		orElse(&s.Lifecycle, "veto")
		if s.SCIM != nil {
			s.SCIM.setDefaults()
		}
		if s.SAML != nil {
			s.SAML.setDefaults()
		}
		if s.OIDC != nil {
			s.OIDC.setDefaults()
		}
		if s.LDAP != nil {
			s.LDAP.setDefaults()
		}
		c.Sources[name] = s
	}
	c.setStreamDefaults()
}

func orElse(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

// SourceNames lists the sources in order of name.
func (c *Config) SourceNames() []string { return slices.Sorted(maps.Keys(c.Sources)) }

// StoreSources are the sources as the engine wants them.
func (c *Config) StoreSources() []store.Source {
	out := make([]store.Source, 0, len(c.Sources))
	for _, n := range c.SourceNames() {
		out = append(out, store.Source{Name: n, Veto: c.Sources[n].Lifecycle == "veto", Disabled: c.Sources[n].Disabled, StaleAfter: c.Sources[n].staleAfter()})
	}
	return out
}

// staleAfter bounds what sign-ins have brought and do not bring any more; 0 where
// they bring nothing.
func (s Source) staleAfter() time.Duration {
	switch {
	case s.SAML != nil && s.SAML.Groups == "apply":
		return time.Duration(s.SAML.GroupsStaleAfter)
	case s.OIDC != nil && s.OIDC.Groups == "apply":
		return time.Duration(s.OIDC.GroupsStaleAfter)
	}
	return 0
}

// AccessSites are the sites to start with.
func (c *Config) AccessSites() []access.Site {
	out := make([]access.Site, 0, len(c.Sites))
	for _, s := range c.Sites {
		out = append(out, access.Site{ID: access.SiteID(s.ID), Slug: s.Slug, Name: s.Name, Labels: s.Labels})
	}
	return out
}

// MappingLimits are the guard's bounds.
func (c *Config) MappingLimits() mapping.Limits {
	return mapping.Limits{
		PeopleChanged:     c.Limits.PeopleChanged.share(),
		PeopleRemoved:     c.Limits.PeopleRemoved.share(),
		SuperusersAtLeast: c.Limits.SuperusersAtLeast,
	}
}

// Location is the zone in which days end.
func (c *Config) Location() *time.Location {
	l, err := time.LoadLocation(c.Zone)
	if err != nil { // validated by Load
		panic(fmt.Sprintf("config: zone %q: %v", c.Zone, err))
	}
	return l
}

// URL is the URL that clients use; listen is the address really listened on.
func (c *Config) URL(listen string) string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	return "http://" + listen
}

// Protocol is what people sign in by at an identity provider of the source: saml,
// oidc, or "" when they do not.
func (s Source) Protocol() string {
	switch {
	case s.SAML != nil:
		return "saml"
	case s.OIDC != nil:
		return "oidc"
	}
	return ""
}

// SignsIn reports whether people sign in at the source, by whatever means.
func (s Source) SignsIn() bool {
	return s.Protocol() != "" || s.LDAP != nil && s.LDAP.PasswordLogin.Enabled
}
