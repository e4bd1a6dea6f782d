package store

import "context"

// ahead is what a follower's view was opened with: what a follower asks first,
// in the round trip that opens the view.
type ahead struct {
	since   int64
	news    News
	sources []Source
	people  []int64 // who changed after since
}

// Follow is Read for a follower that knows everything up to since, or nothing
// when it is 0. It does not wait behind other readers, and the view knows
// already what is new, so that a small commit costs it two round trips.
func (s *Store) Follow(ctx context.Context, since int64, f func(*View) error) error {
	v, a := &View{s: s}, &ahead{since: since}
	head := readHead(&v.rev)
	stmts := []stmt{
		{text: head.text, each: func(r row) error {
			*a = ahead{since: since} // a connection that died is asked again
			return head.each(r)
		}},
		{text: newsText, each: func(r row) error { return scanNews(r, &a.news) }},
		{text: sourcesText, each: collect(&a.sources, scanSource)},
	}
	if since > 0 {
		stmts = append(stmts, stmt{text: changedPeople, args: []any{since}, each: collect(&a.people, scanID)})
	}
	// A plan kept from when a table was small can take minutes, and everybody
	// who asks for a decision waits for the follower.
	if replan := s.eng.dialect().replan; replan != "" {
		stmts = append([]stmt{{text: replan}}, stmts...)
	}
	c, done, err := s.eng.snapshot(ctx, stmts...)
	if err != nil {
		return s.callers(ctx, err)
	}
	defer done()
	v.c, v.ahead = c, a
	return f(v)
}

// Fresh is how many people changed since what the follower knows; 0 when it
// knows nothing.
func (v *View) Fresh() int {
	if v.ahead == nil {
		return 0
	}
	return len(v.ahead.people)
}

// freshPeople are the ids of who changed after since, when the view knows them.
func (v *View) freshPeople(since int64) (ids []int64, known bool) {
	if v.ahead == nil || since == 0 || v.ahead.since != since {
		return nil, false
	}
	return v.ahead.people, true
}

func scanID(r row, id *int64) error { return r.Scan(id) }

// kept are the connections that only followers may read with: a decision must
// not be stale because many ask for lists.
const kept = 1

// admit waits until a reader may open a view, and returns what gives its place
// back.
func (s *Store) admit(ctx context.Context) (leave func(), err error) {
	select {
	case s.readers <- struct{}{}:
		return func() { <-s.readers }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e *postgresEngine) room() int { return int(e.pool.Stat().MaxConns()) }
func (e *sqliteEngine) room() int   { return cap(e.readers) }
