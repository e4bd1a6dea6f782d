package config

import (
	"fmt"
	"os"
	"slices"
	"time"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
)

// OIDC is a source's OpenID Connect door. Keys that mean what a key of saml means
// have its name.
type OIDC struct {
	Issuer                  string `yaml:"issuer" jsonschema_description:"the provider, as it calls itself, to the letter"`
	ClientID                string `yaml:"client_id" jsonschema_description:"how the provider calls us"`
	ClientSecret            Secret `yaml:"client_secret" jsonschema_description:"better ${NAME} or client_secret_file"`
	ClientSecretFile        string `yaml:"client_secret_file" jsonschema_description:"file that holds the secret"`
	ClientKeyFile           string `yaml:"client_key_file" jsonschema_description:"private key (PEM) that signs a proof, in the place of a secret"`
	ClientKeyID             string `yaml:"client_key_id" jsonschema_description:"the key's id (kid) at the provider; default is its thumbprint (RFC 7638)"`
	ClientAssertionAudience string `yaml:"client_assertion_audience" jsonschema_description:"whom the proof is for" jsonschema:"enum=issuer,enum=token_endpoint"`

	ClientAuth string      `yaml:"client_auth" jsonschema_description:"how we prove who we are: auto takes client_key_file, else asks the provider's configuration; none is a public client" jsonschema:"enum=auto,enum=basic,enum=post,enum=private_key_jwt,enum=none"`
	CAFile     string      `yaml:"ca_file" jsonschema_description:"certificates (PEM) to trust instead of the system's"`
	Scopes     []string    `yaml:"scopes" jsonschema_description:"what is asked for; default openid, profile and email"`
	UserInfo   bool        `yaml:"userinfo" jsonschema_description:"ask the userinfo endpoint for attributes and groups that the ID token leaves out"`
	Subject    OIDCSubject `yaml:"subject" jsonschema_description:"what names a person for ever"`

	GroupsClaim     string `yaml:"groups_claim" jsonschema_description:"the claim that lists the groups; dots reach into claims: realm_access.roles"`
	GroupsForm      string `yaml:"groups_form" jsonschema_description:"how a group is written" jsonschema:"enum=name,enum=dn,enum=dn-whole,enum=path,enum=path-leaf,enum=object-id"`
	GroupsDelimiter string `yaml:"groups_delimiter" jsonschema_description:"what stands between several groups in one text; empty: one text is one group"`
	GroupsAtMost    int    `yaml:"groups_at_most" jsonschema_description:"how many groups the provider sends at most (Okta: 100); so many are taken for unknown"`
	Groups          string `yaml:"groups" jsonschema_description:"what a sign-in's groups do" jsonschema:"enum=apply,enum=report,enum=ignore"`

	Provision string   `yaml:"provision" jsonschema_description:"what a sign-in may do to accounts" jsonschema:"enum=off,enum=link-only,enum=review,enum=create"`
	Label     string   `yaml:"label" jsonschema_description:"the button's text; default is the source's name"`
	Domains   []string `yaml:"domains" jsonschema_description:"e-mail domains whose people sign in here"`

	AuthnContext []string `yaml:"authn_context" jsonschema_description:"acr values to ask for; an answer without one of them is refused"`
	ForceAuthn   bool     `yaml:"force_authn" jsonschema_description:"ask for, and verify, a fresh sign-in each time"`
	MaxAuthnAge  Duration `yaml:"max_authn_age" jsonschema_description:"how long ago the sign-in at the provider may be; 0s is no limit"`
	MFA          OIDCMFA  `yaml:"mfa" jsonschema_description:"what a sign-in without a second factor may do"`
	// GroupsStaleAfter is as for saml.
	GroupsStaleAfter Duration `yaml:"groups_stale_after" jsonschema_description:"with groups: apply, how long memberships grant while sign-ins bring no groups"`

	ClockSkew Duration `yaml:"clock_skew" jsonschema_description:"how far the clocks may be apart, at most 180s"`
	LoginTTL  Duration `yaml:"login_ttl" jsonschema_description:"how long a person may take at the provider, at most 1h"`
}

