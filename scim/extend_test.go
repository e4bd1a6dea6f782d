package scim_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"grantbridge/provision"
	"grantbridge/scim"
)

const acme = "urn:acme:scim:2.0:User"

// acmeUser is a schema with an attribute of every kind.
func acmeUser() scim.Schema {
	return scim.Schema{ID: acme, Name: "Acme", Attributes: []scim.Attribute{
		{Name: "badge", Required: true, Uniqueness: "server", CaseExact: true},
		{Name: "level", Type: "integer"},
		{Name: "weight", Type: "decimal"},
		{Name: "hired", Type: "dateTime"},
		{Name: "remote", Type: "boolean"},
		{Name: "photo", Type: "binary"},
		{Name: "bornIn", Mutability: "immutable"},
		{Name: "pin", Mutability: "writeOnly", Returned: "never"},
		{Name: "notes", Returned: "request"},
		{Name: "score", Returned: "never", Type: "integer"},
		{Name: "rank", Mutability: "readOnly"},
		{Name: "team", Returned: "always"},
		{Name: "skills", MultiValued: true},
		{Name: "desks", Type: "complex", MultiValued: true, SubAttributes: []scim.Attribute{
			{Name: "value", Required: true}, {Name: "type"}, {Name: "floor", Type: "integer"}, {Name: "primary", Type: "boolean"},
		}},
	}}
}

// onAcme is a house whose users have the schema.
func onAcme(t *testing.T, profile scim.Profile, f func(h *house)) {
	onBoth(t, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: profile, UserSchemas: []scim.Schema{acmeUser()}}}}, f)
}

func acmeBody(login, inner string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",%q],"userName":%q,%q:{%s}}`, acme, login, acme, inner)
}

func (h *house) found(filter string) string {
	h.t.Helper()
	var out []string
	list, _ := h.want(200, "GET", "/Users?attributes=userName&filter="+url.QueryEscape(filter), "").get("Resources").([]any)
	for _, r := range list {
		out = append(out, r.(map[string]any)["userName"].(string))
	}
	return strings.Join(out, " ")
}

func TestASchemaOfOnesOwnIsServed(t *testing.T) {
	onAcme(t, scim.Strict, func(h *house) {
		if n := h.want(200, "GET", "/Schemas", "").get("totalResults"); fmt.Sprint(n) != "4" {
			t.Errorf("there are %v schemas, want 4", n)
		}
		s := h.want(200, "GET", "/Schemas/"+acme, "")
		if s.text1("name") != "Acme" || !strings.Contains(s.text, `"uniqueness":"server"`) || !strings.Contains(s.text, `"name":"floor"`) {
			t.Errorf("the schema is %s", s.text)
		}
		if r := h.want(200, "GET", "/ResourceTypes/User", ""); !strings.Contains(r.text, acme) {
			t.Errorf("the resource type is %s", r.text)
		}
		if r := h.want(200, "GET", "/ResourceTypes/Group", ""); strings.Contains(r.text, acme) {
			t.Errorf("groups have it too: %s", r.text)
		}
		h.secret, h.source = h.token("entra"), "entra"
		if r := h.want(200, "GET", "/Schemas", ""); strings.Contains(r.text, acme) {
			t.Error("another source has it too")
		}
	})
}

