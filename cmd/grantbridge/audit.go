package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/store"
)

func (a *app) auditCommand() *cobra.Command {
	return group("audit", "what was changed, by whom, why",
		a.auditSearchCommand(), a.auditExportCommand(), a.auditVerifyCommand())
}

// entryRow is an audit entry with what was there before and after.
type entryRow struct {
	store.Entry
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Logins are those of the people that the entry concerns, as they are now.
	Logins []string `json:"logins,omitempty"`
}

func (b *bridge) rowOfEntry(e store.Entry) entryRow {
	r := entryRow{Entry: e, Before: json.RawMessage(e.Before), After: json.RawMessage(e.After)}
	for _, id := range e.People {
		if p, ok := b.PersonByID(id); ok && p.Login != "" {
			r.Logins = append(r.Logins, p.Login)
		}
	}
	return r
}

// concerns names the first people of an entry.
func (r entryRow) concerns() string {
	const most = 3
	if n := len(r.Logins); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(r.Logins[:most], ", "), n-most)
	}
	return orDash(strings.Join(r.Logins, ", "))
}

// auditFlags pick entries.
type auditFlags struct {
	from, to, actor, action, target, person, text string
	limit                                         int
}

func (f *auditFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.from, "from", "", "not before this `time`, day, or -90d")
	fl.StringVar(&f.to, "to", "", "before this `time`, or up to the end of a day")
	fl.StringVar(&f.actor, "actor", "", "by this `actor`, as scim:okta or cli:root")
	fl.StringVar(&f.action, "action", "", "this `action` or all below it, as group or group.members")
	fl.StringVar(&f.target, "target", "", "this `target` or all below it, as okta/user")
	fl.StringVar(&f.person, "person", "", "concerning this person")
	fl.StringVar(&f.text, "text", "", "with this `text` in reason, before or after")
}

func (f *auditFlags) query(b *bridge) (q store.AuditQuery, err error) {
	q = store.AuditQuery{Actor: f.actor, Action: f.action, Target: f.target, Text: f.text, Limit: f.limit}
	if q.From, q.To, err = b.between(f.from, f.to); err != nil {
		return q, err
	}
	q.Person, err = b.personID(f.person)
	return q, err
}

// between reads the two ends of a time that is past; an empty one is open.
func (b *bridge) between(from, to string) (since, until time.Time, err error) {
	if from != "" {
		since, err = pastTime(from, b.cfg.Location(), false)
	}
	if to != "" && err == nil {
		until, err = pastTime(to, b.cfg.Location(), true)
	}
	if err == nil && to != "" && !since.Before(until) {
		err = usage("%s is not before %s; there is no time between them", from, to)
	}
	return since, until, err
}

// pastTime reads -90d as 90 days ago.
func pastTime(text string, zone *time.Location, end bool) (time.Time, error) {
	if span, ok := strings.CutPrefix(text, "-"); ok {
		d, err := parseSpan(span)
		return now().Add(-d), err
	}
	return parseTime(text, now(), zone, end)
}

func (a *app) auditSearchCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "search", Short: "entries, newest first", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(b *bridge, v *store.View) error {
				q, err := f.query(b)
				if err != nil {
					return err
				}
				entries, err := v.Audit(c.Context(), q)
				if err != nil {
					return err
				}
				return a.listEntries(b, entries)
			})
		},
	}
	f.add(c)
	c.Flags().Var(atLeast(1, &f.limit, 50), "limit", "how many")
	return c
}

var entryColumns = []column[entryRow]{
	{"REVISION", func(e entryRow) string { return strconv.FormatInt(e.Revision, 10) }},
	{"AT", func(e entryRow) string { return e.At.UTC().Format(time.RFC3339) }},
	{"ACTOR", func(e entryRow) string { return e.Actor }},
	{"ACTION", func(e entryRow) string { return e.Action }},
	{"TARGET", func(e entryRow) string { return e.Target }},
	{"REASON", func(e entryRow) string { return orDash(e.Reason) }},
	{"TICKET", func(e entryRow) string { return orDash(e.Ticket) }},
	{"CONCERNS", entryRow.concerns},
}

func (a *app) listEntries(b *bridge, entries []store.Entry) error {
	rows := make([]entryRow, len(entries))
	for i, e := range entries {
		rows[i] = b.rowOfEntry(e)
	}
	return list(a, rows, entryColumns...)
}

func (a *app) auditExportCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "export", Short: "all entries, newest first, as JSON lines (or -o csv)", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			if a.people() {
				a.format = asJSONL
			}
			return a.read(c.Context(), func(b *bridge, v *store.View) error { return a.auditExport(c.Context(), b, v, f) })
		},
	}
	f.add(c)
	return c
}

const auditPage = 1000

func (a *app) auditExport(ctx context.Context, b *bridge, v *store.View, f auditFlags) error {
	f.limit = auditPage
	q, err := f.query(b)
	if err != nil {
		return err
	}
	var all []store.Entry
	for {
		page, err := v.Audit(ctx, q)
		if err != nil {
			return err
		}
		if a.format == asJSONL {
			err = a.listEntries(b, page)
		} else {
			all = append(all, page...)
		}
		if err != nil {
			return err
		}
		if len(page) < auditPage {
			break
		}
		q.Before = page[len(page)-1].Revision
	}
	if a.format == asJSONL {
		return nil
	}
	return a.listEntries(b, all)
}

func (a *app) auditVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "walk the whole hash chain; exits 1 when it is broken", Args: words(),
		Long: "Verify walks all entries: the chain, what happened, whom each is found by, the\ncheckpoints and the head. It names the first revision that is not as it was written.",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				r, err := b.st.Verify(c.Context())
				if err != nil {
					return err
				}
				err = a.show(r, func(w io.Writer) { a.writeReport(w, r) })
				if err == nil && r.Broken != "" {
					return errFailed
				}
				return err
			})
		},
	}
}

func (a *app) writeReport(w io.Writer, r store.VerifyReport) {
	if r.Broken != "" {
		fmt.Fprintf(w, "%s %s\n  restore the last good backup beside it and compare: grantbridge audit export\n", a.paint(red, "broken:"), r.Broken)
		return
	}
	fmt.Fprintf(w, "whole: %s, %s, up to revision %d\n  head %s\n", entries(r.Entries), count(r.Checkpoints, "checkpoint"), r.Revision, r.Head)
	if r.Erased > 0 {
		fmt.Fprintf(w, "  %s %s\n", a.paint(red, "erased:"), erasedText(r))
	}
}

// erasedText tells of entries whose contents somebody deleted in the database; the
// chain holds without them, so that a person's data can be erased by law.
func erasedText(r store.VerifyReport) string {
	says := fmt.Sprintf("%s without before, after and reason, the first at revision %d; grantbridge erases none by itself", entries(r.Erased), r.FirstErased)
	if r.Unproven > 0 {
		says += fmt.Sprintf("; %s of them still found by person, which nothing proves any more", thousands(int(r.Unproven)))
	}
	return says
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return thousands(int(n)) + " entries"
}
