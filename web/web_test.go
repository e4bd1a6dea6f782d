package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/access"
	"grantbridge/store"
	"grantbridge/web"
)

func TestEachAnswerSaysWhy(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name, subject, action, site, code, effective string
	}{
		{"yes", "alice", "write", "1", "allowed", "write"},
		{"a source before the login", "okta/alice", "write", "1", "allowed", "write"},
		{"nothing gives it", "bob", "write", "1", "no_grant", "view"},
		{"an action above the level", "alice", "delete", "1", "no_grant", "write"},
		{"a token as its owner", "token:alice-inherit", "write", "1", "allowed", "write"},
		{"a token's ceiling", "token:alice-view", "write", "1", "ceiling_token", "view"},
		{"a token below its ceiling", "token:alice-view", "view", "1", "allowed", "view"},
		{"a mapping's ceiling", "token:hal-inherit", "write", "1", "ceiling_mapping", "view"},
		{"the same in a session", "hal", "write", "1", "allowed", "write"},
		{"nobody of that name", "mallory", "view", "1", "unknown_subject", "noaccess"},
		{"no such token", "token:9999", "view", "1", "unknown_subject", "noaccess"},
		{"no such token name", "token:nope", "view", "1", "unknown_subject", "noaccess"},
		{"no such kind of subject", "spaceship:alice", "view", "1", "unknown_subject", "noaccess"},
		{"no such site", "alice", "view", "9", "unknown_site", "noaccess"},
		{"no such slug", "alice", "view", "record-9", "unknown_site", "noaccess"},
		{"a site of number minus one", "alice", "view", "-1", "unknown_site", "noaccess"},
		{"no such action", "alice", "fly", "1", "unknown_action", "noaccess"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := w.ask("pep", test.subject, test.action, test.site)
			if got.Context.Code != test.code || got.Context.Effective != test.effective || *got.Decision != (test.code == "allowed") {
				t.Errorf("got %v %+v, want %s with %s", *got.Decision, got.Context, test.code, test.effective)
			}
			if got.Context.ReasonUser["en"] == "" || got.Context.Revision == 0 {
				t.Errorf("no reason or revision: %+v", got.Context)
			}
		})
	}
}

func TestATokenIsFoundByIDPrefixAndName(t *testing.T) {
	w := newWorld(t)
	id := w.tokens["alice-inherit"]
	for _, name := range []string{strconv.FormatInt(int64(id), 10), "alice-inherit", fmt.Sprintf("gb_%d_", id)} {
		if got := w.ask("pep", "token:"+name, "write", "1"); !*got.Decision {
			t.Errorf("token %q: got %+v", name, got.Context)
		}
	}
	if got := w.ask("pep", "token:"+w.secrets["alice-inherit"], "write", "1"); *got.Decision {
		t.Error("a token's secret is taken for its name; it would end up in logs")
	}
}

func TestALoginOfTwoPeopleIsNobody(t *testing.T) {
	w := newWorld(t)
	w.person("entra", "alice")
	got := w.ask("pep", "alice", "write", "1")
	if *got.Decision || got.Context.Code != "unknown_subject" || got.Context.Error == nil || !strings.Contains(got.Context.Error.Message, "SOURCE/login") {
		t.Errorf("got %v %+v, want a no that says how to ask", *got.Decision, got.Context)
	}
	if got := w.ask("pep", "okta/alice", "write", "1"); !*got.Decision {
		t.Errorf("okta/alice: got %+v", got.Context)
	}
	if got := w.ask("pep", "entra/alice", "write", "1"); *got.Decision {
		t.Errorf("entra/alice: got %+v", got.Context)
	}
	// A search names them so that an evaluation finds them.
	names := read[found](t, w.post("pep", "/access/v1/search/subject", object(`"subject":{"type":"user"}`, writing, record1))).names()
	if !slices.Contains(names, "user:okta/alice") {
		t.Errorf("the search names %s", names)
	}
}

