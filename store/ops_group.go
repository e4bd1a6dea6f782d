package store

import (
	"fmt"
	"slices"
	"sort"

	"grantbridge/directory"
)

const groupColumns = `g.id, g.uid, g.source, g.external_id, g.display, g.dn, g.doc,
	g.members, g.created, g.modified, g.rev, g.deleted`

func scanGroup(r row, g *directory.Group) error {
	var members, created, modified, deleted int64
	var doc string
	err := r.Scan((*int64)(&g.ID), &g.UID, &g.Source, &g.ExternalID, &g.Display, &g.DN, &doc,
		&members, &created, &modified, &g.Revision, &deleted)
	g.Doc, g.Members, g.Deleted = bytesOf(doc), int(members), deleted != 0
	g.Created, g.Modified = timeOf(created), timeOf(modified)
	return err
}

const (
	loadGroup = `
		SELECT r.n, ` + groupColumns + `
		FROM rowset($1, n bigint, source text, uid text) r
		JOIN groups g ON g.uid = r.uid AND g.source = r.source AND g.deleted = 0`
	loadGroupValues = `
		SELECT r.n, p.path, v.elem, v.text, v.rest
		FROM rowset($1, n bigint, uid text) r
		JOIN groups g ON g.uid = r.uid
		JOIN group_values v ON v.owner = g.id
		JOIN paths p ON p.id = v.path`
	loadGroupParked = `
		SELECT r.n, p.ref
		FROM rowset($1, n bigint, uid text) r
		JOIN groups g ON g.uid = r.uid
		JOIN parked p ON p.group_id = g.id`
	loadGroupDisplay = `
		SELECT r.n, g.uid
		FROM rowset($1, n bigint, source text, display text) r
		JOIN groups g ON g.source = r.source AND g.display_key = r.display AND g.deleted = 0`
	loadGroupExternal = `
		SELECT r.n, g.uid
		FROM rowset($1, n bigint, source text, ext text) r
		JOIN groups g ON g.source = r.source AND g.external_id = r.ext AND g.deleted = 0 AND g.external_id <> ''`

	// Of the references $4, those that are no members yet: accounts found by
	// UID or, when references may be parked, by external id; or no account.
	loadComing = `
		SELECT r.ref, COALESCE(a.id, x.id, 0), COALESCE(a.person, x.person, 0)
		FROM rowset($4, ref text) r
		LEFT JOIN accounts a ON a.uid = r.ref AND a.source = $1 AND a.deleted = 0
		LEFT JOIN accounts x ON a.id IS NULL AND CAST($3 AS BIGINT) = 1
			AND x.source = $1 AND x.external_id = r.ref AND x.deleted = 0 AND x.external_id <> ''
		LEFT JOIN members m ON m.group_id = (SELECT g.id FROM groups g WHERE g.uid = $2)
			AND m.account = COALESCE(a.id, x.id)
		WHERE m.account IS NULL`
	// Of the references $4, those that are members.
	loadLeaving = `
		SELECT r.ref, COALESCE(a.id, x.id), COALESCE(a.person, x.person)
		FROM rowset($4, ref text) r
		LEFT JOIN accounts a ON a.uid = r.ref AND a.source = $1 AND a.deleted = 0
		LEFT JOIN accounts x ON a.id IS NULL AND CAST($3 AS BIGINT) = 1
			AND x.source = $1 AND x.external_id = r.ref AND x.deleted = 0 AND x.external_id <> ''
		JOIN members m ON m.group_id = (SELECT g.id FROM groups g WHERE g.uid = $2)
			AND m.account = COALESCE(a.id, x.id)`
	// The members that are not among the references $4.
	loadRest = `
		SELECT a.uid, a.id, a.person
		FROM (
			SELECT m.account FROM members m WHERE m.group_id = (SELECT g.id FROM groups g WHERE g.uid = $2)
			EXCEPT
			SELECT a.id FROM rowset($4, ref text) r
			JOIN accounts a ON a.uid = r.ref AND a.source = $1
			EXCEPT
			SELECT a.id FROM rowset($4, ref text) r
			JOIN accounts a ON a.source = $1 AND a.external_id = r.ref AND a.deleted = 0 AND a.external_id <> ''
			WHERE CAST($3 AS BIGINT) = 1
		) gone
		JOIN accounts a ON a.id = gone.account`

	putGroup = `
		INSERT INTO groups (id, uid, source, external_id, display, display_key, dn, doc,
			members, created, modified, rev, deleted)
		SELECT r.id, r.uid, r.source, r.external_id, r.display, r.display_key, r.dn, r.doc,
			r.members, r.created, r.modified, r.rev, r.deleted
		FROM rowset($1, id bigint, uid text, source text, external_id text, display text, display_key text,
			dn text, doc text, members bigint, created bigint, modified bigint, rev bigint, deleted bigint) r
		WHERE true
		ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, display = excluded.display,
			display_key = excluded.display_key, dn = excluded.dn, doc = excluded.doc,
			members = excluded.members, modified = excluded.modified, rev = excluded.rev, deleted = excluded.deleted`
	// endSyncedOf is endSynced for many people of one source.
	endSyncedOf = `
		UPDATE manuals SET ended = $1, ended_by = 'sync of ' || CAST($2 AS TEXT), rev = $3
		WHERE ended = 0 AND until_sync = $2 AND until_sync <> '' AND subject_kind = 1
			AND subject_id IN (SELECT r.id FROM rowset($4, id bigint) r)`
	park = `
		INSERT INTO parked (group_id, ref)
		SELECT r.group_id, r.ref FROM rowset($1, group_id bigint, ref text) r`
)

