// Package storetest proves a store: it opens fresh ones for tests, and holds
// the suites that every database must pass.
//
// SQLite is always tested, in a temporary file. PostgreSQL is tested when
// GRANTBRIDGE_TEST_POSTGRES has its address (scripts/postgres.sh prints one),
// each test in a schema of its own; GRANTBRIDGE_REQUIRE_SERVERS=1 makes its
// absence a failure.
package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"grantbridge/store"
)

// Kinds are the databases.
var Kinds = []string{"sqlite", "postgres"}

// Each runs f with a fresh store of each kind of database.
func Each(t *testing.T, f func(t *testing.T, s *store.Store)) {
	EachDSN(t, func(t *testing.T, dsn string) { f(t, OpenDSN(t, dsn, store.Options{})) })
}

// EachDSN runs f with the address of a fresh, empty database of each kind.
func EachDSN(t *testing.T, f func(t *testing.T, dsn string)) {
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) { f(t, DSN(t, kind)) })
	}
}

// Open opens a fresh store of the kind.
func Open(t testing.TB, kind string, o store.Options) *store.Store {
	return OpenDSN(t, DSN(t, kind), o)
}

// OpenDSN opens the store at dsn and closes it when the test ends.
func OpenDSN(t testing.TB, dsn string, o store.Options) *store.Store {
	t.Helper()
	o.Migrate = true
	s, err := store.Open(context.Background(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// DSN is the address of a fresh, empty database of the kind, which goes away
// with the test. It skips the test when there is no server.
func DSN(t testing.TB, kind string) string {
	t.Helper()
	if kind == "sqlite" {
		return "sqlite:" + filepath.Join(t.TempDir(), "grants.db")
	}
	return postgresSchema(t)
}

func postgresSchema(t testing.TB) string {
	t.Helper()
	server := os.Getenv("GRANTBRIDGE_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
			t.Fatal("GRANTBRIDGE_TEST_POSTGRES is not set; scripts/postgres.sh starts a server and prints it")
		}
		t.Skip("left out: PostgreSQL; set GRANTBRIDGE_TEST_POSTGRES to what scripts/postgres.sh prints")
	}
	schema := "test_" + strings.ToLower(rand.Text()[:16])
	execute(t, server, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { execute(t, server, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func execute(t testing.TB, dsn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, text); err != nil {
		t.Fatal(err)
	}
}

// Clock is a clock that stands until it is set on.
type Clock struct{ T time.Time }

// NewClock stands at a fixed time.
func NewClock() *Clock { return &Clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now is the time at which the clock stands.
func (c *Clock) Now() time.Time { return c.T }

// Deterministic are options under which equal histories give equal stores.
func Deterministic(c *Clock) store.Options {
	n, m := 0, 0
	return store.Options{
		Now:     c.Now,
		NewUID:  func() string { n++; return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) },
		NewSalt: func() string { m++; return fmt.Sprintf("salt%d", m) },
	}
}
