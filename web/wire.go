package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"grantbridge/access"
	"grantbridge/internal/handler"
)

// The limits of one call, held before anything is made of it.
const (
	maxBody        = 1 << 20
	maxDepth       = 32
	maxEvaluations = 1000
)

// question is AuthZEN's 4-tuple. Unknown fields are ignored, and so are the
// properties of subject, action and resource: whoever asks does not get to say
// what a person is.
type question struct {
	Subject  *entity
	Action   *actionName
	Resource *entity
	Context  *asked
}

type entity struct {
	Type, ID string
}

type actionName struct {
	Name string `json:"name"`
}

// asked is the part of a context that we read.
type asked struct {
	Time    time.Time // zero is now
	AtLeast int64
}

// item is one question of a batch. What is wrong with it is its own affair.
type item struct {
	question
	wrong error
}

// body is what came in. Each route looks at its own part.
type body struct {
	question
	evaluations []item
	semantic    string
	pageToken   string
	pageLimit   *int64
}

// The members that a route reads; the rest it skips.
var (
	singleMembers = []string{"subject", "action", "resource", "context"}
	batchMembers  = append(singleMembers[:4:4], "evaluations", "options")
	searchMembers = append(singleMembers[:4:4], "page")

	entityMembers  = []string{"type", "id"}
	actionMembers  = []string{"name"}
	contextMembers = []string{"time", "at_least"}
)

// decode reads text as the body of a route that has these members.
func decode(text []byte, members []string) (*body, error) {
	b, r := &body{}, &reader{b: text}
	err := r.document(members, func(name string) error {
		switch name {
		case "evaluations":
			return b.readEvaluations(r)
		case "options":
			return r.object("options", []string{"evaluations_semantic"}, func(string) error {
				return r.text("options.evaluations_semantic", &b.semantic)
			})
		case "page":
			return b.readPage(r)
		}
		return b.question.read(r, name)
	})
	if err != nil {
		return nil, err
	}
	if r.wrong != nil {
		return nil, handler.Bad("%s", r.wrong)
	}
	return b, nil
}

// read reads the member name of a question.
func (q *question) read(r *reader, name string) error {
	switch name {
	case "subject":
		q.Subject = &entity{}
		return q.Subject.read(r, name, "subject.type", "subject.id")
	case "resource":
		q.Resource = &entity{}
		return q.Resource.read(r, name, "resource.type", "resource.id")
	case "action":
		q.Action = &actionName{}
		return r.object(name, actionMembers, func(string) error { return r.text("action.name", &q.Action.Name) })
	}
	q.Context = &asked{}
	return r.object(name, contextMembers, func(member string) error {
		if member == "at_least" {
			return r.integer("context.at_least", &q.Context.AtLeast)
		}
		return readTime(r, &q.Context.Time)
	})
}

// read reads a subject or resource; the paths are for what is said of mistakes.
func (e *entity) read(r *reader, path, typePath, idPath string) error {
	return r.object(path, entityMembers, func(member string) error {
		if member == "type" {
			return r.text(typePath, &e.Type)
		}
		return r.text(idPath, &e.ID)
	})
}

// readTime reads a time as callers write it: RFC 3339, also without seconds, as
// AuthZEN's own examples do.
func readTime(r *reader, to *time.Time) error {
	text := ""
	if err := r.text("context.time", &text); err != nil || text == "" {
		return err
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			*to = t
			return nil
		}
	}
	r.note("context.time is not a time; write it as 2026-11-23T04:10:00Z")
	return nil
}

// readEvaluations reads the questions of a batch. What is wrong with one of them
// does not make the call wrong (certification scenario 3.4.1).
func (b *body) readEvaluations(r *reader) error {
	before := r.wrong
	err := r.array("evaluations", func() error {
		if len(b.evaluations) == maxEvaluations {
			return &handler.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_many",
				Detail: fmt.Sprintf("more than %d evaluations in one call; send them in several", maxEvaluations)}
		}
		i := item{}
		r.wrong = nil
		err := r.object("the evaluation", singleMembers, func(name string) error { return i.question.read(r, name) })
		i.wrong, r.wrong = r.wrong, before
		b.evaluations = append(b.evaluations, i)
		return err
	})
	return err
}

// readPage reads where a search goes on. Drafts of 1.0 called the token
// next_token.
func (b *body) readPage(r *reader) error {
	return r.object("page", []string{"token", "next_token", "limit"}, func(name string) error {
		if name != "limit" {
			return r.text("page."+name, &b.pageToken)
		}
		b.pageLimit = new(int64)
		return r.integer("page.limit", b.pageLimit)
	})
}

// evaluation is one answer.
type evaluation struct {
	Decision bool    `json:"decision"`
	Context  answers `json:"context"`
}

type answers struct {
	Code        access.Code  `json:"code"`
	Effective   access.Level `json:"effective"`
	Revision    int64        `json:"revision"`
	ReasonUser  *reason      `json:"reason_user"`
	ReasonAdmin *reason      `json:"reason_admin,omitempty"`
	Error       *itemError   `json:"error,omitempty"`
}

// reason is AuthZEN's reason field: a text by language.
type reason struct {
	En string `json:"en"`
}

// itemError says what was wrong with one question of a batch.
type itemError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// read reads the body of r, within the limits.
func read(w http.ResponseWriter, r *http.Request, members []string) (*body, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		// 400 and not 415: AuthZEN's certification scenario 2.4.3 asks for it.
		return nil, handler.Bad("send the body as Content-Type: application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, err
		}
		return nil, &handler.Problem{Status: http.StatusBadRequest, Code: "bad_request", Detail: "the body did not arrive whole", Cause: err}
	}
	if len(text) == 0 {
		return nil, handler.Bad("the body is empty; send a JSON object")
	}
	return decode(text, members)
}

// write answers 200 with v as JSON.
func write(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(text, '\n')) // the caller is gone when this fails
	return nil
}
