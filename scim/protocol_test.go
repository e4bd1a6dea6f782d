package scim_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

func TestOnlyTheSourcesTokenOpensTheDoor(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	other := h.token("entra")
	bad := h.want(401, "GET", "/Users", "", "Authorization: Bearer wrong")
	if got := bad.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		t.Errorf("WWW-Authenticate is %q", got)
	}
	for name, r := range map[string]reply{
		"no token":               h.want(401, "GET", "/Users", "", "Authorization: -"),
		"another source's token": h.want(401, "GET", "/Users", "", "Authorization: Bearer "+other),
		"unknown path":           h.want(401, "GET", "/Nope", "", "Authorization: Bearer wrong"),
	} {
		if r.text != bad.text {
			t.Errorf("%s is told apart: %s", name, r.text)
		}
	}
	h.source = "nowhere"
	if r := h.want(401, "GET", "/Users", ""); r.text != bad.text || r.header.Get("WWW-Authenticate") != bad.header.Get("WWW-Authenticate") {
		t.Errorf("an unknown source is told apart: %s", r.text)
	}
	h.source = "okta"
	h.want(200, "GET", "/Users", "", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("ping:"+h.secret)))
	if strings.Contains(h.log.String(), h.secret) {
		t.Error("the log has the token")
	}
}

func TestEveryAnswerCarriesARequestID(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	if r := h.want(200, "GET", "/Users", "", "X-Request-Id: okta-77.b"); r.header.Get("X-Request-Id") != "okta-77.b" {
		t.Errorf("got %q", r.header.Get("X-Request-Id"))
	}
	for _, given := range []string{"a b", "<script>", strings.Repeat("x", 65)} {
		if r := h.want(404, "GET", "/Users/none", "", "X-Request-Id: "+given); r.header.Get("X-Request-Id") == given || len(r.header.Get("X-Request-Id")) != 36 {
			t.Errorf("%q: got %q", given, r.header.Get("X-Request-Id"))
		}
	}
	id := h.want(201, "POST", "/Users", `{"userName":"a"}`, "X-Request-Id: trace-me").text1("id")
	err := h.e.Store().Read(t.Context(), func(v *store.View) error {
		entries, err := v.Audit(t.Context(), store.AuditQuery{Target: "okta/user/" + id})
		if err == nil && (len(entries) != 1 || entries[0].Request != "trace-me" || entries[0].Actor != "scim:okta" || entries[0].Via != "scim") {
			t.Errorf("the audit has %+v", entries)
		}
		return err
	})
	h.must(err)
	if !strings.Contains(h.log.String(), "request=trace-me") {
		t.Error("the log has not the request's id")
	}
}

