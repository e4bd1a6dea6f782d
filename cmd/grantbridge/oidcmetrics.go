package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/cmd/grantbridge/internal/config"
)

var (
	descOIDCClosed = prometheus.NewDesc("grantbridge_oidc_closed",
		"1 when nobody can sign in at a source by OpenID Connect, and why; grantbridge doctor says it in full.", []string{"source", "reason"}, nil)
	descOIDCFailing = prometheus.NewDesc("grantbridge_oidc_failing",
		"1 when the provider's configuration or keys could not be read last, and why; what was read before stays.", []string{"source", "reason"}, nil)
)

// Reasons beside those of oidc.Trouble.
const (
	closedDisabled = "disabled"
	closedUnmade   = "not_served" // by its own configuration, or base_url
)

// collectOIDC shows the sources that speak OpenID Connect, those that are shut too.
func collectOIDC(g *generation, live *signIn, gauge func(*prometheus.Desc, float64, ...string)) {
	for name, src := range g.cfg.Sources {
		if src.OIDC == nil {
			continue
		}
		closed, failing := oidcStands(src, live, name)
		gauge(descOIDCClosed, one(closed != ""), name, closed)
		gauge(descOIDCFailing, one(failing != ""), name, failing)
	}
}

// oidcStands says why a source is closed, and why its provider cannot be read; ""
// when it is not, and can.
func oidcStands(src config.Source, live *signIn, name string) (closed, failing string) {
	made, served := live.sources[name]
	switch {
	case src.Disabled:
		return closedDisabled, ""
	case !served || made.OIDC == nil:
		return closedUnmade, ""
	}
	if t := made.OIDC.Trouble(); t != nil {
		failing = string(t.Trouble)
		if t.Closed {
			closed = failing
		}
	}
	return closed, failing
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
