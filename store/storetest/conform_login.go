package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// newSession is a session of an account, an hour idle and a day in all.
func newSession(id string, a directory.Account, now time.Time) store.Session {
	return store.Session{ID: id, Digest: store.Digest("handle " + id), Person: access.PersonID(a.Person), Account: a.ID, Source: a.Source,
		Ceiling: "inherit", NameKey: "name", Auth: []byte(`{"by":"saml"}`), Issued: now, IdleUntil: now.Add(time.Hour), Expires: now.Add(24 * time.Hour)}
}

func (k Kit) session(handle string) (f store.SessionFacts, err error) {
	k.T.Helper()
	k.Read(func(v *store.View) error {
		f, err = v.Session(context.Background(), store.Digest(handle))
		return nil
	})
	return f, err
}

func (k Kit) no(err error) {
	k.T.Helper()
	if err != nil {
		k.T.Fatal(err)
	}
}

func sessions(k Kit, c *Clock) {
	ctx := context.Background()
	k.Source("okta", false)
	a := k.Account("okta", "a")
	s := newSession("s1", a, c.T)
	before := k.Head()
	k.no(k.S.PutSession(ctx, s))
	want := store.SessionFacts{Session: s, AccountActive: true, Linked: s.Person}
	if got, err := k.session("handle s1"); err != nil || !cmp.Equal(want, got) {
		k.T.Errorf("(-want +got):\n%s %v", cmp.Diff(want, got), err)
	}
	if _, err := k.session("another"); !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("got %v for a handle that nobody has", err)
	}
	if k.Head() != before {
		k.T.Error("a session made a revision")
	}
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = false }))
	if got, _ := k.session("handle s1"); got.AccountActive {
		k.T.Error("the account is inactive, and the session does not know")
	}
	k.Do(EditAccount("okta", a.UID, func(a *directory.Account) { a.Active = true }))
	k.Do(&store.LockPerson{Person: s.Person, Locked: true})
	if got, _ := k.session("handle s1"); !got.Locked || got.NotBefore.IsZero() {
		k.T.Errorf("got %+v of a locked person", got)
	}
	k.Do(&store.PutSource{Source: store.Source{Name: "okta", Disabled: true}})
	if got, _ := k.session("handle s1"); !got.SourceDisabled {
		k.T.Error("the source is disabled, and the session does not know")
	}
	k.Do(DeleteAccount("okta", a.UID))
	if got, _ := k.session("handle s1"); got.AccountActive {
		k.T.Error("the account is deleted, and the session does not know")
	}
}

func sessionHandles(k Kit, c *Clock) {
	ctx := context.Background()
	k.Source("okta", false)
	a := k.Account("okta", "a")
	k.no(k.S.PutSession(ctx, newSession("s1", a, c.T)))
	k.no(k.S.PutSession(ctx, newSession("s2", a, c.T.Add(time.Second))))
	for i, want := range []bool{true, false} {
		raised := store.Session{Digest: store.Digest(fmt.Sprint("new", i)), Ceiling: "inherit", NameKey: "name", Auth: []byte(`{}`), Expires: c.T.Add(1000 * time.Hour)}
		if done, err := k.S.RaiseSession(ctx, store.Digest("handle s1"), raised); err != nil || done != want {
			k.T.Errorf("rotation %d: got %v, %v", i, done, err)
		}
	}
	if _, err := k.session("handle s1"); !errors.Is(err, store.ErrNotFound) {
		k.T.Error("the old handle opens the session")
	}
	if got, err := k.session("new0"); err != nil || !got.Expires.Equal(newSession("s1", a, c.T).Expires) || got.Ceiling != "inherit" {
		k.T.Errorf("a raised session is %+v (%v); its end must not move on", got.Session, err)
	}
	k.Read(func(v *store.View) error {
		for q, want := range map[store.SessionQuery]int{{Limit: 9}: 2, {Limit: 1}: 1, {Source: "okta", Limit: 9}: 2, {Source: "entra", Limit: 9}: 0, {ID: "s2", Limit: 9}: 1, {Person: access.PersonID(a.Person), Limit: 9}: 2, {Person: 9999, Limit: 9}: 0} {
			if all, err := v.LiveSessions(ctx, q, c.T); err != nil || len(all) != want {
				k.T.Errorf("%+v: got %d sessions, want %d (%v)", q, len(all), want, err)
			}
		}
		if all, err := v.LiveSessions(ctx, store.SessionQuery{Limit: 9}, c.T.Add(1000*time.Hour)); err != nil || len(all) != 0 {
			k.T.Errorf("after all ends %d sessions live (%v)", len(all), err)
		}
		return nil
	})
	k.no(k.S.PutSession(ctx, newSession("s3", a, c.T.Add(-time.Second))))
	revoke := &store.RevokeSessions{IDs: []string{"s3", "s9"}}
	if k.Do(revoke); revoke.Ended != 1 {
		k.T.Errorf("revoked %d", revoke.Ended)
	}
	k.Unchanged(&store.RevokeSessions{IDs: []string{"s3"}})
	k.Unchanged(&store.RevokeSessions{})
	if got, err := k.session("handle s3"); err != nil || got.Ended.IsZero() || got.EndedBy != "test" {
		k.T.Errorf("a revoked session is %+v (%v)", got.Session, err)
	}
	later := c.T.Add(2 * time.Hour)
	k.no(k.S.UseSession(ctx, "s1", later))
	k.no(k.S.UseSession(ctx, "s1", c.T))
	if got, err := k.session("new0"); err != nil || !got.IdleUntil.Equal(later) {
		k.T.Errorf("idle until %v, want %v (%v)", got.IdleUntil, later, err)
	}
	for i, want := range []int{1, 0} {
		if n, err := k.S.EndSessions(ctx, []string{"s1", "s9"}, "test", c.T); err != nil || n != want {
			k.T.Errorf("end %d: got %d, %v", i, n, err)
		}
	}
	k.Read(func(v *store.View) error {
		all, err := v.Sessions(ctx, access.PersonID(a.Person), c.T)
		if len(all) != 3 || all[0].ID != "s2" || all[1].EndedBy != "test" {
			k.T.Errorf("got %+v", all)
		}
		named, err2 := v.SessionsNamed(ctx, "okta", "name")
		if len(named) != 1 || named[0].ID != "s2" {
			k.T.Errorf("got %+v by name", named)
		}
		return errors.Join(err, err2)
	})
}

