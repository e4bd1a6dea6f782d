package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// place is an empty database for one measurement.
type place struct {
	kind string // "sqlite" or "postgres"
	dsn  string
	drop func()
}

// places are the kinds of database that can be measured: PostgreSQL only when a
// server is given.
func places(server string) []string {
	if server == "" {
		fmt.Println("SQLite only; for PostgreSQL give -postgres DSN or set GRANTBRIDGE_BENCH_POSTGRES (scripts/postgres.sh starts one and prints its DSN)")
		return []string{"sqlite"}
	}
	return []string{"sqlite", "postgres"}
}

// newPlace makes an empty database.
func newPlace(kind, server string) (*place, error) {
	if kind == "sqlite" {
		dir, err := os.MkdirTemp("", "grantbridge-bench-")
		if err != nil {
			return nil, err
		}
		return &place{kind, "sqlite:" + filepath.Join(dir, "grants.db"), func() { _ = os.RemoveAll(dir) }}, nil
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL DSN: %w", err)
	}
	schema := "bench_" + strings.ToLower(rand.Text()[:12])
	if err := execute(server, "CREATE SCHEMA "+schema); err != nil {
		return nil, err
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return &place{kind, u.String(), func() {
		if err := execute(server, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			fmt.Fprintln(os.Stderr, "drop", schema+":", err)
		}
	}}, nil
}

func execute(server, text string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), text); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}
