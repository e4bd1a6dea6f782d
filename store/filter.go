package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/directory"
)

// table is what a finder needs to know of accounts or groups.
type table struct {
	name, alias, values string
	members             string            // the path that looks into members
	columns             map[string]column // paths that have a column of their own; text or time
	joined              string            // ids of those that have a member, or are in a group, with uid = ?
}

var accountTable = &table{
	name: "accounts", alias: "a", values: "account_values", members: "groups.value",
	columns: map[string]column{
		"id": {"a.uid", true}, "externalid": {"a.external_id", true}, "username": {"a.login_key", true},
		"meta.created": {"a.created", false}, "meta.lastmodified": {"a.modified", false},
	},
	joined: "SELECT m.account FROM members m JOIN groups x ON x.id = m.group_id",
}

var groupTable = &table{
	name: "groups", alias: "g", values: "group_values", members: "members.value",
	columns: map[string]column{
		"id": {"g.uid", true}, "externalid": {"g.external_id", true},
		"displayname": {"g.display_key", true}, "meta.created": {"g.created", false}, "meta.lastmodified": {"g.modified", false},
	},
	joined: "SELECT m.group_id FROM members m JOIN accounts x ON x.id = m.account",
}

// finder makes the SQL of one Query.
type finder struct {
	t    *table
	q    directory.Query
	args []any
	cond string
}

func newFinder(t *table, source string, q directory.Query) *finder {
	f := &finder{t: t, q: q}
	f.cond = fmt.Sprintf("%s.deleted = 0 AND %s.source = %s", t.alias, t.alias, f.arg(source))
	if q.Filter != nil {
		f.cond += " AND " + f.where(*q.Filter)
	}
	return f
}

func (f *finder) arg(v any) string {
	if s, ok := v.(string); ok && !storable(s) {
		v = "\uFFFE" // a text that no value is
	}
	f.args = append(f.args, v)
	return fmt.Sprintf("$%d", len(f.args))
}

// find counts all results, where that is asked for, and gives each those of the
// page, in one round trip. total is -1 when it was not asked for.
func (f *finder) find(ctx context.Context, v *View, columns string, each func(row) error) (total int, err error) {
	count := int64(-1)
	var own error
	var stmts []stmt
	if !f.q.NoTotal {
		cond, args := f.cond, slices.Clone(f.args)
		if f.q.Left {
			args = append(args, f.q.After)
			cond += fmt.Sprintf(" AND %s.id > $%d", f.t.alias, len(args))
		}
		stmts = append(stmts, stmt{
			text: fmt.Sprintf("SELECT count(*) FROM %s %s WHERE %s", f.t.name, f.t.alias, cond),
			args: args,
			each: func(r row) error { own = r.Scan(&count); return own },
		})
	}
	if f.q.Count > 0 {
		text, args, err := f.page(ctx, v, columns)
		if err != nil {
			return 0, err
		}
		stmts = append(stmts, stmt{text: text, args: args, each: func(r row) error { own = each(r); return own }})
	}
	err = v.c.run(ctx, stmts...)
	if own != nil {
		return 0, own
	}
	return int(count), v.s.callers(ctx, err)
}

// page is the statement for the page. The ids are found first, by index alone
// where there is one, and then their rows.
func (f *finder) page(ctx context.Context, v *View, columns string) (string, []any, error) {
	a := f.t.alias
	order, join, key := a+".id", "", ""
	direction, beyond := "", ">"
	if f.q.Descending {
		direction, beyond = " DESC", "<"
	}
	if f.q.SortPath != "" {
		key, join = f.sortKey()
		// RFC 7644 3.4.2.3: without a value they come last, and first in descending order.
		without, with := 1, 0
		if f.q.Descending {
			without, with = 0, 1
		}
		order = fmt.Sprintf("CASE WHEN %s IS NULL THEN %d ELSE %d END, %s%s, %s.id", key, without, with, key, direction, a)
	} else {
		order += direction
	}
	cond := f.cond
	if f.q.After > 0 {
		behind, err := f.behind(ctx, v, key, join, beyond)
		if err != nil {
			return "", nil, err
		}
		cond += behind
	}
	tail := " LIMIT " + f.arg(int64(f.q.Count))
	if f.q.After == 0 && f.q.Start > 1 {
		tail += " OFFSET " + f.arg(int64(f.q.Start-1))
	}
	text := fmt.Sprintf("SELECT %s FROM %s %s%s WHERE %s ORDER BY %s%s", columns, f.t.name, a, join, cond, order, tail)
	return text, f.args, nil
}

