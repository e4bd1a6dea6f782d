package login

import (
	"grantbridge/internal/session"
	"grantbridge/saml"
)

// The reasons of the door's own, beside those of package saml.
const (
	sourceDisabled  = saml.SourceDisabled
	wrongBrowser    = saml.Reason("wrong_browser")
	finishSpent     = saml.Reason("finish_spent")
	noAccount       = saml.Reason("no_account")
	accountLeft     = saml.Reason("account_left")
	accountInactive = saml.Reason("account_inactive")
	linkPending     = saml.Reason("link_pending")
	loginTaken      = saml.Reason("login_taken")
	personLocked    = saml.Reason("person_locked")
	personSuspended = saml.Reason("person_suspended")
	notReady        = saml.Reason("not_ready")
	outMeanwhile    = saml.Reason("signed_out_meanwhile")
)

// saying is what a reason tells the person, and the administrator to do.
type saying struct{ says, fix string }

const (
	again   = "Signing in did not work. Please start again."
	askHelp = "You cannot sign in here. Your administrator can tell you why."
)

var sayings = map[saml.Reason]saying{
	wrongBrowser:    {"This sign-in was begun in another browser. Please start again in this one.", "Nothing, when the person changed browsers. When nobody did, somebody tried to plant a sign-in: look at the address in the log."},
	finishSpent:     {again, "Nothing: the page was loaded twice, or more than five minutes after the sign-in. Cookies that the browser refuses look the same."},
	noAccount:       {askHelp, "Let the identity provider push the person first (scim), or set provision to create or review. With subject.attribute, its value must equal the account's externalId to the letter."},
	accountLeft:     {askHelp, "The account was deleted. A sign-in never brings a leaver back: let the identity provider push the person again."},
	accountInactive: {askHelp, "The account is deactivated. Activate it at the identity provider."},
	linkPending:     {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "grantbridge login pending shows it; grantbridge login link approves it."},
	loginTaken:      {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "Another account of the source has this login; a name never links. grantbridge login pending shows it."},
	personLocked:    {askHelp, "The person is locked: grantbridge person unlock."},
	personSuspended: {askHelp, "Another source has deactivated the person, and its lifecycle is veto."},
	outMeanwhile:    {again, "Nothing: the identity provider ended its session while the browser was on its way back."},
	notReady:        {again, "The session ended as it began; the log has more under the trace's id."},
}

// sayingOf finds what is said of a rejection.
func sayingOf(no *saml.Rejection) saying {
	if s, ok := sayings[no.Reason]; ok {
		return s
	}
	return saying{no.Says(), no.Fix()}
}

func refusal(reason saml.Reason, want, got string) *saml.Rejection {
	return &saml.Rejection{Reason: reason, Want: want, Got: got}
}

// endedRefusal says why a session could not begin.
func endedRefusal(why session.Why) *saml.Rejection {
	reasons := map[session.Why]saml.Reason{
		session.Locked: personLocked, session.Revoked: personLocked, session.Suspended: personSuspended,
		session.SourceDisabled: sourceDisabled, session.AccountEnded: accountInactive, session.Stale: saml.StoreUnavailable,
	}
	reason, ok := reasons[why]
	if !ok {
		reason = notReady
	}
	return refusal(reason, "a session", string(why))
}
