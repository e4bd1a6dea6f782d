package store

import "context"

// Try does op as Do would, in a transaction that is then taken back, and calls
// look with the store as it would be. It answers what Do would answer, and op's
// out fields are filled as by Do. It holds the head lock until look returns: it
// is for an administrator's question, not for traffic.
func (s *Store) Try(ctx context.Context, by By, op Op, look func(*View) error) (Receipt, error) {
	once := op
	return s.Rehearse(ctx, by, func() Op {
		now := once
		once = nil
		return now
	}, look)
}

// Rehearse is Try of what next gives, one operation after the other until nil;
// each finds what those before it wrote. Its error is the first refusal. look is
// not called when nothing would be written.
func (s *Store) Rehearse(ctx context.Context, by By, next func() Op, look func(*View) error) (Receipt, error) {
	if err := by.check(); err != nil {
		return Receipt{}, err
	}
	b := s.newBatch()
	var err error
	if b.w, err = s.eng.begin(ctx, b.head.lockStmt()); err != nil {
		return Receipt{}, s.callers(ctx, err)
	}
	defer b.w.rollback()
	b.now = max(micros(s.now()), b.head.at)
	total := Receipt{Revision: b.head.rev}
	for op := next(); op != nil; op = next() {
		r, err := b.rehearse(ctx, by, op)
		if err != nil {
			return r, err
		}
		total.Revision, total.Changed = r.Revision, total.Changed || r.Changed
	}
	if len(b.entries) == 0 {
		return total, nil
	}
	if err := b.w.run(ctx, b.last()...); err != nil {
		return Receipt{}, s.callers(ctx, err)
	}
	return total, look(&View{s: s, c: b.w, rev: b.head.rev})
}

// rehearse decides op and writes, in b's transaction.
func (b *batch) rehearse(ctx context.Context, by By, op Op) (Receipt, error) {
	w, err := start(op)
	if err != nil {
		return Receipt{}, err
	}
	if err := w.prepare(b.s); err != nil {
		return Receipt{}, err
	}
	j := &job{ctx: ctx, by: by, work: w, done: make(chan struct{})}
	q := b.questions([]*job{j})
	if err := b.w.run(ctx, q.stmts()...); err != nil {
		return Receipt{}, b.s.callers(ctx, err)
	}
	if err := b.decideAll([]*job{j}); err != nil {
		return Receipt{}, b.s.callers(ctx, err)
	}
	if j.err != nil {
		return j.receipt, j.err
	}
	write := b.writes.stmts()
	b.writes = writes{}
	clear(b.claimed)
	if err := b.w.run(ctx, write...); err != nil {
		return Receipt{}, b.s.callers(ctx, err)
	}
	return j.receipt, nil
}
