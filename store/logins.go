package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
)

// Spend marks all keys as used until then, or none of them: when one was used
// before, it returns that one's index, else -1. Of any number of calls with one
// key, at the same time and in any process, exactly one returns -1. Keys past
// their time are forgotten by SweepLogins.
func (s *Store) Spend(ctx context.Context, keys []string, until, _ time.Time) (spent int, err error) {
	if err := checkTexts(keys...); err != nil {
		return 0, err
	}
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	// One order for everybody, so that two calls never wait for each other.
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	w, err := s.eng.begin(ctx)
	if err != nil {
		return 0, s.callers(ctx, err)
	}
	for _, i := range order {
		first := false
		err := w.run(ctx, stmt{text: `INSERT INTO spent (ticket, until) VALUES ($1, $2) ON CONFLICT (ticket) DO NOTHING RETURNING until`,
			args: []any{keys[i], micros(until)}, each: func(row) error { first = true; return nil }})
		if err != nil || !first {
			w.rollback()
			return i, s.callers(ctx, err)
		}
	}
	return -1, s.callers(ctx, w.commit(ctx))
}

// Mark keeps marks until then at least: unlike a ticket, a mark may be set again,
// and lasts as long as the longest.
func (s *Store) Mark(ctx context.Context, keys []string, until time.Time) error {
	if err := checkTexts(keys...); err != nil {
		return err
	}
	var all []stmt
	for _, key := range slices.Sorted(slices.Values(keys)) { // in one order for everybody, as in Spend
		all = append(all, stmt{text: `
			INSERT INTO spent (ticket, until) VALUES ($1, $2)
			ON CONFLICT (ticket) DO UPDATE SET until = excluded.until WHERE spent.until < excluded.until`, args: []any{key, micros(until)}})
	}
	return s.apart(ctx, all...)
}

// Marked reports whether one of the marks is set until then at least.
func (v *View) Marked(ctx context.Context, keys []string, until time.Time) (bool, error) {
	found, err := list(ctx, v, func(r row, key *string) error { return r.Scan(key) }, `
		SELECT t.ticket FROM spent t WHERE t.until >= $1 AND t.ticket IN (SELECT r.ticket FROM rowset($2, ticket text) r)`, micros(until), keys)
	return len(found) > 0, err
}

// Login is a sign-in, or a sign-out, under way between browser, us and the
// identity provider.
type Login struct {
	Digest  []byte // SHA-256 of its handle
	Source  string
	Request string // the id of our request, when there is one
	// Browser is the SHA-256 of the secret in the cookie of the browser that
	// began; empty when nobody began here.
	Browser []byte
	Body    []byte // JSON of the door: the request, where to go afterwards
	Parked  []byte // JSON of the door: who it is, once that is verified
	Expires time.Time
}

const loginColumns = `l.digest, l.source, l.request, l.browser, l.body, l.parked, l.expires`

func scanLogin(r row, l *Login) error {
	var digest, browser, body, parked string
	var expires int64
	err := r.Scan(&digest, &l.Source, &l.Request, &browser, &body, &parked, &expires)
	l.Digest, _ = hex.DecodeString(digest)
	l.Browser, _ = hex.DecodeString(browser)
	l.Body, l.Parked, l.Expires = bytesOf(body), bytesOf(parked), timeOf(expires)
	return err
}

