package config

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/scim"
)

// Loaded is a configuration with what is known of its file.
type Loaded struct {
	Config
	File    string   // "" when there was none
	literal literals // secrets in plain text, by path
	missing []string
	known   []string      // the variables that can set a value
	schemas []scim.Schema // of scim_schemas, in that order
}

type literals map[string]bool

// Env finds environment variables, as os.LookupEnv.
type Env func(string) (string, bool)

// Need says which variables of a configuration must be set.
type Need int

const (
	// Whole needs all of them, as serving does.
	Whole Need = iota
	// Part needs all but those in secrets. Reveal of an unresolved secret is an
	// error; whoever uses none works without them.
	Part
)

// Load reads the file and lets the environment override it. Its error is
// strict.Problems, or says that there is no file. Of the files that the
// configuration names, those of scim_schemas are read with it.
func Load(file string, env Env, need Need) (*Loaded, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(file, text, env, need)
}

// Parse is Load of a text; paths in it are relative to file.
func Parse(file string, text []byte, env Env, need Need) (*Loaded, error) {
	l := &Loaded{Config: Default(), File: file}
	doc, _ := strict.Decode(file, text, &l.Config, env)
	if need == Whole {
		doc.RequireSet()
	}
	l.literal = findLiterals(file, text)
	l.anchor(filepath.Dir(file))
	if err := l.finish(doc, env); err != nil {
		return nil, err
	}
	return l, nil
}

// None is the configuration without a file.
func None(env Env) (*Loaded, error) {
	l := &Loaded{Config: Default()}
	doc, _ := strict.Decode("environment", nil, &l.Config, nil)
	return l, l.finish(doc, env)
}

func (l *Loaded) finish(doc *strict.Document, env Env) error {
	l.known = override(doc, reflect.ValueOf(&l.Config).Elem(), "", env)
	l.setDefaults()
	l.check(doc)
	elsewhere := l.readSchemas(doc)
	l.missing = l.missingFiles()
	if here, ok := doc.Err().(strict.Problems); ok {
		return append(here, elsewhere...)
	}
	if len(elsewhere) > 0 {
		return elsewhere
	}
	return nil
}

// anchor makes paths of the file relative to its directory.
func (l *Loaded) anchor(dir string) {
	if f, ok := strings.CutPrefix(l.Store, "sqlite:"); ok && f != ":memory:" {
		at(dir, &f)
		l.Store = "sqlite:" + f
	}
	at(dir, &l.StorePasswordFile)
	at(dir, &l.MappingFile)
	for i := range l.SCIMSchemas {
		at(dir, &l.SCIMSchemas[i])
	}
	for _, s := range l.Sources {
		if s.SCIM != nil {
			at(dir, &s.SCIM.TokenFile)
			at(dir, &s.SCIM.Auth.BasicPasswordFile)
			at(dir, &s.SCIM.Auth.JWT.JWKSFile)
		}
		if s.SAML != nil {
			for _, f := range s.SAML.files() {
				at(dir, f.path)
			}
		}
		if s.LDAP != nil {
			at(dir, &s.LDAP.BindPasswordFile)
			at(dir, &s.LDAP.CAFile)
			at(dir, &s.LDAP.CertFile)
			at(dir, &s.LDAP.KeyFile)
			at(dir, &s.LDAP.Kerberos.KeytabFile)
			at(dir, &s.LDAP.Kerberos.CCacheFile)
			at(dir, &s.LDAP.Kerberos.ConfigFile)
		}
	}
	l.oidcFiles(func(_ string, path *string) { at(dir, path) })
	l.anchorEvents(dir)
}

func at(dir string, path *string) {
	if *path != "" && !filepath.IsAbs(*path) && dir != "." {
		*path = filepath.Join(dir, *path)
	}
}

// override sets each single value that the environment names: log.level is
// GRANTBRIDGE_LOG_LEVEL. Lists and sources have no such name. It returns all names
// that there are.
func override(doc *strict.Document, v reflect.Value, path string, env Env) (known []string) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Tag.Get("yaml")
		at := strings.TrimPrefix(path+"."+name, ".")
		_, isText := f.Addr().Interface().(interface{ UnmarshalText([]byte) error })
		switch {
		case f.Kind() == reflect.Struct && !isText:
			known = append(known, override(doc, f, at, env)...)
		case f.Kind() == reflect.Map || f.Kind() == reflect.Slice:
		default:
			known = append(known, setFromEnv(doc, v, at, name, env))
		}
	}
	return known
}

func setFromEnv(doc *strict.Document, v reflect.Value, path, name string, env Env) (variable string) {
	variable = "GRANTBRIDGE_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
	text, ok := env(variable)
	if !ok || text == "" {
		return variable
	}
	doc.Set(path, variable)
	// The strict decoder knows all the types; one line of YAML is given to it.
	line := name + ": '" + strings.ReplaceAll(text, "'", "''") + "'"
	_, err := strict.Decode(variable, []byte(line), v.Addr().Interface(), nil)
	if ps, bad := err.(strict.Problems); bad {
		doc.Problem(path, "%s", ps[0].Message)
	}
	return variable
}

// Misspelt says which of the variables in environ ("NAME=value") are nearly ones
// that set a value, and set none.
func (l *Loaded) Misspelt(environ []string) (out []string) {
	known := append(slices.Clone(l.known), "GRANTBRIDGE_CONFIG")
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "GRANTBRIDGE_") || slices.Contains(known, name) {
			continue
		}
		if near := strict.Nearest(name, known); near != "" {
			out = append(out, fmt.Sprintf("the environment variable %s sets nothing; did you mean %s?", name, near))
		}
	}
	return out
}

