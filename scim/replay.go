package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/scim/inspect"
	"grantbridge/store"
)

// ErrNotWhole: the request cannot be replayed, because it was not kept as it was
// sent.
var ErrNotWhole = errors.New("the request was not kept as it was sent")

// Replay is what a request that was kept would do now. Nothing was written.
type Replay struct {
	ID       int64  `json:"id"`
	Source   string `json:"source"`
	Revision int64  `json:"revision"` // that it was tried on
	// Then and Now are the statuses of the answers.
	Then     int               `json:"then"`
	Now      int               `json:"now"`
	Says     string            `json:"says,omitempty"`
	Profile  string            `json:"profile"`
	Rewrites []inspect.Rewrite `json:"rewrites,omitempty"`
	Objects  []inspect.Object  `json:"objects,omitempty"`
	Access   *inspect.Access   `json:"access,omitempty"`
	Answer   json.RawMessage   `json:"answer,omitempty"`
	Note     string            `json:"note,omitempty"`
}

// trial is a request that is only tried.
type trial struct {
	access *inspect.Access
	tried  int
}

func (t *trial) apply(ctx context.Context, e *provision.Engine, by store.By, change directory.Change) (provision.Result, error) {
	r, err := e.Try(ctx, by, change)
	t.tried++
	if err != nil || r.Plan == nil {
		return r.Result, err
	}
	a := inspect.FromPlan(r.Plan, &inspect.Access{From: r.Plan.Base, To: r.Revision, Exact: r.Revision == r.Plan.Base+1}, e)
	if t.access == nil {
		t.access = a
		return r.Result, nil
	}
	t.access.People += a.People
	t.access.Moves = append(t.access.Moves, a.Moves...)
	return r.Result, nil
}

// Replay sends the request id of the log through the door again, as it is
// configured now, over the present state, and takes everything back.
// store.ErrNotFound, ErrNotWhole.
func (d *Door) Replay(ctx context.Context, id int64) (*Replay, error) {
	kept, entry, err := inspect.Read(ctx, d.engine.Store(), id)
	if err != nil {
		return nil, err
	}
	if !entry.Whole || kept.Credential == "" {
		why := entry.BodyNote
		if why == "" {
			why = "values in it are masked"
		}
		return nil, fmt.Errorf("SCIM request %d: %w: %s", id, ErrNotWhole, why)
	}
	return d.replay(ctx, kept, entry)
}

func (d *Door) replay(ctx context.Context, kept store.SCIMRequest, entry *inspect.Entry) (*Replay, error) {
	// The URL is not parsed again: a path that was sent may be none for a parser.
	r, err := http.NewRequestWithContext(ctx, kept.Method, "/", io.NopCloser(bytes.NewReader(entry.Body)))
	if err != nil {
		return nil, fmt.Errorf("replay SCIM request %d: %w", kept.ID, err)
	}
	r.URL.Path, r.URL.RawQuery = Prefix+kept.Source+entry.Path, entry.Query
	r.Host = "localhost"
	r.ContentLength = int64(len(entry.Body))
	r.Header.Set("User-Agent", entry.Agent)
	if entry.Media != "" {
		r.Header.Set("Content-Type", entry.Media)
	}
	out := &memory{header: http.Header{}}
	c := &call{Door: d, w: &answer{ResponseWriter: out}, r: r, id: newID()}
	c.trial = &trial{}
	err = c.guarded()
	if err != nil && !c.w.began() {
		c.fail(err)
	}
	rec := &inspect.Record{Status: c.w.status}
	c.describe(rec, err)
	rec.Body, rec.BodySize = nil, 0
	snap, _ := d.engine.Holder().Snapshot(d.Now())
	now, seen := inspect.Describe(inspect.Config{}, rec)
	p := &Replay{ID: kept.ID, Source: kept.Source, Revision: snap.Revision(), Then: kept.Status, Now: c.w.status, Says: now.Says,
		Profile: string(c.policy.profile), Rewrites: seen.Rewrites, Objects: seen.Objects, Access: c.trial.access}
	if json.Valid(out.body) {
		p.Answer = out.body
	}
	if c.trial.tried > 1 {
		p.Note = fmt.Sprintf("%d operations were tried one by one, each on the present state", c.trial.tried)
	}
	return p, nil
}
