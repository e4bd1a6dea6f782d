package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPatchDoesWhatTheRFCSays(t *testing.T) {
	const two = `{"emails":[{"type":"work","value":"a","primary":true},{"type":"home","value":"b"}],"name":{"givenName":"G","familyName":"F"},"title":"t"}`
	for _, tt := range []struct{ name, before, ops, after string }{
		{"replace a scalar", two, `{"op":"replace","path":"title","value":"u"}`, strings.Replace(two, `"t"`, `"u"`, 1)},
		{"remove a scalar", `{"title":"t"}`, `{"op":"remove","path":"title"}`, `{}`},
		{"replace of a complex attribute leaves other sub-attributes", `{"name":{"givenName":"G","familyName":"F"}}`, `{"op":"replace","path":"name","value":{"givenName":"H"}}`, `{"name":{"givenName":"H","familyName":"F"}}`},
		{"add of a present element changes nothing", two, `{"op":"add","path":"emails","value":[{"type":"work","value":"a"}]}`, two},
		{"a new primary takes it from the old", two, `{"op":"add","path":"emails","value":[{"value":"c","primary":true}]}`,
			strings.Replace(strings.Replace(two, `true`, `false`, 1), `"b"}`, `"b"},{"value":"c","primary":true}`, 1)},
		{"a present element added as primary", `{"emails":[{"value":"a","primary":true},{"value":"b"}]}`, `{"op":"add","path":"emails","value":[{"value":"b","primary":true}]}`, `{"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]}`},
		{"a present element made primary", `{"emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`, `{"op":"replace","path":"emails[value eq \"b\"].primary","value":true}`, `{"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]}`},
		{"remove of an element", two, `{"op":"remove","path":"emails[type eq \"work\"]"}`, `{"emails":[{"type":"home","value":"b"}],"name":{"givenName":"G","familyName":"F"},"title":"t"}`},
		{"remove of the last element", `{"emails":[{"type":"work","value":"a"}]}`, `{"op":"remove","path":"emails[type eq \"work\"]"}`, `{}`},
		{"remove of a sub-attribute of all", `{"emails":[{"type":"work","value":"a"},{"type":"home"}]}`, `{"op":"remove","path":"emails.type"}`, `{"emails":[{"value":"a"}]}`},
		{"replace of all elements", two, `{"op":"replace","path":"emails","value":[]},{"op":"remove","path":"name.givenName"}`, `{"name":{"familyName":"F"},"title":"t"}`},
		{"an extension that becomes empty is gone", `{"` + urnEnterprise + `":{"department":"d"}}`, `{"op":"remove","path":"` + urnEnterprise + `:department"}`, `{}`},
		{"an extension as a whole", `{"title":"t","` + urnEnterprise + `":{"department":"d"}}`, `{"op":"remove","path":"` + urnEnterprise + `"}`, `{"title":"t"}`},
		{"later operations see earlier ones", `{}`, `{"op":"add","path":"emails","value":[{"type":"work","value":"a"}]},{"op":"replace","path":"emails[type eq \"work\"].value","value":"b"}`, `{"emails":[{"type":"work","value":"b"}]}`},
		{"selected element replaced as a whole", `{"emails":[{"type":"work","value":"a","display":"d"}]}`, `{"op":"replace","path":"emails[type eq \"work\"]","value":{"type":"work","value":"b"}}`, `{"emails":[{"type":"work","value":"b"}]}`},
		{"unknown attributes in any case", `{"badge":"1"}`, `{"op":"replace","path":"Badge","value":"2"}`, `{"badge":"2"}`},
	} {
		got, _ := patched(t, false, tt.before, ops(tt.ops))
		if diff := cmp.Diff(parse(t, tt.after), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPatchThatFindsNothingOrTooMuch(t *testing.T) {
	const two = `{"userName":"u","emails":[{"type":"work","value":"a"},{"type":"home","value":"b"}]}`
	for _, tt := range []struct {
		name, op, kind string
		profile        Profile
	}{
		{"replace where no element satisfies a filter that is no equality", `{"op":"replace","path":"emails[type sw \"x\"].value","value":"c"}`, "noTarget", Auto},
		{"strict: replace where no element satisfies", `{"op":"replace","path":"emails[type eq \"x\"].value","value":"c"}`, "noTarget", Strict},
		{"strict: remove where no element satisfies", `{"op":"remove","path":"emails[type eq \"x\"]"}`, "noTarget", Strict},
		{"remove of what is required", `{"op":"remove","path":"userName"}`, "mutability", Auto},
		{"unassigning what is required", `{"op":"replace","path":"userName","value":null}`, "mutability", Auto},
		{"two primaries", `{"op":"replace","path":"emails[value pr].primary","value":true}`, "invalidValue", Auto},
		{"everybody primary", `{"op":"replace","path":"emails.primary","value":true}`, "invalidValue", Auto},
	} {
		c, err := Normalise(tt.profile, Request{Method: "PATCH", Body: parse(t, ops(tt.op))})
		if err == nil {
			err = applyOps(users, parse(t, two).(map[string]any), c.Ops)
		}
		if e := toError(err); err == nil || string(e.Type) != tt.kind {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.kind)
		}
	}
}

// The oracle below does a PATCH the naive way: on text, by the RFC's sentences,
// with nothing of the package but its JSON.

var errOracle = errors.New("refused")

type oracleOp struct {
	Op, Attr, Sub string
	Match         *[2]string // sub-attribute and its text
	Value         any
}

func (o oracleOp) path() string {
	p := o.Attr
	if o.Match != nil {
		p += fmt.Sprintf("[%s eq %q]", o.Match[0], o.Match[1])
	}
	if o.Sub != "" {
		p += "." + o.Sub
	}
	return p
}

func (o oracleOp) json() string {
	b, _ := json.Marshal(map[string]any{"op": o.Op, "path": o.path(), "value": o.Value})
	return string(b)
}

func oracle(doc map[string]any, o oracleOp) error {
	multi := o.Attr == "emails"
	switch {
	case o.Match != nil:
		return oracleSelected(doc, o)
	case o.Sub != "": // name.givenName
		inner, _ := doc[o.Attr].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
		}
		inner[o.Sub] = o.Value
		if o.Op == "remove" {
			delete(inner, o.Sub)
		}
		if doc[o.Attr] = inner; len(inner) == 0 {
			delete(doc, o.Attr)
		}
	case o.Op == "remove":
		delete(doc, o.Attr)
	case multi && o.Op == "add":
		elems, _ := doc["emails"].([]any)
		for _, e := range o.Value.([]any) {
			elems = oracleAdd(elems, e.(map[string]any))
		}
		doc["emails"] = elems
	case o.Attr == "name":
		inner, _ := doc["name"].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
		}
		for k, v := range o.Value.(map[string]any) {
			inner[k] = v
		}
		doc["name"] = inner
	default:
		doc[o.Attr] = o.Value
	}
	return nil
}