// small is the number of references above which a group change is committed by
// itself.
const small = 500

// groupWork is a ChangeGroup under way.
type groupWork struct {
	op          *ChangeGroup
	uid         string // of a new group
	add, remove []string
	draft       directory.Group

	// The answers.
	found         bool
	old           directory.Group
	values        []directory.Value
	parked        []string
	come, going   []member // references that are not members, and members to go
	asked         directory.Group
	haveAsked     bool
	display, ext  string
	taken         *UniqueError // as of accountWork
	people        []int64      // of a group to be deleted, the first
	join, leave   []member
	parkNow, free []string
}

// member is a reference to an account, found or not.
type member struct {
	ref             string
	account, person int64
}

func scanMember(list *[]member) func(row) error {
	return func(r row) error {
		var m member
		err := r.Scan(&m.ref, &m.account, &m.person)
		*list = append(*list, m)
		return err
	}
}

func (w *groupWork) prepare(s *Store) error {
	c := w.op.Change
	for _, texts := range [][]string{{c.Source, c.UID}, c.Members.Add, c.Members.Remove} {
		if err := checkTexts(texts...); err != nil {
			return err
		}
	}
	w.add = sorted(c.Members.Add)
	w.remove = slices.DeleteFunc(sorted(c.Members.Remove), func(ref string) bool {
		_, kept := slices.BinarySearch(w.add, ref)
		return kept
	})
	if c.UID != "" {
		return nil
	}
	if c.Delete {
		return fmt.Errorf("group: %w", ErrNotFound)
	}
	w.uid = s.newUID()
	g, err := w.edit(directory.Group{})
	w.draft = g
	return err
}

func sorted(refs []string) []string {
	refs = slices.Clone(refs)
	sort.Strings(refs)
	return slices.Compact(refs)
}

func (w *groupWork) cost() (int, bool) {
	n := len(w.add) + len(w.remove)
	return 1 + n/8, n > small || w.op.Change.Delete
}

func (w *groupWork) load(q *questions) {
	c := w.op.Change
	w.found, w.old, w.values, w.parked, w.come, w.going, w.people = false, directory.Group{}, nil, nil, nil, nil, nil
	w.haveAsked = false
	if c.UID == "" {
		w.ask(q, w.draft)
	} else {
		q.ask(loadGroup, func(r row) error { w.found = true; return scanGroup(r, &w.old) }, c.Source, c.UID)
		q.ask(loadGroupValues, func(r row) error { return scanValue(r, &w.values) }, c.UID)
		if c.Delete {
			w.askPeople(q)
			return
		}
	}
	w.askMembers(q)
}

func (w *groupWork) askMembers(q *questions) {
	c := w.op.Change
	if c.Members.Empty() {
		return
	}
	q.ask(loadGroupParked, func(r row) error {
		var ref string
		err := r.Scan(&ref)
		w.parked = append(w.parked, ref)
		return err
	}, c.UID)
	mayPark := bit(c.Members.Park)
	if len(w.add) > 0 {
		q.askAlone(loadComing, scanMember(&w.come), c.Source, c.UID, mayPark, w.add)
	}
	if c.Members.Replace {
		q.askAlone(loadRest, scanMember(&w.going), c.Source, c.UID, mayPark, w.add)
	} else if len(w.remove) > 0 {
		q.askAlone(loadLeaving, scanMember(&w.going), c.Source, c.UID, mayPark, w.remove)
	}
}

