package web

import "grantbridge/provision"

var (
	textSchema = object{"type": "string"}
	timeSchema = object{"type": "string", "format": "date-time"}
)

func numberSchema(least, most int) object {
	return object{"type": "integer", "minimum": least, "maximum": most}
}

// operations are all routes below /api/v1.
var operations = map[string]operation{
	"GET " + openAPIPath: {id: "getOpenAPI", tag: "about", summary: "this document", answer: object{}},
	"GET /api/v1/sources/{source}/runs": {id: "listRuns", tag: "directories", summary: "the last runs of a source's directory, the newest first",
		says: "Runs in a row that came to the same are one report, with their number in times. Of each source the last 50 are kept.", needs: "access:manage",
		query:  []parameter{{"limit", "how many", numberSchema(1, mostRuns)}},
		answer: runList{}, errors: []int{400, 404}},
	"GET /api/v1/sources/{source}/runs/{id}": {id: "getRun", tag: "directories", summary: "one run", needs: "access:manage",
		answer: provision.SyncReport{}, errors: []int{404}},
	"GET /api/v1/plans": {id: "listPlans", tag: "plans", summary: "the plans that a guard holds, the newest first", needs: "access:manage",
		query: []parameter{
			{"source", "only of this source", textSchema},
			{"kind", "ldap: of a directory's run; mapping: of rules; sites: of sites", object{"type": "string", "enum": []string{"ldap", "mapping", "sites"}}},
			{"state", "all shows the settled ones too", object{"type": "string", "enum": []string{"held", "all"}, "default": "held"}}},
		answer: planList{}, errors: []int{400}},
	"GET /api/v1/plans/{id}": {id: "getPlan", tag: "plans", summary: "one plan whole, settled ones too", needs: "access:manage",
		says: "plan is what would be done, as it was when it was held.", answer: heldPlan{}, errors: []int{404}},
	"POST /api/v1/plans/{id}/apply": {id: "applyPlan", tag: "plans", summary: "do exactly the plan that was seen, or nothing", needs: superuserAction,
		says: "hash is the plan's, from getPlan. The plan of a directory's run is made again: the directory is read, and what it says now is done only if that is still this plan. A caller who goes away does not cut it.",
		body: approval{}, answer: heldPlan{}, errors: []int{400, 404, 409, 413, 415, 502}},
	"POST /api/v1/plans/{id}/discard": {id: "discardPlan", tag: "plans", summary: "drop a plan; nothing is changed", needs: superuserAction,
		says: "While a directory says the same, its next run holds the same plan again.",
		body: dropping{}, optional: true, answer: heldPlan{}, errors: []int{400, 404, 409, 413, 415}},
	"GET /api/v1/sessions": {id: "listSessions", tag: "sign-in", summary: "who is signed in, the newest first", needs: "access:manage",
		query:  []parameter{{"person", "only of this person, by login or id", textSchema}, {"source", "only of this source", textSchema}, {"limit", "how many", numberSchema(1, mostSignIns)}},
		answer: sessionList{}, errors: []int{400, 404}},
	"POST /api/v1/sessions/revoke": {id: "revokeSessions", tag: "sign-in", summary: "end one session, or those of a person, of a source or of everybody", needs: "access:manage",
		says: "They open nothing from their next request on. Who may still sign in can do so again; locking the person keeps him out.",
		body: revocation{}, answer: revoked{}, errors: []int{400, 404, 413, 415}},
	"GET /api/v1/login/pending": {id: "listPendingSignIns", tag: "sign-in", summary: "sign-ins that wait for an administrator, the oldest first", needs: "access:manage",
		query:  []parameter{{"source", "only of this source", textSchema}, {"state", "refused shows those that were refused", object{"type": "string", "enum": []string{"waiting", "refused"}, "default": "waiting"}}},
		answer: pendingList{}, errors: []int{400}},
	"POST /api/v1/login/approve": {id: "approveSignIn", tag: "sign-in", summary: "let a sign-in that waits in as somebody new", needs: superuserAction,
		says: "An account is made with the login and address that it came with, and with no right but what rules give. Who is known already is linked instead.",
		body: subjectOf{}, answer: settled{}, errors: []int{400, 404, 409, 413, 415}},
	"POST /api/v1/login/link": {id: "linkSignIn", tag: "sign-in", summary: "say whose account a sign-in is", needs: superuserAction,
		says: "The subject need not wait. Who signs in as it has all that the account has.",
		body: accountOf{}, answer: settled{}, errors: []int{400, 404, 409, 413, 415}},
	"POST /api/v1/login/refuse": {id: "refuseSignIn", tag: "sign-in", summary: "refuse a sign-in that waits, now and later", needs: superuserAction,
		says: "reason is needed. Approving or linking it lets it in after all.",
		body: subjectOf{}, answer: settled{}, errors: []int{400, 404, 409, 413, 415}},
	"GET /api/v1/login/traces": {id: "listSignInTraces", tag: "sign-in", summary: "what became of attempts to sign in, the newest first", needs: "access:manage",
		query: []parameter{{"source", "only at this source", textSchema}, {"outcome", "only those that came to this", object{"type": "string", "enum": outcomes}},
			{"person", "only of this person, by login or id", textSchema}, {"limit", "how many", numberSchema(1, mostSignIns)}},
		answer: traceList{}, errors: []int{400, 404}},
	"GET /api/v1/login/traces/{words}": {id: "getSignInTrace", tag: "sign-in", summary: "one attempt by the words that the person was shown", needs: "access:manage",
		says:   "trace has what was expected and what came, and what to change; never an attribute's value, a NameID or the message.",
		answer: provision.SignInAttempt{}, errors: []int{404}},
	"GET /api/v1/scim/requests": {id: "listSCIMRequests", tag: "scim", summary: "SCIM requests that were kept, the newest first", needs: "access:manage",
		query: []parameter{
			{"source", "only of this source", textSchema},
			{"status", "only with this HTTP status", numberSchema(100, 599)},
			{"failed", "only those that were refused", object{"type": "string", "enum": []string{"true"}}},
			{"resource", "only about the resource with this id", textSchema},
			{"person", "only about this person, by login or id", textSchema},
			{"request", "only the one with this request id", textSchema},
			{"since", "only those after", timeSchema},
			{"until", "only those before", timeSchema},
			{"before", "the next page: before of the last answer", object{"type": "integer", "format": "int64", "minimum": 1}},
			{"limit", "how many", numberSchema(1, mostRequests)}},
		answer: requestList{}, errors: []int{400, 404}},
	"GET /api/v1/scim/requests/{id}": {id: "getSCIMRequest", tag: "scim", summary: "one SCIM request in full", needs: "access:manage",
		answer: scimRequest{}, errors: []int{404}},
	"POST /api/v1/scim/requests/{id}/replay": {id: "replaySCIMRequest", tag: "scim", summary: "what a SCIM request would do now; nothing is written", needs: "access:manage",
		answer: object{}, errors: []int{404, 409}},
}