// PutLogin keeps a login that begins.
func (s *Store) PutLogin(ctx context.Context, l Login) error {
	if err := checkTexts(l.Source, l.Request, string(l.Body), string(l.Parked)); err != nil {
		return err
	}
	return s.apart(ctx, stmt{text: `
		INSERT INTO logins (digest, source, request, browser, body, parked, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		args: []any{hex.EncodeToString(l.Digest), l.Source, l.Request, hex.EncodeToString(l.Browser), string(l.Body), string(l.Parked), micros(l.Expires)}})
}

// ParkLogin puts a verified login under another handle, for the browser to fetch.
func (s *Store) ParkLogin(ctx context.Context, old, digest, parked []byte, expires time.Time) (done bool, err error) {
	if err := checkTexts(string(parked)); err != nil {
		return false, err
	}
	err = s.apart(ctx, stmt{text: `
		UPDATE logins SET digest = $1, parked = $2, expires = $3 WHERE digest = $4 AND parked = '' RETURNING source`,
		args: []any{hex.EncodeToString(digest), string(parked), micros(expires), hex.EncodeToString(old)},
		each: func(row) error { done = true; return nil }})
	return done && err == nil, err
}

// TakeLogin takes a login out, once, for the browser that began it; ErrNotFound
// for everybody else, who takes nothing away.
func (s *Store) TakeLogin(ctx context.Context, digest, browser []byte, now time.Time) (Login, error) {
	var out []Login
	err := s.apart(ctx, stmt{text: `
		DELETE FROM logins WHERE digest = $1 AND browser IN ($2, '') AND expires > $3
		RETURNING digest, source, request, browser, body, parked, expires`,
		args: []any{hex.EncodeToString(digest), hex.EncodeToString(browser), micros(now)},
		each: func(r row) error {
			var l Login
			err := scanLogin(r, &l)
			out = append(out, l)
			return err
		}})
	if err != nil {
		return Login{}, err
	}
	if len(out) == 0 {
		return Login{}, fmt.Errorf("login: %w", ErrNotFound)
	}
	return out[0], nil
}

// Login finds a login by its handle's digest; ErrNotFound also when its time is
// over.
func (v *View) Login(ctx context.Context, digest []byte, now time.Time) (Login, error) {
	return v.oneLogin(ctx, `SELECT `+loginColumns+` FROM logins l WHERE l.digest = $1 AND l.expires > $2`, hex.EncodeToString(digest), micros(now))
}

// LoginOf finds a source's login by the id of our request.
func (v *View) LoginOf(ctx context.Context, source, request string, now time.Time) (Login, error) {
	if request == "" || checkTexts(source, request) != nil {
		return Login{}, fmt.Errorf("login: %w", ErrNotFound)
	}
	return v.oneLogin(ctx, `SELECT `+loginColumns+` FROM logins l WHERE l.source = $1 AND l.request = $2 AND l.expires > $3`, source, request, micros(now))
}

func (v *View) oneLogin(ctx context.Context, text string, args ...any) (Login, error) {
	ls, err := list(ctx, v, scanLogin, text, args...)
	if err != nil {
		return Login{}, err
	}
	if len(ls) != 1 {
		return Login{}, fmt.Errorf("login: %w", ErrNotFound)
	}
	return ls[0], nil
}

// LoginTrace is what became of one attempt to sign in.
type LoginTrace struct {
	ID      string // words, for reading out
	Source  string
	At      time.Time
	Outcome string // "begun", "in", "refused", "waiting"
	Reason  string // of a refusal
	Person  access.PersonID
	Body    []byte // JSON of the door, redacted
}

// PutTrace keeps a trace, or what became of it.
func (s *Store) PutTrace(ctx context.Context, t LoginTrace) error {
	if err := checkTexts(t.ID, t.Source, t.Outcome, t.Reason, string(t.Body)); err != nil {
		return err
	}
	return s.apart(ctx, stmt{text: `
		INSERT INTO login_traces (id, source, at, outcome, reason, person, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET source = excluded.source, outcome = excluded.outcome, reason = excluded.reason,
			person = excluded.person, body = excluded.body`,
		args: []any{t.ID, t.Source, micros(t.At), t.Outcome, t.Reason, int64(t.Person), string(t.Body)}})
}

const traceColumns = `t.id, t.source, t.at, t.outcome, t.reason, t.person, t.body`

func scanTrace(r row, t *LoginTrace) error {
	var at int64
	var body string
	err := r.Scan(&t.ID, &t.Source, &at, &t.Outcome, &t.Reason, (*int64)(&t.Person), &body)
	t.At, t.Body = timeOf(at), bytesOf(body)
	return err
}

// Trace finds a login trace; ErrNotFound.
func (v *View) Trace(ctx context.Context, id string) (LoginTrace, error) {
	if checkTexts(id) != nil {
		return LoginTrace{}, fmt.Errorf("login trace: %w", ErrNotFound)
	}
	ts, err := list(ctx, v, scanTrace, `SELECT `+traceColumns+` FROM login_traces t WHERE t.id = $1`, id)
	if err != nil {
		return LoginTrace{}, err
	}
	if len(ts) == 0 {
		return LoginTrace{}, fmt.Errorf("login trace %q: %w", id, ErrNotFound)
	}
	return ts[0], nil
}

// TraceQuery chooses among login traces; what is empty chooses all.
type TraceQuery struct {
	Source, Outcome string
	Person          access.PersonID
	Limit           int
}

// Traces lists the newest login traces, newest first.
func (v *View) Traces(ctx context.Context, q TraceQuery) ([]LoginTrace, error) {
	if err := checkTexts(q.Source, q.Outcome); err != nil {
		return nil, err
	}
	return list(ctx, v, scanTrace, `
		SELECT `+traceColumns+` FROM login_traces t
		WHERE t.source IN ($1, CASE WHEN $2 = '' THEN t.source ELSE $3 END)
			AND t.outcome IN ($4, CASE WHEN $5 = '' THEN t.outcome ELSE $6 END)
			AND t.person IN ($7, CASE WHEN CAST($8 AS BIGINT) = 0 THEN t.person ELSE $9 END)
		ORDER BY t.at DESC, t.id LIMIT $10`,
		q.Source, q.Source, q.Source, q.Outcome, q.Outcome, q.Outcome, int64(q.Person), int64(q.Person), int64(q.Person), int64(q.Limit))
}

// Salt is 32 random bytes that all servers of the store share under a name. It
// is no credential: it makes choices unpredictable.
func (s *Store) Salt(ctx context.Context, name string) ([]byte, error) {
	if salt, ok := s.salts.Load(name); ok {
		return salt.([]byte), nil
	}
	if err := checkTexts(name); err != nil {
		return nil, err
	}
	var fresh [32]byte
	_, _ = rand.Read(fresh[:]) // never fails
	var kept string
	err := s.apart(ctx,
		stmt{text: `INSERT INTO salts (name, salt) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, args: []any{name, hex.EncodeToString(fresh[:])}},
		stmt{text: `SELECT z.salt FROM salts z WHERE z.name = $1`, args: []any{name}, each: func(r row) error { return r.Scan(&kept) }})
	if err != nil {
		return nil, err
	}
	salt, err := hex.DecodeString(kept)
	if err != nil || len(salt) == 0 {
		return nil, fmt.Errorf("salt %q is damaged", name)
	}
	s.salts.Store(name, salt)
	return salt, nil
}

// VerifyKey is the public half of a key that forward-auth tokens are signed with.
type VerifyKey struct {
	ID      string
	JWK     []byte
	Expires time.Time
}

// PutVerifyKey publishes a key.
func (s *Store) PutVerifyKey(ctx context.Context, k VerifyKey) error {
	return s.apart(ctx, stmt{text: `INSERT INTO verify_keys (id, jwk, expires) VALUES ($1, $2, $3)`,
		args: []any{k.ID, string(k.JWK), micros(k.Expires)}})
}

// VerifyKeys lists the keys that have not expired.
func (v *View) VerifyKeys(ctx context.Context, now time.Time) ([]VerifyKey, error) {
	return list(ctx, v, func(r row, k *VerifyKey) error {
		var jwk string
		var expires int64
		err := r.Scan(&k.ID, &jwk, &expires)
		k.JWK, k.Expires = []byte(jwk), timeOf(expires)
		return err
	}, `SELECT k.id, k.jwk, k.expires FROM verify_keys k WHERE k.expires > $1 ORDER BY k.expires DESC, k.id`, micros(now))
}

// SweepLogins forgets what time has ended: tickets, logins, keys, traces from
// before keep, and sessions that ended before it.
func (s *Store) SweepLogins(ctx context.Context, now, keep time.Time) error {
	return s.apart(ctx,
		stmt{text: `DELETE FROM spent WHERE until < $1`, args: []any{micros(now)}},
		stmt{text: `DELETE FROM logins WHERE expires < $1`, args: []any{micros(now)}},
		stmt{text: `DELETE FROM verify_keys WHERE expires < $1`, args: []any{micros(now)}},
		stmt{text: `DELETE FROM login_traces WHERE at < $1`, args: []any{micros(keep)}},
		stmt{text: `DELETE FROM sessions WHERE expires < $1`, args: []any{micros(keep)}})
}
