package scim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/scim"
	"grantbridge/store"
)

// BenchmarkPatchMember adds and removes one member of groups of three sizes: the
// cost must not follow the size.
func BenchmarkPatchMember(b *testing.B) {
	h := onSQLite(b, scim.Config{})
	ids := manyUsers(h, 100_001)
	for _, size := range []int{10, 1000, 100_000} {
		g := manyMembers(h, fmt.Sprint("g", size), ids[:size])
		add := patch(fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, ids[100_000]))
		remove := patch(fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, ids[100_000]))
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve(b, h, 204, "PATCH", "/Groups/"+g, add)
				serve(b, h, 204, "PATCH", "/Groups/"+g, remove)
			}
		})
	}
	g := manyMembers(h, "read", ids[:100_000])
	b.Run("GET 100000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			serve(b, h, 200, "GET", "/Groups/"+g, "")
		}
	})
	var refs []string
	for _, id := range ids[1:100_001] {
		refs = append(refs, `{"value":"`+id+`"}`)
	}
	put := [2]string{fmt.Sprintf(`{"displayName":"read","members":[%s]}`, strings.Join(refs[:99_990], ",")), fmt.Sprintf(`{"displayName":"read","members":[%s]}`, strings.Join(refs, ","))}
	b.Run("PUT 100000", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			serve(b, h, 204, "PUT", "/Groups/"+g, put[i%2], "return=minimal")
		}
	})
}

func manyMembers(h *house, name string, ids []string) string {
	res, err := h.e.Apply(h.t.Context(), store.By{Actor: "scim:okta", Via: "scim", Lane: store.LaneBulk}, &directory.GroupChange{
		Source: "okta", Members: directory.MemberChange{Add: ids},
		Edit: func(g directory.Group) (directory.Group, error) {
			g.Display, g.Doc = name, []byte(`{"displayName":"`+name+`"}`)
			return g, nil
		}})
	h.must(err)
	return res.Group.UID
}

// serve calls the door without a network.
func serve(b *testing.B, h *house, status int, method, path, body string, prefer ...string) {
	r := httptest.NewRequest(method, "/scim/v2/okta"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+h.secret)
	if len(prefer) > 0 {
		r.Header.Set("Prefer", prefer[0])
	}
	w := &discard{header: http.Header{}}
	h.server.Config.Handler.ServeHTTP(w, r)
	if w.status != status {
		b.Fatalf("%s %s: got %d", method, path, w.status)
	}
}

type discard struct {
	header http.Header
	status int
	n      int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(s int)   { d.status = s }
func (d *discard) Write(b []byte) (int, error) {
	d.n += len(b)
	return len(b), nil
}

func BenchmarkUsers(b *testing.B) {
	h := onSQLite(b, scim.Config{})
	ids := manyUsers(h, 10_000)
	n := 0
	for _, tt := range []struct {
		name, method string
		path, body   func() string
		status       int
	}{
		{"GET", "GET", func() string { return "/Users/" + ids[77] }, func() string { return "" }, 200},
		{"find userName", "GET", func() string { return "/Users?filter=userName%20eq%20%22user000077%22" }, func() string { return "" }, 200},
		{"list 100", "GET", func() string { return "/Users?count=100" }, func() string { return "" }, 200},
		{"POST", "POST", func() string { return "/Users" }, func() string {
			n++
			return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"new%d","name":{"givenName":"a","familyName":"b"},"emails":[{"value":"a@b","type":"work","primary":true}],"active":true}`, n)
		}, 201},
		{"PATCH active", "PATCH", func() string { return "/Users/" + ids[78] }, func() string {
			n++
			return patch(fmt.Sprintf(`{"op":"replace","path":"active","value":%v}`, n%2 == 0))
		}, 200},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve(b, h, tt.status, tt.method, tt.path(), tt.body())
			}
		})
	}
}

// BenchmarkLoad pushes 2,000 users and 20,000 memberships as a provider's first
// cycle does: one POST a user, 100 members a PATCH, with so many at once; and by
// Bulk.
func BenchmarkLoad(b *testing.B) {
	const people, each = 2000, 10
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint("plain ", clients), func(b *testing.B) {
			for b.Loop() {
				h := onSQLite(b, scim.Config{})
				ids := make([]string, people)
				start := time.Now()
				share(clients, people, func(i int) {
					ids[i] = h.want(201, "POST", "/Users", someone(i)).text1("id")
				})
				b.ReportMetric(people/time.Since(start).Seconds(), "users/s")
				groups := make([]string, each)
				for i := range groups {
					groups[i] = h.group(fmt.Sprint("g", i))
				}
				start = time.Now()
				share(clients, each*people/100, func(i int) {
					from := i / each * 100
					refs := `{"value":"` + strings.Join(ids[from:from+100], `"},{"value":"`) + `"}`
					h.want(204, "PATCH", "/Groups/"+groups[i%each], patch(`{"op":"add","path":"members","value":[`+refs+`]}`))
				})
				b.ReportMetric(people*each/time.Since(start).Seconds(), "memberships/s")
			}
		})
	}
	b.Run("bulk", func(b *testing.B) {
		for b.Loop() {
			h := onSQLite(b, scim.Config{})
			start := time.Now()
			for from := 0; from < people; from += 1000 {
				var ops []string
				for i := range 1000 {
					ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"b%d","data":%s}`, i, someone(from+i)))
				}
				h.want(200, "POST", "/Bulk", bulk(ops...))
			}
			b.ReportMetric(people/time.Since(start).Seconds(), "users/s")
		}
	})
}

func someone(i int) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u%d@example.com","externalId":"x%d","displayName":"User %d","name":{"givenName":"U","familyName":"N%d"},"emails":[{"value":"u%d@example.com","type":"work","primary":true}],"active":true}`, i, i, i, i, i)
}

// share does 0 to n-1 by so many workers.
func share(workers, n int, do func(i int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	wg.Wait()
}
