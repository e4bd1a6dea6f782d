package store

import (
	"encoding/json"
	"fmt"
)

const holdColumns = `h.id, h.kind, h.source, h.base, h.hash, h.plan, h.payload, h.says, h.state,
	h.created, h.settled, h.settled_by`

func scanHold(r row, h *Hold) error {
	var plan, payload, says string
	var created, settled int64
	if err := r.Scan(&h.ID, &h.Kind, &h.Source, &h.Base, &h.Hash, &plan, &payload, &says, &h.State, &created, &settled, &h.By); err != nil {
		return err
	}
	h.Plan, h.Payload, h.Created, h.Settled = bytesOf(plan), bytesOf(payload), timeOf(created), timeOf(settled)
	return json.Unmarshal([]byte(says), &h.Says)
}

// putHold is a PutHold under way.
type putHold struct {
	rare
	op    *PutHold
	equal Hold
}

func (w *putHold) prepare(*Store) error {
	h := w.op.Hold
	return checkTexts(h.Kind, h.Source, h.Hash, string(h.Plan), string(h.Payload), asJSON(h.Says))
}

func (w *putHold) load(q *questions) {
	h := w.op.Hold
	w.equal = Hold{}
	q.askAlone(`
		SELECT `+holdColumns+` FROM holds h
		WHERE h.state = 'held' AND h.kind = $1 AND h.source = $2 AND h.hash = $3`,
		func(r row) error { return scanHold(r, &w.equal) }, h.Kind, h.Source, h.Hash)
}

func (w *putHold) decide(d *decision) error {
	h := &w.op.Hold
	if w.equal.ID != 0 {
		*h = w.equal
		return nil
	}
	d.head.last.hold++
	h.ID, h.State, h.Created, h.Settled, h.By = d.head.last.hold, "held", timeOf(d.now), timeOf(0), ""
	d.tellAlone(`
		INSERT INTO holds (id, kind, source, base, hash, plan, payload, says, state, created, settled, settled_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'held', $9, 0, '')`,
		h.ID, h.Kind, h.Source, h.Base, h.Hash, string(h.Plan), string(h.Payload), asJSON(h.Says), d.now)
	d.entry = &entry{action: "hold.put", target: fmt.Sprintf("hold/%d", h.ID),
		after: facts{"kind": h.Kind, "source": h.Source, "base": h.Base, "hash": h.Hash, "says": h.Says}}
	return nil
}

// settleHold is a SettleHold under way.
type settleHold struct {
	rare
	op    *SettleHold
	found bool
	old   Hold
}

func (w *settleHold) prepare(*Store) error {
	switch w.op.State {
	case "applied", "discarded", "superseded":
		return nil
	}
	return fmt.Errorf("no state %q; a plan is applied, discarded or superseded", w.op.State)
}

func (w *settleHold) load(q *questions) {
	w.found, w.old = false, Hold{}
	q.askAlone(`SELECT `+holdColumns+` FROM holds h WHERE h.id = $1`,
		func(r row) error { w.found = true; return scanHold(r, &w.old) }, w.op.ID)
}

func (w *settleHold) decide(d *decision) error {
	if !w.found {
		return fmt.Errorf("plan %d: %w", w.op.ID, ErrNotFound)
	}
	if w.old.State == w.op.State {
		return nil
	}
	if w.old.State != "held" {
		return fmt.Errorf("plan %d is %s: %w", w.op.ID, w.old.State, ErrPrecondition)
	}
	d.tellAlone(`UPDATE holds SET state = $1, settled = $2, settled_by = $3 WHERE id = $4`, w.op.State, d.now, d.by.Actor, w.op.ID)
	d.entry = &entry{action: "hold.settle", target: fmt.Sprintf("hold/%d", w.op.ID),
		before: facts{"state": "held"}, after: facts{"state": w.op.State, "hash": w.old.Hash}}
	return nil
}
