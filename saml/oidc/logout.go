package oidc

import (
	"context"
	"time"

	oidclib "github.com/coreos/go-oidc/v3/oidc"

	"grantbridge/saml/signin"
)

// LogoutURL is where the browser ends the provider's session (OpenID Connect
// RP-Initiated Logout 1.0), or "" when the provider has no such place.
func (p *Provider) LogoutURL(s SessionRef, state string) string {
	m := p.current()
	if m == nil || m.EndSession == "" {
		return ""
	}
	u, err := endpoint("end_session_endpoint", m.EndSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.c.ClientID)
	q.Set("post_logout_redirect_uri", p.c.LoggedOut)
	q.Set("state", state)
	if s.Hint != "" {
		q.Set("id_token_hint", s.Hint)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Logout is a verified order of the provider to end sessions: of a subject, of
// one session, or of one that is both.
type Logout struct {
	Subject, Session string
	// Ticket is to be spent in the transaction that ends the sessions, and may be
	// forgotten after Until: an order that failed can be sent again, one that was
	// carried out cannot.
	Ticket string
	Until  time.Time
}

// Ends reports whether it is about a session.
func (l Logout) Ends(s SessionRef) bool {
	return (l.Session == "" || l.Session == s.ID) && (l.Subject == "" || l.Subject == s.Subject) && l.Subject+l.Session != ""
}

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// logoutAge is how old a logout token may be (Back-Channel Logout 1.0 section
	// 2.4 recommends an end within two minutes).
	logoutAge = 5 * time.Minute
)

// JudgeLogout judges a logout token (OpenID Connect Back-Channel Logout 1.0
// section 2.6). Its caller spends the Ticket.
func (p *Provider) JudgeLogout(ctx context.Context, token string, now time.Time) (out Logout, no *signin.Rejection) {
	defer fence(&no, func() { out = Logout{} })
	if p.known(ctx) == nil {
		return out, p.notReady()
	}
	if token == "" {
		return out, Refuse(LogoutMissing, "a logout_token", "none")
	}
	payload, set, _, no := p.signature(ctx, token, triesOfLogout)
	if no != nil {
		return out, no
	}
	c, no := readClaims(payload)
	if no != nil {
		return out, no
	}
	if out, no = p.logout(c, now); no != nil {
		return Logout{}, no
	}
	v := oidclib.NewVerifier(p.c.Issuer, set, &oidclib.Config{ClientID: p.c.ClientID, SupportedSigningAlgs: algorithms,
		Now: func() time.Time { return now.Add(-p.c.Skew) }})
	if _, err := v.VerifyLogout(ctx, token); err != nil {
		return Logout{}, caused(Refuse(SecondOpinion, "the library's yes", "its no"), err)
	}
	return out, nil
}

// logout reads what a logout token orders.
func (p *Provider) logout(c claims, now time.Time) (out Logout, no *signin.Rejection) {
	if no := p.forUs(c); no != nil {
		return out, no
	}
	if no := p.inTime(c, now); no != nil {
		return out, no
	}
	if no := p.after(c, now.Add(-logoutAge)); no != nil {
		return out, no
	}
	events, _ := c["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return out, Refuse(LogoutEvent, "the event "+logoutEvent, "none")
	}
	if _, has := c["nonce"]; has {
		return out, Refuse(LogoutNonce, "no nonce", "one")
	}
	texts := map[string]string{}
	for _, name := range []string{"jti", "sub", "sid"} {
		if texts[name], no = c.text(name); no != nil {
			return out, no
		}
	}
	switch {
	case texts["sub"]+texts["sid"] == "":
		return out, Refuse(LogoutWho, "sub or sid", "neither")
	case texts["jti"] == "" || tooStrange(texts["jti"]):
		return out, Refuse(LogoutID, "jti", "none, or a strange one")
	}
	return Logout{Subject: texts["sub"], Session: texts["sid"],
		Ticket: p.mark("logout", texts["jti"]), Until: now.Add(logoutAge + 2*p.c.Skew)}, nil
}
