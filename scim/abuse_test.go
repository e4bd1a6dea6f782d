package scim_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"grantbridge/scim"
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
