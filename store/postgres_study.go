package store

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgreSQL plans a statement by what it last counted in the tables, and keeps
// the plan. A plan made while a table was empty reads all of an index for every
// batch; its own autovacuum looks once a minute, which is late when a tenant's
// first hundred thousand accounts arrive. So the engine has a table counted
// itself whenever it has put four times as many rows in it as before; the plans
// are then made anew. Each table is counted for itself: the accounts of a first
// cycle come before all of its memberships.

const (
	studyFirst = 256     // rows put in a table since the start before its first count
	studyLast  = 1 << 20 // from here on, autovacuum's own pace does
)

// study counts the rows that were put in each table since the start.
type study struct {
	tables  map[string]*growth // the committer's
	running atomic.Bool
}

type growth struct{ rows, next int64 }

var insertsInto = regexp.MustCompile(`^\s*INSERT INTO (\w+)`)

// wrote is called after each commit with its statements.
func (e *postgresEngine) wrote(stmts []stmt) {
	for _, s := range stmts {
		if len(s.args) == 0 {
			continue
		}
		rows, ok := s.args[len(s.args)-1].(rowset)
		into := insertsInto.FindStringSubmatch(s.text)
		if !ok || into == nil {
			continue
		}
		g := e.study.tables[into[1]]
		if g == nil {
			g = &growth{next: studyFirst}
			e.study.tables[into[1]] = g
		}
		g.rows += int64(len(rows))
	}
	e.lookAgain()
}

// lookAgain has the tables counted that have grown enough, one time at once.
func (e *postgresEngine) lookAgain() {
	var due []string
	for table, g := range e.study.tables {
		if g.rows >= g.next && g.next <= studyLast {
			due = append(due, table)
		}
	}
	if len(due) == 0 || !e.study.running.CompareAndSwap(false, true) {
		return
	}
	for i, table := range due {
		e.study.tables[table].next = 4 * e.study.tables[table].rows
		due[i] = pgx.Identifier{table}.Sanitize()
	}
	go func() {
		defer e.study.running.Store(false)
		ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
		defer cancel()
		// A failure costs speed only, and there is a next time.
		_, _ = e.pool.Exec(ctx, "ANALYZE "+strings.Join(due, ", "))
	}()
}
