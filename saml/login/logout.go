package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/saml/signin"
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
	if errors.Is(err, session.ErrNone) {
		d.c.Sessions.ClearCookie(w)
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
		return err // and the cookie stays, to try again with
	}
	d.c.Sessions.ClearCookie(w)
	return d.askIdP(w, r, s)
}

// askIdP lets the identity provider end its session too, when it can.
func (d *Door) askIdP(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	var a auth
	src, ok := d.c.Sources[s.Source]
	if !ok || json.Unmarshal(s.Auth, &a) != nil || a.Password {
		return d.signedOut(w, "")
	}
	if src.OIDC != nil {
		return d.askProvider(w, r, src, a)
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
			Browser: store.Digest(relay), Body: body, Expires: now.Add(2 * late)})
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
	asked, no := s.Provider.JudgeLogoutRequest(in, d.c.Now())
	if no != nil {
		return d.refuse(w, r, d.trace(name), no)
	}
	if no, err := d.endNamed(r.Context(), name, s, asked); err != nil {
		return err
	} else if no != nil {
		return d.refuse(w, r, d.trace(name), no)
	}
	answer, err := s.Provider.LogoutResponse(asked, saml.LogoutDone, d.c.Now())
	if err != nil {
		return d.signedOut(w, "")
	}
	return d.post(w, r, answer, "Sign out")
}

// endNamed ends the sessions that a verified logout request is about: of this
// source, this NameID and, when it names some, these session indexes. The marks
// come first: a sign-in that is under way meanwhile either finds them, or has its
// session found here.
func (d *Door) endNamed(ctx context.Context, source string, s Source, asked *saml.Logout) (*signin.Rejection, error) {
	st := d.engine.Store()
	marks := s.Provider.SignsOut(asked)
	if err := st.Mark(ctx, keysOf(marks), marks[0].Until); err != nil {
		return nil, err
	}
	var ids []string
	err := st.Read(ctx, func(v *store.View) error {
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
		return nil, err
	}
	once := s.Provider.LogoutTicket(asked)
	first, err := st.EndSessionsOnce(ctx, once.Key, once.Until, ids, "the identity provider", d.c.Now())
	if err == nil && !first {
		return refusal(once.Reason(), "a first use", "another one"), nil
	}
	return nil, err
}

func keysOf(tickets []saml.Ticket) []string {
	var keys []string
	for _, t := range tickets {
		keys = append(keys, t.Key)
	}
	return keys
}

// overtaken ends a session again whose sign-in was under way when the identity
// provider signed the person out. It comes after the session: endNamed says why.
func (d *Door) overtaken(ctx context.Context, s Source, handle string, p parked, began time.Time) (*signin.Rejection, error) {
	marks, until := s.signedOutBy(p, began)
	if len(marks) == 0 {
		return nil, nil
	}
	is := false
	err := d.engine.Store().Read(ctx, func(v *store.View) (err error) {
		is, err = v.Marked(ctx, marks, until)
		return err
	})
	if err == nil && !is {
		return nil, nil
	}
	made, findErr := d.c.Sessions.Find(ctx, handle)
	if findErr == nil {
		_, findErr = d.c.Sessions.End(ctx, "the identity provider", made.ID)
	} else if errors.Is(findErr, session.ErrNone) {
		findErr = nil // endNamed was here first
	}
	return refusal(outMeanwhile, "a sign-in that holds", "a logout after it"), errors.Join(err, findErr)
}

// sloAnswer takes the answer to a logout request of ours.
func (d *Door) sloAnswer(w http.ResponseWriter, r *http.Request, name string, s Source, in saml.Incoming) error {
	now := d.c.Now()
	l, p, err := d.askedToEnd(r.Context(), name, s, in, now)
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
		if err := d.keep(r.Context(), t, "logout", signin.Reason(no.Reason)); err != nil {
			return err
		}
		// Our session has ended before; what is unsure is the other one.
		return d.signedOut(w, d.label(name))
	}
	// Taken out only now: an answer that proves nothing takes nothing away.
	if _, err := d.engine.Store().TakeLogin(r.Context(), l.Digest, l.Browser, now); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return d.signedOut(w, "")
}

// askedToEnd finds the logout request of ours that an answer is for: by RelayState,
// else by what it says to answer. Neither proves anything.
func (d *Door) askedToEnd(ctx context.Context, source string, s Source, in saml.Incoming, now time.Time) (l store.Login, p pending, err error) {
	err = d.engine.Store().Read(ctx, func(v *store.View) (err error) {
		l, err = v.Login(ctx, store.Digest(in.RelayState()), now)
		if err == nil && l.Source == source || err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		id, no := s.Provider.LogoutInResponseTo(in)
		if no != nil {
			return store.ErrNotFound
		}
		l, err = v.LoginOf(ctx, source, id, now)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return store.Login{}, p, nil
	}
	if err != nil {
		return l, p, err
	}
	return l, p, json.Unmarshal(l.Body, &p)
}
