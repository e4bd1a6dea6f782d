package verify

import (
	"fmt"
	"slices"
	"strings"
)

// pagePeople are seven users to page through.
func pagePeople(t *trial) people {
	return t.shared("paged", func(t *trial) any {
		p := people{endpoint: "/Users", byLetter: map[string]resource{}}
		for _, letter := range strings.Split("abcdefg", "") {
			name := t.tag + "-" + letter + "@verify.example"
			p.byLetter[letter] = t.make("/Users", name, t.userBody(name, ""))
		}
		t.findScope(&p, "userName")
		if p.scope == "" {
			t.block("groundwork: a filter userName sw that selects our users", "it selects others or none")
		}
		return p
	}).(people)
}

// pagingCases are startIndex and count (RFC 7644 §3.4.2.4).
func pagingCases() []Case {
	row := func(id, title string, w want, resources int, params ...string) Case {
		return must("rfc7644-3.4.2.4-"+id, title, func(t *trial) {
			p := pagePeople(t)
			res := isList(t.query("/Users", append([]string{"filter", p.scope}, params...)...).isStatus(200))
			got := len(lookupList(res.doc, "Resources"))
			t.ok(got == resources, plural(resources, "resource"), "%d", got)
			res.has(w)
		})
	}
	return area("Paging", "walking through everybody misses people or sees them twice; Entra's account discovery and Okta's import do so", []Case{
		row("count", "count bounds a page", want{"totalResults": 7, "itemsPerPage": 3}, 3, "count", "3"),
		row("start", "startIndex begins a page", want{"totalResults": 7, "startIndex": 4}, 4, "startIndex", "4"),
		row("start-count", "startIndex and count cut a page", want{"totalResults": 7, "startIndex": 3, "itemsPerPage": 2}, 2, "startIndex", "3", "count", "2"),
		row("last", "the last page is short, and itemsPerPage says so", want{"totalResults": 7, "startIndex": 6, "itemsPerPage": 2}, 2, "startIndex", "6", "count", "5"),
		row("beyond", "a page beyond the end is empty", want{"totalResults": 7, "itemsPerPage": 0}, 0, "startIndex", "8", "count", "5"),
		row("far-beyond", "a page far beyond the end is empty", want{"totalResults": 7}, 0, "startIndex", "1000000", "count", "5"),
		row("start-zero", "startIndex 0 means 1", want{"totalResults": 7, "startIndex": 1}, 2, "startIndex", "0", "count", "2"),
		row("start-negative", "a negative startIndex means 1", want{"totalResults": 7, "startIndex": 1}, 2, "startIndex", "-5", "count", "2"),
		row("count-zero", "count 0 gives totalResults alone", want{"totalResults": 7}, 0, "count", "0"),
		row("count-negative", "a negative count means 0", want{"totalResults": 7}, 0, "count", "-1"),
		row("count-more", "a count beyond what there is gives what there is", want{"totalResults": 7, "itemsPerPage": 7}, 7, "count", "100"),
		row("count-default", "without count all seven fit a page", want{"totalResults": 7}, 7),
		must("rfc7644-3.4.2.4-start-default", "startIndex defaults to 1", func(t *trial) {
			p := pagePeople(t)
			res := t.query("/Users", "filter", p.scope, "count", "2").isStatus(200)
			at := lookup(res.doc, "startIndex")
			t.ok(at == nil || at == float64(1), "startIndex 1", "%s", show(at))
		}),
		must("rfc7644-3.4.2.4-integers", "totalResults, startIndex and itemsPerPage are JSON integers", func(t *trial) {
			p := pagePeople(t)
			res := t.query("/Users", "filter", p.scope, "startIndex", "2", "count", "2").isStatus(200)
			for _, key := range []string{"totalResults", "startIndex", "itemsPerPage"} {
				t.ok(lookupInt(res.doc, key) >= 0, key+" as a JSON integer", "%s", show(lookup(res.doc, key)))
			}
		}).mean("Okta's quality check refuses numbers in quotes"),
		pagedWalk("walk-1", 1), pagedWalk("walk-2", 2), pagedWalk("walk-3", 3), pagedWalk("walk-5", 5),
		must("rfc7644-3.4.2.4-same-order", "the order is the same for every page size", func(t *trial) {
			p := pagePeople(t)
			whole := p.letters(t.walk(p, 100))
			byTwo := p.letters(t.walk(p, 2))
			t.ok(slices.Equal(whole, byTwo), "the order "+strings.Join(whole, ""), "%s", strings.Join(byTwo, ""))
		}).mean("Okta asks for the same order at every startIndex and count"),
		should("rfc7644-3.4.2.4-delete-between", "a deletion between two pages makes nobody else vanish (the RFC leaves it open)", func(t *trial) {
			users := []resource{t.user(""), t.user(""), t.user(""), t.user(""), t.user(""), t.user("")}
			scope := `userName sw "` + t.tag + `"`
			first := lookupList(t.query("/Users", "filter", scope, "startIndex", "1", "count", "3").isStatus(200).doc, "Resources")
			if len(first) != 3 {
				t.block("groundwork: a page of three", fmt.Sprintf("%d resources", len(first)))
			}
			for _, u := range users {
				if u.id == lookupString(first[0], "id") {
					t.drop(u)
				}
			}
			seen := seenIDs(first)
			for _, e := range lookupList(t.query("/Users", "filter", scope, "startIndex", "4", "count", "3").isStatus(200).doc, "Resources") {
				seen[lookupString(e, "id")] = true
			}
			t.ok(len(seen) == 6, "all six seen on pages that begin at 1 and 4", "%d seen", len(seen))
		}).mean("Entra's discovery runs for hours while people leave; who falls between two pages is taken for missing"),
		should("rfc7644-3.4.2.4-insert-between", "people created between two pages displace nobody", func(t *trial) {
			for range 6 {
				t.user("")
			}
			scope := `userName sw "` + t.tag + `"`
			seen := seenIDs(lookupList(t.query("/Users", "filter", scope, "startIndex", "1", "count", "3").isStatus(200).doc, "Resources"))
			t.user("")
			for _, e := range lookupList(t.query("/Users", "filter", scope, "startIndex", "4", "count", "3").isStatus(200).doc, "Resources") {
				id := lookupString(e, "id")
				t.ok(!seen[id], "people not seen on the first page", "%s again", id)
				seen[id] = true
			}
		}),
		must("rfc7644-3.4.2.4-groups", "groups are paged like users", func(t *trial) {
			p := groupPeople(t)
			if p.scope == "" {
				t.block("groundwork: a filter displayName sw that selects our groups", "it selects others or none")
			}
			t.query("/Groups", "filter", p.scope, "startIndex", "2", "count", "1").isStatus(200).has(want{"totalResults": 3, "startIndex": 2, "itemsPerPage": 1, "Resources.#": 1})
		}).need(NeedGroups),
		must("rfc7644-3.4.2.4-unfiltered", "a list without a filter is paged too", func(t *trial) {
			pagePeople(t)
			res := isList(t.query("/Users", "count", "3").isStatus(200))
			t.ok(len(lookupList(res.doc, "Resources")) == 3 && lookupInt(res.doc, "totalResults") >= 7, "3 resources of 7 or more", "%d of %d", len(lookupList(res.doc, "Resources")), lookupInt(res.doc, "totalResults"))
		}),
		badNumber("count-word", "count", "many"), badNumber("start-word", "startIndex", "first"),
		badNumber("count-huge", "count", "99999999999999999999999"), badNumber("start-huge", "startIndex", "99999999999999999999999"),
		badNumber("count-fraction", "count", "1.5"),
	}, NeedFilter, NeedIndex)
}

