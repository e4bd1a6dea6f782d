package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

const fakeToken = "fake-secret-0123456789"

// fake is a SCIM server in memory that does everything right but what is
// switched on.
type fake struct {
	on      faults
	base    string
	without []string // features that ServiceProviderConfig denies

	mu   sync.Mutex
	seq  int
	rows []*fakeRow // in the order made
	gone []*fakeRow
}

type fakeRow struct {
	rt      *fakeType
	seq     int
	version int
	doc     map[string]any
}

func (r *fakeRow) id() string { return r.doc["id"].(string) }

func (r *fakeRow) etag(f faults) string {
	if f[versionFixed] {
		return `W/"1"`
	}
	return fmt.Sprintf(`W/"%d"`, r.version)
}

// startFake serves a fake with the faults over real HTTP.
func startFake(t testing.TB, on ...fault) (*fake, *httptest.Server) {
	s := &fake{on: faults{}}
	for _, f := range on {
		s.on[f] = true
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.base = server.URL
	return s, server
}

func (s *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.answer(r)
	if s.on[plainJSON] {
		w.Header().Set("Content-Type", "application/json")
	} else {
		w.Header().Set("Content-Type", "application/scim+json")
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	if a.body != nil && a.status != 204 && a.status != 304 && r.Method != "HEAD" {
		w.Write(s.marshal(a.body))
	}
}

func (s *fake) marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	if s.on[boolAsString] {
		b = bytes.ReplaceAll(b, []byte(`"active":true`), []byte(`"active":"true"`))
	}
	return b
}

type answer struct {
	status int
	body   any
	header map[string]string
}

// answer handles a request; refusals on the way become error documents.
func (s *fake) answer(r *http.Request) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			no, ok := p.(refusal)
			if !ok {
				panic(p)
			}
			a = s.refused(no)
		}
	}()
	if r.Header.Get("Authorization") != "Bearer "+fakeToken && !s.on[tokenIgnored] {
		refuse(401, "", "a bearer token is needed")
	}
	body := s.readBody(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.route(r, body)
}

func (s *fake) refused(no refusal) answer {
	a := answer{status: no.status, header: map[string]string{}}
	switch no.status {
	case 401:
		a.header["WWW-Authenticate"] = "Bearer"
	case 405:
		a.header["Allow"] = no.scimType
		no.scimType = ""
		if s.on[methodNotFound] {
			a.status = 404
		}
	}
	doc := map[string]any{"schemas": []any{errorURN}, "status": strconv.Itoa(a.status), "detail": no.detail}
	if no.scimType != "" {
		doc["scimType"] = no.scimType
	}
	if s.on[statusNumber] {
		doc["status"] = a.status
	}
	if a.body = doc; s.on[plainErrors] {
		a.body = no.detail
	}
	return a
}

func (s *fake) readBody(r *http.Request) map[string]any {
	if r.Method != "POST" && r.Method != "PUT" && r.Method != "PATCH" {
		return nil
	}
	kind, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
	if kind != "application/scim+json" && kind != "application/json" && !s.on[formTaken] {
		refuse(415, "", "the body must be application/scim+json")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20+1))
	if err != nil {
		refuse(400, "invalidSyntax", err.Error())
	}
	if len(raw) > 1<<20 && !(s.on[bulkUnlimited] && r.URL.Path == "/Bulk") {
		refuse(413, "", "the body is too large")
	}
	if !utf8.Valid(raw) && !s.on[badUTF8Kept] {
		refuse(400, "invalidSyntax", "the body is no UTF-8")
	}
	body := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&body); err != nil || body == nil || dec.More() {
		if s.on[deepPanics] && err != nil && strings.Contains(err.Error(), "depth") {
			refuse(500, "", "stack overflow")
		}
		refuse(400, "invalidSyntax", fmt.Sprint("the body is no JSON object: ", err))
	}
	if keys := topKeys(raw); len(keys) != len(slices.Compact(slices.Sorted(slices.Values(keys)))) {
		refuse(400, "invalidSyntax", "a member is given twice")
	}
	return body
}

