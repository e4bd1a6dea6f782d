package scim

import (
	"net/url"
	"strings"
)

// parameters are those of RFC 7644 3.4.2 and 3.9, and of RFC 9865.
var parameters = []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"}

// readQuery reads the URL's query, and refuses what it cannot read. A filter that
// got lost would find everybody, and the client would take the first of them for
// the one it asked for; net/url drops what has a semicolon or a percent sign that
// stands for itself, and so does a name in other letter case.
func readQuery(raw string) (url.Values, error) {
	out := url.Values{}
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, invalidSyntax("the query has %q, which is not percent-encoded; write %% itself as %%25", clip(part))
		}
		name = parameter(name)
		if was, twice := out[name]; twice && was[0] != value {
			return nil, invalidSyntax("the query has %s twice; keep one", clip(name))
		}
		out.Set(name, value)
	}
	out.Del("")
	return out, nil
}

// parameter is the name as the RFC writes it.
func parameter(name string) string {
	for _, p := range parameters {
		if strings.EqualFold(p, name) {
			return p
		}
	}
	return name
}
