package kerberos

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/krberror"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// Error is what keeps us from proving who we are.
type Error struct {
	// Says is what is wrong, and where; Do what to do about it.
	Says, Do string
	// Retry: it may pass by itself. What is not known to is not repeated, because
	// a refused key counts towards a lock-out.
	Retry bool
	// Server: it is of one server, and another may do.
	Server bool
	Err    error
}

func (e *Error) Error() string { return e.Says }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Words are what is wrong and what to do.
func (e *Error) Words() string { return e.Says + ": " + e.Do }

// answer is a KDC's error code; the library hands it on in words only.
var answer = regexp.MustCompile(`KRB Error: \((\d+)\)`)

// fault puts what came of the question for t into words.
func (c Credentials) fault(t *Ticket, realm string, err error) *Error {
	text := err.Error()
	code := int64(-1)
	if m := answer.FindStringSubmatch(text); m != nil {
		code, _ = strconv.ParseInt(m[1], 10, 32)
	}
	if e := byCode(t, realm, int32(code)); e != nil {
		e.Err = err
		return e
	}
	e := &Error{Says: fmt.Sprintf("the KDC of %s gives %s no ticket to %s (%s)", realm, t.Principal, t.Service, text), Do: "see the KDC's log", Err: err}
	switch lib, _ := errors.AsType[krberror.Krberror](err); {
	case code >= 0:
	case strings.Contains(text, "clock skew"):
		e.Says, e.Do = skew("the KDC of " + realm)
	case strings.Contains(text, "not found in keytab"), lib.RootCause == krberror.DecryptingError:
		e.Says, e.Do = staleKey(t.Principal)
	case lib.RootCause == krberror.NetworkingError:
		_, why, _ := strings.Cut(text, "error sending to a KDC: ")
		e.Says = fmt.Sprintf("no KDC of %s answers by TCP (%s)", realm, cmp.Or(why, text))
		e.Do = fmt.Sprintf("name it in %s as [realms] %s = { kdc = HOST:88 }, or in DNS as _kerberos._tcp.%s, and open its port", c.configName(), realm, realm)
		e.Retry = true
	}
	return e
}

func (c Credentials) configName() string { return cmp.Or(c.Config, DefaultConfig) }

// byCode are the words for an answer of RFC 4120 section 7.5.9, or nil.
func byCode(t *Ticket, realm string, code int32) *Error {
	e := &Error{}
	switch code {
	case errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, errorcode.KDC_ERR_WRONG_REALM:
		e.Says = fmt.Sprintf("the KDC of %s does not know %s", realm, t.Principal)
		e.Do = "correct principal (in Active Directory the sAMAccountName; realms are upper-case), or create the account"
	case errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, errorcode.KDC_ERR_MUST_USE_USER2USER:
		e.Says = fmt.Sprintf("the KDC of %s knows no service %s", realm, t.Service)
		e.Do = "write the server's full DNS name in url, register the name (setspn -S, samba-tool spn add, kadmin addprinc), or set kerberos.service to one that it has"
		e.Server = true
	case errorcode.KDC_ERR_CLIENT_REVOKED, errorcode.KDC_ERR_NAME_EXP:
		e.Says = fmt.Sprintf("the KDC of %s refuses %s: the account is locked, disabled or has expired", realm, t.Principal)
		e.Do = "unlock it"
	case errorcode.KDC_ERR_KEY_EXPIRED:
		e.Says = fmt.Sprintf("the password of %s has expired", t.Principal)
		e.Do = "let it not expire, set it anew, and export the keytab again"
	case errorcode.KDC_ERR_PREAUTH_FAILED, errorcode.KRB_AP_ERR_BAD_INTEGRITY:
		e.Says, e.Do = staleKey(t.Principal)
	case errorcode.KDC_ERR_ETYPE_NOSUPP:
		return noAES(t.Service)
	case errorcode.KRB_AP_ERR_SKEW, errorcode.KRB_AP_ERR_TKT_NYV:
		e.Says, e.Do = skew("the KDC of " + realm)
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		e.Says = fmt.Sprintf("the ticket of %s has ended", t.Principal)
		e.Do = "renew the credential cache in time (k5start, sssd), or use a keytab"
		e.Retry = true
	case errorcode.KDC_ERR_SVC_UNAVAILABLE:
		e.Says = fmt.Sprintf("the KDC of %s is not available now", realm)
		e.Do = "nothing was changed, it is tried again"
		e.Retry = true
	default:
		return nil
	}
	return e
}

func staleKey(principal string) (says, do string) {
	return fmt.Sprintf("the key of %s in the keytab is not the account's any more: its version (kvno) or password has changed", principal),
		"export the keytab again; nothing is repeated, so that the account is not locked"
}

func skew(who string) (says, do string) {
	return fmt.Sprintf("the clocks of this machine and of %s differ by more than 5 minutes", who), "let both follow NTP"
}

func noAES(service string) *Error {
	return &Error{Says: fmt.Sprintf("the KDC has no key of AES for %s or for us, and older kinds are not taken", service),
		Do:     "allow AES for both accounts (msDS-SupportedEncryptionTypes 24, or supported_enctypes of the KDC), and set their passwords anew, so that they get such keys",
		Server: true}
}

// refused is what a service answered to our ticket with a KRB-ERROR.
func refused(t *Ticket, answer messages.KRBError) *Error {
	e := &Error{Says: fmt.Sprintf("the server refuses the ticket to %s (%v)", t.Service, answer), Do: "see the server's log", Server: true, Err: answer}
	switch answer.ErrorCode {
	case errorcode.KRB_AP_ERR_SKEW, errorcode.KRB_AP_ERR_TKT_NYV, errorcode.KRB_AP_ERR_TKT_EXPIRED:
		e.Says, e.Do = skew("the server")
	case errorcode.KRB_AP_ERR_MODIFIED, errorcode.KRB_AP_ERR_BADKEYVER, errorcode.KRB_AP_ERR_NOKEY, errorcode.KRB_AP_ERR_NOT_US:
		e.Says, e.Do = ForeignKey(t.Service)
	}
	return e
}

// ForeignKey is said when a server cannot read the ticket that the KDC made for
// it.
func ForeignKey(service string) (says, do string) {
	return fmt.Sprintf("the server has not the key that the KDC made the ticket to %s with", service),
		"give the server a new keytab of that name; in Active Directory, see that only its own account has the name (setspn -X)"
}
