package web

import (
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// APIRoutes are the routes below /api/v1 that are served, and Documented those
// that the OpenAPI document has, "METHOD path".
func APIRoutes() (out []string) {
	for _, r := range (&door{conf: Config{Log: slog.Default(), Registry: prometheus.NewRegistry()}}).table() {
		if strings.HasPrefix(r.path, "/api/v1/") {
			out = append(out, r.method+" "+r.path)
		}
	}
	return out
}

// Documented is the other side of APIRoutes.
func Documented() []string { return slices.Sorted(maps.Keys(operations)) }
