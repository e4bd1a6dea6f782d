package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The cases are those of the AuthZEN working group's certification scenario for
// Authorization API 1.0, numbered as there, with resources of type site. Its
// Properties levels need attributes that the caller asserts about people, which
// is what this product does not do.

const (
	alice   = `"subject":{"type":"user","id":"alice"}`
	bob     = `"subject":{"type":"user","id":"bob"}`
	reading = `"action":{"name":"read"}`
	writing = `"action":{"name":"write"}`
	record1 = `"resource":{"type":"site","id":"record-1"}`
	record2 = `"resource":{"type":"site","id":"record-2"}`
)

func object(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

func TestBasicCore(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		body string
		want bool
	}{
		"2.2.1 permit":                 {object(alice, reading, record1), true},
		"1.4 rule 2":                   {object(alice, writing, record1), true},
		"1.4 rule 3":                   {object(bob, reading, record1), true},
		"2.2.2 deny":                   {object(bob, writing, record1), false},
		"2.2.3 context":                {object(alice, reading, record1, `"context":{"time":"2025-06-27T18:03-07:00","ip":"192.168.1.1"}`), true},
		"2.2.8 additional properties":  {`{"subject":{"type":"user","id":"alice","properties":{"department":"Sales","role":"manager"}},"action":{"name":"read","properties":{"method":"GET"}},"resource":{"type":"site","id":"record-1","properties":{"status":"active","owner":"bob"}}}`, true},
		"2.2.9 unknown fields":         {object(alice, reading, record1, `"foo":"bar"`, `"futureField":{"nested":true}`), true},
		"a caller's role is not asked": {`{"subject":{"type":"user","id":"bob","properties":{"role":"admin"}},` + writing + "," + record1 + "}", false},
		"a site by number":             {object(alice, reading, `"resource":{"type":"site","id":"1"}`), true},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 { // 2.6 idempotency
				rec := w.post("pep", "/access/v1/evaluation", test.body)
				got := read[answer](t, rec)
				if rec.Code != http.StatusOK || got.Decision == nil || *got.Decision != test.want {
					t.Fatalf("got %d %s, want %v", rec.Code, rec.Body, test.want)
				}
				if ct := rec.Header().Get("Content-Type"); ct != "application/json" {
					t.Errorf("Content-Type is %q", ct)
				}
			}
		})
	}
}

// badBodies are 400 for a single evaluation (scenario 2.4).
var badBodies = map[string]string{
	"2.4.1 no subject":          object(reading, record1),
	"2.4.1 no action":           object(alice, record1),
	"2.4.1 no resource":         object(alice, reading),
	"2.4.2 subject lacks type":  object(`"subject":{"id":"alice"}`, reading, record1),
	"2.4.2 subject lacks id":    object(`"subject":{"type":"user"}`, reading, record1),
	"2.4.2 action lacks name":   object(alice, `"action":{}`, record1),
	"2.4.2 resource lacks type": object(alice, reading, `"resource":{"id":"record-1"}`),
	"2.4.2 resource lacks id":   object(alice, reading, `"resource":{"type":"site"}`),
	"2.4.4 malformed":           `{"subject":`,
	"2.4.5 empty":               ``,
	"2.4.6 subject is a string": object(`"subject":"alice"`, reading, record1),
	"2.4.6 name is a number":    object(alice, `"action":{"name":123}`, record1),
	"null":                      `null`,
	"an array":                  `[]`,
	"two bodies":                object(alice, reading, record1) + "{}",
	"a null subject":            object(`"subject":null`, reading, record1),
	"a time that is none":       object(alice, reading, record1, `"context":{"time":"yesterday"}`),
	"a time that is a number":   object(alice, reading, record1, `"context":{"time":1}`),
	"a revision below zero":     object(alice, reading, record1, `"context":{"at_least":-1}`),
	"a revision that is text":   object(alice, reading, record1, `"context":{"at_least":"new"}`),
}

func TestABadCallIs400AndSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/access/v1/evaluation", "/access/v1/evaluations"} {
		for name, body := range badBodies {
			t.Run(path+" "+name, func(t *testing.T) {
				rec := w.post("pep", path, body)
				problem := read[struct{ Type, Detail string }](t, rec)
				if rec.Code != http.StatusBadRequest || problem.Detail == "" {
					t.Errorf("got %d %s, want 400 with a detail", rec.Code, rec.Body)
				}
				if ct := rec.Header().Get("Content-Type"); ct != "application/problem+json" {
					t.Errorf("Content-Type is %q", ct)
				}
			})
		}
	}
	for _, ct := range []string{"text/plain", "", "application/xml", "application/x-www-form-urlencoded", "application/json/x;"} {
		if rec := w.post("pep", "/access/v1/evaluation", object(alice, reading, record1), "Content-Type", ct); rec.Code != http.StatusBadRequest {
			t.Errorf("2.4.3 Content-Type %q: got %d, want 400", ct, rec.Code)
		}
	}
	if rec := w.post("pep", "/access/v1/evaluation", object(alice, reading, record1), "Content-Type", "application/json; charset=utf-8"); rec.Code != http.StatusOK {
		t.Errorf("Content-Type with a charset: got %d, want 200", rec.Code)
	}
}

