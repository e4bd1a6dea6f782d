package store

import (
	"context"
	"fmt"
	"time"

	"grantbridge/directory"
)

// LinkSubject makes an account be the one of a source's subject, on an
// administrator's word, and ends the subject's waiting. A subject that is another
// account's is a UniqueError, unless that one was deleted.
type LinkSubject struct {
	Source, Subject string
	Account         string // its UID
}

func (*LinkSubject) op() {}

// linkSubject is a LinkSubject under way.
type linkSubject struct {
	rare
	op      *LinkSubject
	account directory.Account
	taken   string // the UID of the account that has the subject
	dead    int64  // that account was deleted
	waits   bool
}

func (w *linkSubject) prepare(*Store) error {
	return checkTexts(w.op.Source, w.op.Subject, w.op.Account)
}

func (w *linkSubject) load(q *questions) {
	w.account, w.taken, w.dead, w.waits = directory.Account{}, "", 0, false
	q.askAlone(`SELECT `+accountColumns+` FROM accounts a WHERE a.uid = $1 AND a.source = $2 AND a.deleted = 0`,
		func(r row) error { return scanAccount(r, &w.account) }, w.op.Account, w.op.Source)
	q.askAlone(`SELECT a.uid, a.deleted FROM subjects s JOIN accounts a ON a.id = s.account WHERE s.source = $1 AND s.subject = $2`,
		func(r row) error { return r.Scan(&w.taken, &w.dead) }, w.op.Source, w.op.Subject)
	q.askAlone(`SELECT p.last FROM pending_links p WHERE p.source = $1 AND p.subject = $2`,
		func(row) error { w.waits = true; return nil }, w.op.Source, w.op.Subject)
}

func (w *linkSubject) decide(d *decision) error {
	switch {
	case w.account.ID == 0:
		return fmt.Errorf("account %q of %s: %w", w.op.Account, w.op.Source, ErrNotFound)
	case w.taken == w.op.Account && !w.waits:
		return nil
	case w.taken != "" && w.taken != w.op.Account && w.dead == 0:
		return &UniqueError{Attribute: "subject", Value: w.op.Subject, UID: w.taken}
	}
	d.tellAlone(`
		INSERT INTO subjects (source, subject, account, rev) VALUES ($1, $2, $3, $4)
		ON CONFLICT (source, subject) DO UPDATE SET account = excluded.account, rev = excluded.rev`,
		w.op.Source, w.op.Subject, int64(w.account.ID), d.rev)
	d.tellAlone(useSubject, w.op.Source, w.op.Subject, d.now)
	d.tellAlone(`DELETE FROM pending_links WHERE source = $1 AND subject = $2`, w.op.Source, w.op.Subject)
	d.entry = &entry{action: "subject.link", target: w.op.Source + "/user/" + w.op.Account, people: []int64{w.account.Person},
		after: facts{"subject": w.op.Subject}}
	return nil
}

// SubjectAccount is the account that a subject is, dead or alive.
type SubjectAccount struct {
	directory.Account
	Deleted bool
	// Approved: by an administrator's word, not by its external id.
	Approved bool
}

// SubjectAccount finds the account of a source's subject: the one that an
// administrator linked, else the one with the external id, else the newest
// tombstone with it; ErrNotFound when there was never one.
func (v *View) SubjectAccount(ctx context.Context, source, subject, externalID string) (SubjectAccount, error) {
	if err := checkTexts(source, subject, externalID); err != nil {
		return SubjectAccount{}, err
	}
	found, err := list(ctx, v, scanSubjectAccount(true), `
		SELECT a.deleted, `+accountColumns+` FROM subjects s JOIN accounts a ON a.id = s.account
		WHERE s.source = $1 AND s.subject = $2`, source, subject)
	if err == nil && len(found) == 0 && externalID != "" {
		found, err = list(ctx, v, scanSubjectAccount(false), `
			SELECT a.deleted, `+accountColumns+` FROM accounts a
			WHERE a.source = $1 AND a.external_id = $2
			ORDER BY CASE WHEN a.deleted = 0 THEN 0 ELSE 1 END, a.id DESC LIMIT 1`, source, externalID)
	}
	if err != nil {
		return SubjectAccount{}, err
	}
	if len(found) == 0 {
		return SubjectAccount{}, fmt.Errorf("account of a subject of %s: %w", source, ErrNotFound)
	}
	return found[0], nil
}

func scanSubjectAccount(approved bool) func(row, *SubjectAccount) error {
	return func(r row, a *SubjectAccount) error {
		var deleted int64
		err := scanAccount(moreFirst{r, []any{&deleted}}, &a.Account)
		a.Deleted, a.Approved = deleted != 0, approved
		return err
	}
}

// moreFirst is a row whose first columns somebody else wants.
type moreFirst struct {
	row
	first []any
}

func (m moreFirst) Scan(dest ...any) error { return m.row.Scan(append(m.first, dest...)...) }

const useSubject = `
	INSERT INTO subject_use (source, subject, last) VALUES ($1, $2, $3)
	ON CONFLICT (source, subject) DO UPDATE SET last = excluded.last WHERE subject_use.last < excluded.last`

