package access

import (
	"fmt"
	"strings"
)

// Nearest is the action or role name most like name, or "".
func (c *Catalogue) Nearest(name string) string { return c.nearest(name) }

func (c *catalogue) nearest(name string) string {
	want := strings.ToLower(name)
	best, least := "", max(2, len(want)/3)+1
	try := func(known string) {
		if d := editDistance(want, strings.ToLower(known), least); d < least {
			best, least = known, d
		}
	}
	for _, a := range c.actions {
		try(a.Name)
	}
	for _, r := range c.roles {
		try(r.Name)
	}
	return best
}

func (c *catalogue) didYouMean(name string) string {
	if n := c.nearest(name); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that make a into b, giving up at limit.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
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
	return min(above[len(b)], limit)
}
