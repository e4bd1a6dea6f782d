package ldapsync

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
	"grantbridge/ldapsync/kerberos"
)

// BindMethod is how we say who we are.
type BindMethod string

// The methods.
const (
	BindSimple    BindMethod = "simple"    // a DN and a password; the default
	BindExternal  BindMethod = "external"  // the client certificate, or the user of the process over ldapi
	BindGSSAPI    BindMethod = "gssapi"    // Kerberos, over TLS: no security layer is negotiated
	BindAnonymous BindMethod = "anonymous" // nobody; for Check and for open directories
)

// Config is one directory and what is read of it.
type Config struct {
	Source string
	// Servers are URLs, asked in this order: ldaps://host:636, ldap://host:389
	// (StartTLS follows), ldapi:///path.
	Servers []string
	// RootCAs are the certificates to trust instead of the system's, and
	// Certificate is ours. ServerName is used instead of the URL's host.
	RootCAs     *x509.CertPool
	Certificate *tls.Certificate
	ServerName  string
	// CAFile, CertFile and KeyFile are where these came from, for the lines that
	// Check gives to the shell.
	CAFile, CertFile, KeyFile string
	// Plaintext allows a password over ldap:// without TLS to another machine.
	Plaintext bool
	Bind      Bind
	Users     Users
	Groups    Groups
	// Canaries are DNs that every reading must see; of a group with a member.
	UserCanaries, GroupCanaries []string
	// Kind is what the directory is; KindAuto asks it.
	Kind Kind
	// Mode is how changes are read; ModeAuto chooses.
	Mode Mode
	// Shrink is the share of the known entries that a full reading may lack
	// and still be believed; default 0.5. 1 believes anything but nothing.
	Shrink float64
	// FullEvery (24h) and FullAfter (500 incremental readings) are when trust
	// in a checkpoint ends.
	FullEvery time.Duration
	FullAfter int
	// Page is how many entries are asked for at a time; default 1000.
	Page int
	// Idle (30s) ends a connection that makes no progress, Timeout (1h) a
	// reading. MaxMessage (64 MiB) is the longest message that is read.
	Idle, Timeout time.Duration
	MaxMessage    int
	// Dial replaces net.Dialer.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now replaces time.Now.
	Now func() time.Time
}

// Bind is who reads.
type Bind struct {
	Method   BindMethod
	DN       string
	Password string
	// Kerberos is who GSSAPI says we are. Service is the server's name at the KDC;
	// default ldap/ and ServerName or the URL's host.
	Kerberos kerberos.Credentials
	Service  string
}

// Users says where people are. The attributes default by Kind.
type Users struct {
	Base, Filter          string
	Login, Display, Email string
	// Attributes are read besides, as directory.Values for rules.
	Attributes []string
}

// Groups says where groups are.
type Groups struct {
	Base, Filter string
	Name         string
	// Depth is how deep groups in groups count; 0 is directory.MaxDepth, -1 not
	// at all.
	Depth int
}

// The errors of a configuration.
var (
	ErrPlaintext = errors.New("a password would cross the network unencrypted; use ldaps://, let the server do StartTLS, or allow plaintext")
	ErrNoServer  = errors.New("no server is configured")
)

// withDefaults fills what c leaves open.
func (c Config) withDefaults() Config {
	def(&c.Bind.Method, BindSimple)
	def(&c.Users.Filter, "(objectClass=inetOrgPerson)")
	def(&c.Groups.Filter, "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))")
	def(&c.Shrink, 0.5)
	def(&c.FullEvery, 24*time.Hour)
	def(&c.FullAfter, 500)
	def(&c.Page, 1000)
	def(&c.Idle, 30*time.Second)
	def(&c.Timeout, time.Hour)
	def(&c.MaxMessage, 64<<20)
	if c.Groups.Depth == 0 {
		c.Groups.Depth = directory.MaxDepth
	}
	c.Groups.Depth = max(c.Groups.Depth, 0)
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func def[T comparable](v *T, or T) {
	var zero T
	if *v == zero {
		*v = or
	}
}

// Validate says what is wrong with c before anything is asked.
func (c Config) Validate() error {
	c = c.withDefaults()
	if len(c.Servers) == 0 {
		return ErrNoServer
	}
	for _, s := range c.Servers {
		u, err := url.Parse(s)
		if err != nil || !slices.Contains([]string{"ldap", "ldaps", "ldapi"}, u.Scheme) || u.User != nil {
			return fmt.Errorf("server %q: write ldaps://host:636, ldap://host:389 or ldapi:///path", s)
		}
	}
	switch c.Bind.Method {
	case BindSimple:
		if c.Bind.DN == "" || c.Bind.Password == "" || strings.ContainsRune(c.Bind.Password, 0) {
			return errors.New("bind: a DN and a password are needed; a server takes an empty password for nobody")
		}
	case BindGSSAPI:
		if err := c.validGSSAPI(); err != nil {
			return err
		}
	case BindExternal, BindAnonymous:
	default:
		return fmt.Errorf("bind: %q is no method; simple, external, gssapi and anonymous are", c.Bind.Method)
	}
	for name, filter := range map[string]string{"users": c.Users.Filter, "groups": c.Groups.Filter} {
		if _, err := ldaplib.CompileFilter(filter); err != nil {
			return fmt.Errorf("%s: filter %q: %w", name, filter, err)
		}
	}
	for name, base := range map[string]string{"users": c.Users.Base, "groups": c.Groups.Base} {
		if d, err := directory.ParseDN(base); err != nil || d.IsZero() {
			return fmt.Errorf("%s: base %q is no DN (%v)", name, base, err)
		}
	}
	return nil
}

// questions is the hash of everything that decides what a reading contains. A
// checkpoint made with other questions is of no use.
func (c Config) questions(k Kind) string {
	b, err := json.Marshal([]any{2, c.Users, c.Groups, c.Bind.DN + c.Bind.Kerberos.Principal, c.Bind.Method, k})
	if err != nil {
		panic(err) // strings and numbers
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}
