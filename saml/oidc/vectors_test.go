package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/saml/signin"
)

// claim sets a claim of the ID token, or takes it away.
func claim(name string, v any) func(*lab) {
	return func(l *lab) {
		l.them.Claims = func(c map[string]any) {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
	}
}

// seconds sets a time claim relative to now.
func seconds(name string, d time.Duration) func(*lab) {
	return func(l *lab) {
		l.them.Claims = func(c map[string]any) { c[name] = time.Now().Add(d).Unix() }
	}
}

func parameter(edit func(url.Values)) func(*lab) {
	return func(l *lab) { l.edit = edit }
}

// signed signs the ID token in another way.
func signed(f func(l *lab, c map[string]any) string) func(*lab) {
	return func(l *lab) { l.them.Sign = func(c map[string]any) string { return f(l, c) } }
}

// answered is what the token endpoint says instead.
func answered(f func(w http.ResponseWriter, b oidctest.Body)) func(*lab) {
	return func(l *lab) {
		l.them.Token = func(w http.ResponseWriter, b oidctest.Body) bool { f(w, b); return true }
	}
}

func userinfo(body string) func(*lab) {
	return func(l *lab) {
		l.c.UserInfo = true
		l.them.UserInfo = func(w http.ResponseWriter) { _, _ = w.Write([]byte(body)) }
	}
}

func refusedBy(code string) func(*lab) { return func(l *lab) { l.them.Refuse = code } }

func tokenError(status int, code string) func(*lab) {
	return answered(func(w http.ResponseWriter, _ oidctest.Body) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":"` + code + `"}`))
	})
}

