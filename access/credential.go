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
	if w.flags&hasNotBefore != 0 && c.Issued.Before(w.notBefore()) {
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

// tokenFacts is a token, with what a check of an ordinary one reads in front: it
// is not revoked, has no parent, and is for all sites and actions.
type tokenFacts struct {
	*Token
	owner    uint32
	ordinary bool
	ceiling  Ceiling
	expires  int64 // an instant
}

func compileToken(t Token) tokenFacts {
	c := t.clone()
	slices.Sort(c.Sites)
	f := tokenFacts{
		Token: &c, ceiling: t.Ceiling, expires: instantOr(t.Expires, forever),
		ordinary: !t.Revoked && t.Parent == 0 && t.Sites == nil && t.Actions == nil,
	}
	if t.Owner > 0 && t.Owner <= MaxID {
		f.owner = uint32(t.Owner)
	}
	return f
}

// tokenAilment judges one token, without its parents.
func (s *snapshot) tokenAilment(t *tokenFacts, q *question) (a ailment) {
	owner := q.who
	if owner.id != t.owner {
		s.people.find(t.Owner, &owner)
	}
	if owner.id == 0 || owner.flags&hasNotBefore != 0 && t.Issued.Before(owner.notBefore()) {
		a |= isRevoked
	}
	if q.now >= t.expires {
		a |= isExpired
	}
	if !s.catalogue.lets(t.ceiling, q.action) {
		a |= offCeiling
	}
	if t.ordinary {
		return a
	}
	if t.Revoked {
		a |= isRevoked
	}
	if t.Sites != nil {
		if _, ok := slices.BinarySearch(t.Sites, q.siteID); !ok {
			a |= offSites
		}
	}
	if t.Actions != nil && !t.Actions.has(q.action) {
		a |= offActions
	}
	return a
}

// chainAilment judges t and all its parents; a missing parent and a circle count
// as revoked. It finds a circle by comparing with a token that it passed, moving
// that mark ahead at each power of two (Brent), so that it need not remember.
func (s *snapshot) chainAilment(t *tokenFacts, q *question) ailment {
	a := s.tokenAilment(t, q)
	if t.ordinary {
		return a
	}
	for mark, steps, until := t.ID, 0, 1; t.Parent != 0; {
		t = s.tokens.at(t.Parent)
		if t == nil || t.ID == mark {
			return a | isRevoked
		}
		if steps++; steps == until {
			mark, steps, until = t.ID, 0, 2*until
		}
		a |= s.tokenAilment(t, q)
	}
	return a
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
