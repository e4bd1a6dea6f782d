package events

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"grantbridge/store"
)

// verb is what was done to a resource.
type verb uint8

const (
	created verb = iota
	patched
	deleted
	activated
	deactivated
)

// change is what one audit entry tells of one resource; it becomes one SET.
type change struct {
	part   int // its number in the entry, whoever is told
	source string
	path   string // relative to the source's SCIM root: "/Users/UID"
	verbs  []verb
	// attributes are the names of what was given or changed.
	attributes []string
	// data is the resource, or a PatchOp. nil when the audit does not hold all.
	data map[string]any
}

// told says what each action of the audit means to who follows accounts and
// groups.
var told = map[string]func(store.Entry, target) []change{
	"user.create":   tellCreated,
	"user.update":   tellPatched,
	"user.delete":   tellDeleted,
	"group.create":  tellCreated,
	"group.update":  tellPatched,
	"group.members": tellPatched,
	"group.delete":  tellDeleted,
	"person.lock":   tellLocked(deactivated),
	"person.unlock": tellLocked(activated),
}

// untold are the other actions, each with the reason why it is nobody's event.
var untold = map[string]string{
	"user.link":         "moves an account to another person; the account is what it was",
	"user.groups":       "says that a sign-in did not say them; the memberships are what they were",
	"person.add":        "a service or the owner is no resource of SCIM",
	"source.put":        "configuration; the accounts are what they were",
	"site.put":          "not a resource of SCIM",
	"site.remove":       "not a resource of SCIM",
	"mapping.set":       "rules are not resources of SCIM; their effect is asked of the decision API",
	"manual.add":        "as mapping.set",
	"manual.end":        "as mapping.set",
	"manual.sync":       "as mapping.set",
	"token.mint":        "not a resource of SCIM",
	"token.rotate":      "not a resource of SCIM",
	"token.revoke":      "not a resource of SCIM",
	"scim-token.mint":   "a credential of the door itself",
	"scim-token.revoke": "a credential of the door itself",
	"hold.put":          "a plan changes nothing",
	"hold.settle":       "a plan changes nothing; what it does has entries of its own",
	"session.revoke":    "not a resource of SCIM",
	"entry.settle":      "the next run does it, with entries of its own",
}

// changes is what an entry tells. It is pure: the same entry always tells the
// same, with the same parts.
func changes(e store.Entry) []change {
	tell, ok := told[e.Action]
	if !ok {
		return nil
	}
	all := tell(e, parseTarget(e.Target))
	for i := range all {
		all[i].part = i
	}
	return all
}

// target is what an entry is about: "okta/user/UID".
type target struct{ source, kind, uid string }

func parseTarget(text string) target {
	source, rest, _ := strings.Cut(text, "/")
	kind, uid, _ := strings.Cut(rest, "/")
	return target{source, kind, uid}
}

// change is one of t, none when t is no account and no group.
func (t target) change() (change, bool) {
	root, ok := map[string]string{"user": "/Users/", "group": "/Groups/"}[t.kind]
	return change{source: t.source, path: root + t.uid}, ok && t.source != "" && t.uid != ""
}

// side is one side of an entry, as far as it is told.
type side struct {
	Doc        map[string]any `json:"doc"`
	Login      *string        `json:"userName"`
	ExternalID *string        `json:"externalId"`
	Active     *bool          `json:"active"`
	Added      []string       `json:"added"`
	AddedCount int            `json:"addedCount"`
	Removed    []string       `json:"removed"`
	Gone       int            `json:"removedCount"`
	Joined     []string       `json:"joined"`
	Locked     bool           `json:"locked"`
	Accounts   []string       `json:"accounts"`
}

// sides reads an entry. What was erased is empty.
func sides(e store.Entry) (before, after side) {
	_ = json.Unmarshal(e.Before, &before)
	_ = json.Unmarshal(e.After, &after)
	return before, after
}

func tellCreated(e store.Entry, t target) []change {
	c, ok := t.change()
	if !ok {
		return nil
	}
	_, after := sides(e)
	c.verbs, c.attributes = []verb{created}, attributes(side{}, after)
	c.data = resource(t, after)
	return append([]change{c}, tellJoined(t, after)...)
}

func tellPatched(e store.Entry, t target) []change {
	c, ok := t.change()
	if !ok {
		return nil
	}
	before, after := sides(e)
	c.attributes = attributes(before, after)
	if len(c.attributes) > 0 || len(e.After)+len(e.Before) == 0 { // erased: something changed
		c.verbs = append(c.verbs, patched)
		c.data = patchOp(before, after)
	}
	switch {
	case after.Active == nil:
	case !*after.Active:
		c.verbs = append(c.verbs, deactivated)
	case !after.Locked: // else the lock stands, and its end will be told
		c.verbs = append(c.verbs, activated)
	}
	return append([]change{c}, tellJoined(t, after)...)
}

func tellDeleted(_ store.Entry, t target) []change {
	c, ok := t.change()
	if !ok {
		return nil
	}
	c.verbs = []verb{deleted}
	return []change{c}
}

// tellLocked tells of each account of the person that the entry names.
func tellLocked(v verb) func(store.Entry, target) []change {
	return func(e store.Entry, _ target) []change {
		var all []change
		_, after := sides(e)
		for _, account := range after.Accounts {
			if c, ok := parseTarget(account).change(); ok {
				c.verbs = []verb{v}
				all = append(all, c)
			}
		}
		return all
	}
}

// tellJoined tells of the groups that waited for the account t.
func tellJoined(t target, after side) []change {
	var all []change
	for _, group := range after.Joined {
		if c, ok := parseTarget(group).change(); ok {
			c.verbs, c.attributes = []verb{patched}, []string{"members"}
			c.data = operations([]any{addMembers([]string{t.uid})})
			all = append(all, c)
		}
	}
	return all
}

// attributes names what differs, sorted.
func attributes(before, after side) []string {
	names := map[string]bool{}
	for _, s := range []side{before, after} {
		for name := range s.Doc {
			names[name] = true
		}
		for name, there := range map[string]bool{
			"userName": s.Login != nil, "externalId": s.ExternalID != nil, "active": s.Active != nil,
			"members": s.AddedCount+s.Gone > 0,
		} {
			if there {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
