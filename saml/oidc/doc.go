// Package oidc is an OpenID Connect relying party: it asks an OpenID provider to
// sign somebody in, and judges what comes back. It knows no store and no page.
//
// Start at New, which makes our side of one source from a Config. Run keeps what
// the provider publishes about itself. Then
//
//	Login         a URL for the browser, and the Request to keep
//	ReadAnswer    the query of the callback, judged by its form alone
//	Accept        Answer, Request, the browser's secret -> *Identity or Rejection
//	LogoutURL     ends the provider's session
//	JudgeLogout   a logout token: the provider ends ours, and what is under way
//
// # What Accept does, in this order
//
//	answer      each parameter once; iss is the provider (RFC 9207); an error of
//	            the provider is one of a closed list; a code
//	exchange    the code and the PKCE verifier (RFC 7636) at the token endpoint,
//	            once: bounded in time and size, no redirect
//	token       one signature, RS/PS/ES 256 to 512 or EdDSA, by a key that the
//	            provider publishes for it
//	claims      iss, aud, azp, exp, iat, nbf, nonce, at_hash
//	conditions  auth_time and acr, when they were asked for
//	userinfo    when the source wants it: of the same sub, and only what the ID
//	            token leaves open
//	identity    the subject claim, attributes, groups: present, empty, absent or
//	            overage
//
// # What it promises
//
// An Identity was read from claims that the provider signed for this client, for
// this request and for this browser. The PKCE verifier and the nonce are made of
// the browser's secret and the state, so the server keeps neither, and a code
// that is carried to another browser is of no use there. One request answers for
// one exchange only when the caller spends it first, as package login does.
//
// Only the code flow is spoken: no token ever comes through the browser. What a
// stranger can make us fetch is bounded: keys once a minute for logout tokens, and
// nothing for an answer whose request does not wait.
//
// coreos/go-oidc does discovery, and verifies signature, issuer and audience once
// more after our own checks, which are there to say which one failed.
package oidc
