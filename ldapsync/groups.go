package ldapsync

import (
	"bytes"
	"slices"
	"strings"

	"grantbridge/directory"
)

// groups collects groups. Members that are people read before become ids at
// once, because a directory may have millions of them; the others are kept as
// text until all groups are known.
type groups struct {
	p       *profile
	known   directory.State
	find    *finder
	name    string
	demand  bool // the schema demands a member, so none is one that is hidden
	list    []*found
	byDN    map[string]*found
	slots   map[string]groupSlot
	control func(controls []byte) (skip bool, err error)
	// passed are the names that have come to others; nil is none.
	passed *passed

	nameless, twice int
	ranged          bool // some list came in parts
	ids             []directory.EntryID
}

// found is a group while it is being read.
type found struct {
	directory.ReadGroup
	names  []string // members that are no person read before: DNs
	logins []string // the same of memberUid
	// open is the attribute whose list goes on, and from where.
	open string
	from int
}

type groupSlot uint8

const (
	slotNone groupSlot = iota
	slotGroupID
	slotName
	slotDescription
	slotStamp
	slotMember
	slotMemberUID
	slotToken
	slotSID
	slotClass
)

func newGroups(c *Config, p *profile, f *finder) *groups {
	g := &groups{p: p, find: f, name: c.Groups.Name, demand: p.kind == OpenLDAP}
	def(&g.name, "cn")
	g.reset()
	return g
}

func (c *groups) attributes() []string {
	out := []string{c.p.id, c.p.stamp, c.name, "description", "objectClass", "member"}
	if c.p.kind == ActiveDirectory {
		return append(out, "objectSid")
	}
	return append(out, "uniqueMember", "memberUid", "gidNumber")
}

func (c *groups) reset() {
	c.slots = map[string]groupSlot{
		"description": slotDescription, "member": slotMember, "uniquemember": slotMember, "memberuid": slotMemberUID, "gidnumber": slotToken,
		"objectsid": slotSID, "objectclass": slotClass, strings.ToLower(c.name): slotName, strings.ToLower(c.p.stamp): slotStamp,
		strings.ToLower(c.p.id): slotGroupID,
	}
	c.list, c.byDN = nil, map[string]*found{}
	c.nameless, c.twice = 0, 0
}

func (c *groups) entries() int              { return len(c.list) }
func (c *groups) reference([]byte)          {}
func (c *groups) intermediate([]byte) error { return nil }

func (c *groups) slotOf(name []byte) groupSlot {
	if s, known := c.slots[string(name)]; known {
		return s
	}
	s := c.slots[strings.ToLower(string(name))]
	if len(c.slots) < 200 {
		c.slots[string(name)] = s
	}
	return s
}

func (c *groups) entry(e *entry) error {
	if c.control != nil {
		if skip, err := c.control(e.controls); skip || err != nil {
			return err
		}
	}
	f := &found{ReadGroup: directory.ReadGroup{DN: string(e.dn), Whole: true}}
	c.ids = c.ids[:0]
	named, listed, demands := false, false, false
	for _, a := range e.attrs {
		name, option, _ := bytes.Cut(a.name, []byte(";"))
		vs := e.of(a)
		slot := c.slotOf(name)
		if slot == slotMember {
			c.member(f, string(a.name), option, vs)
			listed = listed || len(vs) > 0
			continue
		}
		if len(vs) == 0 {
			continue
		}
		switch slot {
		case slotGroupID:
			f.ID, named = c.p.parseID(vs[0])
		case slotName:
			f.Name = string(least(vs))
		case slotDescription:
			f.Description = string(least(vs))
		case slotStamp:
			f.Stamp = string(vs[0])
		case slotMemberUID:
			c.memberUIDs(f, vs)
		case slotToken:
			f.Token = "gid:" + string(vs[0])
		case slotSID:
			f.Token = ridOf(vs[0])
		case slotClass:
			demands = slices.ContainsFunc(vs, demandsMember)
		}
	}
	if !named {
		c.nameless++
		return nil
	}
	if c.demand && demands && !listed && f.open == "" {
		f.Whole = false
	}
	f.Accounts = c.accounts(f.ID)
	c.list = append(c.list, f)
	c.byDN[f.DN] = f
	return nil
}

// accounts are the ids that were collected; the list that is known when it is
// the same one.
func (c *groups) accounts(group directory.EntryID) []directory.EntryID {
	slices.SortFunc(c.ids, directory.EntryID.Compare)
	c.ids = slices.Compact(c.ids)
	if old := c.known.Group(group); old != nil && slices.Equal(old.Accounts, c.ids) {
		return slices.Clip(old.Accounts) // what is appended to it goes elsewhere
	}
	return slices.Clone(c.ids)
}

// demandsMember: RFC 4519 lets no group of these classes be empty, and OpenLDAP
// holds to it, so an empty one is one whose members we may not see.
func demandsMember(class []byte) bool {
	return bytes.EqualFold(class, []byte("groupOfNames")) || bytes.EqualFold(class, []byte("groupOfUniqueNames"))
}

func least(vs [][]byte) []byte { return slices.MinFunc(vs, bytes.Compare) }

// member takes the values of one member attribute. Active Directory answers a
// long list as an empty member beside "member;range=0-1499", which is one that
// goes on, never one that is empty.
func (c *groups) member(f *found, attribute string, option []byte, vs [][]byte) {
	if rng, ok := bytes.CutPrefix(bytes.ToLower(option), []byte("range=")); ok {
		c.ranged = true
		attribute, _, _ = strings.Cut(attribute, ";")
		f.open, f.from = attribute, nextOf(rng, len(vs))
		if f.from == rangeEnd {
			f.open = ""
		}
	}
	for _, v := range vs {
		if i := bytes.LastIndexByte(v, '#'); i > 0 && v[len(v)-1] == 'B' && v[len(v)-2] == '\'' {
			v = v[:i] // the optional unique identifier of RFC 4517 3.3.21
		}
		if id, ok := c.find.exactDN(v); ok && !c.passed.contested(id) {
			c.ids = append(c.ids, id)
		} else {
			f.names = append(f.names, string(v))
		}
	}
}

func (c *groups) memberUIDs(f *found, vs [][]byte) {
	f.Logins = true
	for _, v := range vs {
		if a := c.find.exactLogin(v); a != nil && !c.passed.contested(a.ID) {
			c.ids = append(c.ids, a.ID)
		} else {
			f.logins = append(f.logins, string(v))
		}
	}
}

// ridOf is the last part of a SID, by which accounts name their primary group.
func ridOf(sid []byte) string {
	if len(sid) < 12 || len(sid) != 8+4*int(sid[1]) {
		return ""
	}
	b := sid[len(sid)-4:]
	return "rid:" + uitoa(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)
}