func (w *groupWork) askPeople(q *questions) {
	q.askAlone(`
		SELECT DISTINCT a.person
		FROM members m JOIN accounts a ON a.id = m.account
		WHERE m.group_id = (SELECT g.id FROM groups g WHERE g.uid = $1)
		ORDER BY a.person LIMIT 100`,
		func(r row) error {
			var p int64
			err := r.Scan(&p)
			w.people = append(w.people, p)
			return err
		}, w.op.Change.UID)
}

func (w *groupWork) ask(q *questions, g directory.Group) {
	w.asked, w.haveAsked, w.display, w.ext, w.taken = g, true, "", "", nil
	c := w.op.Change
	askTaken(q, loadGroupTaken, owner{c.Source, w.uid}, freshValues(c.Unique, w.old.Values, g.Values), &w.taken)
	if c.UniqueDisplay && directory.Fold(g.Display) != directory.Fold(w.old.Display) {
		q.ask(loadGroupDisplay, func(r row) error { return scanOther(r, w.uid, &w.display) }, c.Source, directory.Fold(g.Display))
	}
	if g.ExternalID != "" && g.ExternalID != w.old.ExternalID {
		q.ask(loadGroupExternal, func(r row) error { return scanOther(r, w.uid, &w.ext) }, c.Source, g.ExternalID)
	}
}

// edit calls the change's Edit, if there is one, and makes the group storable.
func (w *groupWork) edit(old directory.Group) (directory.Group, error) {
	c := w.op.Change
	g := old
	if c.Edit != nil {
		g.Doc, g.Values = slices.Clone(old.Doc), slices.Clone(old.Values)
		var err error
		if g, err = c.Edit(g); err != nil {
			return g, err
		}
	}
	if err := checkTexts(g.ExternalID, g.Display, g.DN); err != nil {
		return g, err
	}
	if err := checkValues(g.Values); err != nil {
		return g, err
	}
	doc, err := compactDoc(g.Doc)
	if err != nil {
		return g, err
	}
	g.Doc, g.Values = bytesOf(doc), tidy(g.Values)
	g.ID, g.UID, g.Source, g.Members, g.Deleted = old.ID, old.UID, c.Source, old.Members, false
	g.Revision, g.Created, g.Modified = old.Revision, old.Created, old.Modified
	return g, nil
}

func sameGroup(a, b directory.Group) bool {
	return a.ExternalID == b.ExternalID && a.Display == b.Display && a.DN == b.DN &&
		string(a.Doc) == string(b.Doc) && slices.Equal(a.Values, b.Values)
}

func (w *groupWork) decide(d *decision) error {
	c := w.op.Change
	if c.UID == "" {
		return w.put(d, w.draft)
	}
	w.uid = c.UID
	if !w.found {
		if err := d.claim(key{kind: 'u', a: c.UID}); err != nil {
			return err
		}
		return fmt.Errorf("group %q: %w", c.UID, ErrNotFound)
	}
	if err := d.claim(key{kind: 'g', n: int64(w.old.ID)}, key{kind: 'u', a: c.UID}); err != nil {
		return err
	}
	w.old.Values = tidy(w.values)
	if len(c.IfMatch) > 0 && !slices.Contains(c.IfMatch, w.old.Revision) {
		return ErrPrecondition
	}
	w.op.Before, w.op.After = w.old, w.old
	if c.Delete {
		w.delete(d)
		return nil
	}
	g, err := w.edit(w.old)
	if err != nil {
		return err
	}
	return w.put(d, g)
}

