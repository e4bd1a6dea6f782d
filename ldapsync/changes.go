package ldapsync

import (
	"slices"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// continues reports whether what changed since the checkpoint is enough: it is
// of this server, for these questions, not too old, and the server can say.
func (r *reading) continues() bool {
	c := r.old.Checkpoint
	return c.Mode != "" && c.Mode != string(ModeFull) && c.Mode == string(r.s.mode()) && len(r.stale) == 0 &&
		c.Server == r.s.id() && c.Questions == r.s.cfg.questions(r.s.p.kind) && r.old.Depth == r.s.cfg.Groups.Depth &&
		!r.old.Due(r.at, r.s.cfg.FullEvery, r.s.cfg.FullAfter)
}

// first is the cookie with which changes are asked for after a full reading.
func (r *reading) first() ([]byte, Mode) {
	mode := r.s.mode()
	switch mode {
	case ModeSyncrepl:
		return r.firstSync()
	case ModeUSN:
		return []byte(r.mark), mode
	case ModeTimestamp:
		return []byte(r.at.UTC().Format(time.RFC3339)), mode
	}
	return nil, ModeFull
}

// feed is one way to learn what changed.
type feed interface {
	// users and groups read what changed, as proven legs.
	users(*people) (directory.Leg, error)
	groups(*groups) (directory.Leg, error)
	// rest reads what the legs cannot say: who left.
	rest(*people, *groups) error
	// cookie goes on from here.
	cookie() []byte
}

// changes reads what changed since the checkpoint.
func (r *reading) changes() error {
	r.out.Mode = r.old.Checkpoint.Mode
	f, err := r.feed()
	if err != nil {
		return err
	}
	people := newPeople(r.s.cfg, r.s.p, 0)
	users, err := f.users(people)
	if err != nil {
		return err
	}
	people.done()
	users.Nameless, users.Twice = people.nameless, people.twice
	r.out.Accounts = people.accounts

	list := newGroups(r.s.cfg, r.s.p, newFinder(r.known(people.accounts), nil))
	list.passed = r.passed(list.find)
	groups, err := f.groups(list)
	if err != nil {
		return err
	}
	if err := f.rest(people, list); err != nil {
		return err
	}
	if err := r.reconsider(list); err != nil {
		return err
	}
	groups.Nameless = list.nameless
	if err := r.members(list); err != nil {
		return err
	}
	groups.Twice = twice(r.out.Groups)
	r.prove(users, groups)
	r.out.To = r.checkpoint(Mode(r.out.Mode), f.cookie())
	return nil
}

func (r *reading) feed() (feed, error) {
	switch Mode(r.out.Mode) {
	case ModeSyncrepl:
		return newSyncFeed(r)
	case ModeUSN:
		return newUSNFeed(r)
	case ModeTimestamp:
		return newStampFeed(r)
	}
	return nil, r.s.fault("changes", errTrustEnds)
}

// known are the accounts that were known and are not gone, as they are now;
// ascending.
func (r *reading) known(changed []*directory.ReadAccount) []*directory.ReadAccount {
	if len(changed)+len(r.out.Gone) == 0 {
		return r.old.Accounts
	}
	gone := make(map[directory.EntryID]bool, len(r.out.Gone))
	for _, g := range r.out.Gone {
		gone[g.ID] = true
	}
	out := make([]*directory.ReadAccount, 0, len(r.old.Accounts)+len(changed))
	for _, a := range r.old.Accounts {
		if gone[a.ID] {
			continue
		}
		for len(changed) > 0 && changed[0].ID.Compare(a.ID) < 0 {
			out, changed = append(out, changed[0]), changed[1:]
		}
		if len(changed) > 0 && changed[0].ID == a.ID {
			continue
		}
		out = append(out, a)
	}
	return append(out, changed...)
}

// reconsider reads the groups that name somebody who was not found before, or has
// another name now, and may be one of those who came or were renamed now.
func (r *reading) reconsider(list *groups) error {
	if len(r.out.Accounts) == 0 && len(list.list) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, a := range r.out.Accounts {
		names[directory.NameKey(a.DN)], names[directory.NameKey(a.Login)] = true, true
	}
	for _, f := range list.list {
		names[directory.NameKey(f.DN)] = true
	}
	var again []directory.EntryID
	for _, g := range r.old.Groups {
		read := slices.ContainsFunc(list.list, func(f *found) bool { return f.ID == g.ID })
		if !read && (slices.ContainsFunc(g.Unresolved, func(u string) bool { return names[directory.NameKey(u)] }) ||
			slices.ContainsFunc(g.Former, func(f directory.FormerName) bool { return names[directory.NameKey(f.Name)] })) {
			again = append(again, g.ID)
		}
	}
	if r.out.Linked {
		more, err := r.listing(list)
		if err != nil {
			return err
		}
		again = append(again, more...)
		slices.SortFunc(again, directory.EntryID.Compare)
		again = slices.Compact(again)
	}
	return r.fetch(scope{"groups", r.s.cfg.Groups.Base, r.s.cfg.Groups.Filter}, again, list, list.attributes())
}

// listing asks for the known groups that list somebody who came and were not read.
// Active Directory writes a new name into the groups of whom it is moved to, and
// their uSNChanged stays: without, who is moved into what is read would be in no
// group until everything is read.
func (r *reading) listing(list *groups) ([]directory.EntryID, error) {
	var came []string
	for _, a := range r.out.Accounts {
		if r.old.Account(a.ID) == nil {
			came = append(came, a.DN)
		}
	}
	read := map[directory.EntryID]bool{}
	for _, f := range list.list {
		if read[f.ID] = true; r.old.Group(f.ID) == nil {
			came = append(came, f.DN)
		}
	}
	var out []directory.EntryID
	for batch := range slices.Chunk(came, confirmBatch) {
		any := ""
		for _, dn := range batch {
			any += "(member=" + ldaplib.EscapeFilter(dn) + ")"
		}
		got, err := r.s.ids(query{name: "groups", base: r.s.cfg.Groups.Base, filter: "(&" + r.s.cfg.Groups.Filter + "(|" + any + "))"})
		if err != nil {
			return nil, err
		}
		for _, id := range keys(got) {
			if !read[id] && r.old.Group(id) != nil {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

// fetch adds the entries with the ids to what a collector has. The collector
// is not reset, so a page that is too large ends the reading.
func (r *reading) fetch(in scope, list []directory.EntryID, to collector, attrs []string) error {
	for batch := range slices.Chunk(list, confirmBatch) {
		filter := ""
		for _, id := range batch {
			filter += r.s.p.filterID(id)
		}
		q := query{name: in.name, base: in.base, filter: "(&" + in.filter + "(|" + filter + "))", attrs: attrs}
		leg, err := r.s.pagesOf(q, to, max(r.s.page, confirmBatch))
		if err != nil {
			return r.s.fault(in.name, err)
		}
		if proof := directory.Prove(leg); !proof.Complete() {
			return r.s.fault(in.name, &directory.UnprovenError{Leg: in.name, Why: proof.Why()})
		}
	}
	return nil
}

// explicit adds that the server itself says that these are gone, and where those
// are that only left what is read.
func (r *reading) explicit(ids []directory.EntryID, now map[directory.EntryID]string) {
	for _, id := range ids {
		if r.old.Account(id) != nil || r.old.Group(id) != nil {
			r.out.Gone = append(r.out.Gone, directory.Gone{ID: id, Evidence: directory.Explicit, MovedTo: now[id]})
		}
	}
}
