package ldapsync

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
	"grantbridge/ldapsync/kerberos"
	"grantbridge/ldapsync/kerberos/kdctest"
	"grantbridge/ldapsync/ldaptest"
)

// kerberized reads the place by Kerberos; the server is ldap/localhost.
func (s *slapd) kerberized(k kdctest.KDC) Config {
	c := s.config()
	c.ServerName = "localhost"
	c.Bind = Bind{Method: BindGSSAPI, Kerberos: k.Credentials("grantbridge")}
	return c
}

func (s *slapd) ldaps() []string {
	return []string{"ldaps://127.0.0.1:" + s.url.Query().Get("tls")}
}

func TestSlapdIsReadByKerberos(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	s.group("staff", s.person("ada"))
	for name, change := range map[string]func(*Config){
		"StartTLS":            func(*Config) {},
		"ldaps":               func(c *Config) { c.Servers = s.ldaps() },
		"the host in the URL": func(c *Config) { c.Servers, c.ServerName = []string{"ldap://LOCALHOST:" + s.url.Port()}, "" },
		"ldapi": func(c *Config) {
			c.Servers, c.Bind.Service = []string{"ldapi://" + filepath.Join(s.folder, "ldapi")}, "ldap/localhost"
		},
		"loopback, no TLS": func(c *Config) { c.Plaintext = true },
		"a cache": func(c *Config) {
			c.Bind.Kerberos = kerberos.Credentials{Cache: k.File("ccache"), Config: k.File("krb5.conf")}
		},
		"a key of AES128": func(c *Config) { c.Bind.Kerberos = k.Credentials("aes128") },
		"the next server": func(c *Config) {
			c.Servers, c.ServerName = append([]string{"ldap://127.0.0.1:" + s.url.Port()}, "ldap://localhost:"+s.url.Port()), ""
			c.RootCAs = s.config().RootCAs
		},
	} {
		c := s.kerberized(k)
		change(&c)
		if d := follow(t, c, directory.State{}); len(d.Next.Accounts) != 1 || len(d.Next.Groups) != 1 {
			t.Errorf("%s: %v", name, words(d))
			continue
		}
		session, err := ptr(c.withDefaults()).open(t.Context(), "")
		s.must(err)
		who, err := session.ldap.WhoAmI(nil)
		session.close()
		if err != nil || who.AuthzID != "dn:cn=reader,"+ldaptest.Suffix {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
}

// A worker that runs for weeks asks for a new ticket at each connect, and takes
// the keytab as it is then.
func TestKerberosTicketsAreNewAtEachConnect(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	s.person("ada")
	whole, err := os.ReadFile(k.File("client.keytab"))
	s.must(err)
	c := s.kerberized(k)
	c.Bind.Kerberos.Keytab = filepath.Join(t.TempDir(), "keytab")
	r := reader(t, c)
	if _, err := r.Read(t.Context(), directory.State{}); err == nil {
		t.Fatal("read without a keytab")
	}
	s.must(os.WriteFile(c.Bind.Kerberos.Keytab, whole, 0o600))
	before := k.Issued(t)
	for range 3 {
		_, err := r.Read(t.Context(), directory.State{})
		s.must(err)
	}
	// A reading may open more than one connection.
	if n := k.Issued(t) - before; n < 3 {
		t.Errorf("%d tickets for 3 readings", n)
	}
}

func TestKerberosFaultsAreSaid(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	s.person("ada")
	for name, c := range map[string]struct {
		change func(*Config)
		stage  string
		next   Next
		says   string
	}{
		"a stale key":          {func(c *Config) { c.Bind.Kerberos = k.Credentials("stale") }, "bind", Stop, "not the account's any more"},
		"an unknown service":   {func(c *Config) { c.ServerName = "127.0.0.1" }, "sasl", Stop, "knows no service ldap/127.0.0.1"},
		"a service of another": {func(c *Config) { c.Bind.Service = "other/localhost" }, "sasl", Stop, "refuses the ticket of grantbridge@CORP.EXAMPLE to other/localhost"},
		"a ticket that is bound to other TLS": {func(c *Config) {
			c.Servers = s.ldaps()
			s.between(c)
		}, "sasl", Stop, "another TLS certificate"},
		"no KDC": {func(c *Config) {
			c.Bind.Kerberos.Config = filepath.Join(t.TempDir(), "krb5.conf")
			s.must(os.WriteFile(c.Bind.Kerberos.Config, []byte("[libdefaults]\ndefault_realm=CORP.EXAMPLE\n[realms]\nCORP.EXAMPLE={\nkdc=127.0.0.1:1\n}\n"), 0o600))
		}, "bind", Retry, "no KDC of CORP.EXAMPLE answers"},
	} {
		cfg := s.kerberized(k)
		c.change(&cfg)
		_, err := try(cfg, directory.State{})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Stage != c.stage || e.Next() != c.next || !strings.Contains(e.Words(), c.says) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Logf("%s: %s", name, e.Words())
		r := Check(t.Context(), cfg)
		if r.Trusted || r.Stages[0].Verdict != Bad || strings.Contains(r.Stages[0].Says, r.Stages[0].Do) {
			t.Errorf("%s: %+v", name, r.Stages[0])
		}
		if _, err := Tickets(t.Context(), cfg); err == nil && c.stage == "bind" {
			t.Errorf("%s: there is a ticket", name)
		}
	}
}

// between puts a man in the middle between us and the server, whose certificate
// we trust: what ends TLS in front of a directory.
func (s *slapd) between(c *Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	s.must(err)
	cert, err := x509.ParseCertificate(der)
	s.must(err)
	server := strings.TrimPrefix(c.Servers[0], "ldaps://")
	trusted := c.RootCAs
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AddCert(cert)
	c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		behind, err := (&tls.Dialer{Config: &tls.Config{RootCAs: trusted, ServerName: "localhost"}}).DialContext(ctx, network, server)
		if err != nil {
			return nil, err
		}
		ours, theirs := net.Pipe()
		front := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		go func() { _, _ = io.Copy(behind, front); behind.Close() }()
		go func() { _, _ = io.Copy(front, behind); front.Close() }()
		return ours, nil
	}
}

// The same man in the middle, and a password: it goes through. The binding is
// what stops him.
func TestAManInTheMiddleIsStoppedByTheBindingAlone(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	s.person("ada")
	c := s.config()
	c.Servers, c.ServerName = s.ldaps(), "localhost"
	s.between(&c)
	follow(t, c, directory.State{})
	c.Bind = s.kerberized(k).Bind
	if _, err := try(c, directory.State{}); err == nil {
		t.Error("a ticket went through, too")
	}
}

func TestSlapdThatWantsALayerIsSaid(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	s.person("ada")
	root, err := ldaplib.DialURL("ldap://" + s.url.Host)
	s.must(err)
	defer root.Close()
	s.must(root.Bind("cn=config", "secret"))
	set := func(properties string) {
		r := ldaplib.NewModifyRequest("cn=config", nil)
		r.Replace("olcSaslSecProps", []string{properties})
		s.must(root.Modify(r))
	}
	set("minssf=1000")
	defer set("noplain,noanonymous,minssf=0")
	_, err = try(s.kerberized(k), directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Words(), "minssf=0") || e.Next() != Stop {
		t.Error(err)
	}
}

// spoilt changes what the server says before the context sees it.
type spoilt struct {
	*kerberos.Context
	step, at, steps int
	record          [][]byte
	replay          [][]byte
}

func (s *spoilt) change(token []byte) []byte {
	if len(token) == 0 {
		return token
	}
	s.record = append(s.record, slices.Clone(token))
	if s.step == s.steps && s.replay != nil {
		token = s.replay[s.steps]
	} else if s.step == s.steps && s.at >= 0 {
		token = slices.Clone(token)
		token[s.at%len(token)] ^= 0x40
	}
	s.steps++
	return token
}

func (s *spoilt) InitSecContextWithOptions(service string, token []byte, o []int) ([]byte, bool, error) {
	return s.Context.InitSecContextWithOptions(service, s.change(token), o)
}

func (s *spoilt) NegotiateSaslAuth(token []byte, authzid string) ([]byte, error) {
	return s.Context.NegotiateSaslAuth(s.change(token), authzid)
}

// Each byte of what the server says is under the proof, but for the frame; and
// its answer to one question is none to another.
func TestAServerThatCannotReadTheTicketIsNotBelieved(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	ticket, err := k.Credentials("grantbridge").Ticket(t.Context(), "ldap/localhost")
	s.must(err)
	bind := func(p *spoilt) (bool, error) {
		p.Context = ticket.Context(nil)
		l, err := ldaplib.DialURL("ldap://" + s.url.Host)
		s.must(err)
		defer l.Close()
		err = l.GSSAPIBind(p, "", "")
		return p.Complete(), err
	}
	usual := &spoilt{at: -1}
	if done, err := bind(usual); err != nil || !done || usual.steps != 2 {
		t.Fatalf("%v, %v after %d", done, err, usual.steps)
	}
	for step, token := range usual.record {
		if done, _ := bind(&spoilt{step: step, replay: usual.record}); done {
			t.Errorf("answer %d of another bind is believed", step)
		}
		for at := range token {
			if step == 0 && at < len(token)-80 || step == 1 && (at == 6 || at == 7) {
				continue // tags, and how far it is rotated: one who changes them proves no less
			}
			if done, _ := bind(&spoilt{step: step, at: at}); done {
				t.Errorf("answer %d with another byte %d is believed", step, at)
			}
		}
	}
}

// Active Directory's token has the checksum first (RRC 12), FreeIPA's has it
// last (RRC 0); how far it is rotated is not under the checksum.
func TestAnOfferIsReadHoweverItIsRotated(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	ticket, err := k.Credentials("grantbridge").Ticket(t.Context(), "ldap/localhost")
	s.must(err)
	for by := range uint16(20) {
		l, err := ldaplib.DialURL("ldap://" + s.url.Host)
		s.must(err)
		turned := &rotated{ticket.Context(nil), by}
		if err := l.GSSAPIBind(turned, "", ""); err != nil || !turned.Complete() {
			t.Errorf("rotated by %d: %v", by, err)
		}
		l.Close()
	}
}

type rotated struct {
	*kerberos.Context
	by uint16
}

func (r *rotated) NegotiateSaslAuth(token []byte, authzid string) ([]byte, error) {
	const header = 16
	head, body := slices.Clone(token[:header]), token[header:]
	back := int(binary.BigEndian.Uint16(head[6:])) % len(body)
	plain := slices.Concat(body[back:], body[:back])
	to := len(plain) - int(r.by)%len(plain)
	binary.BigEndian.PutUint16(head[6:], r.by)
	return r.Context.NegotiateSaslAuth(slices.Concat(head, plain[to:], plain[:to]), authzid)
}

// What domain controllers said to clients whose ticket was bound to no TLS, or
// that came without TLS; each as it was reported.
func TestDomainControllersAreUnderstood(t *testing.T) {
	ticket := &kerberos.Ticket{Principal: "grantbridge@CORP.EXAMPLE", Service: "ldap/dc1.corp.example"}
	for _, c := range []struct {
		code       uint16
		text, says string
	}{
		{49, "80090346: LdapErr: DSID-0C09056D, comment: AcceptSecurityContext error, data 80090346, v2580", "another TLS certificate"},
		{49, "8009030C: LdapErr: DSID-0C09070F, comment: AcceptSecurityContext error, data 52e, v4563", "refuses the ticket of grantbridge@CORP.EXAMPLE"},
		{8, `00002028: LdapErr: DSID-0C090343, comment: The server requires binds to turn on integrity checking if SSL\TLS are not already active on the connection`, "does not take GSSAPI on this connection"},
	} {
		err := refusedTicket(ticket, &ldaplib.Error{ResultCode: c.code, Err: errors.New(c.text)})
		if e, ok := errors.AsType[*kerberos.Error](err); !ok || !e.Server || !strings.Contains(e.Says, c.says) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// A server that says success to everything has proved nothing.
func TestAServerThatSaysSuccessIsNotBelieved(t *testing.T) {
	k := kdctest.Open(t)
	s := serve(t, small(), ldaptest.OpenLDAP)
	s.Hidden = map[string]bool{"supportedsaslmechanisms": true}
	c := config(s)
	c.Servers = []string{"ldap://127.0.0.1"} // by Dial, in memory
	c.Bind = Bind{Method: BindGSSAPI, Kerberos: k.Credentials("grantbridge"), Service: "ldap/localhost"}
	_, err := try(c, directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Words(), "did not prove that it is ldap/localhost") || e.Next() != Stop {
		t.Error(err)
	}
}

func TestKerberosWithoutTLSIsRefused(t *testing.T) {
	who := kerberos.Credentials{Principal: "p", Keytab: "k"}
	s := serve(t, small(), ldaptest.OpenLDAP)
	c := config(s)
	c.Bind = Bind{Method: BindGSSAPI, Kerberos: who}
	if err := c.Validate(); !errors.Is(err, ErrUnprotected) {
		t.Errorf("plaintext: %v", err)
	}
	c.Plaintext = false
	_, err := try(c, directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrUnprotected) || e.Next() != Stop || !strings.Contains(e.Words(), "ldaps://") || strings.Contains(e.Words(), "password") {
		t.Errorf("no StartTLS: %v", err)
	}
	c.Servers, c.Plaintext = []string{"ldap://127.0.0.1"}, true
	_, err = try(c, directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Stage != "sasl" || !strings.Contains(e.Words(), "it offers EXTERNAL") {
		t.Errorf("a server without it: %v", err)
	}
	for service, good := range map[string]bool{"": true, "host/dc1.corp.example": true, "dc1": false, "ldap/": false, "/dc1": false, "ldap/dc1@CORP": false, "a/b/c": false} {
		if c.Bind.Service = service; (c.Validate() == nil) != good {
			t.Errorf("%q: %v", service, c.Validate())
		}
	}
	c.Bind.Service, c.Servers = "", []string{"ldapi:///run/slapd"}
	if c.Validate() == nil {
		t.Error("ldapi names no service")
	}
}

// The lines that Check prints are for copying into a shell, also by Kerberos.
func TestSlapdAnswersTheLinesThatCheckPrintsByKerberos(t *testing.T) {
	k := kdctest.Open(t)
	s := openSlapd(t)
	s.group("staff", s.person("ada"))
	for _, who := range []kerberos.Credentials{k.Credentials("grantbridge"), {Cache: k.File("ccache"), Config: k.File("krb5.conf")}} {
		c := s.kerberized(k)
		c.Servers, c.ServerName, c.Bind.Kerberos = []string{"ldap://localhost:" + s.url.Port()}, "", who
		r := Check(t.Context(), c)
		if !r.Trusted || !strings.Contains(r.Stages[0].Says, "bound as "+who.String()) {
			t.Fatalf("%+v", r)
		}
		i := slices.IndexFunc(r.Stages, func(s Stage) bool { return s.Search != "" })
		cmd := exec.CommandContext(t.Context(), "sh", "-c", r.Stages[i].Search)
		// GnuTLS compares localhost with this machine's name.
		cmd.Env = append(cmd.Environ(), "LDAPTLS_REQCERT=never", "KRB5CCNAME="+filepath.Join(t.TempDir(), "ccache"))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "dn:") {
			t.Errorf("%s\n%s\n%v", r.Stages[i].Search, out, err)
		}
	}
}
