package provision

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"grantbridge/store"
)

// How a source proves itself. Bearer tokens and clients are in memory, with the
// snapshot; of the access tokens that clients are given, those that this process
// has met are.

// AuthenticateSCIM finds the live bearer token of a source's SCIM door;
// ErrUnauthenticated, or ErrUnknownSource.
func (e *Engine) AuthenticateSCIM(source, secret string) (store.SCIMToken, error) {
	digest := string(store.Digest(secret))
	t, err := e.scimToken(source, secret, "gbs_", func(t store.SCIMToken) bool { return !t.Client && string(t.Digest) == digest })
	if err == nil {
		e.used.scim(t.ID, e.cfg().Now())
	}
	return t, err
}

// AuthenticateSCIMClient finds the live client of a source by its id and secret;
// errors as AuthenticateSCIM.
func (e *Engine) AuthenticateSCIMClient(source, id, secret string) (store.SCIMToken, error) {
	digest := string(store.Digest(secret))
	return e.scimToken(source, secret, "gbc_", func(t store.SCIMToken) bool {
		return t.Client && t.ClientID() == id && string(t.Digest) == digest
	})
}

// scimToken finds a live token. What is compared are digests of secrets of 256
// random bits, so how long it takes tells nothing. Another process may have made
// it a moment ago.
func (e *Engine) scimToken(source, secret, prefix string, is func(store.SCIMToken) bool) (store.SCIMToken, error) {
	if !e.HasSource(source) {
		return store.SCIMToken{}, ErrUnknownSource
	}
	t, ok := e.names.scimToken(source, e.cfg().Now(), is)
	if !ok && e.catchUpWith(secret, prefix) {
		t, ok = e.names.scimToken(source, e.cfg().Now(), is)
	}
	if !ok {
		return store.SCIMToken{}, ErrUnauthenticated
	}
	return t, nil
}

func (n *names) scimToken(source string, now time.Time, is func(store.SCIMToken) bool) (store.SCIMToken, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	i := slices.IndexFunc(n.scim, func(t store.SCIMToken) bool {
		return t.Source == source && is(t) && t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
	})
	if i < 0 {
		return store.SCIMToken{}, false
	}
	return n.scim[i], true
}

// HasSource reports whether the source is there and not disabled.
func (e *Engine) HasSource(name string) bool {
	s, ok := e.picture.Load().sources[name]
	return ok && !s.Disabled
}

// accessTokens are those that were met, by digest.
type accessTokens struct {
	mu     sync.Mutex
	met    map[string]store.SCIMAccess
	asking *rate.Limiter
}

const (
	accessTime = time.Hour
	metMost    = 4096
	// askMost bounds how often the store is asked for a token that nobody made.
	askMost = 50
)

// NewSCIMAccess gives a client an access token; its life in a source is short,
// and ends with the client's.
func (e *Engine) NewSCIMAccess(ctx context.Context, client store.SCIMToken) (secret string, life time.Duration, err error) {
	now := e.cfg().Now()
	life = accessTime
	if left := client.Expires.Sub(now); !client.Expires.IsZero() && left < life {
		life = left.Truncate(time.Second)
	}
	a := store.SCIMAccess{Client: client.ID, Expires: now.Add(life)}
	if secret, err = e.st.NewSCIMAccess(ctx, a); err != nil {
		return "", 0, err
	}
	e.access.put(string(store.Digest(secret)), a, now)
	e.used.scim(client.ID, now)
	return secret, life, nil
}

// AuthenticateSCIMAccess finds the live client that an access token was given to;
// errors as AuthenticateSCIM, store.ErrOverloaded, those of store.Read.
func (e *Engine) AuthenticateSCIMAccess(ctx context.Context, source, secret string) (store.SCIMToken, error) {
	if !e.HasSource(source) {
		return store.SCIMToken{}, ErrUnknownSource
	}
	now, digest := e.cfg().Now(), store.Digest(secret)
	a, err := e.access.find(ctx, e.st, digest, now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.SCIMToken{}, ErrUnauthenticated
	case err != nil:
		return store.SCIMToken{}, err
	case !now.Before(a.Expires):
		return store.SCIMToken{}, ErrUnauthenticated
	}
	return e.scimToken(source, secret, "gba_", func(t store.SCIMToken) bool { return t.Client && t.ID == a.Client })
}

// find looks in memory first; the store is asked at a bounded pace.
func (t *accessTokens) find(ctx context.Context, st *store.Store, digest []byte, now time.Time) (a store.SCIMAccess, err error) {
	t.mu.Lock()
	a, ok := t.met[string(digest)]
	may := ok || t.limiter().AllowN(now, 1)
	t.mu.Unlock()
	if ok {
		return a, nil
	}
	if !may {
		return a, store.ErrOverloaded
	}
	err = st.Read(ctx, func(v *store.View) error {
		a, err = v.SCIMAccess(ctx, digest)
		return err
	})
	if err == nil {
		t.put(string(digest), a, now)
	}
	return a, err
}

func (t *accessTokens) limiter() *rate.Limiter {
	if t.asking == nil {
		t.asking = rate.NewLimiter(askMost, askMost)
	}
	return t.asking
}

func (t *accessTokens) put(digest string, a store.SCIMAccess, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.met == nil || len(t.met) >= metMost {
		t.met = map[string]store.SCIMAccess{} // what is live is asked for again
	}
	t.met[digest] = a
}
