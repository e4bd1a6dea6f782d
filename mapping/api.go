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

// Error is the problem as a person reads it: file:line:column, code, message,
// the line and a caret.
func (p Problem) Error() string { panic("todo") }

// Problems are all that one pass found, in order of line.
type Problems []Problem

// Failed reports whether one of them stops the mapping.
func (ps Problems) Failed() bool { panic("todo") }

// Error joins them, one after the other.
func (ps Problems) Error() string { panic("todo") }

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
type set struct{}

// Parse reads the mapping in text; name stands in its problems. The Set is nil
// when a problem is a Failure; warnings (lints) come with the Set.
func Parse(name string, text []byte, env Env) (*Set, Problems) { panic("todo") }

// Text is the mapping as it was read.
func (s *Set) Text() []byte { panic("todo") }

// Format is the mapping in canonical layout, comments kept. Parse of it gives
// an equal Set.
func (s *Set) Format() []byte { panic("todo") }

// Limits are those that the file states.
func (s *Set) Limits() Limits { panic("todo") }

// ForGroup is what the rules say of g alone: access rules whose subject is g.
func (s *Set) ForGroup(g directory.Group) []access.Rule { panic("todo") }

// Rest is what the rules say that ForGroup cannot: rules over cohorts of several
// groups or of traits. groups are all groups.
func (s *Set) Rest(groups []directory.Group) ([]access.Rule, []access.Cohort) { panic("todo") }

// Timed reports whether a rule that runs from joining is about g, so that
// access.Person.Joined must name it.
func (s *Set) Timed(g directory.Group) bool { panic("todo") }

// Traits are the conditions on persons that the rules name.
func (s *Set) Traits() []Trait { panic("todo") }

// Trait is a condition on a person's attributes: it holds when an active
// account of one of Sources satisfies it.
type Trait struct {
	ID      access.TraitID
	Sources []string // nil is any
	Paths   []string // the Value paths that Match looks at
	match   func([]directory.Value) bool
}

// Match reports whether an account of source with these values satisfies t.
func (t Trait) Match(source string, values []directory.Value) bool { panic("todo") }

// GroupState says what the rules do with a group that arrived.
type GroupState struct {
	Rules []string // ids of the rules it matches
	Near  string   // when none does: the nearest rule, and how it differs
}

// State says what the rules do with g.
func (s *Set) State(g directory.Group) GroupState { panic("todo") }

// RuleState is one rule with what it matches.
type RuleState struct {
	ID     string
	Line   int
	Says   string // the rule in one sentence
	Groups []directory.GroupID
}

// Rules lists the rules with which of groups each matches.
func (s *Set) Rules(groups []directory.Group) []RuleState { panic("todo") }

// TestResult is the outcome of one of the file's tests.
type TestResult struct {
	Name string
	Line int
	// Wrong holds one sentence for each expectation that did not hold.
	Wrong []string
}

// Test runs the file's tests against its own rules and the sites of env.
func (s *Set) Test(env Env) []TestResult { panic("todo") }

// Schema is the JSON Schema of the language, for editors.
func Schema() []byte { panic("todo") }
