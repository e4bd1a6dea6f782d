package oidc

import (
	"os"
	"strings"
	"testing"
)

// TestTheReferenceOfReasonsIsTheTable keeps docs/oidc.md true.
func TestTheReferenceOfReasonsIsTheTable(t *testing.T) {
	doc, err := os.ReadFile("../../docs/oidc.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range Reasons() {
		if row := "| `" + string(a.Reason) + "` | " + a.Means + " | " + a.Fix + " |"; !strings.Contains(string(doc), row) {
			t.Errorf("docs/oidc.md lacks\n%s", row)
		}
		if strings.HasSuffix(a.Means, ".") || !strings.HasSuffix(a.Fix, ".") || a.Stage == "" {
			t.Errorf("%s: %q, %q", a.Reason, a.Means, a.Fix)
		}
	}
	if got, want := strings.Count(string(doc), "\n| `"), len(Reasons()); got != want {
		t.Errorf("docs/oidc.md has %d reasons; there are %d", got, want)
	}
}
