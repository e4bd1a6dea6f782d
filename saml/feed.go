package saml

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Feed is an identity provider's metadata by URL: where they are, and what they
// may change by themselves. It has no state; Kept is what lives between two
// fetches, in a store that replicas share.
type Feed struct {
	URL      string
	EntityID string // which, when the document holds several
	Fetcher  Fetcher
	Every    time.Duration // default 12 h, shorter when cacheDuration says so
	Trust    Trust
}

// Kept are the last good metadata. The zero value is none.
type Kept struct {
	Document []byte
	ETag     string
	Fetched  time.Time // when they were good
	// Trusted are the fingerprints of the certificates that may sign. A
	// certificate of the document that is not among them waits.
	Trusted []string
}

const (
	refreshEvery = 12 * time.Hour
	refreshLeast = 5 * time.Minute
	// RefreshRetry is how long to wait after a fetch that came to nothing.
	RefreshRetry = 10 * time.Minute
)

// IdP is what holds of the metadata: their keys are those trusted. Metadata past
// their end are read too; a Provider refuses with them, in its own words.
func (k Kept) IdP(entityID string) (*IdP, error) {
	idp, err := ParseIdP(k.Document, entityID, k.Fetched)
	if err != nil {
		return nil, err
	}
	idp.Keys = slices.DeleteFunc(idp.Keys, func(s SigningKey) bool { return !slices.Contains(k.Trusted, s.Fingerprint()) })
	if len(idp.Keys) == 0 {
		return nil, fmt.Errorf("metadata of %s have no certificate that is trusted", idp.EntityID)
	}
	return idp, nil
}

// Waiting are the certificates that the metadata have and nobody took yet.
func (k Kept) Waiting(entityID string) []SigningKey {
	idp, err := ParseIdP(k.Document, entityID, k.Fetched)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(idp.Keys, func(s SigningKey) bool { return slices.Contains(k.Trusted, s.Fingerprint()) })
}

// Next fetches and judges. The first metadata of a feed are trusted as they
// come, because the administrator named the URL; later ones are judged by
// Refresh. On an error k goes on holding. ErrUnchanged is no news.
func (f Feed) Next(ctx context.Context, k Kept, now time.Time) (Kept, *Refreshed, error) {
	doc, tag, err := f.Fetcher.Fetch(ctx, f.URL, k.ETag)
	if err != nil {
		return k, nil, err
	}
	out, err := f.judge(k, doc, now)
	if err != nil {
		return k, nil, err
	}
	next := Kept{Document: doc, ETag: tag, Fetched: now}
	for _, key := range out.IdP.Keys {
		next.Trusted = append(next.Trusted, key.Fingerprint())
	}
	return next, out, nil
}

func (f Feed) judge(k Kept, doc []byte, now time.Time) (*Refreshed, error) {
	if k.Document == nil {
		if err := f.Trust.signed(doc); err != nil {
			return nil, err
		}
		idp, err := ParseIdP(doc, f.EntityID, now)
		if err != nil {
			return nil, err
		}
		return &Refreshed{IdP: idp, Added: idp.Keys, Changed: true, Document: doc}, nil
	}
	current, err := k.IdP(f.EntityID)
	if err != nil {
		return nil, errors.Join(errors.New("the last good metadata cannot be read"), err)
	}
	return Refresh(current, doc, f.Trust, k.Trusted, now)
}

// Wait is how long what k says is fresh. jitter, between 0 and 1, moves the
// times of many servers apart.
func (f Feed) Wait(k Kept, jitter float64) time.Duration {
	every := f.Every
	if every == 0 {
		every = refreshEvery
	}
	if idp, err := k.IdP(f.EntityID); err == nil && idp.CacheDuration > 0 && idp.CacheDuration < every {
		every = idp.CacheDuration
	}
	every = max(every, refreshLeast)
	return every - time.Duration(jitter*float64(every)/10)
}
