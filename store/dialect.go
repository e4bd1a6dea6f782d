package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// The seam between the two databases. Above it there is one SQL text, written
// with $1 parameters and these macros:
//
//	rowset($2, a bigint, b text)   a set of rows given as one parameter, the last
//	clock()                        the database's clock in microseconds
//	contains(x, $1)                x has the text in it
//	endswith(x, $1)                x ends with the text
//	{lock}                         the row is kept from other writers
//
// Parameters are int64 and string; a rowset's is a rowset, []int64 or []string.
type dialect struct {
	name        string
	placeholder string
	lock        string
	clock       string
	contains    string
	endswith    string
	replan      string // has a transaction's statements planned by the rows there are now; "" where they are anyway
	rowset      func(n int, cols []column) string
	cache       sync.Map // text -> *translated
}

type column struct {
	name string
	text bool
}

// rowset is a set of rows of int64 and string.
type rowset [][]any

// translated is a statement as one database reads it.
type translated struct {
	sql  string
	cols []column // of its rowset
}

var (
	rowsetMacro   = regexp.MustCompile(`rowset\(\$(\d+), ([^)]*)\)`)
	containsMacro = regexp.MustCompile(`contains\((\([^()]*\)|[^,()]+), ([^()]+)\)`)
	endswithMacro = regexp.MustCompile(`endswith\((\([^()]*\)|[^,()]+), ([^()]+)\)`)
	parameter     = regexp.MustCompile(`\$(\d+)`)
)

func (d *dialect) translate(text string) *translated {
	if t, ok := d.cache.Load(text); ok {
		return t.(*translated)
	}
	t := d.translateWith(text, d.rowset)
	d.cache.Store(text, t)
	return t
}

// translateWith is translate with another way to write a set.
func (d *dialect) translateWith(text string, rowset func(n int, cols []column) string) *translated {
	t := &translated{}
	s := rowsetMacro.ReplaceAllStringFunc(text, func(m string) string {
		sub := rowsetMacro.FindStringSubmatch(m)
		n, _ := strconv.Atoi(sub[1])
		t.cols = columns(sub[2])
		return rowset(n, t.cols)
	})
	s = containsMacro.ReplaceAllString(s, d.contains)
	s = endswithMacro.ReplaceAllString(s, d.endswith)
	s = strings.NewReplacer("clock()", d.clock, "{lock}", d.lock).Replace(s)
	t.sql = parameter.ReplaceAllString(s, d.placeholder+"${1}")
	return t
}

func columns(list string) []column {
	var cols []column
	for c := range strings.SplitSeq(list, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(c), " ")
		cols = append(cols, column{name, kind == "text"})
	}
	return cols
}

var postgresDialect = &dialect{
	name:        "postgres",
	placeholder: "$$", // one, in a template of regexp,
	lock:        "FOR UPDATE",
	clock:       "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
	contains:    "strpos(${1}, ${2}) > 0",
	endswith:    "right(${1}, length(${2})) = ${2}",
	replan:      "SET LOCAL plan_cache_mode = force_custom_plan",
	rowset: func(n int, cols []column) string {
		var args, names []string
		for i, c := range cols {
			kind := "bigint"
			if c.text {
				kind = "text"
			}
			args = append(args, fmt.Sprintf("$%d::%s[]", n+i, kind))
			names = append(names, c.name)
		}
		return fmt.Sprintf("(SELECT * FROM unnest(%s) AS _(%s))", strings.Join(args, ", "), strings.Join(names, ", "))
	},
}

var sqliteDialect = &dialect{
	name:        "sqlite",
	placeholder: "?",
	clock:       "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
	contains:    "instr(${1}, ${2}) > 0",
	endswith:    "substr(${1}, -length(${2})) = ${2}",
	rowset: func(n int, cols []column) string {
		if len(cols) == 1 {
			return fmt.Sprintf("(SELECT value AS %s FROM json_each($%d))", cols[0].name, n)
		}
		var names []string
		for i, c := range cols {
			names = append(names, fmt.Sprintf("value ->> %d AS %s", i, c.name))
		}
		return fmt.Sprintf("(SELECT %s FROM json_each($%d))", strings.Join(names, ", "), n)
	},
}

