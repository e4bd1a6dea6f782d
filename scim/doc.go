// Package scim is the SCIM 2.0 door (RFC 7643, 7644, 9865): identity providers
// push people and groups through it.
//
// Start at New, which makes the http.Handler for /scim/v2/{source}/. What a
// request goes through:
//
//	bytes ── limits, strict JSON ─▶ tree            json.go
//	tree ─── Normalise ───────────▶ canonical form  normalise.go, rule.go
//	form ─── Edit over the stored resource          patch.go, lift.go
//	     ─── provision.Engine.Apply                 users.go, groups.go
//	     ─── projection ──────────▶ bytes           project.go, render.go
//
// Identity providers do not send what the RFCs say. Every departure that is
// accepted is one of twelve named rules (Rule); a Profile says which of them
// hold for a source, Normalise is the only place where they are applied, and
// each application is a Rewrite, which the log keeps under the request's id.
//
// Filters are parsed into directory.Filter, which the store answers by index;
// Eval answers the same filter over a resource in memory and is the oracle for
// the store in tests. Members are rows and never part of a document: a PATCH of
// one member touches one row and answers 204, and a group is read in pages.
//
// What callers may rely on: a request sent again changes nothing twice and is no
// new version; what a request does not mention takes and gives no access (a PUT
// without active leaves it as it is, one without members leaves them, but for
// the strict profile);
// bounds are checked before anything is parsed; every answer, refusals too, is a
// SCIM document with a request id that log and audit carry; internal causes are
// logged and never told; an answer that cannot be finished cuts the connection.
//
// What providers are known to send is kept under testdata and replayed on real
// stores, with what is stored and what is decided (fixture_test.go describes the
// form).
//
// github.com/elimity-com/scim gives the schema definitions and the words of the
// errors, and a second opinion in tests; nothing of its server is used.
package scim