func TestMethodsTypesAndSizes(t *testing.T) {
	h := onSQLite(t, scim.Config{MaxBody: 2000, MaxGroupBody: 4000, MaxOperations: 5})
	id := h.user("a")
	for _, tt := range []struct {
		status             int
		method, path, body string
		headers            []string
		want               string
	}{
		{405, "DELETE", "/Users", "", nil, "Allow"},
		{405, "POST", "/Users/" + id, "{}", nil, "Allow"},
		{405, "PUT", "/ServiceProviderConfig", "{}", nil, "Allow"},
		{405, "GET", "/Bulk", "", nil, "Allow"},
		{404, "GET", "/Nope", "", nil, ""},
		{404, "GET", "/Users/" + id + "/x", "", nil, ""},
		{404, "GET", "/Users/nope", "", nil, ""},
		{404, "PATCH", "/Users/nope", patch(`{"op":"replace","path":"title","value":"x"}`), nil, ""},
		{404, "PUT", "/Groups/nope", `{"displayName":"x"}`, nil, ""},
		{404, "DELETE", "/Groups/nope", ``, nil, ""},
		{404, "GET", "/Schemas/nope", ``, nil, ""},
		{404, "GET", "/ResourceTypes/nope", ``, nil, ""},
		{403, "GET", "/Schemas?filter=id%20pr", ``, nil, ""},
		{501, "GET", "/Me", "", nil, ""},
		{406, "GET", "/Users", "", []string{"Accept: text/html"}, ""},
		{200, "GET", "/Users", "", []string{"Accept: text/html, */*;q=0.1"}, ""},
		{200, "GET", "/Users", "", []string{"Accept: application/json"}, ""},
		{415, "POST", "/Users", "{}", []string{"Content-Type: text/xml"}, ""},
		{415, "POST", "/Users", "{}", []string{"Content-Type: application/json; charset=latin1"}, ""},
		{201, "POST", "/Users", `{"userName":"plain"}`, []string{"Content-Type: application/json"}, ""},
		{413, "POST", "/Users", `{"userName":"` + strings.Repeat("x", 2000) + `"}`, nil, ""},
		{413, "PATCH", "/Users/" + id, patch(strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 6), ",")), nil, ""},
		{413, "POST", "/Bulk", `{"Operations":[1,2,3,4,5,6]}`, nil, ""},
		{201, "POST", "/Groups", `{"displayName":"g","about":"` + strings.Repeat("x", 2500) + `"}`, nil, ""},
		{413, "POST", "/Groups", `{"displayName":"` + strings.Repeat("x", 4000) + `"}`, nil, ""},
		{400, "POST", "/Users", ``, []string{"Content-Type: application/scim+json"}, ""},
		{400, "POST", "/Users", `{"userName":"a","userName":"b"}`, nil, ""},
		{400, "POST", "/Users", `{"userName":"a\u0000"}`, nil, ""},
		{400, "POST", "/Users", "{\"userName\":\"a\xff\"}", nil, ""},
		{400, "POST", "/Users", `{"userName":"a"} x`, nil, ""},
		{400, "POST", "/Users", `{"userName":"a","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, nil, ""},
		{400, "GET", "/Users?filter=userName%20xx", "", nil, ""},
		{400, "GET", "/Users?count=many", "", nil, ""},
		{400, "GET", "/Users?startIndex=1.5", "", nil, ""},
		{400, "GET", "/Users?sortBy=nope", "", nil, ""},
		{400, "GET", "/Users?sortBy=userName&sortOrder=up", "", nil, ""},
		{400, "GET", "/Users?cursor=AAAA", "", nil, ""},
		{414, "GET", "/Users?filter=" + strings.Repeat("a", 40000), "", nil, ""},
		{400, "GET", "/Users?filter=" + strings.Repeat("a", 9000), "", nil, ""},
		{200, "GET", "/Users/?count=0", "", nil, ""},
		{200, "GET", "//Users//", "", nil, ""},
		{200, "HEAD", "/Users/" + id, "", nil, ""},
	} {
		r := h.send(tt.method, tt.path, tt.body, tt.headers...)
		if r.status != tt.status {
			t.Errorf("%s %s: got %d, want %d: %s", tt.method, clipped(tt.path), r.status, tt.status, r.text)
			continue
		}
		if tt.want != "" && r.header.Get(tt.want) == "" {
			t.Errorf("%s %s: no %s", tt.method, tt.path, tt.want)
		}
		if got := r.header.Get("Content-Type"); r.text != "" && got != "application/scim+json" {
			t.Errorf("%s %s: Content-Type %s", tt.method, tt.path, got)
		}
		if tt.status >= 400 && (r.text1("detail") == "" || r.text1("status") != fmt.Sprint(tt.status)) {
			t.Errorf("%s %s: no error document: %s", tt.method, tt.path, r.text)
		}
	}
}

func clipped(s string) string { return s[:min(len(s), 60)] }

func TestStrictTakesTheLetterOnly(t *testing.T) {
	h := onSQLite(t, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: scim.Strict}}})
	id := h.user("a")
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"userName":"b"}`},
		{"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"b","nope":1}`},
		{"PATCH", "/Users/" + id, patch(`{"op":"Replace","path":"title","value":"x"}`)},
		{"PATCH", "/Users/" + id, `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`},
		{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":"ghost"}]}`},
	} {
		if r := h.send(tt.method, tt.path, tt.body); r.status != 400 || r.text1("scimType") == "" {
			t.Errorf("%s %s: got %d %s", tt.method, tt.body, r.status, r.text)
		}
	}
	if r := h.send("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":"ghost"}]}`); !strings.Contains(r.text1("detail"), "ghost") {
		t.Errorf("the unknown member is not named: %s", r.text)
	}
	h.want(404, "GET", "/Users/", "")
	h.want(401, "GET", "/Users", "", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("x:"+h.secret)))
	a, b := h.group("same"), h.group("same") // RFC 7643 allows it
	if a == b {
		t.Error("one group")
	}
}

func TestVersions(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		id := h.user("a")
		v1 := h.want(200, "GET", "/Users/"+id, "").header.Get("ETag")
		h.want(304, "GET", "/Users/"+id, "", "If-None-Match: "+v1)
		h.want(304, "GET", "/Users/"+id, "", "If-None-Match: \"x\", "+v1)
		h.want(412, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`), `If-Match: W/"1"`)
		h.want(412, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`), `If-Match: "nonsense"`)
		r := h.want(200, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`), "If-Match: "+v1)
		v2 := r.header.Get("ETag")
		if v2 == v1 {
			h.t.Error("a change is no new version")
		}
		h.want(200, "GET", "/Users/"+id, "", "If-None-Match: "+v1)
		same := h.want(200, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`)).header.Get("ETag")
		if same != v2 {
			h.t.Errorf("no change is a new version: %s, %s", v2, same)
		}
		h.want(412, "DELETE", "/Users/"+id, "", "If-Match: "+v1)
		h.want(204, "DELETE", "/Users/"+id, "", "If-Match: *")
		g := h.group("g")
		gv := h.want(200, "GET", "/Groups/"+g, "").header.Get("ETag")
		u := h.user("m")
		add := patch(fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, u))
		gv2 := h.want(204, "PATCH", "/Groups/"+g, add).header.Get("ETag")
		gv3 := h.want(204, "PATCH", "/Groups/"+g, add).header.Get("ETag")
		if gv2 == gv || gv3 != gv2 {
			h.t.Errorf("versions of the group: %s, %s, %s", gv, gv2, gv3)
		}
	})
}

func TestProjection(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	id := h.want(201, "POST", "/Users", `{"userName":"a","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"a@b","type":"work"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D","costCenter":"C"},"urn:x:1.0:User":{"badge":"7"}}`).text1("id")
	g := h.group("g", id)
	for query, want := range map[string]string{
		"attributes=userName":                    `{"userName":"a"}`,
		"attributes=USERNAME":                    `{"userName":"a"}`,
		"attributes=name.givenName,emails.value": `{"emails":[{"value":"a@b"}],"name":{"givenName":"G"}}`,
		"attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":          `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`,
		"attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":                     `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"costCenter":"C","department":"D"}}`,
		"attributes=urn:x:1.0:User:badge":                                                           `{"urn:x:1.0:User":{"badge":"7"}}`,
		"attributes=nope":                                                                           `{}`,
		"attributes=groups.display":                                                                 `{"groups":[{"display":"g"}]}`,
		"attributes=meta.resourceType":                                                              `{"meta":{"resourceType":"User"}}`,
		"excludedAttributes=meta,groups,emails,name.familyName,active,id,urn:x:1.0:User,department": `{"name":{"givenName":"G"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"costCenter":"C"},"userName":"a"}`,
	} {
		r := h.want(200, "GET", "/Users/"+id+"?"+query, "")
		o := r.body.(map[string]any)
		if o["id"] != id {
			t.Errorf("%s: no id", query)
		}
		delete(o, "id")
		delete(o, "schemas")
		if got := fmt.Sprint(o); got != fmt.Sprint(mustJSON(want)) {
			t.Errorf("%s: got %s, want %s", query, got, fmt.Sprint(mustJSON(want)))
		}
	}
	r := h.want(200, "GET", "/Groups/"+g+"?attributes=members.value", "")
	if got := fmt.Sprint(r.get("members")); got != fmt.Sprintf("[map[value:%s]]", id) || r.get("displayName") != nil {
		t.Errorf("got %s", r.text)
	}
	if r := h.want(200, "GET", "/Groups/"+g+"?excludedAttributes=members", ""); r.get("members") != nil {
		t.Errorf("got %s", r.text)
	}
	if r := h.want(200, "PATCH", "/Groups/"+g+"?attributes=displayName", patch(`{"op":"replace","path":"displayName","value":"h"}`)); r.get("displayName") != "h" || r.get("members") != nil {
		t.Errorf("got %s", r.text)
	}
	h.want(204, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`), "Prefer: return=minimal")
}

