package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/web"
)

func TestSCIMRequestsAreForThoseWhoManageAccessEverywhere(t *testing.T) {
	w := newWorld(t, func(c *web.Config) {
		c.Replay = func(_ context.Context, id int64) (any, error) {
			switch id {
			case 1:
				return map[string]int{"now": 409}, nil
			case 2:
				return nil, &provision.InvalidError{Says: "it was not kept as it was sent"}
			}
			return nil, store.ErrNotFound
		}
	})
	w.caller("desk", "superuser", "access:manage")
	at := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	w.must(w.store.AppendSCIMLog(t.Context(), []store.SCIMRequest{
		{At: at, Request: "r1", Source: "okta", Method: "POST", Status: 201, Detail: []byte(`{"path":"/Users"}`)},
		{At: at.Add(time.Hour), Request: "r2", Source: "entra", Method: "GET", Status: 404, Resource: "x", Detail: []byte(`{}`)},
	}))
	ask := func(who, method, path string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, nil)
		if who != "" {
			r.Header.Set("Authorization", "Bearer "+w.secrets[who])
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code >= 400 && rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: an error of %s", method, path, rec.Header().Get("Content-Type"))
		}
		return rec.Code, rec.Body.String()
	}
	const all = "/api/v1/scim/requests"
	for _, tt := range []struct {
		who, method, path string
		status            int
		want              string
	}{
		{"", "GET", all, 401, "send an API token"},
		{"pep", "GET", all, 403, "access:manage"},
		{"stranger", "GET", all + "/1", 403, ""},
		{"alice-inherit", "POST", all + "/1/replay", 403, ""}, // writes on one site
		{"desk", "GET", all, 200, `"requests":[{"id":2,`},
		{"desk", "GET", all + "?failed=true", 200, `"status":404`},
		{"desk", "GET", all + "?source=okta&status=201&since=2026-11-23T03:00:00Z&until=2026-11-23T05:00:00Z", 200, `"id":1`},
		{"desk", "GET", all + "?limit=1", 200, `"before":2`},
		{"desk", "GET", all + "?before=2", 200, `"id":1`},
		{"desk", "GET", all + "?resource=x", 200, `"id":2`},
		{"desk", "GET", all + "?person=alice", 200, `"requests":[]`},
		{"desk", "GET", all + "?person=nobody", 404, ""},
		{"desk", "GET", all + "?limit=0", 400, "limit must be"},
		{"desk", "GET", all + "?sauce=okta", 400, "no filter"},
		{"desk", "GET", all + "?since=yesterday", 400, "must be a time"},
		{"desk", "GET", all + "?status=1&status=2", 400, "twice"},
		{"desk", "GET", all + "?source=o;kta", 400, "cannot be read"},
		{"desk", "GET", all + "?source=okta%", 400, "cannot be read"},
		{"desk", "GET", all + "/1", 200, `"entry":{"path":"/Users"}`},
		{"desk", "GET", all + "/99", 404, "no such request"},
		{"desk", "GET", all + "/x", 404, ""},
		{"desk", "POST", all + "/1/replay", 200, `{"now":409}`},
		{"desk", "POST", all + "/2/replay", 409, "not kept as it was sent"},
		{"desk", "POST", all + "/3/replay", 404, ""},
		{"desk", "GET", all + "/1/replay", 405, ""},
		{"desk", "DELETE", all, 405, ""},
	} {
		status, body := ask(tt.who, tt.method, tt.path)
		if status != tt.status || !strings.Contains(body, tt.want) || !json.Valid([]byte(body)) {
			t.Errorf("%s %s %s: got %d %s, want %d %q", tt.who, tt.method, tt.path, status, body, tt.status, tt.want)
		}
	}
	w.must(w.store.Close())
	if status, _ := ask("desk", "GET", all); status != http.StatusServiceUnavailable {
		t.Errorf("without a store: %d", status)
	}
}
