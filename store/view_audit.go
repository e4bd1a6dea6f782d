package store

import (
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
