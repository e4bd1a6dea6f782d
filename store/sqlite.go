package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// sqliteEngine is one file: one connection that writes, some that read. Other
// processes may use the file at the same time.
type sqliteEngine struct {
	db      *sql.DB
	path    string
	mu      chan struct{} // held by who has the writing connection
	w       *sqliteConn
	readers chan struct{} // held by who reads
	idleMu  sync.Mutex
	idle    []*sqliteConn // that read; the last used one is used next
	closed  sync.Once
	done    chan struct{}
}

// sqliteConn is a connection with the statements it has prepared.
type sqliteConn struct {
	d     *dialect
	c     *sql.Conn
	stmts map[preparedText]*sql.Stmt
}

// preparedText is a prepared text; rows is how many rows are bound in the place of
// its set, 0 when the set is one JSON argument.
type preparedText struct {
	text string
	rows int
}

// sqliteWait is how long the file may be locked by others before we give up.
const sqliteWait = 10 * time.Second

func sqliteDSN(path string, more ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)"}, more...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// private makes a new file for its owner alone: a store knows people by name. SQLite
// gives the rights of the file to those that it puts beside it. What is there
// already stays as it is, and what cannot be made, SQLite says.
func private(path string) {
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		_ = f.Close()
	}
}

func openSQLite(ctx context.Context, path string) (*sqliteEngine, error) {
	if path == "" {
		return nil, errors.New("open store: the file's name is missing in sqlite:FILE")
	}
	private(path)
	db, err := sql.Open("sqlite", sqliteDSN(path, "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)", "cache_size(-32768)"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	return &sqliteEngine{db: db, path: path, mu: make(chan struct{}, 1), readers: make(chan struct{}, n), done: make(chan struct{})}, nil
}

func (e *sqliteEngine) dialect() *dialect                   { return sqliteDialect }
func (e *sqliteEngine) hint(int64) []stmt                   { return nil }
func (e *sqliteEngine) listen(context.Context, func(int64)) {}

func (e *sqliteEngine) close() error {
	var err error
	e.closed.Do(func() {
		close(e.done)
		e.mu <- struct{}{}
		if e.w != nil {
			e.w.close()
		}
		for range cap(e.readers) {
			e.readers <- struct{}{}
		}
		for c := e.reader(); c != nil; c = e.reader() {
			c.close()
		}
		err = e.db.Close()
	})
	return err
}

func (e *sqliteEngine) fault(err error) fault {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return faultGone // the driver's or the operating system's
	}
	switch se.Code() & 0xff {
	case 1, 18, 19, 20, 21, 25: // error, too big, constraint, mismatch, misuse, range
		return faultOurs
	}
	return faultGone
}

// busy reports whether the file is locked by another connection.
func busy(err error) bool {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return false
	}
	code := se.Code() & 0xff
	return code == 5 || code == 6
}

// patiently calls f until the file is not locked by others any more. SQLite's
// own wait does not cover recovery after a crash nor the change to WAL.
func patiently(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(sqliteWait)
	for {
		err := f()
		if err == nil || !busy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(200+rand.IntN(800)) * time.Microsecond):
		}
	}
}