func TestThePublicIsNobodysLogin(t *testing.T) {
	w := newWorld(t)
	if got := w.ask("pep", "anonymous", "view", "1"); *got.Decision || got.Context.Code != "anonymous" || got.Context.Effective != "noaccess" {
		t.Errorf("got %v %+v, want no, anonymous", *got.Decision, got.Context)
	}
	id := w.person("okta", "Anonymous")
	w.group("okta", "Writers", id)
	if got := w.ask("pep", "anonymous", "view", "1"); *got.Decision || got.Context.Code != "anonymous" {
		t.Errorf("an identity provider speaks for the public: %v %+v", *got.Decision, got.Context)
	}
	if got := w.ask("pep", "okta/Anonymous", "view", "1"); got.Context.Code == "anonymous" || got.Context.Code == "unknown_subject" {
		t.Errorf("the person of that login is not found: %+v", got.Context)
	}
	names := read[found](t, w.post("pep", "/access/v1/search/subject", object(`"subject":{"type":"user"}`, writing, record1))).names()
	if slices.Contains(names, "user:anonymous") || slices.Contains(names, "user:Anonymous") {
		t.Errorf("a search names the public for a person: %s", names)
	}
}

func TestReasonsForUsersNameNobody(t *testing.T) {
	w := newWorld(t)
	for _, q := range [][3]string{{"alice", "write", "1"}, {"bob", "write", "1"}, {"token:alice-view", "write", "1"}, {"token:hal-inherit", "write", "1"}} {
		rec := w.post("pep", "/access/v1/evaluation", question(q[0], q[1], q[2]))
		if body := rec.Body.String(); strings.Contains(body, "Secret-Name") || strings.Contains(body, "writers") || strings.Contains(body, "reason_admin") {
			t.Errorf("%v: a caller without decisions:explain is told of rules: %s", q, body)
		}
		got := w.ask("auditor", q[0], q[1], q[2])
		if got.Context.ReasonAdmin["en"] == "" {
			t.Errorf("%v: the auditor gets no reason_admin: %+v", q, got.Context)
		}
		if strings.Contains(got.Context.ReasonUser["en"], "Secret-Name") {
			t.Errorf("%v: reason_user names a group: %+v", q, got.Context)
		}
	}
}

func TestOnlyCallersWhoMayAskAreAnswered(t *testing.T) {
	w := newWorld(t)
	body := object(alice, reading, record1)
	paths := []string{"/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/subject", "/access/v1/search/resource", "/access/v1/search/action"}
	for _, path := range paths {
		for name, test := range map[string]struct {
			authorization string
			status        int
		}{
			"no credential":         {"", 401},
			"another scheme":        {"Basic dXNlcjpwYXNz", 401},
			"no token":              {"Bearer", 401},
			"an empty token":        {"Bearer ", 401},
			"a wrong token":         {"Bearer gb_1_wrong", 401},
			"a token with spaces":   {"Bearer " + w.secrets["pep"] + " x", 401},
			"a token without right": {"Bearer " + w.secrets["stranger"], 403},
			"a person's token":      {"Bearer " + w.secrets["alice-inherit"], 403},
			"the scheme in lower":   {"bearer " + w.secrets["pep"], 200},
		} {
			if test.status == 200 && strings.Contains(path, "search/resource") {
				continue
			}
			r := httptest.NewRequest("POST", path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			if rec.Code != test.status {
				t.Errorf("%s, %s: got %d %s, want %d", path, name, rec.Code, rec.Body, test.status)
			}
			if challenge := rec.Header().Get("WWW-Authenticate"); (test.status != 200) != strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("%s, %s: WWW-Authenticate is %q", path, name, challenge)
			}
		}
	}
	// Who may not ask learns nothing of his body either.
	if rec := w.post("stranger", "/access/v1/evaluation", "{"); rec.Code != http.StatusForbidden {
		t.Errorf("a stranger's malformed body: got %d, want 403", rec.Code)
	}
}

func TestARevokedOrLockedCallerIsOutAtOnce(t *testing.T) {
	w := newWorld(t)
	body := object(alice, reading, record1)
	w.must(w.engine.RevokeToken(t.Context(), by, w.tokens["pep"]))
	if rec := w.post("pep", "/access/v1/evaluation", body); rec.Code != http.StatusUnauthorized {
		t.Errorf("a revoked token: got %d, want 401", rec.Code)
	}
	ref, err := w.engine.FindPerson("svc-auditor")
	w.must(err)
	w.must(w.engine.Lock(t.Context(), by, ref.ID, true))
	if rec := w.post("auditor", "/access/v1/evaluation", body); rec.Code != http.StatusUnauthorized && rec.Code != http.StatusForbidden {
		t.Errorf("a locked caller: got %d, want 401 or 403", rec.Code)
	}
}

