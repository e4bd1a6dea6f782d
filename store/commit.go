package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"
)

// The committer. One goroutine takes the operations that wait, opens a
// transaction that locks the head, and asks in the same round trip for all that
// they need to know; each is then decided in Go; a second round trip writes for
// all of them, the audit entries and the head, and commits. An operation that
// finds it must know more is asked for in one more round.

// work is an operation under way.
type work interface {
	// prepare is called once, by the caller of Do, before the operation waits.
	prepare(s *Store) error
	// load queues what decide needs to know.
	load(q *questions)
	// decide refuses the operation, or says in d what it writes, or asks for
	// more by d.more and returns errMore; it is pure but for d, and may run again.
	decide(d *decision) error
	// cost is how many ordinary operations it is worth; alone says that it is
	// committed by itself.
	cost() (weight int, alone bool)
}

var (
	errMore   = errors.New("ask for more")
	errLater  = errors.New("left for the next batch")
	errClosed = fmt.Errorf("%w: it is closed", ErrUnavailable)
)

// key is something that operations of one batch may not share.
type key struct {
	kind byte
	a, b string
	n    int64
}

// head is the head row.
type head struct {
	rev  int64
	hash string
	at   int64
	last struct{ account, group, person, path, manual, token, scimToken, hold int64 }
}

const lockHead = `
	SELECT rev, hash, at, last_account, last_group, last_person, last_path,
		last_manual, last_token, last_scim_token, last_hold
	FROM head WHERE id = 0 {lock}`

func (h *head) lockStmt() stmt {
	return stmt{text: lockHead, each: func(r row) error {
		l := &h.last
		return r.Scan(&h.rev, &h.hash, &h.at, &l.account, &l.group, &l.person, &l.path,
			&l.manual, &l.token, &l.scimToken, &l.hold)
	}}
}

func (h *head) writeStmt() stmt {
	l := h.last
	return stmt{text: `
		UPDATE head SET rev = $1, hash = $2, at = $3, last_account = $4, last_group = $5, last_person = $6,
			last_path = $7, last_manual = $8, last_token = $9, last_scim_token = $10, last_hold = $11
		WHERE id = 0`,
		args: []any{h.rev, h.hash, h.at, l.account, l.group, l.person, l.path, l.manual, l.token, l.scimToken, l.hold}}
}

// questions are what is asked in one round trip. Questions of one text become
// one statement over a rowset, whose first column is the question's number.
type questions struct {
	merged map[string]*question
	order  []string
	single []stmt
}

type question struct {
	rows rowset
	each []func(row) error
}

// ask queues a question of a merged text, which begins "SELECT r.n, …" and reads
// "FROM rowset($1, n bigint, …) r"; args are the columns after n.
func (q *questions) ask(text string, each func(row) error, args ...any) {
	if q.merged == nil {
		q.merged = map[string]*question{}
	}
	m := q.merged[text]
	if m == nil {
		m = &question{}
		q.merged[text] = m
		q.order = append(q.order, text)
	}
	m.rows = append(m.rows, append([]any{int64(len(m.each))}, args...))
	m.each = append(m.each, each)
}

// askAlone queues a question of its own.
func (q *questions) askAlone(text string, each func(row) error, args ...any) {
	q.single = append(q.single, stmt{text: text, args: args, each: each})
}

func (q *questions) stmts() []stmt {
	var out []stmt
	for _, text := range q.order {
		m := q.merged[text]
		out = append(out, stmt{text: text, args: []any{m.rows}, apart: true, each: func(r row) error {
			vs, err := r.Values()
			if err != nil {
				return err
			}
			return m.each[vs[0].(int64)](values(vs[1:]))
		}})
	}
	return append(out, q.single...)
}

// values is a row that was read already.
type values []any

func (v values) Values() ([]any, error) { return v, nil }

func (v values) Scan(dest ...any) error {
	for i, d := range dest {
		switch d := d.(type) {
		case *int64:
			*d = v[i].(int64)
		case *string:
			*d = v[i].(string)
		default:
			return fmt.Errorf("no scan into %T", d)
		}
	}
	return nil
}

// writes are what is written in one round trip; rows of one text become one
// statement over a rowset.
type writes struct {
	merged map[string]rowset
	order  []string
	single []stmt
	people map[int64]int64 // person -> revision of his last change
}

func (w *writes) tell(text string, args ...any) {
	if w.merged == nil {
		w.merged = map[string]rowset{}
	}
	if _, ok := w.merged[text]; !ok {
		w.order = append(w.order, text)
	}
	w.merged[text] = append(w.merged[text], args)
}

func (w *writes) tellAlone(text string, args ...any) {
	w.single = append(w.single, stmt{text: text, args: args})
}

