package store

import (
	"context"
	"fmt"
	"time"

	"grantbridge/directory"
)

// staleGroups is a StaleGroups under way.
type staleGroups struct {
	rare
	op          *StaleGroups
	id, person  int64
	since       int64
	memberships int64
}

func (w *staleGroups) prepare(*Store) error { return checkTexts(w.op.Source, w.op.Account) }

func (w *staleGroups) load(q *questions) {
	w.id, w.person, w.since, w.memberships = 0, 0, 0, 0
	q.askAlone(`
		SELECT a.id, a.person, a.groups_stale, (SELECT count(*) FROM members m WHERE m.account = a.id)
		FROM accounts a WHERE a.uid = $1 AND a.source = $2 AND a.deleted = 0`,
		func(r row) error { return r.Scan(&w.id, &w.person, &w.since, &w.memberships) }, w.op.Account, w.op.Source)
}

func (w *staleGroups) decide(d *decision) error {
	if w.id == 0 {
		return fmt.Errorf("account %q of %s: %w", w.op.Account, w.op.Source, ErrNotFound)
	}
	if w.op.Stale == (w.since != 0) {
		return nil // and the first time counts
	}
	if w.op.Stale && w.memberships == 0 {
		return nil // nothing that could be out of date
	}
	since := int64(0)
	if w.op.Stale {
		since = d.now
	}
	d.tellAlone(`UPDATE accounts SET groups_stale = $1 WHERE id = $2`, since, w.id)
	d.touch(w.person, d.rev)
	d.entry = &entry{action: "user.groups", target: w.op.Source + "/user/" + w.op.Account, people: []int64{w.person},
		before: facts{"stale": w.since != 0}, after: facts{"stale": w.op.Stale, "memberships": w.memberships}}
	return nil
}

// Staleness is since when sign-ins have not said which groups an account is in,
// and until when its memberships grant; both zero when the last one did, the
// second when the source has no bound.
type Staleness struct{ Since, Until time.Time }

// Staleness of an account's memberships.
func (v *View) Staleness(ctx context.Context, account directory.AccountID) (s Staleness, err error) {
	err = v.ask(ctx, `
		SELECT a.groups_stale, o.stale_after FROM accounts a JOIN sources o ON o.name = a.source WHERE a.id = $1`,
		func(r row) error {
			var since, after int64
			err := r.Scan(&since, &after)
			if since != 0 {
				s.Since = timeOf(since)
				if after > 0 {
					s.Until = timeOf(since + after)
				}
			}
			return err
		}, int64(account))
	return s, err
}

// StaleSource counts a source's accounts whose memberships are stale.
type StaleSource struct {
	Source   string
	Accounts int
	Oldest   Staleness
}

// StaleSources lists the sources with accounts whose memberships are stale.
func (v *View) StaleSources(ctx context.Context) ([]StaleSource, error) {
	return list(ctx, v, func(r row, s *StaleSource) error {
		var n, since, after int64
		err := r.Scan(&s.Source, &n, &since, &after)
		s.Accounts, s.Oldest.Since = int(n), timeOf(since)
		if after > 0 {
			s.Oldest.Until = timeOf(since + after)
		}
		return err
	}, `
		SELECT a.source, count(*), min(a.groups_stale), max(o.stale_after)
		FROM accounts a JOIN sources o ON o.name = a.source
		WHERE a.groups_stale <> 0 AND a.deleted = 0 AND a.active = 1
		GROUP BY a.source ORDER BY a.source`)
}
