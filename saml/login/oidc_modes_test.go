package login_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// What the modes of a source are is decided in one place for both protocols. Here
// it is held to what an OpenID provider's answers come to, through the doors.

// says lets the provider put a claim into each ID token.
func (h *harbour) says(name string, v any) {
	h.op.Claims = func(c map[string]any) { c[name] = v }
}

func (h *harbour) openIDTestLink(source string) string {
	h.t.Helper()
	path, err := login.NewTest(h.t.Context(), h.kit.S, login.Test{Protocol: "oidc", Source: source, By: "cli:ann", Ends: h.now().Add(time.Minute)})
	h.must(err)
	return path
}

func TestATestByOpenIDConnectCreatesNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  login.Mode
		do    func(h *harbour)
		want  saml.Reason
		gives string
		joins string
	}{
		{name: "somebody new", mode: login.Create, gives: "write on 1 site, by marketing", joins: "Marketing"},
		{name: "somebody new who may not be made", mode: login.LinkOnly, want: "no_account"},
		{name: "somebody new who would wait", mode: login.Review, want: "link_pending"},
		{name: "an account that is there", mode: login.LinkOnly, do: func(h *harbour) { h.clara() }, gives: "write on 1 site, by marketing", joins: "Marketing"},
		{name: "somebody with a taken login", mode: login.Create, do: func(h *harbour) { h.kit.Account("okta", "clara.moreau") }, want: "login_taken"},
		{name: "a leaver", mode: login.Create, do: func(h *harbour) { h.kit.Do(storetest.DeleteAccount("okta", h.clara().UID)) }, want: "account_left"},
		{name: "a provider that says no", mode: login.Create, do: func(h *harbour) { h.op.Refuse = "access_denied" }, want: oidc2saml(oidc.ProviderDenied)},
		{name: "a token of another issuer", mode: login.Create, do: func(h *harbour) { h.says("iss", "https://evil.example") }, want: oidc2saml(oidc.IssuerWrong)},
	} {
		t.Run(c.name, func(t *testing.T) {
			oneHarbour(t, func(h *harbour) { h.source.Mode, h.source.Groups = c.mode, login.Apply }, func(h *harbour) {
				h.must(h.engine.PutSites(t.Context(), store.By{}, []access.Site{{ID: 1, Slug: "main", Name: "Main site"}}))
				h.rules(writersRule)
				h.says("groups", []string{"Marketing"})
				if c.do != nil {
					c.do(h)
				}
				before, b := h.counts(), h.browser()
				p := b.get(h.openIDTestLink("okta"))
				kept := h.trace(p)
				var trace login.Trace
				h.must(json.Unmarshal(kept.Body, &trace))
				if kept.Outcome != "tested" || trace.Test != "cli:ann" || kept.Reason != string(c.want) {
					t.Errorf("got %s %q of a test by %q, want %q:\n%s", kept.Outcome, kept.Reason, trace.Test, c.want, p.text)
				}
				if got := strings.Join(trace.Gives, "; ") + "|" + strings.Join(trace.Joins, ","); got != c.gives+"|"+c.joins {
					t.Errorf("got %q; notes %q", got, trace.Notes)
				}
				if c.want == "" && !strings.Contains(p.text, "<td>clara@example.com<br>") {
					t.Errorf("the page does not show the claims as sent:\n%s", p.text)
				}
				if c.want != "" && (trace.Want == "" || trace.Got == "" || trace.Fix == "") {
					t.Errorf("the trace does not say all: %s", kept.Body)
				}
				if after := h.counts(); after != before || b.in() {
					t.Errorf("the test left %s; before there were %s; somebody is signed in: %v", after, before, b.in())
				}
				if strings.Contains(string(kept.Body), "clara@example.com") || strings.Contains(string(kept.Body), `"ext-clara"`) {
					t.Errorf("the trace keeps values of claims: %s", kept.Body)
				}
			})
		})
	}
}

