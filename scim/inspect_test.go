package scim_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/scim/inspect"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// inspected is a house whose requests are kept.
type inspected struct {
	*house
	kept *inspect.Log
	door *scim.Door
}

func openInspected(t *testing.T, st *store.Store, conf inspect.Config) *inspected {
	t.Helper()
	h := openHouse(t, st, scim.Config{})
	if conf.Keep == 0 {
		conf.Keep = time.Hour
	}
	in := &inspected{house: h, kept: inspect.New(h.e, conf)}
	in.door = scim.New(h.e, scim.Config{Inspect: in.kept, Log: h.logger(), Sources: map[string]scim.Source{"okta": {Auth: scim.Auth{OAuth: true}}}})
	h.server.Config.Handler = in.door
	_, _, err := h.e.SetMapping(t.Context(), operator, "rules.yaml", []byte(`version: 1
rules:
- {id: editors, group: Editors, from: okta, give: write, sites: [shop]}
- {id: readers, group: Readers, from: okta, give: view, sites: [main]}
`), "", "")
	h.must(err)
	return in
}

// entries are all that is kept, the oldest first.
func (h *inspected) entries(q store.SCIMLogQuery) (rows []store.SCIMRequest, entries []*inspect.Entry) {
	h.t.Helper()
	h.must(h.e.Sync(h.t.Context(), 0))
	h.kept.Flush(h.t.Context())
	q.After = 0
	var list []store.SCIMRequest
	h.must(h.e.Store().Read(h.t.Context(), func(v *store.View) (err error) {
		list, err = v.SCIMLog(h.t.Context(), q)
		return err
	}))
	for i := len(list) - 1; i >= 0; i-- {
		r, e, err := inspect.Read(h.t.Context(), h.e.Store(), list[i].ID)
		h.must(err)
		rows, entries = append(rows, r), append(entries, e)
	}
	return rows, entries
}

func (h *inspected) person(uid string) (access.PersonID, string) {
	h.t.Helper()
	p, err := h.e.FindPerson(uid)
	h.must(err)
	return p.ID, p.UID
}

func TestARequestIsKeptWithWhatItDid(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := openInspected(t, st, inspect.Config{})
		ann := h.user("ann")
		h.must(h.e.Sync(t.Context(), 0))
		group := h.want(201, "POST", "/Groups", `{"displayName":"Editors","members":[{"value":"`+ann+`"}]}`).text1("id")
		h.must(h.e.Sync(t.Context(), 0))
		h.want(200, "PATCH", "/Users/"+ann, patch(`{"op":"Replace","path":"active","value":"False"}`), "User-Agent: Azure-Probe")
		h.must(h.e.Sync(t.Context(), 0))
		h.want(404, "GET", "/Users/none?filter=x", "")
		rows, entries := h.entries(store.SCIMLogQuery{})
		if len(rows) != 4 {
			t.Fatalf("%d requests are kept: %+v", len(rows), rows)
		}
		who, whose := h.person(ann)
		if e := entries[1].Access; e == nil || !e.Exact || e.People != 1 || !cmp.Equal(e.Moves, []inspect.Move{{Person: whose, From: access.NoAccess, To: access.Write, Sites: []access.SiteID{2}}}, cmpopts.IgnoreUnexported(inspect.Move{})) {
			t.Errorf("the group's access: %+v", e)
		}
		if rows[1].Resource != group || rows[1].Says != "group created, +1 −0 members" || rows[1].Credential != "bearer 1" || rows[1].Moved != 1 {
			t.Errorf("the group: %+v", rows[1])
		}
		off := entries[2]
		if rows[2].Says != "user deactivated" || len(off.Objects) != 1 || !cmp.Equal(off.Objects[0].Fields, []string{"active"}) ||
			!strings.Contains(string(off.Objects[0].Before), `"active":true`) || !strings.Contains(string(off.Objects[0].After), `"active":false`) {
			t.Errorf("the deactivation: %+v %+v", rows[2], off.Objects)
		}
		if a := off.Access; a == nil || a.People != 1 || a.Moves[0].From != access.Write || a.Moves[0].To != access.NoAccess {
			t.Errorf("its access: %+v", off.Access)
		}
		if rows[2].Profile != "entra" || off.Agent != "Azure-Probe" || len(off.Rewrites) < 2 || !strings.Contains(string(off.Body), `"False"`) || !off.Whole {
			t.Errorf("what was sent: %+v", off)
		}
		if rows[3].Status != 404 || entries[3].Query != "filter=x" || !strings.Contains(rows[3].Says, "no resource") {
			t.Errorf("the failure: %+v %+v", rows[3], entries[3])
		}
		for name, q := range map[string]store.SCIMLogQuery{"person": {Person: who}, "resource": {Resource: ann}} {
			if found, _ := h.entries(q); len(found) < 2 {
				t.Errorf("by %s: %d", name, len(found))
			}
		}
	})
}

