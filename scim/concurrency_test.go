package scim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"grantbridge/directory"
	"grantbridge/scim"
	"grantbridge/store"
)

func TestTwoClientsRacingOneName(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		for round := range 5 {
			got := make([]int, 6)
			var wg sync.WaitGroup
			for i := range got {
				wg.Go(func() {
					name := fmt.Sprintf("racer%d@example.com", round)
					if i%2 == 0 {
						name = strings.ToUpper(name)
					}
					r, err := h.try("POST", "/Users", fmt.Sprintf(`{"userName":%q}`, name))
					if err == nil {
						got[i] = r.status
					}
				})
			}
			wg.Wait()
			slices.Sort(got)
			if fmt.Sprint(got) != "[201 409 409 409 409 409]" {
				h.t.Errorf("got %v", got)
			}
		}
	})
}

func TestConcurrentMembershipsLoseNothing(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		const n = 24
		var ids []string
		for i := range n {
			ids = append(ids, h.user(fmt.Sprint("u", i)))
		}
		g := h.group("g", ids[:n/2]...)
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() {
				op := fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, id)
				if i < n/2 { // the first half leaves while the second comes
					op = fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, id)
				}
				if r, err := h.try("PATCH", "/Groups/"+g, patch(op)); err != nil || r.status != 204 {
					h.t.Errorf("%d %v %s", r.status, err, r.text)
				}
			})
		}
		wg.Wait()
		r := h.want(200, "GET", "/Groups/"+g, "")
		var got []string
		for _, m := range r.get("members").([]any) {
			got = append(got, m.(map[string]any)["value"].(string))
		}
		want := slices.Clone(ids[n/2:])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			h.t.Errorf("got %d members, want %d", len(got), len(want))
		}
	})
}

func TestPatchRacingDeleteEndsInNothing(t *testing.T) {
	onBoth(t, scim.Config{}, func(h *house) {
		for i := range 5 {
			id := h.user(fmt.Sprint("u", i))
			var wg sync.WaitGroup
			wg.Go(func() {
				if r, err := h.try("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`)); err != nil || r.status != 200 && r.status != 404 {
					h.t.Errorf("%d %v", r.status, err)
				}
			})
			wg.Go(func() {
				if r, err := h.try("DELETE", "/Users/"+id, ""); err != nil || r.status != 204 {
					h.t.Errorf("%d %v", r.status, err)
				}
			})
			wg.Wait()
			h.want(404, "GET", "/Users/"+id, "")
		}
	})
}

func TestALargeGroupIsReadInPages(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	const n = 2500 // more than two pages of members
	ids := manyUsers(h, n)
	g := h.group("large", ids...)
	r := h.want(200, "GET", "/Groups/"+g, "")
	members := r.get("members").([]any)
	seen := map[any]bool{}
	for _, m := range members {
		seen[m.(map[string]any)["value"]] = true
	}
	if len(members) != n || len(seen) != n {
		t.Errorf("got %d members, %d of them different", len(members), len(seen))
	}
	var refs []string
	for _, id := range ids[:n-1] {
		refs = append(refs, fmt.Sprintf(`{"value":%q}`, id))
	}
	put := fmt.Sprintf(`{"displayName":"large","members":[%s]}`, strings.Join(refs, ","))
	if got := len(h.want(200, "PUT", "/Groups/"+g, put).get("members").([]any)); got != n-1 {
		t.Errorf("got %d members", got)
	}
	h.want(204, "PUT", "/Groups/"+g, put, "Prefer: return=minimal")
}

// manyUsers makes n users through the engine.
func manyUsers(h *house, n int) []string {
	h.t.Helper()
	ids := make([]string, n)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				login := fmt.Sprintf("user%06d", i)
				res, err := h.e.Apply(h.t.Context(), store.By{Actor: "scim:okta", Via: "scim", Lane: store.LaneBulk}, &directory.AccountChange{
					Source: "okta", Edit: func(a directory.Account) (directory.Account, error) {
						a.Login, a.Active, a.Doc = login, true, []byte(`{"active":true,"userName":"`+login+`"}`)
						a.Values = []directory.Value{{Path: "active", Text: "true"}, {Path: "username", Text: login}}
						return a, nil
					}})
				if err != nil {
					h.t.Error(err)
					return
				}
				ids[i] = res.Account.UID
			}
		})
	}
	wg.Wait()
	return ids
}

// broken is a connection that ends after some bytes.
type broken struct {
	discard
	left int
}

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestHalfAGroupIsNeverTakenForTheWhole(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	g := h.group("large", manyUsers(h, 2500)...)
	r := httptest.NewRequest("GET", "/scim/v2/okta/Groups/"+g, nil)
	r.Header.Set("Authorization", "Bearer "+h.secret)
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("the connection was not cut: %v", p)
		}
		h.want(200, "GET", "/Groups/"+g, "")
	}()
	h.server.Config.Handler.ServeHTTP(&broken{discard: discard{header: http.Header{}}, left: 200_000}, r)
}
