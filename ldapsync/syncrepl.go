package ldapsync

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// syncFeed is RFC 4533, refreshOnly: one search for people and one for groups,
// each with a cookie of its own.
//
// Its present phase says who is there, so that the consumer deletes everybody
// else; 389 Directory Server was seen to answer "nothing changed" in a way that
// means "all gone" there. We never delete by it: whoever is not named by a
// delete is there, and a server that begins a present phase is read whole.
//
// A refresh of 389 Directory Server with a cookie sends the attributes of users
// whatever was asked for: neither nsUniqueId nor nsAccountLock is among them,
// and a locked account would look as if it were not. So of that server it is
// taken only who has changed, by the ids of the controls, and they are read as
// ever.
type syncFeed struct {
	r       *reading
	cookies syncCookies
}

type syncCookies struct {
	Users  []byte `json:"users"`
	Groups []byte `json:"groups"`
}

func newSyncFeed(r *reading) (feed, error) {
	f := &syncFeed{r: r}
	if err := json.Unmarshal(r.old.Checkpoint.Cookie, &f.cookies); err != nil || len(f.cookies.Users) == 0 || len(f.cookies.Groups) == 0 {
		return nil, r.s.fault("changes", fmt.Errorf("%w: the cookie cannot be read", errTrustEnds))
	}
	return f, nil
}

// firstSync is the cookie after a full reading: OpenLDAP's cookies are the
// contextCSN, which was taken before it. Others hand one out at the end of a
// refresh only, so their full reading is one (syncedFull).
func (r *reading) firstSync() ([]byte, Mode) {
	if r.sync != nil {
		return r.sync.cookie(), ModeSyncrepl
	}
	if r.s.p.kind != OpenLDAP || r.mark == "" {
		return nil, ModeFull
	}
	c := []byte("rid=000,csn=" + r.mark)
	b, err := json.Marshal(syncCookies{c, c})
	if err != nil {
		panic(err) // bytes
	}
	return b, ModeSyncrepl
}

func (f *syncFeed) cookie() []byte {
	b, err := json.Marshal(f.cookies)
	if err != nil {
		panic(err) // bytes
	}
	return b
}

func (f *syncFeed) rest(*people, *groups) error { return nil }

func (f *syncFeed) users(to *people) (directory.Leg, error) {
	c := f.r.s.cfg
	run := &refresh{collector: to}
	to.control = run.state
	defer func() { to.control = nil }()
	q := query{name: "users", base: c.Users.Base, filter: c.Users.Filter, attrs: to.attributes()}
	leg, err := f.refresh(q, run, &f.cookies.Users, len(f.r.old.Accounts))
	if to.control = nil; err == nil {
		err = f.r.fetch(scope{q.name, q.base, q.filter}, run.changed, to, q.attrs)
	}
	return leg, err
}

func (f *syncFeed) groups(to *groups) (directory.Leg, error) {
	c := f.r.s.cfg
	run := &refresh{collector: to}
	to.control = run.state
	defer func() { to.control = nil }()
	q := query{name: "groups", base: c.Groups.Base, filter: c.Groups.Filter, attrs: to.attributes()}
	leg, err := f.refresh(q, run, &f.cookies.Groups, len(f.r.old.Groups))
	if to.control = nil; err == nil {
		err = f.r.fetch(scope{q.name, q.base, q.filter}, run.changed, to, q.attrs)
	}
	return leg, err
}

// refresh runs one search. Only a sync done control ends it.
func (f *syncFeed) refresh(q query, run *refresh, cookie *[]byte, known int) (directory.Leg, error) {
	s := f.r.s
	leg := directory.Leg{Name: q.name, Server: s.id(), Last: s.id(), Pages: 1}
	run.idsOnly = s.p.kind != OpenLDAP && len(*cookie) > 0
	counted := &counter{sink: run}
	res, err := s.search(&ldaplib.SearchRequest{
		BaseDN: q.base, Scope: ldaplib.ScopeWholeSubtree, Filter: q.filter, Attributes: q.attrs,
		Controls: []ldaplib.Control{ldaplib.NewControlSyncRequest(ldaplib.SyncRequestModeRefreshOnly, *cookie, false)},
	}, counted)
	leg.Entries, leg.Referrals = run.entries()+len(run.changed), counted.references
	switch code := resultCode(err); {
	case err != nil && code == 4096: // e-syncRefreshRequired
		return leg, s.fault(q.name, fmt.Errorf("%w: the server wants a full refresh", errTrustEnds))
	case err != nil && code == ldaplib.LDAPResultUnavailableCriticalExtension:
		return leg, s.fault(q.name, fmt.Errorf("%w: RFC 4533 is not there any more", errTrustEnds))
	case err != nil:
		return leg, s.fault(q.name, err)
	}
	leg.Answered = true
	done, ok := ldaplib.FindControl(res.Controls, ldaplib.ControlTypeSyncDone).(*ldaplib.ControlSyncDone)
	if !ok {
		return leg, nil // without its control the end proves nothing
	}
	leg.Controls, leg.Ended = 1, true
	switch {
	case len(*cookie) == 0: // everything was asked for
	case run.present, s.p.kind == OpenLDAP && !done.RefreshDeletes:
		return leg, s.fault(q.name, fmt.Errorf("%w: the server began a present phase", errTrustEnds))
	case known > 0 && (leg.Entries >= known || leg.Entries >= 100 && 2*leg.Entries >= known):
		return leg, s.fault(q.name, fmt.Errorf("%w: the server sent everything", errTrustEnds))
	}
	if len(done.Cookie) > 0 { // OpenLDAP leaves it out when nothing changed
		*cookie = done.Cookie
	}
	return leg, f.deleted(q.base, run.deleted)
}