// UseSubject notes that a subject signed in, and does not wait any more.
// LinkSubject notes it too: an administrator has just said whose it is.
func (s *Store) UseSubject(ctx context.Context, source, subject string, now time.Time) error {
	if err := checkTexts(source, subject); err != nil {
		return err
	}
	return s.apart(ctx, stmt{text: useSubject, args: []any{source, subject, micros(now)}},
		stmt{text: `DELETE FROM pending_links WHERE source = $1 AND subject = $2 AND refused = 0`, args: []any{source, subject}})
}

// SubjectUsed is when a subject was last noted; zero when it never was.
func (v *View) SubjectUsed(ctx context.Context, source, subject string) (last time.Time, err error) {
	if err := checkTexts(source, subject); err != nil {
		return last, err
	}
	err = v.ask(ctx, `SELECT u.last FROM subject_use u WHERE u.source = $1 AND u.subject = $2`, func(r row) error {
		var at int64
		err := r.Scan(&at)
		last = timeOf(at)
		return err
	}, source, subject)
	return last, err
}

// Left reports whether an account of the source with that login was deleted and
// none lives: its owner has left.
func (v *View) Left(ctx context.Context, source, login string) (left bool, err error) {
	err = v.ask(ctx, `
		SELECT 1 FROM accounts a WHERE a.source = $1 AND a.login_key = $2 AND a.login_key <> '' AND a.deleted <> 0 LIMIT 1`,
		func(row) error { left = true; return nil }, source, directory.Fold(login))
	return left, err
}

// PendingLink is a sign-in that waits for an administrator to say whose it is.
type PendingLink struct {
	Source  string `json:"source"`
	Subject string `json:"subject"`
	Login   string `json:"login"` // as the identity provider says, as is Email; for a person to judge
	Email   string `json:"email,omitempty"`
	// Account is the one that the subject was, when a sign-in made it and it may
	// be somebody else's by now.
	Account string    `json:"account,omitempty"`
	Trace   string    `json:"trace"` // of the last attempt
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Refused time.Time `json:"refused,omitzero"` // by an administrator; zero while it waits
}

// PutPendingLink notes an attempt; the first one's time stays.
func (s *Store) PutPendingLink(ctx context.Context, p PendingLink) error {
	if err := checkTexts(p.Source, p.Subject, p.Login, p.Email, p.Account, p.Trace); err != nil {
		return err
	}
	return s.apart(ctx, stmt{text: `
		INSERT INTO pending_links (source, subject, login, email, account, trace, first, last) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (source, subject) DO UPDATE SET login = excluded.login, email = excluded.email, account = excluded.account,
			trace = excluded.trace, last = excluded.last`,
		args: []any{p.Source, p.Subject, p.Login, p.Email, p.Account, p.Trace, micros(p.First), micros(p.Last)}})
}

// PendingLinks lists what waits, oldest first.
func (v *View) PendingLinks(ctx context.Context) ([]PendingLink, error) {
	return list(ctx, v, func(r row, p *PendingLink) error {
		var first, last, refused int64
		err := r.Scan(&p.Source, &p.Subject, &p.Login, &p.Email, &p.Account, &p.Trace, &first, &last, &refused)
		p.First, p.Last, p.Refused = timeOf(first), timeOf(last), timeOf(refused)
		return err
	}, `SELECT p.source, p.subject, p.login, p.email, p.account, p.trace, p.first, p.last, p.refused FROM pending_links p ORDER BY p.first, p.source, p.subject`)
}

// SubjectRefused reports whether an administrator refused the subject.
func (v *View) SubjectRefused(ctx context.Context, source, subject string) (refused bool, err error) {
	err = v.ask(ctx, `SELECT 1 FROM pending_links p WHERE p.source = $1 AND p.subject = $2 AND p.refused <> 0`,
		func(row) error { refused = true; return nil }, source, subject)
	return refused, err
}

// RefuseSubject refuses a sign-in that waits; LinkSubject takes that back.
type RefuseSubject struct{ Source, Subject string }

func (*RefuseSubject) op() {}

// refuseSubject is a RefuseSubject under way.
type refuseSubject struct {
	rare
	op      *RefuseSubject
	found   bool
	refused int64
}

func (w *refuseSubject) prepare(*Store) error { return checkTexts(w.op.Source, w.op.Subject) }

func (w *refuseSubject) load(q *questions) {
	w.found, w.refused = false, 0
	q.askAlone(`SELECT p.refused FROM pending_links p WHERE p.source = $1 AND p.subject = $2`,
		func(r row) error { w.found = true; return r.Scan(&w.refused) }, w.op.Source, w.op.Subject)
}

func (w *refuseSubject) decide(d *decision) error {
	switch {
	case !w.found:
		return fmt.Errorf("no sign-in of %s waits: %w", w.op.Source, ErrNotFound)
	case w.refused != 0:
		return nil
	}
	d.tellAlone(`UPDATE pending_links SET refused = $1 WHERE source = $2 AND subject = $3`, d.now, w.op.Source, w.op.Subject)
	d.entry = &entry{action: "subject.refuse", target: "source/" + w.op.Source, after: facts{"subject": w.op.Subject}}
	return nil
}
