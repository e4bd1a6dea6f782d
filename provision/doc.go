// Package provision is the one way in: what identity providers say and what
// administrators decide becomes facts in the store, and the grant model follows.
//
// Start with New and Run. Apply takes a directory.Change from a door. Preview
// and SetMapping take the administrators' rules; AddGrant, Lock and the token
// methods take what they do by hand. Holder gives the current snapshot to ask;
// Explain, WhoCan and WhatCan answer in people's words.
//
// The snapshot follows each commit, also those of other processes on the same
// store, by one road: Run waits for a newer revision, reads what changed since,
// and swaps the next snapshot in.
package provision
