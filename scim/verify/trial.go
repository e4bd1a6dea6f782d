package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// trial is what a case is given: the server, names of its own, and ways to end.
// Like testing.T, a verdict ends the case's goroutine; send may be called from
// goroutines of the case's own, verdicts may not.
type trial struct {
	ctx  context.Context // the case's own, as testing.T has one
	run  *run
	kase Case
	tag  string // gbv-<run>-<n>: in every name this case makes

	mu   sync.Mutex
	log  []Exchange
	made []string // paths to delete, in the order made

	status   Status
	expected string
	got      string
	names    int
}

// fail ends the case: the server did not do what it must.
func (t *trial) fail(expected, got string) { t.end(Failed, expected, got) }

// block ends the case: what it builds on could not be had.
func (t *trial) block(expected, got string) { t.end(Blocked, expected, got) }

// notApplicable ends the case: the server says it does not offer this.
func (t *trial) notApplicable(why string) { t.end(NotApplicable, "", why) }

func (t *trial) end(s Status, expected, got string) {
	t.status, t.expected, t.got = s, expected, t.run.redact.text(got)
	runtime.Goexit()
}

// send sends a request and captures it; transport errors are returned.
func (t *trial) send(q request) (*reply, error) {
	res, ex, err := t.run.do(t.ctx, q)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = append(t.log, ex)
	if res != nil {
		res.t = t
	}
	return res, err
}

// ask sends a request; no answer is a failure. Bodies are strings of JSON with
// {names} filled in (see fill), or anything that marshals. Headers come in pairs.
func (t *trial) ask(method, path string, body any, header ...string) *reply {
	res, err := t.send(t.request(method, path, body, header...))
	if err != nil {
		t.fail("an HTTP response", err.Error())
	}
	return res
}

func (t *trial) request(method, path string, body any, header ...string) request {
	q := request{method: method, path: path, header: map[string]string{}}
	switch b := body.(type) {
	case nil:
	case []byte:
		q.body = b
	case string:
		q.body = []byte(t.fill(b))
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.block("a request body", err.Error())
		}
		q.body = raw
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.header[header[i]] = header[i+1]
	}
	return q
}

func (t *trial) get(path string, header ...string) *reply {
	return t.ask("GET", path, nil, header...)
}

// query asks GET path with parameters given in pairs.
func (t *trial) query(path string, params ...string) *reply {
	return t.get(path + queryOf(params...))
}

func queryOf(params ...string) string {
	values := make([]string, 0, len(params)/2)
	for i := 0; i+1 < len(params); i += 2 {
		values = append(values, url.QueryEscape(params[i])+"="+strings.ReplaceAll(url.QueryEscape(params[i+1]), "+", "%20"))
	}
	return "?" + strings.Join(values, "&")
}

// create posts a resource and, when there came one of it, sees to its end.
func (t *trial) create(path string, body any, header ...string) *reply {
	res := t.ask("POST", path, body, header...)
	t.own(path, res)
	return res
}

// own marks what a successful POST made as this case's, to be deleted.
func (t *trial) own(path string, res *reply) {
	base, _, _ := strings.Cut(path, "?")
	if id := lookupString(res.doc, "id"); res.Status/100 == 2 && id != "" {
		t.ownPath(base + "/" + url.PathEscape(id))
	}
}

func (t *trial) ownPath(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.made, path) {
		t.made = append(t.made, path)
	}
}

// patch sends operations, a JSON array, to path.
func (t *trial) patch(path, operations string, header ...string) *reply {
	body := `{"schemas":["` + patchURN + `"],"Operations":` + operations + `}`
	return t.ask("PATCH", path, body, header...)
}

// isStatus fails unless the answer's status is one of codes.
func (r *reply) isStatus(codes ...int) *reply {
	if !slices.Contains(codes, r.Status) {
		r.t.fail(statusesText(codes), r.says())
	}
	return r
}

func statusesText(codes []int) string {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = statusText(c)
	}
	return "HTTP " + strings.Join(texts, " or ")
}

// isError fails unless the answer refuses with code and scimType: one of those
// between bars, "" for any.
func (r *reply) isError(code int, scimType string) *reply {
	expected := "HTTP " + statusText(code)
	if scimType != "" {
		expected += ", scimType " + strings.ReplaceAll(scimType, "|", " or ")
	}
	if r.Status != code || scimType != "" && !slices.Contains(strings.Split(scimType, "|"), lookupString(r.doc, "scimType")) {
		r.t.fail(expected, r.says())
	}
	return r
}

// isRefused fails unless the answer is one of the 4xx.
func (r *reply) isRefused() *reply {
	if r.Status/100 != 4 {
		r.t.fail("a refusal, HTTP 4xx", r.says())
	}
	return r
}

// has fails unless the answer's document holds what w says.
func (r *reply) has(w want) *reply {
	if r.doc == nil {
		r.t.fail("a JSON document", r.says())
	}
	r.t.check(r.doc, w)
	return r
}

func (t *trial) check(doc any, w want) {
	filled := make(want, len(w))
	for path, v := range w {
		if s, ok := v.(string); ok {
			v = t.fill(s)
		}
		filled[t.fill(path)] = v
	}
	if expected, got := filled.mismatch(doc); expected != "" {
		t.fail(expected, got)
	}
}

// ok fails with what was expected unless cond.
func (t *trial) ok(cond bool, expected, got string, args ...any) {
	if !cond {
		t.fail(expected, fmt.Sprintf(got, args...))
	}
}

// read GETs a resource that must be there.
func (t *trial) read(path string) *reply { return t.get(path).isStatus(http.StatusOK) }
