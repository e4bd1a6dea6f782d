package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"grantbridge/directory"
)

// testServer is the address of the test server; without one the test is left out.
func testServer(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("GRANTBRIDGE_TEST_POSTGRES")
	if dsn == "" && os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
		t.Fatal("GRANTBRIDGE_TEST_POSTGRES is not set; scripts/postgres.sh starts a server and prints it")
	}
	if dsn == "" {
		t.Skip("left out: PostgreSQL; set GRANTBRIDGE_TEST_POSTGRES to what scripts/postgres.sh prints")
	}
	return dsn
}

// withMigration adds a step to the schema for the rest of the test.
func withMigration(t *testing.T) {
	t.Helper()
	before := migrations
	more := fstest.MapFS{
		"9999_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (\n    id BIGINT PRIMARY KEY,\n    name TEXT COLLATE \"C\" NOT NULL\n);\n")},
	}
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		text, err := fs.ReadFile(migrations, n)
		if err != nil {
			t.Fatal(err)
		}
		more[n] = &fstest.MapFile{Data: text}
	}
	migrations = more
	t.Cleanup(func() { migrations = before })
}

func TestSQLiteIsCopiedBeforeItIsMigrated(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "a b?.db") // a name that an address must escape
	s, err := Open(ctx, "sqlite:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(ctx, By{}, &PutSource{Source: Source{Name: "okta"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	before := wanted()
	withMigration(t)
	applied, err := Migrate(ctx, "sqlite:"+file)
	if err != nil || len(applied) != 1 || applied[0] != "9999_more.sql" {
		t.Fatalf("got %v, %v", applied, err)
	}
	status, err := MigrationStatus(ctx, "sqlite:"+file)
	if last := len(status) - 1; err != nil || status[last].Version != 9999 || status[last].Applied.IsZero() {
		t.Errorf("got %+v, %v", status, err)
	}
	if applied, err := Migrate(ctx, "sqlite:"+file); err != nil || len(applied) != 0 {
		t.Errorf("again: got %v, %v", applied, err)
	}
	copied, err := os.Stat(fmt.Sprintf("%s.version-%d", file, before))
	if err != nil || copied.Size() == 0 {
		t.Errorf("the copy: %v", err)
	}
	delete(migrations.(fstest.MapFS), "9999_more.sql")
	if _, err := Open(ctx, "sqlite:"+file, Options{}); !errors.Is(err, ErrSchema) {
		t.Errorf("a newer schema: got %v, want ErrSchema", err)
	}
	s, err = Open(ctx, fmt.Sprintf("sqlite:%s.version-%d", file, before), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Verify(ctx); err != nil || r.Revision != 1 || r.Broken != "" {
		t.Errorf("the copy: %+v, %v", r, err)
	}
	if have, want, err := s.SchemaVersion(ctx); have != before || want != before || err != nil {
		t.Errorf("got %d, %d, %v", have, want, err)
	}
}

func TestNobodyElseReadsANewFile(t *testing.T) {
	ctx, file := context.Background(), filepath.Join(t.TempDir(), "grants.db")
	s, err := Open(ctx, "sqlite:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Do(ctx, By{}, &PutSource{Source: Source{Name: "okta"}}); err != nil {
		t.Fatal(err)
	}
	// What a copy that was cut short has left is in nobody's way.
	if err := os.WriteFile(file+".copy.part", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, file+".copy"); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{file, file + "-wal", file + "-shm", file + ".copy"} {
		if i, err := os.Stat(f); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want -rw-------", f, i.Mode(), err)
		}
	}
	if err := s.Backup(ctx, file+".copy"); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a copy over another: %v", err)
	}
}

