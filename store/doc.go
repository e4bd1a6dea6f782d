// Package store keeps everything: what identity providers said, the
// administrators' rules, manual rules, tokens and the audit chain, in SQLite or
// in PostgreSQL, by one SQL text.
//
// It is a serial machine. Do commits one operation; every commit takes the head
// lock, gets the next revision (there are no gaps), and writes its audit entry
// into the hash chain in the same transaction. Operations that wait at the same
// time are committed together: load, decide, write.
//
// Read gives a consistent View at one revision. Wait blocks until there is a
// newer one, whoever committed it.
package store
