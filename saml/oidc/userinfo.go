package oidc

import (
	"context"
	"net/http"
	"slices"

	"grantbridge/saml/signin"
)

// complete adds what the userinfo endpoint says of a person and the ID token does
// not (OpenID Connect Core section 5.3). It is about the same sub or about nobody
// (5.3.4), and says nothing of the sign-in, nor who it is.
func (p *Provider) complete(ctx context.Context, m *metadata, c claims, access string) *signin.Rejection {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.UserInfo, nil)
	if err != nil {
		return caused(Refuse(UserInfoFailed, "a userinfo endpoint", "none"), err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	r.Header.Set("Accept", "application/json")
	res, err := p.client.Do(r)
	if err != nil {
		return caused(Refuse(UserInfoFailed, "an answer within "+p.c.Timeout.String(), "none"), err)
	}
	body, err := read(res)
	if err != nil {
		return caused(Refuse(UserInfoFailed, "an answer of at most "+decimal(answerSize)+" bytes, with status 200", "another one, with status "+decimal(res.StatusCode)), err)
	}
	more, no := readClaims(body)
	if no != nil {
		return Refuse(UserInfoShape, no.Want, no.Got)
	}
	if sub, ok := more["sub"].(string); !ok || sub != c["sub"] {
		return Refuse(UserInfoSubject, "the sub of the ID token", "another one")
	}
	if _, said := c["email"]; !said { // an address and whether it is verified go together
		delete(c, "email_verified")
	}
	for name, v := range more {
		if _, said := c[name]; !said && name != p.c.Subject && !judged(name) && !slices.Contains(protocolClaims, name) {
			c[name] = v
		}
	}
	return nil
}
