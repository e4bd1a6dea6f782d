package store

import (
	"context"
	"encoding/hex"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// Sessions are side state: no revision and no audit entry, but for who revokes
// them (RevokeSessions). What ends them — an
// account deactivated, a person locked, a source disabled — is a fact that is
// read together with the session, so that nothing has to be swept.

// Session is somebody's being signed in, as stored; its handle is not.
type Session struct {
	ID      string // for lists and logs; it opens nothing
	Digest  []byte // SHA-256 of the handle
	Person  access.PersonID
	Account directory.AccountID
	Source  string
	Ceiling string // as access.ParseCeiling reads it, unknown denies
	// NameKey finds it for the identity provider's logout; opaque.
	NameKey string
	Auth    []byte // JSON of the door: how the person signed in
	Issued  time.Time
	// IdleUntil moves on with use, Expires does not.
	IdleUntil, Expires time.Time
	Ended              time.Time // zero while it lives
	EndedBy            string
}

// SessionFacts is a session with the facts that may have ended it.
type SessionFacts struct {
	Session
	SourceDisabled bool
	AccountActive  bool            // and not deleted
	Linked         access.PersonID // whose the account is now
	Locked         bool
	NotBefore      time.Time
}

const sessionColumns = `s.id, s.digest, s.person, s.account, s.source, s.ceiling, s.name_key, s.auth,
	s.issued, s.idle_until, s.expires, s.ended, s.ended_by`

func scanSession(r row, s *Session, more ...any) error {
	var digest, auth string
	var issued, idle, expires, ended int64
	dest := []any{&s.ID, &digest, (*int64)(&s.Person), (*int64)(&s.Account), &s.Source, &s.Ceiling, &s.NameKey, &auth,
		&issued, &idle, &expires, &ended, &s.EndedBy}
	err := r.Scan(append(dest, more...)...)
	s.Digest, _ = hex.DecodeString(digest)
	s.Auth, s.Issued, s.IdleUntil, s.Expires, s.Ended = bytesOf(auth), timeOf(issued), timeOf(idle), timeOf(expires), timeOf(ended)
	return err
}

// PutSession keeps a new session.
func (s *Store) PutSession(ctx context.Context, n Session) error {
	if err := checkTexts(n.ID, n.Source, n.Ceiling, n.NameKey, string(n.Auth)); err != nil {
		return err
	}
	return s.apart(ctx, stmt{text: `
		INSERT INTO sessions (id, digest, person, account, source, ceiling, name_key, auth, issued, idle_until, expires, ended, ended_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '')`,
		args: []any{n.ID, hex.EncodeToString(n.Digest), int64(n.Person), int64(n.Account), n.Source, n.Ceiling, n.NameKey, string(n.Auth),
			micros(n.Issued), micros(n.IdleUntil), micros(n.Expires)}})
}

// apart writes side state in a transaction of its own, without the head's lock.
func (s *Store) apart(ctx context.Context, stmts ...stmt) error {
	w, err := s.eng.begin(ctx)
	if err != nil {
		return s.callers(ctx, err)
	}
	return s.callers(ctx, w.commit(ctx, stmts...))
}

// UseSession moves the end of idleness on. It never moves it back, and does
// nothing to a session that has ended.
func (s *Store) UseSession(ctx context.Context, id string, idleUntil time.Time) error {
	return s.apart(ctx, stmt{text: `UPDATE sessions SET idle_until = $1 WHERE id = $2 AND idle_until < $3 AND ended = 0`,
		args: []any{micros(idleUntil), id, micros(idleUntil)}})
}

// RaiseSession gives a live session the handle, ceiling, NameKey and Auth of n,
// as a stronger sign-in of the same person does; the old handle opens nothing
// from then on. Its end comes no later than before. Of several with one handle,
// one is done.
func (s *Store) RaiseSession(ctx context.Context, old []byte, n Session) (done bool, err error) {
	if err := checkTexts(n.Ceiling, n.NameKey, string(n.Auth)); err != nil {
		return false, err
	}
	err = s.apart(ctx, stmt{text: `
		UPDATE sessions SET digest = $1, ceiling = $2, name_key = $3, auth = $4, expires = CASE WHEN expires < $5 THEN expires ELSE $6 END
		WHERE digest = $7 AND ended = 0 RETURNING id`,
		args: []any{hex.EncodeToString(n.Digest), n.Ceiling, n.NameKey, string(n.Auth), micros(n.Expires), micros(n.Expires), hex.EncodeToString(old)},
		each: func(r row) error { done = true; return nil }})
	return done && err == nil, err
}

// EndSessions ends the live ones of these sessions and returns how many it ended:
// for who signs himself out. RevokeSessions is for everything else.
func (s *Store) EndSessions(ctx context.Context, ids []string, by string, now time.Time) (ended int, err error) {
	if err := checkTexts(append(ids, by)...); err != nil || len(ids) == 0 {
		return 0, err
	}
	err = s.apart(ctx, stmt{text: `
		UPDATE sessions SET ended = $1, ended_by = $2
		WHERE ended = 0 AND id IN (SELECT r.id FROM rowset($3, id text) r) RETURNING id`,
		args: []any{micros(now), by, ids}, each: func(row) error { ended++; return nil }})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// Session finds the session of a handle by its digest, with the facts that may
// have ended it; ErrNotFound when there is none.
func (v *View) Session(ctx context.Context, digest []byte) (SessionFacts, error) {
	found, err := list(ctx, v, func(r row, f *SessionFacts) error {
		var disabled, active, locked, notBefore int64
		err := scanSession(r, &f.Session, &disabled, &active, (*int64)(&f.Linked), &locked, &notBefore)
		f.SourceDisabled, f.AccountActive, f.Locked, f.NotBefore = disabled != 0, active != 0, locked != 0, timeOf(notBefore)
		return err
	}, `
		SELECT `+sessionColumns+`, o.disabled, CASE WHEN a.deleted = 0 THEN a.active ELSE 0 END, a.person, p.locked, p.not_before
		FROM sessions s JOIN sources o ON o.name = s.source JOIN accounts a ON a.id = s.account JOIN people p ON p.id = s.person
		WHERE s.digest = $1`, hex.EncodeToString(digest))
	if err != nil {
		return SessionFacts{}, err
	}
	if len(found) == 0 {
		return SessionFacts{}, ErrNotFound
	}
	return found[0], nil
}

// Sessions lists a person's sessions that had not ended by time at least, newest
// first.
func (v *View) Sessions(ctx context.Context, person access.PersonID, now time.Time) ([]Session, error) {
	return list(ctx, v, func(r row, s *Session) error { return scanSession(r, s) }, `
		SELECT `+sessionColumns+` FROM sessions s
		WHERE s.person = $1 AND s.expires > $2 ORDER BY s.issued DESC, s.id DESC`, int64(person), micros(now))
}

// SessionQuery chooses among the sessions that live.
type SessionQuery struct {
	Source string          // empty: all
	Person access.PersonID // 0: all
	ID     string          // empty: all
	Limit  int
}

// LiveSessions lists the sessions that open something, newest first; another
// source's veto alone is not looked at.
func (v *View) LiveSessions(ctx context.Context, q SessionQuery, now time.Time) ([]Session, error) {
	if err := checkTexts(q.Source, q.ID); err != nil {
		return nil, err
	}
	return list(ctx, v, func(r row, s *Session) error { return scanSession(r, s) }, `
		SELECT `+sessionColumns+`
		FROM sessions s JOIN sources o ON o.name = s.source JOIN accounts a ON a.id = s.account JOIN people p ON p.id = s.person
		WHERE s.ended = 0 AND s.expires > $1 AND s.idle_until > $2 AND o.disabled = 0 AND a.deleted = 0 AND a.active = 1
			AND a.person = s.person AND p.locked = 0 AND s.issued >= p.not_before
			AND s.source IN ($3, CASE WHEN $4 = '' THEN s.source ELSE $5 END)
			AND s.id IN ($6, CASE WHEN $7 = '' THEN s.id ELSE $8 END)
			AND s.person IN ($9, CASE WHEN CAST($10 AS BIGINT) = 0 THEN s.person ELSE $11 END)
		ORDER BY s.issued DESC, s.id DESC LIMIT $12`,
		micros(now), micros(now), q.Source, q.Source, q.Source, q.ID, q.ID, q.ID, int64(q.Person), int64(q.Person), int64(q.Person), int64(q.Limit))
}

// SessionsNamed lists the live sessions of a source with that NameKey.
func (v *View) SessionsNamed(ctx context.Context, source, nameKey string) ([]Session, error) {
	return list(ctx, v, func(r row, s *Session) error { return scanSession(r, s) }, `
		SELECT `+sessionColumns+` FROM sessions s
		WHERE s.source = $1 AND s.name_key = $2 AND s.ended = 0 ORDER BY s.issued`, source, nameKey)
}

// SessionsOfSource lists the live sessions of a source: for a logout that names
// the identity provider's session and nobody.
func (v *View) SessionsOfSource(ctx context.Context, source string) ([]Session, error) {
	return list(ctx, v, func(r row, s *Session) error { return scanSession(r, s) }, `
		SELECT `+sessionColumns+` FROM sessions s
		WHERE s.source = $1 AND s.ended = 0 ORDER BY s.issued`, source)
}
