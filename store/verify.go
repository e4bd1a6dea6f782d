package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Verify walks the whole audit chain, the checkpoints and the index of the people
// whom entries are about, from the first entry.
func (s *Store) Verify(ctx context.Context) (VerifyReport, error) {
	var report VerifyReport
	err := s.Read(ctx, func(v *View) error {
		w := walk{report: &report, points: map[int64]string{}}
		if err := w.prepare(ctx, v); err != nil {
			return err
		}
		if err := v.ask(ctx, auditWalk, w.step); err != nil {
			return err
		}
		w.end()
		return v.ask(ctx, auditStrays, w.stray)
	})
	return report, err
}

// auditWalk has the people of an entry in no order, for they are many and only
// compared.
const auditWalk = `
	SELECT e.rev, e.at, e.actor, e.action, e.target, e.digest, e.hash, COALESCE(b.salt, ''), COALESCE(b.body, ''), COALESCE(p.people, '')
	FROM audit e LEFT JOIN audit_body b ON b.rev = e.rev
	LEFT JOIN (SELECT a.rev, string_agg(CAST(a.person AS TEXT), ',') AS people FROM audit_people a GROUP BY a.rev) p ON p.rev = e.rev
	ORDER BY e.rev`

const auditStrays = `
	SELECT MIN(a.rev) FROM audit_people a
	WHERE NOT EXISTS (SELECT e.rev FROM audit e WHERE e.rev = a.rev) HAVING COUNT(*) > 0`

// walk is a verification under way.
type walk struct {
	report *VerifyReport
	head   head
	points map[int64]string
	last   int64
	prev   string
}

func (w *walk) prepare(ctx context.Context, v *View) error {
	if err := v.ask(ctx, `SELECT rev, hash FROM head WHERE id = 0`, func(r row) error { return r.Scan(&w.head.rev, &w.head.hash) }); err != nil {
		return err
	}
	return v.ask(ctx, `SELECT c.rev, c.hash FROM checkpoints c`, func(r row) error {
		var rev int64
		var hash string
		err := r.Scan(&rev, &hash)
		w.points[rev] = hash
		return err
	})
}

func (w *walk) broken(rev int64, how string) {
	if w.report.Broken == "" {
		w.report.Broken = fmt.Sprintf("revision %d: %s", rev, how)
	}
}

func (w *walk) step(r row) error {
	var rev, at int64
	var actor, action, target, digest, hash, salt, body, people string
	if err := r.Scan(&rev, &at, &actor, &action, &target, &digest, &hash, &salt, &body, &people); err != nil {
		return err
	}
	if rev != w.last+1 {
		w.broken(w.last+1, "the entry is missing")
	}
	if body == "" && salt == "" {
		w.report.Erased++
		w.report.FirstErased = cmp.Or(w.report.FirstErased, rev)
		if people != "" {
			w.report.Unproven++
		}
	} else if digestOf(salt, body) != digest {
		w.broken(rev, "what happened was changed")
	} else if err := w.people(rev, body, people); err != nil {
		return err
	}
	if link(w.prev, rev, at, actor, action, target, digest) != hash {
		w.broken(rev, "the entry was changed")
	}
	if point, ok := w.points[rev]; ok {
		w.report.Checkpoints++
		delete(w.points, rev)
		if point != hash {
			w.broken(rev, "the checkpoint has another hash")
		}
	} else if rev%checkpointEvery == 0 {
		w.broken(rev, "the checkpoint is missing")
	}
	w.report.Entries++
	w.last, w.prev = rev, hash
	return nil
}

// people compares those whom the index has for an entry with those whom its body
// names, which the chain commits to.
func (w *walk) people(rev int64, body, index string) error {
	var b struct{ People []int64 }
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		return fmt.Errorf("read the audit entry %d: %w", rev, err)
	}
	have := map[int64]bool{}
	for text := range strings.FieldsFuncSeq(index, func(r rune) bool { return r == ',' }) {
		person, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("read the people of the audit entry %d: %w", rev, err)
		}
		have[person] = true
	}
	for _, person := range b.People {
		if !have[person] {
			w.broken(rev, fmt.Sprintf("the entry names person %d, but audit_people does not", person))
		}
		delete(have, person)
	}
	if len(have) > 0 {
		w.broken(rev, fmt.Sprintf("audit_people names person %d, but the entry does not", slices.Min(slices.Collect(maps.Keys(have)))))
	}
	return nil
}

// stray is a row of the index whose entry is not there.
func (w *walk) stray(r row) error {
	var rev int64
	if err := r.Scan(&rev); err != nil {
		return err
	}
	w.broken(rev, "audit_people has an entry that is not there")
	return nil
}

func (w *walk) end() {
	w.report.Revision, w.report.Head = w.last, w.prev
	for rev := range w.points {
		if rev > w.last {
			w.broken(w.last+1, fmt.Sprintf("the entry is missing; there is a checkpoint at %d", rev))
		}
	}
	switch {
	case w.head.rev > w.last:
		w.broken(w.last+1, fmt.Sprintf("the entry is missing; the head is at %d", w.head.rev))
	case w.head.rev < w.last:
		w.broken(w.head.rev+1, "the entry is beyond the head")
	case w.head.hash != w.prev:
		w.broken(w.last, "the head has another hash")
	}
}