// topKeys are the member names of a JSON object, lower case.
func topKeys(raw []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.Token()
	var keys []string
	for dec.More() {
		key, err := dec.Token()
		var skip json.RawMessage
		if err != nil || dec.Decode(&skip) != nil {
			return keys
		}
		keys = append(keys, strings.ToLower(fmt.Sprint(key)))
	}
	return keys
}

func only(r *http.Request, methods ...string) {
	if r.Method == "HEAD" && slices.Contains(methods, "GET") {
		return
	}
	if !slices.Contains(methods, r.Method) {
		refuse(405, strings.Join(methods, ", "), "not "+r.Method)
	}
}

func (s *fake) route(r *http.Request, body map[string]any) answer {
	head, id, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	switch head {
	case "ServiceProviderConfig", "Schemas", "ResourceTypes":
		only(r, "GET")
		if r.URL.Query().Has("filter") && !s.on[discoveryFiltered] {
			refuse(403, "", "no filter here")
		}
		return s.discovery(head, id)
	case "Me":
		only(r, "GET")
		refuse(501, "", "no /Me")
	case "Bulk":
		only(r, "POST")
		return s.bulk(body)
	case ".search":
		only(r, "POST")
		return s.list(s.rows, nil, searchParams(body))
	case "":
		refuse(501, "", "no queries at the root")
	case "Users":
		return s.resources(r, fakeUsers, id, body)
	case "Groups":
		return s.resources(r, fakeGroups, id, body)
	}
	refuse(404, "", "no such endpoint")
	return answer{}
}

func (s *fake) resources(r *http.Request, rt *fakeType, id string, body map[string]any) answer {
	params := queryParams(r)
	switch {
	case id == ".search":
		only(r, "POST")
		if !s.on[searchIgnoresBody] {
			params = searchParams(body)
		}
		return s.list(s.of(rt), rt, params)
	case id == "" && r.Method == "POST":
		row := s.create(rt, body)
		a := s.one(row, 201, params)
		if !s.on[noLocation] {
			a.header["Location"] = s.location(row)
		}
		return a
	case id == "":
		only(r, "GET", "POST")
		return s.list(s.of(rt), rt, params)
	}
	only(r, "GET", "PUT", "PATCH", "DELETE")
	return s.onOne(r, rt, id, body, params)
}

func (s *fake) onOne(r *http.Request, rt *fakeType, id string, body map[string]any, params map[string]string) answer {
	row := s.find(rt, id)
	if row == nil {
		if r.Method == "DELETE" && s.on[deleteTwice] {
			return answer{status: 204}
		}
		refuse(404, "", "no "+rt.name+" "+id)
	}
	if m := r.Header.Get("If-Match"); m != "" && m != "*" && m != row.etag(s.on) && !s.on[ifMatchIgnored] {
		refuse(412, "", "the version is "+row.etag(s.on))
	}
	switch r.Method {
	case "PUT":
		s.replace(row, body)
	case "PATCH":
		s.store(row, s.patched(rt, row.doc, body))
		if rt == fakeGroups && params["attributes"] == "" {
			return answer{status: 204, header: map[string]string{"ETag": row.etag(s.on)}}
		}
	case "DELETE":
		s.remove(row)
		return answer{status: 204}
	default:
		if strings.Contains(r.Header.Get("If-None-Match"), row.etag(s.on)) && !s.on[ifNoneMatchIgnored] {
			return answer{status: 304}
		}
	}
	return s.one(row, 200, params)
}

func (s *fake) of(rt *fakeType) []*fakeRow {
	var list []*fakeRow
	rows := s.rows
	if s.on[deletedStays] {
		rows = append(slices.Clone(s.gone), rows...)
	}
	for _, row := range rows {
		if row.rt == rt && !(s.on[inactiveHidden] && row.doc["active"] == false) {
			list = append(list, row)
		}
	}
	return list
}

func (s *fake) find(rt *fakeType, id string) *fakeRow {
	for _, row := range s.rows {
		if (rt == nil || row.rt == rt) && row.id() == id {
			return row
		}
	}
	return nil
}

func (s *fake) location(row *fakeRow) string { return s.base + row.rt.endpoint + "/" + row.id() }

