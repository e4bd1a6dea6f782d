// Package saml is a SAML 2.0 service provider: it asks an identity provider to
// sign somebody in, and judges what comes back.
//
// Start at NewProvider, which makes our side of one source from a Config, and
// refuses to make one that could not verify a signature. Then
//
//	Metadata               what the identity provider loads
//	Login                  a Message for the browser, and the Request to keep
//	Accept                 a SAMLResponse -> *Identity or *Rejection
//	LogoutRequest          ends the identity provider's session
//	AcceptLogoutResponse   its answer
//	AcceptLogoutRequest    it ends ours; Logout.Ends says which
//	LogoutResponse         our answer
//
// ParseIdP reads an identity provider's metadata, Refresh judges new ones
// against those that hold, Feed does it by URL and Kept is what must be kept.
//
// # What Accept does, in this order
//
//	input      size, base64
//	xml        a strict scanner: UTF-8, no document type, comment, CDATA or
//	           instruction; depth, elements, attributes, namespaces; IDs once
//	structure  one Response, one Assertion in its place, nothing that looks
//	           like one anywhere else
//	outside    issuer, age, destination, and the request that is answered
//	signature  one Reference to the element itself, two transforms, SHA-2;
//	           signed by a key of the metadata, KeyInfo ignored; verified over
//	           goxmldsig; what was signed must read as what the scanner read
//	decryption RSA-OAEP, AES-GCM; AES-CBC only in a signed response; one error
//	conditions of the assertion as it was signed: validity, audience, bearer
//	           confirmation, sign-in time and method
//	identity   NameID, attributes, groups: present, empty, absent or overage
//	use        assertion and request are spent, once, in the shared store
//
// Judge is all but the last line: a pure function of message, requests and time.
//
// # What it promises
//
// An Identity was read from bytes that a trusted key signed, and from nothing
// else. Two parsers (our scanner, and etree over encoding/xml) read them alike,
// or it is refused. A message is accepted once over all replicas that share a
// Replay. A Rejection holds a Reason of a closed list and no content of an
// assertion; docs/saml.md says for each what to change. What a stranger sends
// costs about a millisecond and less than a megabyte, because the signer of
// SignedInfo is looked for before the message is parsed a second time; only an
// encrypted assertion costs more, one use of each of our private keys, and only
// when it names a request that waits. A panic of a library
// is a rejection.
//
// A Provider has no state. crewjam/saml is used for writing requests and reading
// xs:duration, and its types do not leave this package; where its judgement
// differs from ours stands in testdata/crewjam.txt.
package saml
