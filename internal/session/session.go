package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Config is what a Manager needs to know. The zero value is right for a server
// reached by https.
type Config struct {
	Idle     time.Duration // without a request; 0 is 1 h
	Lifetime time.Duration // from the sign-in on; 0 is 12 h
	// Loopback says that browsers come over plain http on this machine, where
	// they take no cookie that is Secure.
	Loopback bool
	// Open reports whether people sign in at a source; sessions of others have
	// ended. nil leaves that to the store's sources.
	Open func(source string) bool
	Now  func() time.Time // nil is time.Now
}

// Manager issues, finds and ends sessions. It may be used concurrently.
type Manager struct {
	st     *store.Store
	holder *access.Holder
	conf   Config
}

// New makes a manager of the sessions in st. holder has the snapshot that says
// who is suspended.
func New(st *store.Store, holder *access.Holder, c Config) *Manager {
	if c.Idle <= 0 {
		c.Idle = time.Hour
	}
	if c.Lifetime <= 0 {
		c.Lifetime = 12 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Manager{st: st, holder: holder, conf: c}
}

// ErrNone: nobody is signed in with that handle. An *EndedError says why, when
// somebody was.
var ErrNone = errors.New("not signed in")

// Why says what ended a session.
type Why string

// What ends a session.
const (
	SignedOut      Why = "signed_out" // or ended for good by anything else
	Idle           Why = "idle"
	Expired        Why = "expired"
	SourceDisabled Why = "source_disabled"
	AccountEnded   Why = "account_ended"
	AccountMoved   Why = "account_moved"
	Locked         Why = "locked"
	Revoked        Why = "revoked" // issued before Person.NotBefore
	Suspended      Why = "suspended"
	Unknown        Why = "unknown_person"
	Stale          Why = "stale"
)

// EndedError says why a session opens nothing any more. It is an ErrNone.
type EndedError struct{ Why Why }

func (e *EndedError) Error() string { return "not signed in: " + string(e.Why) }

// Is makes it an ErrNone.
func (e *EndedError) Is(target error) bool { return target == ErrNone }

// Session is somebody who is signed in.
type Session struct {
	store.Session
	// Limit is what the way of signing in lets through.
	Limit access.Ceiling
}

// Credential is what the evaluator is asked with.
func (s *Session) Credential() access.Credential {
	return access.Credential{Kind: access.SessionCredential, Ceiling: s.Limit, Issued: s.Issued, Expires: s.Expires}
}

// SignIn is a sign-in that becomes a session.
type SignIn struct {
	Person  access.PersonID
	Account directory.AccountID
	Source  string
	Ceiling string    // as access.ParseCeiling reads it
	NameKey string    // see store.Session
	Auth    []byte    // JSON: how
	Until   time.Time // the identity provider's own end; zero is none
}

// Issue makes a session under a new handle. It refuses with an *EndedError who
// could not use it.
func (m *Manager) Issue(ctx context.Context, in SignIn) (handle string, s *Session, err error) {
	now := m.conf.Now().UTC().Truncate(time.Microsecond)
	expires := now.Add(m.conf.Lifetime)
	if !in.Until.IsZero() && in.Until.Before(expires) {
		expires = in.Until
	}
	handle = NewHandle()
	row := store.Session{
		ID: uuid.Must(uuid.NewV7()).String(), Digest: store.Digest(handle), Person: in.Person, Account: in.Account, Source: in.Source,
		Ceiling: in.Ceiling, NameKey: in.NameKey, Auth: in.Auth, Issued: now, IdleUntil: now.Add(m.conf.Idle), Expires: expires,
	}
	if err := m.st.PutSession(ctx, row); err != nil {
		return "", nil, fmt.Errorf("keep a session: %w", err)
	}
	if s, err = m.Find(ctx, handle); err != nil {
		_, endErr := m.st.EndSessions(ctx, []string{row.ID}, "refused", now)
		return "", nil, errors.Join(err, endErr)
	}
	return handle, s, nil
}

// NewHandle is 256 random bits, for a cookie or a URL.
func NewHandle() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

const handleLength = 43

// Find finds the session of a handle, if it opens anything; ErrNone or an error
// of the store. A use that is worth noting moves the end of idleness on.
func (m *Manager) Find(ctx context.Context, handle string) (*Session, error) {
	if len(handle) != handleLength {
		return nil, ErrNone
	}
	var f store.SessionFacts
	err := m.st.Read(ctx, func(v *store.View) (err error) {
		f, err = v.Session(ctx, store.Digest(handle))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("find a session: %w", err)
	}
	now := m.conf.Now()
	snapshot, fresh := m.holder.Snapshot(now)
	if !fresh {
		return nil, &EndedError{Stale}
	}
	person, known := snapshot.Person(f.Person)
	if m.conf.Open != nil && !m.conf.Open(f.Source) {
		return nil, &EndedError{SourceDisabled}
	}
	if why := judge(f, person, known, now); why != "" {
		return nil, &EndedError{why}
	}
	s := &Session{Session: f.Session}
	s.Limit, _ = access.ParseCeiling(f.Ceiling) // what does not read lets nothing through
	return s, m.use(ctx, s, now)
}

// judge says what ended a session, or "". It is pure.
func judge(f store.SessionFacts, p access.Person, known bool, now time.Time) Why {
	switch {
	case !now.Before(f.Expires):
		return Expired
	case !now.Before(f.IdleUntil):
		return Idle
	case f.SourceDisabled:
		return SourceDisabled
	case !f.AccountActive:
		return AccountEnded
	case f.Linked != f.Person:
		return AccountMoved
	case f.Locked || p.Locked:
		return Locked
	case f.Issued.Before(f.NotBefore) || f.Issued.Before(p.NotBefore):
		return Revoked
	case !f.Ended.IsZero(): // after what ended it, which says more while it lasts
		return SignedOut
	case !known:
		return Unknown
	case p.Suspended:
		return Suspended
	}
	return ""
}

// use notes a use, at most every twentieth of the idle time: reading a page must
// not cost a write.
func (m *Manager) use(ctx context.Context, s *Session, now time.Time) error {
	until := now.Add(m.conf.Idle)
	if until.Sub(s.IdleUntil) < m.conf.Idle/20 {
		return nil
	}
	if err := m.st.UseSession(ctx, s.ID, until); err != nil {
		return fmt.Errorf("note the use of a session: %w", err)
	}
	s.IdleUntil = until
	return nil
}

// StepUp raises the session of a handle to what a stronger sign-in of the same
// person with the same account allows, under another handle: what somebody knew
// of the weaker session opens nothing of the stronger. Its id and its end stay.
// ErrNone when the session is another's, or has ended.
func (m *Manager) StepUp(ctx context.Context, handle string, in SignIn) (string, error) {
	s, err := m.Find(ctx, handle)
	if err != nil {
		return "", err
	}
	if s.Person != in.Person || s.Account != in.Account || s.Source != in.Source {
		return "", ErrNone
	}
	next, expires := NewHandle(), s.Expires
	if !in.Until.IsZero() && in.Until.Before(expires) {
		expires = in.Until
	}
	done, err := m.st.RaiseSession(ctx, store.Digest(handle), store.Session{Digest: store.Digest(next), Ceiling: in.Ceiling, NameKey: in.NameKey, Auth: in.Auth, Expires: expires})
	if err != nil {
		return "", fmt.Errorf("raise a session: %w", err)
	}
	if !done {
		return "", ErrNone
	}
	return next, nil
}

// List lists a person's sessions that are not past their end, newest first,
// ended ones too.
func (m *Manager) List(ctx context.Context, person access.PersonID) (all []store.Session, err error) {
	err = m.st.Read(ctx, func(v *store.View) (err error) {
		all, err = v.Sessions(ctx, person, m.conf.Now())
		return err
	})
	return all, err
}

// End ends sessions by id, and says how many of them lived.
func (m *Manager) End(ctx context.Context, by string, ids ...string) (int, error) {
	return m.st.EndSessions(ctx, ids, by, m.conf.Now())
}
