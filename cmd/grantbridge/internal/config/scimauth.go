package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"grantbridge/cmd/grantbridge/internal/strict"
)

// SCIMAuth says how a source's requests prove who sends them. All that is on is
// accepted.
type SCIMAuth struct {
	Bearer            Switch  `yaml:"bearer" jsonschema_description:"tokens of grantbridge scim-token create"`
	Basic             Switch  `yaml:"basic" jsonschema_description:"HTTP Basic: any name, and such a token as the password; the strict profile takes none"`
	BasicUser         string  `yaml:"basic_user" jsonschema_description:"a name of its own for Basic; then no token is taken as the password"`
	BasicPassword     Secret  `yaml:"basic_password" jsonschema_description:"better ${NAME} or basic_password_file"`
	BasicPasswordFile string  `yaml:"basic_password_file" jsonschema_description:"file that holds the password"`
	OAuth             Switch  `yaml:"oauth" jsonschema_description:"OAuth 2.0 client credentials, with clients of grantbridge scim-token create --client"`
	JWT               SCIMJWT `yaml:"jwt" jsonschema_description:"tokens that somebody else signs, as Entra does"`
}

// SCIMJWT says whose signed tokens are taken; without an issuer none are.
type SCIMJWT struct {
	Issuer   string `yaml:"issuer" jsonschema_description:"iss, to the letter: https://sts.windows.net/TENANT/"`
	Audience string `yaml:"audience" jsonschema_description:"what aud must name"`
	Tenant   string `yaml:"tenant" jsonschema_description:"tid; empty is the tenant in an Entra issuer"`
	Client   string `yaml:"client" jsonschema_description:"the application (appid, azp) that the token must be made for; empty takes any"`
	JWKSFile string `yaml:"jwks_file" jsonschema_description:"file with the issuer's keys"`
	JWKSURL  string `yaml:"jwks_url" jsonschema_description:"where the issuer publishes its keys"`
}

// SCIMLog says what is kept of SCIM requests.
type SCIMLog struct {
	Keep         Duration `yaml:"keep" jsonschema_description:"how long requests are kept; 0s keeps none"`
	Bodies       bool     `yaml:"bodies" jsonschema_description:"keep bodies, and resources before and after, passwords masked; without them nothing can be replayed"`
	RedactPeople bool     `yaml:"redact_people" jsonschema_description:"mask names, addresses and other values of people; what is masked cannot be replayed"`
}

// Switch is true, false or, where it is not given, what its place says.
type Switch string

// On reports whether it is on.
func (s Switch) On() bool { return s == "true" }

// MarshalYAML writes it as it is read.
func (s Switch) MarshalYAML() ([]byte, error) { return []byte(strconv.FormatBool(s.On())), nil }

// UnmarshalText reads true and false.
func (s *Switch) UnmarshalText(b []byte) error {
	if *s = Switch(b); *s != "true" && *s != "false" {
		return fmt.Errorf("%q is neither true nor false", b)
	}
	return nil
}

// JSONSchema describes a switch.
func (Switch) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "boolean"} }

func (s *Switch) orElse(def bool) {
	if *s == "" {
		*s = Switch(strconv.FormatBool(def))
	}
}

// Rate is a number of requests in a second, minute or hour: "50/s", "600/m".
type Rate string

var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// Limit is how many in a second, and how many at once; 0 is no limit.
func (r Rate) Limit() (perSecond float64, atOnce int) {
	count, unit, _ := strings.Cut(string(r), "/")
	n, _ := strconv.Atoi(count)
	if n == 0 {
		return 0, 0
	}
	return float64(n) / units[unit].Seconds(), n
}

// UnmarshalText reads "50/s"; "" and "0" are no limit.
func (r *Rate) UnmarshalText(b []byte) error {
	*r = Rate(b)
	if len(b) == 0 || string(b) == "0" {
		return nil
	}
	count, unit, _ := strings.Cut(string(b), "/")
	if n, err := strconv.Atoi(count); err != nil || n < 1 || n > 1_000_000 || units[unit] == 0 {
		return fmt.Errorf("%q is no rate; write 50/s, 600/m or 1000/h", b)
	}
	return nil
}

