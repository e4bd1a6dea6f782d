package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// Options adjust Open. The zero value is right for production.
type Options struct {
	// Migrate brings a PostgreSQL schema up to date, as is always done for SQLite.
	Migrate bool
	Log     *slog.Logger
	// Now and NewUID are the clock and the maker of UUIDs; tests set them.
	Now    func() time.Time
	NewUID func() string
}

// Store is the shared grant store. It may be used concurrently.
type Store struct{ store }
type store struct{}

// Open opens the store at dsn: "sqlite:FILE" or "postgres://…". ErrSchema when
// the schema is older or newer than this program can use.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) { panic("todo") }

// Close finishes what is being committed and closes.
func (s *Store) Close() error { panic("todo") }

// Driver is "sqlite" or "postgres".
func (s *Store) Driver() string { panic("todo") }

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

// Do commits one operation, or nothing. It returns when the commit is durable.
// Refusals are the errors above, or what an operation's own function returned.
func (s *Store) Do(ctx context.Context, by By, op Op) (Receipt, error) { panic("todo") }

// ChangeAccount does what a source says of an account. A created account gets a
// person of its own. Manual rules of the person that end with the source's next
// sync end.
type ChangeAccount struct {
	Change        *directory.AccountChange
	Before, After directory.Account // out; After is zero when deleted
}

// ChangeGroup does what a source says of a group and its members.
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
	Revision int64
}

// PutSource makes the source be as given.
type PutSource struct{ Source Source }

// PutSites makes the sites be as given; others stay. A taken slug is a UniqueError.
type PutSites struct{ Sites []access.Site }

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
	// its error refuses the operation and is returned as it is.
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
// unlocks. Nothing a source says opens a lock.
type LockPerson struct {
	Person access.PersonID
	Locked bool
	Guard  func(ctx context.Context, revision int64) error
}

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

// LinkAccount moves an account to a person, on an administrator's word.
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

// SCIMToken is a bearer token of a source's SCIM door, as stored.
type SCIMToken struct {
	ID       int64
	Source   string
	Prefix   string // "gbs_12_"
	Digest   []byte
	Created  time.Time
	Expires  time.Time
	Revoked  time.Time
	LastUsed time.Time
	Revision int64
}

// MintSCIMToken makes a bearer token for a source. A third live one is refused
// with ErrTooManyTokens. Secret, when given, is a token chosen by configuration
// and is stored hashed under its digest, once.
type MintSCIMToken struct {
	Source  string
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
	Kind    string // "mapping", "ldap"
	Source  string
	Base    int64  // the revision that it was made on
	Hash    string // of the plan
	Plan    []byte // JSON, for showing
	Payload []byte // what applying it needs: the mapping's text
	Says    []string
	State   string // held, applied, discarded, superseded
	Created time.Time
	Settled time.Time
	By      string
}

// PutHold keeps a held plan; an equal one (kind, source, hash) is no change.
type PutHold struct{ Hold Hold } // in; out with ID

// SettleHold ends a held plan as applied, discarded or superseded.
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

// Wait returns the head's revision as soon as it is above after, whoever
// committed it, and at the latest when patience is over; then the revision may
// be equal to after, and the answer means that the database was heard from.
func (s *Store) Wait(ctx context.Context, after int64, patience time.Duration) (int64, error) {
	panic("todo")
}

// Read calls f with a consistent view of the store at one revision.
func (s *Store) Read(ctx context.Context, f func(*View) error) error { panic("todo") }

// View is the store at one revision. It is for one goroutine.
type View struct{ view }
type view struct{}

// Revision is the revision that the view shows.
func (v *View) Revision() int64 { panic("todo") }

// Sources lists the sources.
func (v *View) Sources(ctx context.Context) ([]Source, error) { panic("todo") }

// Sites lists the sites, and with since > 0 only those changed after it; removed
// then holds those removed after it.
func (v *View) Sites(ctx context.Context, since int64) (sites []access.Site, removed []access.SiteID, err error) {
	panic("todo")
}

// AllGroups lists the groups of every source that changed after since, without
// Doc and Values; deleted ones only when since > 0.
func (v *View) AllGroups(ctx context.Context, since int64) ([]directory.Group, error) { panic("todo") }

// Mapping is the live mapping, or the given version when not zero; the zero
// Mapping when there is none live, ErrNotFound for a version that never was.
func (v *View) Mapping(ctx context.Context, version int64) (Mapping, error) { panic("todo") }

// Mappings lists all versions, newest first, without Text.
func (v *View) Mappings(ctx context.Context) ([]Mapping, error) { panic("todo") }

// Manuals lists the manual rules that changed after since, ended ones too.
func (v *View) Manuals(ctx context.Context, since int64) ([]Manual, error) { panic("todo") }

