package scim

import (
	"testing"

	scimfilter "github.com/elimity-com/scim/filter"
	"github.com/elimity-com/scim/schema"
	"pgregory.net/rapid"
)

// genPlain writes filters of the kind that elimity's PassesFilter can answer:
// one schema, single values or one element, texts without escapes.
func genPlain(t *rapid.T, depth int) string {
	word := rapid.SampledFrom([]string{"a", "ab", "B", "10", "x y"})
	leaf := func(path string) string {
		if rapid.IntRange(0, 5).Draw(t, "pr") == 0 {
			return path + " pr"
		}
		return path + " " + rapid.SampledFrom([]string{"eq", "co", "sw", "ew"}).Draw(t, "op") + ` "` + word.Draw(t, "word") + `"`
	}
	switch k := rapid.IntRange(0, 7).Draw(t, "kind"); {
	case depth > 0 && k == 0:
		return "not (" + genPlain(t, depth-1) + ")"
	case depth > 0 && k == 1:
		return "(" + genPlain(t, depth-1) + " or " + genPlain(t, depth-1) + ")"
	case depth > 0 && k == 2:
		return genPlain(t, depth-1) + " and " + genPlain(t, depth-1)
	case k == 3:
		return "emails[" + leaf("type") + " and " + leaf("value") + "]"
	}
	return leaf(rapid.SampledFrom([]string{"userName", "title", "nickName", "name.givenName"}).Draw(t, "path"))
}

func TestElimityAnswersPlainFiltersAsEvalDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"a", "ab", "b", "aB", "10", "x y"})
		doc := map[string]any{
			"userName": word.Draw(t, "userName"), "title": word.Draw(t, "title"), "nickName": word.Draw(t, "nick"),
			"name":   map[string]any{"givenName": word.Draw(t, "given")},
			"emails": []any{map[string]any{"type": word.Draw(t, "type"), "value": word.Draw(t, "value")}},
		}
		text := genPlain(t, 3)
		f, err := strictReader(users).parseFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		v, err := scimfilter.NewValidator(text, schema.CoreUserSchema())
		if err != nil {
			t.Fatalf("%s: elimity: %v", text, err)
		}
		ours, theirs := Eval(f, Record{Values: flatten(users, doc)}), v.PassesFilter(doc) == nil
		if ours != theirs {
			t.Fatalf("%s over %v: we say %v, elimity %v", text, doc, ours, theirs)
		}
	})
}
