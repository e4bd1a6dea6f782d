package memdir

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"grantbridge/directory"
)

// Kind is which server it behaves like.
type Kind string

// The kinds.
const (
	OpenLDAP        Kind = "openldap"
	ActiveDirectory Kind = "active-directory"
	DS389           Kind = "389-ds"
	Generic         Kind = "generic"
)

// Suffix is the naming context of every Directory.
const Suffix = "dc=corp,dc=example"

// Entry is one entry. Attribute names are as the server writes them.
type Entry struct {
	ID    directory.EntryID
	DN    string
	Names []string // of Attrs, in order
	Attrs map[string][]string
	CSN   int // of its last change
	Born  int // the CSN that made it
}

// Values are the values of an attribute, by a name in any case.
func (e *Entry) Values(name string) []string {
	for _, n := range e.Names {
		if strings.EqualFold(n, name) {
			return e.Attrs[n]
		}
	}
	return nil
}

func (e *Entry) set(name string, values []string) {
	for _, n := range e.Names {
		if strings.EqualFold(n, name) {
			name = n
		}
	}
	if !slices.Contains(e.Names, name) {
		e.Names = append(e.Names, name)
	}
	e.Attrs[name] = values
	if len(values) == 0 {
		e.Names = slices.DeleteFunc(e.Names, func(n string) bool { return n == name })
		delete(e.Attrs, name)
	}
}

func (e *Entry) clone() *Entry {
	c := *e
	c.Names, c.Attrs = slices.Clone(e.Names), make(map[string][]string, len(e.Attrs))
	for n, v := range e.Attrs {
		c.Attrs[n] = v
	}
	return &c
}

// Tombstone is an entry that was deleted.
type Tombstone struct {
	ID  directory.EntryID
	DN  string
	CSN int
}

// Directory is the entries, safe for concurrent use.
type Directory struct {
	mu      sync.Mutex
	entries []*Entry
	byKey   map[string]*Entry
	dead    []Tombstone
	csn     int
	ids     int
	// Refint keeps names in groups true when an entry is renamed or deleted, as
	// Active Directory does and OpenLDAP with its overlay. The group's stamp
	// does not move.
	Refint bool
}

// New is a directory with its suffix alone.
func New() *Directory {
	d := &Directory{byKey: map[string]*Entry{}}
	d.Add(Suffix, "objectClass", "domain", "dc", "corp")
	return d
}

// StartAt lets the next change be no earlier than at, so that a directory that
// is made again, by another process, is not behind what it was.
func (d *Directory) StartAt(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.csn = max(d.csn, int(at.Sub(Epoch)/time.Second))
}

// Replace lets d hold copies of what o holds, by one change; what only d had
// leaves a tombstone.
func (d *Directory) Replace(o *Directory) {
	next := o.All("", func(*Entry) bool { return true })
	d.mu.Lock()
	defer d.mu.Unlock()
	d.csn++
	kept := map[directory.EntryID]bool{}
	byKey := make(map[string]*Entry, len(next))
	for i, e := range next {
		e = e.clone()
		e.CSN = d.csn
		next[i], byKey[key(e.DN)], kept[e.ID] = e, e, true
	}
	for _, e := range d.entries {
		if !kept[e.ID] {
			d.dead = append(d.dead, Tombstone{e.ID, e.DN, d.csn})
		}
	}
	d.entries, d.byKey, d.ids = next, byKey, max(d.ids, o.ids)
}

func key(dn string) string {
	d, err := directory.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	return d.Key()
}

// Add adds an entry with attributes given as name, value, name, value; equal
// names make several values. It returns its id.
func (d *Directory) Add(dn string, attrs ...string) directory.EntryID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey[key(dn)] != nil {
		panic(fmt.Sprintf("memdir: %q is there already", dn))
	}
	d.ids++
	e := &Entry{DN: dn, Attrs: map[string][]string{}}
	n := uint64(d.ids) * 0x9E3779B97F4A7C15 // ids in no order
	for i := range 8 {
		e.ID[i], e.ID[15-i] = byte(n>>(8*i)), byte(d.ids>>(8*i))
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.set(attrs[i], append(slices.Clone(e.Attrs[attrs[i]]), attrs[i+1]))
	}
	d.touch(e)
	e.Born = e.CSN
	d.entries = append(d.entries, e)
	d.byKey[key(dn)] = e
	return e.ID
}

