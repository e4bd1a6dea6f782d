package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"grantbridge/access"
)

// Audit lists entries, newest first.
func (v *View) Audit(ctx context.Context, q AuditQuery) ([]Entry, error) {
	text, args := auditText(q)
	return list(ctx, v, scanEntry, text, args...)
}

func auditText(q AuditQuery) (string, []any) {
	var args []any
	var conds []string
	arg := func(x any) string {
		args = append(args, x)
		return fmt.Sprintf("$%d", len(args))
	}
	where := func(format string, xs ...any) {
		conds = append(conds, fmt.Sprintf(format, xs...))
	}
	if !q.From.IsZero() {
		where("e.at >= %s", arg(micros(q.From)))
	}
	if !q.To.IsZero() {
		where("e.at < %s", arg(micros(q.To)))
	}
	if q.Actor != "" {
		where("e.actor = %s", arg(safe(q.Actor)))
	}
	if q.Action != "" {
		where("%s", beginning("e.action", safe(q.Action), ".", arg))
	}
	if q.Target != "" {
		where("%s", beginning("e.target", safe(q.Target), "/", arg))
	}
	if q.Person != 0 {
		where("e.rev IN (SELECT p.rev FROM audit_people p WHERE p.person = %s)", arg(int64(q.Person)))
	}
	if q.Text != "" {
		where("contains(b.body, %s)", arg(safe(strings.Trim(asJSON(q.Text), `"`))))
	}
	if q.Before > 0 {
		where("e.rev < %s", arg(q.Before))
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	if len(conds) == 0 {
		conds = []string{yes}
	}
	return `
		SELECT e.rev, e.at, e.actor, e.action, e.target, e.hash, COALESCE(b.body, '')
		FROM audit e LEFT JOIN audit_body b ON b.rev = e.rev
		WHERE ` + strings.Join(conds, " AND ") + `
		ORDER BY e.rev DESC LIMIT ` + arg(int64(q.Limit)), args
}

// safe is a text that the database can be asked for.
func safe(s string) string {
	if !storable(s) {
		return "\uFFFE"
	}
	return s
}

// beginning asks for a value that is text, or begins with text and sep.
func beginning(column, text, sep string, arg func(any) string) string {
	text = strings.TrimSuffix(text, sep)
	next := string(sep[0] + 1)
	return fmt.Sprintf("(%s = %s OR %s >= %s AND %s < %s)", column, arg(text), column, arg(text+sep), column, arg(text+next))
}

func scanEntry(r row, e *Entry) error {
	var at int64
	var text string
	if err := r.Scan(&e.Revision, &at, &e.Actor, &e.Action, &e.Target, &e.Hash, &text); err != nil {
		return err
	}
	e.At = timeOf(at)
	if text == "" {
		return nil // erased
	}
	var b auditBody
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return fmt.Errorf("read the audit entry %d: %w", e.Revision, err)
	}
	e.Via, e.Request, e.Reason, e.Ticket, e.Before, e.After = b.Via, b.Request, b.Reason, b.Ticket, b.Before, b.After
	for _, p := range b.People {
		e.People = append(e.People, access.PersonID(p))
	}
	return nil
}

// Verify walks the whole audit chain and the checkpoints, from the first entry.
func (s *Store) Verify(ctx context.Context) (VerifyReport, error) {
	var report VerifyReport
	err := s.Read(ctx, func(v *View) error {
		w := walk{report: &report, points: map[int64]string{}}
		if err := w.prepare(ctx, v); err != nil {
			return err
		}
		err := v.ask(ctx, `
			SELECT e.rev, e.at, e.actor, e.action, e.target, e.digest, e.hash, COALESCE(b.salt, ''), COALESCE(b.body, '')
			FROM audit e LEFT JOIN audit_body b ON b.rev = e.rev ORDER BY e.rev`, w.step)
		if err != nil {
			return err
		}
		w.end()
		return nil
	})
	return report, err
}

// walk is a verification under way.
type walk struct {
	report *VerifyReport
	head   head
	points map[int64]string
	last   int64
	prev   string
}

func (w *walk) prepare(ctx context.Context, v *View) error {
	if err := v.ask(ctx, `SELECT rev, hash FROM head WHERE id = 0`, func(r row) error { return r.Scan(&w.head.rev, &w.head.hash) }); err != nil {
		return err
	}
	return v.ask(ctx, `SELECT c.rev, c.hash FROM checkpoints c`, func(r row) error {
		var rev int64
		var hash string
		err := r.Scan(&rev, &hash)
		w.points[rev] = hash
		return err
	})
}

func (w *walk) broken(rev int64, how string) {
	if w.report.Broken == "" {
		w.report.Broken = fmt.Sprintf("revision %d: %s", rev, how)
	}
}

func (w *walk) step(r row) error {
	var rev, at int64
	var actor, action, target, digest, hash, salt, body string
	if err := r.Scan(&rev, &at, &actor, &action, &target, &digest, &hash, &salt, &body); err != nil {
		return err
	}
	if rev != w.last+1 {
		w.broken(w.last+1, "the entry is missing")
	}
	if body == "" && salt == "" {
		w.report.Erased++
		w.report.FirstErased = cmp.Or(w.report.FirstErased, rev)
	} else if digestOf(salt, body) != digest {
		w.broken(rev, "what happened was changed")
	}
	if link(w.prev, rev, at, actor, action, target, digest) != hash {
		w.broken(rev, "the entry was changed")
	}
	if point, ok := w.points[rev]; ok {
		w.report.Checkpoints++
		delete(w.points, rev)
		if point != hash {
			w.broken(rev, "the checkpoint has another hash")
		}
	} else if rev%checkpointEvery == 0 {
		w.broken(rev, "the checkpoint is missing")
	}
	w.report.Entries++
	w.last, w.prev = rev, hash
	return nil
}

func (w *walk) end() {
	w.report.Revision, w.report.Head = w.last, w.prev
	for rev := range w.points {
		if rev > w.last {
			w.broken(w.last+1, fmt.Sprintf("the entry is missing; there is a checkpoint at %d", rev))
		}
	}
	switch {
	case w.head.rev > w.last:
		w.broken(w.last+1, fmt.Sprintf("the entry is missing; the head is at %d", w.head.rev))
	case w.head.rev < w.last:
		w.broken(w.head.rev+1, "the entry is beyond the head")
	case w.head.hash != w.prev:
		w.broken(w.last, "the head has another hash")
	}
}
