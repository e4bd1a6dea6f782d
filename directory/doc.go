// Package directory holds what identity providers say: accounts, groups, who is
// in which, and how that changed. It knows nothing of grants.
//
// A Change is what came in through a door: an AccountChange or a GroupChange of
// one source. A door makes Changes and nothing else; provision.Apply is the one
// way in. A Filter is a question about accounts or groups, which the SCIM door
// parses and the store answers by index.
package directory