func spending(k Kit, c *Clock) {
	ctx := context.Background()
	var won atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			n, err := k.S.Spend(ctx, []string{"z", "a"}, c.T, c.T)
			switch {
			case err != nil:
				k.T.Error(err)
			case n < 0:
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		k.T.Errorf("%d of 50 have spent the ticket", won.Load())
	}
	if n, err := k.S.Spend(ctx, []string{"b", "z"}, c.T, c.T); n != 1 || err != nil {
		k.T.Errorf("got %d, %v; ticket 1 was used", n, err)
	}
	if n, err := k.S.Spend(ctx, []string{"b"}, c.T, c.T); n != -1 || err != nil {
		k.T.Errorf("got %d, %v; nothing was to be spent before", n, err)
	}
}

func endingOnce(k Kit, c *Clock) {
	ctx := context.Background()
	k.Source("okta", false)
	a := k.Account("okta", "a")
	for _, id := range []string{"s1", "s2"} {
		k.no(k.S.PutSession(ctx, newSession(id, a, c.T)))
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			op := &store.RevokeSessions{IDs: []string{"s1"}, Once: "logout:1", Until: c.T}
			if _, err := k.S.Do(ctx, store.By{Actor: "saml:okta"}, op); err != nil {
				k.T.Error(err)
			}
			if !op.Spent {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		k.T.Errorf("a logout was done %d times", won.Load())
	}
	again := &store.RevokeSessions{IDs: []string{"s2"}, Once: "logout:1", Until: c.T}
	if k.Unchanged(again); !again.Spent || again.Ended != 0 {
		k.T.Errorf("a logout that was done before: %+v", again)
	}
	for handle, want := range map[string]bool{"handle s1": true, "handle s2": false} {
		if got, err := k.session(handle); got.Ended.IsZero() == want || err != nil {
			k.T.Errorf("%s: ended at %v, %v", handle, got.Ended, err)
		}
	}
	nobody := &store.RevokeSessions{Once: "logout:2", Until: c.T}
	if k.Do(nobody); nobody.Spent || nobody.Ended != 0 {
		k.T.Errorf("a logout of no session: %+v", nobody)
	}
	if n, err := k.S.Spend(ctx, []string{"logout:2"}, c.T, c.T); n != 0 || err != nil {
		k.T.Errorf("the ticket of a logout can be spent again: %d, %v", n, err)
	}
	k.Read(func(v *store.View) error {
		entries, err := v.Audit(ctx, store.AuditQuery{Action: "session.revoke", Limit: 9})
		if err == nil && len(entries) != 2 {
			k.T.Errorf("the audit has %d logouts, want 2", len(entries))
		}
		return err
	})
}

func marking(k Kit, c *Clock) {
	ctx := context.Background()
	marked := func(until time.Time, keys ...string) (is bool) {
		k.Read(func(v *store.View) (err error) { is, err = v.Marked(ctx, keys, until); return err })
		return is
	}
	if marked(c.T, "a", "b") {
		k.T.Error("marked by nobody")
	}
	k.no(k.S.Mark(ctx, []string{"b", "a"}, c.T.Add(time.Minute)))
	k.no(k.S.Mark(ctx, []string{"a"}, c.T)) // does not shorten it
	for _, test := range []struct {
		until time.Time
		keys  []string
		want  bool
	}{
		{c.T, []string{"x", "a"}, true}, {c.T.Add(time.Minute), []string{"b"}, true},
		{c.T.Add(time.Minute + time.Microsecond), []string{"a", "b"}, false}, {c.T, []string{"x"}, false}, {c.T, nil, false},
	} {
		if got := marked(test.until, test.keys...); got != test.want {
			k.T.Errorf("%q at %v: %v", test.keys, test.until, got)
		}
	}
}

func loginFlow(k Kit, c *Clock) {
	ctx := context.Background()
	l := store.Login{Digest: store.Digest("relay"), Source: "okta", Request: "_r1", Browser: store.Digest("browser"), Body: []byte(`{"to":"/me"}`), Expires: c.T.Add(time.Minute)}
	k.no(k.S.PutLogin(ctx, l))
	read := func(f func(*store.View) (store.Login, error)) (got store.Login, err error) {
		k.Read(func(v *store.View) error { got, err = f(v); return nil })
		return got, err
	}
	byHandle := func(at time.Time) func(*store.View) (store.Login, error) {
		return func(v *store.View) (store.Login, error) { return v.Login(ctx, store.Digest("relay"), at) }
	}
	if got, err := read(byHandle(c.T)); err != nil || !cmp.Equal(l, got) {
		k.T.Errorf("(-want +got):\n%s %v", cmp.Diff(l, got), err)
	}
	if _, err := read(byHandle(l.Expires)); !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("got %v of a login whose time is over", err)
	}
	if got, err := read(func(v *store.View) (store.Login, error) { return v.LoginOf(ctx, "okta", "_r1", c.T) }); err != nil || got.Request != "_r1" {
		k.T.Errorf("by request: %+v, %v", got, err)
	}
	for i, want := range []bool{true, false} {
		if done, err := k.S.ParkLogin(ctx, store.Digest("relay"), store.Digest("finish"), []byte(`{"who":1}`), c.T.Add(time.Minute)); err != nil || done != want {
			k.T.Errorf("park %d: %v, %v", i, done, err)
		}
	}
	for _, stranger := range [][]byte{store.Digest("other"), nil} {
		if _, err := k.S.TakeLogin(ctx, store.Digest("finish"), stranger, c.T); !errors.Is(err, store.ErrNotFound) {
			k.T.Errorf("another browser took the login: %v", err)
		}
	}
	if got, err := k.S.TakeLogin(ctx, store.Digest("finish"), store.Digest("browser"), c.T); err != nil || !bytes.Equal(got.Parked, []byte(`{"who":1}`)) {
		k.T.Errorf("got %+v, %v", got, err)
	}
	if _, err := k.S.TakeLogin(ctx, store.Digest("finish"), store.Digest("browser"), c.T); !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("a login was taken twice: %v", err)
	}
}

