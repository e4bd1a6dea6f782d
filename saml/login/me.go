package login

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"encoding/json"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/internal/session"
	"grantbridge/provision"
	"grantbridge/store"
)

// me shows what the person may do, why and until when.
func (d *Door) me(w http.ResponseWriter, r *http.Request) error {
	s, err := d.c.Sessions.Of(r)
	if errors.Is(err, session.ErrNone) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	p, _ := d.engine.PersonByID(s.Person)
	v := meView{Name: p.Name(), Login: p.Login, Source: d.label(s.Source), Limit: s.Limit.String(), Ends: day(s.Expires),
		StepUp: "/" + d.c.Sources[s.Source].protocol() + "/" + url.PathEscape(s.Source) + "/login?step_up=1"}
	if s.IdleUntil.Before(s.Expires) {
		v.Idle = day(s.IdleUntil)
	}
	if err := d.staleness(r, s, &v); err != nil {
		return err
	}
	all, err := d.engine.WhatCan(r.Context(), p.UID, "")
	if err != nil {
		return err
	}
	for _, h := range all {
		v.Sites = append(v.Sites, siteOf(h, s.Limit))
	}
	err = d.engine.Store().Read(r.Context(), func(view *store.View) error {
		tokens, err := view.Tokens(r.Context(), 0)
		for _, t := range tokens {
			if t.Person == s.Person && t.Revoked.IsZero() && (t.Expires.IsZero() || t.Expires.After(d.c.Now())) {
				v.Tokens = append(v.Tokens, tokenView{t.Name, t.Prefix, orInherit(t.Ceiling), day(t.Expires), day(t.LastUsed)})
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return d.page(w, http.StatusOK, "me", "What may I do?", v)
}

// staleness tells when groups cease to give anything that no sign-in confirms.
func (d *Door) staleness(r *http.Request, s *session.Session, v *meView) error {
	return d.engine.Store().Read(r.Context(), func(view *store.View) error {
		is, err := view.Staleness(r.Context(), s.Account)
		if !is.Until.IsZero() {
			v.Stale, v.Until, v.Ceased = day(is.Since), day(is.Until), !d.c.Now().Before(is.Until)
		}
		return err
	})
}

func orInherit(ceiling string) string {
	if ceiling == "" {
		return "inherit"
	}
	return ceiling
}

func siteOf(h provision.Holding, limit access.Ceiling) siteView {
	v := siteView{Site: h.Site.Name, Level: h.Level.String(), Token: h.Token.String(), Why: strings.Join(h.Rules, ", "), Until: "—"}
	if h.Until != nil {
		v.Until = day(*h.Until)
	}
	if held := access.CeilingNoAccess + access.Ceiling(h.Level); limit != access.CeilingInherit && limit < held {
		v.Now = limit.String()
	}
	return v
}

func day(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// TokenHeader carries the signed token to the reverse proxy, LoginHeader where
// to sign in.
const (
	TokenHeader = "X-Grantbridge-Token"
	LoginHeader = "X-Grantbridge-Login"
)

// verify answers a reverse proxy: who is this? It says nothing of roles.
func (d *Door) verify(w http.ResponseWriter, r *http.Request) error {
	s, err := d.c.Sessions.Of(r)
	if errors.Is(err, session.ErrNone) {
		w.Header().Set(LoginHeader, d.loginURL(r))
		return &handler.Problem{Status: http.StatusUnauthorized, Code: "unauthenticated", Challenge: `Cookie realm="grantbridge"`,
			Detail: "nobody is signed in; the address to sign in at is in " + LoginHeader}
	}
	if err != nil {
		return err
	}
	var a auth
	if err := json.Unmarshal(s.Auth, &a); err != nil {
		return err
	}
	p, _ := d.engine.PersonByID(s.Person)
	c := session.Claims{Issuer: d.c.BaseURL, Audience: d.c.Audience, Subject: p.UID, Session: s.ID, Login: p.Login, Name: p.Name(),
		Source: s.Source, Context: a.Context, SignedIn: s.Issued.Unix()}
	if a.Instant != 0 {
		c.SignedIn = a.Instant
	}
	token, err := d.c.Signer.Sign(r.Context(), c)
	if err != nil {
		return err
	}
	w.Header().Set(TokenHeader, token)
	w.WriteHeader(http.StatusOK)
	return nil
}

// loginURL is where the person signs in and comes back to what was asked for.
func (d *Door) loginURL(r *http.Request) string {
	path := r.Header.Get("X-Forwarded-Uri")
	if path == "" {
		path = r.Header.Get("X-Original-Uri")
	}
	u := d.c.BaseURL + "/login"
	if back := here(path); path != "" && back == path {
		u += "?return=" + url.QueryEscape(back)
	}
	return u
}

func (d *Door) keys(w http.ResponseWriter, r *http.Request) error {
	set, err := d.c.Signer.Keys(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(set)
	return nil
}
