package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml"
	"grantbridge/store"
)

// Metadata by URL. Each server looks at the store's copy every second and takes
// up what is new there; the one that finds a fetch due does it for all.

const feedTick = time.Second

// feeds fetch the metadata of one generation's sources.
type feeds struct {
	s    *server
	l    *config.Loaded
	of   map[string]saml.Feed
	seen []store.SAMLMetadata // what the door was made of
	news chan struct{}        // a fetch of this server has come to something
}

// newFeeds reads the certificates that the configuration names.
func (s *server) newFeeds(l *config.Loaded) (*feeds, error) {
	f := &feeds{s: s, l: l, of: map[string]saml.Feed{}, news: make(chan struct{}, 1)}
	for _, name := range l.SourceNames() {
		c := l.Sources[name].SAML
		if c == nil || c.MetadataURL == "" || l.Sources[name].Disabled {
			continue
		}
		feed, err := samlFeed(c)
		if err != nil {
			return nil, invalid(fmt.Errorf("source %q: %w", name, err))
		}
		f.of[name] = feed
	}
	return f, nil
}

func samlFeed(c *config.SAML) (saml.Feed, error) {
	feed := saml.Feed{URL: c.MetadataURL, EntityID: c.Metadata.EntityID, Every: durationOf(c.Metadata.Every),
		Fetcher: saml.Fetcher{Private: c.Metadata.Private}, Trust: saml.Trust{NewKeys: c.Metadata.TrustNewKeys}}
	signers, err := certificates("metadata.signer_file", c.Metadata.SignerFile)
	if err != nil {
		return feed, err
	}
	for _, s := range signers {
		feed.Trust.Signer = append(feed.Trust.Signer, saml.SigningKey{Certificate: s})
	}
	roots, err := certificates("metadata.ca_file", c.Metadata.CAFile)
	if len(roots) > 0 {
		feed.Fetcher.Roots = x509.NewCertPool()
		for _, r := range roots {
			feed.Fetcher.Roots.AddCert(r)
		}
	}
	return feed, err
}

// certificates reads a PEM file; "" has none.
func certificates(key, file string) (all []*x509.Certificate, err error) {
	if file == "" {
		return nil, nil
	}
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", key, file, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %s holds no certificate", key, file)
	}
	return all, nil
}

// keptMetadata is what the store has for the URL that is configured.
func keptMetadata(name string, c *config.SAML, all []store.SAMLMetadata) (store.SAMLMetadata, saml.Kept) {
	i := slices.IndexFunc(all, func(m store.SAMLMetadata) bool { return m.Source == name })
	if i < 0 || all[i].URL != c.MetadataURL {
		return store.SAMLMetadata{}, saml.Kept{}
	}
	m := all[i]
	return m, saml.Kept{Document: m.Document, ETag: m.ETag, Fetched: m.Fetched, Trusted: m.Trusted}
}

func samlMetadata(ctx context.Context, st *store.Store) (all []store.SAMLMetadata, err error) {
	err = st.Read(ctx, func(v *store.View) error {
		all, err = v.SAMLMetadata(ctx)
		return err
	})
	return all, err
}

// run fetches and follows until ctx ends.
func (f *feeds) run(ctx context.Context) {
	if len(f.of) == 0 {
		return
	}
	var fetching sync.WaitGroup
	defer fetching.Wait()
	tick := time.NewTicker(feedTick)
	defer tick.Stop()
	for {
		all, err := samlMetadata(ctx, f.s.st)
		if err == nil {
			f.follow(all)
			f.fetchDue(ctx, all, &fetching)
		}
		select {
		case <-ctx.Done():
			return
		case <-f.news:
		case <-tick.C:
		}
	}
}

// follow opens the door anew when the store's copy says something else.
func (f *feeds) follow(all []store.SAMLMetadata) {
	all = slices.DeleteFunc(all, func(m store.SAMLMetadata) bool { _, ours := f.of[m.Source]; return !ours })
	same := slices.EqualFunc(f.seen, all, func(a, b store.SAMLMetadata) bool {
		a.Next, b.Next, a.ETag, b.ETag = time.Time{}, time.Time{}, "", ""
		return reflect.DeepEqual(a, b)
	})
	if same {
		return
	}
	f.seen = all
	f.s.reopen(f.l, all)
}

// fetchDue fetches what is due, each source beside the others.
func (f *feeds) fetchDue(ctx context.Context, all []store.SAMLMetadata, fetching *sync.WaitGroup) {
	for name, feed := range f.of {
		i := slices.IndexFunc(all, func(m store.SAMLMetadata) bool { return m.Source == name })
		var was time.Time
		if i >= 0 {
			was = all[i].Next
		}
		if i >= 0 && all[i].URL == feed.URL && now().Before(was) {
			continue
		}
		claimed := now().Add(saml.RefreshRetry).UTC().Truncate(time.Microsecond)
		mine, err := f.s.st.ClaimSAMLMetadata(ctx, name, feed.URL, was, claimed)
		if err != nil || !mine {
			continue
		}
		fetching.Go(func() {
			if err := f.fetch(ctx, name, feed); err != nil && ctx.Err() == nil {
				f.s.log.Error("metadata of a source are not kept", "source", name, "reason", err.Error())
			}
			select {
			case f.news <- struct{}{}:
			default: // it is told already
			}
		})
	}
}

// fetch fetches once, and keeps what it came to.
func (f *feeds) fetch(ctx context.Context, name string, feed saml.Feed) error {
	all, err := samlMetadata(ctx, f.s.st)
	if err != nil {
		return err
	}
	m, k := keptMetadata(name, f.l.Sources[name].SAML, all)
	next, out, err := feed.Next(ctx, k, now().UTC().Truncate(time.Microsecond))
	switch {
	case errors.Is(err, saml.ErrUnchanged):
		m.Failure, m.Next = "", now().Add(feed.Wait(k, rand.Float64()))
	case err != nil:
		f.s.log.Warn("metadata of a source are not fetched; the last good ones stay", "source", name, "reason", err.Error())
		m.Failure, m.Next = err.Error(), now().Add(saml.RefreshRetry)
	default:
		f.tell(name, out)
		by := store.By{Actor: "saml:" + name, Via: "metadata", Reason: "metadata of " + feed.URL}
		if _, err := f.s.st.Do(ctx, by, &store.TrustSAMLKeys{Source: name, Trusted: next.Trusted}); err != nil {
			return err
		}
		m.Document, m.ETag, m.Fetched, m.Failure, m.Next = next.Document, next.ETag, next.Fetched, "", now().Add(feed.Wait(next, rand.Float64()))
	}
	return f.s.st.PutSAMLMetadata(ctx, m)
}

// tell logs what changed in whom the source trusts.
func (f *feeds) tell(name string, out *saml.Refreshed) {
	for says, keys := range map[string][]saml.SigningKey{"is trusted": out.Added, "is not trusted any more": out.Removed,
		"waits to be taken: grantbridge login metadata take " + name + " FINGERPRINT": out.Waiting} {
		for _, k := range keys {
			f.s.log.Warn("a signing certificate of the identity provider "+says, "source", name, "fingerprint", k.Fingerprint())
		}
	}
}
