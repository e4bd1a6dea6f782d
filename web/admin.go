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
	"grantbridge/directory"
	"grantbridge/internal/handler"
	"grantbridge/provision"
	"grantbridge/store"
)

// What all routes below /api/v1 have in common: who may, what comes in, and what
// an error is.

// superuserAction is what changes of everybody's access need.
const superuserAction = "superuser"

// authorised asks the evaluator whether the caller's own token may do the action
// on the platform, and says as whom he does it.
func (d *door) authorised(r *http.Request, action string) (store.By, error) {
	secret, p := bearer(r)
	if p != nil {
		return store.By{}, p
	}
	person, credential, err := d.engine.Authenticate(secret)
	if err != nil {
		return store.By{}, unauthenticated(`the token is not valid, or not any more`, err)
	}
	may := d.engine.Holder().Check(access.Request{
		Person: person, Credential: credential, Site: access.Global, Action: d.action(action), At: d.conf.Now(),
	})
	switch {
	case may.Allowed:
		return store.By{Actor: fmt.Sprintf("person:%d", person), Via: "api", Request: r.Header.Get(handler.IDHeader)}, nil
	case may.Code == access.Stale:
		return store.By{}, &handler.Problem{Status: http.StatusServiceUnavailable, Code: "stale", RetryAfter: time.Second,
			Detail: "the grant store has not been heard from for too long to know who may; try again"}
	case may.Code == access.Revoked, may.Code == access.ExpiredToken:
		return store.By{}, unauthenticated("the token is not valid any more", nil)
	}
	return store.By{}, &handler.Problem{Status: http.StatusForbidden, Code: "forbidden",
		Challenge: `Bearer realm="grantbridge", error="insufficient_scope", scope="` + action + `"`,
		Detail:    "this token may not do this (" + may.Code.String() + "); it needs " + action + " on the whole platform"}
}

// maxAdminBody is far above a reason and a ticket.
const maxAdminBody = 64 << 10

// readBody reads a JSON object with known members only; no body at all leaves to
// as it is, when that is allowed.
func readBody(w http.ResponseWriter, r *http.Request, to any, optional bool) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	err := d.Decode(to)
	if optional && errors.Is(err, io.EOF) {
		return nil
	}
	if media, _, mediaErr := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaErr != nil || media != "application/json" {
		return &handler.Problem{Status: http.StatusUnsupportedMediaType, Code: "media_type", Detail: "send Content-Type: application/json"}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if err != nil {
		return handler.Bad("the body is not what is expected here: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return handler.Bad("something stands behind the JSON object")
	}
	return nil
}

// worded is a fault of a directory, in words for the person who must act.
type worded interface {
	error
	Words() string
}

// refused is the problem that an engine's refusal is, or nil.
func refused(err error) *handler.Problem {
	conflict := func(code, detail string) *handler.Problem {
		return &handler.Problem{Status: http.StatusConflict, Code: code, Detail: detail, Cause: err}
	}
	invalid, isInvalid := errors.AsType[*provision.InvalidError](err)
	held, isHeld := errors.AsType[*provision.HeldError](err)
	refusal, isRefused := errors.AsType[*provision.RefusedError](err)
	unproven, isUnproven := errors.AsType[*directory.UnprovenError](err)
	fault, isFault := errors.AsType[worded](err)
	switch {
	case isInvalid:
		return conflict("conflict", invalid.Says)
	case isHeld:
		return conflict("held", held.Error())
	case isRefused:
		return conflict("refused", refusal.Error())
	case errors.Is(err, store.ErrPrecondition):
		return conflict("changed", "what would be done now is another plan than the one with this hash; nothing was changed, look at the plans again")
	case errors.Is(err, provision.ErrBusy), errors.Is(err, store.ErrFenced):
		return &handler.Problem{Status: http.StatusServiceUnavailable, Code: "busy", RetryAfter: 5 * time.Second,
			Detail: "another process is just reading this source; try again", Cause: err}
	case isUnproven:
		return &handler.Problem{Status: http.StatusBadGateway, Code: "directory",
			Detail: "the directory was read and is not believed: " + unproven.Error() + "; nothing was changed", Cause: err}
	case isFault:
		return &handler.Problem{Status: http.StatusBadGateway, Code: "directory", Detail: fault.Words() + "; nothing was changed", Cause: err}
	}
	return nil
}
