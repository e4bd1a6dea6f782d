package access_test

import (
	"fmt"
	"slices"
	"time"

	"grantbridge/access"
)

var (
	catalogue = access.DefaultCatalogue()
	noon      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	alice     = access.PersonID(1)
	marketing = access.GroupID(7)
)

func exampleFacts() access.Facts {
	return access.Facts{
		Revision:  42,
		Catalogue: catalogue,
		Sites: []access.Site{
			{ID: 1, Slug: "shop-eu", Labels: map[string]string{"region": "eu"}},
			{ID: 2, Slug: "shop-us", Labels: map[string]string{"region": "us"}},
		},
		People: slices.Values([]access.Person{{ID: alice, Groups: []access.GroupID{marketing}}}),
		Rules: []access.Rule{{
			ID: 1, Kind: access.Grant, Subject: access.Subject{Kind: access.TheGroup, ID: int64(marketing)},
			Role: "write", Actions: catalogue.Level(access.Write),
			Scope:        access.Scope{Select: []access.Selector{{Labels: map[string]string{"region": "eu"}}}, Text: "region=eu"},
			TokenCeiling: access.CeilingInherit,
			Origin:       access.Origin{Source: "okta", Group: "Marketing", Rule: "marketing-eu"},
		}},
		Tokens: []access.Token{{ID: 9, Owner: alice, Name: "export", Ceiling: access.CeilingView, Issued: noon}},
	}
}

func ExampleBuild() {
	s, err := access.Build(exampleFacts())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("revision %d: %+v\n", s.Revision(), s.Stats())
	// Output: revision 42: {People:1 Memberships:1 Sites:2 Rules:1 Tokens:1}
}

func ExampleSnapshot_Check() {
	s, _ := access.Build(exampleFacts())
	ask := func(c access.Credential, site access.SiteID) access.Code {
		return s.Check(access.Request{Person: alice, Credential: c, Site: site, Action: access.ActWrite, At: noon}).Code
	}
	fmt.Println(ask(access.Session(noon), 1))
	fmt.Println(ask(access.Session(noon), 2))
	fmt.Println(ask(access.TokenOf(9), 1))
	// Output:
	// allowed
	// no_grant
	// ceiling_token
}

func ExampleSnapshot_Explain() {
	s, _ := access.Build(exampleFacts())
	x := s.Explain(access.Request{Credential: access.TokenOf(9), Site: 1, Action: access.ActWrite, At: noon})
	fmt.Printf("%s; effective %s\n", x.Code, x.Effective)
	for _, g := range x.Grants {
		fmt.Printf("grant %s on %s via %s of %s: counts %v\n", g.Rule.Role, g.Rule.Scope.Text, g.Rule.Origin.Group, g.Rule.Origin.Source, g.Counts)
	}
	for _, r := range x.Restriction {
		fmt.Printf("%s %d leaves %s: decides %v\n", r.Kind, r.Token, r.Limit, r.Decides)
	}
	for _, c := range x.Nearest {
		fmt.Println(c.Kind, c.Level)
	}
	// Output:
	// ceiling_token; effective view
	// grant write on region=eu via Marketing of okta: counts true
	// token 9 leaves view: decides true
	// raise_token write
	// use_session noaccess
}

func ExampleSnapshot_With() {
	s, _ := access.Build(exampleFacts())
	next, err := s.With(access.Delta{Revision: 43, People: []access.Person{{ID: alice}}}) // alice leaves Marketing
	if err != nil {
		fmt.Println(err)
		return
	}
	r := access.Request{Person: alice, Credential: access.Session(noon), Site: 1, Action: access.ActView, At: noon}
	fmt.Println(s.Check(r).Code, next.Check(r).Code)
	// Output: allowed no_grant
}
