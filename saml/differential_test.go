package saml_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	samllib "github.com/crewjam/saml"
	"github.com/google/go-cmp/cmp"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestWhereWeDifferFromCrewjam runs the corpus against the library's own parser
// and keeps what differs in testdata/crewjam.txt, so that an upgrade of the
// library shows what it changed.
func TestWhereWeDifferFromCrewjam(t *testing.T) {
	l := samltest.NewLab()
	old := samllib.TimeNow
	t.Cleanup(func() { samllib.TimeNow = old })
	var b strings.Builder
	counts := map[string]int{}
	for _, v := range samltest.Vectors() {
		ours := "accept"
		if v.Want != "" {
			ours = "reject " + string(v.Want)
		}
		theirs := crewjam(l, v)
		counts[theirs]++
		if word, _, _ := strings.Cut(ours, " "); word != theirs {
			fmt.Fprintf(&b, "%-7s  ours: %-36s %s\n", theirs, ours, v.Name)
		}
	}
	head := fmt.Sprintf("# What crewjam/saml v0.5.1 says where we say otherwise, over %d vectors: %d accepted, %d rejected, %d panics.\n# go test ./saml -run Crewjam -update writes this file.\n",
		len(samltest.Vectors()), counts["accept"], counts["reject"], counts["PANIC"])
	got := head + b.String()
	if *update {
		if err := os.WriteFile("testdata/crewjam.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/crewjam.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run with -update and read what changed:\n%s", diff)
	}
}

// crewjam is the library's verdict on a vector, configured as near to ours as
// it can be.
func crewjam(l *samltest.Lab, v samltest.Vector) (verdict string) {
	defer func() {
		if recover() != nil {
			verdict = "PANIC"
		}
	}()
	raw, err := base64.StdEncoding.DecodeString(v.Message(l))
	if err != nil {
		return "reject"
	}
	c := l.Config()
	if v.Config != nil {
		v.Config(&c)
	}
	sp := crewjamSP(l, c)
	var ids []string
	for _, r := range v.Waiting() {
		ids = append(ids, r.ID)
	}
	samllib.TimeNow = func() time.Time { return samltest.Now.Add(v.At) }
	if _, err := sp.ParseXMLResponse(raw, ids, sp.AcsURL); err != nil {
		return "reject"
	}
	return "accept"
}

func crewjamSP(l *samltest.Lab, c saml.Config) *samllib.ServiceProvider {
	mustURL := func(s string) url.URL {
		u, err := url.Parse(s)
		if err != nil {
			panic(err)
		}
		return *u
	}
	idp := samllib.IDPSSODescriptor{}
	for _, k := range c.IdP.Keys {
		idp.KeyDescriptors = append(idp.KeyDescriptors, samllib.KeyDescriptor{Use: "signing", KeyInfo: samllib.KeyInfo{X509Data: samllib.X509Data{
			X509Certificates: []samllib.X509Certificate{{Data: base64.StdEncoding.EncodeToString(k.Certificate.Raw)}}}}})
	}
	sp := &samllib.ServiceProvider{
		EntityID: samltest.Entity, MetadataURL: mustURL(samltest.Entity), AcsURL: mustURL(c.ACS), SloURL: mustURL(c.SLO),
		AllowIDPInitiated: c.IDPInitiated == saml.On,
		IDPMetadata:       &samllib.EntityDescriptor{EntityID: c.IdP.EntityID, IDPSSODescriptors: []samllib.IDPSSODescriptor{idp}},
	}
	if len(c.Keys) > 0 {
		sp.Key, sp.Certificate = c.Keys[0].Private, c.Keys[0].Certificate
	}
	return sp
}
