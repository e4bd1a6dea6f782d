package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// house is a SCIM door over HTTP on an engine on a real store.
type house struct {
	t      testing.TB
	e      *provision.Engine
	server *httptest.Server
	log    *logged
	source string
	secret string
	agent  string
}

var operator = store.By{Actor: "cli:test", Via: "cli", Reason: "test"}

// sites are those of every fixture.
var sites = []access.Site{
	{ID: 1, Slug: "main", Name: "Main site", Labels: map[string]string{"region": "eu"}},
	{ID: 2, Slug: "shop", Name: "Shop", Labels: map[string]string{"region": "us"}},
}

// logged keeps what the door logs.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func openHouse(t testing.TB, st *store.Store, c scim.Config) *house {
	t.Helper()
	h := &house{t: t, log: &logged{}, source: "okta"}
	var err error
	h.e, err = provision.New(t.Context(), st, provision.Config{
		Sources:      []store.Source{{Name: "okta", Veto: true}, {Name: "entra", Veto: true}},
		RemovalBurst: 1_000_000,
		Log:          slog.New(slog.DiscardHandler),
	})
	h.must(err)
	h.must(h.e.PutSites(t.Context(), operator, sites))
	h.secret = h.token("okta")
	c.Log = h.logger()
	h.server = httptest.NewServer(scim.New(h.e, c))
	t.Cleanup(h.server.Close)
	return h
}

func (h *house) logger() *slog.Logger { return slog.New(slog.NewTextHandler(h.log, nil)) }

func (h *house) token(source string) string {
	m := &store.MintSCIMToken{Source: source}
	h.must(h.e.MintSCIMToken(h.t.Context(), operator, m))
	h.must(h.e.Sync(h.t.Context(), 0))
	return m.Secret
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// reply is an answer of the door.
type reply struct {
	status int
	header http.Header
	text   string
	body   any
}

func (r reply) get(key string) any {
	o, _ := r.body.(map[string]any)
	return o[key]
}

func (r reply) text1(key string) string {
	s, _ := r.get(key).(string)
	return s
}

// send sends a request; headers are "Name: value". The path is below the
// source's root.
func (h *house) send(method, path, body string, headers ...string) reply {
	h.t.Helper()
	r, err := h.try(method, path, body, headers...)
	h.must(err)
	return r
}

func (h *house) try(method, path, body string, headers ...string) (reply, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, h.server.URL+"/scim/v2/"+h.source+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+h.secret)
	if body != "" {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	if h.agent != "" {
		req.Header.Set("User-Agent", h.agent)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); value == "-" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	res, err := h.server.Client().Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	r := reply{status: res.StatusCode, header: res.Header, text: string(b)}
	if len(b) > 0 {
		if bad := json.Unmarshal(b, &r.body); bad != nil && err == nil {
			err = fmt.Errorf("%s %s: the answer is no JSON: %w: %s", method, path, bad, b)
		}
	}
	return r, err
}

// want sends a request that must be answered with status.
func (h *house) want(status int, method, path, body string, headers ...string) reply {
	h.t.Helper()
	r := h.send(method, path, body, headers...)
	if r.status != status {
		h.t.Fatalf("%s %s: got %d, want %d: %s", method, path, r.status, status, r.text)
	}
	return r
}

func (h *house) user(login string) string {
	h.t.Helper()
	return h.want(201, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q}`, login)).text1("id")
}

func (h *house) group(name string, members ...string) string {
	h.t.Helper()
	refs := make([]string, len(members))
	for i, m := range members {
		refs[i] = fmt.Sprintf(`{"value":%q}`, m)
	}
	return h.want(201, "POST", "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[%s]}`,
		name, strings.Join(refs, ","))).text1("id")
}

func patch(ops string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
}

// onBoth runs f on a door over each kind of store.
func onBoth(t *testing.T, c scim.Config, f func(h *house)) {
	storetest.Each(t, func(t *testing.T, st *store.Store) { f(openHouse(t, st, c)) })
}

// onSQLite opens a door over a SQLite store.
func onSQLite(t testing.TB, c scim.Config) *house {
	return openHouse(t, storetest.Open(t, "sqlite", store.Options{}), c)
}

func mustJSON(s string) any {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		panic(err)
	}
	return v
}
