package access

import (
	"iter"
	"time"
)

// Facts is everything a Snapshot is made from.
type Facts struct {
	Revision  int64
	Catalogue *Catalogue
	Sites     []Site
	Rules     []Rule
	Cohorts   []Cohort
	People    iter.Seq[Person] // yielded Person's slices may be reused by the caller
	Tokens    []Token
}

// Delta is a change of facts. A fact given replaces the one of its id whole.
type Delta struct {
	Revision      int64
	Sites         []Site
	RemoveSites   []SiteID
	Rules         []Rule
	RemoveRules   []RuleID
	Cohorts       []Cohort
	RemoveCohorts []CohortID
	People        []Person
	RemovePeople  []PersonID
	Tokens        []Token
	RemoveTokens  []TokenID
}

// Snapshot is the grant model at one revision: immutable, safe for any number
// of readers, answering without I/O and without allocation.
type Snapshot struct{ snapshot }
type snapshot struct{}

// Build makes a snapshot from facts. It refuses rules without a kind or
// subject, ids out of range and second uses of an id, all in one error.
func Build(f Facts) (*Snapshot, error) { panic("todo") }

// With returns the next snapshot; s stays as it is. Removing what is not there
// is no error. The result equals Build on the changed facts (law L16).
func (s *Snapshot) With(d Delta) (*Snapshot, error) { panic("todo") }

// Revision is the store's revision that the snapshot shows.
func (s *Snapshot) Revision() int64 { panic("todo") }

// Catalogue is the snapshot's catalogue.
func (s *Snapshot) Catalogue() *Catalogue { panic("todo") }

// Check answers r. It does not allocate.
func (s *Snapshot) Check(r Request) Decision { panic("todo") }

// Explain answers r by the same walk as Check and keeps what it saw.
func (s *Snapshot) Explain(r Request) Explanation { panic("todo") }

// Effective is everything that r's credential may do on r's site; r.Action is
// not looked at.
func (s *Snapshot) Effective(r Request) Actions { panic("todo") }

// Sites yields the sites on which r's action is allowed; r.Site is not looked at.
func (s *Snapshot) Sites(r Request) iter.Seq[SiteID] { panic("todo") }

// WhoCan yields the people who, in a session that clamps nothing, may do action
// on site at now, in ascending order.
func (s *Snapshot) WhoCan(action ActionID, site SiteID, now time.Time) iter.Seq[PersonID] {
	panic("todo")
}

// Site finds a site by id.
func (s *Snapshot) Site(id SiteID) (Site, bool) { panic("todo") }

// AllSites lists the sites in ascending order of id.
func (s *Snapshot) AllSites() []Site { panic("todo") }

// Rule finds a rule by id.
func (s *Snapshot) Rule(id RuleID) (*Rule, bool) { panic("todo") }

// Rules yields every rule.
func (s *Snapshot) Rules() iter.Seq[*Rule] { panic("todo") }

// Person finds a person by id. Its slices are the caller's.
func (s *Snapshot) Person(id PersonID) (Person, bool) { panic("todo") }

// People yields the id of every person in ascending order.
func (s *Snapshot) People() iter.Seq[PersonID] { panic("todo") }

// Token finds a token by id.
func (s *Snapshot) Token(id TokenID) (Token, bool) { panic("todo") }

// Subjects yields the subjects that person has, himself and built-ins
// included, in a stable order; cohorts are included when their expression holds.
func (s *Snapshot) Subjects(person PersonID) iter.Seq[Subject] { panic("todo") }

// Has reports whether person has subject. It does not allocate.
func (s *Snapshot) Has(person PersonID, subject Subject) bool { panic("todo") }

// Stats counts what the snapshot holds.
type Stats struct {
	People, Memberships, Sites, Rules, Tokens int
}

// Stats counts what the snapshot holds.
func (s *Snapshot) Stats() Stats { panic("todo") }

// Holder keeps the current snapshot for concurrent readers.
type Holder struct{ holder }
type holder struct{}

// NewHolder makes an empty holder, which answers everything with Stale until
// the first Set. maxStaleness is how long after the last Set or Touch answers
// are still given; zero or less is no bound.
func NewHolder(maxStaleness time.Duration) *Holder { panic("todo") }

// Set swaps the snapshot in; freshAsOf is when the store was last heard from.
func (h *Holder) Set(s *Snapshot, freshAsOf time.Time) { panic("todo") }

// Touch records that the store was heard from and had nothing newer.
func (h *Holder) Touch(freshAsOf time.Time) { panic("todo") }

// Snapshot is the current snapshot, nil before the first Set, and whether it is
// fresh enough at now to answer from.
func (h *Holder) Snapshot(now time.Time) (s *Snapshot, fresh bool) { panic("todo") }

// Check answers r from the current snapshot, or Stale. It does not allocate.
func (h *Holder) Check(r Request) Decision { panic("todo") }