func sweeping(k Kit, c *Clock) {
	ctx := context.Background()
	old := store.LoginTrace{ID: "old-words", Source: "okta", At: c.T, Outcome: "begun", Body: []byte(`{}`)}
	k.no(k.S.PutTrace(ctx, old))
	old.Outcome, old.Reason = "refused", "too_old"
	k.no(k.S.PutTrace(ctx, old))
	later := c.T.Add(time.Hour)
	k.no(k.S.PutTrace(ctx, store.LoginTrace{ID: "new-words", Source: "okta", At: later, Outcome: "in"}))
	k.no(k.S.PutVerifyKey(ctx, store.VerifyKey{ID: "k1", JWK: []byte(`{"x":1}`), Expires: later}))
	k.Read(func(v *store.View) error {
		if got, err := v.Trace(ctx, "old-words"); err != nil || !cmp.Equal(old, got) {
			k.T.Errorf("(-want +got):\n%s %v", cmp.Diff(old, got), err)
		}
		keys, err := v.VerifyKeys(ctx, c.T)
		if len(keys) != 1 || keys[0].ID != "k1" {
			k.T.Errorf("got %+v", keys)
		}
		return err
	})
	if _, err := k.S.Spend(ctx, []string{"t"}, c.T, c.T); err != nil {
		k.T.Error(err)
	}
	k.no(k.S.SweepLogins(ctx, later.Add(time.Second), later))
	k.Read(func(v *store.View) error {
		ts, err := v.Traces(ctx, store.TraceQuery{Limit: 10})
		if len(ts) != 1 || ts[0].ID != "new-words" {
			k.T.Errorf("got %+v", ts)
		}
		return err
	})
	if n, err := k.S.Spend(ctx, []string{"t"}, c.T, c.T); n != -1 || err != nil {
		k.T.Errorf("a ticket past its time is kept: %d, %v", n, err)
	}
}