func TestManyMayOpenAFreshFileAtOnce(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "grants.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := Open(context.Background(), dsn, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Do(context.Background(), By{}, &PutSource{Source: Source{Name: "okta"}}); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestBackupIsAWholeStore(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := Open(ctx, "sqlite:"+filepath.Join(dir, "a.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.Do(ctx, By{}, &PutSource{Source: Source{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(dir, "copy.db")
	if err := s.Backup(ctx, copied); err != nil {
		t.Fatal(err)
	}
	want, err := s.Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(ctx, "sqlite:"+copied, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Verify(ctx); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// freshSchema is the address of an empty schema of the test's PostgreSQL.
func freshSchema(t *testing.T, name string) (dsn string) {
	t.Helper()
	dsn = testServer(t)
	db, err := schemaDB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{"DROP SCHEMA IF EXISTS " + name + " CASCADE", "CREATE SCHEMA " + name} {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	return dsn + "&search_path=" + name
}

func TestPostgresIsNotMigratedUnasked(t *testing.T) {
	dsn := freshSchema(t, "unasked")
	if _, err := Open(context.Background(), dsn, Options{}); !errors.Is(err, ErrSchema) {
		t.Errorf("got %v, want ErrSchema", err)
	}
	var wg sync.WaitGroup
	for range 4 { // replicas that start at once
		wg.Go(func() {
			s, err := Open(context.Background(), dsn, Options{Migrate: true})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

func TestOverloadRefusesWhatWaitsTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: ten seconds of overload, because of -short")
	}
	t.Parallel()
	ctx := context.Background()
	s, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "grants.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begun, hold := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := s.Do(ctx, By{}, &SetMapping{Text: "x", IfVersion: -1, Guard: func(context.Context, int64) error {
			close(begun)
			<-hold
			return nil
		}})
		if err != nil {
			t.Errorf("what was begun: %v", err)
		}
	})
	<-begun
	if _, err := s.Do(ctx, By{Lane: LaneBulk}, &PutSource{Source: Source{Name: "okta"}}); !errors.Is(err, ErrOverloaded) {
		t.Errorf("got %v, want ErrOverloaded", err)
	}
	close(hold)
	wg.Wait()
	if _, err := s.Do(ctx, By{}, &PutSource{Source: Source{Name: "okta"}}); err != nil {
		t.Error(err)
	}
}

// withoutMigrations takes the steps from that number on out of the schema, until
// back is called.
func withoutMigrations(t *testing.T, from string) (back func()) {
	t.Helper()
	whole, fewer := migrations, fstest.MapFS{}
	names, err := fs.Glob(whole, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		text, err := fs.ReadFile(whole, n)
		if err != nil {
			t.Fatal(err)
		}
		if n < from {
			fewer[n] = &fstest.MapFile{Data: text}
		}
	}
	migrations = fewer
	back = func() { migrations = whole }
	t.Cleanup(back)
	return back
}

func TestSubjectsThatWereThereBeforeCountFromTheMigration(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		subjectsBefore(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	})
	t.Run("postgres", func(t *testing.T) { subjectsBefore(t, freshSchema(t, "before")) })
}

func subjectsBefore(t *testing.T, dsn string) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	back := withoutMigrations(t, "0007")
	s, err := Open(ctx, dsn, Options{Migrate: true})
	must(err)
	_, err = s.Do(ctx, By{}, &PutSource{Source: Source{Name: "okta"}})
	must(err)
	for _, external := range []string{"saml:nameid:a@x.example", "00u1", "saml:nameid:linked"} {
		_, err = s.Do(ctx, By{}, &ChangeAccount{Change: &directory.AccountChange{Source: "okta", Edit: func(directory.Account) (directory.Account, error) {
			return directory.Account{ExternalID: external, Login: external, Active: true, Doc: []byte("{}")}, nil
		}}})
		must(err)
	}
	must(s.apart(ctx, stmt{text: `INSERT INTO subjects (source, subject, account, rev) VALUES ('okta', 'nameid:linked', 2, 1)`}))
	must(s.Close())
	back()
	_, err = Migrate(ctx, dsn)
	must(err)
	s, err = Open(ctx, dsn, Options{})
	must(err)
	defer s.Close()
	must(s.Read(ctx, func(v *View) error {
		for subject, known := range map[string]bool{"nameid:a@x.example": true, "nameid:linked": true, "nameid:00u1": false, "u1": false} {
			last, err := v.SubjectUsed(ctx, "okta", subject)
			if err != nil || last.IsZero() == known {
				t.Errorf("%s was last here at %v (%v)", subject, last, err)
			}
		}
		return nil
	}))
}
