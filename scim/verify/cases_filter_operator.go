package verify

import (
	"fmt"
	"strings"
)

const filterMeans = "identity providers find people and groups by filter before they create or change them; a wrong answer makes duplicates, or changes the wrong one"

// operatorRow is one operator of RFC 7644 §3.4.2.2 table 3 as tried on a string
// attribute whose values for A and B differ in their last word, Alpha or Beta.
type operatorRow struct {
	op      string
	says    string
	operand func(a, b string) string // from the values of A and B
	in, out string
	scoped  bool
}

// cut is a value less n bytes at either end: every value is longer than that.
func cut(s string, front, back int) string { return s[front : len(s)-back] }

var operatorRows = []operatorRow{
	{"eq", "an equal value", func(a, _ string) string { return a }, "A", "BC", false},
	{"ne", "a different value", func(a, _ string) string { return a }, "B", "A", true},
	{"co", "a part of the value", func(a, _ string) string { return cut(a, 2, 1) }, "A", "BC", false},
	{"sw", "the value's beginning", func(a, b string) string { return a[:differ(a, b)+1] }, "A", "BC", true},
	{"ew", "the value's end", func(a, b string) string { return a[differ(a, b):] }, "A", "BC", true},
	{"gt", "a lower value", func(a, _ string) string { return a }, "B", "A", true},
	{"ge", "the value itself", func(_, b string) string { return b }, "B", "A", true},
	{"lt", "a higher value", func(_, b string) string { return b }, "A", "B", true},
	{"le", "the value itself", func(a, _ string) string { return a }, "A", "B", true},
}

// differ is where a and b begin to differ.
func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return 0
}

// filterOperatorCases is every operator on every attribute of the table, with
// presence and case-exactness.
func filterOperatorCases() []Case {
	var cases []Case
	for _, a := range filterAttrs {
		for _, row := range operatorRows {
			if row.op == "ne" && strings.Contains(a.path, "emails") {
				continue // a second address differs too: the RFC leaves it open
			}
			cases = append(cases, operatorCase(a, row))
		}
		cases = append(cases, presenceCase(a), exactnessCase(a))
	}
	cases = append(cases, groupOperatorCases()...)
	return area("Filter operators", filterMeans, cases, NeedFilter)
}

func (a filterAttr) needs() []Feature {
	if a.need == "" {
		return nil
	}
	if strings.HasPrefix(a.path, enterpriseURN) {
		return []Feature{NeedEnterprise, a.need}
	}
	return []Feature{a.need}
}

func operatorCase(a filterAttr, row operatorRow) Case {
	id := fmt.Sprintf("rfc7644-3.4.2.2-%s-%s", row.op, a.name)
	title := fmt.Sprintf("%s on %s selects by %s", row.op, a.name, row.says)
	c := must(id, title, func(t *trial) {
		p := filterPeople(t)
		operand, out := row.operand(a.of(t, "A"), a.of(t, "B")), row.out
		if row.op[0] == 'g' && strings.Contains(a.path, "emails") {
			out = "" // A's other address is greater
		}
		p.judge(t, judgement{a.path + " " + row.op + " " + quote(operand), row.in, out, row.scoped})
	})
	if strings.HasPrefix(row.op, "g") || strings.HasPrefix(row.op, "l") {
		c = c.mean("no identity provider is known to order strings in filters; a reporting or reconciling client may")
	}
	return c.need(a.needs()...)
}

func presenceCase(a filterAttr) Case {
	j := judgement{a.path + " pr", "AB", "CD", true}
	if a.always {
		j.in, j.out = "ABCD", ""
	}
	return must("rfc7644-3.4.2.2-pr-"+a.name, "pr on "+a.name+" selects who has one", func(t *trial) {
		p, j := filterPeople(t), j
		top, _, _ := strings.Cut(strings.TrimPrefix(a.path, enterpriseURN+":"), ".")
		if lookup(t.read(p.byLetter["C"].path).doc, top) != nil {
			j.out = "" // the server gives one to who has none: its right
		}
		p.judge(t, j)
	}).need(a.needs()...)
}

