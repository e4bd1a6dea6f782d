package layout

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// floor is where a room is, and why.
type floor struct {
	room   string
	floor  int
	reason string
}

// floors are the rooms of the house, each with its floor and the reason why it
// is there. Arrows point down only: a package imports packages of lower floors.
var floors = []floor{
	{"access", 1, "the words and the decision; other services embed it, so it knows nobody"},
	{"directory", 1, "what identity providers say; it knows nothing of grants"},
	{"mapping", 2, "turns what directory says into what access decides on, and into plans"},
	{"store", 3, "keeps the facts of the floors below, and knows no rule of the engine above"},
	{"provision", 4, "the one way in: every door goes through it"},
	{"internal/session", 4, "who is signed in; the doors stand on it"},
	{"internal/handler", 4, "plumbing under the doors; it knows no door"},
	{"internal/browsertest", 4, "a real browser for tests of pages; it knows no page"},
	{"scim", 5, "a door"},
	{"saml", 5, "a door"},
	{"saml/signin", 3, "what a protocol of signing in yields; it knows no protocol"},
	{"saml/oidc", 4, "a protocol under the sign-in door; it knows no store, no page and no SAML"},
	{"ldapsync", 5, "a door"},
	{"web", 5, "a door"},
	{"cmd", 6, "connects the rooms, and is connected to by none"},
	{"internal/layout", 7, "checks the house from outside"},
	{"internal/docs", 7, "checks the documents from outside"},
}

// behindOneDoor are the libraries that one room alone may import, so that they
// can be replaced in one room.
var behindOneDoor = []struct {
	library, room, reason string
}{
	{"github.com/elimity-com/scim", "scim", "its types are SCIM's, not ours"},
	{"github.com/go-jose/go-jose", "scim", "which signed tokens are taken is decided in one file"},
	{"github.com/crewjam/saml", "saml", "it is wrapped, not trusted"},
	{"github.com/russellhaering/goxmldsig", "saml", "identity is read from signed bytes in one place"},
	{"github.com/coreos/go-oidc", "saml/oidc", "it has the last word on tokens, and we the first"},
	{"github.com/go-ldap/ldap", "ldapsync", "only paged, proven reads leave that room"},
	{"github.com/jcmturner/gokrb5", "ldapsync", "it speaks to the KDC, and proves nothing to the server: that is ours"},
	{"github.com/jackc/pgx", "store", "one SQL text for both databases"},
	{"modernc.org/sqlite", "store", "one SQL text for both databases"},
	{"github.com/pressly/goose", "store", "the schema is the store's own business"},
	{"database/sql", "store", "SQL is written in one room"},
	{"github.com/spf13/cobra", "cmd", "flags are the binary's business"},
	{"github.com/prometheus/client_golang/prometheus/promhttp", "web", "one place serves metrics"},
	{"github.com/chromedp", "internal/browsertest", "how the browser is started, and kept off the network, is written once"},
}

// forbidden says what a room must not import or call, beside its floor.
var forbidden = []struct {
	rooms  []string
	what   []string // import paths, or PACKAGE.NAME of a call
	reason string
}{
	{[]string{"access", "directory", "mapping"}, []string{"time.Now", "time.Since", "time.Until", "time.After", "time.Sleep", "time.NewTimer"},
		"the time comes in as a value: a decision at any time can be asked for and tested"},
	{[]string{"access", "directory", "mapping"}, []string{"os", "net", "net/http", "database/sql", "log", "log/slog", "context"},
		"pure: no I/O, so no context and nothing to log"},
	{[]string{"store", "provision"}, []string{"net/http"}, "HTTP ends at the doors"},
	{[]string{"access", "directory", "mapping", "store", "provision", "scim", "web"}, []string{"os.Getenv", "os.Exit", "flag"},
		"configuration comes in by parameter; only the binary reads its surroundings"},
}

// testOnly are libraries that must never reach the binary.
var testOnly = []string{"github.com/zitadel/oidc", "github.com/chromedp", "pgregory.net/rapid", "github.com/anishathalye/porcupine", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "testing"}

// noNames are what a package is called when nobody knew what it is for.
var noNames = []string{"util", "utils", "common", "base", "model", "models", "helper", "helpers", "misc", "shared", "lib", "types"}

// longFiles may have more than maxLines, each for the reason given.
var longFiles = map[string]string{}

const maxLines = 600

// standardOnly are the rooms that import the standard library and nothing else.
var standardOnly = []string{"access", "internal/handler"}

func TestArrowsPointDownOnly(t *testing.T) {
	for _, f := range goFiles(t) {
		from, known := floorOf(f.dir)
		if !known {
			t.Errorf("%s: package %s has no floor; give it one in floors, with the reason", f.path, f.dir)
			continue
		}
		for _, imported := range f.ours() {
			to, known := floorOf(imported)
			switch {
			case !known:
				t.Errorf("%s imports %s, which has no floor", f.path, imported)
			case imported == f.dir, room(imported) == room(f.dir):
			case f.test && to <= from: // a test may use a neighbour's room to furnish its own
			case to >= from:
				t.Errorf("%s (floor %d) imports %s (floor %d); arrows point down only", f.path, from, imported, to)
			}
		}
	}
}