func (s *fake) create(rt *fakeType, body map[string]any) *fakeRow {
	if !hasSchema(body, rt.urn) {
		refuse(400, "invalidSyntax", "schemas must list "+rt.urn)
	}
	doc := s.normalise(rt, body)
	if s.on[externalIDLost] {
		delete(doc, "externalId")
	}
	row := &fakeRow{rt: rt, version: 1}
	if !s.on[raceAllowed] {
		s.check(row, doc)
	} else {
		s.check(row, doc)
		s.mu.Unlock() // the fault: others come between check and write
		time.Sleep(5 * time.Millisecond)
		s.mu.Lock()
	}
	s.seq++
	row.seq = s.seq
	doc["id"] = fmt.Sprintf("id-%d-Xy", s.seq)
	if id, ok := body["id"].(string); ok && s.on[clientID] {
		doc["id"] = id
	}
	doc["meta"] = map[string]any{"created": now(), "lastModified": now()}
	if m, ok := body["meta"].(map[string]any); ok && m["created"] != nil && s.on[clientMeta] {
		doc["meta"].(map[string]any)["created"] = m["created"]
	}
	row.doc = doc
	s.rows = append(s.rows, row)
	return row
}

// check refuses what the schema or the others do not allow.
func (s *fake) check(row *fakeRow, doc map[string]any) {
	for _, a := range row.rt.attrs {
		if v := doc[a.Name]; a.Required && (v == nil || v == "") {
			refuse(400, "invalidValue", a.Name+" is required")
		}
	}
	if row.rt == fakeGroups {
		members, _ := doc["members"].([]any)
		for _, m := range members {
			if v, _ := m.(map[string]any)["value"].(string); s.find(nil, v) == nil {
				refuse(400, "invalidValue", "member "+v+" is nobody")
			}
		}
		return
	}
	for _, other := range s.of(row.rt) {
		if other == row || s.on[twinsAllowed] || s.on[deletedStays] && slices.Contains(s.gone, other) {
			continue
		}
		a, b := fmt.Sprint(other.doc["userName"]), fmt.Sprint(doc["userName"])
		if a == b || strings.EqualFold(a, b) && !s.on[userNameExact] {
			refuse(409, "uniqueness", "userName "+b+" is taken")
		}
	}
}

// store puts doc in row's place, with a new version if it differs.
func (s *fake) store(row *fakeRow, doc map[string]any) {
	s.check(row, doc)
	if string(s.marshal(row.doc)) != string(s.marshal(doc)) || s.on[halfPatches] {
		row.version++
		doc["meta"].(map[string]any)["lastModified"] = now()
	}
	row.doc = doc
	if doc["active"] == false && s.on[inactiveLeaves] {
		s.leaveGroups(row.id())
	}
}

func (s *fake) replace(row *fakeRow, body map[string]any) {
	if !hasSchema(body, row.rt.urn) {
		refuse(400, "invalidSyntax", "schemas must list "+row.rt.urn)
	}
	doc := s.normalise(row.rt, body)
	doc["id"], doc["meta"] = row.doc["id"], clone(row.doc["meta"].(map[string]any))
	if s.on[putIgnoresMembers] && row.doc["members"] != nil {
		doc["members"] = row.doc["members"]
	}
	if s.on[putKeepsLists] {
		for k, v := range row.doc {
			if _, ok := v.([]any); ok && k != "members" && k != "schemas" {
				added, _ := doc[k].([]any)
				doc[k] = append(slices.Clone(v.([]any)), added...)
			}
		}
	}
	s.store(row, doc)
}

func (s *fake) remove(row *fakeRow) {
	s.rows = slices.DeleteFunc(s.rows, func(r *fakeRow) bool { return r == row })
	s.gone = append(s.gone, row)
	if !s.on[deletedMember] {
		s.leaveGroups(row.id())
	}
}

func (s *fake) leaveGroups(id string) {
	for _, g := range s.of(fakeGroups) {
		members, _ := g.doc["members"].([]any)
		left := slices.DeleteFunc(slices.Clone(members), func(m any) bool { return m.(map[string]any)["value"] == id })
		if len(left) < len(members) {
			g.version++
			if g.doc["members"] = left; len(left) == 0 {
				delete(g.doc, "members")
			}
		}
	}
}
