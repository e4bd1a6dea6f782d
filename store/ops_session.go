package store

import (
	"slices"
	"strconv"
	"time"
)

// RevokeSessions ends the live ones of these sessions: on an administrator's
// word, on their person's for all of them, or on the identity provider's. The
// sessions are side state; that somebody ended them is a fact.
type RevokeSessions struct {
	IDs []string
	// Once is a ticket as Spend knows them, to be used until then: one that was
	// used before ends nothing, one that is not is used together with what ends.
	Once  string
	Until time.Time

	Ended int  // out: how many lived
	Spent bool // out: the ticket was used before
}

func (*RevokeSessions) op() {}

// revokeSessions is a RevokeSessions under way.
type revokeSessions struct {
	rare
	op      *RevokeSessions
	spent   bool
	ids     []string
	people  []int64
	sources []string
}

func (w *revokeSessions) prepare(*Store) error { return checkTexts(append(w.op.IDs, w.op.Once)...) }

func (w *revokeSessions) load(q *questions) {
	w.spent, w.ids, w.people, w.sources = false, nil, nil, nil
	if w.op.Once != "" {
		q.askAlone(`SELECT t.ticket FROM spent t WHERE t.ticket = $1`, func(row) error { w.spent = true; return nil }, w.op.Once)
	}
	if len(w.op.IDs) == 0 {
		return
	}
	q.askAlone(`SELECT s.id, s.person, s.source FROM sessions s WHERE s.ended = 0 AND s.id IN (SELECT r.id FROM rowset($1, id text) r) ORDER BY s.id`,
		func(r row) error {
			var id, source string
			var person int64
			err := r.Scan(&id, &person, &source)
			w.ids, w.people, w.sources = append(w.ids, id), append(w.people, person), append(w.sources, source)
			return err
		}, w.op.IDs)
}

func (w *revokeSessions) decide(d *decision) error {
	if w.op.Spent = w.spent; w.spent {
		return nil
	}
	if w.op.Ended = len(w.ids); w.op.Ended == 0 && w.op.Once == "" {
		return nil
	}
	if w.op.Once != "" {
		d.tellAlone(`INSERT INTO spent (ticket, until) VALUES ($1, $2) ON CONFLICT (ticket) DO NOTHING`, w.op.Once, micros(w.op.Until))
	}
	d.tellAlone(`UPDATE sessions SET ended = $1, ended_by = $2 WHERE ended = 0 AND id IN (SELECT r.id FROM rowset($3, id text) r)`,
		d.now, d.by.Actor, w.ids)
	target := "sessions/" + strconv.Itoa(w.op.Ended)
	if w.op.Ended == 1 {
		target = "session/" + w.ids[0]
	}
	slices.Sort(w.people)
	slices.Sort(w.sources)
	d.entry = &entry{action: "session.revoke", target: target, people: slices.Compact(w.people),
		after: facts{"sessions": w.op.Ended, "sources": slices.Compact(w.sources)}}
	return nil
}
