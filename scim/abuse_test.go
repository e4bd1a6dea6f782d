package scim_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// TestAbuseIsCheap sends what research/scim.md 3.10 lists. Each is refused by a
// bound, before anything is parsed or allocated in proportion.
func TestAbuseIsCheap(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	id := h.user("a")
	h.want(413, "POST", "/Users", `{"userName":"`+strings.Repeat("x", 5<<20)+`"}`)
	h.want(413, "PUT", "/Groups/x", `{"displayName":"`+strings.Repeat("x", 17<<20)+`"}`)
	h.want(413, "PATCH", "/Users/"+id, patch(strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 10_000), ",")))
	h.want(400, "POST", "/Users", strings.Repeat(`{"a":`, 100_000)+"1"+strings.Repeat("}", 100_000))
	h.want(400, "POST", "/Users/.search", `{"filter":"`+strings.Repeat("a", 1<<20)+`"}`)
	h.want(400, "POST", "/Users/.search", `{"filter":"title pr`+strings.Repeat(" or title pr", 5000)+`"}`)
	h.want(400, "POST", "/Users/.search", `{"filter":"`+strings.Repeat("(", 4000)+`"}`)
	h.want(400, "PATCH", "/Users/"+id, patch(`{"op":"add","path":"`+strings.Repeat("a", 10_000)+`","value":"x"}`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h.want(413, "POST", "/Users", strings.Repeat(" ", 32<<20))
	runtime.ReadMemStats(&after)
	if grew := after.TotalAlloc - before.TotalAlloc; grew > 34<<20+8<<20 { // the client's own copy of the body is 32 MiB
		t.Errorf("a body over the limit cost %d MiB", grew>>20)
	}
}

func TestRetriesChangeNothingTwice(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		u := h.user("u")
		g := h.group("g")
		same := func(status int, method, path, body string) {
			h.t.Helper()
			h.want(status, method, path, body)
			first := h.want(200, "GET", path, "").header.Get("ETag")
			h.want(status, method, path, body)
			if again := h.want(200, "GET", path, "").header.Get("ETag"); again != first {
				h.t.Errorf("%s %s sent again is a new version", method, path)
			}
		}
		same(200, "PUT", "/Users/"+u, `{"userName":"u","emails":[{"value":"a@b"}]}`)
		same(200, "PATCH", "/Users/"+u, patch(`{"op":"add","path":"emails","value":[{"value":"c@d"}]}`))
		same(200, "PATCH", "/Users/"+u, patch(`{"op":"remove","path":"emails[value eq \"c@d\"]"}`))
		same(200, "PATCH", "/Users/"+u, patch(`{"op":"Replace","path":"active","value":"False"}`))
		same(200, "PUT", "/Groups/"+g, fmt.Sprintf(`{"displayName":"g","members":[{"value":%q}]}`, u))
		same(204, "PATCH", "/Groups/"+g, patch(fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, u)))
		same(204, "PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":[{"value":"parked-one"}]}`))
		h.want(204, "DELETE", "/Users/"+u, "")
		h.want(404, "DELETE", "/Users/"+u, "")
	})
}

func TestAHundredAndOneMembershipsInOneRequest(t *testing.T) {
	h := onSQLite(t, scim.Config{}) // AWS IAM Identity Center refuses this
	ids := manyUsers(h, 101)
	var ops []string
	for _, id := range ids {
		ops = append(ops, fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, id))
	}
	g := h.group("g")
	h.want(204, "PATCH", "/Groups/"+g, patch(strings.Join(ops, ",")))
	if got := len(h.want(200, "GET", "/Groups/"+g, "").get("members").([]any)); got != 101 {
		t.Errorf("got %d", got)
	}
}

func TestParkedMembersComeWhenTheirUserDoes(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		g := h.group("g")
		h.want(204, "PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":[{"value":"ext-9"}]}`))
		if !strings.Contains(h.log.String(), "parked=1") {
			h.t.Error("the log does not say that a member was parked")
		}
		id := h.want(201, "POST", "/Users", `{"userName":"late","externalId":"ext-9"}`).text1("id")
		got := h.want(200, "GET", "/Groups/"+g, "")
		if fmt.Sprint(len(got.get("members").([]any))) != "1" || !strings.Contains(got.text, id) {
			h.t.Errorf("got %s", got.text)
		}
	})
}

func TestWhatNoIndexHoldsIsRefused(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		long := strings.Repeat("ü7", 100_000)
		h.want(400, "POST", "/Users", fmt.Sprintf(`{"userName":%q}`, long))
		h.want(400, "POST", "/Users", fmt.Sprintf(`{"userName":"a","externalId":%q}`, long))
		h.want(400, "POST", "/Users", fmt.Sprintf(`{"userName":"a","x%s":1}`, long))
		h.want(400, "POST", "/Groups", fmt.Sprintf(`{"displayName":%q}`, long))
		h.want(400, "POST", "/Groups", fmt.Sprintf(`{"displayName":"g","members":[{"value":%q}]}`, long))
		h.want(400, "POST", "/Users", `{"userName":"a","roles":["x`+strings.Repeat(`","y`, 6000)+`"]}`)
		id := h.want(201, "POST", "/Users", fmt.Sprintf(`{"userName":"a","title":%q,"name":{"formatted":%q}}`, long, long)).text1("id")
		h.want(200, "GET", "/Users/"+id, "")
		h.want(404, "GET", "/Users/%00", "")
		if r := h.send("PATCH", "/Users/%00", patch(`{"op":"add","path":"title","value":"x"}`)); r.status != 400 && r.status != 404 {
			h.t.Errorf("got %d %s", r.status, r.text)
		}
		h.want(200, "GET", "/Users?filter=title%20eq%20%22%ff%22", "")
		h.want(400, "GET", "/Users?filter=title%20eq%20%22%00%22", "")
	})
}

func TestPanicIsAnErrorDocument(t *testing.T) {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/scim/v2/okta/Users", nil)
	r.Header.Set("Authorization", "Bearer x")
	scim.New(nil, scim.Config{Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, r)
	if w.Code != 500 || !strings.Contains(w.Body.String(), "urn:ietf:params:scim:api:messages:2.0:Error") || strings.Contains(w.Body.String(), "nil") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestBurstIsComeAgain(t *testing.T) {
	st := storetest.Open(t, "sqlite", store.Options{})
	h := openHouse(t, st, scim.Config{})
	e, err := provision.New(t.Context(), st, provision.Config{Sources: []store.Source{{Name: "okta"}}, RemovalBurst: 2, Log: slog.New(slog.DiscardHandler)})
	h.must(err)
	ids := []string{h.user("a"), h.user("b"), h.user("c")}
	h.server.Config.Handler = scim.New(e, scim.Config{Log: slog.New(slog.DiscardHandler)})
	off := patch(`{"op":"Replace","path":"active","value":"False"}`)
	h.want(200, "PATCH", "/Users/"+ids[0], off)
	h.want(204, "DELETE", "/Users/"+ids[1], "")
	r := h.want(503, "PATCH", "/Users/"+ids[2], off)
	if r.header.Get("Retry-After") == "" || !strings.Contains(r.text1("detail"), "burst") {
		t.Errorf("got %v %s", r.header, r.text)
	}
	h.want(200, "PATCH", "/Users/"+ids[2], patch(`{"op":"replace","path":"title","value":"x"}`))
}
