package verify

import (
	"testing"
	"time"
)

func TestLookup(t *testing.T) {
	var doc any
	mustJSON(`{
		"userName": "vera", "active": true, "none": null, "empty": [],
		"emails": [{"value": "a.b@x", "type": "work", "primary": true}, {"value": "c@x", "type": "home"}],
		"members": [{"value": "u1"}], "meta": {"location": "L"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "m"}, "department": "D"}
	}`, &doc)
	for path, want := range map[string]any{
		"userName":                          "vera",
		"USERNAME":                          "vera",
		"none":                              nil,
		"empty":                             nil,
		"absent.sub":                        nil,
		"meta.location":                     "L",
		"emails[type=work].value":           "a.b@x",
		"emails[primary=true].type":         "work",
		"emails[value=a.b@x].type":          "work",
		"emails[type=other].value":          nil,
		"emails[1].value":                   "c@x",
		"emails[7].value":                   nil,
		"emails.#":                          float64(2),
		enterpriseURN + ":department":       "D",
		enterpriseURN + ":manager.value":    "m",
		enterpriseURN + ":costCenter":       nil,
		"urn:example:other:2.0:User:nobody": nil,
	} {
		if got := lookup(doc, path); got != want {
			t.Errorf("lookup %s: got %v, want %v", path, got, want)
		}
	}
}

func TestMismatchNamesTheFirstPathThatDiffers(t *testing.T) {
	var doc any
	mustJSON(`{"a": "1", "n": 2, "list": []}`, &doc)
	if expected, got := (want{"a": "1", "n": 2, "list": nil, "list.#": 0, "absent.#": 0}).mismatch(doc); expected != "" {
		t.Errorf("got %s for %s, want no mismatch", got, expected)
	}
	expected, got := want{"a": present, "b": "x", "n": 3}.mismatch(doc)
	if expected != `b = "x"` || got != "b = (absent)" {
		t.Errorf("got %s, %s", expected, got)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 95: 190, 99: 198, 100: 200} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %d: got %d, want %d", p, got, want)
		}
	}
	if got := percentile(nil, 99); got != 0 {
		t.Errorf("of nothing: got %d", got)
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	for text, want := range map[string]time.Duration{"": time.Second, "2": 2 * time.Second, "86400": 10 * time.Second, "-1": time.Second, "soon": time.Second} {
		if got := retryAfter(map[string][]string{"Retry-After": {text}}); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
