package access_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fault is one mistake put into a copy of the package; the tests that run names
// must find it.
type fault struct {
	name, file, old, new string
	run                  string // "TestDifferential" when empty
}

// The first quickFaults are tried on every run, all of them with GRANTBRIDGE_ALL=1.
const quickFaults = 6

var faults = []fault{
	{"an end is one instant late", "live.go", "now >= instantOr(c.window.until", "now > instantOr(c.window.until", ""},
	{"a mapping's token ceiling is ignored", "hot.go", "if c == TokenChannel {", "if c == SessionChannel {", ""},
	{"the last of several rules of a subject is lost", "edges.go", "return e.list[ref : n+1]", "return e.list[ref:n]", ""},
	{"a parent token does not clamp", "credential.go", "\t\ta |= s.tokenAilment(t, q)\n", "", ""},
	{"an explanation blames the wrong thing", "explain.go", "Limit: r.TokenCeiling.String()}, cause{blocks: true})", "Limit: r.TokenCeiling.String()}, cause{})", "TestL14"},
	{"a grant may outlive its maker's right", "admin.go", "from <= q.now && until >= end:", "from <= q.now && until > q.now:", "TestL15"},

	{"signed-in is nobody", "walk.go", "\t\tp.subject(keySignedIn, visit)\n", "", ""},
	{"the filter is not asked about everywhere", "walk.go", "(*here.word(hash)|*all.word(hash))", "(*here.word(hash))", ""},
	{"a person's own rules are lost", "walk.go", "\t\tp.subject(self, visit)\n", "", ""},
	{"groups beyond the row are lost", "walk.go", "\t\twalkGroups(&p, w.more(), visit)\n", "", ""},
	{"traits are lost", "walk.go", "p.subject(keyTrait|subjectKey(t.fact), visit)", "_ = t", ""},
	{"a site's rules hide those for everywhere", "walk.go", "p.rules(p.here, ref, hot, k, visit)\n", "p.rules(p.here, ref, hot, k, visit)\n\t\treturn\n", ""},
	{"excepted sites are not", "walk.go", "cold.scope.excludes(at.ID)", "false", ""},
	{"a cohort is everybody that its pivot leads to", "walk.go", "return ok && c.holds(w)", "return ok && (c.holds(w) || !w.anonymous)", ""},
	{"the filter forgets", "edges.go", "*e.filter.word(hash) |= 1", "*e.filter.word(hash) = 1", ""},
	{"groups after the first 64 are lost", "walk.go", "groups = groups[len(part):]", "groups = nil", ""},
	{"a group that is let through hides the ones after it", "walk.go", "let &^= 1 << (n - 1)", "let = 0", ""},
	{"a beginning is one instant late", "live.go", "now < instantOr(c.window.from", "now <= instantOr(c.window.from", ""},
	{"a restriction lapses with an unknown joining", "live.go", "case !known && h.kind() == Grant:", "case !known:", ""},
	{"time from joining is one instant long", "live.go", "case known && now >= end:", "case known && now > end:", ""},
	{"time from joining never ends", "live.go", "case known && now >= end:", "case known && now >= end && false:", ""},
	{"a cap on any channel binds none", "hot.go", "h.channel() == AnyChannel || h.channel() == c", "h.channel() == c", ""},
	{"a missing parent is no harm", "credential.go", "if t == nil || t.ID == mark {\n", "if t == nil {\n\t\t\treturn a\n\t\t}\n\t\tif t.ID == mark {\n", ""},
	{"a token's end is one instant late", "credential.go", "q.now >= t.expires", "q.now > t.expires", ""},
	{"a token's sites are ignored", "credential.go", " && t.Sites == nil", "", ""},
	{"a token's actions are ignored", "credential.go", " && t.Actions == nil,", ",", ""},
	{"revocation is ignored", "credential.go", "ordinary: !t.Revoked && ", "ordinary: ", ""},
	{"an unknown ceiling is inherit", "credential.go", "case x == CeilingInherit:", "case x == CeilingInherit || x == CeilingUnknown:", ""},
	{"older sessions survive", "credential.go", "c.Issued.Before(w.notBefore())", "false", ""},
	{"older tokens survive", "credential.go", "t.Issued.Before(owner.notBefore())", "false", ""},
	{"somebody else's token will do", "check.go", "t == nil || id != 0 && t.owner != uint32(id)", "t == nil", ""},
	{"the best of several credentials counts", "check.go", "rank[c] < rank[code]", "rank[c] > rank[code]", ""},
	{"the public is not capped at view", "check.go", " && s.catalogue.levels[View].has(q.action)", "", ""},
	{"the owner is bound by rules", "check.go", "if q.who.flags&isOwner == 0 {", "if true {", ""},
	{"only the last deny counts", "tally.go", "t.denied = t.denied || l == live", "t.denied = l == live", ""},
	{"an ended grant is one that never was", "tally.go", "t.ended = t.ended || contributes", "t.ended = false", ""},
	{"effective rights of a locked person", "effective.go", " || q.who.barred() != 0", "", ""},
	{"locks are forgotten", "people.go", "flagIf(isLocked, p.Locked) | ", "", ""},
	{"joining times survive leaving", "people.go", "\t\td.rare.joined = without(d.rare.joined, i)\n", "", ""},
	{"the first group beyond the row is lost", "people.go", "slices.Clone(groups[len(row)-1:])", "slices.Clone(groups[len(row):])", ""},
	{"wide ids are cut", "people.go", "if d.widest <= 1<<16-1 {", "if d.widest <= 1<<17-1 {", ""},
	{"only the first of any pivots", "cohort.go", "keys, cost = append(keys, k...), cost+c", "if i == 0 {\n\t\t\t\tkeys, cost = k, c\n\t\t\t}", ""},
	{"not is found by what it excludes", "cohort.go", "case NotOf:\n\t\treturn []subjectKey{keySignedIn}, everybody", "case NotOf:\n\t\treturn e.Args[0].pivots()", ""},
	{"all of nothing is true", "cohort.go", "return len(e.Args) > 0", "return true", ""},
	{"slugs are case-sensitive", "glob.go", "return a == b || unicode", "return a == b || false && unicode", ""},
	{"Global is excepted", "scope.go", "if s.ID == Global {", "if s.ID == Global && !sc.hasExcept() {", "TestScope"},
	{"a changed cohort keeps its edges", "with.go", "\t\td.fresh[slot] = true\n", "\t\t_ = slot\n", ""},
	{"excepted sites are not looked for again", "draft.go", "if c.scope.All && len(c.scope.ExceptSelect) > 0 {", "if c.id < 0 {", ""},
	{"a changed site keeps its old rules", "draft.go", "\td.open[s.ID] = nil\n", "", ""},
	{"a replaced rule still counts", "draft.go", "return d.dropped[e.slot]", "return false", ""},
	{"a change writes to the snapshot before: maps", "cowmap.go", "\treturn &entry[K, V]{e.key, e.val, rest}\n", "\te.next = rest\n\treturn e\n", "TestCowMap"},
	{"a change writes to the snapshot before: pages", "pages.go", "\t\tc := *d.dir[page]\n\t\td.dir[page] = &c\n", "", ""},
	{"several reasons are said to be one", "nearest_change.go", "blockers == 1 && e.granted", "blockers >= 1 && e.granted", "TestL14"},
	{"joining is proposed though a deny comes with it", "nearest_change.go", " && e.s.decide(&q, e.r) == Allowed", "", "TestL14"},
	{"a label is for whoever holds nothing", "admin.go", "if rule.Scope.Open() {", "if rule.Scope.All {", "TestL15"},
	{"a passing token gives for ever", "admin.go", "s.chainEnd(c.Token) < end", "false", "TestL15"},
	{"what is given is not compared", "admin.go", "lacking := actions.Minus(held)", "lacking := held.Minus(held)", "TestL15"},
	{"the person's rights count instead of the token's", "admin.go", "held = held.Intersect(top)", "held = held.Intersect(s.lasting(&q, ch, end))", "TestL15"},
	{"a session's caps are shed by a token", "admin.go", ".Intersect(s.sessionCaps(&q.who))", "", "TestL15"},
}

