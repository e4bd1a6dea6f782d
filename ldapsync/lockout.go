package ldapsync

import (
	"fmt"
	"math"
	"strconv"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"
)

// Lockout is when a directory locks an account after wrong passwords. The zero
// Lockout is not known: few accounts may read it.
type Lockout struct {
	// After is how many it takes, Within how soon each must follow the one before;
	// 0 is however long that takes.
	After  int           `json:"after"`
	Within time.Duration `json:"within"`
	DN     string        `json:"dn"` // where it stands
}

// String is for a person.
func (l Lockout) String() string {
	if l.Within == 0 {
		return fmt.Sprintf("%d wrong passwords, however long apart", l.After)
	}
	return fmt.Sprintf("%d wrong passwords within %s", l.After, l.Within)
}

// Stops reports whether attempts so bounded end before the directory locks.
func (a Attempts) Stops(l Lockout) bool {
	a = a.withDefaults()
	return l.After == 0 || a.Account < l.After && l.Within > 0 && a.Window >= l.Within
}

// PasswordLogin adds to a report whether attempts so bounded stay below the
// directory's lock-out.
func (r *Report) PasswordLogin(a Attempts) {
	a = a.withDefaults()
	ours := fmt.Sprintf("password_login lets %d fail until %s have passed since", a.Account, a.Window)
	st := Stage{Name: "lock-out", Verdict: Good, Says: ours + ", before the directory locks after " + r.Lockout.String() + " (" + r.Lockout.DN + ")"}
	switch {
	case r.Lockout.After == 0:
		st.Says = ours + "; the directory shows no lock-out of its own"
	case a.Stops(r.Lockout):
	case r.Lockout.Within == 0:
		st.Verdict, st.Says = Warn, ours+", and the directory locks after "+r.Lockout.String()+" ("+r.Lockout.DN+")"
		st.Do = "no window is long enough for that: give the policy a pwdFailureCountInterval, or people can be locked out through the sign-in page"
	default:
		st.Verdict, st.Says = Warn, ours+", and the directory locks after "+r.Lockout.String()+" ("+r.Lockout.DN+")"
		st.Do = fmt.Sprintf("set password_login.attempts below %d and window to %s or more, or people can be locked out through the sign-in page", r.Lockout.After, r.Lockout.Within)
	}
	r.Stages = append(r.Stages, st)
}

// lockout reads what the directory says of it, the strictest of all policies that
// are shown: Active Directory's of the domain (MS-ADTS 3.1.1.5.2.1.2), others' by
// draft-behera-ldap-password-policy-10, 5.2.
func (s *session) lockout() (Lockout, error) {
	base := s.context(s.cfg.Users.Base)
	if s.p.kind == ActiveDirectory {
		r, err := s.read(base, "lockoutThreshold", "lockOutObservationWindow")
		if err != nil || r == nil {
			return Lockout{}, err
		}
		return Lockout{number(r.first("lockoutthreshold")), -100 * time.Duration(number(r.first("lockoutobservationwindow"))), base}, nil
	}
	var got records
	req := &ldaplib.SearchRequest{BaseDN: base, Scope: ldaplib.ScopeWholeSubtree, Filter: "(&(objectClass=pwdPolicy)(pwdLockout=TRUE)(pwdMaxFailure=*))",
		Attributes: []string{"pwdMaxFailure", "pwdFailureCountInterval"}}
	if _, err := s.search(req, &got); err != nil {
		return Lockout{}, err
	}
	var worst Lockout
	for _, r := range got.list {
		l := Lockout{number(r.first("pwdmaxfailure")), time.Duration(number(r.first("pwdfailurecountinterval"))) * time.Second, r.dn}
		if l.After > 0 && worst.After == 0 || l.After > 0 && l.strict() < worst.strict() {
			worst = l
		}
	}
	return worst, nil
}

// strict is less for a lockout that comes sooner.
func (l Lockout) strict() float64 {
	within := l.Within
	if within == 0 {
		within = math.MaxInt64
	}
	return float64(l.After) - float64(within)/math.MaxInt64
}

// number is 0 for what is none, as for an attribute that is not shown.
func number(v string) int {
	n, _ := strconv.Atoi(v)
	return n
}
