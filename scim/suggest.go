package scim

import (
	"maps"

	"grantbridge/access"
)

// suggest is "; did you mean x?" for the attribute of r nearest to path, or
// nothing when none is near.
func suggest(path string, r *resource) string {
	best := access.Nearest(path, maps.Keys(r.paths))
	if best == "" {
		return ""
	}
	return "; did you mean " + r.paths[best].title() + "?"
}
