package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
	"grantbridge/web"
)

// newcomer is what package saml/login makes of a sign-in that waits.
func newcomer(p store.PendingLink) (*directory.AccountChange, error) {
	return &directory.AccountChange{Source: p.Source, UniqueLogin: true, Edit: func(directory.Account) (directory.Account, error) {
		return directory.Account{Source: p.Source, ExternalID: p.Subject, Login: p.Login, Active: true, Doc: []byte(`{}`)}, nil
	}}, nil
}

// session lets a person be signed in.
func (w *world) session(id, login string) {
	w.t.Helper()
	p, err := w.engine.FindPerson(login)
	w.must(err)
	var account directory.AccountID
	w.must(w.store.Read(w.t.Context(), func(v *store.View) error {
		return v.People(w.t.Context(), store.PeopleQuery{IDs: []access.PersonID{p.ID}}, func(p store.Person) error {
			account = p.Accounts[0].ID
			return nil
		})
	}))
	now := time.Now()
	w.must(w.store.PutSession(w.t.Context(), store.Session{ID: id, Digest: store.Digest(id), Person: p.ID, Account: account, Source: "okta", Ceiling: "admin",
		Auth: []byte(`{"context":"urn:mfa","trace":"able-acid-aged-also-area"}`), Issued: now, IdleUntil: now.Add(time.Hour), Expires: now.Add(time.Hour)}))
}

func (w *world) waits(subject, login string) {
	w.t.Helper()
	w.must(w.store.PutPendingLink(w.t.Context(), store.PendingLink{Source: "okta", Subject: subject, Login: login, Trace: "able-acid-aged-also-area", First: time.Now(), Last: time.Now()}))
}