func TestALockedPersonIsANo(t *testing.T) {
	w := newWorld(t)
	ref, err := w.engine.FindPerson("alice")
	w.must(err)
	w.must(w.engine.Lock(t.Context(), by, ref.ID, true))
	if got := w.ask("pep", "alice", "read", "1"); *got.Decision || got.Context.Code != "locked" {
		t.Errorf("alice: got %+v, want locked", got.Context)
	}
	if got := w.ask("pep", "token:alice-inherit", "read", "1"); *got.Decision {
		t.Errorf("her token: got %+v", got.Context)
	}
}

func TestAStaleSnapshotAnswersNoWithCodeStale(t *testing.T) {
	now := time.Now()
	w := newWorld(t, func(c *web.Config) { c.Now = func() time.Time { return now } })
	now = now.Add(2 * time.Hour) // past the engine's hour
	got := w.ask("pep", "alice", "read", "1")
	if *got.Decision || got.Context.Code != "stale" || got.Context.Effective != "noaccess" {
		t.Errorf("got %v %+v, want a stale no", *got.Decision, got.Context)
	}
	batch := read[answer](t, w.post("auditor", "/access/v1/evaluations", object(alice, reading, `"evaluations":[{`+record1+`},{}]`)))
	for _, e := range batch.Evaluations {
		if *e.Decision {
			t.Errorf("a yes from a stale snapshot: %+v", e)
		}
	}
	// A time that the caller names does not make it fresh again.
	old := object(alice, reading, record1, fmt.Sprintf(`"context":{"time":%q}`, now.Add(-2*time.Hour).Format(time.RFC3339)))
	if a := read[answer](t, w.post("pep", "/access/v1/evaluation", old)); *a.Decision {
		t.Errorf("asked about an earlier time: %+v", a.Context)
	}
	if rec := w.post("pep", "/access/v1/search/subject", object(`"subject":{"type":"user"}`, reading, record1)); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("a search: got %d, want 503", rec.Code)
	}
	if rec := w.get("/readyz"); rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "too old") {
		t.Errorf("/readyz: got %d %s", rec.Code, rec.Body)
	}
	if rec := w.get("/healthz"); rec.Code != http.StatusOK {
		t.Errorf("/healthz: got %d; a stale server must not be restarted for it", rec.Code)
	}
}

func TestTimeInContextIsTheTimeAskedAbout(t *testing.T) {
	w := newWorld(t)
	ref, err := w.engine.FindPerson("bob")
	w.must(err)
	now := time.Now()
	_, err = w.engine.AddGrant(t.Context(), by, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(ref.ID)},
		Role: "write", Sites: []access.SiteID{1}, Until: now.Add(time.Hour), Reason: "a day's work"})
	w.must(err)
	for _, test := range []struct {
		at   time.Time
		code string
	}{{now.Add(time.Minute), "allowed"}, {now.Add(2 * time.Hour), "expired_grant"}} {
		body := object(bob, writing, record1, fmt.Sprintf(`"context":{"time":%q}`, test.at.Format(time.RFC3339)))
		if a := read[answer](t, w.post("pep", "/access/v1/evaluation", body)); a.Context.Code != test.code {
			t.Errorf("at %s: got %+v, want %s", test.at, a.Context, test.code)
		}
	}
}

func TestAtLeastWaitsForTheRevisionOr503(t *testing.T) {
	w := newWorld(t)
	other := w.newEngine() // another process on the same store
	ref, err := other.FindPerson("bob")
	w.must(err)
	w.must(other.Lock(t.Context(), by, ref.ID, true))
	snap, _ := other.Holder().Snapshot(time.Now())
	body := func(revision int64) string {
		return object(bob, reading, record1, fmt.Sprintf(`"context":{"at_least":%d}`, revision))
	}
	a := read[answer](t, w.post("pep", "/access/v1/evaluation", body(snap.Revision())))
	if a.Decision == nil || *a.Decision || a.Context.Code != "locked" || a.Context.Revision < snap.Revision() {
		t.Errorf("got %+v, want the lock that the other process made", a)
	}
	rec := w.post("pep", "/access/v1/evaluation", body(snap.Revision()+1000))
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
		t.Errorf("a revision that nobody made: got %d %s, want 503 with Retry-After", rec.Code, rec.Body)
	}
	batch := object(bob, reading, `"evaluations":[{`+record1+`},{`+record1+fmt.Sprintf(`,"context":{"at_least":%d}}]`, snap.Revision()+1000))
	if rec := w.post("pep", "/access/v1/evaluations", batch); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("in one item of a batch: got %d, want 503", rec.Code)
	}
}

