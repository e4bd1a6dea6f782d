package store

import (
	"context"
	"sync/atomic"
	"time"
)

// PostgreSQL plans a statement by what it last counted in the tables, and keeps
// the plan. A plan made while a table was empty reads all of an index for every
// batch; its own autovacuum looks once a minute, which is late when a tenant's
// first hundred thousand accounts arrive. So the engine has the tables counted
// itself whenever it has written twice as much as before; the plans are then
// made anew.

const (
	studyFirst = 256     // rows written since the start before the first count
	studyLast  = 1 << 20 // from here on, autovacuum's own pace does
)

// study counts what was written since the start.
type study struct {
	written, next int64 // the committer's
	running       atomic.Bool
}

// wrote is called after each commit with its statements.
func (e *postgresEngine) wrote(stmts []stmt) {
	for _, s := range stmts {
		if len(s.args) > 0 {
			if rows, ok := s.args[len(s.args)-1].(rowset); ok {
				e.study.written += int64(len(rows))
			}
		}
	}
	if e.study.written < e.study.next || e.study.next > studyLast || !e.study.running.CompareAndSwap(false, true) {
		return
	}
	e.study.next = 2 * e.study.written
	go func() {
		defer e.study.running.Store(false)
		// A failure costs speed only, and the next doubling tries again.
		_ = e.analyze(e.ctx)
	}()
}

// analyze has the tables of the schema counted.
func (e *postgresEngine) analyze(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := e.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	var tables string
	err = c.QueryRow(ctx, `SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables WHERE schemaname = current_schema()`).Scan(&tables)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "ANALYZE "+tables)
	return err
}