func oracleAdd(elems []any, e map[string]any) []any {
	for _, h := range elems {
		have, same := h.(map[string]any), true
		for k, v := range e {
			same = same && (k == "primary" || have[k] == v)
		}
		if same {
			if e["primary"] == true {
				for _, other := range elems {
					if other.(map[string]any)["primary"] == true {
						other.(map[string]any)["primary"] = false
					}
				}
				have["primary"] = true
			}
			return elems
		}
	}
	if e["primary"] == true {
		for _, h := range elems {
			if h.(map[string]any)["primary"] == true {
				h.(map[string]any)["primary"] = false
			}
		}
	}
	return append(elems, e)
}

func oracleSelected(doc map[string]any, o oracleOp) error {
	elems, _ := doc["emails"].([]any)
	var out []any
	hits := 0
	for _, e := range elems {
		m := e.(map[string]any)
		text, ok := m[o.Match[0]].(string)
		if !ok || !strings.EqualFold(text, o.Match[1]) {
			out = append(out, m)
			continue
		}
		hits++
		switch {
		case o.Op == "remove" && o.Sub == "":
			continue
		case o.Op == "remove":
			delete(m, o.Sub)
			if len(m) == 0 {
				continue
			}
		default:
			m[o.Sub] = o.Value
		}
		out = append(out, m)
	}
	if hits == 0 && o.Op != "remove" {
		return errOracle
	}
	if doc["emails"] = out; len(out) == 0 {
		delete(doc, "emails")
	}
	return nil
}

