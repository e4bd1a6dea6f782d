package mapping

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every mapping on the reference page is read, and its tests are run.
func TestTheReferencePage(t *testing.T) {
	text, err := os.ReadFile("../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 5 {
		t.Fatalf("%d blocks", len(blocks))
	}
	env := exampleEnv()
	env.Now = testNow
	for i, b := range blocks {
		s, problems := Parse(fmt.Sprintf("block %d", i+1), b[1], env)
		if len(problems) > 0 {
			t.Errorf("%v", problems)
		}
		if s == nil {
			continue
		}
		for _, r := range s.Test(env) {
			if len(r.Wrong) > 0 {
				t.Errorf("block %d: %s: %q", i+1, r.Name, r.Wrong)
			}
		}
		checkSchema(t, b[1])
	}
}

func TestEveryCodeIsDocumentedAndNoOther(t *testing.T) {
	text, _ := os.ReadFile("../docs/mapping.md")
	var documented []string
	for _, m := range regexp.MustCompile(`(?m)^\| (GB\d{3}) \|`).FindAllSubmatch(text, -1) {
		documented = append(documented, string(m[1]))
	}
	if want := codesInSource(t); !slices.Equal(documented, want) {
		t.Errorf("documented\n%v\nin the source\n%v", documented, want)
	}
}

// Every key of the language is on the page.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, _ := os.ReadFile("../docs/mapping.md")
	for _, table := range []keys{topKeys, limitKeys, roleKeys, siteSetKeys, sitesKeys, ruleKeys, groupKeys, testKeys, accountKeys, matcherKeys} {
		for _, k := range table {
			if !strings.Contains(string(text), k.name) {
				t.Errorf("%s is not documented", k.name)
			}
		}
	}
}

func TestExamplesValidateAgainstTheSchema(t *testing.T) {
	for _, name := range []string{"testdata/example.yaml", "testdata/example.formatted.yaml"} {
		text, _ := os.ReadFile(name)
		checkSchema(t, text)
	}
	files, _ := filepath.Glob("testdata/cases/*.txt")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		c := parseCase(t, string(text))
		mapping := []byte(c.section("mapping.yaml"))
		if s, _ := Parse("x", mapping, c.env); s != nil {
			checkSchema(t, mapping)
		}
	}
}

// What the schema alone refuses.
func TestTheSchemaRefuses(t *testing.T) {
	for _, text := range []string{
		"rules: []", "version: 2", "version: 1\nrule: []", "version: 1\nrules: [{id: a}]",
		"version: 1\nrules: [{id: a, from: okta, group: A, give: view, sites: []}]",
		"version: 1\nrules: [{id: a, from: okta, group: {glop: A}, give: view, sites: all}]",
		"version: 1\nrules: [{id: a, from: okta, group: A, give: view, sites: all, until: tomorrow}]",
		"version: 1\nrules: [{id: a, from: okta, group: A, give: view, sites: all, token_ceiling: some}]",
		"version: 1\nlimits: {people_changed: lots}",
	} {
		if wrong := validateText(t, []byte(text)); wrong == "" {
			t.Errorf("accepted: %s", text)
		}
	}
}

func checkSchema(t *testing.T, text []byte) {
	t.Helper()
	if wrong := validateText(t, text); wrong != "" {
		t.Errorf("the schema refuses: %s\n%s", wrong, text)
	}
}

func validateText(t *testing.T, text []byte) string {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	root, _, bad := readYAML(text)
	if bad != nil {
		t.Fatal(bad)
	}
	v := validator{defs: schema["$defs"].(map[string]any)}
	return v.check(schema, root.plain(), "")
}

// plain is the node as JSON would have it.
func (n *node) plain() any {
	switch n.shape {
	case isNull:
		return nil
	case isBool:
		return n.text == "true"
	case isNumber:
		var f float64
		fmt.Sscan(n.text, &f)
		return f
	case isList:
		out := []any{}
		for _, i := range n.items {
			out = append(out, i.plain())
		}
		return out
	case isMap:
		out := map[string]any{}
		for _, p := range n.pairs {
			out[p.key.text] = p.value.plain()
		}
		return out
	}
	return n.text
}

// validator knows the words of JSON Schema that Schema uses, and fails on others.
type validator struct{ defs map[string]any }

func (v validator) check(schema map[string]any, value any, at string) string {
	for _, word := range slices.Sorted(maps.Keys(schema)) {
		if wrong := v.word(word, schema[word], schema, value, at); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (v validator) word(word string, want any, schema map[string]any, value any, at string) string {
	text, isString := value.(string)
	list, isArray := value.([]any)
	object, isObject := value.(map[string]any)
	number, isNum := value.(float64)
	fail := func() string { return fmt.Sprintf("%s: %s %v, got %v", at, word, want, value) }
	switch word {
	case "$schema", "$id", "title", "description", "$defs":
	case "$ref":
		def, ok := v.defs[strings.TrimPrefix(want.(string), "#/$defs/")].(map[string]any)
		if !ok {
			return "no definition " + want.(string)
		}
		return v.check(def, value, at)
	case "type":
		types, ok := want.([]any)
		if !ok {
			types = []any{want}
		}
		is := map[any]bool{"string": isString, "array": isArray, "object": isObject, "number": isNum, "integer": isNum && number == float64(int(number))}
		if !slices.ContainsFunc(types, func(t any) bool { return is[t] }) {
			return fail()
		}
	case "const":
		if value != want {
			return fail()
		}
	case "enum":
		if !slices.Contains(want.([]any), value) {
			return fail()
		}
	case "minLength":
		if isString && len(text) < int(want.(float64)) {
			return fail()
		}
	case "pattern":
		if isString && !regexp.MustCompile(want.(string)).MatchString(text) {
			return fail()
		}
	case "minimum":
		if isNum && number < want.(float64) {
			return fail()
		}
	case "maximum":
		if isNum && number > want.(float64) {
			return fail()
		}
	case "minItems":
		if isArray && len(list) < int(want.(float64)) {
			return fail()
		}
	case "minProperties":
		if isObject && len(object) < int(want.(float64)) {
			return fail()
		}
	case "items":
		for i, item := range list {
			if wrong := v.check(want.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); wrong != "" {
				return wrong
			}
		}
	case "required":
		for _, k := range want.([]any) {
			if _, ok := object[k.(string)]; isObject && !ok {
				return fail()
			}
		}
	case "properties":
		for k, sub := range want.(map[string]any) {
			if item, ok := object[k]; ok {
				if wrong := v.check(sub.(map[string]any), item, at+"."+k); wrong != "" {
					return wrong
				}
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for k, item := range object {
			if _, ok := known[k]; ok {
				continue
			}
			sub, ok := want.(map[string]any)
			if !ok {
				return fmt.Sprintf("%s: unknown key %s", at, k)
			}
			if wrong := v.check(sub, item, at+"."+k); wrong != "" {
				return wrong
			}
		}
	case "anyOf":
		var all []string
		for _, sub := range want.([]any) {
			wrong := v.check(sub.(map[string]any), value, at)
			if wrong == "" {
				return ""
			}
			all = append(all, wrong)
		}
		return strings.Join(all, " | ")
	default:
		return "the schema has the word " + word
	}
	return ""
}
