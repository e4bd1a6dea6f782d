package mapping_test

import (
	"fmt"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
)

func ExampleParse() {
	_, problems := mapping.Parse("mapping.yaml", []byte(`version: 1
rules:
- {id: marketing, from: okta, group: {glob: "Marketing *"}, giv: write, sites: all}
`), mapping.Env{})
	fmt.Println(problems)
	// Output:
	// mapping.yaml:3:61: GB101 unknown key giv, did you mean give?
	//   - {id: marketing, from: okta, group: {glob: "Marketing *"}, giv: write, sites: all}
	//                                                               ^
}

func ExampleSet_ForGroup() {
	set, _ := mapping.Parse("mapping.yaml", []byte(`version: 1
rules:
- {id: site-admins, from: okta, group: {regexp: "^Matomo-Admin-(?P<site>.+)$"}, give: admin, sites: "{site}", token_ceiling: write}
`), mapping.Env{Sites: []access.Site{{ID: 1, Slug: "blog"}}})
	for _, r := range set.ForGroup(directory.Group{ID: 7, Source: "okta", Display: "Matomo-Admin-Blog"}) {
		fmt.Println(r.Origin.Rule, "gives", r.Role, "on", r.Scope.Text, "and through tokens", r.TokenCeiling)
	}
	// Output: site-admins gives admin on blog and through tokens write
}

func ExampleSet_State() {
	set, _ := mapping.Parse("mapping.yaml", []byte(`version: 1
rules:
- {id: viewers, from: okta, group: Matomo-View-All, give: view, sites: all}
`), mapping.Env{})
	fmt.Println(set.State(directory.Group{Source: "okta", Display: "matomo view all"}).Near)
	// Output: rule viewers (Matomo-View-All) differs by separators only
}
