// Package memdir is a directory in memory behind the real LDAP protocol.
//
// New makes a Directory to edit; Serve puts a Server in front of it that
// behaves like one Kind of directory server: ids, stamps, paging, ranges,
// RFC 4533, tombstones. It listens on loopback or in memory, checks no rights
// but those that are taken away by Hidden, HideBelow and Spoil, and keeps
// nothing.
//
// The demo's directory is one; package ldaptest adds what spoils its bytes and
// makes directories at random.
package memdir