func TestALinkOfAnOpenIDTestIsUsedOnceForItsSource(t *testing.T) {
	oneHarbour(t, nil, func(h *harbour) {
		h.clara()
		link := h.openIDTestLink("okta")
		h.trace(h.browser().get(link))
		h.refused(h.browser().get(link), "test_spent")
		h.refused(h.browser().get(strings.Replace(h.openIDTestLink("okta"), "/okta/", "/entra/", 1)), "test_spent")
		// Another browser, to which the answer is brought, sees nothing of it.
		b := h.browser()
		finish := b.hop(b.answerTo(h.openIDTestLink("okta"))).Header.Get("Location")
		if p := h.browser().get(finish); p.status != 403 || strings.Contains(p.text, "clara@example.com") {
			t.Errorf("another browser got %d: %s", p.status, p.text)
		}
	})
}

func TestWhoMaySignInByOpenIDConnect(t *testing.T) {
	for _, c := range []struct {
		name string
		mode login.Mode
		do   func(h *harbour)
		want saml.Reason // "" signs in
	}{
		{"an account with the external id", login.LinkOnly, func(h *harbour) { h.clara() }, ""},
		{"the same when nothing is provisioned", login.Off, func(h *harbour) { h.clara() }, "no_account"},
		{"nobody", login.LinkOnly, func(*harbour) {}, "no_account"},
		{"nobody, with create", login.Create, func(*harbour) {}, ""},
		{"a login of somebody else's", login.LinkOnly, func(h *harbour) { h.kit.Account("okta", "clara.moreau") }, "no_account"},
		{"a login of somebody else's, with create", login.Create, func(h *harbour) { h.kit.Account("okta", "clara.moreau") }, "login_taken"},
		{"the external id in another source", login.LinkOnly, func(h *harbour) { h.kit.Do(storetest.NewAccount("entra", "clara.moreau", "ext-clara")) }, "no_account"},
		{"a deactivated account, with create", login.Create, func(h *harbour) {
			h.kit.Do(storetest.EditAccount("okta", h.clara().UID, func(a *directory.Account) { a.Active = false }))
		}, "account_inactive"},
		{"a leaver, with create", login.Create, func(h *harbour) { h.kit.Do(storetest.DeleteAccount("okta", h.clara().UID)) }, "account_left"},
		{"a locked person", login.LinkOnly, func(h *harbour) { h.kit.Do(&store.LockPerson{Person: access.PersonID(h.clara().Person), Locked: true}) }, "person_locked"},
		{"a subject that an administrator linked", login.Off, func(h *harbour) {
			h.kit.Do(&store.LinkSubject{Source: "okta", Subject: "claim:ext-clara", Account: h.kit.Account("okta", "other").UID})
		}, ""},
		{"a SAML subject of the same value", login.Off, func(h *harbour) {
			h.kit.Do(&store.LinkSubject{Source: "okta", Subject: "attribute:ext-clara", Account: h.kit.Account("okta", "other").UID})
		}, "no_account"},
	} {
		t.Run(c.name, func(t *testing.T) {
			oneHarbour(t, func(h *harbour) { h.source.Mode = c.mode }, func(h *harbour) {
				c.do(h)
				b := h.browser()
				if p := b.get("/oidc/okta/login"); c.want != "" {
					h.refused(p, c.want)
				}
				if b.in() != (c.want == "") {
					t.Errorf("signed in: %v", b.in())
				}
			})
		})
	}
}

func (h *harbour) waiting() (all []store.PendingLink) {
	h.t.Helper()
	h.kit.Read(func(v *store.View) (err error) { all, err = v.PendingLinks(context.Background()); return err })
	return all
}

