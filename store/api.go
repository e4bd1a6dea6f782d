package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// The errors that callers branch on.
var (
	ErrNotFound     = errors.New("not found")
	ErrPrecondition = errors.New("the resource has changed since it was read")
	// ErrUnavailable: the database did not answer, or the outcome of the commit
	// is unknown. Every operation may be sent again.
	ErrUnavailable = errors.New("the store is not available")
	// ErrOverloaded: more operations wait than can be done in time.
	ErrOverloaded = errors.New("the store is overloaded")
	// ErrFenced: the lease that the operation was done under has been taken over.
	ErrFenced = errors.New("the lease was taken over by another process")
	ErrSchema = errors.New("the database schema does not fit this program")
)

// UniqueError says that another resource has the value already.
type UniqueError struct {
	Attribute string // "userName", "externalId", "displayName", "slug" …
	Value     string
	UID       string // of the one that has it
}

func (e *UniqueError) Error() string {
	return fmt.Sprintf("%s %q is already taken", e.Attribute, e.Value)
}

// UnknownMembersError says which of the members do not exist in the source.
type UnknownMembersError struct{ UIDs []string }

func (e *UnknownMembersError) Error() string {
	return fmt.Sprintf("no user has the id %s", strings.Join(e.UIDs, ", "))
}

// Lane orders what waits: a revocation never waits behind a bulk.
type Lane uint8

// The lanes, first served first.
const (
	LaneRevoke Lane = iota
	LaneLogin
	LaneNormal
	LaneBulk
)

// By says who does an operation, how and why; the audit entry keeps it.
type By struct {
	Actor   string // "scim:okta", "cli:root", "person:12", "config"
	Via     string // the door: scim, saml, ldap, cli, api, config
	Request string // the request id that log and answer carry too
	Reason  string
	Ticket  string
	Lane    Lane
	Lease   *Lease // the operation is refused with ErrFenced unless it is held
}

// Op is one operation: a pointer to one of this package's op structs. What Do
// found and made stands in its Out fields.
type Op interface{ op() }

// Receipt says what a commit was. An operation that changes nothing writes
// nothing: Changed is false and Revision is that of the head.
type Receipt struct {
	Revision int64
	Changed  bool
}

// ChangeAccount does what a source says of an account. A created account gets a
// person of its own and becomes a member of the groups that wait for it. A
// deleted one leaves its memberships and its attributes, and stays as a
// tombstone with its person. Manual rules of the person that end with the
// source's next sync end.
type ChangeAccount struct {
	Change        *directory.AccountChange
	Before, After directory.Account // out; After is zero when deleted
}

// ChangeGroup does what a source says of a group and its members. Where
// references may be parked (directory.MemberChange.Park), they may be external
// ids too, in whatever order accounts and groups arrive. A deleted group leaves
// a tombstone that AllGroups shows to followers.
type ChangeGroup struct {
	Change         *directory.GroupChange
	Before, After  directory.Group // out
	Added, Removed int             // out: memberships
	Parked         int             // out: references to accounts not known yet
}

// Source is one identity provider as configured.
type Source struct {
	Name string
	// Veto says that an account which the source deactivates or deletes suspends
	// its person everywhere, not only for what this source gives.
	Veto     bool
	Disabled bool // its accounts and groups give nothing
	// StaleAfter is how long memberships grant that sign-ins have brought and do
	// not bring any more (StaleGroups); 0 is for ever. Whole microseconds.
	StaleAfter time.Duration
	Revision   int64
}

// PutSource makes the source be as given.
type PutSource struct{ Source Source }

// PutSites makes the sites be as given; others stay. A taken slug is a
// UniqueError. Guard is as in SetMapping; it is not asked when nothing changes.
type PutSites struct {
	Sites []access.Site
	Guard func(ctx context.Context, revision int64) error
}

// RemoveSite removes a site from the catalogue.
type RemoveSite struct{ ID access.SiteID }

// Mapping is one version of the administrators' rules.
type Mapping struct {
	Version int64 // from 1; 0 is none
	Text    string
	Author  string
	Comment string
	At      time.Time
	// Restores is the version whose text this one brought back, or 0.
	Restores int64
	Revision int64
}

// SetMapping makes text the live mapping, as a new version. Equal text is no
// change.
type SetMapping struct {
	Text     string
	Comment  string
	Restores int64
	// IfVersion, when not negative, is the version that must be live; else
	// ErrPrecondition.
	IfVersion int64
	// Guard is called under the head lock, with the revision that holds there;
	// its error refuses the operation and is returned as it is. It may Read, must
	// not Do, and everybody's writes wait for it. It is not called when the
	// operation would change nothing, and may be called again when the database
	// was lost before anything was written.
	Guard   func(ctx context.Context, revision int64) error
	Version int64 // out
}

// ManualID names a manual rule.
type ManualID int64

