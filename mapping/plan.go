package mapping

import (
	"time"

	"grantbridge/access"
)

// Plan is a difference between two snapshots: what would change for whom.
type Plan struct {
	Base   int64 `json:"base"`   // the revision that it was made on
	People int   `json:"people"` // all people
	// How many people, each counted once under the strongest that holds: Lose
	// all access, go Down somewhere, Gain access from none, go Up.
	Lose int `json:"lose"`
	Down int `json:"down"`
	Gain int `json:"gain"`
	Up   int `json:"up"`
	// Superusers before and after, break-glass owners not counted.
	SuperusersBefore int    `json:"superusers_before"`
	SuperusersAfter  int    `json:"superusers_after"`
	Moves            []Move `json:"moves"` // removals first
	// Hash binds the plan: equal plans on equal bases have equal hashes.
	Hash string `json:"hash"`
}

// Move is one change of level on one site, and everyone it happens to.
type Move struct {
	Site  access.SiteID `json:"site"`
	Token bool          `json:"token,omitempty"` // only through tokens
	From  access.Level  `json:"from"`
	To    access.Level  `json:"to"`
	// Actions, when the levels are equal, names up to five actions gained or lost.
	Actions []string          `json:"actions,omitempty"`
	People  []access.PersonID `json:"people"` // ascending
}

// Changed is how many people's access changes.
func (p *Plan) Changed() int { return p.Lose + p.Down + p.Gain + p.Up }

// Diff compares old and new at now. It looks only at people who have a subject
// whose rules differ, and at each class of equal people once.
func Diff(old, new *access.Snapshot, now time.Time) *Plan { panic("todo") }

// Breach is one limit that a plan breaks, in a sentence for the person who
// must decide.
type Breach struct {
	Limit string `json:"limit"` // "people_changed", "people_removed", "superusers_at_least"
	Says  string `json:"says"`
	// Final means that no approval lifts it: the last superuser.
	Final bool `json:"final,omitempty"`
}

// Breaches lists the limits that p breaks.
func (l Limits) Breaches(p *Plan) []Breach { panic("todo") }