// sortKey is what SortPath orders by, and the join that brings it; it is NULL
// for those that have no such value.
func (f *finder) sortKey() (key, join string) {
	path := strings.ToLower(f.q.SortPath)
	if c, ok := f.t.columns[path]; ok {
		if c.text {
			return fmt.Sprintf("NULLIF(%s, '')", c.name), ""
		}
		return c.name, ""
	}
	p := f.arg(path)
	return "k.text", fmt.Sprintf(`
		LEFT JOIN (
			SELECT v.owner, min(v.text) AS text FROM %s v
			WHERE v.path = (SELECT p.id FROM paths p WHERE p.path = %s)
				AND v.elem = (SELECT min(w.elem) FROM %s w WHERE w.owner = v.owner AND w.path = v.path)
			GROUP BY v.owner
		) k ON k.owner = %s.id`, f.t.values, p, f.t.values, f.t.alias)
}

// behind restricts to what comes after the resource q.After.
func (f *finder) behind(ctx context.Context, v *View, key, join, beyond string) (string, error) {
	a := f.t.alias
	if key == "" {
		return fmt.Sprintf(" AND %s.id %s %s", a, beyond, f.arg(f.q.After)), nil
	}
	found, last := false, any(nil)
	args := append([]any(nil), f.args...)
	text := fmt.Sprintf("SELECT %s FROM %s %s%s WHERE %s AND %s.id = $%d", key, f.t.name, a, join, f.cond, a, len(args)+1)
	err := v.ask(ctx, text, func(r row) error {
		vs, err := r.Values()
		if err == nil {
			found, last = true, vs[0]
		}
		return err
	}, append(args, f.q.After)...)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fmt.Errorf("continue behind resource %d: %w", f.q.After, ErrNotFound)
	}
	id := f.arg(f.q.After)
	if last == nil {
		behind := fmt.Sprintf("%s IS NULL AND %s.id > %s", key, a, id)
		if f.q.Descending {
			behind += fmt.Sprintf(" OR %s IS NOT NULL", key)
		}
		return " AND (" + behind + ")", nil
	}
	k := f.arg(last)
	behind := fmt.Sprintf("%s %s %s OR %s = %s AND %s.id > %s", key, beyond, k, key, k, a, id)
	if !f.q.Descending {
		behind += fmt.Sprintf(" OR %s IS NULL", key)
	}
	return " AND (" + behind + ")", nil
}

// where compiles a filter. Every leaf is an index look-up; "ne" is the contrary
// of "eq", so that who has no such value matches it.
func (f *finder) where(x directory.Filter) string {
	switch x.Op {
	case directory.OpAnd, directory.OpOr:
		return f.list(x, f.where)
	case directory.OpNot:
		if len(x.Args) == 1 {
			return "NOT " + f.where(x.Args[0])
		}
	case directory.OpNe:
		x.Op = directory.OpEq
		return "NOT " + f.where(x)
	case directory.OpElem:
		if len(x.Args) == 1 {
			return f.elem(x)
		}
	default:
		return f.leaf(x)
	}
	return no
}

const (
	no  = "(1 = 0)"
	yes = "(1 = 1)"
)

