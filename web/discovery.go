package web

import "net/http"

// discovery answers GET /.well-known/authzen-configuration.
func (d *door) discovery(w http.ResponseWriter, r *http.Request) error {
	base := d.conf.BaseURL
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	} else {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	return write(w, map[string]string{
		"policy_decision_point":       base,
		"access_evaluation_endpoint":  base + "/access/v1/evaluation",
		"access_evaluations_endpoint": base + "/access/v1/evaluations",
		"search_subject_endpoint":     base + "/access/v1/search/subject",
		"search_resource_endpoint":    base + "/access/v1/search/resource",
		"search_action_endpoint":      base + "/access/v1/search/action",
	})
}