// put writes the new or changed group g and its members.
func (w *groupWork) put(d *decision, g directory.Group) error {
	fresh := freshValues(w.op.Change.Unique, w.old.Values, g.Values)
	known := w.haveAsked && slices.Equal(fresh, freshValues(w.op.Change.Unique, w.old.Values, w.asked.Values))
	if (g.Display != w.old.Display || g.ExternalID != w.old.ExternalID) &&
		(!w.haveAsked || g.Display != w.asked.Display || g.ExternalID != w.asked.ExternalID) || len(fresh) > 0 && !known {
		w.ask(&d.more, g)
		return errMore
	}
	if err := w.claim(d, g); err != nil {
		return err
	}
	if w.haveAsked && w.display != "" {
		return &UniqueError{Attribute: "displayName", Value: g.Display, UID: w.display}
	}
	if w.haveAsked && w.ext != "" {
		return &UniqueError{Attribute: "externalId", Value: g.ExternalID, UID: w.ext}
	}
	if w.haveAsked && w.taken != nil {
		return w.taken
	}
	if err := w.sort(); err != nil {
		return err
	}
	same := g.ID != 0 && sameGroup(g, w.old)
	w.op.Added, w.op.Removed, w.op.Parked = len(w.join), len(w.leave), w.unknown()
	if same && len(w.join)+len(w.leave)+len(w.parkNow)+len(w.free) == 0 {
		return nil
	}
	if g.ID == 0 {
		d.head.last.group++
		g.ID, g.UID, g.Created = directory.GroupID(d.head.last.group), w.uid, timeOf(d.now)
	}
	if err := d.changeValues(groupValueTexts, int64(g.ID), w.old.Values, g.Values); err != nil {
		return err
	}
	g.Members += len(w.join) - len(w.leave)
	g.Revision, g.Modified = d.rev, timeOf(d.now)
	w.writeMembers(d, int64(g.ID))
	if same {
		d.tell(countGroup, int64(g.ID), int64(len(w.join)-len(w.leave)), d.now, d.rev)
	} else {
		w.write(d, g, 0)
	}
	w.enter(d, g, same)
	w.op.Before, w.op.After = w.old, g
	return nil
}

// unknown is how many of the change's references name no account.
func (w *groupWork) unknown() (n int) {
	for _, m := range w.come {
		if m.account == 0 {
			n++
		}
	}
	return n
}

// sort says who joins, who leaves and what is parked, or which members are
// unknown.
func (w *groupWork) sort() error {
	w.join, w.leave, w.parkNow, w.free = nil, nil, nil, nil
	var unknown []string
	seen := map[int64]bool{}
	for _, m := range w.come {
		if m.account == 0 {
			unknown = append(unknown, m.ref)
		} else if !seen[m.account] {
			seen[m.account] = true
			w.join = append(w.join, m)
		}
	}
	sort.Strings(unknown)
	if len(unknown) > 0 && !w.op.Change.Members.Park {
		return &UnknownMembersError{UIDs: unknown}
	}
	w.leave = slices.CompactFunc(sortMembers(w.going), func(a, b member) bool { return a.account == b.account })
	w.leave = slices.DeleteFunc(w.leave, func(m member) bool { return seen[m.account] })
	sortMembers(w.join)
	slices.Sort(w.parked)
	for _, ref := range unknown {
		if _, ok := slices.BinarySearch(w.parked, ref); !ok {
			w.parkNow = append(w.parkNow, ref)
		}
	}
	for _, ref := range w.parked {
		if w.op.Change.Members.Replace {
			if _, keep := slices.BinarySearch(unknown, ref); !keep {
				w.free = append(w.free, ref)
			}
		} else if _, gone := slices.BinarySearch(w.remove, ref); gone {
			w.free = append(w.free, ref)
		}
	}
	return nil
}

func sortMembers(ms []member) []member {
	slices.SortFunc(ms, func(a, b member) int { return int(a.account - b.account) })
	return ms
}

// claim keeps from this batch whoever needs what the change is about. A large
// change is alone in its batch and needs no claims.
func (w *groupWork) claim(d *decision, g directory.Group) error {
	if _, alone := w.cost(); alone {
		return nil
	}
	var keys []key
	for _, o := range []directory.Group{w.old, g} {
		keys = append(keys, key{kind: 'd', a: g.Source, b: directory.Fold(o.Display)})
		if o.ExternalID != "" {
			keys = append(keys, key{kind: 'e', a: g.Source, b: o.ExternalID})
		}
		keys = append(keys, uniqueKeys('w', g.Source, w.op.Change.Unique, o.Values)...)
	}
	var looks []key
	for _, refs := range [][]string{w.add, w.remove} {
		for _, ref := range refs {
			looks = append(looks, key{kind: 'a', a: ref})
			if w.op.Change.Members.Park {
				looks = append(looks, key{kind: 'x', a: g.Source, b: ref})
			}
		}
	}
	for _, m := range w.going { // found by a group, not by a reference
		looks = append(looks, key{kind: 'a', a: m.ref})
	}
	if err := d.share(looks...); err != nil {
		return err
	}
	return d.claim(keys...)
}

