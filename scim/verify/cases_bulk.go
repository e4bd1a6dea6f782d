package verify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// bulk posts operations and marks what they made as the case's own.
func (t *trial) bulk(operations string, extra ...string) *reply {
	body := `{"schemas":["` + bulkURN + `"],` + strings.Join(extra, "") + `"Operations":` + operations + `}`
	res := t.ask("POST", "/Bulk", body)
	for _, op := range lookupList(res.doc, "Operations") {
		if !strings.EqualFold(lookupString(op, "method"), "POST") {
			continue
		}
		where := lookupString(op, "location")
		for _, endpoint := range []string{"/Users/", "/Groups/"} {
			if i := strings.LastIndex(where, endpoint); i >= 0 {
				t.ownPath(where[i:])
			}
		}
	}
	return res
}

// results fails unless the bulk's operations answered with these statuses.
func (r *reply) results(codes ...string) *reply {
	r.isStatus(200).has(want{"schemas[0]": bulkReplyURN})
	var got []string
	for _, op := range lookupList(r.doc, "Operations") {
		got = append(got, strings.Trim(show(lookup(op, "status")), `"`))
	}
	slices.Sort(got) // RFC 7644 §3.7: the server may reorder
	slices.Sort(codes)
	want := strings.Join(codes, " ")
	r.t.ok(strings.Join(got, " ") == want, "operations answered "+want, "%s", strings.Join(got, " "))
	return r
}

func (t *trial) bulkUser(bulkID, name string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"schemas":[%q],"userName":%q}}`, bulkID, userURN, name)
}

func (t *trial) bulkGroup(bulkID, name string, members ...string) string {
	refs := make([]string, len(members))
	for i, m := range members {
		refs[i] = fmt.Sprintf(`{"value":%q}`, m)
	}
	return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":%q,"data":{"schemas":[%q],"displayName":%q,"members":[%s]}}`, bulkID, groupURN, name, strings.Join(refs, ","))
}

