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
	subjectAged     = signin.Reason("subject_aged")
	testSpent       = signin.Reason("test_spent")
	linkRefused     = signin.Reason("link_refused")
	personLocked    = signin.Reason("person_locked")
	personSuspended = signin.Reason("person_suspended")
	notReady        = signin.Reason("not_ready")
	outMeanwhile    = signin.Reason("signed_out_meanwhile")
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
	noAccount:       {askHelp, "Let the identity provider push the person first (scim), or set provision of the source to create or review. With subject.attribute, its value must equal the account's externalId to the letter."},
	accountLeft:     {askHelp, "The account was deleted. A sign-in never brings a leaver back: let the identity provider push the person again."},
	accountInactive: {askHelp, "The account is deactivated. Activate it at the identity provider."},
	linkPending:     {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "grantbridge login pending shows it; grantbridge login link, approve or refuse decides."},
	loginTaken:      {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "The login is that of another account already; a name never links. grantbridge login pending shows it."},
	subjectAged:     {"Your sign-in waits for an administrator to approve it. Nothing more is needed from you.", "It was not here for longer than reassigned_after, and identity providers give such names to somebody else. The same person: grantbridge login link with his account's id. Somebody new: grantbridge login approve deletes the account that he would have inherited, and makes another."},
	personLocked:    {askHelp, "The person is locked: grantbridge person unlock."},
	personSuspended: {askHelp, "Another source has deactivated the person, and its lifecycle is veto: let that source activate the person, or set lifecycle of that source to own."},
	linkRefused:     {askHelp, "An administrator refused this sign-in: grantbridge login pending --refused. grantbridge login link or approve lets it in after all."},
	testSpent:       {"This link was used already, or is too old.", "Make another one: grantbridge login test SOURCE."},
	outMeanwhile:    {again, "Nothing: the identity provider ended its session while the browser was on its way back."},
	notReady:        {again, "The session ended as it began; the log has more under the trace's id."},
}

// Fixes are the reasons of the door's own, with what the administrator changes.
func Fixes() map[signin.Reason]string {
	all := make(map[signin.Reason]string, len(sayings))
	for r, s := range sayings {
		all[r] = s.fix
	}
	return all
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
