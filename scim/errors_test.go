package scim

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"grantbridge/store"
)

// next is how a detail text says what to do.
var next = regexp.MustCompile(`\b(look it up|create (it|one)|read it again|send (it|the request|without)|provision|choose|send it|request id)\b`)

func TestTheErrorTableSaysWhatAndWhatNext(t *testing.T) {
	var all []*Error
	for _, row := range errorTable {
		e := toError(fmt.Errorf("somewhere deep: %w", row.is))
		if e.Status != row.says.Status || e.Detail != row.says.Detail {
			t.Errorf("%v is answered with %v", row.is, e)
		}
		all = append(all, e)
	}
	all = append(all,
		toError(&store.UniqueError{Attribute: "userName", Value: "ada", UID: "2819c223"}),
		toError(&store.UnknownMembersError{UIDs: []string{"2819c223"}}),
		toError(errors.New("dial tcp 10.0.0.7:5432: password authentication failed")))
	for _, e := range all {
		switch {
		case !next.MatchString(e.Detail):
			t.Errorf("%d: %q does not say what to do next", e.Status, e.Detail)
		case len(strings.Fields(e.Detail)) < 6 || strings.HasSuffix(e.Detail, "."):
			t.Errorf("%d: %q is no sentence of ours", e.Status, e.Detail)
		case (e.Status == 429 || e.Status == 503) && e.RetryAfter == 0:
			t.Errorf("%d: %q does not say when", e.Status, e.Detail)
		case strings.Contains(e.Detail, "10.0.0.7"):
			t.Errorf("%d: %q tells an internal cause", e.Status, e.Detail)
		}
	}
}
