package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keys are an issuer's, read when they are needed: at first, when a token names
// one that is not known, which is how issuers rotate, and once an hour, so that a
// key that was withdrawn ends. Keys that cannot be read leave the last good ones.
type keys struct {
	file, url string
	client    *http.Client
	log       *slog.Logger

	mu    sync.Mutex // the fields
	set   *jose.JSONWebKeySet
	tried time.Time // when they were last asked for
	read  time.Time // when that went well

	reading sync.Mutex // one asks at a time, and the others wait for him
}

const (
	keysFresh = time.Hour
	// keysPause keeps strangers who name keys that nobody has from making us ask
	// without end.
	keysPause   = 30 * time.Second
	keysTimeout = 5 * time.Second
	maxKeys     = 1 << 20 // bytes
)

func newKeys(c JWTConfig) *keys {
	k := &keys{file: c.File, url: c.URL, client: c.HTTP, log: c.Log}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.client == nil {
		k.client = &http.Client{Timeout: keysTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return k
}

// find gives the keys that id names, none when there is none. It is an error only
// when no key was ever read.
func (k *keys) find(ctx context.Context, id string, now time.Time) ([]jose.JSONWebKey, error) {
	found, known, due := k.look(id, now)
	if len(found) > 0 {
		if due {
			go func() { _ = k.refresh(context.WithoutCancel(ctx), now) }()
		}
		return found, nil
	}
	// Also when it is too early to ask again: another may be asking just now.
	if err := k.refresh(ctx, now); err != nil && !known {
		return nil, err
	}
	found, _, _ = k.look(id, now)
	return found, nil
}

// look finds keys in memory. known says that some were read at all; due that they
// may be asked for now.
func (k *keys) look(id string, now time.Time) (found []jose.JSONWebKey, known, due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil {
		return nil, false, now.Sub(k.tried) >= keysPause
	}
	found = k.set.Key(id)
	due = now.Sub(k.tried) >= keysPause && (len(found) == 0 || now.Sub(k.read) >= keysFresh)
	return found, true, due
}

var errNoKeys = &Error{Status: http.StatusServiceUnavailable, RetryAfter: keysPause, Detail: "the keys of the token's issuer cannot be read; look at jwks_url or jwks_file in the configuration"}

// refresh reads the keys again, unless another has since.
func (k *keys) refresh(ctx context.Context, now time.Time) error {
	k.reading.Lock()
	defer k.reading.Unlock()
	k.mu.Lock()
	late, had := now.Sub(k.tried) < keysPause, k.set != nil
	if !late {
		k.tried = now
	}
	k.mu.Unlock()
	if late {
		if had {
			return nil
		}
		return errNoKeys
	}
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	set, err := k.load(ctx)
	if err != nil {
		k.log.Warn("the keys of a token's issuer cannot be read; the last good ones stay", "from", k.url+k.file, "had", had, "error", err)
		return errNoKeys
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set, k.read = set, now
	return nil
}

func (k *keys) load(ctx context.Context) (*jose.JSONWebKeySet, error) {
	text, err := k.text(ctx)
	if err != nil {
		return nil, err
	}
	set := &jose.JSONWebKeySet{}
	if err := json.Unmarshal(text, set); err != nil {
		return nil, fmt.Errorf("read the JWK set: %w", err)
	}
	usable := set.Keys[:0]
	for _, key := range set.Keys {
		if key.Valid() && key.IsPublic() && key.KeyID != "" && (fits(key, string(jose.RS256)) || fits(key, string(jose.ES256))) {
			usable = append(usable, key)
		}
	}
	if set.Keys = usable; len(usable) == 0 {
		return nil, errors.New("the JWK set has no public key of RS256 (2048 bits or more) or ES256 with a kid")
	}
	return set, nil
}

func (k *keys) text(ctx context.Context) ([]byte, error) {
	if k.file != "" {
		return os.ReadFile(k.file)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", k.url, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxKeys))
}
