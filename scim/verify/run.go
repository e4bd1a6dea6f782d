package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// run is one run in progress.
type run struct {
	*client
	offers
	corpus corpora

	mu   sync.Mutex
	left []string
}

// caseLimit bounds one case, cleaning up not counted.
const caseLimit = 2 * time.Minute

// ErrUnauthorized is wrapped by Run's error when the server refuses the
// credential, so that nothing can be judged.
var ErrUnauthorized = errors.New("verify: the server refuses the credential")

// Run asks the server of cfg what cfg says and reports what came of it. It
// returns an error only when nothing could be judged: cfg is unusable, the
// server cannot be reached, or it refuses the credential. A cancelled context
// ends the run early; what it made is deleted all the same.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	cfg, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	r := &run{client: &client{cfg: cfg, redact: newRedactor(cfg)}}
	if r.offers, err = discover(ctx, r.client); err != nil {
		return nil, err
	}
	report := &Report{URL: r.redact.text(cfg.URL), Profile: cfg.Profile, Run: cfg.Run, Started: started, FailOn: cfg.FailOn, Features: r.offers.list()}
	if cfg.Load != nil {
		report.Load = r.load(ctx, *cfg.Load)
	} else {
		report.Results = r.all(ctx, Cases(cfg.Profile, cfg.Only...))
	}
	if err := context.Cause(ctx); err != nil {
		report.Stopped = err.Error()
	} else if r.spent() {
		report.Stopped = errSpent.Error()
	}
	cleanCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), caseLimit)
	defer cancel()
	r.corpus.drop(cleanCtx)
	r.sweep(cleanCtx)
	report.Left = r.left
	report.Requests, report.Took = r.count.Load(), time.Since(started)
	return report, nil
}

// all runs the cases, cfg.Parallel at a time, and returns results in their order.
func (r *run) all(ctx context.Context, cases []Case) []Result {
	results := make([]Result, len(cases))
	next := make(chan int)
	var wait sync.WaitGroup
	for range r.cfg.Parallel {
		wait.Go(func() {
			for i := range next {
				results[i] = r.one(ctx, cases[i], i)
				r.tell(results[i])
			}
		})
	}
	done := 0
	for ; done < len(cases) && ctx.Err() == nil && !r.spent(); done++ {
		next <- done
	}
	close(next)
	wait.Wait()
	return results[:done]
}

func (r *run) tell(res Result) {
	if r.cfg.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Progress(res)
}

// one runs a case and deletes what it made.
func (r *run) one(ctx context.Context, c Case, n int) Result {
	start := time.Now()
	t := &trial{run: r, kase: c, tag: fmt.Sprintf("gbv-%s-%d", r.cfg.Run, n), status: Passed}
	t.judge(ctx)
	judged := len(t.log)
	t.cleanUp(ctx)
	res := Result{Case: c, Status: t.status, Expected: t.expected, Got: t.got, Took: time.Since(start)}
	if t.status == Failed || t.status == Blocked {
		res.Exchanges = lastOf(t.log[:judged], 8)
		if judged > 0 {
			res.Request = t.log[judged-1].Line()
		}
	} else if r.cfg.KeepAll {
		res.Exchanges = t.log
	}
	return res
}

func lastOf(log []Exchange, n int) []Exchange { return log[max(0, len(log)-n):] }

// judge runs the case in a goroutine that a verdict may end.
func (t *trial) judge(ctx context.Context) {
	for _, f := range t.kase.Needs {
		if why := t.run.lacks(f); why != "" {
			t.status, t.got = NotApplicable, why
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, caseLimit)
	defer cancel()
	t.ctx = ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.kase.run(t)
	}()
	<-done
}

func (t *trial) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), caseLimit)
	defer cancel()
	t.ctx = ctx
	for _, path := range slices.Backward(t.made) {
		res, err := t.send(request{method: "DELETE", path: path, cleaning: true})
		if err != nil || res.Status/100 != 2 && res.Status != http.StatusNotFound {
			t.run.leave(path)
		}
	}
}

func (r *run) leave(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, path)
}

// sweep deletes what carries this run's name after all: what a server made
// and answered wrongly. It looks at each name before it deletes.
func (r *run) sweep(ctx context.Context) {
	prefix := "gbv-" + r.cfg.Run + "-"
	for path, attr := range map[string]string{"/Users": "userName", "/Groups": "displayName"} {
		if r.lacks(NeedFilter) != "" || path == "/Groups" && r.lacks(NeedGroups) != "" {
			continue
		}
		res, _, err := r.do(ctx, request{method: "GET", path: path + queryOf("filter", attr+` sw "`+prefix+`"`), cleaning: true})
		if err != nil || res.Status != http.StatusOK {
			continue
		}
		for _, e := range lookupList(res.doc, "Resources") {
			id := lookupString(e, "id")
			if !strings.HasPrefix(strings.ToLower(lookupString(e, attr)), prefix) || id == "" {
				continue
			}
			res, _, err := r.do(ctx, request{method: "DELETE", path: path + "/" + id, cleaning: true})
			if err != nil || res.Status/100 != 2 && res.Status != http.StatusNotFound {
				r.leave(path + "/" + id)
			}
		}
	}
}
