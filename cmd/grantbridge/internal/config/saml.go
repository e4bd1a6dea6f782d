package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/saml"
	"grantbridge/saml/login"
)

// SAML is a source's SAML door.
type SAML struct {
	MetadataFile string       `yaml:"metadata_file" jsonschema_description:"the identity provider's metadata"`
	MetadataURL  string       `yaml:"metadata_url" jsonschema_description:"where to fetch it, instead of metadata_file"`
	Metadata     SAMLMetadata `yaml:"metadata" jsonschema_description:"how it is read and fetched"`
	EntityID     string       `yaml:"entity_id" jsonschema_description:"our entity id; default is the metadata URL of the source"`
	Subject      SAMLSubject  `yaml:"subject" jsonschema_description:"what names a person for ever"`

	GroupsAttribute    string   `yaml:"groups_attribute" jsonschema_description:"the attribute that lists the groups"`
	GroupsAttributes   []string `yaml:"groups_attributes" jsonschema_description:"further attributes with groups; they are merged"`
	GroupsForm         string   `yaml:"groups_form" jsonschema_description:"how a group is written" jsonschema:"enum=name,enum=dn,enum=dn-whole,enum=path,enum=path-leaf,enum=object-id"`
	GroupsDelimiter    string   `yaml:"groups_delimiter" jsonschema_description:"what stands between several groups in one value; empty: one value is one group"`
	GroupsField        string   `yaml:"groups_field" jsonschema_description:"of a value with elements inside, the element that is the group"`
	GroupsAtMost       int      `yaml:"groups_at_most" jsonschema_description:"how many groups the identity provider sends at most (Google: 75); so many are taken for unknown"`
	GroupsFoldCase     bool     `yaml:"groups_fold_case" jsonschema_description:"compare names of attributes without letter case"`
	GroupsFriendlyName bool     `yaml:"groups_friendly_name" jsonschema_description:"compare FriendlyNames too"`
	Groups             string   `yaml:"groups" jsonschema_description:"what a sign-in's groups do" jsonschema:"enum=apply,enum=report,enum=ignore"`
	GroupsEmpty        string   `yaml:"groups_empty" jsonschema_description:"what an attribute without values does, with groups: apply" jsonschema:"enum=keep,enum=leave"`

	Provision    string   `yaml:"provision" jsonschema_description:"what a sign-in may do to accounts" jsonschema:"enum=off,enum=link-only,enum=review,enum=create"`
	IDPInitiated string   `yaml:"idp_initiated" jsonschema_description:"what becomes of an answer that nobody asked for" jsonschema:"enum=off,enum=bounce,enum=on"`
	Label        string   `yaml:"label" jsonschema_description:"the button's text; default is the source's name"`
	Domains      []string `yaml:"domains" jsonschema_description:"e-mail domains whose people sign in here"`

	AuthnContext []string `yaml:"authn_context" jsonschema_description:"authentication contexts to ask for; an answer without one of them is refused"`
	ForceAuthn   bool     `yaml:"force_authn" jsonschema_description:"ask for, and verify, a fresh sign-in each time"`
	MaxAuthnAge  Duration `yaml:"max_authn_age" jsonschema_description:"how long ago the sign-in at the identity provider may be; 0s is no limit"`
	MFA          SAMLMFA  `yaml:"mfa" jsonschema_description:"what a sign-in without a second factor may do"`

	Signed              string   `yaml:"signed" jsonschema_description:"what must be signed; whatever is, is verified" jsonschema:"enum=either,enum=response,enum=assertion,enum=both"`
	Encrypted           bool     `yaml:"encrypted" jsonschema_description:"refuse assertions that are not encrypted"`
	ExpiredCertificates string   `yaml:"expired_certificates" jsonschema_description:"the identity provider's certificates past their date" jsonschema:"enum=warn,enum=refuse"`
	SignRequests        string   `yaml:"sign_requests" jsonschema_description:"our requests: auto signs when there is a key" jsonschema:"enum=auto,enum=always,enum=never"`
	RequestBinding      string   `yaml:"request_binding" jsonschema_description:"how requests travel" jsonschema:"enum=redirect,enum=post"`
	NameIDFormat        string   `yaml:"nameid_format" jsonschema_description:"what to ask for: persistent, email, unspecified, transient, or a URN"`
	ClockSkew           Duration `yaml:"clock_skew" jsonschema_description:"how far the clocks may be apart, at most 180s"`
	MaxAge              Duration `yaml:"max_age" jsonschema_description:"how old an answer may be when it comes, at most 1h"`
	LoginTTL            Duration `yaml:"login_ttl" jsonschema_description:"how long a person may take at the identity provider, at most 1h"`

	KeyFile             string `yaml:"key_file" jsonschema_description:"our RSA key (PEM), for signed requests, logout and encrypted assertions"`
	CertificateFile     string `yaml:"certificate_file" jsonschema_description:"its certificate (PEM)"`
	NextKeyFile         string `yaml:"next_key_file" jsonschema_description:"the key after it: published and decrypting already, not signing yet"`
	NextCertificateFile string `yaml:"next_certificate_file" jsonschema_description:"its certificate (PEM)"`
}

