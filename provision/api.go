package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/store"
)

// Config is what an Engine needs to know.
type Config struct {
	Catalogue *access.Catalogue // nil is access.DefaultCatalogue
	// Sources are those configured; New makes the store agree. Sources that the
	// store knows and the configuration does not are disabled. nil leaves the
	// store's as they are, as a command beside a running server must.
	Sources []store.Source
	Limits  mapping.Limits // of the configuration; a mapping's own come first
	// RemovalBurst is how many people a source may deactivate or take out of
	// groups within ten minutes before it is answered ErrBurst; 0 is 100. A
	// share of Limits.PeopleRemoved of all people raises it.
	RemovalBurst int
	MaxStaleness time.Duration  // 0 is 5s
	Zone         *time.Location // nil is UTC
	Log          *slog.Logger
	Now          func() time.Time
}

// Engine is the one way in. It may be used concurrently.
type Engine struct{ engine }
type engine struct{}

// New makes an engine on st and loads the first snapshot.
func New(ctx context.Context, st *store.Store, c Config) (*Engine, error) { panic("todo") }

// Run follows the store until ctx ends, and returns nil then. A database that
// is gone is waited for; meanwhile answers become stale after MaxStaleness.
func (e *Engine) Run(ctx context.Context) error { panic("todo") }

// Sync brings the snapshot to the store's head, or at least to revision.
func (e *Engine) Sync(ctx context.Context, revision int64) error { panic("todo") }

// Store is the engine's store, for reading.
func (e *Engine) Store() *store.Store { panic("todo") }

// Holder gives the current snapshot.
func (e *Engine) Holder() *access.Holder { panic("todo") }

// Catalogue is the action catalogue in use.
func (e *Engine) Catalogue() *access.Catalogue { panic("todo") }

// The errors that callers branch on, beside those of the store.
var (
	// ErrUnknownSource: no such source is configured, or it is disabled.
	ErrUnknownSource = errors.New("no such source")
	// ErrBurst: the source has taken away from more people than its burst limit
	// allows; nothing was changed, and it should come again later.
	ErrBurst = errors.New("too many removals at once from this source")
	// ErrAmbiguous: a login names people of several sources.
	ErrAmbiguous = errors.New("the login names more than one person")
	// ErrUnauthenticated: no such credential, or it is not live any more.
	ErrUnauthenticated = errors.New("the token is not valid")
)

// InvalidError says what is wrong with what an administrator asked for, and what
// he could do instead.
type InvalidError struct{ Says string }

func (e *InvalidError) Error() string { return e.Says }

// HeldError says that a guard held a change of rules; nothing was changed.
type HeldError struct {
	Hold     store.Hold // ID is zero when it was only previewed
	Breaches []mapping.Breach
}

func (e *HeldError) Error() string {
	says := make([]string, len(e.Breaches))
	for i, b := range e.Breaches {
		says[i] = b.Says
	}
	return fmt.Sprintf("held: %s; nothing was changed", strings.Join(says, "; "))
}

// RefusedError says that a change would break an invariant that nobody can lift.
type RefusedError struct{ Says string }

func (e *RefusedError) Error() string { return e.Says }

// Result is what Apply did.
type Result struct {
	store.Receipt
	Account        directory.Account // after; of an AccountChange
	Group          directory.Group   // after; of a GroupChange
	Added, Removed int               // memberships
	Parked         int
}

// Apply does what a source says, in one transaction. Errors: ErrUnknownSource,
// ErrBurst, those of store.Do, and what the change's Edit returned.
func (e *Engine) Apply(ctx context.Context, by store.By, c directory.Change) (Result, error) {
	panic("todo")
}

// Preview is what a mapping would do, before it does.
type Preview struct {
	Plan     *mapping.Plan
	Breaches []mapping.Breach
	Problems mapping.Problems     // warnings
	Tests    []mapping.TestResult // of the file's own tests
	// Live is the version that the plan compares with.
	Live int64
	set  *mapping.Set
}

// ParseMapping reads text against this engine's sources, sites and groups.
func (e *Engine) ParseMapping(ctx context.Context, name string, text []byte) (*mapping.Set, mapping.Problems, error) {
	panic("todo")
}

