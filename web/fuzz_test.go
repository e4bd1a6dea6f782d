package web_test

import (
	"encoding/json"
	"net/http"
	"testing"
)

// FuzzBody sends anything to every route: the answer is always JSON, a wrong
// call is a 4xx, and a yes is only ever said to a question that stands in the
// body.
func FuzzBody(f *testing.F) {
	for _, body := range badBodies {
		f.Add(uint8(0), []byte(body))
	}
	for route, body := range []string{
		object(alice, reading, record1),
		object(alice, reading, record1, `"evaluations":[{},{"resource":7},null,"x"]`, `"options":{"evaluations_semantic":"deny_on_first_deny"}`),
		object(`"subject":{"type":"user"}`, reading, record1, `"page":{"limit":1}`),
		object(alice, reading, `"resource":{"type":"site"}`, `"context":{"time":"2026-01-01T00:00:00Z"}`),
		object(alice, record1),
	} {
		f.Add(uint8(route), []byte(body))
	}
	w := newWorld(f)
	paths := []string{"/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/subject", "/access/v1/search/resource", "/access/v1/search/action"}
	f.Fuzz(func(t *testing.T, route uint8, body []byte) {
		path := paths[int(route)%len(paths)]
		rec := w.post("pep", path, string(body))
		if !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("%s: not JSON: %s", path, rec.Body)
		}
		switch rec.Code {
		case http.StatusOK:
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			return
		case http.StatusServiceUnavailable: // only a revision that is not there yet
			return
		default:
			t.Fatalf("%s: status %d: %s", path, rec.Code, rec.Body)
		}
		if !json.Valid(body) {
			t.Fatalf("%s: answered what is not JSON: %q", path, body)
		}
		a := read[answer](t, rec)
		for _, e := range append(a.Evaluations, a) {
			if e.Decision != nil && *e.Decision != (e.Context.Code == "allowed") {
				t.Fatalf("decision %v with code %s", *e.Decision, e.Context.Code)
			}
		}
	})
}
