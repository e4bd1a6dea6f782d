package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migrations is the directory of migrations; tests may change it.
var migrations fs.FS = sub(embedded, "migrations")

func sub(f fs.FS, dir string) fs.FS {
	s, err := fs.Sub(f, dir)
	if err != nil {
		panic(err)
	}
	return s
}

// sqliteText reads the migrations as SQLite's STRICT tables want them.
type sqliteText struct{ fs.FS }

var toSQLite = strings.NewReplacer(
	` COLLATE "C"`, "", "BIGINT", "INTEGER",
	"\n) /* clustered */;", "\n) STRICT, WITHOUT ROWID;",
	"\n);", "\n) STRICT;")

func (f sqliteText) ReadFile(name string) ([]byte, error) {
	b, err := fs.ReadFile(f.FS, name)
	return []byte(toSQLite.Replace(string(b))), err
}

func (f sqliteText) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	b, err := f.ReadFile(name)
	return &textFile{strings.NewReader(string(b)), info}, err
}

type textFile struct {
	*strings.Reader
	info fs.FileInfo
}

func (f *textFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *textFile) Close() error               { return nil }

// schemaDB is a database as goose wants it.
func schemaDB(dsn string) (*sql.DB, error) {
	if path, ok := sqlitePath(dsn); ok {
		private(path)
		return sql.Open("sqlite", sqliteDSN(path, "journal_mode(WAL)", "synchronous(FULL)")+"&_txlock=immediate")
	}
	if !isPostgres(dsn) {
		return nil, errors.New(`the store's address begins neither with "sqlite:" nor with "postgres://"`)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the PostgreSQL address: %w", err)
	}
	return stdlib.OpenDB(*config), nil
}

func provider(db *sql.DB, dsn string) (*goose.Provider, error) {
	if _, ok := sqlitePath(dsn); ok {
		return goose.NewProvider(goose.DialectSQLite3, db, sqliteText{migrations})
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker))
}

// wanted is the newest version of the schema that this program knows.
func wanted() (v int64) {
	names, _ := fs.Glob(migrations, "*.sql")
	for _, n := range names {
		if got, err := goose.NumericComponent(n); err == nil {
			v = max(v, got)
		}
	}
	return v
}

// version is the schema's version, 0 when there is none.
func version(ctx context.Context, db *sql.DB) (v int64, err error) {
	err = patiently(ctx, func() error {
		return db.QueryRowContext(ctx, `SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&v)
	})
	if err != nil && missingTable(err) {
		return 0, nil
	}
	return v, err
}

func missingTable(err error) bool {
	return strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "42P01")
}

// SchemaVersion reports the schema's version, the newest this program knows,
// and whether it can be used as it is.
func (s *Store) SchemaVersion(ctx context.Context) (have, want int64, err error) {
	db, err := schemaDB(s.dsn)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	if have, err = version(ctx, db); err != nil {
		return 0, 0, s.callers(ctx, err)
	}
	return have, wanted(), fits(have)
}

func fits(have int64) error {
	switch want := wanted(); {
	case have < want:
		return fmt.Errorf("%w: it is at version %d and version %d is needed; run the migration", ErrSchema, have, want)
	case have > want:
		return fmt.Errorf("%w: it is at version %d, this program knows version %d; use a newer program", ErrSchema, have, want)
	}
	return nil
}

func checkSchema(ctx context.Context, dsn string) error {
	db, err := schemaDB(dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	have, err := version(ctx, db)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fits(have)
}

// Migrate brings the schema of the database at dsn up to date and reports the
// versions applied. On SQLite it first keeps a copy beside the file.
func Migrate(ctx context.Context, dsn string) (applied []string, err error) {
	db, err := schemaDB(dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for try := range 20 { // on SQLite another process may migrate at the same time
		have, err := version(ctx, db)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if have == wanted() {
			return applied, nil
		}
		if have > wanted() {
			return applied, fits(have)
		}
		if err := keepCopy(ctx, db, dsn, have); err != nil {
			return applied, err
		}
		more, err := migrateOnce(ctx, db, dsn)
		applied = append(applied, more...)
		if err != nil && try == 19 {
			return applied, err
		}
		if err != nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
	return applied, nil
}

func migrateOnce(ctx context.Context, db *sql.DB, dsn string) (applied []string, err error) {
	p, err := provider(db, dsn)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	results, err := p.Up(ctx)
	for _, r := range results {
		applied = append(applied, path.Base(r.Source.Path))
	}
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// keepCopy copies a SQLite file that has data before it is changed.
func keepCopy(ctx context.Context, db *sql.DB, dsn string, have int64) error {
	file, ok := sqlitePath(dsn)
	if !ok || have == 0 {
		return nil
	}
	to := fmt.Sprintf("%s.version-%d", file, have)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := copySQLite(ctx, db, to); err != nil && !errors.Is(err, errAlready) {
		return fmt.Errorf("keep a copy of %s: %w", file, err)
	}
	return nil
}

// copySQLite writes a consistent copy to a new file. One that was cut short does
// not bear its name, and of several at once the first does.
func copySQLite(ctx context.Context, db *sql.DB, file string) error {
	there := fmt.Errorf("%s is there %w", file, errAlready)
	if i, err := os.Stat(file); err == nil && i.Size() > 0 {
		return there
	}
	part, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part") // its owner's alone
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	if err := part.Close(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", part.Name()); err != nil {
		return err
	}
	if err := os.Link(part.Name(), file); errors.Is(err, fs.ErrExist) {
		if i, err := os.Stat(file); err == nil && i.Size() > 0 {
			return there
		}
	} else if err == nil {
		return nil
	}
	return os.Rename(part.Name(), file) // an empty file, or a file system without links
}

var errAlready = errors.New("already")

// MigrationStatus lists the migrations and when each was applied.
func MigrationStatus(ctx context.Context, dsn string) ([]Migration, error) {
	db, err := schemaDB(dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	p, err := provider(db, dsn)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	status, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of the schema: %w", err)
	}
	var out []Migration
	for _, s := range status {
		out = append(out, Migration{Version: s.Source.Version, Name: path.Base(s.Source.Path), Applied: s.AppliedAt.UTC()})
	}
	return out, nil
}

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	Applied time.Time // zero when it was not
}

// Backup writes a consistent copy of a SQLite store to file.
func (s *Store) Backup(ctx context.Context, file string) error {
	from, ok := sqlitePath(s.dsn)
	if !ok {
		return errors.New("back up: this is for SQLite; use pg_dump for PostgreSQL")
	}
	db, err := sql.Open("sqlite", sqliteDSN(from))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := copySQLite(ctx, db, file); err != nil {
		return fmt.Errorf("back up %s to %s: %w", from, file, err)
	}
	return nil
}
