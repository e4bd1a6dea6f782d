package mapping

import (
	"slices"
	"strings"

	"grantbridge/access"
)

// synonyms are words that people write for a key, as other products call it. A
// word may mean one key in a rule and another in a test.
var synonyms = map[string][]string{
	"name": {"id"}, "title": {"name", "id"},
	"description": {"why"}, "comment": {"why"}, "reason": {"why"}, "note": {"why"},
	"source": {"from"}, "sources": {"from"}, "idp": {"from"}, "provider": {"from"},
	"groups": {"group"}, "member_of": {"group", "groups"}, "memberof": {"group", "groups"},
	"user": {"person"}, "users": {"person"}, "people": {"person"}, "who": {"person"}, "attribute": {"person"}, "attributes": {"person"},
	"role": {"give"}, "roles": {"give"}, "level": {"give"}, "access": {"give"}, "grant": {"give"}, "grants": {"give"}, "permission": {"give"}, "permissions": {"give"},
	"action": {"capabilities", "actions"}, "actions": {"capabilities"}, "deny": {"without"}, "max": {"at_most"}, "cap": {"at_most"},
	"ceiling": {"token_ceiling"}, "token_max": {"token_at_most"},
	"site": {"sites"}, "scope": {"sites"}, "on": {"sites"}, "site_set": {"set"}, "exclude": {"except"}, "without": {"except"},
	"start": {"starts"}, "begins": {"starts"}, "since": {"starts"}, "end": {"until"}, "ends": {"until"}, "expires": {"until"}, "duration": {"for"},
	"sets": {"site_sets"}, "pattern": {"glob", "regexp"}, "regex": {"regexp"}, "is": {"equals"}, "is_not": {"not_equals"}, "or": {"any"}, "and": {"all"},
	"time": {"at"}, "when": {"at"}, "wants": {"expect"},
}

// meant is the key of the table that an unknown one of n stands for, or "": what
// it is a synonym of, unless n has that already, or what is spelled most like it.
func (n *node) meant(table keys, word string) string {
	for _, name := range synonyms[strings.ToLower(word)] {
		if table.has(name) && n.at(name) == nil {
			return name
		}
	}
	return access.Nearest(word, slices.Values(table.names()))
}
