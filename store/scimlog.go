package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"grantbridge/access"
)

// SCIMRequest is one request of the SCIM request log: side state, kept for some
// days, no part of the audit chain.
type SCIMRequest struct {
	ID         int64 // ascending in the order of being written
	At         time.Time
	Took       time.Duration
	Request    string // the request id that answer, log and audit carry
	Source     string
	Credential string // "bearer 3", "client 4", "jwt", "" when none was proven
	Profile    string
	Method     string
	Route      string // "PATCH /Users/{id}"
	Resource   string // the id in the URL, or of what was created
	Status     int
	Revision   int64 // of its last commit; 0 when it changed nothing
	Changed    int   // resources that it changed
	Moved      int   // people whose access it changed
	Says       string
	// About are the ids of other resources that it touched, and People whose
	// accounts these are; both may be searched for. Lists leave them out.
	About  []string
	People []access.PersonID
	Detail json.RawMessage // what the door keeps of it; lists leave it out
}

// SCIMLogQuery picks requests. Zero fields do not restrict.
type SCIMLogQuery struct {
	Source   string
	Status   int // or with StatusTo a closed range
	StatusTo int
	Resource string
	Person   access.PersonID
	Request  string
	Since    time.Time
	Until    time.Time
	Before   int64 // only below this id: the next page
	After    int64 // only above this id, and the oldest first; -1 is from the beginning
	Limit    int   // 0 is 100
}

// AppendSCIMLog keeps requests and gives them their ids.
func (s *Store) AppendSCIMLog(ctx context.Context, requests []SCIMRequest) error {
	if len(requests) == 0 {
		return nil
	}
	rows, about := make(rowset, len(requests)), rowset{}
	for i, r := range requests {
		n := int64(i)
		rows[i] = []any{n, micros(r.At), text(r.Request), text(r.Source), text(r.Credential), text(r.Profile), text(r.Method), text(r.Route),
			text(r.Resource), int64(r.Status), r.Revision, int64(r.Changed), int64(r.Moved), r.Took.Microseconds(), text(r.Says), text(string(r.Detail))}
		for _, subject := range r.subjects() {
			about = append(about, []any{n, subject})
		}
	}
	count := int64(len(requests))
	w, err := s.eng.begin(ctx)
	if err != nil {
		return s.callers(ctx, err)
	}
	var last int64
	stmts := []stmt{
		{text: `UPDATE scim_log_head SET last = last + $1 WHERE id = 0`, args: []any{count}},
		{text: `SELECT h.last FROM scim_log_head h WHERE h.id = 0`, each: func(r row) error { return r.Scan(&last) }},
		{text: `
			INSERT INTO scim_log (id, at, request, source, credential, profile, method, route, resource, status, rev, changed, moved, took, says, detail)
			SELECT h.last - $1 + 1 + r.n, r.at, r.request, r.source, r.credential, r.profile, r.method, r.route, r.resource, r.status, r.rev, r.changed,
				r.moved, r.took, r.says, r.detail
			FROM rowset($2, n bigint, at bigint, request text, source text, credential text, profile text, method text, route text, resource text,
				status bigint, rev bigint, changed bigint, moved bigint, took bigint, says text, detail text) r, scim_log_head h`,
			args: []any{count, rows}},
	}
	if len(about) > 0 {
		stmts = append(stmts, stmt{text: `
			INSERT INTO scim_log_about (subject, entry)
			SELECT r.subject, h.last - $1 + 1 + r.n FROM rowset($2, n bigint, subject text) r, scim_log_head h WHERE true
			ON CONFLICT (subject, entry) DO NOTHING`, args: []any{count, about}})
	}
	if err := w.commit(ctx, stmts...); err != nil {
		return s.callers(ctx, err)
	}
	for i := range requests {
		requests[i].ID = last - count + 1 + int64(i)
	}
	return nil
}

// subjects are what r can be searched by, each once.
func (r *SCIMRequest) subjects() (out []string) {
	seen := map[string]bool{"": true}
	add := func(s string) {
		if s = text(s); !seen[s] && len(s) <= indexed {
			seen[s] = true
			out = append(out, s)
		}
	}
	add(r.Resource)
	for _, uid := range r.About {
		add(uid)
	}
	for _, p := range r.People {
		add(personSubject(p))
	}
	return out
}

func personSubject(p access.PersonID) string { return fmt.Sprintf("person/%d", p) }