// OIDCSubject says what names a person in an ID token.
type OIDCSubject struct {
	Claim string `yaml:"claim" jsonschema_description:"claim that equals the account's externalId; default sub"`
}

// OIDCMFA says which sign-ins are strong.
type OIDCMFA struct {
	Contexts []string `yaml:"contexts" jsonschema_description:"values of acr or amr that are strong; empty asks for none"`
	Ceiling  string   `yaml:"ceiling" jsonschema_description:"the most that a session without one carries" jsonschema:"enum=noaccess,enum=view,enum=write,enum=admin"`
}

// How a group is written, in the configuration and in package signin.
var groupFormOf = map[string]signin.GroupForm{"name": signin.GroupNames, "dn": signin.GroupDNs, "dn-whole": signin.GroupDNKeys,
	"path": signin.GroupPaths, "path-leaf": signin.GroupLeaves, "object-id": signin.GroupObjectIDs}

func (o *OIDC) setDefaults() {
	for key, def := range map[*string]string{&o.ClientAuth: "auto", &o.ClientAssertionAudience: "issuer", &o.Subject.Claim: "sub", &o.GroupsClaim: "groups", &o.GroupsForm: "name",
		&o.Groups: "report", &o.Provision: "link-only", &o.MFA.Ceiling: "admin"} {
		orElse(key, def)
	}
	for key, def := range map[*Duration]time.Duration{&o.ClockSkew: time.Minute, &o.LoginTTL: 15 * time.Minute, &o.GroupsStaleAfter: groupsStaleAfter} {
		if *key == 0 {
			*key = Duration(def)
		}
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile", "email"}
	}
}

func checkOIDC(d *strict.Document, at string, s Source) {
	o := s.OIDC
	required(d, at+".issuer", o.Issuer)
	required(d, at+".client_id", o.ClientID)
	if err := oidc.CheckIssuer(o.Issuer); o.Issuer != "" && err != nil {
		d.Problem(at+".issuer", "%v", err)
	}
	if err := oidc.CheckSubject(o.Subject.Claim); err != nil {
		d.Problem(at+".subject.claim", "%v", err)
	}
	if !slices.Contains(o.Scopes, "openid") {
		d.Problem(at+".scopes", "openid is missing; without it the provider sends no ID token")
	}
	checkOIDCSecret(d, at, o)
	for _, w := range []struct {
		key, value string
		known      []string
	}{
		{"client_auth", o.ClientAuth, []string{"auto", "basic", "post", "private_key_jwt", "none"}},
		{"client_assertion_audience", o.ClientAssertionAudience, []string{"issuer", "token_endpoint"}},
		{"groups", o.Groups, []string{"apply", "report", "ignore"}},
		{"groups_form", o.GroupsForm, []string{"name", "dn", "dn-whole", "path", "path-leaf", "object-id"}},
		{"provision", o.Provision, []string{"off", "link-only", "review", "create"}},
		{"mfa.ceiling", o.MFA.Ceiling, []string{"noaccess", "view", "write", "admin"}},
	} {
		oneOf(d, at+"."+w.key, w.value, w.known)
	}
	checkOIDCBounds(d, at, o)
	switch {
	case s.SAML != nil:
		d.Problem(at, "saml and oidc are both given; people of one source sign in by one protocol: keep one, accounts stay")
	case s.SCIM != nil && o.Groups == "apply":
		d.Problem(at+".groups", "SCIM says who is in a group of this source; write report, or two would overrule each other")
	case s.LDAP != nil && o.Groups == "apply":
		d.Problem(at+".groups", "the directory says who is in a group of this source; write report, or two would overrule each other")
	}
}

