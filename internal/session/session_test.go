package session_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// house is a store with an engine on it, and a clock that is set on.
type house struct {
	t       *testing.T
	kit     storetest.Kit
	engine  *provision.Engine
	manager *session.Manager
	account directory.Account
	ahead   time.Duration
}

func eachHouse(t *testing.T, f func(h *house)) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := &house{t: t, kit: storetest.Kit{T: t, S: st}}
		now := func() time.Time { return time.Now().Add(h.ahead) }
		engine, err := provision.New(t.Context(), st, provision.Config{
			MaxStaleness: 100 * time.Hour, Sources: []store.Source{{Name: "okta", Veto: false}, {Name: "hr", Veto: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		h.engine, h.account = engine, h.kit.Account("okta", "clara")
		h.sync()
		h.manager = session.New(st, engine.Holder(), session.Config{Now: now})
		f(h)
	})
}

func (h *house) sync() {
	h.t.Helper()
	if err := h.engine.Sync(h.t.Context(), 0); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) in() session.SignIn {
	return session.SignIn{Person: access.PersonID(h.account.Person), Account: h.account.ID, Source: "okta", Ceiling: "inherit"}
}

func (h *house) issue() string {
	h.t.Helper()
	handle, _, err := h.manager.Issue(h.t.Context(), h.in())
	if err != nil {
		h.t.Fatal(err)
	}
	return handle
}

func (h *house) want(handle string, why session.Why) {
	h.t.Helper()
	_, err := h.manager.Find(h.t.Context(), handle)
	ended, _ := errors.AsType[*session.EndedError](err)
	switch {
	case why == "" && err != nil:
		h.t.Errorf("got %v, want a session", err)
	case why != "" && (ended == nil || ended.Why != why || !errors.Is(err, session.ErrNone)):
		h.t.Errorf("got %v, want that it ended: %s", err, why)
	}
}

func TestWhatEndsASessionEndsItAtTheNextRequest(t *testing.T) {
	me := func(h *house) access.PersonID { return access.PersonID(h.account.Person) }
	for _, c := range []struct {
		name string
		do   func(h *house)
		why  session.Why
	}{
		{"nothing", func(*house) {}, ""},
		{"an idle hour", func(h *house) { h.ahead = time.Hour + time.Second }, session.Idle},
		{"a deactivated account, before the snapshot knows", func(h *house) {
			h.kit.Do(storetest.EditAccount("okta", h.account.UID, func(a *directory.Account) { a.Active = false }))
		}, session.AccountEnded},
		{"a deactivated account that is activated again", func(h *house) {
			for _, active := range []bool{false, true} {
				h.kit.Do(storetest.EditAccount("okta", h.account.UID, func(a *directory.Account) { a.Active = active }))
			}
		}, session.SignedOut},
		{"a disabled source that is enabled again", func(h *house) {
			for _, disabled := range []bool{true, false} {
				h.kit.Do(&store.PutSource{Source: store.Source{Name: "okta", Disabled: disabled}})
			}
		}, session.SignedOut},
		{"an account that was somebody else's for a while", func(h *house) {
			other := h.kit.Account("okta", "other")
			for _, person := range []access.PersonID{access.PersonID(other.Person), me(h)} {
				h.kit.Do(&store.LinkAccount{Account: h.account.ID, Person: person})
			}
		}, session.SignedOut},
		{"a deleted account", func(h *house) { h.kit.Do(storetest.DeleteAccount("okta", h.account.UID)) }, session.AccountEnded},
		{"a lock", func(h *house) { h.kit.Do(&store.LockPerson{Person: me(h), Locked: true}) }, session.Locked},
		{"a lock that was taken off again", func(h *house) {
			h.kit.Do(&store.LockPerson{Person: me(h), Locked: true})
			h.kit.Do(&store.LockPerson{Person: me(h)})
		}, session.Revoked},
		{"a disabled source", func(h *house) { h.kit.Do(&store.PutSource{Source: store.Source{Name: "okta", Disabled: true}}) }, session.SourceDisabled},
		{"an account that became somebody else's", func(h *house) {
			other := h.kit.Account("okta", "other")
			h.kit.Do(&store.LinkAccount{Account: h.account.ID, Person: access.PersonID(other.Person)})
		}, session.AccountMoved},
		{"a veto of another source", func(h *house) {
			hr := h.kit.Account("hr", "clara")
			h.kit.Do(&store.LinkAccount{Account: hr.ID, Person: me(h)})
			h.kit.Do(storetest.EditAccount("hr", hr.UID, func(a *directory.Account) { a.Active = false }))
			h.sync()
		}, session.Suspended},
		{"sign out everywhere", func(h *house) {
			if n, err := h.engine.RevokeSessions(h.t.Context(), store.By{Actor: "test"}, store.SessionQuery{Person: me(h)}); n != 1 || err != nil {
				h.t.Errorf("ended %d, %v", n, err)
			}
		}, session.SignedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachHouse(t, func(h *house) {
				handle := h.issue()
				h.want(handle, "")
				c.do(h)
				h.want(handle, c.why)
			})
		})
	}
}

func TestASourceWithoutADoorHasNoSessions(t *testing.T) {
	eachHouse(t, func(h *house) {
		handle, open := h.issue(), true
		m := session.New(h.kit.S, h.engine.Holder(), session.Config{Open: func(source string) bool { return open && source == "okta" }})
		if _, err := m.Find(t.Context(), handle); err != nil {
			t.Error(err)
		}
		open = false
		var ended *session.EndedError
		if _, err := m.Find(t.Context(), handle); !errors.As(err, &ended) || ended.Why != session.SourceDisabled {
			t.Errorf("got %v", err)
		}
	})
}

