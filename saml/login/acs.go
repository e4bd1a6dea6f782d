package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/store"
)

// maxForm is a response in base64 with its RelayState, escaped.
const maxForm = 1 << 20

// parkedFor is how long the browser has from the ACS to /finish.
const parkedFor = 5 * time.Minute

// acs takes the identity provider's answer, and gives no session.
func (d *Door) acs(w http.ResponseWriter, r *http.Request) error {
	name, s, err := d.source(r)
	if err != nil {
		return err
	}
	if err := d.admit(r, name); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return d.refuse(w, r, d.trace(name), refusal(saml.InputTooLarge, "a form", "one that cannot be read"))
	}
	encoded := r.PostForm.Get("SAMLResponse")
	waiting, asked, err := d.waiting(r.Context(), name, r.PostForm.Get("RelayState"), s, encoded)
	if err != nil {
		return err
	}
	t := d.trace(name)
	var expected []saml.Request
	if waiting != nil {
		t.ID, t.Test, expected = asked.Trace, asked.Test, []saml.Request{asked.Request}
	}
	off, err := d.disabled(r.Context(), name)
	if err != nil {
		return err
	}
	if off {
		return d.refuse(w, r, t, refusal(sourceDisabled, "the source switched on", "switched off"))
	}
	now := d.c.Now()
	who, no := s.Provider.Accept(r.Context(), encoded, expected, d.engine.Store(), now)
	if no != nil && no.Reason == saml.Bounce {
		// Nobody asked for it, so it proves nothing about this browser; a sign-in
		// that this browser begins will.
		return d.send(w, r, t, s, pending{Return: "/me"})
	}
	if no != nil {
		return d.refuse(w, r, t, no)
	}
	return d.park(w, r, ofSAML(t, who), waiting)
}

// waiting finds the login that an answer is for: by RelayState, else by the
// request that it says to answer. Neither proves anything.
func (d *Door) waiting(ctx context.Context, source, relay string, s Source, encoded string) (*store.Login, pending, error) {
	var p pending
	now := d.c.Now()
	var l store.Login
	err := d.engine.Store().Read(ctx, func(v *store.View) (err error) {
		if l, err = v.Login(ctx, store.Digest(relay), now); err == nil && l.Source == source {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		id, no := s.Provider.InResponseTo(encoded)
		if no != nil {
			return store.ErrNotFound
		}
		l, err = v.LoginOf(ctx, source, id, now)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, p, nil
	}
	if err != nil {
		return nil, p, err
	}
	if err := json.Unmarshal(l.Body, &p); err != nil || p.Logout {
		return nil, p, err
	}
	return &l, p, nil
}

// park keeps a verified identity for the browser that began, and sends the
// browser for it.
func (d *Door) park(w http.ResponseWriter, r *http.Request, p parked, l *store.Login) error {
	t, now := p.Trace, d.c.Now()
	t.identity(p.Identity, now)
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	ticket, expires := session.NewHandle(), now.Add(parkedFor)
	if l == nil { // unsolicited, and the source allows it
		err = d.engine.Store().PutLogin(r.Context(), store.Login{Digest: store.Digest(ticket), Source: t.Source, Body: []byte(`{}`), Parked: body, Expires: expires})
	} else {
		var done bool
		done, err = d.engine.Store().ParkLogin(r.Context(), l.Digest, store.Digest(ticket), body, expires)
		if err == nil && !done {
			return d.refuse(w, r, t, refusal(saml.RequestSpent, "a request that waits", "one that was answered"))
		}
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/finish?ticket="+url.QueryEscape(ticket), http.StatusSeeOther)
	return nil
}

// finish gives the session to the browser that began.
func (d *Door) finish(w http.ResponseWriter, r *http.Request) error {
	if err := d.admit(r, "/finish"); err != nil {
		return err
	}
	ticket := r.URL.Query().Get("ticket")
	l, err := d.engine.Store().TakeLogin(r.Context(), store.Digest(ticket), store.Digest(d.c.Sessions.BrowserOf(r)), d.c.Now())
	if errors.Is(err, store.ErrNotFound) {
		return d.notTaken(w, r, ticket)
	}
	if err != nil {
		return err
	}
	var p parked
	var from pending
	if err := errors.Join(json.Unmarshal(l.Parked, &p), json.Unmarshal(l.Body, &from)); err != nil {
		return err
	}
	s, ok := d.c.Sources[l.Source]
	if !ok {
		return d.refuse(w, r, p.Trace, refusal(sourceDisabled, "a configured source", "none"))
	}
	if p.Trace.Test != "" {
		return d.tried(w, r, s, p)
	}
	old := d.c.Sessions.Handle(r)
	handle, no, err := d.enter(r.Context(), l.Source, s, p, entry{stepUp: from.StepUp, old: old, began: from.OIDC.IssuedAt})
	if err != nil {
		return err
	}
	if no != nil {
		return d.refuse(w, r, p.Trace, no)
	}
	d.endBefore(r)
	d.c.Sessions.SetCookie(w, handle)
	http.Redirect(w, r, d.after(from.Return), http.StatusSeeOther)
	return nil
}

func (d *Door) after(path string) string {
	if path == "" {
		return "/me"
	}
	return here(path)
}

// notTaken tells another browser from a second click.
func (d *Door) notTaken(w http.ResponseWriter, r *http.Request, ticket string) error {
	var l store.Login
	err := d.engine.Store().Read(r.Context(), func(v *store.View) (err error) {
		l, err = v.Login(r.Context(), store.Digest(ticket), d.c.Now())
		return err
	})
	var p parked
	switch {
	case errors.Is(err, store.ErrNotFound):
		if _, err := d.c.Sessions.Of(r); err == nil {
			http.Redirect(w, r, "/me", http.StatusSeeOther) // a second click
			return nil
		}
		return d.refuse(w, r, d.trace(""), refusal(finishSpent, "a sign-in that waits", "none"))
	case err != nil:
		return err
	case json.Unmarshal(l.Parked, &p) != nil || p.Trace == nil:
		return d.refuse(w, r, d.trace(l.Source), refusal(finishSpent, "a verified sign-in", "one under way"))
	}
	p.Trace.Test = "" // the whole trace is for the browser that began
	return d.refuse(w, r, p.Trace, refusal(wrongBrowser, "the browser that began", "another one"))
}
