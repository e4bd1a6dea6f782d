package verify

// filterLogicCases are and, or, not, grouping, and how filters are spelt. In a
// filter {A} and {B} stand for tests that select one person each.
func filterLogicCases() []Case {
	row := func(id, title, filter, in, out string) Case {
		return must("rfc7644-3.4.2.2-logic-"+id, title, func(t *trial) {
			f := t.with(filter, "{A}", `userName eq "gbv-{run}-corpus-alpha@verify.example"`, "{B}", `userName eq "gbv-{run}-corpus-beta@verify.example"`,
				"{a}", `"gbv-{run}-corpus-alpha@verify.example"`)
			filterPeople(t).judge(t, judgement{f, in, out, true})
		})
	}
	return area("Filter logic", filterMeans, []Case{
		row("and", "and needs both", `{A} and active eq true`, "A", "BCD"),
		row("and-false", "and with one false is false", `{A} and {B}`, "", "ABCD"),
		row("or", "or needs one", `{A} or {B}`, "AB", "CD"),
		row("or-first", "or with the second false is true", `{A} or userName eq "gbv-nobody"`, "A", "BCD"),
		row("or-three", "or takes more than two", `{A} or {B} or userName eq "gbv-{run}-corpus-c@verify.example"`, "ABC", "D"),
		row("and-three", "and takes more than two", `{A} and active eq true and userName pr`, "A", "BCD"),
		row("not", "not turns a test round", `not ({A})`, "BCD", "A"),
		row("not-or", "not turns a group round", `not ({A} or {B})`, "CD", "AB"),
		row("not-not", "two nots cancel", `not (not ({A}))`, "A", "BCD"),
		row("not-pr", "not pr selects who has none", `not (externalId pr)`, "CD", "AB"),
		row("and-not", "and may be followed by not", `userName pr and not ({A})`, "BCD", "A"),
		row("precedence-or-and", "and binds tighter than or, on the right", `{A} or {B} and active eq false`, "A", "BCD"),
		row("precedence-and-or", "and binds tighter than or, on the left", `active eq false and {A} or {B}`, "B", "ACD"),
		row("precedence-not-or", "not binds tighter than or", `not ({A}) or {A}`, "ABCD", ""),
		row("precedence-not-and", "not binds tighter than and", `not ({A}) and active eq true`, "BC", "AD"),
		row("group", "parentheses bind before and", `({A} or {B}) and active eq false`, "", "ABCD"),
		row("group-right", "parentheses bind on the right too", `active eq true and ({A} or {B})`, "AB", "CD"),
		row("group-nested", "parentheses nest", `(({A}) or (({B})))`, "AB", "CD"),
		row("case-operator", "operators are spelt in any case", `userName EQ {a}`, "A", "BCD"),
		row("case-logic", "AND, OR and NOT are spelt in any case", `{A} Or {B} AND NOT ({B})`, "A", "BCD"),
		row("case-attribute", "attribute names are spelt in any case", `USERNAME eq {a}`, "A", "BCD"),
		row("case-subattribute", "sub-attribute names are spelt in any case", `NAME.FamilyNAME eq "Family-{run}-Alpha"`, "A", "BCD").need(userAttr("name.familyName")),
		row("urn-core", "an attribute may carry its schema's URN", userURN+`:userName eq {a}`, "A", "BCD"),
		row("urn-core-sub", "a sub-attribute may carry its schema's URN", userURN+`:name.familyName eq "Family-{run}-Alpha"`, "A", "BCD").need(userAttr("name.familyName")),
		row("urn-case", "the URN is spelt in any case", `URN:IETF:params:scim:schemas:core:2.0:user:userName eq {a}`, "A", "BCD"),
		row("bool-no-match-string", "a boolean is not the string of its name", `title eq "true"`, "", "ABCD").need(userAttr("title")),
	}, NeedFilter)
}

