package scim

import (
	"sync"
	"time"

	"grantbridge/directory"
)

// Index paging (RFC 7644 3.4.2.4) names a page by how many results come before
// it. While a client walks through a hundred thousand users in minutes, some are
// deleted, and all behind them move up: a page by number leaves some out. So the
// door remembers where the last page of a walk ended. A request that asks for
// the very next index of the same question goes on behind that resource, and
// totalResults counts what is left from there, so that the walk ends where the
// resources do. A door that does not remember (another replica, a walk that
// stood still) counts from the beginning, as every server does.

const (
	walkTimeout = 15 * time.Minute
	maxWalks    = 4096
)

// walks are the ends of the pages that were given last.
type walks struct {
	mu  sync.Mutex
	end map[walk]walked
}

// walk is a question and the index at which its next page begins.
type walk struct {
	question string
	next     int
}

type walked struct {
	after int64
	at    time.Time
}

// left remembers that the page of question before index next ended with after.
func (w *walks) left(question string, next int, after int64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end == nil {
		w.end = map[walk]walked{}
	}
	if len(w.end) >= maxWalks {
		w.forget(now)
	}
	w.end[walk{question, next}] = walked{after, now}
}

// forget makes room: what timed out goes, and if that is nothing, all of it.
func (w *walks) forget(now time.Time) {
	for k, v := range w.end {
		if now.Sub(v.at) > walkTimeout {
			delete(w.end, k)
		}
	}
	if len(w.end) >= maxWalks {
		clear(w.end)
	}
}

// goOn makes q continue a walk that comes to its next page.
func (w *walks) goOn(q *directory.Query, question string, now time.Time) {
	if q.Start <= 1 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if end, ok := w.end[walk{question, q.Start}]; ok && now.Sub(end.at) <= walkTimeout {
		q.After, q.Left = end.after, true
	}
}