func exactnessCase(a filterAttr) Case {
	title := "eq on " + a.name + " disregards case, as it is not caseExact"
	if a.exact {
		title = "eq on " + a.name + " regards case, as it is caseExact"
	}
	return must("rfc7643-2.2-case-"+a.name, title, func(t *trial) {
		a.sameExactness(t)
		j := judgement{a.path + " eq " + quote(strings.ToUpper(a.of(t, "A"))), "A", "BC", false}
		if a.exact {
			j.in, j.out = "", "ABC"
		}
		filterPeople(t).judge(t, j)
	}).need(a.needs()...).mean("Entra and Okta compare names disregarding case; ids they compare exactly")
}

// sameExactness ends the case where the server's schema says otherwise than the
// RFC's: the schema served is what counts then.
func (a filterAttr) sameExactness(t *trial) {
	urn, path := userURN, a.path
	if rest, ok := strings.CutPrefix(a.path, enterpriseURN+":"); ok {
		urn, path = enterpriseURN, rest
	}
	if served, ok := lookup(t.run.attr(urn, path), "caseExact").(bool); ok && served != a.exact {
		t.notApplicable(fmt.Sprintf("the schema served says caseExact is %v for %s", served, a.name))
	}
}

// quote writes a filter's string literal: that of JSON (RFC 7644 §3.4.2.2).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// groupPeople is the corpus of groups: A holds user A of the users' corpus, B
// user B, C nobody.
func groupPeople(t *trial) people {
	users := filterPeople(t)
	return t.shared("groups", func(t *trial) any {
		p := people{endpoint: "/Groups", byLetter: map[string]resource{}}
		for letter, word := range map[string]string{"A": "Alpha", "B": "Beta"} {
			body := map[string]any{
				"schemas":     []string{groupURN},
				"displayName": t.tag + "-" + word,
				"externalId":  "GExt-" + t.run.cfg.Run + "-" + word,
				"members":     memberRefs([]resource{users.byLetter[letter]}),
			}
			p.byLetter[letter] = t.make("/Groups", t.tag+"-"+word, body)
		}
		name := t.tag + "-empty"
		p.byLetter["C"] = t.make("/Groups", name, map[string]any{"schemas": []string{groupURN}, "displayName": name})
		t.findScope(&p, "displayName")
		return p
	}).(people)
}

func groupOperatorCases() []Case {
	attrs := []filterAttr{
		{name: "group.displayName", path: "displayName", value: "gbv-{run}-groups-{L}"},
		{name: "group.externalId", path: "externalId", value: "GExt-{run}-{L}", exact: true},
	}
	var cases []Case
	for _, a := range attrs {
		for _, row := range operatorRows {
			id := fmt.Sprintf("rfc7644-3.4.2.2-%s-%s", row.op, a.name)
			cases = append(cases, must(id, fmt.Sprintf("%s on %s selects by %s", row.op, a.name, row.says), func(t *trial) {
				operand := row.operand(a.of(t, "A"), a.of(t, "B"))
				j := judgement{a.path + " " + row.op + " " + quote(operand), row.in, row.out, row.scoped}
				groupPeople(t).judge(t, j)
			}))
		}
	}
	for _, m := range []struct{ name, filter, in, out string }{
		{"eq-members.value", `members.value eq "{A}"`, "A", "BC"},
		{"eq-members.value-none", `members.value eq "gbv-nobody"`, "", "ABC"},
		{"pr-members", `members pr`, "AB", "C"},
		{"not-pr-members", `not (members pr)`, "C", "AB"},
		{"valuepath-members", `members[value eq "{B}"]`, "B", "AC"},
		{"and-displayName-members", `displayName eq "gbv-{run}-groups-Alpha" and members.value eq "{A}"`, "A", "BC"},
	} {
		cases = append(cases, must("rfc7644-3.4.2.2-"+m.name, m.filter+" selects the groups it describes", func(t *trial) {
			p, users := groupPeople(t), filterPeople(t)
			filter := t.with(m.filter, "{A}", users.byLetter["A"].id, "{B}", users.byLetter["B"].id)
			p.judge(t, judgement{filter, m.in, m.out, true})
		}).mean("Entra and Rippling ask who is in a group by filter instead of reading its members"))
	}
	for i := range cases {
		cases[i] = cases[i].need(NeedGroups)
	}
	return cases
}