func badNumber(id, param, value string) Case {
	return must("rfc7644-3.4.2.4-"+id, param+"="+value+" does not break the server", func(t *trial) {
		res := t.query("/Users", param, value)
		t.ok(res.Status == 200 || res.Status == 400, "HTTP 200 or 400", "%s", res.says())
	})
}

func pagedWalk(id string, size int) Case {
	return must("rfc7644-3.4.2.4-"+id, fmt.Sprintf("pages of %d show each person once", size), func(t *trial) {
		p := pagePeople(t)
		got := p.letters(t.walk(p, size))
		slices.Sort(got)
		t.ok(strings.Join(got, "") == "abcdefg", "each of seven people once", "%s", strings.Join(got, ""))
	})
}

// walk reads all pages of a corpus, a page at a time.
func (t *trial) walk(p people, size int) []any {
	var all []any
	for range 20 {
		res := t.query(p.endpoint, "filter", p.scope, "startIndex", fmt.Sprint(len(all)+1), "count", fmt.Sprint(size)).isStatus(200)
		page := lookupList(res.doc, "Resources")
		t.ok(len(page) <= size, fmt.Sprintf("at most %d resources", size), "%d", len(page))
		all = append(all, page...)
		if len(page) == 0 || len(all) >= lookupInt(res.doc, "totalResults") {
			break
		}
	}
	return all
}

func seenIDs(resources []any) map[string]bool {
	seen := map[string]bool{}
	for _, e := range resources {
		seen[lookupString(e, "id")] = true
	}
	return seen
}