func TestAnOpenIDSignInWaitsForAnAdministrator(t *testing.T) {
	wait := func(t *testing.T, f func(h *harbour, b *browser)) {
		eachHarbour(t, func(h *harbour) { h.source.Mode = login.Review }, func(h *harbour) {
			b := h.browser()
			for range 2 { // who comes again waits once
				if kept := h.refused(b.get("/oidc/okta/login"), "link_pending"); kept.Outcome != "waiting" {
					t.Errorf("the trace says %s", kept.Outcome)
				}
			}
			all := h.waiting()
			if len(all) != 1 || all[0].Subject != "claim:ext-clara" || all[0].Login != "clara.moreau" || all[0].Email != "clara@example.com" || b.in() {
				t.Fatalf("waiting: %+v; signed in: %v", all, b.in())
			}
			f(h, b)
		})
	}
	t.Run("and is let in as somebody new", func(t *testing.T) {
		wait(t, func(h *harbour, b *browser) {
			change, err := login.Approve(h.waiting()[0])
			h.must(err)
			made, err := h.engine.Apply(t.Context(), store.By{}, change)
			h.must(err)
			h.kit.Do(&store.LinkSubject{Source: "okta", Subject: "claim:ext-clara", Account: made.Account.UID})
			if p := h.signsIn(b); !strings.Contains(p.text, `id="login">clara.moreau<`) || len(h.waiting()) != 0 || made.Account.ExternalID != "ext-clara" {
				t.Errorf("waiting still: %+v; the account is %+v", h.waiting(), made.Account)
			}
		})
	})
	t.Run("and is linked to an account", func(t *testing.T) {
		wait(t, func(h *harbour, b *browser) {
			h.kit.Do(&store.LinkSubject{Source: "okta", Subject: "claim:ext-clara", Account: h.kit.Account("okta", "c.moreau").UID})
			if p := h.signsIn(b); !strings.Contains(p.text, `id="login">c.moreau<`) || len(h.waiting()) != 0 {
				t.Errorf("waiting still: %+v: %s", h.waiting(), p.text)
			}
		})
	})
	t.Run("and is refused", func(t *testing.T) {
		wait(t, func(h *harbour, b *browser) {
			h.kit.Do(&store.RefuseSubject{Source: "okta", Subject: "claim:ext-clara"})
			h.refused(b.get("/oidc/okta/login"), "link_refused")
			if b.in() {
				t.Error("refused, and in")
			}
		})
	})
}

// may says what the one session that lives opens.
func (n *town) may() (superuser, admin bool) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) error {
		live, err := v.LiveSessions(context.Background(), store.SessionQuery{Limit: 9}, time.Now())
		if err != nil || len(live) != 1 {
			n.t.Fatalf("%d sessions live (%v)", len(live), err)
		}
		limit, _ := access.ParseCeiling(live[0].Ceiling)
		s, _ := n.engine.Holder().Snapshot(time.Now())
		ask := func(site access.SiteID, action access.ActionID) bool {
			return s.Check(access.Request{Person: live[0].Person, Site: site, Action: action, At: time.Now(),
				Credential: access.Credential{Kind: access.SessionCredential, Ceiling: limit, Issued: live[0].Issued, Expires: live[0].Expires}}).Allowed
		}
		superuser, admin = ask(access.Global, access.ActSuperuser), ask(1, access.ActAdmin)
		return nil
	})
	return superuser, admin
}

