package saml

// The reasons. What each means, what to change and what the person at the
// browser reads stands in the table below; docs/saml.md is made from it.
const (
	ResponseMissing   Reason = "response_missing"
	InputTooLarge     Reason = "input_too_large"
	InputBase64       Reason = "input_base64"
	InputDeflate      Reason = "input_deflate"
	XMLEncoding       Reason = "xml_encoding"
	XMLCharacter      Reason = "xml_character"
	XMLMalformed      Reason = "xml_malformed"
	XMLDoctype        Reason = "xml_doctype"
	XMLEntity         Reason = "xml_entity"
	XMLComment        Reason = "xml_comment"
	XMLCDATA          Reason = "xml_cdata"
	XMLInstruction    Reason = "xml_instruction"
	XMLTrailing       Reason = "xml_trailing"
	XMLTooDeep        Reason = "xml_too_deep"
	XMLElements       Reason = "xml_too_many_elements"
	XMLAttributes     Reason = "xml_too_many_attributes"
	XMLPrefixes       Reason = "xml_too_many_namespaces"
	XMLNamespace      Reason = "xml_namespace"
	XMLAttributeTwice Reason = "xml_attribute_twice"
	IDDuplicate       Reason = "id_duplicate"
	IDMalformed       Reason = "id_malformed"
	IDPolluted        Reason = "id_polluted"

	NotAResponse        Reason = "not_a_response"
	NamespaceConfusion  Reason = "namespace_confusion"
	UnexpectedElement   Reason = "unexpected_element"
	MixedContent        Reason = "mixed_content"
	VersionWrong        Reason = "version"
	IDMissing           Reason = "id_missing"
	StatusMissing       Reason = "status_missing"
	StatusFailed        Reason = "status_failed"
	StatusDenied        Reason = "status_denied"
	StatusContext       Reason = "status_no_authn_context"
	AssertionMissing    Reason = "assertion_missing"
	AssertionSeveral    Reason = "assertion_several"
	AssertionMisplaced  Reason = "assertion_misplaced"
	EncryptedPart       Reason = "encrypted_part"
	SignatureMisplaced  Reason = "signature_misplaced"
	SignatureSeveral    Reason = "signature_several"
	SignatureShape      Reason = "signature_shape"
	SignatureReference  Reason = "signature_reference"
	SignatureTransform  Reason = "signature_transform"
	SignatureC14N       Reason = "signature_canonicalization"
	SignatureAlgorithm  Reason = "signature_algorithm"
	DigestAlgorithm     Reason = "digest_algorithm"
	DigestValue         Reason = "digest_value"
	SignatureValue      Reason = "signature_value"
	SignatureMissing    Reason = "signature_missing"
	ResponseUnsigned    Reason = "response_unsigned"
	AssertionUnsigned   Reason = "assertion_unsigned"
	SignatureKeyType    Reason = "signature_key_type"
	SignatureKeyExpired Reason = "signature_key_expired"
	SignatureUntrusted  Reason = "signature_untrusted"
	DigestMismatch      Reason = "digest_mismatch"
	SignedBytesDiffer   Reason = "signed_bytes_differ"

	EncryptionUnwanted  Reason = "encryption_no_key"
	EncryptionShape     Reason = "encryption_shape"
	EncryptionAlgorithm Reason = "encryption_algorithm"
	EncryptionTransport Reason = "encryption_key_transport"
	EncryptionCBC       Reason = "encryption_cbc_unsigned"
	DecryptionFailed    Reason = "decryption_failed"
	EncryptionRequired  Reason = "encryption_required"

	IssuerMissing         Reason = "issuer_missing"
	IssuerWrong           Reason = "issuer"
	DestinationMissing    Reason = "destination_missing"
	DestinationWrong      Reason = "destination"
	TimeMalformed         Reason = "time_malformed"
	IssuedInFuture        Reason = "issued_in_future"
	IssuedTooLongAgo      Reason = "issued_too_long_ago"
	SubjectMissing        Reason = "subject_missing"
	ConfirmationMissing   Reason = "confirmation_missing"
	ConfirmationMethod    Reason = "confirmation_method"
	ConfirmationData      Reason = "confirmation_data_missing"
	ConfirmationNotBefore Reason = "confirmation_not_before"
	ConfirmationUnbounded Reason = "confirmation_unbounded"
	ConfirmationExpired   Reason = "confirmation_expired"
	RecipientMissing      Reason = "recipient_missing"
	RecipientWrong        Reason = "recipient"
	InResponseToMissing   Reason = "in_response_to_missing"
	InResponseToWrong     Reason = "in_response_to"
	RequestUnknown        Reason = "request_unknown"
	RequestExpired        Reason = "request_expired"
	Unsolicited           Reason = "unsolicited"
	Bounce                Reason = "unsolicited_bounce"
	ConditionsMissing     Reason = "conditions_missing"
	ConditionUnknown      Reason = "condition_unknown"
	NotYetValid           Reason = "not_yet_valid"
	Expired               Reason = "expired"
	ValidityReversed      Reason = "validity_reversed"
	AudienceMissing       Reason = "audience_missing"
	AudienceWrong         Reason = "audience"
	AuthnStatementMissing Reason = "authn_statement_missing"
	AuthnStatementSeveral Reason = "authn_statement_several"
	AuthnInstantMissing   Reason = "authn_instant_missing"
	AuthnInstantFuture    Reason = "authn_instant_in_future"
	AuthnTooOld           Reason = "authn_too_old"
	AuthnContextWeak      Reason = "authn_context"
	SessionOver           Reason = "session_over"
	NameIDMissing         Reason = "nameid_missing"
	NameIDEmpty           Reason = "nameid_empty"
	NameIDSeveral         Reason = "nameid_several"
	NameIDTooLong         Reason = "nameid_too_long"
	SubjectTransient      Reason = "subject_transient"
	SubjectAttribute      Reason = "subject_attribute_missing"
	SubjectAttributeTwice Reason = "subject_attribute_several"
	AttributeUnnamed      Reason = "attribute_unnamed"
	AttributesTooMany     Reason = "attributes_too_many"
	AttributeStructured   Reason = "attribute_structured"
	GroupsMalformed       Reason = "groups_malformed"
	Replayed              Reason = "replayed"
	RequestSpent          Reason = "request_spent"
	LogoutMissing         Reason = "logout_missing"
	LogoutAmbiguous       Reason = "logout_ambiguous"
	QueryMalformed        Reason = "query_malformed"
	QueryTwice            Reason = "query_parameter_twice"
	QueryUnsigned         Reason = "query_unsigned"
	QuerySignature        Reason = "query_signature"
	NotALogout            Reason = "not_a_logout"
	LogoutExpired         Reason = "logout_expired"
	LogoutSession         Reason = "logout_session"
	LogoutStatus          Reason = "logout_status"
	SourceDisabled        Reason = "source_disabled"
	MetadataExpired       Reason = "metadata_expired"
	StoreUnavailable      Reason = "store_unavailable"
	InternalError         Reason = "internal_error"
)

