package store

// SettleEntry keeps what an administrator has decided about an entry of a
// directory that a name alone does not decide; the next run does it. It is a fact
// of the chain: who is let into groups by it is that administrator's doing. By
// must hold the source's lease.
type SettleEntry struct {
	State   ReadState
	Entries []ReadEntry
	Entry   string   // the entry that it is about
	Groups  []string // the names of the groups that it is let into
}

func (*SettleEntry) op() {}

// settleEntry is a SettleEntry under way.
type settleEntry struct {
	rare
	op *SettleEntry
}

func (w *settleEntry) prepare(*Store) error {
	texts := append([]string{w.op.State.Source, w.op.Entry, string(w.op.State.Checkpoint)}, w.op.Groups...)
	for _, e := range w.op.Entries {
		texts = append(texts, e.ID, string(e.Body))
	}
	return checkTexts(texts...)
}

func (w *settleEntry) load(*questions) {}

func (w *settleEntry) decide(d *decision) error {
	for _, s := range append(entryStmts(w.op.State.Source, w.op.Entries), readStateStmt(w.op.State)) {
		d.tellAlone(s.text, s.args...)
	}
	d.entry = &entry{action: "entry.settle", target: w.op.State.Source + "/entry/" + w.op.Entry, after: facts{"groups": w.op.Groups}}
	return nil
}
