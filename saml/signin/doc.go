// Package signin is what a protocol of signing in yields, whatever the protocol:
// an Identity, or a Rejection.
//
//	saml ──┐
//	       ├─ Identity | Rejection ─→ login: account, groups, session, trace
//	oidc ──┘
//
// It judges nothing. What an Identity says was verified by the protocol; what it
// leaves open (groups that did not come, an end that was not said) is open, and
// not empty.
package signin
