// Package ldaptest is a directory in memory behind the real LDAP protocol, in
// process, and everything that can go wrong with one.
//
// New makes a Directory to edit; Serve puts a Server in front of it that
// behaves like one Kind of directory server: ids, stamps, paging, ranges,
// RFC 4533, tombstones. Faults spoils what it answers: any byte of the wire,
// any part of any answer. Generate makes a random directory, Edit changes one
// at random; both take a random source, so that rapid can drive them.
//
// It is for tests, ours and those of programs that use ldapsync. It checks no
// rights but those that a test takes away.
package ldaptest
