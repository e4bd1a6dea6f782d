// Package ldapsync reads a directory over LDAP so that what it did not see may
// be told from what is not there.
//
// Start at Reader.Read: it takes what was known (directory.State), chooses how
// to read, and returns a directory.Reading with a proof for each leg;
// directory.Diff compares the two. Check and User answer an administrator's
// questions from live data and write nothing. Passwords checks a password by a
// bind.
//
// One reading:
//
//	connect   the next server of the list; TLS before any password or ticket
//	probe     the root DSE: which directory, how far is it, which modes
//	choose    full · syncrepl (RFC 4533) · usn (Active Directory) · timestamp
//	users     pages, each with its control     -> leg -> directory.Proof
//	groups    pages, open ranges to their end  -> leg -> directory.Proof
//	resolve   members to immutable ids; unknown names are looked up one by one
//	confirm   who is missing is asked for by id, in the whole naming context
//	done      directory.Reading, with the checkpoint to go on from
//
// A fault anywhere ends the reading with an *Error; nothing of it is handed out.
//
// What it promises: an entry that was not seen is reported gone only after a
// proven reading of everything and a second look by its id, or when the server
// itself says so. A search never ends quietly: the end is a result code 0 with
// the control that a page must end with. Names never identify: ids do.
//
// go-ldap speaks the protocol; search entries are lifted from the wire below it
// (tap), because its decoding costs more than all the rest. The only reading
// call of it that is used is Search: the asynchronous ones may end early
// without an error.
package ldapsync
