package kerberos_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"grantbridge/ldapsync/kerberos"
	"grantbridge/ldapsync/kerberos/kdctest"
)

const service = "ldap/localhost"

func TestTicketsAreGivenTo(t *testing.T) {
	k := kdctest.Open(t)
	for name, c := range map[string]kerberos.Credentials{
		"a principal with its realm":               k.Credentials("grantbridge@" + kdctest.Realm),
		"a principal of the default realm":         k.Credentials("grantbridge"),
		"one that needs no pre-authentication":     k.Credentials("open"),
		"a key that is not the KDC's first choice": k.Credentials("aes128"),
		"a credential cache":                       {Cache: k.File("ccache"), Config: k.File("krb5.conf")},
	} {
		got, err := c.Ticket(t.Context(), service)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasSuffix(got.Principal, "@"+kdctest.Realm) || got.Service != service {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Each fault says what is wrong, and what to do; only what may pass by itself is
// repeated, because a refused key counts towards a lock-out.
func TestFaultsSayWhatToDo(t *testing.T) {
	k := kdctest.Open(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keytab, err := os.ReadFile(k.File("client.keytab"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*kerberos.Credentials)) kerberos.Credentials {
		c := k.Credentials("grantbridge")
		change(&c)
		return c
	}
	cache := func(file string) kerberos.Credentials {
		return kerberos.Credentials{Cache: file, Config: k.File("krb5.conf")}
	}
	for name, c := range map[string]struct {
		who     kerberos.Credentials
		service string
		says    string
		do      string
		retry   bool
	}{
		"a stale key":                       {k.Credentials("stale"), service, "not the account's any more", "export the keytab again", false},
		"a stale key, found by us":          {k.Credentials("stale-open"), service, "not the account's any more", "export the keytab again", false},
		"a locked account":                  {k.Credentials("locked"), service, "refuses locked@CORP.EXAMPLE", "unlock", false},
		"a password that has ended":         {k.Credentials("expired"), service, "password of expired@CORP.EXAMPLE has expired", "export the keytab", false},
		"an account that is gone":           {k.Credentials("gone"), service, "does not know gone@CORP.EXAMPLE", "correct principal", false},
		"a keytab without the principal":    {k.Credentials("nobody"), service, "no key of nobody@CORP.EXAMPLE; it has those of grantbridge@CORP.EXAMPLE", "correct principal", false},
		"another realm":                     {k.Credentials("grantbridge@corp.example"), service, "no key of grantbridge@corp.example", "correct principal", false},
		"an unknown service":                {k.Credentials("grantbridge"), "ldap/nowhere", "knows no service ldap/nowhere", "kerberos.service", false},
		"no KDC at the address":             {with(func(c *kerberos.Credentials) { c.Config = write("closed.conf", realmAt("127.0.0.1:1")) }), service, "no KDC of CORP.EXAMPLE answers", "kdc = HOST:88", true},
		"no keytab":                         {with(func(c *kerberos.Credentials) { c.Keytab = filepath.Join(dir, "none") }), service, "none: no such file", "keytab_file", false},
		"a password file for a keytab":      {with(func(c *kerberos.Credentials) { c.Keytab = write("text", "secret-secret") }), service, "is no keytab", "export it again", false},
		"half a keytab":                     {with(func(c *kerberos.Credentials) { c.Keytab = write("half", string(keytab[:40])) }), service, "is no keytab", "export it again", false},
		"a keytab of RC4 alone":             {with(func(c *kerberos.Credentials) { c.Keytab = write("rc4", rc4Keytab) }), service, "only keys of RC4", "AES256", false},
		"no realm":                          {with(func(c *kerberos.Credentials) { c.Config = write("bare.conf", "[libdefaults]\n") }), service, "the realm of grantbridge is not known", "default_realm", false},
		"a configuration that is none":      {with(func(c *kerberos.Credentials) { c.Config = write("bad.conf", "[libdefaults]\nnonsense\n") }), service, "bad.conf cannot be read", "config_file", false},
		"a configuration that is not there": {with(func(c *kerberos.Credentials) { c.Config = filepath.Join(dir, "none.conf") }), service, "none.conf cannot be read", "config_file", false},
		"no cache":                          {cache(filepath.Join(dir, "none")), service, "none: no such file", "kinit", false},
		"a keytab for a cache":              {cache(k.File("client.keytab")), service, "is no credential cache", "kinit", false},
		"a cache that is empty":             {cache(write("empty", "")), service, "is no credential cache", "kinit", false},
	} {
		_, err := c.who.Ticket(t.Context(), c.service)
		e, ok := errors.AsType[*kerberos.Error](err)
		if !ok || !strings.Contains(e.Says, c.says) || !strings.Contains(e.Do, c.do) || e.Retry != c.retry {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Logf("%s:\n\t%s", name, e.Words())
		for _, entry := range [][]byte{keytab[20:40], []byte("secret-secret")} {
			if bytes.Contains([]byte(e.Words()+e.Error()), entry) {
				t.Errorf("%s: a secret is shown: %v", name, err)
			}
		}
	}
}

func realmAt(address string) string {
	return "[libdefaults]\ndefault_realm = CORP.EXAMPLE\n[realms]\nCORP.EXAMPLE = {\nkdc = " + address + "\n}\n"
}

// rc4Keytab has one key of grantbridge@CORP.EXAMPLE, of the type 23.
const rc4Keytab = "\x05\x02\x00\x00\x00\x3e\x00\x01\x00\x0cCORP.EXAMPLE\x00\x0bgrantbridge\x00\x00\x00\x01\x65\x00\x00\x00\x01\x00\x17\x00\x100123456789abcdef\x00\x00\x00\x01"

// In the bubble it is the year 2000; the KDC lives outside.
func TestClocksThatDifferAreSaid(t *testing.T) {
	k := kdctest.Open(t)
	for _, who := range []string{"grantbridge", "open"} {
		synctest.Test(t, func(t *testing.T) {
			_, err := k.Credentials(who).Ticket(t.Context(), service)
			if e, ok := errors.AsType[*kerberos.Error](err); !ok || !strings.Contains(e.Says, "the clocks") || !strings.Contains(e.Do, "NTP") || e.Retry {
				t.Errorf("%s: %v", who, err)
			}
		})
	}
}

// A cache whose tickets have ended is said to have, by name.
func TestACacheThatEndedIsSaid(t *testing.T) {
	k := kdctest.Open(t)
	c := kerberos.Credentials{Cache: k.File("ccache"), Config: k.File("krb5.conf")}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 365 * 24 * time.Hour) // in the bubble: to the year 2099
		_, err := c.Ticket(t.Context(), service)
		if e, ok := errors.AsType[*kerberos.Error](err); !ok || !strings.Contains(e.Says, "ended at") || !strings.Contains(e.Do, "k5start") || !e.Retry {
			t.Error(err)
		}
	})
}

// A KDC that takes the connection and says nothing holds nobody who leaves.
func TestASilentKDCIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	keytab, conf := filepath.Join(dir, "keytab"), filepath.Join(dir, "krb5.conf")
	key := strings.NewReplacer("\x00\x17\x00\x10", "\x00\x11\x00\x10").Replace(rc4Keytab) // the same as AES128
	if err := errors.Join(os.WriteFile(keytab, []byte(key), 0o600), os.WriteFile(conf, []byte(realmAt(l.Addr().String())), 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = kerberos.Credentials{Principal: "grantbridge", Keytab: keytab, Config: conf}.Ticket(ctx, service)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestCredentialsAreWhole(t *testing.T) {
	for name, c := range map[string]struct {
		kerberos.Credentials
		says string
	}{
		"nothing":                    {kerberos.Credentials{}, "a keytab, or"},
		"both":                       {kerberos.Credentials{Principal: "p", Keytab: "k", Cache: "c"}, "keep one"},
		"a keytab without who":       {kerberos.Credentials{Keytab: "k"}, "principal is missing"},
		"a realm without who":        {kerberos.Credentials{Keytab: "k", Principal: "@"}, "principal is missing"},
		"a cache and somebody":       {kerberos.Credentials{Cache: "c", Principal: "p"}, "leave it out"},
		"a keytab and its principal": {kerberos.Credentials{Keytab: "k", Principal: "p"}, ""},
		"a cache, which has its own": {kerberos.Credentials{Cache: "c"}, ""},
	} {
		err := c.Validate()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
