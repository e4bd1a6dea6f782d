package store

import (
	"context"
	"sync"
	"time"
)

const (
	// patience is how long an operation waits to be begun.
	patience = 10 * time.Second
	// laneRoom is how many operations may wait in a lane.
	laneRoom = 4096
	// batchMost and batchTime bound a batch, so that what comes in a higher lane
	// waits for one short batch only.
	batchMost = 256
	batchTime = 100 * time.Millisecond
	// aged is how long the first of a lane may be overtaken by higher lanes.
	aged = 2 * time.Second
)

// queue holds the operations that wait, first served first by lane.
type queue struct {
	mu     sync.Mutex
	lanes  [LaneBulk + 1][]*job
	room   [LaneBulk + 1]chan struct{}
	wake   chan struct{}
	most   int // operations in a batch
	limit  int // their weight, learnt from how long they take
	pace   pace
	closed bool
}

func newQueue() *queue {
	q := &queue{wake: make(chan struct{}, 1), most: batchMost, limit: batchMost}
	for i := range q.room {
		q.room[i] = make(chan struct{}, laneRoom)
	}
	return q
}

// learn keeps a batch of ordinary operations near batchTime. What a batch takes
// whatever is in it (the disk, round trips, neighbours on the machine) is told
// apart from what each operation adds, by a line through the latest batches:
// where the fixed part alone is long, smaller batches would only have more of it,
// so a batch may then take twice that part.
func (q *queue) learn(weight int, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pace.add(float64(weight), took.Seconds())
	fixed, each := q.pace.line()
	most := max(batchTime.Seconds(), 2*fixed)
	switch {
	case fixed+each*float64(q.limit) <= most:
		q.limit = min(q.most, q.limit+q.limit/4+1)
	case q.limit > 8:
		q.limit = min(q.limit, max(8, int((most-fixed)/each)))
	}
}

// pace is what the latest batches weighed (x) and took (y): sums in which a batch
// counts a twentieth less with each that follows.
type pace struct{ n, x, y, xx, xy float64 }

func (p *pace) add(x, y float64) {
	const keep = 0.95
	*p = pace{keep*p.n + 1, keep*p.x + x, keep*p.y + y, keep*p.xx + x*x, keep*p.xy + x*y}
}

// line is the best line through them. When all weighed the same, everything is
// taken to come from the operations.
func (p *pace) line() (fixed, each float64) {
	x, y := p.x/p.n, p.y/p.n
	spread := p.xx/p.n - x*x
	if spread < 0.01*x*x {
		return 0, y / x
	}
	each = min(max(0, (p.xy/p.n-x*y)/spread), y/x)
	return y - each*x, each
}

// do puts j in the queue and waits for what becomes of it.
func (q *queue) do(ctx context.Context, lane Lane, j *job) error {
	lane = min(lane, LaneBulk)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case q.room[lane] <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ErrOverloaded
	}
	defer func() { <-q.room[lane] }()
	if !q.push(lane, j) {
		return errClosed
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		if q.withdraw(lane, j) {
			return ctx.Err()
		}
	case <-timer.C:
		if q.withdraw(lane, j) {
			return ErrOverloaded
		}
	}
	<-j.done // it is being committed, and then its outcome is known soon
	return j.err
}

func (q *queue) push(lane Lane, j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	j.since = time.Now()
	q.lanes[lane] = append(q.lanes[lane], j)
	q.nudge()
	return true
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// withdraw takes j out, unless it was taken already.
func (q *queue) withdraw(lane Lane, j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, o := range q.lanes[lane] {
		if o == j {
			q.lanes[lane] = append(q.lanes[lane][:i:i], q.lanes[lane][i+1:]...)
			return true
		}
	}
	return false
}

// take takes the next batch, nil when nothing waits.
func (q *queue) take() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.old(); j != nil {
		return []*job{j}
	}
	var out []*job
	weight := 0
	for lane := range q.lanes {
		n := 0
		for _, j := range q.lanes[lane] {
			if len(out) > 0 && (j.alone || weight+j.weight > q.limit) {
				q.cut(lane, n)
				return out
			}
			out = append(out, j)
			weight += j.weight
			n++
			if j.alone {
				q.cut(lane, n)
				return out
			}
		}
		q.cut(lane, n)
	}
	return out
}

// old is an operation that must be alone and has been overtaken for too long.
func (q *queue) old() *job {
	for lane := range q.lanes {
		if l := q.lanes[lane]; len(l) > 0 && l[0].alone && time.Since(l[0].since) > aged {
			j := l[0]
			q.cut(lane, 1)
			return j
		}
	}
	return nil
}

// cut takes the first n of a lane away.
func (q *queue) cut(lane, n int) {
	clear(q.lanes[lane][:n])
	q.lanes[lane] = q.lanes[lane][n:]
}

// putBack puts jobs that the last batch could not do before all others.
func (q *queue) putBack(jobs []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var back [LaneBulk + 1][]*job
	for _, j := range jobs {
		lane := min(j.by.Lane, LaneBulk)
		back[lane] = append(back[lane], j)
	}
	for lane := range back {
		if len(back[lane]) > 0 {
			q.lanes[lane] = append(back[lane], q.lanes[lane]...)
		}
	}
}

// close lets no more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.nudge()
}

// Do commits one operation, or nothing. It returns when the commit is durable.
// Refusals are the errors above, or what an operation's own function returned.
// An operation whose ctx ends before its commit began is dropped.
func (s *Store) Do(ctx context.Context, by By, op Op) (Receipt, error) {
	w, err := start(op)
	if err != nil {
		return Receipt{}, err
	}
	if err := by.check(); err != nil {
		return Receipt{}, err
	}
	if err := w.prepare(s); err != nil {
		return Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	j := &job{ctx: ctx, by: by, work: w, done: make(chan struct{})}
	j.weight, j.alone = w.cost()
	if err := s.queue.do(ctx, by.Lane, j); err != nil {
		return Receipt{}, err
	}
	return j.receipt, nil
}

// run is the committer.
func (s *Store) run() {
	defer close(s.stopped)
	for {
		jobs := s.queue.take()
		if len(jobs) == 0 {
			if s.queue.isClosed() {
				return
			}
			<-s.queue.wake
			continue
		}
		s.queue.putBack(s.commit(jobs))
		if s.pause > 0 {
			time.Sleep(s.pause)
		}
	}
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
