package mapping

import (
	"slices"
	"strings"
	"testing"
)

func TestAKeyOfAnotherNameIsAnsweredWithOurs(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a whole rule in other words",
			"rules:\n- {name: a, source: okta, groups: Readers, role: view, site: [blog], description: x}\n",
			"key name, did you mean id? key source, did you mean from? key groups, did you mean group? key role, did you mean give? key site, did you mean sites? key description, did you mean why?"},
		{"roles, ends and capital letters",
			"rules:\n- {id: a, from: okta, group: Readers, Roles: view, sites: all, expires: 2027-01-01}\n",
			"key Roles, did you mean give? key expires, did you mean until?"},
		{"one that the rule has already is not offered",
			"rules:\n- {id: a, name: b, from: okta, group: Readers, give: view, sites: all}\n",
			"key name"},
		{"where the key does not belong it is not offered", "source: okta\n", "key source; there are version, limits, roles, site_sets, rules, tests"},
		{"an account of a test is in groups", "tests:\n- {title: t, person: {source: okta, group: [Readers]}, when: 2027-01-01, expect: {blog: view}}\n",
			"key title, did you mean name? key source, did you mean from? key group, did you mean groups? key when, did you mean at?"},
		{"sites without some", "rules:\n- {id: a, from: okta, group: Readers, give: view, sites: {all: true, without: [blog]}}\n",
			"key without, did you mean except?"},
		{"a condition on the group's name", "rules:\n- {id: a, from: okta, group: {pattern: \"R*\"}, give: view, sites: all}\n",
			"key pattern, did you mean glob?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, problems := Parse("x", []byte("version: 1\n"+c.text), exampleEnv())
			if s != nil || !problems.Failed() {
				t.Fatal("it is accepted")
			}
			var got []string
			for _, p := range problems {
				if p.Code != "GB101" {
					t.Errorf("beside the keys: %s", p.Message)
				}
				got = append(got, strings.TrimPrefix(p.Message, "unknown "))
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestEverySynonymStandsForAKeyWhereItIsNone(t *testing.T) {
	tables := []keys{topKeys, limitKeys, roleKeys, siteSetKeys, sitesKeys, exceptKeys, ruleKeys, groupKeys, matcherKeys, testKeys, accountKeys}
	for word, names := range synonyms {
		if word != strings.ToLower(word) {
			t.Errorf("%q is never found: words are looked up in small letters", word)
		}
		for _, name := range names {
			if !slices.ContainsFunc(tables, func(ks keys) bool { return ks.has(name) && !ks.has(word) }) {
				t.Errorf("%s is offered for %s nowhere", name, word)
			}
		}
	}
}
