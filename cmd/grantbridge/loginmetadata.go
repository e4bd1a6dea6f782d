package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/saml"
	"grantbridge/store"
)

func (a *app) loginMetadataCommand() *cobra.Command {
	return group("metadata", "identity providers' metadata, and whose signatures are trusted",
		a.metadataListCommand(), a.metadataFetchCommand(), a.metadataTakeCommand())
}

// keyRow is a certificate that a source's metadata have.
type keyRow struct {
	Source      string    `json:"source"`
	Fingerprint string    `json:"fingerprint"`
	Ends        time.Time `json:"ends"`
	State       string    `json:"state"` // trusted, waiting, ours
	From        string    `json:"from"`  // the file or URL
	Fetched     time.Time `json:"fetched,omitzero"`
	Failure     string    `json:"failure,omitempty"`
}

func (a *app) metadataListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "certificates of every source that people sign in at, and how fetching goes", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				rows, err := b.keyRows(c.Context())
				if err != nil {
					return err
				}
				return list(a, rows,
					column[keyRow]{"SOURCE", func(r keyRow) string { return r.Source }},
					column[keyRow]{"STATE", func(r keyRow) string { return r.State }},
					column[keyRow]{"FINGERPRINT", func(r keyRow) string { return orDash(r.Fingerprint) }},
					column[keyRow]{"ENDS", func(r keyRow) string { return when(r.Ends) }},
					column[keyRow]{"FETCHED", func(r keyRow) string { return when(r.Fetched) }},
					column[keyRow]{"FROM", func(r keyRow) string { return r.From }},
					column[keyRow]{"FAILURE", func(r keyRow) string { return orDash(r.Failure) }})
			})
		}}
}

func (b *bridge) keyRows(ctx context.Context) (rows []keyRow, err error) {
	fetched, err := samlMetadata(ctx, b.st)
	if err != nil {
		return nil, err
	}
	for _, name := range b.cfg.SourceNames() {
		c := b.cfg.Sources[name].SAML
		if c == nil {
			continue
		}
		row := keyRow{Source: name, From: c.MetadataFile}
		var waiting []saml.SigningKey
		if c.MetadataURL != "" {
			m, k := keptMetadata(name, c, fetched)
			row.From, row.Fetched, row.Failure, waiting = c.MetadataURL, m.Fetched, m.Failure, k.Waiting(c.Metadata.EntityID)
		}
		idp, err := samlIdP(name, c, fetched)
		if err != nil {
			row.State, row.Failure = "closed", err.Error()
			rows = append(rows, row)
			continue
		}
		add := func(state string, k saml.SigningKey) {
			row.State, row.Fingerprint, row.Ends = state, k.Fingerprint(), k.Certificate.NotAfter
			rows = append(rows, row)
		}
		for _, k := range idp.Keys {
			add("trusted", k)
		}
		for _, k := range waiting {
			add("waiting", k)
		}
		ours, err := samlKeys(c)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", name, err)
		}
		row.From, row.Fetched, row.Failure = c.CertificateFile, time.Time{}, ""
		for _, k := range ours {
			add("ours", saml.SigningKey{Certificate: k.Certificate})
			row.From = c.NextCertificateFile
		}
	}
	return rows, nil
}

func (a *app) metadataFetchCommand() *cobra.Command {
	return &cobra.Command{Use: "fetch SOURCE", Short: "let the running server fetch now", Args: words("SOURCE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				err := b.st.AskSAMLMetadata(c.Context(), args[0])
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("source %q has no metadata_url that a server has fetched; with metadata_file, change the file and reload (SIGHUP)", args[0])
				}
				return err
			})
		}}
}

func (a *app) metadataTakeCommand() *cobra.Command {
	return a.reasons(&cobra.Command{Use: "take SOURCE FINGERPRINT", Short: "trust a new certificate of an identity provider", Args: words("SOURCE", "FINGERPRINT"),
		Long: `Take lets a certificate sign for a source: whoever has its key can sign in as
anybody. Compare the fingerprint (SHA-256) with the identity provider's
administrators, not with the metadata. The first 16 digits will do to name it.`,
		RunE: func(c *cobra.Command, args []string) error {
			if a.why.reason == "" {
				return usage("trusting a key needs a reason: --reason TEXT")
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.takeKey(c.Context(), b, args[0], args[1]) })
		}})
}

func (a *app) takeKey(ctx context.Context, b *bridge, source, fingerprint string) error {
	fingerprint = strings.ToLower(strings.ReplaceAll(fingerprint, ":", ""))
	if len(fingerprint) < 16 {
		return usage("%q is no fingerprint; grantbridge login metadata list shows them", fingerprint)
	}
	fetched, err := samlMetadata(ctx, b.st)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(fetched, func(m store.SAMLMetadata) bool { return m.Source == source })
	if i < 0 {
		return fmt.Errorf("source %q has no metadata by URL; with metadata_file, all certificates of the file are trusted", source)
	}
	trusted := fetched[i].Trusted
	entity := ""
	if c := b.cfg.Sources[source].SAML; c != nil {
		entity = c.Metadata.EntityID
	}
	for _, k := range (saml.Kept{Document: fetched[i].Document, Fetched: fetched[i].Fetched, Trusted: trusted}).Waiting(entity) {
		if strings.HasPrefix(k.Fingerprint(), fingerprint) {
			fingerprint = k.Fingerprint()
		}
	}
	if len(fingerprint) != 64 {
		return fmt.Errorf("no certificate of %s that begins with %s waits; write all 64 digits to take one that did not come yet", source, fingerprint)
	}
	if _, err := b.st.Do(ctx, a.by(), &store.TrustSAMLKeys{Source: source, Trusted: append(trusted, fingerprint)}); err != nil {
		return err
	}
	a.say("source %s trusts %s", source, fingerprint)
	return b.st.AskSAMLMetadata(ctx, source)
}
