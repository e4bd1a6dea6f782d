package store

import (
	"fmt"
	"slices"

	"grantbridge/directory"
)

const accountColumns = `a.id, a.uid, a.source, a.external_id, a.login, a.display, a.email,
	a.active, a.person, a.doc, a.created, a.modified, a.rev`

func scanAccount(r row, a *directory.Account) error {
	var active, created, modified int64
	var doc string
	err := r.Scan((*int64)(&a.ID), &a.UID, &a.Source, &a.ExternalID, &a.Login, &a.Display, &a.Email,
		&active, &a.Person, &doc, &created, &modified, &a.Revision)
	a.Active, a.Doc, a.Created, a.Modified = active != 0, bytesOf(doc), timeOf(created), timeOf(modified)
	return err
}

func scanValue(r row, vs *[]directory.Value) error {
	var path, text, rest string
	var elem int64
	err := r.Scan(&path, &elem, &text, &rest)
	*vs = append(*vs, directory.Value{Path: path, Elem: int(elem), Text: text + rest})
	return err
}

const (
	loadAccount = `
		SELECT r.n, ` + accountColumns + `
		FROM rowset($1, n bigint, source text, uid text) r
		JOIN accounts a ON a.uid = r.uid AND a.source = r.source AND a.deleted = 0`
	loadAccountValues = `
		SELECT r.n, p.path, v.elem, v.text, v.rest
		FROM rowset($1, n bigint, uid text) r
		JOIN accounts a ON a.uid = r.uid
		JOIN account_values v ON v.owner = a.id
		JOIN paths p ON p.id = v.path`
	loadAccountGroups = `
		SELECT r.n, m.group_id
		FROM rowset($1, n bigint, uid text) r
		JOIN accounts a ON a.uid = r.uid
		JOIN members m ON m.account = a.id`
	loadLocked = `
		SELECT r.n, p.locked
		FROM rowset($1, n bigint, source text, uid text) r
		JOIN accounts a ON a.uid = r.uid AND a.source = r.source AND a.deleted = 0
		JOIN people p ON p.id = a.person AND p.locked = 1`
	loadLogin = `
		SELECT r.n, a.uid
		FROM rowset($1, n bigint, source text, login text) r
		JOIN accounts a ON a.source = r.source AND a.login_key = r.login AND a.deleted = 0`
	loadExternal = `
		SELECT r.n, a.uid
		FROM rowset($1, n bigint, source text, ext text) r
		JOIN accounts a ON a.source = r.source AND a.external_id = r.ext AND a.deleted = 0 AND a.external_id <> ''`
	loadParked = `
		SELECT r.n, g.id, g.uid, COALESCE(m.account, 0)
		FROM rowset($1, n bigint, source text, ref text, account bigint) r
		JOIN parked p ON p.ref = r.ref
		JOIN groups g ON g.id = p.group_id AND g.source = r.source
		LEFT JOIN members m ON m.group_id = g.id AND m.account = r.account`

	// An account that exists keeps its uid, source and time of creation.
	putAccount = `
		INSERT INTO accounts (id, uid, source, external_id, login, login_key, display, email,
			active, person, doc, created, modified, rev, deleted)
		SELECT r.id, r.uid, r.source, r.external_id, r.login, r.login_key, r.display, r.email,
			r.active, r.person, r.doc, r.created, r.modified, r.rev, r.deleted
		FROM rowset($1, id bigint, uid text, source text, external_id text, login text, login_key text,
			display text, email text, active bigint, person bigint, doc text,
			created bigint, modified bigint, rev bigint, deleted bigint) r
		WHERE true
		ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, login = excluded.login,
			login_key = excluded.login_key, display = excluded.display,
			email = excluded.email, active = excluded.active, person = excluded.person, doc = excluded.doc,
			modified = excluded.modified, rev = excluded.rev, deleted = excluded.deleted`
	putPerson = `
		INSERT INTO people (id, uid, kind, login, login_key, display, locked, not_before, created, rev)
		SELECT r.id, r.uid, r.kind, r.login, r.login_key, r.display, 0, 0, r.created, r.rev
		FROM rowset($1, id bigint, uid text, kind text, login text, login_key text, display text, created bigint, rev bigint) r`
	// endSynced ends the manual rules that a change from their source ends.
	endSynced = `
		UPDATE manuals SET ended = r.at, ended_by = 'sync of ' || r.source, rev = r.rev
		FROM rowset($1, source text, person bigint, at bigint, rev bigint) r
		WHERE manuals.ended = 0 AND manuals.until_sync = r.source AND manuals.until_sync <> ''
			AND manuals.subject_kind = 1 AND manuals.subject_id = r.person`
	// endSignedIn ends the sessions of an account for good: one that is activated
	// again must not bring them back.
	endSignedIn = `
		UPDATE sessions SET ended = r.at, ended_by = 'deactivated'
		FROM rowset($1, person bigint, account bigint, at bigint) r
		WHERE sessions.person = r.person AND sessions.account = r.account AND sessions.ended = 0`
	joinGroup = `
		INSERT INTO members (group_id, account, since)
		SELECT r.group_id, r.account, r.since FROM rowset($1, group_id bigint, account bigint, since bigint) r`
	leaveGroup = `
		DELETE FROM members WHERE (group_id, account) IN (
			SELECT r.group_id, r.account FROM rowset($1, group_id bigint, account bigint) r)`
	countGroup = `
		UPDATE groups SET members = groups.members + r.more, modified = r.at, rev = r.rev
		FROM rowset($1, id bigint, more bigint, at bigint, rev bigint) r WHERE groups.id = r.id`
	unpark = `
		DELETE FROM parked WHERE (group_id, ref) IN (
			SELECT r.group_id, r.ref FROM rowset($1, group_id bigint, ref text) r)`
)

