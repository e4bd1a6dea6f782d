package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// putSource is a PutSource under way.
type putSource struct {
	rare
	op    *PutSource
	found bool
	old   Source
}

func (w *putSource) prepare(*Store) error {
	if w.op.Source.Name == "" {
		return errors.New("a source needs a name")
	}
	return checkTexts(w.op.Source.Name)
}

const sourceColumns = `s.name, s.veto, s.disabled, s.stale_after, s.rev`

func scanSource(r row, s *Source) error {
	var veto, disabled, stale int64
	err := r.Scan(&s.Name, &veto, &disabled, &stale, &s.Revision)
	s.Veto, s.Disabled, s.StaleAfter = veto != 0, disabled != 0, time.Duration(stale)*time.Microsecond
	return err
}

func (w *putSource) load(q *questions) {
	w.found = false
	q.askAlone(`SELECT `+sourceColumns+` FROM sources s WHERE s.name = $1`,
		func(r row) error { w.found = true; return scanSource(r, &w.old) }, w.op.Source.Name)
}

func (w *putSource) decide(d *decision) error {
	s := w.op.Source
	s.Revision = w.old.Revision
	if w.found && s == w.old {
		return nil
	}
	d.tellAlone(`
		INSERT INTO sources (name, veto, disabled, stale_after, rev) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (name) DO UPDATE SET veto = excluded.veto, disabled = excluded.disabled, stale_after = excluded.stale_after, rev = excluded.rev`,
		s.Name, bit(s.Veto), bit(s.Disabled), s.StaleAfter.Microseconds(), d.rev)
	d.tellAlone(`UPDATE people SET rev = $1 WHERE id IN (SELECT a.person FROM accounts a WHERE a.source = $2)`, d.rev, s.Name)
	if s.Disabled {
		d.tellAlone(`UPDATE sessions SET ended = $1, ended_by = 'source disabled' WHERE source = $2 AND ended = 0`, d.now, s.Name)
	}
	e := &entry{action: "source.put", target: "source/" + s.Name, after: s.facts()}
	if w.found {
		e.before = w.old.facts()
	}
	d.entry = e
	return nil
}

// facts are the source as the audit shows it.
func (s Source) facts() facts {
	f := facts{"veto": s.Veto, "disabled": s.Disabled}
	if s.StaleAfter > 0 {
		f["stale_after"] = s.StaleAfter.String()
	}
	return f
}

// putSites is a PutSites under way.
type putSites struct {
	rare
	op  *PutSites
	old map[access.SiteID]access.Site
	// taken are the sites that have one of the slugs now.
	taken map[string][]access.SiteID
}

func (w *putSites) prepare(*Store) error {
	seen := map[access.SiteID]bool{}
	slugs := map[string]access.SiteID{}
	for _, s := range w.op.Sites {
		if s.ID <= 0 {
			return fmt.Errorf("site %q: the id %d is not positive", s.Slug, s.ID)
		}
		if seen[s.ID] {
			return fmt.Errorf("site %d is given twice", s.ID)
		}
		seen[s.ID] = true
		if err := checkTexts(s.Slug, s.Name, labelText(s.Labels)); err != nil {
			return fmt.Errorf("site %d: %w", s.ID, err)
		}
		k := directory.Fold(s.Slug)
		if k != "" && slugs[k] != 0 {
			return &UniqueError{Attribute: "slug", Value: s.Slug, UID: fmt.Sprint(slugs[k])}
		}
		slugs[k] = s.ID
	}
	return nil
}

// labelText is labels as stored.
func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return "{}"
	}
	return asJSON(labels)
}

const siteColumns = `s.id, s.slug, s.name, s.labels, s.rev, s.removed`

func scanSite(r row, s *access.Site) (rev, removed int64, err error) {
	var labels string
	if err := r.Scan((*int64)(&s.ID), &s.Slug, &s.Name, &labels, &rev, &removed); err != nil {
		return 0, 0, err
	}
	if labels != "{}" {
		err = json.Unmarshal([]byte(labels), &s.Labels)
	}
	return rev, removed, err
}

