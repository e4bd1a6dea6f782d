package ldapsync

import (
	"cmp"
	"fmt"
	"slices"

	"grantbridge/directory"
)

// maxLookups bounds how many unknown names are looked up one by one in a
// reading; the groups of the others are not whole.
const maxLookups = 20_000

// fewLookups is how many names are looked up before it is cheaper to make all
// names canonical and compare them here.
const fewLookups = 500

// resolver turns the names that groups list into ids. In this order a name is:
// who had it when the group began to list it (passed); who has it now, among
// groups and people; who has it by the server's own idea of equal names, or
// elsewhere in the directory, asked one by one; who had it before, when nobody
// has it now.
type resolver struct {
	s      *session
	old    directory.State
	people *finder
	exact  map[string]*found // groups, as the server writes them
	groups map[string]*found // by canonical DN; known groups that were not read included
	looked map[string]answer
	passed *passed
	former *finder // accounts as they were known
	notes  []string
}

// answer is what a name was found to be.
type answer struct {
	account, group directory.EntryID
	// was: by a name that it had before; gone: and it is not there any more.
	was, gone bool
}

func (a answer) none() bool { return a.account.IsZero() && a.group.IsZero() }

func newResolver(s *session, old directory.State, read *groups) *resolver {
	list := read.list
	r := &resolver{s: s, old: old, people: read.find, passed: read.passed, exact: make(map[string]*found, len(list)), groups: map[string]*found{}, looked: map[string]answer{}}
	for _, g := range old.Groups {
		if key, ok := dnKey(g.DN); ok {
			r.groups[key] = &found{ReadGroup: directory.ReadGroup{ID: g.ID}}
		}
	}
	for _, f := range list {
		r.exact[f.DN] = f
	}
	for _, f := range list { // what is there now has its name before what was
		if key, ok := dnKey(f.DN); ok {
			r.groups[key] = f
		}
	}
	return r
}

// resolve fills Accounts, Groups, Unresolved and Former of the groups.
func (r *resolver) resolve(list []*found) error {
	for _, f := range list {
		old := r.old.Group(f.ID)
		if old == nil {
			old = &directory.ReadGroup{}
		}
		owners := old.Owners()
		for _, name := range f.names {
			a, passed, err := r.owned(f, old, owners, name)
			if !passed && err == nil {
				a, err = r.name(name, old)
			}
			if err != nil {
				return r.s.fault("resolve", err)
			}
			r.add(f, name, a)
		}
		for _, login := range f.logins {
			a, passed, err := r.owned(f, old, owners, login)
			if err != nil {
				return r.s.fault("resolve", err)
			}
			if !passed {
				a = r.login(login)
			}
			r.add(f, login, a)
		}
		f.names, f.logins = nil, nil
		f.tidy()
	}
	return nil
}

func (r *resolver) add(f *found, name string, a answer) {
	switch {
	case !a.group.IsZero():
		f.Groups = append(f.Groups, a.group)
	case !a.account.IsZero():
		f.Accounts = append(f.Accounts, a.account)
	}
	if a.none() || a.gone {
		f.Unresolved = append(f.Unresolved, name)
	}
	if a.was {
		f.Former = append(f.Former, directory.FormerName{Name: name, ID: cmp.Or(a.account, a.group)})
	}
	if a.was && !a.gone {
		r.note("%s still lists %s, which has another name now", f.DN, name)
	}
}

const maxNotes = 50

func (r *resolver) note(format string, args ...any) {
	if len(r.notes) < maxNotes {
		r.notes = append(r.notes, fmt.Sprintf(format, args...))
	}
}

// owned is the answer when the group lists the name for who had it, or since
// before anybody had it.
func (r *resolver) owned(f *found, old *directory.ReadGroup, owners map[string]directory.EntryID, name string) (answer, bool, error) {
	has := r.holder(f, name)
	id, owned := r.passed.owner(old, owners, name)
	if !owned && !has.IsZero() && r.passed != nil && isUnresolved(old, name) {
		var err error
		if owned, err = r.cameLater(has); err != nil {
			return answer{}, false, err
		}
	}
	switch {
	case !owned:
		return answer{}, false, nil
	case has == id:
		return answer{account: id}, true, nil
	case !has.IsZero():
		whom := "somebody who has another name now or is gone"
		if id.IsZero() {
			whom = "nobody: it did so before anybody had that name"
		}
		r.note("%s lists %s for %s; who has it now (%s) is not in the group by that: if it is meant, `sync settle --source %s %s --groups`, else take the name out of the group",
			f.DN, name, whom, has, r.s.cfg.Source, has)
	}
	return r.owner(id), true, nil
}

