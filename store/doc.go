// Package store keeps everything: what identity providers said, the
// administrators' rules, manual rules, tokens and the audit chain, in SQLite or
// in PostgreSQL, by one SQL text.
//
// It is a serial machine. Do commits one operation; every commit takes the head
// lock, gets the next revision (there are no gaps), and writes its audit entry
// into the hash chain in the same transaction. Operations that wait at the same
// time are committed together: load, decide, write.
//
//	Do         waits in its lane; revocations, logins, the rest, bulk
//	load       BEGIN, lock the head, ask for all that the batch needs    one round trip
//	decide     each operation in Go: refuse, no change, or what to write
//	write      rows, audit, head, hint, COMMIT                           one round trip
//
// An operation is refused alone. Two that touch the same thing are not in one
// batch. One that changes nothing writes nothing. An operation that must know
// more than it asked for, such as who has the new login, asks in one round more.
//
// Read gives a consistent View at one revision. Wait blocks until there is a
// newer one, whoever committed it.
//
// To read the code begin with dialect.go, which is all that tells the databases
// apart, then commit.go, then any ops_*.go. The suites in storetest are what
// every database must pass.
package store
