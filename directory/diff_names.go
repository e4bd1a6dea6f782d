package directory

import "slices"

// Whom the names in groups mean. A group lists names, and names pass from one
// person to another: who is renamed or leaves keeps standing in the groups of
// many servers, and the next who gets that name must not be in them. So a name
// that a group lists means the entry that it meant when it was first read there,
// until the group no longer lists it. Only where that is not who has the name is
// it written down (ReadGroup.Former): by who reads the group, and here for groups
// that were not read again.

// names are those by which g may list a.
func (g *ReadGroup) names(a *ReadAccount) []string {
	if g.Logins && a.Login != "" {
		return []string{a.DN, a.Login}
	}
	return []string{a.DN}
}

// ForAnother reports whether a name of a that g lists means who had it before.
func (g *ReadGroup) ForAnother(a *ReadAccount) bool {
	owners := g.Owners()
	return slices.ContainsFunc(g.names(a), func(name string) bool {
		id, known := owners[NameKey(name)]
		return known && id != a.ID
	})
}

func has(ids []EntryID, id EntryID) bool {
	_, in := slices.BinarySearchFunc(ids, id, EntryID.Compare)
	return in
}

// HandOver is each group that lists a name of the account for one who had it, with
// these names given to the account: it is in them, unless it is in conflict.
func (s State) HandOver(id EntryID) (changed []*ReadGroup) {
	a := s.Account(id)
	if a == nil {
		return nil
	}
	for _, old := range s.Groups {
		if !old.ForAnother(a) {
			continue
		}
		g, owners := *old, old.Owners()
		for _, name := range old.names(a) {
			if owner, known := owners[NameKey(name)]; known && owner != id {
				g.handOver(name, owner, id)
			}
		}
		changed = append(changed, &g)
	}
	return changed
}

func (g *ReadGroup) handOver(name string, from, to EntryID) {
	key := NameKey(name)
	g.Former = slices.DeleteFunc(slices.Clone(g.Former), func(f FormerName) bool { return f.ID == from && NameKey(f.Name) == key })
	g.Accounts = slices.DeleteFunc(slices.Clone(g.Accounts), func(x EntryID) bool { return x == from || x == to })
	i, _ := slices.BinarySearchFunc(g.Accounts, to, EntryID.Compare)
	g.Accounts = slices.Insert(g.Accounts, i, to)
}

// passed notes that old has not the names any more that it had. Who is in
// conflict is in nothing.
func (m *merger) passed(old, now *ReadAccount) {
	if old.belongs() && (now == nil || now.DN != old.DN || now.Login != old.Login) {
		m.renamed = append(m.renamed, old)
	}
}

func (g *ReadGroup) keepFormer(name string, id EntryID) {
	f := FormerName{name, id}
	if i, known := slices.BinarySearchFunc(g.Former, f, FormerName.Compare); !known {
		g.Former = slices.Insert(slices.Clone(g.Former), i, f)
	}
}

// unread is a group that was not read again: it still lists the names that its
// members had.
func (m *merger) unread(old *ReadGroup) *ReadGroup {
	if m.r.Linked {
		return old
	}
	g := *old
	for _, a := range m.renamed {
		if !has(old.Accounts, a.ID) {
			continue
		}
		for _, name := range g.names(a) {
			g.keepFormer(name, a.ID)
		}
	}
	for _, x := range m.regrouped {
		if has(old.Groups, x.ID) {
			g.keepFormer(x.DN, x.ID)
		}
	}
	if len(g.Former) == len(old.Former) {
		return old
	}
	return &g
}
