package verify

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func queryParams(r *http.Request) map[string]string {
	out := map[string]string{}
	for k, v := range r.URL.Query() {
		out[k] = v[0]
	}
	return out
}

func searchParams(body map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range body {
		if list, ok := v.([]any); ok {
			var names []string
			for _, n := range list {
				names = append(names, fmt.Sprint(n))
			}
			v = strings.Join(names, ",")
		}
		out[k] = fmt.Sprint(v)
	}
	return out
}

// shown is a row as it is answered: meta whole, groups worked out, schemas true.
func (s *fake) shown(row *fakeRow) map[string]any {
	doc := clone(row.doc)
	schemas := []any{row.rt.urn}
	if ext, _ := doc[enterpriseURN].(map[string]any); len(ext) > 0 {
		schemas = append(schemas, enterpriseURN)
	} else {
		delete(doc, enterpriseURN)
	}
	doc["schemas"] = schemas
	meta := doc["meta"].(map[string]any)
	meta["resourceType"], meta["location"], meta["version"] = row.rt.name, s.location(row), row.etag(s.on)
	if row.rt == fakeUsers {
		var groups []any
		for _, g := range s.of(fakeGroups) {
			for _, m := range lookupList(g.doc, "members") {
				if lookupString(m, "value") == row.id() {
					groups = append(groups, map[string]any{"value": g.id(), "display": g.doc["displayName"], "$ref": s.location(g)})
				}
			}
		}
		if groups != nil {
			doc["groups"] = groups
		}
	}
	for _, m := range lookupList(doc, "members") {
		ref := m.(map[string]any)
		delete(ref, "display")
		if other := s.find(nil, lookupString(m, "value")); other != nil {
			ref["$ref"] = s.location(other)
		}
	}
	if !s.on[passwordShown] {
		delete(doc, "password")
	}
	return doc
}

func (s *fake) one(row *fakeRow, status int, params map[string]string) answer {
	return answer{status, s.project(row.rt, s.shown(row), params), map[string]string{"ETag": row.etag(s.on)}}
}

// project applies attributes and excludedAttributes.
func (s *fake) project(rt *fakeType, doc map[string]any, params map[string]string) map[string]any {
	if names := params["attributes"]; names != "" && !s.on[attributesIgnored] {
		out := map[string]any{"id": doc["id"], "schemas": doc["schemas"]}
		for name := range strings.SplitSeq(names, ",") {
			s.copyInto(out, rt, doc, strings.TrimSpace(name))
		}
		return out
	}
	if names := params["excludedAttributes"]; names != "" && !s.on[excludedIgnored] {
		for name := range strings.SplitSeq(names, ",") {
			s.cutFrom(rt, doc, strings.TrimSpace(name))
		}
	}
	return doc
}

func (s *fake) copyInto(out map[string]any, rt *fakeType, doc map[string]any, name string) {
	if strings.EqualFold(name, enterpriseURN) && doc[enterpriseURN] != nil {
		out[enterpriseURN] = doc[enterpriseURN]
		return
	}
	p, ok := rt.resolve(name)
	if !ok || p.holder(doc, false)[p.attr.Name] == nil {
		return
	}
	v := p.holder(doc, false)[p.attr.Name]
	if p.sub != nil {
		v = onlySub(v, p.sub.Name)
	}
	p.holder(out, true)[p.attr.Name] = v
}

func onlySub(v any, name string) any {
	if list, ok := v.([]any); ok {
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = onlySub(e, name)
		}
		return out
	}
	object, _ := v.(map[string]any)
	return map[string]any{name: object[name]}
}

func (s *fake) cutFrom(rt *fakeType, doc map[string]any, name string) {
	if strings.EqualFold(name, enterpriseURN) {
		delete(doc, enterpriseURN)
		return
	}
	p, ok := rt.resolve(name)
	if !ok || p.attr.Returned == "always" && !s.on[idExcluded] {
		return
	}
	holder := p.holder(doc, false)
	if p.sub == nil {
		delete(holder, p.attr.Name)
		return
	}
	elements, isList := holder[p.attr.Name].([]any)
	if !isList {
		elements = []any{holder[p.attr.Name]}
	}
	for _, e := range elements {
		if object, ok := e.(map[string]any); ok {
			delete(object, p.sub.Name)
		}
	}
}

