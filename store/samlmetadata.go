package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// SAMLMetadata are the last good metadata of a source that has them by URL.
type SAMLMetadata struct {
	Source, URL string
	Document    []byte
	ETag        string
	Fetched     time.Time // when the document was good
	// Trusted are the fingerprints of the certificates that may sign; only
	// TrustSAMLKeys changes them.
	Trusted []string
	Next    time.Time // when to fetch again
	Failure string    // why the last fetch came to nothing; empty when it did not
}

// SAMLMetadata lists what is kept, by source.
func (v *View) SAMLMetadata(ctx context.Context) ([]SAMLMetadata, error) {
	return list(ctx, v, func(r row, m *SAMLMetadata) error {
		var doc, trusted string
		var fetched, next int64
		if err := r.Scan(&m.Source, &m.URL, &doc, &m.ETag, &fetched, &trusted, &next, &m.Failure); err != nil {
			return err
		}
		m.Document, m.Fetched, m.Next = bytesOf(doc), timeOf(fetched), timeOf(next)
		return json.Unmarshal([]byte(trusted), &m.Trusted)
	}, `SELECT m.source, m.url, m.document, m.etag, m.fetched, m.trusted, m.next, m.failure FROM saml_metadata m ORDER BY m.source`)
}

// ClaimSAMLMetadata takes the fetch that is due at was for this process, by
// moving it to next: of several replicas one does it. A source without metadata,
// or with those of another URL, begins anew.
func (s *Store) ClaimSAMLMetadata(ctx context.Context, source, url string, was, next time.Time) (done bool, err error) {
	if err := checkTexts(source, url); err != nil {
		return false, err
	}
	err = s.apart(ctx, stmt{text: `
		INSERT INTO saml_metadata (source, url, document, etag, fetched, trusted, next, failure) VALUES ($1, $2, '', '', 0, '[]', $3, '')
		ON CONFLICT (source) DO UPDATE SET next = excluded.next, url = excluded.url,
			document = CASE WHEN saml_metadata.url = excluded.url THEN saml_metadata.document ELSE '' END,
			etag = CASE WHEN saml_metadata.url = excluded.url THEN saml_metadata.etag ELSE '' END,
			fetched = CASE WHEN saml_metadata.url = excluded.url THEN saml_metadata.fetched ELSE 0 END,
			trusted = CASE WHEN saml_metadata.url = excluded.url THEN saml_metadata.trusted ELSE '[]' END,
			failure = CASE WHEN saml_metadata.url = excluded.url THEN saml_metadata.failure ELSE '' END
		WHERE saml_metadata.next = $4 RETURNING source`,
		args: []any{source, url, micros(next), micros(was)}, each: func(row) error { done = true; return nil }})
	return done && err == nil, err
}

// PutSAMLMetadata keeps what a fetch came to, all but Trusted.
func (s *Store) PutSAMLMetadata(ctx context.Context, m SAMLMetadata) error {
	if err := checkTexts(m.Source, m.URL, string(m.Document), m.ETag, m.Failure); err != nil {
		return err
	}
	return s.apart(ctx, stmt{text: `
		UPDATE saml_metadata SET document = $1, etag = $2, fetched = $3, next = $4, failure = $5 WHERE source = $6 AND url = $7`,
		args: []any{string(m.Document), m.ETag, micros(m.Fetched), micros(m.Next), m.Failure, m.Source, m.URL}})
}

// AskSAMLMetadata makes a source's next fetch due now; ErrNotFound when it has
// no metadata by URL.
func (s *Store) AskSAMLMetadata(ctx context.Context, source string) error {
	if err := checkTexts(source); err != nil {
		return err
	}
	found := false
	err := s.apart(ctx, stmt{text: `UPDATE saml_metadata SET next = 0 WHERE source = $1 RETURNING source`,
		args: []any{source}, each: func(row) error { found = true; return nil }})
	if err == nil && !found {
		return fmt.Errorf("metadata of source %q: %w", source, ErrNotFound)
	}
	return err
}

// TrustSAMLKeys says which certificates of a source's metadata may sign. It is a
// fact of the chain: whoever has such a key signs in as anybody.
type TrustSAMLKeys struct {
	Source  string
	Trusted []string // fingerprints, SHA-256 in hexadecimal
}

func (*TrustSAMLKeys) op() {}

// trustSAMLKeys is a TrustSAMLKeys under way.
type trustSAMLKeys struct {
	rare
	op    *TrustSAMLKeys
	found bool
	have  string
}

func (w *trustSAMLKeys) prepare(*Store) error {
	return checkTexts(append([]string{w.op.Source}, w.op.Trusted...)...)
}

func (w *trustSAMLKeys) load(q *questions) {
	w.found, w.have = false, ""
	q.askAlone(`SELECT m.trusted FROM saml_metadata m WHERE m.source = $1`,
		func(r row) error { w.found = true; return r.Scan(&w.have) }, w.op.Source)
}

func (w *trustSAMLKeys) decide(d *decision) error {
	if !w.found {
		return fmt.Errorf("metadata of source %q: %w", w.op.Source, ErrNotFound)
	}
	keys := slices.Compact(slices.Sorted(slices.Values(w.op.Trusted)))
	var had []string
	if err := json.Unmarshal([]byte(w.have), &had); err != nil {
		return err
	}
	if slices.Equal(keys, had) {
		return nil
	}
	if keys == nil {
		keys = []string{}
	}
	d.tellAlone(`UPDATE saml_metadata SET trusted = $1 WHERE source = $2`, asJSON(keys), w.op.Source)
	d.entry = &entry{action: "source.keys", target: "source/" + w.op.Source, before: facts{"trusted": had}, after: facts{"trusted": keys}}
	return nil
}