// SAMLMetadata says how the identity provider's metadata is read and fetched.
type SAMLMetadata struct {
	EntityID     string   `yaml:"entity_id" jsonschema_description:"the identity provider's entity id, when the document holds several"`
	Every        Duration `yaml:"every" jsonschema_description:"time between two fetches; shorter when cacheDuration says so"`
	TrustNewKeys bool     `yaml:"trust_new_keys" jsonschema_description:"trust a new certificate at once; else it waits for grantbridge login metadata take"`
	SignerFile   string   `yaml:"signer_file" jsonschema_description:"certificates (PEM), one of which must have signed the metadata"`
	CAFile       string   `yaml:"ca_file" jsonschema_description:"certificates (PEM) to trust for the fetch, instead of the system's"`
	Private      bool     `yaml:"private" jsonschema_description:"may be fetched from private addresses"`
}

// SAMLMFA says which sign-ins are strong.
type SAMLMFA struct {
	Contexts []string `yaml:"contexts" jsonschema_description:"authentication contexts that are strong; empty asks for none"`
	Ceiling  string   `yaml:"ceiling" jsonschema_description:"the most that a session without one carries" jsonschema:"enum=noaccess,enum=view,enum=write,enum=admin"`
}

// SAMLSubject says what names a person in an assertion.
type SAMLSubject struct {
	Attribute       string   `yaml:"attribute" jsonschema_description:"attribute that equals the account's externalId; empty is a persistent NameID"`
	ReassignedAfter Duration `yaml:"reassigned_after" jsonschema_description:"a NameID that is an e-mail address or unspecified, and was not here for so long, waits for an administrator"`
}

// Sessions bound how long somebody is signed in.
type Sessions struct {
	Lifetime Duration `yaml:"lifetime" jsonschema_description:"from the sign-in on, whatever happens"`
	Idle     Duration `yaml:"idle" jsonschema_description:"without a request"`
	Traces   Duration `yaml:"traces" jsonschema_description:"how long grantbridge login trace can say what became of a sign-in"`
}

// What the words of the configuration are in package saml.
var (
	groupForms = map[string]saml.GroupForm{"name": saml.GroupNames, "dn": saml.GroupDNs, "dn-whole": saml.GroupDNKeys, "path": saml.GroupPaths,
		"path-leaf": saml.GroupLeaves, "object-id": saml.GroupObjectIDs}
	initiated     = map[string]saml.IDPInitiated{"off": saml.Off, "bounce": saml.Bouncing, "on": saml.On}
	signedWords   = map[string]saml.Signed{"either": saml.Either, "response": saml.SignedResponse, "assertion": saml.SignedAssertion, "both": saml.SignedBoth}
	signWords     = map[string]saml.SignRequests{"auto": saml.WhenKeyed, "always": saml.Always, "never": saml.Never}
	bindings      = map[string]saml.Binding{"redirect": saml.Redirect, "post": saml.POST}
	nameIDFormats = map[string]string{"persistent": saml.FormatPersistent, "email": saml.FormatEmail, "unspecified": saml.FormatUnspecified, "transient": saml.FormatTransient}
)

const metadataEvery = 12 * time.Hour

func (s *SAML) setDefaults() {
	for key, def := range map[*string]string{
		&s.Groups: "report", &s.GroupsAttribute: "groups", &s.GroupsForm: "name", &s.GroupsField: "name", &s.GroupsEmpty: "keep", &s.Provision: "link-only",
		&s.IDPInitiated: "off", &s.MFA.Ceiling: "admin", &s.Signed: "either", &s.ExpiredCertificates: "warn", &s.SignRequests: "auto",
		&s.RequestBinding: "redirect", &s.NameIDFormat: "persistent",
	} {
		orElse(key, def)
	}
	for key, def := range map[*Duration]time.Duration{&s.ClockSkew: time.Minute, &s.MaxAge: 5 * time.Minute, &s.LoginTTL: 15 * time.Minute, &s.Metadata.Every: metadataEvery,
		&s.Subject.ReassignedAfter: 180 * 24 * time.Hour} {
		if *key == 0 {
			*key = Duration(def)
		}
	}
	for i, d := range s.Domains {
		s.Domains[i] = strings.ToLower(d)
	}
}

// file is a key that names a file.
type file struct {
	key  string
	path *string
}

