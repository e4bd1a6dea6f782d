package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	scimerrors "github.com/elimity-com/scim/errors"

	"grantbridge/provision"
	"grantbridge/store"
)

// Error is a refusal as RFC 7644 3.12 words it. Detail is written for the
// administrator of the identity provider: what, where, what next.
type Error struct {
	Status     int
	Type       scimerrors.ScimType
	Detail     string
	RetryAfter time.Duration // of 429 and 503
}

func (e *Error) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("%d: %s", e.Status, e.Detail)
	}
	return fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.Detail)
}

// The error keywords of RFC 9865 that the library does not know.
const (
	typeInvalidCursor scimerrors.ScimType = "invalidCursor"
	typeExpiredCursor scimerrors.ScimType = "expiredCursor"
	typeInvalidCount  scimerrors.ScimType = "invalidCount"
)

func refuse(status int, format string, args ...any) *Error {
	return &Error{Status: status, Detail: fmt.Sprintf(format, args...)}
}

func invalid(kind scimerrors.ScimType, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: kind, Detail: fmt.Sprintf(format, args...)}
}

func invalidValue(format string, args ...any) *Error {
	return invalid(scimerrors.ScimTypeInvalidValue, format, args...)
}

func invalidSyntax(format string, args ...any) *Error {
	return invalid(scimerrors.ScimTypeInvalidSyntax, format, args...)
}

func invalidPath(format string, args ...any) *Error {
	return invalid(scimerrors.ScimTypeInvalidPath, format, args...)
}

func invalidFilter(format string, args ...any) *Error {
	return invalid(scimerrors.ScimTypeInvalidFilter, format, args...)
}

func mutability(format string, args ...any) *Error {
	return invalid(scimerrors.ScimTypeMutability, format, args...)
}

func noTarget(format string, args ...any) *Error {
	return invalid(scimerrors.ScimTypeNoTarget, format, args...)
}

// toError is the one table from what can go wrong to what SCIM calls it. Causes
// that it does not know are internal and are not told.
func toError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*store.UniqueError](err); ok {
		return &Error{Status: http.StatusConflict, Type: scimerrors.ScimTypeUniqueness,
			Detail: fmt.Sprintf("%s %q belongs to another resource (id %s); look it up with a filter and update it, or choose another value", e.Attribute, e.Value, e.UID)}
	}
	if e, ok := errors.AsType[*store.UnknownMembersError](err); ok {
		return invalidValue("members: no user has the id %s; provision the user first, then add it to the group (groups within groups are not taken by this profile)", few(e.UIDs))
	}
	for _, row := range errorTable {
		if errors.Is(err, row.is) {
			e := row.says
			return &e
		}
	}
	return refuse(http.StatusInternalServerError, "the request could not be done; its request id is in the server's log")
}

var errorTable = []struct {
	is   error
	says Error
}{
	{store.ErrNotFound, Error{Status: http.StatusNotFound, Detail: "there is no resource with this id; look it up with a filter, or create it"}},
	{store.ErrPrecondition, Error{Status: http.StatusPreconditionFailed, Detail: "the resource has changed since its version in If-Match; read it again"}},
	{provision.ErrUnknownSource, Error{Status: http.StatusUnauthorized, Detail: unauthorized}},
	{provision.ErrUnauthenticated, Error{Status: http.StatusUnauthorized, Detail: unauthorized}},
	{provision.ErrBurst, Error{Status: http.StatusServiceUnavailable, RetryAfter: time.Minute,
		Detail: "this source has deactivated or removed more people than its burst limit allows; nothing was changed by this request, send it again later"}},
	{store.ErrOverloaded, Error{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Second, Detail: "too many requests are waiting; send it again later"}},
	{store.ErrUnavailable, Error{Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Detail: "the store does not answer; send the request again later"}},
	{store.ErrText, Error{Status: http.StatusBadRequest, Type: scimerrors.ScimTypeInvalidValue, Detail: "a text is not UTF-8 or has the character U+0000 in it; send it without"}},
	{store.ErrFenced, Error{Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Detail: "the store is changing hands; send the request again later"}},
	{context.DeadlineExceeded, Error{Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Detail: "the request took too long; send it again later"}},
	{context.Canceled, Error{Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Detail: "the request was given up; send it again later"}},
}

const unauthorized = "the bearer token is missing or not valid for this SCIM base URL; create one with `grantbridge scim-token create`"

// few names up to ten of ids.
func few(ids []string) string {
	if len(ids) <= 10 {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:10], ", "), len(ids)-10)
}

// clip shortens what a caller sent before it is told back to him.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
