package verify

import (
	"strings"
	"time"
)

// filterValueCases are filters on what is no plain string: booleans, instants,
// ids, common attributes, and strings that need escapes.
func filterValueCases() []Case {
	cases := []Case{
		boolean("eq-active-true", `active eq true`, "A", "D"),
		boolean("eq-active-false", `active eq false`, "D", "A"),
		boolean("ne-active-true", `active ne true`, "D", "A"),
		boolean("ne-active-false", `active ne false`, "A", "D"),
		boolean("pr-active", `active pr`, "AD", ""),
		boolean("eq-emails.primary", `emails.primary eq true`, "AB", "CD"),
	}
	for _, op := range []string{"gt", "ge", "lt", "le"} {
		cases = append(cases, must("rfc7644-3.4.2.2-"+op+"-active", op+" on a boolean is refused", func(t *trial) {
			t.query("/Users", "filter", "active "+op+" true").isError(400, "invalidFilter")
		}).need(userAttr("active")).mean("a filter that means nothing must not select anybody"))
	}
	cases = append(cases, instantCases()...)
	cases = append(cases, commonCases()...)
	return area("Filter values", filterMeans, append(cases, literalCases()...), NeedFilter)
}

func boolean(id, filter, in, out string) Case {
	return must("rfc7644-3.4.2.2-"+id, filter+" selects by truth", func(t *trial) {
		filterPeople(t).judge(t, judgement{filter, in, out, true})
	}).need(userAttr("active"))
}

// instantCases are filters on meta.created and meta.lastModified. {v} is the
// instant as the server gave it for A.
func instantCases() []Case {
	var cases []Case
	for _, attr := range []string{"meta.created", "meta.lastModified"} {
		for _, row := range []struct{ name, test, in, out string }{
			{"eq", `eq "{v}"`, "A", ""},
			{"ge", `ge "{v}"`, "A", ""},
			{"le", `le "{v}"`, "A", ""},
			{"gt-itself", `gt "{v}"`, "", "A"},
			{"lt-itself", `lt "{v}"`, "", "A"},
			{"gt-past", `gt "2001-02-03T04:05:06Z"`, "ABCD", ""},
			{"lt-past", `lt "2001-02-03T04:05:06Z"`, "", "ABCD"},
			{"gt-future", `gt "2099-01-01T00:00:00.000Z"`, "", "ABCD"},
			{"ge-offset", `ge "{offset}"`, "A", ""},
			{"lt-offset", `lt "{offset}"`, "", "A"},
			{"pr", `pr`, "ABCD", ""},
		} {
			cases = append(cases, must("rfc7644-3.4.2.2-"+attr+"-"+row.name, attr+" "+row.test+" compares in time", func(t *trial) {
				p := filterPeople(t)
				given := lookupString(t.read(p.byLetter["A"].path).doc, attr)
				at, err := time.Parse(time.RFC3339Nano, given)
				if err != nil {
					t.block("groundwork: "+attr+" is a dateTime", given)
				}
				offset := at.In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339Nano)
				test := strings.NewReplacer("{v}", given, "{offset}", offset).Replace(row.test)
				p.judge(t, judgement{attr + " " + test, row.in, row.out, true})
			}).mean("clients that ask what changed since their last visit would miss changes"))
		}
	}
	return cases
}

func commonCases() []Case {
	row := func(id, filter, in, out string) Case {
		return must("rfc7644-3.4.2.2-"+id, filter+" selects by a common attribute", func(t *trial) {
			p := filterPeople(t)
			f := t.with(filter, "{A}", p.byLetter["A"].id, "{a}", strings.ToUpper(p.byLetter["A"].id), "{where}", lookupString(p.byLetter["A"].doc, "meta.location"))
			p.judge(t, judgement{f, in, out, true})
		})
	}
	return []Case{
		row("eq-id", `id eq "{A}"`, "A", "BCD"),
		row("ne-id", `id ne "{A}"`, "BCD", "A"),
		row("pr-id", `id pr`, "ABCD", ""),
		row("eq-id-or", `id eq "{A}" or id eq "gbv-nobody"`, "A", "BCD"),
		row("eq-meta.resourceType", `meta.resourceType eq "User"`, "ABCD", ""),
		row("eq-meta.resourceType-other", `meta.resourceType eq "Group"`, "", "ABCD"),
		row("eq-schemas", `schemas eq "`+userURN+`"`, "ABCD", ""),
		row("eq-schemas-enterprise", `schemas eq "`+enterpriseURN+`"`, "AB", "").need(NeedEnterprise),
		row("eq-schemas-none", `schemas eq "urn:example:none"`, "", "ABCD"),
		row("id-and-externalId", `id eq "{A}" and externalId eq "Ext-{run}-Alpha"`, "A", "BCD"),
		row("id-and-externalId-other", `id eq "{A}" and externalId eq "Ext-{run}-Beta"`, "", "ABCD"),
		row("core-and-enterprise", `active eq true and `+enterpriseURN+`:department eq "Dept-{run}-Alpha"`, "A", "BCD").need(NeedEnterprise),
	}
}

// literalCases make one user whose title is odd and look it up by it.
func literalCases() []Case {
	odd := func(id, says, title, literal string) Case {
		return must("rfc7644-3.4.2.2-literal-"+id, "a string literal may hold "+says, func(t *trial) {
			u := t.user(`{"title": ` + title + `}`)
			found := t.list("/Users", "filter", t.fill(`title eq `+literal))
			t.ok(len(found) == 1 && lookupString(found[0], "id") == u.id, "the one user with that title", "%d resources", len(found))
		}).need(userAttr("title")).mean("people with such names are never found, and so are created again and again")
	}
	plain := func(id, says, op, operand string) Case {
		return must("rfc7644-3.4.2.2-literal-"+id, says, func(t *trial) {
			filterPeople(t).judge(t, judgement{"title " + op + " " + operand, "", "ABCD", true})
		}).need(userAttr("title")).mean("a name with such a character would match people it is not the name of")
	}
	return []Case{
		odd("quote", `an escaped quote, \"`, `"{tag} \"the boss\""`, `"{tag} \"the boss\""`),
		odd("backslash", `an escaped backslash, \\`, `"{tag} C:\\x"`, `"{tag} C:\\x"`),
		odd("unicode-escape", `a \u escape`, `"{tag} Renée"`, `"{tag} Ren\u00e9e"`),
		odd("surrogates", `an escaped surrogate pair`, `"{tag} 😀"`, `"{tag} \ud83d\ude00"`),
		odd("slash-escape", `an escaped slash, \/`, `"{tag} a/b"`, `"{tag} a\/b"`),
		odd("utf8", `UTF-8 beyond ASCII`, `"{tag} Zoë 東京"`, `"{tag} Zoë 東京"`),
		odd("apostrophe", `an apostrophe`, `"{tag} O'Neil"`, `"{tag} O'Neil"`),
		odd("parentheses", `parentheses and operators`, `"{tag} (a and b) or not"`, `"{tag} (a and b) or not"`),
		odd("brackets", `brackets`, `"{tag} a[b]c"`, `"{tag} a[b]c"`),
		odd("plus-ampersand", `plus, ampersand, hash and per cent`, `"{tag} a+b&c#d%e"`, `"{tag} a+b&c#d%e"`),
		plain("percent", "co of a per cent sign is no wildcard", "co", `"%"`),
		plain("underscore", "sw of underscores is no wildcard", "sw", `"_____-"`),
		plain("star", "sw of a star is no wildcard", "eq", `"*"`),
		plain("sql", "a quote does not end the literal", "eq", `"x' or '1'='1"`),
	}
}
