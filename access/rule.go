package access

import "time"

// Kind says what a rule does. The zero value is no kind; such a rule is refused.
type Kind uint8

// The kinds of rule.
const (
	Grant Kind = iota + 1 // adds actions
	Deny                  // removes actions
	Cap                   // keeps only its actions
)

// SubjectKind says what a Subject's id names.
type SubjectKind uint8

// The kinds of subject. The zero value names nobody.
const (
	Nobody SubjectKind = iota
	ThePerson
	TheGroup
	TheCohort
	TheTrait
	SignedIn // everyone but anonymous
	Everyone // anonymous too
)

// Subject is who a rule is about.
type Subject struct {
	Kind SubjectKind
	ID   int64
}

// Channel says through which credentials a cap restricts.
type Channel uint8

// The channels. AnyChannel is the zero value: a cap that says nothing binds all.
const (
	AnyChannel Channel = iota
	TokenChannel
	SessionChannel
)

// Rule is one grant, deny or cap. Times are closed-open: From ≤ t < Until, the
// zero time is open.
type Rule struct {
	ID      RuleID
	Kind    Kind
	Subject Subject
	// Role is what people wrote ("write", "at_most view"); Actions is what counts.
	Role    string
	Actions Actions
	Scope   Scope
	// TokenCeiling bounds what a grant contributes through a token. Its zero
	// value lets nothing through; a grant without a ceiling says CeilingInherit.
	TokenCeiling Ceiling
	Channel      Channel // of a cap
	From, Until  time.Time
	// For, on a rule about a group, ends it for each member this long after he
	// joined (Person.Joined). A member whose joining is unknown has nothing of a
	// grant, and is bound by a deny or cap.
	For    time.Duration
	Origin Origin
}

// Origin says where a rule comes from, for explaining; no decision looks at it.
type Origin struct {
	Source    string // the identity provider, "manual" or "emergency"
	Group     string // the group's display name
	Rule      string // the mapping rule's id
	Version   int64  // the mapping's version
	Author    string // who made a manual rule
	Reason    string
	Ticket    string
	UntilSync string // a manual rule that ends with this source's next sync
}

// Cohort is a boolean of subjects, itself a subject.
type Cohort struct {
	ID   CohortID
	Expr Expr
}

// ExprOp is the operator of an Expr.
type ExprOp uint8

// The operators. The zero value is never true.
const (
	Never ExprOp = iota
	Is           // the person has Subject (a group, a trait, SignedIn)
	AllOf
	AnyOf
	NotOf // of its one argument
)

// Expr is a boolean over subjects. AllOf nothing is false: zero values deny.
type Expr struct {
	Op      ExprOp
	Subject Subject
	Args    []Expr
}