// deleted adds the known ones among those that the server says are deleted. RFC
// 4533 says it also of an entry that was moved out of the base or fits the filter
// no more, so each is asked for in the whole directory, as a full reading does.
func (f *syncFeed) deleted(base string, ids []directory.EntryID) error {
	s, now := f.r.s, map[directory.EntryID]string{}
	ids = slices.DeleteFunc(ids, func(id directory.EntryID) bool { return f.r.old.Account(id) == nil && f.r.old.Group(id) == nil })
	for batch := range slices.Chunk(ids, confirmBatch) {
		there, err := s.byIDs(scope{"deleted", s.context(base), "(objectClass=*)"}, batch)
		if err != nil {
			return err
		}
		maps.Copy(now, there)
	}
	f.r.explicit(ids, now)
	return nil
}

// refresh is what a refresh says beside the entries.
type refresh struct {
	collector
	idsOnly bool // entries are not to be taken as they are sent
	changed []directory.EntryID
	deleted []directory.EntryID
	present bool
}

// The states of an entry (RFC 4533 2.2).
const (
	statePresent = iota
	stateAdd
	stateModify
	stateDelete
)

// state reads an entry's sync state control; an entry without one proves
// nothing about why it came.
func (r *refresh) state(controls []byte) (skip bool, err error) {
	value, err := controlValue(controls, ldaplib.ControlTypeSyncState)
	if err != nil {
		return true, err
	}
	body, _, err := berWant(value, tagSequence)
	if err != nil {
		return true, err
	}
	code, body, err := berWant(body, tagEnumerated)
	if err != nil {
		return true, err
	}
	id, _, err := berWant(body, tagOctets)
	if err != nil || len(id) != 16 {
		return true, fmt.Errorf("%w: a sync id of %d bytes (%v)", errBER, len(id), err)
	}
	switch n, err := berInt(code); {
	case err != nil:
		return true, err
	case n == stateAdd, n == stateModify:
		if r.idsOnly {
			r.changed = append(r.changed, directory.EntryID(id))
		}
		return r.idsOnly, nil
	case n == stateDelete:
		r.deleted = append(r.deleted, directory.EntryID(id))
		return true, nil
	case n == statePresent:
		r.present = true
		return true, nil
	}
	return true, fmt.Errorf("%w: an unknown sync state", errBER)
}

// controlValue finds a control and returns its value.
func controlValue(controls []byte, oid string) ([]byte, error) {
	for len(controls) > 0 {
		var one []byte
		var err error
		if one, controls, err = berWant(controls, tagSequence); err != nil {
			return nil, err
		}
		typ, one, err := berWant(one, tagOctets)
		if err != nil || string(typ) != oid {
			continue
		}
		for len(one) > 0 {
			tag, content, rest, err := berNext(one)
			if err != nil {
				return nil, err
			}
			if tag == tagOctets {
				return content, nil
			}
			one = rest
		}
	}
	// OpenLDAP sends a dynamic group (slapo-dynlist) so, whenever it fits the filter.
	return nil, fmt.Errorf("%w: %w: an entry without a sync state", errTrustEnds, errBER)
}

// intermediate reads a sync info message (RFC 4533 2.5).
func (r *refresh) intermediate(op []byte) error {
	body, _, err := berWant(op, tagIntermediate)
	if err != nil {
		return err
	}
	oid, body, err := berWant(body, 0x80)
	if err != nil || string(oid) != ldaplib.ControlTypeSyncInfo {
		return err
	}
	value, _, err := berWant(body, 0x81)
	if err != nil {
		return err
	}
	tag, info, _, err := berNext(value)
	if err != nil {
		return err
	}
	switch tag {
	case 0x80, 0xa1: // a new cookie; the end of a delete phase
		return nil
	case 0xa2: // the end of a present phase
		r.present = true
		return nil
	case 0xa3:
		return r.idSet(info)
	}
	return fmt.Errorf("%w: sync info %#02x", errBER, tag)
}

// idSet is a set of ids: of deleted entries when it says so, else of present ones.
func (r *refresh) idSet(b []byte) error {
	deletes := false
	for len(b) > 0 {
		tag, content, rest, err := berNext(b)
		if err != nil {
			return err
		}
		b = rest
		switch tag {
		case tagBoolean:
			deletes = len(content) == 1 && content[0] != 0
		case tagSet:
			if !deletes {
				r.present = true
				return nil
			}
			if err := r.deletions(content); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *refresh) deletions(set []byte) error {
	for len(set) > 0 {
		id, rest, err := berWant(set, tagOctets)
		if err != nil {
			return err
		}
		if len(id) != 16 {
			return fmt.Errorf("%w: a sync id of %d bytes", errBER, len(id))
		}
		r.deleted = append(r.deleted, directory.EntryID(id))
		set = rest
	}
	return nil
}
