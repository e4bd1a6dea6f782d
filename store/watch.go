package store

import (
	"context"
	"sync"
	"time"
)

// pollEvery is how often the head is looked at while somebody waits: the
// longest that another process's commit stays unseen when its hint is lost.
const pollEvery = 100 * time.Millisecond

// watch knows the newest revision that was heard of.
type watch struct {
	s       *Store
	mu      sync.Mutex
	rev     int64
	news    chan struct{} // closed and renewed at each new revision
	waiting int
	start   sync.Once
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
	wake    chan struct{}
}

func newWatch(s *Store) *watch {
	w := &watch{s: s, news: make(chan struct{}), wake: make(chan struct{}, 1)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

func (w *watch) close() {
	w.stop()
	w.wg.Wait()
}

// heard tells those who wait of a revision that is committed.
func (w *watch) heard(rev int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rev > w.rev {
		w.rev = rev
		close(w.news)
		w.news = make(chan struct{})
	}
}

func (w *watch) latest() (int64, chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rev, w.news
}

// poll looks at the head while somebody waits.
func (w *watch) poll() {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.wake:
		case <-t.C:
		}
		w.mu.Lock()
		idle := w.waiting == 0
		w.mu.Unlock()
		if idle {
			continue
		}
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		if rev, err := w.s.headRevision(ctx); err == nil {
			w.heard(rev)
		} else if w.ctx.Err() == nil {
			w.rest()
		}
		cancel()
	}
}

// rest is the pause after a head that could not be read.
func (w *watch) rest() {
	select {
	case <-w.ctx.Done():
	case <-time.After(5 * pollEvery):
	}
}

func (w *watch) begin() {
	w.start.Do(func() {
		w.wg.Go(w.poll)
		w.wg.Go(func() { w.s.eng.listen(w.ctx, w.heard) })
	})
	w.mu.Lock()
	w.waiting++
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) end() {
	w.mu.Lock()
	w.waiting--
	w.mu.Unlock()
}

// headRevision asks the database.
func (s *Store) headRevision(ctx context.Context) (rev int64, err error) {
	_, done, err := s.eng.snapshot(ctx, readHead(&rev))
	if err != nil {
		return 0, err
	}
	done()
	return rev, nil
}

func readHead(rev *int64) stmt {
	return stmt{text: `SELECT rev FROM head WHERE id = 0`, each: func(r row) error { return r.Scan(rev) }}
}

// Wait returns the head's revision as soon as it is above after, whoever
// committed it, and at the latest when patience is over; then the revision may
// be equal to after, and the answer means that the database was heard from.
func (s *Store) Wait(ctx context.Context, after int64, patience time.Duration) (int64, error) {
	s.watch.begin()
	defer s.watch.end()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		rev, news := s.watch.latest()
		if rev > after {
			return rev, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-s.watch.ctx.Done():
			return 0, errClosed
		case <-timer.C:
			rev, err := s.headRevision(ctx)
			if err != nil {
				return 0, s.callers(ctx, err)
			}
			s.watch.heard(rev)
			return rev, nil
		}
	}
}
