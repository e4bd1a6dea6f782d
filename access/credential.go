package access

import (
	"slices"
	"time"
)

// CredentialKind says how a request was authenticated.
type CredentialKind uint8

// The kinds of credential. The zero value is none and may do nothing.
const (
	NoCredential CredentialKind = iota
	SessionCredential
	TokenCredential
	AnonymousCredential // the public; capped at view
	// AnyTokenCredential is no token but the question what the person holds
	// through a token that clamps nothing. No request comes with it.
	AnyTokenCredential
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

// AnyToken asks what a token that clamps nothing would do.
func AnyToken() Credential { return Credential{Kind: AnyTokenCredential} }

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
	// rules; a credential's ceiling still binds, and so does being locked.
	Owner     bool
	NotBefore time.Time // credentials issued before it are dead
}

// ailment is what is wrong with one credential, or one token of a chain.
type ailment uint8

const (
	isRevoked  ailment = 1 << iota // or too old for Person.NotBefore, or without its parent
	isExpired                      // its time has ended
	offCeiling                     // its ceiling leaves the action out
	offSites                       // it is not for this site
	offActions                     // it is not for this action
)

// code is the reason that an ailment gives, 0 for none.
func (a ailment) code(limit Code) Code {
	switch {
	case a&isRevoked != 0:
		return Revoked
	case a&isExpired != 0:
		return ExpiredToken
	case a != 0:
		return limit
	}
	return 0
}

// sessionAilment judges a session of w.
func (s *snapshot) sessionAilment(c *Credential, w *who, action ActionID, at time.Time) (a ailment) {
	if c.Issued.Before(w.notBefore()) {
		a |= isRevoked
	}
	if !c.Expires.IsZero() && !at.Before(c.Expires) {
		a |= isExpired
	}
	if !s.catalogue.lets(c.Ceiling, action) {
		a |= offCeiling
	}
	return a
}

// tokenAilment judges one token, without its parents.
func (s *snapshot) tokenAilment(t *Token, site SiteID, action ActionID, at time.Time) (a ailment) {
	owner, ok := s.people.find(t.Owner)
	if t.Revoked || !ok || t.Issued.Before(owner.notBefore()) {
		a |= isRevoked
	}
	if !t.Expires.IsZero() && !at.Before(t.Expires) {
		a |= isExpired
	}
	if !s.catalogue.lets(t.Ceiling, action) {
		a |= offCeiling
	}
	if t.Sites != nil {
		if _, ok := slices.BinarySearch(t.Sites, site); !ok {
			a |= offSites
		}
	}
	if t.Actions != nil && !t.Actions.has(action) {
		a |= offActions
	}
	return a
}

// chainAilment judges t and all its parents; a missing parent and a circle count
// as revoked. It finds a circle by comparing with a token that it passed, moving
// that mark ahead at each power of two (Brent), so that it need not remember.
func (s *snapshot) chainAilment(t *Token, site SiteID, action ActionID, at time.Time) (a ailment) {
	mark, steps, until := t.ID, 0, 1
	for {
		a |= s.tokenAilment(t, site, action, at)
		if t.Parent == 0 {
			return a
		}
		parent, ok := s.tokens.get(t.Parent)
		if !ok || parent.ID == mark {
			return a | isRevoked
		}
		if steps++; steps == until {
			mark, steps, until = parent.ID, 0, 2*until
		}
		t = parent
	}
}

// lets reports whether ceiling x lets a through.
func (c *catalogue) lets(x Ceiling, a ActionID) bool {
	switch {
	case x == CeilingInherit:
		return true
	case x >= CeilingNoAccess && x <= CeilingSuperuser:
		return c.levels[x-CeilingNoAccess].has(a)
	}
	return false
}
