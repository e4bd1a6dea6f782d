package web

import (
	"net/http"
	"slices"
	"strconv"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/provision"
)

// The runs of a source's directory, for administrators.

// runList is the answer with the last reports.
type runList struct {
	// Runs are the newest first; runs in a row that came to the same are one.
	Runs []provision.SyncReport `json:"runs"`
}

// mostRuns is how many reports are kept of a source.
const mostRuns = 50

// runs lists the last reports of a source.
func (d *door) runs(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.authorised(r, access.ManageAction); err != nil {
		return err
	}
	q, err := filters(r, "limit")
	if err != nil {
		return err
	}
	limit, err := limitOf(q, mostRuns, mostRuns)
	if err != nil {
		return err
	}
	found, err := d.reports(r, limit)
	if err != nil {
		return err
	}
	return sendJSON(w, runList{found})
}

// run is one report.
func (d *door) run(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.authorised(r, access.ManageAction); err != nil {
		return err
	}
	found, err := d.reports(r, mostRuns)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(p provision.SyncReport) bool { return strconv.FormatInt(p.ID, 10) == r.PathValue("id") })
	if i < 0 {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no such run is kept; of each source the last 50 reports are"}
	}
	return sendJSON(w, found[i])
}

// reports are the last reports of the source that the path names.
func (d *door) reports(r *http.Request, limit int) ([]provision.SyncReport, error) {
	source := r.PathValue("source")
	if _, known := d.engine.Status().Sources[source]; !known {
		return nil, &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is no such source"}
	}
	found, err := d.engine.Reports(r.Context(), source, limit)
	if found == nil {
		found = []provision.SyncReport{}
	}
	for i := range found {
		if found[i].Says == nil {
			found[i].Says = []string{}
		}
	}
	return found, err
}
