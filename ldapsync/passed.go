package ldapsync

import (
	"slices"

	"grantbridge/directory"
)

// passed are names that one person had and another has, or may get: a group that
// lists such a name means who had it when it came into the group, be it nobody. A
// nil passed knows none.
type passed struct {
	old  directory.State
	find *finder                           // who has the names now
	had  map[string]*directory.ReadAccount // by NameKey: who had the name at the last reading, and has not
	// changed are those who are new or have another name than at the last reading;
	// ascending.
	changed []*directory.ReadAccount
	// taken are those who have a name that may mean another, or nobody.
	taken map[directory.EntryID]bool
}

// newPassed compares the accounts that were known with those that are there now,
// both ascending.
func newPassed(old directory.State, find *finder) *passed {
	p := &passed{old: old, find: find, had: map[string]*directory.ReadAccount{}}
	was, now := old.Accounts, find.accounts
	for len(was) > 0 || len(now) > 0 {
		switch {
		case len(was) > 0 && len(now) > 0 && was[0] == now[0]: // most
			was, now = was[1:], now[1:]
		case len(was) == 0, len(now) > 0 && now[0].ID.Compare(was[0].ID) < 0:
			p.changed, now = append(p.changed, now[0]), now[1:]
		case len(now) == 0, was[0].ID.Compare(now[0].ID) < 0:
			p.lost(was[0])
			was = was[1:]
		default:
			if was[0].DN != now[0].DN || was[0].Login != now[0].Login {
				p.lost(was[0])
				p.changed = append(p.changed, now[0])
			}
			was, now = was[1:], now[1:]
		}
	}
	if len(p.had) == 0 {
		return p
	}
	p.taken = map[directory.EntryID]bool{}
	for _, a := range p.changed {
		if p.had[directory.NameKey(a.DN)] != nil || p.had[directory.NameKey(a.Login)] != nil {
			p.taken[a.ID] = true
		}
	}
	return p
}

func (p *passed) lost(a *directory.ReadAccount) {
	if !a.Conflict.IsZero() {
		return // who is in conflict is in nothing
	}
	p.had[directory.NameKey(a.DN)] = a
	if a.Login != "" {
		p.had[directory.NameKey(a.Login)] = a
	}
}

// contested reports whether the account has a name that may mean another one in
// some group, so that each group must be looked at.
func (p *passed) contested(id directory.EntryID) bool {
	if p == nil {
		return false
	}
	if p.find != nil {
		p.former()
	}
	return p.taken[id]
}

// former adds who has a name now that some group lists for another, or had listed
// when nobody had it. It is done when the first member is looked up, because that
// makes the index that it needs.
func (p *passed) former() {
	find := p.find
	p.find = nil
	take := func(id directory.EntryID) {
		if p.taken == nil {
			p.taken = map[directory.EntryID]bool{}
		}
		p.taken[id] = true
	}
	holders := func(g *directory.ReadGroup, name string, yield func(directory.EntryID)) {
		if id, ok := find.exactDN([]byte(name)); ok {
			yield(id)
		}
		if !g.Logins {
			return
		}
		if a := find.exactLogin([]byte(name)); a != nil {
			yield(a.ID)
		}
	}
	for _, g := range p.old.Groups {
		for _, f := range g.Former {
			holders(g, f.Name, func(id directory.EntryID) {
				if id != f.ID {
					take(id)
				}
			})
		}
		for _, name := range g.Unresolved {
			holders(g, name, func(id directory.EntryID) {
				if p.isChanged(id) {
					take(id)
				}
			})
		}
	}
}

// isChanged reports whether the account is new, or has another name than at the
// last reading.
func (p *passed) isChanged(id directory.EntryID) bool {
	_, changed := slices.BinarySearchFunc(p.changed, id, func(a *directory.ReadAccount, id directory.EntryID) int { return a.ID.Compare(id) })
	return changed
}

// owner is whom a group, as it was, means by a name that somebody else may have
// now: who had it when the group began to list it. That the group was changed
// since to mean the new one is not to be seen; Settle says it.
func (p *passed) owner(was *directory.ReadGroup, owners map[string]directory.EntryID, name string) (directory.EntryID, bool) {
	if p == nil || len(owners)+len(p.had) == 0 {
		return directory.EntryID{}, false
	}
	key := directory.NameKey(name)
	if id, known := owners[key]; known {
		return id, true
	}
	x := p.had[key]
	if x == nil {
		return directory.EntryID{}, false
	}
	_, in := slices.BinarySearchFunc(was.Accounts, x.ID, directory.EntryID.Compare)
	return x.ID, in
}
