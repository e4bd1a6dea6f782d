package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

func bulk(ops ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(ops, ",") + `]}`
}

func statuses(r reply) (out []string) {
	ops, _ := r.get("Operations").([]any)
	for _, o := range ops {
		out = append(out, o.(map[string]any)["status"].(string))
	}
	return out
}

func TestBulkMakesUsersAndTheirGroup(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		t := h.t
		// The group comes first and refers forward, as RFC 7644 3.7.2 allows.
		r := h.want(200, "POST", "/Bulk", bulk(
			`{"method":"POST","path":"/Groups","bulkId":"ytrewq","data":{"displayName":"Tour Guides","members":[{"type":"User","value":"bulkId:qwerty"},{"value":"bulkId:w"}]}}`,
			`{"method":"POST","path":"/Users","bulkId":"qwerty","data":{"userName":"Alice"}}`,
			`{"method":"POST","path":"/Users","bulkId":"w","data":{"userName":"Bob","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:qwerty"}}}}`,
			`{"method":"PATCH","path":"/Users/bulkId:w","data":{"Operations":[{"op":"add","path":"title","value":"x"}]}}`,
		))
		if got := fmt.Sprint(statuses(r)); got != "[201 201 201 200]" {
			t.Fatalf("got %s: %s", got, r.text)
		}
		first := r.get("Operations").([]any)[0].(map[string]any)
		if first["bulkId"] != "qwerty" || first["version"] == nil || !strings.Contains(first["location"].(string), "/Users/") {
			t.Errorf("got %v", first)
		}
		g := h.want(200, "GET", "/Groups?filter=displayName%20eq%20%22Tour%20Guides%22", "")
		members := g.get("Resources").([]any)[0].(map[string]any)["members"].([]any)
		if len(members) != 2 {
			t.Errorf("got %v", members)
		}
		bob := h.want(200, "GET", "/Users?filter=userName%20eq%20%22bob%22", "").get("Resources").([]any)[0].(map[string]any)
		manager := bob["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(map[string]any)["manager"].(map[string]any)["value"]
		if !strings.HasSuffix(first["location"].(string), manager.(string)) || bob["title"] != "x" {
			t.Errorf("got %v", bob)
		}
		r = h.want(200, "POST", "/Bulk", bulk(fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, bob["id"]), fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, bob["id"]),
			fmt.Sprintf(`{"method":"PUT","path":"/Users/%s","version":"W/\"1\"","data":{"userName":"alice"}}`, manager)))
		if got := fmt.Sprint(statuses(r)); got != "[204 404 412]" {
			t.Errorf("got %s: %s", got, r.text)
		}
	})
}

func TestBulkResolvesCircles(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	const manager = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:%s"}}`
	r := h.want(200, "POST", "/Bulk", bulk(
		`{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a",`+fmt.Sprintf(manager, "b")+`}}`,
		`{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"b",`+fmt.Sprintf(manager, "a")+`}}`,
	))
	if got := fmt.Sprint(statuses(r)); got != "[201 201]" {
		t.Fatalf("got %s", r.text)
	}
	a := h.want(200, "GET", "/Users?filter=userName%20eq%20%22a%22", "").get("Resources").([]any)[0].(map[string]any)
	b := h.want(200, "GET", "/Users?filter=userName%20eq%20%22b%22", "").get("Resources").([]any)[0].(map[string]any)
	of := func(u map[string]any) any {
		return u["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(map[string]any)["manager"].(map[string]any)["value"]
	}
	if of(a) != b["id"] || of(b) != a["id"] {
		t.Errorf("got %v and %v", a, b)
	}
}

func TestBulkStopsWhenToldTo(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	ops := []string{
		`{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"a"}}`,
		`{"method":"POST","path":"/Users","bulkId":"2","data":{"userName":"A"}}`,
		`{"method":"POST","path":"/Groups","bulkId":"3","data":{"displayName":"g","members":[{"value":"bulkId:2"}]}}`,
		`{"method":"POST","path":"/Users","bulkId":"4","data":{"userName":"b"}}`,
	}
	r := h.want(200, "POST", "/Bulk", strings.Replace(bulk(ops...), `"Operations"`, `"failOnErrors":1,"Operations"`, 1))
	if got := fmt.Sprint(statuses(r)); got != "[201 409]" {
		t.Errorf("got %s", r.text)
	}
	r = h.want(200, "POST", "/Bulk", bulk(append(ops[1:], `{"method":"GET","path":"/Users/x"}`, `{"method":"POST","path":"/Nope","bulkId":"5"}`, `{"method":"POST","path":"/Users","data":{}}`,
		`{"method":"PATCH","path":"/Users/bulkId:nope","data":{}}`)...))
	if got := fmt.Sprint(statuses(r)); got != "[409 409 201 400 400 400 400]" {
		t.Errorf("got %s: %s", got, r.text)
	}
	for _, body := range []string{`[]`, `{}`, bulk(), bulk(`5`), bulk(ops[0], ops[0])} {
		h.want(400, "POST", "/Bulk", body)
	}
}

func FuzzBulk(f *testing.F) {
	f.Add(bulk(`{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a","x":"bulkId:b"}}`, `{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"g","members":[{"value":"bulkId:a"}]}}`))
	f.Add(bulk(`{"method":"PATCH","path":"/Users/bulkId:x","data":{}}`))
	h := openHouse(f, storetest.Open(f, "sqlite", store.Options{}), scim.Config{})
	f.Fuzz(func(t *testing.T, body string) {
		r, err := h.try("POST", "/Bulk", body)
		if err != nil || r.status != 200 && r.status != 400 && r.status != 413 {
			t.Fatalf("%d %v %s", r.status, err, r.text)
		}
		if r.status == 200 {
			for _, s := range statuses(r) {
				if s >= "500" {
					b, _ := json.Marshal(r.body)
					t.Fatalf("%s", b)
				}
			}
		}
	})
}
