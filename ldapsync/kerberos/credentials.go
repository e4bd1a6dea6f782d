package kerberos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// DefaultConfig is where the system's configuration of Kerberos stands.
const DefaultConfig = "/etc/krb5.conf"

// Credentials are who we are, and where that is proved. The zero value proves
// nothing.
type Credentials struct {
	// Principal is name@REALM; without a realm, the configuration's default_realm.
	// Of a cache it is the one that the cache has.
	Principal string
	// Keytab is a file with its keys, Cache instead one with its tickets, which
	// somebody else renews.
	Keytab, Cache string
	// Config is a krb5.conf; empty is DefaultConfig, which may be missing. Files
	// that it includes are not read.
	Config string
}

// Validate says what is wrong with c before a file is read.
func (c Credentials) Validate() error {
	switch {
	case c.Keytab == "" && c.Cache == "":
		return errors.New("give a keytab, or a credential cache")
	case c.Keytab != "" && c.Cache != "":
		return errors.New("a keytab and a credential cache are both given; keep one")
	case c.Cache != "" && c.Principal != "":
		return errors.New("the principal is the credential cache's own; leave it out")
	case c.Keytab != "" && strings.Trim(c.Principal, "@/") == "":
		return errors.New("the principal is missing; give the one whose key is in the keytab, as grantbridge@CORP.EXAMPLE")
	}
	return nil
}

// String names who we are; of a cache its file.
func (c Credentials) String() string {
	if c.Cache != "" {
		return "the principal of " + c.Cache
	}
	return c.Principal
}

// aes are the types of keys that we take, in MIT's order of preference.
var aes = []int32{etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128}

// Ticket is a proof of who we are to one service.
type Ticket struct {
	Principal, Service string
	ticket             clientTicket
}

