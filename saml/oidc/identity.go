package oidc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"grantbridge/saml/signin"
)

// Identity is a person as a verified ID token says.
type Identity struct {
	signin.Identity
	Session SessionRef
}

// SessionRef is what a logout needs of the sign-in: keep it with the session.
type SessionRef struct {
	Subject string `json:"sub,omitzero"`
	ID      string `json:"sid,omitzero"`  // of the provider's session
	Hint    string `json:"hint,omitzero"` // the ID token, for id_token_hint; it opens nothing
}

// SubjectKind is the kind of subjects that a claim names.
const SubjectKind = "claim"

const (
	maxText   = 256
	maxValues = 1000
	maxHint   = 6 << 10
)

// identity reads who signed in from verified claims.
func (p *Provider) identity(c claims) (*Identity, *signin.Rejection) {
	sub, no := subject(c, "sub")
	if no != nil {
		return nil, no
	}
	value, no := subject(c, p.c.Subject)
	if no != nil {
		return nil, no
	}
	id := &Identity{Identity: signin.Identity{Issuer: p.c.Issuer,
		Subject: signin.Subject{Kind: SubjectKind, Name: p.c.Subject, Value: value, ExternalID: value}}}
	id.Session.Subject = sub
	if id.Session.ID, no = c.text("sid"); no != nil {
		return nil, no
	}
	if id.AuthnContext, no = c.text("acr"); no != nil {
		return nil, no
	}
	if id.Methods, no = c.texts("amr"); no != nil {
		return nil, no
	}
	if id.AuthnInstant, no = c.time("auth_time"); no != nil {
		return nil, no
	}
	if id.IssuedAt, no = c.time("iat"); no != nil {
		return nil, no
	}
	if id.Groups, no = p.c.Groups.read(c); no != nil {
		return nil, no
	}
	if id.Until, no = c.time("session_expiry"); no != nil { // OpenID Connect Enterprise Extensions
		return nil, no
	}
	if no := id.attributes(c); no != nil {
		return nil, no
	}
	return id, nil
}

// subject is a claim that names a person: one text, to the letter.
func subject(c claims, name string) (string, *signin.Rejection) {
	v, ok := c[name]
	if !ok || v == nil || v == "" {
		return "", Refuse(SubjectMissing, "claim "+name, "claims "+strings.Join(slices.Sorted(maps.Keys(c)), ", "))
	}
	s, ok := v.(string)
	if !ok || strings.TrimSpace(s) != s || strings.TrimSpace(s) == "" || tooStrange(s) {
		return "", Refuse(SubjectStrange, "claim "+name+" as a text of at most 256 printable characters", "another one")
	}
	return s, nil
}

// tooStrange keeps out what no account is called: too long, or with characters
// that are not seen.
func tooStrange(s string) bool {
	return utf8.RuneCountInString(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
}

// Of the protocol, or judged elsewhere: no attributes of a person.
var protocolClaims = []string{"iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash", "auth_time", "acr", "amr", "sid", "jti",
	"_claim_names", "_claim_sources", "hasgroups", "session_expiry", "typ", "ver", "aio", "rh", "uti"}

// attributes are the claims that are texts, numbers, booleans and lists of them. An
// e-mail address that the provider says is not verified is none: rules read
// addresses, and whoever may write any could choose his rules.
func (id *Identity) attributes(c claims) *signin.Rejection {
	count := 0
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if slices.Contains(protocolClaims, name) {
			continue
		}
		values, all := plain(c[name])
		if count += len(values); count > maxValues {
			return Refuse(ClaimsTooMany, decimal(maxValues)+" values at most", "more")
		}
		switch {
		case name == "email" && unverified(c["email_verified"]):
			id.Notes = append(id.Notes, "the e-mail address is not verified (email_verified), and was left out")
			continue
		case !all:
			id.Notes = append(id.Notes, fmt.Sprintf("claim %s has objects in it, which are not read as an attribute", signin.Printable(name)))
		}
		if len(values) > 0 {
			id.Attributes = append(id.Attributes, signin.Attribute{Name: name, Values: values})
		}
	}
	return nil
}

// unverified reads email_verified; some providers write it as a text.
func unverified(v any) bool {
	s, _ := v.(string)
	return v == false || strings.EqualFold(s, "false")
}

// plain are a claim's values as texts; all says that nothing was left out.
func plain(v any) (values []string, all bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case json.Number:
		return []string{v.String()}, true
	case bool:
		return []string{fmt.Sprint(v)}, true
	case []any:
		all = true
		for _, one := range v {
			if _, nested := one.([]any); nested {
				all = false
				continue
			}
			text, ok := plain(one)
			values, all = append(values, text...), all && ok
		}
		return values, all
	}
	return nil, false
}

// hint is an ID token to repeat at a logout, unless it is too long for a URL.
func hint(token string) string {
	if len(token) > maxHint {
		return ""
	}
	return token
}

const overageHint = "The provider has more groups than fit into its token, and sends where to ask for them instead. For Entra (above 200): choose “groups assigned to the application” in the token configuration, or use app roles with groups_claim: roles."

// read finds the groups among the claims. A claim that is null did not come
// (OpenID Connect Core section 5.3.2); a list without values is empty.
func (g GroupRule) read(c claims) (signin.Groups, *signin.Rejection) {
	if g.elsewhere(c) {
		return signin.Groups{State: signin.GroupsOverage, Attribute: g.Claim, Hint: overageHint}, nil
	}
	v := find(c, g.Claim)
	if v == nil {
		return signin.Groups{}, nil
	}
	texts, no := claims{"groups": v}.texts("groups")
	if no != nil || len(texts) > maxValues {
		return signin.Groups{}, Refuse(GroupsMalformed, g.Claim+" as a text or a list of at most "+decimal(maxValues)+" texts", "something else")
	}
	out := signin.Groups{State: signin.GroupsEmpty, Attribute: g.Claim}
	for _, text := range texts {
		if no := g.add(&out, text); no != nil {
			return signin.Groups{}, no
		}
	}
	if len(out.Values) > 0 {
		out.State = signin.GroupsPresent
	}
	if g.Cap > 0 && len(out.Values) >= g.Cap {
		text := fmt.Sprintf("The provider sends %d groups at most, and so many came: list fewer groups for this application there.", g.Cap)
		return signin.Groups{State: signin.GroupsOverage, Attribute: g.Claim, Hint: text}, nil
	}
	return out, nil
}

// elsewhere reports whether the groups are said to be somewhere else: a
// distributed claim (Core section 5.6.2), or Entra's hasgroups.
func (g GroupRule) elsewhere(c claims) bool {
	names, _ := c["_claim_names"].(map[string]any)
	_, named := names[g.Claim]
	more := c["hasgroups"]
	return named || g.Claim == "groups" && (more == true || more == "true")
}

// find is the claim of that name, else that of a path with dots.
func find(c map[string]any, name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	first, rest, more := strings.Cut(name, ".")
	inner, ok := c[first].(map[string]any)
	if !more || !ok {
		return nil
	}
	return find(inner, rest)
}

func (g GroupRule) add(out *signin.Groups, text string) *signin.Rejection {
	parts := []string{text}
	if g.Delimiter != "" {
		parts = strings.Split(text, g.Delimiter)
	}
	for _, part := range parts {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		group, err := g.Form.Read(part)
		if err != nil {
			return Refuse(GroupsMalformed, "groups as groups_form says", err.Error())
		}
		if group = norm.NFC.String(group); !slices.Contains(out.Values, group) {
			out.Values = append(out.Values, group)
		}
	}
	return nil
}