func (e *sqliteEngine) connect(ctx context.Context) (*sqliteConn, error) {
	if _, err := os.Stat(e.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var c *sql.Conn
	err := patiently(ctx, func() (err error) {
		c, err = e.db.Conn(context.WithoutCancel(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &sqliteConn{d: sqliteDialect, c: c, stmts: map[preparedText]*sql.Stmt{}}, nil
}

func (c *sqliteConn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.c.Close()
}

func (c *sqliteConn) exec(ctx context.Context, text string) error {
	return c.run(ctx, stmt{text: text})
}

func (c *sqliteConn) run(ctx context.Context, stmts ...stmt) error {
	for _, s := range stmts {
		if err := c.one(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *sqliteConn) one(ctx context.Context, s stmt) error {
	if !s.apart {
		return c.do(ctx, preparedText{text: s.text}, c.d.translate(s.text).json(s.args), s.each)
	}
	rows := s.args[0].(rowset)
	for _, n := range bound {
		for ; len(rows) >= n; rows = rows[n:] {
			if err := c.do(ctx, preparedText{s.text, n}, slices.Concat(rows[:n]...), s.each); err != nil {
				return err
			}
		}
	}
	return nil
}

// bound are the numbers of rows for which a text is prepared with a parameter for
// each value. To read the values out of JSON instead takes a third of the CPU of
// a batch.
var bound = []int{64, 16, 4, 1}

// boundRows writes a set as so many rows of parameters.
func boundRows(rows int) func(n int, cols []column) string {
	return func(_ int, cols []column) string {
		var names, values []string
		for i, c := range cols {
			names = append(names, fmt.Sprintf("column%d AS %s", i+1, c.name))
		}
		one := "(" + strings.Repeat("?, ", len(cols)-1) + "?)"
		for range rows {
			values = append(values, one)
		}
		return "(SELECT " + strings.Join(names, ", ") + " FROM (VALUES " + strings.Join(values, ", ") + "))"
	}
}

func (c *sqliteConn) prepared(ctx context.Context, t preparedText) (*sql.Stmt, error) {
	if p := c.stmts[t]; p != nil {
		return p, nil
	}
	text := c.d.translate(t.text).sql
	if t.rows > 0 {
		text = c.d.translateWith(t.text, boundRows(t.rows)).sql
	}
	p, err := c.c.PrepareContext(ctx, text)
	if err == nil {
		c.stmts[t] = p
	}
	return p, err
}

func (c *sqliteConn) do(ctx context.Context, t preparedText, args []any, each func(row) error) error {
	p, err := c.prepared(ctx, t)
	if err == nil && each != nil {
		return c.query(ctx, p, t.text, args, each)
	}
	if err == nil {
		_, err = p.ExecContext(ctx, args...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", brief(t.text), err)
	}
	return nil
}

func (c *sqliteConn) query(ctx context.Context, p *sql.Stmt, text string, args []any, each func(row) error) error {
	rows, err := p.QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", brief(text), err)
	}
	defer rows.Close()
	r := sqliteRow{Rows: rows}
	for rows.Next() {
		if err := each(&r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", brief(text), err)
	}
	return nil
}

// brief is the beginning of a statement, for errors.
func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 60)]
}

type sqliteRow struct {
	*sql.Rows
	dest []any
}

func (r *sqliteRow) Values() ([]any, error) {
	if r.dest == nil {
		cols, err := r.Columns()
		if err != nil {
			return nil, err
		}
		r.dest = make([]any, len(cols))
	}
	out := make([]any, len(r.dest))
	for i := range out {
		r.dest[i] = &out[i]
	}
	return out, r.Scan(r.dest...)
}

// sqliteWriter is the writing connection in a transaction.
type sqliteWriter struct {
	e *sqliteEngine
	*sqliteConn
}

func (e *sqliteEngine) begin(ctx context.Context, stmts ...stmt) (writer, error) {
	select {
	case e.mu <- struct{}{}:
	case <-e.done:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// The driver interrupts a statement whose context ends, and then the
	// connection is lost; what writes is short, so it is not interrupted.
	ctx = context.WithoutCancel(ctx)
	if e.w == nil {
		c, err := e.connect(ctx)
		if err == nil {
			err = c.exec(ctx, "PRAGMA busy_timeout = 0") // we wait ourselves, and more finely
		}
		if err != nil {
			<-e.mu
			return nil, err
		}
		e.w = c
	}
	w := &sqliteWriter{e, e.w}
	if err := patiently(ctx, func() error { return w.exec(ctx, "BEGIN IMMEDIATE") }); err != nil {
		e.drop()
		return nil, err
	}
	if err := w.run(ctx, stmts...); err != nil {
		w.rollback()
		return nil, err
	}
	return w, nil
}

// drop closes the writing connection, so that the next begin makes a new one.
func (e *sqliteEngine) drop() {
	e.w.close()
	e.w = nil
	<-e.mu
}

func (w *sqliteWriter) run(ctx context.Context, stmts ...stmt) error {
	return w.sqliteConn.run(context.WithoutCancel(ctx), stmts...)
}

func (w *sqliteWriter) commit(ctx context.Context, stmts ...stmt) error {
	if err := w.run(ctx, stmts...); err != nil {
		w.rollback()
		return err
	}
	if err := w.exec(context.Background(), "COMMIT"); err != nil {
		w.rollback()
		return err
	}
	<-w.e.mu
	return nil
}

func (w *sqliteWriter) rollback() {
	if err := w.exec(context.Background(), "ROLLBACK"); err != nil {
		w.e.drop()
		return
	}
	<-w.e.mu
}

// reader takes an idle connection that reads, or nil when there is none. It is the
// one that was used last: each has a page cache of its own, which one after the
// other would fill.
func (e *sqliteEngine) reader() *sqliteConn {
	e.idleMu.Lock()
	defer e.idleMu.Unlock()
	n := len(e.idle)
	if n == 0 {
		return nil
	}
	c := e.idle[n-1]
	e.idle = e.idle[:n-1]
	return c
}

// giveBack ends the use of a connection that reads; nil is one that was lost.
func (e *sqliteEngine) giveBack(c *sqliteConn) {
	if c != nil {
		e.idleMu.Lock()
		e.idle = append(e.idle, c)
		e.idleMu.Unlock()
	}
	<-e.readers
}

func (e *sqliteEngine) snapshot(ctx context.Context, stmts ...stmt) (conn, func(), error) {
	select {
	case e.readers <- struct{}{}:
	case <-e.done:
		return nil, nil, errClosed
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	c := e.reader()
	err := patiently(ctx, func() (err error) {
		if c == nil {
			if c, err = e.connect(ctx); err != nil {
				return err
			}
			if err = errors.Join(c.exec(ctx, "PRAGMA query_only = 1"), c.exec(ctx, "PRAGMA cache_size = -8192")); err != nil {
				return err
			}
		}
		if err = c.exec(ctx, "BEGIN DEFERRED"); err != nil {
			return err
		}
		if err = c.run(ctx, stmts...); err != nil {
			_ = c.exec(context.Background(), "ROLLBACK")
		}
		return err
	})
	done := func() {
		if c != nil && c.exec(context.Background(), "ROLLBACK") != nil {
			c.close()
			c = nil
		}
		e.giveBack(c)
	}
	if err != nil {
		if c != nil {
			c.close()
			c = nil
		}
		e.giveBack(c)
		return nil, nil, err
	}
	return c, done, nil
}
