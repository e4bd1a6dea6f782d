package ldapsync

import (
	"slices"

	"grantbridge/directory"
)

// passed are names that one person had and another has, or may get: a group that
// lists such a name means who had it when it came into the group. A nil passed
// knows none.
type passed struct {
	old  directory.State
	find *finder                           // who has the names now
	had  map[string]*directory.ReadAccount // by NameKey: who had the name at the last reading, and has not
	// taken are those who have a name that another had.
	taken map[directory.EntryID]bool
}

// newPassed compares the accounts that were known with those that are there now,
// both ascending.
func newPassed(old directory.State, find *finder) *passed {
	p := &passed{old: old, find: find, had: map[string]*directory.ReadAccount{}}
	was, now := old.Accounts, find.accounts
	var changed []*directory.ReadAccount
	for len(was) > 0 || len(now) > 0 {
		switch {
		case len(was) > 0 && len(now) > 0 && was[0] == now[0]: // most
			was, now = was[1:], now[1:]
		case len(was) == 0, len(now) > 0 && now[0].ID.Compare(was[0].ID) < 0:
			changed, now = append(changed, now[0]), now[1:]
		case len(now) == 0, was[0].ID.Compare(now[0].ID) < 0:
			p.lost(was[0])
			was = was[1:]
		default:
			if was[0].DN != now[0].DN || was[0].Login != now[0].Login {
				p.lost(was[0])
				changed = append(changed, now[0])
			}
			was, now = was[1:], now[1:]
		}
	}
	if len(p.had) == 0 {
		return p
	}
	p.taken = map[directory.EntryID]bool{}
	for _, a := range changed {
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

// former adds who has a name now that some group lists for another. It is done
// when the first member is looked up, because that makes the index that it needs.
func (p *passed) former() {
	find := p.find
	p.find = nil
	take := func(id directory.EntryID, f directory.FormerName) {
		if id.IsZero() || id == f.ID {
			return
		}
		if p.taken == nil {
			p.taken = map[directory.EntryID]bool{}
		}
		p.taken[id] = true
	}
	for _, g := range p.old.Groups {
		for _, f := range g.Former {
			id, _ := find.exactDN([]byte(f.Name))
			take(id, f)
			if !g.Logins {
				continue
			}
			if a := find.exactLogin([]byte(f.Name)); a != nil {
				take(a.ID, f)
			}
		}
	}
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
