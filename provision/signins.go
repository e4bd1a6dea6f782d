package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// What administrators see and do of people's sign-ins, by command and over HTTP:
// who is signed in, who waits to be, and what became of attempts.

// SignedIn is a session that lives.
type SignedIn struct {
	ID      string    `json:"id"`
	Person  string    `json:"person"` // his login
	Source  string    `json:"source"`
	Ceiling string    `json:"ceiling"`
	Since   time.Time `json:"since"`
	Idle    time.Time `json:"idle_until"`
	Ends    time.Time `json:"ends"`
	Context string    `json:"authn_context,omitempty"`
	Trace   string    `json:"trace"` // of the sign-in
}

// SignedIn lists the sessions that live, newest first.
func (e *Engine) SignedIn(ctx context.Context, q store.SessionQuery) ([]SignedIn, error) {
	live, err := e.liveSessions(ctx, q)
	out := make([]SignedIn, 0, len(live))
	for _, s := range live {
		out = append(out, e.signedIn(s))
	}
	return out, err
}

func (e *Engine) liveSessions(ctx context.Context, q store.SessionQuery) (live []store.Session, err error) {
	err = e.st.Read(ctx, func(v *store.View) error {
		live, err = v.LiveSessions(ctx, q, e.cfg().Now())
		return err
	})
	return live, err
}

func (e *Engine) signedIn(s store.Session) SignedIn {
	out := SignedIn{ID: s.ID, Person: e.loginOf(s.Person), Source: s.Source, Ceiling: s.Ceiling, Since: s.Issued, Idle: s.IdleUntil, Ends: s.Expires}
	var how struct{ Context, Trace string }
	if json.Unmarshal(s.Auth, &how) == nil {
		out.Context, out.Trace = how.Context, how.Trace
	}
	return out
}

// loginOf is the login of a person, or "".
func (e *Engine) loginOf(id access.PersonID) string {
	if id == 0 {
		return ""
	}
	p, _ := e.PersonByID(id)
	return p.Login
}

const (
	sessionsAtOnce = 500
	allSessions    = 1_000_000
)

// RevokeSessions ends the sessions that q chooses, whatever its Limit, and says
// how many lived. They open nothing from their next request on.
func (e *Engine) RevokeSessions(ctx context.Context, by store.By, q store.SessionQuery) (ended int, err error) {
	q.Limit = allSessions
	live, err := e.liveSessions(ctx, q)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(live, sessionsAtOnce) {
		op := &store.RevokeSessions{}
		for _, s := range some {
			op.IDs = append(op.IDs, s.ID)
		}
		if _, err := e.st.Do(ctx, by, op); err != nil {
			return ended, err
		}
		ended += op.Ended
	}
	return ended, nil
}

// SignInAttempt is what became of an attempt to sign in.
type SignInAttempt struct {
	ID      string    `json:"id"` // the words that the person was shown
	At      time.Time `json:"at"`
	Source  string    `json:"source"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason"`
	Person  string    `json:"person,omitempty"` // his login, when it is known whose it was
	// Trace is what the door noted: without values of attributes, and nothing of
	// the message as it came. Lists are without.
	Trace json.RawMessage `json:"trace,omitempty"`
}

func (e *Engine) attempt(t store.LoginTrace) SignInAttempt {
	return SignInAttempt{ID: t.ID, At: t.At, Source: t.Source, Outcome: t.Outcome, Reason: t.Reason, Person: e.loginOf(t.Person)}
}

// SignInAttempts lists attempts, newest first.
func (e *Engine) SignInAttempts(ctx context.Context, q store.TraceQuery) (out []SignInAttempt, err error) {
	out = []SignInAttempt{}
	err = e.st.Read(ctx, func(v *store.View) error {
		all, err := v.Traces(ctx, q)
		for _, t := range all {
			out = append(out, e.attempt(t))
		}
		return err
	})
	return out, err
}