// accountWork is a ChangeAccount under way.
type accountWork struct {
	op     *ChangeAccount
	uid    string            // of a new account
	person string            // of a new one
	draft  directory.Account // of a new account, edited before the lock is held

	// The answers.
	found  bool
	old    directory.Account
	values []directory.Value
	groups []int64
	locked bool // its person is
	// What was asked about asked, when haveAsked: who has the login and the
	// external id, and which groups wait.
	asked      directory.Account
	haveAsked  bool
	login, ext string
	taken      *UniqueError // a value that must be unique and is another's
	parked     []parkedRef
}

type parkedRef struct {
	group int64
	uid   string // of the group
	ref   string
	in    bool // the account is a member already
}

func (w *accountWork) prepare(s *Store) error {
	c := w.op.Change
	if err := checkTexts(c.Source, c.UID); err != nil {
		return err
	}
	if c.UID != "" {
		return nil
	}
	if c.Delete || c.Edit == nil {
		return fmt.Errorf("account: %w", ErrNotFound)
	}
	w.uid, w.person = s.newUID(), s.newUID()
	a, err := w.edit(directory.Account{})
	w.draft = a
	return err
}

func (w *accountWork) cost() (int, bool) { return 1, false }

func (w *accountWork) load(q *questions) {
	w.old, w.values, w.groups, w.found = directory.Account{}, nil, nil, false
	w.haveAsked, w.locked = false, false
	c := w.op.Change
	if c.UID == "" {
		w.ask(q, w.draft)
		return
	}
	q.ask(loadAccount, func(r row) error { w.found = true; return scanAccount(r, &w.old) }, c.Source, c.UID)
	q.ask(loadAccountValues, func(r row) error { return scanValue(r, &w.values) }, c.UID)
	q.ask(loadLocked, func(r row) error {
		w.locked = true
		return r.Scan(new(int64))
	}, c.Source, c.UID)
	if c.Delete {
		q.ask(loadAccountGroups, func(r row) error {
			var g int64
			err := r.Scan(&g)
			w.groups = append(w.groups, g)
			return err
		}, c.UID)
	}
}

// ask asks what must be known to write a: who has its keys, and which groups
// wait for it.
func (w *accountWork) ask(q *questions, a directory.Account) {
	w.asked, w.haveAsked, w.login, w.ext, w.taken, w.parked = a, true, "", "", nil, nil
	source := w.op.Change.Source
	askTaken(q, loadAccountTaken, owner{source, w.uid}, freshValues(w.op.Change.Unique, w.old.Values, a.Values), &w.taken)
	if w.op.Change.UniqueLogin && directory.Fold(a.Login) != directory.Fold(w.old.Login) {
		q.ask(loadLogin, func(r row) error { return scanOther(r, w.uid, &w.login) }, source, directory.Fold(a.Login))
	}
	if a.ExternalID == w.old.ExternalID && w.old.ID != 0 {
		return
	}
	refs := []string{a.ExternalID}
	if w.old.ID == 0 {
		refs = append(refs, w.uid)
	}
	for _, ref := range refs {
		if ref == "" {
			continue
		}
		q.ask(loadParked, func(r row) error {
			p := parkedRef{ref: ref}
			var account int64
			err := r.Scan(&p.group, &p.uid, &account)
			p.in = account != 0
			w.parked = append(w.parked, p)
			return err
		}, source, ref, int64(w.old.ID))
	}
	if a.ExternalID != "" {
		q.ask(loadExternal, func(r row) error { return scanOther(r, w.uid, &w.ext) }, source, a.ExternalID)
	}
}