func subjectLinks(k Kit, c *Clock) {
	ctx := context.Background()
	k.Source("okta", false)
	k.Source("entra", false)
	op := NewAccount("okta", "a", "ext-1")
	k.Do(op)
	a, b := op.After, k.Account("okta", "b")
	find := func(source, subject, external string) (got store.SubjectAccount, err error) {
		k.Read(func(v *store.View) error { got, err = v.SubjectAccount(ctx, source, subject, external); return nil })
		return got, err
	}
	if got, err := find("okta", "nameid:x", "ext-1"); err != nil || got.ID != a.ID || got.Approved {
		k.T.Errorf("by external id: %+v, %v", got, err)
	}
	for _, other := range []string{"EXT-1", "ext-1 ", "1"} {
		if _, err := find("okta", "nameid:x", other); !errors.Is(err, store.ErrNotFound) {
			k.T.Errorf("%q found somebody: %v", other, err)
		}
	}
	if _, err := find("entra", "nameid:x", "ext-1"); !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("another source's external id found somebody: %v", err)
	}
	p := store.PendingLink{Source: "okta", Subject: "nameid:x", Login: "b", Trace: "some-words", First: c.T, Last: c.T}
	k.no(k.S.PutPendingLink(ctx, p))
	k.Refused(&store.LinkSubject{Source: "entra", Subject: "nameid:x", Account: b.UID}, store.ErrNotFound)
	k.Refused(&store.RefuseSubject{Source: "okta", Subject: "nameid:y"}, store.ErrNotFound)
	k.Do(&store.RefuseSubject{Source: "okta", Subject: "nameid:x"})
	k.Unchanged(&store.RefuseSubject{Source: "okta", Subject: "nameid:x"})
	k.no(k.S.PutPendingLink(ctx, p)) // trying again does not help
	k.Read(func(v *store.View) error {
		refused, err := v.SubjectRefused(ctx, "okta", "nameid:x")
		other, err2 := v.SubjectRefused(ctx, "entra", "nameid:x")
		if !refused || other {
			k.T.Errorf("refused %v, and of another source %v", refused, other)
		}
		return errors.Join(err, err2)
	})
	k.Do(&store.LinkSubject{Source: "okta", Subject: "nameid:x", Account: b.UID})
	k.Unchanged(&store.LinkSubject{Source: "okta", Subject: "nameid:x", Account: b.UID})
	var unique *store.UniqueError
	if err := k.Try(&store.LinkSubject{Source: "okta", Subject: "nameid:x", Account: a.UID}); !errors.As(err, &unique) {
		k.T.Errorf("one subject was given to two accounts: %v", err)
	}
	if got, err := find("okta", "nameid:x", "ext-1"); err != nil || got.ID != b.ID || !got.Approved {
		k.T.Errorf("by an administrator's word: %+v, %v", got, err)
	}
	k.Read(func(v *store.View) error {
		ps, err := v.PendingLinks(ctx)
		if len(ps) != 0 {
			k.T.Errorf("still waiting: %+v", ps)
		}
		return err
	})
	used := func() (last time.Time) {
		k.Read(func(v *store.View) (err error) { last, err = v.SubjectUsed(ctx, "okta", "nameid:x"); return err })
		return last
	}
	linked := used()
	k.no(k.S.UseSubject(ctx, "okta", "nameid:x", linked.Add(time.Hour)))
	k.no(k.S.UseSubject(ctx, "okta", "nameid:x", linked))
	if got := used(); linked.IsZero() || !got.Equal(linked.Add(time.Hour)) {
		k.T.Errorf("the subject was linked at %v and last used at %v", linked, got)
	}
	p.Account = b.UID
	k.no(k.S.PutPendingLink(ctx, p))
	k.Read(func(v *store.View) error {
		ps, err := v.PendingLinks(ctx)
		if len(ps) != 1 || ps[0].Account != b.UID {
			k.T.Errorf("what waits: %+v", ps)
		}
		return err
	})
	k.Do(&store.LinkSubject{Source: "okta", Subject: "nameid:x", Account: b.UID}) // the same person after all
	k.no(k.S.PutPendingLink(ctx, p))
	k.no(k.S.UseSubject(ctx, "okta", "nameid:x", linked))
	k.Read(func(v *store.View) error {
		ps, err := v.PendingLinks(ctx)
		if len(ps) != 0 {
			k.T.Errorf("waits though it signed in: %+v", ps)
		}
		return err
	})
	k.Do(DeleteAccount("okta", b.UID))
	heir := k.Account("okta", "heir")
	k.Do(&store.LinkSubject{Source: "okta", Subject: "nameid:x", Account: heir.UID})
	if got, err := find("okta", "nameid:x", ""); err != nil || got.ID != heir.ID || got.Deleted {
		k.T.Errorf("the subject of a deleted account, linked anew: %+v, %v", got, err)
	}
	k.Do(DeleteAccount("okta", a.UID))
	if got, err := find("okta", "none", "ext-1"); err != nil || !got.Deleted {
		k.T.Errorf("the tombstone: %+v, %v", got, err)
	}
	k.Read(func(v *store.View) error {
		left, err := v.Left(ctx, "okta", "A")
		if !left {
			k.T.Error("nobody knows that a has left")
		}
		return err
	})
}

