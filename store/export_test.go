package store

import "context"

// OneByOne makes the store commit each operation in a transaction of its own.
func (s *Store) OneByOne() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.most, s.queue.limit = 1, 1
}

// Unpiped makes the store send each statement in a round trip of its own, as
// programs do that write one after the other.
func (s *Store) Unpiped() { s.eng = unpiped{s.eng} }

type unpiped struct{ engine }

type unpipedWriter struct{ writer }

func (e unpiped) begin(ctx context.Context, stmts ...stmt) (writer, error) {
	w, err := e.engine.begin(ctx)
	if err != nil {
		return nil, err
	}
	u := unpipedWriter{w}
	if err := u.run(ctx, stmts...); err != nil {
		w.rollback()
		return nil, err
	}
	return u, nil
}

func (w unpipedWriter) run(ctx context.Context, stmts ...stmt) error {
	for _, s := range stmts {
		if err := w.writer.run(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (w unpipedWriter) commit(ctx context.Context, stmts ...stmt) error {
	if err := w.run(ctx, stmts...); err != nil {
		w.rollback()
		return err
	}
	return w.writer.commit(ctx)
}

// ChangedPeople and ChangedGroups are what a follower asks after each commit.
const (
	ChangedPeople = changedPeople
	ChangedGroups = changedGroups
)
