package verify

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// refusal is an error of the fake server's on its way out.
type refusal struct {
	status   int
	scimType string
	detail   string
}

func refuse(status int, scimType, detail string) { panic(refusal{status, scimType, detail}) }

// normalise gives a resource's attributes their proper names and checks types;
// readOnly attributes are left out.
func (s *fake) normalise(rt *fakeType, in map[string]any) map[string]any {
	doc := map[string]any{}
	for key, v := range in {
		if rt.extension != nil && strings.EqualFold(key, enterpriseURN) {
			ext, ok := v.(map[string]any)
			if !ok && v != nil {
				refuse(400, "invalidValue", "the extension takes an object")
			}
			if !s.on[extensionLost] {
				doc[enterpriseURN] = s.object(rt.extension, ext)
			}
			continue
		}
		a := findAttr(rt.attrs, key)
		if a == nil || a.Mutability == "readOnly" || v == nil {
			continue
		}
		if _, twice := doc[a.Name]; twice {
			refuse(400, "invalidSyntax", a.Name+" is given twice")
		}
		if v = s.value(a, v); v != nil {
			doc[a.Name] = v
		}
	}
	return doc
}

func (s *fake) object(attrs []fakeAttr, in map[string]any) map[string]any {
	out := map[string]any{}
	for key, v := range in {
		if a := findAttr(attrs, key); a != nil && v != nil {
			if v = s.value(a, v); v != nil {
				out[a.Name] = v
			}
		}
	}
	return out
}

// value checks v against a, and gives nil for what is as good as nothing.
func (s *fake) value(a *fakeAttr, v any) any {
	if !a.Multi {
		return s.single(a, v)
	}
	list, ok := v.([]any)
	if !ok {
		refuse(400, "invalidValue", a.Name+" takes an array")
	}
	if len(list) > 500 {
		refuse(413, "tooMany", "at most 500 values of "+a.Name)
	}
	out := []any{}
	for _, e := range list {
		out = appendNew(out, s.single(a, e), s.on[membersDoubled])
	}
	if len(out) == 0 {
		return nil
	}
	s.onePrimary(out, nil)
	return out
}

func (s *fake) single(a *fakeAttr, v any) any {
	switch v := v.(type) {
	case string:
		if a.Type != "boolean" && a.Type != "complex" {
			return v
		}
	case bool:
		if a.Type == "boolean" {
			return v
		}
	case map[string]any:
		if a.Type == "complex" {
			return s.object(a.Sub, v)
		}
	case nil:
		return nil
	}
	refuse(400, "invalidValue", a.Name+" takes a "+a.Type)
	return nil
}

// appendNew adds e unless an equal value is there.
func appendNew(list []any, e any, twice bool) []any {
	if !twice && slices.ContainsFunc(list, func(have any) bool { return equalValue(have, e) }) {
		return list
	}
	return append(list, e)
}

func equalValue(a, b any) bool {
	x, ok1 := a.(map[string]any)
	y, ok2 := b.(map[string]any)
	if ok1 && ok2 && x["value"] != nil && x["type"] == nil && y["type"] == nil {
		return x["value"] == y["value"]
	}
	if ok1 && ok2 && x["$ref"] != nil != (y["$ref"] != nil) {
		return x["value"] == y["value"]
	}
	return reflect.DeepEqual(a, b)
}

// onePrimary leaves primary to the favourite, or to the last that has it.
func (s *fake) onePrimary(list []any, favourite map[string]any) {
	if s.on[primaryShared] {
		return
	}
	var holder map[string]any
	for _, e := range list {
		if m, _ := e.(map[string]any); m != nil && m["primary"] == true && (favourite == nil || holder == nil || reflect.DeepEqual(m, favourite)) {
			holder = m
		}
	}
	for _, e := range list {
		if m, _ := e.(map[string]any); m != nil && m["primary"] == true && !sameMap(m, holder) {
			delete(m, "primary")
		}
	}
}

