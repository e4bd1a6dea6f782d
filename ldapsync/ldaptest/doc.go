// Package ldaptest is package memdir with everything that can go wrong: a
// directory in process behind the real LDAP protocol.
//
// Serve puts a Server in front of a Directory; Wire spoils any byte that it
// sends, Server.Spoil any part of any answer. Generate makes a random directory,
// Edit changes one at random; both take a random source, so that rapid can drive
// them.
//
// It is for tests, ours and those of programs that use ldapsync.
package ldaptest
