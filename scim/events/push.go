package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"grantbridge/store"
)

const (
	postTimeout = 10 * time.Second // below the shortest sensible lease
	pauseMost   = 5 * time.Minute
	pushBatch   = 64
	// saveEvery and saveAfter bound how many SETs are sent again after a crash.
	saveEvery, saveAfter = 16, 200 * time.Millisecond
	// deadAfter is how many failures in a row raise the alarm.
	deadAfter = 10
)

// sender pushes one stream while it holds the stream's lease (RFC 8935): one by
// one, in order, each until it was answered 202.
//
//	wait for the lease ──> look ──> post ── 202 ──> next; save the cursor
//	       ^                ^        │
//	       └── lease lost   └ pause ─┴─ anything else: recorded, alarm at deadAfter
//
// Nothing is passed over: what a receiver refuses, it is sent again. The cursor
// needs no fencing by the lease, for it only goes forward, over what was answered
// 202; the lease keeps two senders from sending the same.
type sender struct {
	*Transmitter
	s       *Stream
	c       *Config
	lease   store.Lease
	renewed time.Time
	done    store.Cursor // delivered up to here
	unsaved int
	saved   time.Time
}

// push runs until ctx ends.
func (t *Transmitter) push(ctx context.Context, c *Config, s *Stream) {
	p := &sender{Transmitter: t, s: s, c: c}
	for ctx.Err() == nil {
		if !p.keep(ctx) {
			sleep(ctx, t.fixed.Lease/3)
			continue
		}
		if err := p.send(ctx); err != nil && ctx.Err() == nil {
			t.fixed.Log.Warn("a stream of events waits for the store", "stream", s.Name, "reason", err.Error())
			sleep(ctx, t.fixed.Pause)
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = p.save(end) // else they are sent once more
	_ = t.store.Resign(end, p.lease)
}

// keep reports whether the lease is held, and renews it in time.
func (p *sender) keep(ctx context.Context) bool {
	if time.Since(p.renewed) < p.fixed.Lease/3 {
		return true
	}
	asked := time.Now()
	lease, ok, err := p.store.Acquire(ctx, "events:"+p.s.Name, p.holder, p.fixed.Lease)
	if err != nil || !ok {
		p.renewed = time.Time{}
		return false
	}
	p.lease, p.renewed = lease, asked
	return true
}

// send delivers what waits until the lease is lost, or the store is.
func (p *sender) send(ctx context.Context) error {
	for p.keep(ctx) {
		win, err := p.s.look(ctx, p.store, p.c.Issuer, pushBatch)
		if err != nil {
			return err
		}
		if err := p.s.skip(ctx, p.store, win); err != nil {
			return err
		}
		if len(win.sets) == 0 && win.whole() {
			if _, err := p.store.Wait(ctx, win.head, p.fixed.Lease/3); err != nil {
				return err
			}
			continue
		}
		if err := p.batch(ctx, win); err != nil {
			return err
		}
	}
	return nil
}

// batch sends the SETs of win until one is refused, and then pauses.
func (p *sender) batch(ctx context.Context, win window) error {
	for _, x := range win.sets {
		if ctx.Err() != nil || !p.keep(ctx) {
			break
		}
		refused := p.post(ctx, x)
		if refused == nil {
			p.done, p.unsaved = store.Cursor{Revision: x.at.Revision, Part: x.at.Part + 1}, p.unsaved+1
			p.metrics.acknowledged(p.s.Name, 1)
			if p.unsaved >= saveEvery || time.Since(p.saved) > saveAfter {
				if err := p.save(ctx); err != nil {
					return err
				}
			}
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		before := win.state.Failures
		if p.unsaved > 0 || x.at != win.sets[0].at {
			before = 0
		}
		if err := p.save(ctx); err != nil {
			return err
		}
		if err := p.failed(ctx, p.s, x.jti+" "+refused.Error()); err != nil {
			return err
		}
		p.pause(ctx, before, refused)
		return nil
	}
	return p.save(ctx)
}

// save moves the cursor over what was delivered.
func (p *sender) save(ctx context.Context) error {
	if p.unsaved == 0 {
		return nil
	}
	if err := p.store.MoveStream(ctx, p.s.Name, p.done, nil); err != nil {
		return err
	}
	p.unsaved, p.saved = 0, time.Now()
	return nil
}

// pause waits after a failure: longer each time, or as the receiver says. It
// keeps the lease.
func (p *sender) pause(ctx context.Context, before int, refused error) {
	d := min(p.fixed.Pause<<min(before, 20), pauseMost)
	d += time.Duration(rand.Int64N(int64(d)/5 + 1))
	if r, ok := errors.AsType[*refusal](refused); ok && r.after > 0 {
		d = min(r.after, pauseMost)
	}
	for until := time.Now().Add(d); ctx.Err() == nil && time.Now().Before(until) && p.keep(ctx); {
		sleep(ctx, min(time.Until(until), p.fixed.Lease/3))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// refusal is an answer that is no 202.
type refusal struct {
	status int
	says   string
	after  time.Duration // Retry-After
}

func (r *refusal) Error() string {
	if r.says == "" {
		return fmt.Sprintf("was answered %d, not 202", r.status)
	}
	return fmt.Sprintf("was answered %d: %s", r.status, r.says)
}

// post sends one SET. The end of ctx does not cut it: an answer that is under way
// is waited for, or the SET is sent twice.
func (p *sender) post(ctx context.Context, x set) error {
	jws, err := p.c.Key.sign(x.claims)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, p.s.Endpoint, strings.NewReader(jws))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/secevent+jwt")
	r.Header.Set("Accept", "application/json")
	if p.s.Authorization != "" {
		r.Header.Set("Authorization", p.s.Authorization)
	}
	answer, err := p.fixed.Client.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which may have a secret in it
		}
		return fmt.Errorf("was not delivered: %w", err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 8<<10))
	if answer.StatusCode == http.StatusAccepted {
		return nil
	}
	return refused(answer, body)
}

// refused reads an answer that is no 202: RFC 8935 2.3 gives a 400 a body.
func refused(answer *http.Response, body []byte) error {
	out := &refusal{status: answer.StatusCode}
	var e setErr
	if answer.StatusCode == http.StatusBadRequest && json.Unmarshal(body, &e) == nil && e.Err != "" {
		out.says = e.String()
	}
	if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && n > 0 {
		out.after = min(time.Duration(n), 1<<20) * time.Second
	}
	return out
}

// failed records that the stream's receiver refused, and raises the alarm when
// it does so again and again.
func (t *Transmitter) failed(ctx context.Context, s *Stream, why string) error {
	why = clip(why)
	t.metrics.refused(s.Name)
	if err := t.store.FailStream(ctx, s.Name, why); err != nil {
		return err
	}
	var state store.EventStream
	err := t.store.Read(ctx, func(v *store.View) (err error) {
		state, err = v.EventStream(ctx, s.Name)
		return err
	})
	if err != nil {
		return err
	}
	log := t.fixed.Log.With("stream", s.Name, "failures", state.Failures, "reason", why)
	if state.Failures == deadAfter {
		log.Error("a stream of events is dead: its receiver takes nothing; it is tried on")
	} else {
		log.Warn("a security event was refused")
	}
	return nil
}

// clip makes what a receiver says fit for a log and a row.
func clip(text string) string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(clean); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return clean
}
