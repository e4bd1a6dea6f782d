// Package kerberos proves to a service who we are by Kerberos 5 (RFC 4120). It
// gets tickets with a keytab or out of a credential cache, and is the client's
// side of the SASL mechanism GSSAPI (RFC 4752) over TLS.
//
//	Credentials.Ticket   asks the KDC, by TCP, for a ticket to one service
//	Ticket.Context       one authentication with it, tied to a TLS connection
//	Error                what is wrong, and what to do, for the person who must
//
// The library gokrb5 talks to the KDC. The security context is ours, because
// the libraries' neither carries channel bindings (RFC 4121 section 4.1.1), nor
// proves that the server's answer is to our question.
//
// No security layer is negotiated: what is said after the bind is protected by
// TLS or not at all, so the caller brings TLS. Keys are AES only; tickets in RC4
// or DES are not asked for.
//
// Nothing is kept: each Ticket reads its files again, so that a renewed keytab
// counts at once, and asks the KDC again. Errors never hold a key.
package kerberos
