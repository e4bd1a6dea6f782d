package ldapsync

import (
	"fmt"
	"strconv"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// usnFeed is Active Directory's uSNChanged on one domain controller. Who
// changed and fits no filter any more is asked for by id; who was deleted is
// found among the tombstones, which the account that reads may not be allowed
// to see: then the next full reading finds it.
type usnFeed struct {
	r     *reading
	since string // a filter
}

func newUSNFeed(r *reading) (feed, error) {
	n, err := strconv.ParseUint(string(r.old.Checkpoint.Cookie), 10, 64)
	if err != nil {
		return nil, r.s.fault("changes", fmt.Errorf("%w: the USN cannot be read", errTrustEnds))
	}
	return &usnFeed{r, fmt.Sprintf("(uSNChanged>=%d)", n+1)}, nil
}

func (f *usnFeed) cookie() []byte { return []byte(f.r.mark) }

func (f *usnFeed) users(to *people) (directory.Leg, error) {
	c := f.r.s.cfg
	return f.r.s.pages(query{name: "users", base: c.Users.Base, filter: "(&" + c.Users.Filter + f.since + ")", attrs: to.attributes()}, to)
}

func (f *usnFeed) groups(to *groups) (directory.Leg, error) {
	c := f.r.s.cfg
	return f.r.s.pages(query{name: "groups", base: c.Groups.Base, filter: "(&" + c.Groups.Filter + f.since + ")", attrs: to.attributes()}, to)
}

// rest finds who left what is read, and who was deleted.
func (f *usnFeed) rest(people *people, list *groups) error {
	r := f.r
	read := map[directory.EntryID]bool{}
	for _, a := range people.accounts {
		read[a.ID] = true
	}
	for _, g := range list.list {
		read[g.ID] = true
	}
	changed, err := f.ids(r.s.context(r.s.cfg.Users.Base), f.since)
	if err != nil {
		return err
	}
	if err := f.left(changed, read); err != nil {
		return err
	}
	dead, err := f.ids(r.s.context(r.s.cfg.Users.Base), "(&(isDeleted=TRUE)"+f.since+")", ldaplib.NewControlMicrosoftShowDeleted())
	if err != nil {
		return err
	}
	r.explicit(keys(dead), nil)
	return nil
}

// left asks for the known ones among those that changed and were not read.
func (f *usnFeed) left(changed map[directory.EntryID]string, read map[directory.EntryID]bool) error {
	var accounts, groups []directory.EntryID
	for _, id := range keys(changed) {
		switch {
		case read[id]:
		case f.r.old.Account(id) != nil:
			accounts = append(accounts, id)
		case f.r.old.Group(id) != nil:
			groups = append(groups, id)
		}
	}
	c := f.r.s.cfg
	gone, err := f.r.s.confirm(accounts, scope{"users", c.Users.Base, c.Users.Filter})
	if err != nil {
		return err
	}
	more, err := f.r.s.confirm(groups, scope{"groups", c.Groups.Base, c.Groups.Filter})
	for _, g := range append(gone, more...) {
		if g.MovedTo != "" { // the server shows where it is now
			g.Evidence = directory.Explicit
			f.r.out.Gone = append(f.r.out.Gone, g)
		}
	}
	return err
}

func (f *usnFeed) ids(base, filter string, controls ...ldaplib.Control) (map[directory.EntryID]string, error) {
	return f.r.s.ids(query{name: "changes", base: base, filter: filter, controls: controls})
}
