package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/ldapsync"
	"grantbridge/ldapsync/kerberos"
	"grantbridge/provision"
)

// LDAP is a source's directory.
type LDAP struct {
	URL              string       `yaml:"url" jsonschema_description:"ldaps://, ldap:// (then StartTLS) or ldapi://"`
	Fallbacks        []string     `yaml:"fallbacks" jsonschema_description:"further servers of the same directory, asked in order when url does not answer"`
	CAFile           string       `yaml:"ca_file" jsonschema_description:"certificates to trust instead of the system's"`
	CertFile         string       `yaml:"cert_file" jsonschema_description:"our certificate, for bind: external"`
	KeyFile          string       `yaml:"key_file" jsonschema_description:"its key"`
	ServerName       string       `yaml:"server_name" jsonschema_description:"name in the server's certificate, when it is not the host of url"`
	Plaintext        bool         `yaml:"plaintext" jsonschema_description:"true allows a password without TLS; never on a network"`
	Bind             string       `yaml:"bind" jsonschema_description:"how we say who we are" jsonschema:"enum=simple,enum=external,enum=gssapi,enum=anonymous"`
	BindDN           string       `yaml:"bind_dn" jsonschema_description:"who reads the directory"`
	BindPassword     Secret       `yaml:"bind_password" jsonschema_description:"better bind_password_file"`
	BindPasswordFile string       `yaml:"bind_password_file" jsonschema_description:"file that holds the password"`
	Kerberos         LDAPKerberos `yaml:"kerberos" jsonschema_description:"who reads the directory with bind: gssapi"`
	Kind             string       `yaml:"kind" jsonschema_description:"what the directory is; auto asks it" jsonschema:"enum=auto,enum=openldap,enum=active-directory,enum=389-ds,enum=generic"`
	Mode             string       `yaml:"mode" jsonschema_description:"how changes are read; auto chooses" jsonschema:"enum=auto,enum=full,enum=syncrepl,enum=usn,enum=timestamp"`
	Users            LDAPUsers    `yaml:"users" jsonschema_description:"where people are"`
	Groups           LDAPGroups   `yaml:"groups" jsonschema_description:"where groups are"`
	Canaries         LDAPCanaries `yaml:"canaries" jsonschema_description:"entries that every reading must see, or it is not believed"`
	Limits           LDAPLimits   `yaml:"limits" jsonschema_description:"a run that would do more is held, beside limits of all changes"`
	Interval         Duration     `yaml:"interval" jsonschema_description:"time between two runs"`
	FullEvery        Duration     `yaml:"full_every" jsonschema_description:"everything is read at least so often"`
	FullAfter        int          `yaml:"full_after" jsonschema_description:"and after so many readings of changes"`
	Shrink           Share        `yaml:"shrink" jsonschema_description:"share of the known entries that a full reading may lack and still be believed"`
	Page             int          `yaml:"page" jsonschema_description:"entries asked for at a time"`
	Idle             Duration     `yaml:"idle" jsonschema_description:"a connection without progress for so long is given up"`
	Timeout          Duration     `yaml:"timeout" jsonschema_description:"and a reading that takes longer"`

	PasswordLogin PasswordLogin `yaml:"password_login" jsonschema_description:"people sign in at /login with the password that the directory knows"`
}

// LDAPKerberos is who reads the directory with bind: gssapi.
type LDAPKerberos struct {
	Principal  string `yaml:"principal" jsonschema_description:"name@REALM; without a realm, default_realm of config_file"`
	KeytabFile string `yaml:"keytab_file" jsonschema_description:"file with the principal's keys; read again at each connect"`
	CCacheFile string `yaml:"ccache_file" jsonschema_description:"a credential cache that something else renews, instead of keytab_file and principal"`
	ConfigFile string `yaml:"config_file" jsonschema_description:"krb5.conf; what it includes is not read"`
	Service    string `yaml:"service" jsonschema_description:"the server's name at the KDC; empty is ldap/ and server_name or the host of url"`
}