// list answers a query on rows; rt is nil for all types.
func (s *fake) list(rows []*fakeRow, rt *fakeType, params map[string]string) answer {
	rows = slices.Clone(rows)
	if text, ok := params["filter"]; ok && !s.on[filterIgnored] {
		rows = s.filter(rows, rt, text)
	}
	if by := params["sortBy"]; by != "" && !s.on[sortIgnored] {
		s.sort(rows, by, params["sortOrder"] == "descending")
	}
	count, counted := intParam(params, "count")
	if !counted || count > 1000 {
		count = 1000
	}
	if count < 0 && s.on[negativeCountAll] {
		count = 1000
	}
	if s.on[pagesShuffled] && counted {
		slices.SortFunc(rows, func(a, b *fakeRow) int { return cmp.Compare(a.seq*(count+7)%11, b.seq*(count+7)%11) })
	}
	doc := map[string]any{"schemas": []any{listURN}, "totalResults": len(rows)}
	if cursor, ok := params["cursor"]; ok {
		rows = s.cursor(rows, cursor, max(count, 0), doc)
	} else {
		rows = s.page(rows, params, max(count, 0), doc)
	}
	resources := []any{}
	for _, row := range rows {
		resources = append(resources, s.project(row.rt, s.shown(row), params))
	}
	doc["Resources"], doc["itemsPerPage"] = resources, len(rows)
	if s.on[pageSizeEchoed] {
		doc["itemsPerPage"] = count
	}
	if s.on[totalOfPage] {
		doc["totalResults"] = len(rows)
	}
	if s.on[numbersAsStrings] {
		doc["itemsPerPage"] = fmt.Sprint(doc["itemsPerPage"])
	}
	return answer{status: 200, body: doc}
}

func (s *fake) filter(rows []*fakeRow, rt *fakeType, text string) []*fakeRow {
	if rt == nil {
		rt = fakeUsers
	}
	m, ok := parseFilter(text, rt, s.on)
	if !ok && s.on[badFilterEmpty] {
		return nil
	}
	if !ok {
		refuse(400, "invalidFilter", "the filter means nothing: "+shorten(text, 50))
	}
	return slices.DeleteFunc(rows, func(r *fakeRow) bool {
		doc := s.shown(r)
		return !m(doc)
	})
}

func intParam(params map[string]string, name string) (int, bool) {
	text, ok := params[name]
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		refuse(400, "invalidValue", name+" is no integer")
	}
	return n, true
}

func (s *fake) page(rows []*fakeRow, params map[string]string, count int, doc map[string]any) []*fakeRow {
	start, _ := intParam(params, "startIndex")
	if !s.on[zeroBased] {
		start = max(start, 1)
		doc["startIndex"] = start
		start--
	} else {
		doc["startIndex"] = start
		start = max(start, 0)
	}
	from := min(start, len(rows))
	return rows[from:min(from+count, len(rows))]
}

// cursor is the seq of the last row seen, in base64.
func (s *fake) cursor(rows []*fakeRow, cursor string, count int, doc map[string]any) []*fakeRow {
	after := 0
	if cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		text, ok := strings.CutPrefix(string(raw), "after ")
		if n, bad := strconv.Atoi(text); err == nil && ok && bad == nil {
			after = n
		} else if !s.on[cursorUnchecked] {
			refuse(400, "invalidCursor", "the cursor is not ours")
		}
	}
	if s.on[cursorRepeats] && after > 0 {
		after--
	}
	rows = slices.DeleteFunc(rows, func(r *fakeRow) bool { return r.seq <= after })
	page := rows[:min(count, len(rows))]
	if count > 0 && (len(rows) > count || s.on[cursorLastMore] && len(page) > 0) {
		doc["nextCursor"] = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "after %d", page[len(page)-1].seq))
	}
	return page
}

