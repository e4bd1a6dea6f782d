package ldapsync

import "time"

// continues reports whether what changed since the checkpoint is enough: it is
// of this server, for these questions, not too old, and the server can say.
func (r *reading) continues() bool {
	c := r.old.Checkpoint
	return c.Mode != "" && c.Mode != string(ModeFull) && c.Mode == string(r.s.mode()) && len(r.stale) == 0 &&
		c.Server == r.s.id() && c.Questions == r.s.cfg.questions(r.s.p.kind) &&
		!r.old.Due(r.at, r.s.cfg.FullEvery, r.s.cfg.FullAfter)
}

// first is the cookie with which changes are asked for after a full reading.
func (r *reading) first() ([]byte, Mode) {
	mode := r.s.mode()
	switch mode {
	case ModeSyncrepl:
		if r.mark == "" {
			return nil, ModeFull
		}
		return []byte("rid=000,csn=" + r.mark), mode
	case ModeUSN:
		return []byte(r.mark), mode
	case ModeTimestamp:
		return []byte(r.at.UTC().Format(time.RFC3339)), mode
	}
	return nil, ModeFull
}

// changes reads what changed since the checkpoint.
func (r *reading) changes() error {
	r.out.Mode = r.old.Checkpoint.Mode
	return r.s.fault("changes", errTrustEnds)
}
