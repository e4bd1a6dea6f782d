package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/ldapsync"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

// The exit codes. They are part of the contract with scripts.
const (
	exitDone    = 0 // done, or the answer is yes
	exitError   = 1
	exitUsage   = 2
	exitInvalid = 3 // config or mapping invalid
	exitNo      = 4 // the answer is no
	exitHeld    = 5 // held by a guard
	exitPending = 6 // changes pending (--check)
)

// codeError ends the program with a code; its text may be empty when
// everything was said already.
type codeError struct {
	code int
	says string
}

func (e *codeError) Error() string { return e.says }

func usage(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Sprintf(format, args...)}
}

func invalid(err error) error { return &codeError{exitInvalid, err.Error()} }

// The answers that are no error but no success either.
var (
	errNo      = &codeError{code: exitNo}
	errPending = &codeError{code: exitPending}
	errFailed  = &codeError{code: exitError} // all was said
)

// exit reports err to the person and returns the code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitDone
	}
	code := codeOf(err)
	if says := explainError(err); says != "" {
		fmt.Fprintln(a.err, prefix(code)+says)
	}
	return code
}

func prefix(code int) string {
	switch code {
	case exitInvalid, exitHeld, exitNo:
		return ""
	}
	return "grantbridge: "
}

// codeOf is the table from errors to exit codes.
func codeOf(err error) int {
	if e, ok := errors.AsType[*codeError](err); ok {
		return e.code
	}
	if isOne[*provision.HeldError](err) || isOne[*provision.RefusedError](err) {
		return exitHeld
	}
	if isOne[mapping.Problems](err) || isOne[strict.Problems](err) {
		return exitInvalid
	}
	if isOne[*provision.InvalidError](err) || isCobraUsage(err) {
		return exitUsage
	}
	return exitError
}

func isOne[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isCobraUsage knows the one complaint that cobra makes without our functions.
func isCobraUsage(err error) bool {
	return strings.HasPrefix(err.Error(), "required flag(s)") || strings.HasPrefix(err.Error(), "if any flags in the group")
}

// explainError says what happened and what to do now.
func explainError(err error) string {
	says := err.Error()
	if held, ok := errors.AsType[*provision.HeldError](err); ok && held.Hold.ID != 0 {
		return fmt.Sprintf("%s\n  see it      grantbridge sync list\n  approve it  grantbridge sync apply %d --hash %s\n  drop it     grantbridge sync discard %d",
			says, held.Hold.ID, held.Hold.Hash, held.Hold.ID)
	}
	if fault, ok := errors.AsType[*ldapsync.Error](err); ok {
		return fault.Words()
	}
	switch {
	case errors.Is(err, store.ErrSchema):
		return says + "; bring it up to date with: grantbridge migrate up"
	case errors.Is(err, store.ErrPrecondition) && !strings.Contains(says, "again"):
		return says + "; look at it again and repeat"
	case errors.Is(err, store.ErrUnavailable):
		return says + "; check that the database runs and try again"
	case errors.Is(err, store.ErrTooManyTokens):
		return says + ": grantbridge scim-token list, then scim-token revoke"
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	return says
}
