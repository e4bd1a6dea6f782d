package ldapsync

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// Membered is one account as it stands in the directory now, and every group
// that it is in.
type Membered struct {
	Account *directory.ReadAccount
	// Groups are all groups it is in, each with the way: what a rule may ask for.
	Groups []Way
	Notes  []string
}

// Way is a group that an account is in, and by which groups.
type Way struct {
	Group *directory.ReadGroup
	Via   []*directory.ReadGroup
}

// Direct is the group of the way that lists the account itself.
func (w Way) Direct() directory.EntryID {
	if len(w.Via) == 0 {
		return w.Group.ID
	}
	return w.Via[len(w.Via)-1].ID
}

// User reads one person from live data, by login, and the groups he is in,
// through groups in groups. It writes nothing and believes nothing: it is for
// showing why somebody is in a group, or is not.
func User(ctx context.Context, c Config, login string) (Membered, error) {
	if err := c.Validate(); err != nil {
		return Membered{}, err
	}
	c = c.withDefaults()
	ctx, cancel := c.within(ctx)
	defer cancel()
	s, err := c.open(ctx, "")
	if err != nil {
		return Membered{}, err
	}
	defer s.close()
	to := newPeople(&c, s.p, 0)
	if err := s.byLogin(login, to); err != nil {
		return Membered{}, err
	}
	switch len(to.accounts) {
	case 0:
		return Membered{}, fmt.Errorf("nobody has %s=%s below %s, or %s may not see him", s.p.login, login, c.Users.Base, c.bindName())
	case 1:
	default:
		return Membered{}, fmt.Errorf("several entries have %s=%s: %s and %s", s.p.login, login, to.accounts[0].DN, to.accounts[1].DN)
	}
	out := Membered{Account: to.accounts[0]}
	return out, out.find(s, to)
}

// find climbs from the account: the groups that list it, the groups that list
// those, each asked for once.
func (m *Membered) find(s *session, people *people) error {
	list := newGroups(s.cfg, s.p, newFinder(people.accounts, people.byDN))
	primary, err := s.primaryFilter(m.Account)
	if err != nil {
		return err
	}
	filter := "(|(member=" + ldaplib.EscapeFilter(m.Account.DN) + ")(uniqueMember=" + ldaplib.EscapeFilter(m.Account.DN) +
		")(memberUid=" + ldaplib.EscapeFilter(m.Account.Login) + ")" + primary + ")"
	seen := map[directory.EntryID]bool{}
	level := []Way{{}}
	for depth := 0; len(level) > 0 && depth <= s.cfg.Groups.Depth; depth++ {
		var next []Way
		for _, below := range level {
			if below.Group != nil {
				filter = "(|(member=" + ldaplib.EscapeFilter(below.Group.DN) + ")(uniqueMember=" + ldaplib.EscapeFilter(below.Group.DN) + "))"
			}
			q := query{name: "groups", base: s.cfg.Groups.Base, filter: "(&" + s.cfg.Groups.Filter + filter + ")", attrs: list.attributes()}
			if _, err := s.pages(q, list); err != nil {
				return err
			}
			for _, f := range list.list {
				if seen[f.ID] {
					continue
				}
				seen[f.ID] = true
				g := f.ReadGroup
				way := Way{Group: &g}
				if below.Group != nil {
					way.Via = append([]*directory.ReadGroup{below.Group}, below.Via...)
				}
				next = append(next, way)
			}
		}
		m.Groups = append(m.Groups, next...)
		level = next
	}
	return nil
}

// primaryFilter finds the primary group, which does not list its members: by
// gidNumber, or in Active Directory by the SID, which is the account's but for the
// last part (MS-DTYP 2.4.2, MS-ADA3 2.120).
func (s *session) primaryFilter(a *directory.ReadAccount) (string, error) {
	if gid, ok := strings.CutPrefix(a.Primary, "gid:"); ok {
		return "(gidNumber=" + ldaplib.EscapeFilter(gid) + ")", nil
	}
	rid, err := strconv.ParseUint(strings.TrimPrefix(a.Primary, "rid:"), 10, 32)
	if err != nil {
		return "", nil
	}
	own, err := s.read(a.DN, "objectSid")
	if err != nil {
		return "", s.fault("groups", err)
	}
	if own == nil || ridOf([]byte(own.first("objectsid"))) == "" {
		return "", nil
	}
	sid := []byte(own.first("objectsid"))
	binary.LittleEndian.PutUint32(sid[len(sid)-4:], uint32(rid))
	return "(objectSid=" + ldaplib.EscapeFilter(string(sid)) + ")", nil
}
