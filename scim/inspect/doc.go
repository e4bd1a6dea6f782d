// Package inspect keeps what SCIM requests did: what was sent, how it was read,
// what became of each resource, and whose access that changed.
//
// Start at New. The door hands a Record to Log.Add when a request is answered;
// Add never waits and never fails. A goroutine in Log.Run makes entries of the
// records and writes them to the store in batches:
//
//	Add ─▶ queue, bounded in number and bytes ─▶ redact ─▶ access ─▶ store
//	        └ full: dropped, and counted           │         └ snapshots before and after
//	                                               └ no secret passes, whatever the switches say
//
// Access is compared between the snapshots of the engine that stand before and
// after the request's revisions. When other commits came between them the entry
// says so.
//
// What is kept is side state: it has no revision, is no part of the audit chain
// and goes away after some days.
package inspect