func (f *finder) list(x directory.Filter, compile func(directory.Filter) string) string {
	if len(x.Args) == 0 {
		return no
	}
	var parts []string
	for _, a := range x.Args {
		parts = append(parts, compile(a))
	}
	word := " AND "
	if x.Op == directory.OpOr {
		word = " OR "
	}
	return "(" + strings.Join(parts, word) + ")"
}

func (f *finder) leaf(x directory.Filter) string {
	if !positive(x.Op) {
		return no
	}
	if c, ok := f.t.columns[x.Path]; ok {
		if c.text {
			return f.column(x, c.name)
		}
		return f.time(x, c.name)
	}
	if x.Path == f.t.members {
		return f.member(x)
	}
	cond := f.value(x, "v")
	return fmt.Sprintf("(%s.id IN (SELECT v.owner FROM %s v WHERE %s))", f.t.alias, f.t.values, cond)
}

// column compares a column of text, in which the empty text is none.
func (f *finder) column(x directory.Filter, name string) string {
	if x.Op == directory.OpPr {
		return fmt.Sprintf("(%s <> '')", name)
	}
	cond := f.compare(x, name)
	if cond == no || x.Op == directory.OpEq && x.Text != "" {
		return cond
	}
	return fmt.Sprintf("(%s <> '' AND %s)", name, cond)
}

// compare compares text t; sw goes by range, for which there is an index.
func (f *finder) compare(x directory.Filter, t string) string {
	switch x.Op {
	case directory.OpEq:
		return fmt.Sprintf("(%s = %s)", t, f.arg(x.Text))
	case directory.OpGt:
		return fmt.Sprintf("(%s > %s)", t, f.arg(x.Text))
	case directory.OpGe:
		return fmt.Sprintf("(%s >= %s)", t, f.arg(x.Text))
	case directory.OpLt:
		return fmt.Sprintf("(%s < %s)", t, f.arg(x.Text))
	case directory.OpLe:
		return fmt.Sprintf("(%s <= %s)", t, f.arg(x.Text))
	case directory.OpCo, directory.OpSw, directory.OpEw:
		if x.Text == "" {
			return yes
		}
	}
	switch x.Op {
	case directory.OpCo:
		return fmt.Sprintf("(contains(%s, %s))", t, f.arg(x.Text))
	case directory.OpEw:
		return fmt.Sprintf("(endswith(%s, %s))", t, f.arg(x.Text))
	case directory.OpSw:
		return fmt.Sprintf("(%s >= %s AND %s < %s)", t, f.arg(x.Text), t, f.arg(x.Text+"\U0010FFFF"))
	}
	return no
}

// time compares a column of microseconds with a TimeText.
func (f *finder) time(x directory.Filter, name string) string {
	if x.Op == directory.OpPr {
		return yes
	}
	t, err := time.Parse(time.RFC3339Nano, x.Text)
	if err != nil {
		return no
	}
	op, ok := map[directory.Op]string{directory.OpEq: "=", directory.OpGt: ">", directory.OpGe: ">=", directory.OpLt: "<", directory.OpLe: "<="}[x.Op]
	if !ok {
		return no
	}
	return fmt.Sprintf("(%s %s %s)", name, op, f.arg(t.UnixMicro()))
}

// member looks into members by UID.
func (f *finder) member(x directory.Filter) string {
	cond := yes
	if x.Op != directory.OpPr {
		cond = f.compare(x, "x.uid")
	}
	return fmt.Sprintf("(%s.id IN (%s WHERE x.deleted = 0 AND %s))", f.t.alias, f.t.joined, cond)
}

