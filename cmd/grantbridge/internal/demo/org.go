// Package demo is a make-believe company: its people, groups and sites, and the
// two identity providers that push them, in the request forms that Okta and
// Microsoft Entra use.
package demo

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"grantbridge/cmd/grantbridge/internal/config"
)

// Mapping is the company's rules: mapping.example.yaml.
//
//go:embed mapping.yaml
var Mapping []byte

// Person is one employee, known to one source.
type Person struct {
	Source        string
	ExternalID    string
	Login         string
	Given, Family string
	Email         string
	Department    string
	Groups        []string
}

// Display is the person's whole name.
func (p Person) Display() string { return p.Given + " " + p.Family }

// Group is one group of one source.
type Group struct {
	Source, Name, ExternalID string
}

// Org is the company.
type Org struct {
	People []Person
	Groups []Group
	Sites  []config.Site
}

// The sources.
const (
	Okta  = "okta"
	Entra = "entra"
)

const (
	oktaPeople  = 912
	entraPeople = 291
)

// chances says how many of a hundred people of a source are in a group.
var chances = []struct {
	Group
	percent int
}{
	{Group{Okta, "Matomo-SuperUser", ""}, 0}, // three people by hand
	{Group{Okta, "Matomo-View-All", ""}, 6},
	{Group{Okta, "Matomo-Admin-blog", ""}, 1},
	{Group{Okta, "matomo_admin_docs", ""}, 1},
	{Group{Okta, "Marketing EMEA", ""}, 18},
	{Group{Okta, "Marketing Ops", ""}, 2},
	{Group{Okta, "Data-Science", ""}, 4},
	{Group{Okta, "Shop-Team", ""}, 9},
	{Group{Okta, "Security-Trained", ""}, 40},
	{Group{Okta, "Launch-Crew", ""}, 2},
	{Group{Okta, "Contractors", ""}, 7},
	{Group{Entra, "Agency-Northwind", "8f3c0c1e-5a0b-4f0e-9f5e-2f1f6f0b7a11"}, 14},
	{Group{Entra, "All-Employees", ""}, 80},
	{Group{Entra, "Contractors", ""}, 6},
}

// New makes the company; it is the same each time.
func New() Org {
	r := rand.New(rand.NewPCG(20261123, 1480))
	o := Org{Sites: sites()}
	for _, c := range chances {
		g := c.Group
		if g.ExternalID == "" {
			g.ExternalID = externalID(r, g.Source)
		}
		o.Groups = append(o.Groups, g)
	}
	taken := map[string]bool{}
	o.add(r, taken, Okta, "Clara", "Moreau")
	o.People[0].Groups = []string{"Marketing EMEA"}
	for i := 1; i < oktaPeople+entraPeople; i++ {
		o.hire(r, taken, i)
	}
	return o
}

// hire adds one person with a name that nobody has.
func (o *Org) hire(r *rand.Rand, taken map[string]bool, i int) {
	source := Okta
	if i >= oktaPeople {
		source = Entra
	}
	for {
		given, family := given[r.IntN(len(given))], family[r.IntN(len(family))]
		if !taken[login(given, family)] {
			o.add(r, taken, source, given, family)
			break
		}
	}
	p := &o.People[len(o.People)-1]
	for _, c := range chances {
		if c.Source == source && r.IntN(100) < c.percent {
			p.Groups = append(p.Groups, c.Name)
		}
	}
	if i <= 3 {
		p.Groups = append(p.Groups, "Matomo-SuperUser")
	}
}

func (o *Org) add(r *rand.Rand, taken map[string]bool, source, given, family string) {
	l := login(given, family)
	taken[l] = true
	o.People = append(o.People, Person{
		Source: source, ExternalID: externalID(r, source), Login: l, Given: given, Family: family,
		Email: l + "@northwind.example", Department: departments[r.IntN(len(departments))],
	})
}

// externalID looks as the source's own ids do.
func externalID(r *rand.Rand, source string) string {
	if source == Entra {
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Int64N(1<<48))
	}
	const letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
	b := []byte("00u")
	for range 17 {
		b = append(b, letters[r.IntN(len(letters))])
	}
	return string(b)
}

// login is given.family in plain letters.
func login(given, family string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\'', r == ' ':
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(given+"."+family))
	return strings.NewReplacer("ø", "o", "ł", "l", "ß", "ss", "æ", "ae", "đ", "d").Replace(plain)
}

func sites() []config.Site {
	at := func(id int64, slug, name, region, tier string, more ...string) config.Site {
		labels := map[string]string{"region": region, "tier": tier}
		for i := 0; i+1 < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		return config.Site{ID: id, Slug: slug, Name: name, Labels: labels}
	}
	return []config.Site{
		at(1, "main", "Main site", "eu", "prod"), at(2, "blog", "Blog", "eu", "prod"),
		at(3, "docs", "Documentation", "eu", "prod"), at(4, "careers", "Careers", "eu", "prod"),
		at(5, "investors", "Investor relations", "us", "prod"), at(6, "intranet", "Intranet", "eu", "internal"),
		at(7, "wiki", "Wiki", "eu", "internal"), at(8, "helpdesk", "Help desk", "us", "internal"),
		at(9, "shop-eu", "Shop EU", "eu", "prod"), at(10, "shop-us", "Shop US", "us", "prod"),
		at(11, "shop-uk", "Shop UK", "uk", "prod"), at(12, "shop-jp", "Shop Japan", "apac", "prod"),
		at(13, "shop-au", "Shop Australia", "apac", "prod"), at(14, "app-ios", "App for iOS", "us", "prod"),
		at(15, "app-android", "App for Android", "us", "prod"), at(16, "status", "Status page", "us", "prod"),
		at(17, "campaign-26q3", "Campaign 26 Q3", "eu", "prod"), at(18, "campaign-26q4", "Campaign 26 Q4", "eu", "prod"),
		at(19, "staging-main", "Staging main", "eu", "staging"), at(20, "staging-shop-eu", "Staging shop EU", "eu", "staging"),
		at(21, "staging-shop-us", "Staging shop US", "us", "staging"),
		at(22, "northwind", "Northwind", "us", "prod", "brand", "northwind"),
		at(23, "northwind-blog", "Northwind blog", "us", "prod", "brand", "northwind"),
		at(24, "partners", "Partners", "uk", "prod"),
	}
}
