package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"grantbridge/internal/handler"
)

// parameters are those of the query, each once. url.URL.Query leaves out what it
// cannot read: a list without its filter is everything.
func parameters(r *http.Request) (map[string]string, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, handler.Bad("the query cannot be read: %v; percent-encode its values", err)
	}
	out := map[string]string{}
	for key, values := range q {
		if len(values) > 1 {
			return nil, handler.Bad("%s stands twice", key)
		}
		out[key] = values[0]
	}
	return out, nil
}

// filters are the parameters of a list; others than those named are refused.
func filters(r *http.Request, names ...string) (map[string]string, error) {
	q, err := parameters(r)
	for key := range q {
		if !slices.Contains(names, key) {
			return nil, handler.Bad("no filter %q; there are %s", key, strings.Join(names, ", "))
		}
	}
	return q, err
}

// limitOf is how many are asked for; usual when nobody says.
func limitOf(q map[string]string, usual, most int) (int, error) {
	text, asked := q["limit"]
	if !asked {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, handler.Bad("limit must be 1 to %d", most)
	}
	return n, nil
}
