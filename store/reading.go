package store

import (
	"context"
	"iter"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// What was last believed of a directory, and the reports of its runs, are side
// state: no revision, no audit entry, but for what an administrator decides
// (SettleEntry). What follows from it for anybody's access stands in accounts,
// groups and members, and is audited there.

// ReadState is how far the reading of a source's directory has come.
type ReadState struct {
	Source     string
	Checkpoint []byte // JSON
	// Applying: what the state says is being done, or was when the process died;
	// accounts, groups and members may differ from it.
	Applying bool
	// Version grows with every change of the state or its entries.
	Version int64
}

// ReadEntry is one entry of a directory as it was last believed. A nil Body ends
// it.
type ReadEntry struct {
	Group bool
	ID    string
	Body  []byte
}

// entriesAtOnce and entryBytesAtOnce are how many entries, and of what length,
// are written in a transaction.
const (
	entriesAtOnce    = 4000
	entryBytesAtOnce = 4 << 20
)

// SaveReadState keeps the state of a source's directory, and the entries that
// have changed. It is done under the lease, else ErrFenced. Many entries are
// written in several transactions, the state in the last one: until then the old
// checkpoint stands, and Applying.
func (s *Store) SaveReadState(ctx context.Context, l Lease, st ReadState, entries iter.Seq[ReadEntry]) error {
	var some []ReadEntry
	size := 0
	for e := range entries {
		if len(some) == entriesAtOnce || size > entryBytesAtOnce {
			if err := s.underLease(ctx, l, entryStmts(st.Source, some)...); err != nil {
				return err
			}
			some, size = some[:0], 0
		}
		some, size = append(some, e), size+len(e.Body)
	}
	return s.underLease(ctx, l, append(entryStmts(st.Source, some), readStateStmt(st))...)
}

func readStateStmt(st ReadState) stmt {
	return stmt{text: `
		INSERT INTO ldap_sources (source, checkpoint, applying, version) VALUES ($1, $2, $3, 1)
		ON CONFLICT (source) DO UPDATE SET checkpoint = excluded.checkpoint, applying = excluded.applying,
			version = ldap_sources.version + 1`,
		args: []any{st.Source, string(st.Checkpoint), bit(st.Applying)}}
}

func entryStmts(source string, entries []ReadEntry) (out []stmt) {
	var put, end rowset
	for _, e := range entries {
		if e.Body == nil {
			end = append(end, []any{bit(e.Group), e.ID})
		} else {
			put = append(put, []any{bit(e.Group), e.ID, string(e.Body)})
		}
	}
	if len(put) > 0 {
		out = append(out, stmt{text: `
			INSERT INTO ldap_entries (source, kind, id, body)
			SELECT CAST($1 AS TEXT), r.kind, r.id, r.body FROM rowset($2, kind bigint, id text, body text) r WHERE true
			ON CONFLICT (source, kind, id) DO UPDATE SET body = excluded.body`, args: []any{source, put}})
	}
	if len(end) > 0 {
		out = append(out, stmt{text: `
			DELETE FROM ldap_entries WHERE source = $1 AND (kind, id) IN (
				SELECT r.kind, r.id FROM rowset($2, kind bigint, id text) r)`, args: []any{source, end}})
	}
	return out
}

// underLease writes side state, if the lease is held.
func (s *Store) underLease(ctx context.Context, l Lease, stmts ...stmt) error {
	var h head
	held := false
	w, err := s.eng.begin(ctx, h.lockStmt(), stmt{text: `
		SELECT l.epoch FROM leases l WHERE l.name = $1 AND l.holder = $2 AND l.epoch = $3 AND l.expires > clock()`,
		args: []any{l.Name, l.Holder, l.Epoch}, each: func(row) error { held = true; return nil }})
	if err != nil {
		return s.callers(ctx, err)
	}
	if !held {
		w.rollback()
		return ErrFenced
	}
	return s.callers(ctx, w.commit(ctx, stmts...))
}

// ReadState is the state of a source's directory; the zero state when it was
// never read.
func (v *View) ReadState(ctx context.Context, source string) (ReadState, error) {
	st := ReadState{Source: source}
	err := v.ask(ctx, `SELECT s.checkpoint, s.applying, s.version FROM ldap_sources s WHERE s.source = $1`, func(r row) error {
		var checkpoint string
		var applying int64
		err := r.Scan(&checkpoint, &applying, &st.Version)
		st.Checkpoint, st.Applying = bytesOf(checkpoint), applying != 0
		return err
	}, source)
	return st, err
}

// ReadEntries calls yield for each entry, accounts first, each kind in order of
// id.
func (v *View) ReadEntries(ctx context.Context, source string, yield func(ReadEntry) error) error {
	return v.ask(ctx, `SELECT e.kind, e.id, e.body FROM ldap_entries e WHERE e.source = $1 ORDER BY e.kind, e.id`, func(r row) error {
		var kind int64
		var e ReadEntry
		var body string
		if err := r.Scan(&kind, &e.ID, &body); err != nil {
			return err
		}
		e.Group, e.Body = kind != 0, bytesOf(body)
		return yield(e)
	}, source)
}

// ReadGroups are the groups of a directory with these ids, as they were last
// believed.
func (v *View) ReadGroups(ctx context.Context, source string, ids []string) ([]ReadEntry, error) {
	return list(ctx, v, func(r row, e *ReadEntry) error {
		var body string
		err := r.Scan(&e.ID, &body)
		e.Group, e.Body = true, bytesOf(body)
		return err
	}, `
		SELECT e.id, e.body FROM rowset($2, id text) r
		CROSS JOIN ldap_entries e
		WHERE e.source = $1 AND e.kind = 1 AND e.id = r.id ORDER BY e.id`, source, ids)
}

// ReadAccount is one account of a directory as it was last believed, or
// ErrNotFound.
func (v *View) ReadAccount(ctx context.Context, source, id string) (ReadEntry, error) {
	e := ReadEntry{ID: id}
	err := v.ask(ctx, `SELECT e.body FROM ldap_entries e WHERE e.source = $1 AND e.kind = 0 AND e.id = $2`, func(r row) error {
		var body string
		err := r.Scan(&body)
		e.Body = bytesOf(body)
		return err
	}, source, id)
	if err == nil && e.Body == nil {
		err = ErrNotFound
	}
	return e, err
}

// MemberIDs are the external ids of the person's accounts in the group, in order
// of account.
func (v *View) MemberIDs(ctx context.Context, group directory.GroupID, person access.PersonID) (ids []string, err error) {
	return list(ctx, v, func(r row, id *string) error { return r.Scan(id) }, `
		SELECT a.external_id FROM members m JOIN accounts a ON a.id = m.account
		WHERE m.group_id = $1 AND a.person = $2 AND a.deleted = 0 ORDER BY a.id`, int64(group), int64(person))
}

// SourceAccounts calls yield for each account of a source that has an external
// id, without Values, in order of id; those with one of the external ids only,
// unless that is nil.
func (v *View) SourceAccounts(ctx context.Context, source string, externalIDs []string, yield func(directory.Account) error) error {
	each := func(r row) error {
		var a directory.Account
		if err := scanAccount(r, &a); err != nil {
			return err
		}
		return yield(a)
	}
	if externalIDs == nil {
		return v.ask(ctx, `
			SELECT `+accountColumns+` FROM accounts a
			WHERE a.source = $1 AND a.deleted = 0 AND a.external_id <> '' ORDER BY a.id`, each, source)
	}
	// CROSS, so that SQLite begins with the ids: it would take the order of id from an
	// index and look for each account of the source among them.
	return v.ask(ctx, `
		SELECT `+accountColumns+` FROM rowset($2, ext text) r
		CROSS JOIN accounts a
		WHERE a.source = $1 AND a.external_id = r.ext AND a.deleted = 0 AND a.external_id <> ''
		ORDER BY a.id`, each, source, externalIDs)
}

// SourceGroups lists the groups of a source that have an external id, without
// Values, in order of id.
func (v *View) SourceGroups(ctx context.Context, source string) ([]directory.Group, error) {
	return list(ctx, v, scanGroup, `
		SELECT `+groupColumns+` FROM groups g
		WHERE g.source = $1 AND g.deleted = 0 AND g.external_id <> '' ORDER BY g.id`, source)
}

// SourceMembers calls yield for each membership in a source's groups, in order
// of group and account.
func (v *View) SourceMembers(ctx context.Context, source string, yield func(directory.GroupID, directory.AccountID) error) error {
	return v.ask(ctx, `
		SELECT m.group_id, m.account
		FROM groups g JOIN members m ON m.group_id = g.id
		WHERE g.source = $1 AND g.deleted = 0 ORDER BY g.id, m.account`, func(r row) error {
		var group, account int64
		if err := r.Scan(&group, &account); err != nil {
			return err
		}
		return yield(directory.GroupID(group), directory.AccountID(account))
	}, source)
}

// SyncRun is the report of one run.
type SyncRun struct {
	ID             int64
	Source         string
	State          string // unchanged, applied, held, failed …
	Started, Ended time.Time
	Report         []byte // JSON
}

// KeepRun keeps a report, and of its source the last keep ones. With an ID it
// replaces that report.
func (s *Store) KeepRun(ctx context.Context, run SyncRun, keep int) (SyncRun, error) {
	if err := checkTexts(run.Source, run.State, string(run.Report)); err != nil {
		return run, err
	}
	var h head
	var last int64
	w, err := s.eng.begin(ctx, h.lockStmt(), stmt{text: `SELECT COALESCE(max(r.id), 0) FROM ldap_runs r`,
		each: func(r row) error { return r.Scan(&last) }})
	if err != nil {
		return run, s.callers(ctx, err)
	}
	if run.ID == 0 {
		run.ID = last + 1
	}
	err = w.commit(ctx,
		stmt{text: `
			INSERT INTO ldap_runs (id, source, state, started, ended, report) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET state = excluded.state, started = excluded.started, ended = excluded.ended, report = excluded.report`,
			args: []any{run.ID, run.Source, run.State, micros(run.Started), micros(run.Ended), string(run.Report)}},
		stmt{text: `
			DELETE FROM ldap_runs WHERE source = $1 AND id NOT IN (
				SELECT r.id FROM ldap_runs r WHERE r.source = $1 ORDER BY r.id DESC LIMIT $2)`,
			args: []any{run.Source, int64(max(keep, 1))}})
	return run, s.callers(ctx, err)
}

// Runs lists the last reports, newest first; of all sources when source is "".
func (v *View) Runs(ctx context.Context, source string, limit int) ([]SyncRun, error) {
	runs, err := list(ctx, v, scanRun, `
		SELECT r.id, r.source, r.state, r.started, r.ended, r.report
		FROM ldap_runs r WHERE r.source = $1 OR CAST($1 AS TEXT) = '' ORDER BY r.id DESC LIMIT $2`, source, int64(limit))
	return slices.Clip(runs), err
}

func scanRun(r row, run *SyncRun) error {
	var started, ended int64
	var report string
	err := r.Scan(&run.ID, &run.Source, &run.State, &started, &ended, &report)
	run.Started, run.Ended, run.Report = timeOf(started), timeOf(ended), bytesOf(report)
	return err
}

// LastRuns are of each source the last report and the last of a run that was
// applied or found nothing to do, in order of source and age.
func (v *View) LastRuns(ctx context.Context) ([]SyncRun, error) {
	return list(ctx, v, scanRun, `
		SELECT r.id, r.source, r.state, r.started, r.ended, r.report
		FROM ldap_runs r
		WHERE r.id IN (SELECT max(x.id) FROM ldap_runs x GROUP BY x.source)
			OR r.id IN (SELECT max(y.id) FROM ldap_runs y WHERE y.state IN ('applied', 'unchanged') GROUP BY y.source)
		ORDER BY r.source, r.id`)
}
