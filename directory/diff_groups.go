package directory

import (
	"maps"
	"slices"
)

func (m *merger) groups() {
	m.edits = map[EntryID]*GroupDifference{}
	read := byID(m.r.Groups, func(g *ReadGroup) EntryID { return g.ID })
	next := make([]*ReadGroup, 0, max(len(m.old.Groups), len(read)))
	var unread []int
	for old, now := range pairs(m.old.Groups, read, func(g *ReadGroup) EntryID { return g.ID }) {
		g := m.group(old, now)
		if g != nil {
			next = append(next, g)
		}
		if g != nil && now == nil {
			unread = append(unread, len(next)-1)
		}
		if old != nil && (g == nil || g.DN != old.DN) {
			m.regrouped = append(m.regrouped, old)
		}
	}
	if len(m.renamed)+len(m.regrouped) > 0 {
		for _, i := range unread {
			next[i] = m.unread(next[i])
		}
	}
	m.delta.Next.Groups = next
}

// group returns the group as it is believed now, nil when it is gone.
func (m *merger) group(old, now *ReadGroup) *ReadGroup {
	switch {
	case old == nil:
		return m.newGroup(now)
	case now == nil:
		return m.missingGroup(old)
	}
	g := *now
	if why := m.incredible(old, now); why != "" {
		m.doubt(g.ID, g.DN, true, "%s; who is in it stays as it was", why)
		g.Accounts, g.Groups, g.Unresolved, g.Former = old.Accounts, old.Groups, old.Unresolved, old.Former
		g.Stamp, g.Whole = old.Stamp, old.Whole
	}
	if old.Equal(&g) {
		return old
	}
	if old.DN != g.DN || old.Name != g.Name || old.Description != g.Description {
		m.edits[g.ID] = &GroupDifference{Kind: Edited, Evidence: Seen, Before: old, After: &g}
	}
	if old.Token != g.Token || !slices.Equal(old.Accounts, g.Accounts) || !slices.Equal(old.Groups, g.Groups) {
		m.affected[g.ID] = true
	}
	return &g
}

// incredible says why the members of now are not believed. A list that changed
// while the entry did not is one that is shown to us differently, not another.
func (m *merger) incredible(old, now *ReadGroup) string {
	if !now.Whole {
		return "its list of members was not shown whole"
	}
	lost := m.lost(old.Accounts, now.Accounts) || m.lost(old.Groups, now.Groups)
	switch {
	case now.Stamp == "" && lost && !now.Again:
		return "members are missing, and nothing says that the group has changed"
	case now.Stamp != "" && now.Stamp == old.Stamp && (lost || m.gained(old, now)):
		return "its list of members is another, and the group has not changed since: this looks like a change of rights"
	}
	return ""
}

// lost reports whether one of old that is not gone itself is missing from now.
func (m *merger) lost(old, now []EntryID) bool {
	for _, id := range old {
		if has(now, id) || m.old.Account(id) == nil && m.old.Group(id) == nil {
			continue
		}
		if _, evidence := m.isGone(id); !evidence.Removes() {
			return true
		}
	}
	return false
}

// gained reports whether now has one that old could have shown: neither was it
// unknown then, nor did old name somebody who was not found.
func (m *merger) gained(old, now *ReadGroup) bool {
	if !old.Whole || len(old.Unresolved) > 0 {
		return false
	}
	for _, id := range now.Accounts {
		if !has(old.Accounts, id) && m.old.Account(id) != nil {
			return true
		}
	}
	for _, id := range now.Groups {
		if !has(old.Groups, id) && m.old.Group(id) != nil {
			return true
		}
	}
	return false
}

func (m *merger) newGroup(now *ReadGroup) *ReadGroup {
	m.edits[now.ID] = &GroupDifference{Kind: Created, Evidence: Seen, After: now}
	m.affected[now.ID] = true
	if !now.Whole {
		m.doubt(now.ID, now.DN, true, "its list of members was not shown whole; who is in it is not known")
		g := *now
		g.Accounts, g.Groups = nil, nil
		m.edits[now.ID].After = &g
		return &g
	}
	return now
}

func (m *merger) missingGroup(old *ReadGroup) *ReadGroup {
	gone, evidence := m.isGone(old.ID)
	if evidence.Removes() {
		m.edits[old.ID] = &GroupDifference{Kind: Deleted, Evidence: evidence, Before: old, Why: goneWhy(gone)}
		m.affected[old.ID] = true
		return nil
	}
	if m.r.Full {
		m.doubt(old.ID, old.DN, true, "not seen, and nothing proves that it is gone")
	}
	return old
}

// memberships compares who is in the groups that may have changed, and in the
// groups above them.
func (m *merger) memberships() {
	if m.old.Depth != m.r.Depth {
		for _, g := range m.delta.Next.Groups {
			m.affected[g.ID] = true
		}
	}
	m.spread(m.old.Groups)
	m.spread(m.delta.Next.Groups)
	before, after := newGraph(m.old), newGraph(m.delta.Next)
	for id := range m.affected {
		if m.delta.Next.Group(id) != nil {
			m.compare(id, before, after)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.edits), EntryID.Compare) {
		m.delta.Groups = append(m.delta.Groups, *m.edits[id])
	}
	for _, id := range slices.SortedFunc(maps.Keys(after.deep), EntryID.Compare) {
		m.doubt(id, m.delta.Next.Group(id).DN, true, "groups in it are deeper than %d; what is below was not followed", m.r.Depth)
	}
}

// spread marks the groups above affected ones.
func (m *merger) spread(groups []*ReadGroup) {
	for again := true; again; {
		again = false
		for _, g := range groups {
			if !m.affected[g.ID] && slices.ContainsFunc(g.Groups, func(id EntryID) bool { return m.affected[id] }) {
				m.affected[g.ID], again = true, true
			}
		}
	}
}

func (m *merger) compare(id EntryID, before, after *graph) {
	was, is := before.members(id), after.members(id)
	added, removed := []Membership(nil), []Removal(nil)
	if len(was) == 0 {
		added, is = slices.Clone(is), nil
	}
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(was) == 0, len(is) > 0 && is[0].Account.Compare(was[0].Account) < 0:
			added, is = append(added, is[0]), is[1:]
		case len(is) == 0, was[0].Account.Compare(is[0].Account) < 0:
			if m.delta.Next.Account(was[0].Account) != nil {
				removed = append(removed, m.removal(id, was[0]))
			}
			was = was[1:]
		default:
			was, is = was[1:], is[1:]
		}
	}
	if len(added) == 0 && len(removed) == 0 {
		return
	}
	d := m.edits[id]
	if d == nil {
		d = &GroupDifference{Kind: Members, Evidence: Seen, Before: m.old.Group(id), After: m.delta.Next.Group(id)}
		m.edits[id] = d
	}
	d.Added, d.Removed = added, removed
}

// removal finds the link that is broken on the way by which the account was in
// the group, and the evidence for that.
func (m *merger) removal(id EntryID, was Membership) Removal {
	at := id
	for _, child := range was.Via {
		if m.delta.Next.Group(child) == nil {
			_, evidence := m.isGone(child)
			return Removal{was, evidence, at}
		}
		if !has(m.delta.Next.Group(at).Groups, child) {
			return Removal{was, Stated, at}
		}
		at = child
	}
	return Removal{was, Stated, at}
}
