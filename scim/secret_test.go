package scim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// canary stands for a password wherever one can stand.
const canary = "c4nary-in-the-mine"

// TestSecretsLeaveNoTrace plays what every provider sends, with a password put
// into every resource and every PATCH, and looks for it and for the bearer token
// in every answer, in the log, and in the bytes of the database.
func TestSecretsLeaveNoTrace(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.scim")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
			f := readFixture(t, file)
			profile, err := scim.ParseProfile(f.head["profile"])
			if err != nil {
				t.Fatal(err)
			}
			traceless(t, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: profile}}}, func(h *house) {
				h.edit = withPassword
				f.play(t, h)
			})
		})
	}
}

// withPassword puts the canary into a body.
func withPassword(method, path, body string) string {
	var v map[string]any
	if json.Unmarshal([]byte(body), &v) != nil || !strings.HasPrefix(path, "/Users") {
		return body
	}
	if ops, ok := v["Operations"].([]any); ok {
		v["Operations"] = append(ops, map[string]any{"op": "replace", "path": "password", "value": canary},
			map[string]any{"op": "add", "value": map[string]any{"password": canary}})
	} else if method != "GET" && !strings.HasSuffix(path, ".search") {
		v["password"] = canary
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// traceless runs f and looks for secrets in all that it left.
func traceless(t *testing.T, c scim.Config, f func(h *house)) {
	t.Helper()
	dsn := storetest.DSN(t, "sqlite")
	st, err := store.Open(t.Context(), dsn, store.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	h := openHouse(t, st, c)
	f(h)
	kept := databaseBytes(t, dsn) // with the write-ahead log
	h.must(st.Close())
	kept += databaseBytes(t, dsn)
	for where, text := range map[string]string{"an answer": h.answers.String(), "the log": h.log.String(), "the database": kept} {
		for what, secret := range map[string]string{"a password": canary, "the bearer token": h.secret, "half the token": h.secret[len(h.secret)/2:]} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s has %s: …%q…", where, what, text[max(0, i-60):i])
			}
		}
	}
}

func databaseBytes(t *testing.T, dsn string) string {
	t.Helper()
	var all strings.Builder
	files, _ := filepath.Glob(strings.TrimPrefix(dsn, "sqlite:") + "*")
	if len(files) == 0 {
		t.Fatalf("no files at %s", dsn)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

func TestPasswordsInUnusualPlacesLeaveNoTrace(t *testing.T) {
	for _, profile := range []scim.Profile{scim.Auto, scim.Strict} {
		traceless(t, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: profile}}}, func(h *house) {
			id := h.user("a")
			quoted := fmt.Sprintf("%q", canary)
			for _, body := range []string{
				`{"userName":"b","password":` + quoted + `}`, `{"userName":"c","PASSWORD":[` + quoted + `]}`, `{"userName":"d","password":{"value":` + quoted + `}}`,
				`{"userName":"e","userPassword":` + quoted + `}`, `{"userName":"f","urn:x:y":{"password":` + quoted + `}}`,
				`{"userName":"g","urn:ietf:params:scim:schemas:core:2.0:User:password":` + quoted + `}`, `{"userName":"h","urn:x:y:password":` + quoted + `}`,
				`{"userName":"i","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"password":` + quoted + `}}`,
				`{"userName":"j","name":{"password":` + quoted + `}}`, `{"userName":"k","secrets":{"Passwd":` + quoted + `,"more":[{"userPassword":` + quoted + `}]}}`,
				`{"password":` + quoted + `}`, `{"userName":5,"password":` + quoted + `}`, `{"userName":"a","password":` + quoted + `}`,
			} {
				h.send("POST", "/Users", body)
				h.send("PUT", "/Users/"+id, body)
				h.send("PATCH", "/Users/"+id, patch(`{"op":"replace","value":`+body+`}`))
				h.send("POST", "/Bulk", bulk(`{"method":"POST","path":"/Users","bulkId":"x","data":`+body+`}`))
			}
			for _, path := range []string{"password", "PassWord", "urn:x:y:password", "x.password", "userPassword", "password.value", "urn:scim:schemas:core:1.0:password"} {
				h.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"`+path+`","value":`+quoted+`}`))
			}
			h.send("GET", "/Users?filter=password%20eq%20%22"+canary+"%22", "")
			h.send("GET", "/Users", "", "Authorization: Bearer "+h.secret+"x")
			h.send("GET", "/Users?access_token="+h.secret, "")
			h.send("GET", "/Users/"+id, "")
		})
	}
}

// TestARefusalSaysWhatAndWhere asks wrongly in every way and looks for the words
// by which an administrator finds the mistake.
func TestARefusalSaysWhatAndWhere(t *testing.T) {
	h := onSQLite(t, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: scim.Strict}}, MaxOperations: 3, MaxBody: 3000})
	id := h.user("a")
	other := h.user("b")
	g := h.group("g")
	user := func(rest string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],` + rest + `}`
	}
	for _, tt := range []struct{ method, path, body, words string }{
		{"POST", "/Users", user(`"title":"x"`), "userName|required"},
		{"POST", "/Users", user(`"userName":"A"`), `userName|"A"|` + id + "|look it up"},
		{"POST", "/Users", user(`"userName":5`), "userName|string|number"},
		{"POST", "/Users", user(`"userName":"x","active":"True"`), `active|true or false|"True"`},
		{"POST", "/Users", user(`"userName":"x","titl":"y"`), "titl|did you mean title?"},
		{"POST", "/Users", user(`"userName":"x","emails":"y"`), "emails|array"},
		{"POST", "/Users", user(`"userName":"x","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`), "emails|primary|at most one"},
		{"POST", "/Users", user(`"userName":"x","name":"y"`), "name|object"},
		{"POST", "/Users", user(`"userName":"x","name":{"givnName":"y"}`), "name|givnName"},
		{"POST", "/Users", `{"schemas":["urn:x"],"userName":"x"}`, "schemas|urn:x|" + "core:2.0:User"},
		{"POST", "/Users", `{"userName":"x"`, "1:16|comma"},
		{"POST", "/Users", `[]`, "body|JSON object"},
		{"POST", "/Users", user(`"userName":"` + strings.Repeat("x", 1200) + `"`), "userName|1200 bytes|1000"},
		{"POST", "/Users", strings.Repeat(" ", 4000), "body|3000 bytes"},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"title","value":"x"},{"op":"move","path":"title"}`), "Operations[1]|move|add, replace or remove"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"tile","value":"x"}`), "Operations[0]|tile|did you mean title?"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}`), "Operations[0]|emails|no element"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq].value","value":"x"}`), "Operations[0]|path, character 1"},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove","path":"userName"}`), "userName|required|removed"},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove"}`), "Operations[0]|remove needs a path"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"id","value":"x"}`), "Operations[0]|id is read-only"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"title"}`), "Operations[0]|replace needs a value"},
		{"PATCH", "/Users/" + id, patch(`{},{},{},{}`), "3 operations|parts"},
		{"PATCH", "/Users/" + id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`, "Operations"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"userName","value":"B"}`), `userName|"B"|` + other},
		{"PATCH", "/Groups/" + g, patch(`{"op":"add","path":"members","value":[{"value":"nobody"}]}`), "members|nobody|provision"},
		{"PATCH", "/Groups/" + g, patch(`{"op":"add","path":"members","value":[{"display":"x"}]}`), "members[0]|value"},
		{"GET", "/Users/nope", "", "id|filter"},
		{"GET", "/Users?filter=userNam%20eq%20%22x%22", "", "character 1|userNam|did you mean userName?"},
		{"GET", "/Users?filter=userName%20is%20%22x%22", "", "character 10|operator|eq, ne"},
		{"GET", "/Users?filter=userName%20eq%20x", "", `"x"|double quotes`},
		{"GET", "/Users?filter=active%20gt%20true", "", "active|eq or ne"},
		{"GET", "/Users?filter=(userName%20pr", "", "a ) is expected"},
		{"GET", "/Users?sortBy=nope", "", "sortBy|nope"},
		{"GET", "/Users?sortBy=userName&sortOrder=up", "", "sortOrder|up"},
		{"GET", "/Users?count=x", "", "count|whole number"},
		{"GET", "/Users?cursor=x", "", "cursor|empty cursor"},
		{"GET", "/Nope", "", "endpoint|Users, Groups"},
		{"DELETE", "/Users", "", "DELETE|GET, HEAD, POST"},
		{"GET", "/Schemas/x", "", `"x"|core:2.0:User`},
		{"GET", "/Schemas?filter=x", "", "discovery|filtered"},
		{"GET", "/Me", "", "/Me|person"},
		{"POST", "/Bulk", bulk(`{"method":"POST","path":"/Users"}`, `{}`, `{}`, `{}`), "3 operations"},
		{"POST", "/Bulk", bulk(`5`), "Operations[0]|object"},
	} {
		r := h.send(tt.method, tt.path, tt.body)
		if r.status < 400 {
			t.Errorf("%s %s %s is taken: %s", tt.method, tt.path, clipped(tt.body), r.text)
			continue
		}
		for _, word := range strings.Split(tt.words, "|") {
			if !strings.Contains(r.text1("detail"), word) {
				t.Errorf("%s %s %s: detail %q does not say %q", tt.method, tt.path, clipped(tt.body), r.text1("detail"), word)
			}
		}
	}
}
