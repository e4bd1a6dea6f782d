package login

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"grantbridge/internal/handler"
	"grantbridge/internal/session"
	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
	"grantbridge/store"
)

// askProvider lets an OpenID provider end its session too, when it can. Ours is
// over before.
func (d *Door) askProvider(w http.ResponseWriter, r *http.Request, s Source, a auth) error {
	to := s.OIDC.LogoutURL(a.OIDC, session.NewHandle())
	if to == "" {
		return d.signedOut(w, d.label(s.OIDC.Source()))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// signedOutThere is where the provider sends the browser after a logout. It
// changes nothing, so nothing is asked of who comes.
func (d *Door) signedOutThere(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := d.source(r); err != nil {
		return err
	}
	return d.signedOut(w, "")
}

// clientKeys are what an OpenID provider knows us by, for sources with a key.
func (d *Door) clientKeys(w http.ResponseWriter, r *http.Request) error {
	name, s, err := d.source(r)
	if err != nil {
		return err
	}
	set := s.OIDC.ClientKeys()
	if set == nil {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "source " + name + " has no client_key_file"}
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(set)
	return nil
}

const maxLogoutForm = 256 << 10

// backchannel takes a logout token from the provider itself (OpenID Connect
// Back-Channel Logout 1.0 section 2.8): 200, or 400 with what is wrong.
func (d *Door) backchannel(w http.ResponseWriter, r *http.Request) error {
	name, s, err := d.source(r)
	if err != nil {
		return err
	}
	if err := d.admit(r, name); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxLogoutForm)
	if err := r.ParseForm(); err != nil {
		return d.notLoggedOut(r, name, oidc.Refuse(oidc.LogoutMissing, "a form", "one that cannot be read"))
	}
	order, no := s.OIDC.JudgeLogout(r.Context(), r.PostForm.Get("logout_token"), d.c.Now())
	if no != nil {
		return d.notLoggedOut(r, name, no)
	}
	if no, err := d.endOrdered(r, name, s, order); err != nil {
		return err
	} else if no != nil {
		return d.notLoggedOut(r, name, no)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// notItsFault are reasons that say nothing of the token.
var notItsFault = []signin.Reason{oidc.KeysUnreachable, oidc.ProviderNotReady, oidc.InternalError}

// notLoggedOut keeps why for the administrator, and tells the provider.
func (d *Door) notLoggedOut(r *http.Request, source string, no *signin.Rejection) error {
	t := d.trace(source)
	t.Want, t.Got, t.Fix, t.Says = no.Want, no.Got, no.Fix, no.Says
	if err := d.keep(r.Context(), t, "logout", no.Reason); err != nil {
		return err
	}
	if slices.Contains(notItsFault, no.Reason) {
		return &handler.Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: time.Minute,
			Detail: "the logout token cannot be judged now; send it again: " + t.ID, Cause: no.Cause}
	}
	return &handler.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: "the logout token is refused: " + string(no.Reason) + "; " + t.ID, Cause: no.Cause}
}

// endOrdered ends the sessions that a verified logout token is about: of this
// source and this subject, this session of the provider's, or both. The mark comes
// first, as in endNamed, and the token is spent with the sessions' end.
func (d *Door) endOrdered(r *http.Request, source string, s Source, order oidc.Logout) (*signin.Rejection, error) {
	ctx, t, st, now := r.Context(), d.trace(source), d.engine.Store(), d.c.Now()
	again := false
	err := st.Read(ctx, func(v *store.View) (err error) {
		again, err = v.Marked(ctx, []string{order.Ticket}, now)
		return err
	})
	if err != nil || again { // which must not set the mark anew
		return oidc.Refuse(oidc.LogoutReplayed, "a first use", "another one"), err
	}
	mark, until := s.OIDC.SignsOut(order, now)
	if err := st.Mark(ctx, []string{mark}, until); err != nil {
		return nil, err
	}
	var named []store.Session
	err = st.Read(ctx, func(v *store.View) (err error) {
		if order.Subject != "" {
			named, err = v.SessionsNamed(ctx, source, subjectNameKey(order.Subject))
		} else {
			named, err = v.SessionsOfSource(ctx, source)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	named = slices.DeleteFunc(named, func(s store.Session) bool {
		var a auth
		return json.Unmarshal(s.Auth, &a) != nil || !order.Ends(a.OIDC)
	})
	ended, first, err := d.endOnce(ctx, d.byProvider(r, source, t), order.Ticket, order.Until, named)
	if err != nil {
		return nil, err
	}
	if !first {
		return oidc.Refuse(oidc.LogoutReplayed, "a first use", "another one"), nil
	}
	return nil, d.keepLogout(ctx, t, named, ended)
}
