package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
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
	Subject  *entity     `json:"subject"`
	Action   *actionName `json:"action"`
	Resource *entity     `json:"resource"`
	Context  *asked      `json:"context"`
}

type entity struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type actionName struct {
	Name string `json:"name"`
}

// asked is the part of a context that we read.
type asked struct {
	Time    *moment `json:"time"`
	AtLeast int64   `json:"at_least"`
}

// moment is a time as callers write it: RFC 3339, also without seconds, as
// AuthZEN's own examples do.
type moment time.Time

func (m *moment) UnmarshalText(b []byte) error {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			*m = moment(t)
			return nil
		}
	}
	return errors.New("context.time is not a time; write it as 2026-11-23T04:10:00Z")
}

// item is one question of a batch. What is wrong with it is its own affair.
type item struct {
	question
	wrong error
}

func (i *item) UnmarshalJSON(b []byte) error {
	i.wrong = json.Unmarshal(b, &i.question)
	return nil
}

// batch is the body of /evaluations.
type batch struct {
	question
	Evaluations []item `json:"evaluations"`
	Options     struct {
		Semantic string `json:"evaluations_semantic"`
	} `json:"options"`
}

// searchBody is the body of a search.
type searchBody struct {
	question
	Page struct {
		Token string `json:"token"`
		// NextToken is how drafts of 1.0 called it.
		NextToken string `json:"next_token"`
		Limit     *int   `json:"limit"`
	} `json:"page"`
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

// read decodes the body of r into v, within the limits.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		// 400 and not 415: AuthZEN's certification scenario 2.4.3 asks for it.
		return handler.Bad("send the body as Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return err
		}
		return &handler.Problem{Status: http.StatusBadRequest, Code: "bad_request", Detail: "the body did not arrive whole", Cause: err}
	}
	if len(body) == 0 {
		return handler.Bad("the body is empty; send a JSON object")
	}
	if p := bounded(body); p != nil {
		return p
	}
	if err := json.Unmarshal(body, v); err != nil {
		return handler.Bad("%s", jsonSays(err))
	}
	return nil
}

// bounded looks over the body for nesting and numbers beyond the limits, before
// a decoder spends memory on them. It does not judge whether it is JSON.
func bounded(body []byte) *handler.Problem {
	depth, elements := 0, 0
	inString, array := false, false // array: the container at depth 2 is one
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return &handler.Problem{Status: http.StatusBadRequest, Code: "too_deep", Detail: fmt.Sprintf("the body nests deeper than %d levels", maxDepth)}
			}
			if depth == 2 {
				array, elements = c == '[', 1
			}
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 2 && array:
			if elements++; elements > maxEvaluations {
				return &handler.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_many",
					Detail: fmt.Sprintf("more than %d evaluations in one call; send them in several", maxEvaluations)}
			}
		}
	}
	return nil
}

// jsonSays is a decoder's error in words for the caller.
func jsonSays(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Field == "" {
			return fmt.Sprintf("the body is a JSON %s; it must be an object", e.Value)
		}
		return fmt.Sprintf("%s is a JSON %s; it must be %s", e.Field, e.Value, wanted(e))
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("the body is not JSON: %s at byte %d", e, e.Offset)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func wanted(e *json.UnmarshalTypeError) string {
	switch {
	case e.Type.Kind() == reflect.String, e.Type == reflect.TypeFor[moment]():
		return "a string"
	case e.Type.Kind() == reflect.Int, e.Type.Kind() == reflect.Int64:
		return "a whole number"
	case e.Type.Kind() == reflect.Slice:
		return "an array"
	}
	return "an object"
}

// write answers 200 with v as JSON.
func write(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n')) // the caller is gone when this fails
	return nil
}