func metadata(k Kit, c *Clock) {
	ctx := context.Background()
	k.Source("okta", false)
	k.Refused(&store.TrustSAMLKeys{Source: "okta", Trusted: []string{"a"}}, store.ErrNotFound)
	if err := k.S.AskSAMLMetadata(ctx, "okta"); !errors.Is(err, store.ErrNotFound) {
		k.T.Errorf("asked for metadata that are not fetched: %v", err)
	}
	due, next := time.Time{}, c.T.Add(time.Hour)
	claim := func(url string, was time.Time, want bool) {
		k.T.Helper()
		if done, err := k.S.ClaimSAMLMetadata(ctx, "okta", url, was, next); err != nil || done != want {
			k.T.Errorf("claim: got %v, %v, want %v", done, err, want)
		}
	}
	claim("https://a", due, true)
	claim("https://a", due, false) // another replica
	m := store.SAMLMetadata{Source: "okta", URL: "https://a", Document: []byte("<md/>"), ETag: `"1"`, Fetched: c.T, Next: next, Failure: "none"}
	k.Do(&store.TrustSAMLKeys{Source: "okta", Trusted: []string{"b", "a"}})
	k.Unchanged(&store.TrustSAMLKeys{Source: "okta", Trusted: []string{"a", "b", "a"}})
	k.no(k.S.PutSAMLMetadata(ctx, m))
	m.Trusted = []string{"a", "b"}
	read := func() (got []store.SAMLMetadata) {
		k.Read(func(v *store.View) (err error) { got, err = v.SAMLMetadata(ctx); return err })
		return got
	}
	if diff := cmp.Diff([]store.SAMLMetadata{m}, read()); diff != "" {
		k.T.Errorf("kept (-want +got):\n%s", diff)
	}
	claim("https://a", next, true)
	if got := read(); string(got[0].Document) != "<md/>" {
		k.T.Errorf("a claim lost %+v", got)
	}
	k.no(k.S.AskSAMLMetadata(ctx, "okta"))
	claim("https://b", due, true)
	if got := read(); got[0].URL != "https://b" || got[0].Document != nil || len(got[0].Trusted) != 0 {
		k.T.Errorf("another URL began with %+v", got)
	}
}

func salts(k Kit, _ *Clock) {
	ctx := context.Background()
	got := map[string]bool{}
	var mutex sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			salt, err := k.S.Salt(ctx, "a")
			mutex.Lock()
			defer mutex.Unlock()
			k.no(err)
			got[string(salt)] = len(salt) == 32
		})
	}
	all.Wait()
	other, err := k.S.Salt(ctx, "b")
	k.no(err)
	if len(got) != 1 || got[string(other)] {
		k.T.Errorf("eight askers at once got %d salts, and another name got one of theirs: %v", len(got), got[string(other)])
	}
}
