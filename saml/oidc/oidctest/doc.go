// Package oidctest is an OpenID provider in process, for tests: discovery, a
// code flow that insists on PKCE, client authentication, registered redirect
// URIs and codes that are redeemed once, keys that rotate, logout of both kinds.
//
// It is honest by default. Each step has a hook with which a test makes it lie.
package oidctest