// Manual is a rule that an administrator made by hand.
type Manual struct {
	ID      ManualID
	Kind    access.Kind
	Subject access.Subject // a person, a group, signed-in or everyone
	Role    string         // a level, a role's name, or "" for Actions
	Actions []string
	// Scope: all, or sites, or labels.
	All          bool
	Sites        []access.SiteID
	Labels       map[string]string
	TokenCeiling string // as access.ParseCeiling reads it; of a grant
	Channel      access.Channel
	From, Until  time.Time // zero is open
	// UntilSync ends it with the next change that this source makes to the
	// person, or its next completed run.
	UntilSync string
	Author    string
	Reason    string
	Ticket    string
	Created   time.Time
	Ended     time.Time // zero while it stands
	EndedBy   string    // who, or "sync of okta"
	Revision  int64
}

// AddManual adds a manual rule. Guard is as in SetMapping.
type AddManual struct {
	Manual Manual // in; out with ID
	Guard  func(ctx context.Context, revision int64) error
}

// EndManual ends a manual rule now.
type EndManual struct {
	ID    ManualID
	Guard func(ctx context.Context, revision int64) error
}

// FinishSync ends the manual rules that end with the source's next sync, for
// the given people, or for all when nil.
type FinishSync struct {
	Source string
	People []access.PersonID
	Ended  int // out
}

// LockPerson locks a person and kills every credential issued until now, or
// unlocks. Nothing a source says opens a lock. Locking who is locked kills what
// was issued since; unlocking who is not is no change.
type LockPerson struct {
	Person access.PersonID
	Locked bool
	Guard  func(ctx context.Context, revision int64) error
}

// StaleGroups says that a sign-in of an account brought no groups that can be
// believed, or did. Its memberships stay; while it is stale they grant for
// Source.StaleAfter from when it became so.
type StaleGroups struct {
	Source  string
	Account string // its UID
	Stale   bool
}

func (*StaleGroups) op() {}

// PersonKind says what a person is.
type PersonKind string

// The kinds of person.
const (
	Human   PersonKind = "human"
	Service PersonKind = "service" // a program; has tokens and manual rules only
	Owner   PersonKind = "owner"   // the break-glass account
)

// AddPerson adds a service or the owner; humans come with their accounts. A
// taken login among services and owners is a UniqueError.
type AddPerson struct {
	Kind           PersonKind
	Login, Display string
	ID             access.PersonID // out
}

// LinkAccount moves an account to a human, on an administrator's word.
type LinkAccount struct {
	Account directory.AccountID
	Person  access.PersonID
	Guard   func(ctx context.Context, revision int64) error
}

// Token is an API token as stored; its secret is not.
type Token struct {
	ID          access.TokenID
	Person      access.PersonID
	Name        string
	Description string
	Prefix      string // the searchable beginning of the secret, "gb_12_"
	Digest      []byte // SHA-256 of the secret
	Ceiling     string // as stored; access.ParseCeiling reads it, unknown denies
	Sites       []access.SiteID
	Actions     []string
	Created     time.Time
	Expires     time.Time // zero is open
	Parent      access.TokenID
	RotatedFrom access.TokenID
	Revoked     time.Time // zero while it lives
	LastUsed    time.Time // side state; to the minute
	Revision    int64
}

// MintToken makes a token and its secret, which is "gb_<id>_<43 characters of
// 256 random bits>_<crc32>".
type MintToken struct {
	Token  Token  // in without ID, Prefix, Digest; out whole
	Secret string // out; shown once
	// Replaces, when not zero, is the token that this one rotates; it lives on
	// for Overlap, or is revoked at once when Overlap is zero.
	Replaces access.TokenID
	Overlap  time.Duration
}

// RevokeToken ends a token now.
type RevokeToken struct{ ID access.TokenID }

// SCIMToken is a bearer token of a source's SCIM door, as stored, or a client of
// OAuth 2.0 that is given short-lived ones.
type SCIMToken struct {
	ID       int64
	Source   string
	Client   bool
	Prefix   string // "gbs_12_"; of a client "gbc_12_"
	Digest   []byte
	Created  time.Time
	Expires  time.Time
	Revoked  time.Time
	LastUsed time.Time
	Revision int64
}

// ClientID is how a client names itself.
func (t SCIMToken) ClientID() string { return strings.TrimSuffix(t.Prefix, "_") }

// MintSCIMToken makes a bearer token for a source, or a client. A third live one
// of its kind is refused with ErrTooManyTokens. Secret, when given, is a token chosen by configuration
// and is stored hashed under its digest, once: given again it is no change, and
// Token is what is stored, revoked or not.
type MintSCIMToken struct {
	Source  string
	Client  bool
	Expires time.Time
	Token   SCIMToken // out
	Secret  string    // in or out
}

// ErrTooManyTokens: two SCIM tokens of the source live already.
var ErrTooManyTokens = errors.New("the source has two live tokens; revoke one first")

// RevokeSCIMToken ends a SCIM token now.
type RevokeSCIMToken struct{ ID int64 }

