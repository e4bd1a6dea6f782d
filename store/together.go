package store

import (
	"context"
	"errors"
)

// DoTogether commits all of the operations in one transaction, each with a
// revision and an audit entry of its own, or none of them: nobody ever sees some
// of them done. The error is the first refusal. They are decided in order, but
// for those that need what others of them write: these come after. They are
// alone in their batch, so keep them few.
func (s *Store) DoTogether(ctx context.Context, by By, ops ...Op) (Receipt, error) {
	if err := by.check(); err != nil {
		return Receipt{}, err
	}
	j := &job{ctx: ctx, by: by, alone: true, done: make(chan struct{})}
	for _, op := range ops {
		w, err := start(op)
		if err != nil {
			return Receipt{}, err
		}
		if err := w.prepare(s); err != nil {
			return Receipt{}, err
		}
		weight, _ := w.cost()
		j.weight += weight
		j.parts = append(j.parts, &job{ctx: ctx, by: by, work: w})
	}
	if err := ctx.Err(); err != nil || len(j.parts) == 0 {
		return Receipt{}, err
	}
	if err := s.queue.do(ctx, by.Lane, j); err != nil {
		return Receipt{}, err
	}
	return j.receipt, nil
}

// refused is what one of several operations was refused with.
type refused struct{ error }

// commitTogether does the parts of j, and settles j.
func (s *Store) commitTogether(j *job) {
	b, err := s.attemptTogether(j.parts)
	if s.shouldRetry(err) {
		b, err = s.attemptTogether(j.parts)
	}
	if r, ok := errors.AsType[refused](err); ok {
		j.settle(r.error)
		return
	}
	if err != nil {
		s.fail([]*job{j}, err)
		return
	}
	for _, p := range b.done {
		j.receipt.Changed = j.receipt.Changed || p.receipt.Changed
	}
	j.receipt.Revision = b.head.rev
	b.done = []*job{j}
	s.settle(b)
}

// attemptTogether runs one transaction in waves: a part that another one stands
// in the way of comes in the next wave, and finds there what this one wrote.
func (s *Store) attemptTogether(parts []*job) (*batch, error) {
	b := s.newBatch()
	q := b.questions(parts)
	var err error
	if b.w, err = s.eng.begin(context.Background(), append([]stmt{b.head.lockStmt()}, q.stmts()...)...); err != nil {
		return nil, err
	}
	b.now = max(micros(s.now()), b.head.at)
	for wave := parts; len(wave) > 0; wave = b.later {
		if err := b.wave(wave); err != nil {
			b.w.rollback()
			return nil, err
		}
	}
	return b, b.end()
}

// wave decides the parts; what must wait for the next wave stays in b.later, and
// then this one is written already.
func (b *batch) wave(parts []*job) error {
	b.later = nil
	if err := b.decideAll(parts); err != nil {
		return err
	}
	for _, j := range b.done {
		if j.err != nil {
			return refused{j.err}
		}
	}
	if len(b.later) == 0 {
		return nil
	}
	q := b.questions(b.later)
	write := b.writes.stmts()
	b.writes = writes{}
	clear(b.claimed)
	return b.w.run(context.Background(), append(write, q.stmts()...)...)
}
