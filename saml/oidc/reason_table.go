package oidc

import "grantbridge/saml/signin"

// The reasons. What each means, what to change and what the person at the
// browser reads stands in the table below; docs/oidc.md is made from it.
const (
	QueryMalformed  signin.Reason = "answer_malformed"
	ParameterTwice  signin.Reason = "answer_parameter_twice"
	StateMissing    signin.Reason = "state_missing"
	StateUnknown    signin.Reason = "state_unknown"
	StateSpent      signin.Reason = "state_spent"
	RequestExpired  signin.Reason = "login_expired"
	AnswerIssuer    signin.Reason = "answer_issuer"
	AnswerNoIssuer  signin.Reason = "answer_issuer_missing"
	AnswerShape     signin.Reason = "answer_shape"
	ProviderDenied  signin.Reason = "provider_denied"
	ProviderAsks    signin.Reason = "provider_asks"
	ProviderDown    signin.Reason = "provider_unavailable"
	ProviderRefuses signin.Reason = "provider_refuses_request"
	ProviderWeak    signin.Reason = "provider_no_authn_context"

	ExchangeFailed   signin.Reason = "exchange_unreachable"
	ExchangeTooLarge signin.Reason = "exchange_too_large"
	ExchangeShape    signin.Reason = "exchange_malformed"
	ClientRefused    signin.Reason = "client_refused"
	CodeRefused      signin.Reason = "code_refused"
	ExchangeRefused  signin.Reason = "exchange_refused"
	TokenType        signin.Reason = "access_token_type"
	IDTokenMissing   signin.Reason = "id_token_missing"

	TokenTooLarge   signin.Reason = "token_too_large"
	TokenMalformed  signin.Reason = "token_malformed"
	TokenEncrypted  signin.Reason = "token_encrypted"
	TokenAlgorithm  signin.Reason = "token_algorithm"
	TokenCritical   signin.Reason = "token_critical"
	KeysUnreachable signin.Reason = "keys_unreachable"
	KeyUnknown      signin.Reason = "key_unknown"
	SignatureWrong  signin.Reason = "token_signature"

	ClaimTwice       signin.Reason = "claim_twice"
	ClaimsMalformed  signin.Reason = "claims_malformed"
	IssuerWrong      signin.Reason = "token_issuer"
	AudienceWrong    signin.Reason = "token_audience"
	PartyMissing     signin.Reason = "token_azp_missing"
	PartyWrong       signin.Reason = "token_azp"
	TokenExpired     signin.Reason = "token_expired"
	TokenNotYet      signin.Reason = "token_not_yet"
	TokenFuture      signin.Reason = "token_issued_in_future"
	TokenOld         signin.Reason = "token_issued_before_request"
	NonceMissing     signin.Reason = "nonce_missing"
	NonceWrong       signin.Reason = "nonce"
	AccessHash       signin.Reason = "access_token_hash"
	SecondOpinion    signin.Reason = "token_second_opinion"
	AuthTimeMissing  signin.Reason = "auth_time_missing"
	AuthTimeOld      signin.Reason = "auth_time_old"
	ContextMissing   signin.Reason = "acr_missing"
	ContextWeak      signin.Reason = "acr"
	StepUpWeak       signin.Reason = "step_up_weak"
	SubjectMissing   signin.Reason = "subject_claim_missing"
	SubjectStrange   signin.Reason = "subject_claim_strange"
	ClaimsTooMany    signin.Reason = "claims_too_many"
	GroupsMalformed  signin.Reason = "groups_claim_malformed"
	UserInfoFailed   signin.Reason = "userinfo_unreachable"
	UserInfoShape    signin.Reason = "userinfo_malformed"
	UserInfoSubject  signin.Reason = "userinfo_subject"
	LogoutMissing    signin.Reason = "logout_token_missing"
	LogoutEvent      signin.Reason = "logout_event"
	LogoutNonce      signin.Reason = "logout_nonce"
	LogoutWho        signin.Reason = "logout_nobody"
	LogoutID         signin.Reason = "logout_id"
	LogoutReplayed   signin.Reason = "logout_replayed"
	ProviderNotReady signin.Reason = "provider_not_read"
	InternalError    signin.Reason = "internal_error"
)

// What the person reads. None tells which check failed.
const (
	broken  = "Your company's sign-in sent an answer that we cannot trust. Please give the code to your administrator."
	again   = "This sign-in is too old or was used already. Please start again."
	denied  = "Your company's sign-in did not let you in. Please ask your administrator."
	stopped = "Signing in is not available at the moment. Please try again later or ask your administrator."
)

