package scim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// expanded is v with the members in it as objects.
func expanded(v any) any {
	switch v := plain(v).(type) {
	case map[string]any:
		for key, e := range v {
			v[key] = expanded(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = expanded(e)
		}
		return v
	default:
		return v
	}
}

// FuzzMemberList: a body says the same, and is refused for the same, whether its
// lists of members are read as lists of members or as any other value.
func FuzzMemberList(f *testing.F) {
	for _, s := range []string{
		`[{"value":"a"}]`, `[{"value":"a","display":"A","type":"User","$ref":null},{"value":"b"}]`, `[]`, `[{"value":""}]`, `[{"value":"a","value":"b"}]`,
		`[{"value":1}]`, `["a"]`, `{"value":"a"}`, `null`, `[{"value":"a"},{"display":"b"}]`, `[{"value":"\u0061"} , { "value" : "b" } ]`,
		`[{"value":"a","x":1}]`, `[{"VALUE":"a"}]`, `[{"value":"a"}`, `[{"value":"a"},]`, `[{"value":"a" "b"}]`, `[{}]`, `[{,}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, members string) {
		resource := `{"displayName":"g","members":` + members + `}`
		patch := ops(`{"op":"add","path":"members","value":` + members + `}`)
		for method, body := range map[string]string{http.MethodPut: resource, http.MethodPatch: patch} {
			want, wantErr := decode(body)
			got, err := decodeWith(body, membersIn(method))
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%s: got %v, want %v", body, err, wantErr)
			}
			if err != nil {
				continue
			}
			compareNormalised(t, method, got, want)
			if diff := cmp.Diff(want, expanded(got)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", body, diff)
			}
		}
	})
}

func compareNormalised(t *testing.T, method string, got, want any) {
	t.Helper()
	for _, p := range []Profile{Strict, Auto} {
		a, aErr := Normalise(p, Request{Method: method, Group: true, Body: got})
		b, bErr := Normalise(p, Request{Method: method, Group: true, Body: want})
		if (aErr == nil) != (bErr == nil) {
			t.Fatalf("%s %s %v: got %v, want %v", p, method, want, aErr, bErr)
		}
		if aErr != nil {
			continue // which of several faults is told, depends on the order of a map
		}
		if diff := cmp.Diff(b.Members, a.Members); diff != "" {
			t.Fatalf("%s %s %v (-want +got):\n%s", p, method, want, diff)
		}
	}
}

func TestAHundredThousandMembersAreReadWithoutObjects(t *testing.T) {
	var refs []string
	for i := range 100_000 {
		refs = append(refs, fmt.Sprintf(`{"value":"01a20717-9dbc-704d-bf80-%012d"}`, i))
	}
	body := `{"displayName":"g","members":[` + strings.Join(refs, ",") + `]}`
	var form Canonical
	allocs := testing.AllocsPerRun(1, func() {
		v, err := decodeWith(body, membersIn(http.MethodPut))
		if err == nil {
			form, err = Normalise(Auto, Request{Method: http.MethodPut, Group: true, Body: v})
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if len(form.Members.Add) != 100_000 || allocs > 200 {
		t.Errorf("%d members read with %.0f allocations", len(form.Members.Add), allocs)
	}
}
