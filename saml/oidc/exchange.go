package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"grantbridge/saml/signin"
)

// tokens are what the token endpoint gave. The access token is used for nothing
// but its hash.
type tokens struct {
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
	ID     string `json:"id_token"`
	Error  string `json:"error"`
}

// exchange redeems the code, once (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
func (p *Provider) exchange(ctx context.Context, m *metadata, code, verifier string) (tokens, *signin.Rejection) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.c.Callback}, "code_verifier": {verifier}}
	method, _ := m.clientAuth(p.c)
	if method != AuthBasic {
		form.Set("client_id", p.c.ClientID)
	}
	switch method {
	case AuthPost:
		form.Set("client_secret", p.c.Secret)
	case AuthKey:
		assertion, err := p.assertion(m)
		if err != nil {
			return tokens{}, caused(Refuse(InternalError, "a signed assertion", "none"), err)
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, caused(Refuse(ExchangeFailed, "a token endpoint", "none"), err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if method == AuthBasic { // section 2.3.1: encoded before it is encoded
		r.SetBasicAuth(url.QueryEscape(p.c.ClientID), url.QueryEscape(p.c.Secret))
	}
	res, err := p.client.Do(r)
	if err != nil {
		return tokens{}, p.unanswered(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return tokens{}, p.unanswered(err)
	}
	return readTokens(res.StatusCode, body)
}

// unanswered sorts what went wrong before there was an answer.
func (p *Provider) unanswered(err error) *signin.Rejection {
	switch {
	case errors.Is(err, errTooLarge):
		return Refuse(ExchangeTooLarge, decimal(answerSize)+" bytes at most", "more")
	case errors.Is(err, errRedirect):
		return Refuse(ExchangeShape, "an answer", "a redirect")
	}
	return caused(Refuse(ExchangeFailed, "an answer of the token endpoint within "+p.c.Timeout.String(), unaddressed(err).Error()), err)
}

func readTokens(status int, body []byte) (tokens, *signin.Rejection) {
	var t tokens
	err := json.Unmarshal(body, &t)
	switch {
	case status >= 500 && (err != nil || t.Error == ""):
		return t, Refuse(ExchangeFailed, "status 200", decimal(status))
	case err != nil:
		return t, Refuse(ExchangeShape, "a JSON object", "something else, with status "+decimal(status))
	case t.Error == "invalid_client", t.Error == "unauthorized_client":
		return t, Refuse(ClientRefused, "tokens", "the error "+t.Error)
	case t.Error == "invalid_grant":
		return t, Refuse(CodeRefused, "tokens", "the error "+t.Error)
	case t.Error != "", status != http.StatusOK:
		return t, Refuse(ExchangeRefused, "tokens", "status "+decimal(status)+", error "+t.Error)
	case !strings.EqualFold(t.Type, "Bearer"):
		return t, Refuse(TokenType, "Bearer", t.Type)
	case t.ID == "":
		return t, Refuse(IDTokenMissing, "an ID token", "none")
	}
	return t, nil
}
