package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/store"
)

// askLogout asks before it signs out: a link on another site must not.
func (d *Door) askLogout(w http.ResponseWriter, r *http.Request) error {
	return d.page(w, http.StatusOK, "logout", "Sign out", nil)
}

// logout ends our session first, whatever the identity provider does then.
func (d *Door) logout(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	s, err := d.c.Sessions.Of(r)
	d.c.Sessions.ClearCookie(w)
	if errors.Is(err, session.ErrNone) {
		return d.signedOut(w, "")
	}
	if err != nil {
		return err
	}
	if r.PostFormValue("everywhere") != "" {
		_, err = d.c.Sessions.EndPerson(r.Context(), "signed out everywhere", s.Person)
	} else {
		_, err = d.c.Sessions.End(r.Context(), "signed out", s.ID)
	}
	if err != nil {
		return err
	}
	return d.askIdP(w, r, s)
}

// askIdP lets the identity provider end its session too, when it can.
func (d *Door) askIdP(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	var a auth
	src, ok := d.c.Sources[s.Source]
	if !ok || json.Unmarshal(s.Auth, &a) != nil || a.Password {
		return d.signedOut(w, "")
	}
	relay, now := session.NewHandle(), d.c.Now()
	message, request, err := src.Provider.LogoutRequest(a.Ref, relay, now)
	if err != nil {
		// No endpoint, or no key to sign with: ours is over all the same.
		return d.signedOut(w, d.label(s.Source))
	}
	body, err := json.Marshal(pending{Trace: newID(), Request: request, Logout: true})
	if err == nil {
		err = d.engine.Store().PutLogin(r.Context(), store.Login{Digest: store.Digest(relay), Source: s.Source, Request: request.ID,
			Browser: store.Digest(relay), Body: body, Expires: now.Add(waits)})
	}
	if err != nil {
		return err
	}
	return d.post(w, r, message, "Sign out")
}

// signedOut says so; still names the identity provider where a session may
// go on.
func (d *Door) signedOut(w http.ResponseWriter, still string) error {
	return d.page(w, http.StatusOK, "signedout", "Signed out", still)
}

// slo takes logout messages of the identity provider, both bindings.
func (d *Door) slo(w http.ResponseWriter, r *http.Request) error {
	name, s, err := d.source(r)
	if err != nil {
		return err
	}
	if err := d.admit(r, name); err != nil {
		return err
	}
	in := saml.Incoming{Binding: saml.Redirect, RawQuery: r.URL.RawQuery}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return d.refuse(w, r, d.trace(name), refusal(saml.InputTooLarge, "a form", "one that cannot be read"))
		}
		in = saml.Incoming{Binding: saml.POST, Form: r.PostForm}
	}
	kind, no := in.Kind()
	if no != nil {
		return d.refuse(w, r, d.trace(name), no)
	}
	if kind == "SAMLResponse" {
		return d.sloAnswer(w, r, name, s, in)
	}
	asked, no := s.Provider.AcceptLogoutRequest(r.Context(), in, d.engine.Store(), d.c.Now())
	if no != nil {
		return d.refuse(w, r, d.trace(name), no)
	}
	if err := d.endNamed(r.Context(), name, asked); err != nil {
		return err
	}
	answer, err := s.Provider.LogoutResponse(asked, saml.LogoutDone, d.c.Now())
	if err != nil {
		return d.signedOut(w, "")
	}
	return d.post(w, r, answer, "Sign out")
}

// endNamed ends the sessions that a verified logout request is about: of this
// source, this NameID and, when it names some, these session indexes.
func (d *Door) endNamed(ctx context.Context, source string, asked *saml.Logout) error {
	var ids []string
	err := d.engine.Store().Read(ctx, func(v *store.View) error {
		all, err := v.SessionsNamed(ctx, source, nameKey(asked.NameID))
		for _, s := range all {
			var a auth
			if json.Unmarshal(s.Auth, &a) == nil && asked.Ends(a.Ref) {
				ids = append(ids, s.ID)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = d.c.Sessions.End(ctx, "the identity provider", ids...)
	return err
}

// sloAnswer takes the answer to a logout request of ours.
func (d *Door) sloAnswer(w http.ResponseWriter, r *http.Request, name string, s Source, in saml.Incoming) error {
	relay := r.URL.Query().Get("RelayState")
	if in.Binding == saml.POST {
		relay = in.Form.Get("RelayState")
	}
	now := d.c.Now()
	p, err := d.takeLogout(r.Context(), name, relay, now)
	if err != nil {
		return err
	}
	var expected []saml.Request
	if p.Logout {
		expected = []saml.Request{p.Request}
	}
	if _, no := s.Provider.AcceptLogoutResponse(in, expected, now); no != nil {
		t := d.trace(name)
		t.Want, t.Got, t.Fix = no.Want, no.Got, no.Fix()
		if err := d.keep(r.Context(), t, "logout", no.Reason); err != nil {
			return err
		}
		// Our session has ended before; what is unsure is the other one.
		return d.signedOut(w, d.label(name))
	}
	return d.signedOut(w, "")
}

func (d *Door) takeLogout(ctx context.Context, source, relay string, now time.Time) (p pending, err error) {
	l, err := d.engine.Store().TakeLogin(ctx, store.Digest(relay), store.Digest(relay), now)
	if errors.Is(err, store.ErrNotFound) || err == nil && l.Source != source {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(l.Body, &p)
}
