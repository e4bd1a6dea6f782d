package store

import (
	"slices"

	"grantbridge/directory"
)

// Values that a change wants to be unique are looked for among those of the
// other resources of the source, in the change's own transaction.

const (
	loadAccountTaken = `
		SELECT r.n, a.uid
		FROM rowset($1, n bigint, source text, path text, text text, rest text) r
		JOIN paths p ON p.path = r.path
		JOIN account_values v ON v.path = p.id AND v.text = r.text AND v.rest = r.rest
		JOIN accounts a ON a.id = v.owner AND a.source = r.source AND a.deleted = 0`
	loadGroupTaken = `
		SELECT r.n, g.uid
		FROM rowset($1, n bigint, source text, path text, text text, rest text) r
		JOIN paths p ON p.path = r.path
		JOIN group_values v ON v.path = p.id AND v.text = r.text AND v.rest = r.rest
		JOIN groups g ON g.id = v.owner AND g.source = r.source AND g.deleted = 0`
)

// owner is the resource that wants the values.
type owner struct{ source, uid string }

// freshValues are the values at unique paths that now has and old has not. Where
// in a list they stand does not matter.
func freshValues(unique []string, old, now []directory.Value) (out []directory.Value) {
	if len(unique) == 0 {
		return nil
	}
	has := func(vs []directory.Value, v directory.Value) bool {
		return slices.ContainsFunc(vs, func(w directory.Value) bool { return w.Path == v.Path && w.Text == v.Text })
	}
	for _, v := range now {
		if slices.Contains(unique, v.Path) && !has(old, v) && !has(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// askTaken asks who else has the values; taken is the first that is another's.
func askTaken(q *questions, text string, o owner, values []directory.Value, taken **UniqueError) {
	for _, v := range values {
		indexed, rest := cutText(v.Text)
		q.ask(text, func(r row) error {
			var uid string
			err := r.Scan(&uid)
			if uid != o.uid && *taken == nil {
				*taken = &UniqueError{Attribute: v.Path, Value: v.Text, UID: uid}
			}
			return err
		}, o.source, v.Path, indexed, rest)
	}
}

// uniqueKeys keep from a batch whoever wants the same values.
func uniqueKeys(kind byte, source string, unique []string, values []directory.Value) (out []key) {
	for _, v := range freshValues(unique, nil, values) {
		out = append(out, key{kind: kind, a: source + "\x00" + v.Path, b: v.Text})
	}
	return out
}