func genOp(t *rapid.T) oracleOp {
	word := rapid.SampledFrom([]string{"a", "b", "A", "ü", "x y"})
	o := oracleOp{Op: rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op")}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		o.Attr, o.Value = rapid.SampledFrom([]string{"title", "nickName", "displayName"}).Draw(t, "attr"), word.Draw(t, "v")
	case 1:
		o.Attr, o.Sub, o.Value = "name", rapid.SampledFrom([]string{"givenName", "familyName"}).Draw(t, "sub"), word.Draw(t, "v")
	case 2:
		o.Attr, o.Value = "name", map[string]any{rapid.SampledFrom([]string{"givenName", "formatted"}).Draw(t, "sub"): word.Draw(t, "v")}
	case 3:
		o.Attr = "emails"
		var elems []any
		for range rapid.IntRange(1, 2).Draw(t, "n") {
			elems = append(elems, genEmail(t, word))
		}
		if isPrimary(elems[0]) && isPrimary(elems[len(elems)-1]) && len(elems) > 1 {
			delete(elems[0].(map[string]any), "primary")
		}
		o.Value = elems
	default:
		o.Attr = "emails"
		o.Match = &[2]string{rapid.SampledFrom([]string{"type", "value"}).Draw(t, "by"), word.Draw(t, "is")}
		o.Sub, o.Value = rapid.SampledFrom([]string{"value", "display"}).Draw(t, "sub"), word.Draw(t, "v")
		if o.Op == "remove" {
			o.Sub = rapid.SampledFrom([]string{"", "display"}).Draw(t, "removed")
		}
	}
	if o.Op == "remove" {
		o.Value = nil
	}
	return o
}

func genEmail(t *rapid.T, word *rapid.Generator[string]) any {
	e := map[string]any{"value": word.Draw(t, "value"), "type": word.Draw(t, "type")}
	if rapid.Bool().Draw(t, "primary?") {
		e["primary"] = rapid.Bool().Draw(t, "primary")
	}
	return e
}

func TestPatchAgreesWithANaiveOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc, want := map[string]any{}, map[string]any{}
		for range rapid.IntRange(1, 12).Draw(t, "ops") {
			o := genOp(t)
			c, err := Normalise(Auto, Request{Method: "PATCH", Body: mustParse(ops(o.json()))}, RuleCreateElement)
			if err != nil {
				t.Fatalf("%s: %v", o.json(), err)
			}
			again := clone(doc).(map[string]any)
			err, errWant := c.applyTo(doc), oracle(want, clone2(o))
			if (err == nil) != (errWant == nil) {
				t.Fatalf("%s: got %v, want %v", o.json(), err, errWant)
			}
			if diff := cmp.Diff(want, doc); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", o.json(), diff)
			}
			if err == nil { // the same operations may be applied again, to the same start
				if c.applyTo(again) != nil || !cmp.Equal(again, doc) {
					t.Fatalf("%s: the second application differs", o.json())
				}
			}
		}
	})
}

func mustParse(body string) any {
	v, err := decode(body)
	if err != nil {
		panic(err)
	}
	return v
}

func clone2(o oracleOp) oracleOp {
	o.Value = clone(o.Value)
	return o
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{`emails[type eq "work"].value`, urnEnterprise + `:manager.value`, `members[value eq "x"]`, `a.b.c`, `urn:x`, `x[y`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, of := range []*resource{users, groups} {
			if _, err := lenientReader(of).parsePath(s); err != nil && toError(err).Status != 400 {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}

func FuzzPatch(f *testing.F) {
	for _, tt := range ruleCases {
		f.Add(tt.body, tt.before, tt.group)
	}
	f.Fuzz(func(t *testing.T, body, before string, group bool) {
		v, err := decode(body)
		start, errStart := decode(before)
		doc, ok := start.(map[string]any)
		if err != nil || errStart != nil || !ok {
			return
		}
		for _, p := range []Profile{Auto, Strict, Entra} {
			c, err := Normalise(p, Request{Method: "PATCH", Group: group, Body: v})
			if err == nil {
				err = c.applyTo(clone(doc).(map[string]any))
			}
			if err != nil && toError(err).Status != 400 {
				t.Fatalf("%v", err)
			}
			if slices.Contains(c.Members.Add, "") || slices.Contains(c.Members.Remove, "") {
				t.Fatal("a member without an id")
			}
			put, err := Normalise(p, Request{Method: "PUT", Group: group, Body: v})
			if err == nil {
				if _, err := liftAccount(users, put.Doc); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