// SignInAttempt finds an attempt by its words; store.ErrNotFound.
func (e *Engine) SignInAttempt(ctx context.Context, id string) (a SignInAttempt, err error) {
	err = e.st.Read(ctx, func(v *store.View) error {
		t, err := v.Trace(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("no sign-in is known as %s; the words are on the page that the person saw: %w", id, err)
		}
		a = e.attempt(t)
		a.Trace = t.Body
		return err
	})
	return a, err
}

// PendingSignIns lists the sign-ins that wait for an administrator, or those that
// one refused, oldest first.
func (e *Engine) PendingSignIns(ctx context.Context, refused bool) (out []store.PendingLink, err error) {
	err = e.st.Read(ctx, func(v *store.View) (err error) {
		out, err = v.PendingLinks(ctx)
		return err
	})
	return slices.DeleteFunc(out, func(p store.PendingLink) bool { return p.Refused.IsZero() == refused }), err
}

// pendingSignIn finds one that waits, or was refused; store.ErrNotFound.
func (e *Engine) pendingSignIn(ctx context.Context, source, subject string) (found store.PendingLink, err error) {
	err = e.st.Read(ctx, func(v *store.View) error {
		all, err := v.PendingLinks(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(p store.PendingLink) bool { return p.Source == source && p.Subject == subject })
		if i < 0 {
			return fmt.Errorf("no sign-in of %s waits as %q; grantbridge login pending lists them: %w", source, subject, store.ErrNotFound)
		}
		found = all[i]
		return nil
	})
	return found, err
}

// NewAccount is the change that makes an account of a sign-in that waits; the
// door knows what its subject is made of.
type NewAccount func(store.PendingLink) (*directory.AccountChange, error)

// ApproveSignIn lets a sign-in that waits in as somebody new, with no right but
// what rules give, and returns the account that was made. The account that it made
// when it was somebody else's is deleted. store.ErrNotFound; an InvalidError when
// another account has its login or external id.
func (e *Engine) ApproveSignIn(ctx context.Context, by store.By, source, subject string, account NewAccount) (directory.Account, error) {
	p, err := e.pendingSignIn(ctx, source, subject)
	if err != nil {
		return directory.Account{}, err
	}
	change, err := account(p)
	if err != nil {
		return directory.Account{}, err
	}
	if p.Account != "" {
		_, err := e.Apply(ctx, by, &directory.AccountChange{Source: source, UID: p.Account, Delete: true})
		if err != nil && !errors.Is(err, store.ErrNotFound) { // who tries again has deleted it already
			return directory.Account{}, err
		}
	}
	made, err := e.Apply(ctx, by, change)
	if u, ok := errors.AsType[*store.UniqueError](err); ok {
		return directory.Account{}, invalid("account %s has this %s already; when it is the same person: grantbridge login link %s %s %s", u.UID, u.Attribute, source, subject, u.UID)
	}
	if err != nil {
		return directory.Account{}, err
	}
	return made.Account, e.LinkSignIn(ctx, by, source, subject, made.Account.UID)
}

// LinkSignIn says whose account a sign-in is, whether it waits or not.
// store.ErrNotFound when the source has no such account; an InvalidError when the
// subject is another account's.
func (e *Engine) LinkSignIn(ctx context.Context, by store.By, source, subject, account string) error {
	_, err := e.do(ctx, by, &store.LinkSubject{Source: source, Subject: subject, Account: account})
	if u, ok := errors.AsType[*store.UniqueError](err); ok {
		return invalid("this subject is account %s already", u.UID)
	}
	return err
}

// RefuseSignIn refuses a sign-in that waits, now and later; store.ErrNotFound.
func (e *Engine) RefuseSignIn(ctx context.Context, by store.By, source, subject string) error {
	if _, err := e.pendingSignIn(ctx, source, subject); err != nil {
		return err
	}
	_, err := e.do(ctx, by, &store.RefuseSubject{Source: source, Subject: subject})
	return err
}
