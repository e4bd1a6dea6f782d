package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options adjust Open. The zero value is right for production.
type Options struct {
	// Migrate brings a PostgreSQL schema up to date, as is always done for SQLite.
	Migrate bool
	Log     *slog.Logger
	// Now and NewUID are the clock and the maker of UUIDs; NewSalt makes what
	// keeps the digest of an audit body from being guessed. Tests set them.
	Now     func() time.Time
	NewUID  func() string
	NewSalt func() string
}

// Store is the shared grant store. It may be used concurrently.
type Store struct {
	eng     engine
	dsn     string
	log     *slog.Logger
	now     func() time.Time
	newUID  func() string
	newSalt func() string

	readers chan struct{} // as many as may read, but for followers
	queue   *queue
	salts   sync.Map      // name -> salt
	paths   sync.Map      // path -> id; committed
	pause   time.Duration // of the committer, while the database is gone
	stopped chan struct{} // closed when the committer has ended
	watch   *watch
	closing sync.Once
	closed  error
}

// Open opens the store at dsn: "sqlite:FILE" or "postgres://…". ErrSchema when
// the schema is older or newer than this program can use.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	s := &Store{dsn: dsn, log: o.Log, now: o.Now, newUID: o.NewUID, newSalt: o.NewSalt, queue: newQueue(), stopped: make(chan struct{})}
	s.defaults()
	if err := s.prepareSchema(ctx, dsn, o.Migrate); err != nil {
		return nil, err
	}
	var err error
	if s.eng, err = openEngine(ctx, dsn); err != nil {
		return nil, err
	}
	s.readers = make(chan struct{}, max(1, s.eng.room()-kept))
	s.watch = newWatch(s)
	go s.run()
	return s, nil
}

func (s *Store) defaults() {
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newUID == nil {
		s.newUID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if s.newSalt == nil {
		s.newSalt = func() string {
			var b [16]byte
			_, _ = rand.Read(b[:]) // never fails
			return hex.EncodeToString(b[:])
		}
	}
}

func (s *Store) prepareSchema(ctx context.Context, dsn string, migrate bool) error {
	if _, isSQLite := sqlitePath(dsn); isSQLite || migrate {
		_, err := Migrate(ctx, dsn)
		return err
	}
	return checkSchema(ctx, dsn)
}

// sqlitePath is the file that dsn names, if it names one.
func sqlitePath(dsn string) (string, bool) {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	return strings.TrimPrefix(path, "//"), ok
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func openEngine(ctx context.Context, dsn string) (engine, error) {
	if path, ok := sqlitePath(dsn); ok {
		return openSQLite(ctx, path)
	}
	if isPostgres(dsn) {
		return openPostgres(ctx, dsn)
	}
	return nil, errors.New(`open store: the address begins neither with "sqlite:" nor with "postgres://"`)
}

// Close finishes what is being committed and closes.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.queue.close()
		<-s.stopped
		s.watch.close()
		s.closed = s.eng.close()
	})
	return s.closed
}

// Driver is "sqlite" or "postgres".
func (s *Store) Driver() string { return s.eng.dialect().name }

// callers makes an error of the database what callers branch on.
func (s *Store) callers(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnavailable):
		return err
	case s.eng.fault(err) == faultGone:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
