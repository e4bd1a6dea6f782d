package scim

import (
	"context"
	"net/http"
	"time"

	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/scim/inspect"
	"grantbridge/store"
)

// inspected is what the request log wants to know of a call.
type inspected struct {
	credential string // "bearer 3"
	received   []byte // the body, when it is not too large to be kept
	size       int    // of the body
	effects    []inspect.Effect
	applied    *provision.Result // of the change under way
	trial      *trial            // nil for a real request
	given      bool              // a bearer token was
	refusal    error             // that was answered already, in other words than SCIM's
}

// maxInspected is how large a body may be to be kept.
const maxInspected = 256 << 10

// keepBody keeps a body for the log.
func (c *call) keepBody(body string) {
	c.size = len(body)
	if len(body) <= maxInspected && c.Inspect.On() {
		c.received = []byte(body)
	}
}

// do does one change and notes what became of it.
func (c *call) do(ctx context.Context, in *intent) (outcome, error) {
	c.applied = nil
	out, err := c.perform(ctx, in)
	if !c.Inspect.On() && c.trial == nil {
		return out, err
	}
	e := inspect.Effect{Method: in.method, Group: in.of == groups, ID: in.key, Status: out.status}
	if err != nil {
		said := toError(err)
		e.Status, e.Error = said.Status, said.Detail
	} else if e.ID == "" {
		e.ID = out.uid(in.of)
	}
	if r := c.applied; r != nil && err == nil {
		e.Revision, e.Changed = r.Revision, r.Changed
		e.AccountBefore, e.AccountAfter, e.GroupBefore, e.GroupAfter = r.AccountBefore, r.Account, r.GroupBefore, r.Group
		e.Added, e.Removed, e.Parked = r.Added, r.Removed, r.Parked
	}
	c.effects = append(c.effects, e)
	return out, err
}

// apply gives a change to the engine; a trial's is only tried.
func (c *call) apply(ctx context.Context, by store.By, change directory.Change) (r provision.Result, err error) {
	if c.trial != nil {
		r, err = c.trial.apply(ctx, c.engine, by, change)
	} else {
		r, err = c.engine.Apply(ctx, by, change)
	}
	c.applied = &r
	return r, err
}

// inspect hands the request to the log. Of those whose sender is not known there
// may be any number: some are kept, without anything that they sent.
func (c *call) inspect(at time.Time, took time.Duration, err error) {
	if !c.Inspect.On() {
		return
	}
	r := &inspect.Record{At: at, Took: took, Request: c.id, Source: c.known, Credential: c.credential, Profile: string(c.policy.profile),
		Method: c.r.Method, Status: c.w.status, Address: c.address()}
	if c.known == "" {
		if !c.engine.HasSource(c.source) || !c.strange.AllowN(at, 1) {
			return
		}
		if r.Source = c.source; err != nil {
			r.Error = toError(err).Detail
		}
		c.Inspect.Add(r)
		return
	}
	c.describe(r, err)
	c.Inspect.Add(r)
}

// describe fills in what the sender of a request said and what came of it.
func (c *call) describe(r *inspect.Record, err error) {
	r.Path, r.Query, r.Route, r.Resource = c.r.URL.Path[len(Prefix)+len(c.source):], c.r.URL.RawQuery, c.route, c.key
	r.Agent, r.Media = c.r.UserAgent(), c.r.Header.Get("Content-Type")
	r.BodySize, r.Body = max(int64(c.size), c.r.ContentLength, 0), c.received
	if err != nil {
		r.Error = toError(err).Detail
	}
	for _, w := range c.rewrites {
		r.Rewrites = append(r.Rewrites, inspect.Rewrite{Rule: w.Rule.String(), Detail: w.Detail})
	}
	r.Effects = c.effects
}

// memory is a response that nobody is sent.
type memory struct {
	header http.Header
	body   []byte
}

func (m *memory) Header() http.Header { return m.header }
func (m *memory) WriteHeader(int)     {}

func (m *memory) Write(b []byte) (int, error) {
	if room := maxInspected - len(m.body); room > 0 {
		m.body = append(m.body, b[:min(room, len(b))]...)
	}
	return len(b), nil
}
