package saml

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"grantbridge/saml/signin"
)

// What an assertion says of groups is what any sign-in says of them.
type (
	Groups     = signin.Groups
	GroupState = signin.GroupState
	GroupForm  = signin.GroupForm
)

// The states and the forms, under the names that they have here.
const (
	GroupsAbsent   = signin.GroupsAbsent
	GroupsEmpty    = signin.GroupsEmpty
	GroupsPresent  = signin.GroupsPresent
	GroupsOverage  = signin.GroupsOverage
	GroupNames     = signin.GroupNames
	GroupDNs       = signin.GroupDNs
	GroupDNKeys    = signin.GroupDNKeys
	GroupPaths     = signin.GroupPaths
	GroupLeaves    = signin.GroupLeaves
	GroupObjectIDs = signin.GroupObjectIDs
)

// GroupRule says where groups stand and how they are written.
type GroupRule struct {
	Attributes []string // Names, to the letter; several are merged. Default "groups"
	FoldCase   bool     // compare Names without letter case
	Friendly   bool     // compare FriendlyNames too; two attributes may share one
	Form       GroupForm
	Delimiter  string // when given, one value holds several groups
	Field      string // of a structured value, the element that is the group; default "name"
	// Cap is how many groups the identity provider sends at most; so many are
	// taken for Overage. Google: 75.
	Cap int
}

// overageAttribute comes from Entra instead of the groups when there are more
// than 150.
const overageAttribute = "http://schemas.microsoft.com/claims/groups.link"

const overageHint = "Entra sends no groups above 150: in the application's token configuration choose “groups assigned to the application”, or use app roles."

func (g GroupRule) withDefaults() (GroupRule, error) {
	if len(g.Attributes) == 0 {
		g.Attributes = []string{"groups"}
	}
	if g.Field == "" {
		g.Field = "name"
	}
	switch {
	case g.Form > GroupObjectIDs:
		return g, fmt.Errorf("group form %d is unknown", g.Form)
	case g.Cap < 0:
		return g, fmt.Errorf("group cap %d is negative", g.Cap)
	case slices.ContainsFunc(g.Attributes, isBlank):
		return g, fmt.Errorf("an attribute of groups has no name")
	}
	return g, nil
}

// read finds the groups among the attributes.
func (g GroupRule) read(all []Attribute) (Groups, *Rejection) {
	out := Groups{}
	seen := map[string]bool{}
	for _, a := range all {
		if strings.EqualFold(a.Name, overageAttribute) {
			return Groups{State: GroupsOverage, Attribute: a.Name, Hint: overageHint}, nil
		}
		if !g.names(a) {
			continue
		}
		if out.State == GroupsAbsent {
			out = Groups{State: GroupsEmpty, Attribute: a.Name}
		}
		for _, v := range a.Values {
			if r := g.add(&out, seen, v); r != nil {
				return Groups{}, r
			}
		}
	}
	if len(out.Values) > 0 {
		out.State = GroupsPresent
	}
	if g.Cap > 0 && len(out.Values) >= g.Cap {
		hint := fmt.Sprintf("The identity provider sends %d groups at most, and so many came: list fewer groups for this application there.", g.Cap)
		return Groups{State: GroupsOverage, Attribute: out.Attribute, Hint: hint}, nil
	}
	return out, nil
}

func (g GroupRule) names(a Attribute) bool {
	return slices.ContainsFunc(g.Attributes, func(want string) bool {
		switch {
		case a.Name == want, g.Friendly && a.FriendlyName == want:
			return true
		case g.FoldCase:
			return strings.EqualFold(a.Name, want) || g.Friendly && strings.EqualFold(a.FriendlyName, want)
		}
		return false
	})
}

// add adds the groups that one value holds.
func (g GroupRule) add(out *Groups, seen map[string]bool, v Value) *Rejection {
	for _, text := range g.split(v) {
		text = trim(text)
		if text == "" {
			continue
		}
		group, err := g.Form.Read(text)
		if err != nil {
			return reject(GroupsMalformed, "groups as the source's groups_form says", err.Error())
		}
		if group = norm.NFC.String(group); !seen[group] {
			seen[group] = true
			out.Values = append(out.Values, group)
		}
	}
	return nil
}

func (g GroupRule) split(v Value) []string {
	if v.Fields != nil {
		var found []string
		for _, f := range v.Fields {
			if f.Name == g.Field {
				found = append(found, f.Text)
			}
		}
		return found
	}
	if g.Delimiter == "" {
		return []string{v.Text}
	}
	return strings.Split(v.Text, g.Delimiter)
}