// vectors are the attacks, and what must be accepted: those without a reason.
var vectors = []struct {
	name string
	do   func(*lab)
	want signin.Reason
}{
	{"an honest sign-in", func(*lab) {}, ""},
	{"ES256", func(l *lab) { l.them.Keys = []oidctest.Key{oidctest.NewKey("e1", "ES256")} }, ""},
	{"Ed25519", func(l *lab) {
		l.them.Keys = []oidctest.Key{oidctest.NewKey("d1", "EdDSA")}
		claim("at_hash", nil)(l)
	}, ""},
	{"PS256", func(l *lab) { l.them.Keys = []oidctest.Key{oidctest.NewKey("p1", "PS256")} }, ""},
	{"a list of one audience", claim("aud", []string{oidctest.ClientID}), ""},
	{"our azp beside other audiences", func(l *lab) {
		l.them.Claims = func(c map[string]any) {
			c["aud"], c["azp"] = []string{"other", oidctest.ClientID}, oidctest.ClientID
		}
	}, ""},
	{"no at_hash", claim("at_hash", nil), ""},
	{"a time with a fraction", claim("iat", float64(time.Now().Unix())+0.5), ""},
	{"clocks 50 s apart", seconds("iat", 50*time.Second), ""},
	{"dated five minutes back, as by Entra", seconds("iat", -5*time.Minute), ""},
	{"an end 50 s ago", seconds("exp", -50*time.Second), ""},
	{"no iss in the answer of a provider that does not promise it", func(l *lab) { l.them.SaysIss = false }, ""},
	{"the client authenticated in the form", func(l *lab) {
		l.them.Discovery = func(d map[string]any) {
			d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
		}
	}, ""},
	{"a header that brings its own key, over an honest signature", signed(func(l *lab, c map[string]any) string {
		return l.them.Keys[0].Sign(c, map[string]any{"jwk": oidctest.NewKey("evil", "RS256").JWK(), "jku": "https://evil.example/keys"})
	}), ""},

	// The answer.
	{"no state", parameter(func(q url.Values) { q.Del("state") }), oidc.StateMissing},
	{"two states", parameter(func(q url.Values) { q.Add("state", "x") }), oidc.ParameterTwice},
	{"two codes", parameter(func(q url.Values) { q.Add("code", "x") }), oidc.ParameterTwice},
	{"another provider's iss", parameter(func(q url.Values) { q.Set("iss", "https://evil.example") }), oidc.AnswerIssuer},
	{"iss with a slash more", func(l *lab) { l.edit = func(q url.Values) { q.Set("iss", l.them.URL+"/") } }, oidc.AnswerIssuer},
	{"iss taken away", parameter(func(q url.Values) { q.Del("iss") }), oidc.AnswerNoIssuer},
	{"neither code nor error", parameter(func(q url.Values) { q.Del("code") }), oidc.AnswerShape},
	{"a code and an error", parameter(func(q url.Values) { q.Set("error", "access_denied") }), oidc.AnswerShape},
	{"a token in the browser", parameter(func(q url.Values) { q.Set("id_token", "x.y.z") }), oidc.AnswerShape},
	{"a code of 10 KB", parameter(func(q url.Values) { q.Set("code", strings.Repeat("c", 10<<10)) }), oidc.AnswerShape},
	{"a query of 20 KB", parameter(func(q url.Values) { q.Set("x", strings.Repeat("c", 20<<10)) }), oidc.QueryMalformed},
	{"100 parameters", parameter(func(q url.Values) {
		for i := range 100 {
			q.Set("p"+string(rune('a'+i%26))+string(rune('a'+i/26)), "x")
		}
	}), oidc.QueryMalformed},
	{"an answer after login_ttl", func(l *lab) { l.late = 20 * time.Minute }, oidc.RequestExpired},
	{"a request to another issuer", func(l *lab) { l.asked = func(r *oidc.Request) { r.Issuer = "https://before.example" } }, oidc.StateUnknown},
	{"access_denied", refusedBy("access_denied"), oidc.ProviderDenied},
	{"login_required", refusedBy("login_required"), oidc.ProviderAsks},
	{"temporarily_unavailable", refusedBy("temporarily_unavailable"), oidc.ProviderDown},
	{"unmet_authentication_requirements", refusedBy("unmet_authentication_requirements"), oidc.ProviderWeak},
	{"invalid_scope", refusedBy("invalid_scope"), oidc.ProviderRefuses},
	{"an error with a script in it", refusedBy("<script>alert(1)</script>"), oidc.ProviderRefuses},
	{"PKCE taken out of the request", func(l *lab) {
		l.login = func(u *url.URL) {
			q := u.Query()
			q.Del("code_challenge")
			q.Del("code_challenge_method")
			u.RawQuery = q.Encode()
		}
	}, oidc.ProviderRefuses},

	// The exchange.
	{"an invented code", parameter(func(q url.Values) { q.Set("code", "stolen") }), oidc.CodeRefused},
	{"state and code in another browser", func(l *lab) { l.browser = "the secret of another browser" }, oidc.CodeRefused},
	{"a PKCE challenge of the attacker's", func(l *lab) {
		l.login = func(u *url.URL) {
			q := u.Query()
			q.Set("code_challenge", strings.Repeat("A", 43))
			u.RawQuery = q.Encode()
		}
	}, oidc.CodeRefused},
	{"a secret that ended", func(l *lab) { l.c.Secret = "the old one" }, oidc.ClientRefused},
	{"another error of the token endpoint", tokenError(400, "slow_down"), oidc.ExchangeRefused},
	{"a token endpoint that is down", tokenError(503, ""), oidc.ExchangeFailed},
	{"a token endpoint that answers with a page", answered(func(w http.ResponseWriter, _ oidctest.Body) { _, _ = w.Write([]byte("<html>")) }), oidc.ExchangeShape},
	{"a token endpoint that redirects", answered(func(w http.ResponseWriter, _ oidctest.Body) {
		w.Header().Set("Location", "https://evil.example/token")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}), oidc.ExchangeShape},
	{"an answer of a megabyte", answered(func(w http.ResponseWriter, b oidctest.Body) {
		b["id_token"] = strings.Repeat("x", 1<<20)
		_ = json.NewEncoder(w).Encode(b)
	}), oidc.ExchangeTooLarge},
	{"a megabyte without a length", answered(func(w http.ResponseWriter, _ oidctest.Body) {
		for range 64 {
			_, _ = w.Write(make([]byte, 16<<10))
			w.(http.Flusher).Flush()
		}
	}), oidc.ExchangeTooLarge},
	{"no ID token", answered(func(w http.ResponseWriter, b oidctest.Body) {
		delete(b, "id_token")
		_ = json.NewEncoder(w).Encode(b)
	}), oidc.IDTokenMissing},
	{"an access token of type MAC", answered(func(w http.ResponseWriter, b oidctest.Body) {
		b["token_type"] = "mac"
		_ = json.NewEncoder(w).Encode(b)
	}), oidc.TokenType},

	// The token.
	{"alg none", signed(func(_ *lab, c map[string]any) string { return oidctest.None(c) }), oidc.TokenAlgorithm},
	{"alg nOnE", signed(func(l *lab, c map[string]any) string {
		return l.them.Keys[0].Sign(c, map[string]any{"alg": "nOnE"})
	}), oidc.TokenAlgorithm},
	{"HS256 with the public key as the secret", signed(func(l *lab, c map[string]any) string {
		return oidctest.HMAC(l.them.Keys[0].PEM(), "k1", c)
	}), oidc.TokenAlgorithm},
	{"HS256 with the client's secret", signed(func(_ *lab, c map[string]any) string {
		return oidctest.HMAC([]byte(oidctest.Secret), "k1", c)
	}), oidc.TokenAlgorithm},
	{"ES256 said over an RSA key", signed(func(l *lab, c map[string]any) string {
		return l.them.Keys[0].Sign(c, map[string]any{"alg": "ES256"})
	}), oidc.KeyUnknown},
	{"an algorithm that the key is not published for", signed(func(l *lab, c map[string]any) string {
		return l.them.Keys[0].Sign(c, map[string]any{"alg": "RS512"})
	}), oidc.KeyUnknown},
	{"an attacker's key under an honest id", signed(func(_ *lab, c map[string]any) string {
		return oidctest.NewKey("evil", "RS256").Sign(c, map[string]any{"kid": "k1"})
	}), oidc.SignatureWrong},
	{"an attacker's key in the header", signed(func(_ *lab, c map[string]any) string {
		evil := oidctest.NewKey("evil", "RS256")
		return evil.Sign(c, map[string]any{"kid": "k1", "jwk": evil.JWK()})
	}), oidc.SignatureWrong},
	{"an unknown kid", signed(func(_ *lab, c map[string]any) string { return oidctest.NewKey("evil", "RS256").Sign(c, nil) }), oidc.KeyUnknown},
	{"an attacker's key without a kid", signed(func(_ *lab, c map[string]any) string {
		return oidctest.NewKey("evil", "RS256").Sign(c, map[string]any{"kid": nil})
	}), oidc.SignatureWrong},
	{"a key of 1,024 bits", func(l *lab) {
		l.them.Keys = []oidctest.Key{oidctest.NewKey("w1", "weak")}
		l.them.Published = []oidctest.Key{oidctest.NewKey("k1", "RS256"), oidctest.NewKey("w1", "weak")}
	}, oidc.KeyUnknown},
	{"keys that cannot be read", func(l *lab) {
		l.them.JWKS = func(w http.ResponseWriter) bool { http.Error(w, "no", 500); return true }
	}, oidc.KeysUnreachable},
	{"no key but a shared secret", func(l *lab) { l.them.Published = []oidctest.Key{} }, oidc.KeysUnreachable},
	{"a changed payload", signed(func(l *lab, c map[string]any) string {
		whole := strings.Split(l.them.Keys[0].Sign(c, nil), ".")
		c["sub"] = "ext-root"
		other := strings.Split(l.them.Keys[0].Sign(c, nil), ".")
		return whole[0] + "." + other[1] + "." + whole[2]
	}), oidc.SignatureWrong},
	{"a critical header", signed(func(l *lab, c map[string]any) string {
		return l.them.Keys[0].Sign(c, map[string]any{"crit": []string{"b64"}, "b64": false})
	}), oidc.TokenCritical},
	{"an encrypted token", signed(func(*lab, map[string]any) string { return "a.b.c.d.e" }), oidc.TokenEncrypted},
	{"two parts", signed(func(*lab, map[string]any) string { return "a.b" }), oidc.TokenMalformed},
	{"a header that is no JSON", signed(func(*lab, map[string]any) string { return "AAAA.AAAA.AAAA" }), oidc.TokenMalformed},
	{"a token of 200 KB", claim("x", strings.Repeat("x", 140<<10)), oidc.TokenTooLarge},

	// The claims.
	{"another issuer", claim("iss", "https://evil.example"), oidc.IssuerWrong},
	{"another audience", claim("aud", "other"), oidc.AudienceWrong},
	{"no audience", claim("aud", nil), oidc.AudienceWrong},
	{"a second audience without azp", claim("aud", []string{oidctest.ClientID, "other"}), oidc.PartyMissing},
	{"another party's azp", claim("azp", "other"), oidc.PartyWrong},
	{"the audience as a number", claim("aud", 7), oidc.ClaimsMalformed},
	{"no end", claim("exp", nil), oidc.ClaimsMalformed},
	{"no time of issue", claim("iat", nil), oidc.ClaimsMalformed},
	{"an end as a text", claim("exp", "tomorrow"), oidc.ClaimsMalformed},
	{"an end 61 s ago", seconds("exp", -61*time.Second), oidc.TokenExpired},
	{"issued in two minutes", seconds("iat", 2*time.Minute), oidc.TokenFuture},
	{"not before in two minutes", seconds("nbf", 2*time.Minute), oidc.TokenNotYet},
	{"issued before it was asked for", seconds("iat", -12*time.Minute), oidc.TokenOld},
	{"no nonce", claim("nonce", nil), oidc.NonceMissing},
	{"another sign-in's nonce", claim("nonce", strings.Repeat("A", 43)), oidc.NonceWrong},
	{"another access token's hash", claim("at_hash", oidctest.AccessHash("another")), oidc.AccessHash},
	{"sub twice", signed(func(l *lab, c map[string]any) string {
		raw, _ := json.Marshal(c)
		return l.them.Keys[0].SignRaw([]byte(`{"sub":"ext-root",`+string(raw[1:])), nil)
	}), oidc.ClaimTwice},
	{"sub and SUB", claim("SUB", "ext-root"), oidc.ClaimTwice},
	{"claims that are a list", signed(func(l *lab, _ map[string]any) string { return l.them.Keys[0].SignRaw([]byte(`[]`), nil) }), oidc.ClaimsMalformed},
	{"something after the claims", signed(func(l *lab, c map[string]any) string {
		raw, _ := json.Marshal(c)
		return l.them.Keys[0].SignRaw(append(raw, `{"sub":"ext-root"}`...), nil)
	}), oidc.ClaimsMalformed},

	// What was asked for.
	{"no auth_time when a fresh sign-in was asked for", func(l *lab) {
		l.c.ForceAuthn = true
		claim("auth_time", nil)(l)
	}, oidc.AuthTimeMissing},
	{"an old sign-in when a fresh one was asked for", func(l *lab) {
		l.c.ForceAuthn = true
		l.them.SignedIn = time.Now().Add(-time.Hour)
	}, oidc.AuthTimeOld},
	{"a fresh sign-in, as asked for", func(l *lab) { l.c.ForceAuthn = true }, ""},
	{"a sign-in older than max_authn_age", func(l *lab) {
		l.c.MaxAuthnAge = 10 * time.Minute
		l.them.SignedIn = time.Now().Add(-time.Hour)
	}, oidc.AuthTimeOld},
	{"a sign-in within max_authn_age", func(l *lab) {
		l.c.MaxAuthnAge = 2 * time.Hour
		l.them.SignedIn = time.Now().Add(-time.Hour)
	}, ""},
	{"a sign-in that is still to come", seconds("auth_time", time.Hour), oidc.TokenFuture},
	{"no acr", func(l *lab) { l.c.AuthnContext = []string{"mfa"} }, oidc.ContextMissing},
	{"another acr", func(l *lab) {
		l.c.AuthnContext = []string{"mfa"}
		claim("acr", "pwd")(l)
	}, oidc.ContextWeak},
	{"the acr that was asked for", func(l *lab) {
		l.c.AuthnContext = []string{"mfa", "phr"}
		claim("acr", "phr")(l)
	}, ""},

	{"a step-up that came back as it was", func(l *lab) { l.strong = []string{"mfa"} }, oidc.StepUpWeak},
	{"a step-up with a weaker acr and method", func(l *lab) {
		l.strong = []string{"mfa", "phr"}
		l.them.Claims = func(c map[string]any) { c["acr"], c["amr"] = "pwd", []string{"pwd", "MFA"} }
	}, oidc.StepUpWeak},
	{"a step-up with that acr", func(l *lab) {
		l.strong = []string{"mfa", "phr"}
		claim("acr", "phr")(l)
	}, ""},
	{"a step-up with that method", func(l *lab) {
		l.strong = []string{"mfa"}
		claim("amr", []string{"pwd", "otp", "mfa"})(l)
	}, ""},
	{"a step-up with methods that are no texts", func(l *lab) {
		l.strong = []string{"mfa"}
		claim("amr", []any{"mfa", 1})(l)
	}, oidc.ClaimsMalformed},
	{"a step-up with an acr stronger than the one always asked for", func(l *lab) {
		l.c.AuthnContext, l.strong = []string{"pwd"}, []string{"phr"}
		claim("acr", "phr")(l)
	}, ""},
	{"a step-up by a method, without the acr always asked for", func(l *lab) {
		l.c.AuthnContext, l.strong = []string{"phr"}, []string{"mfa"}
		l.them.Claims = func(c map[string]any) { c["acr"], c["amr"] = "pwd", []string{"mfa"} }
	}, oidc.ContextWeak},

	// Userinfo.
	{"userinfo of somebody else", userinfo(`{"sub":"ext-root","groups":["Admins"]}`), oidc.UserInfoSubject},
	{"userinfo without a sub", userinfo(`{"groups":["Admins"]}`), oidc.UserInfoSubject},
	{"userinfo that is signed", userinfo(`eyJhbGciOiJub25lIn0.e30.`), oidc.UserInfoShape},
	{"userinfo with sub twice", userinfo(`{"sub":"ext-root","sub":"ext-clara"}`), oidc.UserInfoShape},
	{"userinfo of a megabyte", userinfo(`{"sub":"ext-clara","x":"` + strings.Repeat("x", 1<<20) + `"}`), oidc.UserInfoFailed},
	{"honest userinfo", userinfo(`{"sub":"ext-clara","groups":["Sales"]}`), ""},

	// Who it is.
	{"no sub", claim("sub", nil), oidc.SubjectMissing},
	{"an empty sub", claim("sub", ""), oidc.SubjectMissing},
	{"a sub that is a number", claim("sub", 1), oidc.SubjectStrange},
	{"a sub with a blank after it", claim("sub", "ext-clara "), oidc.SubjectStrange},
	{"a sub with a character that is not seen", claim("sub", "ext-\u202eclara"), oidc.SubjectStrange},
	{"a sub of 300 characters", claim("sub", strings.Repeat("s", 300)), oidc.SubjectStrange},
	{"the subject claim missing", func(l *lab) { l.c.Subject = "oid" }, oidc.SubjectMissing},
	{"groups that are objects", claim("groups", []any{map[string]any{"name": "Admins"}}), oidc.GroupsMalformed},
	{"groups that are a number", claim("groups", 1), oidc.GroupsMalformed},
	{"names where object ids should be", func(l *lab) {
		l.c.Groups.Form = signin.GroupObjectIDs
		claim("groups", []string{"Admins"})(l)
	}, oidc.GroupsMalformed},
	{"500 claims", func(l *lab) {
		l.them.Claims = func(c map[string]any) {
			for i := range 500 {
				c["c"+string(rune('a'+i%26))+string(rune('a'+i/26))] = "x"
			}
		}
	}, oidc.ClaimsTooMany},
	{"a distributed claim whose source is missing", claim("_claim_names", map[string]any{"x": "nowhere"}), oidc.SecondOpinion},
}