// scanOther keeps the smallest UID that is not own.
func scanOther(r row, own string, other *string) error {
	var uid string
	err := r.Scan(&uid)
	if uid != own && (*other == "" || uid < *other) {
		*other = uid
	}
	return err
}

// edit calls the change's Edit and makes what it returns storable.
func (w *accountWork) edit(old directory.Account) (directory.Account, error) {
	given := old
	given.Doc, given.Values = slices.Clone(old.Doc), slices.Clone(old.Values)
	a, err := w.op.Change.Edit(given)
	if err != nil {
		return a, err
	}
	if err := checkTexts(a.ExternalID, a.Login, a.Display, a.Email); err != nil {
		return a, err
	}
	if err := checkValues(a.Values); err != nil {
		return a, err
	}
	doc, err := compactDoc(a.Doc)
	if err != nil {
		return a, err
	}
	a.Doc, a.Values = bytesOf(doc), tidy(a.Values)
	a.ID, a.UID, a.Source, a.Person = old.ID, old.UID, w.op.Change.Source, old.Person
	a.Revision, a.Created, a.Modified = old.Revision, old.Created, old.Modified
	return a, nil
}

func (w *accountWork) decide(d *decision) error {
	c := w.op.Change
	if c.UID == "" {
		return w.put(d, w.draft, "user.create")
	}
	w.uid = c.UID
	if err := d.claim(key{kind: 'a', a: c.UID}); err != nil {
		return err
	}
	if !w.found {
		return fmt.Errorf("account %q: %w", c.UID, ErrNotFound)
	}
	w.old.Values = tidy(w.values)
	if len(c.IfMatch) > 0 && !slices.Contains(c.IfMatch, w.old.Revision) {
		return ErrPrecondition
	}
	w.op.Before, w.op.After = w.old, w.old
	if c.Delete {
		return w.remove(d)
	}
	if c.Edit == nil {
		return nil
	}
	a, err := w.edit(w.old)
	if err != nil {
		return err
	}
	if sameAccount(a, w.old) {
		return nil
	}
	return w.put(d, a, "user.update")
}

func sameAccount(a, b directory.Account) bool {
	return a.ExternalID == b.ExternalID && a.Login == b.Login && a.Display == b.Display && a.Email == b.Email &&
		a.Active == b.Active && string(a.Doc) == string(b.Doc) && slices.Equal(a.Values, b.Values)
}

func sameKeys(a, b directory.Account) bool {
	return a.Login == b.Login && a.ExternalID == b.ExternalID
}

// put writes the new or changed account a.
func (w *accountWork) put(d *decision, a directory.Account, action string) error {
	fresh := freshValues(w.op.Change.Unique, w.old.Values, a.Values)
	known := w.haveAsked && slices.Equal(fresh, freshValues(w.op.Change.Unique, w.old.Values, w.asked.Values))
	if (!sameKeys(a, w.old) && (!w.haveAsked || !sameKeys(a, w.asked))) || len(fresh) > 0 && !known {
		w.ask(&d.more, a)
		return errMore
	}
	if err := w.claim(d, a); err != nil {
		return err
	}
	if err := w.unique(a); err != nil {
		return err
	}
	if a.ID == 0 {
		d.head.last.account++
		d.head.last.person++
		a.ID, a.UID, a.Person, a.Created = directory.AccountID(d.head.last.account), w.uid, d.head.last.person, timeOf(d.now)
	}
	if err := d.changeValues(accountValueTexts, int64(a.ID), w.old.Values, a.Values); err != nil {
		return err
	}
	a.Revision, a.Modified = d.rev, timeOf(d.now)
	w.write(d, a, 0)
	w.unpark(d, a)
	before, after := accountFacts(w.old, a)
	w.note(after, a)
	d.entry = &entry{action: action, target: a.Source + "/user/" + a.UID, before: before, after: after, people: []int64{a.Person}}
	w.op.Before, w.op.After = w.old, a
	return nil
}

