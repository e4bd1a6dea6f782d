package mapping

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// Cases are files that people other than programmers can check: a mapping, the
// sites, groups and people there are, and the grants and problems wanted.
// UPDATE=1 writes what came out.
func TestCases(t *testing.T) {
	files, _ := filepath.Glob("testdata/cases/*.txt")
	if len(files) < 10 {
		t.Fatal("cases are missing")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := parseCase(t, string(text))
			s, problems := Parse("mapping.yaml", []byte(c.section("mapping.yaml")), c.env)
			c.set("problems", problems.Error())
			if s != nil && c.section("people") != "" {
				c.set("grants", c.grants(t, s))
			}
			if got := c.String(); got != string(text) {
				if os.Getenv("UPDATE") != "" {
					os.WriteFile(file, []byte(got), 0o644)
				}
				t.Errorf("%s has\n%s", file, got)
			}
		})
	}
}

// caseFile is an archive in the txtar format.
type caseFile struct {
	intro    string
	names    []string
	sections map[string]string
	env      Env
	groups   map[string]directory.Group // "source/name"
}

func parseCase(t *testing.T, text string) *caseFile {
	c := &caseFile{sections: map[string]string{}, groups: map[string]directory.Group{}, env: Env{Sources: []string{"okta", "entra", "corp-ldap"}, Now: testNow}}
	name := ""
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(line, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(n), " --")
			c.names = append(c.names, name)
			c.sections[name] = ""
		} else if name == "" {
			c.intro += line
		} else {
			c.sections[name] += line
		}
	}
	for line := range strings.Lines(c.section("sites")) {
		words := strings.Fields(line)
		id, _ := strconv.Atoi(words[0])
		s := access.Site{ID: access.SiteID(id), Slug: words[1], Labels: map[string]string{}}
		for _, label := range words[2:] {
			k, v, _ := strings.Cut(label, "=")
			s.Labels[k] = v
		}
		c.env.Sites = append(c.env.Sites, s)
	}
	for line := range strings.Lines(c.section("groups")) {
		parts := strings.Split(strings.TrimSpace(line), " | ")
		g := directory.Group{ID: directory.GroupID(len(c.env.Groups) + 1), UID: fmt.Sprint("uid-", len(c.env.Groups)+1), Source: parts[0], Display: parts[1]}
		for _, more := range parts[2:] {
			switch k, v, _ := strings.Cut(more, "="); k {
			case "id":
				g.ExternalID = v
			case "dn":
				g.DN = v
			default:
				t.Fatalf("what is %q?", more)
			}
		}
		c.env.Groups = append(c.env.Groups, g)
		c.groups[g.Source+"/"+g.Display] = g
	}
	return c
}

func (c *caseFile) section(name string) string { return c.sections[name] }

func (c *caseFile) set(name, text string) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if !slices.Contains(c.names, name) && text != "" {
		c.names = append(c.names, name)
	}
	c.sections[name] = text
}

func (c *caseFile) String() string {
	var b strings.Builder
	b.WriteString(c.intro)
	for _, n := range c.names {
		b.WriteString("-- " + n + " --\n" + c.sections[n])
	}
	return b.String()
}

// grants lists what each person has, sites with nothing left out.
func (c *caseFile) grants(t *testing.T, s *Set) string {
	f := s.facts(c.env.Groups, c.env.Sites)
	var people []access.Person
	var names []string
	for line := range strings.Lines(c.section("people")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		names = append(names, name)
		people = append(people, c.person(t, s, access.PersonID(len(names)), rest))
		f.Tokens = append(f.Tokens, access.Token{ID: access.TokenID(len(names)), Owner: access.PersonID(len(names)), Ceiling: access.CeilingInherit})
	}
	f.People = slices.Values(people)
	snap, err := access.Build(f)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "%s\n", name)
		for _, site := range snap.AllSites() {
			session, token := naiveAt(snap, people[i].ID, site.ID, false, testNow), naiveAt(snap, people[i].ID, site.ID, true, testNow)
			if session != (access.Actions{}) {
				fmt.Fprintf(&b, "  %-14s %-10s token %s\n", site.Slug, s.cat.Highest(session), s.cat.Highest(token))
			}
		}
	}
	return b.String()
}