func (s *fake) sort(rows []*fakeRow, by string, descending bool) {
	key := func(row *fakeRow) string {
		p, ok := row.rt.resolve(by)
		if !ok {
			return ""
		}
		doc := s.shown(row)
		if list, isList := p.holder(doc, false)[p.attr.Name].([]any); isList {
			for _, e := range list {
				if lookup(e, "primary") == true {
					doc = map[string]any{p.attr.Name: []any{e}}
				}
			}
		}
		values := p.values(doc)
		if len(values) == 0 {
			return ""
		}
		if text := fmt.Sprint(values[0]); p.leaf().CaseExact || s.on[sortExact] {
			return text
		}
		return strings.ToLower(fmt.Sprint(values[0]))
	}
	slices.SortStableFunc(rows, func(a, b *fakeRow) int {
		ka, kb := key(a), key(b)
		order := strings.Compare(ka, kb)
		if (ka == "") != (kb == "") && !s.on[missingFirst] {
			order = -order
		}
		if descending {
			order = -order
		}
		return order
	})
}

func (s *fake) discovery(kind, id string) answer {
	one := func(list []any, key string) answer {
		if id == "" {
			return answer{status: 200, body: map[string]any{"schemas": []any{listURN}, "totalResults": len(list), "itemsPerPage": len(list), "startIndex": 1, "Resources": list}}
		}
		for _, e := range list {
			if strings.EqualFold(lookupString(e, key), id) {
				return answer{status: 200, body: e}
			}
		}
		refuse(404, "", "no "+id)
		return answer{}
	}
	switch kind {
	case "Schemas":
		user, group, ext := schemaDoc(userURN, fakeUser), schemaDoc(groupURN, fakeGroup), schemaDoc(enterpriseURN, fakeEnterprise)
		if s.on[schemasNull] {
			user["description"] = nil
		}
		return one([]any{user, group, ext}, "id")
	case "ResourceTypes":
		user, group := typeDoc(fakeUsers), typeDoc(fakeGroups)
		user["schemaExtensions"] = []any{map[string]any{"schema": enterpriseURN, "required": false}}
		return one([]any{user, group}, "name")
	}
	yes := func(more ...any) map[string]any {
		out := map[string]any{"supported": true}
		for i := 0; i+1 < len(more); i += 2 {
			out[more[i].(string)] = more[i+1]
		}
		return out
	}
	spc := map[string]any{
		"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   yes(), "bulk": yes("maxOperations", 50, "maxPayloadSize", 1<<20), "filter": yes("maxResults", 1000),
		"changePassword": yes(), "sort": yes(), "etag": yes(),
		"pagination":            map[string]any{"cursor": true, "index": true, "defaultPaginationMethod": "index"},
		"authenticationSchemes": []any{map[string]any{"type": "oauthbearertoken", "name": "Bearer", "description": "a bearer token"}},
	}
	for _, name := range s.without {
		spc[name].(map[string]any)["supported"] = false
		spc[name].(map[string]any)["cursor"] = false
	}
	return answer{status: 200, body: spc}
}

func schemaDoc(urn string, attrs []fakeAttr) map[string]any {
	return map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": urn, "name": afterColon(urn), "attributes": anyList(attrs)}
}

func anyList(attrs []fakeAttr) []any {
	var out []any
	for _, a := range attrs {
		m := map[string]any{"name": a.Name, "type": a.Type, "multiValued": a.Multi, "required": a.Required, "caseExact": a.CaseExact, "mutability": a.Mutability, "returned": a.Returned, "uniqueness": a.Uniqueness}
		if a.Sub != nil {
			m["subAttributes"] = anyList(a.Sub)
		}
		out = append(out, m)
	}
	return out
}

func typeDoc(rt *fakeType) map[string]any {
	return map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": rt.name, "name": rt.name, "endpoint": rt.endpoint, "schema": rt.urn}
}

func afterColon(s string) string { return s[strings.LastIndex(s, ":")+1:] }
