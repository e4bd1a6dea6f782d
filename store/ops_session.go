package store

import (
	"slices"
	"strconv"
)

// RevokeSessions ends the live ones of these sessions on an administrator's word.
// The sessions are side state; that somebody ended them is a fact.
type RevokeSessions struct {
	IDs   []string
	Ended int // out: how many lived
}

func (*RevokeSessions) op() {}

// revokeSessions is a RevokeSessions under way.
type revokeSessions struct {
	rare
	op     *RevokeSessions
	ids    []string
	people []int64
}

func (w *revokeSessions) prepare(*Store) error { return checkTexts(w.op.IDs...) }

func (w *revokeSessions) load(q *questions) {
	w.ids, w.people = nil, nil
	if len(w.op.IDs) == 0 {
		return
	}
	q.askAlone(`SELECT s.id, s.person FROM sessions s WHERE s.ended = 0 AND s.id IN (SELECT r.id FROM rowset($1, id text) r) ORDER BY s.id`,
		func(r row) error {
			var id string
			var person int64
			err := r.Scan(&id, &person)
			w.ids, w.people = append(w.ids, id), append(w.people, person)
			return err
		}, w.op.IDs)
}

func (w *revokeSessions) decide(d *decision) error {
	if w.op.Ended = len(w.ids); w.op.Ended == 0 {
		return nil
	}
	d.tellAlone(`UPDATE sessions SET ended = $1, ended_by = $2 WHERE ended = 0 AND id IN (SELECT r.id FROM rowset($3, id text) r)`,
		d.now, d.by.Actor, w.ids)
	target := "session/" + w.ids[0]
	if w.op.Ended > 1 {
		target = "sessions/" + strconv.Itoa(w.op.Ended)
	}
	slices.Sort(w.people)
	d.entry = &entry{action: "session.revoke", target: target, people: slices.Compact(w.people), after: facts{"sessions": w.op.Ended}}
	return nil
}
