// Package access holds the words of the grant model and the one decision made
// from them: may this person, with this credential, do this, on this site, now?
//
// Grants only add. Restrictions only remove. Restrictions always win.
//
//	S(p)  = {p} ∪ groups of p's active accounts ∪ cohorts ∪ built-ins
//	raw   = ⋃ grants (token ? role ∩ grant.TokenCeiling : role)   live, subject ∈ S(p), site ∈ scope
//	eff   = (raw \ ⋃ denies) ∩ ⋂ caps(channel) ∩ ceiling(credential, site)
//	can(p, c, action, site, t) = action ∈ eff
//
// Start with Snapshot: Build makes one from facts, With makes the next one from
// a change, Check answers, Explain says why with the same walk. A Snapshot is
// immutable and safe for any number of readers; Holder swaps it atomically and
// refuses to answer from a stale one.
//
// # Reasons
//
// Every decision has one Code. When several would do, the first of this table is
// given, and Explain tells them all. Of several credentials, each is judged by
// itself, and the first reason of all of them is given.
//
//	stale            the Holder has no snapshot that is fresh enough, or the request no time
//	unknown_action   not in the catalogue
//	unknown_site     not in the snapshot; Global always is
//	unknown_subject  no such person or token, or a token of somebody else
//	anonymous        no credential, or the public's and Everyone may not: view at most
//	revoked          a credential older than Person.NotBefore; a token that is revoked, or whose
//	                 owner or parent is gone, or whose parents go in a circle, or a parent of it
//	expired_token    a session, a token or a parent of it whose time has ended
//	locked           Person.Locked, the owner too
//	suspended        Person.Suspended, the owner too
//	expired_grant    no live grant has the action, and one that has ended would do
//	no_grant         no live grant has the action
//	denied_rule      a live deny takes it
//	cap_user         a live cap on this channel leaves it out
//	ceiling_token    the token, or a parent of it, leaves it out: ceiling, sites or actions
//	ceiling_mapping  no live grant lets it through a token
//	ceiling_session  the session's ceiling leaves it out
//	allowed          otherwise
//
// Person.Owner skips the rules, from expired_grant to cap_user and ceiling_mapping, and nothing
// else.
//
// # Administering
//
// MayGrant, MayRemove and MayMint say who may change rules and tokens: nobody gives
// what his credential does not hold for the whole time.
//
// # Cost
//
// Nothing is derived for people when rules change, nor for sites when people do:
//
//	Check            five cache lines: the person's row, the site's filter, a slot a hit
//	one person       his chunk of 256 people is copied
//	one rule         the tables of the sites it reaches are made again, whoever is in the group
//	one token        its bucket is copied
//	one site         every rule is asked whether it reaches it
//
// Zero values deny: no role, no scope, no ceiling set, no credential. The
// package imports the standard library only, does no I/O and has no clock.
package access