func TestARenamedGroupMovesItsMembers(t *testing.T) {
	h := openInspected(t, storetest.Open(t, "sqlite", store.Options{}), inspect.Config{})
	group := h.want(201, "POST", "/Groups", `{"displayName":"Readers","members":[{"value":"`+h.user("ann")+`"},{"value":"`+h.user("bob")+`"}]}`).text1("id")
	h.must(h.e.Sync(t.Context(), 0))
	h.want(204, "PATCH", "/Groups/"+group, patch(`{"op":"replace","path":"displayName","value":"Editors"}`))
	_, entries := h.entries(store.SCIMLogQuery{Limit: 1})
	a := entries[0].Access
	if a == nil || a.People != 2 || len(a.Moves) != 4 || !a.Exact {
		t.Errorf("got %+v", a)
	}
}

func TestReplaySaysWhatWouldHappenAndWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := openInspected(t, st, inspect.Config{})
		ann := h.user("ann")
		h.want(201, "POST", "/Groups", `{"displayName":"Editors","members":[{"value":"`+ann+`"}]}`)
		h.want(201, "POST", "/Users", `{"userName":"bob"}`)
		h.want(200, "PATCH", "/Users/"+ann, patch(`{"op":"Replace","path":"active","value":"False"}`))
		h.want(200, "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"carl"}},{"method":"DELETE","path":"/Users/`+ann+`"}]}`)
		rows, _ := h.entries(store.SCIMLogQuery{})
		h.want(404, "GET", "/Users/"+ann, "")
		h.must(h.e.Sync(t.Context(), 0))
		revision := h.e.Status().Revision
		want := map[string]int{"POST /Users": 409, "POST /Users 1": 201, "POST /Groups": 409, "PATCH /Users/{id}": 404, "POST /Bulk": 200}
		for _, r := range rows {
			p, err := h.door.Replay(t.Context(), r.ID)
			h.must(err)
			key := r.Route
			if key == "POST /Users" && r.ID == rows[0].ID {
				key += " 1" // ann is gone, so her name is free
			}
			if p.Now != want[key] || p.Then != r.Status {
				t.Errorf("%s: got %d, was %d: %s", key, p.Now, p.Then, p.Says)
			}
		}
		h.must(h.e.Sync(t.Context(), 0))
		if got := h.e.Status().Revision; got != revision {
			t.Errorf("replays made revision %d of %d", got, revision)
		}
		eve := h.user("eve")
		h.want(201, "POST", "/Groups", `{"displayName":"Readers","members":[{"value":"`+eve+`"}]}`)
		h.want(200, "PATCH", "/Users/"+eve, patch(`{"op":"replace","path":"active","value":false}`))
		rows, _ = h.entries(store.SCIMLogQuery{Limit: 1})
		h.want(200, "PATCH", "/Users/"+eve, patch(`{"op":"replace","path":"active","value":true}`))
		h.must(h.e.Sync(t.Context(), 0))
		revision = h.e.Status().Revision
		p, err := h.door.Replay(t.Context(), rows[0].ID)
		h.must(err)
		if p.Now != 200 || p.Access == nil || p.Access.People != 1 || p.Access.Moves[0].From != access.View || p.Access.Moves[0].To != access.NoAccess || !p.Access.Exact {
			t.Errorf("got %+v, access %+v", p, p.Access)
		}
		h.must(h.e.Sync(t.Context(), 0))
		if got := h.e.Status().Revision; got != revision {
			t.Errorf("a replay made revision %d of %d", got, revision)
		}
		if x, err := h.e.Explain(t.Context(), provision.Question{Who: "eve", What: "view", Site: "main"}); err != nil || !x.Decision {
			t.Errorf("eve lost access: %+v, %v", x, err)
		}
	})
}