func TestLimitsHoldBeforeParsing(t *testing.T) {
	w := newWorld(t)
	many := func(n int) string {
		return object(alice, reading, record1, `"evaluations":[`+strings.TrimSuffix(strings.Repeat("{},", n), ",")+`]`)
	}
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"1,000 evaluations":          {many(1000), 200},
		"1,001 evaluations":          {many(1001), 413},
		"a body at the limit":        {object(alice, reading, record1, `"x":"`+strings.Repeat("x", 1<<20-200)+`"`), 200},
		"a body past the limit":      {object(alice, reading, record1, `"x":"`+strings.Repeat("x", 1<<20)+`"`), 413},
		"nested 31 deep":             {object(alice, reading, record1, `"x":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)), 200},
		"nested 32 deep":             {object(alice, reading, record1, `"x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)), 400},
		"a million brackets":         {strings.Repeat("[", 1<<20-1), 400},
		"brackets in a string":       {object(alice, reading, record1, `"x":"`+strings.Repeat(`[{\"`, 5000)+`"`), 200},
		"commas in a deeper array":   {object(alice, reading, record1, `"x":[[`+strings.TrimSuffix(strings.Repeat("1,", 5000), ",")+`]]`), 200},
		"many members in an object":  {object(alice, reading, record1, `"context":{`+strings.TrimSuffix(strings.Repeat(`"a":1,`, 5000), ",")+`}`), 200},
		"a name of 100 KB is no one": {object(`"subject":{"type":"user","id":"`+strings.Repeat("x", 100<<10)+`"}`, reading, record1), 200},
	} {
		if rec := w.post("pep", "/access/v1/evaluations", test.body); rec.Code != test.status {
			t.Errorf("%s: got %d %.200s, want %d", name, rec.Code, rec.Body, test.status)
		}
	}
}

func TestPagesCoverEverybodyOnce(t *testing.T) {
	w := newWorld(t)
	want := map[string]bool{"user:alice": true, "user:bob": true}
	var members []string
	for i := range 25 {
		login := fmt.Sprintf("p%02d", i)
		members = append(members, w.person("okta", login))
		want["user:"+login] = true
	}
	w.group("okta", "readers-secret-name", members...) // names fold
	q := func(page string) string {
		return object(`"subject":{"type":"user"}`, reading, record2, `"page":`+page)
	}
	got, pages, page := map[string]bool{}, 0, `{"limit":10}`
	for {
		rec := w.post("pep", "/access/v1/search/subject", q(page))
		f := read[found](t, rec)
		if rec.Code != http.StatusOK || f.Page.Count != len(f.Results) || len(f.Results) > 10 {
			t.Fatalf("got %d %s", rec.Code, rec.Body)
		}
		for _, n := range f.names() {
			if got[n] {
				t.Errorf("%s comes twice", n)
			}
			got[n] = true
		}
		pages++
		if *f.Page.NextToken == "" {
			break
		}
		page = fmt.Sprintf(`{"limit":10,"token":%q}`, *f.Page.NextToken)
		if rec := w.post("pep", "/access/v1/search/subject", object(`"subject":{"type":"user"}`, writing, record2, `"page":`+page)); rec.Code != http.StatusBadRequest {
			t.Errorf("the token of one search in another: got %d, want 400", rec.Code)
		}
	}
	if len(got) != len(want) || pages != 3 {
		t.Errorf("got %d people on %d pages, want %d on 3", len(got), pages, len(want))
	}
	for n := range got { // what a search says, an evaluation says
		if a := w.ask("pep", strings.TrimPrefix(n, "user:"), "read", "record-2"); !*a.Decision {
			t.Errorf("%s was found and is refused: %+v", n, a.Context)
		}
	}
}

func TestABatchSaysWhatItsQuestionsSayAlone(t *testing.T) {
	w := newWorld(t)
	var bodies []string
	for _, s := range []string{"alice", "bob", "hal", "nobody", "token:alice-view", "token:hal-inherit", "token:x", "okta/bob"} {
		for _, a := range []string{"view", "read", "write", "delete", "fly"} {
			for _, r := range []string{"1", "2", "record-1", "9"} {
				bodies = append(bodies, question(s, a, r))
			}
		}
	}
	for _, caller := range []string{"pep", "auditor"} {
		batch := read[answer](t, w.post(caller, "/access/v1/evaluations", `{"evaluations":[`+strings.Join(bodies, ",")+`]}`))
		if len(batch.Evaluations) != len(bodies) {
			t.Fatalf("got %d answers to %d questions", len(batch.Evaluations), len(bodies))
		}
		for i, body := range bodies {
			alone := read[answer](t, w.post(caller, "/access/v1/evaluation", body))
			inBatch := batch.Evaluations[i]
			if *alone.Decision != *inBatch.Decision || alone.Context.Code != inBatch.Context.Code || alone.Context.Effective != inBatch.Context.Effective ||
				alone.Context.ReasonAdmin["en"] != inBatch.Context.ReasonAdmin["en"] {
				t.Errorf("%s: alone %+v, in a batch %+v", body, alone.Context, inBatch.Context)
			}
		}
	}
}

func TestEveryAnswerHasARequestIDAndSafeHeaders(t *testing.T) {
	w := newWorld(t)
	body := object(alice, reading, record1)
	for _, rec := range []*httptest.ResponseRecorder{
		w.post("pep", "/access/v1/evaluation", body), w.post("", "/access/v1/evaluation", body), w.post("pep", "/access/v1/evaluation", "{"),
		w.get("/healthz"), w.get("/readyz"), w.get("/metrics"), w.get("/nothing"), w.get("/access/v1/evaluation"),
	} {
		h := rec.Header()
		if h.Get("X-Request-ID") == "" {
			t.Errorf("status %d has no request id", rec.Code)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'none'", "Strict-Transport-Security": "max-age=",
		} {
			if !strings.HasPrefix(h.Get(name), want) {
				t.Errorf("status %d: %s is %q", rec.Code, name, h.Get(name))
			}
		}
	}
	if got := w.post("pep", "/access/v1/evaluation", body, "X-Request-ID", "bfe9eb29-ab87").Header().Get("X-Request-ID"); got != "bfe9eb29-ab87" {
		t.Errorf("the request id comes back as %q", got)
	}
}

func TestOtherMethodsAndPathsAreProblems(t *testing.T) {
	w := newWorld(t)
	rec := w.get("/access/v1/evaluation")
	if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "POST" || rec.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("GET: got %d %v", rec.Code, rec.Header())
	}
	if rec := w.get("/nothing"); rec.Code != http.StatusNotFound || rec.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("another path: got %d %v", rec.Code, rec.Header())
	}
	if rec := w.post("pep", "/healthz", ""); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /healthz: got %d", rec.Code)
	}
}