// person reads "okta/Group, entra/Other joined 2026-11-01; email=a@b".
func (c *caseFile) person(t *testing.T, s *Set, id access.PersonID, text string) access.Person {
	p := access.Person{ID: id, Joined: map[access.GroupID]time.Time{}}
	groups, email, _ := strings.Cut(text, "; email=")
	sources := map[string]bool{}
	for _, word := range strings.Split(groups, ",") {
		name, joined, timed := strings.Cut(strings.TrimSpace(word), " joined ")
		if name == "" {
			continue
		}
		g, ok := c.groups[name]
		if !ok {
			t.Fatalf("no group %q", name)
		}
		sources[g.Source] = true
		p.Groups = append(p.Groups, access.GroupID(g.ID))
		if at, err := time.Parse(time.DateOnly, joined); timed && err == nil {
			p.Joined[access.GroupID(g.ID)] = at
		}
	}
	var values []directory.Value
	if email != "" {
		values = append(values, directory.Value{Path: "emails.value", Text: directory.Fold(strings.TrimSpace(email))})
	}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		for _, tr := range s.Traits() {
			if tr.Match(source, values) {
				p.Traits = append(p.Traits, tr.ID)
			}
		}
	}
	slices.Sort(p.Groups)
	slices.Sort(p.Traits)
	p.Groups, p.Traits = slices.Compact(p.Groups), slices.Compact(p.Traits)
	slices.SortFunc(p.Groups, cmp.Compare)
	return p
}

var codeForm = regexp.MustCompile(`GB[0-9]{3}`)

