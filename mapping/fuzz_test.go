package mapping

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// FuzzParse holds that no text makes the package panic, and that whatever is
// accepted can be formatted, compiled and tested.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, s := range []string{"", "version: 1", "version: 1\nrules: [{id: a, from: any, group: {not: B}, at_most: view, sites: '{x}'}]", "- - -", "? a\n: b", "{", "a: &b\n*b", "\ufeffversion: 1",
		"version: 1\r\nrules: []\r\n", "version: 1\nrules:\n- id: a\n  from: any\n  group: {all: [{regexp: '(?P<s>.*)'}, {not: x}]}\n  give: view\n  sites: ['{s}', 1]\n"} {
		f.Add(s)
	}
	env := exampleEnv()
	env.Sources = nil
	env.Groups = []directory.Group{{ID: 1, Source: "okta", Display: "Matomo-Admin-blog"}, {ID: 2, Source: "corp-ldap", Display: "x", DN: "CN=x,OU=Staff,DC=company,DC=com"}}
	env.Now = testNow
	f.Fuzz(func(t *testing.T, text string) {
		s, problems := Parse("f.yaml", []byte(text), env)
		_ = problems.Error()
		if (s == nil) != problems.Failed() {
			t.Fatalf("a set: %v, failed: %v", s != nil, problems.Failed())
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Code == "" || p.Message == "" || p.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%+v", p)
			}
		}
		if s == nil {
			return
		}
		checkFormat(t, []byte(text), env)
		rules, cohorts := s.Rest(env.Groups)
		for _, g := range env.Groups {
			rules = append(rules, s.ForGroup(g)...)
			s.State(g)
		}
		s.Rules(env.Groups)
		s.Traits()
		if _, err := access.Build(access.Facts{Catalogue: access.DefaultCatalogue(), Sites: env.Sites, Rules: rules, Cohorts: cohorts, People: func(func(access.Person) bool) {}}); err != nil {
			t.Fatal(err)
		}
		s.Test(env)
	})
}

// Nothing that fits the limit may take long or much.
func TestHostileTextsAreRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"too long":            strings.Repeat("a", maxText+1),
		"deep flow":           "a: " + strings.Repeat("[", 500_000),
		"deep flow maps":      "a: " + strings.Repeat("{a: ", 100_000),
		"deep dashes":         strings.Repeat("- ", 300_000),
		"deep questions":      strings.Repeat("? ", 300_000),
		"deep indents":        deepIndents(),
		"aliases":             "a: &a [x]\nb: *a",
		"many rules":          "version: 1\nrules:\n" + strings.Repeat("- {}\n", maxRules+1),
		"many wrong rules":    "version: 1\nrules:\n" + strings.Repeat("- {ide: x, grop: y, giv: z}\n", 9_000),
		"many unknown sites":  "version: 1\nrules:\n- {id: a, from: any, group: b, give: view, sites: [" + strings.Repeat("sitex, ", 100_000) + "x]}",
		"one long line":       "version: 1\nrules: [" + strings.Repeat("{ide: x}, ", 50_000) + "]",
		"large patterns":      "version: 1\nrules:\n" + strings.Repeat("- {id: a, from: okta, group: {regexp: '(.{900}){9}'}, give: view, sites: all}\n", 5_000),
		"quotes":              strings.Repeat("\"a\" ", 200_000),
		"colons":              strings.Repeat("a:\n", 200_000),
		"many keys":           "version: 1\nsite_sets:\n" + manyKeys(),
		"many items":          strings.Repeat("- a\n", 250_000),
		"many question marks": strings.Repeat("? a\n", 250_000),
		"many maps in a list": strings.Repeat("- a: b\n", 140_000),
		"comments":            strings.Repeat("#\n", 400_000),
		"colons in a line":    strings.Repeat("a: ", 200_000),
	} {
		if only := os.Getenv("ONLY"); only != "" && only != name {
			continue
		}
		before := cpuTime(t)
		s, problems := Parse("x", []byte(text), exampleEnv())
		if s != nil || !problems.Failed() {
			t.Errorf("%s: accepted", name)
		}
		if d := cpuTime(t) - before; d > 5*time.Second {
			t.Errorf("%s: took %v", name, d)
		} else {
			t.Logf("%s: %v, %d problems: %s", name, d, len(problems), strings.SplitN(problems[0].Error(), "\n", 2)[0])
		}
	}
}

// cpuTime is what the process has used: what a neighbour does must not count.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func manyKeys() string {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, " s%d: [1]\n", i)
	}
	return b.String()
}

func deepIndents() string {
	var b strings.Builder
	for i := range 1300 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
