package mapping

import (
	"os"
	"testing"

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
