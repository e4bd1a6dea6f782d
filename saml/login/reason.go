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
	testSpent       = saml.Reason("test_spent")
	linkRefused     = saml.Reason("link_refused")
	personLocked    = saml.Reason("person_locked")
	personSuspended = saml.Reason("person_suspended")
	notReady        = saml.Reason("not_ready")
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
	noAccount:       {askHelp, "Let the identity provider push the person first (scim), or set provision of the source to create or review. With subject.attribute, its value must equal the account's externalId to the letter."},
	accountLeft:     {askHelp, "The account was deleted. A sign-in never brings a leaver back: let the identity provider push the person again."},
	accountInactive: {askHelp, "The account is deactivated. Activate it at the identity provider."},
	linkPending:     {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "grantbridge login pending shows it; grantbridge login link, approve or refuse decides."},
	loginTaken:      {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "The login is that of another account already; a name never links. grantbridge login pending shows it."},
	personLocked:    {askHelp, "The person is locked: grantbridge person unlock."},
	personSuspended: {askHelp, "Another source has deactivated the person, and its lifecycle is veto: let that source activate the person, or set lifecycle of that source to own."},
	linkRefused:     {askHelp, "An administrator refused this sign-in: grantbridge login pending --refused. grantbridge login link or approve lets it in after all."},
	testSpent:       {"This link was used already, or is too old.", "Make another one: grantbridge login test SOURCE."},
	notReady:        {again, "The session ended as it began; the log has more under the trace's id."},
}

// Fixes are the reasons of the door's own, with what the administrator changes.
func Fixes() map[saml.Reason]string {
	all := make(map[saml.Reason]string, len(sayings))
	for r, s := range sayings {
		all[r] = s.fix
	}
	return all
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