// claim keeps from this batch whoever needs what a has or had.
func (w *accountWork) claim(d *decision, a directory.Account) error {
	keys := []key{{kind: 'a', a: w.uid}}
	for _, o := range []directory.Account{w.old, a} {
		if o.Login != "" {
			keys = append(keys, key{kind: 'l', a: a.Source, b: directory.Fold(o.Login)})
		}
		if o.ExternalID != "" {
			keys = append(keys, key{kind: 'x', a: a.Source, b: o.ExternalID})
		}
		keys = append(keys, uniqueKeys('v', a.Source, w.op.Change.Unique, o.Values)...)
	}
	for _, p := range w.parked {
		keys = append(keys, key{kind: 'g', n: p.group})
	}
	return d.claim(keys...)
}

func (w *accountWork) unique(a directory.Account) error {
	if w.haveAsked && w.login != "" {
		return &UniqueError{Attribute: "userName", Value: a.Login, UID: w.login}
	}
	if w.haveAsked && w.ext != "" {
		return &UniqueError{Attribute: "externalId", Value: a.ExternalID, UID: w.ext}
	}
	if w.haveAsked && w.taken != nil {
		return w.taken
	}
	return nil
}

func (w *accountWork) write(d *decision, a directory.Account, deleted int64) {
	if w.old.ID == 0 {
		d.tell(putPerson, a.Person, w.person, string(Human), "", "", "", d.now, d.rev)
	} else {
		d.touch(a.Person, d.rev)
		d.tell(endSynced, a.Source, a.Person, d.now, d.rev)
	}
	if w.old.Active && !a.Active {
		d.tell(endSignedIn, a.Person, int64(a.ID), d.now)
	}
	d.tell(putAccount, int64(a.ID), a.UID, a.Source, a.ExternalID, a.Login, directory.Fold(a.Login),
		a.Display, a.Email, bit(a.Active), a.Person, string(a.Doc),
		micros(a.Created), d.now, d.rev, deleted)
}

// unpark makes the account a member of the groups that wait for it.
func (w *accountWork) unpark(d *decision, a directory.Account) {
	joined := map[int64]bool{}
	for _, p := range w.parked {
		d.tell(unpark, p.group, p.ref)
		if !p.in && !joined[p.group] {
			joined[p.group] = true
			d.tell(joinGroup, p.group, int64(a.ID), d.now)
			d.tell(countGroup, p.group, int64(1), d.now, d.rev)
		}
	}
}

// note adds what else the change did: it made the account a member of groups, or
// made one active whose person is locked and stays so.
func (w *accountWork) note(after facts, a directory.Account) {
	var joined []string
	for _, p := range w.parked {
		if group := a.Source + "/group/" + p.uid; !p.in && !slices.Contains(joined, group) {
			joined = append(joined, group)
		}
	}
	if len(joined) > 0 {
		slices.Sort(joined)
		after["joined"], after["joinedCount"] = joined[:min(len(joined), auditPeople)], len(joined)
	}
	if w.locked && a.Active && !w.old.Active {
		after["locked"] = true
	}
}

// remove leaves a tombstone: who it was, without what was known of him.
func (w *accountWork) remove(d *decision) error {
	a := w.old
	for _, g := range w.groups {
		if err := d.claim(key{kind: 'g', n: g}); err != nil {
			return err
		}
	}
	if err := w.claim(d, a); err != nil {
		return err
	}
	if err := d.changeValues(accountValueTexts, int64(a.ID), w.old.Values, nil); err != nil {
		return err
	}
	for _, g := range w.groups {
		d.tell(leaveGroup, g, int64(a.ID))
		d.tell(countGroup, g, int64(-1), d.now, d.rev)
	}
	a.Doc, a.Email, a.Active = nil, "", false
	w.write(d, a, d.rev)
	_, before := accountFacts(directory.Account{}, w.old)
	before["groups"] = len(w.groups)
	d.entry = &entry{action: "user.delete", target: a.Source + "/user/" + a.UID, before: before, people: []int64{a.Person}}
	w.op.After = directory.Account{}
	return nil
}

// accountFacts are the two sides of an account's audit entry: where they differ.
func accountFacts(old, now directory.Account) (before, after facts) {
	before, after = facts{}, facts{}
	bd, ad := docFacts(string(old.Doc), string(now.Doc))
	if len(bd) > 0 {
		before["doc"] = bd
	}
	if len(ad) > 0 {
		after["doc"] = ad
	}
	differ(before, after, "userName", old.Login, now.Login)
	differ(before, after, "externalId", old.ExternalID, now.ExternalID)
	differ(before, after, "displayName", old.Display, now.Display)
	differ(before, after, "email", old.Email, now.Email)
	if old.ID == 0 {
		after["active"] = now.Active
	} else if old.Active != now.Active {
		before["active"], after["active"] = old.Active, now.Active
	}
	return before, after
}