// Preview says what text would change for whom; nothing is changed. Its error
// is mapping.Problems when the text does not stand.
func (e *Engine) Preview(ctx context.Context, name string, text []byte) (*Preview, error) {
	panic("todo")
}

// SetMapping makes text the live rules, through the guard: a plan over a limit
// is kept and returned as a *HeldError, one that would take the last superuser
// as a *RefusedError. approve, when not empty, is the hash of a plan that an
// administrator has seen; exactly that plan is done, whatever its size, or
// nothing (store.ErrPrecondition).
func (e *Engine) SetMapping(ctx context.Context, by store.By, name string, text []byte, comment, approve string) (version int64, p *Preview, err error) {
	panic("todo")
}

// RestoreMapping makes an earlier version live again, as a new version, through
// the same guard.
func (e *Engine) RestoreMapping(ctx context.Context, by store.By, version int64, approve string) (int64, *Preview, error) {
	panic("todo")
}

// ApplyHold does a held plan whose hash an administrator has seen.
func (e *Engine) ApplyHold(ctx context.Context, by store.By, id int64, hash string) (version int64, err error) {
	panic("todo")
}

// DiscardHold ends a held plan without doing it.
func (e *Engine) DiscardHold(ctx context.Context, by store.By, id int64) error { panic("todo") }

// AddGrant adds a manual rule. It needs a reason and, for a human, an end.
func (e *Engine) AddGrant(ctx context.Context, by store.By, m store.Manual) (store.Manual, error) {
	panic("todo")
}

// EndGrant ends a manual rule now.
func (e *Engine) EndGrant(ctx context.Context, by store.By, id store.ManualID) error { panic("todo") }

// Lock takes everything from a person at once and kills his credentials, until
// Unlock. evenLast allows it for the last superuser.
func (e *Engine) Lock(ctx context.Context, by store.By, id access.PersonID, evenLast bool) error {
	panic("todo")
}

// Unlock opens a lock.
func (e *Engine) Unlock(ctx context.Context, by store.By, id access.PersonID) error { panic("todo") }

// MintToken makes an API token; see store.MintToken.
func (e *Engine) MintToken(ctx context.Context, by store.By, m *store.MintToken) error { panic("todo") }

// RevokeToken ends an API token now.
func (e *Engine) RevokeToken(ctx context.Context, by store.By, id access.TokenID) error {
	panic("todo")
}

// PutSites makes the sites be as given; others stay.
func (e *Engine) PutSites(ctx context.Context, by store.By, sites []access.Site) error { panic("todo") }

// MintSCIMToken makes a bearer token for a source's SCIM door.
func (e *Engine) MintSCIMToken(ctx context.Context, by store.By, m *store.MintSCIMToken) error {
	panic("todo")
}

// RevokeSCIMToken ends a SCIM token now.
func (e *Engine) RevokeSCIMToken(ctx context.Context, by store.By, id int64) error { panic("todo") }

// AuthenticateSCIM finds the live bearer token of a source's SCIM door;
// ErrUnauthenticated, or ErrUnknownSource.
func (e *Engine) AuthenticateSCIM(source, secret string) (store.SCIMToken, error) { panic("todo") }

// Authenticate finds the person and credential of an API token's secret.
func (e *Engine) Authenticate(secret string) (access.PersonID, access.Credential, error) {
	panic("todo")
}

// PersonRef is a person's names.
type PersonRef struct {
	ID      access.PersonID  `json:"-"`
	UID     string           `json:"id"`
	Login   string           `json:"login"`
	Display string           `json:"name"`
	Kind    store.PersonKind `json:"kind"`
	Sources []string         `json:"sources"`
}

// FindPerson finds a person by id (UID), login, or SOURCE/login; store.ErrNotFound,
// or ErrAmbiguous with the candidates in its text.
func (e *Engine) FindPerson(who string) (PersonRef, error) { panic("todo") }

// PersonByID is a person's names.
func (e *Engine) PersonByID(id access.PersonID) (PersonRef, bool) { panic("todo") }

