package mapping

import (
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// Env is what a mapping is read against.
type Env struct {
	Catalogue *access.Catalogue
	Sources   []string          // nil: sources are not checked
	Sites     []access.Site     // nil: sites are not checked
	Groups    []directory.Group // seen so far; for lints
	Zone      *time.Location    // in which days end; nil is UTC
	Now       time.Time         // for lints
}

// Severity says whether a problem stops the mapping.
type Severity uint8

// The severities.
const (
	Failure Severity = iota
	Warning
)

// Problem is one thing wrong, or doubtful, in a mapping.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Code     string   `json:"code"` // GB101 …; documented in docs/mapping.md
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Excerpt  string   `json:"excerpt,omitempty"` // the line, for the caret
}

// Problems are all that one pass found, in order of line.
type Problems []Problem

// Limits are the guard's bounds. Zero of a field means its default.
type Limits struct {
	PeopleChanged     Share // of all people, whose access changes; default 20%
	PeopleRemoved     Share // of all people, who lose all access; default 5%
	SuperusersAtLeast int   // default 1
}

// Share is a share of a whole, or a number: "20%", "50".
type Share struct {
	Percent float64
	Count   int
	IsCount bool
	Set     bool
}

// Set is a mapping that was read without failure. It is immutable.
type Set struct{ set }

// Trait is a condition on a person's attributes: it holds when an active
// account of one of Sources satisfies it.
type Trait struct {
	ID      access.TraitID
	Sources []string // nil is any
	Paths   []string // the Value paths that Match looks at
	match   func([]directory.Value) bool
}

// GroupState says what the rules do with a group that arrived.
type GroupState struct {
	Rules []string // ids of the rules it matches
	Near  string   // when none does: the nearest rule, and how it differs
}

// RuleState is one rule with what it matches.
type RuleState struct {
	ID     string
	Line   int
	Says   string // the rule in one sentence
	Groups []directory.GroupID
}

// TestResult is the outcome of one of the file's tests.
type TestResult struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	// Wrong holds one sentence for each expectation that did not hold.
	Wrong []string `json:"wrong"`
}