// codesInSource are all codes that the package may print.
func codesInSource(t *testing.T) []string {
	files, _ := filepath.Glob("*.go")
	seen := map[string]bool{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range regexp.MustCompile(`"GB[0-9]{3}"`).FindAllString(string(text), -1) {
			seen[strings.Trim(c, `"`)] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Codes that no case can show, and where they are shown instead.
var codesElsewhere = map[string]string{
	"GB002": "TestHostileTextsAreRefusedQuickly", "GB005": "TestProblemsWithTheTextItself", "GB009": "TestHostileTextsAreRefusedQuickly",
	"GB109": "TestHostileTextsAreRefusedQuickly", "GB170": "a collision of hashes",
}

func TestEveryCodeHasACase(t *testing.T) {
	shown := map[string]bool{}
	files, _ := filepath.Glob("testdata/cases/*.txt")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for _, c := range codeForm.FindAllString(string(text), -1) {
			shown[c] = true
		}
	}
	for _, c := range codesInSource(t) {
		if !shown[c] && codesElsewhere[c] == "" {
			t.Errorf("no case shows %s", c)
		}
	}
}

func TestProblemsWithTheTextItself(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\n# \xff":                   "x:2:3: GB005 this is not UTF-8",
		"version: 1\n# \x07":                   "x:2:3: GB005 the control character U+0007 is not allowed\n  # \ufffd\n    ^",
		"version: 1\rrules: []":                "x:1:11: GB005 a carriage return stands alone\n  version: 1\ufffdrules: []\n            ^",
		"":                                     "x:1:1: GB103 the mapping is empty; it begins with version: 1",
		"rules: []":                            "x:1:1: GB103 a mapping needs version\n  rules: []\n  ^",
		"\tversion: 1":                         "x:1:8: GB001 tab character cannot use as a map key directly\n  \tversion: 1\n  \t      ^",
		"version: 1\n---\nversion: 1":          "x:2:1: GB004 a mapping is one document\n  ---\n  ^",
		"version: 1\nrules: !!seq []":          "x:2:8: GB004 tags (!) are not part of the language; put a text that begins so in quotes\n  rules: !!seq []\n         ^",
		"version: 1\nrules:\n\t- id: a":        "x:3:1: GB001 found character '\t' that cannot start any token\n  \t- id: a\n  ^",
		"version: 1\nlimits: {on: all}\n":      "x:2:10: GB101 unknown key on; there are people_changed, people_removed, superusers_at_least\n  limits: {on: all}\n           ^",
		"version: 1\ntests:\n- name: é € x: y": "",
	} {
		s, problems := Parse("x", []byte(text), exampleEnv())
		if s != nil || !problems.Failed() {
			t.Errorf("%q is accepted", text)
		}
		if got := problems.Error(); want != "" && got != want {
			t.Errorf("%q:\n%s\nwant\n%s", text, got, want)
		}
	}
}

func TestProblemsTravelAsJSON(t *testing.T) {
	want := Problems{{File: "m.yaml", Line: 3, Column: 5, Code: "GB101", Severity: Warning, Message: "x", Excerpt: "  y"}, {Code: "GB102"}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Problems
	if err := json.Unmarshal(text, &got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: %v, %v", text, got, err)
	}
	if err := json.Unmarshal([]byte(`[{"severity": "loud"}]`), &got); err == nil {
		t.Error("a severity that does not exist was read")
	}
}

func TestASetKeepsItsTextAndLimits(t *testing.T) {
	text := "version: 1\nlimits: {people_changed: 12.5%, people_removed: 0, superusers_at_least: 2}\n"
	s := mustParse(t, text, Env{})
	want := Limits{PeopleChanged: Share{Percent: 12.5, Set: true}, PeopleRemoved: Share{IsCount: true, Set: true}, SuperusersAtLeast: 2}
	if s.Limits() != want || string(s.Text()) != text {
		t.Errorf("%+v, %q", s.Limits(), s.Text())
	}
	s.Text()[0] = 'x'
	if string(s.Text()) != text {
		t.Error("the caller changed the text of the set")
	}
	for _, c := range []string{"20%", "12.5%", "50", "0"} {
		if s, ok := ParseShare(c); !ok || s.String() != c {
			t.Errorf("%s is %s, %v", c, s, ok)
		}
	}
	for _, c := range []string{"", "%", "-1", "101%", "NaN%", "0x10%", "1e3", "Inf%", "5 people"} {
		if s, ok := ParseShare(c); ok {
			t.Errorf("%q is read as %s", c, s)
		}
	}
}

func TestATestsGroupsMayBeDNsAndIDs(t *testing.T) {
	env := exampleEnv()
	env.Groups = []directory.Group{{ID: 50, Source: "corp-ldap", Display: "analysts", DN: "CN=analysts,OU=Groups,DC=com"}, {ID: 51, Source: "entra", Display: "Agency", ExternalID: "g-1"}}
	s := mustParse(t, `version: 1
rules:
- {id: dn, from: corp-ldap, group: {dn: "cn=analysts, ou=groups, dc=com"}, give: write, sites: [blog]}
- {id: by-id, from: entra, group: {id: g-1, name: Agency}, give: view, sites: [blog]}
- {id: unseen, from: entra, group: {id: g-2, name: Later}, give: admin, sites: [blog]}
- {id: mail, from: okta, person: {email: "a@b"}, give: view, sites: [intranet]}
tests:
- {name: by DN, person: {from: corp-ldap, groups: [{dn: "CN=Analysts,OU=Groups,DC=com"}]}, expect: {blog: write}}
- {name: by DN as text, person: {from: corp-ldap, groups: ["CN=Analysts,OU=Groups,DC=com"]}, expect: {blog: write}}
- {name: elsewhere, person: {from: corp-ldap, groups: ["CN=Analysts,OU=Other,DC=com"]}, expect: {blog: noaccess}}
- {name: by the name of a seen group, person: {from: corp-ldap, groups: [analysts]}, expect: {blog: write}}
- {name: by id, person: {from: entra, groups: [{id: g-1}]}, expect: {blog: view}}
- {name: by the name of an id, person: {from: entra, groups: [Agency]}, expect: {blog: view}}
- {name: by the name of an id not seen, person: {from: entra, groups: [Later]}, expect: {blog: admin}}
- {name: attributes, person: {from: okta, attributes: {email: [x@y, A@B]}}, expect: {intranet: view}}
`, env)
	for _, r := range s.Test(env) {
		if len(r.Wrong) > 0 {
			t.Errorf("%s: %q", r.Name, r.Wrong)
		}
	}
}
