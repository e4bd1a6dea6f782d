package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"golang.org/x/term"
)

// format is how results are written.
type format string

// The formats. The zero value is a table.
const (
	asTable format = "table"
	asJSON  format = "json"
	asJSONL format = "jsonl"
	asCSV   format = "csv"
	asYAML  format = "yaml"
)

func (f *format) String() string {
	if *f == "" {
		return string(asTable)
	}
	return string(*f)
}

// Set takes a format by its name.
func (f *format) Set(s string) error {
	if !slices.Contains([]format{asTable, asJSON, asJSONL, asCSV, asYAML}, format(s)) {
		return fmt.Errorf("no output %q; there are table, json, jsonl, csv and yaml", s)
	}
	*f = format(s)
	return nil
}

// Type names the flag's value in help.
func (f *format) Type() string { return "format" }

func (a *app) people() bool { return a.format == "" || a.format == asTable }

// column is one column of a list.
type column[T any] struct {
	head string
	cell func(T) string
}

// list writes items: a table for people, or as the format says. JSON and YAML
// write each item whole, CSV the columns.
func list[T any](a *app, items []T, columns ...column[T]) error {
	switch a.format {
	case asJSON, asYAML:
		if items == nil {
			items = []T{}
		}
		return a.encode(items)
	case asJSONL:
		return jsonl(a.out, items)
	case asCSV:
		return writeCSV(a.out, rows(items, columns))
	}
	if len(items) == 0 {
		a.note("nothing to show")
		return nil
	}
	return table(a.out, a.width(), rows(items, columns))
}

func rows[T any](items []T, columns []column[T]) [][]string {
	out := make([][]string, 1, len(items)+1)
	for _, c := range columns {
		out[0] = append(out[0], c.head)
	}
	for _, it := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.cell(it)
		}
		out = append(out, row)
	}
	return out
}

// show writes one thing: text for people, or as the format says.
func (a *app) show(v any, text func(w io.Writer)) error {
	if a.people() {
		text(a.out)
		return nil
	}
	return a.encode(v)
}

func (a *app) encode(v any) error {
	switch a.format {
	case asJSONL:
		return json.NewEncoder(a.out).Encode(v)
	case asYAML:
		return writeYAML(a.out, v)
	case asCSV:
		return usage("this answer is no list; use -o json or yaml")
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func jsonl[T any](w io.Writer, items []T) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, it := range items {
		if err := e.Encode(it); err != nil {
			return err
		}
	}
	return nil
}

// writeYAML writes v by its JSON names, so that all formats agree.
func writeYAML(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.UnmarshalWithOptions(b, &plain, yaml.UseOrderedMap()); err != nil {
		return err
	}
	out, err := yaml.MarshalWithOptions(plain, yaml.Indent(2), yaml.IndentSequence(false), yaml.UseLiteralStyleIfMultiline(true))
	if err == nil && !readsAs(out, plain) { // a text whose spaces a block would not keep
		out, err = yaml.MarshalWithOptions(plain, yaml.Indent(2), yaml.IndentSequence(false))
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

func readsAs(out []byte, plain any) bool {
	var again any
	return yaml.UnmarshalWithOptions(out, &again, yaml.UseOrderedMap()) == nil && reflect.DeepEqual(again, plain)
}

func writeCSV(w io.Writer, rows [][]string) error {
	c := csv.NewWriter(w)
	for i := range rows[0] {
		rows[0][i] = strings.ReplaceAll(strings.ToLower(rows[0][i]), " ", "_")
	}
	for _, r := range rows[1:] {
		for i := range r {
			r[i] = defuse(r[i])
		}
	}
	return c.WriteAll(rows)
}

// defuse keeps spreadsheets from running a name that an identity provider sent
// as a formula. A dash, which is nothing for people, is nothing.
func defuse(cell string) string {
	if cell == "-" {
		return ""
	}
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// table writes rows in columns; the last one is cut at the terminal's edge.
func table(w io.Writer, width int, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b bytes.Buffer
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			c = clean(c)
			line.WriteString(c)
			if i < len(r)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteString(cut(strings.TrimRight(line.String(), " "), width) + "\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// clean takes control characters out of what identity providers sent; a
// terminal would obey them.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// width is the terminal's, or 0 when the output is none.
func (a *app) width() int {
	f, ok := a.out.(*os.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// note tells people something beside the result.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// say tells people what was done; machines have the exit code.
func (a *app) say(format string, args ...any) {
	if a.people() && !a.quiet {
		fmt.Fprintf(a.out, format+"\n", args...)
	}
}

// Paint colours for terminals that want it (no-color.org).
func (a *app) paint(color, s string) string {
	if no, set := a.env("NO_COLOR"); set && no != "" || !isTerminal(a.out) {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// The colours: only for meaning.
const (
	green  = "32"
	red    = "31"
	yellow = "33"
	bold   = "1"
)

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks on a terminal; elsewhere only --yes lets a change through.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(a.in) {
		return usage("%s Add --yes to do it without a terminal.", question)
	}
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	line, _ := bufio.NewReader(a.in).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return &codeError{exitError, "not done"}
	}
	return nil
}

// when writes a moment for people: to the minute, UTC, "-" for none.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func now() time.Time { return time.Now() }