// bulkCases are RFC 7644 §3.7, where offered.
func bulkCases() []Case {
	return area("Bulk", "large changes fail half way, or are refused", []Case{
		must("rfc7644-3.7-create", "POST /Bulk creates users", func(t *trial) {
			res := t.bulk("["+t.bulkUser("a", t.newName())+","+t.bulkUser("b", t.newName())+"]").results("201", "201")
			res.has(want{"Operations[bulkId=a].location": present, "Operations[bulkId=b].location": present, "Operations[bulkId=a].method": "POST"})
		}),
		must("rfc7644-3.7-created-readable", "what bulk created can be read", func(t *trial) {
			name := t.newName()
			res := t.bulk("[" + t.bulkUser("a", name) + "]").results("201")
			t.read(res.madeAt("a", "/Users/")).has(want{"userName": name})
		}),
		must("rfc7644-3.7-status-string", "an operation's status is a JSON string", func(t *trial) {
			t.bulk("[" + t.bulkUser("a", t.newName()) + "]").isStatus(200).has(want{"Operations[0].status": "201"})
		}),
		must("rfc7644-3.7-patch", "bulk patches", func(t *trial) {
			u := t.user("")
			t.bulk(`[{"method":"PATCH","path":"` + u.path + `","data":{"schemas":["` + patchURN + `"],"Operations":[{"op":"replace","path":"displayName","value":"Bulk {tag}"}]}}]`).isStatus(200).has(want{"Operations.#": 1})
			t.read(u.path).has(want{"displayName": "Bulk {tag}"})
		}).need(NeedPatch),
		must("rfc7644-3.7-put", "bulk replaces", func(t *trial) {
			u := t.user("")
			t.bulk(`[{"method":"PUT","path":"` + u.path + `","data":{"schemas":["` + userURN + `"],"userName":"` + u.name + `","displayName":"Bulk {tag}"}}]`).results("200")
			t.read(u.path).has(want{"displayName": "Bulk {tag}"})
		}),
		must("rfc7644-3.7-delete", "bulk deletes", func(t *trial) {
			u := t.user("")
			t.bulk(`[{"method":"DELETE","path":"` + u.path + `"}]`).results("204")
			t.get(u.path).isError(404, "")
		}),
		must("rfc7644-3.7-mixed", "bulk takes different methods in one", func(t *trial) {
			u, gone := t.user(""), t.user("")
			t.bulk(`[`+t.bulkUser("a", t.newName())+`,{"method":"PUT","path":"`+u.path+`","data":{"schemas":["`+userURN+`"],"userName":"`+u.name+`"}},{"method":"DELETE","path":"`+gone.path+`"}]`).results("201", "200", "204")
		}),
		must("rfc7644-3.7.2-bulkid", "bulkId refers to what the same bulk creates", func(t *trial) {
			res := t.bulk("["+t.bulkUser("u", t.newName())+","+t.bulkGroup("g", t.fill("{tag}-g"), "bulkId:u")+"]").results("201", "201")
			id := strings.TrimPrefix(res.madeAt("u", "/Users/"), "/Users/")
			t.read(res.madeAt("g", "/Groups/")).has(want{"members.#": 1, "members[0].value": id})
		}).need(NeedGroups),
		must("rfc7644-3.7.2-bulkid-forward", "bulkId may refer to what is created further on", func(t *trial) {
			res := t.bulk("["+t.bulkGroup("g", t.fill("{tag}-g"), "bulkId:u")+","+t.bulkUser("u", t.newName())+"]").results("201", "201")
			id := strings.TrimPrefix(res.madeAt("u", "/Users/"), "/Users/")
			t.read(res.madeAt("g", "/Groups/")).has(want{"members.#": 1, "members[0].value": id})
		}).need(NeedGroups),
		must("rfc7644-3.7.2-bulkid-path", "bulkId may stand in a path", func(t *trial) {
			t.bulk(`[` + t.bulkUser("u", t.newName()) + `,{"method":"PATCH","path":"/Users/bulkId:u","data":{"schemas":["` + patchURN + `"],"Operations":[{"op":"add","path":"displayName","value":"By bulkId"}]}}]`).isStatus(200)
			found := t.list("/Users", "filter", `userName sw "`+t.tag+`"`)
			t.ok(len(found) == 1 && lookupString(found[0], "displayName") == "By bulkId", "the user made and patched", "%s", show(found))
		}).need(NeedPatch, NeedFilter),
		must("rfc7644-3.7.2-bulkid-manager", "bulkId may stand in an extension", func(t *trial) {
			boss, name := t.newName(), t.newName()
			res := t.bulk(`[`+t.bulkUser("boss", boss)+`,{"method":"POST","path":"/Users","bulkId":"u","data":{"schemas":["`+userURN+`","`+enterpriseURN+`"],"userName":"`+name+`","`+enterpriseURN+`":{"manager":{"value":"bulkId:boss"}}}}]`).results("201", "201")
			id := strings.TrimPrefix(res.madeAt("boss", "/Users/"), "/Users/")
			t.read(res.madeAt("u", "/Users/")).has(want{enterpriseURN + ":manager.value": id})
		}).need(NeedEnterprise),
		must("rfc7644-3.7.1-circular", "two groups that contain each other are created, or refused with 409", func(t *trial) {
			res := t.bulk("[" + t.bulkGroup("a", t.fill("{tag}-a"), "bulkId:b") + "," + t.bulkGroup("b", t.fill("{tag}-b"), "bulkId:a") + "]")
			t.ok(res.Status < 500, "HTTP 200 or 409", "%s", res.says())
			for _, op := range lookupList(res.doc, "Operations") {
				status := strings.Trim(show(lookup(op, "status")), `"`)
				t.ok(status == "201" || strings.HasPrefix(status, "4"), "each operation 201 or 4xx", "%s", status)
			}
		}).need(NeedGroups),
		must("rfc7644-3.7.2-bulkid-unknown", "a bulkId that nothing has is refused", func(t *trial) {
			res := t.bulk("[" + t.bulkGroup("g", t.fill("{tag}-g"), "bulkId:none") + "]")
			if res.Status == 200 {
				status := strings.Trim(show(lookup(res.doc, "Operations[0].status")), `"`)
				t.ok(strings.HasPrefix(status, "4"), "an operation answered 4xx", "%s", status)
				return
			}
			res.isRefused()
		}).need(NeedGroups),
		must("rfc7644-3.7.3-error", "an operation that fails carries its error", func(t *trial) {
			u := t.user("")
			res := t.bulk("[" + t.bulkUser("a", u.name) + "]").results("409")
			res.has(want{"Operations[0].response.schemas[0]": errorURN, "Operations[0].bulkId": "a"})
		}),
		must("rfc7644-3.7.3-goes-on", "without failOnErrors the rest goes on", func(t *trial) {
			u := t.user("")
			t.bulk("["+t.bulkUser("a", u.name)+","+t.bulkUser("b", t.newName())+","+t.bulkUser("c", u.name)+","+t.bulkUser("d", t.newName())+"]").results("409", "201", "409", "201")
		}),
		must("rfc7644-3.7.3-fail-on-errors", "failOnErrors 1 stops at the first error", func(t *trial) {
			u := t.user("")
			after := t.newName()
			res := t.bulk("["+t.bulkUser("a", t.newName())+","+t.bulkUser("b", u.name)+","+t.bulkUser("c", after)+"]", `"failOnErrors":1,`).isStatus(200)
			t.ok(len(lookupList(res.doc, "Operations")) == 2, "two operations answered", "%d", len(lookupList(res.doc, "Operations")))
			t.nobody(after)
		}),
		must("rfc7644-3.7.3-fail-on-two", "failOnErrors 2 stops at the second error", func(t *trial) {
			u := t.user("")
			after := t.newName()
			res := t.bulk("["+t.bulkUser("a", u.name)+","+t.bulkUser("b", t.newName())+","+t.bulkUser("c", u.name)+","+t.bulkUser("d", after)+"]", `"failOnErrors":2,`).isStatus(200)
			t.ok(len(lookupList(res.doc, "Operations")) == 3, "three operations answered", "%d", len(lookupList(res.doc, "Operations")))
			t.nobody(after)
		}),
		must("rfc7644-3.7-missing-bulkid", "a POST without bulkId is refused", func(t *trial) {
			res := t.bulk(`[{"method":"POST","path":"/Users","data":{"schemas":["` + userURN + `"],"userName":"` + t.newName() + `"}}]`)
			t.notCreated(res)
		}),
		must("rfc7644-3.7-unknown-method", "an operation with an unknown method is refused", func(t *trial) {
			t.notCreated(t.bulk(`[{"method":"TRACE","path":"/Users","bulkId":"a"}]`))
		}),
		must("rfc7644-3.7-unknown-path", "an operation on an unknown path is refused", func(t *trial) {
			t.notCreated(t.bulk(`[{"method":"POST","path":"/GbvNothing","bulkId":"a","data":{}}]`))
		}),
		must("rfc7644-3.7-no-schemas", "a bulk without Operations is refused", func(t *trial) {
			t.ask("POST", "/Bulk", `{"schemas":["`+bulkURN+`"]}`).isError(400, "")
		}),
		must("rfc7644-3.7.4-max-operations", "more than maxOperations answer 413", func(t *trial) {
			most := lookupInt(t.run.spc, "bulk.maxOperations")
			if most < 1 || most > 20_000 {
				t.notApplicable(fmt.Sprintf("bulk.maxOperations is %d", most))
			}
			op := `{"method":"DELETE","path":"` + t.fill("/Users/{tag}-none") + `"}`
			body := `{"schemas":["` + bulkURN + `"],"Operations":[` + strings.Repeat(op+",", most) + op + `]}`
			t.ask("POST", "/Bulk", []byte(body)).isError(413, "")
		}),
		must("rfc7644-3.7.4-max-payload", "more than maxPayloadSize answers 413", func(t *trial) {
			most := lookupInt(t.run.spc, "bulk.maxPayloadSize")
			if most < 1 || most > 20<<20 {
				t.notApplicable(fmt.Sprintf("bulk.maxPayloadSize is %d", most))
			}
			op := `{"method":"DELETE","path":"/Users/` + t.tag + strings.Repeat("x", most) + `"}`
			t.tooLarge("POST", "/Bulk", []byte(`{"schemas":["`+bulkURN+`"],"Operations":[`+op+`]}`), 413)
		}),
		must("rfc7644-3.7-get", "GET /Bulk answers 405 or 404", func(t *trial) { t.get("/Bulk").isStatus(404, 405) }),
	}, NeedBulk)
}

// nobody fails when a user of the name exists.
func (t *trial) nobody(name string) {
	if t.run.lacks(NeedFilter) != "" {
		return
	}
	found := t.list("/Users", "filter", `userName eq "`+name+`"`)
	for _, e := range found {
		t.ownPath("/Users/" + url.PathEscape(lookupString(e, "id")))
	}
	t.ok(len(found) == 0, "nobody of the name "+name, "%d", len(found))
}

// notCreated fails unless the bulk, or its one operation, is refused.
func (t *trial) notCreated(res *reply) {
	if res.Status != 200 {
		res.isRefused()
		return
	}
	status := strings.Trim(show(lookup(res.doc, "Operations[0].status")), `"`)
	t.ok(strings.HasPrefix(status, "4"), "the operation refused, 4xx", "%s", status)
}

// madeAt is the path below the base of what a bulk's operation created.
func (r *reply) madeAt(bulkID, endpoint string) string {
	where := lookupString(r.doc, "Operations[bulkId="+bulkID+"].location")
	i := strings.LastIndex(where, endpoint)
	if i < 0 {
		r.t.fail("a location under "+endpoint+" for bulkId "+bulkID, show(where))
	}
	return where[i:]
}
