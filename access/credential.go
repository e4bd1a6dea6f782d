package access

import "time"

// CredentialKind says how a request was authenticated.
type CredentialKind uint8

// The kinds of credential. The zero value is none and may do nothing.
const (
	NoCredential CredentialKind = iota
	SessionCredential
	TokenCredential
	AnonymousCredential // the public; capped at view
)

// Credential is what a request came with. A token is named by its id, and its
// ceiling, sites, actions, expiry and parents are looked up in the Snapshot; a
// session carries its own.
type Credential struct {
	Kind    CredentialKind
	Token   TokenID   // of a token
	Ceiling Ceiling   // of a session; from its authentication
	Issued  time.Time // of a session; compared with Person.NotBefore
	Expires time.Time // of a session; zero is open
}

// Session is a session credential that clamps nothing.
func Session(issued time.Time) Credential {
	return Credential{Kind: SessionCredential, Ceiling: CeilingInherit, Issued: issued}
}

// TokenOf is the credential of token id.
func TokenOf(id TokenID) Credential { return Credential{Kind: TokenCredential, Token: id} }

// Token is what the snapshot knows of an API token. It never exceeds its
// parent, whatever it says itself.
type Token struct {
	ID      TokenID
	Owner   PersonID
	Name    string // for explaining
	Ceiling Ceiling
	Sites   []SiteID // nil is all
	Actions *Actions // nil is all
	Issued  time.Time
	Expires time.Time // zero is open
	Revoked bool
	Parent  TokenID // zero is none
}

// Person is what the snapshot knows of a person.
type Person struct {
	ID PersonID
	// Groups are those of the person's active accounts, ascending, each once.
	Groups []GroupID
	Traits []TraitID // ascending, each once
	// Joined says when he entered a group, for groups that a rule with For is
	// about.
	Joined    map[GroupID]time.Time
	Locked    bool
	Suspended bool
	// Owner is the break-glass account: every action everywhere, outside all
	// rules; a credential's ceiling still binds.
	Owner     bool
	NotBefore time.Time // credentials issued before it are dead
}
