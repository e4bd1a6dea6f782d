// Package strict reads YAML into Go values and refuses what it does not know.
//
// Decode takes only keys that a struct names, reports every problem in one
// pass with line, column and a caret, and expands ${NAME} and ${NAME:-default}
// in values when it is given an environment. It keeps where each value stood,
// so that checks made afterwards can point at it too.
package strict

import (
	"cmp"
	"fmt"
	"grantbridge/access"
	"regexp"
	"slices"
	"strings"
)

// Problem is one thing wrong in a file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Excerpt string `json:"excerpt,omitempty"` // the line, secrets masked
}

// Error is the problem as a person reads it, with the line and a caret.
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	}
	head := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Excerpt == "" {
		return head
	}
	return fmt.Sprintf("%s\n    %s\n    %s^", head, p.Excerpt, strings.Repeat(" ", max(p.Column-1, 0)))
}

// Problems are all that one pass found, in order of line.
type Problems []Problem

// Error joins them, one after the other.
func (ps Problems) Error() string {
	text := make([]string, len(ps))
	for i, p := range ps {
		text[i] = p.Error()
	}
	return strings.Join(text, "\n")
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

var secretValue = regexp.MustCompile(`(?i)((?:token|secret|passw|pass|tokn|pwd)[a-z_-]*["']?\s*:\s*)([^\s,}\]].*)$`)

// mask hides what follows a key that may name a secret, also a misspelt one,
// and the passwords of URLs.
func mask(line string) string {
	line = secretValue.ReplaceAllString(line, "${1}…")
	line = queryPassword.ReplaceAllString(line, "${1}…")
	return userinfo.ReplaceAllString(line, "${1}…@")
}

// randomText is what may be a secret on a line that is not even YAML.
var randomText = regexp.MustCompile(`[A-Za-z0-9_+/=-]{16,}`)

var queryPassword = regexp.MustCompile(`([?&](?:ssl)?password=)[^&\s"']*`)

var userinfo = regexp.MustCompile(`(://[^/\s:@]*:)[^@\s]*@`)

// Nearest is the name most like word, or "" when none is near.
func Nearest(word string, names []string) string {
	return access.Nearest(word, slices.Values(names))
}