// FindSite finds a site by id or slug; store.ErrNotFound with the nearest slug
// in its text.
func (e *Engine) FindSite(site string) (access.Site, error) { panic("todo") }

// FindAction finds what may be asked: a level or an action; an InvalidError
// with the nearest.
func (e *Engine) FindAction(what string) (access.ActionID, error) { panic("todo") }

// FindToken finds a token by numeric id, prefix or name.
func (e *Engine) FindToken(ctx context.Context, token string) (store.Token, error) { panic("todo") }

// Question is one question in people's words.
type Question struct {
	Who, What, Site string
	Token           string // its id, prefix or name; empty is a session
	At              time.Time
}

// Explanation is the answer with its trail: the contract of `explain -o json`.
type Explanation struct {
	Decision     bool                   `json:"decision"`
	Code         string                 `json:"code"`
	Person       string                 `json:"person"`
	Site         int64                  `json:"site"`
	Asked        string                 `json:"asked"`
	Effective    string                 `json:"effective"`
	Revision     int64                  `json:"revision"`
	At           time.Time              `json:"at"`
	Says         string                 `json:"says"`
	Grants       []ExplainedGrant       `json:"grants"`
	Restrictions []ExplainedRestriction `json:"restrictions"`
	Nearest      []ExplainedChange      `json:"nearest"`
}

// ExplainedGrant is one rule that gives, or would.
type ExplainedGrant struct {
	Rule         string     `json:"rule"`
	Kind         string     `json:"kind"`
	Role         string     `json:"role"`
	Scope        string     `json:"scope"`
	Via          []string   `json:"via"`
	Source       string     `json:"source"`
	Until        *time.Time `json:"until"`
	TokenCeiling string     `json:"token_ceiling"`
	Counts       bool       `json:"counts"`
	WhyNot       string     `json:"why_not,omitempty"`
	Reason       string     `json:"reason,omitempty"`
	Author       string     `json:"author,omitempty"`
	Ticket       string     `json:"ticket,omitempty"`
}

// ExplainedRestriction is one thing that takes away.
type ExplainedRestriction struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Limit   string `json:"limit"`
	Decides bool   `json:"decides"`
	Source  string `json:"source,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// ExplainedChange is one change that would turn a no into a yes.
type ExplainedChange struct {
	Change string `json:"change"`
}

// Explain answers q with its whole trail. An unknown person, site or action is
// an answer, not an error; an unknown token is store.ErrNotFound.
func (e *Engine) Explain(ctx context.Context, q Question) (*Explanation, error) { panic("todo") }

// WhoCan lists who may do what on site in a session, with the level they hold.
func (e *Engine) WhoCan(ctx context.Context, what, site string) ([]Holding, error) { panic("todo") }

// WhatCan lists the sites on which who holds something, with the levels.
func (e *Engine) WhatCan(ctx context.Context, who, token string) ([]Holding, error) { panic("todo") }

// Holding is one person's level on one site.
type Holding struct {
	Person PersonRef    `json:"person"`
	Site   access.Site  `json:"site"`
	Level  access.Level `json:"level"`
	// Token is the level through a token that clamps nothing itself.
	Token access.Level `json:"token"`
	Rules []string     `json:"rules"` // that give it
	Until *time.Time   `json:"until"` // the earliest end among them
}

// Status is what health checks and metrics show.
type Status struct {
	Revision       int64
	FreshAsOf      time.Time
	Fresh          bool
	MappingVersion int64
	Stats          access.Stats
	Held           int
	Superusers     int
	Sources        map[string]SourceStatus
}

// SourceStatus is when a source was last heard from.
type SourceStatus struct {
	LastChange time.Time
	People     int
	Groups     int
	Disabled   bool
}

// Status is what health checks and metrics show.
func (e *Engine) Status() Status { panic("todo") }

// GroupStatus is one group that ever arrived, with what the rules do with it.
type GroupStatus struct {
	Group directory.Group `json:"-"`
	State string          `json:"state"` // matched, unmatched, near, gone
	mapping.GroupState
}

// Groups lists every group ever seen with its state.
func (e *Engine) Groups(ctx context.Context) ([]GroupStatus, error) { panic("todo") }