func sameMap(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// patched is doc after the operations; doc itself stays unless the fault of
// half a change is on.
func (s *fake) patched(rt *fakeType, doc map[string]any, body map[string]any) map[string]any {
	if !hasSchema(body, patchURN) {
		refuse(400, "invalidSyntax", "schemas must be "+patchURN)
	}
	ops, _ := member(body, "Operations").([]any)
	if len(ops) == 0 {
		refuse(400, "invalidSyntax", "Operations must be an array of one or more")
	}
	if len(ops) > 1000 {
		refuse(413, "tooMany", "too many operations")
	}
	work := clone(doc)
	if s.on[halfPatches] {
		work = doc
	}
	for _, o := range ops {
		op, ok := o.(map[string]any)
		if !ok {
			refuse(400, "invalidSyntax", "an operation is an object")
		}
		s.operate(rt, work, op)
	}
	for _, a := range rt.attrs {
		if v := work[a.Name]; a.Required && (v == nil || v == "") {
			refuse(400, "mutability", a.Name+" is required")
		}
	}
	return work
}

func clone(doc map[string]any) map[string]any {
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

func (s *fake) operate(rt *fakeType, doc map[string]any, op map[string]any) {
	kind, _ := member(op, "op").(string)
	if kind != "add" && kind != "replace" && kind != "remove" {
		refuse(400, "invalidSyntax", "op must be add, replace or remove")
	}
	value, path := member(op, "value"), ""
	if p, ok := member(op, "path").(string); ok {
		path = p
	}
	if kind != "remove" && value == nil && member(op, "path") == nil {
		refuse(400, "invalidValue", "value is missing")
	}
	if path != "" {
		s.operateAt(rt, doc, kind, path, value)
		return
	}
	values, ok := value.(map[string]any)
	if kind == "remove" || !ok {
		refuse(400, map[bool]string{true: "noTarget", false: "invalidValue"}[kind == "remove"], "a path is missing")
	}
	for key, v := range values {
		if ext, ok := v.(map[string]any); ok && strings.EqualFold(key, enterpriseURN) {
			for name, v := range ext {
				s.operateAt(rt, doc, kind, enterpriseURN+":"+name, v)
			}
			continue
		}
		s.operateAt(rt, doc, kind, key, v)
	}
}

// operateAt applies one operation at attr[filter].sub.
func (s *fake) operateAt(rt *fakeType, doc map[string]any, kind, path string, value any) {
	base, rest, filtered := strings.Cut(path, "[")
	filter, sub := "", ""
	if filtered {
		i := strings.LastIndex(rest, "]")
		if i < 0 {
			refuse(400, "invalidPath", "no closing bracket")
		}
		filter, sub = rest[:i], strings.TrimPrefix(rest[i+1:], ".")
	}
	p, ok := rt.resolve(base)
	if !ok {
		refuse(400, "invalidPath", "no attribute "+base)
	}
	if p.attr.Mutability == "readOnly" && !s.on[readOnlyWritten] {
		refuse(400, "mutability", p.attr.Name+" is readOnly")
	}
	if kind != "remove" && value == nil {
		refuse(400, "invalidValue", "value is missing")
	}
	holder := p.holder(doc, true)
	if filtered {
		if p.sub = nil; sub != "" {
			if p.sub = findAttr(p.attr.Sub, sub); p.sub == nil {
				refuse(400, "invalidPath", "no sub-attribute "+sub)
			}
		}
		s.operateFiltered(rt, holder, p, kind, filter, value)
		return
	}
	if p.sub != nil {
		s.operateSub(holder, p, kind, value)
		return
	}
	s.operateWhole(holder, p.attr, kind, value)
}

func (s *fake) operateWhole(holder map[string]any, a *fakeAttr, kind string, value any) {
	if kind == "remove" {
		delete(holder, a.Name)
		return
	}
	if _, isList := value.([]any); a.Multi && !isList {
		value = []any{value}
	}
	v := s.value(a, value)
	old := holder[a.Name]
	list, _ := old.([]any)
	switch merged, _ := old.(map[string]any); {
	case v == nil:
		if kind == "replace" {
			delete(holder, a.Name)
		}
	case a.Multi && (kind == "add" || s.on[replaceAdds]):
		for _, e := range v.([]any) {
			list = appendNew(list, e, s.on[membersDoubled])
		}
		s.onePrimary(list, lastPrimary(v.([]any)))
		holder[a.Name] = list
	case a.Type == "complex" && !a.Multi && merged != nil:
		maps.Copy(merged, v.(map[string]any))
	default:
		holder[a.Name] = v
	}
}

func lastPrimary(list []any) map[string]any {
	for _, e := range slices.Backward(list) {
		if m, _ := e.(map[string]any); m != nil && m["primary"] == true {
			return m
		}
	}
	return nil
}

func (s *fake) operateSub(holder map[string]any, p fakePath, kind string, value any) {
	elements, isList := holder[p.attr.Name].([]any)
	if !isList {
		one, _ := holder[p.attr.Name].(map[string]any)
		if one == nil {
			if kind == "remove" {
				return
			}
			one = map[string]any{}
			holder[p.attr.Name] = one
		}
		elements = []any{one}
	}
	for _, e := range elements {
		s.setSub(e.(map[string]any), p.sub, kind, value)
	}
}

func (s *fake) setSub(element map[string]any, sub *fakeAttr, kind string, value any) {
	if kind == "remove" {
		delete(element, sub.Name)
		return
	}
	element[sub.Name] = s.single(sub, value)
}

func (s *fake) operateFiltered(rt *fakeType, holder map[string]any, p fakePath, kind, filter string, value any) {
	if !p.attr.Multi || p.attr.Type != "complex" {
		refuse(400, "invalidPath", "no filter on "+p.attr.Name)
	}
	parser := &fakeParser{rest: filter, rt: rt, within: p.attr, faults: s.on}
	m, ok := parser.whole()
	if !ok {
		refuse(400, "invalidFilter", "the path's filter means nothing")
	}
	list, _ := holder[p.attr.Name].([]any)
	kept, hit := []any{}, 0
	for _, e := range list {
		element, _ := e.(map[string]any)
		if !m(element) {
			kept = append(kept, e)
			continue
		}
		hit++
		if kind == "remove" && p.sub == nil {
			continue
		}
		if p.sub != nil {
			s.setSub(element, p.sub, kind, value)
		} else {
			element, _ = s.single(p.attr, value).(map[string]any)
		}
		kept = append(kept, element)
		s.onePrimary(kept, nil)
		if p.sub != nil && p.sub.Name == "primary" && value == true {
			s.onePrimary(list, element)
		}
	}
	if hit == 0 && kind != "remove" && !s.on[noTargetIgnored] {
		refuse(400, "noTarget", "the path's filter picks nothing")
	}
	if kind == "remove" && p.sub == nil && s.on[removeTakesAll] {
		kept = nil
	}
	if holder[p.attr.Name] = kept; len(kept) == 0 {
		delete(holder, p.attr.Name)
	}
}

// whole parses the parser's text as a filter and nothing more.
func (p *fakeParser) whole() (m match, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, mine := r.(filterError); !mine {
				panic(r)
			}
			m, ok = nil, false
		}
	}()
	m = p.or()
	p.skip()
	return m, p.rest == ""
}

func hasSchema(body map[string]any, urn string) bool {
	list, _ := member(body, "schemas").([]any)
	return containsFold(list, urn)
}

var fakeClock atomic.Int64

// now is a millisecond after the last time it was asked, so that reports repeat.
func now() string {
	at := time.UnixMilli(1_780_000_000_000 + fakeClock.Add(1))
	return at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
