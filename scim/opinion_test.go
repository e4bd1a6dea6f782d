package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	scimlib "github.com/elimity-com/scim"
	scimfilter "github.com/elimity-com/scim/filter"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	"grantbridge/scim"
)

// shelf is the least that elimity's server needs of a store.
type shelf struct {
	resources map[string]scimlib.ResourceAttributes
}

func (s *shelf) put(id string, a scimlib.ResourceAttributes) (scimlib.Resource, error) {
	s.resources[id] = a
	return scimlib.Resource{ID: id, Attributes: a}, nil
}

func (s *shelf) Create(_ *http.Request, a scimlib.ResourceAttributes) (scimlib.Resource, error) {
	return s.put(fmt.Sprint("e", len(s.resources)), a)
}
func (s *shelf) Get(_ *http.Request, id string) (scimlib.Resource, error) {
	return scimlib.Resource{ID: id, Attributes: s.resources[id]}, nil
}
func (s *shelf) GetAll(*http.Request, scimlib.ListRequestParams) (scimlib.Page, error) {
	return scimlib.Page{Resources: []scimlib.Resource{}}, nil
}
func (s *shelf) Replace(_ *http.Request, id string, a scimlib.ResourceAttributes) (scimlib.Resource, error) {
	return s.put(id, a)
}
func (s *shelf) Delete(*http.Request, string) error { return nil }
func (s *shelf) Patch(_ *http.Request, id string, _ []scimlib.PatchOperation) (scimlib.Resource, error) {
	return scimlib.Resource{ID: id, Attributes: scimlib.ResourceAttributes{"userName": "x"}}, nil
}

func elimity(t testing.TB) http.Handler {
	t.Helper()
	s, err := scimlib.NewServer(&scimlib.ServerArgs{
		ServiceProviderConfig: &scimlib.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true},
		ResourceTypes: []scimlib.ResourceType{
			{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
				SchemaExtensions: []scimlib.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}, Handler: &shelf{map[string]scimlib.ResourceAttributes{}}},
			{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: &shelf{map[string]scimlib.ResourceAttributes{}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestElimityAgreesOnTheLetter asks elimity's server for a second opinion on
// payloads of which the RFCs leave no doubt: whether each is taken, and what is
// made of a resource.
func TestElimityAgreesOnTheLetter(t *testing.T) {
	h := onSQLite(t, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: scim.Strict}}})
	second := elimity(t)
	id := h.user("patched")
	const schemas = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],`
	const ent = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/Users", `{` + schemas + `"userName":"1"}`},
		{"POST", "/Users", `{` + schemas + `"userName":"2","name":{"givenName":"G","familyName":"F"},"active":false,"emails":[{"value":"a@b","type":"work","primary":true}]}`},
		{"POST", "/Users", `{` + schemas + `"USERNAME":"3","Title":"t"}`},
		{"POST", "/Users", `{` + schemas + `"userName":"4","` + ent + `":{"department":"d","manager":{"value":"1"}}}`},
		{"POST", "/Users", `{` + schemas + `"userName":"5","groups":[{"value":"x"}],"id":"mine"}`},
		{"POST", "/Users", `{` + schemas + `"userName":"6","x509Certificates":[{"value":"MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx"}]}`},
		{"POST", "/Users", `{` + schemas + `"displayName":"none"}`},
		{"POST", "/Users", `{` + schemas + `"userName":7}`},
		{"POST", "/Users", `{` + schemas + `"userName":"8","active":"true"}`},
		{"POST", "/Users", `{` + schemas + `"userName":"9","name":"text"}`},
		{"POST", "/Users", `{` + schemas + `"userName":"10","userNAME":"11"}`},
		{"POST", "/Users", `{` + schemas + `"userName":`},
		{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g"}`},
		{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}`},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"title","value":"x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"name.familyName","value":"x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"emails","value":[{"value":"w@x","type":"work"}]}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"v@x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\" and value ew \"x\"].value","value":"u@x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove","path":"emails[type eq \"work\"]"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","value":{"nickName":"n","title":"t"}}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"` + ent + `:department","value":"x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove","path":"title"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"title"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"move","path":"title","value":"x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"nope","value":"x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"emails[","value":"x"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","path":"active","value":"perhaps"}`)},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"id","value":"x"}`)},
		{"PATCH", "/Users/" + id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[]}`},
		{"GET", "/Users?filter=userName%20eq%20%22x%22%20and%20not%20(title%20pr)", ""},
		{"GET", "/Users?filter=emails%5Btype%20eq%20%22work%22%20and%20value%20co%20%22x%22%5D", ""},
		{"GET", "/Users?filter=userName%20eq", ""},
		{"GET", "/Users?filter=nope%20eq%20%22x%22", ""},
		{"GET", "/Users?filter=(userName%20eq%20%22x%22", ""},
		{"GET", "/Users?count=many", ""},
		{"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", ""},
		{"GET", "/Schemas/nope", ""},
	} {
		ours := h.send(tt.method, tt.path, tt.body)
		w := httptest.NewRecorder()
		second.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
		if ours.status/100 != w.Code/100 {
			t.Errorf("%s %s %s: we say %d %s, elimity %d %s", tt.method, tt.path, tt.body, ours.status, ours.text, w.Code, w.Body)
			continue
		}
		if tt.method == "POST" && w.Code == http.StatusCreated {
			var theirs map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &theirs); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"userName", "name", "title", "emails", "displayName", ent, "x509Certificates"} {
				if a, b := fmt.Sprint(ours.get(key)), fmt.Sprint(theirs[key]); a != b {
					t.Errorf("%s: %s is %s to us and %s to elimity", tt.body, key, a, b)
				}
			}
		}
	}
}

// BenchmarkElimityFilter is what BenchmarkFilter is compared with.
func BenchmarkElimityFilter(b *testing.B) {
	for name, text := range scim.BenchFilters {
		b.Run(name, func(b *testing.B) {
			ref := schema.CoreUserSchema()
			b.ReportAllocs()
			for b.Loop() {
				v, err := scimfilter.NewValidator(text, ref)
				if err != nil {
					b.Fatal(err)
				}
				if err := v.Validate(); err != nil {
					b.Skip(err)
				}
			}
		})
	}
}