func TestAnswersAreJudged(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			v.do(l)
			id, no := l.signIn()
			switch {
			case no == nil && v.want != "":
				t.Fatalf("accepted as %q; want %s", id.Subject.Value, v.want)
			case no != nil && no.Reason != v.want:
				t.Fatalf("refused for %v (%v); want %q", no, no.Cause, v.want)
			case no != nil && (id != nil || no.Says == "" || no.Fix == "" || strings.Contains(no.Says, string(no.Reason))):
				t.Errorf("the rejection does not say all: %+v", no)
			case no == nil && (id.Subject.Value != "ext-clara" || id.Subject.Key() != "claim:ext-clara"):
				t.Errorf("got %+v", id.Subject)
			}
		})
	}
}

func TestEveryReasonHasAnAttack(t *testing.T) {
	// Those that are reached in other tests: by name.
	elsewhere := map[signin.Reason]string{
		oidc.StateSpent: "package login", oidc.ProviderNotReady: "TestAProviderThatIsDown", oidc.InternalError: "a defect",
	}
	got := map[signin.Reason]bool{}
	for _, v := range vectors {
		got[v.want] = true
	}
	for _, a := range oidc.Reasons() {
		if !got[a.Reason] && elsewhere[a.Reason] == "" && a.Stage != oidc.StageLogout {
			t.Errorf("no vector is refused for %s", a.Reason)
		}
	}
	if len(vectors) < 90 {
		t.Errorf("there are %d vectors", len(vectors))
	}
}
