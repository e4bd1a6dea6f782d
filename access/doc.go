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
// Zero values deny: no role, no scope, no ceiling set, no credential. The
// package imports the standard library only, does no I/O and has no clock.
package access