func TestTheGroundFloorImportsTheStandardLibraryOnly(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || f.helper() || !slices.Contains(standardOnly, f.dir) {
			continue
		}
		for _, imported := range f.imports {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") || first == module {
				t.Errorf("%s imports %s; %s imports the standard library only", f.path, imported, f.dir)
			}
		}
	}
}

func TestEachLibraryIsBehindOneDoor(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, rule := range behindOneDoor {
			for _, imported := range f.imports {
				if within(imported, rule.library) && room(f.dir) != rule.room && !f.checksFromOutside() {
					t.Errorf("%s imports %s, which only %s may: %s", f.path, imported, rule.room, rule.reason)
				}
			}
		}
	}
}

func TestRoomsKeepOffWhatIsNotTheirs(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || f.helper() {
			continue
		}
		for _, rule := range forbidden {
			if !slices.Contains(rule.rooms, f.dir) {
				continue
			}
			for _, what := range rule.what {
				if slices.Contains(f.imports, what) || slices.Contains(f.calls, what) {
					t.Errorf("%s uses %s, which %s must not: %s", f.path, what, f.dir, rule.reason)
				}
			}
		}
	}
}

func TestTestLibrariesStayOutOfTheBinary(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || f.helper() || f.checksFromOutside() {
			continue
		}
		for _, imported := range f.imports {
			for _, library := range testOnly {
				if within(imported, library) {
					t.Errorf("%s imports %s outside a test", f.path, imported)
				}
			}
			if dir, ours := strings.CutPrefix(imported, module+"/"); ours && (file{dir: dir}).helper() {
				t.Errorf("%s imports the test helper %s outside a test", f.path, imported)
			}
		}
	}
}

func TestEachPackageHasOneDocComment(t *testing.T) {
	docs := map[string][]string{}
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		if docs[f.dir] == nil {
			docs[f.dir] = []string{}
		}
		if f.doc == "" {
			continue
		}
		docs[f.dir] = append(docs[f.dir], f.path)
		if want := "Package " + f.pkg + " "; f.pkg != "main" && !strings.HasPrefix(f.doc, want) {
			t.Errorf("%s: the package comment must begin with %q", f.path, want)
		}
	}
	for dir, files := range docs {
		if len(files) != 1 {
			t.Errorf("package %s has %d package comments %v; it must have exactly one", dir, len(files), files)
		}
	}
}

func TestFilesAreOneIdea(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		reason, excused := longFiles[f.path]
		seen[f.path] = true
		switch {
		case f.test, f.helper(), f.generated:
		case f.lines > maxLines && !excused:
			t.Errorf("%s has %d lines; one idea is at most %d: split it, or say in longFiles why not", f.path, f.lines, maxLines)
		case f.lines > maxLines:
			t.Logf("%s has %d lines: %s", f.path, f.lines, reason)
		case excused:
			t.Errorf("%s has %d lines and needs no excuse any more; take it out of longFiles", f.path, f.lines)
		}
	}
	for p := range longFiles {
		if !seen[p] {
			t.Errorf("longFiles names %s, which is not there", p)
		}
	}
}

func TestPackagesAreNamedForWhatTheyAreFor(t *testing.T) {
	for _, f := range goFiles(t) {
		if name := path.Base(f.dir); slices.Contains(noNames, name) || slices.Contains(noNames, f.pkg) {
			t.Errorf("%s: package %s says nothing; name it for what it is for", f.path, f.pkg)
		}
	}
}

func TestTheProductsModuleReplacesNothing(t *testing.T) {
	for i, line := range strings.Split(readRoot(t, "go.mod"), "\n") {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "replace" || word == "exclude" {
			t.Errorf("go.mod:%d: %s; a program that embeds access gets none of our replacements", i+1, line)
		}
	}
	for _, line := range strings.Split(readRoot(t, "go.mod"), "\n") {
		for _, heavy := range []string{"open-policy-agent", "cedar-go", "casbin", "openfga"} {
			if strings.Contains(line, heavy) {
				t.Errorf("go.mod: %s is a peer that bench/ compares with; it belongs into bench/go.mod", strings.TrimSpace(line))
			}
		}
	}
}

func TestTheRulesAreAboutRoomsThatCanBe(t *testing.T) {
	rooms := map[string]bool{}
	for _, f := range floors {
		if rooms[f.room] || f.reason == "" {
			t.Errorf("floors: %s is there twice or has no reason", f.room)
		}
		rooms[f.room] = true
	}
	for _, rule := range behindOneDoor {
		if !rooms[rule.room] || rule.reason == "" {
			t.Errorf("behindOneDoor: %s is behind %s, which is no room, or has no reason", rule.library, rule.room)
		}
	}
}