func checkOIDCSecret(d *strict.Document, at string, o *OIDC) {
	secret, key := o.ClientSecret.Given() || o.ClientSecretFile != "", o.ClientKeyFile != ""
	switch {
	case secret && key:
		d.Problem(at+".client_key_file", "a secret and a key are both given; keep one")
	case key && !slices.Contains([]string{"auto", "private_key_jwt"}, o.ClientAuth):
		d.Problem(at+".client_auth", "a key signs; write private_key_jwt, or leave it out")
	case o.ClientAuth == "private_key_jwt" && !key:
		d.Problem(at+".client_auth", "private_key_jwt needs client_key_file")
	case o.ClientKeyID != "" && !key:
		d.Problem(at+".client_key_id", "names a key that is not given; add client_key_file")
	case o.ClientSecret.Given() && o.ClientSecretFile != "":
		d.Problem(at+".client_secret_file", "client_secret and client_secret_file are both given; keep one")
	case o.ClientAuth == "none" && secret:
		d.Problem(at+".client_auth", "a public client has no secret; leave out one of the two")
	case o.ClientAuth != "none" && !secret && !key:
		d.Problem(at, "the client's secret is missing; give client_secret_file, client_key_file, or client_auth: none for a public client")
	}
}

func checkOIDCBounds(d *strict.Document, at string, o *OIDC) {
	for _, b := range []struct {
		key       string
		got, most Duration
	}{{"clock_skew", o.ClockSkew, Duration(3 * time.Minute)}, {"login_ttl", o.LoginTTL, Duration(time.Hour)}, {"max_authn_age", o.MaxAuthnAge, Duration(365 * 24 * time.Hour)},
		{"groups_stale_after", o.GroupsStaleAfter, Duration(36500 * 24 * time.Hour)}} {
		if b.got < 0 || b.got > b.most {
			d.Problem(at+"."+b.key, "%s is not between 0s and %s", b.got, b.most)
		}
	}
	if o.GroupsAtMost < 0 {
		d.Problem(at+".groups_at_most", "a number of groups is not negative; 0 is no limit")
	}
	if o.ForceAuthn && o.MaxAuthnAge > 0 {
		d.Problem(at+".max_authn_age", "force_authn asks for a fresh sign-in each time; leave out one of the two")
	}
}

// Secret is the client's, or "" for a public one.
func (o *OIDC) Secret() (string, error) {
	if o.ClientSecretFile == "" {
		return o.ClientSecret.Reveal()
	}
	return readSecret(o.ClientSecretFile)
}

// Key is the client's private key, or nil when it has none.
func (o *OIDC) Key() (*oidc.ClientKey, error) {
	if o.ClientKeyFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.ClientKeyFile)
	if err != nil {
		return nil, err
	}
	k, err := oidc.ParseClientKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.ClientKeyFile, err)
	}
	if o.ClientKeyID != "" {
		k.ID = o.ClientKeyID
	}
	k.ToTokenEndpoint = o.ClientAssertionAudience == "token_endpoint"
	return k, nil
}

// Provider is the source's part of package oidc, but for the secret, for
// certificates and for where this server is.
func (o *OIDC) Provider() oidc.Config {
	return oidc.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientAuth: oidc.ClientAuth(o.ClientAuth), Scopes: o.Scopes,
		UserInfo: o.UserInfo, Subject: o.Subject.Claim,
		Groups:     oidc.GroupRule{Claim: o.GroupsClaim, Form: groupFormOf[o.GroupsForm], Delimiter: o.GroupsDelimiter, Cap: o.GroupsAtMost},
		ForceAuthn: o.ForceAuthn, AuthnContext: o.AuthnContext, MaxAuthnAge: time.Duration(o.MaxAuthnAge),
		Skew: time.Duration(o.ClockSkew), LoginTTL: time.Duration(o.LoginTTL),
	}
}

// oidcFiles calls f with each key of the sources' oidc blocks that names a file.
func (c *Config) oidcFiles(f func(key string, path *string)) {
	for _, n := range c.SourceNames() {
		if o := c.Sources[n].OIDC; o != nil {
			at := fmt.Sprintf("sources.%s.oidc.", n)
			f(at+"client_secret_file", &o.ClientSecretFile)
			f(at+"client_key_file", &o.ClientKeyFile)
			f(at+"ca_file", &o.CAFile)
		}
	}
}