// TestFaultsAreFound puts each fault into a copy of the package and expects its
// tests to fail there. It compiles once a fault, so most wait for `make test-all`.
func TestFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package again and again")
	}
	list := faults
	if os.Getenv("GRANTBRIDGE_ALL") == "" {
		list = faults[:quickFaults]
		t.Logf("%d of %d faults; GRANTBRIDGE_ALL=1 tries them all", len(list), len(faults))
	}
	files := copyPackage(t, filepath.Join(t.TempDir(), "grantbridge"))
	for _, f := range list {
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) { tryFault(t, files, f) })
	}
}

func tryFault(t *testing.T, dir string, f fault) {
	path := filepath.Join(dir, "access", f.file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(f.old)); n != 1 {
		t.Fatalf("%s has the text to change %d times, want once: %s", f.file, n, f.old)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(f.old), []byte(f.new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(path, text, 0o600)
	run := f.run
	if run == "" {
		run = "TestDifferential"
	}
	out, err := goTest(dir, run)
	switch {
	case err == nil:
		t.Errorf("not found by %s in %s worlds", run, faultWorlds)
	case !strings.Contains(out, "--- FAIL: Test"):
		t.Fatalf("does not compile or does not run:\n%s", out)
	default:
		t.Logf("found: %s", found(out))
	}
}

// faultWorlds is how many worlds it may take to find a fault.
const faultWorlds = "5000"

func goTest(dir, run string) (string, error) {
	cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-timeout=120s", "-run", run, "./access",
		"-rapid.checks="+faultWorlds, "-rapid.seed=1", "-rapid.shrinktime=0s", "-rapid.nofailfile")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GRANTBRIDGE_ALL=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// found is the line that says after how many worlds.
func found(out string) string {
	for line := range strings.Lines(out) {
		if i := strings.Index(line, "failed after"); i >= 0 {
			return strings.TrimSpace(line[i:min(len(line), i+60)])
		}
	}
	return "at once"
}

// copyPackage copies what the tests of this package need, without this one.
func copyPackage(t *testing.T, dir string) string {
	t.Helper()
	copies := map[string]string{"../go.mod": "go.mod", "../go.sum": "go.sum"}
	for _, pattern := range []string{"*.go", "*.json", "accesstest/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if n != "faults_test.go" {
				copies[n] = filepath.Join("access", n)
			}
		}
	}
	for from, to := range copies {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