func (s *SAML) files() []file {
	return []file{{"metadata_file", &s.MetadataFile}, {"metadata.signer_file", &s.Metadata.SignerFile}, {"metadata.ca_file", &s.Metadata.CAFile},
		{"key_file", &s.KeyFile}, {"certificate_file", &s.CertificateFile}, {"next_key_file", &s.NextKeyFile}, {"next_certificate_file", &s.NextCertificateFile}}
}

// Provider is the source's part of package saml, but for what stands in files
// and for where this server is.
func (s *SAML) Provider() saml.Config {
	format := nameIDFormats[s.NameIDFormat]
	if format == "" {
		format = s.NameIDFormat
	}
	return saml.Config{
		EntityID: s.EntityID, Signed: signedWords[s.Signed], Encrypted: s.Encrypted, IDPInitiated: initiated[s.IDPInitiated],
		SignRequests: signWords[s.SignRequests], RequestBinding: bindings[s.RequestBinding], ForceAuthn: s.ForceAuthn, AuthnContext: s.AuthnContext,
		MaxAuthnAge: time.Duration(s.MaxAuthnAge), Skew: time.Duration(s.ClockSkew), MaxAge: time.Duration(s.MaxAge), LoginTTL: time.Duration(s.LoginTTL),
		RefuseExpiredKeys: s.ExpiredCertificates == "refuse", NameIDFormat: format, Subject: saml.SubjectRule{Attribute: s.Subject.Attribute},
		Groups: saml.GroupRule{Attributes: append([]string{s.GroupsAttribute}, s.GroupsAttributes...), FoldCase: s.GroupsFoldCase,
			Friendly: s.GroupsFriendlyName, Form: groupForms[s.GroupsForm], Delimiter: s.GroupsDelimiter, Field: s.GroupsField, Cap: s.GroupsAtMost},
	}
}

func checkSAML(d *strict.Document, at string, s *SAML) {
	checkSAMLMetadata(d, at, s)
	for _, w := range []struct {
		key, value string
		known      []string
	}{
		{"groups", s.Groups, []string{"apply", "report", "ignore"}}, {"groups_empty", s.GroupsEmpty, []string{"keep", "leave"}},
		{"groups_form", s.GroupsForm, []string{"name", "dn", "dn-whole", "path", "path-leaf", "object-id"}},
		{"provision", s.Provision, []string{"off", "link-only", "review", "create"}}, {"idp_initiated", s.IDPInitiated, []string{"off", "bounce", "on"}},
		{"mfa.ceiling", s.MFA.Ceiling, []string{"noaccess", "view", "write", "admin"}}, {"signed", s.Signed, []string{"either", "response", "assertion", "both"}},
		{"expired_certificates", s.ExpiredCertificates, []string{"warn", "refuse"}}, {"sign_requests", s.SignRequests, []string{"auto", "always", "never"}},
		{"request_binding", s.RequestBinding, []string{"redirect", "post"}},
	} {
		oneOf(d, at+"."+w.key, w.value, w.known)
	}
	checkSAMLGroups(d, at, s)
	checkSAMLTimes(d, at, s)
	checkSAMLKeys(d, at, s)
	if len(s.MFA.Contexts) == 0 && d.Has(at+".mfa.ceiling") {
		d.Problem(at+".mfa", "a ceiling without contexts never applies; name the authentication contexts that are strong")
	}
	if nameIDFormats[s.NameIDFormat] == "" && !strings.HasPrefix(s.NameIDFormat, "urn:") {
		oneOf(d, at+".nameid_format", s.NameIDFormat, []string{"persistent", "email", "unspecified", "transient"})
	}
	if s.NameIDFormat == "transient" && s.Subject.Attribute == "" {
		d.Problem(at+".nameid_format", "a transient NameID is another one at each sign-in; name an attribute in subject, or ask for persistent")
	}
	for i, name := range s.Domains {
		if !domainForm.MatchString(name) {
			d.Problem(fmt.Sprintf("%s.domains.%d", at, i), "%q is no e-mail domain; write example.com", name)
		}
	}
}

var domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

func checkSAMLMetadata(d *strict.Document, at string, s *SAML) {
	switch {
	case s.MetadataFile == "" && s.MetadataURL == "":
		d.Problem(at, "the identity provider's metadata is missing; give metadata_file or metadata_url")
	case s.MetadataFile != "" && s.MetadataURL != "":
		d.Problem(at+".metadata_url", "metadata_file and metadata_url are both given; keep one")
	case s.MetadataURL != "" && !strings.HasPrefix(s.MetadataURL, "https://"):
		d.Problem(at+".metadata_url", "metadata must come over https")
	}
	if every := time.Duration(s.Metadata.Every); every < 5*time.Minute || every > 7*24*time.Hour {
		d.Problem(at+".metadata.every", "%s is not between 5m and 7d", s.Metadata.Every)
	}
	if s.MetadataURL == "" {
		m := s.Metadata
		for key, given := range map[string]bool{"every": time.Duration(m.Every) != metadataEvery, "trust_new_keys": m.TrustNewKeys,
			"signer_file": m.SignerFile != "", "ca_file": m.CAFile != "", "private": m.Private} {
			if given {
				d.Problem(at+".metadata."+key, "this is about fetching; it needs metadata_url")
			}
		}
	}
}