func TestSignInsAreForThoseWhoManageAccessEverywhere(t *testing.T) {
	w := newWorld(t, func(c *web.Config) { c.NewAccount = newcomer })
	w.caller("desk", "superuser", "access:manage")
	w.caller("manager", "access:manage")
	o := newOpenAPI(t, w)
	for i, who := range []string{"alice", "alice", "alice", "bob", "hal"} {
		w.session(fmt.Sprint("s", i), who)
	}
	w.waits("nameid:carol", "carol")
	w.waits("nameid:mallory", "mallory")
	w.waits("nameid:alice2", "alice")
	alice, err := w.engine.FindPerson("alice")
	w.must(err)
	w.must(w.store.PutTrace(t.Context(), store.LoginTrace{ID: "able-acid-aged-also-area", Source: "okta", At: time.Now(), Outcome: "refused", Reason: "no_account",
		Person: alice.ID, Body: []byte(`{"expected":"an account"}`)}))
	const revoke, login = "/api/v1/sessions/revoke", "/api/v1/login/"
	for _, tt := range []struct {
		who, method, path, body string
		status                  int
		want                    string
	}{
		{"", "GET", "/api/v1/sessions", "", 401, "send an API token"},
		{"pep", "GET", "/api/v1/sessions", "", 403, "access:manage"},
		{"alice-inherit", "GET", "/api/v1/sessions", "", 403, ""}, // her own, too
		{"manager", "GET", "/api/v1/sessions?person=bob", "", 200, `{"sessions":[{"id":"s3","person":"bob","source":"okta","ceiling":"admin",`},
		{"manager", "GET", "/api/v1/sessions?source=entra", "", 200, `"sessions":[]`},
		{"manager", "GET", "/api/v1/sessions?limit=1", "", 200, `"authn_context":"urn:mfa","trace":"able-acid-aged-also-area"}]}`},
		{"manager", "GET", "/api/v1/sessions?limit=0", "", 400, "limit must be"},
		{"manager", "GET", "/api/v1/sessions?sauce=okta", "", 400, "no filter"},
		{"manager", "GET", "/api/v1/sessions?person=bob&person=alice", "", 400, "twice"},
		{"manager", "GET", "/api/v1/sessions?person=nobody", "", 404, "person"},
		{"", "POST", revoke, `{"all":true}`, 401, ""},
		{"alice-inherit", "POST", revoke, `{"id":"s0"}`, 403, "access:manage"},
		{"manager", "POST", revoke, `{}`, 400, "whose sessions?"},
		{"manager", "POST", revoke, `{"all":true,"person":"bob"}`, 400, "whose sessions?"},
		{"manager", "POST", revoke, `{"person":"nobody"}`, 404, ""},
		{"manager", "POST", revoke, `{"peson":"bob"}`, 400, "peson"},
		{"manager", "POST", revoke, "", 415, ""},
		{"manager", "POST", revoke, `{"id":"s0","reason":"lost laptop","ticket":"T-7"}`, 200, `{"ended":1}`},
		{"manager", "POST", revoke, `{"id":"s0"}`, 404, "no such session"},
		{"manager", "POST", revoke, `{"id":"s3","person":"alice"}`, 404, "no such session"}, // bob's
		{"manager", "POST", revoke, `{"person":"alice"}`, 200, `{"ended":2}`},
		{"manager", "POST", revoke, `{"source":"entra"}`, 200, `{"ended":0}`},
		{"manager", "POST", revoke, `{"all":true}`, 200, `{"ended":2}`},
		{"manager", "GET", "/api/v1/sessions", "", 200, `{"sessions":[]}`},
		{"manager", "GET", revoke, "", 405, ""},

		{"", "GET", login + "pending", "", 401, ""},
		{"stranger", "GET", login + "pending", "", 403, ""},
		{"manager", "GET", login + "pending?source=okta", "", 200, `"subject":"nameid:carol","login":"carol"`},
		{"manager", "GET", login + "pending?source=entra", "", 200, `"sign_ins":[]`},
		{"manager", "GET", login + "pending?state=no", "", 400, "waiting or refused"},
		{"manager", "POST", login + "approve", `{"source":"okta","subject":"nameid:carol"}`, 403, "superuser"},
		{"manager", "POST", login + "link", `{"source":"okta","subject":"nameid:carol","account":"` + w.people["alice"] + `"}`, 403, "superuser"},
		{"manager", "POST", login + "refuse", `{"source":"okta","subject":"nameid:mallory","reason":"no"}`, 403, "superuser"},
		{"desk", "POST", login + "approve", `{"source":"okta","subject":"nameid:nobody"}`, 404, "no sign-in of okta waits"},
		{"desk", "POST", login + "approve", `{"source":"okta","subject":"nameid:alice2"}`, 409, "has this userName already"},
		{"desk", "POST", login + "approve", `{"source":"okta","subject":"nameid:carol","reason":"HR 12","ticket":"T-8"}`, 200, `"subject":"nameid:carol","account":"`},
		{"desk", "POST", login + "approve", `{"source":"okta","subject":"nameid:carol"}`, 404, ""},
		{"desk", "POST", login + "link", `{"source":"okta","subject":"nameid:alice2","account":"nobody"}`, 404, "not found"},
		{"desk", "POST", login + "link", `{"source":"okta","subject":"nameid:alice2"}`, 400, "are needed"},
		{"desk", "POST", login + "link", `{"source":"okta","subject":"nameid:alice2","account":"` + w.people["alice"] + `","reason":"the same"}`, 200, w.people["alice"]},
		{"desk", "POST", login + "link", `{"source":"okta","subject":"nameid:alice2","account":"` + w.people["bob"] + `"}`, 409, "this subject is account"},
		{"desk", "POST", login + "refuse", `{"source":"okta","subject":"nameid:mallory"}`, 400, "needs a reason"},
		{"desk", "POST", login + "refuse", `{"source":"okta","subject":"nameid:mallory","reason":"a stranger"}`, 200, `{"source":"okta","subject":"nameid:mallory"}`},
		{"manager", "GET", login + "pending", "", 200, `"sign_ins":[]`},
		{"manager", "GET", login + "pending?state=refused", "", 200, `"refused":"`},

		{"", "GET", login + "traces", "", 401, ""},
		{"auditor", "GET", login + "traces", "", 403, ""},
		{"manager", "GET", login + "traces?outcome=refused&person=alice&source=okta", "", 200, `"reason":"no_account","person":"alice"}`},
		{"manager", "GET", login + "traces?outcome=in", "", 200, `{"traces":[]}`},
		{"manager", "GET", login + "traces?outcome=out", "", 400, "outcome must be one of"},
		{"manager", "GET", login + "traces/able-acid-aged-also-area", "", 200, `"trace":{"expected":"an account"}`},
		{"manager", "GET", login + "traces/no-such-words", "", 404, "no sign-in is known"},
		{"pep", "GET", login + "traces/able-acid-aged-also-area", "", 403, ""},
	} {
		status, body := w.call(o, tt.who, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s %s %s: got %d %s, want %d %q", tt.who, tt.method, tt.path, tt.body, status, body, tt.status, tt.want)
		}
	}
	for action, want := range map[string]string{"session.revoke": "lost laptop", "subject.link": "HR 12", "subject.refuse": "a stranger"} {
		w.must(w.store.Read(t.Context(), func(v *store.View) error {
			entries, err := v.Audit(t.Context(), store.AuditQuery{Action: action, Text: want})
			if err == nil && (len(entries) != 1 || !strings.HasPrefix(entries[0].Actor, "person:") || entries[0].Via != "api") {
				t.Errorf("%s: the audit says %+v", action, entries)
			}
			return err
		}))
	}
	w.must(w.store.Close())
	if status, _ := w.call(o, "manager", "GET", "/api/v1/sessions", ""); status != http.StatusServiceUnavailable {
		t.Errorf("without a store: %d", status)
	}
}
