// Package demoidp is a SAML 2.0 identity provider for demonstrations and tests.
//
// It authenticates nobody: whoever opens its page chooses who to be. So New
// refuses to be anywhere but on this machine, requests for another host are
// refused, and no source with real people may trust its metadata.
//
//	GET       /metadata  its metadata
//	GET, POST /sso       an AuthnRequest; asks who to be, then answers by POST
//	GET       /          who there is, and who is signed in where
//	POST      /start     an answer that nobody has asked for
//	POST      /logout    ends a session at the application, from here
//	GET, POST /slo       logout messages of applications
//
// Start at New, then Register each application's metadata. Answers are signed
// twice, the assertion and the response, and encrypted for an application that
// has a key. Signatures of AuthnRequests are not looked at: they decide nothing
// here. Logout messages are the same on both sides, so package saml's Provider,
// with the parts swapped, makes and verifies them.
//
// It keeps no cookie. What it knows is in memory and goes with the process.
package demoidp
