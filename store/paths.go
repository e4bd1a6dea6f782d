package store

import "grantbridge/directory"

// Attribute paths are long and few, so values hold their ids. What the cache
// has is committed and never changes.

const findPath = `
	SELECT r.n, p.id FROM rowset($1, n bigint, path text) r JOIN paths p ON p.path = r.path`

// pathIDs finds or makes the ids of the values' paths.
func (d *decision) pathIDs(vs []directory.Value) (map[string]int64, error) {
	ids := map[string]int64{}
	var err error
	for _, v := range vs {
		if ids[v.Path] != 0 {
			continue
		}
		id, ok := d.path(v.Path)
		if !ok {
			err = errMore
		}
		ids[v.Path] = id
	}
	return ids, err
}

func (d *decision) path(p string) (int64, bool) {
	if id, ok := d.b.s.paths.Load(p); ok {
		return id.(int64), true
	}
	if id := d.b.paths[p]; id > 0 {
		return id, true
	}
	if id := d.paths[p]; id > 0 {
		return id, true
	}
	switch round := d.b.asked[p]; {
	case round == d.b.rounds: // by another operation, the answer is on its way
		return 0, false
	case round > 0: // and it was not there
		return d.makePath(p), true
	}
	d.b.asked[p] = d.b.rounds
	d.more.ask(findPath, func(r row) error {
		var id int64
		err := r.Scan(&id)
		d.b.paths[p] = id
		return err
	}, p)
	return 0, false
}

func (d *decision) makePath(p string) int64 {
	d.head.last.path++
	if d.paths == nil {
		d.paths = map[string]int64{}
	}
	d.paths[p] = d.head.last.path
	d.tell(`INSERT INTO paths (id, path) SELECT r.id, r.path FROM rowset($1, id bigint, path text) r`, d.head.last.path, p)
	return d.head.last.path
}

// changeValues writes the difference of two tidy lists of values.
func (d *decision) changeValues(texts [2]string, owner int64, old, now []directory.Value) error {
	gone, come := lacking(old, now), lacking(now, old)
	ids, err := d.pathIDs(append(gone[:len(gone):len(gone)], come...))
	if err != nil {
		return err
	}
	for _, v := range gone {
		text, _ := cutText(v.Text)
		d.tell(texts[0], owner, ids[v.Path], int64(v.Elem), text)
	}
	for _, v := range come {
		text, rest := cutText(v.Text)
		d.tell(texts[1], owner, ids[v.Path], int64(v.Elem), text, rest)
	}
	return nil
}

var accountValueTexts = [2]string{`
	DELETE FROM account_values WHERE (owner, path, elem, text) IN (
		SELECT r.owner, r.path, r.elem, r.text
		FROM rowset($1, owner bigint, path bigint, elem bigint, text text) r)`, `
	INSERT INTO account_values (owner, path, elem, text, rest)
	SELECT r.owner, r.path, r.elem, r.text, r.rest
	FROM rowset($1, owner bigint, path bigint, elem bigint, text text, rest text) r`,
}

var groupValueTexts = [2]string{`
	DELETE FROM group_values WHERE (owner, path, elem, text) IN (
		SELECT r.owner, r.path, r.elem, r.text
		FROM rowset($1, owner bigint, path bigint, elem bigint, text text) r)`, `
	INSERT INTO group_values (owner, path, elem, text, rest)
	SELECT r.owner, r.path, r.elem, r.text, r.rest
	FROM rowset($1, owner bigint, path bigint, elem bigint, text text, rest text) r`,
}
