package access

// The ids of facts. They are positive; zero names nothing. The store hands them
// out densely from one, which the Snapshot relies on for its memory, not for
// its answers. Ids above MaxID are refused by Build and With.
type (
	SiteID   int64
	PersonID int64
	GroupID  int64
	TokenID  int64
	CohortID int64
	TraitID  int64
	// RuleID is a stable 63-bit name of one access rule; the maker of the rule
	// derives it (a mapping rule and group: a hash; a manual grant: its row).
	RuleID int64
)

// MaxID is the largest id of a person, group, cohort or trait.
const MaxID = 1<<28 - 1

// Global asks about the platform instead of a site ("may he add sites?"). Only
// rules whose scope is All reach it.
const Global SiteID = -1
