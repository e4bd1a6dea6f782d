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
// github.com/elimity-com/scim gives the schema definitions and the words of the
// errors, and a second opinion in tests; nothing of its server is used.
package scim
