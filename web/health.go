package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"grantbridge/store"
)

// health answers GET /healthz: the process runs and serves.
func (d *door) health(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
	return nil
}

// readiness says whether the server should be sent requests, and what about it
// is not as it should be.
type readiness struct {
	Ready    bool              `json:"ready"`
	Revision int64             `json:"revision"`
	Checks   map[string]string `json:"checks"`
}

// ready answers GET /readyz: the store answers, its schema is ours, the snapshot
// is fresh, and the server is not about to stop.
func (d *door) ready(w http.ResponseWriter, r *http.Request) error {
	now := d.conf.Now()
	out := readiness{Ready: true, Checks: map[string]string{}}
	check := func(name string, ok bool, otherwise string) {
		out.Checks[name] = "ok"
		if !ok {
			out.Checks[name], out.Ready = otherwise, false
		}
	}
	storeSays, schemaSays := d.probe.ask(r.Context(), d.engine.Store(), now)
	check("store", storeSays == "", storeSays)
	check("schema", schemaSays == "", schemaSays)
	snap, fresh := d.engine.Holder().Snapshot(now)
	if snap != nil {
		out.Revision = snap.Revision()
	}
	check("snapshot", fresh, "too old to answer from")
	check("server", !d.conf.Draining(), "about to stop")
	w.Header().Set("Content-Type", "application/json")
	if !out.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(out)
	return nil
}

// probe asks the store whether it is there, at most once a second whoever asks:
// /readyz needs no credential.
type probe struct {
	mu            sync.Mutex
	at            time.Time
	store, schema string
}

const (
	probeEvery   = time.Second
	probeTimeout = 2 * time.Second
)

// ask says what is wrong with the store and with its schema.
func (p *probe) ask(ctx context.Context, st *store.Store, now time.Time) (storeSays, schemaSays string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := now.Sub(p.at); age >= 0 && age < probeEvery {
		return p.store, p.schema
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	p.at, p.store, p.schema = now, "", ""
	err := st.Read(ctx, func(*store.View) error { return nil }) // by the way that requests take
	if err == nil {
		_, _, err = st.SchemaVersion(ctx)
	}
	switch {
	case errors.Is(err, store.ErrSchema):
		p.schema = "does not fit this program; run grantbridge migrate status"
	case err != nil:
		p.store, p.schema = "does not answer", "unknown"
	}
	return p.store, p.schema
}