func TestASuperuserNeedsAStrongOpenIDSignIn(t *testing.T) {
	for name, strong := range map[string]map[string]any{"by acr": {"acr": "phr"}, "by amr": {"amr": []string{"pwd", "mfa"}}} {
		t.Run(name, func(t *testing.T) {
			eachHarbour(t, func(h *harbour) { h.source.Strong, h.source.Ceiling = []string{"mfa", "phr"}, "admin" }, func(h *harbour) {
				h.must(h.engine.PutSites(t.Context(), store.By{}, []access.Site{{ID: 1, Slug: "main", Name: "Main site"}}))
				_, err := h.engine.AddGrant(t.Context(), store.By{}, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: h.clara().Person},
					Role: "superuser", All: true, Reason: "test", Until: time.Now().Add(time.Hour)})
				h.must(err)
				h.must(h.engine.Sync(t.Context(), 0))
				b := h.browser()
				p := h.signsIn(b)
				if superuser, admin := h.may(); superuser || !admin {
					t.Errorf("a weak session: superuser %v, admin %v", superuser, admin)
				}
				const up = "/oidc/okta/login?step_up=1"
				if !strings.Contains(p.text, `href="`+up+`"`) {
					t.Fatalf("the page does not lead to a stronger sign-in:\n%s", p.text)
				}
				to, err := url.Parse(b.hop(up).Header.Get("Location"))
				if h.must(err); to.Query().Get("acr_values") != "mfa phr" {
					t.Errorf("the provider is asked for %q", to.Query().Get("acr_values"))
				}
				// A provider that ignores the wish answers as before, which raises nothing.
				h.refused(b.get(up), oidc2saml(oidc.StepUpWeak))
				if superuser, admin := h.may(); superuser || !admin {
					t.Errorf("after a step-up that was none: superuser %v, admin %v", superuser, admin)
				}
				before := b.c.Jar.Cookies(p.url)
				h.op.Claims = func(c map[string]any) {
					for name, v := range strong {
						c[name] = v
					}
				}
				if p := b.get(up); p.url.Path != "/me" || strings.Contains(p.text, `id="limit"`) {
					t.Fatalf("the step-up: %s", p.text)
				}
				if superuser, admin := h.may(); !superuser || !admin {
					t.Errorf("a strong session: superuser %v, admin %v", superuser, admin)
				}
				thief := h.browser()
				thief.c.Jar.SetCookies(p.url, before)
				if thief.in() {
					t.Error("the handle from before the step-up still opens the session")
				}
			})
		})
	}
}

func TestAStepUpRaisesTheSessionOfTheSamePersonOnly(t *testing.T) {
	oneHarbour(t, func(h *harbour) { h.source.Strong, h.source.Ceiling = []string{"mfa"}, "view" }, func(h *harbour) {
		h.clara()
		h.kit.Do(storetest.NewAccount("okta", "ann", "ext-ann"))
		h.must(h.engine.Sync(t.Context(), 0))
		b := h.browser()
		h.signsIn(b)
		h.op.Person["sub"], h.op.Person["preferred_username"] = "ext-ann", "ann"
		h.says("amr", []string{"mfa"})
		if p := b.get("/oidc/okta/login?step_up=1"); !strings.Contains(p.text, `id="login">ann<`) || strings.Contains(p.text, `id="limit"`) {
			t.Errorf("got %s", p.text)
		}
		h.kit.Read(func(v *store.View) error {
			live, err := v.LiveSessions(context.Background(), store.SessionQuery{Limit: 9}, time.Now())
			if len(live) != 1 {
				t.Errorf("%d sessions live", len(live))
			}
			return err
		})
	})
}

func TestAFreshOpenIDSignInIsAskedForAndVerified(t *testing.T) {
	for _, c := range []struct {
		name     string
		conf     oidc.Config
		asked    string // prompt, max_age, acr_values
		do       func(h *harbour)
		want     saml.Reason
		signedIn time.Duration // ago
	}{
		{"as asked", oidc.Config{ForceAuthn: true}, "login|0|", func(*harbour) {}, "", 0},
		{"an hour ago", oidc.Config{ForceAuthn: true}, "login|0|", func(*harbour) {}, oidc2saml(oidc.AuthTimeOld), time.Hour},
		{"no word of when", oidc.Config{ForceAuthn: true}, "login|0|", func(h *harbour) { h.says("auth_time", nil) }, oidc2saml(oidc.AuthTimeMissing), 0},
		{"within the age", oidc.Config{MaxAuthnAge: 2 * time.Hour}, "|7200|", func(*harbour) {}, "", time.Hour},
		{"beyond the age", oidc.Config{MaxAuthnAge: 30 * time.Minute}, "|1800|", func(*harbour) {}, oidc2saml(oidc.AuthTimeOld), time.Hour},
		{"a context that came", oidc.Config{AuthnContext: []string{"phr", "mfa"}}, "||phr mfa", func(h *harbour) { h.says("acr", "mfa") }, "", 0},
		{"a context that did not come", oidc.Config{AuthnContext: []string{"phr", "mfa"}}, "||phr mfa", func(*harbour) {}, oidc2saml(oidc.ContextMissing), 0},
		{"a weaker context", oidc.Config{AuthnContext: []string{"phr", "mfa"}}, "||phr mfa", func(h *harbour) { h.says("acr", "pwd") }, oidc2saml(oidc.ContextWeak), 0},
		{"a provider that cannot", oidc.Config{AuthnContext: []string{"phr"}}, "||phr", func(h *harbour) { h.op.Refuse = "unmet_authentication_requirements" }, oidc2saml(oidc.ProviderWeak), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			oneHarbour(t, func(h *harbour) { h.conf = c.conf }, func(h *harbour) {
				h.clara()
				h.op.SignedIn = time.Now().Add(-c.signedIn)
				c.do(h)
				b := h.browser()
				to, err := url.Parse(b.hop("/oidc/okta/login").Header.Get("Location"))
				h.must(err)
				q := to.Query()
				if got := q.Get("prompt") + "|" + q.Get("max_age") + "|" + q.Get("acr_values"); got != c.asked {
					t.Errorf("asked for %q, want %q", got, c.asked)
				}
				if p := b.get("/oidc/okta/login"); c.want != "" {
					h.refused(p, c.want)
				}
				if b.in() != (c.want == "") {
					t.Errorf("signed in: %v", b.in())
				}
			})
		})
	}
}