func TestASchemasAttributesAreValidated(t *testing.T) {
	onAcme(t, scim.Strict, func(h *house) {
		for inner, want := range map[string]string{
			`"badge":"b","level":"7"`:                           acme + ":level takes a number",
			`"badge":"b","level":7.5`:                           acme + ":level takes a whole number",
			`"badge":"b","level":99999999999999999999`:          acme + ":level takes a whole number of at most 64 bits",
			`"badge":"b","hired":"yesterday"`:                   acme + ":hired takes a time",
			`"badge":"b","remote":"True"`:                       acme + ":remote takes true or false",
			`"badge":"b","photo":"%%"`:                          acme + ":photo takes base64",
			`"badge":5`:                                         acme + ":badge takes a string, not a number",
			`"badge":["b"]`:                                     acme + ":badge takes one value",
			`"badge":"b","skills":"go"`:                         acme + ":skills takes an array",
			`"badge":"b","nope":1`:                              `has no attribute "nope"`,
			`"badge":"b","desks":[{"type":"x"}]`:                acme + ":desks.value is required",
			`"badge":"b","desks":[{"value":"x","floor":"1"}]`:   acme + ":desks.floor takes a number",
			`"badge":"b","desks":[{"value":"x","window":true}]`: `has no sub-attribute "window"`,
			`"level":1`:                acme + ":badge is required",
			`"badge":"b","level":true`: acme + ":level takes a integer",
			`"badge":"b","desks":[{"value":"a"},{"value":["x",1]}]`: acme + ":desks.value takes one value",
		} {
			r := h.want(400, "POST", "/Users", acmeBody("x", inner))
			if r.text1("scimType") != "invalidValue" || !strings.Contains(r.text1("detail"), want) {
				t.Errorf("%s: %s, want %q", inner, r.text, want)
			}
		}
		h.want(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"without"}`)
	})
}

func TestALenientSourceReadsItsProvidersForms(t *testing.T) {
	onAcme(t, scim.Auto, func(h *house) {
		id := h.want(201, "POST", "/Users", acmeBody("x", `"badge":"b","level":"7","remote":"True","hired":"2026-11-23","kept":"as it is"`)).text1("id")
		want := h.want(200, "GET", "/Users/"+id, "")
		for _, s := range []string{`"level":7`, `"remote":true`, `"kept":"as it is"`} {
			if !strings.Contains(want.text, s) {
				t.Errorf("got %s, want %s", want.text, s)
			}
		}
		h.want(200, "PATCH", "/Users/"+id, patch(`{"op":"Replace","path":"level","value":"8"}`))
		if got := h.found(acme + ":level eq 8"); got != "x" {
			t.Errorf("found %q", got)
		}
	})
}

func TestUniqueValuesAreRefusedOnce(t *testing.T) {
	onAcme(t, scim.Auto, func(h *house) {
		a := h.want(201, "POST", "/Users", acmeBody("a", `"badge":"7"`)).text1("id")
		r := h.want(409, "POST", "/Users", acmeBody("b", `"badge":"7"`))
		if r.text1("scimType") != "uniqueness" || !strings.Contains(r.text1("detail"), acme+`:badge "7"`) || !strings.Contains(r.text1("detail"), a) {
			t.Errorf("got %s", r.text)
		}
		b := h.want(201, "POST", "/Users", acmeBody("b", `"badge":"8"`)).text1("id")
		h.want(409, "PATCH", "/Users/"+b, patch(`{"op":"replace","path":"`+acme+`:badge","value":"7"}`))
		h.want(409, "PUT", "/Users/"+b, acmeBody("b", `"badge":"7"`))
		h.want(200, "PUT", "/Users/"+b, acmeBody("b", `"badge":"8","level":3`))
		h.want(204, "DELETE", "/Users/"+a, "")
		h.want(200, "PUT", "/Users/"+b, acmeBody("b", `"badge":"7"`))
		h.want(201, "POST", "/Users", acmeBody("c", `"badge":"8"`))
		h.want(201, "POST", "/Users", acmeBody("d", `"badge":"`+strings.Repeat("x", 2000)+`1"`))
		h.want(201, "POST", "/Users", acmeBody("e", `"badge":"`+strings.Repeat("x", 2000)+`2"`))
		h.want(409, "POST", "/Users", acmeBody("f", `"badge":"`+strings.Repeat("x", 2000)+`2"`))
	})
}

func TestTwoWhoRaceForOneValueGiveOne201AndOne409(t *testing.T) {
	onAcme(t, scim.Auto, func(h *house) {
		for round := range 10 {
			got := make(chan int, 4)
			for i := range 4 {
				go func() {
					r, err := h.try("POST", "/Users", acmeBody(fmt.Sprintf("u%d-%d", round, i), fmt.Sprintf(`"badge":"r%d"`, round)))
					if err != nil {
						got <- 0
						return
					}
					got <- r.status
				}()
			}
			count := map[int]int{}
			for range 4 {
				count[<-got]++
			}
			if count[201] != 1 || count[409] != 3 {
				t.Errorf("round %d: %v", round, count)
			}
		}
	})
}

func TestImmutableAndReadOnlyAttributes(t *testing.T) {
	onAcme(t, scim.Strict, func(h *house) {
		id := h.want(201, "POST", "/Users", acmeBody("a", `"badge":"7","bornIn":"Lyon","rank":"first","pin":"4711"`)).text1("id")
		got := h.want(200, "GET", "/Users/"+id, "").text
		if strings.Contains(got, "first") || strings.Contains(got, "4711") || !strings.Contains(got, "Lyon") {
			t.Errorf("got %s", got)
		}
		path := func(name string) string { return `"path":"` + acme + ":" + name + `"` }
		for _, op := range []string{
			`{"op":"replace",` + path("bornIn") + `,"value":"Metz"}`, `{"op":"remove",` + path("bornIn") + `}`,
			`{"op":"add",` + path("rank") + `,"value":"x"}`, `{"op":"remove",` + path("badge") + `}`,
		} {
			if r := h.want(400, "PATCH", "/Users/"+id, patch(op)); r.text1("scimType") != "mutability" {
				t.Errorf("%s: %s", op, r.text)
			}
		}
		h.want(200, "PATCH", "/Users/"+id, patch(`{"op":"add",`+path("bornIn")+`,"value":"Lyon"}`))
		h.want(400, "PUT", "/Users/"+id, acmeBody("a", `"badge":"7","bornIn":"Metz"`))
		h.want(200, "PUT", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a","active":true}`)
		if got := h.want(200, "GET", "/Users/"+id, "").text; !strings.Contains(got, "Lyon") {
			t.Errorf("a PUT that does not mention it took it away: %s", got)
		}
		other := h.want(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"b"}`).text1("id")
		h.want(200, "PATCH", "/Users/"+other, patch(`{"op":"replace","path":"active","value":false}`))
		if r := h.want(400, "PATCH", "/Users/"+other, patch(`{"op":"add",`+path("level")+`,"value":1}`)); !strings.Contains(r.text, "badge is required") {
			t.Errorf("got %s", r.text)
		}
		h.want(200, "PATCH", "/Users/"+other, patch(`{"op":"add",`+path("bornIn")+`,"value":"Metz"},{"op":"add",`+path("badge")+`,"value":"9"}`))
	})
}

func TestASchemasAttributesAreReturnedAsItSays(t *testing.T) {
	onAcme(t, scim.Strict, func(h *house) {
		id := h.want(201, "POST", "/Users", acmeBody("a", `"badge":"7","notes":"n","score":5,"team":"t","level":1,"desks":[{"value":"d","floor":2}]`)).text1("id")
		for query, want := range map[string]string{
			"":                                     `{"badge":"7","desks":[{"floor":2,"value":"d"}],"level":1,"team":"t"}`,
			"?attributes=userName":                 `{"team":"t"}`,
			"?attributes=" + acme + ":notes":       `{"notes":"n","team":"t"}`,
			"?attributes=" + acme + ":score":       `{"team":"t"}`,
			"?attributes=" + acme:                  `{"badge":"7","desks":[{"floor":2,"value":"d"}],"level":1,"team":"t"}`,
			"?attributes=" + acme + ":desks.floor": `{"desks":[{"floor":2}],"team":"t"}`,
			"?excludedAttributes=" + acme + ":team," + acme + ":desks.floor": `{"badge":"7","desks":[{"value":"d"}],"level":1,"team":"t"}`,
			"?excludedAttributes=" + acme:                                    `{"team":"t"}`,
		} {
			r := h.want(200, "GET", "/Users/"+id+query, "")
			if got := fmt.Sprint(r.get(acme)); got != fmt.Sprint(mustJSON(want)) {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
		if got := h.found(acme + ":score gt 4"); got != "a" {
			t.Errorf("what is never returned can be asked for all the same (RFC 7643 7): %q", got)
		}
	})
}

func TestASchemasAttributesAreFilteredAndSorted(t *testing.T) {
	onAcme(t, scim.Strict, func(h *house) {
		for login, inner := range map[string]string{
			"a": `"badge":"A","level":9,"weight":1.50,"hired":"2020-01-01T00:00:00Z","remote":true,"skills":["Go","SQL"]`,
			"b": `"badge":"B","level":10,"weight":-2e3,"hired":"2021-01-01T01:00:00+01:00","desks":[{"value":"x","floor":2},{"value":"y","floor":11}]`,
			"c": `"badge":"C","level":-3,"weight":15e-1,"desks":[{"value":"y","floor":3},{"value":"x","floor":9}]`,
		} {
			h.want(201, "POST", "/Users", acmeBody(login, inner))
		}
		for filter, want := range map[string]string{
			"level gt 9":                         "b",
			"level ge 9":                         "a b",
			"level lt 0":                         "c",
			"level eq 10":                        "b",
			"level ne 10":                        "a c",
			"weight eq 1.5":                      "a c",
			"weight lt 0":                        "b",
			`hired eq "2021-01-01T00:00:00Z"`:    "b",
			`hired lt "2020-06-01T00:00:00Z"`:    "a",
			"remote eq true":                     "a",
			`skills eq "go"`:                     "a",
			`badge eq "a"`:                       "",
			`badge eq "A"`:                       "a",
			`desks[value eq "x" and floor gt 5]`: "c",
			`desks.floor gt 10`:                  "b",
			"desks pr":                           "b c",
		} {
			if got := h.found(acme + ":" + filter); !sameWords(got, want) {
				t.Errorf("%s: found %q, want %q", filter, got, want)
			}
		}
		if got := h.found(`schemas eq "` + acme + `"`); !sameWords(got, "a b c") {
			t.Errorf("by schema: %q", got)
		}
		for _, bad := range []string{`level eq "9"`, "level co 9", "level gt 9.5", "pin eq \"1\"", "hired co \"2\""} {
			h.want(400, "GET", "/Users?filter="+url.QueryEscape(acme+":"+bad), "")
		}
		r := h.want(200, "GET", "/Users?sortBy="+acme+":level&attributes=userName", "")
		var order []string
		for _, u := range r.get("Resources").([]any) {
			order = append(order, u.(map[string]any)["userName"].(string))
		}
		if fmt.Sprint(order) != "[c a b]" {
			t.Errorf("sorted %v, want [c a b]", order)
		}
	})
}

// sameWords reports whether a and b have the same words in some order.
func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestRulesAskForASchemasAttributes(t *testing.T) {
	onAcme(t, scim.Auto, func(h *house) {
		_, _, err := h.e.SetMapping(t.Context(), operator, "m", []byte(`
version: 1
rules:
- {id: seniors, from: okta, person: {"urn:acme:scim:2.0:User:level": "9", "urn:acme:scim:2.0:User:desks.type": {glob: "corner*"}}, give: write, sites: [main]}
`), "", "")
		h.must(err)
		id := h.want(201, "POST", "/Users", acmeBody("alice", `"badge":"1","level":9,"desks":[{"value":"d","type":"Corner-West"}]`)).text1("id")
		h.must(h.e.Sync(t.Context(), 0))
		x, err := h.e.Explain(t.Context(), provision.Question{Who: "alice", What: "write", Site: "main"})
		h.must(err)
		if !x.Decision {
			t.Errorf("a person with level 9 may not write: %s", x.Says)
		}
		h.want(200, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"`+acme+`:level","value":8}`))
		h.must(h.e.Sync(t.Context(), 0))
		x, err = h.e.Explain(t.Context(), provision.Question{Who: "alice", What: "write", Site: "main"})
		h.must(err)
		if x.Decision {
			t.Errorf("a person with level 8 may write: %s", x.Says)
		}
	})
}

