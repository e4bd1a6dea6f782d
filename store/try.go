package store

import "context"

// Try does op as Do would, in a transaction that is then taken back, and calls
// look with the store as it would be. It answers what Do would answer, and op's
// out fields are filled as by Do. It holds the head lock until look returns: it
// is for an administrator's question, not for traffic.
func (s *Store) Try(ctx context.Context, by By, op Op, look func(*View) error) (Receipt, error) {
	if err := by.check(); err != nil {
		return Receipt{}, err
	}
	w, err := start(op)
	if err != nil {
		return Receipt{}, err
	}
	if err := w.prepare(s); err != nil {
		return Receipt{}, err
	}
	j := &job{ctx: ctx, by: by, work: w, done: make(chan struct{})}
	b, err := s.decided([]*job{j})
	if err != nil {
		return Receipt{}, s.callers(ctx, err)
	}
	defer b.w.rollback()
	if j.err != nil || len(b.entries) == 0 {
		return j.receipt, j.err
	}
	if err := b.w.run(ctx, b.last()...); err != nil {
		return Receipt{}, s.callers(ctx, err)
	}
	return j.receipt, look(&View{s: s, c: b.w, rev: b.head.rev})
}