const (
	attack  = "No working provider sends this: treat it as an attack, or as a proxy that rewrites the message."
	vendor  = "Ask the vendor of the provider; the answer breaks OpenID Connect."
	clocks  = "Set the clocks of both servers by NTP; if they cannot be, raise clock_skew of the source (at most 180 s)."
	rarely  = "Nothing, when it is rare: the back button, or a sign-in that took too long. Else treat it as an attack."
	network = "See whether this server reaches the provider's token endpoint, and the provider's own log."
)

var reasons = []About{
	{QueryMalformed, StageAnswer, broken, "a query that does not parse, or is larger than the limit", attack},
	{ParameterTwice, StageAnswer, broken, "a parameter twice", attack},
	{StateMissing, StageAnswer, again, "no state", "Nothing, when somebody opened the callback by hand. We start every sign-in ourselves: use /login, or /oidc/SOURCE/login as the provider's start page."},
	{StateUnknown, StageAnswer, again, "a state of no sign-in that waits here for this source", rarely},
	{StateSpent, StageAnswer, again, "a state that was answered already", rarely},
	{RequestExpired, StageAnswer, again, "an answer later than login_ttl", "Nothing, when it is rare; raise login_ttl when signing in takes people longer."},
	{AnswerIssuer, StageAnswer, broken, "an iss that is another provider's (RFC 9207)", "Treat it as an attack that mixes providers up, unless the provider calls itself otherwise than its configuration says."},
	{AnswerNoIssuer, StageAnswer, broken, "no iss, which the provider's configuration promises", attack},
	{AnswerShape, StageAnswer, broken, "neither a code nor an error, or both, or a token", "Register the client for the code flow alone, response mode query."},
	{ProviderDenied, StageAnswer, denied, "access_denied", "Assign the person to the application at the provider; the person may have pressed Cancel as well."},
	{ProviderAsks, StageAnswer, denied, "the provider would have to ask the person something (login_required, consent_required …)", "Give the application consent for the organisation at the provider."},
	{ProviderDown, StageAnswer, stopped, "server_error or temporarily_unavailable", "See the provider's own state and log."},
	{ProviderRefuses, StageAnswer, denied, "the provider refuses our request", "Compare client_id, scopes and the registered redirect URI (BASE_URL/oidc/SOURCE/callback, to the letter) with the provider's registration."},
	{ProviderWeak, StageAnswer, denied, "the provider cannot sign in as strongly as asked", "Add the method to the provider, or change authn_context of the source."},

	{ExchangeFailed, StageExchange, stopped, "the token endpoint does not answer, or too slowly", network},
	{ExchangeTooLarge, StageExchange, broken, "an answer of the token endpoint larger than the limit", "Send fewer groups: assign groups to the application at the provider."},
	{ExchangeShape, StageExchange, broken, "an answer of the token endpoint that is no JSON object, or a redirect", "See that nothing but the provider answers at its token endpoint."},
	{ClientRefused, StageExchange, stopped, "the token endpoint refuses us (invalid_client)", "Write the client's present secret into client_secret_file; it may have ended. With client_key_file, register the key at the provider, set the clocks by NTP, and try client_assertion_audience. If the provider insists on one method, set client_auth."},
	{CodeRefused, StageExchange, again, "the token endpoint refuses the code (invalid_grant)", "Nothing, when it is rare. Always: compare the redirect URI and the PKCE settings of the registration. Else somebody tried to use a stolen code."},
	{ExchangeRefused, StageExchange, denied, "the token endpoint refuses the exchange", "See the provider's log; the error's code stands beside."},
	{TokenType, StageExchange, broken, "an access token of another type than Bearer", vendor},
	{IDTokenMissing, StageExchange, broken, "no ID token", "Allow the scope openid for the client at the provider."},

	{TokenTooLarge, StageToken, broken, "a token larger than the limit", "Send fewer groups: assign groups to the application at the provider."},
	{TokenMalformed, StageToken, broken, "no signed token in compact form", vendor},
	{TokenEncrypted, StageToken, broken, "an encrypted token", "Switch off encryption of ID tokens for this client at the provider (id_token_encrypted_response_alg of its registration): they come over TLS from the provider itself, never through the browser."},
	{TokenAlgorithm, StageToken, broken, "an algorithm that is none of RS, PS and ES 256 to 512 and EdDSA", "Set the signature algorithm of ID tokens to RS256 or ES256 at the provider; shared secrets (HS256) and none are never taken."},
	{TokenCritical, StageToken, broken, "a critical header that we do not know", vendor},
	{KeysUnreachable, StageToken, stopped, "the provider's keys cannot be read", "See whether this server reaches the provider's jwks_uri."},
	{KeyUnknown, StageToken, broken, "a key that the provider does not publish for this algorithm", "Nothing, when the provider is changing keys just now. Else compare the client's signature settings with the provider's jwks_uri; RSA keys below 2,048 bits are not taken."},
	{SignatureWrong, StageToken, broken, "a signature that is not by the key it names", attack},

	{ClaimTwice, StageClaims, broken, "a claim twice", attack},
	{ClaimsMalformed, StageClaims, broken, "claims that are no JSON object, or a claim of the wrong type", vendor},
	{IssuerWrong, StageClaims, broken, "a token of another issuer", "Write issuer as the provider's tokens have it, to the letter, when nobody attacks."},
	{AudienceWrong, StageClaims, broken, "a token for other clients", "Compare client_id with the registration; else treat it as an attack."},
	{PartyMissing, StageClaims, broken, "several audiences and no azp", "Let the provider put this client alone into aud, or add azp."},
	{PartyWrong, StageClaims, broken, "a token that another client asked for (azp)", attack},
	{TokenExpired, StageClaims, again, "a token past its end", clocks},
	{TokenNotYet, StageClaims, again, "a token before its beginning (nbf)", clocks},
	{TokenFuture, StageClaims, again, "a token issued in the future", clocks},
	{TokenOld, StageClaims, broken, "a token that is older than the request", clocks},
	{NonceMissing, StageClaims, broken, "no nonce", vendor},
	{NonceWrong, StageClaims, broken, "the nonce of another sign-in or of another browser", attack},
	{AccessHash, StageClaims, broken, "an at_hash that is not the access token's", attack},
	{SecondOpinion, StageClaims, broken, "what the library refuses and we would not", "Report it with the id: two readings of one token must not differ."},

	{AuthTimeMissing, StageConditions, broken, "no auth_time, which we asked for", "Let the provider send auth_time, or leave out force_authn and max_authn_age."},
	{AuthTimeOld, StageConditions, again, "a sign-in at the provider that is older than allowed", "The provider did not ask the person again: look for max_age and prompt=login in its settings."},
	{ContextMissing, StageConditions, denied, "no acr, which we asked for", "Let the provider send acr, or leave out authn_context of the source."},
	{ContextWeak, StageConditions, denied, "another acr than those asked for", "Give people the method at the provider, or change authn_context of the source."},

	{StepUpWeak, StageConditions, denied, "a sign-in as weak as before, though a stronger one was asked for (mfa.contexts)", "Let the provider ask for the second factor when acr_values asks for it, and say so in acr or amr of the ID token; or correct mfa.contexts of the source."},

	{SubjectMissing, StageIdentity, broken, "the subject claim is missing or empty", "Let the provider send the claim in the ID token, or correct subject.claim of the source."},
	{SubjectStrange, StageIdentity, broken, "a subject claim that is no text, too long, or has characters that are not seen", "Take another claim as subject of the source."},
	{ClaimsTooMany, StageIdentity, broken, "more claims or values than the limit", "Send fewer groups: assign groups to the application at the provider."},
	{GroupsMalformed, StageIdentity, broken, "a groups claim that is neither a text nor a list of texts, or a group in another form than the source says", "Correct groups_claim or groups_form of the source, or the claim at the provider."},

	{UserInfoFailed, StageIdentity, stopped, "the userinfo endpoint does not answer, or refuses", "See whether this server reaches the provider's userinfo endpoint; or let the provider put the claims into the ID token, and leave out userinfo."},
	{UserInfoShape, StageIdentity, broken, "a userinfo answer that is no JSON object", "Let the provider answer with plain JSON: signed and encrypted userinfo are not read."},
	{UserInfoSubject, StageIdentity, broken, "a userinfo answer about somebody else than the ID token", attack},

	{LogoutMissing, StageLogout, broken, "no logout_token", "Point the provider's back-channel logout URL at /oidc/SOURCE/backchannel-logout."},
	{LogoutEvent, StageLogout, broken, "a token without the logout event", attack},
	{LogoutNonce, StageLogout, broken, "a logout token with a nonce: an ID token in its place", attack},
	{LogoutWho, StageLogout, broken, "a logout token with neither sub nor sid", vendor},
	{LogoutID, StageLogout, broken, "a logout token without jti, or with one that is too long", vendor},
	{LogoutReplayed, StageLogout, again, "a logout token that came before", "Nothing, when it is rare: the provider sent it twice."},

	{ProviderNotReady, StageState, stopped, "the provider's configuration could not be read since the start", "See whether this server reaches ISSUER/.well-known/openid-configuration; it tries again by itself. The log has the error."},
	{InternalError, StageState, stopped, "a defect of this program; the sign-in was refused", "Report it with the request id."},
}