// filterPathCases are complex multi-valued attributes: valuePath and what it
// means beside a plain sub-attribute.
func filterPathCases() []Case {
	row := func(id, title, filter, in, out string) Case {
		return must("rfc7644-3.4.2.2-valuepath-"+id, title, func(t *trial) {
			filterPeople(t).judge(t, judgement{t.fill(filter), in, out, true})
		}).need(userAttr("emails"))
	}
	return area("Filter value paths", "Entra looks people up by their work address; mixing up two addresses of one person finds the wrong one", []Case{
		row("type", "x[type eq] selects who has such a value", `emails[type eq "work"]`, "AB", "CD"),
		row("none", "x[…] that no value meets selects nobody", `emails[type eq "other"]`, "", "ABCD"),
		row("and", "both tests of a value path hold for one value", `emails[type eq "work" and value eq "mail-{run}-Alpha@verify.example"]`, "A", "BCD"),
		row("one-value", "a value path does not mix two values", `emails[type eq "home" and value eq "mail-{run}-Alpha@verify.example"]`, "", "ABCD"),
		row("two-values", "outside a value path two values may serve", `emails.type eq "home" and emails.value eq "mail-{run}-Alpha@verify.example"`, "A", "BCD"),
		row("or", "or works inside a value path", `emails[value eq "mail-{run}-Alpha@verify.example" or value eq "mail-{run}-Beta@verify.example"]`, "AB", "CD"),
		row("not", "not works inside a value path", `emails[type eq "work" and not (value eq "mail-{run}-Alpha@verify.example")]`, "B", "ACD"),
		row("co", "co works inside a value path", `emails[type eq "work" and value co "{run}-Alpha"]`, "A", "BCD"),
		row("primary", "a boolean works inside a value path", `emails[primary eq true and value sw "mail-{run}-A"]`, "A", "BCD"),
		row("primary-other", "the primary value is the one marked so", `emails[primary eq true and value sw "private-{run}"]`, "", "ABCD"),
		row("and-outside", "a value path combines with other tests", `emails[type eq "work"] and externalId eq "Ext-{run}-Beta"`, "B", "ACD"),
		row("two-paths", "two value paths combine", `emails[type eq "work" and value co "{run}-Alpha"] or emails[type eq "home" and value co "{run}-Beta"]`, "AB", "CD"),
		row("not-outside", "not applies to a value path", `not (emails[type eq "work"])`, "CD", "AB"),
		row("group-inside", "parentheses work inside a value path", `emails[(type eq "work" or type eq "home") and value co "private-{run}-Alpha"]`, "A", "BCD"),
		row("urn", "a value path may carry the schema's URN", userURN+`:emails[type eq "home" and value co "{run}-Beta"]`, "B", "ACD"),
		row("addresses", "a value path works on addresses", `addresses[type eq "work" and locality eq "Town-{run}-Beta"]`, "B", "ACD").need(userAttr("addresses")),
		row("bare-eq", "a bare multi-valued attribute stands for its value", `emails eq "mail-{run}-Alpha@verify.example"`, "A", "BCD"),
		row("bare-co", "co on a bare multi-valued attribute too", `emails co "{run}-Alpha"`, "A", "BCD"),
		row("bare-pr", "pr on a multi-valued attribute selects who has any", `emails pr`, "AB", "CD"),
		row("complex-pr", "pr on a complex attribute selects who has any of it", `name pr`, "AB", "CD").need(userAttr("name")),
		row("type-eq", "a sub-attribute of any value counts", `emails.type eq "home"`, "AB", "CD"),
	}, NeedFilter)
}

// filterErrorCases are filters that mean nothing.
func filterErrorCases() []Case {
	row := func(id, says, filter string) Case {
		return must("rfc7644-3.4.2.2-invalid-"+id, says+" is refused with invalidFilter", func(t *trial) {
			t.query("/Users", "filter", t.fill(filter)).isError(400, "invalidFilter")
		})
	}
	cases := []Case{
		row("operator", "an unknown operator", `userName xx "a"`),
		row("operator-missing", "a test without an operator", `userName "a"`),
		row("attribute-alone", "an attribute alone", `userName`),
		row("operand-missing", "a test without an operand", `userName eq`),
		row("unterminated", "a string without an end", `userName eq "gbv`),
		row("paren-open", "an open parenthesis", `(userName eq "a"`),
		row("paren-close", "a closing parenthesis too many", `userName eq "a")`),
		row("paren-empty", "an empty group", `()`),
		row("bracket-open", "an open bracket", `emails[type eq "work"`),
		row("bracket-close", "a closing bracket too many", `emails type eq "work"]`),
		row("bracket-empty", "an empty value path", `emails[]`),
		row("bracket-nested", "a value path in a value path", `emails[type[value eq "a"]]`),
		row("and-trailing", "and with nothing behind", `userName eq "a" and`),
		row("and-leading", "and with nothing before", `and userName eq "a"`),
		row("or-double", "two ors in a row", `userName eq "a" or or userName eq "b"`),
		row("not-alone", "not alone", `not`),
		row("two-tests", "two tests side by side", `userName eq "a" userName eq "b"`),
		row("pr-operand", "pr with an operand", `userName pr "a"`),
		row("number-first", "a literal on the left", `"a" eq userName`),
		row("escape", "an unknown escape", `userName eq "\q"`),
		row("escape-short", "a cut-off \\u escape", `userName eq "\u00"`),
		row("dot", "an attribute path that ends in a dot", `name. eq "a"`),
		row("word", "a word that is no literal", `active eq maybe`),
	}
	for _, q := range []struct{ id, attr string }{{"unknown-attribute", "gbvNoSuchAttribute"}, {"unknown-subattribute", "name.gbvNoSuch"}, {"unknown-urn", "urn:example:gbv:2.0:User:thing"}} {
		cases = append(cases, must("rfc7644-3.4.2.2-"+q.id, "a filter on "+q.attr+" selects nobody or is refused", func(t *trial) {
			res := t.query("/Users", "filter", q.attr+` eq "a"`)
			if res.Status == 200 {
				t.ok(lookupInt(res.doc, "totalResults") == 0, "no resource, or HTTP 400", "%d resources", lookupInt(res.doc, "totalResults"))
				return
			}
			res.isError(400, "")
		}).mean("a server that drops what it does not know answers everybody: an identity provider then takes a stranger for its person"))
	}
	return area("Filter errors", "a filter the server misread and still answered selects the wrong people", cases, NeedFilter)
}
