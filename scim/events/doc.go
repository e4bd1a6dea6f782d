// Package events tells other programs what changed: a transmitter of security
// events by RFC 9967 (SCIM events), RFC 8417 (the tokens, "SETs"), RFC 8936
// (poll) and RFC 8935 (push).
//
// There is no outbox. The audit is the ordered outbox, and each stream keeps a
// cursor into it:
//
//	audit entry ── changes ──> change ── SET ──> claims ── sign ──> JWS
//	(revision)     one pure    (part)    what    jti says           ES256, EdDSA
//	               table                 the     where, and
//	                                     stream  is bound to
//	                                     asks    the claims
//
//	poll   the receiver asks, and acknowledges with its next question
//	push   one leased sender a stream posts them one by one, in order
//
// Promises. The cursor moves only over what was acknowledged and over what tells
// the stream nothing, so that nothing is lost when a process is killed. A SET is
// a function of its entry, the stream's configuration and the key: sent again it
// is the same, byte for byte, and one jti never has two contents. No attribute's
// value leaves unless the stream asks for a full event.
//
// Begin with changes in change.go, then Transmitter.
package events