func TestReadyUntilTheServerDrains(t *testing.T) {
	draining := false
	w := newWorld(t, func(c *web.Config) { c.Draining = func() bool { return draining } })
	rec := w.get("/readyz")
	got := read[struct {
		Ready    bool
		Revision int64
		Checks   map[string]string
	}](t, rec)
	if rec.Code != http.StatusOK || !got.Ready || got.Revision == 0 || len(got.Checks) != 4 {
		t.Errorf("got %d %+v, want ready", rec.Code, got)
	}
	draining = true
	if rec := w.get("/readyz"); rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "about to stop") {
		t.Errorf("while draining: got %d %s", rec.Code, rec.Body)
	}
	if got := w.ask("pep", "alice", "read", "1"); !*got.Decision {
		t.Error("a draining server must still answer what reaches it")
	}
}

func TestNotReadyWithoutTheStore(t *testing.T) {
	w := newWorld(t)
	w.must(w.store.Close())
	rec := w.get("/readyz")
	if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), `"store":"does not answer"`) {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if got := w.ask("pep", "alice", "read", "1"); !*got.Decision {
		t.Error("decisions come from memory until the snapshot is stale")
	}
}

func TestMetricsShowWhatOperatorsWatch(t *testing.T) {
	registry := prometheus.NewRegistry()
	mine := prometheus.NewCounter(prometheus.CounterOpts{Name: "scim_requests_total", Help: "of another door"})
	registry.MustRegister(mine)
	w := newWorld(t, func(c *web.Config) { c.Registry, c.Version = registry, "1.2.3" })
	w.ask("pep", "alice", "write", "1")
	w.ask("pep", "bob", "write", "1")
	w.ask("pep", "nobody", "write", "1")
	// A reload makes the door again, for the same registry: it goes on counting.
	w.Handler = web.New(w.engine, web.Config{Registry: registry, Version: "1.2.3", Log: quiet()})
	body := w.get("/metrics").Body.String()
	for _, line := range []string{
		`grantbridge_decisions_total{code="allowed"} 1`, `grantbridge_decisions_total{code="no_grant"} 1`,
		`grantbridge_decisions_total{code="unknown_subject"} 1`, `grantbridge_decisions_total{code="stale"} 0`,
		`grantbridge_http_request_duration_seconds_count{route="/access/v1/evaluation",status="200"} 3`,
		`grantbridge_build_info{version="1.2.3"} 1`, `grantbridge_sites 2`, `grantbridge_people 6`, `grantbridge_fresh 1`, `grantbridge_mapping_version 1`,
		`grantbridge_held_plans 0`, `grantbridge_superusers 0`, `grantbridge_groups{source="okta"} 3`,
		`scim_requests_total 0`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no line %q", line)
		}
	}
	for _, name := range []string{"grantbridge_revision ", "grantbridge_staleness_seconds ", "grantbridge_rules ", "grantbridge_tokens 6",
		`grantbridge_source_last_change_timestamp_seconds{source="okta"}`} {
		if !strings.Contains(body, name) {
			t.Errorf("no metric %s", name)
		}
	}
	if strings.Contains(body, "alice") || strings.Contains(body, "Secret-Name") {
		t.Error("the metrics name people or groups, and they need no credential")
	}
}

