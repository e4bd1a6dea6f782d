package saml

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"grantbridge/directory"
)

// GroupState is what an assertion says of somebody's groups. Unknown is not
// empty: only Present and Empty may change anything.
type GroupState uint8

// The states. The zero state says nothing.
const (
	// GroupsAbsent: no attribute of groups came. Okta sends none when no group
	// matches, Entra none above its limit, and every other one when an
	// administrator broke the claim.
	GroupsAbsent GroupState = iota
	// GroupsEmpty: the attribute came without values.
	GroupsEmpty
	// GroupsPresent: these are the groups.
	GroupsPresent
	// GroupsOverage: the identity provider has more groups than it sends.
	GroupsOverage
)

func (s GroupState) String() string {
	switch s {
	case GroupsAbsent:
		return "absent"
	case GroupsEmpty:
		return "empty"
	case GroupsPresent:
		return "present"
	case GroupsOverage:
		return "overage"
	}
	return "unknown"
}

// Groups is what an assertion says of somebody's groups.
type Groups struct {
	State  GroupState
	Values []string // when Present: NFC, trimmed, each once, as sent
	// Attribute is the Name under which they came.
	Attribute string
	// Hint says what the administrator changes, when the state is Overage.
	Hint string
}

// Known reports whether the assertion tells which groups somebody has.
func (g Groups) Known() bool { return g.State == GroupsPresent || g.State == GroupsEmpty }

// GroupForm is how an identity provider writes a group.
type GroupForm uint8

// The forms.
const (
	GroupNames     GroupForm = iota // as they are
	GroupDNs                        // a distinguished name; the group is its leaf: cn=Sales,ou=… is Sales
	GroupDNKeys                     // a distinguished name; the group is the whole of it, canonical
	GroupPaths                      // /company/sales, as Keycloak sends; the group is the whole path
	GroupLeaves                     // the same; the group is sales
	GroupObjectIDs                  // Entra's GUIDs; a value that is none is refused
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
		group, err := g.form(text)
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

// form reads one group as the identity provider writes it. Its errors do not
// repeat the group: a rejection is shown to administrators of other sources.
func (g GroupRule) form(s string) (string, error) {
	switch g.Form {
	case GroupDNs, GroupDNKeys:
		dn, err := directory.ParseDN(s)
		if err != nil || dn.IsZero() || dn.Leaf() == "" {
			return "", fmt.Errorf("a value that is no distinguished name")
		}
		if g.Form == GroupDNKeys {
			return dn.Key(), nil
		}
		return dn.Leaf(), nil
	case GroupPaths, GroupLeaves:
		trimmed := strings.TrimSuffix(s, "/")
		at := strings.LastIndexByte(trimmed, '/')
		if !strings.HasPrefix(s, "/") || at < 0 || at == len(trimmed)-1 {
			return "", fmt.Errorf("a value that is no path")
		}
		if g.Form == GroupLeaves {
			return trimmed[at+1:], nil
		}
		return trimmed, nil
	case GroupObjectIDs:
		if !isGUID(s) {
			return "", fmt.Errorf("a value that is no object id")
		}
		return strings.ToLower(s), nil
	}
	return s, nil
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
				return false
			}
		}
	}
	return true
}
