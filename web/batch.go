package web

import (
	"net/http"

	"grantbridge/internal/handler"
)

// The evaluation semantics of AuthZEN 1.0: all answers, or answers up to and
// including the first no, or the first yes.
const (
	executeAll          = "execute_all"
	denyOnFirstDeny     = "deny_on_first_deny"
	permitOnFirstPermit = "permit_on_first_permit"
)

// evaluations answers POST /access/v1/evaluations. All questions of a call are
// answered from one snapshot; without any it is a single evaluation.
func (d *door) evaluations(w http.ResponseWriter, r *http.Request) error {
	who, err := d.caller(r)
	if err != nil {
		return err
	}
	b, err := read(w, r, batchMembers)
	if err != nil {
		return err
	}
	switch b.semantic {
	case "", executeAll, denyOnFirstDeny, permitOnFirstPermit:
	default:
		return handler.Bad("options.evaluations_semantic is %q; it must be %s, %s or %s", b.semantic, executeAll, denyOnFirstDeny, permitOnFirstPermit)
	}
	if len(b.evaluations) == 0 {
		return d.one(w, r, who, b.question)
	}
	atLeast := b.atLeast()
	for _, i := range b.evaluations {
		atLeast = max(atLeast, i.atLeast())
	}
	a, err := d.asker(r, who, atLeast)
	if err != nil {
		return err
	}
	out := make([]evaluation, 0, len(b.evaluations))
	for _, i := range b.evaluations {
		e := a.answerItem(r, i, b.question)
		out = append(out, e)
		if e.Decision && b.semantic == permitOnFirstPermit || !e.Decision && b.semantic == denyOnFirstDeny {
			break
		}
	}
	return write(w, struct {
		Evaluations []evaluation `json:"evaluations"`
	}{out})
}

// answerItem answers one question of a batch. What is wrong with it makes it a
// no, not the call a failure (certification scenario 3.4.1).
func (a *asker) answerItem(r *http.Request, i item, defaults question) evaluation {
	if i.wrong != nil {
		return a.incomplete(question{}, i.wrong.Error())
	}
	q := i.question.or(defaults)
	if lacks := q.check(true, true, true); lacks != "" {
		return a.incomplete(q, lacks)
	}
	return a.answer(r.Context(), q)
}

// or fills what q does not say from the defaults: a part of q replaces the
// default whole, but for a type or an id that it leaves out (scenario 3.2.7).
func (q question) or(d question) question {
	q.Subject, q.Resource = q.Subject.or(d.Subject), q.Resource.or(d.Resource)
	if q.Action == nil || q.Action.Name == "" {
		q.Action = d.Action
	}
	if q.Context == nil {
		q.Context = d.Context
	}
	return q
}

func (e *entity) or(d *entity) *entity {
	switch {
	case e == nil:
		return d
	case d == nil || e.Type != "" && e.ID != "":
		return e
	}
	filled := *e
	if filled.Type == "" {
		filled.Type = d.Type
	}
	if filled.ID == "" {
		filled.ID = d.ID
	}
	return &filled
}