func TestPagingSortingAndSearching(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		t := h.t
		var ids []string
		for i := range 7 {
			ids = append(ids, h.want(201, "POST", "/Users", fmt.Sprintf(`{"userName":"u%d","title":"t%d"}`, i, 9-i)).text1("id"))
		}
		h.group("g", ids[0])
		page := func(r reply) (out []string) {
			for _, v := range r.get("Resources").([]any) {
				out = append(out, v.(map[string]any)["id"].(string))
			}
			return out
		}
		if got := page(h.want(200, "GET", "/Users?startIndex=3&count=2", "")); fmt.Sprint(got) != fmt.Sprint(ids[2:4]) {
			t.Errorf("index page: %v", got)
		}
		for _, q := range []string{"startIndex=0&count=7", "startIndex=-5", ""} {
			if got := h.want(200, "GET", "/Users?"+q, ""); got.get("startIndex") != 1.0 || len(page(got)) != 7 {
				t.Errorf("%s: %s", q, got.text)
			}
		}
		for _, q := range []string{"count=0", "count=-3"} {
			if got := h.want(200, "GET", "/Users?"+q, ""); got.get("totalResults") != 7.0 || len(page(got)) != 0 {
				t.Errorf("%s: %s", q, got.text)
			}
		}
		sorted := page(h.want(200, "GET", "/Users?sortBy=title&count=3", ""))
		if fmt.Sprint(sorted) != fmt.Sprint([]string{ids[6], ids[5], ids[4]}) {
			t.Errorf("sorted: %v of %v", sorted, ids)
		}
		if got := page(h.want(200, "GET", "/Users?sortBy=userName&sortOrder=descending&count=1", "")); got[0] != ids[6] {
			t.Errorf("descending: %v", got)
		}
		for _, query := range []string{"count=3", "count=3&sortBy=title", "count=3&filter=" + "userName%20sw%20%22u%22"} {
			var all []string
			cursor, pages := "", 0
			for {
				r := h.want(200, "GET", "/Users?"+query+"&cursor="+cursor, "")
				all = append(all, page(r)...)
				pages++
				if (r.get("totalResults") != nil) != (cursor == "") || r.get("startIndex") != nil {
					t.Errorf("%s: page %d: %s", query, pages, r.text)
				}
				if pages == 1 { // somebody walks away meanwhile: nobody else is lost
					h.want(201, "POST", "/Users", fmt.Sprintf(`{"userName":"u9%s","title":"zz"}`, query[:1]+fmt.Sprint(len(query))))
				}
				if cursor = r.text1("nextCursor"); cursor == "" {
					break
				}
			}
			seen := map[string]bool{}
			for _, id := range all {
				if seen[id] {
					t.Errorf("%s: %s twice", query, id)
				}
				seen[id] = true
			}
			for _, id := range ids {
				if !seen[id] {
					t.Errorf("%s: %s lost", query, id)
				}
			}
		}
		first := h.want(200, "GET", "/Users?count=2&cursor=", "").text1("nextCursor")
		if r := h.want(400, "GET", "/Users?count=2&filter=title%20pr&cursor="+first, ""); r.text1("scimType") != "invalidCursor" {
			t.Errorf("a cursor of another query: %s", r.text)
		}
		r := h.want(200, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"U3\"","attributes":["userName"],"startIndex":1,"count":5}`)
		if fmt.Sprint(page(r)) != fmt.Sprint(ids[3:4]) || strings.Contains(r.text, "title") {
			t.Errorf("search: %s", r.text)
		}
		root := h.want(200, "GET", "/?count=100", "")
		if root.get("totalResults") != float64(len(page(root))) || len(page(root)) != 11 {
			t.Errorf("root: %s", root.text)
		}
		tail := h.want(200, "POST", "/.search", `{"startIndex":10,"count":5}`)
		if len(page(tail)) != 2 || tail.get("itemsPerPage") != 2.0 || !strings.Contains(tail.text, `"displayName":"g"`) {
			t.Errorf("root search: %s", tail.text)
		}
		if r := h.want(200, "POST", "/.search", `{"filter":"displayName eq \"g\""}`); r.get("totalResults") != 1.0 {
			t.Errorf("root filter: %s", r.text)
		}
		if r := h.want(200, "POST", "/.search", `{"filter":"meta.resourceType eq \"Group\""}`); r.get("totalResults") != 1.0 {
			t.Errorf("root by type: %s", r.text)
		}
		h.want(400, "POST", "/.search", `{"filter":"nope eq 1"}`)
	})
}

func TestExpiredCursorIsToldApart(t *testing.T) {
	now := time.Now()
	h := onSQLite(t, scim.Config{Now: func() time.Time { return now }})
	h.user("a")
	h.user("b")
	cursor := h.want(200, "GET", "/Users?count=1&cursor=", "").text1("nextCursor")
	now = now.Add(2 * time.Hour)
	if r := h.want(400, "GET", "/Users?count=1&cursor="+cursor, ""); r.text1("scimType") != "expiredCursor" {
		t.Errorf("got %s", r.text)
	}
}

func TestRateIsLimitedPerSource(t *testing.T) {
	h := onSQLite(t, scim.Config{Rate: 1, Burst: 2})
	h.want(200, "GET", "/Users", "")
	h.want(200, "GET", "/Users", "")
	if r := h.want(429, "GET", "/Users", ""); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestDiscoveryIsHonest(t *testing.T) {
	h := onSQLite(t, scim.Config{MaxOperations: 77})
	c := h.want(200, "GET", "/ServiceProviderConfig", "")
	bulk := c.get("bulk").(map[string]any)
	if bulk["supported"] != true || bulk["maxOperations"] != 77.0 {
		t.Errorf("bulk: %v", bulk)
	}
	for _, path := range []string{"/Schemas", "/ResourceTypes"} {
		r := h.want(200, "GET", path, "")
		if strings.Contains(r.text, "null") || r.get("itemsPerPage") != r.get("totalResults") {
			t.Errorf("%s: %s", path, r.text)
		}
		for _, v := range r.get("Resources").([]any) {
			o := v.(map[string]any)
			one := h.want(200, "GET", path+"/"+o["id"].(string), "")
			if fmt.Sprint(one.body) != fmt.Sprint(o) {
				t.Errorf("%s/%s differs by itself", path, o["id"])
			}
		}
	}
}

func TestUnreachableStoreIsComeAgain(t *testing.T) {
	st := storetest.Open(t, "sqlite", store.Options{})
	h := openHouse(t, st, scim.Config{})
	h.must(st.Close())
	r := h.send("POST", "/Users", `{"userName":"a"}`)
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || strings.Contains(r.text, "sql") {
		t.Errorf("got %d %v %s", r.status, r.header, r.text)
	}
}

func TestPreconditionsOfChanges(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	id := h.user("a")
	tag := h.want(200, "GET", "/Users/"+id, "").header.Get("ETag")
	title := patch(`{"op":"replace","path":"title","value":"x"}`)
	h.want(412, "PATCH", "/Users/"+id, title, "If-None-Match: *")
	h.want(412, "PATCH", "/Users/"+id, title, "If-None-Match: "+tag)
	h.want(412, "PUT", "/Users/"+id, `{"userName":"a"}`, "If-None-Match: *")
	h.want(412, "DELETE", "/Users/"+id, "", `If-None-Match: W/"0", `+tag)
	h.want(404, "PATCH", "/Users/nope", title, "If-None-Match: *")
	h.want(201, "POST", "/Users", `{"userName":"b"}`, "If-None-Match: *")
	h.want(200, "GET", "/Users", "", "If-None-Match: *")
	h.want(412, "PATCH", "/Users/"+id, title, `If-Match: W/"0"`)
	h.want(200, "PATCH", "/Users/"+id, title, `If-None-Match: W/"0"`)
	g := h.group("g")
	h.want(412, "DELETE", "/Groups/"+g, "", "If-None-Match: *")
	h.want(304, "GET", "/Groups/"+g, "", "If-None-Match: *")
}

func TestOptionsAndHead(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	id := h.user("a")
	for path, want := range map[string]string{
		"/Users": "GET, HEAD, POST", "/Users/" + id: "GET, HEAD, PUT, PATCH, DELETE", "/Bulk": "POST", "/ServiceProviderConfig": "GET, HEAD",
		"/": "GET, HEAD", "/.search": "POST", "/Groups/.search": "POST",
	} {
		if r := h.want(204, "OPTIONS", path, ""); r.header.Get("Allow") != want {
			t.Errorf("OPTIONS %s allows %q, want %q", path, r.header.Get("Allow"), want)
		}
	}
	h.want(404, "OPTIONS", "/Nope", "")
	h.want(401, "OPTIONS", "/Users", "", "Authorization: -")
	for _, path := range []string{"/Users", "/Users/" + id, "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/"} {
		if r := h.want(200, "HEAD", path, ""); r.text != "" || r.header.Get("Content-Type") != "application/scim+json" {
			t.Errorf("HEAD %s: %q %v", path, r.text, r.header)
		}
	}
	h.want(404, "HEAD", "/Users/nope", "")
}

func TestGroupsWithinGroupsAreShownAndGiveNothing(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		alice := h.user("alice")
		inner := h.group("Inner", alice)
		outer := h.group("Outer")
		add := patch(`{"op":"add","path":"members","value":[{"value":"` + inner + `"}]}`)
		h.want(204, "PATCH", "/Groups/"+outer, add)
		first := h.want(200, "GET", "/Groups/"+outer, "")
		members, _ := first.get("members").([]any)
		if len(members) != 1 || members[0].(map[string]any)["type"] != "Group" || members[0].(map[string]any)["value"] != inner ||
			!strings.HasSuffix(members[0].(map[string]any)["$ref"].(string), "/Groups/"+inner) {
			t.Errorf("got %s", first.text)
		}
		h.want(204, "PATCH", "/Groups/"+outer, add)
		if r := h.want(200, "GET", "/Groups/"+outer, ""); r.text != first.text {
			t.Errorf("sent again it changed something: %s", r.text)
		}
		if r := h.want(200, "GET", "/Users/"+alice, ""); strings.Contains(r.text, outer) {
			t.Errorf("she is in the outer group: %s", r.text)
		}
		h.want(204, "PATCH", "/Groups/"+outer, patch(`{"op":"add","path":"members","value":[{"value":"`+alice+`"}]}`))
		if r := h.want(200, "GET", "/Groups/"+outer, ""); len(r.get("members").([]any)) != 2 {
			t.Errorf("got %s", r.text)
		}
		if r := h.want(200, "GET", "/Groups?attributes=members.value", ""); !strings.Contains(r.text, inner) {
			t.Errorf("got %s", r.text)
		}
		h.want(204, "PATCH", "/Groups/"+outer, patch(`{"op":"remove","path":"members[value eq \"`+inner+`\"]"}`))
		if r := h.want(200, "GET", "/Groups/"+outer, ""); len(r.get("members").([]any)) != 1 {
			t.Errorf("got %s", r.text)
		}
		h.want(204, "PATCH", "/Groups/"+outer, add)
		h.want(204, "DELETE", "/Groups/"+inner, "")
		if r := h.want(200, "GET", "/Groups/"+outer, ""); len(r.get("members").([]any)) != 1 {
			t.Errorf("a deleted group is still a member: %s", r.text)
		}
	})
}

func TestThePrimaryValueSorts(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		for login, emails := range map[string]string{
			"a": `[{"value":"a@x"},{"value":"z@x","primary":true}]`, "b": `[{"value":"y@x"},{"value":"b@x"}]`, "c": `[{"value":"c@x","primary":true},{"value":"0@x"}]`,
		} {
			h.want(201, "POST", "/Users", `{"userName":"`+login+`","emails":`+emails+`}`)
		}
		var order []string
		for _, u := range h.want(200, "GET", "/Users?sortBy=emails", "").get("Resources").([]any) {
			order = append(order, u.(map[string]any)["userName"].(string))
		}
		if fmt.Sprint(order) != "[c b a]" {
			t.Errorf("sorted %v, want [c b a]: by the primary e-mail, else the first", order)
		}
	})
}

func TestNoFilterIsEverLost(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	h.user("alice")
	for query, want := range map[string]float64{
		`filter=userName+eq+%22a;b%22`:                          0,
		`Filter=userName+eq+%22bob%22`:                          0,
		`FILTER=userName+eq+%22alice%22&Count=5`:                1,
		`filter=userName+eq+%22alice%22&`:                       1,
		`filter=userName+eq+%22bob%22&filter=userName+eq+"bob"`: 0,
	} {
		if got := h.want(200, "GET", "/Users?"+query, "").get("totalResults"); got != want {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string]string{
		`filter=userName+eq+%22100%%22`:                               "%25",
		`filter=userName+eq+%22bob%22&filter=userName+eq+%22alice%22`: "twice",
		`%zz=1`: "%25",
	} {
		if r := h.want(400, "GET", "/Users?"+query, ""); !strings.Contains(r.text1("detail"), want) {
			t.Errorf("%s: %s", query, r.text)
		}
	}
}

func TestNameOfSpacesIsNoName(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	h.want(400, "POST", "/Users", `{"userName":" \t "}`)
	h.want(400, "POST", "/Groups", `{"displayName":"  "}`)
	id := h.user("alice")
	h.want(400, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"userName","value":" "}`))
}
