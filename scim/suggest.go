package scim

import "strings"

// suggest is "; did you mean x?" for the attribute of r nearest to path, or
// nothing when none is near.
func suggest(path string, r *resource) string {
	best, at := "", len(path)/3+1
	for name := range r.paths {
		d := distance(strings.ToLower(path), strings.ToLower(name), at)
		if d < at || d == at && name < best {
			best, at = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + r.paths[best].title() + "?"
}

// distance is the edit distance of a and b, or some number above most.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