func checkSAMLGroups(d *strict.Document, at string, s *SAML) {
	if s.GroupsAtMost < 0 {
		d.Problem(at+".groups_at_most", "must be 0, which is no limit, or more")
	}
	if s.GroupsEmpty == "leave" && s.Groups != "apply" {
		d.Problem(at+".groups_empty", "leave needs groups: apply; with %s no group is ever left", s.Groups)
	}
	for i, name := range s.GroupsAttributes {
		if strings.TrimSpace(name) == "" || name == s.GroupsAttribute || slices.Contains(s.GroupsAttributes[:i], name) {
			d.Problem(fmt.Sprintf("%s.groups_attributes.%d", at, i), "attribute %q is empty or stands here twice", name)
		}
	}
}

func checkSAMLTimes(d *strict.Document, at string, s *SAML) {
	within := func(key string, v Duration, least, most time.Duration) {
		if time.Duration(v) < least || time.Duration(v) > most {
			d.Problem(at+"."+key, "%s is not between %s and %s", v, short(least), short(most))
		}
	}
	within("clock_skew", s.ClockSkew, time.Second, 3*time.Minute)
	within("max_age", s.MaxAge, 10*time.Second, time.Hour)
	within("login_ttl", s.LoginTTL, time.Minute, time.Hour)
	within("subject.reassigned_after", s.Subject.ReassignedAfter, 24*time.Hour, 36500*24*time.Hour)
	within("max_authn_age", s.MaxAuthnAge, 0, 366*24*time.Hour)
	if s.MaxAuthnAge > 0 && s.MaxAuthnAge < s.LoginTTL && !s.ForceAuthn {
		d.Problem(at+".max_authn_age", "it is shorter than login_ttl (%s), so people with a session at the identity provider would be refused in a circle; add force_authn: true, or raise it", s.LoginTTL)
	}
}

func checkSAMLKeys(d *strict.Document, at string, s *SAML) {
	if (s.KeyFile == "") != (s.CertificateFile == "") {
		d.Problem(at+".key_file", "key_file and certificate_file go together; give both")
	}
	if (s.NextKeyFile == "") != (s.NextCertificateFile == "") {
		d.Problem(at+".next_key_file", "next_key_file and next_certificate_file go together; give both")
	}
	if s.KeyFile != "" {
		return
	}
	switch {
	case s.NextKeyFile != "":
		d.Problem(at+".next_key_file", "there is no key_file that it could follow; make it the key_file")
	case s.SignRequests == "always":
		d.Problem(at+".sign_requests", "requests shall be signed, and there is no key; give key_file and certificate_file")
	case s.Encrypted:
		d.Problem(at+".encrypted", "assertions shall be encrypted, and there is no key to read them; give key_file and certificate_file")
	}
}

// openSignIn warns of sign-in that could be read on the way, and is not served.
func (c *Config) openSignIn() (out []string) {
	base := c.URL(c.Listen)
	if _, err := login.Loopback(base); err == nil {
		return nil
	}
	for _, n := range c.SourceNames() {
		if c.Sources[n].SAML != nil {
			out = append(out, fmt.Sprintf("sources.%s.saml: nobody can sign in while base_url (%s) is not https", n, base))
		}
	}
	return out
}

// checkSignIn checks what is about all sources that people sign in at.
func (c *Config) checkSignIn(d *strict.Document) {
	s := c.Sessions
	switch {
	case time.Duration(s.Lifetime) < 5*time.Minute || time.Duration(s.Lifetime) > 30*24*time.Hour:
		d.Problem("sessions.lifetime", "%s is not between 5m and 30d", s.Lifetime)
	case time.Duration(s.Idle) < time.Minute:
		d.Problem("sessions.idle", "must be 1m or more")
	case s.Idle > s.Lifetime:
		d.Problem("sessions.idle", "%s is longer than lifetime (%s), and would never apply", s.Idle, s.Lifetime)
	}
	if s.Traces < Duration(time.Hour) {
		d.Problem("sessions.traces", "must be 1h or more; nobody could look a refusal up")
	}
	owner := map[string]string{}
	for _, n := range c.SourceNames() {
		if c.Sources[n].SAML == nil {
			continue
		}
		for i, domain := range c.Sources[n].SAML.Domains {
			if other, taken := owner[domain]; taken {
				d.Problem(fmt.Sprintf("sources.%s.saml.domains.%d", n, i), "%s is a domain of source %s already", domain, other)
			}
			owner[domain] = n
		}
	}
}
