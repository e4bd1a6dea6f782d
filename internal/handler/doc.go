// Package handler is the plumbing under the HTTP doors: a handler that returns
// its error, and one adapter that writes, logs and hides it.
//
//	Func  --error-->  Adapter.Handler  -->  application/problem+json (RFC 9457)
//	                                   -->  one log line, with the cause and the request id
//
// Start with Adapter. RequestID and Secure are the two wrappers that every door
// of the house stands behind.
package handler
