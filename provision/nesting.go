package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// nesting puts the way through groups in groups into the grants that came by a
// group of a directory. What cannot be found leaves the group's name: an answer
// never waits for its trimmings.
func (e *Engine) nesting(ctx context.Context, person access.PersonID, trail []access.GrantTrail, grants []ExplainedGrant) {
	groups := e.picture.Load().groups
	for i, t := range trail {
		g, ok := groups[directory.GroupID(t.Via.ID)]
		if t.Via.Kind != access.TheGroup || !ok || g.DN == "" {
			continue
		}
		var way []string
		err := e.st.Read(ctx, func(v *store.View) (err error) {
			way, err = wayTo(ctx, v, g, person)
			return err
		})
		if err != nil {
			e.cfg().Log.Warn("the way into a group is not shown", "group", g.Display, "reason", err.Error())
			continue
		}
		if len(way) > 1 {
			grants[i].Via = []string{strings.Join(way, " → ")}
		}
	}
}

// wayTo names the groups from the one that lists the person's account to g, as
// the directory was last believed; nothing when it was never read.
func wayTo(ctx context.Context, v *store.View, g directory.Group, person access.PersonID) ([]string, error) {
	root, err := directory.ParseEntryID(g.ExternalID)
	if err != nil {
		return nil, nil // not an entry of a directory
	}
	members, err := v.MemberIDs(ctx, g.ID, person)
	if err != nil || len(members) == 0 {
		return nil, err
	}
	part, err := subtree(ctx, v, g.Source, root, members)
	if err != nil {
		return nil, err
	}
	for _, m := range part.Members(root) {
		if slices.Contains(members, m.Account.String()) {
			return namesOf(part, m.Via, g.Display), nil
		}
	}
	return nil, nil
}

// namesOf are the groups of via, the innermost first, and the group they are in.
func namesOf(s directory.State, via directory.Via, group string) (out []string) {
	for _, id := range slices.Backward(via) {
		name := id.String()
		if g := s.Group(id); g != nil {
			name = g.Name
		}
		out = append(out, name)
	}
	return append(out, group)
}

// subtree is the part of what is believed of the source that lies below root,
// with the given accounts.
func subtree(ctx context.Context, v *store.View, source string, root directory.EntryID, accounts []string) (directory.State, error) {
	st, err := v.ReadState(ctx, source)
	if err != nil || len(st.Checkpoint) == 0 {
		return directory.State{}, err
	}
	var c savedCheckpoint
	if err := json.Unmarshal(st.Checkpoint, &c); err != nil {
		return directory.State{}, fmt.Errorf("checkpoint of %s: %w", source, err)
	}
	found, err := accountsOf(ctx, v, source, accounts)
	if err != nil {
		return directory.State{}, err
	}
	groups, err := groupsBelow(ctx, v, source, root, min(c.Depth, directory.MaxDepth))
	s := directory.NewState(source, found, groups)
	s.Depth = c.Depth
	return s, err
}

func accountsOf(ctx context.Context, v *store.View, source string, ids []string) (out []*directory.ReadAccount, err error) {
	for _, text := range ids {
		id, err := directory.ParseEntryID(text)
		if err != nil {
			continue
		}
		e, err := v.ReadAccount(ctx, source, text)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var s savedAccount
		if err := json.Unmarshal(e.Body, &s); err != nil {
			return nil, fmt.Errorf("entry %s: %w", text, err)
		}
		out = append(out, s.read(id))
	}
	return out, nil
}

// ForAnother are those of the groups of a source that list the name of an account,
// as it stands in the directory now, for who had it before.
func (e *Engine) ForAnother(ctx context.Context, source string, a *directory.ReadAccount, groups []directory.EntryID) (map[directory.EntryID]bool, error) {
	ids := make([]string, len(groups))
	for i, id := range groups {
		ids[i] = id.String()
	}
	out := map[directory.EntryID]bool{}
	err := e.st.Read(ctx, func(v *store.View) error {
		entries, err := v.ReadGroups(ctx, source, ids)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			g, err := readGroup(entry)
			if err != nil {
				return err
			}
			out[g.ID] = g.ForAnother(a)
		}
		return nil
	})
	return out, err
}

// groupsBelow reads level by level, one question each.
func groupsBelow(ctx context.Context, v *store.View, source string, root directory.EntryID, depth int) (out []*directory.ReadGroup, err error) {
	seen := map[directory.EntryID]bool{root: true}
	for level, ids := 0, []string{root.String()}; len(ids) > 0 && level <= depth; level++ {
		entries, err := v.ReadGroups(ctx, source, ids)
		if err != nil {
			return nil, err
		}
		ids = nil
		for _, e := range entries {
			g, err := readGroup(e)
			if err != nil {
				return nil, err
			}
			out = append(out, g)
			for _, child := range g.Groups {
				if !seen[child] {
					seen[child] = true
					ids = append(ids, child.String())
				}
			}
		}
	}
	return out, nil
}

func readGroup(e store.ReadEntry) (*directory.ReadGroup, error) {
	id, err := directory.ParseEntryID(e.ID)
	if err != nil {
		return nil, err
	}
	var s savedGroup
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return nil, fmt.Errorf("entry %s: %w", e.ID, err)
	}
	return s.read(id)
}