// touch says that what is known of a person has changed.
func (w *writes) touch(person, rev int64) {
	if w.people == nil {
		w.people = map[int64]int64{}
	}
	w.people[person] = rev
}

// add takes over what one operation writes.
func (w *writes) add(o writes) {
	for _, text := range o.order {
		for _, r := range o.merged[text] {
			w.tell(text, r...)
		}
	}
	w.single = append(w.single, o.single...)
	for p, rev := range o.people {
		w.touch(p, rev)
	}
}

func (w *writes) stmts() []stmt {
	out := slices.Clone(w.single)
	for _, text := range w.order {
		out = append(out, stmt{text: text, args: []any{w.merged[text]}, apart: true})
	}
	if len(w.people) > 0 {
		var rows rowset
		for _, p := range slices.Sorted(maps.Keys(w.people)) {
			rows = append(rows, []any{p, w.people[p]})
		}
		out = append(out, stmt{text: touchPeople, args: []any{rows}, apart: true})
	}
	return out
}

const touchPeople = `
	UPDATE people SET rev = r.rev
	FROM rowset($1, id bigint, rev bigint) r WHERE people.id = r.id`

// decision is what one operation decides, against the head that it will change.
type decision struct {
	writes
	b            *batch
	head         head // as left by the operations before; its ids are taken from here
	now          int64
	rev          int64 // that the operation gets if it changes anything
	by           By
	ctx          context.Context
	entry        *entry // what the audit says; nil when nothing changes
	paths        map[string]int64
	keys, shared []key
	more         questions
}

// claim refuses to go on with errLater when an operation of this batch that
// changes something looked at or changed one of keys.
func (d *decision) claim(keys ...key) error {
	for _, k := range keys {
		if d.b.claimed[k] != free {
			return errLater
		}
	}
	d.keys = append(d.keys, keys...)
	return nil
}

// share is claim for what the operation only looks at: others may look too.
func (d *decision) share(keys ...key) error {
	for _, k := range keys {
		if d.b.claimed[k] == changed {
			return errLater
		}
	}
	d.shared = append(d.shared, keys...)
	return nil
}

// use is what the operations of a batch do with a key.
type use uint8

const (
	free use = iota
	lookedAt
	changed
)

// batch is one transaction.
type batch struct {
	s       *Store
	w       writer
	head    head
	now     int64
	claimed map[key]use
	writes  writes
	entries []*entry
	paths   map[string]int64 // found or made in this batch
	asked   map[string]int   // paths that were asked for, and in which round
	rounds  int
	done    []*job
	later   []*job
}

// job is an operation that waits or is under way.
type job struct {
	ctx     context.Context
	by      By
	work    work
	parts   []*job // of DoTogether; then there is no work
	weight  int
	alone   bool
	since   time.Time
	held    bool // by.Lease is
	receipt Receipt
	err     error
	done    chan struct{}
}

func (j *job) settle(err error) {
	j.err = err
	close(j.done)
}

// unsure wraps an error after which it is not known whether the batch was
// committed.
type unsure struct{ error }

func (u unsure) Unwrap() error { return u.error }

// commit does the jobs in one transaction, and settles all but those that it
// returns, which are left for the next batch.
func (s *Store) commit(jobs []*job) (later []*job) {
	if len(jobs) == 1 && jobs[0].parts != nil {
		s.commitTogether(jobs[0])
		return nil
	}
	started := time.Now()
	b, err := s.attempt(jobs)
	if s.shouldRetry(err) {
		b, err = s.attempt(jobs)
	}
	if err == nil {
		s.settle(b)
		s.queue.learn(weigh(jobs), time.Since(started))
		return b.later
	}
	if s.eng.fault(err) == faultOurs && len(jobs) > 1 {
		s.log.Error("a batch was refused by the database; its operations are tried one by one", "error", err)
		for _, j := range jobs {
			later = append(later, s.commit([]*job{j})...)
		}
		return later
	}
	s.fail(jobs, err)
	return nil
}

// shouldRetry reports whether nothing can have been written and a new connection
// may help.
func (s *Store) shouldRetry(err error) bool {
	return err != nil && !errors.As(err, new(unsure)) && s.eng.fault(err) == faultGone && !busy(err) && !errors.Is(err, errClosed)
}

func weigh(jobs []*job) (weight int) {
	for _, j := range jobs {
		weight += j.weight
	}
	return weight
}

func (s *Store) settle(b *batch) {
	s.pause = 0
	if len(b.entries) > 0 {
		for p, id := range b.paths {
			s.paths.Store(p, id)
		}
		s.watch.heard(b.head.rev)
	}
	for _, j := range b.done {
		j.settle(j.err)
	}
}