func (w *groupWork) writeMembers(d *decision, group int64) {
	for _, m := range w.join {
		d.tell(joinGroup, group, m.account, d.now)
	}
	for _, m := range w.leave {
		d.tell(leaveGroup, group, m.account)
	}
	for _, ref := range w.parkNow {
		d.tell(park, group, ref)
	}
	for _, ref := range w.free {
		d.tell(unpark, group, ref)
	}
	var people []int64
	for _, ms := range [][]member{w.join, w.leave} {
		for _, m := range ms {
			d.touch(m.person, d.rev)
			people = append(people, m.person)
		}
	}
	if len(people) > small {
		d.tellAlone(endSyncedOf, d.now, w.op.Change.Source, d.rev, people)
		return
	}
	for _, p := range people {
		d.tell(endSynced, w.op.Change.Source, p, d.now, d.rev)
	}
}

func (w *groupWork) write(d *decision, g directory.Group, deleted int64) {
	d.tell(putGroup, int64(g.ID), g.UID, g.Source, g.ExternalID, g.Display, directory.Fold(g.Display), g.DN, string(g.Doc),
		int64(g.Members), micros(g.Created), d.now, d.rev, deleted)
}

// enter makes the audit entry.
func (w *groupWork) enter(d *decision, g directory.Group, same bool) {
	before, after := groupFacts(w.old, g)
	action := "group.update"
	switch {
	case w.old.ID == 0:
		action = "group.create"
	case same:
		action = "group.members"
	}
	note := func(f facts, name string, ms []member) {
		if len(ms) == 0 {
			return
		}
		var uids []string
		for _, m := range ms[:min(len(ms), auditPeople)] {
			uids = append(uids, m.ref)
		}
		f[name], f[name+"Count"] = uids, len(ms)
	}
	note(after, "added", w.join)
	note(before, "removed", w.leave)
	if len(w.parkNow) > 0 {
		after["parked"] = len(w.parkNow)
	}
	if len(w.free) > 0 {
		before["parked"] = len(w.free)
	}
	e := &entry{action: action, target: g.Source + "/group/" + g.UID, before: before, after: after}
	for _, ms := range [][]member{w.join, w.leave} {
		for _, m := range ms {
			e.people = append(e.people, m.person)
		}
	}
	d.entry = e
}

func groupFacts(old, now directory.Group) (before, after facts) {
	before, after = facts{}, facts{}
	bd, ad := docFacts(string(old.Doc), string(now.Doc))
	if len(bd) > 0 {
		before["doc"] = bd
	}
	if len(ad) > 0 {
		after["doc"] = ad
	}
	differ(before, after, "displayName", old.Display, now.Display)
	differ(before, after, "externalId", old.ExternalID, now.ExternalID)
	differ(before, after, "dn", old.DN, now.DN)
	return before, after
}

// delete ends the group and all its memberships. It is alone in its batch.
func (w *groupWork) delete(d *decision) {
	g, source := w.old, w.op.Change.Source
	const who = `(SELECT a.person FROM members m JOIN accounts a ON a.id = m.account WHERE m.group_id = $2)`
	d.tellAlone(`UPDATE people SET rev = $1 WHERE id IN `+who, d.rev, int64(g.ID))
	d.tellAlone(`
		UPDATE manuals SET ended = $3, ended_by = 'sync of ' || CAST($4 AS TEXT), rev = $1
		WHERE ended = 0 AND until_sync = $4 AND until_sync <> '' AND subject_kind = 1 AND subject_id IN `+who,
		d.rev, int64(g.ID), d.now, source)
	d.tellAlone(`DELETE FROM members WHERE group_id = $1`, int64(g.ID))
	d.tellAlone(`DELETE FROM parked WHERE group_id = $1`, int64(g.ID))
	d.tellAlone(`DELETE FROM group_values WHERE owner = $1`, int64(g.ID))
	_, before := groupFacts(directory.Group{}, g)
	before["members"] = g.Members
	d.entry = &entry{action: "group.delete", target: g.Source + "/group/" + g.UID, before: before, people: w.people}
	g.Doc, g.Members = nil, 0
	w.write(d, g, d.rev)
	w.op.Removed, w.op.After = w.old.Members, directory.Group{}
}
