package scim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// etag is a resource's version as HTTP says it. It is weak: equal versions may
// be written differently (projection).
func etag(revision int64) string { return `W/"` + strconv.FormatInt(revision, 10) + `"` }

// etags reads If-Match and If-None-Match. A version that none of ours can be is
// -1, which no resource has. any is "*".
func etags(header string) (revisions []int64, any bool) {
	for _, part := range strings.Split(header, ",") {
		switch part = strings.TrimSpace(part); {
		case part == "*":
			any = true
		case part != "":
			part = strings.Trim(strings.TrimPrefix(part, "W/"), `"`)
			n, err := strconv.ParseInt(part, 10, 64)
			if err != nil || n < 0 {
				n = -1
			}
			revisions = append(revisions, n)
		}
	}
	return revisions, any
}

// ifMatch are the revisions that a change demands; nil demands none.
func ifMatch(header string) []int64 {
	revisions, any := etags(header)
	if any {
		return nil
	}
	return revisions
}

// unchanged reports whether the caller has revision already.
func unchanged(h http.Header, revision int64) bool {
	revisions, any := etags(strings.Join(h.Values("If-None-Match"), ","))
	return any || slices.Contains(revisions, revision)
}