func (s *Store) fail(jobs []*job, err error) {
	if s.eng.fault(err) == faultOurs {
		s.log.Error("an operation was refused by the database", "error", err)
	} else {
		s.log.Warn("the database did not answer", "error", err)
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		s.pause = min(max(2*s.pause, 50*time.Millisecond), time.Second)
	}
	for _, j := range jobs {
		j.settle(err)
	}
}

func (s *Store) newBatch() *batch {
	return &batch{s: s, claimed: map[key]use{}, paths: map[string]int64{}, asked: map[string]int{}}
}

// questions are what the jobs need to know first.
func (b *batch) questions(jobs []*job) (q questions) {
	for _, j := range jobs {
		j.err, j.held, j.receipt = nil, false, Receipt{}
		j.askLease(&q)
		j.work.load(&q)
	}
	return q
}

// attempt runs one transaction.
func (s *Store) attempt(jobs []*job) (*batch, error) {
	b, err := s.decided(jobs)
	if err != nil {
		return nil, err
	}
	return b, b.end()
}

// decided opens a transaction and decides the jobs in it; nothing is written yet.
func (s *Store) decided(jobs []*job) (*batch, error) {
	b := s.newBatch()
	q := b.questions(jobs)
	var err error
	if b.w, err = s.eng.begin(context.Background(), append([]stmt{b.head.lockStmt()}, q.stmts()...)...); err != nil {
		return nil, err
	}
	b.now = max(micros(s.now()), b.head.at)
	if err := b.decideAll(jobs); err != nil {
		b.w.rollback()
		return nil, err
	}
	return b, nil
}

// decideAll decides the jobs, round by round.
func (b *batch) decideAll(open []*job) error {
	for len(open) > 0 {
		var more questions
		if open = b.round(open, &more); len(open) > 0 {
			if err := b.w.run(context.Background(), more.stmts()...); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes and commits, if there is anything to write.
func (b *batch) end() error {
	if len(b.entries) == 0 {
		b.w.rollback()
		return nil
	}
	err := b.w.commit(context.Background(), b.last()...)
	if err != nil && b.s.eng.fault(err) != faultOurs {
		return unsure{err}
	}
	return err
}

// round decides the open jobs and returns those that must know more.
func (b *batch) round(open []*job, more *questions) (left []*job) {
	b.rounds++
	for _, j := range open {
		d := &decision{b: b, head: b.head, now: b.now, rev: b.head.rev + 1, by: j.by, ctx: j.ctx}
		err := b.decide(j, d)
		switch {
		case err == errMore:
			left = append(left, j)
			more.add(d.more)
		case err == errLater:
			b.later = append(b.later, j)
		default:
			j.err = err
			b.done = append(b.done, j)
			b.accept(j, d)
		}
	}
	return left
}

func (q *questions) add(o questions) {
	for _, text := range o.order {
		m := o.merged[text]
		for i, r := range m.rows {
			q.ask(text, m.each[i], r[1:]...)
		}
	}
	q.single = append(q.single, o.single...)
}

func (b *batch) decide(j *job, d *decision) (err error) {
	defer func() {
		if p := recover(); p != nil {
			b.s.log.Error("an operation panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("decide an operation: panic: %v", p)
		}
	}()
	if j.by.Lease != nil && !j.held {
		return ErrFenced
	}
	return j.work.decide(d)
}

// accept takes over what a decided operation writes.
func (b *batch) accept(j *job, d *decision) {
	j.receipt = Receipt{Revision: b.head.rev}
	if j.err != nil || d.entry == nil {
		return
	}
	b.head = d.head
	b.head.rev, b.head.at = d.rev, b.now
	d.entry.chain(&b.head, b.now, j.by, b.s.newSalt())
	b.entries = append(b.entries, d.entry)
	b.writes.add(d.writes)
	for p, id := range d.paths {
		b.paths[p] = id
	}
	for _, k := range d.shared {
		b.claimed[k] = max(b.claimed[k], lookedAt)
	}
	for _, k := range d.keys {
		b.claimed[k] = changed
	}
	j.receipt = Receipt{Revision: d.rev, Changed: true}
}

// last is the batch's second round trip, but for COMMIT.
func (b *batch) last() []stmt {
	for _, e := range b.entries {
		e.write(&b.writes)
	}
	out := append(b.writes.stmts(), b.head.writeStmt())
	return append(out, b.s.eng.hint(b.head.rev)...)
}

// askLease asks whether the lease that the job is done under is still held.
func (j *job) askLease(q *questions) {
	if l := j.by.Lease; l != nil {
		q.ask(`
			SELECT r.n, l.epoch
			FROM rowset($1, n bigint, name text, holder text, epoch bigint) r
			JOIN leases l ON l.name = r.name AND l.holder = r.holder AND l.epoch = r.epoch
			WHERE l.expires > clock()`,
			func(row) error { j.held = true; return nil }, l.Name, l.Holder, l.Epoch)
	}
}