// PasswordLogin is how people sign in with a password of their directory.
type PasswordLogin struct {
	Enabled           bool     `yaml:"enabled" jsonschema_description:"true takes passwords; over TLS only"`
	Label             string   `yaml:"label" jsonschema_description:"text above the form; empty is the source's name"`
	Ceiling           string   `yaml:"ceiling" jsonschema_description:"most that such a session carries" jsonschema:"enum=inherit,enum=noaccess,enum=view,enum=write,enum=admin"`
	Attempts          int      `yaml:"attempts" jsonschema_description:"failed attempts for one name within window; keep it below the directory's own lock-out"`
	AttemptsByAddress int      `yaml:"attempts_by_address" jsonschema_description:"and from one address"`
	Window            Duration `yaml:"window" jsonschema_description:"how long attempts count"`
}

// LDAPUsers says where people are. Attributes default by kind.
type LDAPUsers struct {
	Base       string   `yaml:"base" jsonschema_description:"DN below which people are searched"`
	Filter     string   `yaml:"filter" jsonschema_description:"which entries are people"`
	Login      string   `yaml:"login" jsonschema_description:"attribute with the login name; empty: by kind"`
	Display    string   `yaml:"display" jsonschema_description:"attribute with the name for people; empty: by kind"`
	Email      string   `yaml:"email" jsonschema_description:"attribute with the e-mail address; empty: mail"`
	Attributes []string `yaml:"attributes" jsonschema_description:"further attributes that rules ask for"`
}

// LDAPGroups says where groups are.
type LDAPGroups struct {
	Base   string `yaml:"base" jsonschema_description:"DN below which groups are searched"`
	Filter string `yaml:"filter" jsonschema_description:"which entries are groups; empty: the usual classes"`
	Name   string `yaml:"name" jsonschema_description:"attribute with the name that rules match; empty: cn"`
	Depth  int    `yaml:"depth" jsonschema_description:"how deep groups in groups count; 0 is 32, -1 not at all"`
}

// LDAPCanaries are entries that every reading must see.
type LDAPCanaries struct {
	Users  []string `yaml:"users" jsonschema_description:"DNs of people"`
	Groups []string `yaml:"groups" jsonschema_description:"DNs of groups with a member"`
}

// LDAPLimits are the bounds of a run that nobody watches.
type LDAPLimits struct {
	Few           int   `yaml:"few" jsonschema_description:"so many people are never too many, whatever the shares say"`
	Deactivated   Share `yaml:"deactivated" jsonschema_description:"accounts deactivated or deleted"`
	NewAdmins     Share `yaml:"new_admins" jsonschema_description:"people who become admin of a site"`
	NewSuperusers int   `yaml:"new_superusers" jsonschema_description:"people who become superuser; -1 is none"`
	GroupLoss     Share `yaml:"group_loss" jsonschema_description:"members that leave one group that rules name"`
}

var (
	ldapBinds = []string{"simple", "external", "gssapi", "anonymous"}
	ldapKinds = []string{"auto", "openldap", "active-directory", "389-ds", "generic"}
	ldapModes = []string{"auto", "full", "syncrepl", "usn", "timestamp"}
)

func (l *LDAP) setDefaults() {
	orElse(&l.Bind, "simple")
	if l.Bind == "gssapi" {
		orElse(&l.Kerberos.ConfigFile, kerberos.DefaultConfig)
	}
	orElse(&l.Kind, "auto")
	orElse(&l.Mode, "auto")
	if l.Kind == "active-directory" {
		orElse(&l.Users.Filter, "(&(objectCategory=person)(objectClass=user))")
	}
	orElse(&l.Users.Filter, "(objectClass=inetOrgPerson)")
	p := &l.PasswordLogin
	orElse(&p.Ceiling, "inherit")
	for d, def := range map[*Duration]time.Duration{&p.Window: 30 * time.Minute, &l.Interval: 10 * time.Minute, &l.FullEvery: 24 * time.Hour, &l.Idle: 30 * time.Second, &l.Timeout: time.Hour} {
		if *d == 0 {
			*d = Duration(def)
		}
	}
	for n, def := range map[*int]int{&p.Attempts: 4, &p.AttemptsByAddress: 50, &l.FullAfter: 500, &l.Page: 1000, &l.Limits.Few: 3, &l.Limits.NewSuperusers: 2} {
		if *n == 0 {
			*n = def
		}
	}
	for s, def := range map[*Share]Share{&l.Shrink: "50%", &l.Limits.Deactivated: "10%", &l.Limits.NewAdmins: "10%", &l.Limits.GroupLoss: "50%"} {
		if *s == "" {
			*s = def
		}
	}
}

