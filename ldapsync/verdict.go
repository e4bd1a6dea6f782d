package ldapsync

import (
	"errors"
	"fmt"
	"strings"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// Reason is why a sign-in was refused.
type Reason string

// The reasons.
const (
	Limited     Reason = "limited"     // too many attempts; the directory was not asked
	Malformed   Reason = "malformed"   // no name, no password, or no text; it was not asked
	Unknown     Reason = "unknown"     // nobody has exactly this login
	Ambiguous   Reason = "ambiguous"   // several have it
	Barred      Reason = "disabled"    // disabled, ended, or not now or from here
	Wrong       Reason = "wrong"       // the password
	Locked      Reason = "locked"      // after wrong passwords
	Expired     Reason = "expired"     // the password
	MustChange  Reason = "must_change" // the password, before anything else
	Unavailable Reason = "unavailable" // the directory cannot be asked
)

// adReasons are what Active Directory's own codes mean (MS-ERREF 2.3.1); 52e is
// a wrong password.
var adReasons = map[string]Reason{
	"525": Unknown, "530": Barred, "531": Barred, "532": Expired, "533": Barred, "701": Barred, "773": MustChange, "775": Locked,
}

// verdict is what the answer to a bind says of an account, or nothing when it may
// sign in. A success is not enough: OpenLDAP and 389 Directory Server let in who
// must change a password, or has a grace login left, and then take nothing from
// him but a new password (draft-behera-ldap-password-policy-10, 8.1.2).
func verdict(err error, controls []ldaplib.Control) (Reason, error) {
	reason, says := policyOf(controls)
	code := resultCode(err)
	switch {
	case err == nil:
		return reason, says
	case code == -1:
		return Unavailable, err
	case code == ldaplib.LDAPResultUnwillingToPerform:
		return Barred, err // 389's nsAccountLock, which it also calls a locked account
	case reason != "":
		return reason, fmt.Errorf("%w: %w", says, err)
	}
	if m := adCode.FindStringSubmatch(err.Error()); m != nil && adReasons[m[1]] != "" {
		return adReasons[m[1]], fmt.Errorf("%s: %w", adWords[m[1]], err)
	}
	return Wrong, err
}

// policyOf reads the controls of a bind's answer. The older one, of
// draft-vchu-ldap-pwd-policy-00, does not tell an expired password from one that
// must be changed.
func policyOf(controls []ldaplib.Control) (Reason, error) {
	var must bool
	for _, c := range controls {
		switch c := c.(type) {
		case *ldaplib.ControlBeheraPasswordPolicy:
			switch {
			case c.Error == ldaplib.BeheraPasswordExpired:
				return Expired, errors.New("the password has expired")
			case c.Error == ldaplib.BeheraAccountLocked:
				return Locked, errors.New("the account is locked")
			case c.Error >= 0:
				return MustChange, errors.New("the password must be changed first")
			case c.Grace >= 0:
				return Expired, fmt.Errorf("the password has expired; %d grace logins are left for changing it", c.Grace)
			}
		case *ldaplib.ControlVChuPasswordMustChange:
			must = must || c.MustChange
		}
	}
	if must {
		return MustChange, errors.New("the password has expired or must be changed first")
	}
	return "", nil
}

// policyAttributes say of an account what its server does not say in a bind, or
// only to who asks: OpenLDAP answers for a locked account as for a wrong password.
var policyAttributes = map[Kind][]string{
	OpenLDAP: {"pwdReset", "pwdAccountLockedTime", "pwdStartTime", "pwdEndTime"},
	Generic:  {"pwdReset", "pwdAccountLockedTime"},
	DS389:    {"pwdReset"},
}

// shown corrects a verdict by what the entry shows.
func shown(a *directory.ReadAccount, now time.Time, reason Reason, says error) (Reason, error) {
	value := func(name string) string {
		for _, v := range a.Values {
			if v.Path == strings.ToLower(name) {
				return strings.ToUpper(v.Text)
			}
		}
		return ""
	}
	if reason == "" && value("pwdReset") == "TRUE" {
		return MustChange, errors.New("pwdReset is TRUE: the password must be changed first")
	}
	if reason != Wrong {
		return reason, says
	}
	if at, err := generalizedTime(value("pwdStartTime")); err == nil && now.Before(at) {
		return Barred, fmt.Errorf("pwdStartTime is %s: %w", value("pwdStartTime"), says)
	}
	if at, err := generalizedTime(value("pwdEndTime")); err == nil && now.After(at) {
		return Barred, fmt.Errorf("pwdEndTime is %s: %w", value("pwdEndTime"), says)
	}
	if at := value("pwdAccountLockedTime"); at != "" {
		return Locked, fmt.Errorf("pwdAccountLockedTime is %s: it is locked until pwdLockoutDuration has passed, or the password is wrong again: %w", at, says)
	}
	return reason, says
}

// generalizedTime reads a GeneralizedTime (RFC 4517 3.3.13) as ppolicy writes it.
func generalizedTime(v string) (time.Time, error) {
	return time.Parse("20060102150405Z", v)
}
