package scim

import (
	"fmt"
	"net/http"
	"strings"
)

// Profile names how a source's requests are read. The zero value is Auto.
type Profile string

// The profiles.
const (
	Auto      Profile = "auto"   // every rule; who it is shows by User-Agent and by what it sends
	Strict    Profile = "strict" // no rule: the letter of the RFCs
	Entra     Profile = "entra"
	Okta      Profile = "okta"
	OneLogin  Profile = "onelogin"
	JumpCloud Profile = "jumpcloud"
	Ping      Profile = "ping"
	Rippling  Profile = "rippling"
	Authentik Profile = "authentik"
	Generic   Profile = "generic"
)

// policy is what a profile decides.
type policy struct {
	profile Profile
	rules   rules
	types   *types // of the source
	// park keeps a member's id that names nobody until the user arrives; else
	// the request is refused.
	park bool
	// uniqueDisplay refuses a second group of the same name, which Entra and
	// Okta rely on; RFC 7643 allows it.
	uniqueDisplay bool
	// idempotentCreate answers a POST that was sent again, with the same
	// externalId and content, as it was answered the first time. Entra and Okta
	// want 409 and look the resource up.
	idempotentCreate bool
	// removeAll lets remove of members without a value empty the group, as the
	// RFC says. Entra never means it.
	removeAll bool
}

var policies = map[Profile]policy{
	Auto:      {rules: allRules, park: true, uniqueDisplay: true, removeAll: true},
	Strict:    {removeAll: true},
	Entra:     {rules: allRules, park: true, uniqueDisplay: true},
	Okta:      {rules: allRules, park: true, uniqueDisplay: true, removeAll: true},
	OneLogin:  {rules: allRules, park: true, uniqueDisplay: true, removeAll: true},
	JumpCloud: {rules: allRules, park: true, uniqueDisplay: true, removeAll: true},
	Ping:      {rules: allRules, park: true, uniqueDisplay: true, removeAll: true},
	Rippling:  {rules: allRules, park: true, uniqueDisplay: true, removeAll: true, idempotentCreate: true},
	Authentik: {rules: allRules, park: true, uniqueDisplay: true, removeAll: true},
	Generic:   {rules: allRules, park: true, removeAll: true, idempotentCreate: true},
}

// ParseProfile reads a profile's name; empty is Auto.
func ParseProfile(name string) (Profile, error) {
	if name == "" {
		return Auto, nil
	}
	if _, ok := policies[Profile(name)]; !ok {
		return "", fmt.Errorf("unknown SCIM profile %q; the profiles are auto, strict, entra, okta, onelogin, jumpcloud, ping, rippling, authentik, generic", name)
	}
	return Profile(name), nil
}

// policyOf is p's policy without the rules that are switched off.
func policyOf(p Profile, off []Rule) policy {
	if p == "" {
		p = Auto
	}
	pol := policies[p]
	pol.profile, pol.types = p, coreTypes
	pol.rules = pol.rules.without(off...)
	return pol
}

var agents = []struct {
	part    string
	profile Profile
}{
	{"okta", Okta}, {"onelogin", OneLogin}, {"jumpcloud", JumpCloud}, {"rippling", Rippling}, {"authentik", Authentik},
	{"azure", Entra}, {"microsoft", Entra}, {"entra", Entra}, {"pingfederate", Ping}, {"pingone", Ping}, {"pingidentity", Ping},
}

// detect says who sends a request, by its headers; Auto when they do not tell.
func detect(h http.Header) Profile {
	if h.Get("ADSCIMVersion") != "" {
		return Entra
	}
	agent := strings.ToLower(h.Get("User-Agent"))
	for _, a := range agents {
		if strings.Contains(agent, a.part) {
			return a.profile
		}
	}
	return Auto
}

// behaves says who sends a body, by what only one provider writes.
func behaves(body map[string]any) Profile {
	for _, s := range texts(body["schemas"]) {
		switch {
		case strings.HasPrefix(s, "http://schemas.microsoft.com/"):
			return Entra
		case strings.HasPrefix(s, "urn:scim:schemas:"):
			return OneLogin
		}
	}
	for _, o := range list(body["Operations"]) {
		if op, ok := o.(map[string]any); ok {
			if verb, _ := op["op"].(string); verb == "Add" || verb == "Replace" || verb == "Remove" {
				return Entra
			}
		}
	}
	return Auto
}

// narrow makes an automatic policy that of the profile which the sender turned
// out to have. Its rules stay the union of all: a guess must not refuse.
func (pol policy) narrow(p Profile) policy {
	if pol.profile != Auto || p == Auto {
		return pol
	}
	to := policies[p]
	to.profile, to.rules, to.types = p, pol.rules, pol.types
	return to
}

// list is v's elements when v is an array.
func list(v any) []any {
	a, _ := plain(v).([]any)
	return a
}

// texts are the strings among v's elements.
func texts(v any) []string {
	var out []string
	for _, e := range list(v) {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