// decisions are the yes and no of a batch.
func decisions(t *testing.T, a answer) []bool {
	t.Helper()
	var out []bool
	for _, e := range a.Evaluations {
		if e.Decision == nil {
			t.Fatal("an evaluation without a decision")
		}
		out = append(out, *e.Decision)
	}
	return out
}

func TestBatchCore(t *testing.T) {
	w := newWorld(t)
	three := `"evaluations":[{` + reading + `},{` + writing + `},{` + reading + `}]`
	for name, test := range map[string]struct {
		body string
		want []bool
	}{
		"3.2.1 defaults":                 {object(alice, reading, `"evaluations":[{`+record1+`},{`+record2+`}]`), []bool{true, true}},
		"3.2.2 in order":                 {object(bob, record1, `"evaluations":[{`+reading+`},{`+writing+`}]`), []bool{true, false}},
		"3.2.5 fully specified":          {object(`"evaluations":[` + object(alice, reading, record1) + "," + object(bob, writing, record1) + `]`), []bool{true, false}},
		"3.2.6 context inheritance":      {object(alice, reading, `"context":{"time":"2025-06-27T18:03-07:00"}`, `"evaluations":[{`+record1+`},{`+record2+`,"context":{"time":"2025-06-27T19:00-07:00","source":"x"}}]`), []bool{true, true}},
		"3.2.7 a type from the defaults": {object(alice, writing, `"resource":{"type":"site"}`, `"evaluations":[{"resource":{"id":"record-1"}},{"resource":{"type":"site","id":"record-2"}}]`), []bool{true, false}},
		"3.4.1 one item lacks a part":    {object(alice, reading, `"evaluations":[{`+record1+`},{}]`), []bool{true, false}},
		"one item is no object":          {object(alice, reading, record1, `"evaluations":["x",{},7]`), []bool{false, true, false}},
		"one item has a wrong type":      {object(alice, reading, `"evaluations":[{"resource":7},{`+record1+`}]`), []bool{false, true}},
		"execute_all":                    {object(bob, record1, three, `"options":{"evaluations_semantic":"execute_all"}`), []bool{true, false, true}},
		"deny_on_first_deny":             {object(bob, record1, three, `"options":{"evaluations_semantic":"deny_on_first_deny"}`), []bool{true, false}},
		"deny_on_first_deny on an error": {object(alice, reading, `"evaluations":[{},{`+record1+`}]`, `"options":{"evaluations_semantic":"deny_on_first_deny"}`), []bool{false}},
		"permit_on_first_permit":         {object(bob, record1, three, `"options":{"evaluations_semantic":"permit_on_first_permit"}`), []bool{true}},
		"permit_on_first_permit, later":  {object(bob, record1, `"evaluations":[{`+writing+`},{`+reading+`},{`+writing+`}]`, `"options":{"evaluations_semantic":"permit_on_first_permit"}`), []bool{false, true}},
		"unknown options":                {object(alice, reading, record1, `"evaluations":[{}]`, `"options":{"another_option":"value"}`), []bool{true}},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.post("pep", "/access/v1/evaluations", test.body)
			a := read[answer](t, rec)
			if got := decisions(t, a); rec.Code != http.StatusOK || !slices.Equal(got, test.want) {
				t.Errorf("got %d %v, want %v: %s", rec.Code, got, test.want, rec.Body)
			}
			if a.Decision != nil {
				t.Errorf("3.3.4: a decision beside the evaluations: %s", rec.Body)
			}
		})
	}
	for name, body := range map[string]string{
		"3.4.2 no evaluations":    object(alice, reading, record1),
		"3.4.3 empty evaluations": object(alice, reading, record1, `"evaluations":[]`),
	} {
		a := read[answer](t, w.post("pep", "/access/v1/evaluations", body))
		if a.Decision == nil || !*a.Decision || a.Evaluations != nil {
			t.Errorf("%s: got %+v, want a single yes", name, a)
		}
	}
	if rec := w.post("pep", "/access/v1/evaluations", object(alice, reading, record1, `"evaluations":[{}]`, `"options":{"evaluations_semantic":"majority"}`)); rec.Code != http.StatusBadRequest {
		t.Errorf("an unknown semantic: got %d, want 400", rec.Code)
	}
	if rec := w.post("pep", "/access/v1/evaluations", object(alice, `"evaluations":{}`)); rec.Code != http.StatusBadRequest {
		t.Errorf("evaluations that are no array: got %d, want 400", rec.Code)
	}
}

// found is a search's answer as a caller reads it.
type found struct {
	Results []struct{ Type, ID, Name string }
	Page    *struct {
		NextToken *string `json:"next_token"`
		Count     int
	}
}

func (f found) names() []string {
	out := []string{}
	for _, r := range f.Results {
		out = append(out, r.Type+":"+r.ID+r.Name)
	}
	return out
}

