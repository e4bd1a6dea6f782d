package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/provision"
	"grantbridge/store"
)

// The SCIM request log, for administrators who may give and take access
// everywhere.

// manager lets in who may do access:manage on the platform.
func (d *door) manager(r *http.Request) error {
	_, err := d.authorised(r, access.ManageAction)
	return err
}

// scimRequest is a request on the wire.
type scimRequest struct {
	ID         int64           `json:"id"`
	At         time.Time       `json:"at"`
	TookMS     float64         `json:"took_ms"`
	Request    string          `json:"request"`
	Source     string          `json:"source"`
	Credential string          `json:"credential,omitempty"`
	Profile    string          `json:"profile,omitempty"`
	Method     string          `json:"method"`
	Route      string          `json:"route,omitempty"`
	Resource   string          `json:"resource,omitempty"`
	Status     int             `json:"status"`
	Revision   int64           `json:"revision,omitempty"`
	Changed    int             `json:"changed"`
	Moved      int             `json:"people_moved"`
	Says       string          `json:"says,omitempty"`
	Entry      json.RawMessage `json:"entry,omitempty"`
}

func requestOf(r store.SCIMRequest) scimRequest {
	return scimRequest{r.ID, r.At, float64(r.Took.Microseconds()) / 1000, r.Request, r.Source, r.Credential, r.Profile, r.Method, r.Route, r.Resource,
		r.Status, r.Revision, r.Changed, r.Moved, r.Says, r.Detail}
}

// requestList is a page of them.
type requestList struct {
	Requests []scimRequest `json:"requests"`
	// Before asks for the next page, when there is one.
	Before int64 `json:"before,omitempty"`
}

// mostRequests bounds a page of them.
const mostRequests = 1000

// scimRequests lists requests, newest first.
func (d *door) scimRequests(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	q, err := d.requestQuery(r)
	if err != nil {
		return err
	}
	var found []store.SCIMRequest
	err = d.engine.Store().Read(r.Context(), func(v *store.View) (err error) {
		found, err = v.SCIMLog(r.Context(), q)
		return err
	})
	if err != nil {
		return err
	}
	out := requestList{Requests: make([]scimRequest, len(found))}
	for i, q := range found {
		out.Requests[i] = requestOf(q)
	}
	if len(found) == q.Limit {
		out.Before = found[len(found)-1].ID
	}
	return sendJSON(w, out)
}

// requestQuery reads the filters; one that is not known is refused.
func (d *door) requestQuery(r *http.Request) (q store.SCIMLogQuery, err error) {
	given, err := parameters(r)
	if err != nil {
		return q, err
	}
	if q.Limit, err = limitOf(given, 100, mostRequests); err != nil {
		return q, err
	}
	delete(given, "limit")
	for key, value := range given {
		if err := d.requestFilter(&q, key, value); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (d *door) requestFilter(q *store.SCIMLogQuery, key, value string) (err error) {
	switch key {
	case "source":
		q.Source = value
	case "resource":
		q.Resource = value
	case "request":
		q.Request = value
	case "status":
		if q.Status, err = strconv.Atoi(value); err != nil || q.Status < 100 || q.Status > 599 {
			return handler.Bad("status must be a number, as 409")
		}
	case "failed":
		if value != "true" {
			return handler.Bad("failed must be true, or left out")
		}
		q.Status, q.StatusTo = 400, 599
	case "person":
		p, err := d.engine.FindPerson(value)
		if err != nil {
			return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "person: nobody, or more than one, is known by this"}
		}
		q.Person = p.ID
	case "since", "until":
		t, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return handler.Bad("%s must be a time, as 2026-11-23T04:10:00Z", key)
		}
		if key == "since" {
			q.Since = t
		} else {
			q.Until = t
		}
	case "before":
		if q.Before, err = strconv.ParseInt(value, 10, 64); err != nil || q.Before < 1 {
			return handler.Bad("before must be an id")
		}
	default:
		return handler.Bad("no filter %q; there are source, status, failed, resource, person, request, since, until, before and limit", key)
	}
	return nil
}

func requestID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, noSuchRequest()
	}
	return id, nil
}

func noSuchRequest() error {
	return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no such request is kept; they go away after scim_log.keep"}
}

// scimRequest is one request whole.
func (d *door) scimRequest(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	id, err := requestID(r)
	if err != nil {
		return err
	}
	var found store.SCIMRequest
	err = d.engine.Store().Read(r.Context(), func(v *store.View) (err error) {
		found, err = v.SCIMRequest(r.Context(), id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return noSuchRequest()
	}
	if err != nil {
		return err
	}
	return sendJSON(w, requestOf(found))
}

// scimReplay is what a request would do now. It writes nothing.
func (d *door) scimReplay(w http.ResponseWriter, r *http.Request) error {
	if err := d.manager(r); err != nil {
		return err
	}
	id, err := requestID(r)
	if err != nil {
		return err
	}
	if d.conf.Replay == nil {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is no SCIM door here to replay it"}
	}
	out, err := d.conf.Replay(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return noSuchRequest()
	}
	if cannot, ok := errors.AsType[*provision.InvalidError](err); ok {
		return &handler.Problem{Status: http.StatusConflict, Code: "not_whole", Detail: cannot.Says}
	}
	if err != nil {
		return err
	}
	return sendJSON(w, out)
}

// sendJSON answers with v, which no cache may keep.
func sendJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(b)
	return err
}
