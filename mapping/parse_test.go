package mapping

import (
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"grantbridge/access"
)

func exampleEnv() Env {
	return Env{Sources: []string{"okta", "entra", "corp-ldap"}, Sites: []access.Site{
		{ID: 1, Slug: "shop-eu", Name: "Shop EU", Labels: map[string]string{"region": "eu", "tier": "prod"}},
		{ID: 2, Slug: "shop-us", Name: "Shop US", Labels: map[string]string{"region": "us", "tier": "prod"}},
		{ID: 3, Slug: "blog", Name: "Blog"},
		{ID: 4, Slug: "campaign-26q4", Name: "Campaign"},
		{ID: 5, Slug: "shop-jp", Name: "Shop JP", Labels: map[string]string{"region": "jp"}},
		{ID: 7, Slug: "northwind", Name: "Northwind", Labels: map[string]string{"brand": "northwind"}},
		{ID: 6, Slug: "intranet", Name: "Intranet", Labels: map[string]string{"tier": "internal"}},
	}}
}

func TestExample(t *testing.T) {
	text, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, problems := Parse("mapping.yaml", text, exampleEnv())
	if len(problems) > 0 {
		t.Errorf("%v", problems)
	}
	if s == nil {
		t.Fatal("no set")
	}
	if len(s.rules) != 13 {
		t.Errorf("%d rules", len(s.rules))
	}
	for _, r := range s.Rules(nil) {
		t.Log(r.Line, r.ID, r.Says)
	}
}

func TestExampleTests(t *testing.T) {
	text, _ := os.ReadFile("testdata/example.yaml")
	env := exampleEnv()
	s, _ := Parse("mapping.yaml", text, env)
	for _, r := range s.Test(env) {
		if len(r.Wrong) > 0 {
			t.Errorf("%s: %q", r.Name, r.Wrong)
		}
	}
}

func TestNearestNames(t *testing.T) {
	for _, c := range []struct {
		name, want string
		known      []string
	}{
		{"token_celing", "token_ceiling", ruleKeys.names()},
		{"otka", "okta", []string{"corp-ldap", "entra", "okta"}},
		{"noacess", "noaccess", levelNames},
		{"veiw", "view", levelNames},
		{"Sites", "sites", ruleKeys.names()},
		{"colour", "", ruleKeys.names()},
		{"ab", "aa", []string{"ba", "aa", "ac"}},
		{"x", "", []string{"okta"}},
	} {
		if got := access.Nearest(c.name, slices.Values(c.known)); got != c.want {
			t.Errorf("nearest to %q is %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOneEditIsDistanceOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 0, 6, -1)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		if got, want := oneEdit(a, b), access.Edits(a, b, 10) == 1; got != want {
			t.Fatalf("%q and %q are one edit apart: %v, want %v", a, b, got, want)
		}
	})
}