func TestASessionInUseEndsAtItsAbsoluteEnd(t *testing.T) {
	eachHouse(t, func(h *house) {
		handle := h.issue()
		for h.ahead = 0; h.ahead < 12*time.Hour; h.ahead += 50 * time.Minute {
			h.want(handle, "")
		}
		h.ahead = 12*time.Hour + time.Second
		h.want(handle, session.Expired)
	})
}

func TestASessionDoesNotOutliveTheIdentityProviders(t *testing.T) {
	eachHouse(t, func(h *house) {
		in := h.in()
		in.Until = time.Now().Add(10 * time.Minute)
		handle, s, err := h.manager.Issue(t.Context(), in)
		if err != nil || s.Expires.After(in.Until) {
			t.Fatalf("got %+v, %v", s, err)
		}
		h.ahead = 11 * time.Minute
		h.want(handle, session.Expired)
	})
}

func TestAStepUpRotatesTheHandle(t *testing.T) {
	eachHouse(t, func(h *house) {
		in := h.in()
		in.Ceiling = "view"
		old, weak, err := h.manager.Issue(t.Context(), in)
		if err != nil || weak.Limit.String() != "view" {
			t.Fatalf("got %+v, %v", weak, err)
		}
		h.ahead = 30 * time.Minute
		next, err := h.manager.StepUp(t.Context(), old, h.in())
		if err != nil {
			t.Fatal(err)
		}
		h.want(next, "")
		if _, err := h.manager.Find(t.Context(), old); !errors.Is(err, session.ErrNone) {
			t.Errorf("the old handle: %v", err)
		}
		strong, err := h.manager.Find(t.Context(), next)
		if err != nil || strong.ID != weak.ID || !strong.Expires.Equal(weak.Expires) || strong.Limit.String() != "inherit" {
			t.Errorf("got %+v, %v; want the session %+v without its limit", strong, err, weak)
		}
		if _, err := h.manager.StepUp(t.Context(), old, h.in()); !errors.Is(err, session.ErrNone) {
			t.Errorf("the old handle was raised again: %v", err)
		}
		other := h.in()
		other.Account++
		if _, err := h.manager.StepUp(t.Context(), next, other); !errors.Is(err, session.ErrNone) {
			t.Errorf("another account raised it: %v", err)
		}
		h.ahead = 13 * time.Hour
		if _, err := h.manager.StepUp(t.Context(), next, h.in()); !errors.Is(err, session.ErrNone) {
			t.Errorf("a session past its end was raised: %v", err)
		}
	})
}

func TestWhoIsLockedGetsNoSession(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.kit.Do(&store.LockPerson{Person: access.PersonID(h.account.Person), Locked: true})
		if handle, _, err := h.manager.Issue(t.Context(), h.in()); handle != "" || !errors.Is(err, session.ErrNone) {
			t.Errorf("got %q, %v", handle, err)
		}
	})
}

func TestCookiesAreBoundToTheHost(t *testing.T) {
	for _, c := range []struct {
		loopback bool
		want     string
	}{
		{false, "__Host-grantbridge=x; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{true, "grantbridge-loopback=x; Path=/; HttpOnly; SameSite=Lax"},
	} {
		w := httptest.NewRecorder()
		m := session.New(nil, nil, session.Config{Loopback: c.loopback})
		m.SetCookie(w, "x")
		if got := w.Header().Get("Set-Cookie"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", strings.Repeat(strings.SplitAfter(c.want, ";")[0], 2))
		if got := m.Handle(r); got != "" {
			t.Errorf("two cookies of one name gave %q", got)
		}
	}
}

func TestATokenVerifiesWithThePublishedKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		now := time.Now()
		one := session.NewSigner(st, func() time.Time { return now })
		two := session.NewSigner(st, func() time.Time { return now }) // another replica
		verify(t, two, sign(t, one))
		before := sign(t, one)
		now = now.Add(25 * time.Hour)
		after := sign(t, one)
		if strings.Split(before, ".")[0] == strings.Split(after, ".")[0] {
			t.Error("the key was not rotated after a day")
		}
		verify(t, two, before) // the old key is kept for those who verify late
		verify(t, two, after)
	})
}

func sign(t *testing.T, s *session.Signer) string {
	t.Helper()
	token, err := s.Sign(context.Background(), session.Claims{Subject: "p1", Session: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verify(t *testing.T, s *session.Signer, token string) {
	t.Helper()
	text, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid, X, Y string } }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	decode := func(s string) []byte { b, _ := base64.RawURLEncoding.DecodeString(s); return b }
	parts := strings.Split(token, ".")
	var head struct{ Kid string }
	var claims session.Claims
	if err := errors.Join(json.Unmarshal(decode(parts[0]), &head), json.Unmarshal(decode(parts[1]), &claims)); err != nil {
		t.Fatal(err)
	}
	if claims.Expires-claims.Issued > 60 {
		t.Errorf("the token lives for %d s", claims.Expires-claims.Issued)
	}
	for _, k := range set.Keys {
		if k.Kid != head.Kid {
			continue
		}
		point := append(append([]byte{4}, decode(k.X)...), decode(k.Y)...)
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		sum, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(parts[2])
		r, v := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		if !ecdsa.Verify(key, sum[:], r, v) {
			t.Error("the signature does not verify")
		}
		return
	}
	t.Errorf("no key %s among %s", head.Kid, text)
}
