package ldapsync

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/ldapsync/kerberos"
)

// Error is a fault of a reading: what was attempted where, and what came of it.
type Error struct {
	Stage  string // connect, tls, sasl, bind, probe, users, groups, ranges, resolve, confirm, changes
	Server string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s at %s: %v", e.Stage, e.Server, e.Err)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Code is the LDAP result code, or -1 when the server did not answer.
func (e *Error) Code() int { return resultCode(e.Err) }

// Next is what to do after an error.
type Next uint8

// The choices. The zero value is to stop: nothing is repeated that is not known
// to be harmless.
const (
	Stop    Next = iota // an administrator must change something
	Retry               // later, with growing waits
	Restart             // at once, with a full reading
)

// Next says what to do: to repeat a refused bind may lock the account.
func (e *Error) Next() Next {
	if k, ok := errors.AsType[*kerberos.Error](e.Err); ok {
		if k.Retry {
			return Retry
		}
		return Stop
	}
	switch code := e.Code(); {
	case errors.Is(e.Err, errTrustEnds):
		return Restart
	case e.Stage == "tls" && !isNetwork(e.Err):
		return Stop
	case code == -1, code == ldaplib.LDAPResultBusy, code == ldaplib.LDAPResultUnavailable, code == ldaplib.LDAPResultOperationsError,
		code == ldaplib.LDAPResultTimeLimitExceeded:
		return Retry
	}
	return Stop
}

// errTrustEnds: what was known does not lead to what is now; read everything.
var errTrustEnds = errors.New("the changes since the last reading cannot be told for sure")

func resultCode(err error) int {
	var e *ldaplib.Error
	if !errors.As(err, &e) || e.ResultCode >= ldaplib.ErrorNetwork && e.ResultCode < 1000 {
		return -1
	}
	return int(e.ResultCode)
}

func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// isAlert reports whether the server spoke TLS, and said no.
func isAlert(err error) bool {
	var n *net.OpError
	return errors.As(err, &n) && n.Op == "remote error"
}

// adCode is Active Directory's own code in a bind's diagnostic text.
var adCode = regexp.MustCompile(`data ([0-9a-f]{3,})`)

var adWords = map[string]string{
	"525": "there is no such account", "52e": "the password is wrong, or the name is not known", "530": "it may not sign in at this time",
	"531": "it may not sign in from here", "532": "the password has expired", "533": "the account is disabled",
	"701": "the account has expired", "773": "the password must be changed first", "775": "the account is locked",
}

// Words say what is wrong and what to do, for the person who must act.
func (e *Error) Words() string {
	text := e.Err.Error()
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var noTLS tls.RecordHeaderError
	if k, ok := errors.AsType[*kerberos.Error](e.Err); ok {
		return k.Words()
	}
	switch code := e.Code(); {
	case e.Stage == "connect":
		return fmt.Sprintf("%s does not take a connection: check address, port and firewall (%v)", e.Server, e.Err)
	case strings.Contains(text, "negative serial number"):
		return "the server's certificate has a negative serial number, as Samba makes them; Go refuses it: give the server another certificate"
	case errors.As(e.Err, &authority):
		return "the server's certificate is signed by nobody we trust: give ca_file the certificate of its authority"
	case errors.As(e.Err, &host):
		return fmt.Sprintf("the server's certificate is for another name: %v", host)
	case e.Stage == "tls" && (isNetwork(e.Err) && !isAlert(e.Err) || errors.As(e.Err, &noTLS)):
		return fmt.Sprintf("%s did not agree on TLS (%v): ldaps:// is for a port that begins with it, as 636; for one with StartTLS, as 389, write ldap://", e.Server, e.Err)
	case errors.Is(e.Err, ErrPlaintext), errors.Is(e.Err, ErrUnprotected):
		return e.Err.Error()
	case errors.Is(e.Err, ErrTooLong):
		return "the server sent a message longer than max_message: raise it, if you have groups that large"
	case e.Stage == "bind" && code == ldaplib.LDAPResultInvalidCredentials:
		return "the directory refuses bind_dn or its password" + adSays(text) + "; nothing is repeated, so that the account is not locked"
	case code == ldaplib.LDAPResultAuthMethodNotSupported && e.Stage == "bind":
		return "the directory does not take this way to bind: for EXTERNAL give cert_file and key_file of a certificate that it trusts, or use ldapi:// (" + text + ")"
	case code == ldaplib.LDAPResultUnwillingToPerform && e.Stage == "bind":
		return "the directory refuses the account that reads: it is inactivated or locked (" + text + ")"
	case code == ldaplib.LDAPResultStrongAuthRequired, code == ldaplib.LDAPResultConfidentialityRequired:
		return "the directory wants encryption: use ldaps:// or ldap:// with StartTLS"
	case code == ldaplib.LDAPResultInsufficientAccessRights:
		return "the account that reads may not do that: give it the right to read below the bases (" + text + ")"
	case code == ldaplib.LDAPResultNoSuchObject:
		return "there is no such entry, or the account that reads may not see it: check " + e.base() + " (" + text + ")"
	case code == ldaplib.LDAPResultSizeLimitExceeded, code == ldaplib.LDAPResultAdminLimitExceeded:
		return "the server hands out no more entries: raise the size limit for bind_dn (OpenLDAP: limits dn.exact=… size=unlimited)"
	case e.Next() == Retry:
		return fmt.Sprintf("the directory did not answer whole; nothing was changed, it is tried again (%v)", e.Err)
	}
	return text
}

// base is the setting that says where the search began.
func (e *Error) base() string {
	if e.Stage == "users" || e.Stage == "groups" {
		return e.Stage + ".base"
	}
	return "users.base and groups.base"
}

// advice is what to do, where what is wrong has been said.
func (e *Error) advice() string {
	if k, ok := errors.AsType[*kerberos.Error](e.Err); ok {
		return k.Do
	}
	return e.Words()
}

func adSays(text string) string {
	if m := adCode.FindStringSubmatch(text); m != nil && adWords[m[1]] != "" {
		return " (" + adWords[m[1]] + ")"
	}
	return ""
}
