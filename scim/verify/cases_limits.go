package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

// quick is how soon a server must have done with nonsense.
const quick = 5 * time.Second

// limitCases are requests made to hurt: each must be refused, or answered, soon
// and without a fault of the server's.
func limitCases() []Case {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	sane := func(id, title string, ask func(t *trial) *reply) Case {
		return must("rfc7644-3.12-limit-"+id, title, func(t *trial) {
			start := time.Now()
			res := ask(t)
			took := time.Since(start)
			t.ok(res == nil || res.Status < 500, "an answer below 500", "%s", sayOrNothing(res))
			t.ok(took < quick, "an answer within "+quick.String(), "%s", took.Round(time.Millisecond))
			t.get("/Users?count=1").isStatus(200)
		})
	}
	refused := func(id, title string, ask func(t *trial) *reply) Case {
		return sane(id, title, func(t *trial) *reply {
			res := ask(t)
			if res != nil {
				res.isRefused()
			}
			return res
		})
	}
	filter := func(text string) func(t *trial) *reply {
		return func(t *trial) *reply { return t.large("GET", "/Users?count=1&filter="+url.QueryEscape(text), nil) }
	}
	searched := func(text string) func(t *trial) *reply {
		return func(t *trial) *reply {
			res := t.large("POST", "/Users/.search", []byte(`{"schemas":["`+searchURN+`"],"count":1,"filter":`+jsonString(text)+`}`))
			return res
		}
	}
	return area("Limits", "one client, broken or hostile, takes the service from all others", []Case{
		sane("filter-literal", "a filter of 100 KB is dealt with", filter(`userName eq "`+strings.Repeat("x", 100_000)+`"`)),
		sane("filter-terms", "a filter of 2,000 terms is dealt with", filter(strings.TrimSuffix(strings.Repeat(`userName eq "gbv-x" or `, 2000), " or "))),
		sane("filter-parens", "a filter of 5,000 parentheses is dealt with", filter(strings.Repeat("(", 5000)+`userName eq "x"`+strings.Repeat(")", 5000))),
		sane("filter-nots", "a filter of 2,000 nots is dealt with", filter(strings.Repeat("not (", 2000)+`userName eq "x"`+strings.Repeat(")", 2000))),
		refused("filter-unbalanced", "a filter of 5,000 open parentheses is refused", filter(strings.Repeat("(", 5000))),
		sane("search-literal", "a posted filter of 1 MB is dealt with", searched(`userName eq "`+strings.Repeat("x", 1<<20)+`"`)).need(NeedFilter),
		sane("search-terms", "a posted filter of 5,000 terms is dealt with", searched(strings.TrimSuffix(strings.Repeat(`userName eq "gbv-x" or `, 5000), " or "))).need(NeedFilter),
		sane("filter-backslashes", "a filter of backslashes is dealt with", filter(`userName eq "`+strings.Repeat(`\\`, 2000)+`"`)),
		sane("filter-nul", "a filter with NUL is dealt with", func(t *trial) *reply { return t.get("/Users?count=1&filter=userName%20eq%20%22a%00b%22") }),
		sane("filter-invalid-utf8", "a filter of invalid UTF-8 is dealt with", func(t *trial) *reply { return t.get("/Users?count=1&filter=userName%20eq%20%22%ff%fe%22") }),
		sane("body-large", "a body of 24 MB is dealt with", func(t *trial) *reply {
			return t.large("POST", "/Users", []byte(`{"schemas":["`+userURN+`"],"displayName":"`+strings.Repeat("x", 24<<20)+`"}`))
		}),
		refused("body-nested", "a body nested 50,000 deep is refused", func(t *trial) *reply {
			return t.large("POST", "/Users", []byte(nested(50_000)))
		}),
		refused("body-nested-arrays", "a body of 50,000 brackets is refused", func(t *trial) *reply {
			return t.large("POST", "/Users", bytes.Repeat([]byte("["), 50_000))
		}),
		sane("body-nested-value", "an attribute nested 1,000 deep is dealt with", func(t *trial) *reply {
			res := t.large("POST", "/Users", []byte(t.with(`{"schemas":["`+userURN+`"],"userName":"{name}","name":`+nested(1000)+`}`, "{name}", t.newName())))
			t.ownLarge(res)
			return res
		}),
		refused("body-invalid-utf8", "a body of invalid UTF-8 is refused", func(t *trial) *reply {
			res := t.ask("POST", "/Users", []byte(t.fill(`{"schemas":["`+userURN+`"],"userName":"{tag}-`)+"\xff\xfe"+`@verify.example"}`))
			t.own("/Users", res)
			return res
		}).shouldBe(),
		refused("body-duplicate-keys", "a body that gives userName twice is refused", func(t *trial) *reply {
			res := t.create("/Users", t.fill(`{"schemas":["`+userURN+`"],"userName":"{tag}-one@verify.example","userName":"{tag}-two@verify.example"}`))
			return res
		}).shouldBe(),
		refused("body-duplicate-case", "a body that gives userName twice in two cases is refused", func(t *trial) *reply {
			res := t.create("/Users", t.fill(`{"schemas":["`+userURN+`"],"userName":"{tag}-one@verify.example","USERNAME":"{tag}-two@verify.example"}`))
			return res
		}).shouldBe(),
		sane("body-number", "a number beyond all bounds is dealt with", func(t *trial) *reply {
			res := t.create("/Users", t.userBodyRaw(`"gbvNumber": 1e999999`))
			var plain any
			if err := json.Unmarshal(res.Body, &plain); res.Status == 201 && err != nil {
				t.fail("a refusal, or an answer any JSON reader reads", err.Error())
			}
			return res
		}),
		sane("body-nul", "a string with NUL is dealt with", func(t *trial) *reply {
			return t.create("/Users", t.userBodyRaw(`"displayName": "a\u0000b"`))
		}),
		sane("body-lone-surrogate", "a lone surrogate is dealt with", func(t *trial) *reply {
			return t.create("/Users", t.userBodyRaw(`"displayName": "a\ud800b"`))
		}),
		sane("body-long-value", "a displayName of 1 MB is dealt with", func(t *trial) *reply {
			res := t.large("POST", "/Users", []byte(t.userBodyRaw(`"displayName": "`+strings.Repeat("x", 1<<20)+`"`)))
			t.ownLarge(res)
			return res
		}),
		sane("body-long-name", "a userName of 100 KB is dealt with", func(t *trial) *reply {
			res := t.large("POST", "/Users", []byte(t.fill(`{"schemas":["`+userURN+`"],"userName":"{tag}-`+strings.Repeat("x", 100_000)+`"}`)))
			t.ownLarge(res)
			return res
		}),
		sane("body-many-values", "5,000 addresses of one user are dealt with", func(t *trial) *reply {
			var list []string
			for i := range 5000 {
				list = append(list, fmt.Sprintf(`{"value":"m%d@verify.example","type":"other"}`, i))
			}
			res := t.large("POST", "/Users", []byte(t.userBodyRaw(`"emails": [`+strings.Join(list, ",")+`]`)))
			t.ownLarge(res)
			return res
		}),
		sane("patch-operations", "a PATCH of 2,000 operations is dealt with", func(t *trial) *reply {
			u := t.user("")
			op := `{"op":"replace","path":"displayName","value":"x"}`
			return t.patch(u.path, "["+strings.Repeat(op+",", 1999)+op+"]")
		}).need(NeedPatch),
		sane("patch-path", "a path of 50 KB is dealt with", func(t *trial) *reply {
			u := t.user("")
			return t.patch(u.path, `[{"op":"replace","path":"emails[`+strings.Repeat("(", 10_000)+`type eq \"work\"`+strings.Repeat(")", 10_000)+`].value","value":"x"}]`)
		}).need(NeedPatch),
		sane("id-long", "an id of 8 KB is dealt with", func(t *trial) *reply { return t.large("GET", "/Users/"+strings.Repeat("x", 8192), nil) }),
		sane("id-dots", "an id of escaped dots and slashes is dealt with", func(t *trial) *reply { return t.get("/Users/..%2f..%2fetc%2fpasswd") }),
		sane("id-nul", "an id with NUL is dealt with", func(t *trial) *reply { return t.get("/Users/a%00b") }),
		sane("id-utf8", "an id of invalid UTF-8 is dealt with", func(t *trial) *reply { return t.get("/Users/%ff%fe") }),
		sane("count-million", "count=1000000 is answered within bounds", func(t *trial) *reply {
			return t.get("/Users?count=1000000&filter=" + url.QueryEscape(t.fill(`userName eq "{tag}"`)))
		}),
		sane("attributes-many", "5,000 names in attributes are dealt with", func(t *trial) *reply {
			return t.large("GET", "/Users?count=1&attributes="+strings.Repeat("userName,", 5000), nil)
		}),
	})
}