func (d *Directory) touch(e *Entry) {
	d.csn++
	e.CSN = d.csn
}

// Set replaces an attribute's values; none remove it.
func (d *Directory) Set(dn, name string, values ...string) {
	d.edit(dn, func(e *Entry) { e.set(name, values) })
}

// AddMember adds a value to an attribute.
func (d *Directory) AddMember(dn, name, value string) {
	d.edit(dn, func(e *Entry) { e.set(name, append(slices.Clone(e.Values(name)), value)) })
}

// RemoveMember removes a value from an attribute.
func (d *Directory) RemoveMember(dn, name, value string) {
	d.edit(dn, func(e *Entry) {
		e.set(name, slices.DeleteFunc(slices.Clone(e.Values(name)), func(v string) bool { return key(v) == key(value) }))
	})
}

// edit replaces the entry by an edited copy, because answers may hold the old.
func (d *Directory) edit(dn string, f func(*Entry)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.byKey[key(dn)]
	if old == nil {
		panic(fmt.Sprintf("memdir: no %q", dn))
	}
	e := old.clone()
	f(e)
	d.touch(e)
	d.replace(old, e)
}

func (d *Directory) replace(old, e *Entry) {
	d.entries[slices.Index(d.entries, old)] = e
	delete(d.byKey, key(old.DN))
	d.byKey[key(e.DN)] = e
}

// Rename renames or moves an entry.
func (d *Directory) Rename(dn, to string) {
	d.edit(dn, func(e *Entry) { e.DN = to })
	d.refer(dn, to)
}

// Delete deletes an entry and leaves a tombstone.
func (d *Directory) Delete(dn string) {
	d.mu.Lock()
	e := d.byKey[key(dn)]
	if e == nil {
		d.mu.Unlock()
		panic(fmt.Sprintf("memdir: no %q", dn))
	}
	d.csn++
	d.dead = append(d.dead, Tombstone{e.ID, e.DN, d.csn})
	d.entries = slices.DeleteFunc(d.entries, func(x *Entry) bool { return x == e })
	delete(d.byKey, key(dn))
	d.mu.Unlock()
	d.refer(dn, "")
}

// refer keeps members that name from true.
func (d *Directory) refer(from, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.Refint {
		return
	}
	for _, e := range slices.Clone(d.entries) {
		for _, name := range []string{"member", "uniqueMember"} {
			values := e.Values(name)
			i := slices.IndexFunc(values, func(v string) bool { return key(v) == key(from) })
			if i < 0 || to == "" && len(values) == 1 { // a groupOfNames is never empty
				continue
			}
			c := e.clone()
			values = slices.Delete(slices.Clone(values), i, i+1)
			if to != "" {
				values = append(values, to)
			}
			c.set(name, values)
			d.replace(e, c)
		}
	}
}

// Entry is a copy of the entry with the name, or nil.
func (d *Directory) Entry(dn string) *Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.byKey[key(dn)]; e != nil {
		return e.clone()
	}
	return nil
}

// All are the entries below or at base that keep returns true for. They must
// not be changed.
func (d *Directory) All(base string, keep func(*Entry) bool) []*Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	top, _ := directory.ParseDN(base)
	var out []*Entry
	for _, e := range d.entries {
		if dn, err := directory.ParseDN(e.DN); err == nil && (dn.Under(top) || dn.Equal(top)) && keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// CSN is the number of the last change.
func (d *Directory) CSN() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.csn
}

// Dead are the tombstones of deletions after a change.
func (d *Directory) Dead(after int) []Tombstone {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Tombstone
	for _, t := range d.dead {
		if t.CSN > after {
			out = append(out, t)
		}
	}
	return out
}
