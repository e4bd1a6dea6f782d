// Package session knows who is signed in.
//
// A session is an opaque handle of 256 random bits in the browser's cookie and a
// row in the store under the handle's SHA-256; nothing of a person is in the
// cookie. Start at New, then Issue at the end of a sign-in and Find on every
// request. Find reads the row together with what may have ended it, so that
//
//	the account is deactivated or deleted, or linked to somebody else
//	the person is locked, or suspended by another source
//	the source is disabled
//	the session is ended, idle for too long, or past its end
//	the snapshot is stale, or the store does not answer
//
// each end it at the next request, on every replica, and what is undone
// afterwards does not bring it back, but for staleness and another source's
// veto. Signer makes the tokens that tell an application behind a reverse proxy
// who that is.
package session
