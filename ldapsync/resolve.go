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
// who has it now, among groups and people; who has it by the server's own idea
// of equal names, or elsewhere in the directory, asked one by one; who had it
// before, when nobody has it now.
type resolver struct {
	s      *session
	old    directory.State
	people *finder
	exact  map[string]*found // groups, as the server writes them
	groups map[string]*found // by canonical DN; known groups that were not read included
	looked map[string]answer
	former *finder // accounts as they were known
	notes  []string
}

// answer is what a name was found to be.
type answer struct {
	account, group directory.EntryID
	// was: by a name that it had before.
	was bool
}

func (a answer) none() bool { return a.account.IsZero() && a.group.IsZero() }

func newResolver(s *session, old directory.State, people *finder, list []*found) *resolver {
	r := &resolver{s: s, old: old, people: people, exact: make(map[string]*found, len(list)), groups: map[string]*found{}, looked: map[string]answer{}}
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
		for _, name := range f.names {
			a, err := r.name(name, old)
			if err != nil {
				return r.s.fault("resolve", err)
			}
			r.add(f, name, a)
		}
		for _, login := range f.logins {
			r.add(f, login, r.login(login, old))
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
	default:
		f.Unresolved = append(f.Unresolved, name)
		return
	}
	if a.was {
		f.Former = append(f.Former, directory.FormerName{Name: name, ID: cmp.Or(a.account, a.group)})
		r.note("%s still lists %s, which has another name now", f.DN, name)
	}
}

const maxNotes = 50

func (r *resolver) note(format string, args ...any) {
	if len(r.notes) < maxNotes {
		r.notes = append(r.notes, fmt.Sprintf(format, args...))
	}
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
	if slices.Contains(old.Unresolved, name) {
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
		a = r.formerly(name, old)
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

// formerly is who had the name that nobody has now. Many servers leave a name
// in their groups when its entry is renamed; a rename takes nothing from
// anybody.
func (r *resolver) formerly(name string, old *directory.ReadGroup) answer {
	for _, f := range old.Former {
		if f.Name == name && r.knownAccount(f.ID) {
			return answer{account: f.ID, was: true}
		}
		if f.Name == name {
			return answer{group: f.ID, was: true}
		}
	}
	if r.former == nil {
		r.former = newFinder(r.old.Accounts, nil)
	}
	if a := r.former.DN(name); a != nil {
		return answer{account: a.ID, was: true}
	}
	return answer{}
}

func (r *resolver) login(name string, old *directory.ReadGroup) answer {
	if a := r.people.login(name); a != nil {
		return answer{account: a.ID}
	}
	for _, f := range old.Former {
		if f.Name == name && r.knownAccount(f.ID) {
			return answer{account: f.ID, was: true}
		}
	}
	if r.former == nil {
		r.former = newFinder(r.old.Accounts, nil)
	}
	if a := r.former.login(name); a != nil {
		return answer{account: a.ID, was: true}
	}
	return answer{}
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
