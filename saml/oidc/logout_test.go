package oidc_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/saml/signin"
)

func TestLogoutTokensAreJudged(t *testing.T) {
	with := func(name string, v any) func(map[string]any) {
		return func(c map[string]any) {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
	}
	sign := func(l *lab, c map[string]any) string { return l.them.Keys[0].Sign(c, nil) }
	for _, v := range []struct {
		name string
		edit func(map[string]any)
		sign func(*lab, map[string]any) string
		want signin.Reason
	}{
		{"an honest one", func(map[string]any) {}, sign, ""},
		{"of a session alone", with("sub", nil), sign, ""},
		{"of a subject alone", with("sid", nil), sign, ""},
		{"nothing", func(map[string]any) {}, func(*lab, map[string]any) string { return "" }, oidc.LogoutMissing},
		{"an ID token in its place", func(map[string]any) {}, func(l *lab, _ map[string]any) string { return sign(l, l.them.IDToken("n", "a")) }, oidc.LogoutEvent},
		{"a nonce", with("nonce", "n"), sign, oidc.LogoutNonce},
		{"a nonce that is null", func(c map[string]any) { c["nonce"] = nil }, sign, oidc.LogoutNonce},
		{"no event", with("events", nil), sign, oidc.LogoutEvent},
		{"another event", with("events", map[string]any{"https://schemas.openid.net/secevent/risc/event-type/account-disabled": map[string]any{}}), sign, oidc.LogoutEvent},
		{"an event that is no object", with("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": true}), sign, oidc.LogoutEvent},
		{"nobody", func(c map[string]any) { delete(c, "sub"); delete(c, "sid") }, sign, oidc.LogoutWho},
		{"no jti", with("jti", nil), sign, oidc.LogoutID},
		{"a jti of 300 characters", with("jti", strings.Repeat("j", 300)), sign, oidc.LogoutID},
		{"another issuer", with("iss", "https://evil.example"), sign, oidc.IssuerWrong},
		{"another audience", with("aud", "other"), sign, oidc.AudienceWrong},
		{"no end", with("exp", nil), sign, oidc.ClaimsMalformed},
		{"an end that is over", with("exp", time.Now().Add(-2*time.Minute).Unix()), sign, oidc.TokenExpired},
		{"issued an hour ago", with("iat", time.Now().Add(-time.Hour).Unix()), sign, oidc.TokenOld},
		{"alg none", func(map[string]any) {}, func(_ *lab, c map[string]any) string { return oidctest.None(c) }, oidc.TokenAlgorithm},
		{"an attacker's key", func(map[string]any) {}, func(_ *lab, c map[string]any) string {
			return oidctest.NewKey("evil", "RS256").Sign(c, map[string]any{"kid": "k1"})
		}, oidc.SignatureWrong},
	} {
		t.Run(v.name, func(t *testing.T) {
			l := newLab(t)
			l.build()
			c := l.them.LogoutToken("ext-clara", "session-1")
			v.edit(c)
			token := v.sign(l, c)
			order, no := l.us.JudgeLogout(t.Context(), token, l.now)
			switch {
			case no == nil && v.want != "", no != nil && no.Reason != v.want:
				t.Fatalf("got %v, want %q", no, v.want)
			case no != nil && order != (oidc.Logout{}):
				t.Errorf("a refused token orders %+v", order)
			case no != nil:
				return
			}
			if !order.Ends(oidc.SessionRef{Subject: "ext-clara", ID: "session-1"}) || order.Ends(oidc.SessionRef{Subject: "ext-other", ID: "session-2"}) {
				t.Errorf("it orders %+v", order)
			}
			if again, _ := l.us.JudgeLogout(t.Context(), token, l.now.Add(time.Second)); again.Ticket != order.Ticket || len(order.Ticket) > 80 || order.Until.Before(l.now.Add(5*time.Minute)) {
				t.Errorf("its ticket is %q until %s, and %q a second later", order.Ticket, order.Until, again.Ticket)
			}
			if other, _ := l.us.JudgeLogout(t.Context(), sign(l, l.them.LogoutToken("ext-clara", "")), l.now); other.Ticket == "" || other.Ticket == order.Ticket {
				t.Errorf("another token's ticket is %q", other.Ticket)
			}
		})
	}
}

