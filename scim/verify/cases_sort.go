package verify

import (
	"fmt"
	"slices"
	"strings"
)

// sortPeople are four users of one title each, in mixed case, and one of none.
func sortPeople(t *trial) people {
	return t.shared("sorted", func(t *trial) any {
		p := people{endpoint: "/Users", byLetter: map[string]resource{}}
		for _, row := range []struct{ letter, title, family string }{
			{"b", "bravo", "Young"}, {"A", "Alpha", "adams"}, {"d", "delta", "Xu"}, {"C", "Charlie", "brown"}, {"n", "", "Zed"},
		} {
			name := t.tag + "-" + strings.ToLower(row.letter) + "@verify.example"
			overlay := `{"title": "` + row.title + ` {run}", "name": {"familyName": "` + row.family + `"}, "emails": [{"value":"z-` + row.letter + `@verify.example","type":"home"}, {"value":"` + strings.ToLower(row.letter) + `-{run}@verify.example","type":"work","primary":true}]}`
			if row.title == "" {
				overlay = `{"name": {"familyName": "Zed"}, "emails": null}`
			}
			p.byLetter[row.letter] = t.make("/Users", name, t.userBody(name, overlay))
		}
		t.findScope(&p, "userName")
		if p.scope == "" {
			t.block("groundwork: a filter userName sw that selects our users", "it selects others or none")
		}
		return p
	}).(people)
}

// order says for a report in which order the letters stand: their userNames end
// in -a, -b and so on.
func (p people) order(letters string) string {
	return "userNames …-" + strings.Join(strings.Split(strings.ToLower(letters), ""), " …-")
}

// sortCases are sortBy and sortOrder (RFC 7644 §3.4.2.3).
func sortCases() []Case {
	row := func(id, title, order string, params ...string) Case {
		return must("rfc7644-3.4.2.3-"+id, title, func(t *trial) {
			p := sortPeople(t)
			params := append([]string{"filter", p.scope}, params...)
			got := strings.Join(p.letters(lookupList(t.query("/Users", params...).isStatus(200).doc, "Resources")), "")
			if order[0] != '?' {
				t.ok(got == order, p.order(order), "%s", p.order(got))
				return
			}
			got = strings.ReplaceAll(got, "n", "")
			t.ok(got == order[1:], p.order(order[1:]), "%s", p.order(got))
		})
	}
	return area("Sorting", "lists are in another order than asked; paging by that order skips people", []Case{
		row("username-ascending", "sortBy userName sorts ascending", "AbCdn", "sortBy", "userName", "sortOrder", "ascending"),
		row("username-default", "sortOrder is ascending when it is not given", "AbCdn", "sortBy", "userName"),
		row("username-descending", "sortBy userName sorts descending", "ndCbA", "sortBy", "userName", "sortOrder", "descending"),
		row("case-insensitive", "an attribute that is not caseExact sorts disregarding case", "?AbCd", "sortBy", "title"),
		row("missing-last", "who lacks the attribute comes last, ascending", "AbCdn", "sortBy", "title", "sortOrder", "ascending"),
		row("missing-first", "who lacks the attribute comes first, descending", "ndCbA", "sortBy", "title", "sortOrder", "descending"),
		row("sub-attribute", "sortBy may name a sub-attribute", "ACdbn", "sortBy", "name.familyName"),
		row("sub-attribute-descending", "a sub-attribute sorts descending", "nbdCA", "sortBy", "name.familyName", "sortOrder", "descending"),
		row("primary", "a multi-valued attribute sorts by its primary value", "?AbCd", "sortBy", "emails"),
		row("primary-value", "so does its value", "?AbCd", "sortBy", "emails.value").shouldBe(),
		inTime("created", "ascending", "meta.created"), inTime("created-descending", "descending", "meta.created"),
		inTime("lastmodified", "ascending", "meta.lastModified"),
		row("urn", "sortBy may carry the schema's URN", "AbCdn", "sortBy", userURN+":userName"),
		row("any-case", "sortBy is spelt in any case", "AbCdn", "sortBy", "USERNAME"),
		must("rfc7644-3.4.2.3-paged", "sorting goes before paging", func(t *trial) {
			p := sortPeople(t)
			var got []string
			for start := 1; start <= 5; start += 2 {
				res := t.query("/Users", "filter", p.scope, "sortBy", "userName", "startIndex", fmt.Sprint(start), "count", "2").isStatus(200)
				got = append(got, p.letters(lookupList(res.doc, "Resources"))...)
			}
			t.ok(strings.Join(got, "") == "AbCdn", p.order("AbCdn")+" over three pages", "%s", p.order(strings.Join(got, "")))
		}).need(NeedIndex),
		must("rfc7644-3.4.2.3-search", "sorting works in .search", func(t *trial) {
			p := sortPeople(t)
			res := t.searchUsers(map[string]any{"filter": p.scope, "sortBy": "userName", "sortOrder": "descending"})
			got := strings.Join(p.letters(lookupList(res.doc, "Resources")), "")
			t.ok(got == "ndCbA", p.order("ndCbA"), "%s", p.order(got))
		}),
		must("rfc7644-3.4.2.3-groups", "groups sort by displayName", func(t *trial) {
			p := groupPeople(t)
			params := []string{"sortBy", "displayName", "sortOrder", "descending"}
			if p.scope == "" {
				t.block("groundwork: a filter displayName sw that selects our groups", "it selects others or none")
			}
			got := p.letters(lookupList(t.query("/Groups", append(params, "filter", p.scope)...).isStatus(200).doc, "Resources"))
			t.ok(slices.Equal(got, []string{"C", "B", "A"}), "empty, Beta, Alpha", "%s", strings.Join(got, ""))
		}).need(NeedGroups),
		should("rfc7644-3.4.2.3-unknown", "an unknown sortBy does not break the server", func(t *trial) {
			res := t.query("/Users", "sortBy", "gbvNoSuch", "count", "1")
			t.ok(res.Status < 500, "HTTP 2xx or 4xx", "%s", res.says())
		}),
	}, NeedSort, NeedFilter)
}

// inTime judges the order by the instants answered, as two people may be of one.
func inTime(id, order, attr string) Case {
	return must("rfc7644-3.4.2.3-"+id, "sortBy "+attr+" sorts in time, "+order, func(t *trial) {
		p := sortPeople(t)
		list := lookupList(t.query("/Users", "filter", p.scope, "sortBy", attr, "sortOrder", order).isStatus(200).doc, "Resources")
		t.ok(len(list) == 5, "5 resources", "%d", len(list))
		for i := 1; i < len(list); i++ {
			early, late := instant(t, list[i-1], attr), instant(t, list[i], attr)
			if order == "descending" {
				early, late = late, early
			}
			t.ok(!early.After(late), attr+" "+order, "%s beside %s", early, late)
		}
	})
}
