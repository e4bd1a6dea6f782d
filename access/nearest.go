package access

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// Nearest is the known name that is the fewest edits away from name, letter case
// apart, or "" when none is near: "did you mean". Of equals it is the first in
// order of text.
func Nearest(name string, known iter.Seq[string]) string {
	want := []rune(strings.ToLower(name))
	best, least := "", max(1, min(3, utf8.RuneCountInString(name)/3))+1
	for k := range known {
		d := editDistance(want, []rune(strings.ToLower(k)), least)
		if d < least || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	return best
}

// Edits is how many edits make a into b, at most limit+1.
func Edits(a, b string, limit int) int { return editDistance([]rune(a), []rune(b), limit) }

// Nearest is the action or role name most like name, or "".
func (c *Catalogue) Nearest(name string) string { return c.nearest(name) }

func (c *catalogue) nearest(name string) string {
	return Nearest(name, func(yield func(string) bool) {
		for _, a := range c.actions {
			if !yield(a.Name) {
				return
			}
		}
		for _, r := range c.roles {
			if !yield(r.Name) {
				return
			}
		}
	})
}

func (c *catalogue) didYouMean(name string) string {
	if n := c.nearest(name); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that make a into b (optimal string alignment), giving up above
// limit.
func editDistance(a, b []rune, limit int) int {
	if d := len(a) - len(b); max(d, -d) > limit {
		return limit + 1
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return min(above[len(b)], limit+1)
}