// holder is who has the name now.
func (r *resolver) holder(f *found, name string) directory.EntryID {
	if f.Logins {
		if a := r.people.login(name); a != nil {
			return a.ID
		}
	}
	id, _ := r.people.exactDN([]byte(name))
	return id
}

func isUnresolved(g *directory.ReadGroup, name string) bool {
	_, in := slices.BinarySearch(g.Unresolved, name)
	return in
}

// cameLater reports whether the account got its name after the last reading:
// because it had another one, or was not there yet. One that was there and not
// read, below another base or not to be seen, had it.
func (r *resolver) cameLater(id directory.EntryID) (bool, error) {
	if !r.passed.isChanged(id) {
		return false, nil
	}
	if r.old.Account(id) != nil {
		return true, nil
	}
	e, err := r.s.read(r.people.dn(id), "createTimestamp")
	if err != nil || e == nil {
		return true, err
	}
	made, err := generalizedTime(e.first("createtimestamp"))
	return err != nil || made.After(r.old.Checkpoint.At.Add(-fresh)), nil
}

func (r *resolver) name(name string, old *directory.ReadGroup) (answer, error) {
	if g := r.exact[name]; g != nil {
		return answer{group: g.ID}, nil
	}
	if id, ok := r.people.exactDN([]byte(name)); ok {
		return answer{account: id}, nil
	}
	if key, ok := dnKey(name); ok && r.groups[key] != nil {
		return answer{group: r.groups[key].ID}, nil
	}
	if len(r.looked) >= fewLookups {
		if a := r.people.DN(name); a != nil {
			return answer{account: a.ID}, nil
		}
	}
	if isUnresolved(old, name) {
		return answer{}, nil
	}
	if a, known := r.looked[name]; known {
		return a, nil
	}
	a, there, err := r.lookUp(name)
	if err != nil {
		return answer{}, err
	}
	if !there && a.none() {
		a = r.formerly(name)
	}
	r.looked[name] = a
	return a, nil
}

// lookUp reads the one entry that a name is of: somebody who was renamed or
// moved while we read, or who is outside of what we read.
func (r *resolver) lookUp(name string) (a answer, there bool, err error) {
	if len(r.looked) >= maxLookups {
		return answer{}, true, fmt.Errorf("more than %d members name nobody who was read: check the bases", maxLookups)
	}
	e, err := r.s.readID(name)
	if err != nil || e.IsZero() {
		return answer{}, !e.IsZero(), err
	}
	switch {
	case r.knownAccount(e):
		return answer{account: e}, true, nil
	case r.old.Group(e) != nil:
		return answer{group: e}, true, nil
	}
	return answer{}, true, nil
}

func (r *resolver) knownAccount(id directory.EntryID) bool {
	return r.people.has(id) || r.old.Account(id) != nil
}

// owner is the answer when a group lists the name for the entry, which has
// another one now or is gone.
func (r *resolver) owner(id directory.EntryID) answer {
	if r.old.Group(id) != nil {
		return answer{group: id, was: true}
	}
	return answer{account: id, was: true, gone: !r.people.has(id)}
}

// formerly is who had the name that nobody has now. Many servers leave a name
// in their groups when its entry is renamed; a rename takes nothing from
// anybody.
func (r *resolver) formerly(name string) answer {
	if a := r.formers().DN(name); a != nil {
		return r.owner(a.ID)
	}
	return answer{}
}

func (r *resolver) login(name string) answer {
	if a := r.people.login(name); a != nil {
		return answer{account: a.ID}
	}
	if a := r.formers().login(name); a != nil {
		return r.owner(a.ID)
	}
	return answer{}
}

func (r *resolver) formers() *finder {
	if r.former == nil {
		r.former = newFinder(r.old.Accounts, nil)
	}
	return r.former
}

// readID is the id of the entry with the name, or zero when there is none.
func (s *session) readID(dn string) (directory.EntryID, error) {
	r, err := s.read(dn, s.p.id)
	if err != nil || r == nil {
		return directory.EntryID{}, err
	}
	id, _ := s.p.parseID([]byte(r.first(lower(s.p.id))))
	return id, nil
}
