package web

import (
	"fmt"
	"net/http"
	"strings"

	"grantbridge/access"
	"grantbridge/internal/handler"
)

// The actions that the door asks of its own callers, on access.Global. A
// catalogue without one leaves it to superusers.
const (
	askAction     = "decisions:ask"
	explainAction = "decisions:explain"
)

// caller is the program that asks, by what its credential may do.
type caller struct {
	// stale: the snapshot is too old to know the caller's rights. He is known,
	// and gets nothing but no.
	stale    bool
	explains bool
}

// caller authenticates r and asks the evaluator whether it may ask.
func (d *door) caller(r *http.Request) (caller, error) {
	secret, p := bearer(r)
	if p != nil {
		return caller{}, p
	}
	person, credential, err := d.engine.Authenticate(secret)
	if err != nil {
		return caller{}, unauthenticated(`the token is not valid, or not any more`, err)
	}
	may := func(action string) access.Decision {
		return d.engine.Holder().Check(access.Request{
			Person: person, Credential: credential, Site: access.Global, Action: d.action(action), At: d.conf.Now(),
		})
	}
	switch ask := may(askAction); {
	case ask.Allowed:
		return caller{explains: may(explainAction).Allowed}, nil
	case ask.Code == access.Stale:
		return caller{stale: true}, nil
	case ask.Code == access.Revoked, ask.Code == access.ExpiredToken:
		return caller{}, unauthenticated("the token is not valid any more", nil)
	default:
		return caller{}, &handler.Problem{Status: http.StatusForbidden, Code: "forbidden",
			Challenge: `Bearer realm="grantbridge", error="insufficient_scope", scope="` + askAction + `"`,
			Detail:    fmt.Sprintf("this token may not ask for decisions (%s); it needs %s on all sites", ask.Code, askAction)}
	}
}

func (d *door) action(name string) access.ActionID {
	if a, ok := d.engine.Catalogue().Lookup(name); ok {
		return a
	}
	return access.ActSuperuser
}

// bearer reads the token of RFC 6750 section 2.1, the only place where it may
// stand.
func bearer(r *http.Request) (string, *handler.Problem) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		if len(values) > 1 {
			return "", unauthenticated("there is more than one Authorization header", nil)
		}
		return "", &handler.Problem{Status: http.StatusUnauthorized, Code: "unauthenticated", Challenge: `Bearer realm="grantbridge"`,
			Detail: "send an API token: Authorization: Bearer gb_…"}
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return "", unauthenticated("send the API token as Authorization: Bearer gb_…", nil)
	case secret == "":
		return "", unauthenticated("the token is empty", nil)
	case strings.ContainsAny(secret, " \t"):
		return "", unauthenticated("the token has spaces in it; was it copied with something around it?", nil)
	}
	return secret, nil
}

func unauthenticated(detail string, cause error) *handler.Problem {
	return &handler.Problem{Status: http.StatusUnauthorized, Code: "unauthenticated",
		Challenge: `Bearer realm="grantbridge", error="invalid_token"`, Detail: detail, Cause: cause}
}