// findLiterals reads text once more without an environment, where a secret that
// comes from one still shows its ${…}. The first pass was fine; what does not
// decode now is what a variable makes whole.
func findLiterals(file string, text []byte) literals {
	var raw Config
	_, _ = strict.Decode(file, text, &raw, nil)
	out := literals{}
	note := func(path, value string) {
		if value != "" && !strings.Contains(value, "${") {
			out[path] = true
		}
	}
	for n, s := range raw.Sources {
		if s.SCIM != nil {
			note("sources."+n+".scim.token", s.SCIM.Token.text)
			note("sources."+n+".scim.auth.basic_password", s.SCIM.Auth.BasicPassword.text)
		}
		if s.OIDC != nil {
			note("sources."+n+".oidc.client_secret", s.OIDC.ClientSecret.text)
		}
		if s.LDAP != nil {
			note("sources."+n+".ldap.bind_password", s.LDAP.BindPassword.text)
		}
	}
	if u, err := url.Parse(raw.Store); err == nil {
		for _, p := range passwords(u) {
			note("store", p)
		}
	}
	return out
}

func (l *Loaded) missingFiles() []string {
	var out []string
	note := func(path, file string) {
		if file == "" {
			return
		}
		if _, err := os.Stat(file); err != nil {
			out = append(out, fmt.Sprintf("%s: %s is not there", path, file))
		}
	}
	note("store_password_file", l.StorePasswordFile)
	note("mapping_file", l.MappingFile)
	for _, n := range l.SourceNames() {
		s := l.Sources[n]
		if s.SCIM != nil {
			note("sources."+n+".scim.token_file", s.SCIM.TokenFile)
			note("sources."+n+".scim.auth.basic_password_file", s.SCIM.Auth.BasicPasswordFile)
			note("sources."+n+".scim.auth.jwt.jwks_file", s.SCIM.Auth.JWT.JWKSFile)
		}
		if s.SAML != nil {
			for _, f := range s.SAML.files() {
				note("sources."+n+".saml."+f.key, *f.path)
			}
		}
		if s.LDAP != nil {
			note("sources."+n+".ldap.bind_password_file", s.LDAP.BindPasswordFile)
			note("sources."+n+".ldap.ca_file", s.LDAP.CAFile)
			note("sources."+n+".ldap.cert_file", s.LDAP.CertFile)
			note("sources."+n+".ldap.key_file", s.LDAP.KeyFile)
			note("sources."+n+".ldap.kerberos.keytab_file", s.LDAP.Kerberos.KeytabFile)
			note("sources."+n+".ldap.kerberos.ccache_file", s.LDAP.Kerberos.CCacheFile)
		}
	}
	l.oidcFiles(func(key string, path *string) { note(key, *path) })
	paths, files := l.eventFiles()
	for i, file := range files {
		note(paths[i], file)
	}
	return out
}

// SCIMToken is the bearer token that the configuration gives a source's SCIM
// door, or "".
func (l *Loaded) SCIMToken(source string) (string, error) {
	s := l.Sources[source].SCIM
	if s == nil {
		return "", nil
	}
	if s.TokenFile == "" {
		return s.Token.Reveal()
	}
	t, err := readSecret(s.TokenFile)
	if err == nil && len(t) < minToken {
		err = fmt.Errorf("token of source %q: %s holds fewer than %d characters", source, s.TokenFile, minToken)
	}
	return t, err
}

// DSN is the store's name with the password of store_password_file in it.
func (l *Loaded) DSN() (string, error) {
	if l.StorePasswordFile == "" || strings.HasPrefix(l.Store, "sqlite:") {
		return l.Store, nil
	}
	p, err := readSecret(l.StorePasswordFile)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(l.Store)
	if err != nil {
		return "", fmt.Errorf("store: not a URL")
	}
	u.User = url.UserPassword(u.User.Username(), p)
	return u.String(), nil
}

func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", fmt.Errorf("read a secret: %s is empty", file)
	}
	return s, nil
}

// LooseFiles names the files with secrets, and the SQLite store, that others than their owner can read.
func (l *Loaded) LooseFiles() []string {
	files := []string{l.StorePasswordFile}
	if f, ok := strings.CutPrefix(l.Store, "sqlite:"); ok {
		files = append(files, f)
	}
	if len(l.literal) > 0 {
		files = append(files, l.File)
	}
	for _, n := range l.SourceNames() {
		if s := l.Sources[n]; s.SCIM != nil {
			files = append(files, s.SCIM.TokenFile, s.SCIM.Auth.BasicPasswordFile)
		}
		if s := l.Sources[n]; s.SAML != nil {
			files = append(files, s.SAML.KeyFile, s.SAML.NextKeyFile)
		}
		if s := l.Sources[n]; s.LDAP != nil {
			files = append(files, s.LDAP.BindPasswordFile, s.LDAP.KeyFile, s.LDAP.Kerberos.KeytabFile, s.LDAP.Kerberos.CCacheFile)
		}
	}
	for _, n := range l.SourceNames() {
		if o := l.Sources[n].OIDC; o != nil {
			files = append(files, o.ClientSecretFile, o.ClientKeyFile)
		}
	}
	_, more := l.eventFiles()
	files = append(files, more...)
	var out []string
	for _, f := range files {
		if i, err := os.Stat(f); f != "" && err == nil && i.Mode()&fs.FileMode(0o044) != 0 {
			out = append(out, f)
		}
	}
	return out
}

// Recheck checks the configuration again after flags of serve have changed it.
func (l *Loaded) Recheck() error {
	doc, _ := strict.Decode("flags", nil, &Config{}, nil)
	for path, flag := range map[string]string{"listen": "--listen", "log.level": "--log-level", "log.format": "--log-format"} {
		doc.Set(path, flag)
	}
	l.check(doc)
	return doc.Err()
}
