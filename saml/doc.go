// Package saml is a SAML 2.0 service provider: it asks an identity provider to
// sign somebody in, and judges what it answers.
package saml