func checkLDAP(d *strict.Document, at string, l *LDAP) {
	for i, server := range l.servers() {
		key := at + ".url"
		if i > 0 {
			key = fmt.Sprintf("%s.fallbacks.%d", at, i-1)
		}
		if u, err := url.Parse(server); err != nil || !slices.Contains([]string{"ldap", "ldaps", "ldapi"}, u.Scheme) || u.User != nil {
			d.Problem(key, "not a directory; write ldaps://host:636, ldap://host:389 or ldapi:///path")
		}
	}
	oneOf(d, at+".bind", l.Bind, ldapBinds)
	oneOf(d, at+".kind", l.Kind, ldapKinds)
	oneOf(d, at+".mode", l.Mode, ldapModes)
	l.checkBind(d, at)
	l.checkPasswords(d, at)
	required(d, at+".users.base", l.Users.Base)
	required(d, at+".groups.base", l.Groups.Base)
	checkFilter(d, at+".users.filter", l.Users.Filter)
	if l.Groups.Filter != "" {
		checkFilter(d, at+".groups.filter", l.Groups.Filter)
	}
	if time.Duration(l.Interval) < time.Minute {
		d.Problem(at+".interval", "must be 1m or more")
	}
	if s, err := parseShare(string(l.Shrink)); err == nil && (s.IsCount || s.Percent == 0) {
		d.Problem(at+".shrink", "write a share of the known entries, as 50%%")
	}
	if l.Page < 1 || l.FullAfter < 1 {
		d.Problem(at+".page", "page and full_after must be 1 or more")
	}
}

func (l *LDAP) checkBind(d *strict.Document, at string) {
	if l.BindPassword.Given() && l.BindPasswordFile != "" {
		d.Problem(at+".bind_password_file", "bind_password and bind_password_file are both given; keep one")
	}
	if l.Bind == "simple" && l.BindDN != "" && !l.BindPassword.Given() && l.BindPasswordFile == "" {
		d.Problem(at+".bind_dn", "no password for it; give bind_password_file")
	}
	if l.Bind == "simple" && l.BindDN == "" {
		d.Problem(at, "bind_dn is missing; give it with bind_password_file, or bind: external, gssapi or anonymous")
	}
	l.checkKerberos(d, at)
	if (l.CertFile == "") != (l.KeyFile == "") {
		d.Problem(at+".cert_file", "cert_file and key_file are given together")
	}
}

// checkKerberos finds what a bind by Kerberos lacks, and what is there for
// nothing.
func (l *LDAP) checkKerberos(d *strict.Document, at string) {
	if l.Bind != "gssapi" {
		if l.Kerberos != (LDAPKerberos{}) {
			d.Problem(at+".kerberos", "it is used with bind: gssapi only")
		}
		return
	}
	if l.BindDN != "" || l.BindPassword.Given() || l.BindPasswordFile != "" {
		d.Problem(at+".bind", "gssapi needs no bind_dn and no password; kerberos says who reads")
	}
	if err := l.bind().Kerberos.Validate(); err != nil {
		d.Problem(at+".kerberos", "%v; write principal and keytab_file, or ccache_file", err)
	}
	for _, server := range l.servers() {
		if l.Plaintext && !ldapsync.Local(server) {
			d.Problem(at+".plaintext", "%s: %v", server, ldapsync.ErrUnprotected)
		}
	}
}

// bind is who reads; the password is not in it yet.
func (l *LDAP) bind() ldapsync.Bind {
	k := l.Kerberos
	if k.ConfigFile == kerberos.DefaultConfig {
		k.ConfigFile = "" // which may be missing, unlike one that somebody names
	}
	return ldapsync.Bind{Method: ldapsync.BindMethod(l.Bind), DN: l.BindDN, Service: k.Service,
		Kerberos: kerberos.Credentials{Principal: k.Principal, Keytab: k.KeytabFile, Cache: k.CCacheFile, Config: k.ConfigFile}}
}

