package saml_test

import (
	"strings"
	"testing"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

func TestEveryVectorIsRefusedForItsReason(t *testing.T) {
	l := samltest.NewLab()
	seen := map[string]bool{}
	for _, v := range samltest.Vectors() {
		if seen[v.Name] {
			t.Errorf("two vectors are called %q", v.Name)
		}
		seen[v.Name] = true
		t.Run(v.Name, func(t *testing.T) {
			id, r := l.Provider(v.Config).Accept(t.Context(), v.Message(l), v.Waiting(), &samltest.Memory{}, samltest.Now.Add(v.At))
			switch {
			case r == nil && v.Want != "":
				t.Fatalf("accepted as %q; want %s", id.Subject.Value, v.Want)
			case r == nil && id == nil, r != nil && id != nil:
				t.Fatalf("identity %v and rejection %v", id, r)
			case r != nil && r.Reason != v.Want:
				t.Fatalf("got %v (cause %v); want %q", r, r.Cause, v.Want)
			case r != nil && (r.Want == "" || r.Got == "" || r.Fix() == "" || r.Says() == ""):
				t.Fatalf("%s does not explain itself: %+v", r.Reason, r)
			case r == nil && id.Subject.Value != samltest.Person:
				t.Fatalf("accepted as %q", id.Subject.Value)
			}
		})
	}
	t.Logf("%d vectors", len(seen))
}

var _ saml.Replay = &samltest.Memory{}

// replace is an edit of every old.
func replace(old, new string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, new) }
}