// JSONSchema describes a rate.
func (Rate) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^(0?|[1-9][0-9]*/[smh])$`}
}

func (s *SCIM) setDefaults() {
	orElse(&s.Profile, "auto")
	s.Auth.Bearer.orElse(true)
	s.Auth.Basic.orElse(s.Profile != "strict")
	s.Auth.OAuth.orElse(false)
	if len(s.Allow) == 0 {
		s.Allow = nil
	}
}

// Prefixes reads networks and single addresses; check has refused others.
func Prefixes(texts []string) (out []netip.Prefix) {
	for _, t := range texts {
		if p, err := prefix(t); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func prefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && p.Masked() != p {
		err = fmt.Errorf("%s has bits behind its length; write %s", text, p.Masked())
	}
	return p, err
}

func checkPrefixes(d *strict.Document, at string, texts []string) {
	for i, t := range texts {
		if _, err := prefix(t); err != nil {
			d.Problem(fmt.Sprintf("%s.%d", at, i), "%q is no network; write 203.0.113.0/24, 2001:db8::/32 or one address", t)
		}
	}
}

func checkSCIMAuth(d *strict.Document, at string, s *SCIM) {
	a := &s.Auth
	checkPrefixes(d, strings.TrimSuffix(at, ".auth")+".allow", s.Allow)
	if a.Basic.On() && s.Profile == "strict" {
		d.Problem(at+".basic", "the strict profile takes no Basic; choose another profile, or false")
	}
	if a.BasicPassword.Given() && a.BasicPasswordFile != "" {
		d.Problem(at+".basic_password_file", "basic_password and basic_password_file are both given; keep one")
	}
	has := a.BasicPassword.Given() || a.BasicPasswordFile != ""
	switch {
	case a.BasicUser != "" && !has:
		d.Problem(at+".basic_user", "no password for it; give basic_password_file")
	case a.BasicUser == "" && has:
		d.Problem(at, "a password for Basic without basic_user; give both")
	case strings.Contains(a.BasicUser, ":"):
		d.Problem(at+".basic_user", "a name for Basic has no colon in it")
	}
	if a.BasicPassword.tooShort() {
		d.Problem(at+".basic_password", "the password is shorter than %d characters; make a long random one: openssl rand -hex 32", minToken)
	}
	checkJWT(d, at+".jwt", a.JWT)
	if !a.Bearer.On() && !a.Basic.On() && !a.OAuth.On() && a.JWT.Issuer == "" {
		d.Problem(at, "every way to prove who sends is off; nothing could be sent")
	}
}

func checkJWT(d *strict.Document, at string, j SCIMJWT) {
	if j == (SCIMJWT{}) {
		return
	}
	required(d, at+".issuer", j.Issuer)
	required(d, at+".audience", j.Audience)
	switch {
	case j.JWKSFile == "" && j.JWKSURL == "":
		d.Problem(at, "the issuer's keys are missing; give jwks_url or jwks_file")
	case j.JWKSFile != "" && j.JWKSURL != "":
		d.Problem(at+".jwks_url", "jwks_file and jwks_url are both given; keep one")
	case j.JWKSURL != "" && !secureURL(j.JWKSURL):
		d.Problem(at+".jwks_url", "keys must come over https")
	}
}

// secureURL allows http on this machine alone.
func secureURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && a.IsLoopback()
}

// BasicPassword is the password of a source's own pair for Basic, or "".
func (l *Loaded) BasicPassword(source string) (string, error) {
	s := l.Sources[source].SCIM
	if s == nil || s.Auth.BasicUser == "" {
		return "", nil
	}
	if s.Auth.BasicPasswordFile == "" {
		return s.Auth.BasicPassword.Reveal()
	}
	p, err := readSecret(s.Auth.BasicPasswordFile)
	if err == nil && len(p) < minToken {
		err = fmt.Errorf("basic_password_file of source %q: %s holds fewer than %d characters", source, s.Auth.BasicPasswordFile, minToken)
	}
	return p, err
}