// Hold is a plan that a guard held, bound to its hash.
type Hold struct {
	ID      int64
	Kind    string // "mapping", "sites", "ldap"
	Source  string
	Base    int64  // the revision that it was made on
	Hash    string // of the plan
	Plan    []byte // JSON, for showing
	Payload []byte // what applying it needs: the mapping's text, or the sites
	Says    []string
	State   string // held, applied, discarded, superseded
	Created time.Time
	Settled time.Time
	By      string // who settled it; who made it is in the audit
}

// PutHold keeps a held plan; an equal one (kind, source, hash) is no change.
type PutHold struct{ Hold Hold } // in; out with ID

// SettleHold ends a held plan as applied, discarded or superseded; one that ended
// otherwise is refused with ErrPrecondition.
type SettleHold struct {
	ID    int64
	State string
}

func (*ChangeAccount) op()   {}
func (*ChangeGroup) op()     {}
func (*PutSource) op()       {}
func (*PutSites) op()        {}
func (*RemoveSite) op()      {}
func (*SetMapping) op()      {}
func (*AddManual) op()       {}
func (*EndManual) op()       {}
func (*FinishSync) op()      {}
func (*LockPerson) op()      {}
func (*AddPerson) op()       {}
func (*LinkAccount) op()     {}
func (*MintToken) op()       {}
func (*RevokeToken) op()     {}
func (*MintSCIMToken) op()   {}
func (*RevokeSCIMToken) op() {}
func (*PutHold) op()         {}
func (*SettleHold) op()      {}

// Person is a person with all that the grant model needs of him: a pure merge
// of his accounts.
type Person struct {
	ID        access.PersonID
	UID       string
	Kind      PersonKind
	Login     string // of his first account that has one
	Display   string
	Email     string
	Locked    bool
	NotBefore time.Time
	// Suspended: a source with a veto, disabled or not, has deactivated or deleted
	// an account of his.
	Suspended bool
	// Groups are those of his active accounts in sources that are not disabled,
	// ascending, each once.
	Groups   []access.GroupID
	Joined   map[access.GroupID]time.Time // of the groups in PeopleQuery.Timed
	Until    map[access.GroupID]time.Time // of those that are stale: when they cease to grant
	Accounts []PersonAccount
	Revision int64
}

// PersonAccount is one of a person's accounts.
type PersonAccount struct {
	ID      directory.AccountID
	UID     string
	Source  string
	Login   string
	Active  bool // and in a source that is not disabled
	Deleted bool
	// Stale is since when sign-ins have not said which groups it is in; zero when
	// the last one did.
	Stale  time.Time
	Values []directory.Value // those with a path in PeopleQuery.Paths
}

// PeopleQuery picks people. The zero value is everybody, without values.
type PeopleQuery struct {
	Since int64             // only who changed after it, memberships included
	IDs   []access.PersonID // only these
	Timed []access.GroupID  // fill Joined for these groups
	Paths []string          // fill Values for these paths
}

// Entry is one entry of the audit chain; there is exactly one for each revision.
type Entry struct {
	Revision int64             `json:"revision"`
	At       time.Time         `json:"at"`
	Actor    string            `json:"actor"`
	Via      string            `json:"via"`
	Action   string            `json:"action"` // "user.create", "group.members", "mapping.set" …
	Target   string            `json:"target"` // "okta/user/UID", "site/3", "person/12"
	Before   []byte            `json:"-"`      // JSON, redacted; empty when there was nothing
	After    []byte            `json:"-"`
	Reason   string            `json:"reason,omitempty"`
	Ticket   string            `json:"ticket,omitempty"`
	Request  string            `json:"request,omitempty"`
	People   []access.PersonID `json:"people,omitempty"` // up to 100 whom it concerns
	Hash     string            `json:"hash"`
}

// AuditQuery picks entries. Zero fields do not restrict.
type AuditQuery struct {
	From, To time.Time // closed-open
	Actor    string
	Action   string // or its beginning up to a dot: "group"
	Target   string // or its beginning up to a slash
	Person   access.PersonID
	Text     string // in before, after or reason
	Before   int64  // only below this revision: the next page
	Limit    int    // 0 is 100
}

// VerifyReport says what Verify found.
type VerifyReport struct {
	Entries     int64 `json:"entries"`
	Checkpoints int   `json:"checkpoints"`
	Erased      int64 `json:"erased,omitempty"` // entries whose body was erased
	FirstErased int64 `json:"first_erased,omitempty"`
	// Unproven is how many erased entries are still found by person, through rows
	// that nothing proves any more.
	Unproven int64  `json:"unproven,omitempty"`
	Revision int64  `json:"revision"`
	Head     string `json:"head"` // the hash of the last entry
	// Broken, when not empty, says at which revision the audit is not as it was
	// written, and how.
	Broken string `json:"broken,omitempty"`
}

// Lease is a right that one process holds at a time. Epoch grows by one at each
// take-over.
type Lease struct {
	Name, Holder string
	Epoch        int64
	Expires      time.Time
}