func (c Case) shouldBe() Case { c.Level = Should; return c }

func sayOrNothing(r *reply) string {
	if r == nil {
		return "a closed connection"
	}
	return r.says()
}

// large asks something a server may refuse by hanging up: no answer is nil.
func (t *trial) large(method, path string, body []byte) *reply {
	q := t.request(method, path, nil)
	q.body = body
	res, err := t.send(q)
	if err != nil {
		if t.ctx.Err() != nil || strings.Contains(err.Error(), "deadline") || strings.Contains(err.Error(), "Timeout") {
			t.fail("an answer within "+t.run.cfg.Timeout.String(), err.Error())
		}
		return nil
	}
	return res
}

func (t *trial) ownLarge(res *reply) {
	if res != nil {
		t.own("/Users", res)
	}
}

// tooLarge fails unless the body is refused by code, or by hanging up.
func (t *trial) tooLarge(method, path string, body []byte, code int) {
	if res := t.large(method, path, body); res != nil {
		res.isStatus(code)
	}
}

// userBodyRaw is a user with one member as JSON text that need not be sound.
func (t *trial) userBodyRaw(members string) string {
	return t.with(`{"schemas":["`+userURN+`"],"userName":"{name}",`, "{name}", t.newName()) + members + "}"
}

// jsonString is s as a JSON string, whole.
func jsonString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// raceCases are two clients at once.
func raceCases() []Case {
	return area("Races", "two provisioning jobs at once, or one and its retry, leave twins or lose a change", []Case{
		must("rfc7644-3.3-race-create", "of eight clients creating one userName, one gets 201 and the others 409", func(t *trial) {
			name := t.newName()
			counts := t.atOnce(8, func(int) request { return t.request("POST", "/Users", t.userBody(name, "")) })
			t.ok(counts[201] == 1 && counts[409] == 7, "one 201 and seven 409", "%v", counts)
		}),
		must("rfc7644-3.3-race-create-case", "so it is where the name differs in case", func(t *trial) {
			t.sameCase(userURN, "userName", false)
			name := t.newName()
			counts := t.atOnce(2, func(i int) request {
				return t.request("POST", "/Users", t.userBody([]string{name, strings.ToUpper(name)}[i], ""))
			})
			t.ok(counts[201] == 1 && counts[409] == 1, "one 201 and one 409", "%v", counts)
		}),
		must("rfc7644-3.5.2-race-members", "eight members added at once are all members", func(t *trial) {
			var users []resource
			for range 8 {
				users = append(users, t.user(""))
			}
			g := t.group()
			counts := t.atOnce(8, func(i int) request {
				return t.request("PATCH", g.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"add","path":"members","value":[{"value":"`+users[i].id+`"}]}]}`)
			})
			t.ok(counts[200]+counts[204] == 8, "eight successes", "%v", counts)
			t.hasMembers(g, users...)
		}).need(NeedPatch, NeedGroups),
		must("rfc7644-3.5.2-race-attributes", "changes of different attributes at once all stay", func(t *trial) {
			u := t.user("")
			paths := []string{"title", "nickName", "userType", "displayName"}
			counts := t.atOnce(4, func(i int) request {
				return t.request("PATCH", u.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","path":"`+paths[i]+`","value":"raced"}]}`)
			})
			t.ok(counts[200]+counts[204] == 4, "four successes", "%v", counts)
			t.read(u.path).has(want{"title": "raced", "nickName": "raced", "userType": "raced", "displayName": "raced"})
		}).need(NeedPatch, userAttr("title"), userAttr("nickName"), userAttr("userType")),
		must("rfc7644-3.6-race-delete", "of four DELETEs at once one gets 204 and the others 404", func(t *trial) {
			u := t.user("")
			counts := t.atOnce(4, func(int) request { return t.request("DELETE", u.path, nil) })
			t.ok(counts[204] == 1 && counts[404] == 3, "one 204 and three 404", "%v", counts)
		}),
		must("rfc7644-3.6-race-patch-delete", "PATCH and DELETE at once leave nobody behind", func(t *trial) {
			u := t.user("")
			counts := t.atOnce(4, func(i int) request {
				if i == 0 {
					return t.request("DELETE", u.path, nil)
				}
				return t.request("PATCH", u.path, `{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","path":"displayName","value":"x"}]}`)
			})
			for code, n := range counts {
				t.ok(code == 200 || code == 204 || code == 404 || code == 409 || code == 412, "2xx, 404, 409 or 412", "%d times %s", n, statusText(code))
			}
			t.get(u.path).isError(404, "")
		}).need(NeedPatch),
		must("rfc7644-3.14-race-if-match", "of four PATCHes with one If-Match at once, one succeeds", func(t *trial) {
			u := t.versioned()
			counts := t.atOnce(4, func(i int) request {
				return t.request("PATCH", u.path, fmt.Sprintf(`{"schemas":["`+patchURN+`"],"Operations":[{"op":"replace","path":"displayName","value":"raced %d"}]}`, i), "If-Match", u.etag)
			})
			t.ok(counts[200]+counts[204] == 1 && counts[412] == 3, "one success and three 412", "%v", counts)
		}).need(NeedPatch, NeedETag),
	})
}

// atOnce sends n requests at the same time and counts the statuses; 0 is none.
func (t *trial) atOnce(n int, build func(i int) request) map[int]int {
	requests := []request{}
	for i := range n {
		requests = append(requests, build(i))
	}
	counts := map[int]int{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	gate := make(chan struct{})
	for _, q := range requests {
		wait.Go(func() {
			<-gate
			res, err := t.send(q)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				counts[0]++
				return
			}
			counts[res.Status]++
			if q.method == "POST" {
				t.own(q.path, res)
			}
		})
	}
	close(gate)
	wait.Wait()
	return counts
}
