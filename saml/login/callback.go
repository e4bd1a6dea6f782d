package login

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// ask sends the browser to an OpenID provider. The state is the handle that the
// login is kept under; what else binds it is made of the browser's secret.
func (d *Door) ask(w http.ResponseWriter, r *http.Request, t *Trace, s Source, p pending) error {
	now, waits := d.c.Now(), s.OIDC.LoginTTL()+late
	state, browser := session.NewHandle(), d.c.Sessions.Browser(w, r, waits)
	to, request, no := s.OIDC.Login(r.Context(), state, browser, p.contexts(s), now)
	if no != nil {
		return d.refuse(w, r, t, no)
	}
	p.Trace, p.OIDC = t.ID, request
	err := d.wait(r.Context(), store.Login{Digest: store.Digest(state), Source: t.Source, Browser: store.Digest(browser), Expires: now.Add(waits)}, p)
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// callback takes an OpenID provider's answer. It comes with the browser's own GET,
// so the cookie tells at once whether that is the browser that began: for another
// one nothing is redeemed.
func (d *Door) callback(w http.ResponseWriter, r *http.Request) error {
	name, s, err := d.source(r)
	if err != nil {
		return err
	}
	if err := d.admit(r, name); err != nil {
		return err
	}
	answer, no := oidc.ReadAnswer(r.URL.RawQuery)
	if no != nil {
		return d.refuse(w, r, d.trace(name), no)
	}
	l, asked, err := d.asked(r.Context(), name, answer.State)
	if err != nil {
		return err
	}
	if l == nil {
		return d.notAsked(w, r, name)
	}
	t := d.trace(name)
	t.ID, t.Test = asked.Trace, asked.Test
	off, err := d.disabled(r.Context(), name)
	if err != nil {
		return err
	}
	browser := d.c.Sessions.BrowserOf(r)
	switch {
	case off:
		return d.refuse(w, r, t, refusal(sourceDisabled, "the source switched on", "switched off"))
	case browser == "" || string(store.Digest(browser)) != string(l.Browser):
		return d.refuse(w, r, t, refusal(wrongBrowser, "the browser that began", "another one"))
	}
	if no := d.spend(r.Context(), l); no != nil {
		return d.refuse(w, r, t, no)
	}
	who, no := s.OIDC.Accept(r.Context(), answer, asked.OIDC, browser, d.c.Now())
	if no != nil {
		return d.refuse(w, r, t, no)
	}
	return d.park(w, r, ofOIDC(t, who), l)
}

// asked finds the source's login that waits under a state.
func (d *Door) asked(ctx context.Context, source, state string) (*store.Login, pending, error) {
	var p pending
	var l store.Login
	err := d.engine.Store().Read(ctx, func(v *store.View) (err error) {
		l, err = v.Login(ctx, store.Digest(state), d.c.Now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && l.Source != source {
		return nil, p, nil
	}
	if err == nil {
		err = json.Unmarshal(l.Body, &p)
	}
	if err != nil || p.Logout {
		return nil, p, err
	}
	return &l, p, nil
}

// notAsked tells a second click from an answer that nobody asked for.
func (d *Door) notAsked(w http.ResponseWriter, r *http.Request, source string) error {
	if _, err := d.c.Sessions.Of(r); err == nil {
		http.Redirect(w, r, "/me", http.StatusSeeOther)
		return nil
	}
	return d.refuse(w, r, d.trace(source), oidc.Refuse(oidc.StateUnknown, "a state that waits for this source", "another one"))
}

// spend lets one answer be redeemed once, on all replicas.
func (d *Door) spend(ctx context.Context, l *store.Login) *signin.Rejection {
	spent, err := d.engine.Store().Spend(ctx, []string{"oidc state " + hex.EncodeToString(l.Digest)}, l.Expires, d.c.Now())
	switch {
	case err != nil:
		no := refusal(saml.StoreUnavailable, "a proof of first use", "none")
		no.Cause = err
		return no
	case spent >= 0:
		return oidc.Refuse(oidc.StateSpent, "a first answer", "another one")
	}
	return nil
}

// ofOIDC is what an ID token says.
func ofOIDC(t *Trace, who *oidc.Identity) parked {
	return parked{Trace: t, Identity: &who.Identity, NameKey: subjectNameKey(who.Session.Subject), Auth: auth{OIDC: who.Session}}
}

// subjectNameKey finds the sessions of a sub.
func subjectNameKey(sub string) string { return hex.EncodeToString(store.Digest("oidc sub " + sub)) }
