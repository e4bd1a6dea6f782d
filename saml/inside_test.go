package saml

import (
	"os"
	"strings"
	"testing"
)

func TestAPanicIsARejection(t *testing.T) {
	run := func() (id *Identity, r *Rejection) {
		defer fence(&r, func() { id = nil })
		panic("a library's defect")
	}
	if id, r := run(); id != nil || r == nil || r.Reason != InternalError || r.Cause == nil || strings.Contains(r.Error(), "library") {
		t.Errorf("got %v, %v", id, r)
	}
}

func TestEveryReasonSaysWhatToDo(t *testing.T) {
	all := Reasons()
	if len(all) < 40 {
		t.Errorf("%d reasons", len(all))
	}
	for _, r := range all {
		if r.Stage() == "" || r.Means() == "" || r.Fix() == "" || r.Says() == "" || !r.Known() || strings.HasSuffix(r.Means(), ".") || !strings.HasSuffix(r.Fix(), ".") {
			t.Errorf("%s: %q, %q, %q", r, r.Means(), r.Fix(), r.Says())
		}
	}
	if Reason("nonsense").Known() || Reason("").Known() {
		t.Error("an unknown reason is known")
	}
}

// TestTheReferenceOfReasonsIsTheTable keeps docs/saml.md true.
func TestTheReferenceOfReasonsIsTheTable(t *testing.T) {
	doc, err := os.ReadFile("../docs/saml.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range reasons {
		row := "| `" + string(a.reason) + "` | " + a.means + " | " + a.fix + " |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/saml.md lacks\n%s", row)
		}
	}
	if got, want := strings.Count(string(doc), "\n| `"), len(reasons); got != want {
		t.Errorf("docs/saml.md has %d reasons; there are %d", got, want)
	}
}

func TestWhatIsShownOfAMessageIsALine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		"a\nb\x1b[31m":           "a\uFFFDb\uFFFD[31m",
		"\u202eevil":             "\uFFFDevil",
		"\xff":                   "\uFFFD",
		strings.Repeat("ä", 200): strings.Repeat("ä", 100) + "…",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

// TestTwoReadingsAreRefused: no message is known that does this; the check is
// for the one that is not.
func TestTwoReadingsAreRefused(t *testing.T) {
	root, r := scan(`<a><b>1</b></a>`, Limits{}.withDefaults())
	if r != nil {
		t.Fatal(r)
	}
	for _, other := range []string{`<a><b>2</b></a>`, `<a><b x="1">1</b></a>`, `<a><c>1</c></a>`, `<a xmlns="urn:x"><b>1</b></a>`, `<a><b>1</b><b/></a>`, `<a>x<b>1</b></a>`, `<a><!-- --><b>1</b></a>`} {
		if _, r := parse(other, root); r == nil || r.Reason != SignedBytesDiffer {
			t.Errorf("%s: %v", other, r)
		}
	}
	if _, r := parse("<a>\n <b>1</b></a>", root); r != nil {
		t.Errorf("space between elements: %v", r)
	}
}