// checkPasswords refuses what would send passwords of people over a network in
// the clear, whatever is allowed for the account that reads.
func (l *LDAP) checkPasswords(d *strict.Document, at string) {
	p, at := l.PasswordLogin, at+".password_login"
	oneOf(d, at+".ceiling", p.Ceiling, []string{"inherit", "noaccess", "view", "write", "admin"})
	if p.Attempts < 1 || p.AttemptsByAddress < 1 || p.Window < Duration(time.Minute) {
		d.Problem(at, "attempts and attempts_by_address must be 1 or more, window 1m or more")
	}
	if !p.Enabled || !l.Plaintext {
		return
	}
	for _, server := range l.servers() {
		if !ldapsync.Local(server) {
			d.Problem(at+".enabled", "with plaintext: true the passwords of people would cross the network to %s unencrypted; use ldaps://, or ldap:// with StartTLS and without plaintext", server)
		}
	}
}

func (l *LDAP) servers() []string { return append([]string{l.URL}, l.Fallbacks...) }

// Directory is what the reader of a source's directory needs; secrets and
// certificates are read now.
func (l *Loaded) Directory(source string) (ldapsync.Config, error) {
	s, ok := l.Sources[source]
	if !ok || s.LDAP == nil {
		return ldapsync.Config{}, fmt.Errorf("source %q has no ldap block in the configuration", source)
	}
	c := s.LDAP
	shrink, err := parseShare(string(c.Shrink))
	if err != nil {
		return ldapsync.Config{}, err
	}
	auto := func(v string) string { return strings.TrimPrefix(v, "auto") }
	out := ldapsync.Config{
		Source: source, Servers: c.servers(), ServerName: c.ServerName, Plaintext: c.Plaintext,
		Bind: c.bind(),
		Users: ldapsync.Users{Base: c.Users.Base, Filter: c.Users.Filter, Login: c.Users.Login, Display: c.Users.Display,
			Email: c.Users.Email, Attributes: c.Users.Attributes},
		Groups:       ldapsync.Groups{Base: c.Groups.Base, Filter: c.Groups.Filter, Name: c.Groups.Name, Depth: c.Groups.Depth},
		UserCanaries: c.Canaries.Users, GroupCanaries: c.Canaries.Groups,
		Kind: ldapsync.Kind(auto(c.Kind)), Mode: ldapsync.Mode(auto(c.Mode)), Shrink: shrink.Percent / 100,
		FullEvery: time.Duration(c.FullEvery), FullAfter: c.FullAfter, Page: c.Page,
		Idle: time.Duration(c.Idle), Timeout: time.Duration(c.Timeout),
	}
	if out.Bind.Password, err = c.password(); err != nil {
		return out, fmt.Errorf("source %q: %w", source, err)
	}
	return out, c.certificates(&out)
}

// password is that of bind_dn, or "".
func (l *LDAP) password() (string, error) {
	if l.BindPasswordFile != "" {
		return readSecret(l.BindPasswordFile)
	}
	return l.BindPassword.Reveal()
}

func (l *LDAP) certificates(out *ldapsync.Config) error {
	out.CAFile, out.CertFile, out.KeyFile = l.CAFile, l.CertFile, l.KeyFile
	if l.CAFile != "" {
		text, err := os.ReadFile(l.CAFile)
		if err != nil {
			return fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(text) {
			return errors.New("ca_file: " + l.CAFile + " holds no certificate in PEM")
		}
	}
	if l.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile)
		if err != nil {
			return fmt.Errorf("cert_file: %w", err)
		}
		out.Certificate = &pair
	}
	return nil
}

// PasswordAttempts are the bounds of guessing at a source.
func (l *Loaded) PasswordAttempts(source string) ldapsync.Attempts {
	p := l.Sources[source].LDAP.PasswordLogin
	return ldapsync.Attempts{Account: p.Attempts, Address: p.AttemptsByAddress, Window: time.Duration(p.Window)}
}

// SyncLimits are the bounds of a run of the source's directory.
func (l *Loaded) SyncLimits(source string) provision.SyncLimits {
	c := l.Sources[source].LDAP
	if c == nil {
		return provision.SyncLimits{}
	}
	return provision.SyncLimits{Few: c.Limits.Few, Deactivated: c.Limits.Deactivated.share(), NewAdmins: c.Limits.NewAdmins.share(),
		NewSuperusers: c.Limits.NewSuperusers, GroupLoss: c.Limits.GroupLoss.share()}
}
