package ldapsync

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/ldapsync/kerberos"
)

// ErrUnprotected: the bind of SASL GSSAPI protects itself, and we negotiate no
// security layer for what follows it.
var ErrUnprotected = errors.New("bind: gssapi encrypts nothing by itself, and others could read and change what the directory says; use ldaps://, or ldap:// with StartTLS and without plaintext")

// service is the name that the server has at the KDC.
func (c *Config) service(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return c.Bind.Service
	}
	return cmp.Or(c.Bind.Service, "ldap/"+strings.ToLower(cmp.Or(c.ServerName, u.Hostname())))
}

// validGSSAPI says why a bind by Kerberos cannot be.
func (c *Config) validGSSAPI() error {
	if err := c.Bind.Kerberos.Validate(); err != nil {
		return fmt.Errorf("kerberos: %w", err)
	}
	if s := c.Bind.Service; s != "" && (strings.Count(s, "/") != 1 || strings.ContainsAny(s, "@ ") || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/")) {
		return fmt.Errorf("kerberos: %q is no service; write ldap/dc1.corp.example, without a realm", s)
	}
	for _, server := range c.Servers {
		switch {
		case c.Plaintext && !Local(server):
			return fmt.Errorf("server %q: %w", server, ErrUnprotected)
		case c.service(server) == "ldap/":
			return fmt.Errorf("server %q names no host, and so no service of Kerberos; set service, or bind EXTERNAL", server)
		}
	}
	return nil
}

// gssapi binds by Kerberos (RFC 4752), with a new ticket. Over TLS the ticket is
// bound to the connection, as domain controllers demand.
func (s *session) gssapi(ctx context.Context) error {
	if err := s.offersGSSAPI(); err != nil {
		return err
	}
	t, err := s.cfg.Bind.Kerberos.Ticket(ctx, s.cfg.service(s.server))
	if err != nil {
		return err
	}
	var binding []byte
	if secured, ok := s.tap.Conn.(*tls.Conn); ok {
		binding = kerberos.ServerEndPoint(secured.ConnectionState().PeerCertificates[0])
	}
	c := t.Context(binding)
	err = s.ldap.GSSAPIBind(c, t.Service, "")
	switch {
	case err == nil && c.Complete():
		return nil
	case err == nil, errors.Is(err, kerberos.ErrForged), errors.Is(err, kerberos.ErrOrder):
		return &kerberos.Error{Says: fmt.Sprintf("the server did not prove that it is %s (%v)", t.Service, cmp.Or(err, kerberos.ErrOrder)),
			Do: "see who answers at this address, before anything else", Server: true, Err: err}
	case errors.Is(err, kerberos.ErrSealing):
		return &kerberos.Error{Says: "the server wants a security layer of SASL, which we do not have", Do: sealing, Server: true, Err: err}
	}
	return refusedTicket(t, err)
}

const sealing = "use ldaps:// or StartTLS, and let the server be content with it (OpenLDAP: sasl-secprops minssf=0; Samba: ldap server require strong auth = allow_sasl_over_tls)"

// offersGSSAPI asks the server, as nobody, which mechanisms it has. One that
// does not say may have it.
func (s *session) offersGSSAPI() error {
	r, err := s.read("", "supportedSASLMechanisms")
	if err != nil || r == nil {
		return nil
	}
	has := r.attrs["supportedsaslmechanisms"]
	if len(has) == 0 || slices.ContainsFunc(has, func(m string) bool { return strings.EqualFold(m, "GSSAPI") }) {
		return nil
	}
	return notOffered(strings.Join(has, ", "), nil)
}

func notOffered(has string, err error) error {
	return &kerberos.Error{Says: "the server does not take GSSAPI; it offers " + has,
		Do: "give it the mechanism (OpenLDAP: libsasl2-modules-gssapi-mit and a keytab), or bind another way", Server: true, Err: err}
}

// refusedTicket puts into words what the server said to the ticket; what is not
// about Kerberos stays as it is.
func refusedTicket(t *kerberos.Ticket, err error) error {
	e := &kerberos.Error{Server: true, Err: err}
	text := strings.ToLower(err.Error())
	switch code := resultCode(err); {
	case strings.Contains(text, "80090346"), strings.Contains(text, "data 57,"): // SEC_E_BAD_BINDINGS, and an ERROR_INVALID_PARAMETER for the same
		e.Says = "the domain controller sees another TLS certificate than we do"
		e.Do = "connect to it directly; what ends TLS between us and it breaks the channel binding that it demands"
	case strings.Contains(text, "clock skew"): // some servers hand on what GSS-API says
		e.Says, e.Do = "the clocks of this machine and of the server differ by more than 5 minutes", "let both follow NTP"
	case strings.Contains(text, "keytab"), strings.Contains(text, "key version"):
		e.Says, e.Do = kerberos.ForeignKey(t.Service)
	case code == ldaplib.LDAPResultAuthMethodNotSupported:
		return notOffered("other mechanisms", err)
	case code == ldaplib.LDAPResultStrongAuthRequired, code == ldaplib.LDAPResultInappropriateAuthentication:
		e.Says, e.Do = "the server does not take GSSAPI on this connection", sealing
	case code == ldaplib.LDAPResultInvalidCredentials:
		e.Says = fmt.Sprintf("the server refuses the ticket of %s to %s%s", t.Principal, t.Service, adSays(err.Error()))
		e.Do = "its log says why: it lacks the key of that name, its clock differs, it sees another TLS certificate than we do, or it maps the principal to nobody"
	default:
		return err
	}
	return e
}

// Tickets gets a ticket to each server, as a bind does, and says which. Its
// error is the first that was met.
func Tickets(ctx context.Context, c Config) (says []string, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	for _, server := range c.Servers {
		t, err := c.Bind.Kerberos.Ticket(ctx, c.service(server))
		if err != nil {
			return says, &Error{stageOf(err), server, err}
		}
		says = append(says, t.Principal+" to "+t.Service)
	}
	return says, nil
}

// stageOf tells a fault of one server from one of our account: the next server
// is not asked with a key that the KDC has just refused.
func stageOf(err error) string {
	if e, ok := errors.AsType[*kerberos.Error](err); ok && e.Server {
		return "sasl"
	}
	return "bind"
}