func TestNoSecretReachesTheDatabaseOrTheLog(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "grants.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := openInspected(t, st, inspect.Config{})
	const canary = "CaNaRy-5ecret"
	id := h.user("ann")
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"userName":"a1","password":"` + canary + `"}`},
		{"POST", "/Users", `{"userName":"a2","PassWord":"` + canary + `"}`},
		{"POST", "/Users", `{"userName":"a3","urn:ietf:params:scim:schemas:core:2.0:User:password":"` + canary + `"}`},
		{"POST", "/Users", `{"userName":"a4","password":["` + canary + `"]}`},
		{"POST", "/Users", `{"userName":"a5","password":{"value":"` + canary + `"}}`},
		{"POST", "/Users", `{"userName":{"password":"` + canary + `"}}`},
		{"PUT", "/Users/" + id, `{"userName":"ann","password":"` + canary + `"}`},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"password","value":"` + canary + `"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","value":"` + canary + `"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","value":{"password":"` + canary + `"}}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"password","value":["` + canary + `",1]}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"roles","value":[{"value":"{\"id\":\"1\",\"password\":\"` + canary + `\"}"}]}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"password eq \"` + canary + `\"","value":"x"}`)},
		{"POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":"a6","password":"` + canary + `"}}]}`},
		{"POST", "/Users/.search", `{"filter":"password eq \"` + canary + `\""}`},
		{"GET", "/Users?filter=password%20eq%20%22" + canary + "%22", ""},
		{"GET", "/Users?access_token=" + canary, ""},
		{"GET", "/Users/" + h.secret, ""},
		{"GET", "/Users?filter=userName%20eq%20%22" + h.secret + "%22", ""},
		{"POST", "/Users", `{"userName":"` + canary + `", broken`},
	} {
		h.send(r.method, r.path, r.body)
		h.send(r.method, r.path, r.body, "Authorization: Bearer "+canary)
		h.send(r.method, r.path, r.body, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("x:"+canary)))
	}
	client := h.client("okta")
	access := h.askToken(url.Values{"grant_type": {"client_credentials"}, "client_id": {client.Token.ClientID()}, "client_secret": {client.Secret}}).Access
	h.want(200, "GET", "/Users", "", "Authorization: Bearer "+access)
	h.askToken(url.Values{"grant_type": {"x"}, "client_id": {client.Token.ClientID()}, "client_secret": {client.Secret}})
	h.send("POST", "/oauth/token?client_secret="+client.Secret, "client_secret="+client.Secret)
	h.send("GET", "/Users/"+access+"?x="+client.Secret, "")
	h.send("GET", "/Users/eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"+canary, "")
	if rows, _ := h.entries(store.SCIMLogQuery{Limit: 1000}); len(rows) < 30 {
		t.Fatalf("only %d requests are kept", len(rows))
	}
	h.server.Close()
	h.must(st.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	h.must(err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		h.must(err)
		leaks(t, f, string(text), canary, h.secret, client.Secret, access)
	}
	leaks(t, "the log", h.house.log.String(), canary, h.secret, client.Secret, access)
}

func leaks(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("%s has a secret: …%q…", where, text[max(0, i-200):min(len(text), i+60)])
		}
	}
}

func TestPersonalDataCanBeLeftOut(t *testing.T) {
	h := openInspected(t, storetest.Open(t, "sqlite", store.Options{}), inspect.Config{RedactPeople: true})
	id := h.want(201, "POST", "/Users", `{"userName":"zoe.quark@example.com","name":{"familyName":"Quark"},"emails":[{"type":"work","value":"zoe.quark@example.com"}],"active":true}`).text1("id")
	h.want(200, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"emails[value eq \"zoe.quark@example.com\"].type","value":"home"}`))
	h.want(200, "GET", "/Users?filter=userName%20eq%20%22zoe.quark@example.com%22", "")
	h.want(409, "POST", "/Users", `{"userName":"zoe.quark@example.com"}`)
	h.send("GET", "/Users/zoe.quark@example.com", "")
	rows, entries := h.entries(store.SCIMLogQuery{})
	text, err := json.Marshal([]any{rows, entries})
	h.must(err)
	for _, word := range []string{"Quark", "quark"} {
		if i := strings.Index(string(text), word); i >= 0 {
			t.Errorf("%q is kept: %s", word, text[max(0, i-200):i+40])
		}
	}
	if !strings.Contains(string(text), id) || !strings.Contains(string(text), `"work"`) || entries[0].Whole {
		t.Errorf("kept is %s", text)
	}
	if _, err := h.door.Replay(t.Context(), rows[0].ID); err == nil {
		t.Error("a masked request was replayed")
	}
}

