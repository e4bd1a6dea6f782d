// Package verify is a black-box conformance and load client for any SCIM 2.0
// server. It knows nothing of the server but its URL and a credential, and asks
// what an identity provider would ask: RFC 7643, RFC 7644 and RFC 9865, and in
// profiles the request forms that Entra, Okta, OneLogin, JumpCloud, Ping and
// authentik are known to send.
//
// Start at Run. Cases lists what it would do; a Report says what came of it and
// writes itself as text, JSON or JUnit XML.
//
//	Config ── Run ── discover what the server advertises
//	                 │
//	                 ├─ each Case ── needs a feature honestly not offered → not applicable
//	                 │               its groundwork could not be laid     → blocked
//	                 │               judged                               → passed | failed
//	                 │
//	                 └─ sweep: delete what carries this run's name ── Report
//
// Promises. Every resource a run makes carries the name gbv-<run>-…, each case
// deletes what it made, and nothing else is ever written to or deleted.
// Requests, answers and time are bounded. Credentials and passwords do not
// appear in a report. A case says MUST only where an RFC leaves no choice.
package verify
