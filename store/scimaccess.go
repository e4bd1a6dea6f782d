package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"
)

// SCIMAccess is a short-lived access token that a client was given, as stored:
// side state, no revision and no audit entry. It ends with its client.
type SCIMAccess struct {
	Client  int64 // a SCIMToken with Client
	Expires time.Time
}

// NewSCIMAccess makes an access token for a client and keeps its digest, so that
// every replica knows it. The secret is "gba_<client>_<43 characters of 256
// random bits>_<crc32>".
func (s *Store) NewSCIMAccess(ctx context.Context, a SCIMAccess) (secret string, err error) {
	secret = secretOf(fmt.Sprintf("gba_%d_", a.Client), random())
	w, err := s.eng.begin(ctx)
	if err != nil {
		return "", s.callers(ctx, err)
	}
	err = w.commit(ctx, stmt{text: `INSERT INTO scim_access (digest, client, expires) VALUES ($1, $2, $3)`,
		args: []any{hex.EncodeToString(Digest(secret)), a.Client, micros(a.Expires)}})
	return secret, s.callers(ctx, err)
}

// SCIMAccess finds an access token by its digest, live or not; ErrNotFound.
func (v *View) SCIMAccess(ctx context.Context, digest []byte) (a SCIMAccess, err error) {
	found := false
	err = v.ask(ctx, `SELECT a.client, a.expires FROM scim_access a WHERE a.digest = $1`, func(r row) error {
		found = true
		var expires int64
		err := r.Scan(&a.Client, &expires)
		a.Expires = timeOf(expires)
		return err
	}, hex.EncodeToString(digest))
	if err == nil && !found {
		err = ErrNotFound
	}
	return a, err
}
