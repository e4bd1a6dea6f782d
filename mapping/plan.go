package mapping

import "grantbridge/access"

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
	// Hash binds the plan to what it does: plans that move the same people in the
	// same way have equal hashes, whatever else has changed since.
	Hash string `json:"hash"`
}

// Move is one change of level on one site, and everyone it happens to. Moves
// with Token are those in which what a token may do changes in another way than
// what a session may. The site access.Global is the platform itself.
type Move struct {
	Site  access.SiteID `json:"site"`
	Token bool          `json:"token,omitempty"` // only through tokens
	From  access.Level  `json:"from"`
	To    access.Level  `json:"to"`
	// Actions, when the levels are equal, names up to five actions lost
	// ("-segments:share") or gained ("+segments:share"), the lost ones first.
	Actions []string `json:"actions,omitempty"`
	// People is ascending. Moves of equal people may share it; it is not to be
	// changed.
	People []access.PersonID `json:"people"`
}

// Changed is how many people's access changes.
func (p *Plan) Changed() int { return p.Lose + p.Down + p.Gain + p.Up }

// Breach is one limit that a plan breaks, in a sentence for the person who
// must decide.
type Breach struct {
	Limit string `json:"limit"` // "people_changed", "people_removed", "superusers_at_least"
	Says  string `json:"says"`
	// Final means that no approval lifts it: the last superuser.
	Final bool `json:"final,omitempty"`
}
