package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/provision"
	"grantbridge/store"
)

// Who is signed in, who waits to be and what became of attempts, for
// administrators. What is done is the engine's, as it is for the commands.

// mostSignIns bounds an answer's list.
const mostSignIns = 1000

// personNamed finds a person by login or id; nobody is named by "".
func (d *door) personNamed(who string) (access.PersonID, error) {
	if who == "" {
		return 0, nil
	}
	p, err := d.engine.FindPerson(who)
	if err != nil {
		return 0, &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "person: nobody, or more than one, is known by this"}
	}
	return p.ID, nil
}

type sessionList struct {
	Sessions []provision.SignedIn `json:"sessions"` // the newest first
}

// sessions lists the sessions that live.
func (d *door) sessions(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	q, err := filters(r, "person", "source", "limit")
	if err != nil {
		return err
	}
	limit, err := limitOf(q, 100, mostSignIns)
	if err != nil {
		return err
	}
	person, err := d.personNamed(q["person"])
	if err != nil {
		return err
	}
	found, err := d.engine.SignedIn(r.Context(), store.SessionQuery{Person: person, Source: q["source"], Limit: limit})
	if err != nil {
		return err
	}
	return sendJSON(w, sessionList{found})
}

// revocation says which sessions are to end: those that all of the members that
// are there choose.
type revocation struct {
	ID     string `json:"id,omitempty"`
	Person string `json:"person,omitempty"` // by login or id
	Source string `json:"source,omitempty"`
	All    bool   `json:"all,omitempty"` // everybody's; by itself
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"`
}

type revoked struct {
	Ended int `json:"ended"` // how many lived
}

// revokeSessions ends sessions.
func (d *door) revokeSessions(w http.ResponseWriter, r *http.Request) error {
	by, err := d.authorised(r, access.ManageAction)
	if err != nil {
		return err
	}
	var in revocation
	if err := readBody(w, r, &in, false); err != nil {
		return err
	}
	if chosen := in.ID+in.Person+in.Source != ""; chosen == in.All {
		return handler.Bad("whose sessions? send id, person or source, or by itself all: true")
	}
	person, err := d.personNamed(in.Person)
	if err != nil {
		return err
	}
	by.Reason, by.Ticket = in.Reason, in.Ticket
	n, err := d.engine.RevokeSessions(r.Context(), by, store.SessionQuery{ID: in.ID, Person: person, Source: in.Source})
	if err != nil {
		return err
	}
	if in.ID != "" && n == 0 {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no such session lives"}
	}
	return sendJSON(w, revoked{n})
}

type pendingList struct {
	SignIns []store.PendingLink `json:"sign_ins"` // the oldest first
}

// pendingSignIns lists the sign-ins that wait for an administrator.
func (d *door) pendingSignIns(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	q, err := filters(r, "source", "state")
	if err != nil {
		return err
	}
	if s := q["state"]; !slices.Contains([]string{"", "waiting", "refused"}, s) {
		return handler.Bad("state must be waiting or refused")
	}
	found, err := d.engine.PendingSignIns(r.Context(), q["state"] == "refused")
	if err != nil {
		return err
	}
	out := pendingList{[]store.PendingLink{}}
	for _, p := range found {
		if q["source"] == "" || q["source"] == p.Source {
			out.SignIns = append(out.SignIns, p)
		}
	}
	return sendJSON(w, out)
}

// subjectOf names a sign-in, as pendingSignIns does.
type subjectOf struct {
	Source  string `json:"source" jsonschema:"minLength=1"`
	Subject string `json:"subject" jsonschema:"minLength=1"`
	Reason  string `json:"reason,omitempty"`
	Ticket  string `json:"ticket,omitempty"`
}

// accountOf names the account that a sign-in is.
type accountOf struct {
	Source  string `json:"source" jsonschema:"minLength=1"`
	Subject string `json:"subject" jsonschema:"minLength=1"`
	Account string `json:"account" jsonschema:"minLength=1"` // its id, as SCIM's
	Reason  string `json:"reason,omitempty"`
	Ticket  string `json:"ticket,omitempty"`
}

// settled is what became of a sign-in.
type settled struct {
	Source  string `json:"source"`
	Subject string `json:"subject"`
	Account string `json:"account,omitempty"` // whose it is now; none when it was refused
}