func TestTheLogNeverDelaysAndNeverFails(t *testing.T) {
	h := openInspected(t, storetest.Open(t, "sqlite", store.Options{}), inspect.Config{})
	for range 5000 {
		h.kept.Add(&inspect.Record{At: time.Now(), Source: "okta", Method: "GET", Status: 200})
	}
	if s := h.kept.Stats(); s.Waiting != 4096 || s.Dropped != 904 {
		t.Errorf("a full queue: %+v", s)
	}
	big := make([]byte, 20<<20)
	l := inspect.New(h.e, inspect.Config{Keep: time.Hour})
	l.Add(&inspect.Record{Body: big})
	l.Add(&inspect.Record{Body: big})
	if s := l.Stats(); s.Waiting != 1 || s.Dropped != 1 {
		t.Errorf("bytes: %+v", s)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	l.Flush(gone)
	h.must(h.e.Store().Close())
	h.kept.Flush(t.Context())
	if s := h.kept.Stats(); s.Waiting+int(s.Dropped) != 5000 && s.Written == 0 && s.Dropped < 1000 {
		t.Errorf("a store that is gone: %+v", s)
	}
}

// TestALogStoppedWithAFullQueueLosesNothing: it is told to stop and woken at the
// same time, often enough for either to come first.
func TestALogStoppedWithAFullQueueLosesNothing(t *testing.T) {
	h := openInspected(t, storetest.Open(t, "sqlite", store.Options{}), inspect.Config{})
	stopped, stop := context.WithCancel(t.Context())
	stop()
	const times, n = 20, 200
	for range times {
		for range n {
			h.kept.Add(&inspect.Record{At: time.Now().Add(-time.Minute), Source: "okta", Method: "GET", Status: 200})
		}
		h.must(h.kept.Run(stopped))
	}
	if s := h.kept.Stats(); s.Written != times*n || s.Dropped != 0 {
		t.Errorf("of %d requests: %+v", times*n, s)
	}
}

func TestAStoppedLogHasWrittenWhatItWasGiven(t *testing.T) {
	h := openInspected(t, storetest.Open(t, "sqlite", store.Options{}), inspect.Config{})
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { h.must(h.kept.Run(ctx)) })
	for _, n := range []string{"a", "b", "c"} {
		h.user(n)
	}
	stop()
	done.Wait()
	if rows, _ := h.entries(store.SCIMLogQuery{}); len(rows) != 3 {
		t.Errorf("%d are kept", len(rows))
	}
}