func (w *putSites) load(q *questions) {
	w.old, w.taken = map[access.SiteID]access.Site{}, map[string][]access.SiteID{}
	var ids []int64
	var slugs []string
	for _, s := range w.op.Sites {
		ids = append(ids, int64(s.ID))
		slugs = append(slugs, directory.Fold(s.Slug))
	}
	q.askAlone(`SELECT `+siteColumns+` FROM rowset($1, id bigint) r JOIN sites s ON s.id = r.id WHERE s.removed = 0`,
		func(r row) error {
			var s access.Site
			_, _, err := scanSite(r, &s)
			w.old[s.ID] = s
			return err
		}, ids)
	q.askAlone(`SELECT s.slug_key, s.id FROM rowset($1, slug text) r JOIN sites s ON s.slug_key = r.slug WHERE s.removed = 0 AND s.slug_key <> '' ORDER BY s.id`,
		func(r row) error {
			var slug string
			var id int64
			err := r.Scan(&slug, &id)
			w.taken[slug] = append(w.taken[slug], access.SiteID(id))
			return err
		}, slugs)
}

func sameSite(a, b access.Site) bool {
	return a.ID == b.ID && a.Slug == b.Slug && a.Name == b.Name && maps.Equal(a.Labels, b.Labels)
}

func (w *putSites) decide(d *decision) error {
	given := map[access.SiteID]bool{}
	for _, s := range w.op.Sites {
		given[s.ID] = true
	}
	var changed []access.Site
	for _, s := range w.op.Sites {
		for _, other := range w.taken[directory.Fold(s.Slug)] {
			if !given[other] {
				return &UniqueError{Attribute: "slug", Value: s.Slug, UID: fmt.Sprint(other)}
			}
		}
		if old, ok := w.old[s.ID]; !ok || !sameSite(s, old) {
			changed = append(changed, s)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := d.guard(w.op.Guard); err != nil {
		return err
	}
	slices.SortFunc(changed, func(a, b access.Site) int { return int(a.ID - b.ID) })
	e := &entry{action: "site.put", target: "sites", before: facts{}, after: facts{}}
	for _, s := range changed {
		d.tell(`
			INSERT INTO sites (id, slug, slug_key, name, labels, rev, removed)
			SELECT r.id, r.slug, r.slug_key, r.name, r.labels, r.rev, 0
			FROM rowset($1, id bigint, slug text, slug_key text, name text, labels text, rev bigint) r
			WHERE true
			ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, slug_key = excluded.slug_key, name = excluded.name,
				labels = excluded.labels, rev = excluded.rev, removed = 0`,
			int64(s.ID), s.Slug, directory.Fold(s.Slug), s.Name, labelText(s.Labels), d.rev)
		if old, ok := w.old[s.ID]; ok {
			e.before[fmt.Sprint(s.ID)] = old
		}
		e.after[fmt.Sprint(s.ID)] = s
	}
	if len(changed) == 1 {
		e.target = fmt.Sprintf("site/%d", changed[0].ID)
	}
	d.entry = e
	return nil
}

// removeSite is a RemoveSite under way.
type removeSite struct {
	rare
	op    *RemoveSite
	found bool
	old   access.Site
}

func (w *removeSite) prepare(*Store) error { return nil }

func (w *removeSite) load(q *questions) {
	w.found, w.old = false, access.Site{}
	q.askAlone(`SELECT `+siteColumns+` FROM sites s WHERE s.id = $1 AND s.removed = 0`, func(r row) error {
		w.found = true
		_, _, err := scanSite(r, &w.old)
		return err
	}, int64(w.op.ID))
}

func (w *removeSite) decide(d *decision) error {
	if !w.found {
		return fmt.Errorf("site %d: %w", w.op.ID, ErrNotFound)
	}
	d.tellAlone(`UPDATE sites SET removed = $1, rev = $1 WHERE id = $2`, d.rev, int64(w.op.ID))
	d.entry = &entry{action: "site.remove", target: fmt.Sprintf("site/%d", w.op.ID), before: facts{"site": w.old}}
	return nil
}
