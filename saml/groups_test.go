package saml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

func attribute(name string, values ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<saml:Attribute Name="%s">`, name)
	for _, v := range values {
		fmt.Fprintf(&b, "<saml:AttributeValue>%s</saml:AttributeValue>", v)
	}
	return b.String() + "</saml:Attribute>"
}

const entraGroups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"

func TestGroupsInEveryFormOfIdentityProviders(t *testing.T) {
	l := samltest.NewLab()
	present := func(name string, values ...string) saml.Groups {
		return saml.Groups{State: saml.GroupsPresent, Values: values, Attribute: name}
	}
	for _, test := range []struct {
		name  string
		rule  saml.GroupRule
		attrs string
		want  saml.Groups
	}{
		{"several values", saml.GroupRule{}, attribute("groups", "a", "b"), present("groups", "a", "b")},
		{"one value", saml.GroupRule{}, attribute("groups", "a"), present("groups", "a")},
		{"Keycloak: one attribute for each role", saml.GroupRule{Attributes: []string{"Role"}}, attribute("Role", "a") + attribute("mail", "x") + attribute("Role", "b"), present("Role", "a", "b")},
		{"two names are merged", saml.GroupRule{Attributes: []string{"groups", "roles"}}, attribute("groups", "a") + attribute("roles", "b", "a"), present("groups", "a", "b")},
		{"OneLogin: one value with semicolons", saml.GroupRule{Delimiter: ";"}, attribute("groups", "a;b; c;;"), present("groups", "a", "b", "c")},
		{"LemonLDAP::NG: semicolon and blank", saml.GroupRule{Delimiter: "; "}, attribute("groups", "a; b"), present("groups", "a", "b")},
		{"a semicolon without a configured delimiter is a letter", saml.GroupRule{}, attribute("groups", "a;b"), present("groups", "a;b")},
		{"blanks around, empty values, the same twice", saml.GroupRule{}, attribute("groups", " a ", "", "\n", "a", "b"), present("groups", "a", "b")},
		{"two ways to write an umlaut are one", saml.GroupRule{}, attribute("groups", "Büro", "Bu\u0308ro"), present("groups", "Büro")},
		{"a no-break space makes another group", saml.GroupRule{}, attribute("groups", "Admins\u00a0", "Admins"), present("groups", "Admins\u00a0", "Admins")},
		{"letter case makes two groups", saml.GroupRule{}, attribute("groups", "a", "A"), present("groups", "a", "A")},
		{"distinguished names", saml.GroupRule{Form: saml.GroupDNs}, attribute("groups", "CN=Sales\\, EMEA,OU=Groups,DC=corp", "cn=IT,dc=corp"), present("groups", "Sales, EMEA", "IT")},
		{"distinguished names as a whole", saml.GroupRule{Form: saml.GroupDNKeys}, attribute("groups", "CN=Sales, OU=Groups,DC=Corp", "cn=sales,ou=groups,dc=corp"), present("groups", "cn=sales,ou=groups,dc=corp")},
		{"Keycloak: paths", saml.GroupRule{Form: saml.GroupPaths}, attribute("groups", "/company/sales", "/it"), present("groups", "/company/sales", "/it")},
		{"Keycloak: ends of paths", saml.GroupRule{Form: saml.GroupLeaves}, attribute("groups", "/company/sales", "/it/"), present("groups", "sales", "it")},
		{"Entra: object ids", saml.GroupRule{Attributes: []string{entraGroups}, Form: saml.GroupObjectIDs}, attribute(entraGroups, "7F3C0A6E-1B2D-4C5E-8F90-0123456789AB"), present(entraGroups, "7f3c0a6e-1b2d-4c5e-8f90-0123456789ab")},
		{"Cloudflare: structured values", saml.GroupRule{}, attribute("groups", `<id xmlns="urn:x">1</id><name xmlns="urn:x">a</name>`, `<id xmlns="urn:x">2</id><name xmlns="urn:x">b</name>`), present("groups", "a", "b")},
		{"structured values by id", saml.GroupRule{Field: "id"}, attribute("groups", `<id xmlns="urn:x">1</id><name xmlns="urn:x">a</name>`), present("groups", "1")},
		{"a name in other letter case, when that is allowed", saml.GroupRule{FoldCase: true}, attribute("Groups", "a"), present("Groups", "a")},
		{"a FriendlyName, when that is allowed", saml.GroupRule{Friendly: true, Attributes: []string{"isMemberOf"}}, replaced(attribute("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "a"), ` Name=`, ` FriendlyName="isMemberOf" Name=`), present("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "a")},

		{"no attribute", saml.GroupRule{}, attribute("mail", "x"), saml.Groups{}},
		{"a name in other letter case", saml.GroupRule{}, attribute("Groups", "a"), saml.Groups{}},
		{"a FriendlyName", saml.GroupRule{Attributes: []string{"isMemberOf"}}, replaced(attribute("urn:x", "a"), ` Name=`, ` FriendlyName="isMemberOf" Name=`), saml.Groups{}},
		{"the attribute without values", saml.GroupRule{}, attribute("groups"), saml.Groups{State: saml.GroupsEmpty, Attribute: "groups"}},
		{"the attribute with an empty value", saml.GroupRule{}, attribute("groups", ""), saml.Groups{State: saml.GroupsEmpty, Attribute: "groups"}},
		{"the attribute with delimiters only", saml.GroupRule{Delimiter: ";"}, attribute("groups", " ; ;"), saml.Groups{State: saml.GroupsEmpty, Attribute: "groups"}},
		{"structured values without the field", saml.GroupRule{}, attribute("groups", `<id xmlns="urn:x">1</id>`), saml.Groups{State: saml.GroupsEmpty, Attribute: "groups"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := groupsOf(t, l, test.rule, test.attrs)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMoreGroupsThanAreSentIsNoKnowledge(t *testing.T) {
	l := samltest.NewLab()
	link := attribute("http://schemas.microsoft.com/claims/groups.link", "https://graph.windows.net/t/users/u/getMemberObjects")
	many := make([]string, 75)
	for i := range many {
		many[i] = fmt.Sprintf("g%d", i)
	}
	for _, test := range []struct {
		name, attrs string
		rule        saml.GroupRule
		want        saml.GroupState
	}{
		{"Entra's link alone", link, saml.GroupRule{Attributes: []string{entraGroups}}, saml.GroupsOverage},
		{"Entra's link before groups", link + attribute(entraGroups, "a"), saml.GroupRule{Attributes: []string{entraGroups}}, saml.GroupsOverage},
		{"Entra's link after groups", attribute(entraGroups, "a") + link, saml.GroupRule{Attributes: []string{entraGroups}}, saml.GroupsOverage},
		{"Google's 75", attribute("groups", many...), saml.GroupRule{Cap: 75}, saml.GroupsOverage},
		{"Google's 74", attribute("groups", many[:74]...), saml.GroupRule{Cap: 75}, saml.GroupsPresent},
	} {
		got := groupsOf(t, l, test.rule, test.attrs)
		if got.State != test.want || got.Known() != (test.want == saml.GroupsPresent) || (got.State == saml.GroupsOverage) != (got.Hint != "" && got.Values == nil) {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

func groupsOf(t *testing.T, l *samltest.Lab, rule saml.GroupRule, attrs string) saml.Groups {
	t.Helper()
	v := samltest.Vector{Config: func(c *saml.Config) { c.Groups = rule }, Pre: func(text string) string {
		from, to := strings.Index(text, "<saml:AttributeStatement>"), strings.Index(text, "</saml:AttributeStatement>")
		return text[:from] + "<saml:AttributeStatement>" + attrs + text[to:]
	}}
	id, r := l.Provider(v.Config).Judge(v.Message(l), v.Waiting(), samltest.Now)
	if r != nil {
		t.Fatal(r)
	}
	return id.Groups
}

func TestWithoutAStatementGroupsAreAbsent(t *testing.T) {
	l := samltest.NewLab()
	v := samltest.Vector{Pre: func(text string) string {
		from, to := strings.Index(text, "<saml:AttributeStatement>"), strings.Index(text, "</saml:Assertion>")
		return text[:from] + text[to:]
	}}
	id, r := l.Provider(nil).Judge(v.Message(l), v.Waiting(), samltest.Now)
	if r != nil || id.Groups.State != saml.GroupsAbsent || id.Groups.Known() {
		t.Errorf("got %+v, %v", id, r)
	}
}

func TestGroupRulesThatCannotBe(t *testing.T) {
	l := samltest.NewLab()
	for name, rule := range map[string]saml.GroupRule{"an unknown form": {Form: 99}, "a negative cap": {Cap: -1}, "a blank name": {Attributes: []string{" "}}} {
		c := l.Config()
		c.Groups = rule
		if _, err := saml.NewProvider(c); err == nil {
			t.Errorf("%s: made a provider", name)
		}
	}
}

// TestAnyTextOfAGroupComesThrough: what an identity provider writes and escapes
// properly arrives, whatever it is; and never as another element.
func TestAnyTextOfAGroupComesThrough(t *testing.T) {
	l := samltest.NewLab()
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	rapid.Check(t, func(t *rapid.T) {
		group := rapid.StringOfN(rapid.RuneFrom([]rune("abc äß€漢<>&\"'[]-!;/\\")), 1, 20, -1).Draw(t, "group")
		v := samltest.Vector{Groups: []string{escape.Replace(group)}}
		id, r := l.Provider(nil).Judge(v.Message(l), v.Waiting(), samltest.Now)
		if r != nil {
			t.Fatal(r)
		}
		want := strings.TrimSpace(group)
		if got := strings.Join(id.Groups.Values, "|"); got != want {
			t.Fatalf("got %q; want %q", got, want)
		}
	})
}