// arrays are the set's columns, one argument each, as PostgreSQL takes them.
func (t *translated) arrays(args []any) []any {
	if len(t.cols) == 0 {
		return args
	}
	rows, ok := args[len(args)-1].(rowset)
	if !ok {
		return args
	}
	out := append([]any(nil), args[:len(args)-1]...)
	for i, c := range t.cols {
		if c.text {
			out = append(out, pick[string](rows, i))
		} else {
			out = append(out, pick[int64](rows, i))
		}
	}
	return out
}

func pick[T any](rows rowset, i int) []T {
	out := make([]T, len(rows))
	for n, r := range rows {
		out[n] = r[i].(T)
	}
	return out
}

// json is the set as one JSON argument, as SQLite takes it.
func (t *translated) json(args []any) []any {
	if len(t.cols) == 0 {
		return args
	}
	var out strings.Builder // of which the argument is no copy
	var part []byte
	out.WriteByte('[')
	switch set := args[len(args)-1].(type) {
	case []int64:
		out.Grow(8 * len(set))
		for i, v := range set {
			part = strconv.AppendInt(comma(part[:0], i), v, 10)
			out.Write(part)
		}
	case []string:
		out.Grow(quotedRoom(set))
		for i, v := range set {
			part = appendQuoted(comma(part[:0], i), v)
			out.Write(part)
		}
	case rowset:
		out.Grow(8 * len(t.cols) * len(set))
		for i, r := range set {
			part = appendRow(comma(part[:0], i), r)
			out.Write(part)
		}
	}
	out.WriteByte(']')
	return append(slices.Clone(args[:len(args)-1]), out.String())
}

// quotedRoom is how long set becomes as JSON when nothing in it is escaped.
func quotedRoom(set []string) int {
	n := 1
	for _, v := range set {
		n += len(v) + len(`"",`)
	}
	return n
}

func appendRow(b []byte, r []any) []byte {
	b = append(b, '[')
	for k, v := range r {
		b = comma(b, k)
		if n, ok := v.(int64); ok {
			b = strconv.AppendInt(b, n, 10)
		} else {
			b = appendQuoted(b, v.(string))
		}
	}
	return append(b, ']')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendQuoted appends s, which is UTF-8 without U+0000, as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// storable reports whether both databases can hold s: PostgreSQL has neither
// U+0000 nor anything that is not UTF-8.
func storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// row is one row of an answer.
type row interface {
	Scan(dest ...any) error
	Values() ([]any, error)
}

// stmt is one statement of a round trip. each, when not nil, gets its rows.
// apart says that its only argument is a rowset of which each row stands by
// itself, so that it may be done in parts.
type stmt struct {
	text  string
	args  []any
	each  func(row) error
	apart bool
}

// conn is a connection with an open transaction.
type conn interface {
	// run does the statements in order, in one round trip where there are any.
	run(ctx context.Context, stmts ...stmt) error
}

// writer is a transaction that may write.
type writer interface {
	conn
	// commit does the statements and commits, in one round trip.
	commit(ctx context.Context, stmts ...stmt) error
	rollback()
}

// engine is one database.
type engine interface {
	dialect() *dialect
	// begin opens a transaction and does the statements, of which the first
	// locks the head, in one round trip.
	begin(ctx context.Context, stmts ...stmt) (writer, error)
	// snapshot opens a reading transaction; done ends it.
	snapshot(ctx context.Context, stmts ...stmt) (c conn, done func(), err error)
	// room is how many snapshots there can be at once.
	room() int
	// listen calls heard at each hint that another process committed, until ctx
	// is over; it returns at once when there are no hints.
	listen(ctx context.Context, heard func(rev int64))
	// hint is what tells the other processes of a commit, or nothing.
	hint(rev int64) []stmt
	// fault says what an error of the database means to callers.
	fault(err error) fault
	close() error
}

// fault is what an error of the database means.
type fault uint8

const (
	faultOurs fault = iota // the statement is wrong
	faultGone              // the database did not answer
)
