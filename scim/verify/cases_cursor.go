package verify

import (
	"fmt"
	"slices"
	"strings"
)

// cursorCases are RFC 9865, where the server says it has it.
func cursorCases() []Case {
	return area("Cursor paging", "the one way of walking through everybody that may not miss people is broken", []Case{
		must("rfc9865-4-advertised", "pagination in ServiceProviderConfig says cursor and index", func(t *trial) {
			doc := t.get("/ServiceProviderConfig").isStatus(200).doc
			for _, key := range []string{"pagination.cursor", "pagination.index"} {
				_, ok := lookup(doc, key).(bool)
				t.ok(ok, key+", a boolean", "%s", show(lookup(doc, key)))
			}
		}),
		must("rfc9865-4-default-method", "defaultPaginationMethod, where given, is cursor or index", func(t *trial) {
			got := lookup(t.get("/ServiceProviderConfig").isStatus(200).doc, "pagination.defaultPaginationMethod")
			t.ok(got == nil || got == "cursor" || got == "index", "cursor or index", "%s", show(got))
		}),
		must("rfc9865-2.1-first", "cursor without a value begins, and nextCursor continues", func(t *trial) {
			p := pagePeople(t)
			res := t.get("/Users" + queryOf("filter", p.scope, "count", "3") + "&cursor").isStatus(200)
			res.has(want{"Resources.#": 3, "nextCursor": present, "itemsPerPage": 3})
		}),
		must("rfc9865-2.1-first-equals", "cursor= begins too", func(t *trial) {
			p := pagePeople(t)
			t.query("/Users", "filter", p.scope, "count", "3", "cursor", "").isStatus(200).has(want{"Resources.#": 3, "nextCursor": present})
		}),
		cursorWalk("walk-1", 1), cursorWalk("walk-3", 3), cursorWalk("walk-7", 7),
		must("rfc9865-2-last", "the last page has no nextCursor", func(t *trial) {
			p := pagePeople(t)
			t.query("/Users", "filter", p.scope, "count", "100", "cursor", "").isStatus(200).has(want{"Resources.#": 7, "nextCursor": nil})
		}),
		must("rfc9865-2-characters", "nextCursor is made of unreserved URI characters", func(t *trial) {
			p := pagePeople(t)
			next := lookupString(t.query("/Users", "filter", p.scope, "count", "2", "cursor", "").isStatus(200).doc, "nextCursor")
			stray := strings.Trim(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
			t.ok(next != "" && stray == "", "letters, digits and -._~", "%q", next)
		}),
		must("rfc9865-2.1-invalid", "an unknown cursor is refused with invalidCursor", func(t *trial) {
			t.query("/Users", "cursor", "gbv-no-such-cursor", "count", "2").isError(400, "invalidCursor")
		}),
		must("rfc9865-2.3-count-zero", "count 0 with a cursor gives totalResults alone, or is refused", func(t *trial) {
			p := pagePeople(t)
			res := t.query("/Users", "filter", p.scope, "count", "0", "cursor", "")
			if res.Status != 400 {
				res.isStatus(200).has(want{"Resources": nil})
			}
		}),
		must("rfc9865-2-delete-between", "a deletion between two pages makes nobody else vanish", func(t *trial) {
			users := []resource{t.user(""), t.user(""), t.user(""), t.user(""), t.user(""), t.user("")}
			scope := `userName sw "` + t.tag + `"`
			first := t.query("/Users", "filter", scope, "count", "3", "cursor", "").isStatus(200)
			seen := seenIDs(lookupList(first.doc, "Resources"))
			for _, u := range users {
				if seen[u.id] {
					t.drop(u)
					break
				}
			}
			t.cursorRest(first, scope, 3, seen)
			t.ok(len(seen) == 6, "all six seen", "%d seen", len(seen))
		}),
		must("rfc9865-2-insert-between", "a person created between two pages displaces nobody", func(t *trial) {
			users := []resource{t.user(""), t.user(""), t.user(""), t.user(""), t.user("")}
			scope := `userName sw "` + t.tag + `"`
			first := t.query("/Users", "filter", scope, "count", "2", "cursor", "").isStatus(200)
			seen := seenIDs(lookupList(first.doc, "Resources"))
			t.user("")
			t.cursorRest(first, scope, 2, seen)
			for _, u := range users {
				t.ok(seen[u.id], u.name+" seen", "not seen")
			}
		}),
		must("rfc9865-3-search", ".search takes a cursor", func(t *trial) {
			p := pagePeople(t)
			first := t.searchUsers(map[string]any{"filter": p.scope, "count": 4, "cursor": ""})
			first.has(want{"Resources.#": 4, "nextCursor": present})
			t.searchUsers(map[string]any{"filter": p.scope, "count": 4, "cursor": lookupString(first.doc, "nextCursor")}).has(want{"Resources.#": 3, "nextCursor": nil})
		}),
		must("rfc9865-2-previous", "previousCursor, where given, leads back", func(t *trial) {
			p := pagePeople(t)
			first := t.query("/Users", "filter", p.scope, "count", "2", "cursor", "").isStatus(200)
			second := t.query("/Users", "filter", p.scope, "count", "2", "cursor", lookupString(first.doc, "nextCursor")).isStatus(200)
			back := lookupString(second.doc, "previousCursor")
			if back == "" {
				t.notApplicable("the server gives no previousCursor")
			}
			again := t.query("/Users", "filter", p.scope, "count", "2", "cursor", back).isStatus(200)
			t.ok(slices.Equal(p.letters(lookupList(first.doc, "Resources")), p.letters(lookupList(again.doc, "Resources"))), "the first page again", "%v", p.letters(lookupList(again.doc, "Resources")))
		}),
		must("rfc9865-2-groups", "groups are walked by cursor too", func(t *trial) {
			p := groupPeople(t)
			if p.scope == "" {
				t.block("groundwork: a filter displayName sw that selects our groups", "it selects others or none")
			}
			t.query("/Groups", "filter", p.scope, "count", "2", "cursor", "").isStatus(200).has(want{"Resources.#": 2, "nextCursor": present})
		}).need(NeedGroups),
		must("rfc9865-2-index-still", "startIndex goes on working beside cursors", func(t *trial) {
			p := pagePeople(t)
			t.query("/Users", "filter", p.scope, "startIndex", "6", "count", "5").isStatus(200).has(want{"Resources.#": 2, "startIndex": 6})
		}).need(NeedIndex),
	}, NeedCursor, NeedFilter)
}

func cursorWalk(id string, size int) Case {
	return must("rfc9865-2-"+id, fmt.Sprintf("cursor pages of %d show each person once", size), func(t *trial) {
		p := pagePeople(t)
		first := t.query("/Users", "filter", p.scope, "count", fmt.Sprint(size), "cursor", "").isStatus(200)
		seen := seenIDs(lookupList(first.doc, "Resources"))
		n := len(lookupList(first.doc, "Resources")) + t.cursorRest(first, p.scope, size, seen)
		t.ok(n == 7 && len(seen) == 7, "each of seven people once", "%d answers, %d people", n, len(seen))
	})
}

// cursorRest follows nextCursor to the end, adds to seen, and counts resources.
func (t *trial) cursorRest(page *reply, scope string, size int, seen map[string]bool) int {
	n := 0
	for range 20 {
		next := lookupString(page.doc, "nextCursor")
		if next == "" {
			return n
		}
		page = t.query("/Users", "filter", scope, "count", fmt.Sprint(size), "cursor", next).isStatus(200)
		for _, e := range lookupList(page.doc, "Resources") {
			seen[lookupString(e, "id")] = true
			n++
		}
	}
	t.fail("a last page without nextCursor", "20 pages and another cursor")
	return n
}
