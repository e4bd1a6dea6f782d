package verify_test

import (
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/scim/verify"
	"grantbridge/store"
)

// TestOurServerPasses runs every case of the RFCs on a strict source, and every
// provider's on one that reads everybody's forms.
func TestOurServerPasses(t *testing.T) {
	for name, c := range map[string]struct {
		reads   scim.Profile
		profile verify.Profile
		levels  []verify.Level
	}{
		"strictly, the RFCs":       {scim.Strict, verify.RFC, []verify.Level{verify.Must, verify.Should}},
		"leniently, the providers": {scim.Auto, verify.All, []verify.Level{verify.Provider}},
	} {
		t.Run(name, func(t *testing.T) {
			url, token := openDoor(t, c.reads)
			report, err := verify.Run(t.Context(), verify.Config{URL: url, Token: token, Profile: c.profile})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Failures() {
				if !slices.Contains(c.levels, f.Level) {
					continue
				}
				t.Errorf("%s %s [%s]\n\t%s\n\texpected %s\n\tgot %s", f.Status, f.ID, f.Section, f.Request, f.Expected, f.Got)
			}
			if len(report.Left) > 0 {
				t.Errorf("left behind: %v", report.Left)
			}
		})
	}
}

// openDoor serves a SCIM door on a store of its own.
func openDoor(t *testing.T, reads scim.Profile) (url, token string) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "verify.db"), store.Options{})
	must(err)
	t.Cleanup(func() { st.Close() })
	quiet := slog.New(slog.DiscardHandler)
	engine, err := provision.New(t.Context(), st, provision.Config{Sources: []store.Source{{Name: "idp", Veto: true}}, RemovalBurst: 1_000_000, Log: quiet})
	must(err)
	by := store.By{Actor: "cli:test", Via: "cli", Reason: "test"}
	must(engine.PutSites(t.Context(), by, []access.Site{{ID: 1, Slug: "main", Name: "Main site"}}))
	mint := &store.MintSCIMToken{Source: "idp"}
	must(engine.MintSCIMToken(t.Context(), by, mint))
	must(engine.Sync(t.Context(), 0))
	server := httptest.NewServer(scim.New(engine, scim.Config{Log: quiet, Sources: map[string]scim.Source{"idp": {Profile: reads}}}))
	t.Cleanup(server.Close)
	return server.URL + "/scim/v2/idp", mint.Secret
}
