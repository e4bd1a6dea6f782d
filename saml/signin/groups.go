package signin

import (
	"fmt"
	"strings"

	"grantbridge/directory"
)

// GroupState is what a sign-in says of somebody's groups. Unknown is not
// empty: only Present and Empty may change anything.
type GroupState uint8

// The states. The zero state says nothing.
const (
	// GroupsAbsent: no attribute or claim of groups came. Okta sends none when no group
	// matches, Entra none above its limit, and every other one when an
	// administrator broke the claim.
	GroupsAbsent GroupState = iota
	// GroupsEmpty: it came without values.
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

// Groups is what a sign-in says of somebody's groups.
type Groups struct {
	State  GroupState
	Values []string // when Present: NFC, trimmed, each once, as sent
	// Attribute is the name under which they came.
	Attribute string
	// Hint says what the administrator changes, when the state is Overage.
	Hint string
}

// Known reports whether it is known which groups somebody has.
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

// Read reads one group as the identity provider writes it. Its errors do not
// repeat the group: a rejection is shown to administrators of other sources.
func (f GroupForm) Read(s string) (string, error) {
	switch f {
	case GroupDNs, GroupDNKeys:
		dn, err := directory.ParseDN(s)
		if err != nil || dn.IsZero() || dn.Leaf() == "" {
			return "", fmt.Errorf("a value that is no distinguished name")
		}
		if f == GroupDNKeys {
			return dn.Key(), nil
		}
		return dn.Leaf(), nil
	case GroupPaths, GroupLeaves:
		trimmed := strings.TrimSuffix(s, "/")
		at := strings.LastIndexByte(trimmed, '/')
		if !strings.HasPrefix(s, "/") || at < 0 || at == len(trimmed)-1 {
			return "", fmt.Errorf("a value that is no path")
		}
		if f == GroupLeaves {
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
