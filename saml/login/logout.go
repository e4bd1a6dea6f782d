package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"grantbridge/internal/handler"
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
		_, err = d.engine.RevokeSessions(r.Context(), d.byPerson(r, s), store.SessionQuery{Person: s.Person})
	} else {
		_, err = d.c.Sessions.End(r.Context(), "signed out", s.ID)
	}
	if err != nil {
		return err // and the cookie stays, to try again with
	}
	d.c.Sessions.ClearCookie(w)
	return d.askIdP(w, r, s)
}

// byPerson is for the audit: who is signed in does it.
func (d *Door) byPerson(r *http.Request, s *session.Session) store.By {
	return store.By{Actor: fmt.Sprintf("person:%d", s.Person), Via: d.c.Sources[s.Source].protocol(), Request: r.Header.Get(handler.IDHeader),
		Reason: "signed out everywhere, from a session of " + s.Source}
}

// byProvider is for the audit: the identity provider has asked for it. The trace
// has the rest.
func (d *Door) byProvider(r *http.Request, source string, t *Trace) store.By {
	via := d.c.Sources[source].protocol()
	return store.By{Actor: via + ":" + source, Via: via, Request: r.Header.Get(handler.IDHeader), Reason: "logout " + t.ID}
}

// keepLogout keeps what a logout of the identity provider came to.
func (d *Door) keepLogout(ctx context.Context, t *Trace, named []store.Session, ended int) error {
	t.note("the identity provider ended %d %s", ended, plural(ended, "session"))
	for i, s := range named {
		if i == 0 {
			t.Person = s.Person
		}
		if s.Person != t.Person {
			t.Person = 0 // of several: the audit has them
		}
	}
	return d.keep(ctx, t, "logout", "")
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
	t := d.trace(name)
	if no, err := d.endNamed(r, t, s, asked); err != nil {
		return err
	} else if no != nil {
		return d.refuse(w, r, t, no)
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
func (d *Door) endNamed(r *http.Request, t *Trace, s Source, asked *saml.Logout) (*signin.Rejection, error) {
	st, ctx := d.engine.Store(), r.Context()
	marks := s.Provider.SignsOut(asked)
	if err := st.Mark(ctx, keysOf(marks), marks[0].Until); err != nil {
		return nil, err
	}
	named, err := d.named(ctx, t.Source, asked)
	if err != nil {
		return nil, err
	}
	once := s.Provider.LogoutTicket(asked)
	ended, first, err := d.endOnce(ctx, d.byProvider(r, t.Source, t), once.Key, once.Until, named)
	if err != nil {
		return nil, err
	}
	if !first {
		return refusal(once.Reason(), "a first use", "another one"), nil
	}
	return nil, d.keepLogout(ctx, t, named, ended)
}

// named are the live sessions that a logout request is about.
func (d *Door) named(ctx context.Context, source string, asked *saml.Logout) (named []store.Session, err error) {
	err = d.engine.Store().Read(ctx, func(v *store.View) error {
		named, err = v.SessionsNamed(ctx, source, nameKey(asked.NameID))
		return err
	})
	return slices.DeleteFunc(named, func(s store.Session) bool {
		var a auth
		return json.Unmarshal(s.Auth, &a) != nil || !asked.Ends(a.Ref)
	}), err
}

// endOnce ends sessions if the ticket is spent with it. Where there is none to
// end, nothing is worth an audit entry.
func (d *Door) endOnce(ctx context.Context, by store.By, ticket string, until time.Time, named []store.Session) (ended int, first bool, err error) {
	if len(named) == 0 {
		spent, err := d.engine.Store().Spend(ctx, []string{ticket}, until, d.c.Now())
		return 0, spent < 0, err
	}
	op := &store.RevokeSessions{IDs: idsOf(named), Once: ticket, Until: until}
	_, err = d.engine.Store().Do(ctx, by, op)
	return op.Ended, !op.Spent, err
}

func idsOf(sessions []store.Session) (ids []string) {
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	return ids
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