// approveSignIn makes an account of a sign-in that waits.
func (d *door) approveSignIn(w http.ResponseWriter, r *http.Request) error {
	var in subjectOf
	return d.settleSignIn(w, r, &in, func(ctx context.Context, by store.By) (settled, error) {
		if d.conf.NewAccount == nil {
			return settled{}, &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "nobody signs in here"}
		}
		by.Reason, by.Ticket = in.Reason, in.Ticket
		made, err := d.engine.ApproveSignIn(ctx, by, in.Source, in.Subject, d.conf.NewAccount)
		return settled{in.Source, in.Subject, made.UID}, err
	})
}

// linkSignIn says whose account a sign-in is.
func (d *door) linkSignIn(w http.ResponseWriter, r *http.Request) error {
	var in accountOf
	return d.settleSignIn(w, r, &in, func(ctx context.Context, by store.By) (settled, error) {
		if in.Source == "" || in.Subject == "" || in.Account == "" {
			return settled{}, handler.Bad("source, subject and account are needed")
		}
		by.Reason, by.Ticket = in.Reason, in.Ticket
		return settled{in.Source, in.Subject, in.Account}, d.engine.LinkSignIn(ctx, by, in.Source, in.Subject, in.Account)
	})
}

// refuseSignIn refuses a sign-in that waits, now and later.
func (d *door) refuseSignIn(w http.ResponseWriter, r *http.Request) error {
	var in subjectOf
	return d.settleSignIn(w, r, &in, func(ctx context.Context, by store.By) (settled, error) {
		if in.Reason == "" {
			return settled{}, handler.Bad("a refusal needs a reason")
		}
		by.Reason, by.Ticket = in.Reason, in.Ticket
		return settled{Source: in.Source, Subject: in.Subject}, d.engine.RefuseSignIn(ctx, by, in.Source, in.Subject)
	})
}

// settleSignIn reads in and calls f for who may say whose a sign-in is: that is
// to give somebody all that an account has, so it needs superuser.
func (d *door) settleSignIn(w http.ResponseWriter, r *http.Request, in any, f func(context.Context, store.By) (settled, error)) error {
	by, err := d.authorised(r, superuserAction)
	if err != nil {
		return err
	}
	if err := readBody(w, r, in, false); err != nil {
		return err
	}
	out, err := f(r.Context(), by)
	if errors.Is(err, store.ErrNotFound) {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: err.Error()}
	}
	if errors.Is(err, provision.ErrUnknownSource) {
		return &handler.Problem{Status: http.StatusConflict, Code: "conflict", Detail: "the source is switched off, or not configured any more"}
	}
	if p := refused(err); p != nil {
		return p
	}
	if err != nil {
		return err
	}
	return sendJSON(w, out)
}

type traceList struct {
	Traces []provision.SignInAttempt `json:"traces"` // the newest first, each without its trace
}

// outcomes are what an attempt can have come to.
var outcomes = []string{"in", "refused", "waiting", "tested", "logout"}

// traces lists attempts to sign in.
func (d *door) traces(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	q, err := filters(r, "source", "outcome", "person", "limit")
	if err != nil {
		return err
	}
	if o, asked := q["outcome"]; asked && !slices.Contains(outcomes, o) {
		return handler.Bad("outcome must be one of %s", strings.Join(outcomes, ", "))
	}
	limit, err := limitOf(q, 100, mostSignIns)
	if err != nil {
		return err
	}
	person, err := d.personNamed(q["person"])
	if err != nil {
		return err
	}
	found, err := d.engine.SignInAttempts(r.Context(), store.TraceQuery{Source: q["source"], Outcome: q["outcome"], Person: person, Limit: limit})
	if err != nil {
		return err
	}
	return sendJSON(w, traceList{found})
}

// trace is one attempt whole.
func (d *door) trace(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	found, err := d.engine.SignInAttempt(r.Context(), r.PathValue("words"))
	if errors.Is(err, store.ErrNotFound) {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no sign-in is known by these words; they go away after sessions.traces"}
	}
	if err != nil {
		return err
	}
	return sendJSON(w, found)
}
