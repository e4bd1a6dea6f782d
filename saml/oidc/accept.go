package oidc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/saml/signin"
)

// Accept judges an answer: it redeems the code and verifies what comes. The
// caller has spent the request before, so that one answer is redeemed once over
// all replicas, and browser is the secret of the cookie that came with it. The
// answer of an error is a rejection, too. Exactly one of the results is nil.
func (p *Provider) Accept(ctx context.Context, a Answer, r Request, browser string, now time.Time) (id *Identity, no *signin.Rejection) {
	defer fence(&no, func() { id = nil })
	m := p.known(ctx)
	if m == nil {
		return nil, p.notReady()
	}
	if no := p.judge(a, r, m, now); no != nil {
		return nil, no
	}
	s := secrets{browser, a.State}
	t, no := p.exchange(ctx, m, a.Code, s.verifier())
	if no != nil {
		return nil, no
	}
	c, h, no := p.verified(ctx, t, s.nonce(), r, now)
	if no != nil {
		return nil, no
	}
	if no := p.conditions(c, r, now); no != nil {
		return nil, no
	}
	if p.c.UserInfo {
		if no := p.complete(ctx, m, c, t.Access); no != nil {
			return nil, no
		}
	}
	if id, no = p.identity(c); no != nil {
		return nil, no
	}
	id.Key = h.Alg + " " + h.Kid
	id.Session.Hint = hint(t.ID)
	return id, nil
}

// conditions checks when and how the person signed in at the provider, as far as
// that was asked for: asking alone proves nothing.
func (p *Provider) conditions(c claims, r Request, now time.Time) *signin.Rejection {
	at, no := c.time("auth_time")
	if no != nil {
		return no
	}
	acr, no := c.text("acr")
	if no != nil {
		return no
	}
	if no := stepped(c, acr, r); no != nil {
		return no
	}
	switch {
	case (r.ForceAuthn || r.MaxAuthnAge > 0) && at.IsZero():
		return Refuse(AuthTimeMissing, "auth_time", "none")
	case r.ForceAuthn && at.Before(r.IssuedAt.Add(-p.c.Skew)):
		return Refuse(AuthTimeOld, "a sign-in after "+r.IssuedAt.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	case r.MaxAuthnAge > 0 && now.Sub(at) > r.MaxAuthnAge+p.c.Skew:
		return Refuse(AuthTimeOld, "a sign-in within "+r.MaxAuthnAge.String(), at.UTC().Format(time.RFC3339))
	case at.After(now.Add(p.c.Skew)):
		return Refuse(TokenFuture, "a sign-in before "+now.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	case len(r.AuthnContext) == 0 || slices.Contains(r.AuthnContext, acr), slices.Contains(r.Strong, acr):
		return nil
	case acr == "":
		return Refuse(ContextMissing, "one of "+strings.Join(r.AuthnContext, ", "), "none")
	}
	return Refuse(ContextWeak, "one of "+strings.Join(r.AuthnContext, ", "), acr)
}

// stepped checks that a sign-in which was to be a strong one is: by its context or
// by one of its methods (RFC 8176). acr_values is a wish that a provider may
// ignore, and a browser that is signed in there comes back as weak as before.
func stepped(c claims, acr string, r Request) *signin.Rejection {
	methods, no := c.texts("amr")
	if no != nil || len(r.Strong) == 0 {
		return no
	}
	came := append([]string{acr}, methods...)
	if slices.ContainsFunc(came, func(x string) bool { return slices.Contains(r.Strong, x) }) {
		return nil
	}
	return Refuse(StepUpWeak, "acr or amr "+strings.Join(r.Strong, " or "), strings.TrimSpace("acr "+acr+", amr "+strings.Join(methods, " ")))
}

// fence turns a panic of a library into a rejection.
func fence(no **signin.Rejection, clear func()) {
	if v := recover(); v != nil {
		clear()
		*no = caused(Refuse(InternalError, "a judgement", "a defect"), fmt.Errorf("panic: %v", v))
	}
}
