// Package samltest makes SAML messages for tests, right and wrong ones.
//
// A Lab is an identity provider, a stranger and our side, with keys and a fixed
// time. Signing is a low-level signer that signs whatever it is told to, so
// that an attack can be put under a valid signature. Vectors are the corpus: one
// message each, with the reason that it must be refused for. Query and Posted are
// logout messages as they arrive. Memory is a replay store for tests. An identity
// provider to talk to over HTTP is package demoidp.
package samltest
