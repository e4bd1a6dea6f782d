package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresEngine is one schema of a PostgreSQL: one connection that writes, so
// that readers can never keep the committer from working, and a pool that reads.
type postgresEngine struct {
	config  *pgx.ConnConfig
	pool    *pgxpool.Pool
	mu      chan struct{} // held by who has the writing connection
	w       *pgx.Conn
	channel string // of the hints; one for each schema
	study   study
	ctx     context.Context
	stop    context.CancelFunc
}

func openPostgres(ctx context.Context, dsn string) (*postgresEngine, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the PostgreSQL address: %w", err)
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	params := config.ConnConfig.RuntimeParams
	def(params, "application_name", "grantbridge")
	def(params, "timezone", "UTC")
	// A store's pages are in memory or on a disk without a head; planned for one
	// with, a few thousand look-ups by key become a reading of everybody.
	def(params, "random_page_cost", "1.1")
	// Readers mostly wait for round trips, so their number is not that of the
	// cores: with four, 64 requests at once waited for each other.
	config.MaxConns = max(config.MaxConns, 16, int32(4*runtime.GOMAXPROCS(0)))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	e := &postgresEngine{config: config.ConnConfig.Copy(), pool: pool, mu: make(chan struct{}, 1), study: study{tables: map[string]*growth{}}}
	// A process that is stopped while it holds the head must not hold it for long.
	def(e.config.RuntimeParams, "idle_in_transaction_session_timeout", "30s")
	def(e.config.RuntimeParams, "lock_timeout", "10s")
	// The writer looks everything up by key. A plan that was kept while a table was
	// small would read the whole table for each batch until somebody analyses it,
	// which is late in a first cycle.
	def(e.config.RuntimeParams, "enable_seqscan", "off")
	e.ctx, e.stop = context.WithCancel(context.Background())
	var where string
	err = pool.QueryRow(ctx, "SELECT current_database() || '.' || current_schema()").Scan(&where)
	if err != nil {
		e.close()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	sum := sha256.Sum256([]byte(where))
	e.channel = "grantbridge_" + hex.EncodeToString(sum[:8])
	return e, nil
}

func def(m map[string]string, key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

func (e *postgresEngine) dialect() *dialect { return postgresDialect }

func (e *postgresEngine) close() error {
	e.stop()
	e.mu <- struct{}{}
	if e.w != nil {
		closeConn(e.w)
		e.w = nil
	}
	e.pool.Close()
	<-e.mu
	return nil
}

func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

func (e *postgresEngine) fault(err error) fault {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return faultGone
	}
	switch pe.Code[:2] {
	case "22", "23", "42": // data, constraint, syntax or name
		return faultOurs
	}
	return faultGone
}

// pgConn runs statements on a connection.
type pgConn struct{ c *pgx.Conn }

func (p pgConn) run(ctx context.Context, stmts ...stmt) error {
	switch len(stmts) {
	case 0:
		return nil
	case 1:
		return p.one(ctx, stmts[0])
	}
	var b pgx.Batch
	for _, s := range stmts {
		t := postgresDialect.translate(s.text)
		b.Queue(t.sql, t.arrays(s.args)...)
	}
	br := p.c.SendBatch(ctx, &b)
	for _, s := range stmts {
		if err := answer(br, s); err != nil {
			_ = br.Close()
			return fmt.Errorf("%s: %w", brief(s.text), err)
		}
	}
	return br.Close()
}

func (p pgConn) one(ctx context.Context, s stmt) error {
	t := postgresDialect.translate(s.text)
	rows, err := p.c.Query(ctx, t.sql, t.arrays(s.args)...)
	if err == nil {
		err = drain(rows, s.each)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", brief(s.text), err)
	}
	return nil
}

func answer(br pgx.BatchResults, s stmt) error {
	if s.each == nil {
		tag, err := br.Exec()
		if err == nil && s.text == "COMMIT" && tag.String() != "COMMIT" {
			return fmt.Errorf("commit answered %q", tag)
		}
		return err
	}
	rows, err := br.Query()
	if err != nil {
		return err
	}
	return drain(rows, s.each)
}

func drain(rows pgx.Rows, each func(row) error) error {
	defer rows.Close()
	for rows.Next() {
		if each == nil {
			continue
		}
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// pgWriter is the writing connection in a transaction.
type pgWriter struct {
	e *postgresEngine
	pgConn
}

// pgPatience bounds what writes: a database that does not answer is gone.
const pgPatience = 30 * time.Second

func (e *postgresEngine) begin(ctx context.Context, stmts ...stmt) (writer, error) {
	select {
	case e.mu <- struct{}{}:
	case <-e.ctx.Done():
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgPatience)
	defer cancel()
	if e.w != nil && e.w.IsClosed() {
		e.w = nil
	}
	if e.w == nil {
		c, err := pgx.ConnectConfig(ctx, e.config)
		if err != nil {
			<-e.mu
			return nil, err
		}
		e.w = c
	}
	w := &pgWriter{e, pgConn{e.w}}
	if err := w.pgConn.run(ctx, append([]stmt{{text: "BEGIN"}}, stmts...)...); err != nil {
		w.rollback()
		return nil, err
	}
	return w, nil
}

func (w *pgWriter) run(ctx context.Context, stmts ...stmt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgPatience)
	defer cancel()
	return w.pgConn.run(ctx, stmts...)
}

func (w *pgWriter) commit(ctx context.Context, stmts ...stmt) error {
	if err := w.run(ctx, append(stmts, stmt{text: "COMMIT"})...); err != nil {
		w.rollback()
		return err
	}
	w.e.wrote(stmts)
	<-w.e.mu
	return nil
}

func (w *pgWriter) rollback() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if w.c.IsClosed() || w.c.PgConn().TxStatus() == 'I' {
		// nothing to undo
	} else if _, err := w.c.Exec(ctx, "ROLLBACK"); err != nil {
		closeConn(w.c)
	}
	<-w.e.mu
}

func (e *postgresEngine) snapshot(ctx context.Context, stmts ...stmt) (conn, func(), error) {
	begin := append([]stmt{{text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}}, stmts...)
	var err error
	for range 2 { // a pooled connection may have died since it was used
		var c *pgxpool.Conn
		if c, err = e.pool.Acquire(ctx); err != nil {
			return nil, nil, err
		}
		p := pgConn{c.Conn()}
		if err = p.run(ctx, begin...); err == nil {
			return p, func() { go e.end(c) }, nil // nobody waits for a ROLLBACK; close waits for the connection
		}
		e.end(c)
		if ctx.Err() != nil || e.fault(err) == faultOurs {
			break
		}
	}
	return nil, nil, err
}

// end gives a reading connection back, without its transaction.
func (e *postgresEngine) end(c *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if !c.Conn().IsClosed() && c.Conn().PgConn().TxStatus() != 'I' {
		_, _ = c.Exec(ctx, "ROLLBACK")
	}
	c.Release()
}

func (e *postgresEngine) hint(rev int64) []stmt {
	return []stmt{{text: "SELECT pg_notify($1, $2)", args: []any{e.channel, strconv.FormatInt(rev, 10)}}}
}

// listen hears hints until ctx is over, connecting again with growing pauses.
func (e *postgresEngine) listen(ctx context.Context, heard func(int64)) {
	for pause := 100 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 5*time.Second) {
		if e.hear(ctx, heard) {
			pause = 100 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (e *postgresEngine) hear(ctx context.Context, heard func(int64)) (connected bool) {
	c, err := pgx.ConnectConfig(ctx, e.config)
	if err != nil {
		return false
	}
	defer closeConn(c)
	if _, err := c.Exec(ctx, "LISTEN "+e.channel); err != nil {
		return false
	}
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return true
		}
		if rev, err := strconv.ParseInt(n.Payload, 10, 64); err == nil {
			heard(rev)
		}
	}
}