func TestACoreSchemaIsTightened(t *testing.T) {
	tight := scim.Schema{ID: "urn:ietf:params:scim:schemas:core:2.0:User", Attributes: []scim.Attribute{
		{Name: "title", Required: true, Description: "Title"}, {Name: "nickName", Uniqueness: "server"}, {Name: "locale", Mutability: "immutable", Returned: "request"},
	}}
	if f := tight.Faults(); len(f) > 0 {
		t.Fatal(f)
	}
	onBoth(t, scim.Config{Sources: map[string]scim.Source{"okta": {UserSchemas: []scim.Schema{tight}}}}, func(h *house) {
		h.want(400, "POST", "/Users", `{"userName":"a"}`)
		id := h.want(201, "POST", "/Users", `{"userName":"a","title":"t","nickName":"Al","locale":"fr"}`).text1("id")
		h.want(409, "POST", "/Users", `{"userName":"b","title":"t","nickName":"AL"}`)
		h.want(400, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"locale","value":"en"}`))
		if r := h.want(200, "GET", "/Users/"+id, ""); r.text1("locale") != "" {
			t.Errorf("got %s", r.text)
		}
		if r := h.want(200, "GET", "/Users/"+id+"?attributes=locale", ""); r.text1("locale") != "fr" {
			t.Errorf("got %s", r.text)
		}
		h.secret, h.source = h.token("entra"), "entra"
		h.want(201, "POST", "/Users", `{"userName":"a"}`)
	})
}

func TestFaultsOfASchemaSayWhereAndWhat(t *testing.T) {
	one := func(a scim.Attribute) scim.Schema {
		return scim.Schema{ID: "urn:x1:y", Attributes: []scim.Attribute{a}}
	}
	user := func(a scim.Attribute) scim.Schema {
		s := one(a)
		s.ID = "urn:ietf:params:scim:schemas:core:2.0:User"
		return s
	}
	for want, s := range map[string]scim.Schema{
		"id: \"http://x\" is no URN":                                                           {ID: "http://x", Attributes: []scim.Attribute{{Name: "a"}}},
		"id: URNs below urn:ietf:params:scim: are the RFCs'":                                   {ID: "urn:ietf:params:scim:schemas:x", Attributes: []scim.Attribute{{Name: "a"}}},
		"schemas: a schema's own schemas are":                                                  {ID: "urn:x1:y", Schemas: []string{"x"}, Attributes: []scim.Attribute{{Name: "a"}}},
		"attributes: the schema has no attributes":                                             {ID: "urn:x1:y"},
		"attributes.1.name: A stands twice":                                                    {ID: "urn:x1:y", Attributes: []scim.Attribute{{Name: "a"}, {Name: "A"}}},
		"attributes.0.name: \"a.b\" is no attribute name":                                      one(scim.Attribute{Name: "a.b"}),
		"attributes.0.type: no type \"text\"; it is one of string":                             one(scim.Attribute{Name: "a", Type: "text"}),
		"attributes.0.mutability: no mutability \"rw\"":                                        one(scim.Attribute{Name: "a", Mutability: "rw"}),
		"attributes.0.returned: no returned \"x\"":                                             one(scim.Attribute{Name: "a", Returned: "x"}),
		"attributes.0.uniqueness: nobody can promise global":                                   one(scim.Attribute{Name: "a", Uniqueness: "global"}),
		"attributes.0.uniqueness: a cannot be unique":                                          one(scim.Attribute{Name: "a", Type: "boolean", Uniqueness: "server"}),
		"attributes.0.required: a is readOnly":                                                 one(scim.Attribute{Name: "a", Required: true, Mutability: "readOnly"}),
		"attributes.0.mutability: a is writeOnly; then returned is never":                      one(scim.Attribute{Name: "a", Mutability: "writeOnly"}),
		"attributes.0.caseExact: a is no text":                                                 one(scim.Attribute{Name: "a", Type: "integer", CaseExact: true}),
		"attributes.0: a is complex and needs subAttributes":                                   one(scim.Attribute{Name: "a", Type: "complex"}),
		"attributes.0.subAttributes: a is no complex attribute":                                one(scim.Attribute{Name: "a", SubAttributes: []scim.Attribute{{Name: "b"}}}),
		"attributes.0.subAttributes.0.multiValued: b: a sub-attribute has one":                 one(scim.Attribute{Name: "a", Type: "complex", SubAttributes: []scim.Attribute{{Name: "b", MultiValued: true}}}),
		"attributes.0.name: the schema has no attribute \"shoe\"":                              user(scim.Attribute{Name: "shoe"}),
		"attributes.0.name: active cannot be tightened":                                        user(scim.Attribute{Name: "active", Type: "boolean"}),
		"attributes.0.required: userName has required true by the RFC; false would be looser":  user(scim.Attribute{Name: "userName", Uniqueness: "server"}),
		"attributes.0.type: title has type string by the RFC":                                  user(scim.Attribute{Name: "title", Type: "integer"}),
		"attributes.0.returned: title has returned default by the RFC; always would be looser": user(scim.Attribute{Name: "title", Returned: "always"}),
	} {
		var all []string
		for _, f := range s.Faults() {
			all = append(all, f.String())
		}
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("got %q, want %q", all, want)
		}
	}
	clash := scim.CheckSchemas([]scim.Schema{{ID: "urn:x1:a"}, {ID: "urn:x1:b"}, {ID: "URN:x1:A"}, {ID: "urn:x1:a:b"}})
	if len(clash) != 3 || clash[0].Index != 2 || clash[1].Index != 3 {
		t.Errorf("got %v", clash)
	}
}
