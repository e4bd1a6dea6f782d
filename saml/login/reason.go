package login

import (
	"grantbridge/internal/session"
	"grantbridge/saml"
	"grantbridge/saml/signin"
)

// The reasons of the door's own, beside those of package saml.
const (
	sourceDisabled  = signin.Reason(saml.SourceDisabled)
	wrongBrowser    = signin.Reason("wrong_browser")
	finishSpent     = signin.Reason("finish_spent")
	noAccount       = signin.Reason("no_account")
	accountLeft     = signin.Reason("account_left")
	accountInactive = signin.Reason("account_inactive")
	linkPending     = signin.Reason("link_pending")
	loginTaken      = signin.Reason("login_taken")
	personLocked    = signin.Reason("person_locked")
	personSuspended = signin.Reason("person_suspended")
	notReady        = signin.Reason("not_ready")
)

// saying is what a reason tells the person, and the administrator to do.
type saying struct{ says, fix string }

const (
	again   = "Signing in did not work. Please start again."
	askHelp = "You cannot sign in here. Your administrator can tell you why."
)

var sayings = map[signin.Reason]saying{
	wrongBrowser:    {"This sign-in was begun in another browser. Please start again in this one.", "Nothing, when the person changed browsers. When nobody did, somebody tried to plant a sign-in: look at the address in the log."},
	finishSpent:     {again, "Nothing: the page was loaded twice, or more than five minutes after the sign-in. Cookies that the browser refuses look the same."},
	noAccount:       {askHelp, "Let the identity provider push the person first (scim), or set provision to create or review. With subject.attribute, its value must equal the account's externalId to the letter."},
	accountLeft:     {askHelp, "The account was deleted. A sign-in never brings a leaver back: let the identity provider push the person again."},
	accountInactive: {askHelp, "The account is deactivated. Activate it at the identity provider."},
	linkPending:     {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "grantbridge login pending shows it; grantbridge login link approves it."},
	loginTaken:      {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "Another account of the source has this login; a name never links. grantbridge login pending shows it."},
	personLocked:    {askHelp, "The person is locked: grantbridge person unlock."},
	personSuspended: {askHelp, "Another source has deactivated the person, and its lifecycle is veto."},
	notReady:        {again, "The session ended as it began; the log has more under the trace's id."},
}

// refusal is a rejection for a reason of the door's own or of package saml.
func refusal[R ~string](reason R, want, got string) *signin.Rejection {
	no := &signin.Rejection{Reason: signin.Reason(reason), Want: want, Got: got}
	if s, ok := sayings[no.Reason]; ok {
		no.Says, no.Fix = s.says, s.fix
	} else {
		no.Says, no.Fix = saml.Reason(reason).Says(), saml.Reason(reason).Fix()
	}
	return no
}

// endedRefusal says why a session could not begin.
func endedRefusal(why session.Why) *signin.Rejection {
	reasons := map[session.Why]signin.Reason{
		session.Locked: personLocked, session.Revoked: personLocked, session.Suspended: personSuspended,
		session.SourceDisabled: sourceDisabled, session.AccountEnded: accountInactive, session.Stale: signin.Reason(saml.StoreUnavailable),
	}
	reason, ok := reasons[why]
	if !ok {
		reason = notReady
	}
	return refusal(reason, "a session", string(why))
}
