package mapping

import (
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFormatOfTheExample(t *testing.T) {
	text, _ := os.ReadFile("testdata/example.yaml")
	s, _ := Parse("x", text, exampleEnv())
	got := s.Format()
	if os.Getenv("UPDATE") != "" {
		os.WriteFile("testdata/example.formatted.yaml", got, 0o644)
	}
	want, _ := os.ReadFile("testdata/example.formatted.yaml")
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	checkFormat(t, text, exampleEnv())
}

// checkFormat holds the promises of Format.
func checkFormat(t interface{ Fatalf(string, ...any) }, text []byte, env Env) {
	s, problems := Parse("x", text, env)
	if s == nil {
		t.Fatalf("%v\n%s", problems, text)
	}
	once := s.Format()
	again, problems := Parse("x", once, env)
	if again == nil {
		t.Fatalf("formatted text fails: %v\n%s\nof\n%s", problems, once, text)
	}
	if twice := again.Format(); string(twice) != string(once) {
		t.Fatalf("format is not idempotent:\n%s\nthen\n%s", once, twice)
	}
	if a, b := s.canonical(), again.canonical(); a != b {
		t.Fatalf("the sets differ:\n%s\nand\n%s", a, b)
	}
	if a, b := commentTexts(s.comments), commentTexts(again.comments); !slices.Equal(a, b) {
		t.Fatalf("comments differ: %q and %q in\n%s\nand\n%s", a, b, text, once)
	}
}

func commentTexts(list []comment) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.text)
	}
	slices.Sort(out)
	return out
}

// canonical is the meaning of the set: all values, without places and comments.
func (s *Set) canonical() string {
	var b strings.Builder
	for _, k := range topKeys {
		p := s.root.pairOf(k.name)
		if p == nil {
			continue
		}
		b.WriteString(k.name + " ")
		p.value.canonical(&b)
		b.WriteString("\n")
	}
	return b.String()
}

func (n *node) canonical(b *strings.Builder) {
	switch n.shape {
	case isList:
		b.WriteString("[")
		for _, i := range n.items {
			i.canonical(b)
		}
		b.WriteString("]")
	case isMap:
		pairs := slices.Clone(n.pairs)
		slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key.text, b.key.text) })
		b.WriteString("{")
		for _, p := range pairs {
			p.key.canonical(b)
			p.value.canonical(b)
		}
		b.WriteString("}")
	case isNull:
		b.WriteString("[]")
	default:
		b.WriteString(n.shape.String() + quoteYAML(n.text) + ";")
	}
}

// awkward are texts that a reader of YAML may take for something else.
var awkward = []string{"a", "A b", "12", "1_000", "0x1f", "1e3", ".5", "-", "- a", "a: b", "a #b", "#c", "'", `"`, `\`, "{x}", "[", "*", "&a", "!t", "%d", "@x", "`", "true",
	"no", "~", "null", "é", "ß", "a\tb", "a\nb", " lead", "trail ", "2026-12-31", "12:30", "|", ">", "?", "? a", ":", "a:", "=", "<<", "\u00a0", "日本", "😀", "\u202e", ".inf", "0o7", "+1", "1.", "a,b", "a]b", "---", "..."}

// drawYAML writes a random valid mapping in a random layout.
func drawYAML(t *rapid.T) string {
	var b strings.Builder
	comment := func(indent string) {
		if rapid.IntRange(0, 4).Draw(t, "comment") == 0 {
			b.WriteString(indent + "#" + rapid.SampledFrom([]string{" why", "why: x", "", " a # b", " {", " é"}).Draw(t, "text") + "\n")
		}
	}
	aside := func() string {
		if rapid.IntRange(0, 4).Draw(t, "aside") == 0 {
			return " # " + rapid.SampledFrom([]string{"here", "\"", "x: y"}).Draw(t, "text")
		}
		return ""
	}
	text := func() string { return quoteYAML(rapid.SampledFrom(awkward).Draw(t, "awkward")) }
	name := func() string {
		for {
			if s := rapid.SampledFrom(awkward).Draw(t, "name"); strings.TrimSpace(s) != "" && s != "{x}" {
				return quoteYAML(s)
			}
		}
	}
	comment("")
	sections := []string{"version: 1" + aside() + "\n"}
	if rapid.Bool().Draw(t, "limits") {
		sections = append(sections, "limits: {people_changed: 30%,  superusers_at_least: 2}"+aside()+"\n")
	}
	sections = append(sections, "site_sets:"+aside()+"\n  eu: {labels: {region: "+name()+"}}"+aside()+"\n")
	sections = append(sections, "rules")
	for _, i := range rapid.Permutation([]int{0, 1, 2, 3}[:len(sections)]).Draw(t, "order") {
		comment("")
		if sections[i] != "rules" {
			b.WriteString(sections[i])
			continue
		}
		b.WriteString("rules:" + aside() + "\n")
		n := rapid.IntRange(0, 4).Draw(t, "rules")
		for j := range n {
			comment("")
			keys := []string{"id: r" + string(rune('0'+j)), "from: " + rapid.SampledFrom([]string{"okta", "[okta, entra]", "any"}).Draw(t, "from"),
				"group: " + rapid.SampledFrom([]string{name(), "{glob: " + quoteYAML("x-*") + "}", "{any: [" + name() + ", {not: " + name() + "}]}"}).Draw(t, "group"),
				"give: view", "sites: " + rapid.SampledFrom([]string{"all", "3", "[3, blog]", "{set: eu, except: [blog]}", `"all"`}).Draw(t, "sites"), "why: " + text()}
			keys = rapid.Permutation(keys).Draw(t, "keys")
			if rapid.Bool().Draw(t, "flow") {
				sep := rapid.SampledFrom([]string{", ", ",\n   "}).Draw(t, "sep")
				b.WriteString("- {" + strings.Join(keys, sep) + "}" + aside() + "\n")
				continue
			}
			for k, key := range keys {
				if k == 0 {
					b.WriteString("- " + key + aside() + "\n")
					continue
				}
				comment("  ")
				b.WriteString("  " + key + aside() + "\n")
			}
		}
	}
	comment("")
	return b.String()
}

func TestFormatKeepsMeaningAndComments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkFormat(t, []byte(drawYAML(t)), Env{}) })
}

func TestEveryTextSurvivesQuoting(t *testing.T) {
	check := func(s string) {
		n := &node{shape: isText, text: s}
		root, _, bad := readYAML([]byte("k: {a: " + scalarText(n) + "}\nl: " + scalarText(n) + "\n"))
		if bad != nil {
			t.Fatalf("%q: %+v", s, bad)
		}
		for _, got := range []*node{root.at("k").at("a"), root.at("l")} {
			if got.shape != isText || got.text != s {
				t.Fatalf("%q comes back as %s %q", s, got.shape, got.text)
			}
		}
	}
	for _, s := range awkward {
		check(s)
	}
	rapid.Check(t, func(t *rapid.T) { check(rapid.String().Draw(t, "s")) })
}