// The texts that several reasons share.
const (
	fixAttack  = "No working identity provider sends this: treat it as an attack, or as a proxy that rewrites the message."
	fixVendor  = "Ask the vendor of the identity provider; the message breaks the SAML standard."
	fixClock   = "Set the clocks of both servers by NTP; if they cannot be, raise clock_skew of the source (at most 180 s)."
	fixSigning = "Switch on signing (response, assertion or both) with RSA-SHA256 for this application at the identity provider."
	fixSigned  = fixSigning + " Or change signed of the source."
	fixLoad    = "Load the identity provider's current metadata: metadata_file of the source, or grantbridge login metadata fetch SOURCE with metadata_url."
)

var reasons = []about{
	{ResponseMissing, StageInput, broken, "the form has no SAMLResponse", "Check that the identity provider answers with the HTTP-POST binding."},
	{InputTooLarge, StageInput, broken, "the message is larger than the limit", "Send fewer groups: assign groups to the application at the identity provider."},
	{InputBase64, StageInput, broken, "the message is not base64", fixVendor},
	{InputDeflate, StageInput, broken, "the message does not inflate, or inflates beyond the limit", fixAttack},
	{XMLEncoding, StageXML, broken, "the message is not UTF-8, or declares something else", "Make the identity provider send UTF-8."},
	{XMLCharacter, StageXML, broken, "a character that XML forbids", fixVendor},
	{XMLMalformed, StageXML, broken, "not well-formed XML", fixVendor},
	{XMLDoctype, StageXML, broken, "a document type declaration", fixAttack},
	{XMLEntity, StageXML, broken, "a reference to an entity that is not one of XML's five", fixAttack},
	{XMLComment, StageXML, broken, "a comment", fixAttack},
	{XMLCDATA, StageXML, broken, "a CDATA section", fixAttack},
	{XMLInstruction, StageXML, broken, "a processing instruction", fixAttack},
	{XMLTrailing, StageXML, broken, "something after the end of the document", fixAttack},
	{XMLTooDeep, StageXML, broken, "elements nested deeper than the limit", fixAttack},
	{XMLElements, StageXML, broken, "more elements than the limit", "Send fewer groups: assign groups to the application at the identity provider, or one attribute with many values."},
	{XMLAttributes, StageXML, broken, "an element with more attributes than the limit", fixAttack},
	{XMLPrefixes, StageXML, broken, "more namespaces in scope than the limit", fixAttack},
	{XMLNamespace, StageXML, broken, "a namespace that is undeclared, relative, empty or reserved", fixAttack},
	{XMLAttributeTwice, StageXML, broken, "an attribute twice on one element", fixAttack},
	{IDDuplicate, StageXML, broken, "one ID on two elements", fixAttack},
	{IDMalformed, StageXML, broken, "an ID that is not an XML name", fixVendor},
	{IDPolluted, StageXML, broken, "an ID attribute in a namespace, or in other letter case", fixAttack},

	{NotAResponse, StageStructure, broken, "the root is not a SAML 2.0 Response", "Point the identity provider's ACS URL at /saml/SOURCE/acs and use SAML 2.0."},
	{NamespaceConfusion, StageStructure, broken, "an element that looks like SAML or XML-Signature in another namespace", fixAttack},
	{UnexpectedElement, StageStructure, broken, "an element where the standard has none", fixVendor},
	{MixedContent, StageStructure, broken, "text beside elements, or elements inside text", fixAttack},
	{VersionWrong, StageStructure, broken, "Version is not 2.0", "Use SAML 2.0 for this application."},
	{IDMissing, StageStructure, broken, "no ID", fixVendor},
	{StatusMissing, StageStructure, broken, "no Status", fixVendor},
	{StatusFailed, StageStructure, denied, "the identity provider reports a failure", "Look into the identity provider's log for this sign-in; the status code and message stand beside."},
	{StatusDenied, StageStructure, denied, "the identity provider denies the sign-in", "Assign the person to the application at the identity provider."},
	{StatusContext, StageStructure, denied, "the identity provider cannot sign in as strongly as asked", "Add the method to the identity provider, or change authn_context of the source."},
	{AssertionMissing, StageStructure, broken, "no assertion", fixVendor},
	{AssertionSeveral, StageStructure, broken, "more than one assertion", fixAttack},
	{AssertionMisplaced, StageStructure, broken, "an assertion that is not a child of the Response", fixAttack},
	{EncryptedPart, StageStructure, broken, "an encrypted NameID or attribute", "Encrypt the whole assertion, or nothing."},

	{SignatureMisplaced, StageSignature, broken, "a signature that is not a child of what it signs", fixAttack},
	{SignatureSeveral, StageSignature, broken, "more than one signature on one element", fixAttack},
	{SignatureShape, StageSignature, broken, "a signature with missing, repeated or foreign parts", fixAttack},
	{SignatureReference, StageSignature, broken, "a signature that is not over exactly the element it is in", fixAttack},
	{SignatureTransform, StageSignature, broken, "transforms other than enveloped-signature and exclusive canonicalisation", fixAttack},
	{SignatureC14N, StageSignature, broken, "a canonicalisation other than exclusive without comments", "Set the identity provider to exclusive canonicalisation (xml-exc-c14n)."},
	{SignatureAlgorithm, StageSignature, broken, "a signature algorithm other than RSA or ECDSA with SHA-256 or better", "Set the signature algorithm to RSA-SHA256 at the identity provider."},
	{DigestAlgorithm, StageSignature, broken, "a digest other than SHA-256 or better", "Set the digest algorithm to SHA-256 at the identity provider."},
	{DigestValue, StageSignature, broken, "a digest that is not base64 of the right length, or that of nothing", fixAttack},
	{SignatureValue, StageSignature, broken, "a signature value that is empty or not base64", fixAttack},
	{SignatureMissing, StageSignature, broken, "neither response nor assertion is signed", fixSigning},
	{ResponseUnsigned, StageSignature, broken, "the response is not signed, and the source requires it", fixSigned},
	{AssertionUnsigned, StageSignature, broken, "the assertion is not signed, and the source requires it", fixSigned},
	{SignatureKeyType, StageSignature, broken, "no trusted key is of the signature's kind", fixLoad},
	{SignatureKeyExpired, StageSignature, broken, "the certificate has expired, and the source rejects such", "Renew the certificate at the identity provider and load its metadata, or set expired_certificates of the source to warn."},
	{SignatureUntrusted, StageSignature, broken, "the signature is not by a trusted key", "The identity provider may have a new certificate: load its metadata, or, when it waits already, grantbridge login metadata take. If it has none, treat it as an attack."},
	{DigestMismatch, StageSignature, broken, "the content is not what was signed", fixAttack},
	{SignedBytesDiffer, StageSignature, broken, "the signed bytes read differently from the message", fixAttack},

	{EncryptionUnwanted, StageEncryption, broken, "an encrypted assertion, and the source has no key", "Give the source key_file and certificate_file, or switch encryption off at the identity provider."},
	{EncryptionShape, StageEncryption, broken, "an EncryptedAssertion with missing, repeated or foreign parts", fixVendor},
	{EncryptionAlgorithm, StageEncryption, broken, "content encryption other than AES-GCM or AES-CBC", "Set content encryption to AES-256-GCM or AES-128-GCM at the identity provider."},
	{EncryptionTransport, StageEncryption, broken, "key transport other than RSA-OAEP", "Set key transport to RSA-OAEP at the identity provider; RSA 1.5 is not accepted."},
	{EncryptionCBC, StageEncryption, broken, "AES-CBC without a signature over the response", "Sign the response too, or set content encryption to AES-GCM."},
	{DecryptionFailed, StageEncryption, broken, "the assertion cannot be decrypted into one assertion", "Load our current metadata at the identity provider: it may encrypt for an old key."},
	{EncryptionRequired, StageEncryption, broken, "a plain assertion, and the source requires encryption", "Switch on assertion encryption at the identity provider, or set encrypted of the source to false."},

	{IssuerMissing, StageConditions, broken, "no Issuer", fixVendor},
	{IssuerWrong, StageConditions, broken, "the Issuer is not the source's identity provider", "Load the metadata of the identity provider that really answers; when the document holds several, name it in metadata.entity_id of the source."},
	{DestinationMissing, StageConditions, broken, "a signed response without Destination", fixVendor},
	{DestinationWrong, StageConditions, broken, "the Destination is not this URL", "Set the ACS (or logout) URL at the identity provider exactly as our metadata says, to the letter."},
	{TimeMalformed, StageConditions, broken, "a time that is missing or not of the form 2006-01-02T15:04:05Z", fixVendor},
	{IssuedInFuture, StageConditions, broken, "issued in the future", fixClock},
	{IssuedTooLongAgo, StageConditions, again, "issued longer ago than the limit", fixClock + " When the way is slow, raise max_age."},
	{SubjectMissing, StageConditions, broken, "no Subject, or more than one", fixVendor},
	{ConfirmationMissing, StageConditions, broken, "no SubjectConfirmation", fixVendor},
	{ConfirmationMethod, StageConditions, broken, "no SubjectConfirmation of method bearer", "Use the Web Browser SSO profile; sender-vouches and holder-of-key are not accepted."},
	{ConfirmationData, StageConditions, broken, "a bearer confirmation without data", fixVendor},
	{ConfirmationNotBefore, StageConditions, broken, "a bearer confirmation with NotBefore", fixVendor},
	{ConfirmationUnbounded, StageConditions, broken, "a bearer confirmation without NotOnOrAfter", fixVendor},
	{ConfirmationExpired, StageConditions, again, "the bearer confirmation has expired", fixClock},
	{RecipientMissing, StageConditions, broken, "a bearer confirmation without Recipient", fixVendor},
	{RecipientWrong, StageConditions, broken, "the Recipient is not this URL", "Set the ACS and recipient URL at the identity provider exactly as our metadata says."},
	{InResponseToMissing, StageConditions, broken, "an answer that does not say to which request in all places", fixVendor},
	{InResponseToWrong, StageConditions, broken, "response and assertion answer different requests", fixAttack},
	{RequestUnknown, StageConditions, again, "an answer to a request that this browser did not make", "Nothing, when it is rare: an old tab. Else look for two servers that do not share a store."},
	{RequestExpired, StageConditions, again, "an answer after the sign-in's time was over", "Nothing, when it is rare. Else raise login_ttl of the source."},
	{Unsolicited, StageConditions, again, "an answer without a request, and the source does not take such", "Start at our sign-in page, or set idp_initiated of the source to bounce."},
	{Bounce, StageConditions, again, "an answer without a request: a sign-in is started instead", "Nothing: this is how idp_initiated: bounce works."},
	{ConditionsMissing, StageConditions, broken, "no Conditions, or more than one", fixVendor},
	{ConditionUnknown, StageConditions, broken, "a condition that is not understood", "Remove the condition at the identity provider."},
	{NotYetValid, StageConditions, broken, "not valid yet", fixClock},
	{Expired, StageConditions, again, "not valid any more", fixClock},
	{ValidityReversed, StageConditions, broken, "valid until before it is valid from", fixVendor},
	{AudienceMissing, StageConditions, broken, "no audience", "Set the audience at the identity provider to our entity id."},
	{AudienceWrong, StageConditions, broken, "meant for another audience", "Set the audience (SP entity id) at the identity provider to our entity id, to the letter."},
	{AuthnStatementMissing, StageConditions, broken, "no AuthnStatement", fixVendor},
	{AuthnStatementSeveral, StageConditions, broken, "more than one AuthnStatement", fixVendor},
	{AuthnInstantMissing, StageConditions, broken, "no AuthnInstant", fixVendor},
	{AuthnInstantFuture, StageConditions, broken, "signed in at a time in the future", fixClock},
	{AuthnTooOld, StageConditions, again, "signed in at the identity provider longer ago than allowed", "When the identity provider ignores ForceAuthn, switch it on there or set force_authn of the source to false; else raise max_authn_age of the source."},
	{AuthnContextWeak, StageConditions, denied, "signed in by a method that the source does not take", "Require the method (for instance MFA) at the identity provider, or add its class to authn_context of the source."},
	{SessionOver, StageConditions, again, "the identity provider's session is over already", fixClock},

	{NameIDMissing, StageIdentity, broken, "no NameID", "Add a Name ID rule at the identity provider; persistent is best. AD FS has none unless a rule issues it."},
	{NameIDEmpty, StageIdentity, broken, "an empty NameID", "Pick a Name ID field at the identity provider that every person has."},
	{NameIDSeveral, StageIdentity, broken, "more than one NameID", fixAttack},
	{NameIDTooLong, StageIdentity, broken, "a NameID of more than 256 characters, or with control characters", fixVendor},
	{SubjectTransient, StageIdentity, denied, "the NameID is transient: another one at each sign-in", "Set the NameID format to persistent at the identity provider, or name an attribute in subject.attribute of the source."},
	{SubjectAttribute, StageIdentity, denied, "the subject attribute is missing or empty", "Send the attribute from the identity provider, or correct subject.attribute of the source."},
	{SubjectAttributeTwice, StageIdentity, denied, "the subject attribute has more than one value", "Send one value."},
	{AttributeUnnamed, StageIdentity, broken, "an attribute without a Name", fixVendor},
	{AttributesTooMany, StageIdentity, broken, "more attribute values than the limit", "Send fewer groups: assign groups to the application at the identity provider."},
	{AttributeStructured, StageIdentity, broken, "the subject attribute has elements inside its value", "Send plain text."},
	{GroupsMalformed, StageIdentity, broken, "a group that is not in the form that the source says", "Correct groups_form of the source, or the attribute at the identity provider."},

	{Replayed, StageUse, again, "the assertion or message was used already", "Nothing, when it is rare: the back button. Else treat it as an attack."},
	{RequestSpent, StageUse, again, "the request was answered already", "Nothing, when it is rare: the back button or a second tab."},

	{LogoutMissing, StageLogout, broken, "neither SAMLRequest nor SAMLResponse", "Point the identity provider's logout URL at /saml/SOURCE/slo."},
	{LogoutAmbiguous, StageLogout, broken, "both SAMLRequest and SAMLResponse", fixAttack},
	{QueryMalformed, StageLogout, broken, "a query or form that does not parse", fixAttack},
	{QueryTwice, StageLogout, broken, "a parameter twice", fixAttack},
	{QueryUnsigned, StageLogout, broken, "a logout message without signature", "Switch on signing of logout messages at the identity provider."},
	{QuerySignature, StageLogout, broken, "the signature of the query is not by a trusted key", fixLoad},
	{NotALogout, StageLogout, broken, "not the logout message that was expected", fixVendor},
	{LogoutExpired, StageLogout, again, "the logout request has expired", fixClock},
	{LogoutSession, StageLogout, broken, "an empty SessionIndex, or more than the limit", fixVendor},
	{LogoutStatus, StageLogout, again, "the identity provider did not end all its sessions", "Our session has ended; look into the identity provider's log for the others."},

	{SourceDisabled, StageState, stopped, "the source is switched off", "Take disabled out of the source, or put the source and its saml block back into the configuration."},
	{MetadataExpired, StageState, stopped, "the identity provider's metadata has expired", "Load current metadata into metadata_file; with metadata_url, grantbridge login metadata list says why fetching fails."},
	{StoreUnavailable, StageState, stopped, "the store did not answer, so one-time use cannot be proven", "See the store's health; nobody is signed in without it."},
	{InternalError, StageState, stopped, "a defect of this program; the sign-in was refused", "Report it with the request id."},
}
