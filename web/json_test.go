package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"grantbridge/internal/handler"
)

func TestNamesAreTakenAsTheyAreWritten(t *testing.T) {
	for name, test := range map[string]struct{ body, subject, refused string }{
		"exact":                         {`{"subject":{"type":"user","id":"bob"}}`, "bob", ""},
		"capitals are another name":     {`{"subject":{"type":"user","id":"bob","ID":"alice"},"SUBJECT":{"type":"user","id":"alice"}}`, "bob", ""},
		"an escaped name is that name":  {`{"\u0073ubject":{"type":"user","i\u0064":"bob"}}`, "bob", ""},
		"an escaped value":              {`{"subject":{"type":"user","id":"b\u006fb"}}`, "bob", ""},
		"a pair of surrogates":          {`{"subject":{"type":"user","id":"\ud83d\ude00"}}`, "😀", ""},
		"a name that stands twice":      {`{"subject":{"type":"user","id":"bob"},"subject":{"type":"user","id":"alice"}}`, "", "twice"},
		"a member that stands twice":    {`{"subject":{"type":"user","id":"bob","id":"alice"}}`, "", "twice"},
		"an unknown one may be there":   {`{"x":1,"x":2,"subject":{"type":"user","id":"bob","properties":{"id":"alice"}}}`, "bob", ""},
		"bytes that are no UTF-8":       {"{\"subject\":{\"type\":\"user\",\"id\":\"b\xffb\"}}", "", "UTF-8"},
		"a number with a leading zero":  {`{"x":01}`, "", "byte"},
		"a comma at the end":            {`{"x":[1,]}`, "", "comma"},
		"a control character":           {"{\"x\":\"a\nb\"}", "", "control"},
		"something behind":              {`{} x`, "", "behind"},
		"a string that does not end":    {`{"x":"`, "", "end"},
		"an object that does not end":   {`{"x":1`, "", "soon"},
		"a whole number, or none":       {`{"context":{"at_least":1.5}}`, "", "whole number"},
		"a number beyond 64 bits":       {`{"context":{"at_least":9223372036854775808}}`, "", "whole number"},
		"a time that is a list":         {`{"context":{"time":["2026"]}}`, "", "context.time must be a string"},
		"the first mistake is reported": {`{"action":7,"subject":8}`, "", "action must be an object"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := decode([]byte(test.body), singleMembers)
			switch {
			case test.refused != "":
				if p, ok := errors.AsType[*handler.Problem](err); !ok || p.Status != 400 || !strings.Contains(p.Detail, test.refused) {
					t.Errorf("got %+v, %v; want a 400 about %q", b, err, test.refused)
				}
			case err != nil:
				t.Error(err)
			case b.Subject == nil || b.Subject.ID != test.subject:
				t.Errorf("subject is %+v, want %s", b.Subject, test.subject)
			}
		})
	}
}

// FuzzDecode compares the reader with encoding/json: both or neither take a text
// for JSON, and what stands under the exact names is the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"subject":{"type":"user","id":"a\u00e9\n"},"action":{"name":"view"},"resource":{"type":"site","id":"1"},"context":{"time":"2026-01-01T00:00Z","at_least":-0}}`,
		`{"evaluations":[{},null,7,{"subject":"x"}],"options":{"evaluations_semantic":"x"}}`, `{"page":{"token":"t","limit":1e2}}`,
		`{"a":[-0.1e+5,true,false,null,"\ud800"]}`, `[]`, `{`, ``, `{"a":"\x"}`, ` {} `, `{"subject":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := decode(text, batchMembers)
		p, _ := errors.AsType[*handler.Problem](err)
		if p != nil && (p.Code == "too_deep" || p.Code == "too_many") {
			return
		}
		valid := json.Valid(text) && utf8.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
		structural := p != nil && (strings.HasPrefix(p.Detail, "the body is not ") || strings.HasPrefix(p.Detail, "the body must be a JSON object"))
		if valid == structural {
			t.Fatalf("encoding/json says valid %v, the reader says %v: %q", valid, err, text)
		}
		if err != nil {
			return
		}
		var want map[string]any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		if got := shown(b.Subject); got != nil && !reflect.DeepEqual(got, pick(want["subject"], "type", "id")) {
			t.Errorf("subject is %v, want %v: %q", got, want["subject"], text)
		}
		if got := shown(b.Resource); got != nil && !reflect.DeepEqual(got, pick(want["resource"], "type", "id")) {
			t.Errorf("resource is %v, want %v: %q", got, want["resource"], text)
		}
		if list, ok := want["evaluations"].([]any); ok && len(list) != len(b.evaluations) {
			t.Errorf("%d evaluations, want %d: %q", len(b.evaluations), len(list), text)
		}
	})
}

func shown(e *entity) map[string]string {
	if e == nil {
		return nil
	}
	return map[string]string{"type": e.Type, "id": e.ID}
}

func pick(v any, names ...string) map[string]string {
	o, _ := v.(map[string]any)
	out := map[string]string{}
	for _, n := range names {
		out[n], _ = o[n].(string)
	}
	return out
}