// value is a leaf's condition on a row of values.
func (f *finder) value(x directory.Filter, alias string) string {
	if x.Op == directory.OpPr {
		// A complex attribute is there when one of its parts is.
		return fmt.Sprintf("%s.path IN (SELECT p.id FROM paths p WHERE p.path = %s OR p.path >= %s AND p.path < %s OR p.path >= %s AND p.path < %s)",
			alias, f.arg(x.Path), f.arg(x.Path+"."), f.arg(x.Path+"/"), f.arg(x.Path+":"), f.arg(x.Path+";"))
	}
	path := fmt.Sprintf("%s.path = (SELECT p.id FROM paths p WHERE p.path = %s)", alias, f.arg(x.Path))
	text, rest := cutText(x.Text)
	whole := fmt.Sprintf("(%s.text || %s.rest)", alias, alias)
	var cond string
	switch {
	case x.Op == directory.OpEq:
		cond = fmt.Sprintf("(%s.text = %s AND %s.rest = %s)", alias, f.arg(text), alias, f.arg(rest))
	case x.Op == directory.OpSw && rest == "":
		cond = f.compare(x, alias+".text")
	case x.Op == directory.OpCo || x.Op == directory.OpEw || x.Op == directory.OpSw || rest != "":
		cond = strings.ReplaceAll(f.compare(x, "\x00"), "\x00", whole)
	default:
		cond = f.compare(x, alias+".text")
		if x.Op == directory.OpGt { // a longer text that begins alike is greater
			cond = fmt.Sprintf("(%s OR %s.text = %s AND %s.rest <> '')", cond, alias, f.arg(text), alias)
		}
		if x.Op == directory.OpLe {
			cond = fmt.Sprintf("(%s AND NOT (%s.text = %s AND %s.rest <> ''))", cond, alias, f.arg(text), alias)
		}
	}
	return path + " AND " + cond
}

// elem asks for one element that satisfies the whole of an inner filter. It
// begins with a leaf that must hold, by index, where there is one, and else with
// every element of the attribute.
func (f *finder) elem(x directory.Filter) string {
	inner := x.Args[0]
	base, rest := "", []directory.Filter{inner}
	if first, others, ok := driver(inner); ok {
		base, rest = f.value(first, "v"), others
	} else {
		base = f.value(directory.Filter{Op: directory.OpPr, Path: x.Path}, "v")
	}
	conds := []string{base}
	for _, r := range rest {
		conds = append(conds, f.within(r))
	}
	return fmt.Sprintf("(%s.id IN (SELECT v.owner FROM %s v WHERE %s))", f.t.alias, f.t.values, strings.Join(conds, " AND "))
}

// driver is the most telling leaf that must hold for x to hold, and what must
// hold beside it.
func driver(x directory.Filter) (first directory.Filter, rest []directory.Filter, ok bool) {
	args := []directory.Filter{x}
	if x.Op == directory.OpAnd {
		args = x.Args
	}
	best := -1
	for i, a := range args {
		if positive(a.Op) && (best < 0 || a.Op == directory.OpEq && args[best].Op != directory.OpEq) {
			best = i
		}
	}
	if best < 0 {
		return first, nil, false
	}
	rest = append(append(rest, args[:best]...), args[best+1:]...)
	return args[best], rest, true
}

func positive(op directory.Op) bool {
	switch op {
	case directory.OpEq, directory.OpCo, directory.OpSw, directory.OpEw, directory.OpGt, directory.OpGe, directory.OpLt, directory.OpLe, directory.OpPr:
		return true
	}
	return false
}

// within compiles a filter about the element that v is of.
func (f *finder) within(x directory.Filter) string {
	switch x.Op {
	case directory.OpAnd, directory.OpOr:
		return f.list(x, f.within)
	case directory.OpNot:
		if len(x.Args) == 1 {
			return "NOT " + f.within(x.Args[0])
		}
		return no
	case directory.OpNe:
		x.Op = directory.OpEq
		return "NOT " + f.within(x)
	}
	if !positive(x.Op) {
		return no
	}
	cond := f.value(x, "w")
	return fmt.Sprintf("(EXISTS (SELECT 1 FROM %s w WHERE w.owner = v.owner AND w.elem = v.elem AND %s))", f.t.values, cond)
}
