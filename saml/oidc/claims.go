package oidc

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"grantbridge/saml/signin"
)

// claims are a token's, by their names to the letter.
type claims map[string]any

const maxClaims = 300

// readClaims reads a JSON object whose names come once each: two readers must
// not take different ones of two (RFC 7519 section 4). Numbers stay as they are
// written.
func readClaims(payload []byte) (claims, *signin.Rejection) {
	bad := Refuse(ClaimsMalformed, "a JSON object", "something else")
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	c := claims{}
	folded := map[string]string{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, bad
		}
		// encoding/json, which the library reads with, folds letter case.
		if other, twice := folded[strings.ToLower(name)]; twice && (other == name || judged(name) || judged(other)) {
			return nil, Refuse(ClaimTwice, "each claim once", "one of them again")
		}
		folded[strings.ToLower(name)] = name
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, bad
		}
		if c[name] = v; len(c) > maxClaims {
			return nil, Refuse(ClaimsTooMany, decimal(maxClaims)+" claims at most", "more")
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, bad
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad
	}
	return c, nil
}

// judged reports whether the library or we decide on a claim of that name.
func judged(name string) bool {
	return slices.Contains([]string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "auth_time", "acr", "sid", "jti", "events"}, name)
}

// text is a claim that must be a text when it is there.
func (c claims) text(name string) (string, *signin.Rejection) {
	v, ok := c[name]
	if !ok || v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", Refuse(ClaimsMalformed, name+" as a text", "something else")
	}
	return s, nil
}

// texts is a claim that is a text or a list of texts.
func (c claims) texts(name string) ([]string, *signin.Rejection) {
	switch v := c[name].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, 0, len(v))
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				break
			}
			out = append(out, s)
		}
		if len(out) == len(v) {
			return out, nil
		}
	}
	return nil, Refuse(ClaimsMalformed, name+" as a text or a list of texts", "something else")
}

// time is a claim that is a NumericDate (RFC 7519 section 2): seconds, perhaps
// with a fraction. The zero time is a claim that did not come.
func (c claims) time(name string) (time.Time, *signin.Rejection) {
	v, ok := c[name]
	if !ok || v == nil {
		return time.Time{}, nil
	}
	n, ok := v.(json.Number)
	if ok {
		if f, err := n.Float64(); err == nil && f > 0 && f < 1<<40 {
			whole, part := math.Modf(f)
			return time.Unix(int64(whole), int64(part*1e9)), nil
		}
	}
	return time.Time{}, Refuse(ClaimsMalformed, name+" as seconds since 1970", "something else")
}
