package access

import "time"

// Code is the reason of a decision, from a closed list. The zero value is no
// code and belongs to no decision that was made.
type Code uint8

// The codes.
const (
	_ Code = iota
	Allowed
	NoGrant
	DeniedRule
	CapUser
	CeilingToken
	CeilingMapping
	CeilingSession
	ExpiredGrant
	ExpiredToken
	Revoked
	Locked
	Suspended
	Anonymous
	UnknownSubject
	UnknownSite
	UnknownAction
	Stale
)

var codeNames = [...]string{"", "allowed", "no_grant", "denied_rule", "cap_user", "ceiling_token", "ceiling_mapping", "ceiling_session",
	"expired_grant", "expired_token", "revoked", "locked", "suspended", "anonymous", "unknown_subject", "unknown_site", "unknown_action", "stale"}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return ""
}

// MarshalText writes the code's name.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Request is one question. Person may be zero when the credential is a token:
// its owner is asked about then; a token of somebody else is unknown_subject.
type Request struct {
	Person     PersonID
	Credential Credential
	// Also are further credentials of the same request; they intersect.
	Also   []Credential
	Site   SiteID
	Action ActionID
	At     time.Time
}

// Decision is the answer. The zero value is no.
type Decision struct {
	Allowed  bool
	Code     Code
	Revision int64
}

// Explanation is a decision with the whole walk that made it.
type Explanation struct {
	Decision
	Person      PersonID
	Effective   Level   // the highest level held on the site with this credential
	Actions     Actions // everything held
	Grants      []GrantTrail
	Restriction []RestrictionTrail
	Nearest     []Change
}

// GrantTrail is one grant whose subject and scope reach the question.
type GrantTrail struct {
	Rule   *Rule
	Via    Subject // the person's own subject that the rule names, or that brought the cohort
	Counts bool
	WhyNot string    // "expired", "not yet", "token ceiling view", "does not include ACTION"
	Ends   time.Time // when it ends for this person, zero is open
}

// RestrictionKind names what restricts.
type RestrictionKind string

// The kinds of restriction.
const (
	ByDeny      RestrictionKind = "deny"
	ByCap       RestrictionKind = "cap"
	ByToken     RestrictionKind = "token"
	ByMapping   RestrictionKind = "mapping" // a grant's TokenCeiling
	BySession   RestrictionKind = "session"
	ByAnonymous RestrictionKind = "anonymous"
	ByLock      RestrictionKind = "lock"
	BySuspend   RestrictionKind = "suspend"
)

// RestrictionTrail is one thing that took away. Decides is true when the answer
// would be yes without it and the others that decide.
type RestrictionTrail struct {
	Kind    RestrictionKind
	Rule    *Rule   // of a deny or cap
	Token   TokenID // of a token; a parent's restriction names the parent
	Limit   string  // what it leaves: a level, "3 sites", "2 actions"
	Decides bool
}

// ChangeKind names the smallest changes that would flip a no. Each that
// Explanation.Nearest lists would do so alone; when it takes several at once,
// none is listed, and RestrictionTrail.Decides tells them all.
type ChangeKind string

// The kinds of change.
const (
	UseSession   ChangeKind = "use_session"
	RaiseToken   ChangeKind = "raise_token"
	RaiseMapping ChangeKind = "raise_mapping" // a mapping rule's token_ceiling
	LiftRule     ChangeKind = "lift_rule"     // the deny or cap that decides
	JoinGroup    ChangeKind = "join_group"    // the group whose rule would grant it
	RenewGrant   ChangeKind = "renew_grant"
	RenewToken   ChangeKind = "renew_token"
	Unlock       ChangeKind = "unlock"
	Reactivate   ChangeKind = "reactivate"
)

// Change is one of them, with what it is about.
type Change struct {
	Kind  ChangeKind
	Rule  *Rule
	Token TokenID
	Group GroupID // to join
	Level Level   // what a token or mapping ceiling would have to reach
}
