package events

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Values, for streams that ask for full events. They are what the audit holds,
// without what it does not keep: the resource as it was created, and a change as
// the PatchOp that makes the old resource the new one.

const (
	urnUser    = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup   = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnPatchOp = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

	// notKept is what the audit has in the place of a secret.
	notKept = "(not kept)"
)

// resource is a created resource, or nil when the entry does not name all of its
// members.
func resource(t target, s side) map[string]any {
	if len(s.Added) < s.AddedCount || len(s.Doc) == 0 && s.Active == nil && s.AddedCount == 0 {
		return nil
	}
	doc := map[string]any{}
	schemas := []string{map[string]string{"user": urnUser, "group": urnGroup}[t.kind]}
	for name, v := range values(s) {
		doc[name] = v
		if strings.HasPrefix(name, "urn:") {
			schemas = append(schemas, name)
		}
	}
	slices.Sort(schemas[1:])
	doc["schemas"], doc["id"] = schemas, t.uid
	if len(s.Added) > 0 {
		doc["members"] = references(s.Added)
	}
	return doc
}

// values are the values of one side, secrets left out.
func values(s side) map[string]any {
	out := map[string]any{}
	for name, v := range s.Doc {
		if v, ok := kept(v); ok {
			out[name] = v
		}
	}
	if s.Login != nil {
		out["userName"] = *s.Login
	}
	if s.ExternalID != nil {
		out["externalId"] = *s.ExternalID
	}
	if s.Active != nil {
		out["active"] = *s.Active
	}
	return out
}

// kept is v without secrets; ok is false when it is one.
func kept(v any) (_ any, ok bool) {
	switch v := v.(type) {
	case string:
		return v, v != notKept
	case map[string]any:
		out := map[string]any{}
		for name, sub := range v {
			if sub, ok := kept(sub); ok {
				out[name] = sub
			}
		}
		return out, true
	case []any:
		out := []any{}
		for _, sub := range v {
			if sub, ok := kept(sub); ok {
				out = append(out, sub)
			}
		}
		return out, true
	}
	return v, true
}

// patchOp is the difference of two sides, or nil when the entry does not name
// all the members that changed.
func patchOp(before, after side) map[string]any {
	if len(after.Added) < after.AddedCount || len(before.Removed) < before.Gone {
		return nil
	}
	var ops []any
	now := values(after)
	for _, name := range slices.Sorted(maps.Keys(now)) {
		ops = append(ops, map[string]any{"op": "replace", "path": name, "value": now[name]})
	}
	was := values(before)
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, still := now[name]; !still && after.Doc[name] == nil {
			ops = append(ops, map[string]any{"op": "remove", "path": name})
		}
	}
	if len(after.Added) > 0 {
		ops = append(ops, addMembers(after.Added))
	}
	for _, uid := range before.Removed {
		ops = append(ops, map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", uid)})
	}
	if len(ops) == 0 {
		return nil
	}
	return operations(ops)
}

func operations(ops []any) map[string]any {
	return map[string]any{"schemas": []string{urnPatchOp}, "Operations": ops}
}

func addMembers(uids []string) map[string]any {
	return map[string]any{"op": "add", "path": "members", "value": references(uids)}
}

func references(uids []string) []any {
	out := make([]any, len(uids))
	for i, uid := range uids {
		out[i] = map[string]any{"value": uid}
	}
	return out
}