func TestSearchCore(t *testing.T) {
	w := newWorld(t)
	context := `"context":{"time":"2026-10-26T01:22-07:00"}`
	for name, test := range map[string]struct {
		path, body string
		has, lacks []string
		empty      bool
	}{
		"4.2.1 subjects":             {"subject", object(`"subject":{"type":"user"}`, reading, record1), []string{"user:alice", "user:bob"}, []string{"user:svc-pep"}, false},
		"4.2.2 with context":         {"subject", object(`"subject":{"type":"user"}`, writing, record1, context), []string{"user:alice"}, []string{"user:bob"}, false},
		"4.2.3 an id is ignored":     {"subject", object(alice, reading, record1), []string{"user:alice", "user:bob"}, nil, false},
		"subjects that are tokens":   {"subject", object(`"subject":{"type":"token"}`, writing, record1), []string{fmt.Sprintf("token:%d", w.tokens["alice-inherit"])}, []string{fmt.Sprintf("token:%d", w.tokens["alice-view"]), fmt.Sprintf("token:%d", w.tokens["hal-inherit"])}, false},
		"4.3.1 resources":            {"resource", object(alice, reading, `"resource":{"type":"site"}`), []string{"site:1", "site:2"}, nil, false},
		"4.3.2 an id is ignored":     {"resource", object(alice, writing, record2), []string{"site:1"}, []string{"site:2"}, false},
		"resources of a token":       {"resource", object(fmt.Sprintf(`"subject":{"type":"token","id":"%d"}`, w.tokens["alice-view"]), writing, `"resource":{"type":"site"}`), nil, nil, true},
		"4.4.1 actions":              {"action", object(alice, record1), []string{":read", ":write"}, []string{":delete", ":admin"}, false},
		"4.4.2 with context":         {"action", object(bob, record1, context), []string{":read"}, []string{":write"}, false},
		"4.6.1 unknown subject":      {"action", object(`"subject":{"type":"user","id":"nonexistent-user"}`, record1), nil, nil, true},
		"4.6.2 unknown subject type": {"subject", object(`"subject":{"type":"spaceship"}`, reading, record1), nil, nil, true},
		"unknown action":             {"subject", object(`"subject":{"type":"user"}`, `"action":{"name":"fly"}`, record1), nil, nil, true},
		"unknown site":               {"subject", object(`"subject":{"type":"user"}`, reading, `"resource":{"type":"site","id":"record-9"}`), nil, nil, true},
		"unknown resource type":      {"resource", object(alice, reading, `"resource":{"type":"spaceship"}`), nil, nil, true},
		"unknown resource type too":  {"action", object(alice, `"resource":{"type":"spaceship","id":"1"}`), nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.post("pep", "/access/v1/search/"+test.path, test.body)
			got := read[found](t, rec)
			names := got.names()
			if rec.Code != http.StatusOK || got.Results == nil || got.Page == nil || got.Page.NextToken == nil || *got.Page.NextToken != "" {
				t.Fatalf("got %d %s, want 200 with results and the end of the page", rec.Code, rec.Body)
			}
			for _, n := range test.has {
				if !slices.Contains(names, n) {
					t.Errorf("%s is missing: %s", n, names)
				}
			}
			for _, n := range test.lacks {
				if slices.Contains(names, n) {
					t.Errorf("%s is there: %s", n, names)
				}
			}
			if test.empty && len(names) != 0 {
				t.Errorf("got %s, want nothing", names)
			}
		})
	}
	for name, test := range map[string][2]string{
		"4.7.1 no action":            {"subject", object(`"subject":{"type":"user"}`, record1)},
		"4.7.1 no subject":           {"resource", object(reading, `"resource":{"type":"site"}`)},
		"4.7.1 no resource":          {"action", object(alice)},
		"4.7.2 resource lacks id":    {"subject", object(`"subject":{"type":"user"}`, reading, `"resource":{"type":"site"}`)},
		"4.7.2 subject lacks id":     {"resource", object(`"subject":{"type":"user"}`, reading, `"resource":{"type":"site"}`)},
		"a limit of nothing":         {"action", object(alice, record1, `"page":{"limit":0}`)},
		"a page token made up":       {"action", object(alice, record1, `"page":{"token":"AAAA"}`)},
		"a page token of no base 64": {"action", object(alice, record1, `"page":{"token":"é"}`)},
	} {
		if rec := w.post("pep", "/access/v1/search/"+test[0], test[1]); rec.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d %s, want 400", name, rec.Code, rec.Body)
		}
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	rec := w.get("/.well-known/authzen-configuration")
	var got map[string]string
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s: %v", rec.Code, rec.Body, err)
	}
	const base = "https://pdp.example.com"
	if got["policy_decision_point"] != base {
		t.Errorf("policy_decision_point is %q, want %q", got["policy_decision_point"], base)
	}
	for _, key := range []string{"access_evaluation_endpoint", "access_evaluations_endpoint", "search_subject_endpoint", "search_resource_endpoint", "search_action_endpoint"} {
		path, ok := strings.CutPrefix(got[key], base)
		if !ok {
			t.Errorf("%s is %q", key, got[key])
			continue
		}
		if rec := w.post("pep", path, "{}"); rec.Code != http.StatusBadRequest {
			t.Errorf("%s: an empty question gets %d, want 400", key, rec.Code)
		}
	}
}
