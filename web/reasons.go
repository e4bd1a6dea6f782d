package web

import "grantbridge/access"

// userReasons are what a person may be told: no rule, no group, nobody's name.
var userReasons = map[access.Code]*reason{
	access.Allowed:        {"You may do this."},
	access.NoGrant:        {"You have no access to this. Ask the person who looks after this site."},
	access.DeniedRule:     {"A rule keeps you from doing this here."},
	access.CapUser:        {"Your access here is limited, and this goes beyond it."},
	access.CeilingToken:   {"Your token is limited, and this goes beyond it. A session, or a token with a higher ceiling, may do."},
	access.CeilingMapping: {"Your access does not reach this far through a token. A session may do."},
	access.CeilingSession: {"The way you signed in does not allow this. Sign in again with a stronger method."},
	access.ExpiredGrant:   {"Your access to this has ended."},
	access.ExpiredToken:   {"Your token has expired."},
	access.Revoked:        {"This token or session is not valid any more. Sign in again, or use another token."},
	access.Locked:         {"Your account is locked. Ask an administrator."},
	access.Suspended:      {"Your account is suspended. Ask your company's directory administrators."},
	access.Anonymous:      {"Sign in to do this."},
	access.UnknownSubject: {"We do not know this account."},
	access.UnknownSite:    {"We do not know this site."},
	access.UnknownAction:  {"We do not know this action."},
	access.Stale:          {"We cannot tell at the moment. Try again shortly."},
}

// reasonUser is the sentence for the person whose request was decided.
func reasonUser(c access.Code) *reason {
	if r, ok := userReasons[c]; ok {
		return r
	}
	return userReasons[access.Stale]
}