// Tokens lists the tokens that changed after since, revoked ones too.
func (v *View) Tokens(ctx context.Context, since int64) ([]Token, error) { panic("todo") }

// SCIMTokens lists all SCIM tokens.
func (v *View) SCIMTokens(ctx context.Context) ([]SCIMToken, error) { panic("todo") }

// Holds lists the held plans, newest first; all of them or only those held.
func (v *View) Holds(ctx context.Context, all bool) ([]Hold, error) { panic("todo") }

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
	// Suspended: a source with a veto has deactivated or deleted an account of his.
	Suspended bool
	// Groups are those of his active accounts in sources that are not disabled,
	// ascending, each once.
	Groups   []access.GroupID
	Joined   map[access.GroupID]time.Time // of the groups in PeopleQuery.Timed
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
	Values  []directory.Value // those with a path in PeopleQuery.Paths
}

// PeopleQuery picks people. The zero value is everybody, without values.
type PeopleQuery struct {
	Since int64             // only who changed after it, memberships included
	IDs   []access.PersonID // only these
	Timed []access.GroupID  // fill Joined for these groups
	Paths []string          // fill Values for these paths
}

// People calls yield for each person that q picks, in ascending order of id;
// the slices of a Person are the callee's to keep.
func (v *View) People(ctx context.Context, q PeopleQuery, yield func(Person) error) error {
	panic("todo")
}

// Account finds a source's account by its UID; ErrNotFound when it is not there.
func (v *View) Account(ctx context.Context, source, uid string) (directory.Account, error) {
	panic("todo")
}

// Group finds a source's group by its UID.
func (v *View) Group(ctx context.Context, source, uid string) (directory.Group, error) {
	panic("todo")
}

// Accounts answers q among a source's accounts. total is the number of all
// results, or -1 when q does not need it.
func (v *View) Accounts(ctx context.Context, source string, q directory.Query) (page []directory.Account, total int, err error) {
	panic("todo")
}

// Groups answers q among a source's groups.
func (v *View) Groups(ctx context.Context, source string, q directory.Query) (page []directory.Group, total int, err error) {
	panic("todo")
}

// Members lists up to limit members of a group behind after, in order of
// account id.
func (v *View) Members(ctx context.Context, group directory.GroupID, after directory.AccountID, limit int) ([]directory.Member, error) {
	panic("todo")
}

// GroupsOf lists the groups of each account, in order of group id.
func (v *View) GroupsOf(ctx context.Context, accounts []directory.AccountID) (map[directory.AccountID][]directory.Ref, error) {
	panic("todo")
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

// Audit lists entries, newest first.
func (v *View) Audit(ctx context.Context, q AuditQuery) ([]Entry, error) { panic("todo") }

// VerifyReport says what Verify found.
type VerifyReport struct {
	Entries     int64  `json:"entries"`
	Checkpoints int    `json:"checkpoints"`
	Revision    int64  `json:"revision"`
	Head        string `json:"head"` // the hash of the last entry
	// Broken, when not empty, says at which revision the chain breaks and how.
	Broken string `json:"broken,omitempty"`
}

// Verify walks the whole audit chain and the checkpoints, from the first entry.
func (s *Store) Verify(ctx context.Context) (VerifyReport, error) { panic("todo") }

// Lease is a right that one process holds at a time. Epoch grows by one at each
// take-over.
type Lease struct {
	Name, Holder string
	Epoch        int64
	Expires      time.Time
}

// Acquire takes or renews the lease for ttl by the database's clock. It returns
// the lease and whether holder has it.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, bool, error) {
	panic("todo")
}

// Resign gives the lease up, if it is still held.
func (s *Store) Resign(ctx context.Context, l Lease) error { panic("todo") }

// Used records that tokens were used: side state, to the minute, lossy, no
// revision and no lock.
func (s *Store) Used(ctx context.Context, tokens map[access.TokenID]time.Time, scim map[int64]time.Time) error {
	panic("todo")
}

// Digest is what is stored of a secret.
func Digest(secret string) []byte { panic("todo") }

// SchemaVersion reports the schema's version, the newest this program knows,
// and whether it can be used as it is.
func (s *Store) SchemaVersion(ctx context.Context) (have, want int64, err error) { panic("todo") }

// Migrate brings the schema of the database at dsn up to date and reports the
// versions applied. On SQLite it first keeps a copy beside the file.
func Migrate(ctx context.Context, dsn string) (applied []string, err error) { panic("todo") }

// MigrationStatus lists the migrations and when each was applied.
func MigrationStatus(ctx context.Context, dsn string) ([]Migration, error) { panic("todo") }

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	Applied time.Time // zero when it was not
}

// Backup writes a consistent copy of a SQLite store to file.
func (s *Store) Backup(ctx context.Context, file string) error { panic("todo") }
