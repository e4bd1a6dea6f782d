package ldapsync

import (
	"bytes"
	"slices"
	"strings"

	"grantbridge/directory"
)

// people collects accounts. Of an entry it makes two allocations: the account,
// and one text that all its strings are parts of; of one that is as it was known,
// none.
type people struct {
	p     *profile
	known directory.State
	slot  map[string]int // of an attribute, by the name as the server writes it
	// names are the attributes by slot; extra is the first of the configured ones.
	names []string
	same  []int // the slot that gets the values of a slot's attribute
	extra int

	accounts []*directory.ReadAccount
	byDN     *names
	nameless int
	twice    int
	expect   int
	// control, when set, is shown every entry's controls (RFC 4533) and may say
	// that the entry is none of ours.
	control func(controls []byte) (skip bool, err error)
	text    []byte
	values  [][][]byte
}

// The slots of an account's attributes; those of profile.activity follow.
const (
	slotID = iota
	slotLogin
	slotDisplay
	slotEmail
	slotGID
	slotRID
	slotActivity
)

const ignored = -1

func newPeople(c *Config, p *profile, expect int) *people {
	names := append([]string{p.id, p.login, p.display, p.email, "gidNumber", "primaryGroupID"}, p.activity...)
	out := &people{p: p, names: append(names, c.Users.Attributes...), extra: len(names), expect: expect}
	out.reset()
	return out
}

// attributes are what to ask for.
func (c *people) attributes() []string {
	out := slices.Clone(c.names)
	if c.p.kind == ActiveDirectory {
		return slices.DeleteFunc(out, func(s string) bool { return s == "gidNumber" })
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "primaryGroupID" })
}

func (c *people) reset() {
	c.slot = map[string]int{}
	for i := range slices.Backward(c.names) { // the first of equal names wins
		c.slot[strings.ToLower(c.names[i])] = i
	}
	c.same = make([]int, len(c.names))
	for i, name := range c.names {
		c.same[i] = c.slot[strings.ToLower(name)]
	}
	c.values = make([][][]byte, len(c.names))
	c.accounts = make([]*directory.ReadAccount, 0, c.expect)
	c.byDN = newNames(c.expect)
	c.nameless, c.twice = 0, 0
}

func (c *people) entries() int              { return len(c.accounts) }
func (c *people) reference([]byte)          {}
func (c *people) intermediate([]byte) error { return nil }

// slotOf learns how the server writes a name.
func (c *people) slotOf(name []byte) int {
	if i, known := c.slot[string(name)]; known {
		return i
	}
	i, known := c.slot[strings.ToLower(string(name))]
	if !known {
		i = ignored
	}
	if len(c.slot) < 4*len(c.names)+64 {
		c.slot[string(name)] = i
	}
	return i
}

func (c *people) entry(e *entry) error {
	if c.control != nil {
		if skip, err := c.control(e.controls); skip || err != nil {
			return err
		}
	}
	clear(c.values)
	for _, a := range e.attrs {
		if i := c.slotOf(a.name); i != ignored {
			c.values[i] = e.of(a)
		}
	}
	id, ok := c.p.parseID(c.first(slotID))
	if !ok {
		c.nameless++
		return nil
	}
	a := c.account(id, e.dn)
	c.accounts = append(c.accounts, a)
	c.byDN.put(a.DN, a.ID)
	return nil
}

func (c *people) first(slot int) []byte {
	if v := c.values[c.same[slot]]; len(v) > 0 {
		return v[0]
	}
	return nil
}

// one is the value of an attribute that may have several in any order: the one
// in the name, else the least, so that order makes no difference.
func (c *people) one(slot int, dn []byte) []byte {
	vs := c.values[c.same[slot]]
	if len(vs) <= 1 {
		return c.first(slot)
	}
	_, leaf, _ := bytes.Cut(dn, []byte("="))
	least := vs[0]
	for _, v := range vs {
		if bytes.HasPrefix(leaf, v) && len(leaf) > len(v) && (leaf[len(v)] == ',' || leaf[len(v)] == '+') {
			return v
		}
		if bytes.Compare(v, least) < 0 {
			least = v
		}
	}
	return least
}

// account is the entry's; the known one itself when nothing about it is new.
func (c *people) account(id directory.EntryID, dn []byte) *directory.ReadAccount {
	old := c.known.Account(id)
	if old == nil {
		old = &directory.ReadAccount{}
	}
	a := directory.ReadAccount{ID: id}
	c.texts(&a, old, dn)
	if v := c.first(slotGID); v != nil {
		a.Primary = c.primary("gid:", v)
	}
	if v := c.first(slotRID); v != nil {
		a.Primary = c.primary("rid:", v)
	}
	a.Activity, a.Disabler, a.Expires = c.p.state(c.named)
	for i := c.extra; i < len(c.names); i++ {
		a.Values = append(a.Values, c.extraValues(i)...)
	}
	if a.Equal(old) {
		return old
	}
	made := a
	return &made
}

// texts are those that every account has: the known ones when they are the same.
func (c *people) texts(a, old *directory.ReadAccount, dn []byte) {
	login, display, email := c.one(slotLogin, dn), c.one(slotDisplay, dn), c.one(slotEmail, dn)
	if string(dn) == old.DN && string(login) == old.Login && string(display) == old.Display && string(email) == old.Email {
		a.DN, a.Login, a.Display, a.Email = old.DN, old.Login, old.Display, old.Email
		return
	}
	c.text = append(append(append(append(c.text[:0], dn...), login...), display...), email...)
	text := string(c.text)
	cut := func(n int) string {
		s := text[:n]
		text = text[n:]
		return s
	}
	a.DN, a.Login, a.Display, a.Email = cut(len(dn)), cut(len(login)), cut(len(display)), cut(len(email))
}

// extraValues are the values of a configured attribute, in an order of their own.
func (c *people) extraValues(slot int) []directory.Value {
	vs := slices.Clone(c.values[c.same[slot]])
	slices.SortFunc(vs, bytes.Compare)
	out := make([]directory.Value, 0, len(vs))
	for i, v := range vs {
		out = append(out, directory.Value{Path: strings.ToLower(c.names[slot]), Elem: i, Text: directory.Fold(string(v))})
	}
	return out
}

func (c *people) named(name string) []byte {
	return c.first(slotActivity + slices.Index(c.p.activity, name))
}

// primary shares the text of a token among the accounts that have it.
func (c *people) primary(kind string, v []byte) string {
	if n := len(c.accounts); n > 0 {
		if last := c.accounts[n-1].Primary; strings.HasPrefix(last, kind) && last[len(kind):] == string(v) {
			return last
		}
	}
	return kind + string(v)
}

// done sorts the accounts by id and finds those that came twice.
func (c *people) done() {
	slices.SortFunc(c.accounts, func(a, b *directory.ReadAccount) int { return a.ID.Compare(b.ID) })
	for i := 1; i < len(c.accounts); i++ {
		if c.accounts[i].ID == c.accounts[i-1].ID {
			c.twice++
		}
	}
}
