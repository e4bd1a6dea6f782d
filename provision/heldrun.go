package provision

import (
	"context"
	"errors"
	"fmt"

	"grantbridge/store"
)

// ErrBusy: another process is reading the source just now.
var ErrBusy = errors.New("another process is just reading this source")

// Approver reads a source's directory again and does exactly the plan with the
// hash, or nothing (store.ErrPrecondition, ErrBusy).
type Approver func(ctx context.Context, by store.By, hash string) error

// Approves says who does the held plans of a source's directory in this process;
// nil ends it.
func (e *Engine) Approves(source string, a Approver) {
	e.knownMu.Lock()
	defer e.knownMu.Unlock()
	if a == nil {
		delete(e.approvers, source)
		return
	}
	e.approvers[source] = a
}

// applyHeldRun does the held plan of a directory's run. The run itself settles
// the hold.
func (e *Engine) applyHeldRun(ctx context.Context, by store.By, h store.Hold) error {
	e.knownMu.Lock()
	approve := e.approvers[h.Source]
	e.knownMu.Unlock()
	if approve == nil {
		return &InvalidError{Says: fmt.Sprintf("held plan %d is of the directory %s, which this process does not read; do it where its configuration is: grantbridge sync apply %d --hash %s", h.ID, h.Source, h.ID, h.Hash)}
	}
	return ofHold(h.ID, approve(ctx, by, h.Hash))
}
