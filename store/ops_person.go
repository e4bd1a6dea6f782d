package store

import (
	"errors"
	"fmt"

	"grantbridge/access"
	"grantbridge/directory"
)

// lockPerson is a LockPerson under way.
type lockPerson struct {
	rare
	op     *LockPerson
	found  bool
	locked int64
	// accounts are his, as the entry names them, so that who follows the audit
	// knows which identities a lock is about.
	accounts []string
}

func (w *lockPerson) prepare(*Store) error { return nil }

func (w *lockPerson) load(q *questions) {
	w.found, w.accounts = false, nil
	q.askAlone(`SELECT p.locked FROM people p WHERE p.id = $1`,
		func(r row) error { w.found = true; return r.Scan(&w.locked) }, int64(w.op.Person))
	q.askAlone(`SELECT a.source, a.uid FROM accounts a WHERE a.person = $1 AND a.deleted = 0 ORDER BY a.id LIMIT 100`,
		func(r row) error {
			var source, uid string
			err := r.Scan(&source, &uid)
			w.accounts = append(w.accounts, source+"/user/"+uid)
			return err
		}, int64(w.op.Person))
}

// decide locks anew who is locked already: credentials issued since die too.
func (w *lockPerson) decide(d *decision) error {
	if !w.found {
		return fmt.Errorf("person %d: %w", w.op.Person, ErrNotFound)
	}
	if !w.op.Locked && w.locked == 0 {
		return nil
	}
	if err := d.guard(w.op.Guard); err != nil {
		return err
	}
	e := &entry{action: "person.unlock", target: fmt.Sprintf("person/%d", w.op.Person), people: []int64{int64(w.op.Person)}}
	if w.op.Locked {
		e.action = "person.lock"
		d.tellAlone(`UPDATE people SET locked = 1, not_before = $1, rev = $2 WHERE id = $3`, d.now, d.rev, int64(w.op.Person))
	} else {
		d.tellAlone(`UPDATE people SET locked = 0, rev = $1 WHERE id = $2`, d.rev, int64(w.op.Person))
	}
	e.before, e.after = facts{"locked": w.locked != 0}, facts{"locked": w.op.Locked}
	if len(w.accounts) > 0 {
		e.after["accounts"] = w.accounts
	}
	d.entry = e
	return nil
}

// addPerson is an AddPerson under way.
type addPerson struct {
	rare
	op    *AddPerson
	uid   string
	taken string
}

func (w *addPerson) prepare(s *Store) error {
	if w.op.Kind != Service && w.op.Kind != Owner {
		return fmt.Errorf("no person of kind %q can be added; kinds are service, owner", w.op.Kind)
	}
	if directory.Fold(w.op.Login) == "" {
		return errors.New("a service or owner needs a login")
	}
	w.uid = s.newUID()
	return checkTexts(w.op.Login, w.op.Display)
}

func (w *addPerson) load(q *questions) {
	w.taken = ""
	q.askAlone(`SELECT p.uid FROM people p WHERE p.login_key = $1 AND p.login_key <> ''`,
		func(r row) error { return r.Scan(&w.taken) }, directory.Fold(w.op.Login))
}

func (w *addPerson) decide(d *decision) error {
	if w.taken != "" {
		return &UniqueError{Attribute: "login", Value: w.op.Login, UID: w.taken}
	}
	d.head.last.person++
	id := d.head.last.person
	d.tell(putPerson, id, w.uid, string(w.op.Kind), w.op.Login, directory.Fold(w.op.Login), w.op.Display, d.now, d.rev)
	d.entry = &entry{action: "person.add", target: fmt.Sprintf("person/%d", id), people: []int64{id},
		after: facts{"kind": string(w.op.Kind), "login": w.op.Login, "display": w.op.Display}}
	w.op.ID = access.PersonID(id)
	return nil
}

// linkAccount is a LinkAccount under way.
type linkAccount struct {
	rare
	op     *LinkAccount
	found  bool
	person bool
	old    directory.Account
}

func (w *linkAccount) prepare(*Store) error { return nil }

func (w *linkAccount) load(q *questions) {
	w.found, w.person = false, false
	q.askAlone(`SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1 AND a.deleted = 0`,
		func(r row) error { w.found = true; return scanAccount(r, &w.old) }, int64(w.op.Account))
	q.askAlone(`SELECT p.id FROM people p WHERE p.id = $1 AND p.kind = 'human'`,
		func(row) error { w.person = true; return nil }, int64(w.op.Person))
}

func (w *linkAccount) decide(d *decision) error {
	if !w.found {
		return fmt.Errorf("account %d: %w", w.op.Account, ErrNotFound)
	}
	if !w.person {
		return fmt.Errorf("person %d: %w", w.op.Person, ErrNotFound)
	}
	from, to := w.old.Person, int64(w.op.Person)
	if from == to {
		return nil
	}
	if err := d.guard(w.op.Guard); err != nil {
		return err
	}
	d.tellAlone(`UPDATE accounts SET person = $1, rev = $2 WHERE id = $3`, to, d.rev, int64(w.op.Account))
	d.tellAlone(`UPDATE sessions SET ended = $1, ended_by = 'linked' WHERE person = $2 AND account = $3 AND ended = 0`, d.now, from, int64(w.op.Account))
	d.touch(from, d.rev)
	d.touch(to, d.rev)
	d.entry = &entry{action: "user.link", target: w.old.Source + "/user/" + w.old.UID, people: []int64{from, to},
		before: facts{"person": from}, after: facts{"person": to}}
	return nil
}