func TestALogoutEndsSignInsUnderWay(t *testing.T) {
	l := newLab(t)
	l.build()
	mine := oidc.SessionRef{Subject: "a", ID: "1"}
	for _, c := range []struct {
		name  string
		order oidc.Logout
		ref   oidc.SessionRef
		began time.Duration // after the order came
		want  bool
	}{
		{"of the subject, begun before", oidc.Logout{Subject: "a"}, mine, -time.Hour, true},
		{"of the subject, begun after", oidc.Logout{Subject: "a"}, mine, time.Second, false},
		{"of another subject", oidc.Logout{Subject: "b"}, mine, -time.Second, false},
		{"of the session, begun before", oidc.Logout{Session: "1"}, mine, -time.Second, true},
		{"of the session, which comes back", oidc.Logout{Session: "1"}, mine, time.Hour, true},
		{"of both, which come back", oidc.Logout{Subject: "a", Session: "1"}, mine, time.Hour, true},
		{"of another session of the subject", oidc.Logout{Subject: "a", Session: "2"}, mine, -time.Second, false},
		{"of that session of another subject", oidc.Logout{Subject: "b", Session: "1"}, mine, -time.Second, false},
		{"of a session, when none was named", oidc.Logout{Subject: "a", Session: "1"}, oidc.SessionRef{Subject: "a"}, -time.Second, false},
	} {
		mark, kept := l.us.SignsOut(c.order, l.now)
		marks, until := l.us.SignedOutBy(c.ref, l.now.Add(c.began))
		if got := slices.Contains(marks, mark) && !kept.Before(until); got != c.want || len(mark) > 80 {
			t.Errorf("%s: got %v, by %q", c.name, got, mark)
		}
	}
}

func TestALogoutEndsWhatItNames(t *testing.T) {
	mine := oidc.SessionRef{Subject: "a", ID: "1"}
	for _, c := range []struct {
		name  string
		order oidc.Logout
		ref   oidc.SessionRef
		want  bool
	}{
		{"the subject", oidc.Logout{Subject: "a"}, mine, true},
		{"the session", oidc.Logout{Session: "1"}, mine, true},
		{"both", oidc.Logout{Subject: "a", Session: "1"}, mine, true},
		{"another session of the subject", oidc.Logout{Subject: "a", Session: "2"}, mine, false},
		{"another subject", oidc.Logout{Subject: "b"}, mine, false},
		{"the subject in other letter case", oidc.Logout{Subject: "A"}, mine, false},
		{"nothing", oidc.Logout{}, mine, false},
		{"nothing, and a session without anything", oidc.Logout{}, oidc.SessionRef{}, false},
	} {
		if got := c.order.Ends(c.ref); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestWhereTheBrowserSignsOut(t *testing.T) {
	l := newLab(t)
	id, no := l.signIn()
	if no != nil {
		t.Fatal(no)
	}
	u, err := url.Parse(l.us.LogoutURL(id.Session, "s"))
	if err != nil || !strings.HasPrefix(u.String(), l.them.URL+"/logout?") {
		t.Fatalf("got %s, %v", u, err)
	}
	q := u.Query()
	if q.Get("id_token_hint") == "" || q.Get("post_logout_redirect_uri") != l.c.LoggedOut || q.Get("client_id") != oidctest.ClientID || q.Get("state") != "s" {
		t.Errorf("got %v", q)
	}
	l.them.Discovery = func(d map[string]any) { delete(d, "end_session_endpoint") }
	if err := l.us.Discover(t.Context()); err != nil || l.us.LogoutURL(id.Session, "s") != "" {
		t.Errorf("a provider without one: %v", err)
	}
}