func TestABatchIsOfOneRevisionWhileTheModelChanges(t *testing.T) {
	w := newWorld(t)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			body := object(alice, reading, `"evaluations":[`+strings.TrimSuffix(strings.Repeat(`{`+record1+`},{`+record2+`},`, 50), ",")+`]`)
			for {
				select {
				case <-stop:
					return
				default:
				}
				a := read[answer](t, w.post("auditor", "/access/v1/evaluations", body))
				for _, e := range a.Evaluations {
					if e.Context.Revision != a.Evaluations[0].Context.Revision || !*e.Decision {
						t.Errorf("one batch has revisions %d and %d, decision %v", a.Evaluations[0].Context.Revision, e.Context.Revision, *e.Decision)
						return
					}
				}
				w.get("/metrics")
				w.get("/readyz")
			}
		})
	}
	for i := range 30 {
		w.person("okta", fmt.Sprintf("new%d", i))
		w.must(w.engine.PutSites(t.Context(), by, []access.Site{{ID: access.SiteID(10 + i), Slug: fmt.Sprintf("new-%d", i), Name: "New"}}))
	}
	close(stop)
	asking.Wait()
}

func TestSlugsFollowTheSites(t *testing.T) {
	w := newWorld(t)
	if got := w.ask("pep", "alice", "read", "RECORD-1"); !*got.Decision {
		t.Errorf("a slug in capitals: got %+v", got.Context)
	}
	w.must(w.engine.PutSites(t.Context(), by, []access.Site{{ID: 1, Slug: "renamed", Name: "Record one"}, {ID: 3, Slug: "Record-3", Name: "Record three"}}))
	for slug, code := range map[string]string{"record-1": "unknown_site", "renamed": "allowed", "record-3": "allowed", "1": "allowed"} {
		if got := w.ask("pep", "alice", "read", slug); got.Context.Code != code {
			t.Errorf("%s: got %+v, want %s", slug, got.Context, code)
		}
	}
}

func TestTwoAuthorizationHeadersAreNone(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest("POST", "/access/v1/evaluation", strings.NewReader(object(alice, reading, record1)))
	r.Header.Set("Content-Type", "application/json")
	r.Header["Authorization"] = []string{"Bearer " + w.secrets["pep"], "Bearer " + w.secrets["alice-inherit"]}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != http.StatusUnauthorized {
		t.Errorf("got %d %s; two credentials must never become one", rec.Code, rec.Body)
	}
}
