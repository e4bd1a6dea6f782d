package demo

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTheCompanyIsTheSameEachTime(t *testing.T) {
	a, b := New(), New()
	if !reflect.DeepEqual(a, b) {
		t.Error("two calls of New make two companies")
	}
	if n := len(a.People); n != oktaPeople+entraPeople {
		t.Errorf("%d people", n)
	}
	seen := map[string]bool{}
	for _, p := range a.People {
		if seen[p.Login] {
			t.Errorf("two people are called %s", p.Login)
		}
		seen[p.Login] = true
	}
	clara := a.People[0]
	if clara.Login != "clara.moreau" || !reflect.DeepEqual(clara.Groups, []string{"Marketing EMEA"}) {
		t.Errorf("the first person is %+v", clara)
	}
	if s := a.Sites[19]; s.ID != 20 || s.Name != "Staging shop EU" {
		t.Errorf("site 20 is %+v", s)
	}
}

func TestTheIdentityProviderShowsFirstWhatIsWorthSeeing(t *testing.T) {
	all := employees(New())
	if len(all) != oktaPeople+1 {
		t.Errorf("%d people, want Okta's %d and one more", len(all), oktaPeople)
	}
	for i, w := range worthSeeing {
		if all[i].Note != w.note || !slices.Equal(all[i].Groups, w.groups) {
			t.Errorf("place %d: got %s (%s), want %s", i, all[i].Name(), all[i].Note, w.note)
		}
	}
	if got := all[len(worthSeeing)].Login; got != "new.hire" {
		t.Errorf("after those comes %s", got)
	}
}

func TestTheExampleAtTheTopIsTheDemosMapping(t *testing.T) {
	top, err := os.ReadFile("../../../../mapping.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(top) != string(Mapping) {
		t.Error("mapping.example.yaml differs; cp cmd/grantbridge/internal/demo/mapping.yaml mapping.example.yaml")
	}
}

func TestTheRulesOfTheDemoAreTheExampleAndThoseOfTheWorks(t *testing.T) {
	rules := string(Rules())
	if strings.Count(rules, "\ntests:\n") != 1 || !strings.Contains(rules, "{id: works,") || !strings.HasPrefix(rules, string(Mapping)[:1000]) {
		t.Errorf("the rules are\n%s", rules)
	}
	taken := map[string]bool{}
	for _, p := range New().People {
		taken[p.Login] = true
	}
	for _, l := range WorksLogins(New()) {
		if taken[l] {
			t.Errorf("%s is in the works and elsewhere", l)
		}
		taken[l] = true
	}
}