// text is s without what no database holds: a log must take what comes.
func text(s string) string {
	if storable(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

const scimLogColumns = `l.id, l.at, l.request, l.source, l.credential, l.profile, l.method, l.route, l.resource, l.status, l.rev,
	l.changed, l.moved, l.took, l.says`

func scanSCIMRequest(r row, q *SCIMRequest, more ...any) error {
	var at, status, changed, moved, took int64
	dest := []any{&q.ID, &at, &q.Request, &q.Source, &q.Credential, &q.Profile, &q.Method, &q.Route, &q.Resource, &status, &q.Revision,
		&changed, &moved, &took, &q.Says}
	err := r.Scan(append(dest, more...)...)
	q.At, q.Took = timeOf(at), time.Duration(took)*time.Microsecond
	q.Status, q.Changed, q.Moved = int(status), int(changed), int(moved)
	return err
}

// SCIMLog lists requests, newest first, without Detail, About and People.
func (v *View) SCIMLog(ctx context.Context, q SCIMLogQuery) ([]SCIMRequest, error) {
	text, args := scimLogText(q)
	return list(ctx, v, func(r row, q *SCIMRequest) error { return scanSCIMRequest(r, q) }, text, args...)
}

func scimLogText(q SCIMLogQuery) (string, []any) {
	var args []any
	conds := []string{yes}
	where := func(format string, xs ...any) {
		for i, x := range xs {
			args = append(args, x)
			xs[i] = fmt.Sprintf("$%d", len(args))
		}
		conds = append(conds, fmt.Sprintf(format, xs...))
	}
	if q.Source != "" {
		where("l.source = %v", safe(q.Source))
	}
	if q.Status != 0 {
		where("l.status >= %v AND l.status <= %v", int64(q.Status), int64(max(q.Status, q.StatusTo)))
	}
	const about = "l.id IN (SELECT a.entry FROM scim_log_about a WHERE a.subject = %v)"
	if q.Resource != "" {
		where(about, safe(q.Resource))
	}
	if q.Person != 0 {
		where(about, personSubject(q.Person))
	}
	if q.Request != "" {
		where("l.request = %v", safe(q.Request))
	}
	if !q.Since.IsZero() {
		where("l.at >= %v", micros(q.Since))
	}
	if !q.Until.IsZero() {
		where("l.at < %v", micros(q.Until))
	}
	order := "DESC"
	if q.Before > 0 {
		where("l.id < %v", q.Before)
	}
	if q.After != 0 {
		where("l.id > %v", q.After)
		order = "ASC"
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	args = append(args, int64(q.Limit))
	return `SELECT ` + scimLogColumns + ` FROM scim_log l WHERE ` + strings.Join(conds, " AND ") +
		fmt.Sprintf(` ORDER BY l.id %s LIMIT $%d`, order, len(args)), args
}

// SCIMRequest is one request whole; ErrNotFound.
func (v *View) SCIMRequest(ctx context.Context, id int64) (SCIMRequest, error) {
	found, err := list(ctx, v, func(r row, q *SCIMRequest) error {
		var detail string
		err := scanSCIMRequest(r, q, &detail)
		q.Detail = json.RawMessage(detail)
		return err
	}, `SELECT `+scimLogColumns+`, l.detail FROM scim_log l WHERE l.id = $1`, id)
	if err == nil && len(found) == 0 {
		return SCIMRequest{}, fmt.Errorf("SCIM request %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return SCIMRequest{}, err
	}
	q := found[0]
	err = v.ask(ctx, `SELECT a.subject FROM scim_log_about a WHERE a.entry = $1 ORDER BY a.subject`, func(r row) error {
		var s string
		err := r.Scan(&s)
		var p int64
		if n, _ := fmt.Sscanf(s, "person/%d", &p); n == 1 {
			q.People = append(q.People, access.PersonID(p))
		} else if s != q.Resource {
			q.About = append(q.About, s)
		}
		return err
	}, id)
	return q, err
}

// purgeAtOnce keeps a purge from holding the writer for long.
const purgeAtOnce = 500

// PurgeSCIMLog drops requests from before a moment, the oldest first, and access
// tokens that have ended; more says that there are others left.
func (s *Store) PurgeSCIMLog(ctx context.Context, before time.Time) (dropped int, more bool, err error) {
	w, err := s.eng.begin(ctx)
	if err != nil {
		return 0, false, s.callers(ctx, err)
	}
	var ids []int64
	err = w.run(ctx, stmt{text: `SELECT l.id FROM scim_log l WHERE l.at < $1 ORDER BY l.at LIMIT $2`,
		args: []any{micros(before), int64(purgeAtOnce)}, each: func(r row) error {
			var id int64
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}})
	if err != nil {
		w.rollback()
		return 0, false, s.callers(ctx, err)
	}
	stmts := []stmt{{text: `DELETE FROM scim_access WHERE expires < $1`, args: []any{micros(s.now())}}}
	if len(ids) > 0 {
		stmts = append(stmts,
			stmt{text: `DELETE FROM scim_log_about WHERE entry IN (SELECT r.id FROM rowset($1, id bigint) r)`, args: []any{ids}},
			stmt{text: `DELETE FROM scim_log WHERE id IN (SELECT r.id FROM rowset($1, id bigint) r)`, args: []any{ids}})
	}
	return len(ids), len(ids) == purgeAtOnce, s.callers(ctx, w.commit(ctx, stmts...))
}

// ChangedPeople are the people whom each of the revisions concerns, at most 100
// of each, as the audit has them.
func (v *View) ChangedPeople(ctx context.Context, revisions []int64) (map[int64][]access.PersonID, error) {
	out := map[int64][]access.PersonID{}
	err := v.ask(ctx, `SELECT b.rev, b.body FROM rowset($1, rev bigint) r JOIN audit_body b ON b.rev = r.rev`, func(r row) error {
		var rev int64
		var body string
		if err := r.Scan(&rev, &body); err != nil || body == "" {
			return err
		}
		var e struct {
			People []access.PersonID `json:"people"`
		}
		err := json.Unmarshal([]byte(body), &e)
		out[rev] = e.People
		return err
	}, revisions)
	return out, err
}
