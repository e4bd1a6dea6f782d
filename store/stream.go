package store

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// Streams of security events are side state: the audit is their ordered outbox,
// and each stream keeps how far it was delivered.

// Cursor is a place in the audit: before part number Part of what entry Revision
// tells. Parts are counted by who delivers them.
type Cursor struct {
	Revision int64
	Part     int
}

// Compare orders cursors as the audit does.
func (c Cursor) Compare(o Cursor) int {
	return cmp.Or(cmp.Compare(c.Revision, o.Revision), cmp.Compare(c.Part, o.Part))
}

// EventStream is how far a stream was delivered.
type EventStream struct {
	Name string
	// Cursor: everything before it is done.
	Cursor Cursor
	Acks   []Cursor // done beyond Cursor, ascending
	Moved  time.Time
	// Failures counts the deliveries refused since the cursor moved; Error says
	// why the last one was, at Failed.
	Failures int
	Failed   time.Time
	Error    string
}

// BeginStream makes the stream begin with what is committed from now on. One
// that is known goes on where it was.
func (s *Store) BeginStream(ctx context.Context, name string) error {
	if err := checkTexts(name); err != nil {
		return err
	}
	return s.side(ctx, stmt{text: `
		INSERT INTO event_streams (name, rev, part, moved, failures, failed, error)
		SELECT CAST($1 AS TEXT), h.rev + 1, 0, CAST($2 AS BIGINT), 0, 0, '' FROM head h WHERE h.id = 0
		ON CONFLICT (name) DO NOTHING`, args: []any{name, micros(s.now())}})
}

// MoveStream moves the stream's cursor forward to at least to, and keeps acks
// beyond it. Calls may come late, twice and from several processes: a cursor
// never goes back.
func (s *Store) MoveStream(ctx context.Context, name string, to Cursor, acks []Cursor) error {
	var beyond rowset
	for _, a := range acks {
		beyond = append(beyond, []any{a.Revision, int64(a.Part)})
	}
	stmts := []stmt{{text: `
		UPDATE event_streams SET rev = $2, part = $3, moved = $4, failures = 0, failed = 0, error = ''
		WHERE name = $1 AND (rev < $2 OR rev = $2 AND part < $3)`,
		args: []any{name, to.Revision, int64(to.Part), micros(s.now())}}}
	if len(beyond) > 0 {
		stmts = append(stmts, stmt{text: `
			INSERT INTO event_acks (stream, rev, part)
			SELECT s.name, r.rev, r.part FROM rowset($2, rev bigint, part bigint) r JOIN event_streams s ON s.name = $1
			WHERE true ON CONFLICT (stream, rev, part) DO NOTHING`, args: []any{name, beyond}})
	}
	stmts = append(stmts, stmt{text: `
		DELETE FROM event_acks WHERE stream = $1 AND EXISTS (
			SELECT 1 FROM event_streams s
			WHERE s.name = event_acks.stream AND (event_acks.rev < s.rev OR event_acks.rev = s.rev AND event_acks.part < s.part))`,
		args: []any{name}})
	return s.side(ctx, stmts...)
}

// FailStream records that the stream's next delivery was refused.
func (s *Store) FailStream(ctx context.Context, name, why string) error {
	if !storable(why) {
		why = "the reason is no text that can be kept"
	}
	return s.side(ctx, stmt{text: `UPDATE event_streams SET failures = failures + 1, failed = $2, error = $3 WHERE name = $1`,
		args: []any{name, micros(s.now()), why}})
}

// EventStream is the stream as it stands; ErrNotFound before its BeginStream.
func (v *View) EventStream(ctx context.Context, name string) (EventStream, error) {
	e := EventStream{Name: name}
	found := false
	err := v.ask(ctx, `SELECT s.rev, s.part, s.moved, s.failures, s.failed, s.error FROM event_streams s WHERE s.name = $1`,
		func(r row) error {
			var part, moved, failures, failed int64
			found = true
			err := r.Scan(&e.Cursor.Revision, &part, &moved, &failures, &failed, &e.Error)
			e.Cursor.Part, e.Failures, e.Moved, e.Failed = int(part), int(failures), timeOf(moved), timeOf(failed)
			return err
		}, safe(name))
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return e, err
	}
	e.Acks, err = list(ctx, v, func(r row, c *Cursor) error {
		var part int64
		err := r.Scan(&c.Revision, &part)
		c.Part = int(part)
		return err
	}, `SELECT a.rev, a.part FROM event_acks a WHERE a.stream = $1 ORDER BY a.rev, a.part`, name)
	return e, err
}

var errLimit = errors.New("list audit entries: a limit is needed")

// AuditFrom lists up to limit entries from the given revision on, oldest first.
func (v *View) AuditFrom(ctx context.Context, revision int64, limit int) ([]Entry, error) {
	if limit <= 0 {
		return nil, errLimit
	}
	return list(ctx, v, scanEntry, `
		SELECT e.rev, e.at, e.actor, e.action, e.target, e.hash, COALESCE(b.body, '')
		FROM audit e LEFT JOIN audit_body b ON b.rev = e.rev
		WHERE e.rev >= $1 ORDER BY e.rev LIMIT $2`, revision, int64(limit))
}
