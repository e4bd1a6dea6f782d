package store

import (
	"context"
	"time"

	"grantbridge/access"
)

// Leases and the use of tokens are side state: no revision, no audit entry. A
// lease is taken under the head's lock, so that what is done under it cannot
// cross a take-over.

// Acquire takes or renews the lease for ttl by the database's clock. It returns
// the lease and whether holder has it.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, bool, error) {
	if err := checkTexts(name, holder); err != nil {
		return Lease{}, false, err
	}
	l := Lease{Name: name}
	var expires int64
	err := s.side(ctx,
		stmt{text: `
			INSERT INTO leases (name, holder, epoch, expires)
			VALUES ($1, $2, 1, clock() + CAST($3 AS BIGINT))
			ON CONFLICT (name) DO UPDATE SET
				epoch = CASE WHEN leases.holder = excluded.holder THEN leases.epoch ELSE leases.epoch + 1 END,
				holder = excluded.holder, expires = excluded.expires
			WHERE leases.holder = excluded.holder OR leases.expires <= clock()`,
			args: []any{name, holder, ttl.Microseconds()}},
		stmt{text: `SELECT l.holder, l.epoch, l.expires FROM leases l WHERE l.name = $1`,
			args: []any{name}, each: func(r row) error { return r.Scan(&l.Holder, &l.Epoch, &expires) }})
	l.Expires = timeOf(expires)
	return l, err == nil && l.Holder == holder, err
}

// Resign gives the lease up, if it is still held.
func (s *Store) Resign(ctx context.Context, l Lease) error {
	return s.side(ctx, stmt{text: `UPDATE leases SET holder = '', expires = 0 WHERE name = $1 AND holder = $2 AND epoch = $3`,
		args: []any{l.Name, l.Holder, l.Epoch}})
}

// side writes side state in a transaction of its own, under the head's lock.
func (s *Store) side(ctx context.Context, stmts ...stmt) error {
	var h head
	w, err := s.eng.begin(ctx, h.lockStmt())
	if err != nil {
		return s.callers(ctx, err)
	}
	return s.callers(ctx, w.commit(ctx, stmts...))
}

// Used records that tokens were used: side state, to the minute, lossy, no
// revision and no lock.
func (s *Store) Used(ctx context.Context, tokens map[access.TokenID]time.Time, scim map[int64]time.Time) error {
	var a, b rowset
	for id, at := range tokens {
		a = append(a, []any{int64(id), micros(at.Truncate(time.Minute))})
	}
	for id, at := range scim {
		b = append(b, []any{id, micros(at.Truncate(time.Minute))})
	}
	var stmts []stmt
	if len(a) > 0 {
		stmts = append(stmts, stmt{text: `
			INSERT INTO token_use (token, last)
			SELECT r.token, r.last FROM rowset($1, token bigint, last bigint) r WHERE true ORDER BY r.token
			ON CONFLICT (token) DO UPDATE SET last = excluded.last WHERE token_use.last < excluded.last`, args: []any{a}})
	}
	if len(b) > 0 {
		stmts = append(stmts, stmt{text: `
			INSERT INTO scim_token_use (token, last)
			SELECT r.token, r.last FROM rowset($1, token bigint, last bigint) r WHERE true ORDER BY r.token
			ON CONFLICT (token) DO UPDATE SET last = excluded.last WHERE scim_token_use.last < excluded.last`, args: []any{b}})
	}
	if len(stmts) == 0 {
		return nil
	}
	w, err := s.eng.begin(ctx)
	if err != nil {
		return s.callers(ctx, err)
	}
	return s.callers(ctx, w.commit(ctx, stmts...))
}
