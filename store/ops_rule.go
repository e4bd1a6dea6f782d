package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"grantbridge/access"
)

// setMapping is a SetMapping under way.
type setMapping struct {
	rare
	op   *SetMapping
	live Mapping
}

func (w *setMapping) prepare(*Store) error { return checkTexts(w.op.Text, w.op.Comment) }

const mappingColumns = `m.version, m.body, m.author, m.note, m.at, m.restores, m.rev`

func scanMapping(r row, m *Mapping) error {
	var at int64
	err := r.Scan(&m.Version, &m.Text, &m.Author, &m.Comment, &at, &m.Restores, &m.Revision)
	m.At = timeOf(at)
	return err
}

func (w *setMapping) load(q *questions) {
	w.live = Mapping{}
	q.askAlone(`SELECT `+mappingColumns+` FROM mappings m ORDER BY m.version DESC LIMIT 1`,
		func(r row) error { return scanMapping(r, &w.live) })
}

func (w *setMapping) decide(d *decision) error {
	o := w.op
	o.Version = w.live.Version
	if o.IfVersion >= 0 && o.IfVersion != w.live.Version {
		return fmt.Errorf("mapping version %d is live: %w", w.live.Version, ErrPrecondition)
	}
	if w.live.Version > 0 && o.Text == w.live.Text {
		return nil
	}
	if err := d.guard(o.Guard); err != nil {
		return err
	}
	o.Version++
	d.tellAlone(`
		INSERT INTO mappings (version, body, author, note, at, restores, rev)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		o.Version, o.Text, d.by.Actor, o.Comment, d.now, o.Restores, d.rev)
	after := facts{"version": o.Version, "text": o.Text}
	differ(facts{}, after, "comment", "", o.Comment)
	differ(facts{}, after, "restores", 0, o.Restores)
	e := &entry{action: "mapping.set", target: fmt.Sprintf("mapping/%d", o.Version), after: after}
	if w.live.Version > 0 {
		e.before = facts{"version": w.live.Version}
	}
	d.entry = e
	return nil
}

// addManual is an AddManual under way.
type addManual struct {
	rare
	op    *AddManual
	found bool
}

func (w *addManual) prepare(*Store) error {
	m := &w.op.Manual
	if m.Kind < access.Grant || m.Kind > access.Cap {
		return errors.New("a manual rule is a grant, a deny or a cap")
	}
	return checkTexts(m.Role, asJSON(m.Actions), asJSON(m.Labels), m.TokenCeiling, m.UntilSync, m.Reason, m.Ticket)
}

func (w *addManual) load(q *questions) {
	m := w.op.Manual
	w.found = false
	hit := func(row) error { w.found = true; return nil }
	switch m.Subject.Kind {
	case access.ThePerson:
		q.askAlone(`SELECT p.id FROM people p WHERE p.id = $1`, hit, m.Subject.ID)
	case access.TheGroup:
		q.askAlone(`SELECT g.id FROM groups g WHERE g.id = $1 AND g.deleted = 0`, hit, m.Subject.ID)
	case access.SignedIn, access.Everyone:
		w.found = true
	}
}

func (w *addManual) decide(d *decision) error {
	m := &w.op.Manual
	if !w.found {
		return fmt.Errorf("the subject of the manual rule: %w", ErrNotFound)
	}
	if err := d.guard(w.op.Guard); err != nil {
		return err
	}
	d.head.last.manual++
	m.ID, m.Author, m.Created, m.Revision = ManualID(d.head.last.manual), d.by.Actor, timeOf(d.now), d.rev
	if m.Reason == "" {
		m.Reason = d.by.Reason
	}
	if m.Ticket == "" {
		m.Ticket = d.by.Ticket
	}
	m.Ended, m.EndedBy = timeOf(0), ""
	d.tellAlone(`
		INSERT INTO manuals (id, kind, subject_kind, subject_id, role, actions, all_sites, sites, labels, ceiling,
			channel, starts, ends, until_sync, author, reason, ticket, created, ended, ended_by, rev)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, '', $19)`,
		int64(m.ID), int64(m.Kind), int64(m.Subject.Kind), m.Subject.ID, m.Role, asJSON(m.Actions), bit(m.All), asJSON(m.Sites), asJSON(m.Labels), m.TokenCeiling,
		int64(m.Channel), micros(m.From), micros(m.Until), m.UntilSync, m.Author, m.Reason, m.Ticket, micros(m.Created), m.Revision)
	d.entry = &entry{action: "manual.add", target: fmt.Sprintf("manual/%d", m.ID), after: manualFacts(*m), people: subjectPeople(m.Subject)}
	return nil
}

func subjectPeople(s access.Subject) []int64 {
	if s.Kind == access.ThePerson {
		return []int64{s.ID}
	}
	return nil
}

func manualFacts(m Manual) facts {
	f := facts{"kind": [...]string{"", "grant", "deny", "cap"}[m.Kind], "subjectKind": int(m.Subject.Kind), "subject": m.Subject.ID}
	differ(facts{}, f, "role", "", m.Role)
	differ(facts{}, f, "all", false, m.All)
	differ(facts{}, f, "tokenCeiling", "", m.TokenCeiling)
	differ(facts{}, f, "channel", 0, int(m.Channel))
	differ(facts{}, f, "from", 0, micros(m.From))
	differ(facts{}, f, "until", 0, micros(m.Until))
	differ(facts{}, f, "untilSync", "", m.UntilSync)
	if len(m.Actions) > 0 {
		f["actions"] = m.Actions
	}
	if len(m.Sites) > 0 {
		f["sites"] = m.Sites
	}
	if len(m.Labels) > 0 {
		f["labels"] = m.Labels
	}
	return f
}

const manualColumns = `m.id, m.kind, m.subject_kind, m.subject_id, m.role, m.actions, m.all_sites, m.sites, m.labels,
	m.ceiling, m.channel, m.starts, m.ends, m.until_sync, m.author, m.reason, m.ticket, m.created, m.ended, m.ended_by, m.rev`

func scanManual(r row, m *Manual) error {
	var kind, subject, all, channel, from, until, created, ended int64
	var actions, sites, labels string
	if err := r.Scan((*int64)(&m.ID), &kind, &subject, &m.Subject.ID, &m.Role, &actions, &all, &sites, &labels,
		&m.TokenCeiling, &channel, &from, &until, &m.UntilSync, &m.Author, &m.Reason, &m.Ticket, &created, &ended, &m.EndedBy, &m.Revision); err != nil {
		return err
	}
	m.Kind, m.Subject.Kind, m.Channel, m.All = access.Kind(kind), access.SubjectKind(subject), access.Channel(channel), all != 0
	m.From, m.Until, m.Created, m.Ended = timeOf(from), timeOf(until), timeOf(created), timeOf(ended)
	return errors.Join(json.Unmarshal([]byte(actions), &m.Actions), json.Unmarshal([]byte(sites), &m.Sites), json.Unmarshal([]byte(labels), &m.Labels))
}

// endManual is an EndManual under way.
type endManual struct {
	rare
	op    *EndManual
	found bool
	old   Manual
}

func (w *endManual) prepare(*Store) error { return nil }

func (w *endManual) load(q *questions) {
	w.found, w.old = false, Manual{}
	q.askAlone(`SELECT `+manualColumns+` FROM manuals m WHERE m.id = $1`,
		func(r row) error { w.found = true; return scanManual(r, &w.old) }, int64(w.op.ID))
}

func (w *endManual) decide(d *decision) error {
	if !w.found {
		return fmt.Errorf("manual rule %d: %w", w.op.ID, ErrNotFound)
	}
	if !w.old.Ended.IsZero() {
		return nil
	}
	if err := d.guard(w.op.Guard); err != nil {
		return err
	}
	d.tellAlone(`UPDATE manuals SET ended = $1, ended_by = $2, rev = $3 WHERE id = $4`, d.now, d.by.Actor, d.rev, int64(w.op.ID))
	d.entry = &entry{action: "manual.end", target: fmt.Sprintf("manual/%d", w.op.ID), before: manualFacts(w.old), people: subjectPeople(w.old.Subject)}
	return nil
}

// finishSync is a FinishSync under way.
type finishSync struct {
	rare
	op     *FinishSync
	ids    []int64
	people []int64
}

func (w *finishSync) prepare(*Store) error { return checkTexts(w.op.Source) }

func (w *finishSync) load(q *questions) {
	w.ids, w.people = nil, nil
	got := func(r row) error {
		var id, kind, subject int64
		err := r.Scan(&id, &kind, &subject)
		w.ids = append(w.ids, id)
		if access.SubjectKind(kind) == access.ThePerson {
			w.people = append(w.people, subject)
		}
		return err
	}
	const open = `m.ended = 0 AND m.until_sync = $1 AND m.until_sync <> ''`
	if w.op.People == nil {
		q.askAlone(`SELECT m.id, m.subject_kind, m.subject_id FROM manuals m WHERE `+open+` ORDER BY m.id`, got, w.op.Source)
		return
	}
	ids := make([]int64, len(w.op.People))
	for i, p := range w.op.People {
		ids[i] = int64(p)
	}
	q.askAlone(`
		SELECT m.id, m.subject_kind, m.subject_id FROM manuals m
		WHERE `+open+` AND m.subject_kind = 1 AND m.subject_id IN (SELECT r.id FROM rowset($2, id bigint) r) ORDER BY m.id`,
		got, w.op.Source, ids)
}

func (w *finishSync) decide(d *decision) error {
	w.op.Ended = len(w.ids)
	if len(w.ids) == 0 {
		return nil
	}
	for _, id := range w.ids {
		d.tell(`
			UPDATE manuals SET ended = r.at, ended_by = 'sync of ' || r.source, rev = r.rev
			FROM rowset($1, id bigint, at bigint, source text, rev bigint) r WHERE manuals.id = r.id`,
			id, d.now, w.op.Source, d.rev)
	}
	d.entry = &entry{action: "manual.sync", target: "source/" + w.op.Source, before: facts{"manuals": w.ids}, people: w.people}
	return nil
}
