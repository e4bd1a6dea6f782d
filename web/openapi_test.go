package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/web"
)

// openAPI is the document as it is served, with what checks by it.
type openAPI struct {
	t        *testing.T
	document any
	schemas  *jsonschema.Compiler
}

// documentURL is where the schemas of the document refer to each other.
const documentURL = "https://pdp.example.com/api/v1/openapi.json"

func newOpenAPI(t *testing.T, w *world) *openAPI {
	t.Helper()
	rec := w.get("/api/v1/openapi.json")
	if rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	doc, err := jsonschema.UnmarshalJSON(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	w.must(c.AddResource(documentURL, doc))
	return &openAPI{t, doc, c}
}

// fits reports why a JSON text is not of the schema at a pointer into the
// document.
func (o *openAPI) fits(pointer string, text []byte) error {
	schema, err := o.schemas.Compile(documentURL + "#" + pointer)
	if err != nil {
		o.t.Fatalf("%s: %v", pointer, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// at is the value at a path of member names.
func (o *openAPI) at(path ...string) any {
	v := o.document
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// route is the documented path that a path is of.
func (o *openAPI) route(path string) string {
	path, _, _ = strings.Cut(path, "?")
	for template := range o.at("paths").(map[string]any) {
		form := "^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + "$"
		if regexp.MustCompile(form).MatchString(path) {
			return template
		}
	}
	o.t.Fatalf("no documented path is that of %s", path)
	return ""
}

func TestTheOpenAPIDocumentIsOneAndHasEveryRoute(t *testing.T) {
	w := newWorld(t)
	o := newOpenAPI(t, w)
	// The schema of the OpenAPI Initiative, https://spec.openapis.org/oas/3.1/schema/2022-10-07
	meta, err := os.Open("testdata/openapi-3.1-schema.json")
	w.must(err)
	defer meta.Close()
	text, err := jsonschema.UnmarshalJSON(meta)
	w.must(err)
	w.must(o.schemas.AddResource("https://openapi.example/3.1", text))
	schema, err := o.schemas.Compile("https://openapi.example/3.1")
	w.must(err)
	if err := schema.Validate(o.document); err != nil {
		t.Error(err)
	}
	for name := range o.at("components", "schemas").(map[string]any) {
		if _, err := o.schemas.Compile(documentURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("the schema of %s: %v", name, err)
		}
	}
	served := web.APIRoutes()
	slices.Sort(served)
	if got := web.Documented(); !slices.Equal(got, served) {
		t.Errorf("the document has %q\nserved is %q", got, served)
	}
}

// call sends a request; its answer must be one that the document knows.
func (w *world) call(o *openAPI, who, method, path, body string) (int, string) {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+w.secrets[who])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	template, media := o.route(path), rec.Header().Get("Content-Type")
	item := o.at("paths", template).(map[string]any)
	if rec.Code == http.StatusMethodNotAllowed {
		method = strings.ToUpper(slices.Collect(maps.Keys(item))[0]) // there is one, and this is not it
	}
	known := []string{"paths", template, strings.ToLower(method), "responses", strconv.Itoa(rec.Code), "content", media, "schema"}
	if o.at(known...) == nil {
		w.t.Errorf("%s %s: %d of %s is not in the document: %s", method, path, rec.Code, media, rec.Body)
		return rec.Code, rec.Body.String()
	}
	for i := range known {
		known[i] = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(known[i])
	}
	if err := o.fits("/"+strings.Join(known, "/"), rec.Body.Bytes()); err != nil {
		w.t.Errorf("%s %s: %v\n%s", method, path, err, rec.Body)
	}
	return rec.Code, rec.Body.String()
}

// held makes the held plan of rules that would take everything from everybody.
func (w *world) held() store.Hold {
	w.t.Helper()
	_, _, err := w.engine.SetMapping(w.t.Context(), by, "mapping.yaml", []byte("version: 1\nlimits: {people_changed: 1%, people_removed: 1%}\nrules: []\n"), "", "")
	if err == nil {
		w.t.Fatal("it was not held")
	}
	var holds []store.Hold
	w.must(w.store.Read(w.t.Context(), func(v *store.View) (err error) {
		holds, err = v.Holds(w.t.Context(), false)
		return err
	}))
	if len(holds) != 1 {
		w.t.Fatalf("%d plans are held: %v", len(holds), err)
	}
	return holds[0]
}

func TestRunsAndHeldPlans(t *testing.T) {
	w := newWorld(t, func(c *web.Config) { c.Replay = nil })
	w.caller("desk", "superuser", "access:manage")
	w.caller("manager", "access:manage")
	o := newOpenAPI(t, w)
	w.must(w.engine.KeepReport(t.Context(), &provision.SyncReport{Source: "okta", State: provision.SyncApplied, Started: time.Now(), Ended: time.Now(), Says: []string{"applied"}, Mode: "full"}))
	h := w.held()
	apply := fmt.Sprintf("/api/v1/plans/%d/apply", h.ID)
	discard := fmt.Sprintf("/api/v1/plans/%d/discard", h.ID)
	for _, tt := range []struct {
		who, method, path, body string
		status                  int
		want                    string
	}{
		{"", "GET", "/api/v1/plans", "", 401, "send an API token"},
		{"alice-inherit", "GET", "/api/v1/plans", "", 403, "access:manage"},
		{"desk", "GET", "/api/v1/plans", "", 200, `"kind":"mapping"`},
		{"desk", "GET", "/api/v1/plans?kind=ldap", "", 200, `"plans":[]`},
		{"manager", "GET", "/api/v1/plans", "", 200, `"kind":"mapping"`},
		{"manager", "POST", apply, `{"hash":"x"}`, 403, "superuser"},
		{"desk", "GET", "/api/v1/plans?state=no", "", 400, "held or all"},
		{"desk", "GET", "/api/v1/plans?sauce=okta", "", 400, "no filter"},
		{"desk", "GET", fmt.Sprintf("/api/v1/plans/%d", h.ID), "", 200, `"moves":`},
		{"desk", "GET", "/api/v1/plans/999", "", 404, ""},
		{"", "GET", "/api/v1/sources/okta/runs", "", 401, ""},
		{"pep", "GET", "/api/v1/sources/okta/runs", "", 403, ""},
		{"desk", "GET", "/api/v1/sources/okta/runs", "", 200, `"state":"applied"`},
		{"desk", "GET", "/api/v1/sources/entra/runs?limit=3", "", 200, `"runs":[]`},
		{"desk", "GET", "/api/v1/sources/nobody/runs", "", 404, ""},
		{"desk", "GET", "/api/v1/sources/okta/runs?limit=0", "", 400, ""},
		{"desk", "GET", "/api/v1/sources/okta/runs/1", "", 200, `"mode":"full"`},
		{"desk", "GET", "/api/v1/sources/okta/runs/7", "", 404, ""},
		{"desk", "GET", "/api/v1/sources/entra/runs/1", "", 404, ""},
		{"", "POST", apply, `{"hash":"x"}`, 401, ""},
		{"alice-inherit", "POST", apply, `{"hash":"x"}`, 403, "superuser"},
		{"desk", "POST", apply, `{"hash":"x"}`, 409, "look at it again"},
		{"desk", "POST", apply, `{}`, 400, "hash is missing"},
		{"desk", "POST", apply, `{"hsh":"x"}`, 400, "hsh"},
		{"desk", "POST", apply, `{"hash":"` + strings.Repeat("x", 70_000) + `"}`, 413, ""},
		{"desk", "POST", "/api/v1/plans/999/apply", `{"hash":"x"}`, 404, ""},
		{"desk", "GET", apply, "", 405, ""},
		{"alice-inherit", "POST", discard, "", 403, "superuser"},
		{"desk", "POST", discard, `{"reason":"a mistake","ticket":"T-1"}`, 200, `"state":"discarded"`},
		{"desk", "POST", discard, "", 409, "discarded already"},
		{"desk", "POST", apply, `{"hash":"` + h.Hash + `"}`, 409, "discarded already"},
		{"desk", "GET", "/api/v1/plans", "", 200, `"plans":[]`},
		{"desk", "GET", "/api/v1/plans?state=all", "", 200, `"settled_by":"person:`},
		{"desk", "GET", "/api/v1/scim/requests", "", 200, `"requests":[]`},
		{"desk", "GET", "/api/v1/scim/requests/1", "", 404, ""},
		{"desk", "POST", "/api/v1/scim/requests/1/replay", "", 404, ""},
	} {
		status, body := w.call(o, tt.who, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s %s: got %d %s, want %d %q", tt.who, tt.method, tt.path, status, body, tt.status, tt.want)
		}
	}
	again := w.held()
	status, body := w.call(o, "desk", "POST", fmt.Sprintf("/api/v1/plans/%d/apply", again.ID), `{"hash":"`+again.Hash+`","reason":"it is meant"}`)
	if status != http.StatusOK || !strings.Contains(body, `"state":"applied"`) {
		t.Errorf("got %d %s", status, body)
	}
	if d := w.engine.Holder().Check(access.Request{}); d.Allowed {
		t.Error("nobody may do something")
	}
	w.must(w.engine.Sync(t.Context(), 0))
	if x, err := w.engine.Explain(t.Context(), provision.Question{Who: "alice", What: "read", Site: "record-1"}); err != nil || x.Decision {
		t.Errorf("after approving that everything goes: %+v, %v", x, err)
	}
	w.must(w.store.Read(t.Context(), func(v *store.View) error {
		entries, err := v.Audit(t.Context(), store.AuditQuery{Action: "mapping.set", Limit: 1})
		if err == nil && (len(entries) != 1 || !strings.HasPrefix(entries[0].Actor, "person:") || entries[0].Via != "api") {
			t.Errorf("the audit says %+v", entries)
		}
		return err
	}))
}

func TestAHeldPlanOfSitesIsApprovedOverTheAPI(t *testing.T) {
	w := newWorld(t)
	w.caller("desk", "superuser", "access:manage")
	o := newOpenAPI(t, w)
	text := strings.Replace(rules, "rules:", "limits: {people_changed: 1}\nrules:", 1) + "- {id: eu, from: okta, group: Readers-Secret-Name, give: admin, sites: {labels: {region: eu}}}\n"
	_, _, err := w.engine.SetMapping(t.Context(), by, "mapping.yaml", []byte(text), "", "")
	w.must(err)
	err = w.engine.PutSites(t.Context(), by, []access.Site{{ID: 2, Slug: "record-2", Name: "Record two", Labels: map[string]string{"region": "eu"}}})
	held, ok := errors.AsType[*provision.HeldError](err)
	if !ok {
		t.Fatalf("it was not held: %v", err)
	}
	path := fmt.Sprintf("/api/v1/plans/%d", held.Hold.ID)
	for _, tt := range []struct {
		method, path, body string
		want               string
	}{
		{"GET", "/api/v1/plans?kind=sites", "", `"kind":"sites"`},
		{"GET", "/api/v1/plans?kind=mapping", "", `"plans":[]`},
		{"GET", path, "", `"labels":{"region":"eu"}`},
		{"POST", path + "/apply", `{"hash":"` + held.Hold.Hash + `"}`, `"state":"applied"`},
	} {
		if status, body := w.call(o, "desk", tt.method, tt.path, tt.body); status != http.StatusOK || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: got %d %s, want %q", tt.method, tt.path, status, body, tt.want)
		}
	}
	w.must(w.engine.Sync(t.Context(), 0))
	if x, err := w.engine.Explain(t.Context(), provision.Question{Who: "bob", What: "delete", Site: "record-2"}); err != nil || !x.Decision {
		t.Errorf("after approving the label: %+v, %v", x, err)
	}
}
