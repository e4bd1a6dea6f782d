// Package login is the door that people sign in by, with SAML or OpenID Connect:
// what browsers and identity providers reach.
//
//	browser   GET  /login                   choose a source, or say an e-mail address
//	browser   POST /login                   name and password, for sources that take them
//	browser   GET  /saml/{source}/login     a request goes out; the browser gets a secret
//	IdP       POST /saml/{source}/acs       verified and parked; 303 to
//	browser   GET  /oidc/{source}/login     the same, to an OpenID provider
//	browser   GET  /oidc/{source}/callback  its answer; redeemed, verified, parked; 303 to
//	browser   GET  /finish?ticket=…         the same browser: account, groups, session
//	browser   GET  /me                      what may I do, why, until when
//	browser   POST /logout                  ends ours, then asks the IdP to end its own
//	IdP       *    /saml/{source}/slo       the other way round, and the answers
//	browser   GET  /oidc/{source}/signed-out            back from the provider's logout
//	IdP       POST /oidc/{source}/backchannel-logout    it ends our sessions
//	IdP       GET  /oidc/{source}/jwks.json             our public key, when we have one there
//	proxy     GET  /auth/verify             200 with a signed token, or 401
//	anybody   GET  /saml/{source}/metadata, /.well-known/jwks.json
//
// From a verified identity on (parked), the flow is one: nothing asks which
// protocol it was.
//
// A cookie that is SameSite=Lax does not come with the identity provider's POST,
// but does with the GET after it: so the ACS gives no session, and /finish gives
// one only to the browser that began. Whose account it is, decide says: by the
// exact subject and nothing else, and never one that has left.
//
// A password is checked by a Checker, which is the directory: it is never kept,
// and every refusal looks alike and takes the same time.
//
// Every attempt has an id of words. The person reads a sentence and the id; the
// administrator reads under it what was expected, what came and what to change.
package login
