package login_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"grantbridge/saml/oidc"
	"grantbridge/store/storetest"
)

func TestSigningOutLeadsToTheProvider(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		b := h.browser()
		h.signsIn(b)
		p := b.read(b.c.PostForm(h.us.URL+"/logout", nil))
		if p.url.Path != "/oidc/okta/signed-out" || !strings.Contains(p.text, `id="out"`) || h.op.Requests["/logout"] != 1 || b.in() {
			t.Errorf("got %s: %s", p.url, p.text)
		}
	})
}

func TestTheProviderEndsSessions(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		send := func(token string) int { status, _ := h.send(h.us.URL, token); return status }
		b := h.browser()
		h.signsIn(b)
		for _, wrong := range []string{"", "x", h.order("ext-other", ""), h.order("ext-clara", "session-2"), h.order("", "session-2")} {
			if send(wrong); !b.in() {
				t.Fatal("another's logout ends a session")
			}
		}
		for name, order := range map[string]func() string{
			"sub": func() string { return h.order("ext-clara", "") }, "sid": func() string { return h.order("", h.op.Session) },
			"both": func() string { return h.order("ext-clara", h.op.Session) },
		} {
			h.signsIn(b)
			token := order()
			if got := send(token); got != http.StatusOK || b.in() {
				t.Errorf("by %s: status %d, signed in: %v", name, got, b.in())
			}
			h.op.Session += "x"
			h.signsIn(b)
			if got := send(token); got != http.StatusBadRequest || !b.in() {
				t.Errorf("by %s again: status %d, signed in: %v", name, got, b.in())
			}
		}
	})
}

// send posts a logout token as the provider does, to one of the two servers.
func (h *harbour) send(server, token string) (status int, text string) {
	h.t.Helper()
	r, err := http.PostForm(server+"/oidc/okta/backchannel-logout", url.Values{"logout_token": {token}})
	h.must(err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	h.must(err)
	if r.Header.Get("Cache-Control") != "no-store" {
		h.t.Errorf("Cache-Control is %q", r.Header.Get("Cache-Control"))
	}
	return r.StatusCode, string(body)
}

func (h *harbour) order(sub, sid string) string {
	h.op.Lock()
	defer h.op.Unlock()
	return h.op.Keys[0].Sign(h.op.LogoutToken(sub, sid), nil)
}

func TestALogoutTokenThatOvertakesASignInHolds(t *testing.T) {
	for _, c := range []struct{ name, sub, sid string }{
		{"of the subject", "ext-clara", ""}, {"of the session", "", "session-1"}, {"of both", "ext-clara", "session-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachHarbour(t, nil, func(h *harbour) {
				h.clara()
				asked, parked := h.browser(), h.browser()
				to := asked.answer("okta") // signed in there, the code not redeemed
				finish := parked.hop(parked.answer("okta")).Header.Get("Location")
				if !strings.HasPrefix(finish, "/finish?") {
					t.Fatalf("nothing is parked: %q", finish)
				}
				if status, text := h.send(h.replica.URL, h.order(c.sub, c.sid)); status != http.StatusOK {
					t.Fatalf("the logout token: %d %s", status, text)
				}
				h.refused(asked.get(to), "signed_out_meanwhile")
				h.refused(parked.get(finish), "signed_out_meanwhile")
				if asked.in() || parked.in() {
					t.Error("somebody is signed in by an answer from before the logout")
				}
				// A sign-in after it is another one; at the provider it has another sid.
				b := h.browser()
				if c.sid != "" {
					h.refused(b.get("/oidc/okta/login"), "signed_out_meanwhile")
					h.op.Session = "session-2"
				}
				h.signsIn(b)
			})
		})
	}
}

func TestALogoutTokenThatOvertakesAStepUpEndsTheSession(t *testing.T) {
	oneHarbour(t, func(h *harbour) { h.source.Strong, h.source.Ceiling = []string{"mfa"}, "view" }, func(h *harbour) {
		h.clara()
		b := h.browser()
		h.signsIn(b)
		h.op.Claims = func(c map[string]any) { c["amr"] = []string{"mfa"} }
		finish := b.hop(b.answerTo("/oidc/okta/login?step_up=1")).Header.Get("Location")
		h.send(h.us.URL, h.order("ext-clara", ""))
		h.refused(b.get(finish), "signed_out_meanwhile")
		if b.in() {
			t.Error("a step-up brings a session back")
		}
	})
}

func TestALogoutAmongSignInsLeavesNoSession(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		for round := range 5 {
			var browsers []*browser
			var finish []string
			for range 8 {
				b := h.browser()
				browsers, finish = append(browsers, b), append(finish, b.hop(b.answer("okta")).Header.Get("Location"))
			}
			token := h.order("ext-clara", "")
			var wg sync.WaitGroup
			for i, b := range browsers {
				wg.Go(func() { _, _ = b.c.Get(h.us.URL + finish[i]) })
				if i == len(browsers)/2 {
					wg.Go(func() { h.send(h.replica.URL, token) })
				}
			}
			wg.Wait()
			for i, b := range browsers {
				if b.in() {
					t.Errorf("round %d: browser %d is signed in after the logout", round, i)
				}
			}
		}
	})
}

func TestALogoutTokenThatCouldNotBeCarriedOutMayComeAgain(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		h.clara()
		b := h.browser()
		h.signsIn(b)
		token := h.order("ext-clara", "session-1")
		db := storetest.Raw(t, h.dsn)
		storetest.Exec(t, db, "ALTER TABLE sessions RENAME TO away")
		status, text := h.send(h.us.URL, token)
		storetest.Exec(t, db, "ALTER TABLE away RENAME TO sessions")
		if status < 500 || !b.in() {
			t.Fatalf("got %d %s, and the session lives: %v", status, text, b.in())
		}
		if status, text := h.send(h.replica.URL, token); status != http.StatusOK || b.in() {
			t.Errorf("the second time: %d %s", status, text)
		}
		if status, text := h.send(h.us.URL, token); status != http.StatusBadRequest || !strings.Contains(text, string(oidc.LogoutReplayed)) {
			t.Errorf("the third time: %d %s", status, text)
		}
	})
}

func TestALogoutTokenThatComesAgainStopsNobody(t *testing.T) {
	oneHarbour(t, nil, func(h *harbour) {
		h.clara()
		token := h.order("ext-clara", "")
		h.send(h.us.URL, token)
		b := h.browser()
		to := b.answer("okta")
		h.ahead = time.Second
		h.send(h.us.URL, token)
		if p := b.get(to); p.url.Path != "/me" {
			t.Errorf("a replayed logout token stops a sign-in: %s", p.text)
		}
	})
}