func TestAnOpenIDAnswerIsWaitedForAsLongAsTheSourceSays(t *testing.T) {
	oneHarbour(t, func(h *harbour) { h.conf.LoginTTL = time.Hour }, func(h *harbour) {
		h.clara()
		b := h.browser()
		h.op.Now = h.now
		to := b.answer("okta")
		for _, c := range b.c.Jar.Cookies(mustURL(h.us.URL)) {
			if len(c.Value) > 100 {
				t.Errorf("cookie %s has %d bytes", c.Name, len(c.Value))
			}
		}
		h.ahead = 59 * time.Minute
		if p := b.get(to); p.url.Path != "/me" {
			t.Errorf("an answer after 59 minutes: %s", p.text)
		}
		to = b.answer("okta")
		h.ahead += 61 * time.Minute
		h.refused(b.get(to), oidc2saml(oidc.RequestExpired))
	})
}

func mustURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

func TestASourceWithAKeyInThePlaceOfASecret(t *testing.T) {
	oneHarbour(t, func(h *harbour) {
		k := oidctest.NewKey("flow-client", "ES256")
		h.conf.Key = &oidc.ClientKey{ID: k.ID, Private: k.Private}
		h.op.Client, h.other.Client = &k, &k
	}, func(h *harbour) {
		h.clara()
		h.signsIn(h.browser())
		if p := h.browser().get("/oidc/okta/jwks.json"); p.status != 200 || !strings.Contains(p.text, `"kid":"flow-client"`) || strings.Contains(p.text, `"d"`) {
			t.Errorf("the key to register: %d %s", p.status, p.text)
		}
	})
	oneHarbour(t, nil, func(h *harbour) {
		if p := h.browser().get("/oidc/okta/jwks.json"); p.status != 404 {
			t.Errorf("a source with a secret publishes %d %s", p.status, p.text)
		}
	})
}

func TestAnEncryptedIDTokenSaysWhatToChangeAtTheProvider(t *testing.T) {
	oneHarbour(t, nil, func(h *harbour) {
		h.clara()
		// A JWE in compact form (RFC 7516 section 3.1), as far as it is looked at.
		h.op.Sign = func(map[string]any) string {
			head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT","kid":"ours"}`))
			return head + ".a2V5.aXY.Y2lwaGVy.dGFn"
		}
		kept := h.refused(h.browser().get("/oidc/okta/login"), oidc2saml(oidc.TokenEncrypted))
		if !strings.Contains(string(kept.Body), "id_token_encrypted_response_alg") {
			t.Errorf("the trace does not say what to change: %s", kept.Body)
		}
		if status, text := h.send(h.us.URL, h.op.Sign(nil)); status != 400 || !strings.Contains(text, string(oidc.TokenEncrypted)) {
			t.Errorf("an encrypted logout token: %d %s", status, text)
		}
	})
}
