package demo

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"grantbridge/saml"
	"grantbridge/saml/demoidp"
)

// Files that StartIdP writes, for the source's saml block.
const (
	idpMetadata    = "idp.xml"
	bridgeKey      = "saml.key"
	bridgeCert     = "saml.crt"
	entityOnBridge = "/saml/" + Okta + "/metadata"
)

// IdP is the Okta-like source's SAML identity provider, on a port of its own.
// Whoever opens its page is who they say.
type IdP struct {
	URL    string
	idp    *demoidp.IdP
	server *http.Server
}

// StartIdP serves the identity provider on loopback, on port or, when that is
// taken or 0, on a free one. It writes into dir its metadata, and a key for the
// bridge.
func StartIdP(o Org, port int, dir string) (*IdP, error) {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, fmt.Errorf("listen for the demo identity provider: %w", err)
		}
	}
	i := &IdP{URL: "http://" + ln.Addr().String()}
	if err := i.build(o, dir); err != nil {
		_ = ln.Close()
		return nil, err
	}
	i.server = &http.Server{Handler: i.idp, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = i.server.Serve(ln) }()
	return i, nil
}

// Close ends it.
func (i *IdP) Close() { _ = i.server.Close() }

func (i *IdP) build(o Org, dir string) error {
	now := time.Now()
	theirs, err := demoidp.NewKey("grantbridge demo identity provider", now)
	if err != nil {
		return err
	}
	ours, err := demoidp.NewKey("grantbridge demo", now)
	if err != nil {
		return err
	}
	if i.idp, err = demoidp.New(demoidp.Config{Base: i.URL, Key: theirs, People: employees(o)}); err != nil {
		return err
	}
	doc, err := i.idp.Metadata()
	if err != nil {
		return err
	}
	return writeFiles(dir, doc, ours)
}

func writeFiles(dir string, metadata []byte, ours saml.Key) error {
	private, err := x509.MarshalPKCS8PrivateKey(ours.Private)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		idpMetadata: metadata,
		bridgeKey:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		bridgeCert:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.Certificate.Raw}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Trust registers the bridge at base.
func (i *IdP) Trust(ctx context.Context, base string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+entityOnBridge, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	doc, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch our own SAML metadata: %s: %.300s", res.Status, doc)
	}
	return i.idp.Register(doc)
}

// worthSeeing are the groups of somebody, each with what there is to see.
var worthSeeing = []struct {
	groups []string
	note   string
}{
	{[]string{"Marketing EMEA"}, "writes in the EU"},
	{[]string{"Matomo-SuperUser"}, "superuser"},
	{[]string{"Matomo-View-All"}, "sees every site"},
	{[]string{"Matomo-Admin-blog", "Security-Trained"}, "administers the blog"},
	{[]string{"Shop-Team", "Security-Trained"}, "administers shops, whose rule asks for both groups"},
	{[]string{"Launch-Crew"}, "administers a campaign for 14 days"},
	{[]string{"Marketing EMEA", "Contractors"}, "contractor: may only view what marketing may write"},
	{[]string{"matomo_admin_docs", "Shop-Team"}, "in a group whose name just misses its rule"},
	{nil, "in no group"},
}

// employees are the Okta-like source's people: first one for each thing worth
// seeing, then somebody that the source has not pushed, then the rest.
func employees(o Org) []demoidp.Person {
	notes := map[string]string{} // by login
	var first, rest []demoidp.Person
	for _, w := range worthSeeing {
		i := slices.IndexFunc(o.People, func(p Person) bool {
			return p.Source == Okta && notes[p.Login] == "" && slices.Equal(p.Groups, w.groups)
		})
		if i >= 0 {
			notes[o.People[i].Login] = w.note
			first = append(first, employee(o.People[i], w.note))
		}
	}
	for _, p := range o.People {
		if p.Source == Okta && notes[p.Login] == "" {
			rest = append(rest, employee(p, ""))
		}
	}
	stranger := demoidp.Person{ID: "00uNotPushedYet00000", Login: "new.hire", Given: "New", Family: "Hire", Note: "not pushed by SCIM yet: is refused"}
	return slices.Concat(first, []demoidp.Person{stranger}, rest)
}

func employee(p Person, note string) demoidp.Person {
	return demoidp.Person{ID: p.ExternalID, Login: p.Login, Given: p.Given, Family: p.Family, Mail: p.Email, Groups: p.Groups, Note: note}
}