// Ticket asks the KDC for a ticket to the service, as ldap/dc1.corp.example.
// Its error is an *Error, or ctx's.
func (c Credentials) Ticket(ctx context.Context, service string) (*Ticket, error) {
	type answer struct {
		t   *Ticket
		err error
	}
	got := make(chan answer, 1)
	// The library takes no context; each of its questions ends within 5 s a KDC.
	go func() {
		t, err := c.ask(service)
		got <- answer{t, err}
	}()
	select {
	case a := <-got:
		return a.t, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c Credentials) ask(service string) (*Ticket, error) {
	conf, err := c.settings()
	if err != nil {
		return nil, err
	}
	login := c.byKeytab
	if c.Cache != "" {
		login = c.byCache
	}
	cl, err := login(conf)
	if err != nil {
		return nil, err
	}
	defer cl.Destroy() // ends its goroutines
	who, realm := cl.Credentials.CName(), cl.Credentials.Domain()
	t := &Ticket{Principal: who.PrincipalNameString() + "@" + realm, Service: service}
	ticket, key, err := cl.GetServiceTicket(service)
	if err != nil {
		return nil, c.fault(t, realm, err)
	}
	if !slices.Contains(aes, key.KeyType) {
		return nil, noAES(service)
	}
	t.ticket = clientTicket{ticket, key, who, realm}
	return t, nil
}

// settings reads krb5.conf, and sets what has only one right value here.
func (c Credentials) settings() (*config.Config, error) {
	path := c.configName()
	text, err := os.ReadFile(path)
	if c.Config == "" && errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	conf, wrong := config.NewFromString(string(text))
	if _, partly := errors.AsType[config.UnsupportedDirective](wrong); wrong != nil && !partly { // of Kerberos 4
		err = cmp.Or(err, wrong)
	}
	if err != nil {
		return nil, &Error{Says: fmt.Sprintf("the configuration of Kerberos %s cannot be read (%v)", path, err), Do: "correct it, or name another with config_file", Err: err}
	}
	// Of a KDC that answers by UDP alone the library loses the answer, and by UDP
	// it cuts long ones; RFC 4120 section 7.2.2 demands TCP.
	conf.LibDefaults.UDPPreferenceLimit = 1
	conf.LibDefaults.DefaultTGSEnctypeIDs = aes
	return conf, nil
}

// byKeytab is a client that signs in with the keytab's keys.
func (c Credentials) byKeytab(conf *config.Config) (*client.Client, error) {
	name, realm, err := c.principal(conf)
	if err != nil {
		return nil, err
	}
	kt, err := c.loadKeytab()
	if err != nil {
		return nil, err
	}
	keys, err := c.keysOf(kt, name, realm)
	if err != nil {
		return nil, err
	}
	conf.LibDefaults.DefaultTktEnctypeIDs = keys
	lookup(conf, realm)
	// Active Directory does not do the negotiation of FAST, which nothing here uses.
	return client.NewWithKeytab(name, realm, kt, conf, client.DisablePAFXFAST(true)), nil
}

func (c Credentials) principal(conf *config.Config) (name, realm string, err error) {
	name, realm, _ = strings.Cut(c.Principal, "@")
	if realm == "" {
		realm = conf.LibDefaults.DefaultRealm
	}
	if realm == "" {
		return "", "", &Error{Says: fmt.Sprintf("the realm of %s is not known", name), Do: "write it as " + name + "@CORP.EXAMPLE, or set default_realm in krb5.conf"}
	}
	return name, realm, nil
}

// lookup asks DNS for KDCs when none is configured, as MIT's library does.
func lookup(conf *config.Config, realm string) {
	configured := slices.ContainsFunc(conf.Realms, func(r config.Realm) bool { return r.Realm == realm && len(r.KDC) > 0 })
	conf.LibDefaults.DNSLookupKDC = conf.LibDefaults.DNSLookupKDC || !configured
}

func (c Credentials) loadKeytab() (*keytab.Keytab, error) {
	text, err := os.ReadFile(c.Keytab)
	if err != nil {
		return nil, &Error{Says: fmt.Sprintf("the keytab cannot be read (%v)", err), Do: "correct keytab_file, and let the user of this process read it", Err: err}
	}
	kt := keytab.New()
	// The library's error holds the file, and so the keys.
	if guard(func() error { return kt.Unmarshal(text) }) != nil {
		return nil, &Error{Says: c.Keytab + " is no keytab", Do: "export it again, in binary: ktpass, kadmin ktadd, samba-tool domain exportkeytab"}
	}
	return kt, nil
}

// keysOf are the types of the principal's keys.
func (c Credentials) keysOf(kt *keytab.Keytab, name, realm string) ([]int32, error) {
	var types []int32
	var others []string
	weak := false
	for _, e := range kt.Entries {
		who := strings.Join(e.Principal.Components, "/") + "@" + e.Principal.Realm
		switch {
		case who != name+"@"+realm:
			if !slices.Contains(others, who) {
				others = append(others, who)
			}
		case slices.Contains(aes, e.Key.KeyType):
			types = append(types, e.Key.KeyType)
		default:
			weak = true
		}
	}
	switch {
	case len(types) > 0:
		return slices.DeleteFunc(slices.Clone(aes), func(t int32) bool { return !slices.Contains(types, t) }), nil
	case weak:
		return nil, &Error{Says: fmt.Sprintf("the keytab %s has only keys of RC4 or DES for %s@%s", c.Keytab, name, realm), Do: "export it with AES keys: ktpass /crypto AES256-SHA1, kadmin ktadd -e aes256-cts-hmac-sha1-96:normal"}
	}
	has := "it has no key"
	if len(others) > 0 {
		has = "it has those of " + strings.Join(others, ", ")
	}
	return nil, &Error{Says: fmt.Sprintf("the keytab %s has no key of %s@%s; %s", c.Keytab, name, realm, has), Do: "correct principal, to the letter, or export the keytab of this account"}
}

// byCache is a client with the tickets of the cache.
func (c Credentials) byCache(conf *config.Config) (*client.Client, error) {
	text, err := os.ReadFile(c.Cache)
	if err != nil {
		return nil, &Error{Says: fmt.Sprintf("the credential cache cannot be read (%v)", err), Do: "correct ccache_file, let the user of this process read it, and fill it: kinit -c " + c.Cache, Err: err}
	}
	var cache credentials.CCache
	if guard(func() error { return cache.Unmarshal(text) }) != nil {
		return nil, &Error{Says: c.Cache + " is no credential cache", Do: "give the file of a cache of the type FILE; kinit -c " + c.Cache + " makes one"}
	}
	realm := cache.DefaultPrincipal.Realm
	tgt, ok := cache.GetEntry(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}})
	if !ok || !time.Now().Before(tgt.EndTime) {
		ended := "has no ticket to ask for others with"
		if ok {
			ended = "ended at " + tgt.EndTime.UTC().Format(time.RFC3339)
		}
		return nil, &Error{Says: fmt.Sprintf("the credential cache %s %s", c.Cache, ended), Do: "renew it, and see that it is renewed in time (k5start, sssd), or use a keytab", Retry: true}
	}
	lookup(conf, realm)
	var cl *client.Client
	err = guard(func() (err error) {
		cl, err = client.NewFromCCache(&cache, conf, client.DisablePAFXFAST(true))
		return err
	})
	if err != nil {
		return nil, &Error{Says: fmt.Sprintf("the tickets of the credential cache %s cannot be used (%v)", c.Cache, err), Do: "make it anew: kinit -c " + c.Cache, Err: err}
	}
	return cl, nil
}

// guard makes an error of a panic: the library's parsers of files index what a
// broken file announces.
func guard(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("malformed")
		}
	}()
	return f()
}
