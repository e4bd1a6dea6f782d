package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/web"
)

// world is a real engine on a real store with the people of AuthZEN's
// certification scenario: alice may read and write record-1, bob may read it,
// both may read record-2.
type world struct {
	t      testing.TB
	store  *store.Store
	engine *provision.Engine
	http.Handler
	secrets map[string]string         // by the name of a caller
	tokens  map[string]access.TokenID // by name
	people  map[string]string         // UID of an account's person, by login
	groups  map[string]string         // UID of a group, by name
}

var by = store.By{Actor: "test", Via: "cli", Reason: "a test"}

const rules = `version: 1
rules:
- {id: writers, from: okta, group: Writers-Secret-Name, give: write, sites: [1]}
- {id: readers, from: okta, group: Readers-Secret-Name, give: view, sites: all}
- {id: half, from: okta, group: Half-Secret-Name, give: write, sites: [1], token_ceiling: view}
`

// newWorld makes one; adjust changes the door's configuration.
func newWorld(t testing.TB, adjust ...func(*web.Config)) *world {
	t.Helper()
	ctx := t.Context()
	st, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "store.db"), store.Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	w := &world{t: t, store: st, secrets: map[string]string{}, tokens: map[string]access.TokenID{}, people: map[string]string{}, groups: map[string]string{}}
	w.engine = w.newEngine()
	w.must(w.engine.PutSites(ctx, by, []access.Site{
		{ID: 1, Slug: "record-1", Name: "Record one"}, {ID: 2, Slug: "record-2", Name: "Record two"},
	}))
	_, _, err = w.engine.SetMapping(ctx, by, "mapping.yaml", []byte(rules), "", "")
	w.must(err)
	w.group("okta", "Writers-Secret-Name", w.person("okta", "alice"))
	w.group("okta", "Readers-Secret-Name", w.people["alice"], w.person("okta", "bob"))
	w.group("okta", "Half-Secret-Name", w.person("okta", "hal"))
	w.caller("pep", "decisions:ask")
	w.caller("auditor", "decisions:ask", "decisions:explain")
	w.caller("stranger")
	w.token("alice-inherit", "alice", "inherit")
	w.token("alice-view", "alice", "view")
	w.token("hal-inherit", "hal", "inherit")
	c := web.Config{BaseURL: "https://pdp.example.com", Log: quiet()}
	for _, f := range adjust {
		f(&c)
	}
	w.Handler = web.New(w.engine, c)
	return w
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) newEngine() *provision.Engine {
	w.t.Helper()
	c, err := access.NewCatalogue("certification", []access.Action{
		{Name: "read", Level: access.View}, {Name: "delete", Level: access.Admin}, {Name: "site:create", Level: access.Superuser},
		{Name: "decisions:ask"}, {Name: "decisions:explain"}, {Name: "access:manage"},
	}, nil)
	w.must(err)
	e, err := provision.New(w.t.Context(), w.store, provision.Config{
		Catalogue: c, Sources: []store.Source{{Name: "okta", Veto: true}, {Name: "entra", Veto: true}}, MaxStaleness: time.Hour, Log: quiet(),
	})
	w.must(err)
	return e
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person makes an account with its person, and returns the account's UID.
func (w *world) person(source, login string) string {
	w.t.Helper()
	r, err := w.engine.Apply(w.t.Context(), by, &directory.AccountChange{Source: source, UniqueLogin: true,
		Edit: func(directory.Account) (directory.Account, error) {
			return directory.Account{Source: source, Login: login, Display: strings.ToUpper(login[:1]) + login[1:], Active: true,
				Doc: fmt.Appendf(nil, `{"userName":%q,"active":true}`, login)}, nil
		}})
	w.must(err)
	w.must(w.engine.Sync(w.t.Context(), r.Revision))
	w.people[login] = r.Account.UID
	return r.Account.UID
}

func (w *world) group(source, name string, members ...string) {
	w.t.Helper()
	r, err := w.engine.Apply(w.t.Context(), by, &directory.GroupChange{Source: source,
		Edit: func(directory.Group) (directory.Group, error) {
			return directory.Group{Source: source, Display: name, Doc: fmt.Appendf(nil, `{"displayName":%q}`, name)}, nil
		}, Members: directory.MemberChange{Add: members}})
	w.must(err)
	w.must(w.engine.Sync(w.t.Context(), r.Revision))
	w.groups[name] = r.Group.UID
}

// caller makes a program with a token that holds actions on the platform.
func (w *world) caller(name string, actions ...string) {
	w.t.Helper()
	ctx := w.t.Context()
	add := &store.AddPerson{Kind: store.Service, Login: "svc-" + name, Display: name}
	r, err := w.store.Do(ctx, by, add)
	w.must(err)
	w.must(w.engine.Sync(ctx, r.Revision))
	if len(actions) > 0 {
		_, err := w.engine.AddGrant(ctx, by, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(add.ID)},
			Actions: actions, All: true, Reason: "asks for the shop"})
		w.must(err)
	}
	w.mint(name, add.ID, "inherit")
}

func (w *world) token(name, login, ceiling string) {
	w.t.Helper()
	ref, err := w.engine.FindPerson(login)
	w.must(err)
	w.mint(name, ref.ID, ceiling)
}

func (w *world) mint(name string, owner access.PersonID, ceiling string) {
	w.t.Helper()
	m := &store.MintToken{Token: store.Token{Person: owner, Name: name, Ceiling: ceiling}}
	w.must(w.engine.MintToken(w.t.Context(), by, m))
	w.secrets[name], w.tokens[name] = m.Secret, m.Token.ID
}

// post sends body as caller and returns the answer.
func (w *world) post(caller, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if caller != "" {
		r.Header.Set("Authorization", "Bearer "+w.secrets[caller])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func (w *world) get(path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	return rec
}

// answer is an evaluation as a caller reads it.
type answer struct {
	Decision *bool
	Context  struct {
		Code        string
		Effective   string
		Revision    int64
		ReasonUser  map[string]string `json:"reason_user"`
		ReasonAdmin map[string]string `json:"reason_admin"`
		Error       *struct {
			Status  int
			Message string
		}
	}
	Evaluations []answer
}

func read[T any](t testing.TB, rec *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("status %d, not JSON (%v): %s", rec.Code, err, rec.Body)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("something behind the JSON: %s", rec.Body)
	}
	return v
}

// ask evaluates one question as pep and expects 200.
func (w *world) ask(caller, subject, action, resource string) answer {
	w.t.Helper()
	rec := w.post(caller, "/access/v1/evaluation", question(subject, action, resource))
	if rec.Code != http.StatusOK {
		w.t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	a := read[answer](w.t, rec)
	if a.Decision == nil {
		w.t.Fatalf("no decision: %s", rec.Body)
	}
	return a
}

// question is a body; subject is TYPE:ID or an id of type user.
func question(subject, action, resource string) string {
	kind, id, ok := strings.Cut(subject, ":")
	if !ok {
		kind, id = "user", subject
	}
	return fmt.Sprintf(`{"subject":{"type":%q,"id":%q},"action":{"name":%q},"resource":{"type":"site","id":%q}}`, kind, id, action, resource)
}
