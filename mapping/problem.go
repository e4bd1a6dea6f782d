package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"grantbridge/access"
)

// widestExcerpt is the longest line that a problem shows.
const widestExcerpt = 240

// Error is the problem as a person reads it: file:line:column, code, message,
// the line and a caret.
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	fmt.Fprintf(&b, "%s %s", p.Code, p.Message)
	if p.Excerpt == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "\n  %s\n  %s^", p.Excerpt, pad(p.Excerpt, p.Column-1))
	return b.String()
}

// pad is the white space that puts a caret under column n of line.
func pad(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n <= 0 {
			break
		}
		n--
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	for range n {
		b.WriteByte(' ')
	}
	return b.String()
}

// Failed reports whether one of them stops the mapping.
func (ps Problems) Failed() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == Failure })
}

// Error joins them, one after the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// String is the severity's name.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "failure"
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's name.
func (s *Severity) UnmarshalText(b []byte) error {
	switch string(b) {
	case "failure":
		*s = Failure
	case "warning":
		*s = Warning
	default:
		return fmt.Errorf("no severity %q", b)
	}
	return nil
}

// maxProblems bounds one pass, so that a long wrong file stays readable.
const maxProblems = 500

// notes collects problems with their places.
type notes struct {
	file  string
	lines []string
	list  Problems
	full  bool
}

func newNotes(file string, text []byte) *notes {
	n := &notes{file: file}
	if len(text) <= maxText && utf8.Valid(text) {
		n.lines = strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	}
	return n
}

func (n *notes) add(severity Severity, code string, line, column int, says string) {
	if n.full {
		return
	}
	if len(n.list) == maxProblems {
		n.full = true
		code, says = "GB009", "there are more problems; the first ones are shown"
	}
	p := Problem{File: n.file, Line: line, Column: column, Code: code, Severity: severity, Message: visible(says)}
	if line >= 1 && line <= len(n.lines) && len(n.lines[line-1]) <= widestExcerpt {
		p.Excerpt = visible(n.lines[line-1])
	}
	n.list = append(n.list, p)
}

// visible is text without what a terminal would obey instead of show.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsGraphic(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

func (n *notes) fail(code string, at *node, format string, args ...any) {
	n.add(Failure, code, at.line, at.column, fmt.Sprintf(format, args...))
}

func (n *notes) warn(code string, at *node, format string, args ...any) {
	n.add(Warning, code, at.line, at.column, fmt.Sprintf(format, args...))
}

func (n *notes) sorted() Problems {
	slices.SortStableFunc(n.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return n.list
}

// didYouMean is the hint behind an unknown name, or the list when it is short.
func didYouMean(name string, known []string) string {
	return instead(access.Nearest(name, slices.Values(known)), known)
}

func instead(meant string, known []string) string {
	if meant != "" {
		return ", did you mean " + meant + "?"
	}
	if 0 < len(known) && len(known) <= 8 {
		return "; there are " + strings.Join(known, ", ")
	}
	return ""
}
